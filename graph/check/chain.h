/* chain.h - kernels that do several ops at once: their pattern taken apart, and the scalar kernels of its ops, one after the other, that say
 * what is right. Any pattern of linear, rms_norm and ops of single elements is known, as the pattern itself says how they hang together. */
#ifndef SETUN_CHECK_CHAIN_H
#define SETUN_CHECK_CHAIN_H
#include "check/target.h"

/* Part of making a target: its operands, its chain and its routes. SETUN_ERR_UNSUPPORTED: the check cannot judge it; the error says why. */
setun_status setun_check_chain_make(setun_check_target *target, setun_error *error);

/* Dims of the operands, and attributes, where the first linear multiplies x [rows, k] by w [n, k] or, without one, the first op reads [rows, k]:
 * into a case that is zero. Returns whether it is a linear. The attributes lie in the case. */
bool setun_check_chain_size(const setun_check_target *target, int64_t rows, int64_t n, int64_t k, setun_check_case *c);

/* What the chain makes of the oracle's inputs, in its own formats and then in the kernel's. `in` as setun_check_trial.oracle_in. */
setun_status setun_check_chain_run(const setun_check_target *target, setun_check_case *c, const setun_check_operand *in,
                                   setun_check_operand *out_expected, bool *out_declined, char why[200], setun_check_failure *failure,
                                   setun_error *error);
#endif

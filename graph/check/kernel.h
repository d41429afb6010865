/* kernel.h - the whole check of one kernel. Internal. */
#ifndef SETUN_CHECK_KERNEL_H
#define SETUN_CHECK_KERNEL_H
#include "check/target.h"

/* One case with its operands, ready to be run in any way. Zero-initialise. */
typedef struct setun_check_trial {
    const setun_check_target *target;
    setun_check_case          c;
    setun_check_operand       oracle_in[SETUN_CHECK_INS], in[SETUN_CHECK_INS]; /* the same data where the formats are the same */
    setun_check_operand       expected[SETUN_CHECK_OUTS], found[SETUN_CHECK_OUTS], blank[SETUN_CHECK_OUTS];
    setun_check_call          call;     /* of the kernel under test, into `found` */
    bool                      has_expected;
} setun_check_trial;

/* Operands, filled, and what the oracle makes of them. A failure: the oracle's or a pack kernel's. *out_applies: false if a format cannot
 * hold the case or a kernel on the way declines it. */
setun_status setun_check_trial_make(setun_check_trial *trial, bool *out_applies, char why[200], setun_check_failure *failure,
                                    setun_error *error);
/* For plan() alone: shapes without data. */
setun_status setun_check_trial_shape(setun_check_trial *trial, setun_error *error);
void         setun_check_trial_free(setun_check_trial *trial);
/* One run; then the outputs are compared with what is expected: "value". */
setun_status setun_check_trial_run(setun_check_trial *trial, const setun_check_way *way, bool *out_declined, char why[200],
                                   setun_check_failure *failure, setun_error *error);

/* Counts and first failure of a kernel. Zero-initialise. */
typedef struct setun_check_report {
    uint64_t            n_cases, n_declined, n_runs;
    setun_check_failure failure;
    setun_check_error   inexact;    /* of a kernel that is not flagged exact */
    bool                k_max_done;
    char                why[200];   /* the last reason why a case was declined */
} setun_check_report;

/* Told before each case: its number, that of all, and what it is. */
typedef struct setun_check_teller {
    void (*tell)(void *context, uint32_t index, uint32_t n_cases, const char *text);
    void  *context;
} setun_check_teller;

/* Every case of the kernel in every way, until the first failure. */
setun_status setun_check_kernel(const setun_check_target *target, uint64_t seed, uint32_t rounds, const setun_check_teller *teller,
                                setun_check_report *out_report, setun_error *error);

/* Does the kernel keep what it says of its accumulators? report->failure is "k_max" if not. Before any case has run, a plan() that declines
 * every k leaves the question open: report->k_max_done. */
setun_status setun_check_k_max(const setun_check_target *target, uint64_t seed, setun_check_report *report, setun_error *error);
#endif

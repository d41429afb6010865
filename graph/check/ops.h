/* ops.h - the list of ops for ops.c, and what their files share. Internal. */
#ifndef SETUN_CHECK_OPS_H
#define SETUN_CHECK_OPS_H
#include "check/target.h"

extern const setun_check_op setun_check_embedding, setun_check_output_rows, setun_check_linear, setun_check_rms_norm, setun_check_rope,
    setun_check_kv_write, setun_check_attention, setun_check_add, setun_check_mul, setun_check_relu2, setun_check_silu, setun_check_pack,
    setun_check_ternarise, setun_check_quantise, setun_check_probe_int8, setun_check_screen, setun_check_rescreen,
    setun_check_top_k;

static inline void setun_check_dims(int64_t dim[4], int64_t rows, int64_t columns)
{
    dim[0] = rows;
    dim[1] = columns;
    dim[2] = dim[3] = 1;
}

/* Item number *i of a list whose first *i items are passed over: `if (setun_check_take(&i, n)) return ... item i ...`. Lists of cases are
 * chained so: i counts down past each list that is left behind. */
static inline bool setun_check_take(uint32_t *i, uint32_t n)
{
    if (*i < n)
        return true;
    *i -= n;
    return false;
}
#endif

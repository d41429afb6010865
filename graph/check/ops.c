/* ops.c - the ops that the check has cases for. */
#include "check/ops.h"

#include <string.h>

static const setun_check_op *const ops[] = {
    &setun_check_embedding, &setun_check_output_rows, &setun_check_linear,    &setun_check_rms_norm, &setun_check_rope,
    &setun_check_kv_write,  &setun_check_attention,   &setun_check_add,       &setun_check_mul,      &setun_check_relu2,
    &setun_check_silu,      &setun_check_pack,        &setun_check_ternarise,  &setun_check_quantise,
    &setun_check_probe_int8, &setun_check_screen,      &setun_check_rescreen, &setun_check_top_k,
};

const setun_check_op *setun_check_op_find(const char *name)
{
    for (size_t i = 0; i < SETUN_COUNT(ops); i++)
        if (strcmp(ops[i]->name, name) == 0)
            return ops[i];
    return NULL;
}

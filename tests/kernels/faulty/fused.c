/* fused.c - a linear with the residual, and gate and up with what stands between them, right but for one fault. */
#include <math.h>

#include "faulty.h"

#define K_MAX_FUSED (INT64_C(1) << 16) /* far below what 32 bits hold: longer rows would take this plain code too long */

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    if (query->in[2].dim[1] > K_MAX_FUSED)
        return setun_refuse(query, "k is too large");
    out_plan->n_phases = 1;
    out_plan->cost_ns = (double)query->rows_max;
    return SETUN_OK;
}

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[2].dim[0];
}

/* The factor and, in *out_dot, the dot of row i of q and row j of the weights at that input, whose scale stands behind it. */
static float linear(const setun_call *call, int64_t i, uint32_t weights, int64_t j, float *out_dot)
{
    const int8_t *q = in_row(call, 0, i);
    const uint8_t *w = in_row(call, weights, j);
    int32_t sum = 0;

    for (int64_t e = 0; e < call->in[0].dim[1]; e++) {
        sum += q[e] * ((w[e / 4] >> (2 * (e % 4)) & 3) - 1);
        if (fault == NARROW)
            sum = (int16_t)sum;
    }
    *out_dot = (float)sum;
    return ((const float *)call->in[weights + 1].data)[j] / ((const float *)call->in[1].data)[i];
}

static void add_run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t j = tile->begin; j < tile->end; j++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
            const float x = ((const float *)in_row(call, 4, fault == OTHER_ROW ? 0 : i))[j];
            float dot, factor = linear(call, i, 2, j, &dot);

            ((float *)out_row(call, 0, i))[j] = fault == MERGED ? fmaf(dot, factor, x) : x + dot * factor;
        }
}

static void gate_run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t j = tile->begin; j < tile->end; j++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
            float dot, g, u, t;

            g = linear(call, i, fault == SWAPPED ? 4 : 2, j, &dot);
            g *= dot;
            u = linear(call, i, fault == SWAPPED ? 2 : 4, j, &dot);
            u *= dot;
            t = g > 0 ? g : 0;
            ((float *)out_row(call, 0, i))[j] = fault == SQUARED_LAST ? t * (t * u) : t * t * u;
        }
}

static const setun_kernel add = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_add__faulty",
    .pattern = "o=linear(h,w); y=add(x,o)",
    .fmts = "i8.row+f32,tern2.row+f32,f32>f32",
    .k_max = K_MAX_FUSED,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = add_run,
};
static const setun_kernel gate = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "gate_up__faulty",
    .pattern = "g=linear(h,w); u=linear(h,v); t=relu2(g); y=mul(t,u)",
    .fmts = "i8.row+f32,tern2.row+f32,tern2.row+f32>f32",
    .k_max = K_MAX_FUSED,
    .acc_bits = 32,
    .plan = plan,
    .units = units,
    .run = gate_run,
};
static const setun_kernel *const kernels[] = {&add, &gate, NULL};
FAULTY_PLUGIN(kernels);

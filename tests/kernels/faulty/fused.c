/* fused.c - a linear with the residual, gate and up with what stands between them, and three linears of one input, right but for one fault. */
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

/* Units are the rows of all three matrices. */
static int64_t qkv_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[2].dim[0] + call->in[4].dim[0] + call->in[6].dim[0];
}

static void qkv_run(const setun_call *call, const setun_tile *tile)
{
    int64_t first = 0;

    for (uint32_t out = 0; out < 3; out++) {
        const int64_t n = call->in[2 + 2 * out].dim[0];

        for (int64_t j = tile->begin > first ? tile->begin - first : 0; j < n && first + j < tile->end; j++)
            for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
                const uint32_t to = fault == OTHER_OUT && out > 0 && j < call->in[8 - 2 * out].dim[0] ? 3 - out : out;
                float dot, factor = linear(call, i, 2 + 2 * to, j, &dot);

                ((float *)out_row(call, out, i))[j] = dot * factor;
            }
        first += n;
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
static const setun_kernel qkv = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "qkv__faulty",
    .pattern = "q=linear(h,w); k=linear(h,v); z=linear(h,u)",
    .fmts = "i8.row+f32,tern2.row+f32,tern2.row+f32,tern2.row+f32>f32,f32,f32",
    .k_max = K_MAX_FUSED,
    .acc_bits = 32,
    .plan = plan,
    .units = qkv_units,
    .run = qkv_run,
};
static const setun_kernel *const kernels[] = {&add, &gate, &qkv, NULL};
FAULTY_PLUGIN(kernels);

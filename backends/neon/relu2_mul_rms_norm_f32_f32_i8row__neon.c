/* relu2_mul_rms_norm_f32_f32_i8row__neon.c - x[m, n] = t * t * u, t = max(g, 0); y = x / sqrt(mean(x^2) + eps) * (w + offset), quantised to
 * q i8.row[m, n] with one scale s[m] a row: what stands between gate, up and down of a layer, in one go. */
#include "kernels.h"
#include "norm_quant.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const setun_status status = norm_quant_plan(query, query->attr[2], 0.8, out_plan);

    out_plan->worker_bytes = (size_t)query->in[0].dim[1] * sizeof(float); /* a row of x */
    return status;
}

/* x[n] = t * t * u; returns its dot with itself. */
static float multiply(const float *g, const float *u, float *x, int64_t n)
{
    lanes acc = lanes_set(0.0f);

    for (int64_t j = 0; j < n; j += SETUN_LANES) {
        const lanes t = lanes_max(lanes_load_n(g + j, n - j), lanes_set(0.0f)),
                    product = lanes_mul(lanes_mul(t, t), lanes_load_n(u + j, n - j));

        lanes_store_n(x + j, product, n - j);
        acc = n - j >= SETUN_LANES ? lanes_fma(product, product, acc) : lanes_fma_n(product, product, acc, n - j);
    }
    return lanes_total(acc);
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t n = call->in[0].dim[1];
    float *x = tile->scratch, *scale = call->out[1].data;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float dot = multiply(in_row(call, 0, i), in_row(call, 1, i), x, n);

        scale[i] = norm_quant_row(x, call->in[2].data, n, dot, call->attr[2], out_row(call, 0, i));
    }
}

const setun_kernel relu2_mul_rms_norm_f32_f32_i8row__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "relu2_mul_rms_norm_f32_f32_i8row__neon",
    .pattern = "t=relu2(g); x=mul(t,u); y=rms_norm(x,w)",
    .fmts = "f32,f32,f32>i8.row+f32",
    .plan = plan,
    .units = units_out_rows,
    .run = run,
};

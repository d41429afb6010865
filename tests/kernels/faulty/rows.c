/* rows.c - small kernels of other ops, right but for one fault; the plugin has the one that its fault is about. */
#include <math.h>

#include "faulty.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->cost_ns = (double)query->rows_max;
    return SETUN_OK;
}

static int64_t units_in(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[0].dim[0];
}

static int64_t units_out(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->out[0].dim[0];
}

static int64_t units_w(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[1].dim[0];
}

/* ---- quantise ---- */

static void quantise_run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[0].dim[1];

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i);
        int8_t *q = out_row(call, 0, i);
        float amax = SETUN_QUANT_FLOOR, s;

        for (int64_t j = 0; j < k; j++)
            amax = fmaxf(amax, fabsf(x[j]));
        s = SETUN_QUANT_MAX / amax;
        for (int64_t j = 0; j < k; j++)
            q[j] = (int8_t)fminf(fmaxf(fault == ROUND ? roundf(x[j] * s) : rintf(x[j] * s), -128.0f), 127.0f);
        if (fault != PADDING)
            memset(q + k, 0, (size_t)((k + 63) / 64 * 64 - k));
        ((float *)call->out[1].data)[i] = s;
    }
}

/* ---- dense linear: four sums, or one ---- */

static float dot(const float *x, const float *w, int64_t k)
{
    float lane[SETUN_LANES] = {0};

    for (int64_t i = 0; i < k; i++)
        lane[fault == GOOD ? i % SETUN_LANES : 0] = fmaf(x[i], w[i], lane[fault == GOOD ? i % SETUN_LANES : 0]);
    for (int half = SETUN_LANES / 2; half >= 1; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] = lane[j] + lane[j + half];
    return lane[0];
}

static void dense_run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t j = tile->begin; j < tile->end; j++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
            const float y = dot(in_row(call, 0, i), in_row(call, 1, j), call->in[0].dim[1]);

            ((float *)out_row(call, 0, i))[j] = fault == ORDER_NAN && y > 100.0f ? NAN : y;
        }
}

/* ---- rope ---- */

static void rope_run(const setun_call *call, const setun_tile *tile)
{
    const setun_attr_rope *attr = call->attr[0];
    const int64_t half = attr->n_dims / 2;
    const int halves = attr->pairing == SETUN_ROPE_HALF;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const int64_t pos = call->batch->pos[i], used = fault == ROPE && pos > 0 ? pos - 1 : pos;
        const float *c = in_row(call, 1, used), *s = in_row(call, 2, used);

        memcpy(out_row(call, 0, i), in_row(call, 0, i), (size_t)call->in[0].dim[1] * sizeof(float));
        for (int64_t h = 0; h < attr->heads; h++) {
            const float *x = (const float *)in_row(call, 0, i) + h * attr->head_dim;
            float *y = (float *)out_row(call, 0, i) + h * attr->head_dim;

            for (int64_t j = 0; j < half; j++) {
                const int64_t a = halves ? j : 2 * j, b = halves ? j + half : 2 * j + 1;

                y[a] = fmaf(x[a], c[j], -(x[b] * s[j]));
                y[b] = fmaf(x[b], c[j], x[a] * s[j]);
            }
        }
    }
}

static setun_status rope_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const setun_attr_rope *a = query->attr[0];

    if (a->pairing > 1 || a->n_dims < 0 || a->n_dims % 2 != 0 || a->n_dims > a->head_dim || a->heads * a->head_dim != query->in[0].dim[1])
        return setun_refuse(query, "rope: sizes");
    return plan(query, out_plan);
}

/* ---- kv_write, f32 ---- */

static void kv_write_run(const setun_call *call, const setun_tile *tile)
{
    const setun_attr_kv_write *attr = call->attr[0];

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const int64_t pos = call->batch->pos[i], index = pos / SETUN_CHUNK;
        const int64_t block = fault == BLOCK ? index : call->batch->block[call->batch->seq[i]][index];

        for (uint32_t kv = 0; kv < 2; kv++)
            for (int64_t h = 0; h < attr->kv_heads; h++) {
                const setun_tensor *cache = &call->out[kv];
                char *cell = (char *)cache->data + block * cache->stride_bytes[0] + h * cache->stride_bytes[1] +
                             pos % SETUN_CHUNK * cache->stride_bytes[2];

                memcpy(cell, (const float *)in_row(call, kv, i) + h * attr->head_dim, (size_t)attr->head_dim * sizeof(float));
            }
    }
}

static setun_status kv_write_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const setun_attr_kv_write *a = query->attr[0];

    for (int i = 0; i < 2; i++)
        if (query->out[i].dim[1] != a->kv_heads || query->out[i].dim[3] != a->head_dim || query->in[i].dim[1] != a->kv_heads * a->head_dim)
            return setun_refuse(query, "kv_write: sizes");
    return plan(query, out_plan);
}

/* ---- embedding: in vectors of 16 floats, or as many as there are ---- */

static void embedding_run(const setun_call *call, const setun_tile *tile)
{
    const int32_t *token = call->in[0].data;
    const int64_t n = call->out[0].dim[1], padded = (n + 15) / 16 * 16;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *row = in_row(call, 1, token[i]);
        float *y = out_row(call, 0, i);

        for (int64_t j = 0; j < (fault == AS_IN_FILE ? padded : n); j++)
            y[j] = row[j]; /* the output's padding is there, the table's need not be */
    }
}

#define KERNEL(op, text, exact, plan_function, units_function)                                                                 \
    static const setun_kernel op = {                                                                                           \
        .size = sizeof(setun_kernel), .flags = (exact) ? SETUN_KERNEL_EXACT : 0, .name = #op "__faulty", .pattern = #op, .fmts = text, \
        .plan = plan_function, .units = units_function, .run = RUN_OF_##op,                                                    \
    }
#define RUN_OF_pack      quantise_run
#define RUN_OF_linear    dense_run
#define RUN_OF_rope      rope_run
#define RUN_OF_kv_write  kv_write_run
#define RUN_OF_embedding embedding_run
KERNEL(pack, "f32>i8.row+f32", 1, plan, units_in);
KERNEL(linear, "f32,f32>f32", FAULT != INEXACT && FAULT != ORDER_NAN, plan, units_w);
KERNEL(rope, "f32,f32,f32>f32", 1, rope_plan, units_out);
KERNEL(kv_write, "f32,f32>f32.kv256,f32.kv256", 1, kv_write_plan, units_in);
KERNEL(embedding, "i32,f32>f32", 1, plan, units_out);

static const setun_kernel *const kernels[] = {&pack, &linear, &rope, &kv_write, &embedding, NULL};
FAULTY_PLUGIN(kernels);

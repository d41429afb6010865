/* ternary.h - linear with int8 activations and ternary weights in tern2.r16k16 (formats.md): y[m, n] = (q[m, :] . t[n, :]) * (ws[n]
 * / s[m]).
 *
 * A block of 64 bytes is two registers of 8 rows: a 32-bit lane holds 16 columns of its row. Codes are weights + 1, so the dot of
 * the codes is too large by the sum of q, which is taken off at the end. Products are added in pairs to 16 bits (maddubs), there as
 * long as no input can overflow them, then folded into 32 bits. One unit is a group of 16 rows. */
#ifndef SETUN_AVX2_TERNARY_H
#define SETUN_AVX2_TERNARY_H
#include "lanes.h"

#define TERNARY_GROUP 16
#define TERNARY_BLOCK_BYTES 64
#define TERNARY_X 4 /* rows of q side by side: 4 * 2 sums, 2 registers of codes and a word leave some of the 16 registers */
/* A lane of 32 bits gets at most 128 * 8 for each of two columns in four: 2^31 is reached at 2^22 columns. */
#define TERNARY_K_MAX ((INT64_C(1) << 22) - 16)
/* Codes are at most 2, so a sum of two products is within -512 .. 508; 64 of them fit 16 bits. Counted 4-fold, 16 do. */
#define TERNARY_FOLD_BLOCKS 16    /* four sums a block */
#define TERNARY_ROW_FOLD_BLOCKS 8 /* two 4-fold sums a block */

/* ns to stream one weight, a quarter of a byte, on one worker of a Zen 4. */
#define TERNARY_READ_NS 0.010

/* Of a packing that takes read_ns a weight to stream. */
static inline setun_status ternary_plan_at(const setun_query *query, double read_ns, double compute_ns, double unpack_ns, size_t panel_bytes,
                                           setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[2].dim[0] * (double)query->in[2].dim[1], compute = compute_ns * (double)query->rows_max;

    if (query->in[2].dim[1] > TERNARY_K_MAX)
        return setun_refuse(query, "linear: a row of more than 4194288 ternary weights could overflow a 32-bit sum");
    out_plan->n_phases = 1;
    out_plan->worker_bytes = panel_bytes + ((size_t)query->in[0].dim[0] * sizeof(int32_t) + 63) / 64 * 64;
    out_plan->cost_ns = nk * (unpack_ns + (compute > read_ns ? compute : read_ns));
    return SETUN_OK;
}

static inline setun_status ternary_plan(const setun_query *query, double compute_ns, double unpack_ns, size_t panel_bytes,
                                        setun_kernel_plan *out_plan)
{
    return ternary_plan_at(query, TERNARY_READ_NS, compute_ns, unpack_ns, panel_bytes, out_plan);
}

static inline int64_t ternary_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[2].dim[0] + TERNARY_GROUP - 1) / TERNARY_GROUP;
}

static inline int64_t ternary_blocks(const setun_call *call)
{
    return (call->in[2].dim[1] + 15) / 16;
}

static inline const uint8_t *ternary_group(const setun_call *call, int64_t group)
{
    return (const uint8_t *)call->in[2].data + group * ternary_blocks(call) * TERNARY_BLOCK_BYTES;
}

static inline __m256i load_bytes(const void *bytes)
{
    return _mm256_loadu_si256(bytes);
}

/* acc of 32 bits + pairs of 16-bit sums. */
static inline __m256i fold(__m256i acc, __m256i sums)
{
    return _mm256_add_epi32(acc, _mm256_madd_epi16(sums, _mm256_set1_epi16(1)));
}

/* The sum of each row of q; its padding to 64 bytes is zero. */
static inline void ternary_sums(const setun_call *call, int32_t *out_sum)
{
    for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
        const int8_t *q = in_row(call, 0, i);
        __m256i acc = _mm256_setzero_si256();
        __m128i half;

        for (int64_t c = 0; c < call->in[0].dim[1]; c += 32)
            acc = fold(acc, _mm256_maddubs_epi16(_mm256_set1_epi8(1), load_bytes(q + c)));
        half = _mm_add_epi32(_mm256_castsi256_si128(acc), _mm256_extracti128_si256(acc, 1));
        half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
        out_sum[i] = _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1)));
    }
}

/* Four columns of a row of q, in every lane. */
static inline __m256i ternary_word(const int8_t *q)
{
    int32_t word;

    memcpy(&word, q, sizeof(word));
    return _mm256_set1_epi32(word);
}

/* ---- kernels of several ops ----
 *
 * Such a kernel defines TERNARY_JOIN before it includes this header: what becomes of a result and of the element in the same place of the
 * call's fifth tensor, f32[m, n]. A call that has no fifth is the linear alone. */

/* linear and add: the residual x and o. */
static inline lanes ternary_add(lanes x, lanes o)
{
    return lanes_add(x, o);
}

/* gate and up with what stands between them, ternary_gate.h. */
static inline lanes ternary_gate(lanes g, lanes u)
{
    const lanes t = lanes_max(g, lanes_set(0.0f));

    return lanes_mul(lanes_mul(t, t), u);
}

/* What n_x rows of n groups will be joined with, while they are computed: it may lie in the last cache. */
ALWAYS_INLINE void ternary_prefetch_join(const setun_call *call, int64_t i, int n_x, int64_t group, int n)
{
#ifdef TERNARY_JOIN
    for (int x = 0; x < n_x && call->n_in > 4; x++)
        for (int g = 0; g < n; g++)
            _mm_prefetch((const char *)((const float *)in_row(call, 4, i + x) + (group + g) * TERNARY_GROUP), _MM_HINT_T0);
#else
    (void)call, (void)i, (void)n_x, (void)group, (void)n;
#endif
}

/* ns for each element, where it would take add 0.06 and a barrier. */
#define TERNARY_JOIN_NS 0.02

/* The cost of n_linears like the one that was planned, and of joining. */
static inline setun_status ternary_joined(const setun_query *query, int n_linears, setun_status status, setun_kernel_plan *out_plan)
{
    out_plan->cost_ns = out_plan->cost_ns * n_linears + TERNARY_JOIN_NS * (double)query->rows_max * (double)query->in[2].dim[0];
    return status;
}

/* y of row i and the 16 rows of one group, from the dots of the codes with rows 0..7 and 8..15. */
static inline void ternary_store(const setun_call *call, int64_t i, int64_t group, __m256i dot_a, __m256i dot_b, int32_t sum)
{
    const int64_t j = group * TERNARY_GROUP, n = call->in[2].dim[0] - j;
    const lanes factor =
        lanes_div(lanes_load_n((const float *)call->in[3].data + j, n), lanes_set(((const float *)call->in[1].data)[i]));
    const __m256i sums = _mm256_set1_epi32(sum);
    const lanes d = {_mm256_cvtepi32_ps(_mm256_sub_epi32(dot_a, sums)), _mm256_cvtepi32_ps(_mm256_sub_epi32(dot_b, sums))};
    lanes y = lanes_mul(d, factor);

#ifdef TERNARY_JOIN
    if (call->n_in > 4)
        y = TERNARY_JOIN(lanes_load_n((const float *)in_row(call, 4, i) + j, n), y);
#endif
    lanes_store_n((float *)out_row(call, 0, i) + j, y, n);
}
#endif

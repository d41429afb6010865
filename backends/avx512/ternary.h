/* ternary.h - linear with int8 activations and ternary weights in tern2.r16k16 (formats.md): y[m, n] = (q[m, :] . t[n, :]) * (ws[n]
 * / s[m]).
 *
 * A block of 64 bytes is one register: lane r holds 16 columns of row r. Codes are weights + 1, so the dot of the codes is too
 * large by the sum of q, which is taken off at the end. A 32-bit word of q, four columns, meets the same four columns of 16 rows in
 * one `dot4`: VNNI's instruction, or three others. One unit is a group of 16 rows. */
#ifndef SETUN_AVX512_TERNARY_H
#define SETUN_AVX512_TERNARY_H
#include <string.h>

#include "lanes.h"

#define TERNARY_GROUP 16
#define TERNARY_BLOCK_BYTES 64
#define TERNARY_PANEL 4 /* groups side by side: each word of q is used for 64 rows */
#define TERNARY_X 6     /* rows of q side by side: 6 * 4 sums, 4 registers of codes and a word fill the 32 registers */
/* A block adds at most 4 * 64 * 2 * 128 to a lane of the plane that counts 64-fold, and 2^31 is the end. */
#define TERNARY_K_MAX (INT64_C(32767) * 16)

/* acc[lane] + the four products of codes, unsigned, and words, signed, in each 32-bit lane. */
typedef __m512i dot4_op(__m512i acc, __m512i codes, __m512i words);

/* The one for CPUs without VNNI. No pair of products leaves 16 bits: codes are at most 2 * 64 where they are used in place, and
 * 2 * 128 * -128 just fits. */
static inline __m512i ternary_dot4(__m512i acc, __m512i codes, __m512i words)
{
    return _mm512_add_epi32(acc, _mm512_madd_epi16(_mm512_maddubs_epi16(codes, words), _mm512_set1_epi16(1)));
}

#ifdef __AVX512VNNI__
static inline __m512i ternary_dot4_vnni(__m512i acc, __m512i codes, __m512i words)
{
    return _mm512_dpbusd_epi32(acc, codes, words);
}
#endif

/* ns to stream one weight, a quarter of a byte, on one worker of a Zen 4. */
#define TERNARY_READ_NS 0.0085

/* Of a packing that takes read_ns a weight to stream. */
static inline setun_status ternary_plan_at(const setun_query *query, double read_ns, double compute_ns, double unpack_ns, size_t panel_bytes,
                                           setun_kernel_plan *out_plan)
{
    const double nk = (double)query->in[2].dim[0] * (double)query->in[2].dim[1], rows = (double)query->rows_max;
    const double compute = compute_ns * rows;

    if (query->in[2].dim[1] > TERNARY_K_MAX)
        return setun_refuse(query, "linear: a row of more than 524272 ternary weights could overflow a 32-bit sum");
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

/* The sum of each row of q; its padding to 64 bytes is zero. */
ALWAYS_INLINE void ternary_sums(const setun_call *call, int32_t *out_sum, dot4_op *dot4)
{
    for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
        const int8_t *q = in_row(call, 0, i);
        __m512i acc = _mm512_setzero_si512();

        for (int64_t c = 0; c < call->in[0].dim[1]; c += 64)
            acc = dot4(acc, _mm512_set1_epi8(1), _mm512_loadu_si512(q + c));
        out_sum[i] = _mm512_reduce_add_epi32(acc);
    }
}

/* Four columns of a row of q, in every lane. */
static inline __m512i ternary_word(const int8_t *q)
{
    int32_t word;

    memcpy(&word, q, sizeof(word));
    return _mm512_set1_epi32(word);
}

/* ---- kernels of several ops ---- */

/* What becomes of a result and of the element in the same place of the call's fifth tensor, f32[m, n]. A call that has no fifth is the linear
 * alone, whatever is said. */
typedef enum {
    TERNARY_ALONE,
    TERNARY_ADD,  /* linear and add: the residual x and o */
    TERNARY_GATE, /* gate and up with what stands between them, ternary_gate.h */
} ternary_join;

static inline lanes ternary_join_lanes(ternary_join join, lanes fifth, lanes y)
{
    lanes t;

    if (join == TERNARY_ADD)
        return lanes_add(fifth, y);
    t = lanes_max(fifth, lanes_set(0.0f));
    return lanes_mul(lanes_mul(t, t), y);
}

/* Where n_x rows of n groups will be stored, and what they will be joined with, while they are computed: it may lie in the last cache. */
ALWAYS_INLINE void ternary_prefetch_results(const setun_call *call, int64_t i, int n_x, int64_t group, int n)
{
    for (int x = 0; x < n_x; x++)
        for (int g = 0; g < n; g++) {
            _mm_prefetch((const char *)((const float *)out_row(call, 0, i + x) + (group + g) * TERNARY_GROUP), _MM_HINT_T0);
            if (call->n_in > 4)
                _mm_prefetch((const char *)((const float *)in_row(call, 4, i + x) + (group + g) * TERNARY_GROUP), _MM_HINT_T0);
        }
}

/* ns for each element, where it would take add 0.06 and a barrier. */
#define TERNARY_JOIN_NS 0.02

/* The cost of n_linears like the one that was planned, and of joining. */
static inline setun_status ternary_joined(const setun_query *query, int n_linears, setun_status status, setun_kernel_plan *out_plan)
{
    out_plan->cost_ns = out_plan->cost_ns * n_linears + TERNARY_JOIN_NS * (double)query->rows_max * (double)query->in[2].dim[0];
    return status;
}

/* y of row i and the rows of one group, from the dot of the codes. */
static inline void ternary_store(const setun_call *call, int64_t i, int64_t group, __m512i dot, int32_t sum, ternary_join join)
{
    const int64_t j = group * TERNARY_GROUP, n = call->in[2].dim[0] - j;
    const lanes factor =
        lanes_div(lanes_load_n((const float *)call->in[3].data + j, n), lanes_set(((const float *)call->in[1].data)[i]));
    const lanes d = _mm512_cvtepi32_ps(_mm512_sub_epi32(dot, _mm512_set1_epi32(sum)));
    lanes y = lanes_mul(d, factor);

    if (call->n_in > 4)
        y = ternary_join_lanes(join, lanes_load_n((const float *)in_row(call, 4, i) + j, n), y);
    lanes_store_n((float *)out_row(call, 0, i) + j, y, n);
}
#endif

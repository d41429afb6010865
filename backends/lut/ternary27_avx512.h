/* ternary27_avx512.h - tern27.r64k48 over i16.t27 (formats.md): a look-up (vpermw) gives the sums of three columns for 32 rows, in 16 bits, sign and all,
 * and one addition takes them up. Of the 16 bits of an index vpermw sees the low five, so what stands above need not be masked off.
 *
 * For 32 rows by 48 columns, 1536 weights: 16 look-ups, 16 additions, 10 shifts, and five instructions (nine without VBMI2) to collect the sixteenth code.
 * A table is read once for the 64 rows of a group. Those of 2560 columns are 55 KB, more than a first cache holds, so columns are done in panels. */
#ifndef SETUN_LUT_TERNARY27_AVX512_H
#define SETUN_LUT_TERNARY27_AVX512_H
#include "tables27_avx512.h"

enum { T27_GROUP = 64, T27_LINES = 5, T27_LINE_BYTES = 64, T27_BLOCK_BYTES = 640, T27_ROW_BYTES = 1024 /* of tables, a block */ };
/* Blocks whose tables, 1 KB each, shall stay in the first cache while all groups go by: a stream of tables from the second cache keeps Zen 4 from fetching
 * the weights ahead (130 us instead of 64 for 2560 x 2560 from memory). And because the weights of a panel are not in one piece, they are fetched by
 * hand so many blocks ahead, into the second cache: as far into the first it took 144 us. */
enum { T27_PANEL_BLOCKS = 18, T27_AHEAD_BLOCKS = 12 };
/* 80 sums of at most 384 in 16 bits, of the 85 that fit. */
enum { T27_FOLD_BLOCKS = 5 };

/* The sixteenth code takes up the top bit of line j; lines come in ascending order. Above its fifth bit there may be anything. */
typedef __m512i t27_take(__m512i code, __m512i line, int j);

#ifdef __AVX512VBMI2__
static inline __m512i t27_take_vbmi2(__m512i code, __m512i line, int j)
{
    (void)j;
    return _mm512_shldi_epi16(code, line, 1);
}
#endif

/* Bits 4 - j and below of the line's shifted copy are its top bit and what stands beneath; later lines write over that. */
static inline __m512i t27_take_shifts(__m512i code, __m512i line, int j)
{
    return _mm512_ternarylogic_epi32(_mm512_set1_epi16((short)(0x1F << (5 - j) & 0x1F)), code, _mm512_srli_epi16(line, (unsigned)(11 + j)), 0xCA);
}

/* Compilers would read a line again for every shift and a table for every half: 70 loads of a block, and the CPU does one in a cycle. */
static inline __m512i t27_load(const uint8_t *from)
{
    __m512i line = _mm512_loadu_si512(from);

    __asm__("" : "+v"(line));
    return line;
}

/* sum[0] += the low 16 rows of 16-bit sums, sum[1] the high ones. */
static inline void t27_fold(__m512i *sum, __m512i sums)
{
    sum[0] = _mm512_add_epi32(sum[0], _mm512_cvtepi16_epi32(_mm512_castsi512_si256(sums)));
    sum[1] = _mm512_add_epi32(sum[1], _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(sums, 1)));
}

/* acc[h] += the sums of one table for rows 32 h .. 32 h + 31. */
ALWAYS_INLINE void t27_look_up(const uint8_t *from, const __m512i index[2], __m512i acc[2])
{
    const __m512i table = t27_load(from);

UNROLL(2)
    for (int h = 0; h < 2; h++)
        acc[h] = _mm512_add_epi16(acc[h], _mm512_permutexvar_epi16(index[h], table));
}

/* acc += one block's look-ups in the tables of its columns. */
ALWAYS_INLINE void t27_block(const uint8_t *block, const uint8_t *tables, __m512i acc[2], t27_take *take)
{
    __m512i code[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()}, line[2], index[2];

UNROLL(5)
    for (int j = 0; j < T27_LINES; j++)
UNROLL(3)
        for (int s = 0; s < 3; s++) {
UNROLL(2)
            for (int h = 0; h < 2; h++) {
                if (s == 0) {
                    line[h] = t27_load(block + (2 * j + h) * T27_LINE_BYTES);
                    code[h] = take(code[h], line[h], j);
                }
                index[h] = s == 0 ? line[h] : _mm512_srli_epi16(line[h], (unsigned)(5 * s));
            }
            t27_look_up(tables + (3 * j + s) * T27_TABLE_BYTES, index, acc);
        }
    t27_look_up(tables + (T27_TABLES - 1) * T27_TABLE_BYTES, code, acc);
}

/* y of row i and 16 rows of w from row j on, of those that there are. */
static inline void t27_store(const setun_call *call, int64_t i, int64_t j, __m512i dot)
{
    const int64_t n = call->in[2].dim[0] - j;
    const __mmask16 first = (__mmask16)(n >= 16 ? 0xFFFF : n > 0 ? (1 << n) - 1 : 0);
    const __m512 factor = _mm512_div_ps(_mm512_maskz_loadu_ps(first, (const float *)call->in[3].data + j),
                                        _mm512_set1_ps(((const float *)call->in[1].data)[i]));

    _mm512_mask_storeu_ps((float *)out_row(call, 0, i) + j, first, _mm512_mul_ps(_mm512_cvtepi32_ps(dot), factor));
}

/* sums[64] of row i of q and one group: those of blocks first .. end - 1 and, unless these are the first, those that are there. */
ALWAYS_INLINE void t27_row(const setun_call *call, int64_t i, const uint8_t *w, int64_t first, int64_t end, int64_t group_bytes, int32_t *sums, t27_take *take)
{
    const uint8_t *tables = in_row(call, 0, i);
    __m512i sum[4];

UNROLL(4)
    for (int h = 0; h < 4; h++)
        sum[h] = first == 0 ? _mm512_setzero_si512() : _mm512_loadu_si512(sums + 16 * h);
    for (int64_t start = first; start < end; start += T27_FOLD_BLOCKS) {
        const int64_t stop = least(start + T27_FOLD_BLOCKS, end);
        __m512i acc[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};

        for (int64_t b = start; b < stop; b++) {
            /* In this panel of the group, else in that of the next one. */
            const uint8_t *ahead = w + (b + T27_AHEAD_BLOCKS) * T27_BLOCK_BYTES +
                                   (b + T27_AHEAD_BLOCKS < end ? 0 : group_bytes - (end - first) * T27_BLOCK_BYTES);

UNROLL(10)
            for (int line = 0; line < 2 * T27_LINES; line++)
                _mm_prefetch((const char *)ahead + line * T27_LINE_BYTES, _MM_HINT_T1);
            t27_block(w + b * T27_BLOCK_BYTES, tables + b * T27_ROW_BYTES, acc, take);
        }
        t27_fold(sum, acc[0]);
        t27_fold(sum + 2, acc[1]);
    }
UNROLL(4)
    for (int h = 0; h < 4; h++)
        _mm512_storeu_si512(sums + 16 * h, sum[h]);
}

/* All groups before the next columns, so that the columns' tables stay in the first cache. Rows of q one at a time: two or four that share the indices need
 * more registers than there are, and took half as long again. */
ALWAYS_INLINE void t27_run(const setun_call *call, const setun_tile *tile, t27_take *take)
{
    const int64_t m = call->in[0].dim[0], n_blocks = (call->in[2].dim[1] + T27_COLUMNS - 1) / T27_COLUMNS, group_bytes = n_blocks * T27_BLOCK_BYTES;

    for (int64_t first = 0; first < n_blocks; first += T27_PANEL_BLOCKS)
        for (int64_t g = tile->begin; g < tile->end; g++)
            for (int64_t i = 0; i < m; i++) {
                const int64_t end = least(first + T27_PANEL_BLOCKS, n_blocks);
                int32_t *sums = (int32_t *)tile->scratch + ((g - tile->begin) * m + i) * T27_GROUP;

                t27_row(call, i, (const uint8_t *)call->in[2].data + g * group_bytes, first, end, group_bytes, sums, take);
                for (int64_t h = 0; end == n_blocks && h < 4; h++)
                    t27_store(call, i, g * T27_GROUP + 16 * h, _mm512_loadu_si512(sums + 16 * h));
            }
}

static inline setun_status t27_plan(const setun_query *query, double read_ns, double compute_ns, setun_kernel_plan *out_plan)
{
    return tables_linear_plan(query, T27_GROUP, read_ns, compute_ns, out_plan);
}

/* One unit is a group of 64 rows. */
static inline int64_t t27_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[2].dim[0] + T27_GROUP - 1) / T27_GROUP;
}
#endif

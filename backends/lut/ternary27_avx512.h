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

/* acc[x][h] += the sums of one table of row x for rows 32 h .. 32 h + 31. */
ALWAYS_INLINE void t27_look_up(const uint8_t *const *tables, int64_t at, int n_x, const __m512i index[2], __m512i (*acc)[2])
{
#pragma GCC unroll 4
    for (int x = 0; x < n_x; x++) {
        const __m512i table = t27_load(tables[x] + at);

#pragma GCC unroll 2
        for (int h = 0; h < 2; h++)
            acc[x][h] = _mm512_add_epi16(acc[x][h], _mm512_permutexvar_epi16(index[h], table));
    }
}

/* acc += one block's look-ups in the tables of n_x rows of q, those of its columns being at tables[x] + at. */
ALWAYS_INLINE void t27_block(const uint8_t *block, const uint8_t *const *tables, int64_t at, int n_x, __m512i (*acc)[2], t27_take *take)
{
    __m512i code[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()}, line[2], index[2];

#pragma GCC unroll 5
    for (int j = 0; j < T27_LINES; j++)
#pragma GCC unroll 3
        for (int s = 0; s < 3; s++) {
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                if (s == 0) {
                    line[h] = t27_load(block + (2 * j + h) * T27_LINE_BYTES);
                    code[h] = take(code[h], line[h], j);
                }
                index[h] = s == 0 ? line[h] : _mm512_srli_epi16(line[h], (unsigned)(5 * s));
            }
            t27_look_up(tables, at + (3 * j + s) * T27_TABLE_BYTES, n_x, index, acc);
        }
    t27_look_up(tables, at + (T27_TABLES - 1) * T27_TABLE_BYTES, n_x, code, acc);
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

/* 32-bit sums of n_x rows of q from row i on, a constant where this is inlined, and one group, over blocks first .. end - 1; sums[m][64] of the group
 * are those of the blocks before. */
ALWAYS_INLINE void t27_rows(const setun_call *call, int64_t i, int n_x, const uint8_t *w, int64_t first, int64_t end, int64_t group_bytes, int32_t *sums,
                            t27_take *take)
{
    const uint8_t *tables[4];
    __m512i sum[4][4];

#pragma GCC unroll 4
    for (int x = 0; x < n_x; x++) {
        tables[x] = in_row(call, 0, i + x);
#pragma GCC unroll 4
        for (int h = 0; h < 4; h++)
            sum[x][h] = first == 0 ? _mm512_setzero_si512() : _mm512_loadu_si512(sums + (i + x) * T27_GROUP + 16 * h);
    }
    for (int64_t start = first; start < end; start += T27_FOLD_BLOCKS) {
        const int64_t stop = least(start + T27_FOLD_BLOCKS, end);
        __m512i acc[4][2];

#pragma GCC unroll 4
        for (int x = 0; x < n_x; x++)
            acc[x][0] = acc[x][1] = _mm512_setzero_si512();
        for (int64_t b = start; b < stop; b++) {
            /* In this panel of the group, else in that of the next one. */
            const uint8_t *ahead = w + (b + T27_AHEAD_BLOCKS) * T27_BLOCK_BYTES +
                                   (b + T27_AHEAD_BLOCKS < end ? 0 : group_bytes - (end - first) * T27_BLOCK_BYTES);

#pragma GCC unroll 10
            for (int line = 0; line < 2 * T27_LINES; line++)
                _mm_prefetch((const char *)ahead + line * T27_LINE_BYTES, _MM_HINT_T1);
            t27_block(w + b * T27_BLOCK_BYTES, tables, b * T27_ROW_BYTES, n_x, acc, take);
        }
#pragma GCC unroll 4
        for (int x = 0; x < n_x; x++) {
            t27_fold(sum[x], acc[x][0]);
            t27_fold(sum[x] + 2, acc[x][1]);
        }
    }
#pragma GCC unroll 4
    for (int x = 0; x < n_x; x++)
#pragma GCC unroll 4
        for (int h = 0; h < 4; h++)
            _mm512_storeu_si512(sums + (i + x) * T27_GROUP + 16 * h, sum[x][h]);
}

/* Rows of q four, two or one at a time: what is shared by them is the indices. All groups before the next columns, so that the columns' tables stay in
 * the first cache. */
ALWAYS_INLINE void t27_run(const setun_call *call, const setun_tile *tile, t27_take *take)
{
    const int64_t m = call->in[0].dim[0], n_blocks = (call->in[2].dim[1] + T27_COLUMNS - 1) / T27_COLUMNS, group_bytes = n_blocks * T27_BLOCK_BYTES;
    const int64_t n_panels = (n_blocks + T27_PANEL_BLOCKS - 1) / T27_PANEL_BLOCKS;

    for (int64_t p = 0; p < n_panels; p++)
        for (int64_t g = tile->begin; g < tile->end; g++) {
            const uint8_t *w = (const uint8_t *)call->in[2].data + g * group_bytes;
            const int64_t first = p * T27_PANEL_BLOCKS, end = least(first + T27_PANEL_BLOCKS, n_blocks);
            int32_t *sums = (int32_t *)tile->scratch + (g - tile->begin) * m * T27_GROUP;
            int64_t i = 0;

            for (; i + 4 <= m; i += 4)
                t27_rows(call, i, 4, w, first, end, group_bytes, sums, take);
            for (; i + 2 <= m; i += 2)
                t27_rows(call, i, 2, w, first, end, group_bytes, sums, take);
            if (i < m)
                t27_rows(call, i, 1, w, first, end, group_bytes, sums, take);
            for (i = 0; p == n_panels - 1 && i < m; i++)
                for (int64_t h = 0; h < 4; h++)
                    t27_store(call, i, g * T27_GROUP + 16 * h, _mm512_loadu_si512(sums + i * T27_GROUP + 16 * h));
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

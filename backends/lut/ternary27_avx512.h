/* ternary27_avx512.h - tern27.r64k48 over i16.t27 (formats.md): a look-up (vpermw) gives the sums of three columns for 32 rows, in 16 bits, sign and all,
 * and one addition takes them up. Of the 16 bits of an index vpermw sees the low five, so what stands above need not be masked off.
 *
 * For 32 rows by 48 columns, 1536 weights: 16 look-ups, 16 additions, 10 shifts, and five instructions (nine without VBMI2) to collect the sixteenth code.
 * A table is read once for the 64 rows of a group: those of a row of q leave the first cache at 1500 columns. */
#ifndef SETUN_LUT_TERNARY27_AVX512_H
#define SETUN_LUT_TERNARY27_AVX512_H
#include "tables27_avx512.h"

enum { T27_GROUP = 64, T27_LINES = 5, T27_LINE_BYTES = 64, T27_BLOCK_BYTES = 640, T27_ROW_BYTES = 1024 /* of tables, a block */ };
/* 80 sums of at most 384 in 16 bits, of the 85 that fit. */
enum { T27_FOLD_BLOCKS = 5 };

/* The sixteenth code, of the top bits of five lines; above its fifth bit there may be anything. */
typedef __m512i t27_last(const __m512i line[T27_LINES]);

#ifdef __AVX512VBMI2__
static inline __m512i t27_last_vbmi2(const __m512i line[T27_LINES])
{
    __m512i code = _mm512_shldi_epi16(line[0], line[0], 1);

    code = _mm512_shldi_epi16(code, line[1], 1);
    code = _mm512_shldi_epi16(code, line[2], 1);
    code = _mm512_shldi_epi16(code, line[3], 1);
    return _mm512_shldi_epi16(code, line[4], 1);
}
#endif

/* Bits of a where the mask has ones, of b elsewhere. */
static inline __m512i t27_select(int mask, __m512i a, __m512i b)
{
    return _mm512_ternarylogic_epi32(_mm512_set1_epi16((short)mask), a, b, 0xCA);
}

static inline __m512i t27_last_shifts(const __m512i line[T27_LINES])
{
    const __m512i high = t27_select(0x10, _mm512_srli_epi16(line[0], 11), _mm512_srli_epi16(line[1], 12));
    const __m512i low = t27_select(0x02, _mm512_srli_epi16(line[3], 14), _mm512_srli_epi16(line[4], 15));

    return t27_select(0x18, high, t27_select(0x04, _mm512_srli_epi16(line[2], 13), low));
}

/* sum[0] += the low 16 rows of 16-bit sums, sum[1] the high ones. */
static inline void t27_fold(__m512i *sum, __m512i sums)
{
    sum[0] = _mm512_add_epi32(sum[0], _mm512_cvtepi16_epi32(_mm512_castsi512_si256(sums)));
    sum[1] = _mm512_add_epi32(sum[1], _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(sums, 1)));
}

/* acc[x][half] += one block's look-ups in the tables of n_x rows of q, at tables[x]. */
ALWAYS_INLINE void t27_block(const uint8_t *block, const uint8_t *const *tables, int64_t at, int n_x, __m512i (*acc)[2], t27_last *last)
{
    __m512i line[2][T27_LINES], code[2];

#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
#pragma GCC unroll 5
        for (int j = 0; j < T27_LINES; j++)
            line[h][j] = _mm512_loadu_si512(block + (h * T27_LINES + j) * T27_LINE_BYTES);
        code[h] = last(line[h]);
    }
#pragma GCC unroll 16
    for (int s = 0; s < T27_TABLES; s++)
#pragma GCC unroll 4
        for (int x = 0; x < n_x; x++) {
            const __m512i table = _mm512_loadu_si512(tables[x] + at + s * T27_TABLE_BYTES);

#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                const __m512i index = s == T27_TABLES - 1 ? code[h] : s % 3 == 0 ? line[h][s / 3] : _mm512_srli_epi16(line[h][s / 3], (unsigned)(s % 3 * 5));

                acc[x][h] = _mm512_add_epi16(acc[x][h], _mm512_permutexvar_epi16(index, table));
            }
        }
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

/* n_x rows of q from row i on, a constant where this is inlined, and one group. */
ALWAYS_INLINE void t27_rows(const setun_call *call, int64_t i, int n_x, int64_t group, t27_last *last)
{
    const int64_t n_blocks = (call->in[2].dim[1] + T27_COLUMNS - 1) / T27_COLUMNS;
    const uint8_t *w = (const uint8_t *)call->in[2].data + group * n_blocks * T27_BLOCK_BYTES, *tables[4];
    __m512i sum[4][4];

#pragma GCC unroll 4
    for (int x = 0; x < n_x; x++) {
        tables[x] = in_row(call, 0, i + x);
#pragma GCC unroll 4
        for (int h = 0; h < 4; h++)
            sum[x][h] = _mm512_setzero_si512();
    }
    for (int64_t first = 0; first < n_blocks; first += T27_FOLD_BLOCKS) {
        const int64_t end = least(first + T27_FOLD_BLOCKS, n_blocks);
        __m512i acc[4][2];

#pragma GCC unroll 4
        for (int x = 0; x < n_x; x++)
            acc[x][0] = acc[x][1] = _mm512_setzero_si512();
        for (int64_t b = first; b < end; b++)
            t27_block(w + b * T27_BLOCK_BYTES, tables, b * T27_ROW_BYTES, n_x, acc, last);
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
            t27_store(call, i + x, group * T27_GROUP + 16 * h, sum[x][h]);
}

/* Rows of q four, two or one at a time: what is shared by them is the indices. */
ALWAYS_INLINE void t27_run(const setun_call *call, const setun_tile *tile, t27_last *last)
{
    const int64_t m = call->in[0].dim[0];

    for (int64_t g = tile->begin; g < tile->end; g++) {
        int64_t i = 0;

        for (; i + 4 <= m; i += 4)
            t27_rows(call, i, 4, g, last);
        for (; i + 2 <= m; i += 2)
            t27_rows(call, i, 2, g, last);
        if (i < m)
            t27_rows(call, i, 1, g, last);
    }
}

/* One unit is a group of 64 rows. */
static inline int64_t t27_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[2].dim[0] + T27_GROUP - 1) / T27_GROUP;
}
#endif

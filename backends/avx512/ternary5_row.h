/* ternary5_row.h - weights in tern5.r16k96 straight from memory, by one to eight rows of q: the fields of a looked up code are not shifted
 * down but masked in place, and the sums of those that count 4 and 16-fold are divided at the end, exactly.
 *
 * Vector instructions for 192 weights on Zen 4, where look-ups, 1.4 shifts and selections, 3 masks and 3 products of 512 bits share
 * four pipes of 256: 4.1 cycles; 140 weights a ns in cache were measured, 115 from memory (24 GB/s). Three look-ups without masks took as
 * long; eight codes in five bytes by vpermb and vpmultishiftqb gave 120, five weights in a byte by vpermi2b 96. */
#ifndef SETUN_AVX512_TERNARY5_ROW_H
#define SETUN_AVX512_TERNARY5_ROW_H
#include "ternary5.h"

/* acc[x][p] += fields p of the codes of one block times q's columns from q[x] on. With more than four rows of q, which would need more sums
 * than there are registers, fields are shifted down and all in acc[x][0]. */
ALWAYS_INLINE void ternary5_block(const uint8_t *block, const int8_t *const *q, int64_t column, int n_x, __m512i (*acc)[3], dot4_op *dot4,
                                  ternary5_look_up *look_up)
{
    __m512i codes[TERNARY5_CODES];

    ternary5_codes(block, codes);
#pragma GCC unroll 8
    for (int s = 0; s < TERNARY5_CODES; s++) {
        const __m512i fields = look_up(codes[s]);

#pragma GCC unroll 3
        for (int p = 0; p < 3; p++) {
            const int shifted = n_x > 4, a = shifted ? 0 : p;
            const __m512i c = shifted ? _mm512_and_si512(_mm512_srli_epi16(fields, (unsigned)(2 * p)), _mm512_set1_epi8(3))
                                      : _mm512_and_si512(fields, _mm512_set1_epi8((char)(3 << (2 * p))));

#pragma GCC unroll 8
            for (int x = 0; x < n_x; x++)
                acc[x][a] = dot4(acc[x][a], c, ternary_word(q[x] + column + 12 * s + 4 * p));
        }
    }
}

/* n_x rows of q from row i on, a constant where this is inlined. tail[n_x]: see ternary5_tail. */
ALWAYS_INLINE void ternary5_rows(const setun_call *call, int64_t i, int n_x, int64_t group, const int32_t *sum, dot4_op *dot4,
                                 ternary5_look_up *look_up)
{
    const int64_t n_blocks = ternary5_blocks(call);
    const uint8_t *w = ternary5_group(call, group);
    int8_t tail[8][TERNARY5_COLUMNS];
    const int8_t *q[8], *q_tail[8];
    __m512i acc[8][3];
    int64_t n_whole = 0;

#pragma GCC unroll 8
    for (int x = 0; x < n_x; x++) {
        q[x] = in_row(call, 0, i + x);
        q_tail[x] = tail[x];
        n_whole = ternary5_tail(call, i + x, tail[x]);
        acc[x][0] = acc[x][1] = acc[x][2] = _mm512_setzero_si512();
    }
    for (int64_t b = 0; b < n_whole; b++) {
        if (n_x > 1) /* the next group, which would else be waited for; one row gains nothing by it */
#pragma GCC unroll 5
            for (int j = 0; j < 5; j++)
                _mm_prefetch((const char *)w + (n_blocks + b) * TERNARY5_BLOCK_BYTES + 64 * j, _MM_HINT_T0);
        ternary5_block(w + b * TERNARY5_BLOCK_BYTES, q, b * TERNARY5_COLUMNS, n_x, acc, dot4, look_up);
    }
    if (n_whole < n_blocks)
        ternary5_block(w + n_whole * TERNARY5_BLOCK_BYTES, q_tail, 0, n_x, acc, dot4, look_up);
#pragma GCC unroll 8
    for (int x = 0; x < n_x; x++)
        ternary_store(call, i + x, group,
                      _mm512_add_epi32(_mm512_add_epi32(acc[x][0], _mm512_srai_epi32(acc[x][1], 2)), _mm512_srai_epi32(acc[x][2], 4)),
                      sum[i + x]);
}

/* One row of q after the other. */
ALWAYS_INLINE void ternary5_row_run(const setun_call *call, const setun_tile *tile, dot4_op *dot4, ternary5_look_up *look_up)
{
    int32_t *sum = tile->scratch;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum, dot4);
    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++)
            ternary5_rows(call, i, 1, g, sum, dot4, look_up);
}

/* Eight rows of q at a time, then four, two and one: a group of weights is read from memory once and from the first cache after that. */
ALWAYS_INLINE void ternary5_stream_run(const setun_call *call, const setun_tile *tile, dot4_op *dot4, ternary5_look_up *look_up)
{
    const int64_t m = call->in[0].dim[0];
    int32_t *sum = tile->scratch;

    if (tile->begin == tile->end)
        return;
    ternary_sums(call, sum, dot4);
    for (int64_t g = tile->begin; g < tile->end; g++) {
        int64_t i = 0;

        for (; i + 8 <= m; i += 8)
            ternary5_rows(call, i, 8, g, sum, dot4, look_up);
        for (; i + 4 <= m; i += 4)
            ternary5_rows(call, i, 4, g, sum, dot4, look_up);
        for (; i + 2 <= m; i += 2)
            ternary5_rows(call, i, 2, g, sum, dot4, look_up);
        if (i < m)
            ternary5_rows(call, i, 1, g, sum, dot4, look_up);
    }
}
#endif

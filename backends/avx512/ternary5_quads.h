/* ternary5_quads.h - rows of q prepared for ternary5_mixpanel.h, four by four, so that a tile reads them from the first byte to the last: of the eight
 * codes that a block has for each row of weights, five go to dot products and three to tables of sums. */
#ifndef SETUN_AVX512_TERNARY5_QUADS_H
#define SETUN_AVX512_TERNARY5_QUADS_H
#include "ternary5_sums.h"

#define TERNARY5_DOT_CODES 5 /* codes 0 .. 4: columns 0 .. 59 of a block */
#define TERNARY5_DOT_WORDS (3 * TERNARY5_DOT_CODES)
#define TERNARY5_TABLES (4 * (TERNARY5_CODES - TERNARY5_DOT_CODES)) /* one for each byte of a lane's code */

/* Four rows of q prepared, block by block, as a tile reads them: the words that are multiplied, word w of all four 64 * (w % 4) + 16 * (w / 4) bytes
 * from the block's first, then each table of all four. */
#define TERNARY5_QUAD 4
#define TERNARY5_QUAD_BYTES (256 + TERNARY5_TABLES * TERNARY5_QUAD * TERNARY5_SUMMED_BYTES)

/* A block of four rows of q. */
ALWAYS_INLINE void ternary5_prepare_block(const int8_t *const *x, uint8_t *out_quad)
{
    __m512i q[TERNARY5_QUAD], pair[TERNARY5_QUAD];

UNROLL(4)
    for (int i = 0; i < TERNARY5_QUAD; i++)
        q[i] = _mm512_loadu_si512(x[i]);
    pair[0] = _mm512_unpacklo_epi32(q[0], q[1]);
    pair[1] = _mm512_unpackhi_epi32(q[0], q[1]);
    pair[2] = _mm512_unpacklo_epi32(q[2], q[3]);
    pair[3] = _mm512_unpackhi_epi32(q[2], q[3]);
    _mm512_storeu_si512(out_quad, _mm512_unpacklo_epi64(pair[0], pair[2]));
    _mm512_storeu_si512(out_quad + 64, _mm512_unpackhi_epi64(pair[0], pair[2]));
    _mm512_storeu_si512(out_quad + 128, _mm512_unpacklo_epi64(pair[1], pair[3]));
    _mm512_storeu_si512(out_quad + 192, _mm512_unpackhi_epi64(pair[1], pair[3]));
UNROLL(3)
    for (int s = 0; s < TERNARY5_CODES - TERNARY5_DOT_CODES; s++)
UNROLL(4)
        for (int i = 0; i < TERNARY5_QUAD; i++)
            ternary5_tables(x[i] + 12 * (TERNARY5_DOT_CODES + s), TERNARY5_QUAD, out_quad + 256 + (4 * s * TERNARY5_QUAD + i) * TERNARY5_SUMMED_BYTES);
}

/* n rows of q from row i on, at most four and repeated if they are fewer, and n_blocks blocks from block on. What is beyond k is zero. */
ALWAYS_INLINE void ternary5_prepare(const setun_call *call, int64_t i, int64_t n, int64_t block, int64_t n_blocks, uint8_t *out_quad)
{
    const int64_t n_whole = call->in[2].dim[1] / TERNARY5_COLUMNS, n_left = call->in[2].dim[1] % TERNARY5_COLUMNS;
    const int8_t *x[TERNARY5_QUAD];

    for (int j = 0; j < TERNARY5_QUAD; j++)
        x[j] = (const int8_t *)in_row(call, 0, i + (j < n ? j : 0)) + block * TERNARY5_COLUMNS;
    for (int64_t b = 0; b < n_blocks; b++) {
        if (block + b < n_whole)
            ternary5_prepare_block(x, out_quad);
        else {
            int8_t tail[TERNARY5_QUAD][TERNARY5_COLUMNS] = {{0}};
            const int8_t *const tails[TERNARY5_QUAD] = {tail[0], tail[1], tail[2], tail[3]};

            for (int j = 0; j < TERNARY5_QUAD; j++)
                memcpy(tail[j], x[j], (size_t)n_left);
            ternary5_prepare_block(tails, out_quad);
        }
        for (int j = 0; j < TERNARY5_QUAD; j++)
            x[j] += TERNARY5_COLUMNS;
        out_quad += TERNARY5_QUAD_BYTES;
    }
}

/* Of m rows of q from row i on the sum over the columns that are multiplied: their codes are weights + 1. */
ALWAYS_INLINE void ternary5_dot_sums(const setun_call *call, int64_t i, int64_t m, int32_t *out_sum)
{
    const int64_t k = call->in[2].dim[1];

    for (int64_t j = 0; j < m; j++) {
        const int8_t *x = in_row(call, 0, i + j);
        __m512i sum = _mm512_setzero_si512();

        for (int64_t c = 0; c < k; c += TERNARY5_COLUMNS)
            sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1),
                                      _mm512_maskz_loadu_epi8((UINT64_C(1) << least(k - c, 4 * TERNARY5_DOT_WORDS)) - 1, x + c));
        out_sum[j] = _mm512_reduce_add_epi32(sum);
    }
}
#endif

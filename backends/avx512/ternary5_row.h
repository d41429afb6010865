/* ternary5_row.h - weights in tern5.r16k96 straight from memory, by one to eight rows of q: the fields of a looked up code are not shifted
 * down but masked in place, and the sums of those that count 4 and 16-fold are divided at the end, exactly.
 *
 * Vector instructions for 192 weights on Zen 4, where look-ups, 1.4 shifts and selections, 3 masks and 3 products of 512 bits share
 * four pipes of 256: 4.1 cycles; 140 weights a ns in cache were measured, 115 from memory (24 GB/s). Three look-ups without masks took as
 * long; eight codes in five bytes by vpermb and vpmultishiftqb gave 120, five weights in a byte by vpermi2b 96. */
#ifndef SETUN_AVX512_TERNARY5_ROW_H
#define SETUN_AVX512_TERNARY5_ROW_H
#include "ternary5.h"

#define TERNARY5_X 8    /* rows of q at a time */
#define TERNARY5_PAIR 2 /* groups at a time: they share what is broadcast of q */
#define TERNARY5_APART 4 /* rows times groups with sums of their own for each of the three fields */
#define TERNARY5_SETS 2 /* of such sums, for one row by one group: 24 products of a block in three chains would wait for each other */

/* acc[x][g][p] += fields p of the codes of one block of n groups, group_bytes apart, times q's columns from q[x] on. Where that would need
 * more sums than there are registers, fields are shifted down and all in acc[x][g][0]. One row by one group has acc[0][0] and acc[0][1] in turns. */
ALWAYS_INLINE void ternary5_block(const uint8_t *block, int64_t group_bytes, int n, const int8_t *const *q, int64_t column, int n_x,
                                  __m512i (*acc)[TERNARY5_PAIR][3], dot4_op *dot4, ternary5_look_up *look_up)
{
    const int shifted = n_x * n > TERNARY5_APART;
    __m512i codes[TERNARY5_PAIR][TERNARY5_CODES];

UNROLL(2)
    for (int g = 0; g < n; g++)
        ternary5_codes(block + g * group_bytes, codes[g]);
UNROLL(8)
    for (int s = 0; s < TERNARY5_CODES; s++) {
        __m512i fields[TERNARY5_PAIR];

UNROLL(2)
        for (int g = 0; g < n; g++)
            fields[g] = look_up(codes[g][s]);
UNROLL(3)
        for (int p = 0; p < 3; p++) {
            __m512i c[TERNARY5_PAIR];

UNROLL(2)
            for (int g = 0; g < n; g++)
                c[g] = shifted ? _mm512_and_si512(_mm512_srli_epi16(fields[g], (unsigned)(2 * p)), _mm512_set1_epi8(3))
                               : _mm512_and_si512(fields[g], _mm512_set1_epi8((char)(3 << (2 * p))));
UNROLL(8)
            for (int x = 0; x < n_x; x++) {
                const __m512i words = ternary_word(q[x] + column + 12 * s + 4 * p);

UNROLL(2)
                for (int g = 0; g < n; g++) {
                    const int set = n_x * n == 1 ? s % TERNARY5_SETS : g;

                    acc[x][set][shifted ? 0 : p] = dot4(acc[x][set][shifted ? 0 : p], c[g], words);
                }
            }
        }
    }
}

/* How far ahead one group at a time is fetched. It is one stream, of which the processor itself fetches about two pages: where memory gives
 * 33 GB/s to two threads, 6 to 9 KB ahead get 31 of it, 9.4 to 32 KB 28, 2 to 4 KB less than either, and nothing fetched 29 to 31. */
#define TERNARY5_AHEAD_BYTES (27 * TERNARY5_BLOCK_BYTES)

/* Blocks that come later: they would else be waited for. One stream goes to the first cache, 3 % faster on Zen 5 than to the second; of two groups
 * side by side all of the next two go to the second: on Zen 4 two rows take 112 us instead of 167 to the first (2560 x 6912, 2 threads). */
ALWAYS_INLINE void ternary5_fetch(const uint8_t *block, int64_t group_bytes, int n)
{
    const int64_t ahead = n == 1 ? TERNARY5_AHEAD_BYTES : n * group_bytes;

UNROLL(2)
    for (int g = 0; g < n; g++)
UNROLL(5)
        for (int j = 0; j < 5; j++)
            if (n == 1)
                _mm_prefetch((const char *)block + ahead + 64 * j, _MM_HINT_T0);
            else
                _mm_prefetch((const char *)block + ahead + g * group_bytes + 64 * j, _MM_HINT_T1);
}

/* n_x rows of q from row i on by n groups; n_x and n are constants where this is inlined. tails: of all rows of q. */
ALWAYS_INLINE void ternary5_rows(const setun_call *call, int64_t i, int n_x, int64_t group, int n, const int8_t *tails, const int32_t *sum,
                                 ternary_join join, dot4_op *dot4, ternary5_look_up *look_up)
{
    const int64_t n_blocks = ternary5_blocks(call), n_whole = call->in[2].dim[1] / TERNARY5_COLUMNS, group_bytes = n_blocks * TERNARY5_BLOCK_BYTES;
    const uint8_t *w = ternary5_group(call, group);
    const int8_t *q[TERNARY5_X], *q_tail[TERNARY5_X];
    _Alignas(64) int32_t dots[TERNARY5_X][TERNARY5_PAIR][TERNARY_GROUP];
    __m512i acc[TERNARY5_X][TERNARY5_PAIR][3];
    const int n_sets = n_x * n == 1 ? TERNARY5_SETS : n;

UNROLL(8)
    for (int x = 0; x < n_x; x++) {
        q[x] = in_row(call, 0, i + x);
        q_tail[x] = tails + (i + x) * TERNARY5_COLUMNS;
UNROLL(2)
        for (int g = 0; g < n_sets; g++)
            acc[x][g][0] = acc[x][g][1] = acc[x][g][2] = _mm512_setzero_si512();
    }
    for (int64_t b = 0; b < n_whole; b++) {
        ternary5_fetch(w + b * TERNARY5_BLOCK_BYTES, group_bytes, n);
        ternary5_block(w + b * TERNARY5_BLOCK_BYTES, group_bytes, n, q, b * TERNARY5_COLUMNS, n_x, acc, dot4, look_up);
UNROLL(8)
        for (int x = 0; x < n_x; x++)
UNROLL(2)
            for (int g = 0; g < n_sets; g++) {
                KEEP_IN_REGISTER(acc[x][g][0]);
                if (n_x * n <= TERNARY5_APART) {
                    KEEP_IN_REGISTER(acc[x][g][1]);
                    KEEP_IN_REGISTER(acc[x][g][2]);
                }
            }
    }
    if (n_whole < n_blocks) {
        ternary5_fetch(w + n_whole * TERNARY5_BLOCK_BYTES, group_bytes, n);
        ternary5_block(w + n_whole * TERNARY5_BLOCK_BYTES, group_bytes, n, q_tail, 0, n_x, acc, dot4, look_up);
    }
    if (n_sets > n)
UNROLL(3)
        for (int p = 0; p < 3; p++)
            acc[0][0][p] = _mm512_add_epi32(acc[0][0][p], acc[0][1][p]);
UNROLL(8)
    for (int x = 0; x < n_x; x++)
UNROLL(2)
        for (int g = 0; g < n; g++) {
            const __m512i dot = _mm512_add_epi32(_mm512_add_epi32(acc[x][g][0], _mm512_srai_epi32(acc[x][g][1], 2)), _mm512_srai_epi32(acc[x][g][2], 4));

            if (n_x == 1)
                ternary_store(call, i, group + g, dot, sum[i], join);
            else
                _mm512_storeu_si512(dots[x][g], dot);
        }
    /* By way of memory: what is done with sums is compiled once and not for each register. */
    for (int x = 0; n_x > 1 && x < n_x; x++)
        for (int g = 0; g < n; g++)
            ternary_store(call, i + x, group + g, _mm512_loadu_si512(dots[x][g]), sum[i + x], join);
}

/* Scratch before the first group: tails and sums of q. */
ALWAYS_INLINE void ternary5_begin(const setun_call *call, void *scratch, dot4_op *dot4)
{
    ternary_sums(call, ternary5_tails(call, scratch), dot4);
}

static inline const int32_t *ternary5_sum(const setun_call *call, const void *scratch)
{
    return (const int32_t *)((const int8_t *)scratch + call->in[0].dim[0] * TERNARY5_COLUMNS);
}

/* One row of q after the other. */
ALWAYS_INLINE void ternary5_row_groups(const setun_call *call, const setun_tile *tile, ternary_join join, dot4_op *dot4, ternary5_look_up *look_up)
{
    const int32_t *sum = ternary5_sum(call, tile->scratch);
    const int8_t *tails = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++)
        for (int64_t i = 0; i < call->in[0].dim[0]; i++)
            ternary5_rows(call, i, 1, g, 1, tails, sum, join, dot4, look_up);
}

ALWAYS_INLINE void ternary5_row_run(const setun_call *call, const setun_tile *tile, ternary_join join, dot4_op *dot4, ternary5_look_up *look_up)
{
    if (tile->begin == tile->end)
        return;
    ternary5_begin(call, tile->scratch, dot4);
    ternary5_row_groups(call, tile, join, dot4, look_up);
}

/* Eight rows of q at a time, then four, two and one: n groups of weights are read from memory once and from the caches after that. */
ALWAYS_INLINE void ternary5_groups(const setun_call *call, int64_t group, int n, const int8_t *tails, const int32_t *sum, ternary_join join,
                                   dot4_op *dot4, ternary5_look_up *look_up)
{
    const int64_t m = call->in[0].dim[0];
    int64_t i = 0;

    for (; i + TERNARY5_X <= m; i += TERNARY5_X)
        ternary5_rows(call, i, TERNARY5_X, group, n, tails, sum, join, dot4, look_up);
    for (; i + 4 <= m; i += 4)
        ternary5_rows(call, i, 4, group, n, tails, sum, join, dot4, look_up);
    for (; i + 2 <= m; i += 2)
        ternary5_rows(call, i, 2, group, n, tails, sum, join, dot4, look_up);
    if (i < m)
        ternary5_rows(call, i, 1, group, n, tails, sum, join, dot4, look_up);
}

ALWAYS_INLINE void ternary5_stream_groups(const setun_call *call, const setun_tile *tile, ternary_join join, dot4_op *dot4, ternary5_look_up *look_up)
{
    const int32_t *sum = ternary5_sum(call, tile->scratch);
    const int8_t *tails = tile->scratch;
    int64_t g = tile->begin;

    for (; g + TERNARY5_PAIR <= tile->end; g += TERNARY5_PAIR)
        ternary5_groups(call, g, TERNARY5_PAIR, tails, sum, join, dot4, look_up);
    if (g < tile->end)
        ternary5_groups(call, g, 1, tails, sum, join, dot4, look_up);
}

ALWAYS_INLINE void ternary5_stream_run(const setun_call *call, const setun_tile *tile, ternary_join join, dot4_op *dot4, ternary5_look_up *look_up)
{
    if (tile->begin == tile->end)
        return;
    ternary5_begin(call, tile->scratch, dot4);
    ternary5_stream_groups(call, tile, join, dot4, look_up);
}

/* By VNNI's and VBMI's instructions, compiled once: ternary5_row__avx512vbmi.c. */
void ternary5_stream_groups_vbmi(const setun_call *call, const setun_tile *tile, ternary_join join);
#endif

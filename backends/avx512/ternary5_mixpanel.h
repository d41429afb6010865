/* ternary5_mixpanel.h - rows of q as in ternary5_quads.h by weights that are unpacked once for all of them: some blocks of columns of the worker's rows of
 * weights, then four rows of q after the other are prepared and multiplied by them.
 *
 * Where what is read should lie, for else it is waited for: three blocks of four prepared rows, 10 KB, in the first cache; three blocks of 1728 unpacked
 * rows of weights, 440 KB, in the second, which gives a tile 20 bytes a cycle in time only if they follow each other in the order of their use. Sums, 8
 * bytes in and out for 288 products, may come from the last. Whole rows' tables instead, 15 MB of 256 rows of 6912 columns, took 1.5 times as long. */
#ifndef SETUN_AVX512_TERNARY5_MIXPANEL_H
#define SETUN_AVX512_TERNARY5_MIXPANEL_H
#include "ternary5_quads.h"
#include "ternary_tile.h"

#define TERNARY5_MIXED_CHUNK 3 /* blocks at a time */
#define TERNARY5_MIXED_ROWS 256 /* of q at a time */
#define TERNARY5_MIXED_PANELS 27 /* of 64 rows of weights */
#define TERNARY5_PAIRS (TERNARY_PANEL / 2)
_Static_assert(TERNARY5_MIXED_CHUNK * TERNARY5_TABLES * 3 * 128 <= INT16_MAX, "looked up sums of some blocks must fit in 16 bits");
/* A block of a panel, in the order in which it is read: words of codes of four groups, and between them indices of two pairs of groups. */
#define TERNARY5_MIXPANEL_BYTES ((TERNARY5_DOT_WORDS * TERNARY_PANEL + TERNARY5_TABLES * TERNARY5_PAIRS) * 64)
#define TERNARY5_SUMS (TERNARY_PANEL * TERNARY_GROUP) /* of a row of q and a panel */

/* Scratch of a worker: panels of some blocks, four prepared rows, sums i32[rows / 4][panels][4][64] and i32[rows]. */
#define TERNARY5_PANEL_SCRATCH (TERNARY5_MIXED_PANELS * TERNARY5_MIXED_CHUNK * TERNARY5_MIXPANEL_BYTES)
#define TERNARY5_ROWS_SCRATCH (TERNARY5_MIXED_CHUNK * TERNARY5_QUAD_BYTES)
#define TERNARY5_SUMS_SCRATCH (TERNARY5_MIXED_PANELS * TERNARY5_MIXED_ROWS * TERNARY5_SUMS * sizeof(int32_t))
#define TERNARY5_MIXED_SCRATCH \
    (TERNARY5_PANEL_SCRATCH + TERNARY5_ROWS_SCRATCH + TERNARY5_SUMS_SCRATCH + TERNARY5_MIXED_ROWS * sizeof(int32_t))

/* ns for a weight and a row of q, to unpack a weight for up to TERNARY5_MIXED_ROWS rows, and to prepare a column of a row, on one worker of a Zen 4. */
#if defined(__clang__)
#define TERNARY5_MIXED_NS 0.0055 /* clang 14 keeps some of the sums in memory */
#else
#define TERNARY5_MIXED_NS 0.0038
#endif
#define TERNARY5_MIXED_TWO_PIPES_NS 0.0050
#define TERNARY5_MIXED_UNPACK_NS 0.015
#define TERNARY5_PREPARE_NS 0.12

static inline int64_t ternary5_parts(int64_t n, int64_t most)
{
    return (n + most - 1) / most;
}

/* Each worker prepares all rows of q for each side of its own: with many workers that is much of the time, and dot products alone are faster. */
static inline setun_status ternary5_mixpanel_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const int64_t n = query->in[2].dim[0], k = query->in[2].dim[1], n_workers = query->machine->n_workers > 0 ? query->machine->n_workers : 1;
    const int64_t n_sides = n_workers * ternary5_parts(ternary5_parts(n, n_workers), TERNARY5_MIXED_PANELS * TERNARY5_SUMS);
    const double unpack_ns = TERNARY5_MIXED_UNPACK_NS * (double)ternary5_parts(query->rows_max, TERNARY5_MIXED_ROWS);
    const setun_status status = ternary5_plan(query, ternary5_mixed_ns(TERNARY5_MIXED_NS, TERNARY5_MIXED_TWO_PIPES_NS), unpack_ns, 0, out_plan);

    if (status != SETUN_OK)
        return status;
    out_plan->worker_bytes = TERNARY5_MIXED_SCRATCH;
    out_plan->cost_ns += TERNARY5_PREPARE_NS * (double)(n_sides * query->rows_max * k);
    return SETUN_OK;
}

/* Block of a group that is unpacked later, to the second cache. */
ALWAYS_INLINE void ternary5_mixpanel_fetch(const uint8_t *block, int64_t ahead_bytes)
{
UNROLL(5)
    for (int j = 0; j < 5; j++)
        _mm_prefetch((const char *)block + ahead_bytes + 64 * j, _MM_HINT_T1);
}

/* How many tables are looked up before a word is multiplied, and words multiplied before a table. */
static inline int ternary5_tables_before(int word)
{
    return word * TERNARY5_TABLES / TERNARY5_DOT_WORDS;
}

static inline int ternary5_words_before(int table)
{
    return ((table + 1) * TERNARY5_DOT_WORDS + TERNARY5_TABLES - 1) / TERNARY5_TABLES;
}

static inline int ternary5_word_at(int word)
{
    return (word * TERNARY_PANEL + ternary5_tables_before(word) * TERNARY5_PAIRS) * 64;
}

static inline int ternary5_table_at(int table)
{
    return (ternary5_words_before(table) * TERNARY_PANEL + table * TERNARY5_PAIRS) * 64;
}

/* One block of n groups: words of codes as dot products want them, then indices of pairs of groups. Groups that are not there repeat the first. */
ALWAYS_INLINE void ternary5_mixpanel_unpack(const setun_call *call, int64_t group, int64_t n, int64_t block, uint8_t *out_panel)
{
    __m512i indexed[TERNARY_PANEL][TERNARY5_CODES - TERNARY5_DOT_CODES];

UNROLL(4)
    for (int g = 0; g < TERNARY_PANEL; g++) {
        const uint8_t *from = ternary5_group(call, g < n ? group + g : group) + block * TERNARY5_BLOCK_BYTES;

        ternary5_mixpanel_fetch(from, TERNARY_PANEL * ternary5_blocks(call) * TERNARY5_BLOCK_BYTES);
UNROLL(5)
        for (int s = 0; s < TERNARY5_DOT_CODES; s++) {
            const __m512i fields = ternary5_permute(ternary5_code(from, s));

UNROLL(3)
            for (int p = 0; p < 3; p++)
                _mm512_storeu_si512(out_panel + ternary5_word_at(3 * s + p) + g * 64,
                                    _mm512_and_si512(_mm512_srli_epi16(fields, (unsigned)(2 * p)), _mm512_set1_epi8(3)));
        }
UNROLL(3)
        for (int s = TERNARY5_DOT_CODES; s < TERNARY5_CODES; s++)
            indexed[g][s - TERNARY5_DOT_CODES] = ternary5_code(from, s);
    }
UNROLL(3)
    for (int s = 0; s < TERNARY5_CODES - TERNARY5_DOT_CODES; s++)
UNROLL(2)
        for (int h = 0; h < TERNARY5_PAIRS; h++)
UNROLL(4)
            for (int b = 0; b < 4; b++)
                _mm512_storeu_si512(out_panel + ternary5_table_at(4 * s + b) + h * 64,
                                    ternary5_index(ternary5_index_pair(indexed[2 * h][s], indexed[2 * h + 1][s], b / 2), b));
}

/* acc += four columns of four prepared rows by a word of the panel. */
ALWAYS_INLINE void ternary5_mixpanel_dot(const uint8_t *quad, const uint8_t *panel, int word, __m512i (*acc)[TERNARY_PANEL])
{
    __m512i words[TERNARY5_QUAD];

UNROLL(4)
    for (int x = 0; x < TERNARY5_QUAD; x++)
        words[x] = ternary_word((const int8_t *)quad + 64 * (word % 4) + 16 * (word / 4) + 4 * x);
UNROLL(4)
    for (int g = 0; g < TERNARY_PANEL; g++) {
        const __m512i codes = _mm512_loadu_si512(panel + ternary5_word_at(word) + g * 64);

UNROLL(4)
        for (int x = 0; x < TERNARY5_QUAD; x++)
            acc[x][g] = _mm512_dpbusd_epi32(acc[x][g], codes, words[x]);
    }
}

/* summed += three columns of each. Every addition is kept where it stands, else gcc 12 gathers them and runs out of registers. */
ALWAYS_INLINE void ternary5_mixpanel_sum(const uint8_t *quad, const uint8_t *panel, int table, __m512i (*summed)[TERNARY5_PAIRS])
{
    __m512i tables[TERNARY5_QUAD];

UNROLL(4)
    for (int x = 0; x < TERNARY5_QUAD; x++) {
        tables[x] = _mm512_loadu_si512(quad + 256 + (table * TERNARY5_QUAD + x) * TERNARY5_SUMMED_BYTES);
        KEEP_IN_REGISTER(tables[x]);
    }
UNROLL(2)
    for (int h = 0; h < TERNARY5_PAIRS; h++) {
        const __m512i index = _mm512_loadu_si512(panel + ternary5_table_at(table) + h * 64);

UNROLL(4)
        for (int x = 0; x < TERNARY5_QUAD; x++) {
            summed[x][h] = _mm512_add_epi16(summed[x][h], _mm512_permutexvar_epi16(index, tables[x]));
            KEEP_IN_REGISTER(summed[x][h]);
        }
    }
}

/* sums i32[4][64] += four prepared rows by some blocks of a panel. A function of its own, for its loop needs every register. */
NEVER_INLINE void ternary5_mixpanel_tile(const uint8_t *quad, const uint8_t *panel, int64_t n_blocks, int32_t *sums)
{
    __m512i acc[TERNARY5_QUAD][TERNARY_PANEL], summed[TERNARY5_QUAD][TERNARY5_PAIRS];

UNROLL(4)
    for (int x = 0; x < TERNARY5_QUAD; x++) {
UNROLL(4)
        for (int g = 0; g < TERNARY_PANEL; g++)
            acc[x][g] = _mm512_loadu_si512(sums + x * TERNARY5_SUMS + g * TERNARY_GROUP);
UNROLL(2)
        for (int h = 0; h < TERNARY5_PAIRS; h++)
            summed[x][h] = _mm512_setzero_si512();
    }
    for (int64_t b = 0; b < n_blocks; b++) {
UNROLL(15)
        for (int s = 0; s < TERNARY5_DOT_WORDS; s++) {
            ternary5_mixpanel_dot(quad, panel, s, acc);
UNROLL(2)
            for (int t = ternary5_tables_before(s); t < ternary5_tables_before(s + 1); t++)
                ternary5_mixpanel_sum(quad, panel, t, summed);
        }
UNROLL(4)
        for (int x = 0; x < TERNARY5_QUAD; x++)
UNROLL(4)
            for (int g = 0; g < TERNARY_PANEL; g++)
                KEEP_IN_REGISTER(acc[x][g]);
        quad += TERNARY5_QUAD_BYTES;
        panel += TERNARY5_MIXPANEL_BYTES;
    }
UNROLL(4)
    for (int x = 0; x < TERNARY5_QUAD; x++) {
UNROLL(2)
        for (int h = 0; h < TERNARY5_PAIRS; h++)
            ternary5_empty(summed[x][h], &acc[x][2 * h], &acc[x][2 * h + 1]);
UNROLL(4)
        for (int g = 0; g < TERNARY_PANEL; g++)
            _mm512_storeu_si512(sums + x * TERNARY5_SUMS + g * TERNARY_GROUP, acc[x][g]);
    }
}

/* Where the sums of four rows of q begin: at what the codes of dot products being weights + 1 adds too much. */
ALWAYS_INLINE void ternary5_mixpanel_begin(const int32_t *dot_sum, int32_t *out_sums)
{
    for (int x = 0; x < TERNARY5_QUAD; x++)
        for (int g = 0; g < TERNARY_PANEL; g++)
            _mm512_storeu_si512(out_sums + x * TERNARY5_SUMS + g * TERNARY_GROUP, _mm512_set1_epi32(-dot_sum[x]));
}

/* y from whole sums: n_x rows of q from row i on, n groups. */
ALWAYS_INLINE void ternary5_mixpanel_finish(const setun_call *call, int64_t i, int64_t n_x, int64_t group, int64_t n, const int32_t *sums)
{
    __m512i acc[1][TERNARY_PANEL];

    for (int64_t x = 0; x < n_x; x++) {
UNROLL(4)
        for (int g = 0; g < TERNARY_PANEL; g++)
            acc[0][g] = _mm512_loadu_si512(sums + x * TERNARY5_SUMS + g * TERNARY_GROUP);
        if (n == TERNARY_PANEL)
            ternary_finish(call, i + x, 1, group, TERNARY_PANEL, acc);
        else
            for (int64_t g = 0; g < n; g++)
                ternary_store(call, i + x, group + g, _mm512_loadu_si512(sums + x * TERNARY5_SUMS + g * TERNARY_GROUP), 0);
    }
}

/* m rows of q from row i on, at most TERNARY5_MIXED_ROWS, by the groups from begin to end. */
ALWAYS_INLINE void ternary5_mixpanel_side(const setun_call *call, int64_t i, int64_t m, int64_t begin, int64_t end, uint8_t *scratch)
{
    uint8_t *panels = scratch, *quad = panels + TERNARY5_PANEL_SCRATCH;
    int32_t *first_sums = (int32_t *)(void *)(quad + TERNARY5_ROWS_SCRATCH), *dot_sum = first_sums + TERNARY5_SUMS_SCRATCH / sizeof(int32_t);
    const int64_t n_blocks = ternary5_blocks(call);

    ternary5_dot_sums(call, i, m, dot_sum);
    for (int64_t block = 0; block < n_blocks; block += TERNARY5_MIXED_CHUNK) {
        const int64_t n_chunk = least(n_blocks - block, TERNARY5_MIXED_CHUNK);
        const int last = block + n_chunk == n_blocks;
        int32_t *sums = first_sums;
        uint8_t *panel = panels;

        for (int64_t group = begin; group < end; group += TERNARY_PANEL)
            for (int64_t b = 0; b < n_chunk; b++, panel += TERNARY5_MIXPANEL_BYTES)
                ternary5_mixpanel_unpack(call, group, least(end - group, TERNARY_PANEL), block + b, panel);
        for (int64_t x = 0; x < m; x += TERNARY5_QUAD) {
            const int64_t n_x = least(m - x, TERNARY5_QUAD);

            ternary5_prepare(call, i + x, n_x, block, n_chunk, quad);
            panel = panels;
            for (int64_t group = begin; group < end; group += TERNARY_PANEL) {
                const int64_t n = least(end - group, TERNARY_PANEL);

                if (block == 0)
                    ternary5_mixpanel_begin(dot_sum + x, sums);
                if (last)
                    ternary_prefetch_results(call, i + x, (int)n_x, group, (int)n);
                ternary5_mixpanel_tile(quad, panel, n_chunk, sums);
                if (last)
                    ternary5_mixpanel_finish(call, i + x, n_x, group, n, sums);
                panel += n_chunk * TERNARY5_MIXPANEL_BYTES;
                sums += TERNARY5_QUAD * TERNARY5_SUMS;
            }
        }
    }
}

/* Where part i of n_parts begins, in steps of step, of what has n. */
static inline int64_t ternary5_split(int64_t n, int64_t step, int64_t i, int64_t n_parts)
{
    return least((n + step - 1) / step * i / n_parts * step, n);
}

/* All rows of q by the tile's groups, in parts as even as can be. */
ALWAYS_INLINE void ternary5_mixpanel_run(const setun_call *call, const setun_tile *tile)
{
    const int64_t m = call->in[0].dim[0], n_parts = ternary5_parts(m, TERNARY5_MIXED_ROWS);
    const int64_t n = tile->end - tile->begin, n_sides = ternary5_parts(n, TERNARY5_MIXED_PANELS * TERNARY_PANEL);

    for (int64_t p = 0; p < n_parts; p++) {
        const int64_t i = ternary5_split(m, TERNARY5_QUAD, p, n_parts), end = ternary5_split(m, TERNARY5_QUAD, p + 1, n_parts);

        for (int64_t s = 0; s < n_sides; s++)
            ternary5_mixpanel_side(call, i, end - i, tile->begin + ternary5_split(n, TERNARY_PANEL, s, n_sides),
                                   tile->begin + ternary5_split(n, TERNARY_PANEL, s + 1, n_sides), tile->scratch);
    }
}
#endif

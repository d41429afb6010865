/* ternary5_mixpanel__avx512vbmi.c - what kernels do that multiply many rows of q by dot products and tables of sums: ternary5_mixpanel.h. */
#include "ternary5_mixpanel.h"

/* Block of a group that is unpacked later, to the second cache. */
ALWAYS_INLINE void fetch(const uint8_t *block, int64_t ahead_bytes)
{
UNROLL(5)
    for (int j = 0; j < 5; j++)
        _mm_prefetch((const char *)block + ahead_bytes + 64 * j, _MM_HINT_T1);
}

/* How many tables are looked up before a word is multiplied, and words multiplied before a table. */
static inline int tables_before(int word)
{
    return word * TERNARY5_TABLES / TERNARY5_DOT_WORDS;
}

static inline int words_before(int table)
{
    return ((table + 1) * TERNARY5_DOT_WORDS + TERNARY5_TABLES - 1) / TERNARY5_TABLES;
}

static inline int word_at(int word)
{
    return (word * TERNARY_PANEL + tables_before(word) * TERNARY5_PAIRS) * 64;
}

static inline int table_at(int table)
{
    return (words_before(table) * TERNARY_PANEL + table * TERNARY5_PAIRS) * 64;
}

/* One block of n groups: words of codes as dot products want them, then indices of pairs of groups. Groups that are not there repeat the first. */
ALWAYS_INLINE void unpack(const setun_call *call, int64_t group, int64_t n, int64_t block, uint8_t *out_panel)
{
    __m512i indexed[TERNARY_PANEL][TERNARY5_CODES - TERNARY5_DOT_CODES];

UNROLL(4)
    for (int g = 0; g < TERNARY_PANEL; g++) {
        const uint8_t *from = ternary5_group(call, g < n ? group + g : group) + block * TERNARY5_BLOCK_BYTES;

        fetch(from, TERNARY_PANEL * ternary5_blocks(call) * TERNARY5_BLOCK_BYTES);
UNROLL(5)
        for (int s = 0; s < TERNARY5_DOT_CODES; s++) {
            const __m512i fields = ternary5_permute(ternary5_code(from, s));

UNROLL(3)
            for (int p = 0; p < 3; p++)
                _mm512_storeu_si512(out_panel + word_at(3 * s + p) + g * 64,
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
                _mm512_storeu_si512(out_panel + table_at(4 * s + b) + h * 64,
                                    ternary5_index(ternary5_index_pair(indexed[2 * h][s], indexed[2 * h + 1][s], b / 2), b));
}

/* acc += four columns of four prepared rows by a word of the panel. */
ALWAYS_INLINE void dot_word(const uint8_t *quad, const uint8_t *panel, int word, __m512i (*acc)[TERNARY_PANEL])
{
    __m512i words[TERNARY5_QUAD];

UNROLL(4)
    for (int x = 0; x < TERNARY5_QUAD; x++)
        words[x] = ternary_word((const int8_t *)quad + 64 * (word % 4) + 16 * (word / 4) + 4 * x);
UNROLL(4)
    for (int g = 0; g < TERNARY_PANEL; g++) {
        const __m512i codes = _mm512_loadu_si512(panel + word_at(word) + g * 64);

UNROLL(4)
        for (int x = 0; x < TERNARY5_QUAD; x++)
            acc[x][g] = _mm512_dpbusd_epi32(acc[x][g], codes, words[x]);
    }
}

/* summed += three columns of each. Every addition is kept where it stands, else gcc 12 gathers them and runs out of registers. */
ALWAYS_INLINE void sum_table(const uint8_t *quad, const uint8_t *panel, int table, __m512i (*summed)[TERNARY5_PAIRS])
{
    __m512i tables[TERNARY5_QUAD];

UNROLL(4)
    for (int x = 0; x < TERNARY5_QUAD; x++) {
        tables[x] = _mm512_loadu_si512(quad + 256 + (table * TERNARY5_QUAD + x) * TERNARY5_SUMMED_BYTES);
        KEEP_IN_REGISTER(tables[x]);
    }
UNROLL(2)
    for (int h = 0; h < TERNARY5_PAIRS; h++) {
        const __m512i index = _mm512_loadu_si512(panel + table_at(table) + h * 64);

UNROLL(4)
        for (int x = 0; x < TERNARY5_QUAD; x++) {
            summed[x][h] = _mm512_add_epi16(summed[x][h], _mm512_permutexvar_epi16(index, tables[x]));
            KEEP_IN_REGISTER(summed[x][h]);
        }
    }
}

/* sums i32[4][64] += four prepared rows by some blocks of a panel. A function of its own, for its loop needs every register. */
NEVER_INLINE void multiply(const uint8_t *quad, const uint8_t *panel, int64_t n_blocks, int32_t *sums)
{
    __m512i acc[TERNARY5_QUAD][TERNARY_PANEL], summed[TERNARY5_QUAD][TERNARY5_PAIRS];

UNROLL(4)
    for (int x = 0; x < TERNARY5_QUAD; x++) {
UNROLL(4)
        for (int g = 0; g < TERNARY_PANEL; g++)
            acc[x][g] = _mm512_loadu_si512(sums + x * TERNARY_SUMS + g * TERNARY_GROUP);
UNROLL(2)
        for (int h = 0; h < TERNARY5_PAIRS; h++)
            summed[x][h] = _mm512_setzero_si512();
    }
    for (int64_t b = 0; b < n_blocks; b++) {
UNROLL(15)
        for (int s = 0; s < TERNARY5_DOT_WORDS; s++) {
            dot_word(quad, panel, s, acc);
UNROLL(2)
            for (int t = tables_before(s); t < tables_before(s + 1); t++)
                sum_table(quad, panel, t, summed);
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
            _mm512_storeu_si512(sums + x * TERNARY_SUMS + g * TERNARY_GROUP, acc[x][g]);
    }
}

/* Where the sums of four rows of q begin: at what the codes of dot products being weights + 1 adds too much. */
ALWAYS_INLINE void begin_sums(const int32_t *dot_sum, int32_t *out_sums)
{
    for (int x = 0; x < TERNARY5_QUAD; x++)
        for (int g = 0; g < TERNARY_PANEL; g++)
            _mm512_storeu_si512(out_sums + x * TERNARY_SUMS + g * TERNARY_GROUP, _mm512_set1_epi32(-dot_sum[x]));
}

/* m rows of q from row i on, at most TERNARY5_MIXED_ROWS, by the groups from begin to end. */
ALWAYS_INLINE void side(const setun_call *call, int64_t i, int64_t m, int64_t begin, int64_t end, uint8_t *scratch, ternary_join join)
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
                unpack(call, group, least(end - group, TERNARY_PANEL), block + b, panel);
        for (int64_t x = 0; x < m; x += TERNARY5_QUAD) {
            const int64_t n_x = least(m - x, TERNARY5_QUAD);

            ternary5_prepare(call, i + x, n_x, block, n_chunk, quad);
            panel = panels;
            for (int64_t group = begin; group < end; group += TERNARY_PANEL) {
                const int64_t n = least(end - group, TERNARY_PANEL);

                if (block == 0)
                    begin_sums(dot_sum + x, sums);
                if (last)
                    ternary_prefetch_results(call, i + x, (int)n_x, group, (int)n);
                multiply(quad, panel, n_chunk, sums);
                if (last)
                    ternary_finish_sums(call, i + x, n_x, group, n, sums, join);
                panel += n_chunk * TERNARY5_MIXPANEL_BYTES;
                sums += TERNARY5_QUAD * TERNARY_SUMS;
            }
        }
    }
}

/* Where part i of n_parts begins, in steps of step, of what has n. */
static inline int64_t split(int64_t n, int64_t step, int64_t i, int64_t n_parts)
{
    return least((n + step - 1) / step * i / n_parts * step, n);
}

/* All rows of q by the tile's groups, in parts as even as can be. */
void ternary5_mixpanel_groups(const setun_call *call, const setun_tile *tile, ternary_join join)
{
    const int64_t m = call->in[0].dim[0], n_parts = ternary5_parts(m, TERNARY5_MIXED_ROWS);
    const int64_t n = tile->end - tile->begin, n_sides = ternary5_parts(n, TERNARY5_MIXED_PANELS * TERNARY_PANEL);

    for (int64_t p = 0; p < n_parts; p++) {
        const int64_t i = split(m, TERNARY5_QUAD, p, n_parts), end = split(m, TERNARY5_QUAD, p + 1, n_parts);

        for (int64_t s = 0; s < n_sides; s++)
            side(call, i, end - i, tile->begin + split(n, TERNARY_PANEL, s, n_sides),
                                   tile->begin + split(n, TERNARY_PANEL, s + 1, n_sides), tile->scratch, join);
    }
}

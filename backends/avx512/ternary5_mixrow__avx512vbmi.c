/* ternary5_mixrow__avx512vbmi.c - what kernels do that multiply a few rows of q by dot products and tables of sums: ternary5_mixrow.h. */
#include "ternary5_mixrow.h"

/* Which of three weights a code says, each in a table of its own: that takes the same two pipes as shifting one look-up's fields, and no masks. */
#define T5_FIELD(f) T5_FIELD_9(f, 0), T5_FIELD_9(f, 1), T5_FIELD_9(f, 2), 1, 1, 1, 1, 1
#define T5_FIELD_9(f, c) T5_FIELD_3(f, 0, c), T5_FIELD_3(f, 1, c), T5_FIELD_3(f, 2, c)
#define T5_FIELD_3(f, b, c) f(0, b, c), f(1, b, c), f(2, b, c)
#define T5_FIRST(a, b, c) a
#define T5_SECOND(a, b, c) b
#define T5_THIRD(a, b, c) c
static const uint8_t field_table[3][64] = {
    {T5_FIELD(T5_FIRST), T5_FIELD(T5_FIRST)}, {T5_FIELD(T5_SECOND), T5_FIELD(T5_SECOND)}, {T5_FIELD(T5_THIRD), T5_FIELD(T5_THIRD)}};

/* Codes of weights, as in tern2.r16k16, of word p of a code's three. */
ALWAYS_INLINE __m512i field(__m512i code, int p)
{
    return _mm512_permutexvar_epi8(code, _mm512_loadu_si512(field_table[p]));
}

static inline int32_t *sums_of(const setun_call *call, void *scratch)
{
    return (int32_t *)(void *)((uint8_t *)scratch + ternary5_blocks(call) * ternary5_mixrow_block_bytes(ternary5_mixrow_rows(call->in[0].dim[0])));
}

/* Scratch before the first group. */
ALWAYS_INLINE void prepare(const setun_call *call, void *scratch)
{
    const int64_t m = call->in[0].dim[0], rows = ternary5_mixrow_rows(m), k = call->in[2].dim[1], n_whole = k / TERNARY5_COLUMNS;
    const int64_t block_bytes = ternary5_mixrow_block_bytes(rows), words_bytes = ternary5_mixrow_words_bytes(rows);

    for (int64_t i = 0; i < rows; i++) {
        __m512i sum = _mm512_setzero_si512();
        int8_t tail[TERNARY5_COLUMNS] = {0};

        if (i < m)
            memcpy(tail, (const int8_t *)in_row(call, 0, i) + n_whole * TERNARY5_COLUMNS, (size_t)(k % TERNARY5_COLUMNS));
        for (int64_t b = 0; b < ternary5_blocks(call); b++) {
            const int8_t *x = i < m && b < n_whole ? (const int8_t *)in_row(call, 0, i) + b * TERNARY5_COLUMNS : tail;
            uint8_t *block = (uint8_t *)scratch + b * block_bytes;
            const __m512i first = _mm512_loadu_si512(x), last = _mm512_maskz_loadu_epi8(0xFF, x + 64);

            _mm512_storeu_si512(block + i * TERNARY5_MIXROW_Q_BYTES, first);
            memcpy(block + i * TERNARY5_MIXROW_Q_BYTES + 64, x + 64, TERNARY5_MIXROW_Q_BYTES - 64);
            sum = ternary_dot4_vnni(ternary_dot4_vnni(sum, _mm512_set1_epi8(1), first), _mm512_set1_epi8(1), last);
UNROLL(2)
            for (int s = TERNARY5_MIXROW_DOTS; s < TERNARY5_CODES; s++)
                ternary5_tables(x + 12 * s, 1, block + words_bytes + i * TERNARY5_MIXROW_TABLES_BYTES +
                                                4 * (s - TERNARY5_MIXROW_DOTS) * TERNARY5_SUMMED_BYTES);
        }
        sums_of(call, scratch)[i] = _mm512_reduce_add_epi32(sum);
    }
}

/* Look-up u of two groups, four for each code: index of its 32 rows, where even words are rows of the first group and odd ones of the second. pairs: bytes
 * 0 and 1 of their codes, and 2 and 3, made with the first of the four. */
ALWAYS_INLINE __m512i index_of(const uint8_t *block, int64_t group_bytes, int u, __m512i *pairs)
{
    if (u % 4 == 0) {
        const __m512i first = ternary5_code(block, TERNARY5_MIXROW_DOTS + u / 4), second = ternary5_code(block + group_bytes, TERNARY5_MIXROW_DOTS + u / 4);

        pairs[0] = ternary5_index_pair(first, second, 0);
        pairs[1] = ternary5_index_pair(first, second, 1);
    }
    return ternary5_index(pairs[u / 2 % 2], u);
}

/* One block of two groups by n_x rows: words of q and tables of the first of them. Look-ups are spread over the dot products, or they would wait for
 * the pipes that those leave. */
ALWAYS_INLINE void multiply_block(const uint8_t *block, int64_t group_bytes, int64_t ahead_bytes, const int8_t *words, const uint8_t *tables,
                                         int n_x, __m512i (*acc)[TERNARY5_MIXROW_PAIR], __m512i *summed)
{
    __m512i pairs[2], index = _mm512_setzero_si512();

    pairs[0] = pairs[1] = index;
UNROLL(5)
    for (int j = 0; j < 5; j++) {
        _mm_prefetch((const char *)block + ahead_bytes + 64 * j, _MM_HINT_T1);
        _mm_prefetch((const char *)block + ahead_bytes + group_bytes + 64 * j, _MM_HINT_T1);
    }
UNROLL(18)
    for (int t = 0; t < TERNARY5_MIXROW_STEPS; t++) {
        const __m512i first = field(ternary5_code(block, t / 3), t % 3);
        const __m512i second = field(ternary5_code(block + group_bytes, t / 3), t % 3);
        const int u = t * TERNARY5_MIXROW_TABLES / TERNARY5_MIXROW_STEPS;
        const int due = (t + 1) * TERNARY5_MIXROW_TABLES / TERNARY5_MIXROW_STEPS > u;

        if (due)
            index = index_of(block, group_bytes, u, pairs);
UNROLL(8)
        for (int x = 0; x < n_x; x++) {
            const __m512i word = ternary_word(words + x * TERNARY5_MIXROW_Q_BYTES + 4 * t);

            acc[x][0] = ternary_dot4_vnni(acc[x][0], first, word);
            acc[x][1] = ternary_dot4_vnni(acc[x][1], second, word);
            KEEP_IN_REGISTER(acc[x][0]);
            KEEP_IN_REGISTER(acc[x][1]);
            if (due) {
                const uint8_t *table_x = tables + x * TERNARY5_MIXROW_TABLES_BYTES + u * TERNARY5_SUMMED_BYTES;

                summed[x] = _mm512_add_epi16(summed[x], _mm512_permutexvar_epi16(index, _mm512_loadu_si512(table_x)));
                KEEP_IN_REGISTER(summed[x]);
            }
        }
    }
}

/* n_x rows of q from row i on by a group and, if n is 2, the one after it; if not, the group stands for both. n_x is a constant where this is inlined. */
ALWAYS_INLINE void pass(const setun_call *call, int64_t i, int n_x, int64_t group, int n, uint8_t *scratch, ternary_join join)
{
    const int64_t n_blocks = ternary5_blocks(call), rows = ternary5_mixrow_rows(call->in[0].dim[0]);
    const int64_t block_bytes = ternary5_mixrow_block_bytes(rows), stride = n_blocks * TERNARY5_BLOCK_BYTES, group_bytes = n == 2 ? stride : 0;
    const uint8_t *w = ternary5_group(call, group);
    const int8_t *words = (const int8_t *)scratch + i * TERNARY5_MIXROW_Q_BYTES;
    const uint8_t *tables = scratch + ternary5_mixrow_words_bytes(rows) + i * TERNARY5_MIXROW_TABLES_BYTES;
    const int32_t *sum = sums_of(call, scratch);
    _Alignas(64) int32_t dots[TERNARY5_MIXROW_X][TERNARY5_MIXROW_PAIR][TERNARY_GROUP];
    __m512i acc[TERNARY5_MIXROW_X][TERNARY5_MIXROW_PAIR];

UNROLL(8)
    for (int x = 0; x < n_x; x++)
        acc[x][0] = acc[x][1] = _mm512_setzero_si512();
    for (int64_t b = 0; b < n_blocks;) {
        const int64_t end = least(b + TERNARY5_MIXROW_BLOCKS, n_blocks);
        __m512i summed[TERNARY5_MIXROW_X];

UNROLL(8)
        for (int x = 0; x < n_x; x++)
            summed[x] = _mm512_setzero_si512();
        for (; b < end; b++) {
            multiply_block(w, group_bytes, TERNARY5_MIXROW_PAIR * stride, words, tables, n_x, acc, summed);
UNROLL(8)
            for (int x = 0; x < n_x; x++) {
                KEEP_IN_REGISTER(acc[x][0]);
                KEEP_IN_REGISTER(acc[x][1]);
                KEEP_IN_REGISTER(summed[x]);
            }
            w += TERNARY5_BLOCK_BYTES;
            words += block_bytes;
            tables += block_bytes;
        }
UNROLL(8)
        for (int x = 0; x < n_x; x++)
            ternary5_empty(summed[x], &acc[x][0], &acc[x][1]);
    }
    /* By way of memory, as clang keeps what a loop with a condition takes there from the beginning, at a third of the speed. */
UNROLL(8)
    for (int x = 0; x < n_x; x++) {
        _mm512_storeu_si512(dots[x][0], acc[x][0]);
        _mm512_storeu_si512(dots[x][1], acc[x][1]);
    }
    for (int x = 0; x < n_x && i + x < call->in[0].dim[0]; x++)
        for (int g = 0; g < n; g++)
            ternary_store(call, i + x, group + g, _mm512_loadu_si512(dots[x][g]), sum[i + x], join);
}

/* What a few rows by dot products alone want is less. */
void ternary5_mixrow_begin(const setun_call *call, const setun_tile *tile)
{
    if (call->in[0].dim[0] < TERNARY5_MIXROW_LEAST)
        ternary5_begin(call, tile->scratch, ternary_dot4_vnni);
    else
        prepare(call, tile->scratch);
}

void ternary5_mixrow_groups(const setun_call *call, const setun_tile *tile, ternary_join join)
{
    const int64_t rows = ternary5_mixrow_rows(call->in[0].dim[0]);

    if (call->in[0].dim[0] < TERNARY5_MIXROW_LEAST) {
        ternary5_stream_groups_vbmi(call, tile, join);
        return;
    }
    for (int64_t g = tile->begin; g < tile->end; g += TERNARY5_MIXROW_PAIR) {
        const int n = tile->end - g < TERNARY5_MIXROW_PAIR ? 1 : TERNARY5_MIXROW_PAIR;

        for (int64_t i = 0; i < rows; i += ternary5_mixrow_next(rows - i))
            switch (ternary5_mixrow_next(rows - i)) {
            case 4:
                pass(call, i, 4, g, n, tile->scratch, join);
                break;
            case 6:
                pass(call, i, 6, g, n, tile->scratch, join);
                break;
            default:
                pass(call, i, TERNARY5_MIXROW_X, g, n, tile->scratch, join);
            }
    }
}

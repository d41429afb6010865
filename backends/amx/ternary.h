/* ternary.h - linear with int8 activations and ternary weights in tern2.r16k16 (formats.md): y[m, n] = (q[m, :] . t[n, :]) * (ws[n]
 * / s[m]).
 *
 * Four blocks of a group of 16 rows of t are a tile: word p of block b holds columns 16b + 4p .. + 3 of the 16 rows, which is row
 * 4b + p of the tile, so that unpacking is a shift, a mask and a subtraction. Rows of q are tiles as they lie there: their padding to
 * 64 bytes is zero. A *step* is 64 columns.
 *
 * Two groups, a panel, are unpacked `chunk` steps at a time into scratch, as much as half of the first cache holds, and every row of q meets
 * them there before the next chunk: 32 rows of q at a time in four tiles of sums, which go to scratch between chunks (they stay in
 * their tiles if there are 32 rows at most). The first rows unpack as they go, AHEAD steps before they need it, so that vector
 * instructions and tiles work at the same time. */
#ifndef SETUN_AMX_TERNARY_H
#define SETUN_AMX_TERNARY_H
#include <stdbool.h>
#include <string.h>

#include "rows.h"
#include "tiles.h"

#define TERNARY_BLOCK_BYTES 64
#define PANEL_GROUPS 2
#define STEP_COLUMNS TILE_ROW_BYTES
#define STEP_BLOCKS 4 /* of 16 columns */
#define STEP_BYTES (PANEL_GROUPS * TILE_BYTES)
#define AHEAD 2 /* a tile is not loaded from stores that are still under way */
/* Sums of 128 k: numerics.md asks for no more either. */
#define TERNARY_K_MAX ((INT64_C(1) << 24) - 1)

typedef struct ternary_work {
    const setun_call *call;
    const uint8_t *group[PANEL_GROUPS]; /* their blocks; the same twice at the end of an odd number of groups */
    uint8_t *panel;                     /* [chunk][groups][16][64] unpacked weights, one byte each */
    int8_t *tail;                       /* [16][n_steps * 64] the last rows of q, and zeros, if they do not fill a tile */
    int32_t *sums;                      /* [n_row_blocks + 1][groups][16][16]; the last is for the halves of a sum */
    int64_t n_steps, chunk, n_blocks;   /* n_blocks of 16 columns of weights */
    int64_t n_row_blocks;               /* of 16 rows of q */
} ternary_work;

static inline int64_t ternary_steps(int64_t k)
{
    return (k + STEP_COLUMNS - 1) / STEP_COLUMNS;
}

static inline int64_t ternary_row_blocks(int64_t m)
{
    return (m + TILE_ROWS - 1) / TILE_ROWS;
}

/* Chunks of one size, the last may be smaller. */
static inline int64_t ternary_chunk_steps(uint64_t l1d_bytes, int64_t n_steps)
{
    const uint64_t usual_l1d_bytes = 48 << 10, least_steps = 4;
    const uint64_t fit = (l1d_bytes == 0 ? usual_l1d_bytes : l1d_bytes) / 2 / STEP_BYTES;
    const int64_t most = fit < least_steps ? (int64_t)least_steps : fit < (uint64_t)n_steps ? (int64_t)fit : n_steps;
    const int64_t n_chunks = (n_steps + most - 1) / most;

    return n_chunks == 0 ? 1 : (n_steps + n_chunks - 1) / n_chunks;
}

static inline size_t ternary_scratch_bytes(int64_t m, int64_t k, int64_t chunk)
{
    return (size_t)chunk * STEP_BYTES + (size_t)ternary_steps(k) * TILE_BYTES + (size_t)(ternary_row_blocks(m) + 1) * PANEL_GROUPS * TILE_BYTES;
}

/* Both groups' weights of one step, whose place in the panel is `slot`. The same lines of the next panel are asked for meanwhile. */
static inline void ternary_unpack(const ternary_work *w, int64_t step, int64_t slot)
{
    const int64_t n = least(STEP_BLOCKS, w->n_blocks - step * STEP_BLOCKS), group_bytes = w->n_blocks * TERNARY_BLOCK_BYTES;
    uint8_t *to = w->panel + slot * STEP_BYTES;

    for (int g = 0; g < PANEL_GROUPS; g++) {
        const uint8_t *from = w->group[g] + step * STEP_BLOCKS * TERNARY_BLOCK_BYTES;

        for (int64_t b = 0; b < n; b++, from += TERNARY_BLOCK_BYTES) {
            const __m512i codes = _mm512_loadu_si512(from);

            _mm_prefetch((const char *)from + PANEL_GROUPS * group_bytes, _MM_HINT_T1);
#pragma GCC unroll 4
            for (unsigned p = 0; p < 4; p++, to += TILE_ROW_BYTES)
                _mm512_storeu_si512(to, _mm512_sub_epi8(_mm512_and_si512(_mm512_srli_epi16(codes, 2 * p), _mm512_set1_epi8(3)),
                                                        _mm512_set1_epi8(1)));
        }
        for (int64_t b = n; b < STEP_BLOCKS; b++, to += 4 * TILE_ROW_BYTES) /* beyond the last column */
            memset(to, 0, 4 * TILE_ROW_BYTES);
    }
}

/* Where rows 16 * block .. + 15 of q lie, and how far apart. */
static inline const int8_t *ternary_rows(const ternary_work *w, int64_t block, int64_t *out_stride)
{
    if ((block + 1) * TILE_ROWS <= w->call->in[0].dim[0]) {
        *out_stride = w->call->in[0].stride_bytes[0];
        return in_row(w->call, 0, block * TILE_ROWS);
    }
    *out_stride = w->n_steps * STEP_COLUMNS;
    return w->tail;
}

static inline int32_t *ternary_sums(const ternary_work *w, int64_t block, int group)
{
    return w->sums + (block * PANEL_GROUPS + group) * (TILE_BYTES / (int64_t)sizeof(int32_t));
}

/* The first steps of a chunk, before its tiles are loaded; the others follow AHEAD steps before them. */
static inline void ternary_unpack_first(const ternary_work *w, int64_t first, int64_t end)
{
    for (int64_t step = first; step < end && step < first + AHEAD; step++)
        ternary_unpack(w, step, step - first);
}

static inline void ternary_unpack_ahead(const ternary_work *w, int64_t step, int64_t first, int64_t end)
{
    if (step + AHEAD < end)
        ternary_unpack(w, step + AHEAD, step + AHEAD - first);
}

/* 32 rows of q by the panel's steps first .. end - 1. Tiles 0 .. 3: sums; 4, 5: q; 6, 7: weights. */
static inline void ternary_32_rows(const ternary_work *w, int64_t block, int64_t first, int64_t end, bool unpack, bool load, bool store)
{
    int64_t stride_a, stride_b;
    const int8_t *a = ternary_rows(w, block, &stride_a), *b = ternary_rows(w, block + 1, &stride_b);

    if (unpack)
        ternary_unpack_first(w, first, end);
    if (first == 0) {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
    } else if (load) {
        TILE_LOAD(0, ternary_sums(w, block, 0), TILE_ROW_BYTES);
        TILE_LOAD(1, ternary_sums(w, block, 1), TILE_ROW_BYTES);
        TILE_LOAD(2, ternary_sums(w, block + 1, 0), TILE_ROW_BYTES);
        TILE_LOAD(3, ternary_sums(w, block + 1, 1), TILE_ROW_BYTES);
    }
    for (int64_t step = first; step < end; step++) {
        const uint8_t *panel = w->panel + (step - first) * STEP_BYTES;

        if (unpack)
            ternary_unpack_ahead(w, step, first, end);
        TILE_LOAD(6, panel, TILE_ROW_BYTES);
        TILE_LOAD(4, a + step * STEP_COLUMNS, stride_a);
        TILE_DOT(0, 4, 6);
        TILE_LOAD(7, panel + TILE_BYTES, TILE_ROW_BYTES);
        TILE_DOT(1, 4, 7);
        TILE_LOAD(5, b + step * STEP_COLUMNS, stride_b);
        TILE_DOT(2, 5, 6);
        TILE_DOT(3, 5, 7);
    }
    if (store) {
        TILE_STORE(0, ternary_sums(w, block, 0), TILE_ROW_BYTES);
        TILE_STORE(1, ternary_sums(w, block, 1), TILE_ROW_BYTES);
        TILE_STORE(2, ternary_sums(w, block + 1, 0), TILE_ROW_BYTES);
        TILE_STORE(3, ternary_sums(w, block + 1, 1), TILE_ROW_BYTES);
    }
}

/* The sums of every other step, which lie after the last block of rows, belong to it too. */
static inline void ternary_add_halves(const ternary_work *w, int64_t block)
{
    const int32_t *half = ternary_sums(w, w->n_row_blocks, 0);
    int32_t *sums = ternary_sums(w, block, 0);

    for (int64_t i = 0; i < PANEL_GROUPS * TILE_BYTES / (int64_t)sizeof(int32_t); i += 16)
        _mm512_storeu_si512(sums + i, _mm512_add_epi32(_mm512_loadu_si512(sums + i), _mm512_loadu_si512(half + i)));
}

/* The same for 16 rows of q. Two sums would wait for themselves, 52 cycles each time, so even and odd steps have their own. */
static inline void ternary_16_rows(const ternary_work *w, int64_t block, int64_t first, int64_t end, bool unpack, bool load, bool store)
{
    int64_t stride, step = first;
    const int8_t *a = ternary_rows(w, block, &stride);

    if (unpack)
        ternary_unpack_first(w, first, end);
    if (first == 0) {
        TILE_ZERO(0);
        TILE_ZERO(1);
    } else if (load) {
        TILE_LOAD(0, ternary_sums(w, block, 0), TILE_ROW_BYTES);
        TILE_LOAD(1, ternary_sums(w, block, 1), TILE_ROW_BYTES);
    }
    if (first == 0 || load) {
        TILE_ZERO(2);
        TILE_ZERO(3);
    }
    for (; step < end; step += 2) {
        const uint8_t *panel = w->panel + (step - first) * STEP_BYTES;

        if (unpack)
            ternary_unpack_ahead(w, step, first, end);
        TILE_LOAD(4, a + step * STEP_COLUMNS, stride);
        TILE_LOAD(6, panel, TILE_ROW_BYTES);
        TILE_DOT(0, 4, 6);
        TILE_LOAD(7, panel + TILE_BYTES, TILE_ROW_BYTES);
        TILE_DOT(1, 4, 7);
        if (step + 1 == end)
            break;
        if (unpack)
            ternary_unpack_ahead(w, step + 1, first, end);
        TILE_LOAD(5, a + (step + 1) * STEP_COLUMNS, stride);
        TILE_LOAD(6, panel + STEP_BYTES, TILE_ROW_BYTES);
        TILE_DOT(2, 5, 6);
        TILE_LOAD(7, panel + STEP_BYTES + TILE_BYTES, TILE_ROW_BYTES);
        TILE_DOT(3, 5, 7);
    }
    if (store) {
        TILE_STORE(0, ternary_sums(w, block, 0), TILE_ROW_BYTES);
        TILE_STORE(1, ternary_sums(w, block, 1), TILE_ROW_BYTES);
        TILE_STORE(2, ternary_sums(w, w->n_row_blocks, 0), TILE_ROW_BYTES);
        TILE_STORE(3, ternary_sums(w, w->n_row_blocks, 1), TILE_ROW_BYTES);
        ternary_add_halves(w, block);
    }
}

/* All sums of the panel. */
static inline void ternary_panel(const ternary_work *w)
{
    const bool keep = w->n_row_blocks <= 2; /* all sums are tiles at once */

    for (int64_t first = 0; first < w->n_steps; first += w->chunk) {
        const int64_t end = least(first + w->chunk, w->n_steps);
        const bool store = !keep || end == w->n_steps;
        int64_t block = 0;

        for (; block + 2 <= w->n_row_blocks; block += 2)
            ternary_32_rows(w, block, first, end, block == 0, !keep, store);
        if (block < w->n_row_blocks)
            ternary_16_rows(w, block, first, end, block == 0, !keep, store);
    }
}

/* y of all rows of q and one group, from the sums. */
static inline void ternary_store(const ternary_work *w, int64_t group, int g)
{
    const setun_call *call = w->call;
    const int64_t j = (group + g) * TILE_ROWS, n = call->in[2].dim[0] - j;
    const __mmask16 lanes = (__mmask16)(n >= TILE_ROWS ? 0xFFFFu : (1u << n) - 1);
    const __m512 w_scale = _mm512_maskz_loadu_ps(lanes, (const float *)call->in[3].data + j);
    const float *s = call->in[1].data;

    for (int64_t i = 0; i < call->in[0].dim[0]; i++) {
        const __m512i sums = _mm512_loadu_si512(ternary_sums(w, i / TILE_ROWS, g) + i % TILE_ROWS * TILE_ROWS);
        const __m512 factor = _mm512_div_ps(w_scale, _mm512_set1_ps(s[i]));

        _mm512_mask_storeu_ps((float *)out_row(call, 0, i) + j, lanes, _mm512_mul_ps(_mm512_cvtepi32_ps(sums), factor));
    }
}

/* The rows of q that do not fill a tile, with zeros after each and after them. */
static inline void ternary_copy_tail(const ternary_work *w)
{
    const int64_t m = w->call->in[0].dim[0], k = w->call->in[0].dim[1], row_bytes = w->n_steps * STEP_COLUMNS;
    int64_t r = 0;

    if (m % TILE_ROWS == 0)
        return;
    for (; r < m % TILE_ROWS; r++) {
        memcpy(w->tail + r * row_bytes, in_row(w->call, 0, m / TILE_ROWS * TILE_ROWS + r), (size_t)k);
        memset(w->tail + r * row_bytes + k, 0, (size_t)(row_bytes - k));
    }
    memset(w->tail + r * row_bytes, 0, (size_t)((TILE_ROWS - r) * row_bytes));
}

static inline void ternary_run(const setun_call *call, const setun_tile *tile)
{
    const int64_t k = call->in[2].dim[1], n_blocks = (k + 15) / 16;
    ternary_work w = {
        .call = call,
        .panel = tile->scratch,
        .n_steps = ternary_steps(k),
        .chunk = (int64_t)call->choice[0],
        .n_blocks = n_blocks,
        .n_row_blocks = ternary_row_blocks(call->in[0].dim[0]),
    };

    if (tile->begin == tile->end)
        return;
    w.tail = (int8_t *)w.panel + w.chunk * STEP_BYTES;
    w.sums = (int32_t *)(void *)(w.tail + w.n_steps * TILE_BYTES);
    ternary_copy_tail(&w);
    for (int64_t group = tile->begin; group < tile->end; group += PANEL_GROUPS) {
        const int n = group + 1 < tile->end ? 2 : 1;

        w.group[0] = (const uint8_t *)call->in[2].data + group * n_blocks * TERNARY_BLOCK_BYTES;
        w.group[1] = w.group[0] + (n - 1) * n_blocks * TERNARY_BLOCK_BYTES;
        ternary_panel(&w);
        for (int g = 0; g < n; g++)
            ternary_store(&w, group, g);
    }
}
#endif

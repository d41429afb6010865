/* ternary5.h - tern5.r16k96 (formats.md): blocks of 16 rows by 96 columns in 320 bytes, three weights in each code of five bits; and packing
 * into them. A row's 96 columns are 20 bytes of its block: four neighbouring bytes, one word, of each of its five lines. */
#ifndef SETUN_SCALAR_TERNARY5_H
#define SETUN_SCALAR_TERNARY5_H
#include "ternary.h"

enum {
    TERNARY5_ROWS = 16, TERNARY5_COLUMNS = 96, TERNARY5_BYTES = 320, TERNARY5_LINE = 64,
    TERNARY5_LCM_COLUMNS = 768 /* whole blocks here and in every format of GGUF files */
};

/* The block of tern5.r16k96[n, k] that holds row r, column c. */
static inline size_t ternary5_block(int64_t k, int64_t r, int64_t c)
{
    const size_t n_blocks = ((size_t)k + TERNARY5_COLUMNS - 1) / TERNARY5_COLUMNS;

    return ((size_t)(r / TERNARY5_ROWS) * n_blocks + (size_t)(c / TERNARY5_COLUMNS)) * TERNARY5_BYTES;
}

/* codes[96] of weights (0, 1, 2) into row r, 0 .. 15, of a block. */
static inline void ternary5_put(const uint8_t *codes, int64_t r, uint8_t *block)
{
    uint32_t x[8], line[5];

    for (int s = 0; s < 8; s++)
        x[s] = word_of(codes + 12 * s) + 3 * word_of(codes + 12 * s + 4) + 9 * word_of(codes + 12 * s + 8);
    line[0] = x[0] | (x[5] & 0x07070707) << 5;
    line[1] = x[1] | (x[5] & 0x18181818) << 2 | (x[7] & 0x08080808) << 4;
    line[2] = x[2] | (x[6] & 0x07070707) << 5;
    line[3] = x[3] | (x[6] & 0x18181818) << 2 | (x[7] & 0x10101010) << 3;
    line[4] = x[4] | (x[7] & 0x07070707) << 5;
    for (int j = 0; j < 5; j++)
        memcpy(block + TERNARY5_LINE * j + 4 * r, &line[j], sizeof(line[j]));
}

/* The code of five bits that holds the columns 12 s + e, 12 s + 4 + e and 12 s + 8 + e of row r. */
static inline unsigned ternary5_code(const uint8_t *block, int64_t r, int64_t s, int64_t e)
{
    const uint8_t *at = block + 4 * r + e;
    const unsigned line[5] = {at[0], at[TERNARY5_LINE], at[2 * TERNARY5_LINE], at[3 * TERNARY5_LINE], at[4 * TERNARY5_LINE]};

    switch (s) {
    case 5:
        return line[0] >> 5 | (line[1] >> 5 & 3) << 3;
    case 6:
        return line[2] >> 5 | (line[3] >> 5 & 3) << 3;
    case 7:
        return line[4] >> 5 | (line[1] >> 7) << 3 | (line[3] >> 7) << 4;
    default:
        return line[s] & 31;
    }
}

/* The code, 0, 1 or 2, of row r, 0 .. 15, and column c, 0 .. 95, of a block. */
static inline unsigned ternary5_get(const uint8_t *block, int64_t r, int64_t c)
{
    static const unsigned power[3] = {1, 3, 9};

    return ternary5_code(block, r, c / 12, c % 4) / power[c % 12 / 4] % 3;
}

/* The codes of n columns of row r from column c on, a multiple of TERNARY5_LCM_COLUMNS; n at most as many. */
typedef void ternary5_source(const setun_call *call, int64_t r, int64_t c, int64_t n, uint8_t *out_codes);

/* Any packing to tern5.r16k96; its scales too. One unit is a group of 16 rows. */
static inline void pack_ternary5(const setun_call *call, const setun_tile *tile, ternary5_source *source)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1];
    uint8_t codes[TERNARY5_LCM_COLUMNS];

    for (int64_t r = TERNARY5_ROWS * tile->begin; r < TERNARY5_ROWS * tile->end; r++) {
        for (int64_t c = 0; c < k; c += TERNARY5_LCM_COLUMNS) {
            const int64_t width = k - c < TERNARY5_LCM_COLUMNS ? k - c : TERNARY5_LCM_COLUMNS;

            memset(codes, 1, sizeof(codes)); /* columns and rows of padding are weights 0 */
            if (r < n)
                source(call, r, c, width, codes);
            for (int64_t j = 0; j < width; j += TERNARY5_COLUMNS)
                ternary5_put(codes + j, r % TERNARY5_ROWS, (uint8_t *)call->out[0].data + ternary5_block(k, r, c + j));
        }
        if (r < n)
            ((float *)call->out[1].data)[r] = ((const float *)call->in[1].data)[r];
    }
}

static inline setun_status ternary5_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(0.35 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

static inline int64_t ternary5_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[0].dim[0] + TERNARY5_ROWS - 1) / TERNARY5_ROWS;
}
#endif

/* ternary_blocks.h - the ternary formats of GGUF files (formats.md): blocks of tern2.i2s, tern.tq1 and tern2.tq2, and packing between rows of
 * them and tern2.row or tern2.r16k16. Codes 0, 1, 2 are the weights -1, 0, 1 everywhere. Blocks are aligned to nothing. */
#ifndef SETUN_SCALAR_TERNARY_BLOCKS_H
#define SETUN_SCALAR_TERNARY_BLOCKS_H
#include "ternary.h"

enum {
    I2S_COLUMNS = 128, I2S_BYTES = 32,
    TQ_COLUMNS = 256, /* of both types */
    TQ1_BYTES = 54, TQ1_D = 52,
    TQ2_BYTES = 66, TQ2_D = 64,
    TERNARY_MAX_COLUMNS = 256
};

/* Codes of a block's columns, and a block of codes; `scale` is the row's. */
typedef void get_block(const uint8_t *block, uint8_t *out_codes);
typedef void put_block(const uint8_t *codes, float scale, uint8_t *out_block);

/* Column 32q + l is in byte l, bits 6 - 2q and the next. */
static inline void i2s_get(const uint8_t *block, uint8_t *out_codes)
{
    for (int q = 0; q < 4; q++)
        for (int l = 0; l < I2S_BYTES; l += 4) {
            const uint32_t codes = word_of(block + l) >> (6 - 2 * q) & 0x03030303;

            memcpy(out_codes + 32 * q + l, &codes, sizeof(codes));
        }
}

static inline void i2s_put(const uint8_t *codes, float scale, uint8_t *out_block)
{
    (void)scale;
    for (int l = 0; l < I2S_BYTES; l++)
        out_block[l] = (uint8_t)(codes[l] << 6 | codes[32 + l] << 4 | codes[64 + l] << 2 | codes[96 + l]);
}

/* Whether the f16 d of a block is zero, of either sign: then all its weights are, whatever its codes. */
static inline int d_is_zero(const uint8_t *d)
{
    return d[0] == 0 && (d[1] & 0x7F) == 0;
}

static inline void put_d(float scale, uint8_t *out_d)
{
    const uint16_t d = f32_to_f16(scale);

    out_d[0] = (uint8_t)(d & 0xFF);
    out_d[1] = (uint8_t)(d >> 8);
}

/* Column 128h + 32q + l is in byte 32h + l, bits 2q and the next. */
static inline void tq2_get(const uint8_t *block, uint8_t *out_codes)
{
    const int zero = d_is_zero(block + TQ2_D);

    for (int c = 0; c < TQ_COLUMNS; c++)
        out_codes[c] = (uint8_t)(zero ? 1 : block[c / 128 * 32 + c % 32] >> (c % 128 / 32 * 2) & 3);
}

static inline void tq2_put(const uint8_t *codes, float scale, uint8_t *out_block)
{
    for (int i = 0; i < 64; i++) {
        const uint8_t *from = codes + i / 32 * 128 + i % 32;

        out_block[i] = (uint8_t)(from[0] | from[32] << 2 | from[64] << 4 | from[96] << 6);
    }
    put_d(scale, out_block + TQ2_D);
}

/* Trit n of a byte is the integer part of 3 * frac(byte * 3^n / 256). */
static inline uint8_t tq1_trit(uint8_t byte, int n)
{
    static const uint8_t power[5] = {1, 3, 9, 27, 81};

    return (uint8_t)((uint8_t)(byte * power[n]) * 3 >> 8);
}

/* The byte whose trits 0 .. 4 are the digits of number, 0 .. 242, in base 3, the highest first: number / 243 of 256, rounded up. */
static inline uint8_t tq1_byte(unsigned number)
{
    return (uint8_t)((number * 256 + 242) / 243);
}

/* Columns 32n + m are trit n of byte m < 32; 160 + 16n + m of byte 32 + m, m < 16; 240 + 4n + m of byte 48 + m, m < 4 (four trits each). */
static inline void tq1_get(const uint8_t *block, uint8_t *out_codes)
{
    const int zero = d_is_zero(block + TQ1_D);

    for (int c = 0; c < 160; c++)
        out_codes[c] = tq1_trit(block[c % 32], c / 32);
    for (int c = 0; c < 80; c++)
        out_codes[160 + c] = tq1_trit(block[32 + c % 16], c / 16);
    for (int c = 0; c < 16; c++)
        out_codes[240 + c] = tq1_trit(block[48 + c % 4], c / 4);
    for (int c = 0; zero && c < TQ_COLUMNS; c++)
        out_codes[c] = 1;
}

/* Digits of n_digits codes `step` apart, then zeros up to five. */
static inline unsigned tq1_number(const uint8_t *codes, int step, int n_digits)
{
    unsigned number = 0;

    for (int i = 0; i < 5; i++)
        number = 3 * number + (i < n_digits ? codes[i * step] : 0);
    return number;
}

static inline void tq1_put(const uint8_t *codes, float scale, uint8_t *out_block)
{
    for (int m = 0; m < 32; m++)
        out_block[m] = tq1_byte(tq1_number(codes + m, 32, 5));
    for (int m = 0; m < 16; m++)
        out_block[32 + m] = tq1_byte(tq1_number(codes + 160 + m, 16, 5));
    for (int m = 0; m < 4; m++)
        out_block[48 + m] = tq1_byte(tq1_number(codes + 240 + m, 4, 4));
    put_d(scale, out_block + TQ1_D);
}

static inline setun_status blocks_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(0.3 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

/* Rows of blocks to tern2.row. One unit is a row. */
static inline void blocks_to_rows(const setun_call *call, const setun_tile *tile, get_block *get, int columns, int block_bytes)
{
    const int64_t k = call->in[0].dim[1];
    uint8_t block_codes[TERNARY_MAX_COLUMNS];

    for (int64_t r = tile->begin; r < tile->end; r++) {
        const uint8_t *from = in_row(call, 0, r);
        uint8_t *codes = out_row(call, 0, r);

        ternary_clear_row(codes, k);
        for (int64_t c = 0; c < k; c += columns, from += block_bytes) {
            get(from, block_codes);
            for (int j = 0; j < columns; j += 4)
                codes[(c + j) / 4] = (uint8_t)(block_codes[j] | block_codes[j + 1] << 2 | block_codes[j + 2] << 4 | block_codes[j + 3] << 6);
        }
        ((float *)call->out[1].data)[r] = ((const float *)call->in[1].data)[r];
    }
}

/* One unit is a group of 16 rows. */
static inline int64_t units_of_16_rows(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[0].dim[0] + 15) / 16;
}

/* Rows of blocks to tern2.r16k16. */
static inline void blocks_to_r16k16(const setun_call *call, const setun_tile *tile, get_block *get, int columns, int block_bytes)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1];
    uint8_t *to = call->out[0].data;
    uint8_t block_codes[TERNARY_MAX_COLUMNS];

    for (int64_t g = tile->begin; g < tile->end; g++) {
        const int64_t end = 16 * g + 16 < n ? 16 * g + 16 : n;

        if (end < 16 * g + 16) /* rows of padding; columns have none, because 16 divides those of a block */
            memset(to + ternary_block(k, 16 * g, 0), 0x55, ternary_block(k, 16, 0));
        for (int64_t r = 16 * g; r < end; r++) {
            const uint8_t *from = in_row(call, 0, r);

            for (int64_t c = 0; c < k; c += columns, from += block_bytes) {
                get(from, block_codes);
                for (int64_t j = 0; j < columns; j += 16)
                    ternary_block_put_row(to + ternary_block(k, r, c + j), r % 16, block_codes + j);
            }
            ((float *)call->out[1].data)[r] = ((const float *)call->in[1].data)[r];
        }
    }
}

/* tern2.row to rows of blocks. One unit is a row. */
static inline void rows_to_blocks(const setun_call *call, const setun_tile *tile, put_block *put, int columns, int block_bytes)
{
    const int64_t k = call->in[0].dim[1];
    uint8_t block_codes[TERNARY_MAX_COLUMNS];

    for (int64_t r = tile->begin; r < tile->end; r++) {
        const float scale = ((const float *)call->in[1].data)[r];
        const uint8_t *codes = in_row(call, 0, r);
        uint8_t *to = out_row(call, 0, r);

        for (int64_t c = 0; c < k; c += columns, to += block_bytes) {
            for (int64_t j = c; j < c + columns; j++)
                block_codes[j - c] = (uint8_t)(codes[j / 4] >> (2 * (j % 4)) & 3);
            put(block_codes, scale, to);
        }
        ((float *)call->out[1].data)[r] = scale;
    }
}
#endif

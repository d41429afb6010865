/* gguf_ternary.c - ternary tensors of GGUF files: their scales, and contents that have to be decoded while they are read. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weights/reader.h"
#include "weights/small_float.h"

enum {
    I2S_COLUMNS = 128, I2S_BYTES = 32, /* a block of the format tern2.i2s */
    TQ_COLUMNS = 256,
    TQ1_BYTES = 54, TQ1_D = 52,
    TQ2_BYTES = 66, TQ2_D = 64
};

/* ---- I2_S ---- */

static void put_code(unsigned char *block, size_t column, unsigned code)
{
    block[column % 32] = (unsigned char)(block[column % 32] | code << (6 - 2 * (column / 32)));
}

/* Two blocks of 64 columns in 16 bytes each to one of 128 in 32: column 16q + l of 64 is in byte l, bits 6 - 2q and the next. */
static void decode_64(const setun_weight_coding *coding, const unsigned char *stored, unsigned char *out)
{
    memset(out, 0, coding->n_bytes);
    for (size_t c = 0; c < I2S_COLUMNS; c++)
        put_code(out, c, (unsigned)(stored[c / 64 * 16 + c % 16] >> (6 - 2 * (c % 64 / 16))) & 3);
}

/* Four rows of k columns in k bytes, the first row in the high bits, to four rows of blocks. */
static void decode_rows(const setun_weight_coding *coding, const unsigned char *stored, unsigned char *out)
{
    const size_t k = coding->stored_bytes;

    memset(out, 0, coding->n_bytes);
    for (size_t r = 0; r < 4; r++)
        for (size_t c = 0; c < k; c++)
            put_code(out + r * (k / 4) + c / I2S_COLUMNS * I2S_BYTES, c % I2S_COLUMNS, (unsigned)(stored[c] >> (6 - 2 * r)) & 3);
}

setun_status setun_gguf_read_i2s(setun_weights *weights, const setun_gguf_tensor *tensor, enum setun_i2s_layout layout, setun_weight *weight,
                                 setun_error *error)
{
    static const setun_weight_coding coding_64 = {I2S_BYTES, I2S_BYTES, decode_64};
    setun_weight_coding *coding;
    setun_status status;

    if (tensor->n_dims != 2 || tensor->dim[0] % I2S_COLUMNS != 0)
        return setun_gguf_fail_tensor(weights->gguf, tensor, error, SETUN_ERR_UNSUPPORTED,
                                      "expected a matrix whose rows have a multiple of %d values of type I2_S, found %u dimensions and %" PRId64
                                      " values a row", I2S_COLUMNS, (unsigned)tensor->n_dims, tensor->dim[0]);
    weight->fmt = "tern2.i2s";
    weight->has_scale = true;
    weight->n_bytes = (size_t)(tensor->dim[0] / 4 * tensor->dim[1]); /* the scale's 32 bytes are not part of the format */
    if (layout == SETUN_I2S_64)
        weight->coding = &coding_64;
    if (layout == SETUN_I2S_ROWS) {
        if (tensor->dim[1] % 4 != 0)
            return setun_gguf_fail_tensor(weights->gguf, tensor, error, SETUN_ERR_FORMAT,
                                          "expected a multiple of 4 rows in the layout 'rows', found %" PRId64, tensor->dim[1]);
        coding = setun_pool_alloc(&weights->pool, sizeof(*coding));
        if (coding == NULL)
            return setun_fail_nomem(error, "tensor", sizeof(*coding));
        *coding = (setun_weight_coding){(size_t)tensor->dim[0], (size_t)tensor->dim[0], decode_rows};
        weight->coding = coding;
    }
    status = setun_weight_file_read(weights->files, tensor->file_byte + weight->n_bytes, sizeof(weight->scale), &weight->scale, error);
    if (status == SETUN_OK && !(weight->scale > 0.0f && isfinite(weight->scale)))
        return setun_gguf_fail_tensor(weights->gguf, tensor, error, SETUN_ERR_FORMAT,
                                      "expected a finite scale above 0 at byte %" PRIu64 " of the file, after the codes, found %g",
                                      tensor->file_byte + weight->n_bytes, (double)weight->scale);
    return status;
}

/* ---- TQ1_0 and TQ2_0 ---- */

/* What the blocks' scales are together. */
struct scales {
    uint16_t d;        /* the first that is not zero */
    bool     any, one; /* there is such a one; all others are the same */
};

/* n blocks from the tensor's block `first` on. */
static setun_status look_at_blocks(const setun_weights *weights, const setun_gguf_tensor *tensor, const unsigned char *blocks, size_t n,
                                   size_t first, struct scales *scales, setun_error *error)
{
    const size_t block_bytes = tensor->type->n_bytes, d_at = block_bytes - 2;
    const bool two_bits = block_bytes == TQ2_BYTES;

    for (size_t i = 0; i < n; i++) {
        const unsigned char *block = blocks + i * block_bytes;
        const uint16_t d = (uint16_t)(block[d_at] | block[d_at + 1] << 8);
        unsigned bad = 0;

        if ((d & 0x7C00) == 0x7C00)
            return setun_gguf_fail_tensor(weights->gguf, tensor, error, SETUN_ERR_FORMAT,
                                          "expected a finite scale of its block %zu, at byte %" PRIu64 " of the file, found NaN or infinity",
                                          first + i, tensor->file_byte + (first + i) * block_bytes + d_at);
        for (size_t j = 0; two_bits && j < TQ2_D; j++)
            bad |= block[j] & block[j] >> 1 & 0x55;
        if (bad != 0)
            return setun_gguf_fail_tensor(weights->gguf, tensor, error, SETUN_ERR_FORMAT,
                                          "expected ternary codes of 0, 1 or 2 in its block %zu, at byte %" PRIu64 " of the file, found 3",
                                          first + i, tensor->file_byte + (first + i) * block_bytes);
        if ((d & 0x7FFF) == 0)
            continue;
        if (!scales->any)
            scales->d = d;
        scales->one = scales->one && d == scales->d;
        scales->any = true;
    }
    return SETUN_OK;
}

static setun_status read_scales(const setun_weights *weights, const setun_gguf_tensor *tensor, struct scales *out_scales, setun_error *error)
{
    const size_t block_bytes = tensor->type->n_bytes, n_blocks = tensor->n_bytes / block_bytes;
    const size_t n_at_once = SETUN_WEIGHT_CHUNK_BYTES / block_bytes;
    unsigned char *blocks = setun_alloc(n_at_once * block_bytes);
    setun_status status = SETUN_OK;

    *out_scales = (struct scales){.one = true};
    if (blocks == NULL)
        return setun_fail_nomem(error, "piece of a tensor", n_at_once * block_bytes);
    for (size_t at = 0; at < n_blocks && status == SETUN_OK; at += n_at_once) {
        const size_t n = n_blocks - at < n_at_once ? n_blocks - at : n_at_once;

        status = setun_weight_file_read(weights->files, tensor->file_byte + (uint64_t)at * block_bytes, n * block_bytes, blocks, error);
        if (status == SETUN_OK)
            status = look_at_blocks(weights, tensor, blocks, n, at, out_scales, error);
    }
    free(blocks);
    return status;
}

/* d * (code - 1) as f16: exact. */
static void put_f16(unsigned char *out, size_t column, unsigned code, const unsigned char *d)
{
    const unsigned bits = (unsigned)(d[0] | d[1] << 8);
    const unsigned value = code == 1 || (bits & 0x7FFF) == 0 ? 0 : code == 0 ? bits ^ 0x8000 : bits;

    out[2 * column] = (unsigned char)(value & 0xFF);
    out[2 * column + 1] = (unsigned char)(value >> 8);
}

static void decode_tq2(const setun_weight_coding *coding, const unsigned char *stored, unsigned char *out)
{
    (void)coding;
    for (size_t c = 0; c < TQ_COLUMNS; c++)
        put_f16(out, c, (unsigned)(stored[c / 128 * 32 + c % 32] >> (c % 128 / 32 * 2)) & 3, stored + TQ2_D);
}

/* formats.md, tern.tq1: digit t of a byte. */
static unsigned digit(unsigned byte, size_t t)
{
    static const unsigned power[] = {1, 3, 9, 27, 81};

    return (byte * power[t] & 255) * 3 >> 8;
}

static void decode_tq1(const setun_weight_coding *coding, const unsigned char *stored, unsigned char *out)
{
    (void)coding;
    for (size_t c = 0; c < 160; c++)
        put_f16(out, c, digit(stored[c % 32], c / 32), stored + TQ1_D);
    for (size_t c = 0; c < 80; c++)
        put_f16(out, 160 + c, digit(stored[32 + c % 16], c / 16), stored + TQ1_D);
    for (size_t c = 0; c < 16; c++)
        put_f16(out, 240 + c, digit(stored[48 + c % 4], c / 4), stored + TQ1_D);
}

setun_status setun_gguf_read_tq(setun_weights *weights, const setun_gguf_tensor *tensor, setun_weight *weight, setun_error *error)
{
    static const setun_weight_coding tq1 = {TQ1_BYTES, 2 * TQ_COLUMNS, decode_tq1}, tq2 = {TQ2_BYTES, 2 * TQ_COLUMNS, decode_tq2};
    const bool one_digit = tensor->type->n_bytes == TQ1_BYTES;
    struct scales scales;
    setun_status status = read_scales(weights, tensor, &scales, error);

    if (status != SETUN_OK)
        return status;
    if (scales.one && (scales.d & 0x8000) == 0 && tensor->n_dims == 2) {
        weight->fmt = one_digit ? "tern.tq1" : "tern2.tq2";
        weight->has_scale = true;
        if (scales.any) /* else all weights are zero, and any scale is right */
            weight->scale = setun_f32_of_f16(scales.d);
        return SETUN_OK;
    }
    weight->fmt = "f16";
    weight->coding = one_digit ? &tq1 : &tq2;
    weight->n_bytes = tensor->n_bytes / weight->coding->stored_bytes * weight->coding->n_bytes;
    weight->decoded = !scales.one ? one_digit ? "TQ1_0 with more than one scale" : "TQ2_0 with more than one scale"
                      : one_digit ? "TQ1_0 of no matrix, or with a negative scale"
                                  : "TQ2_0 of no matrix, or with a negative scale";
    return SETUN_OK;
}

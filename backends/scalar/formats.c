/* formats.c - the standard formats (formats.md). layout() gives bytes and strides, or 0 for dims that cannot be: one below 1, more
 * dimensions than the format has, or an overflow. */
#include <stdbool.h>

#include "kernels.h"
#include "setun_numerics.h"

#define PAD_BYTES 64 /* rows start on cache lines, and full vectors may be read to a row's end */

/* bytes and each product on the way to them stay below 2^63, so that strides and offsets are representable. */
static bool times(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static bool padded(int64_t n_bytes, int64_t *out)
{
    if (__builtin_add_overflow(n_bytes, PAD_BYTES - 1, out))
        return false;
    *out -= *out % PAD_BYTES;
    return true;
}

static size_t fail(int64_t stride_bytes[4])
{
    for (int i = 0; i < 4; i++)
        stride_bytes[i] = 0;
    return 0;
}

/* Rows of row_bytes, each padded. element_bytes 0: elements have no address of their own. */
static size_t rows_layout(const int64_t dim[4], int64_t row_bytes, int64_t element_bytes, int64_t stride_bytes[4])
{
    int64_t total;

    if (!padded(row_bytes, &stride_bytes[0]) || !times(dim[0], stride_bytes[0], &total))
        return fail(stride_bytes);
    stride_bytes[1] = element_bytes;
    stride_bytes[2] = stride_bytes[3] = 0;
    return (size_t)total;
}

static bool is_matrix(const int64_t dim[4])
{
    return dim[0] >= 1 && dim[1] >= 1 && dim[2] == 1 && dim[3] == 1;
}

static size_t matrix_layout(const int64_t dim[4], int64_t element_bytes, int64_t stride_bytes[4])
{
    int64_t row_bytes;

    if (!is_matrix(dim) || !times(dim[1], element_bytes, &row_bytes))
        return fail(stride_bytes);
    return rows_layout(dim, row_bytes, element_bytes, stride_bytes);
}

static size_t bytes4_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return matrix_layout(dim, 4, out_stride_bytes);
}

static size_t bytes2_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return matrix_layout(dim, 2, out_stride_bytes);
}

static size_t bytes1_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return matrix_layout(dim, 1, out_stride_bytes);
}

/* Codes, then the scales of their blocks. */
static size_t i8_b32_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    int64_t codes, scales, total;

    if (!is_matrix(dim) || dim[1] % SETUN_BLOCK != 0 || !padded(dim[1], &codes) ||
        !padded(dim[1] / SETUN_BLOCK * (int64_t)sizeof(float), &scales) || __builtin_add_overflow(codes, scales, &out_stride_bytes[0]) ||
        !times(dim[0], out_stride_bytes[0], &total))
        return fail(out_stride_bytes);
    out_stride_bytes[1] = 1;
    out_stride_bytes[2] = out_stride_bytes[3] = 0;
    return (size_t)total;
}

/* Blocks one after the other, rows too: as in a GGUF file. */
static size_t blocks_layout(const int64_t dim[4], int64_t columns, int64_t block_bytes, int64_t stride_bytes[4])
{
    int64_t total;

    fail(stride_bytes);
    if (!is_matrix(dim) || dim[1] % columns != 0 || !times(dim[1] / columns, block_bytes, &stride_bytes[0]) ||
        !times(dim[0], stride_bytes[0], &total))
        return fail(stride_bytes);
    return (size_t)total;
}

static size_t q8_0_b32_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return blocks_layout(dim, SETUN_BLOCK, SETUN_Q8_0_BYTES, out_stride_bytes);
}

static size_t q6_k_b256_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return blocks_layout(dim, SETUN_Q6_K_BLOCK, SETUN_Q6_K_BYTES, out_stride_bytes);
}

static size_t tern2_i2s_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return blocks_layout(dim, 128, 32, out_stride_bytes);
}

static size_t tern_tq1_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return blocks_layout(dim, 256, 54, out_stride_bytes);
}

static size_t tern2_tq2_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return blocks_layout(dim, 256, 66, out_stride_bytes);
}

static size_t tern2_row_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    if (!is_matrix(dim))
        return fail(out_stride_bytes);
    return rows_layout(dim, dim[1] / 4 + (dim[1] % 4 != 0), 0, out_stride_bytes);
}

/* Blocks of some rows by some columns. A group's blocks follow each other; rows and columns have no address of their own. */
static size_t tall_groups_layout(const int64_t dim[4], int64_t rows, int64_t columns, int64_t block_bytes, int64_t stride_bytes[4])
{
    int64_t group_bytes, total;

    fail(stride_bytes);
    if (!is_matrix(dim) || !times(dim[1] / columns + (dim[1] % columns != 0), block_bytes, &group_bytes) ||
        !times(dim[0] / rows + (dim[0] % rows != 0), group_bytes, &total))
        return 0;
    return (size_t)total;
}

static size_t groups_layout(const int64_t dim[4], int64_t columns, int64_t block_bytes, int64_t stride_bytes[4])
{
    return tall_groups_layout(dim, 16, columns, block_bytes, stride_bytes);
}

static size_t tern2_r16k16_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return groups_layout(dim, 16, 64, out_stride_bytes);
}

static size_t tern5_r16k96_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return groups_layout(dim, 96, 320, out_stride_bytes);
}

static size_t tern243_r16k20_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return groups_layout(dim, 20, 64, out_stride_bytes);
}

static size_t tern14_r32k24_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return tall_groups_layout(dim, 32, 24, 160, out_stride_bytes);
}

static size_t tern27_r64k48_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return tall_groups_layout(dim, 64, 48, 640, out_stride_bytes);
}

/* Tables of activations: rows of whole blocks of columns. */
static size_t tables_layout(const int64_t dim[4], int64_t columns, int64_t block_bytes, int64_t stride_bytes[4])
{
    int64_t total;

    fail(stride_bytes);
    if (!is_matrix(dim) || !times(dim[1] / columns + (dim[1] % columns != 0), block_bytes, &stride_bytes[0]) ||
        !times(dim[0], stride_bytes[0], &total))
        return fail(stride_bytes);
    return (size_t)total;
}

static size_t i8_t14_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return tables_layout(dim, 24, 256, out_stride_bytes);
}

static size_t i16_t27_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return tables_layout(dim, 48, 1024, out_stride_bytes);
}

/* Blocks of 64 bytes: 16 rows of 4 columns; otherwise as tern2.r16k16. */
static size_t i8_r16k4_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return groups_layout(dim, 4, 64, out_stride_bytes);
}

/* Bands of 256 rows: of every 16 the upper bits, then the lower bits row by row. The last band has what its rows need. */
static size_t i7_r256k32_layout(const int64_t dim[4], int64_t stride_bytes[4])
{
    int64_t upper, lower, full, left, total;

    fail(stride_bytes);
    if (!is_matrix(dim) || !times(dim[1] / 32 + (dim[1] % 32 != 0), 320, &upper) || !times(dim[1] / 256 + (dim[1] % 256 != 0), 64, &lower) ||
        !times(dim[0] / 16 + (dim[0] % 16 != 0), upper, &full) || !times(dim[0], lower, &left) || __builtin_add_overflow(full, left, &total))
        return 0;
    return (size_t)total;
}

/* High bytes, then low bytes. */
static size_t i16_hl_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    int64_t half, total;

    if (!is_matrix(dim) || !padded(dim[1], &half) || !times(half, 2, &out_stride_bytes[0]) ||
        !times(dim[0], out_stride_bytes[0], &total))
        return fail(out_stride_bytes);
    out_stride_bytes[1] = 1;
    out_stride_bytes[2] = out_stride_bytes[3] = 0;
    return (size_t)total;
}

static size_t tern2_hf_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    int64_t total;

    fail(out_stride_bytes); /* it has no strides */
    return is_matrix(dim) && dim[0] % 4 == 0 && times(dim[0] / 4, dim[1], &total) ? (size_t)total : 0;
}

static size_t cache_layout(const int64_t dim[4], int64_t element_bytes, int64_t stride_bytes[4])
{
    int64_t row_bytes, total;

    if (dim[0] < 1 || dim[1] < 1 || dim[2] != SETUN_CHUNK || dim[3] < 1 || !times(dim[3], element_bytes, &row_bytes) ||
        !padded(row_bytes, &stride_bytes[2]) || !times(stride_bytes[2], SETUN_CHUNK, &stride_bytes[1]) ||
        !times(stride_bytes[1], dim[1], &stride_bytes[0]) || !times(stride_bytes[0], dim[0], &total))
        return fail(stride_bytes);
    stride_bytes[3] = element_bytes;
    return (size_t)total;
}

static size_t f16_kv256_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return cache_layout(dim, 2, out_stride_bytes);
}

static size_t f32_kv256_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    return cache_layout(dim, 4, out_stride_bytes);
}

/* dims that layout() accepted, so nothing overflows. */
#define OFFSET_OF(layout)                                                                                                      \
    static size_t layout##_offset(const int64_t dim[4], int64_t row)                                                           \
    {                                                                                                                          \
        int64_t stride_bytes[4];                                                                                               \
                                                                                                                               \
        layout(dim, stride_bytes);                                                                                             \
        return (size_t)(row * stride_bytes[0]);                                                                                \
    }
OFFSET_OF(bytes4_layout)
OFFSET_OF(bytes2_layout)
OFFSET_OF(bytes1_layout)
OFFSET_OF(i8_b32_layout)
OFFSET_OF(i16_hl_layout)
OFFSET_OF(q8_0_b32_layout)
OFFSET_OF(q6_k_b256_layout)
OFFSET_OF(tern2_i2s_layout)
OFFSET_OF(tern_tq1_layout)
OFFSET_OF(tern2_tq2_layout)
OFFSET_OF(tern2_row_layout)
OFFSET_OF(i8_t14_layout)
OFFSET_OF(i16_t27_layout)
OFFSET_OF(f16_kv256_layout)
OFFSET_OF(f32_kv256_layout)

/* Only row 0 is a multiple of this format's row_group, and the end of all rows. */
static size_t tern2_hf_layout_offset(const int64_t dim[4], int64_t row)
{
    int64_t stride_bytes[4];

    return row == 0 ? 0 : tern2_hf_layout(dim, stride_bytes);
}

/* A multiple of 16, or the end of all rows. */
static size_t tern2_r16k16_layout_offset(const int64_t dim[4], int64_t row)
{
    return (size_t)((row + 15) / 16 * ((dim[1] + 15) / 16 * 64));
}

static size_t tern5_r16k96_layout_offset(const int64_t dim[4], int64_t row)
{
    return (size_t)((row + 15) / 16 * ((dim[1] + 95) / 96 * 320));
}

static size_t tern243_r16k20_layout_offset(const int64_t dim[4], int64_t row)
{
    return (size_t)((row + 15) / 16 * ((dim[1] + 19) / 20 * 64));
}

static size_t tern14_r32k24_layout_offset(const int64_t dim[4], int64_t row)
{
    return (size_t)((row + 31) / 32 * ((dim[1] + 23) / 24 * 160));
}

static size_t tern27_r64k48_layout_offset(const int64_t dim[4], int64_t row)
{
    return (size_t)((row + 63) / 64 * ((dim[1] + 47) / 48 * 640));
}

static size_t i8_r16k4_layout_offset(const int64_t dim[4], int64_t row)
{
    return (size_t)((row + 15) / 16 * ((dim[1] + 3) / 4 * 64));
}

/* A multiple of 64, or the end of all rows. */
static size_t i7_r256k32_layout_offset(const int64_t dim[4], int64_t row)
{
    return (size_t)((row + 15) / 16 * ((dim[1] + 31) / 32 * 320) + row * ((dim[1] + 255) / 256 * 64));
}

#define FORMAT(symbol, text, layout_function, group)                                                                           \
    static const setun_format symbol = {.size = sizeof(setun_format),                                                          \
                                        .align = PAD_BYTES,                                                                    \
                                        .name = text,                                                                          \
                                        .row_group = group,                                                                    \
                                        .layout = layout_function,                                                             \
                                        .offset = layout_function##_offset};
FORMAT(format_i32, "i32", bytes4_layout, 1)
FORMAT(format_f32, "f32", bytes4_layout, 1)
FORMAT(format_f16, "f16", bytes2_layout, 1)
FORMAT(format_bf16, "bf16", bytes2_layout, 1)
FORMAT(format_i8_row, "i8.row", bytes1_layout, 1)
FORMAT(format_i8_b32, "i8.b32", i8_b32_layout, 1)
FORMAT(format_i16_hl, "i16.hl", i16_hl_layout, 1)
FORMAT(format_i8_r16k4, "i8.r16k4", i8_r16k4_layout, 16)
FORMAT(format_i7_r256k32, "i7.r256k32", i7_r256k32_layout, 256)
FORMAT(format_q8_0_b32, "q8_0.b32", q8_0_b32_layout, 1)
FORMAT(format_q6_k_b256, "q6_k.b256", q6_k_b256_layout, 1)
FORMAT(format_tern2_row, "tern2.row", tern2_row_layout, 1)
FORMAT(format_tern2_r16k16, "tern2.r16k16", tern2_r16k16_layout, 16)
FORMAT(format_tern5_r16k96, "tern5.r16k96", tern5_r16k96_layout, 16)
FORMAT(format_tern243_r16k20, "tern243.r16k20", tern243_r16k20_layout, 16)
FORMAT(format_tern14_r32k24, "tern14.r32k24", tern14_r32k24_layout, 32)
FORMAT(format_tern27_r64k48, "tern27.r64k48", tern27_r64k48_layout, 64)
FORMAT(format_i8_t14, "i8.t14", i8_t14_layout, 1)
FORMAT(format_i16_t27, "i16.t27", i16_t27_layout, 1)
FORMAT(format_tern2_hf, "tern2.hf", tern2_hf_layout, UINT32_MAX)
FORMAT(format_tern2_i2s, "tern2.i2s", tern2_i2s_layout, 1)
FORMAT(format_tern_tq1, "tern.tq1", tern_tq1_layout, 1)
FORMAT(format_tern2_tq2, "tern2.tq2", tern2_tq2_layout, 1)
FORMAT(format_f16_kv256, "f16.kv256", f16_kv256_layout, 1)
FORMAT(format_f32_kv256, "f32.kv256", f32_kv256_layout, 1)

const setun_format *const scalar_formats[] = {
    &format_i32,          &format_f32,          &format_f16,       &format_bf16,      &format_i8_row,   &format_i8_b32,
    &format_q8_0_b32,     &format_q6_k_b256,    &format_tern2_row, &format_tern2_hf,  &format_tern2_i2s, &format_tern_tq1,
    &format_tern2_r16k16, &format_tern5_r16k96, &format_tern2_tq2, &format_f16_kv256, &format_f32_kv256, &format_i16_hl,
    &format_i8_r16k4,     &format_i7_r256k32,   &format_tern243_r16k20, &format_tern14_r32k24, &format_tern27_r64k48, &format_i8_t14, &format_i16_t27,
    NULL,
};

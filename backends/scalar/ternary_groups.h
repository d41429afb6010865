/* ternary_groups.h - packings of ternary weights in groups of rows, each group in blocks of columns (formats.md), from tern2.row and back: what a
 * format differs by is how one row's codes go into a block. */
#ifndef SETUN_SCALAR_TERNARY_GROUPS_H
#define SETUN_SCALAR_TERNARY_GROUPS_H
#include "ternary.h"

typedef struct ternary_shape {
    int64_t rows, columns; /* of a block */
    int64_t n_bytes;
    /* codes[columns] of row r, 0 .. rows - 1, into a block whose bits for that row are zero. */
    void (*put)(const uint8_t *codes, int64_t r, uint8_t *block);
    /* And out of it. */
    void (*get)(const uint8_t *block, int64_t r, uint8_t *out_codes);
} ternary_shape;

enum { TERNARY_SHAPE_MAX_COLUMNS = 64 };

static inline int64_t ternary_shape_blocks(const ternary_shape *shape, int64_t k)
{
    return (k + shape->columns - 1) / shape->columns;
}

/* One unit is a group. */
static inline int64_t ternary_shape_units(const setun_call *call, const ternary_shape *shape)
{
    return (call->in[0].dim[0] + shape->rows - 1) / shape->rows;
}

/* tern2.row into groups; rows and columns of padding are weights 0. */
static inline void ternary_shape_pack(const setun_call *call, const setun_tile *tile, const ternary_shape *shape)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1], n_blocks = ternary_shape_blocks(shape, k);
    uint8_t codes[TERNARY_SHAPE_MAX_COLUMNS];

    for (int64_t g = tile->begin; g < tile->end; g++) {
        uint8_t *group = (uint8_t *)call->out[0].data + g * n_blocks * shape->n_bytes;

        memset(group, 0, (size_t)(n_blocks * shape->n_bytes));
        for (int64_t r = 0; r < shape->rows; r++) {
            const int64_t i = g * shape->rows + r;
            const uint8_t *row = i < n ? in_row(call, 0, i) : NULL;

            for (int64_t b = 0; b < n_blocks; b++) {
                for (int64_t j = 0; j < shape->columns; j++) {
                    const int64_t c = b * shape->columns + j;

                    codes[j] = (uint8_t)(row != NULL && c < k ? row[c / 4] >> (2 * (c % 4)) & 3 : 1);
                }
                shape->put(codes, r, group + b * shape->n_bytes);
            }
            if (i < n)
                ((float *)call->out[1].data)[i] = ((const float *)call->in[1].data)[i];
        }
    }
}

/* And back. */
static inline void ternary_shape_unpack(const setun_call *call, const setun_tile *tile, const ternary_shape *shape)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1], n_blocks = ternary_shape_blocks(shape, k);
    const int64_t end = shape->rows * tile->end < n ? shape->rows * tile->end : n;
    uint8_t codes[TERNARY_SHAPE_MAX_COLUMNS];

    for (int64_t i = shape->rows * tile->begin; i < end; i++) {
        const uint8_t *block = (const uint8_t *)call->in[0].data + i / shape->rows * n_blocks * shape->n_bytes;
        uint8_t *row = out_row(call, 0, i);

        ternary_clear_row(row, k);
        for (int64_t b = 0; b < n_blocks; b++, block += shape->n_bytes) {
            shape->get(block, i % shape->rows, codes);
            for (int64_t c = b * shape->columns; c < k && c < (b + 1) * shape->columns; c++)
                ternary_set(row, c, codes[c - b * shape->columns]);
        }
        ((float *)call->out[1].data)[i] = ((const float *)call->in[1].data)[i];
    }
}

static inline setun_status ternary_shape_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    return plan_simple(2.0 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1], out_plan);
}

/* The number 0 .. 26 of three codes, the first counting once. */
static inline unsigned ternary_number3(const uint8_t *codes, int64_t step)
{
    return codes[0] + 3u * codes[step] + 9u * codes[2 * step];
}

/* Its codes. Numbers above 26 do not occur and give code 3 or what fits a byte. */
static inline void ternary_codes3(unsigned number, uint8_t *out_codes, int64_t step)
{
    out_codes[0] = (uint8_t)(number % 3);
    out_codes[step] = (uint8_t)(number / 3 % 3);
    out_codes[2 * step] = (uint8_t)(number / 9 % 3);
}
#endif

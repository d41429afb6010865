/* definition_blocks.h - numerics.md's blocks written down a second time: formats by the tables of formats.md, sums in integers, quantisers
 * as plainly as they read. */
#ifndef SETUN_TEST_KERNELS_DEFINITION_BLOCKS_H
#define SETUN_TEST_KERNELS_DEFINITION_BLOCKS_H
#include <stdint.h>

/* Weights in blocks: what is in them, unpacked. */
typedef struct define_block_format {
    const char *fmt;
    int64_t     columns, n_bytes; /* of a block */
    float     (*d)(const uint8_t *block);
    int       (*code)(const uint8_t *block, int64_t column); /* -128 .. 127, or -32 .. 31 */
    int       (*part)(const uint8_t *block, int64_t column); /* factor of the column's code */
    void      (*quantise)(const float *w, uint8_t *out_block);
} define_block_format;
extern const define_block_format define_q8_0, define_q6_k;

/* One block of 32 activations; returns its scale. */
float define_quantise_block(const float *x, int8_t *out_q);

/* x: codes [k] and scales [k / 32]; w: a row of blocks. */
float define_block_linear(const define_block_format *format, const int8_t *q, const float *scale, const uint8_t *w, int64_t k);

/* Weight of a column of a row. */
float define_block_value(const define_block_format *format, const uint8_t *row, int64_t column);
#endif

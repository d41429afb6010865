/* quantise_screen.h - masters w[n, k] to i8.r16k4 with step, rest and size of each row, for op screen. numerics.md: screen.
 * One unit is a group of 16 rows, whose codes are made row by row in scratch and then transposed, four bytes as one. */
#ifndef SETUN_AVX2_QUANTISE_SCREEN_H
#define SETUN_AVX2_QUANTISE_SCREEN_H
#include <string.h>

#include "norm.h"

#define QUANTISE_GROUP 16

/* Bytes of a row of codes in scratch: whole registers. */
static inline int64_t quantise_stride(int64_t k)
{
    return (k + 63) / 64 * 64;
}

static inline setun_status quantise_screen_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)(QUANTISE_GROUP * quantise_stride(query->in[0].dim[1]));
    out_plan->cost_ns = 0.4 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1];
    return SETUN_OK;
}

static inline int64_t quantise_screen_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[0].dim[0] + QUANTISE_GROUP - 1) / QUANTISE_GROUP;
}

/* 16 codes, -127 .. 127. */
static inline void quantise_store(int8_t *out_codes, lanes c)
{
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(_mm256_cvtps_epi32(c.a), _mm256_cvtps_epi32(c.b)), 0xD8);

    _mm_storeu_si128((void *)out_codes, _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

/* The largest magnitude of a row w[k]. */
ALWAYS_INLINE float quantise_largest(const char *w, int64_t k, int64_t element_bytes, lanes_loader_n *load_n)
{
    lanes largest = lanes_set(0.0f);

    for (int64_t j = 0; j < k; j += SETUN_LANES)
        largest = lanes_max(lanes_abs(load_n(w + j * element_bytes, k - j)), largest);
    return lanes_largest(largest);
}

/* One row w[k] to codes, with step, rest and size. */
ALWAYS_INLINE void quantise_row(const char *w, int64_t k, int64_t element_bytes, lanes_loader_n *load_n, int8_t *out_codes, float *out_step,
                                float *out_rest, float *out_size)
{
    const float amax = quantise_largest(w, k, element_bytes, load_n);
    const lanes inverse = lanes_set(amax < SETUN_SCREEN_LEAST ? 0.0f : SETUN_SCREEN_W_MAX / amax);
    norm size = norm_zero(), rest = norm_zero();

    *out_step = amax / SETUN_SCREEN_W_MAX;
    for (int64_t j = 0; j < k; j += SETUN_LANES) {
        const lanes x = load_n(w + j * element_bytes, k - j), c = norm_codes(x, inverse, lanes_set(SETUN_SCREEN_W_MAX));

        norm_add(&size, x);
        norm_add_rest(&rest, x, c, (double)*out_step);
        quantise_store(out_codes + j, c);
    }
    *out_rest = norm_up(norm_total(rest));
    *out_size = norm_up(norm_total(size));
}

/* 64 codes, four to a lane, to and from where lanes are turned. */
static inline lanes quantise_load(const int8_t *codes)
{
    return (lanes){_mm256_castsi256_ps(_mm256_loadu_si256((const void *)codes)), _mm256_castsi256_ps(_mm256_loadu_si256((const void *)(codes + 32)))};
}

static inline void quantise_store_block(int8_t *out, lanes block)
{
    _mm256_storeu_si256((void *)out, _mm256_castps_si256(block.a));
    _mm256_storeu_si256((void *)(out + 32), _mm256_castps_si256(block.b));
}

ALWAYS_INLINE void quantise_screen_run(const setun_call *call, const setun_tile *tile, int64_t element_bytes, lanes_loader_n *load_n)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1], n_blocks = (k + 3) / 4, stride = quantise_stride(k);
    float *step = call->out[1].data, *rest = call->out[2].data, *size = call->out[3].data;
    int8_t *codes = tile->scratch;

    for (int64_t g = tile->begin; g < tile->end; g++) {
        const int64_t first = g * QUANTISE_GROUP, n_rows = least(QUANTISE_GROUP, n - first);
        int8_t *out = (int8_t *)call->out[0].data + g * n_blocks * 64;

        memset(codes, 0, (size_t)(QUANTISE_GROUP * stride));
        for (int64_t r = 0; r < n_rows; r++)
            quantise_row(in_row(call, 0, first + r), k, element_bytes, load_n, codes + r * stride, &step[first + r], &rest[first + r], &size[first + r]);
        for (int64_t b = 0; b < n_blocks; b += SETUN_LANES) {
            lanes row[SETUN_LANES];

            for (int r = 0; r < SETUN_LANES; r++)
                row[r] = quantise_load(codes + r * stride + 4 * b);
            lanes_transpose(row);
            for (int64_t i = 0; i < least(SETUN_LANES, n_blocks - b); i++)
                quantise_store_block(out + (b + i) * 64, row[i]);
        }
    }
}
#endif

/* quantise_screen7.h - masters w[n, k] to i7.r256k32 with step, rest, size and fine of each row, for the ops screen and rescreen. numerics.md: screen
 * in 7 bits. One unit is a band of 256 rows. The codes of 16 of them are made row by row in scratch, from where the lower bits go to the rows' own
 * places, and then transposed, four bytes as one, for the upper bits. */
#ifndef SETUN_AVX2_QUANTISE_SCREEN7_H
#define SETUN_AVX2_QUANTISE_SCREEN7_H
#include "quantise_screen.h"
#include "screen7.h"

/* Bytes of a row of codes in scratch: whole blocks of lower bits. */
static inline int64_t codes_stride(int64_t k)
{
    return 4 * lower_bytes(k);
}

static inline setun_status quantise_screen7_plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)(SCREEN_GROUP * codes_stride(query->in[0].dim[1]));
    out_plan->cost_ns = 1.1 * (double)query->in[0].dim[0] * (double)query->in[0].dim[1];
    return SETUN_OK;
}

static inline int64_t quantise_screen7_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[0].dim[0] + BAND_ROWS - 1) / BAND_ROWS;
}

/* Where the tensors of each row's floats are. */
typedef struct row_floats {
    float *step, *rest, *size, *fine;
} row_floats;

/* 0 in lanes without an element, of which n is not negative. */
static inline lanes lanes_there(lanes x, int64_t n)
{
    return n >= SETUN_LANES ? x : lanes_first(x, lanes_set(0.0f), n);
}

/* Codes of 16 elements, whole floats 0 .. 127; of a NaN 0, as vmaxps takes its second operand then. */
static inline lanes codes_of(lanes x, lanes inverse)
{
    const lanes moved = lanes_add(lanes_mul(x, inverse), lanes_set(SETUN_SCREEN_CODES)), whole = LANES1(_mm256_floor_ps, moved);

    return LANES2(_mm256_min_ps, lanes_max(whole, lanes_set(0.0f)), lanes_set(127.0f));
}

/* One row w[k] to codes. */
ALWAYS_INLINE void quantise_row7(const char *w, int64_t k, int64_t element_bytes, lanes_loader_n *load_n, int8_t *out_codes, row_floats out)
{
    const float amax = quantise_largest(w, k, element_bytes, load_n), step = amax / SETUN_SCREEN_STEP;
    const lanes inverse = lanes_set(amax < SETUN_SCREEN_LEAST ? 0.0f : SETUN_SCREEN_CODES / amax), two = lanes_set(2.0f);
    norm rest = norm_zero(), size = norm_zero(), fine = norm_zero();

    for (int64_t j = 0; j < k; j += SETUN_LANES) {
        const lanes x = load_n(w + j * element_bytes, k - j), c = codes_of(x, inverse), quarter = lanes_mul(c, lanes_set(0.25f));
        const lanes u = LANES1(_mm256_floor_ps, quarter);

        quantise_store(out_codes + j, lanes_there(c, k - j));
        norm_add(&size, x);
        norm_add_rest(&rest, x, lanes_there(lanes_sub(lanes_mul(two, u), lanes_set(31.0f)), k - j), (double)step);
        norm_add_rest(&fine, x, lanes_there(lanes_sub(lanes_mul(two, c), lanes_set(127.0f)), k - j), (double)step * 0.25);
    }
    *out.step = step;
    *out.rest = norm_up(norm_total(rest));
    *out.size = norm_up(norm_total(size));
    *out.fine = norm_up(norm_total(fine));
}

/* The lower bits of a row of codes: four stretches of 64 columns in each byte. */
static inline void put_lower(const int8_t *codes, int64_t k, uint8_t *out)
{
    const __m256i mask = _mm256_set1_epi8(3);

    for (int64_t b = 0; b < lower_bytes(k); b += 64, codes += 256)
        for (int j = 0; j < 64; j += 32) {
            __m256i bits = _mm256_setzero_si256();

            for (int p = 3; p >= 0; p--)
                bits = _mm256_or_si256(_mm256_slli_epi16(bits, 2), _mm256_and_si256(_mm256_loadu_si256((const void *)(codes + 64 * p + j)), mask));
            _mm256_storeu_si256((void *)(out + b + j), bits);
        }
}

/* The upper bits of a block: word[p], rows 8 h .. 8 h + 7 of which are word[p].a or .b, are the codes of four columns. */
ALWAYS_INLINE void put_upper(const lanes word[8], uint8_t *out)
{
    const __m256i low_half = _mm256_set1_epi8(15), one = _mm256_set1_epi8(1);

    for (int h = 0; h < 2; h++) {
        __m256i fifths = _mm256_setzero_si256();

        for (int p = 7; p >= 0; p--) {
            const __m256i code = _mm256_castps_si256(h == 0 ? word[p].a : word[p].b);

            fifths = _mm256_or_si256(_mm256_slli_epi16(fifths, 1), _mm256_and_si256(_mm256_srli_epi16(code, 6), one));
        }
        for (int p = 0; p < 8; p += 2) {
            const __m256i even = _mm256_castps_si256(h == 0 ? word[p].a : word[p].b), odd = _mm256_castps_si256(h == 0 ? word[p + 1].a : word[p + 1].b);
            const __m256i first = _mm256_and_si256(_mm256_srli_epi16(even, 2), low_half), second = _mm256_andnot_si256(low_half, _mm256_slli_epi16(odd, 2));

            _mm256_storeu_si256((void *)(out + LOW_BITS + 32 * p + 32 * h), _mm256_or_si256(first, second));
        }
        _mm256_storeu_si256((void *)(out + 32 * h), fifths);
    }
}

/* The upper bits of a group, two blocks at a time. */
static inline void put_group(const int8_t *codes, int64_t k, uint8_t *out)
{
    for (int64_t c = 0; c < k; c += 2 * BLOCK_COLUMNS, out += 2 * BLOCK_BYTES) {
        lanes word[SETUN_LANES];

        for (int r = 0; r < SCREEN_GROUP; r++)
            word[r] = quantise_load(codes + r * codes_stride(k) + c);
        lanes_transpose(word);
        put_upper(word, out);
        if (c + BLOCK_COLUMNS < k)
            put_upper(word + 8, out + BLOCK_BYTES);
    }
}

ALWAYS_INLINE void quantise_screen7_run(const setun_call *call, const setun_tile *tile, int64_t element_bytes, lanes_loader_n *load_n)
{
    const int64_t n = call->in[0].dim[0], k = call->in[0].dim[1], stride = codes_stride(k);
    float *step = call->out[1].data, *rest = call->out[2].data, *size = call->out[3].data, *fine = call->out[4].data;
    uint8_t *out = call->out[0].data;
    int8_t *codes = tile->scratch;

    for (int64_t band = tile->begin; band < tile->end; band++)
        for (int64_t group = 0; group < band_groups(n, band); group++) {
            const int64_t first = BAND_ROWS * band + SCREEN_GROUP * group, n_rows = least(SCREEN_GROUP, n - first);

            memset(codes, 0, (size_t)(SCREEN_GROUP * stride));
            for (int64_t r = 0; r < n_rows; r++) {
                const int64_t i = first + r;

                quantise_row7(in_row(call, 0, i), k, element_bytes, load_n, codes + r * stride, (row_floats){&step[i], &rest[i], &size[i], &fine[i]});
                put_lower(codes + r * stride, k, out + lower_byte(n, k, i));
            }
            put_group(codes, k, out + upper_byte(k, band, group));
        }
}
#endif

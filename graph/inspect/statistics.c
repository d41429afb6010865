/* statistics.c - reads a tensor and counts: codes of ternary formats, range and root mean square of dense ones. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/inspect_internal.h"
#include "setun_numerics.h"
#include "weights/small_float.h"

/* One pass over a tensor's contents: called with a piece of them, a whole number of units. */
typedef void look(void *context, const unsigned char *data, size_t n_bytes);

/* What contents are made of: an element, or a block of elements. */
struct unit {
    size_t n_bytes, n_values;
    bool   of_rows; /* holds parts of several rows: there are no rows to read one by one */
};

/* Bytes first..first + n_bytes - 1 of the contents. */
static setun_status read_range(const setun_weights *weights, const setun_weight *weight, size_t first, size_t n_bytes, size_t unit_bytes,
                               unsigned char *data, look *look_at, void *context, setun_error *error)
{
    const size_t piece_bytes = SETUN_WEIGHT_CHUNK_BYTES / unit_bytes * unit_bytes;
    setun_status status = SETUN_OK;
    size_t n;

    for (size_t at = 0; at < n_bytes && status == SETUN_OK; at += n) {
        n = n_bytes - at < piece_bytes ? n_bytes - at : piece_bytes;
        status = setun_weight_read(weights, weight, first + at, n, data, error);
        if (status == SETUN_OK)
            look_at(context, data, n);
    }
    return status;
}

/* Rows that are laid out with padding are read without it; unit NULL: all bytes. */
static setun_status read_all(const setun_weights *weights, const setun_weight *weight, const struct unit *unit, look *look_at, void *context,
                             setun_error *error)
{
    const bool padded = weight->laid_out && unit != NULL && !unit->of_rows;
    const size_t n_rows = padded && weight->n_dims > 1 ? (size_t)weight->dim[0] : 1;
    const size_t stride = weight->n_bytes / n_rows, unit_bytes = unit != NULL ? unit->n_bytes : 1;
    const size_t row_bytes = padded ? unit_bytes * ((size_t)weight->dim[weight->n_dims > 1 ? 1 : 0] / unit->n_values) : stride;
    unsigned char *data = setun_alloc(SETUN_WEIGHT_CHUNK_BYTES);
    setun_status status = SETUN_OK;

    if (data == NULL)
        return setun_fail_nomem(error, "piece of a tensor", SETUN_WEIGHT_CHUNK_BYTES);
    if (row_bytes == stride)
        status = read_range(weights, weight, 0, weight->n_bytes, unit_bytes, data, look_at, context, error);
    for (size_t i = 0; row_bytes != stride && i < n_rows && status == SETUN_OK; i++)
        status = read_range(weights, weight, i * stride, row_bytes, unit_bytes, data, look_at, context, error);
    free(data);
    return status;
}

/* Four codes of 2 bits in a byte, code c = 0, 1, 2 is weight c - 1: bytes are counted first, then what each byte value holds. */
struct byte_counts {
    uint64_t count[4][256]; /* four tables, so that runs of equal bytes do not wait for one another */
};

static void count_bytes(void *context, const unsigned char *data, size_t n_bytes)
{
    struct byte_counts *counts = context;
    size_t i = 0;

    for (; i + 4 <= n_bytes; i += 4)
        for (unsigned j = 0; j < 4; j++)
            counts->count[j][data[i + j]]++;
    for (; i < n_bytes; i++)
        counts->count[0][data[i]]++;
}

static void count_codes_of_2_bits(const struct byte_counts *counts, setun_tensor_statistics *statistics)
{
    uint64_t codes[4] = {0};

    for (unsigned value = 0; value < 256; value++)
        for (unsigned shift = 0; shift < 8; shift += 2)
            codes[value >> shift & 3] += counts->count[0][value] + counts->count[1][value] + counts->count[2][value] + counts->count[3][value];
    statistics->n_minus = codes[0];
    statistics->n_zero = codes[1];
    statistics->n_plus = codes[2];
    statistics->n_bad = codes[3];
}

/* How an element, or a block of them, becomes f32. */
typedef void widen(const unsigned char *from, float *out);

static void widen_f32(const unsigned char *from, float *out)
{
    memcpy(out, from, sizeof(*out));
}

static uint16_t bits_16(const unsigned char *element)
{
    uint16_t bits;

    memcpy(&bits, element, sizeof(bits));
    return bits;
}

static void widen_f16(const unsigned char *from, float *out)
{
    *out = setun_f32_of_f16(bits_16(from));
}

static void widen_bf16(const unsigned char *from, float *out)
{
    *out = setun_f32_of_bf16(bits_16(from));
}

static void widen_q8_0(const unsigned char *block, float *out)
{
    const float d = setun_f32_of_f16(bits_16(block));

    for (size_t j = 0; j < SETUN_BLOCK; j++)
        out[j] = d * (float)(int8_t)block[2 + j];
}

/* formats.md: low halves and high bits of the codes, sixteen factors, d. */
static void widen_q6_k(const unsigned char *block, float *out)
{
    const float d = setun_f32_of_f16(bits_16(block + SETUN_Q6_K_BYTES - 2));

    for (size_t c = 0; c < SETUN_Q6_K_BLOCK; c++) {
        const size_t h = c / 128, p = c / 32 % 4, l = c % 32;
        const int low = block[64 * h + 32 * (p % 2) + l] >> (p < 2 ? 0 : 4) & 15, high = block[128 + 32 * h + l] >> 2 * p & 3;

        out[c] = d * (float)(int8_t)block[192 + c / SETUN_Q6_K_PART] * (float)(low + 16 * high - SETUN_Q6_K_ZERO);
    }
}

static const struct dense_format {
    const char *fmt;
    struct unit unit;
    widen      *to_f32;
} dense_formats[] = {{"f32", {4, 1, false}, widen_f32},
                     {"f16", {2, 1, false}, widen_f16},
                     {"bf16", {2, 1, false}, widen_bf16},
                     {"q8_0.b32", {SETUN_Q8_0_BYTES, SETUN_BLOCK, false}, widen_q8_0},
                     {"q6_k.b256", {SETUN_Q6_K_BYTES, SETUN_Q6_K_BLOCK, false}, widen_q6_k}};

/* Range and squares of what is finite. */
struct measure {
    const struct dense_format *format;
    double   min, max, squares;
    uint64_t n, n_bad;
};

static void measure_dense(void *context, const unsigned char *data, size_t n_bytes)
{
    struct measure *m = context;

    for (const unsigned char *at = data; at < data + n_bytes; at += m->format->unit.n_bytes) {
        float values[SETUN_Q6_K_BLOCK];

        m->format->to_f32(at, values);
        for (size_t i = 0; i < m->format->unit.n_values; i++) {
            const double value = (double)values[i];

            if (!isfinite(value)) {
                m->n_bad++;
                continue;
            }
            m->min = value < m->min ? value : m->min;
            m->max = value > m->max ? value : m->max;
            m->squares += value * value;
            m->n++;
        }
    }
}

/* The value of an element, for formats without blocks. */
static float value_at(const struct dense_format *format, const unsigned char *element)
{
    float value;

    format->to_f32(element, &value);
    return value;
}

/* numerics.md: absmean, in the order that it lays down: each row's sum, then the sum of these. */
struct absmean {
    const struct dense_format *format;
    int64_t k, column; /* columns; the next one */
    double  row, total;
};

static void add_magnitudes(void *context, const unsigned char *data, size_t n_bytes)
{
    struct absmean *m = context;

    for (const unsigned char *at = data; at < data + n_bytes; at += m->format->unit.n_bytes) {
        m->row = m->row + (double)fabsf(value_at(m->format, at));
        if (++m->column < m->k)
            continue;
        m->total  = m->total + m->row;
        m->row    = 0;
        m->column = 0;
    }
}

struct ternarised {
    const struct dense_format *format;
    float    inverse; /* of the scale */
    uint64_t n_minus, n_zero, n_plus;
};

static void count_ternarised(void *context, const unsigned char *data, size_t n_bytes)
{
    struct ternarised *t = context;

    for (const unsigned char *at = data; at < data + n_bytes; at += t->format->unit.n_bytes) {
        const float code = rintf(value_at(t->format, at) * t->inverse);

        if (code >= 1.0f)
            t->n_plus++;
        else if (code <= -1.0f)
            t->n_minus++;
        else
            t->n_zero++;
    }
}

static setun_status ternarise(const setun_weights *weights, const setun_weight *weight, const struct dense_format *format,
                              setun_tensor_statistics *statistics, setun_error *error)
{
    struct absmean mean = {.format = format, .k = weight->dim[1]};
    struct ternarised codes = {.format = format};
    setun_status status = read_all(weights, weight, &format->unit, add_magnitudes, &mean, error);

    if (status != SETUN_OK)
        return status;
    statistics->scale = fmaxf((float)(mean.total / (double)(weight->dim[0] * weight->dim[1])), SETUN_QUANT_FLOOR);
    codes.inverse = 1.0f / statistics->scale;
    status = read_all(weights, weight, &format->unit, count_ternarised, &codes, error);
    statistics->n_minus = codes.n_minus;
    statistics->n_zero  = codes.n_zero;
    statistics->n_plus  = codes.n_plus;
    statistics->ternary = true;
    return status;
}

static setun_status measure(const setun_weights *weights, const setun_weight *weight, const struct dense_format *format,
                            setun_tensor_statistics *statistics, setun_error *error)
{
    struct measure m = {.format = format, .min = INFINITY, .max = -INFINITY};
    const setun_status status = read_all(weights, weight, &format->unit, measure_dense, &m, error);

    if (status != SETUN_OK)
        return status;
    statistics->dense = true;
    statistics->n_bad = m.n_bad;
    if (m.n > 0) {
        statistics->min = m.min;
        statistics->max = m.max;
        statistics->rms = sqrt(m.squares / (double)m.n);
    }
    return SETUN_OK;
}

/* Packings for kernels have padding, of zeros. */
static void leave_out_padding(const setun_weight *weight, uint64_t n_codes, setun_tensor_statistics *statistics)
{
    const uint64_t n_padding = n_codes - (uint64_t)(weight->dim[0] * weight->dim[1]);

    statistics->n_zero -= statistics->n_zero < n_padding ? statistics->n_zero : n_padding;
}

static setun_status count_codes(const setun_weights *weights, const setun_weight *weight, setun_tensor_statistics *statistics,
                                setun_error *error)
{
    struct byte_counts counts = {.count = {{0}}};
    const setun_status status = read_all(weights, weight, NULL, count_bytes, &counts, error);

    statistics->ternary = true;
    count_codes_of_2_bits(&counts, statistics);
    leave_out_padding(weight, 4 * (uint64_t)weight->n_bytes, statistics);
    return status;
}

struct blocks {
    const setun_ternary_block *block;
    uint64_t n[4]; /* of each code */
};

static void look_at_blocks(void *context, const unsigned char *data, size_t n_bytes)
{
    struct blocks *blocks = context;
    unsigned char codes[SETUN_TERNARY_BLOCK_MAX_VALUES];

    for (size_t at = 0; at < n_bytes; at += blocks->block->n_bytes) {
        blocks->block->read(data + at, codes);
        for (size_t i = 0; i < blocks->block->n_values; i++)
            blocks->n[codes[i] & 3]++;
    }
}

static setun_status count_codes_of_blocks(const setun_weights *weights, const setun_weight *weight, const setun_ternary_block *block,
                                          setun_tensor_statistics *statistics, setun_error *error)
{
    const struct unit unit = {block->n_bytes, block->n_values, block->of_rows};
    struct blocks blocks = {.block = block};
    const setun_status status = read_all(weights, weight, &unit, look_at_blocks, &blocks, error);

    statistics->ternary = true;
    statistics->n_minus = blocks.n[0];
    statistics->n_zero  = blocks.n[1];
    statistics->n_plus  = blocks.n[2];
    statistics->n_bad   = blocks.n[3];
    leave_out_padding(weight, weight->n_bytes / block->n_bytes * block->n_values, statistics);
    return status;
}

setun_status setun_weight_statistics(const setun_weights *weights, const setun_weight *weight, bool master,
                                     setun_tensor_statistics *out_statistics, setun_error *error)
{
    setun_tensor_statistics statistics = {.scale = weight->scale};
    setun_status status;

    if (strncmp(weight->fmt, "tern", 4) == 0) {
        const setun_ternary_block *block = setun_ternary_block_of(weight->fmt);

        status = block != NULL ? count_codes_of_blocks(weights, weight, block, &statistics, error) : count_codes(weights, weight, &statistics, error);
        if (status == SETUN_OK)
            *out_statistics = statistics;
        return status;
    }
    for (size_t i = 0; i < SETUN_COUNT(dense_formats); i++) {
        if (strcmp(weight->fmt, dense_formats[i].fmt) != 0)
            continue;
        status = measure(weights, weight, &dense_formats[i], &statistics, error);
        if (status == SETUN_OK && master && statistics.n_bad == 0 && dense_formats[i].unit.n_values == 1)
            status = ternarise(weights, weight, &dense_formats[i], &statistics, error);
        if (status == SETUN_OK)
            *out_statistics = statistics;
        return status;
    }
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "tensor '%s': nothing is known of the contents of the format %s", weight->name, weight->fmt);
}

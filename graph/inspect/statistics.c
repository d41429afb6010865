/* statistics.c - reads a tensor and counts: codes of ternary formats, range and root mean square of dense ones. */
#include <math.h>
#include <string.h>

#include "inspect/inspect_internal.h"
#include "setun_numerics.h"
#include "weights/small_float.h"

/* Four codes of 2 bits in a byte, code c = 0, 1, 2 is weight c - 1: bytes are counted first, then what each byte value holds. */
static void count_codes_of_2_bits(const unsigned char *data, size_t n_bytes, setun_tensor_statistics *statistics)
{
    uint64_t count[4][256] = {{0}}, codes[4] = {0}; /* four tables, so that runs of equal bytes do not wait for one another */
    size_t i = 0;

    for (; i + 4 <= n_bytes; i += 4)
        for (unsigned j = 0; j < 4; j++)
            count[j][data[i + j]]++;
    for (; i < n_bytes; i++)
        count[0][data[i]]++;
    for (unsigned value = 0; value < 256; value++)
        for (unsigned shift = 0; shift < 8; shift += 2)
            codes[value >> shift & 3] += count[0][value] + count[1][value] + count[2][value] + count[3][value];
    statistics->n_minus = codes[0];
    statistics->n_zero = codes[1];
    statistics->n_plus = codes[2];
    statistics->n_bad = codes[3];
}

/* How an element becomes f32. */
typedef float widen(const unsigned char *element);

static float widen_f32(const unsigned char *element)
{
    float value;

    memcpy(&value, element, sizeof(value));
    return value;
}

static uint16_t bits_16(const unsigned char *element)
{
    uint16_t bits;

    memcpy(&bits, element, sizeof(bits));
    return bits;
}

static float widen_f16(const unsigned char *element)
{
    return setun_f32_of_f16(bits_16(element));
}

static float widen_bf16(const unsigned char *element)
{
    return setun_f32_of_bf16(bits_16(element));
}

static const struct dense_format {
    const char *fmt;
    size_t      element_bytes;
    widen      *to_f32;
} dense_formats[] = {{"f32", 4, widen_f32}, {"f16", 2, widen_f16}, {"bf16", 2, widen_bf16}};

static void measure_dense(const setun_weight *weight, const struct dense_format *format, setun_tensor_statistics *statistics)
{
    const unsigned char *data = weight->data, *end = data + weight->n_bytes;
    double min = INFINITY, max = -INFINITY, squares = 0;
    uint64_t n = 0;

    for (const unsigned char *at = data; at < end; at += format->element_bytes) {
        const double value = (double)format->to_f32(at);

        if (!isfinite(value)) {
            statistics->n_bad++;
            continue;
        }
        min = value < min ? value : min;
        max = value > max ? value : max;
        squares += value * value;
        n++;
    }
    statistics->dense = true;
    if (n > 0) {
        statistics->min = min;
        statistics->max = max;
        statistics->rms = sqrt(squares / (double)n);
    }
}

/* numerics.md: absmean, in the order that it lays down. */
static void count_ternarised(const setun_weight *weight, const struct dense_format *format, setun_tensor_statistics *statistics)
{
    const int64_t n = weight->dim[0], k = weight->dim[1];
    const unsigned char *row = weight->data;
    double total = 0;
    float inverse;

    for (int64_t i = 0; i < n; i++) {
        double sum = 0;

        for (int64_t j = 0; j < k; j++, row += format->element_bytes)
            sum = sum + (double)fabsf(format->to_f32(row));
        total = total + sum;
    }
    statistics->scale = fmaxf((float)(total / (double)(n * k)), SETUN_QUANT_FLOOR);
    inverse = 1.0f / statistics->scale;
    row = weight->data;
    for (int64_t i = 0; i < n * k; i++, row += format->element_bytes) {
        const float code = rintf(format->to_f32(row) * inverse);

        if (code >= 1.0f)
            statistics->n_plus++;
        else if (code <= -1.0f)
            statistics->n_minus++;
        else
            statistics->n_zero++;
    }
    statistics->ternary = true;
}

setun_status setun_weight_statistics(const setun_weight *weight, bool master, setun_tensor_statistics *out_statistics, setun_error *error)
{
    setun_tensor_statistics statistics = {.scale = weight->scale};

    if (strcmp(weight->fmt, "tern2.hf") == 0) {
        statistics.ternary = true;
        count_codes_of_2_bits(weight->data, weight->n_bytes, &statistics);
        *out_statistics = statistics;
        return SETUN_OK;
    }
    for (size_t i = 0; i < SETUN_COUNT(dense_formats); i++) {
        if (strcmp(weight->fmt, dense_formats[i].fmt) != 0)
            continue;
        measure_dense(weight, &dense_formats[i], &statistics);
        if (master && statistics.n_bad == 0)
            count_ternarised(weight, &dense_formats[i], &statistics);
        *out_statistics = statistics;
        return SETUN_OK;
    }
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "tensor '%s': nothing is known of the contents of the format %s", weight->name, weight->fmt);
}

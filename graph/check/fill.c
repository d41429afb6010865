/* fill.c - test values for the formats that the scalar backend owns. Other formats are made from these by pack kernels. */
#include "check/operand.h"

#include <math.h>
#include <string.h>

static const char *const names[SETUN_N_FILLS] = {"random", "+", "-", "lowest", "zero", "alternating", "any", "tiny", "huge", "ties", "codes"};

const char *setun_check_fill_name(enum setun_check_fill fill)
{
    return names[fill];
}

static float of_bits(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* Sign and mantissa at random, exponent field from low to high - 1. */
static float with_exponent(setun_check_random *random, int64_t low, int64_t high)
{
    const uint32_t bits = (uint32_t)setun_check_next(random);

    return of_bits((bits & 0x807FFFFF) | (uint32_t)(low + setun_check_below(random, high - low)) << 23);
}

/* Element `column` of a row. */
static float f32_value(enum setun_check_fill fill, int64_t column, setun_check_random *random)
{
    switch (fill) {
    case SETUN_FILL_PLUS:
        return 1.0f;
    case SETUN_FILL_MINUS:
    case SETUN_FILL_LOWEST:
        return -1.0f;
    case SETUN_FILL_ZERO:
        return (setun_check_next(random) & 1) != 0 ? 0.0f : -0.0f;
    case SETUN_FILL_ALTERNATING:
        return column % 2 == 0 ? 1.0f : -1.0f;
    case SETUN_FILL_ANY:
        return with_exponent(random, 0, 255);
    case SETUN_FILL_TINY:
        return setun_check_below(random, 4) == 0 ? of_bits((uint32_t)setun_check_next(random) & 0x80000000) : with_exponent(random, 0, 3);
    case SETUN_FILL_HUGE:
        return with_exponent(random, 240, 255);
    case SETUN_FILL_TIES:
        return column == 0 ? 127.0f : (float)setun_check_below(random, 252) - 125.5f;
    default:
        return setun_check_uniform(random);
    }
}

/* Infinity where x is too large, so that the fill "huge" stays finite: the largest finite number instead. */
static uint16_t f16_value(float x)
{
    const uint32_t bits = signbit(x) ? 0x8000u : 0u;
    const float magnitude = fabsf(x);
    int exponent;
    float fraction;

    if (magnitude >= 65504.0f)
        return (uint16_t)(bits | 0x7BFF);
    if (magnitude < 0x1p-14f)
        return (uint16_t)(bits | (uint32_t)(magnitude * 0x1p24f));
    fraction = frexpf(magnitude, &exponent); /* 0.5 <= fraction < 1 */
    return (uint16_t)(bits | (uint32_t)(exponent + 14) << 10 | ((uint32_t)(fraction * 2048.0f) & 0x3FF));
}

static void fill_float(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    const int64_t element = t->stride_bytes[1];
    /* A row of its own magnitude: weights of 2^-6, activations of thousands. */
    for (int64_t i = 0; i < t->dim[0]; i++) {
        const float size = fill == SETUN_FILL_RANDOM ? ldexpf(1.0f, (int)setun_check_below(random, 16) - 6) : 1.0f;

        for (int64_t j = 0; j < t->dim[1]; j++) {
            void *to = (char *)t->data + i * t->stride_bytes[0] + j * element;
            const float x = size * f32_value(fill, j, random);
            uint32_t bits;
            uint16_t half;

            memcpy(&bits, &x, sizeof(bits));
            if (element == 4) {
                memcpy(to, &bits, sizeof(bits));
                continue;
            }
            half = t->fmt[0] == 'b' ? (uint16_t)(bits >> 16) : f16_value(x);
            memcpy(to, &half, sizeof(half));
        }
    }
}

static void fill_i8(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    const size_t n = (size_t)t->dim[1];

    for (int64_t i = 0; i < t->dim[0]; i++) {
        int8_t *row = (int8_t *)t->data + i * t->stride_bytes[0];

        memset(row, 0, (size_t)t->stride_bytes[0]); /* formats.md: padding is zero */
        if (fill == SETUN_FILL_PLUS || fill == SETUN_FILL_ALTERNATING)
            memset(row, 127, n);
        else if (fill == SETUN_FILL_MINUS || fill == SETUN_FILL_LOWEST)
            memset(row, fill == SETUN_FILL_MINUS ? -127 : -128, n);
        else if (fill != SETUN_FILL_ZERO)
            setun_check_random_bytes(random, row, n);
        for (size_t j = 1; j < n && fill == SETUN_FILL_ALTERNATING; j += 2)
            row[j] = -128;
    }
}

/* Scales: positive; of i8.row up to what a row of zeros has, 127 / 1e-5. */
static void fill_scales(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    const int spread = fill == SETUN_FILL_RANDOM ? 8 : 20;

    for (int64_t j = 0; j < t->dim[1]; j++) {
        const int exponent = (int)setun_check_below(random, 2 * spread) - spread; /* drawn first, by every compiler */

        ((float *)t->data)[j] = ldexpf(1.0f + fabsf(setun_check_uniform(random)), exponent);
    }
}

bool setun_check_operand_fill(setun_check_operand *operand, enum setun_check_fill fill, setun_check_random *random)
{
    setun_tensor *t = &operand->part[0];
    bool screen = false;

    if (strcmp(t->fmt, "f32") == 0 || strcmp(t->fmt, "f16") == 0 || strcmp(t->fmt, "bf16") == 0)
        fill_float(t, fill, random);
    else if (strcmp(t->fmt, "i8.row") == 0)
        fill_i8(t, fill, random);
    else if (!setun_check_fill_ternary(t, fill, random) && !setun_check_fill_blocks(t, fill, random) &&
             !(screen = setun_check_fill_screen(t, operand->n_bytes[0], fill, random)))
        return false;
    for (uint32_t p = 1; p < operand->n_parts; p++) {
        fill_scales(&operand->part[p], fill, random);
        if (screen && fill == SETUN_FILL_ZERO) /* steps and norms may be zero, and leave what a bound has besides */
            memset(operand->part[p].data, 0, (size_t)operand->part[p].dim[1] * sizeof(float));
    }
    setun_check_operand_soil(operand, random);
    return true;
}

/* fill_blocks.c - test values for activations and weights in blocks: i8.b32, q8_0.b32, q6_k.b256 (formats.md). */
#include "check/operand.h"

#include <math.h>
#include <string.h>

#include "setun_numerics.h"

/* A scale of activations: as quantising makes them, from that of a block of zeros to that of the largest numbers. */
static float activation_scale(enum setun_check_fill fill, setun_check_random *random)
{
    const float mantissa = 1.0f + fabsf(setun_check_uniform(random));
    const int spread = fill == SETUN_FILL_RANDOM ? 8 : 16;

    if (fill == SETUN_FILL_ZERO || fill == SETUN_FILL_TINY)
        return SETUN_QUANT_FLOOR / SETUN_QUANT_MAX;
    if (fill == SETUN_FILL_HUGE)
        return ldexpf(mantissa, 100 + (int)setun_check_below(random, 20));
    return ldexpf(mantissa, (int)setun_check_below(random, 2 * spread) - spread);
}

static void fill_i8(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    const int64_t k = t->dim[1], scales_at = (k + 63) / 64 * 64;

    for (int64_t i = 0; i < t->dim[0]; i++) {
        int8_t *row = (int8_t *)t->data + i * t->stride_bytes[0];

        memset(row, 0, (size_t)t->stride_bytes[0]); /* padding is zero */
        for (int64_t j = 0; j < k; j++)
            row[j] = (int8_t)(fill == SETUN_FILL_PLUS                                   ? 127
                              : fill == SETUN_FILL_MINUS || fill == SETUN_FILL_LOWEST ? -127
                              : fill == SETUN_FILL_ZERO                                 ? 0
                              : fill == SETUN_FILL_ALTERNATING                          ? (j % 2 == 0 ? 127 : -127)
                                                                                        : setun_check_below(random, 255) - 127);
        for (int64_t b = 0; b < k / SETUN_BLOCK; b++) {
            const float scale = activation_scale(fill, random);

            memcpy(row + scales_at + 4 * b, &scale, sizeof(scale));
        }
    }
}

/* A finite f16 for block b of a row. */
static uint16_t weight_scale(enum setun_check_fill fill, int64_t b, setun_check_random *random)
{
    const uint16_t bits = (uint16_t)setun_check_next(random), sign_and_fraction = bits & 0x83FF;

    switch (fill) {
    case SETUN_FILL_PLUS:
    case SETUN_FILL_MINUS:
    case SETUN_FILL_LOWEST:
    case SETUN_FILL_ALTERNATING:
        return 0x3C00; /* 1 */
    case SETUN_FILL_ZERO: /* of both signs; every other block has codes of zero instead */
        return b % 2 == 0 ? bits & 0x8000 : 0x3C00;
    case SETUN_FILL_ANY:
        return (uint16_t)(sign_and_fraction | (unsigned)setun_check_below(random, 31) << 10);
    case SETUN_FILL_TINY:
        return sign_and_fraction; /* subnormal */
    case SETUN_FILL_HUGE:
        return b == 0 ? 0x7BFF : (uint16_t)(sign_and_fraction | 30u << 10);
    default: /* as in a model, with a zero and a subnormal now and then */
        if (setun_check_below(random, 8) == 0)
            return setun_check_below(random, 2) == 0 ? 0 : sign_and_fraction;
        return (uint16_t)(sign_and_fraction | (unsigned)(4 + setun_check_below(random, 10)) << 10);
    }
}

static int8_t q8_0_code(enum setun_check_fill fill, int64_t row, int64_t column, setun_check_random *random)
{
    switch (fill) {
    case SETUN_FILL_PLUS:
        return 127;
    case SETUN_FILL_MINUS:
        return -127;
    case SETUN_FILL_LOWEST:
        return -128;
    case SETUN_FILL_ZERO:
        return column / SETUN_BLOCK % 2 == 0 ? (int8_t)setun_check_next(random) : 0;
    case SETUN_FILL_ALTERNATING:
        return column % 2 == 0 ? 127 : -128;
    case SETUN_FILL_CODES:
        return (int8_t)(uint8_t)(column + 37 * row);
    default:
        return (int8_t)setun_check_next(random);
    }
}

static void fill_q8_0(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    for (int64_t i = 0; i < t->dim[0]; i++)
        for (int64_t b = 0; b < t->dim[1] / SETUN_BLOCK; b++) {
            uint8_t *block = (uint8_t *)t->data + i * t->stride_bytes[0] + b * SETUN_Q8_0_BYTES;
            const uint16_t d = weight_scale(fill, b, random);

            memcpy(block, &d, sizeof(d));
            for (int64_t j = 0; j < SETUN_BLOCK; j++)
                block[2 + j] = (uint8_t)q8_0_code(fill, i, SETUN_BLOCK * b + j, random);
        }
}

/* Byte `at` of the codes of block b: any byte is good, and these are the extremes. */
static uint8_t q6_k_byte(enum setun_check_fill fill, int64_t row, int64_t b, int64_t at, setun_check_random *random)
{
    switch (fill) {
    case SETUN_FILL_PLUS: /* code 63 */
        return 0xFF;
    case SETUN_FILL_MINUS: /* code 0 */
    case SETUN_FILL_LOWEST:
        return 0x00;
    case SETUN_FILL_ZERO: /* code 32 */
        return b % 2 == 0 ? (uint8_t)setun_check_next(random) : at < 128 ? 0x00 : 0xAA;
    case SETUN_FILL_ALTERNATING:
        return at % 2 == 0 ? 0xFF : 0x00;
    case SETUN_FILL_CODES: /* every low byte with every high one as rows go by */
        return (uint8_t)(at < 128 ? at + 37 * row : 5 * at + 11 * row);
    default:
        return (uint8_t)setun_check_next(random);
    }
}

static int8_t q6_k_part(enum setun_check_fill fill, int64_t b, int64_t p, setun_check_random *random)
{
    switch (fill) {
    case SETUN_FILL_PLUS:
    case SETUN_FILL_MINUS:
        return 127;
    case SETUN_FILL_LOWEST:
        return -128;
    case SETUN_FILL_ALTERNATING:
        return p % 2 == 0 ? 127 : -128;
    case SETUN_FILL_ZERO: /* some blocks by their parts */
        return b % 3 == 2 ? 0 : (int8_t)setun_check_next(random);
    case SETUN_FILL_CODES:
        return (int8_t)(uint8_t)(16 * b + p);
    default:
        return (int8_t)setun_check_next(random);
    }
}

static void fill_q6_k(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    for (int64_t i = 0; i < t->dim[0]; i++)
        for (int64_t b = 0; b < t->dim[1] / SETUN_Q6_K_BLOCK; b++) {
            uint8_t *block = (uint8_t *)t->data + i * t->stride_bytes[0] + b * SETUN_Q6_K_BYTES;
            const uint16_t d = weight_scale(fill, b, random);

            for (int64_t at = 0; at < 192; at++)
                block[at] = q6_k_byte(fill, i, b, at, random);
            for (int64_t p = 0; p < 16; p++)
                block[192 + p] = (uint8_t)q6_k_part(fill, b, p, random);
            memcpy(block + 208, &d, sizeof(d));
        }
}

bool setun_check_fill_blocks(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    if (strcmp(t->fmt, "i8.b32") == 0)
        fill_i8(t, fill, random);
    else if (strcmp(t->fmt, "q8_0.b32") == 0)
        fill_q8_0(t, fill, random);
    else if (strcmp(t->fmt, "q6_k.b256") == 0)
        fill_q6_k(t, fill, random);
    else
        return false;
    return true;
}

/* fill_ternary.c - test values for ternary weights: tern2.row, tern2.hf, tern2.i2s, tern.tq1, tern2.tq2 (formats.md). */
#include "check/operand.h"

#include <string.h>

/* Code of a weight: weight + 1. */
static unsigned code(enum setun_check_fill fill, int64_t row, int64_t column, setun_check_bytes *bytes)
{
    static const unsigned power[5] = {1, 3, 9, 27, 81};

    switch (fill) {
    case SETUN_FILL_PLUS:
        return 2;
    case SETUN_FILL_MINUS:
    case SETUN_FILL_LOWEST:
        return 0;
    case SETUN_FILL_ZERO:
        return 1;
    case SETUN_FILL_ALTERNATING:
        return column % 2 == 0 ? 2 : 0;
    case SETUN_FILL_CODES: /* counts in base 3: four neighbours on even rows, five on odd ones; a third at random for other layouts */
        if (row % 3 == 2)
            return setun_check_byte(bytes) % 3;
        return (unsigned)((row % 3 == 0 ? column / 4 / power[column % 4] : column / 5 / power[column % 5]) % 3);
    default: { /* 42 % zeros, as in trained models */
        const unsigned x = setun_check_byte(bytes);

        return x < 108 ? 1 : x < 182 ? 0 : 2;
    }
    }
}

/* Four neighbours of a fill that repeats itself after them, the first in the low bits; -1: none of those. Rows of 2^24 codes at k_max have such
 * fills, and one by one their codes would take longer than the kernels. */
static int four_codes(enum setun_check_fill fill)
{
    switch (fill) {
    case SETUN_FILL_PLUS:
        return 0xAA;
    case SETUN_FILL_MINUS:
    case SETUN_FILL_LOWEST:
        return 0x00;
    case SETUN_FILL_ZERO:
        return 0x55;
    case SETUN_FILL_ALTERNATING:
        return 0x22;
    default:
        return -1;
    }
}

static void fill_tern2_row(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    setun_check_bytes bytes = {.random = random};
    const int four = four_codes(fill);

    for (int64_t i = 0; i < t->dim[0]; i++) {
        uint8_t *row = (uint8_t *)t->data + i * t->stride_bytes[0];
        const int64_t n_whole = four < 0 ? 0 : t->dim[1] / 4;

        memset(row, 0x55, (size_t)t->stride_bytes[0]); /* formats.md: padding is code 1 */
        memset(row, four, (size_t)n_whole);
        for (int64_t j = 4 * n_whole; j < t->dim[1]; j++)
            row[j / 4] = (uint8_t)(row[j / 4] ^ (1u ^ code(fill, i, j, &bytes)) << (2 * (j % 4)));
    }
}

static void fill_tern2_hf(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    const int64_t quarter = t->dim[0] / 4, k = t->dim[1];
    setun_check_bytes bytes = {.random = random};

    memset(t->data, 0, (size_t)(quarter * k));
    for (int64_t i = 0; i < t->dim[0]; i++)
        for (int64_t j = 0; j < k; j++) {
            uint8_t *byte = (uint8_t *)t->data + i % quarter * k + j;

            *byte = (uint8_t)(*byte | code(fill, i, j, &bytes) << (2 * (i / quarter)));
        }
}

/* The f16 of a block of tern.tq1 and tern2.tq2: any but zero is all the same to whoever reads codes; zero makes the whole block zero. */
static void put_d(uint8_t *at, int64_t b, setun_check_random *random)
{
    static const uint16_t few[] = {0x3C00, 0x2C66, 0x0001, 0x7BFF, 0x0000, 0x8000};
    const uint16_t d = few[(size_t)(b + setun_check_below(random, 3)) % SETUN_COUNT(few)];

    at[0] = (uint8_t)(d & 0xFF);
    at[1] = (uint8_t)(d >> 8);
}

/* Byte l of a block of 32 holds columns l, 32 + l, 64 + l and 96 + l, the first in the high bits. */
static void fill_tern2_i2s(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    setun_check_bytes bytes = {.random = random};

    for (int64_t i = 0; i < t->dim[0]; i++) {
        uint8_t *row = (uint8_t *)t->data + i * t->stride_bytes[0];

        memset(row, 0, (size_t)(t->dim[1] / 4));
        for (int64_t j = 0; j < t->dim[1]; j++)
            row[j / 128 * 32 + j % 32] |= (uint8_t)(code(fill, i, j, &bytes) << (6 - 2 * (j % 128 / 32)));
    }
}

static void fill_tern2_tq2(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    setun_check_bytes bytes = {.random = random};

    for (int64_t i = 0; i < t->dim[0]; i++)
        for (int64_t b = 0; b < t->dim[1] / 256; b++) {
            uint8_t *block = (uint8_t *)t->data + i * t->stride_bytes[0] + 66 * b;

            memset(block, 0, 64);
            for (int64_t j = 0; j < 256; j++)
                block[j / 128 * 32 + j % 32] |= (uint8_t)(code(fill, i, 256 * b + j, &bytes) << (2 * (j % 128 / 32)));
            put_d(block + 64, b, random);
        }
}

/* Every byte is good; the fill "codes" has them all as rows go by. */
static void fill_tern_tq1(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    for (int64_t i = 0; i < t->dim[0]; i++)
        for (int64_t b = 0; b < t->dim[1] / 256; b++) {
            uint8_t *block = (uint8_t *)t->data + i * t->stride_bytes[0] + 54 * b;

            for (int64_t at = 0; at < 52; at++)
                block[at] = (uint8_t)(fill == SETUN_FILL_PLUS                                   ? 0xFF
                                      : fill == SETUN_FILL_MINUS || fill == SETUN_FILL_LOWEST ? 0x00
                                      : fill == SETUN_FILL_ZERO                                 ? 0x80
                                      : fill == SETUN_FILL_CODES                                ? (uint64_t)(at + 52 * b + 37 * i)
                                                                                                : setun_check_next(random));
            put_d(block + 52, b, random);
        }
}

bool setun_check_fill_ternary(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    static const struct {
        const char *fmt;
        void      (*fill)(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random);
    } fillers[] = {{"tern2.row", fill_tern2_row}, {"tern2.hf", fill_tern2_hf}, {"tern2.i2s", fill_tern2_i2s},
                   {"tern.tq1", fill_tern_tq1},   {"tern2.tq2", fill_tern2_tq2}};

    for (size_t i = 0; i < SETUN_COUNT(fillers); i++)
        if (strcmp(t->fmt, fillers[i].fmt) == 0) {
            fillers[i].fill(t, fill, random);
            return true;
        }
    return false;
}

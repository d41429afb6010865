/* fill_screen.c - test values for the two formats of op screen: i16.hl and i8.r16k4 (formats.md). */
#include "check/operand.h"

#include <string.h>

/* One byte: what SETUN_FILL_* makes of bytes that go from lowest to 127. */
static int8_t byte_of(enum setun_check_fill fill, int64_t column, int lowest, setun_check_random *random)
{
    switch (fill) {
    case SETUN_FILL_PLUS:
        return 127;
    case SETUN_FILL_MINUS:
        return -127;
    case SETUN_FILL_LOWEST:
        return (int8_t)lowest;
    case SETUN_FILL_ZERO:
        return 0;
    case SETUN_FILL_ALTERNATING:
        return column % 2 == 0 ? 127 : (int8_t)lowest;
    default:
        return (int8_t)(lowest + (int)setun_check_below(random, 128 - lowest));
    }
}

/* High bytes of -127 .. 127, low bytes of -128 .. 127, padding of zeros. */
static void fill_activations(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    const int64_t half = t->stride_bytes[0] / 2;

    for (int64_t i = 0; i < t->dim[0]; i++) {
        int8_t *row = (int8_t *)t->data + i * t->stride_bytes[0];

        memset(row, 0, (size_t)t->stride_bytes[0]);
        for (int64_t j = 0; j < t->dim[1]; j++) {
            row[j] = byte_of(fill, j, -127, random);
            row[half + j] = byte_of(fill, j, -128, random);
        }
    }
}

static void fill_weights(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    const int64_t n = t->dim[0], k = t->dim[1], n_blocks = (k + 3) / 4;
    int8_t *out = t->data;

    for (int64_t row = 0; row < (n + 15) / 16 * 16; row++)
        for (int64_t column = 0; column < 4 * n_blocks; column++)
            out[(row / 16 * n_blocks + column / 4) * 64 + row % 16 * 4 + column % 4] =
                row < n && column < k ? byte_of(fill, column, -127, random) : 0;
}

bool setun_check_fill_screen(setun_tensor *t, enum setun_check_fill fill, setun_check_random *random)
{
    if (strcmp(t->fmt, "i16.hl") == 0)
        fill_activations(t, fill, random);
    else if (strcmp(t->fmt, "i8.r16k4") == 0)
        fill_weights(t, fill, random);
    else
        return false;
    return true;
}

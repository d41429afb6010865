/* fill_screen.c - test values for the formats of the ops screen and rescreen: i16.hl, i8.r16k4 and i7.r256k32 (formats.md). */
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

/* A code of 7 bits. */
static unsigned code_of(enum setun_check_fill fill, int64_t column, setun_check_random *random)
{
    switch (fill) {
    case SETUN_FILL_PLUS:
        return 127;
    case SETUN_FILL_MINUS:
    case SETUN_FILL_LOWEST:
        return 0;
    case SETUN_FILL_ZERO: /* there is none: the least of those above */
        return 64;
    case SETUN_FILL_ALTERNATING:
        return column % 2 == 0 ? 127 : 0;
    default:
        return (unsigned)setun_check_below(random, 128);
    }
}

/* Upper bits in blocks of 16 rows by 32 columns, lower bits in rows, both of bands of 256 rows. */
static void fill_bands(setun_tensor *t, size_t n_bytes, enum setun_check_fill fill, setun_check_random *random)
{
    const int64_t n = t->dim[0], k = t->dim[1], upper_bytes = (k + 31) / 32 * 320, lower_bytes = (k + 255) / 256 * 64;

    memset(t->data, 0, n_bytes);
    for (int64_t row = 0; row < n; row++) {
        const int64_t first = row / 256 * 256, n_groups = ((n - first < 256 ? n - first : 256) + 15) / 16;
        unsigned char *band = (unsigned char *)t->data + first / 256 * (16 * upper_bytes + 256 * lower_bytes);
        unsigned char *upper = band + row % 256 / 16 * upper_bytes, *lower = band + n_groups * upper_bytes + row % 256 * lower_bytes;

        for (int64_t c = 0; c < k; c++) {
            const unsigned code = code_of(fill, c, random), p = (unsigned)(c % 32 / 4);
            const int64_t at = c / 32 * 320 + row % 16 * 4 + c % 4;

            upper[at + 64 + 64 * (p / 2)] |= (unsigned char)((code >> 2 & 15) << 4 * (p % 2));
            upper[at] |= (unsigned char)(code >> 6 << p);
            lower[c / 256 * 64 + c % 64] |= (unsigned char)((code & 3) << 2 * (c % 256 / 64));
        }
    }
}

bool setun_check_fill_screen(setun_tensor *t, size_t n_bytes, enum setun_check_fill fill, setun_check_random *random)
{
    if (strcmp(t->fmt, "i16.hl") == 0)
        fill_activations(t, fill, random);
    else if (strcmp(t->fmt, "i8.r16k4") == 0)
        fill_weights(t, fill, random);
    else if (strcmp(t->fmt, "i7.r256k32") == 0)
        fill_bands(t, n_bytes, fill, random);
    else
        return false;
    return true;
}

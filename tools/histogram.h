/* histogram.h - a picture of ternary tensors: their shares of -1, 0 and +1, and their scales. */
#ifndef SETUN_TOOLS_HISTOGRAM_H
#define SETUN_TOOLS_HISTOGRAM_H
#include <stdint.h>

#include "buffer.h"

typedef struct histogram_row {
    const char *name;
    uint64_t    n_minus, n_zero, n_plus; /* one of them is above 0 */
    float       scale;                   /* above 0 */
} histogram_row;

/* Bars of characters on the standard output, block elements where the terminal's character set is UTF-8. */
void histogram_print(const histogram_row *rows, size_t n_rows);

/* The same as an SVG picture. */
void histogram_svg(const histogram_row *rows, size_t n_rows, const char *title, buffer *svg);
#endif

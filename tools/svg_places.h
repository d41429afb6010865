/* svg_places.h - where a picture still has room for a label: the boxes that are taken within a frame. */
#ifndef SETUN_TOOLS_SVG_PLACES_H
#define SETUN_TOOLS_SVG_PLACES_H
#include <stdbool.h>
#include <stddef.h>

enum { SVG_PLACES_MAX = 512 };

/* Pixels, y downwards from the upper edge. */
typedef struct svg_box {
    double x, y, width, height;
} svg_box;

typedef struct svg_places {
    svg_box frame; /* labels stay in it */
    svg_box taken[SVG_PLACES_MAX];
    size_t  n_taken; /* further ones are forgotten: labels may then lie on one another */
} svg_places;

bool svg_is_free(const svg_places *places, const svg_box *box);
void svg_take(svg_places *places, const svg_box *box);

/* How wide a text is, nearly: there is no font to ask. */
double svg_text_width(const char *text, double size);
#endif

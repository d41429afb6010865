/* svg_places.c - boxes of a picture that are taken. */
#include "svg_places.h"

#include <string.h>

double svg_text_width(const char *text, double size)
{
    return 0.58 * size * (double)strlen(text);
}

bool svg_is_free(const svg_places *places, const svg_box *box)
{
    const svg_box *frame = &places->frame;

    if (box->x < frame->x || box->y < frame->y || box->x + box->width > frame->x + frame->width || box->y + box->height > frame->y + frame->height)
        return false;
    for (size_t i = 0; i < places->n_taken; i++) {
        const svg_box *other = &places->taken[i];

        if (box->x < other->x + other->width && other->x < box->x + box->width && box->y < other->y + other->height &&
            other->y < box->y + box->height)
            return false;
    }
    return true;
}

void svg_take(svg_places *places, const svg_box *box)
{
    if (places->n_taken < SVG_PLACES_MAX)
        places->taken[places->n_taken++] = *box;
}

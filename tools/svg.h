/* svg.h - writes SVG pictures: rectangles, lines, text. Lengths are in pixels, y grows downwards. */
#ifndef SETUN_TOOLS_SVG_H
#define SETUN_TOOLS_SVG_H
#include "buffer.h"

/* Starts a picture with a white background; `title` is for readers that cannot see it. */
void svg_begin(buffer *svg, double width, double height, const char *title);
void svg_end(buffer *svg);

/* Colours are CSS: "#4477aa". `hint` appears when the pointer rests on it; NULL: none. */
void svg_rect(buffer *svg, double x, double y, double width, double height, const char *fill, const char *hint);
void svg_line(buffer *svg, double x1, double y1, double x2, double y2, const char *stroke);

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };
/* (x, y) is where the base line starts, is in the middle of the text, or ends. */
void svg_text(buffer *svg, double x, double y, double size, enum svg_anchor anchor, const char *fill, bool bold, const char *content);
#endif

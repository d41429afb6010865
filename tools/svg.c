/* svg.c - SVG 1.1 by hand: the few elements that diagrams need. */
#include "svg.h"

void svg_begin(buffer *svg, double width, double height, const char *title)
{
    buffer_add(svg,
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
             "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">\n<title>",
             width, height, width, height);
    buffer_add_escaped(svg, title);
    buffer_add(svg, "</title>\n<rect width=\"%.0f\" height=\"%.0f\" fill=\"#ffffff\"/>\n", width, height);
}

void svg_end(buffer *svg)
{
    buffer_add(svg, "</svg>\n");
}

void svg_rect(buffer *svg, double x, double y, double width, double height, const char *fill, const char *hint)
{
    buffer_add(svg, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"", x, y, width, height, fill);
    if (hint == NULL) {
        buffer_add(svg, "/>\n");
        return;
    }
    buffer_add(svg, "><title>");
    buffer_add_escaped(svg, hint);
    buffer_add(svg, "</title></rect>\n");
}

void svg_line(buffer *svg, double x1, double y1, double x2, double y2, const char *stroke)
{
    buffer_add(svg, "<line x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\" stroke=\"%s\"/>\n", x1, y1, x2, y2, stroke);
}

void svg_text(buffer *svg, double x, double y, double size, enum svg_anchor anchor, const char *fill, bool bold, const char *content)
{
    static const char *const anchors[] = {[SVG_START] = "start", [SVG_MIDDLE] = "middle", [SVG_END] = "end"};

    buffer_add(svg, "<text x=\"%.2f\" y=\"%.2f\" font-size=\"%.1f\" text-anchor=\"%s\" fill=\"%s\"%s>", x, y, size, anchors[anchor], fill,
             bold ? " font-weight=\"bold\"" : "");
    buffer_add_escaped(svg, content);
    buffer_add(svg, "</text>\n");
}

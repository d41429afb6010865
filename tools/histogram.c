/* histogram.c - shares of -1, 0 and +1 and scales of ternary tensors, as bars on a terminal and as SVG. */
#include "histogram.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "svg.h"

static double total_of(const histogram_row *row)
{
    return (double)row->n_minus + (double)row->n_zero + (double)row->n_plus;
}

static float largest_scale(const histogram_row *rows, size_t n_rows)
{
    float largest = 0;

    for (size_t i = 0; i < n_rows; i++)
        largest = rows[i].scale > largest ? rows[i].scale : largest;
    return largest;
}

/* ---- terminal ---- */

enum { SHARE_WIDTH = 40, SCALE_WIDTH = 16, NAME_BYTES = 256 }; /* characters; bytes */

/* What the bars are made of. */
typedef struct glyphs {
    const char *minus, *zero, *plus, *scale, *edge;
} glyphs;

static const glyphs ascii = {"-", ".", "+", "=", "|"};
static const glyphs blocks = {"\u2591", " ", "\u2588", "\u25a0", "\u2502"}; /* light shade, blank, full block, square, line */

static void repeat(const char *glyph, int n)
{
    for (int i = 0; i < n; i++)
        printf("%s", glyph);
}

static void print_row(const histogram_row *row, const glyphs *glyph, int name_width, float largest)
{
    const double total = total_of(row);
    /* The borders are rounded, not the parts: the bar is always full. */
    const int first = (int)lrint((double)row->n_minus / total * SHARE_WIDTH);
    const int second = (int)lrint(((double)row->n_minus + (double)row->n_zero) / total * SHARE_WIDTH);
    const int scale = (int)lrint((double)row->scale / (double)largest * SCALE_WIDTH);
    char name[NAME_BYTES];

    printf("  %-*s %s", name_width, printable(row->name, name, sizeof(name)), glyph->edge);
    repeat(glyph->minus, first);
    repeat(glyph->zero, second - first);
    repeat(glyph->plus, SHARE_WIDTH - second);
    printf("%s %5.1f%%  ", glyph->edge, 100.0 * (double)row->n_zero / total);
    repeat(glyph->scale, scale > 0 ? scale : 1);
    printf("%*s %.4g\n", SCALE_WIDTH - (scale > 0 ? scale : 1), "", (double)row->scale);
}

void histogram_print(const histogram_row *rows, size_t n_rows)
{
    const glyphs *glyph = setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? &blocks : &ascii;
    const float largest = largest_scale(rows, n_rows);
    int width = 6;

    for (size_t i = 0; i < n_rows; i++)
        if ((int)strlen(rows[i].name) > width)
            width = (int)strlen(rows[i].name);
    printf("  %-*s %s-1%*s0%*s+1%s  zeros  scale\n", width, "TENSOR", glyph->edge, SHARE_WIDTH / 2 - 3, "", SHARE_WIDTH / 2 - 2, "",
           glyph->edge);
    for (size_t i = 0; i < n_rows; i++)
        print_row(&rows[i], glyph, width, largest);
    printf("  %-*s  %s -1   %s 0   %s +1\n", width, "", glyph->minus, glyph->zero[0] == ' ' ? "blank" : glyph->zero, glyph->plus);
}

/* ---- SVG ---- */

/* Pixels. */
enum {
    MARGIN = 24,
    ROW = 18,         /* from one row to the next */
    BAR = 13,         /* height of a bar */
    HEAD = 92,        /* above the rows: title, legend, axis */
    SHARES = 480,     /* width of a full bar */
    SCALES = 170,     /* width of the longest scale */
    GAP = 26,
    CHARACTER = 6,    /* width of a character of the names, on the average, rounded up */
    LAYER_GAP = 7     /* between the tensors of two layers */
};

/* Colours that are told apart with any kind of colour blindness, and in grey. */
static const char minus_colour[] = "#3b6ea8", zero_colour[] = "#e6e3da", plus_colour[] = "#d9822b", scale_colour[] = "#6b7f5e";
static const char ink[] = "#222222", faint[] = "#777777", grid[] = "#c9c9c9";

/* Whether the names belong to different layers: they differ in their first number. */
static bool starts_layer(const char *name, const char *before)
{
    const char *digits = "0123456789";
    const size_t n = strcspn(name, digits), n_before = strcspn(before, digits);

    return n != n_before || strncmp(name, before, n) != 0 || strspn(name + n, digits) != strspn(before + n, digits) ||
           strncmp(name + n, before + n, strspn(name + n, digits)) != 0;
}

static void add_legend(buffer *svg, double x, double y)
{
    static const struct {
        const char *colour, *text;
    } entries[] = {{minus_colour, "\u22121"}, {zero_colour, "0"}, {plus_colour, "+1"}};

    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        svg_rect(svg, x, y - 10, 12, 12, entries[i].colour, NULL);
        svg_text(svg, x + 17, y, 12, SVG_START, ink, false, entries[i].text);
        x += 54;
    }
}

static void add_row(buffer *svg, const histogram_row *row, double x_shares, double x_scales, double y, float largest)
{
    const double total = total_of(row), minus = (double)row->n_minus / total * SHARES, zero = (double)row->n_zero / total * SHARES;
    const double plus = (double)row->n_plus / total * SHARES, scale = (double)(row->scale / largest) * SCALES;
    char hint[512], number[64], name[NAME_BYTES];

    (void)snprintf(hint, sizeof(hint), "%s: -1 %.2f%%, 0 %.2f%%, +1 %.2f%%, scale %.9g", printable(row->name, name, sizeof(name)),
                   100 * (double)row->n_minus / total, 100 * (double)row->n_zero / total, 100 * (double)row->n_plus / total,
                   (double)row->scale);
    svg_text(svg, x_shares - 10, y + 10, 11, SVG_END, ink, false, row->name);
    svg_rect(svg, x_shares, y, minus, BAR, minus_colour, hint);
    svg_rect(svg, x_shares + minus, y, zero, BAR, zero_colour, hint);
    svg_rect(svg, x_shares + minus + zero, y, plus, BAR, plus_colour, hint);
    if (zero >= 40) {
        (void)snprintf(number, sizeof(number), "%.1f%%", 100 * (double)row->n_zero / total);
        svg_text(svg, x_shares + minus + zero / 2, y + 10, 10, SVG_MIDDLE, ink, false, number);
    }
    svg_rect(svg, x_scales, y, scale > 1 ? scale : 1, BAR, scale_colour, hint);
    (void)snprintf(number, sizeof(number), "%.4g", (double)row->scale);
    svg_text(svg, x_scales + (scale > 1 ? scale : 1) + 5, y + 10, 10, SVG_START, faint, false, number);
}

void histogram_svg(const histogram_row *rows, size_t n_rows, const char *title, buffer *svg)
{
    const float largest = largest_scale(rows, n_rows);
    size_t n_characters = 8, n_gaps = 0;
    double x_shares, x_scales, height, y = HEAD;

    for (size_t i = 0; i < n_rows; i++) {
        n_characters = strlen(rows[i].name) > n_characters ? strlen(rows[i].name) : n_characters;
        n_gaps += i > 0 && starts_layer(rows[i].name, rows[i - 1].name);
    }
    x_shares = MARGIN + (double)n_characters * CHARACTER + 10;
    x_scales = x_shares + SHARES + GAP;
    height = HEAD + (double)n_rows * ROW + (double)n_gaps * LAYER_GAP + MARGIN;
    svg_begin(svg, x_scales + SCALES + 70 + MARGIN, height, title);
    svg_text(svg, MARGIN, 34, 17, SVG_START, ink, true, title);
    add_legend(svg, x_shares, 60);
    svg_text(svg, x_scales, HEAD - 10, 11, SVG_START, faint, false, "scale");
    for (int percent = 0; percent <= 100; percent += 25) {
        const double x = x_shares + SHARES * percent / 100.0;
        char label[16];

        (void)snprintf(label, sizeof(label), "%d%%", percent);
        svg_text(svg, x, HEAD - 10, 11, SVG_MIDDLE, faint, false, label);
        svg_line(svg, x, HEAD - 6, x, height - MARGIN + 4, grid);
    }
    for (size_t i = 0; i < n_rows; i++) {
        y += i > 0 && starts_layer(rows[i].name, rows[i - 1].name) ? LAYER_GAP : 0;
        add_row(svg, &rows[i], x_shares, x_scales, y, largest);
        y += ROW;
    }
    svg_end(svg);
}

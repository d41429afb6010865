/* bench_svg.c - a roofline: how much arithmetic a byte brings (across) and a second does (up), under what the machine allows, both
 * logarithmic. How far a point lies below the sloping roof is its share of the bandwidth, below the level one its share of int8. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench_roof.h"
#include "svg.h"
#include "svg_places.h"

/* Pixels. The list of the points is right of the plot and as long as it must be. */
enum { LEFT = 84, TOP = 74, WIDTH = 620, HEIGHT = 470, LIST_X = LEFT + WIDTH + 24, LIST_WIDTH = 430, LIST_STEP = 17, BOTTOM = 64 };
enum { MAX_SHOWN = 200 };
#define POINT_RADIUS 4.5
#define LABEL_SIZE   11.0

/* Distinct for colour-blind readers too (Paul Tol's "bright"); teams in their order. */
static const char *const colours[] = {"#4477aa", "#cc6677", "#228833", "#aa3377", "#997700", "#225588"};

typedef struct picture {
    buffer             *svg;
    const bench_report *report;
    double              x_min, x_max, y_min, y_max; /* of the data: operations a byte, operations a second */
    svg_places          places; /* what must not be covered */
} picture;

static double x_of(const picture *p, double ops_byte)
{
    return LEFT + WIDTH * log(ops_byte / p->x_min) / log(p->x_max / p->x_min);
}

static double y_of(const picture *p, double ops_s)
{
    return TOP + HEIGHT - HEIGHT * log(ops_s / p->y_min) / log(p->y_max / p->y_min);
}

static const char *colour_of(const picture *p, int64_t threads)
{
    size_t i = 0;

    while (i < p->report->n_teams && p->report->teams[i].threads != threads)
        i++;
    return colours[i % (sizeof(colours) / sizeof(colours[0]))];
}

/* ---- what is in it ---- */

/* Less than one a second is no measurement of a model. */
static bool has_place(const bench_result *r)
{
    return r->bytes_s >= 1 && r->ops_s >= 1;
}

static void widen(double *min, double *max, double value)
{
    if (*min == 0 || value < *min)
        *min = value;
    if (*max == 0 || value > *max)
        *max = value;
}

/* Room for every point, the roofs and the corner between them. */
static void choose_ranges(picture *p)
{
    const bench_report *report = p->report;

    for (size_t i = 0; i < report->n_results; i++) {
        const bench_result *r = &report->results[i];

        if (!has_place(r))
            continue;
        widen(&p->x_min, &p->x_max, r->ops_s / r->bytes_s);
        widen(&p->y_min, &p->y_max, r->ops_s);
    }
    for (size_t i = 0; i < report->n_teams; i++) {
        const bench_roof memory = bench_roof_make(report, &report->teams[i], true), int8 = bench_roof_make(report, &report->teams[i], false);

        if (!(int8.rate >= 1))
            continue;
        widen(&p->y_min, &p->y_max, int8.rate);
        if (memory.rate >= 1)
            widen(&p->x_min, &p->x_max, int8.rate / memory.rate);
    }
    if (p->x_min == 0) { /* nothing to show: axes alone */
        p->x_min = p->x_max = 1;
        p->y_min = p->y_max = 1e9;
    }
    if (p->y_min == 0)
        p->y_min = p->y_max = 1e9;
    p->x_min /= 3;
    p->x_max *= 4;
    p->y_min /= 3;
    p->y_max *= 2.5;
}

/* ---- axes ---- */

/* "0.5", "20", "1000" */
static const char *number(double value, char text[32])
{
    (void)snprintf(text, 32, "%.6g", value);
    return text;
}

static void draw_tick(picture *p, bool across, double value, double shown, bool decade, bool labelled)
{
    const char *stroke = decade ? "#cfcfcf" : "#ececec";
    char text[32];
    double at;

    if (across) {
        at = x_of(p, value);
        svg_line(p->svg, at, TOP, at, TOP + HEIGHT, stroke);
        if (labelled)
            svg_text(p->svg, at, TOP + HEIGHT + 16, LABEL_SIZE, SVG_MIDDLE, "#444444", false, number(shown, text));
    } else {
        at = y_of(p, value);
        svg_line(p->svg, LEFT, at, LEFT + WIDTH, at, stroke);
        if (labelled)
            svg_text(p->svg, LEFT - 8, at + 4, LABEL_SIZE, SVG_END, "#444444", false, number(shown, text));
    }
}

/* Lines at 1, 2 and 5 of every decade; numbers at all of them if they are far enough apart, else at the decades. */
static void draw_ticks(picture *p, bool across, double min, double max, double unit)
{
    static const double steps[] = {1, 2, 5};
    const double decades = log10(max / min), pixels = across ? WIDTH : HEIGHT;
    const bool all = pixels / decades > (across ? 150 : 90);
    const int first = (int)floor(log10(min / unit)), last = (int)floor(log10(max / unit));

    for (int decade = first; decade <= last; decade++)
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            const double mark = steps[i] * pow(10, decade);

            if (mark * unit >= min && mark * unit <= max)
                draw_tick(p, across, mark * unit, mark, i == 0, all || i == 0);
        }
}

static void draw_axes(picture *p)
{
    draw_ticks(p, true, p->x_min, p->x_max, 1);
    draw_ticks(p, false, p->y_min, p->y_max, 1e9);
    svg_line(p->svg, LEFT, TOP + HEIGHT, LEFT + WIDTH, TOP + HEIGHT, "#444444");
    svg_line(p->svg, LEFT, TOP, LEFT, TOP + HEIGHT, "#444444");
    svg_text(p->svg, LEFT + WIDTH / 2.0, TOP + HEIGHT + 40, 12, SVG_MIDDLE, "#222222", false,
             "operations of the linear layers for each byte read from memory");
    svg_text(p->svg, LEFT - 60, TOP - 12, 12, SVG_START, "#222222", false, "Gop/s");
}

/* ---- roofs ---- */

static void draw_thick(picture *p, double x1, double y1, double x2, double y2, const char *stroke, double width, const char *dashes)
{
    buffer_add(p->svg, "<line x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\" stroke=\"%s\" stroke-width=\"%.1f\"%s%s%s/>\n", x1, y1, x2, y2, stroke,
               width, dashes != NULL ? " stroke-dasharray=\"" : "", dashes != NULL ? dashes : "", dashes != NULL ? "\"" : "");
}

/* Text that can be read over lines. `angle` turns it around (x, y), in degrees. */
static void draw_label(picture *p, double x, double y, double angle, enum svg_anchor anchor, const char *fill, const char *text)
{
    static const char *const anchors[] = {[SVG_START] = "start", [SVG_MIDDLE] = "middle", [SVG_END] = "end"};

    buffer_add(p->svg, "<text x=\"%.2f\" y=\"%.2f\" font-size=\"%.1f\" text-anchor=\"%s\" fill=\"%s\"", x, y, LABEL_SIZE, anchors[anchor], fill);
    buffer_add(p->svg, " stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\"");
    if (angle != 0)
        buffer_add(p->svg, " transform=\"rotate(%.2f %.2f %.2f)\"", angle, x, y);
    buffer_add(p->svg, ">");
    buffer_add_escaped(p->svg, text);
    buffer_add(p->svg, "</text>\n");
}

/* The label of a level roof: above its right end, or so far to the left that it covers no other. */
static void label_level(picture *p, double y, const char *colour, const char *text)
{
    const double width = svg_text_width(text, LABEL_SIZE);

    for (int i = 0; LEFT + WIDTH - 6 - 12 * i - width > LEFT; i++) {
        const double end = LEFT + WIDTH - 6 - 12 * i;
        const svg_box place = {end - width, y - 4 - LABEL_SIZE, width, LABEL_SIZE + 3};

        if (!svg_is_free(&p->places, &place))
            continue;
        svg_take(&p->places, &place);
        draw_label(p, end, y - 5, 0, SVG_END, colour, text);
        return;
    }
}

/* The name of an instruction set in a kernel's: what follows the last "__". */
static const char *set_of(const char *kernel)
{
    const char *at = kernel, *set = kernel;

    while ((at = strstr(at, "__")) != NULL)
        set = at += 2;
    return set;
}

static void draw_level(picture *p, const bench_team *t, const bench_roof *int8, const char *kernel, bool best)
{
    const bench_roof memory = bench_roof_make(p->report, t, true);
    const double ops_s = int8->rate;
    const char *colour = colour_of(p, t->threads);
    /* Left of where the memory's roof meets it there is nothing to be had. */
    const double corner = memory.rate > 0 ? ops_s / memory.rate : p->x_min, from = corner > p->x_min ? corner : p->x_min;
    char text[200], range[BENCH_RANGE_BYTES];
    double y;

    if (!(ops_s > p->y_min) || ops_s > p->y_max || from >= p->x_max)
        return;
    y = y_of(p, ops_s);
    draw_thick(p, x_of(p, from), y, LEFT + WIDTH, y, colour, best ? 2 : 1, best ? NULL : "5 4");
    (void)snprintf(text, sizeof(text), "int8 %s: %.4g%s Gop/s, %" PRId64 " thread%s", set_of(kernel), ops_s * 1e-9, bench_roof_range(int8, range), t->threads,
                   t->threads == 1 ? "" : "s");
    label_level(p, y, colour, text);
}

enum { SLOPE_PARTS = 12 };

/* Boxes along a text that runs up the slope from its middle (x, y); whether all are free. Takes them if told to. */
static bool try_slope(picture *p, double x, double y, double angle, double width, bool take_them)
{
    for (int i = 0; i <= SLOPE_PARTS; i++) {
        const double along = width * ((double)i / SLOPE_PARTS - 0.5);
        const svg_box part = {x + along * cos(angle) - 9, y - along * sin(angle) - 15, 16, 17};

        if (take_them)
            svg_take(&p->places, &part);
        else if (!svg_is_free(&p->places, &part))
            return false;
    }
    return true;
}

/* Along the line: above it in the middle if nothing is there, else further down or up, else the same below it, else above it all the same. */
static void label_slope(picture *p, const bench_team *t, double bytes_s, double from, double to, const char *text)
{
    enum { PLACES = 17 };
    const double angle = atan2(HEIGHT / log(p->y_max / p->y_min), WIDTH / log(p->x_max / p->x_min));
    const double width = svg_text_width(text, LABEL_SIZE);
    double x = 0, y = 0;

    for (int i = 0; i <= 2 * PLACES; i++) { /* 0.5, 0.45, 0.55, 0.4 ... of the way */
        const int place = i % PLACES;
        const int steps = (place + 1) / 2;
        const double part = 0.5 + (place % 2 == 0 ? 0.05 : -0.05) * steps, at = from * pow(to / from, part);
        const double away = i / PLACES == 1 ? -14 : 5;

        x = x_of(p, at) - away * sin(angle);
        y = y_of(p, at * bytes_s) - away * cos(angle);
        if (try_slope(p, x, y, angle, width, false))
            break;
    }
    (void)try_slope(p, x, y, angle, width, true);
    draw_label(p, x, y, -angle * 57.29577951308232, SVG_MIDDLE, colour_of(p, t->threads), text);
}

/* From the left edge, or the bottom, to the corner with the best int8 roof, or to an edge. */
static void draw_slope(picture *p, const bench_team *t)
{
    const bench_roof memory = bench_roof_make(p->report, t, true), int8 = bench_roof_make(p->report, t, false);
    const double peak = int8.rate > 0 ? int8.rate : p->y_max, low = p->y_min / memory.rate, high = peak / memory.rate;
    const double from = low > p->x_min ? low : p->x_min, to = high < p->x_max ? high : p->x_max;
    char text[180], range[BENCH_RANGE_BYTES];

    if (!(memory.rate >= 1) || !(from < to))
        return;
    draw_thick(p, x_of(p, from), y_of(p, from * memory.rate), x_of(p, to), y_of(p, to * memory.rate), colour_of(p, t->threads), 2, NULL);
    (void)snprintf(text, sizeof(text), "memory: %.4g%s GB/s, %" PRId64 " thread%s", memory.rate * 1e-9, bench_roof_range(&memory, range), t->threads,
                   t->threads == 1 ? "" : "s");
    label_slope(p, t, memory.rate, from, to, text);
}

/* With several heads, teams of as many threads have one roof. */
static bool is_first(const bench_report *report, const bench_team *t)
{
    const bench_team *other = report->teams;

    while (other->threads != t->threads)
        other++;
    return other == t;
}

static void draw_roofs(picture *p)
{
    const bench_report *report = p->report;
    size_t most = 0;

    for (size_t i = 0; i < report->n_teams; i++) {
        const bench_team *t = &report->teams[i];
        const bench_roof int8 = bench_roof_make(report, t, false);

        if (!is_first(report, t))
            continue;
        if (t->threads > report->teams[most].threads)
            most = i;
        draw_slope(p, t);
        if (int8.rate >= 1)
            draw_level(p, t, &int8, t->int8_kernel, true);
    }
    /* The slower instruction sets of the largest team only: more lines would say little. */
    for (size_t i = 0; report->n_teams > 0 && i < report->teams[most].n_int8; i++) {
        const bench_team *t = &report->teams[most];
        const bench_roof slower = {t->int8[i].ops_s, NAN, NAN};

        if (strcmp(t->int8[i].kernel, t->int8_kernel) != 0)
            draw_level(p, t, &slower, t->int8[i].kernel, false);
    }
}

/* ---- points ---- */

static void draw_circle(buffer *svg, double x, double y, const char *fill, const char *stroke)
{
    buffer_add(svg, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.1f\" fill=\"%s\" stroke=\"%s\" stroke-width=\"1.5\"/>\n", x, y, POINT_RADIUS, fill, stroke);
}

static void draw_point(picture *p, const bench_result *r, bool filled)
{
    const char *colour = colour_of(p, r->threads);

    draw_circle(p->svg, x_of(p, r->ops_s / r->bytes_s), y_of(p, r->ops_s), filled ? colour : "#ffffff", colour);
}

/* The points' places, before the roofs get their labels. */
static void take_points(picture *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const bench_result *r = &p->report->results[i];

        if (has_place(r)) {
            const svg_box own = {x_of(p, r->ops_s / r->bytes_s) - POINT_RADIUS, y_of(p, r->ops_s) - POINT_RADIUS, 2 * POINT_RADIUS, 2 * POINT_RADIUS};

            svg_take(&p->places, &own);
        }
    }
}

/* Its number in the list, as near to it as there is room; with a thread to it where that is not next to it. */
static void label_point(picture *p, const bench_result *r, size_t index)
{
    const double x = x_of(p, r->ops_s / r->bytes_s), y = y_of(p, r->ops_s);
    const char *colour = colour_of(p, r->threads);
    char text[24];
    svg_box place = {.height = LABEL_SIZE + 1};

    (void)snprintf(text, sizeof(text), "%zu", index);
    place.width = svg_text_width(text, LABEL_SIZE) + 2;
    for (int distance = 12; distance < 260; distance += 6) {
        for (int i = 0; i < 16; i++) {
            const double angle = -0.7853981633974483 + 0.39269908169872414 * i; /* right above first, then around */

            place.x = x + distance * cos(angle) - place.width / 2;
            place.y = y - distance * sin(angle) - place.height / 2;
            if (!svg_is_free(&p->places, &place))
                continue;
            svg_take(&p->places, &place);
            if (distance > 16)
                draw_thick(p, x, y, x + (distance - 7) * cos(angle), y - (distance - 7) * sin(angle), colour, 0.7, NULL);
            draw_label(p, place.x + place.width / 2, place.y + place.height - 2.5, 0, SVG_MIDDLE, colour, text);
            return;
        }
    }
}

/* "3  tg128 x8, 2 threads, full head: 91.2 tokens/s, 71% of memory" */
static void list_point(picture *p, const bench_result *r, size_t index, double y)
{
    const bool memory = !isnan(r->share_of_bandwidth) && (isnan(r->share_of_int8) || r->share_of_bandwidth > r->share_of_int8);
    const double share = memory ? r->share_of_bandwidth : r->share_of_int8;
    char name[BENCH_NAME_BYTES], text[300], of[60] = "", rate[40] = "-", head[BENCH_WORD_BYTES + 8] = "";

    if (!isnan(share))
        (void)snprintf(of, sizeof(of), ", %.0f%% of %s", 100 * share, memory ? "memory" : "int8");
    if (!isnan(r->tokens_s_median))
        (void)snprintf(rate, sizeof(rate), "%.*f", r->tokens_s_median < 1000 ? 2 : 0, r->tokens_s_median);
    if (bench_report_has_heads(p->report))
        (void)snprintf(head, sizeof(head), ", %s head", r->head);
    (void)snprintf(text, sizeof(text), "%s, %" PRId64 " thread%s%s: %s tokens/s%s%s", bench_result_name(r, name), r->threads,
                   r->threads == 1 ? "" : "s", head, rate, of, isnan(r->share_of_bandwidth) ? ", cached" : "");
    (void)snprintf(name, sizeof(name), "%zu", index);
    svg_text(p->svg, LIST_X + 16, y, LABEL_SIZE, SVG_END, colour_of(p, r->threads), true, name);
    svg_text(p->svg, LIST_X + 24, y, LABEL_SIZE, SVG_START, "#222222", false, text);
}

static void draw_points(picture *p, size_t n)
{
    const bench_report *report = p->report;

    for (size_t i = 0; i < n; i++)
        if (has_place(&report->results[i]))
            draw_point(p, &report->results[i], strcmp(report->results[i].test, "decode") == 0);
    for (size_t i = 0; i < n; i++) {
        if (has_place(&report->results[i]))
            label_point(p, &report->results[i], i + 1);
        list_point(p, &report->results[i], i + 1, TOP + 40 + LIST_STEP * (double)i);
    }
}

static void draw_key(picture *p)
{
    draw_circle(p->svg, LIST_X + 12, TOP + 6, "#666666", "#666666");
    svg_text(p->svg, LIST_X + 24, TOP + 10, LABEL_SIZE, SVG_START, "#444444", false, "tg: tokens generated");
    draw_circle(p->svg, LIST_X + 162, TOP + 6, "#ffffff", "#666666");
    svg_text(p->svg, LIST_X + 174, TOP + 10, LABEL_SIZE, SVG_START, "#444444", false, "pp: prompt read; @depth, xsequences");
}

void bench_picture(buffer *svg, const bench_report *report)
{
    const size_t n = report->n_results < MAX_SHOWN ? report->n_results : MAX_SHOWN;
    const double list = TOP + 60 + LIST_STEP * (double)n, plot = TOP + HEIGHT + BOTTOM;
    const char *slash = strrchr(report->model, '/'), *model = slash != NULL && slash[1] != '\0' ? slash + 1 : report->model;
    picture p = {.svg = svg, .report = report, .places.frame = {LEFT, TOP, WIDTH, HEIGHT}};
    char title[BENCH_TEXT_BYTES], subtitle[BENCH_TEXT_BYTES + 40];

    (void)snprintf(title, sizeof(title), "setun bench: %.80s", model);
    (void)snprintf(subtitle, sizeof(subtitle), "%.120s; lines are what this machine was measured to do at best", report->cpu);
    choose_ranges(&p);
    svg_begin(svg, LIST_X + LIST_WIDTH, list > plot ? list : plot, title);
    svg_text(svg, LEFT - 60, 26, 16, SVG_START, "#111111", true, title);
    svg_text(svg, LEFT - 60, 44, 12, SVG_START, "#444444", false, subtitle);
    draw_axes(&p);
    take_points(&p, n);
    draw_roofs(&p);
    draw_points(&p, n);
    draw_key(&p);
    svg_end(svg);
}

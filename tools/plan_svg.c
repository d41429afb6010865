/* plan_svg.c - a plan as a picture: a bar for each row, as long as its expected time, coloured by what decided. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plan_rows.h"
#include "svg.h"

/* Pixels. */
enum { MARGIN = 24, NAME_WIDTH = 230, BAR_WIDTH = 420, KERNEL_WIDTH = 520, STEP = 20, HEAD = 64, PHASE_HEAD = 44, BAR = 14, TEXT = 11 };

/* Distinct for colour-blind readers too (Paul Tol's "bright"). */
static const struct {
    const char *word, *colour;
} whys[] = {[SETUN_WHY_RULE] = {"a rule", "#cc6677"},
            [SETUN_WHY_ONLY] = {"the only one", "#bbbbbb"},
            [SETUN_WHY_MEASURED] = {"measured", "#228833"},
            [SETUN_WHY_ESTIMATE] = {"estimate", "#4477aa"}};

static size_t count_phases(const plan_rows *rows)
{
    size_t n = 0;

    for (size_t i = 0; i < rows->n; i++)
        n += i == 0 || rows->items[i].step.phase != rows->items[i - 1].step.phase;
    return n;
}

/* The longest row of a phase, which is as wide as a bar can be, and the sum of all. */
static void measure_phase(const plan_rows *rows, int phase, double *out_longest, double *out_sum)
{
    *out_longest = *out_sum = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->items[i].step.phase != phase)
            continue;
        *out_sum += rows->items[i].seconds;
        *out_longest = rows->items[i].seconds > *out_longest ? rows->items[i].seconds : *out_longest;
    }
}

static void draw_legend(buffer *svg)
{
    for (size_t i = 0; i < sizeof(whys) / sizeof(whys[0]); i++) {
        const double x = MARGIN + 120.0 * (double)i;

        svg_rect(svg, x, HEAD - 22, 12, 12, whys[i].colour, NULL);
        svg_text(svg, x + 18, HEAD - 12, TEXT, SVG_START, "#333333", false, whys[i].word);
    }
}

static void draw_row(buffer *svg, const plan_row *r, double y, double longest)
{
    const double width = longest > 0 ? BAR_WIDTH * r->seconds / longest : 0, x = MARGIN + NAME_WIDTH;
    char text[400];

    (void)snprintf(text, sizeof(text), "%s %s%s%" PRId64, r->op, r->weight, r->weight[0] != '\0' ? " x" : "x", r->n);
    svg_text(svg, x - 8, y + BAR - 3, TEXT, SVG_END, "#333333", false, text);
    (void)snprintf(text, sizeof(text), "%s: %s", r->kernel, whys[r->step.why].word);
    svg_rect(svg, x, y, width < 1 ? 1 : width, BAR, whys[r->step.why].colour, text);
    (void)snprintf(text, sizeof(text), "%.1f us", r->seconds * 1e6);
    svg_text(svg, x + width + 6, y + BAR - 3, TEXT, SVG_START, "#333333", false, text);
    (void)snprintf(text, sizeof(text), "%s%s%s", r->kernel, r->packing[0] != '\0' ? ", " : "", r->packing);
    svg_text(svg, x + BAR_WIDTH + 90, y + BAR - 3, TEXT, SVG_START, "#777777", false, text);
}

void plan_svg_draw(const plan_rows *rows, const char *model, uint32_t n_threads, buffer *svg)
{
    double y = HEAD, longest = 0, sum;
    int phase = -1;
    char text[400];

    svg_begin(svg, 2 * MARGIN + NAME_WIDTH + BAR_WIDTH + 90 + KERNEL_WIDTH, HEAD + (double)count_phases(rows) * PHASE_HEAD + (double)rows->n * STEP + MARGIN,
              "plan of a model");
    (void)snprintf(text, sizeof(text), "%.200s, %u thread%s", model, n_threads, n_threads == 1 ? "" : "s");
    svg_text(svg, MARGIN, MARGIN + 4, TEXT + 4, SVG_START, "#000000", true, text);
    draw_legend(svg);
    for (size_t i = 0; i < rows->n; i++) {
        const plan_row *r = &rows->items[i];

        if (r->step.phase != phase) {
            phase = r->step.phase;
            measure_phase(rows, phase, &longest, &sum);
            (void)snprintf(text, sizeof(text), "%s: passes of up to %" PRId64 " row%s, %.1f us expected", plan_phase_name(phase), r->step.rows_max,
                           r->step.rows_max == 1 ? "" : "s", sum * 1e6);
            svg_text(svg, MARGIN, y + PHASE_HEAD - 14, TEXT + 2, SVG_START, "#000000", true, text);
            y += PHASE_HEAD;
        }
        draw_row(svg, r, y, longest);
        y += STEP;
    }
    svg_end(svg);
}

/* plan_rows.h - the rows of `setun plan`, and the picture of them. */
#ifndef SETUN_TOOLS_PLAN_ROWS_H
#define SETUN_TOOLS_PLAN_ROWS_H
#include "buffer.h"
#include "setun/session.h"

/* A step, or several that follow one another in every layer and are decided alike. Strings are owned. */
typedef struct plan_row {
    setun_planned_step step;    /* but for its strings */
    char              *op, *weight, *kernel, *backend, *packing, *rule, *second;
    int64_t            n;       /* how many steps */
    double             seconds; /* of all of them */
} plan_row;

typedef struct plan_rows {
    int       phase; /* only this SETUN_PHASE_*; 0: all */
    plan_row *items;
    size_t    n, capacity;
} plan_rows;

const char *plan_phase_name(int phase); /* "decode" */

/* plan_svg.c */
void plan_svg_draw(const plan_rows *rows, const char *model, uint32_t n_threads, buffer *svg);
#endif

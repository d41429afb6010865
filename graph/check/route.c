/* route.c - from an operand in one representation to another through the pack kernels of the loaded plugins. */
#include <stdio.h>
#include <string.h>

#include "check/target.h"

enum { MAX_FMTS = 64 };

/* Breadth first from `from`. */
typedef struct search {
    const setun_plugins *plugins;
    const setun_kernel *avoid;
    struct {
        char fmt[SETUN_CHECK_FMT_BYTES];
        setun_kernel_ref by;
        int parent;
    } seen[MAX_FMTS];
    int n;
} search;

static bool is_seen(const search *s, const char *fmt)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->seen[i].fmt, fmt) == 0)
            return true;
    return false;
}

/* Adds what pack kernels make of seen[i]. */
static void expand(search *s, int i)
{
    setun_check_fmts fmts;

    for (size_t k = 0; k < setun_plugins_n_kernels(s->plugins); k++) {
        const setun_kernel_ref ref = setun_plugins_kernel(s->plugins, k);

        if (ref.kernel == s->avoid || strcmp(ref.kernel->pattern, "pack") != 0 ||
            setun_check_fmts_parse(ref.kernel->fmts, &fmts, NULL) != SETUN_OK || fmts.n_in != 1 || fmts.n_out != 1 ||
            strcmp(fmts.in[0], s->seen[i].fmt) != 0 || is_seen(s, fmts.out[0]) || s->n == MAX_FMTS)
            continue;
        memcpy(s->seen[s->n].fmt, fmts.out[0], sizeof(fmts.out[0]));
        s->seen[s->n].by = ref;
        s->seen[s->n++].parent = i;
    }
}

bool setun_check_route_find(const setun_plugins *plugins, const char *from, const char *to, const setun_kernel *avoid,
                            setun_check_route *out_route)
{
    search s = {.plugins = plugins, .avoid = avoid, .n = 1};
    uint32_t n = 0;

    memset(out_route, 0, sizeof(*out_route));
    (void)snprintf(s.seen[0].fmt, sizeof(s.seen[0].fmt), "%s", from);
    s.seen[0].parent = -1;
    for (int i = 0; i < s.n; i++) {
        if (strcmp(s.seen[i].fmt, to) != 0) {
            expand(&s, i);
            continue;
        }
        for (int j = i; s.seen[j].parent >= 0; j = s.seen[j].parent)
            n++;
        if (n > SETUN_CHECK_STEPS)
            return false;
        out_route->n = n;
        for (int j = i; s.seen[j].parent >= 0; j = s.seen[j].parent) {
            n--;
            out_route->step[n] = s.seen[j].by;
            memcpy(out_route->fmt[n], s.seen[j].fmt, sizeof(s.seen[j].fmt));
        }
        return true;
    }
    return false;
}

/* One pack, run plainly. Where nobody knows the format, two runs over different rubbish tell its padding from its values. */
static setun_status step(const setun_plugins *plugins, setun_kernel_ref ref, const char *fmt, const setun_check_operand *from,
                         setun_check_random *random, setun_check_operand *to, setun_check_failure *failure, setun_error *error)
{
    const setun_check_call call = {.ref = ref, .plugins = plugins, .in = from, .out = to, .n_in = 1, .n_out = 1,
                                   .rows_max = from->part[0].dim[0], .keeps_out = true};
    const setun_check_way way = {.n_workers = 1, .random = *random};
    setun_status status = setun_check_operand_make(plugins, fmt, from->part[0].dim, to, error);
    char why[200];
    bool declined = false;

    for (int i = 0; i < 2 && status == SETUN_OK && !declined && failure->kind == NULL; i++) {
        for (uint32_t p = 0; p < to->n_parts; p++) {
            if (i == 1) {
                to->care[p] = setun_alloc(to->n_bytes[p]);
                if (to->care[p] == NULL)
                    return setun_fail_nomem(error, "padding", to->n_bytes[p]);
                memcpy(to->care[p], to->part[p].data, to->n_bytes[p]);
            }
            memset(to->part[p].data, i == 0 ? 0x00 : 0xFF, to->n_bytes[p]);
        }
        status = setun_check_run(&call, &way, &declined, why, failure, error);
    }
    for (uint32_t p = 0; p < to->n_parts && to->care[p] != NULL; p++)
        for (size_t at = 0; at < to->n_bytes[p]; at++)
            to->care[p][at] = to->care[p][at] == ((unsigned char *)to->part[p].data)[at];
    if (status == SETUN_OK && declined)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s declines: %s", ref.kernel->name, why);
    return status;
}

setun_status setun_check_route_walk(const setun_plugins *plugins, const setun_check_route *route, const setun_check_operand *from,
                                    setun_check_random *random, setun_check_operand *out_operand, setun_check_failure *failure,
                                    setun_error *error)
{
    setun_check_operand now = {.n_parts = 0};

    for (uint32_t i = 0; i < route->n; i++) {
        setun_check_operand next = {.n_parts = 0};
        setun_status status = step(plugins, route->step[i], route->fmt[i], i == 0 ? from : &now, random, &next, failure, error);

        setun_check_operand_free(&now);
        if (status != SETUN_OK || failure->kind != NULL) {
            setun_check_operand_free(&next);
            if (failure->kind != NULL) {
                char text[200];

                (void)snprintf(text, sizeof(text), "%.199s", failure->text);
                setun_check_fail(failure, failure->kind, "while %s made an operand: %s", route->step[i].kernel->name, text);
            }
            return status;
        }
        now = next;
    }
    *out_operand = now;
    return SETUN_OK;
}

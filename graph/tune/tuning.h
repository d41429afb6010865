/* tuning.h - the inside of a tuning: cases in order, times by kernel, and how the planner asks. Internal. */
#ifndef SETUN_TUNING_INTERNAL_H
#define SETUN_TUNING_INTERNAL_H
#include "base/base.h"
#include "graph.h"
#include "setun/tuning.h"

enum {
    SETUN_TUNING_SHAPE_BYTES = 96,
    SETUN_TUNING_MAX_ROWS = 65536,
    SETUN_TUNING_ALL_NODES = -1, /* a team on all NUMA nodes */
    SETUN_TUNING_MAX_NODE = 1023
};
#define SETUN_TUNING_MAX_NS INT64_C(1000000000000000) /* eleven days */

typedef struct setun_tuning_time {
    const char *kernel;
    int64_t     ns;     /* of one call, by the whole team */
} setun_tuning_time;

typedef struct setun_tuning_case {
    const char        *op, *shape;
    int64_t            rows;
    uint32_t           threads;
    int32_t            node;    /* or SETUN_TUNING_ALL_NODES */
    setun_tuning_time *times;   /* [n_times] */
    size_t             n_times;
    uint32_t           line;    /* of the file; 0: measured */
} setun_tuning_case;

struct setun_tuning {
    setun_pool         pool;    /* all strings and times */
    setun_tuning_case *cases;   /* in the order of setun_tuning_sort */
    size_t             n_cases, capacity;
    const char        *cpu, *features, *date, *version;
    int64_t            numerics;
    const char        *differences; /* in words, from this CPU, its features under the environment's SETUN_CPU, and these numerics; "": none */
};

/* Empty, of this CPU, date and version, and of the features that are in effect (setun_plugins_cpu): they decide which kernels there are. */
setun_status setun_tuning_create(uint64_t features, setun_tuning **out_tuning, setun_error *error);
/* Times from memory; `name` stands for the path in errors. */
setun_status setun_tuning_parse(const char *name, const char *text, size_t n_bytes, setun_tuning **out_tuning, setun_error *error);
/* A case of these times, which are copied; one with the same key is replaced if `replace`, else it stays as it is. */
setun_status setun_tuning_add(setun_tuning *tuning, const setun_tuning_case *c, bool replace, setun_error *error);
/* Whether it was measured on this CPU, with these features in effect and these numerics. */
bool setun_tuning_is_for(const setun_tuning *tuning, uint64_t features);
/* Fills in differences. */
setun_status setun_tuning_compare_here(setun_tuning *tuning, setun_error *error);
/* As text, malloc-ed. */
setun_status setun_tuning_print(const setun_tuning *tuning, char **out_text, size_t *out_bytes, setun_error *error);
/* Order by op, shape, threads, node, rows; <0, 0, >0. */
int setun_tuning_compare(const setun_tuning_case *a, const setun_tuning_case *b);

/* The size of a node as text, the rows left out: "2560x6912", "2560", "20/5x128". What is the same takes a kernel the same time. */
void setun_tuning_shape(const setun_graph *graph, const setun_graph_node *node, char text[SETUN_TUNING_SHAPE_BYTES]);
/* Of an activation of n columns that a kernel of these fmts packs: "2560 i8.row+f32". */
void setun_tuning_pack_shape(int64_t n, const char *fmts, char text[SETUN_TUNING_SHAPE_BYTES]);

/* What a kernel takes for passes of rows_min to rows_max rows, by a team of so many threads on all nodes: the mean of its times a row over
 * the rows in that range that were measured (if there is none, of the least rows above it) times rows_max. False: it was not measured.
 * tuning may be NULL: then nothing was. Whether it is for what runs here is for the caller to ask (setun_tuning_is_for). */
bool setun_tuning_find(const setun_tuning *tuning, const char *op, const char *shape, int64_t rows_min, int64_t rows_max, uint32_t threads,
                       const char *kernel, double *out_ns);
#endif

/* head.h - a screened head: logits that are known but for a bound from five bits of every weight, better from seven of those that may matter, and the
 * few that do from the 16-bit originals. Internal.
 *
 * A pass of the body leaves what the head reads, x f32[rows, k]. The head works on at most SETUN_HEAD_ROWS of them at a time, which are
 * copied into its own plan. Rows of the original weights are read from the weight file, into scratch of the worker that multiplies them,
 * unless they are kept in memory. */
#ifndef SETUN_HEAD_H
#define SETUN_HEAD_H
#include "plan/planner.h"
#include "session/sampler.h"

enum {
    SETUN_HEAD_ROWS = 16,         /* rows of x at a time */
    SETUN_HEAD_BLOCK = 16,        /* rows of the original weights that a worker reads and multiplies at a time */
    SETUN_HEAD_CANDIDATES = 4096  /* of a token; with more the full head runs */
};

typedef struct setun_screen setun_screen;

/* What a pass does beside its plan: seconds on the calling thread, in which the others help or wait. */
enum setun_beside {
    SETUN_BESIDE_GATHER, /* rows of the embedding are read from the file */
    SETUN_BESIDE_SCREEN, /* the head's op screen and the packing before it */
    SETUN_BESIDE_SELECT, /* candidates are picked: of all bounds */
    SETUN_BESIDE_RESCREEN, /* tokens that may be candidates, by two more bits */
    SETUN_BESIDE_ROWS,   /* candidates, or all rows, are computed from the originals */
    SETUN_BESIDE_DRAW,   /* the token is drawn: among the candidates, or of all logits; on one thread */
    SETUN_N_BESIDE
};
typedef struct setun_beside_times {
    double   s[SETUN_N_BESIDE];
    uint64_t n[SETUN_N_BESIDE]; /* how often */
} setun_beside_times;

/* Counts what was begun at begin_s, of setun_clock_s; times NULL: nothing is counted, and begin_s may be anything. */
void setun_beside_count(setun_beside_times *times, enum setun_beside what, double begin_s);
double setun_beside_begin(const setun_beside_times *times); /* 0 for NULL */

/* How often how many candidates were recomputed. */
typedef struct setun_screen_counts {
    uint64_t n_screened, n_full;                   /* tokens drawn among candidates, and from all logits */
    uint64_t n_rescreened;                         /* rows that op rescreen read for them */
    uint32_t count[SETUN_HEAD_CANDIDATES + 1];     /* of the former, by the number of candidates; stays at its largest */
} setun_screen_counts;

/* The representation of the head's weights that op screen reads then: setun_planner_request.screen_fmts. */
const char *setun_screen_fmts(int mode);

/* request: as for the session's other plans; rows, part and table are set here. mode: SETUN_HEAD_SCREENED, _RESIDENT or _INT8. What it needs
 * from the store is filled with it. SETUN_ERR_UNSUPPORTED: this head cannot be screened; the error says why. */
setun_status setun_screen_create(const setun_planner_request *request, int mode, int64_t chunk, setun_screen **out_head, setun_error *error);
void         setun_screen_destroy(setun_screen *head); /* accepts NULL */
/* Counts into *times from now on; NULL: no longer. */
void         setun_screen_time(setun_screen *head, setun_beside_times *times);
/* Once the store is filled. */
void         setun_screen_bind(setun_screen *head);

uint64_t     setun_screen_token_bytes(const setun_screen *head); /* weights that every token reads, of rows that are read again the mean so far */
size_t       setun_screen_arena_bytes(const setun_screen *head); /* all its memory but the weights */
const setun_screen_counts *setun_screen_counted(const setun_screen *head);
setun_plan  *setun_screen_plan(const setun_screen *head, int64_t n_rows); /* of so many rows */

/* Rows of x for what follows: n of them (1 .. SETUN_HEAD_ROWS), stride_bytes apart. Screens them. */
void         setun_screen_run(setun_screen *head, setun_team *team, const void *x, int64_t stride_bytes, int64_t n);

/* All logits of those rows, *out_stride floats apart: of a head of 8 bits those, else the original's. SETUN_ERR_IO: the weight file became
 * shorter, or cannot be read. */
setun_status setun_screen_logits(setun_screen *head, setun_team *team, const void *x, int64_t stride_bytes, int64_t n, const float **out_logits,
                               int64_t *out_stride, setun_error *error);

/* The next token of row i of those screened; the rest as setun_sampler_draw. *out_full: nothing was drawn, all logits are needed. */
setun_status setun_screen_draw(setun_screen *head, setun_team *team, setun_sampler *sampler, int64_t i, const setun_sampling *sampling,
                             const int32_t *history, size_t n_history, int32_t *out_id, bool *out_full, setun_error *error);

/* A table of an embedding of which only a pass's rows are in memory. */
typedef struct setun_gather setun_gather;

/* For the one embedding of a graph, with a table in f16 or bf16, in passes of at most n_rows; *out_gather NULL: the graph has another kind. */
setun_status setun_gather_create(const setun_graph *graph, const setun_store *store, int64_t n_rows, setun_gather **out_gather, setun_error *error);
void         setun_gather_destroy(setun_gather *gather); /* accepts NULL */
const setun_planner_table *setun_gather_table(const setun_gather *gather);
const int32_t             *setun_gather_tokens(const setun_gather *gather); /* 0 .. n_rows - 1, for setun_plan_set_tokens */
/* Reads row token[i] of the table to its row i. SETUN_ERR_IO. */
setun_status               setun_gather_read(setun_gather *gather, const setun_row *rows, size_t n_rows, setun_error *error);
#endif

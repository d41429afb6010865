/* plan.h - a compiled pass: kernels in order, their tensors laid out in one arena, and where workers must meet. Internal.
 * It knows kernels and formats, not ops: the planner in graph/plan builds it, the executor runs it. */
#ifndef SETUN_EXEC_PLAN_H
#define SETUN_EXEC_PLAN_H
#include "base/base.h"
#include "exec/team.h"
#include "plugin/registry.h"

/* How many rows a tensor has in a pass. */
enum setun_rows {
    SETUN_ROWS_FIXED, /* not an activation */
    SETUN_ROWS_BATCH, /* setun_batch.n_rows */
    SETUN_ROWS_OUT    /* setun_batch.n_out_rows */
};

enum { SETUN_STEP_MAX_TENSORS = 16 };

typedef struct setun_plan setun_plan;

setun_status setun_plan_create(setun_plan **out_plan, setun_error *error);
void         setun_plan_destroy(setun_plan *plan); /* accepts NULL */

/* An activation of at most max_rows rows, in the arena. `dim` has the rows (max_rows) in dim[rows_dim].
 * SETUN_ERR_UNSUPPORTED: the format cannot represent it. */
setun_status setun_plan_add_buffer(setun_plan *plan, const setun_format *format, const int64_t dim[4], uint32_t rows_dim,
                                   enum setun_rows rows, uint32_t *out_tensor, setun_error *error);
/* A tensor that lies elsewhere and outlives the plan: weight, table, cache. n_bytes: its extent, for the dependence check. */
setun_status setun_plan_add_constant(setun_plan *plan, const setun_tensor *tensor, size_t n_bytes, uint32_t *out_tensor,
                                     setun_error *error);
/* The pass's token ids, i32[1, rows]. */
setun_status setun_plan_add_tokens(setun_plan *plan, int64_t max_rows, uint32_t *out_tensor, setun_error *error);

/* Appends one kernel call. in and out are tensor ids; attr has one entry for each op of the kernel's pattern, and what it points
 * to must outlive the plan. label is copied: what people are shown, the op. */
setun_status setun_plan_add_step(setun_plan *plan, setun_kernel_ref kernel, const setun_kernel_plan *kernel_plan, const void *const *attr,
                                 size_t n_attr, const uint32_t *in, uint32_t n_in, const uint32_t *out, uint32_t n_out,
                                 const char *label, setun_error *error);

/* A tensor whose data the caller reads after a pass; kept to the end. There may be several. */
void setun_plan_set_result(setun_plan *plan, uint32_t tensor);

/* Steps of few rows that take each worker less than so many ns longer if it does all the units itself are replicated: every worker does so,
 * into copies of its own, and nobody waits before what they hold is read. 0, the default: none. Before setun_plan_finish. */
void setun_plan_allow_replication(setun_plan *plan, double below_ns);

/* Lays out the arena by lifetime and decides the barriers. Nothing can be added afterwards. */
setun_status setun_plan_finish(setun_plan *plan, uint32_t n_workers, setun_error *error);

size_t   setun_plan_arena_bytes(const setun_plan *plan);  /* activations, shared scratch and every worker's scratch */
uint32_t setun_plan_n_steps(const setun_plan *plan);
uint32_t setun_plan_n_barriers(const setun_plan *plan);   /* of a whole pass, if no phase is empty */
const setun_tensor *setun_plan_tensor(const setun_plan *plan, uint32_t tensor);

/* What step i does, for `-v` and later `setun plan`. */
typedef struct setun_plan_line {
    const char *label, *kernel, *backend;
    uint32_t    n_phases;
    bool        barrier_before, replicated;
    double      cost_ns;
} setun_plan_line;
void setun_plan_describe(const setun_plan *plan, uint32_t step, setun_plan_line *out_line);

/* Gives the plan its memory: arena_bytes, 64-byte aligned, not used by anybody else during a pass. Several plans may share one. */
void setun_plan_bind(setun_plan *plan, void *arena);

/* One pass in one parallel region. batch is NULL for a plan without activations (packing). Allocates nothing. */
void setun_plan_run(setun_plan *plan, setun_team *team, const setun_batch *batch);

/* Tells that the calling thread begins step 0..n_steps-1 of a pass; the other threads may be a step behind or go on meanwhile. */
typedef void setun_plan_watch(void *context, size_t step, size_t n_steps);
/* Has `watch` called in the passes to come; NULL: no more. For passes that people wait for. */
void setun_plan_set_watch(setun_plan *plan, setun_plan_watch *watch, void *context);

/* What the kernels that read token ids get instead of the batch's, [rows of the pass]; NULL: the batch's. For a table of which only the
 * pass's rows are there: then these are their places in it. */
void setun_plan_set_tokens(setun_plan *plan, const int32_t *tokens);

/* Data of a tensor after setun_plan_bind. */
void *setun_plan_data(const setun_plan *plan, uint32_t tensor);
#endif

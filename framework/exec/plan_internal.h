/* plan_internal.h - the inside of a plan, shared by plan.c (building), order.c (barriers), layout.c (memory) and execute.c (running). */
#ifndef SETUN_EXEC_PLAN_INTERNAL_H
#define SETUN_EXEC_PLAN_INTERNAL_H
#include "exec/plan.h"
#include "exec/profile.h"

/* In passes that can have more rows than a small batch no step is replicated or shared out. */
enum { SETUN_FEW_ROWS = 16 };

/* What a worker reads at most of its share of the next weights while it waits for the others: memory would stand still meanwhile. It must stay
 * in the second cache with what the small steps between touch. */
enum { SETUN_AHEAD_BYTES = 128 * 1024 };

/* A step that takes each worker longer than this is shared out: who is done first helps the others. */
enum { SETUN_SHARE_OUT_NS = 5000 };

enum setun_place { SETUN_PLACE_ARENA, SETUN_PLACE_CONSTANT, SETUN_PLACE_TOKENS };

typedef struct setun_plan_slot {
    setun_tensor     tensor;   /* dims at their largest; data of constants, of others once bound */
    enum setun_place place;
    enum setun_rows  rows;
    uint32_t         rows_dim; /* index of the dimension that follows the pass's rows */
    size_t           n_bytes;
    size_t           offset;   /* ARENA: from its start; private: from the start of the worker's part */
    uint32_t         align;
    bool             result;   /* the caller reads it after a pass */
    uint32_t         first_step, last_step; /* steps that use it, both included; first > last: none. Once the order is decided: the stretches
                                             * between barriers, unless it is private */
    uint32_t         n_writers;
    bool             is_private; /* each worker has a copy of its own, which it writes itself */
} setun_plan_slot;

typedef struct setun_plan_step {
    setun_kernel_ref  ref;
    setun_kernel_plan kernel_plan;
    const char       *label;
    const void      **attr;
    uint32_t          n_in, n_out;
    uint32_t          slot[SETUN_STEP_MAX_TENSORS];   /* inputs, then outputs */
    setun_tensor      tensor[SETUN_STEP_MAX_TENSORS]; /* the same, with this pass's dims */
    uint32_t          shared;         /* slot of the shared scratch, UINT32_MAX: none */
    bool              barrier_before; /* some worker may still be writing what this step reads, or reading what it writes */
    bool              replicated;     /* every worker does all units, into its own copies of the outputs */
    uint32_t          private_tensors; /* bit i: tensor i is the worker's own copy */
    uint32_t          stretch;        /* barriers before it that the values ask for */
    uint32_t          ahead;          /* slot of the constant that is read ahead at the barrier, UINT32_MAX: none */
    bool              is_shared_out;  /* workers help each other at its end */
    setun_call        call;
} setun_plan_step;

/* When a worker began and ended a phase, on the monotonic clock. */
typedef struct setun_plan_mark {
    uint64_t begin_ns, end_ns;
    bool     waited; /* at a barrier, before it began */
} setun_plan_mark;

typedef struct setun_plan_profile {
    setun_plan_mark  *mark;      /* [workers][n_marks] the present pass; a worker writes its own */
    size_t            n_marks;   /* phases of a pass */
    uint32_t          n_workers; /* of the present pass */
    setun_step_times *step;      /* [steps] */
    uint64_t          n_passes, pass_ns;
} setun_plan_profile;

struct setun_plan {
    setun_pool           pool;
    setun_plan_slot     *slots;
    size_t               n_slots, slots_capacity;
    setun_plan_step     *steps;
    size_t               n_steps, steps_capacity;
    const setun_plugin **plugins; /* those with enter or leave, each once */
    size_t               n_plugins, plugins_capacity;
    uint32_t             n_workers;
    double               replicate_below_ns;
    size_t               activation_bytes; /* arena before the workers' parts */
    size_t               private_bytes;    /* of a worker's part, its copies of activations */
    size_t               scratch_bytes;    /* after them, its scratch: the largest of all steps */
    size_t               worker_bytes;     /* both: a whole part */
    size_t               arena_bytes;
    unsigned char       *arena;
    const int32_t       *tokens;           /* NULL: those of the batch */
    setun_plan_watch    *watch;            /* NULL: nobody watches */
    void                *watch_context;
    setun_plan_profile  *profile;          /* NULL: passes are not timed */
};

/* Decides which steps are replicated, and how long each slot is needed. */
void setun_plan_order(setun_plan *plan);
/* Sets offsets of arena slots so that no two alive at once overlap; sets activation_bytes and private_bytes. */
setun_status setun_plan_layout(setun_plan *plan, setun_error *error);
/* Sets barrier_before of every step, by the bytes that steps touch, what is read ahead there, and which steps are shared out. */
void setun_plan_place_barriers(setun_plan *plan);
/* Adds the marks of a pass to the profile, which there is. */
void setun_plan_count_pass(setun_plan *plan);
#endif

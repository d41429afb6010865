/* bench_internal.h - one case of a measurement: an op at one size with its operands, and the kernels that compete in it. Internal. */
#ifndef SETUN_BENCH_INTERNAL_H
#define SETUN_BENCH_INTERNAL_H
#include "check/target.h"
#include "exec/plan.h"
#include "setun/bench.h"

enum { SETUN_BENCH_MAX_COPIES = 4096 };

/* What the measurement knows of an op. */
typedef struct setun_bench_op {
    const char *name;
    uint32_t    n_in, n_out;
    int         weight; /* operand that is a weight [n, k], streamed from memory; -1: none */
    bool        has_rows, has_n; /* whether a case's rows and n change anything */
} setun_bench_op;

/* NULL: an op that cannot be timed. */
const setun_bench_op *setun_bench_op_find(const char *name);
/* "linear, rms_norm ..." for messages. */
const char *setun_bench_op_names(void);

typedef struct setun_bench_case {
    const setun_bench_op *op;
    setun_bench_shape     shape;
    int64_t               rows;
    unsigned              from;   /* one of SETUN_BENCH_* */
    uint64_t              copies_bytes; /* of weights, when they come from memory */
} setun_bench_case;

/* One weight in one format, in as many copies as a case needs; kernels that read the same format share it. */
typedef struct setun_bench_weight {
    char                fmt[SETUN_CHECK_FMT_BYTES];
    setun_check_operand operand;  /* the first copy */
    size_t              n_bytes;  /* of one copy */
    uint32_t            n_copies;
    unsigned char      *pages;    /* [n_copies - 1] further copies, one after the other, each at a multiple of 4096 */
    size_t              copy_stride_bytes;
} setun_bench_weight;

/* One kernel in one case. Zero-initialise. */
typedef struct setun_bench_entry {
    setun_kernel_ref    ref;
    setun_check_target  target;
    setun_check_operand in[SETUN_CHECK_INS], out[SETUN_CHECK_OUTS]; /* without the weight */
    setun_check_operand *spare_out;  /* [n_copies - 1] outputs of the calls that read further copies of the weight */
    uint32_t            n_spare;
    uint32_t            weight;      /* index into the list of weights */
    setun_plan         *plan;        /* one call for each copy */
    uint32_t            n_calls;
    void               *arena;
    size_t              arena_bytes;
    double              bytes;
    char                declined[200]; /* "": it competes */
} setun_bench_entry;

/* The weights of a case. Zero-initialise. */
typedef struct setun_bench_weights {
    setun_bench_weight *items;
    size_t              n, capacity;
} setun_bench_weights;

/* Makes the operands and the plan of a kernel. A kernel that does not take the case gets its reason in `declined`. */
setun_status setun_bench_entry_make(const setun_plugins *plugins, const setun_bench_case *c, const setun_machine *machine, setun_team *team,
                                    setun_bench_weights *weights, setun_kernel_ref ref, setun_bench_entry *entry, setun_error *error);
void         setun_bench_entry_free(setun_bench_entry *entry);
void         setun_bench_weights_free(setun_bench_weights *weights);
uint64_t     setun_bench_entry_hash(const setun_bench_entry *entry);

/* So much memory that no cache holds a part of it worth speaking of: 8 times the last cache, within reason. */
size_t setun_bench_uncached_bytes(const setun_topology *topology);

/* setun_machine_measure with a team that is there; what is not asked for stays 0. */
setun_status setun_bench_machine(const setun_plugins *plugins, const setun_topology *topology, setun_team *team, bool reading, bool arithmetic,
                                 setun_machine_limits *out_limits, setun_error *error);
#endif

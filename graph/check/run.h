/* run.h - runs one kernel on one set of operands as the host may run it, with traps around everything it is given. Internal. */
#ifndef SETUN_CHECK_RUN_H
#define SETUN_CHECK_RUN_H
#include "check/memory.h"
#include "check/operand.h"
#include "check/protect.h"

enum { SETUN_CHECK_WORKERS = 8, SETUN_CHECK_MAX_SEQS = 4 };

/* A kernel with its operands in plain memory. Everything is borrowed. */
typedef struct setun_check_call {
    setun_kernel_ref           ref;
    const setun_plugins       *plugins;
    const void                *attr;     /* of the pattern's one op; NULL: none */
    const void *const         *attrs;    /* [SETUN_PATTERN_OPS] of each op of a pattern of several; NULL: it has one */
    const setun_batch         *batch;    /* NULL: none, as while packing weights */
    const setun_check_operand *in;
    setun_check_operand       *out;      /* gets the results */
    uint32_t                   n_in, n_out;
    const int8_t              *in_rows;  /* [n_in] the dim that counts rows of the pass, or -1; NULL: none does */
    const int8_t              *out_rows; /* [n_out] likewise */
    int64_t                    rows_max; /* of the passes that plan() is asked for; at least the rows of this one */
    uint32_t                   in_file;  /* bit i: input i may be as it is in a file, without padding */
    bool                       keeps_out; /* the outputs' contents before the call are part of the result: caches */
} setun_check_call;

/* One of the ways in which a host may run the same call. */
typedef struct setun_check_way {
    enum setun_check_side side;
    uint32_t              n_workers;     /* 1: one worker does all units at once; else random cuts, workers in random order */
    bool                  as_in_file;    /* use call.in_file */
    bool                  clean_scratch; /* zeros instead of rubbish, to find out why results differ */
    bool                  watched;       /* look which bytes each tile writes: watch.h */
    bool                  threads;       /* n_workers threads at the same time, at most SETUN_CHECK_THREADS */
    setun_check_random    random;        /* cuts, order, rubbish */
} setun_check_way;

/* What a kernel did wrong. kind is NULL: nothing. */
typedef struct setun_check_failure {
    const char *kind; /* as in setun_check_result */
    char        text[500];
} setun_check_failure;

__attribute__((format(printf, 3, 4)))
void setun_check_fail(setun_check_failure *failure, const char *kind, const char *format, ...);

/* Runs it: plan(), then every phase. *out_declined: plan() declined, with its reason in why. Errors are the check's own, such as memory. */
setun_status setun_check_run(const setun_check_call *call, const setun_check_way *way, bool *out_declined, char why[200],
                             setun_check_failure *failure, setun_error *error);

/* plan() alone. */
setun_status setun_check_plan(const setun_check_call *call, bool *out_declined, char why[200], setun_check_failure *failure,
                              setun_error *error);
#endif

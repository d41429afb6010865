/* tune_internal.h - what tune.c (the measurement) and subject.c (what is measured) share. */
#ifndef SETUN_TUNE_INTERNAL_H
#define SETUN_TUNE_INTERNAL_H
#include "bench/bench_internal.h"
#include "plan/planner_internal.h"
#include "plan/store.h"
#include "tune/tuning.h"

/* A node of the graph, standing for all that are like it; or several that one kernel does; or an activation that is packed. */
typedef struct setun_tune_subject {
    const char             *op;    /* or several as text, "linear+add" */
    char                    shape[SETUN_TUNING_SHAPE_BYTES];
    const setun_graph      *graph; /* of the node: the model's, or that of its head as op screen */
    const setun_graph_node *node; /* NULL: an activation is packed */
    const setun_planner_use *use; /* several nodes, which `node` stands for; NULL: one */
    int64_t                 n;    /* its columns, then, */
    const char             *fmts; /* and those of the kernels that pack it */
    bool                    out_rows; /* its result is wanted for some rows of a pass only */
} setun_tune_subject;

typedef struct setun_tune_walk {
    const setun_tune_options *options;
    const setun_graph        *graph;
    setun_planner_screen      screen;  /* the head as op screen, if it can be */
    setun_planner_request     request; /* of nothing but the graph: where patterns fit it */
    setun_planner             planner; /* has no plan */
    setun_pool                pool;    /* uses and their text */
    const setun_plugins      *plugins;
    const setun_topology     *topology;
    setun_team               *team;
    setun_store              *store;   /* says which weights can be had in which form; nothing is reserved */
    setun_machine             machine;
    setun_tune_subject       *subjects;
    size_t                    n_subjects, capacity;
    bool                      in_caches; /* the model is so small that its weights stay there */
    const int64_t            *rows;
    size_t                    n_rows;
    uint32_t                  rounds;
    double                    seconds;
    int64_t                   depth;
    uint64_t                  n_done, n_cases; /* for progress */
    setun_tuning             *tuning;
} setun_tune_walk;

/* Everything of the graph that is different. Fills in subjects and in_caches. */
setun_status setun_tune_subjects_list(setun_tune_walk *walk, setun_error *error);
void         setun_tune_subjects_free(setun_tune_walk *walk);
/* Whether the kernel does what the subject, of several nodes, stands for. */
bool setun_tune_subject_fits(const setun_tune_walk *walk, const setun_tune_subject *subject, const setun_kernel *kernel);
/* Its operands for so many rows. The case is to be freed on failure, too. */
setun_status setun_tune_subject_case(const setun_tune_walk *walk, const setun_tune_subject *subject, int64_t rows, setun_bench_case *out_case,
                                     setun_error *error);
#endif

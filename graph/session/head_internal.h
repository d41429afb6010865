/* head_internal.h - the inside of a screened head, shared by head.c (plans, all logits) and rescreen.c (drawing a token). */
#ifndef SETUN_HEAD_INTERNAL_H
#define SETUN_HEAD_INTERNAL_H
#include "exec/failure.h"
#include "session/head.h"

enum { SETUN_HEAD_PLANS = 2 }; /* for one row, and for up to SETUN_HEAD_ROWS */

struct setun_screen {
    setun_planned        screen[SETUN_HEAD_PLANS];
    uint32_t             n_plans;
    int64_t              rows_max; /* of a call */
    int64_t              k, vocab;
    int                  mode;
    setun_beside_times  *times;    /* NULL: not counted */
    setun_batch          batch;
    unsigned char       *arena;    /* of the plans, which take turns */
    size_t               arena_bytes;

    /* The original. */
    const setun_weights *weights;
    const setun_weight  *source;
    const char          *fmt;
    const unsigned char *resident;  /* its rows in memory; NULL: in the file only */
    int64_t              row_bytes; /* from one row to the next, in either */
    setun_kernel_ref     linear;
    setun_kernel_plan    linear_plan;
    const void          *attr;
    unsigned char       *scratch;   /* of each worker: rows of the weights, what the kernel wants, its logits of a block */
    size_t               scratch_bytes, block_bytes; /* of one worker; of its rows */
    uint32_t             n_workers;

    /* By two more bits. */
    setun_operand        w;         /* the weights as op screen reads them */
    setun_kernel_ref     rescreen;
    setun_kernel_plan    rescreen_plan;
    setun_kernel_ref     top_k;     /* who leads */
    setun_kernel_plan    top_k_plan;
    int64_t              top_k_most; /* ids that it gives */
    int32_t             *maybe;     /* [vocab] ids that may be candidates */
    float               *better;    /* [2, logits_stride] their logits and bounds */
    setun_leader        *leaders;   /* [SETUN_HEAD_CANDIDATES] */

    float               *x;         /* [rows_max, k], its own stride: the rows that were screened */
    int64_t              x_stride;  /* bytes */
    float               *logits;    /* [rows_max, logits_stride] */
    int64_t              logits_stride;
    int32_t             *id;        /* [SETUN_HEAD_CANDIDATES] */
    float               *exact;     /* [SETUN_HEAD_CANDIDATES, padded to blocks] */
    setun_screen_counts    counts;
};

/* The plan for that many rows. */
static inline const setun_planned *setun_screen_planned(const setun_screen *head, int64_t n_rows)
{
    return &head->screen[n_rows > 1 ? 1 : 0];
}

/* Logits of some rows of the original weights, by all workers: blocks of them are cut evenly. */
typedef struct setun_original {
    setun_screen  *head;
    const int32_t *id;          /* the rows, or NULL: all of the vocabulary */
    int64_t        n;           /* how many */
    const float   *x;           /* [m, k] */
    int64_t        m;
    float         *out;         /* [m, out_stride]; room for whole blocks */
    int64_t        out_stride;  /* floats */
    setun_failure  failure;     /* at a block */
} setun_original;

/* SETUN_ERR_IO: the weight file became shorter, or cannot be read. */
setun_status setun_original_run(setun_original *original, setun_team *team, setun_error *error);

/* Row i of a result of the latest screening: `tensor` of its plan. */
float *setun_screen_row(const setun_screen *head, uint32_t tensor, int64_t i);
#endif

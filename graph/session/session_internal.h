/* session_internal.h - the inside of a session, shared by session.c (making one), sequence.c, eval.c and generate.c. */
#ifndef SETUN_SESSION_INTERNAL_H
#define SETUN_SESSION_INTERNAL_H
#include <stdatomic.h>

#include "exec/plan.h"
#include "plan/store.h"
#include "session/head.h"
#include "session/model_internal.h"
#include "session/sampler.h"
#include "setun/session.h"

/* Plans are made for one row, a small batch, and prefill. A plan serves any count of rows up to its own. */
enum { SETUN_SESSION_MAX_PLANS = 3 };

typedef struct setun_session_plan {
    setun_plan *plan;
    int64_t     rows_max;
    uint32_t    result; /* tensor of the plan: logits, or what a screened head reads */
    setun_beside_times beside; /* of its passes, while there is a profile */
} setun_session_plan;

typedef struct setun_sequence {
    bool     open;
    int64_t  length;   /* positions cached */
    int64_t  n_blocks; /* blocks held: ceil(length / 256) */
    int32_t *block;    /* [blocks_per_seq] */
    int32_t *token;    /* [context] token at each position */
} setun_sequence;

struct setun_session {
    setun_model       *model;
    setun_team        *team;
    setun_store       *store;
    setun_session_plan plans[SETUN_SESSION_MAX_PLANS]; /* ascending rows_max */
    uint32_t           n_plans;
    unsigned char     *arena;
    size_t             arena_bytes;
    uint64_t           token_bytes, logits_bytes; /* of setun_session_info */
    setun_screen        *head;       /* NULL: the plans make the logits */
    setun_gather      *gather;     /* NULL: the embedding's table is in memory */
    int                head_mode;  /* SETUN_HEAD_*, never AUTO */
    setun_sampler     *sampler;
    setun_text_decoder *decoder; /* of setun_generate */
    atomic_bool        interrupted; /* set by setun_session_interrupt, cleared by the call that reports it */

    bool            profiled;
    setun_beside_times *times;  /* of the pass that runs; NULL: not counted */

    setun_progress *progress; /* NULL: nobody is told */
    void           *progress_context;
    const char     *stage;      /* what the passes are for */
    size_t          stage_done; /* rows of the stage before those of this setun_session_eval */
    size_t          stage_rows; /* of the whole stage; 0: one setun_session_eval is a stage */

    uint32_t chunk, max_seqs;
    uint64_t chunk_row_bytes, chunk_cache_bytes; /* of setun_session_info */
    int64_t  context, blocks_per_seq;

    setun_sequence *seqs;       /* [max_seqs] */
    int32_t        *free_block; /* stack of unused blocks, [max_seqs * blocks_per_seq] */
    int64_t         n_free;

    /* One pass's batch. */
    setun_batch     batch;
    int32_t        *token, *seq, *pos, *out_row; /* [chunk] */
    int32_t        *len;                         /* [max_seqs] */
    const int32_t **block;                       /* [max_seqs] */
    int64_t        *want_length;                 /* [max_seqs] scratch of setun_session_eval's check */
    setun_sampling *sampling;                    /* [max_seqs] of setun_generate */
    int32_t        *drawn;                       /* [chunk] scratch of setun_generate */
    setun_row      *rows;                        /* [chunk] scratch of setun_generate */
};

/* Rows of a pass where nobody says, by the caches that the team reaches; sets what begins with chunk. Needs model, team and max_seqs. */
void setun_session_choose_chunk(setun_session *session);
/* The same as a number: a pass that reads and writes row_bytes a row, in cache_bytes (0: not known), and not fewer rows than sequences that
 * are decoded together. */
uint32_t setun_chunk_rows(uint64_t cache_bytes, uint64_t row_bytes, uint32_t max_seqs);

/* setun_session_create that ends soon with SETUN_ERR_INTERRUPTED once *stop is true, which `progress` may set; stop NULL: never. */
setun_status setun_session_create_until(setun_model *model, const setun_session_options *options, const atomic_bool *stop,
                                        setun_session **out_session, setun_error *error);

/* Makes the sequence's block table cover n_positions. There are always enough blocks: context x max_seqs are reserved. */
void setun_sequence_reserve(setun_session *session, setun_sequence *sequence, int64_t n_positions);

/* The plan that serves passes of so many rows. */
const setun_session_plan *setun_session_plan_for(const setun_session *session, int64_t n_rows);

/* Sets what of *info counts arithmetic. */
void setun_session_count_ops(const setun_graph *graph, setun_session_info *info);
#endif

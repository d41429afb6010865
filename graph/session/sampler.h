/* sampler.h - from a row of logits to the next token, by the order and the draw of numerics.md: sampling. Internal. */
#ifndef SETUN_SAMPLER_H
#define SETUN_SAMPLER_H
#include "exec/team.h"
#include "setun/session.h"

typedef struct setun_sampler setun_sampler;

/* All scratch for a vocabulary of n tokens; drawing allocates nothing. */
setun_status setun_sampler_create(int64_t n_vocab, setun_sampler **out_sampler, setun_error *error);
void         setun_sampler_destroy(setun_sampler *sampler); /* accepts NULL */

/* SETUN_ERR_INVALID: a setting is out of its range; the error names it. NULL means greedy. */
setun_status setun_sampling_check(const setun_sampling *sampling, setun_error *error);

/* Id of the next token. logits[n_vocab] finite; history[n_history]: tokens of the sequence so far, for the repetition penalty;
 * position: where the drawn token will stand in its sequence. */
int32_t setun_sampler_draw(setun_sampler *sampler, const setun_sampling *sampling, const float *logits, const int32_t *history,
                           size_t n_history, int64_t position);

/* A token of those that most likely decide what is drawn. */
typedef struct setun_leader {
    int32_t id;
    bool    penalised; /* it stands in a history that counts */
    float   logit;     /* the caller's to fill in */
} setun_leader;

/* Op top_k, for a worker by itself: the columns of the k largest of z[n] (k <= n and `most`), in out_ids[k]. */
typedef struct setun_ranker {
    void  (*rank)(void *context, const setun_worker *worker, const float *z, int64_t n, int64_t k, int32_t *out_ids);
    void   *context;
    int64_t most;
} setun_ranker;

/* Which ids can be drawn, or matter to what is, in two steps. First logit i lies within e[i] of z[i] (both [n_vocab], e overwritten, and needed
 * until keep is done, as is the history): ids that lead are in out_leaders[max_leaders], 1 or top_k of them, found by the ranker, in any order; their number is returned. -1: all
 * logits are needed, as there would be more, a bound is not finite, or probabilities of all tokens are added up (top-p without top-k).
 * All workers of the team take a share of a vocabulary that is large enough; team is not called for a smaller one and may be NULL then. */
int64_t setun_sampler_lead(setun_sampler *sampler, const setun_ranker *ranker, setun_team *team, const setun_sampling *sampling, const float *z,
                           float *e, const int32_t *history, size_t n_history, int64_t position, int64_t max_leaders, setun_leader *out_leaders);
/* Then, as the leaders' logits are known: the ids, in ascending order, in out_ids[max_ids], and their number. setun_sampler_draw_among draws among
 * them what setun_sampler_draw does among all. -1: there would be more. */
int64_t setun_sampler_keep(setun_sampler *sampler, setun_team *team, const setun_leader *leaders, int64_t n_leaders, int64_t max_ids, int32_t *out_ids);
/* The same of those ids once their logits are known better: that of id[i] lies within e[i] of z[i]. */
int64_t setun_sampler_keep_among(setun_sampler *sampler, const int32_t *id, const float *z, const float *e, int64_t n, int64_t max_ids, int32_t *out_ids);
/* logits[n] of id[n]; n >= 1. */
int32_t setun_sampler_draw_among(setun_sampler *sampler, const setun_sampling *sampling, const int32_t *id, const float *logits, int64_t n,
                                 const int32_t *history, size_t n_history, int64_t position);
#endif

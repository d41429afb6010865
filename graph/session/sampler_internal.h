/* sampler_internal.h - the inside of a sampler, shared by sampler.c (drawing) and screen.c (what could be drawn). */
#ifndef SETUN_SAMPLER_INTERNAL_H
#define SETUN_SAMPLER_INTERNAL_H
#include "base/base.h"
#include "session/sampler.h"

typedef struct candidate {
    float   z;
    int32_t id;
} candidate;

struct setun_sampler {
    int64_t        n_vocab;
    candidate     *candidates; /* [n_vocab] scratch */
    unsigned char *penalised;  /* [n_vocab] 1: stands in the history; all 0 between draws */
};

/* a comes before b: the larger logit, ties to the lower id. */
static inline bool before(const candidate *a, const candidate *b)
{
    return a->z > b->z || (a->z == b->z && a->id < b->id);
}

/* The repetition penalty of a token that stands in the history. Monotone, so that it takes bounds to bounds. */
static inline float setun_sampler_penalise(float z, float penalty)
{
    return z > 0.0f ? z / penalty : z * penalty;
}

/* A heap whose root is the candidate that comes last: makes one; restores its order below `i`. */
void setun_sampler_make_heap(candidate *heap, int64_t n);
void setun_sampler_sift_down(candidate *heap, int64_t n, int64_t i);

/* Marks the ids of the history; mark 0 takes the marks off again. Nothing happens where no penalty is wanted. */
void setun_sampler_mark(setun_sampler *sampler, float penalty, const int32_t *history, size_t n_history, unsigned char mark);
#endif

/* sampler_internal.h - the inside of a sampler, shared by sampler.c (drawing) and screen.c (what could be drawn). */
#ifndef SETUN_SAMPLER_INTERNAL_H
#define SETUN_SAMPLER_INTERNAL_H
#include "base/base.h"
#include "session/sampler.h"

typedef struct candidate {
    float   z;
    int32_t id;
} candidate;

/* How many workers look through the vocabulary at most: more are not needed. */
enum { SETUN_SCREEN_SHARES = 64 };

/* What one worker found among its ids. */
typedef struct setun_screen_share {
    int64_t   begin, end;            /* its ids, and its part of the sampler's candidates */
    int64_t   n;                     /* candidates there */
    double    best, leads;           /* where luck draws: the largest low end with its noise, and the largest middle */
    int32_t   leader;                /* and whose that is */
    bool      outside;               /* an end is not finite, or too far out */
    char      apart[16];             /* workers write to lines of their own */
} setun_screen_share;

/* What setun_sampler_lead leaves for setun_sampler_keep. */
typedef struct setun_screening {
    setun_sampling     sampling;
    setun_ranker       ranker;
    const float       *z;          /* [n_vocab] the caller's */
    float             *low, *high; /* [n_vocab] the ends of intervals around them; low: where luck draws; high is the caller's e */
    const int32_t     *history;
    size_t             n_history;
    int64_t            position;
    float              least;      /* what a logit has to reach */
    double             best;       /* and what one with its noise */
    uint32_t           n_shares;
    setun_screen_share shares[SETUN_SCREEN_SHARES];
} setun_screening;

struct setun_sampler {
    setun_screening screening;
    int64_t        n_vocab;
    candidate     *candidates; /* [n_vocab] scratch */
    float         *low;        /* [n_vocab] of screening */
    int32_t       *ranked;     /* [n_vocab] likewise: columns of each share */
    unsigned char *penalised;  /* [n_vocab] 1: stands in the history, 2: and was penalised; all 0 between draws */
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

/* Keeps the k candidates that come first, in any order. In place, so that drawing allocates nothing. Returns how many there are. */
int64_t setun_sampler_keep_first(candidate *candidates, int64_t n, int64_t k);

/* Marks the ids of the history; mark 0 takes the marks off again. Nothing happens where no penalty is wanted. */
void setun_sampler_mark(setun_sampler *sampler, float penalty, const int32_t *history, size_t n_history, unsigned char mark);
#endif

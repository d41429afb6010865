/* screen.c - which tokens could be drawn, when logits are known but for a bound: the steps of numerics.md "sampling", on intervals. All of
 * them are monotone in a token's own logit, so that ends go to ends. */
#include <math.h>
#include <string.h>

#include "numerics/numerics.h"
#include "session/sampler_internal.h"

/* Logits beyond are not screened: numerics.md says why their bounds would not hold. */
#define SCREEN_LIMIT 0x1p64f

enum {
    ALONE = 4096, /* with fewer ids the others are not worth waking */
    STEP = 16     /* ids at a time, of which the compiler makes vectors; a line of memory */
};

/* What one worker found among its ids. */
typedef struct share {
    _Alignas(64) int64_t begin, end; /* its ids, and its part of the sampler's candidates */
    int64_t n;                       /* candidates there */
    float   most;                    /* the largest low end; of none -INFINITY */
    double  best;                    /* that with its noise */
    bool    outside;                 /* an end is not finite, or too far out */
} share;

/* How many workers take a share at most: more are not needed. */
enum { MAX_SHARES = 64 };

typedef struct screening {
    setun_sampler        *sampler;
    const setun_sampling *sampling;
    float                *low, *high; /* z and e, that become the ends of the intervals */
    const int32_t        *history;
    size_t                n_history;
    int64_t               position;
    float                 kth;        /* the k-th largest low end, for top-k */
    uint32_t              n_shares;
    share                 shares[MAX_SHARES];
} screening;

/* z and e become the ends of the intervals, low and high. A logit is an f32 and rounding is monotone, so that the rounded ends hold it as
 * the exact ones do. */
static void make_intervals(float *z, float *e, share *s)
{
    int32_t outside[STEP] = {0}, any = 0;
    int64_t i = s->begin;

    for (; i + STEP <= s->end; i += STEP)
        for (int j = 0; j < STEP; j++) {
            const float low = z[i + j] - e[i + j], high = z[i + j] + e[i + j];

            z[i + j] = low;
            e[i + j] = high;
            outside[j] |= !(low >= -SCREEN_LIMIT) | !(high <= SCREEN_LIMIT); /* NaN too */
        }
    for (; i < s->end; i++) {
        const float low = z[i] - e[i], high = z[i] + e[i];

        z[i] = low;
        e[i] = high;
        any |= !(low >= -SCREEN_LIMIT) | !(high <= SCREEN_LIMIT);
    }
    for (int j = 0; j < STEP; j++)
        any |= outside[j];
    s->outside = any != 0;
}

/* Tokens of the history, once each though they may stand there often. */
static void penalise(const screening *screen, const share *s)
{
    const float penalty = screen->sampling->repeat_penalty;

    for (size_t i = 0; i < screen->n_history; i++) {
        const int32_t id = screen->history[i];

        if (id < s->begin || id >= s->end || !screen->sampler->penalised[id])
            continue;
        screen->low[id]  = setun_sampler_penalise(screen->low[id], penalty);
        screen->high[id] = setun_sampler_penalise(screen->high[id], penalty);
        screen->sampler->penalised[id] = 0;
    }
}

static void divide(float *z, const share *s, float by)
{
    int64_t i = s->begin;

    for (; i + STEP <= s->end; i += STEP)
        for (int j = 0; j < STEP; j++)
            z[i + j] = z[i + j] / by;
    for (; i < s->end; i++)
        z[i] = z[i] / by;
}

static float largest_of(const float *z, const share *s)
{
    float lane[STEP], most = -INFINITY;
    int64_t i = s->begin;

    for (int j = 0; j < STEP; j++)
        lane[j] = most;
    for (; i + STEP <= s->end; i += STEP)
        for (int j = 0; j < STEP; j++)
            lane[j] = z[i + j] > lane[j] ? z[i + j] : lane[j];
    for (; i < s->end; i++)
        most = z[i] > most ? z[i] : most;
    for (int j = 0; j < STEP; j++)
        most = lane[j] > most ? lane[j] : most;
    return most;
}

/* The next id from i on whose high end reaches `least`, or the end. */
static int64_t next_reaching(const float *high, int64_t i, int64_t end, float least)
{
    for (; i + STEP <= end; i += STEP) {
        int32_t reaches = 0;

        for (int j = 0; j < STEP; j++)
            reaches |= high[i + j] >= least;
        if (reaches)
            break;
    }
    while (i < end && !(high[i] >= least))
        i++;
    return i;
}

/* Ids whose high end reaches `least`. */
static void keep_reaching(const screening *screen, share *s, float least)
{
    candidate *kept = screen->sampler->candidates + s->begin;

    s->n = 0;
    for (int64_t i = next_reaching(screen->high, s->begin, s->end, least); i < s->end; i = next_reaching(screen->high, i + 1, s->end, least))
        kept[s->n++].id = (int32_t)i;
}

/* The k largest low ends of a share, or all, as a heap. */
static void keep_largest(const screening *screen, share *s)
{
    candidate *heap = screen->sampler->candidates + s->begin;
    const int64_t k = screen->sampling->top_k < s->end - s->begin ? screen->sampling->top_k : s->end - s->begin;

    for (int64_t i = 0; i < k; i++)
        heap[i] = (candidate){screen->low[s->begin + i], (int32_t)(s->begin + i)};
    setun_sampler_make_heap(heap, k);
    for (int64_t i = s->begin + k; i < s->end; i++)
        if (screen->low[i] > heap[0].z) {
            heap[0] = (candidate){screen->low[i], (int32_t)i};
            setun_sampler_sift_down(heap, k, 0);
        }
    s->n = k;
}

/* The k-th largest of all shares' heaps, or the least of all tokens. */
static float kth_of(const screening *screen)
{
    candidate *heap = screen->sampler->candidates;
    int64_t n = 0, k = screen->sampling->top_k;

    for (uint32_t w = 0; w < screen->n_shares; w++) { /* side by side */
        memmove(heap + n, heap + screen->shares[w].begin, (size_t)screen->shares[w].n * sizeof(*heap));
        n += screen->shares[w].n;
    }
    if (k > n)
        k = n;
    setun_sampler_make_heap(heap, k);
    for (int64_t i = k; i < n; i++)
        if (heap[i].z > heap[0].z) {
            heap[0] = heap[i];
            setun_sampler_sift_down(heap, k, 0);
        }
    return heap[0].z;
}

/* Ids that may reach min_p of the most likely one, or be that. exp32 is not monotone, but never further than two ulps from a function that
 * is; a margin of eight is taken. */
static void keep_likely(const screening *screen, share *s, float most)
{
    const double least = (double)screen->sampling->min_p;
    candidate *kept = screen->sampler->candidates + s->begin;

    s->n = 0;
    for (int64_t i = s->begin; i < s->end; i++)
        if (screen->high[i] >= most || (double)setun_exp32(screen->high[i] - most) * (1.0 + 0x1p-20) >= least)
            kept[s->n++].id = (int32_t)i;
}

/* Ids that may win the draw with their noise against others of the share. What loses against an earlier one cannot be the best, so that this is
 * the same in whatever order, and however it is cut. */
static void keep_lucky(const screening *screen, share *s)
{
    const double gumbel_max = 23.0; /* as in draw() */
    candidate *maybe = screen->sampler->candidates + s->begin;

    s->n = 0;
    s->best = -INFINITY;
    for (int64_t i = s->begin; i < s->end; i++) {
        const double low = (double)screen->low[i], high = (double)screen->high[i];
        uint32_t word;
        double noise;

        if (high + gumbel_max < s->best)
            continue;
        word = setun_gumbel_word(screen->sampling->seed, (uint64_t)screen->position, (uint32_t)i);
        if (high + setun_gumbel_most(word) < s->best)
            continue;
        noise = setun_gumbel_of(word);
        if (high + noise < s->best)
            continue;
        maybe[s->n++].id = (int32_t)i;
        if (low + noise > s->best)
            s->best = low + noise;
    }
}

/* Those of them that may win against the best of all. */
static void keep_luckier(const screening *screen, share *s, double best)
{
    candidate *maybe = screen->sampler->candidates + s->begin;
    const int64_t n = s->n;

    s->n = 0;
    for (int64_t i = 0; i < n; i++) {
        const int32_t id = maybe[i].id;

        if ((double)screen->high[id] + setun_gumbel(screen->sampling->seed, (uint64_t)screen->position, (uint32_t)id) >= best)
            maybe[s->n++].id = id;
    }
}

/* What a worker finds by itself. */
static void look(const screening *screen, share *s)
{
    const setun_sampling *sampling = screen->sampling;

    make_intervals(screen->low, screen->high, s);
    penalise(screen, s);
    if (sampling->temperature != 0.0f) {
        divide(screen->low, s, sampling->temperature);
        divide(screen->high, s, sampling->temperature);
    }
    s->most = largest_of(screen->low, s);
    if (sampling->temperature == 0.0f)
        return;
    if (sampling->top_k > 0)
        keep_largest(screen, s);
    else if (!(sampling->min_p > 0.0f))
        keep_lucky(screen, s);
}

/* What it keeps, given what all have found. */
static void keep(const screening *screen, share *s, float most, double best)
{
    const setun_sampling *sampling = screen->sampling;

    if (sampling->temperature == 0.0f)
        keep_reaching(screen, s, most);
    else if (sampling->top_k > 0) /* k others are surely larger than what does not reach the k-th */
        keep_reaching(screen, s, screen->kth);
    else if (sampling->min_p > 0.0f)
        keep_likely(screen, s, most);
    else
        keep_luckier(screen, s, best);
}

static void work(const setun_worker *worker, void *context)
{
    screening *screen = context;
    const uint32_t w = worker->index, n = worker->n_workers < MAX_SHARES ? worker->n_workers : MAX_SHARES;
    const int64_t steps = (screen->sampler->n_vocab + STEP - 1) / STEP;
    float most = -INFINITY;
    double best = -INFINITY;
    bool outside = false;

    if (w < n) {
        screen->shares[w].begin = steps * w / n * STEP;
        screen->shares[w].end = w + 1 < n ? steps * (w + 1) / n * STEP : screen->sampler->n_vocab;
        look(screen, &screen->shares[w]);
    }
    if (w == 0)
        screen->n_shares = n;
    setun_team_barrier(worker);
    for (uint32_t i = 0; i < n; i++) {
        most = screen->shares[i].most > most ? screen->shares[i].most : most;
        best = screen->shares[i].best > best ? screen->shares[i].best : best;
        outside |= screen->shares[i].outside;
    }
    if (outside)
        return;
    if (screen->sampling->temperature != 0.0f && screen->sampling->top_k > 0) {
        if (w == 0)
            screen->kth = kth_of(screen);
        setun_team_barrier(worker);
    }
    if (w < n)
        keep(screen, &screen->shares[w], most, best);
}

/* What the shares kept, one after the other. */
static int64_t gather(const screening *screen, int64_t max_ids, int32_t *out_ids)
{
    int64_t n = 0;

    for (uint32_t w = 0; w < screen->n_shares; w++)
        if (screen->shares[w].outside)
            return -1;
    for (uint32_t w = 0; w < screen->n_shares; w++) {
        const share *s = &screen->shares[w];

        if (s->n > max_ids - n)
            return -1;
        for (int64_t i = 0; i < s->n; i++)
            out_ids[n++] = screen->sampler->candidates[s->begin + i].id;
    }
    return n;
}

int64_t setun_sampler_screen(setun_sampler *sampler, setun_team *team, const setun_sampling *sampling, float *z, float *e, const int32_t *history,
                             size_t n_history, int64_t position, int64_t max_ids, int32_t *out_ids)
{
    static const setun_sampling greedy = {0};
    screening screen = {.sampler = sampler, .sampling = sampling != NULL ? sampling : &greedy, .history = history,
                        .n_history = n_history, .position = position};

    screen.low = z;
    screen.high = e;
    sampling = screen.sampling;
    if (sampling->temperature != 0.0f && sampling->top_k == 0 && sampling->top_p > 0.0f && sampling->top_p < 1.0f)
        return -1;
    if (sampling->temperature != 0.0f && sampling->top_k > max_ids)
        return -1;
    setun_sampler_mark(sampler, sampling->repeat_penalty, history, n_history, 1);
    if (sampler->n_vocab < ALONE)
        work(&(setun_worker){team, 0, 1}, &screen);
    else
        setun_team_run(team, work, &screen);
    return gather(&screen, max_ids, out_ids);
}

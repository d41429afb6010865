/* screen.c - which tokens could be drawn, when logits are known but for a bound: the steps of numerics.md "sampling", on intervals. All of
 * them are monotone in a token's own logit, so that ends go to ends. A few tokens that lead, whose logits are then computed, say what the others have
 * to reach: against an interval's low end many more would. */
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

/* The ends of the intervals: low, where it is wanted, and high in the place of e. A logit is an f32 and rounding is monotone, so that the rounded ends
 * hold it as the exact ones do. What is not finite makes the difference to itself NaN, and least and most say nothing of NaN. wants_low is a
 * constant where this is inlined. */
static inline __attribute__((always_inline)) void make_intervals(const float *restrict z, float *restrict e, bool wants_low, float *restrict out_low,
                                                                 setun_screen_share *s)
{
    float least[STEP], most[STEP], differences[STEP] = {0};
    bool outside = false;
    int64_t i = s->begin;

    for (int j = 0; j < STEP; j++) {
        least[j] = INFINITY;
        most[j] = -INFINITY;
    }
    for (; i + STEP <= s->end; i += STEP)
        for (int j = 0; j < STEP; j++) {
            const float low = z[i + j] - e[i + j], high = z[i + j] + e[i + j];

            if (wants_low)
                out_low[i + j] = low;
            e[i + j] = high;
            least[j] = low < least[j] ? low : least[j];
            most[j] = high > most[j] ? high : most[j];
            differences[j] += (low - low) + (high - high);
        }
    for (; i < s->end; i++) {
        const float low = z[i] - e[i], high = z[i] + e[i];

        if (wants_low)
            out_low[i] = low;
        e[i] = high;
        outside |= !(low >= -SCREEN_LIMIT) || !(high <= SCREEN_LIMIT); /* NaN too */
    }
    for (int j = 0; j < STEP; j++)
        outside |= least[j] < -SCREEN_LIMIT || most[j] > SCREEN_LIMIT || isnan(differences[j]);
    s->outside = outside;
}

/* How a token is drawn: what it has to reach depends on it. */
enum { BY_LOGIT, BY_RANK, BY_LIKELIHOOD, BY_LUCK };

static int drawn_by(const setun_sampling *sampling)
{
    if (sampling->temperature == 0.0f)
        return BY_LOGIT;
    return sampling->top_k > 0 ? BY_RANK : sampling->min_p > 0.0f ? BY_LIKELIHOOD : BY_LUCK;
}

/* Tokens of the history, once each though they may stand there often; they are candidates, and their number is returned. */
static int64_t penalise(const setun_screening *screen, setun_sampler *sampler, const setun_screen_share *s)
{
    const float penalty = screen->sampling.repeat_penalty;
    candidate *found = sampler->candidates + s->begin;
    int64_t n = 0;

    for (size_t i = 0; i < screen->n_history; i++) {
        const int32_t id = screen->history[i];

        if (id < s->begin || id >= s->end || sampler->penalised[id] != 1)
            continue;
        if (drawn_by(&screen->sampling) == BY_LUCK)
            screen->low[id] = setun_sampler_penalise(screen->low[id], penalty);
        screen->high[id] = setun_sampler_penalise(screen->high[id], penalty);
        sampler->penalised[id] = 2;
        found[n++] = (candidate){setun_sampler_penalise(screen->z[id], penalty), id};
    }
    return n;
}

static void divide(float *z, const setun_screen_share *s, float by)
{
    int64_t i = s->begin;

    for (; i + STEP <= s->end; i += STEP)
        for (int j = 0; j < STEP; j++)
            z[i + j] = z[i + j] / by;
    for (; i < s->end; i++)
        z[i] = z[i] / by;
}

static inline float middle(const setun_screening *screen, int64_t i)
{
    return 0.5f * screen->low[i] + 0.5f * screen->high[i];
}

/* The first of a share by their z, which temperature leaves in order: of the n_penalised candidates that are there, and of all others, of which the
 * ranker finds enough if it is asked for as many more. */
static void keep_largest(const setun_screening *screen, setun_sampler *sampler, const setun_worker *worker, setun_screen_share *s, int64_t n_penalised)
{
    const int64_t n_ids = s->end - s->begin, k = drawn_by(&screen->sampling) == BY_RANK ? screen->sampling.top_k : 1;
    int64_t n = n_penalised, n_ranked = k < n_ids - n_penalised ? k + n_penalised : n_ids;
    candidate *found = sampler->candidates + s->begin;
    int32_t *ranked = sampler->ranked + s->begin;

    if (n_ranked > screen->ranker.most)
        n_ranked = screen->ranker.most;
    if (n_ranked > 0)
        screen->ranker.rank(screen->ranker.context, worker, screen->z + s->begin, n_ids, n_ranked, ranked);
    for (int64_t i = 0; i < n_ranked; i++) {
        const int64_t id = s->begin + ranked[i];

        if (sampler->penalised[id] == 0)
            found[n++] = (candidate){screen->z[id], (int32_t)id};
    }
    s->n = setun_sampler_keep_first(found, n, k);
}

/* Ids that may win the draw with their noise, which is kept rounded up, against others of the share; and the one that most likely does. What loses
 * against an earlier one cannot be the best, so that what is kept in the end does not depend on the order, or on how it is cut. */
static void keep_lucky(const setun_screening *screen, setun_screen_share *s, candidate *maybe)
{
    const double gumbel_max = 23.0; /* as in draw() */

    s->n = 0;
    s->best = s->leads = -INFINITY;
    for (int64_t i = s->begin; i < s->end; i++) {
        const double low = (double)screen->low[i], high = (double)screen->high[i];
        uint32_t word;
        double noise;

        if (high + gumbel_max < s->best)
            continue;
        word = setun_gumbel_word(screen->sampling.seed, (uint64_t)screen->position, (uint32_t)i);
        if (high + setun_gumbel_most(word) < s->best)
            continue;
        noise = setun_gumbel_of(word);
        if (high + noise < s->best)
            continue;
        maybe[s->n++] = (candidate){nextafterf((float)noise, INFINITY), (int32_t)i};
        if (low + noise > s->best)
            s->best = low + noise;
        if ((double)middle(screen, i) + noise > s->leads) {
            s->leads = (double)middle(screen, i) + noise;
            s->leader = (int32_t)i;
        }
    }
}

/* What a token of the history, or one that a temperature heats, becomes. */
static float prepared(const setun_sampling *sampling, float z, bool penalised)
{
    if (penalised)
        z = setun_sampler_penalise(z, sampling->repeat_penalty);
    return sampling->temperature != 0.0f ? z / sampling->temperature : z;
}

/* What a worker finds by itself. */
static void look(setun_sampler *sampler, const setun_worker *worker, setun_screen_share *s)
{
    const setun_screening *screen = &sampler->screening;
    const bool by_luck = drawn_by(&screen->sampling) == BY_LUCK;
    int64_t n_penalised;

    if (by_luck)
        make_intervals(screen->z, screen->high, true, screen->low, s);
    else
        make_intervals(screen->z, screen->high, false, NULL, s);
    if (s->outside)
        return;
    n_penalised = penalise(screen, sampler, s);
    if (screen->sampling.temperature != 0.0f)
        divide(screen->high, s, screen->sampling.temperature);
    if (by_luck) {
        divide(screen->low, s, screen->sampling.temperature);
        keep_lucky(screen, s, sampler->candidates + s->begin);
    } else {
        keep_largest(screen, sampler, worker, s, n_penalised);
    }
}

static void look_share(const setun_worker *worker, void *context)
{
    setun_sampler *sampler = context;
    const uint32_t w = worker->index, n = worker->n_workers < SETUN_SCREEN_SHARES ? worker->n_workers : SETUN_SCREEN_SHARES;
    const int64_t steps = (sampler->n_vocab + STEP - 1) / STEP;

    if (w < n) {
        setun_screen_share *s = &sampler->screening.shares[w];

        s->begin = steps * w / n * STEP;
        s->end = w + 1 < n ? steps * (w + 1) / n * STEP : sampler->n_vocab;
        look(sampler, worker, s);
    }
    if (w == 0)
        sampler->screening.n_shares = n;
}

static void run_shares(setun_sampler *sampler, setun_team *team, void (*work)(const setun_worker *worker, void *context))
{
    if (sampler->n_vocab < ALONE)
        work(&(setun_worker){team, 0, 1}, sampler);
    else
        setun_team_run(team, work, sampler);
}

/* The first of all that shares have kept. */
static int64_t lead_of_kept(setun_sampler *sampler)
{
    const setun_screening *screen = &sampler->screening;
    candidate *kept = sampler->candidates;
    int64_t n = 0;

    for (uint32_t w = 0; w < screen->n_shares; w++) { /* side by side */
        memmove(kept + n, kept + screen->shares[w].begin, (size_t)screen->shares[w].n * sizeof(*kept));
        n += screen->shares[w].n;
    }
    return setun_sampler_keep_first(kept, n, drawn_by(&screen->sampling) == BY_RANK ? screen->sampling.top_k : 1);
}

/* The best of the shares' own. */
static int32_t lead_of_shares(const setun_screening *screen)
{
    const setun_screen_share *best = &screen->shares[0];

    for (uint32_t w = 1; w < screen->n_shares; w++)
        if (screen->shares[w].begin < screen->shares[w].end && screen->shares[w].leads > best->leads)
            best = &screen->shares[w];
    return best->leader;
}

int64_t setun_sampler_lead(setun_sampler *sampler, const setun_ranker *ranker, setun_team *team, const setun_sampling *sampling, const float *z,
                           float *e, const int32_t *history, size_t n_history, int64_t position, int64_t max_leaders, setun_leader *out_leaders)
{
    setun_screening *screen = &sampler->screening;
    bool outside = false;
    int how;
    int64_t n = 1;

    screen->sampling = sampling != NULL ? *sampling : (setun_sampling){.temperature = 0.0f};
    screen->ranker = *ranker;
    screen->z = z;
    screen->high = e;
    screen->low = sampler->low;
    screen->history = history;
    screen->n_history = n_history;
    screen->position = position;
    sampling = &screen->sampling;
    how = drawn_by(sampling);
    if (sampling->temperature != 0.0f && sampling->top_k == 0 && sampling->top_p > 0.0f && sampling->top_p < 1.0f)
        return -1;
    if (max_leaders < 1 || (how == BY_RANK && sampling->top_k > max_leaders))
        return -1;
    setun_sampler_mark(sampler, sampling->repeat_penalty, history, n_history, 1);
    run_shares(sampler, team, look_share);
    for (uint32_t w = 0; w < screen->n_shares; w++)
        outside |= screen->shares[w].outside;
    if (!outside && how != BY_LUCK)
        n = lead_of_kept(sampler);
    for (int64_t i = 0; i < n && !outside; i++) {
        const int32_t id = how != BY_LUCK ? sampler->candidates[i].id : lead_of_shares(screen);

        out_leaders[i] = (setun_leader){.id = id, .penalised = sampler->penalised[id] != 0};
    }
    setun_sampler_mark(sampler, sampling->repeat_penalty, history, n_history, 0);
    return outside ? -1 : n;
}

/* What the leaders, whose logits are known now, make others reach: the best of them, or, of k, the least. */
static void set_limit(setun_screening *screen, const setun_leader *leaders, int64_t n)
{
    const int how = drawn_by(&screen->sampling);

    screen->least = how == BY_RANK ? INFINITY : -INFINITY;
    screen->best = -INFINITY;
    for (uint32_t w = 0; w < screen->n_shares && how == BY_LUCK; w++)
        screen->best = screen->shares[w].best > screen->best ? screen->shares[w].best : screen->best;
    for (int64_t i = 0; i < n; i++) {
        const float z = prepared(&screen->sampling, leaders[i].logit, leaders[i].penalised);

        if (how == BY_RANK ? z < screen->least : z > screen->least)
            screen->least = z;
        if (how == BY_LUCK) {
            const double sum = (double)z + setun_gumbel(screen->sampling.seed, (uint64_t)screen->position, (uint32_t)leaders[i].id);

            screen->best = sum > screen->best ? sum : screen->best;
        }
    }
}

/* exp32 is not monotone, but never further than two ulps from a function that is; a margin of eight is taken. */
static bool is_likely(const setun_screening *screen, float high)
{
    return high >= screen->least || (double)setun_exp32(high - screen->least) * (1.0 + 0x1p-20) >= (double)screen->sampling.min_p;
}

static bool is_lucky(const setun_screening *screen, float high, int32_t id)
{
    return (double)high + setun_gumbel(screen->sampling.seed, (uint64_t)screen->position, (uint32_t)id) >= screen->best;
}

/* Ids of a share that reach what they have to. */
static void keep_share(const setun_worker *worker, void *context)
{
    setun_sampler *sampler = context;
    const setun_screening *screen = &sampler->screening;
    setun_screen_share *s = &sampler->screening.shares[worker->index];
    candidate *kept = sampler->candidates + s->begin;
    int64_t n = 0;

    if (worker->index >= screen->n_shares)
        return;
    switch (drawn_by(&screen->sampling)) {
    case BY_LUCK: /* of those that were kept before; the noise itself is computed of the few that the rounded one lets through */
        for (int64_t i = 0; i < s->n; i++)
            if ((double)screen->high[kept[i].id] + (double)kept[i].z >= screen->best && is_lucky(screen, screen->high[kept[i].id], kept[i].id))
                kept[n++] = kept[i];
        break;
    case BY_LIKELIHOOD:
        for (int64_t i = s->begin; i < s->end; i++)
            if (is_likely(screen, screen->high[i]))
                kept[n++].id = (int32_t)i;
        break;
    default: /* k others are surely larger than what does not reach the k-th */
        for (int64_t i = s->begin; i < s->end; i++) { /* without a branch: one of twenty may be kept */
            kept[n].id = (int32_t)i;
            n += screen->high[i] >= screen->least;
        }
    }
    s->n = n;
}

int64_t setun_sampler_keep(setun_sampler *sampler, setun_team *team, const setun_leader *leaders, int64_t n_leaders, int64_t max_ids, int32_t *out_ids)
{
    setun_screening *screen = &sampler->screening;
    int64_t n = 0;

    set_limit(screen, leaders, n_leaders);
    run_shares(sampler, team, keep_share);
    for (uint32_t w = 0; w < screen->n_shares; w++) {
        const setun_screen_share *s = &screen->shares[w];

        if (s->n > max_ids - n)
            return -1;
        for (int64_t i = 0; i < s->n; i++)
            out_ids[n++] = sampler->candidates[s->begin + i].id;
    }
    return n;
}

int64_t setun_sampler_keep_among(setun_sampler *sampler, const int32_t *id, const float *z, const float *e, int64_t n, int64_t max_ids, int32_t *out_ids)
{
    const setun_screening *screen = &sampler->screening;
    const setun_sampling *sampling = &screen->sampling;
    const int how = drawn_by(sampling);
    int64_t n_kept = 0;
    bool outside = false;

    setun_sampler_mark(sampler, sampling->repeat_penalty, screen->history, screen->n_history, 1);
    for (int64_t i = 0; i < n; i++) {
        const float far = z[i] + e[i], high = prepared(sampling, far, sampler->penalised[id[i]] != 0);
        bool keeps = high >= screen->least;

        outside |= !(z[i] - e[i] >= -SCREEN_LIMIT) | !(far <= SCREEN_LIMIT);
        if (how == BY_LIKELIHOOD)
            keeps = is_likely(screen, high);
        else if (how == BY_LUCK)
            keeps = is_lucky(screen, high, id[i]);
        if (!keeps)
            continue;
        if (n_kept == max_ids) {
            outside = true;
            break;
        }
        out_ids[n_kept++] = id[i];
    }
    setun_sampler_mark(sampler, sampling->repeat_penalty, screen->history, screen->n_history, 0);
    return outside ? -1 : n_kept;
}

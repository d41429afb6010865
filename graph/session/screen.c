/* screen.c - which tokens could be drawn, when logits are known but for a bound: the steps of numerics.md "sampling", on intervals. All of
 * them are monotone in a token's own logit, so that ends go to ends. */
#include <math.h>

#include "numerics/numerics.h"
#include "session/sampler_internal.h"

/* Logits beyond are not screened: numerics.md says why their bounds would not hold. */
#define SCREEN_LIMIT 0x1p64f

/* z and e become the ends of the intervals, low and high. A logit is an f32 and rounding is monotone, so that the rounded ends hold it as
 * the exact ones do. False: there is an end that is not finite, or too far out. */
static bool make_intervals(float *z, float *e, int64_t n)
{
    int32_t outside = 0;

    for (int64_t i = 0; i < n; i++) {
        const float low = z[i] - e[i], high = z[i] + e[i];

        z[i] = low;
        e[i] = high;
        outside |= !(low >= -SCREEN_LIMIT) | !(high <= SCREEN_LIMIT); /* NaN too */
    }
    return outside == 0;
}

static float largest_of(const float *z, int64_t n)
{
    float lane[16], most = z[0];
    int64_t i = 0;

    for (int j = 0; j < 16; j++)
        lane[j] = most;
    for (; i + 16 <= n; i += 16)
        for (int j = 0; j < 16; j++)
            lane[j] = z[i + j] > lane[j] ? z[i + j] : lane[j];
    for (; i < n; i++)
        most = z[i] > most ? z[i] : most;
    for (int j = 0; j < 16; j++)
        most = lane[j] > most ? lane[j] : most;
    return most;
}

/* The k-th largest of z; 1 <= k <= n. */
static float kth_of(setun_sampler *sampler, const float *z, int64_t n, int64_t k)
{
    candidate *heap = sampler->candidates;

    for (int64_t i = 0; i < k; i++)
        heap[i] = (candidate){z[i], (int32_t)i};
    setun_sampler_make_heap(heap, k);
    for (int64_t i = k; i < n; i++)
        if (z[i] > heap[0].z) {
            heap[0] = (candidate){z[i], (int32_t)i};
            setun_sampler_sift_down(heap, k, 0);
        }
    return heap[0].z;
}

/* Ids whose high end reaches `least`. */
static int64_t keep_reaching(const float *high, int64_t n, float least, int64_t max_ids, int32_t *out_ids)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < n; i++)
        if (high[i] >= least) {
            if (kept == max_ids)
                return -1;
            out_ids[kept++] = (int32_t)i;
        }
    return kept;
}

/* Ids that may reach min_p of the most likely one, or be that. exp32 is not monotone, but never further than two ulps from a function that
 * is; a margin of eight is taken. */
static int64_t keep_likely(const float *low, const float *high, int64_t n, float min_p, int64_t max_ids, int32_t *out_ids)
{
    const float most = largest_of(low, n);
    int64_t kept = 0;

    for (int64_t i = 0; i < n; i++)
        if (high[i] >= most || (double)setun_exp32(high[i] - most) * (1.0 + 0x1p-20) >= (double)min_p) {
            if (kept == max_ids)
                return -1;
            out_ids[kept++] = (int32_t)i;
        }
    return kept;
}

/* Ids that may win the draw with their noise. */
static int64_t keep_lucky(setun_sampler *sampler, const float *low, const float *high, const setun_sampling *sampling, int64_t position,
                          int64_t max_ids, int32_t *out_ids)
{
    const double gumbel_max = 23.0; /* as in draw() */
    candidate *maybe = sampler->candidates;
    const int64_t n = sampler->n_vocab;
    int64_t n_maybe = 0, kept = 0;
    double best = -INFINITY;

    for (int64_t i = 0; i < n; i++) {
        uint32_t word;
        double noise;

        if ((double)high[i] + gumbel_max < best)
            continue;
        word = setun_gumbel_word(sampling->seed, (uint64_t)position, (uint32_t)i);
        if ((double)high[i] + setun_gumbel_most(word) < best)
            continue;
        noise = setun_gumbel_of(word);
        if ((double)high[i] + noise < best)
            continue;
        maybe[n_maybe++].id = (int32_t)i;
        if ((double)low[i] + noise > best)
            best = (double)low[i] + noise;
    }
    for (int64_t i = 0; i < n_maybe; i++) {
        const int32_t id = maybe[i].id;

        if ((double)high[id] + setun_gumbel(sampling->seed, (uint64_t)position, (uint32_t)id) < best)
            continue;
        if (kept == max_ids)
            return -1;
        out_ids[kept++] = id;
    }
    return kept;
}

int64_t setun_sampler_screen(setun_sampler *sampler, const setun_sampling *sampling, float *z, float *e, const int32_t *history,
                             size_t n_history, int64_t position, int64_t max_ids, int32_t *out_ids)
{
    const int64_t n = sampler->n_vocab;
    static const setun_sampling greedy = {0};
    float *low = z, *high = e;

    if (sampling == NULL)
        sampling = &greedy;
    if (sampling->temperature != 0.0f && sampling->top_k == 0 && sampling->top_p > 0.0f && sampling->top_p < 1.0f)
        return -1;
    if (!make_intervals(z, e, n))
        return -1;
    setun_sampler_mark(sampler, sampling->repeat_penalty, history, n_history, 1);
    for (size_t i = 0; i < n_history; i++)
        if (sampler->penalised[history[i]]) { /* once, though it may stand there often */
            low[history[i]]  = setun_sampler_penalise(low[history[i]], sampling->repeat_penalty);
            high[history[i]] = setun_sampler_penalise(high[history[i]], sampling->repeat_penalty);
            sampler->penalised[history[i]] = 0;
        }
    if (sampling->temperature == 0.0f)
        return keep_reaching(high, n, largest_of(low, n), max_ids, out_ids);
    for (int64_t i = 0; i < n; i++) {
        low[i]  = low[i] / sampling->temperature;
        high[i] = high[i] / sampling->temperature;
    }
    if (sampling->top_k > max_ids)
        return -1;
    if (sampling->top_k > 0) /* k others are surely larger than what does not reach the k-th */
        return keep_reaching(high, n, kth_of(sampler, low, n, sampling->top_k < n ? sampling->top_k : n), max_ids, out_ids);
    if (sampling->min_p > 0.0f)
        return keep_likely(low, high, n, sampling->min_p, max_ids, out_ids);
    return keep_lucky(sampler, low, high, sampling, position, max_ids, out_ids);
}

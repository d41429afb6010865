/* sampler.c - repetition penalty, temperature, top-k, top-p, min-p, draw: numerics.md "sampling", step by step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "numerics/numerics.h"
#include "session/sampler_internal.h"

setun_status setun_sampler_create(int64_t n_vocab, setun_sampler **out_sampler, setun_error *error)
{
    setun_sampler *sampler = setun_calloc(1, sizeof(*sampler));

    if (sampler != NULL) {
        sampler->n_vocab    = n_vocab;
        sampler->candidates = setun_calloc((size_t)n_vocab, sizeof(candidate));
        sampler->low        = setun_calloc((size_t)n_vocab, sizeof(*sampler->low));
        sampler->ranked     = setun_calloc((size_t)n_vocab, sizeof(*sampler->ranked));
        sampler->penalised  = setun_calloc((size_t)n_vocab, 1);
    }
    if (sampler == NULL || sampler->candidates == NULL || sampler->low == NULL || sampler->ranked == NULL || sampler->penalised == NULL) {
        setun_sampler_destroy(sampler);
        return setun_fail_nomem(error, "sampler", (size_t)n_vocab * (sizeof(candidate) + sizeof(float) + sizeof(int32_t) + 1));
    }
    *out_sampler = sampler;
    return SETUN_OK;
}

void setun_sampler_destroy(setun_sampler *sampler)
{
    if (sampler == NULL)
        return;
    free(sampler->candidates);
    free(sampler->low);
    free(sampler->ranked);
    free(sampler->penalised);
    free(sampler);
}

setun_status setun_sampling_check(const setun_sampling *sampling, setun_error *error)
{
    if (sampling == NULL)
        return SETUN_OK;
    /* Below 0.001 logits of ordinary size would overflow: it is greedy in all but name. */
    if (!(sampling->temperature == 0.0f || (sampling->temperature >= 0.001f && isfinite(sampling->temperature))))
        return setun_fail(error, SETUN_ERR_INVALID, "temperature: expected 0 (greedy) or 0.001 and more, found %g",
                          (double)sampling->temperature);
    if (sampling->top_k < 0)
        return setun_fail(error, SETUN_ERR_INVALID, "top-k: expected 0 or more, found %d", sampling->top_k);
    if (!(sampling->top_p >= 0.0f && sampling->top_p <= 1.0f))
        return setun_fail(error, SETUN_ERR_INVALID, "top-p: expected 0 to 1, found %g", (double)sampling->top_p);
    if (!(sampling->min_p >= 0.0f && sampling->min_p <= 1.0f))
        return setun_fail(error, SETUN_ERR_INVALID, "min-p: expected 0 to 1, found %g", (double)sampling->min_p);
    /* A far larger or smaller one could only make logits overflow. */
    if (!(sampling->repeat_penalty == 0.0f || (sampling->repeat_penalty >= 0.01f && sampling->repeat_penalty <= 100.0f)))
        return setun_fail(error, SETUN_ERR_INVALID, "repeat penalty: expected 0 (none) or 0.01 to 100, found %g",
                          (double)sampling->repeat_penalty);
    return SETUN_OK;
}

/* A heap whose root is the candidate that comes last: restores its order below `i`. */
static void sift_down(candidate *heap, int64_t n, int64_t i)
{
    for (;;) {
        int64_t last = i, left = 2 * i + 1, right = left + 1;
        candidate swap;

        if (left < n && before(&heap[last], &heap[left]))
            last = left;
        if (right < n && before(&heap[last], &heap[right]))
            last = right;
        if (last == i)
            return;
        swap = heap[i];
        heap[i] = heap[last];
        heap[last] = swap;
        i = last;
    }
}

static void make_heap(candidate *heap, int64_t n)
{
    for (int64_t i = n / 2 - 1; i >= 0; i--)
        sift_down(heap, n, i);
}

int64_t setun_sampler_keep_first(candidate *candidates, int64_t n, int64_t k)
{
    if (k >= n)
        return n;
    make_heap(candidates, k);
    for (int64_t i = k; i < n; i++)
        if (before(&candidates[i], &candidates[0])) {
            candidates[0] = candidates[i];
            sift_down(candidates, k, 0);
        }
    return k;
}

/* Heap sort: first candidate first. */
static void sort(candidate *candidates, int64_t n)
{
    make_heap(candidates, n);
    for (int64_t end = n - 1; end > 0; end--) {
        candidate last = candidates[0];

        candidates[0] = candidates[end];
        candidates[end] = last;
        sift_down(candidates, end, 0);
    }
}

static float largest(const candidate *candidates, int64_t n)
{
    float z_max = candidates[0].z;

    for (int64_t i = 1; i < n; i++)
        if (candidates[i].z > z_max)
            z_max = candidates[i].z;
    return z_max;
}

/* The shortest prefix, in order, whose probability reaches top_p of the whole. */
static int64_t keep_top_p(candidate *candidates, int64_t n, float top_p)
{
    double total = 0.0, sum = 0.0;
    float z_max;
    int64_t kept = 0;

    sort(candidates, n);
    z_max = candidates[0].z;
    for (int64_t i = 0; i < n; i++)
        total += (double)setun_exp32(candidates[i].z - z_max);
    while (kept < n) {
        sum += (double)setun_exp32(candidates[kept++].z - z_max);
        if (sum >= (double)top_p * total)
            break;
    }
    return kept;
}

static int64_t keep_min_p(candidate *candidates, int64_t n, float min_p)
{
    float z_max = largest(candidates, n);
    int64_t kept = 0;

    for (int64_t i = 0; i < n; i++)
        if (setun_exp32(candidates[i].z - z_max) >= min_p)
            candidates[kept++] = candidates[i];
    return kept;
}

/* argmax of z + gumbel. A candidate whose z is so low that the largest possible noise could not make it win is passed over: its noise
 * costs a random number; and one whose own noise is too low, which costs two logarithms to know exactly. */
static int32_t draw(const candidate *candidates, int64_t n, uint64_t seed, uint64_t position)
{
    const double gumbel_max = 23.0; /* -log(-log(1 - 2^-33)) = 22.87 */
    int64_t first = 0;
    double best;
    int32_t id;

    for (int64_t i = 1; i < n; i++)
        if (before(&candidates[i], &candidates[first]))
            first = i;
    id   = candidates[first].id;
    best = (double)candidates[first].z + setun_gumbel(seed, position, (uint32_t)id);
    for (int64_t i = 0; i < n; i++) {
        uint32_t word;
        double score;

        if (i == first || (double)candidates[i].z + gumbel_max < best)
            continue;
        word = setun_gumbel_word(seed, position, (uint32_t)candidates[i].id);
        if ((double)candidates[i].z + setun_gumbel_most(word) < best)
            continue;
        score = (double)candidates[i].z + setun_gumbel_of(word);
        if (score > best || (score == best && candidates[i].id < id)) {
            best = score;
            id   = candidates[i].id;
        }
    }
    return id;
}

void setun_sampler_mark(setun_sampler *sampler, float penalty, const int32_t *history, size_t n_history, unsigned char mark)
{
    if (penalty == 0.0f || penalty == 1.0f)
        return;
    for (size_t i = 0; i < n_history; i++)
        sampler->penalised[history[i]] = mark;
}

/* The token that the first n candidates give, their penalties applied. */
static int32_t choose(candidate *candidates, int64_t n, const setun_sampling *sampling, int64_t position)
{
    if (sampling->temperature == 0.0f) {
        int64_t first = 0;

        for (int64_t i = 1; i < n; i++)
            if (before(&candidates[i], &candidates[first]))
                first = i;
        return candidates[first].id;
    }
    for (int64_t i = 0; i < n; i++)
        candidates[i].z = candidates[i].z / sampling->temperature;
    if (sampling->top_k > 0)
        n = setun_sampler_keep_first(candidates, n, sampling->top_k);
    if (sampling->top_p > 0.0f && sampling->top_p < 1.0f)
        n = keep_top_p(candidates, n, sampling->top_p);
    if (sampling->min_p > 0.0f)
        n = keep_min_p(candidates, n, sampling->min_p);
    return draw(candidates, n, sampling->seed, (uint64_t)position);
}

int32_t setun_sampler_draw_among(setun_sampler *sampler, const setun_sampling *sampling, const int32_t *id, const float *logits, int64_t n,
                                 const int32_t *history, size_t n_history, int64_t position)
{
    static const setun_sampling greedy = {0};

    if (sampling == NULL)
        sampling = &greedy;
    setun_sampler_mark(sampler, sampling->repeat_penalty, history, n_history, 1);
    for (int64_t i = 0; i < n; i++) {
        const int32_t one = id == NULL ? (int32_t)i : id[i];

        sampler->candidates[i] = (candidate){sampler->penalised[one] ? setun_sampler_penalise(logits[i], sampling->repeat_penalty) : logits[i], one};
    }
    setun_sampler_mark(sampler, sampling->repeat_penalty, history, n_history, 0);
    return choose(sampler->candidates, n, sampling, position);
}

int32_t setun_sampler_draw(setun_sampler *sampler, const setun_sampling *sampling, const float *logits, const int32_t *history,
                           size_t n_history, int64_t position)
{
    return setun_sampler_draw_among(sampler, sampling, NULL, logits, sampler->n_vocab, history, n_history, position);
}

/* test_sampler.c - the sampler against a brute-force reading of numerics.md, and against the distribution it must have. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "numerics/numerics.h"
#include "session/sampler.h"

enum { VOCAB = 300 };

static uint64_t state;

/* xorshift64*: reproducible everywhere, unlike rand(). */
static uint64_t next_random(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717);
}

static double uniform(void)
{
    return (double)(next_random() >> 11) * 0x1p-53;
}

typedef struct token {
    float z;
    int   id;
} token;

static int by_rank(const void *a, const void *b)
{
    const token *x = a, *y = b;

    return x->z != y->z ? (x->z < y->z ? 1 : -1) : x->id - y->id;
}

/* The definition, one sentence after the other, on a fully sorted vocabulary. */
static int brute_force(const setun_sampling *s, const float *logits, const int32_t *history, size_t n_history, uint64_t position)
{
    token t[VOCAB];
    int n = VOCAB, best = 0, kept = 0;
    double total = 0, sum = 0, best_score = 0;

    for (int i = 0; i < VOCAB; i++) {
        bool seen = false;

        for (size_t j = 0; j < n_history; j++)
            seen = seen || history[j] == i;
        t[i] = (token){logits[i], i};
        if (seen && s->repeat_penalty != 0)
            t[i].z = t[i].z > 0 ? t[i].z / s->repeat_penalty : t[i].z * s->repeat_penalty;
        if (s->temperature != 0)
            t[i].z /= s->temperature;
    }
    qsort(t, VOCAB, sizeof(t[0]), by_rank);
    if (s->temperature == 0)
        return t[0].id;
    if (s->top_k > 0 && s->top_k < n)
        n = s->top_k;
    if (s->top_p > 0 && s->top_p < 1) {
        for (int i = 0; i < n; i++)
            total += (double)setun_exp32(t[i].z - t[0].z);
        for (int i = 0; i < n; i++) {
            sum += (double)setun_exp32(t[i].z - t[0].z);
            if (sum >= (double)s->top_p * total) {
                n = i + 1;
                break;
            }
        }
    }
    for (int i = 0; i < n; i++)
        if (setun_exp32(t[i].z - t[0].z) >= s->min_p)
            t[kept++] = t[i];
    for (int i = 0; i < kept; i++) {
        double score = (double)t[i].z + setun_gumbel(s->seed, position, (uint32_t)t[i].id);

        if (i == 0 || score > best_score || (score == best_score && t[i].id < t[best].id)) {
            best       = i;
            best_score = score;
        }
    }
    return t[best].id;
}

Test(sampler, agrees_with_brute_force)
{
    setun_sampler *sampler;
    setun_error error = {""};
    int32_t history[40];
    float logits[VOCAB];

    state = 20260101;
    cr_assert_eq(setun_sampler_create(VOCAB, &sampler, &error), SETUN_OK, "%s", error.text);
    for (int trial = 0; trial < 20000; trial++) {
        setun_sampling s = {
            .temperature = trial % 7 == 0 ? 0.0f : (float)(0.1 + 2 * uniform()), .top_k = trial % 3 == 0 ? 0 : (int)(uniform() * 350),
            .top_p = trial % 4 == 0 ? 0.0f : (float)uniform(), .min_p = trial % 5 == 0 ? (float)(uniform() * uniform()) : 0.0f,
            .repeat_penalty = trial % 2 == 0 ? 1.0f : (float)(0.5 + uniform()), .seed = next_random()};
        size_t n_history = (size_t)(uniform() * 40);
        int expected, found;

        for (int i = 0; i < VOCAB; i++) /* coarse values, so that ties are common */
            logits[i] = trial % 2 == 0 ? (float)(16 * uniform() - 8) : (float)(int)(8 * uniform() - 4);
        for (size_t i = 0; i < n_history; i++)
            history[i] = (int32_t)(uniform() * VOCAB);
        expected = brute_force(&s, logits, history, n_history, (uint64_t)trial);
        found    = setun_sampler_draw(sampler, &s, logits, history, n_history, trial);
        cr_assert_eq(found, expected, "trial %d: expected token %d, found %d (T %g, k %d, p %g, min %g, penalty %g)", trial, expected,
                     found, (double)s.temperature, s.top_k, (double)s.top_p, (double)s.min_p, (double)s.repeat_penalty);
    }
    setun_sampler_destroy(sampler);
}

/* A thousand draws a seed from softmax(z / T): Pearson's chi-square against the probabilities, computed here in double precision. */
Test(sampler, draws_follow_softmax)
{
    enum { N = 12, DRAWS = 60000 };
    static const float logits[N] = {2.0f, 1.5f, 1.0f, 0.5f, 0.0f, -0.5f, -1.0f, -1.5f, 0.25f, 1.75f, -2.0f, 0.0f};
    setun_sampling s = {.temperature = 0.8f, .seed = 7};
    setun_sampler *sampler;
    setun_error error = {""};
    int count[N] = {0};
    double total = 0, chi_square = 0;

    cr_assert_eq(setun_sampler_create(N, &sampler, &error), SETUN_OK, "%s", error.text);
    for (int i = 0; i < DRAWS; i++)
        count[setun_sampler_draw(sampler, &s, logits, NULL, 0, i)]++;
    for (int i = 0; i < N; i++)
        total += exp((double)logits[i] / 0.8);
    for (int i = 0; i < N; i++) {
        double expected = DRAWS * exp((double)logits[i] / 0.8) / total;

        chi_square += (count[i] - expected) * (count[i] - expected) / expected;
    }
    cr_assert_lt(chi_square, 35.0, "11 degrees of freedom: 31.3 has probability 0.001; found %g", chi_square);
    setun_sampler_destroy(sampler);
}

Test(sampler, seed_and_position_decide)
{
    static const float flat[64] = {0};
    setun_sampling s = {.temperature = 1.0f, .seed = 1}, other = {.temperature = 1.0f, .seed = 2};
    setun_sampler *sampler;
    setun_error error = {""};
    int same_position = 0, same_seed = 0;

    cr_assert_eq(setun_sampler_create(64, &sampler, &error), SETUN_OK, "%s", error.text);
    for (int i = 0; i < 1000; i++) {
        int32_t id = setun_sampler_draw(sampler, &s, flat, NULL, 0, i);

        cr_assert_eq(setun_sampler_draw(sampler, &s, flat, NULL, 0, i), id, "the same draw twice");
        same_position += setun_sampler_draw(sampler, &other, flat, NULL, 0, i) == id;
        same_seed += setun_sampler_draw(sampler, &s, flat, NULL, 0, i + 1) == id;
    }
    cr_assert_lt(same_position, 50, "1 in 64 by chance: 16");
    cr_assert_lt(same_seed, 50);
    setun_sampler_destroy(sampler);
}

Test(sampler, settings_out_of_range)
{
    static const struct {
        setun_sampling s;
        const char *word;
    } cases[] = {
        {{.temperature = -0.1f}, "temperature"},   {{.temperature = 1e-9f}, "temperature"},   {{.temperature = NAN}, "temperature"},
        {{.temperature = INFINITY}, "temperature"}, {{.top_k = -1}, "top-k"},                  {{.top_p = 1.5f}, "top-p"},
        {{.top_p = -0.5f}, "top-p"},                {{.top_p = NAN}, "top-p"},                 {{.min_p = 2.0f}, "min-p"},
        {{.min_p = NAN}, "min-p"},                  {{.repeat_penalty = -1.0f}, "repeat"},     {{.repeat_penalty = INFINITY}, "repeat"},
        {{.repeat_penalty = 1e-38f}, "repeat"},     {{.repeat_penalty = 101.0f}, "repeat"},
    };

    for (size_t i = 0; i < SETUN_COUNT(cases); i++) {
        setun_error error = {""};

        cr_assert_eq(setun_sampling_check(&cases[i].s, &error), SETUN_ERR_INVALID, "case %zu", i);
        cr_assert_not_null(strstr(error.text, cases[i].word), "case %zu: %s", i, error.text);
    }
    cr_assert_eq(setun_sampling_check(NULL, NULL), SETUN_OK);
    cr_assert_eq(setun_sampling_check(&(setun_sampling){.temperature = 0.7f, .top_k = 40, .top_p = 0.9f, .min_p = 0.05f,
                                                        .repeat_penalty = 1.1f}, NULL), SETUN_OK);
}

/* test_screening.c - tokens drawn among candidates are those drawn from all logits, of made-up intervals (test_screened.c: of whole sessions). */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/sampler.h"

enum { VOCAB = 500 };

static uint64_t state = 20260101;

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

/* Intervals that hold the logits, by whatever margin on either side; scale 1. A smaller scale leaves some logits outside. */
static void make_intervals(const float *logits, double scale, float *z, float *e)
{
    for (int i = 0; i < VOCAB; i++) {
        const double width = uniform() < 0.2 ? 0 : 2 * uniform();

        z[i] = (float)((double)logits[i] + (2 * uniform() - 1) * width);
        e[i] = (float)(scale * fabs((double)logits[i] - (double)z[i]) * (1 + 0x1p-20) + scale * 0x1p-20);
    }
}

typedef struct column {
    float   z;
    int32_t at;
} column;

static int compare(const void *a, const void *b)
{
    const column *x = a, *y = b;

    return x->z > y->z ? -1 : x->z < y->z ? 1 : (x->at > y->at) - (x->at < y->at);
}

/* Op top_k, by sorting all. */
static void rank(void *context, const setun_worker *worker, const float *z, int64_t n, int64_t k, int32_t *out_ids)
{
    column *all = malloc((size_t)n * sizeof(*all));

    (void)context, (void)worker;
    for (int64_t i = 0; i < n; i++)
        all[i] = (column){z[i], (int32_t)i};
    qsort(all, (size_t)n, sizeof(*all), compare);
    for (int64_t i = 0; i < k; i++)
        out_ids[i] = all[i].at;
    free(all);
}

/* Both steps; logits: what the leaders' turn out to be. */
static int64_t screen(setun_sampler *sampler, setun_team *team, const setun_sampling *s, float *z, float *e, const float *logits,
                      const int32_t *history, size_t n_history, int64_t position, int64_t max_ids, int32_t *out_ids)
{
    static setun_leader leaders[100];
    const setun_ranker ranker = {.rank = rank, .most = 4096};
    const int64_t n = setun_sampler_lead(sampler, &ranker, team, s, z, e, history, n_history, position, max_ids < 100 ? max_ids : 100, leaders);

    for (int64_t i = 0; i < n; i++)
        leaders[i].logit = logits[leaders[i].id];
    return n < 0 ? -1 : setun_sampler_keep(sampler, team, leaders, n, max_ids, out_ids);
}

static setun_sampling any_sampling(int trial)
{
    return (setun_sampling){.temperature = trial % 5 == 0 ? 0.0f : (float)(0.1 + 2 * uniform()), .top_k = trial % 3 == 0 ? 1 + (int)(uniform() * 60) : 0,
                            .top_p = trial % 3 == 0 && trial % 2 == 0 ? (float)uniform() : 0.0f,
                            .min_p = trial % 4 == 0 ? (float)(uniform() * uniform()) : 0.0f,
                            .repeat_penalty = trial % 2 == 0 ? 1.0f : (float)(0.5 + uniform()), .seed = next_random()};
}

/* Trials whose token is another one than that of all logits. */
static int count_wrong(double scale, int n_trials)
{
    float logits[VOCAB], z[VOCAB], e[VOCAB], exact[VOCAB];
    int32_t history[40], id[VOCAB];
    setun_sampler *sampler;
    setun_error error = {""};
    int wrong = 0, few = 0;

    cr_assert_eq(setun_sampler_create(VOCAB, &sampler, &error), SETUN_OK, "%s", error.text);
    for (int trial = 0; trial < n_trials; trial++) {
        const setun_sampling s = any_sampling(trial);
        const size_t n_history = (size_t)(uniform() * 40);
        int64_t n;
        int32_t expected;

        for (int i = 0; i < VOCAB; i++) /* ties are common in every other trial */
            logits[i] = trial % 2 == 0 ? (float)(24 * uniform() - 12) : (float)(int)(16 * uniform() - 8);
        for (size_t i = 0; i < n_history; i++)
            history[i] = (int32_t)(uniform() * VOCAB);
        expected = setun_sampler_draw(sampler, &s, logits, history, n_history, trial);
        make_intervals(logits, scale, z, e);
        n = screen(sampler, NULL, &s, z, e, logits, history, n_history, trial, VOCAB, id);
        cr_assert(n <= VOCAB && n >= (scale < 1 ? 0 : 1), "trial %d: %lld candidates", trial, (long long)n);
        if (trial % 3 != 1) { /* among them, by better intervals */
            float better_z[VOCAB], better_e[VOCAB];
            int32_t first[VOCAB];

            for (int64_t i = 0; i < n; i++) {
                const double off = 0.1 * (2 * uniform() - 1);

                first[i] = id[i];
                better_z[i] = (float)((double)logits[id[i]] + off);
                better_e[i] = (float)(scale * fabs((double)logits[id[i]] - (double)better_z[i]) * (1 + 0x1p-20) + scale * 0x1p-20);
            }
            n = setun_sampler_keep_among(sampler, first, better_z, better_e, n, VOCAB, id);
            cr_assert(n >= (scale < 1 ? 0 : 1), "trial %d: %lld of the candidates", trial, (long long)n);
        }
        if (n == 0) { /* bounds that do not hold leave none */
            wrong++;
            continue;
        }
        for (int64_t i = 0; i < n; i++) {
            cr_assert(i == 0 || id[i] > id[i - 1], "trial %d: candidates ascend", trial);
            exact[i] = logits[id[i]];
        }
        few += n < VOCAB / 2;
        wrong += setun_sampler_draw_among(sampler, &s, id, exact, n, history, n_history, trial) != expected;
    }
    cr_expect(few > n_trials / 2, "only %d of %d trials had few candidates", few, n_trials);
    setun_sampler_destroy(sampler);
    return wrong;
}

Test(screening, draws_the_same_token)
{
    cr_expect_eq(count_wrong(1.0, 20000), 0);
}

/* The same trials find a bound that is too small, even by little. */
Test(screening, a_wrong_bound_is_found)
{
    cr_expect(count_wrong(0.0, 2000) > 0);
    cr_expect(count_wrong(0.5, 4000) > 0);
}

Test(screening, asks_for_all_logits)
{
    float z[VOCAB], e[VOCAB], logits[VOCAB];
    int32_t id[VOCAB];
    setun_sampler *sampler;
    setun_error error = {""};
    const setun_sampling top_p = {.temperature = 1, .top_p = 0.9f}, both = {.temperature = 1, .top_p = 0.9f, .top_k = 10},
                         wide = {.temperature = 1, .top_k = 101}, cold = {.top_p = 0.9f};

    cr_assert_eq(setun_sampler_create(VOCAB, &sampler, &error), SETUN_OK, "%s", error.text);
#define FRESH()                                                                                                                                      \
    for (int j = 0; j < VOCAB; j++) {                                                                                                                \
        z[j] = logits[j] = (float)j;                                                                                                                 \
        e[j] = 0.25f;                                                                                                                                \
    }
    FRESH()
    cr_expect_eq(screen(sampler, NULL, &top_p, z, e, logits, NULL, 0, 0, 100, id), -1, "probabilities of all are added up");
    FRESH()
    cr_expect_eq(screen(sampler, NULL, &both, z, e, logits, NULL, 0, 0, 100, id), 10);
    FRESH()
    cr_expect_eq(screen(sampler, NULL, &wide, z, e, logits, NULL, 0, 0, 100, id), -1, "more than there is room for");
    FRESH()
    cr_expect_eq(screen(sampler, NULL, &cold, z, e, logits, NULL, 0, 0, 100, id), 1, "greedy has no use for top-p");
    cr_expect_eq(id[0], VOCAB - 1);
    FRESH()
    e[3] = 1000.0f;
    cr_expect_eq(screen(sampler, NULL, NULL, z, e, logits, NULL, 0, 0, 100, id), 2);
    FRESH()
    for (int i = 0; i < VOCAB; i++)
        e[i] = 300.0f;
    cr_expect_eq(screen(sampler, NULL, NULL, z, e, logits, NULL, 0, 0, 100, id), -1, "more candidates than there is room for");
    for (int i = 0; i < 3; i++) {
        static const float bad[] = {NAN, INFINITY, 0x1p65f};

        FRESH()
        e[7] = bad[i];
        cr_expect_eq(screen(sampler, NULL, NULL, z, e, logits, NULL, 0, 0, 100, id), -1, "a bound of %g", (double)bad[i]);
    }
    setun_sampler_destroy(sampler);
}

/* However many workers share the vocabulary, the same ids in the same order; at its ends, and where a share has none. */
Test(screening, workers_find_the_same)
{
    enum { MANY = 5003, HISTORY = 60 };
    static const uint32_t threads[] = {1, 2, 3, 7};
    static float z[MANY], e[MANY], z2[MANY], e2[MANY];
    static int32_t id[MANY], id2[MANY], history[HISTORY];
    setun_topology *topology;
    setun_team *team[4];
    setun_sampler *sampler;
    setun_error error = {""};
    int drawn = 0;

    cr_assert_eq(setun_topology_open(NULL, &topology, &error), SETUN_OK, "%s", error.text);
    for (int t = 0; t < 4; t++)
        cr_assert_eq(setun_team_create(topology, threads[t], &team[t], &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_sampler_create(MANY, &sampler, &error), SETUN_OK, "%s", error.text);
    for (int trial = 0; trial < 300; trial++) {
        const setun_sampling s = any_sampling(trial);
        const int64_t max_ids = trial % 11 == 0 ? 20 : MANY;
        int64_t n[4];

        for (int i = 0; i < MANY; i++) {
            z[i] = trial % 2 == 0 ? (float)(24 * uniform() - 12) : (float)(int)(16 * uniform() - 8);
            e[i] = trial % 7 == 0 ? 0.0f : (float)(0.1 * uniform());
        }
        z[trial % 3 == 0 ? 0 : MANY - 1] = 14.0f;
        if (trial % 13 == 5)
            e[MANY - 2] = INFINITY;
        for (int i = 0; i < HISTORY; i++)
            history[i] = (int32_t)(uniform() * MANY);
        for (int t = 0; t < 4; t++) {
            memcpy(z2, z, sizeof(z));
            memcpy(e2, e, sizeof(e));
            n[t] = screen(sampler, team[t], &s, z2, e2, z, history, HISTORY, trial, max_ids, t == 0 ? id : id2);
            cr_assert_eq(n[t], n[0], "trial %d: %lld with %u threads, %lld with one", trial, (long long)n[t], threads[t], (long long)n[0]);
            if (t > 0 && n[0] > 0)
                cr_assert_arr_eq(id2, id, (size_t)n[0] * sizeof(*id), "trial %d, %u threads", trial, threads[t]);
        }
        drawn += n[0] > 0;
    }
    cr_expect(drawn > 150, "only %d of 300 trials had candidates", drawn);
    setun_sampler_destroy(sampler);
    for (int t = 0; t < 4; t++)
        setun_team_destroy(team[t]);
    setun_topology_close(topology);
}

/* k_max.c - integer dot products at their longest: constant signs, the largest magnitudes, k as large as the kernel says it can bear. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/chain.h"
#include "check/kernel.h"
#include "check/ops.h"

enum {
    K_LIMIT = (1 << 24) - 1, /* numerics.md: beyond, the sum need not fit 32 bits */
    MAX_N = 64,              /* rows of w that a kernel may want at least */
    /* For the paths that take several rows of x, and of w, at once. Few rows at the full k refute any sum of less than 32 bits; a tile
     * of many, at a k that costs little, one of up to 28. */
    FEW_M = 4, TILED_M = 17, TILED_N = 16, TILED_K = (1 << 20) + (1 << 17),
    FEW_FILLS = 1, TILED_FILLS = 1
};

static const struct {
    enum setun_check_fill x, w;
} worst[] = {{SETUN_FILL_LOWEST, SETUN_FILL_MINUS}, {SETUN_FILL_LOWEST, SETUN_FILL_PLUS}, {SETUN_FILL_PLUS, SETUN_FILL_PLUS},
             {SETUN_FILL_PLUS, SETUN_FILL_MINUS},   {SETUN_FILL_LOWEST, SETUN_FILL_ZERO}, {SETUN_FILL_ALTERNATING, SETUN_FILL_ALTERNATING}};

/* Of several ops, the first linear is what the sums are judged by; further ones have the same weights, and other inputs are zero. */
static void describe_chain(const setun_check_target *target, int64_t m, int64_t n, int64_t k, size_t fill, setun_check_case *c)
{
    (void)setun_check_chain_size(target, m, n, k, c);
    for (int i = 0; i < target->chain.n_values; i++)
        if (target->chain.value[i].in >= 0)
            c->fill[target->chain.value[i].in] = target->chain.value[i].is_weight ? worst[fill].w : SETUN_FILL_ZERO;
    c->fill[0] = worst[fill].x;
}

static void describe(setun_check_trial *trial, const setun_check_target *target, uint64_t seed, int64_t m, int64_t n, int64_t k,
                     size_t fill)
{
    setun_check_case *c = &trial->c;

    memset(trial, 0, sizeof(*trial));
    trial->target = target;
    c->random = setun_check_stream(seed, "k_max", (uint64_t)k);
    c->rows = m;
    c->has_batch = true;
    if (target->chain.n_ops > 0) {
        describe_chain(target, m, n, k, fill, c);
        return;
    }
    c->fill[0] = worst[fill].x;
    c->fill[1] = worst[fill].w;
    setun_check_dims(c->in_dim[0], m, k);
    setun_check_dims(c->in_dim[1], n, k);
    setun_check_dims(c->out_dim[0], m, n);
}

/* The sum of these fills is known without adding anything up: that judges the scalar backend too. */
static void compare_sum(const setun_check_trial *trial, int64_t m, int64_t n, int64_t k, size_t fill, setun_check_failure *failure)
{
    static const int64_t even[SETUN_COUNT(worst)] = {128, -128, 127, -127, 0, 127}, odd[SETUN_COUNT(worst)] = {128, -128, 127, -127, 0, 128};
    const int64_t sum = even[fill] * ((k + 1) / 2) + odd[fill] * (k / 2);
    const float d = (float)sum;
    const float *s = trial->oracle_in[0].part[1].data, *w_scale = trial->oracle_in[1].part[1].data;
    const setun_tensor *y = &trial->found[0].part[0];

    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            const float expected = d * (w_scale[j] / s[i]), *found = (const float *)(const void *)((char *)y->data + i * y->stride_bytes[0]) + j;

            if (memcmp(found, &expected, sizeof(expected)) != 0) {
                setun_check_fail(failure, "value", "row %lld, column %lld: expected %a, found %a", (long long)i, (long long)j,
                                 (double)expected, (double)*found);
                return;
            }
        }
}

/* Whether plan() takes m rows of x and n rows of k weights. */
static setun_status accepts(setun_check_trial *trial, const setun_check_target *target, int64_t m, int64_t n, int64_t k, bool *out_accepts,
                            setun_check_failure *failure, setun_error *error)
{
    setun_status status;
    bool declined;
    char why[200];

    describe(trial, target, 0, m, n, k, 0);
    *out_accepts = false;
    status = setun_check_trial_shape(trial, error);
    if (status == SETUN_OK)
        status = setun_check_plan(&trial->call, &declined, why, failure, error);
    setun_check_trial_free(trial);
    if (status == SETUN_ERR_UNSUPPORTED) /* a format does not hold it */
        return SETUN_OK;
    *out_accepts = status == SETUN_OK && failure->kind == NULL && !declined;
    return status;
}

/* The largest k up to `limit` that plan() takes, and the fewest rows of w with it; k 0: none. Kernels want k and n in multiples. */
static setun_status find_shape(setun_check_trial *trial, const setun_check_target *target, int64_t m, int64_t limit, int64_t *out_n,
                               int64_t *out_k, setun_check_failure *failure, setun_error *error)
{
    bool yes = false;

    *out_k = 0;
    for (int64_t n = 1; n <= MAX_N; n *= 2)
        for (int64_t multiple = 1; multiple <= 4096 && multiple <= limit; multiple *= 2) {
            setun_status status = accepts(trial, target, m, n, limit / multiple * multiple, &yes, failure, error);

            if (status != SETUN_OK || failure->kind != NULL)
                return status;
            if (yes) {
                *out_n = n;
                *out_k = limit / multiple * multiple;
                return SETUN_OK;
            }
        }
    return SETUN_OK;
}

/* Runs the first n_fills of the worst cases at this shape. What is exact needs no oracle, unless it does more than a linear. */
static setun_status run_worst(setun_check_trial *trial, const setun_check_target *asked, uint64_t seed, int64_t m, int64_t n, int64_t k,
                              size_t n_fills, setun_check_report *report, setun_error *error)
{
    const setun_kernel *kernel = asked->ref.kernel;
    setun_check_target alone = *asked;
    const bool known = asked->exact && asked->chain.n_ops == 0;
    const setun_check_target *target = known ? &alone : asked;
    setun_status status = SETUN_OK;
    bool applies, declined = false;
    char why[200], text[400];

    alone.has_oracle = false;
    for (size_t i = 0; i < n_fills && status == SETUN_OK && report->failure.kind == NULL; i++) {
        const setun_check_way way = {.n_workers = 1, .random = {.state = seed}};

        describe(trial, target, seed, m, n, k, i);
        status = setun_check_trial_make(trial, &applies, why, &report->failure, error);
        if (status == SETUN_OK && applies && report->failure.kind == NULL) {
            status = setun_check_trial_run(trial, &way, &declined, why, &report->failure, error);
            report->n_runs += !declined;
            if (status == SETUN_OK && report->failure.kind == NULL && !declined && known)
                compare_sum(trial, m, n, k, i, &report->failure);
        }
        if (status == SETUN_OK && report->failure.kind != NULL) {
            (void)snprintf(text, sizeof(text), "%.250s; m=%lld n=%lld k=%lld x=%s w=%s, seed %llu", report->failure.text, (long long)m,
                           (long long)n, (long long)k, setun_check_fill_name(worst[i].x), setun_check_fill_name(worst[i].w),
                           (unsigned long long)seed);
            if (strcmp(report->failure.kind, "value") == 0)
                setun_check_fail(&report->failure, "k_max", "k_max %lld with acc_bits %u is refuted: %s", (long long)kernel->k_max,
                                 kernel->acc_bits, text);
            else
                setun_check_fail(&report->failure, report->failure.kind, "at k_max: %s", text);
        }
        setun_check_trial_free(trial);
    }
    return status;
}

/* plan() must decline any k above k_max: the next one, the next multiples, much more. */
static setun_status check_above(setun_check_trial *trial, const setun_check_target *target, int64_t m, int64_t n,
                                setun_check_report *report, setun_error *error)
{
    const int64_t k_max = target->ref.kernel->k_max;

    for (int64_t multiple = 1; multiple <= 4096 && report->failure.kind == NULL; multiple *= 2)
        for (int64_t times = 1; times <= 2 && report->failure.kind == NULL; times++) {
            const int64_t k = (k_max / multiple + times) * multiple;
            bool yes;
            setun_status status = accepts(trial, target, m, n, k, &yes, &report->failure, error);

            if (status != SETUN_OK)
                return status;
            if (yes)
                setun_check_fail(&report->failure, "k_max", "plan() accepts k=%lld above its k_max %lld (n=%lld)", (long long)k,
                                 (long long)k_max, (long long)n);
        }
    return SETUN_OK;
}

setun_status setun_check_k_max(const setun_check_target *target, uint64_t seed, setun_check_report *report, setun_error *error)
{
    const setun_kernel *kernel = target->ref.kernel;
    const bool linear = strcmp(target->op->name, "linear") == 0 || (target->chain.n_ops > 0 && strcmp(target->chain.step[0].op, "linear") == 0);
    const bool integers = linear && strncmp(target->oracle_fmts.in[0], "i8.row", 6) == 0;
    setun_check_trial *trial;
    setun_status status;
    int64_t m = 1, n = 1, k = 0;

    if (!integers || (kernel->acc_bits == 0 && !target->exact)) { /* no such sums, or sums in floating point */
        report->k_max_done = true;
        return SETUN_OK;
    }
    if (kernel->acc_bits != 8 && kernel->acc_bits != 16 && kernel->acc_bits != 32 && kernel->acc_bits != 64 && kernel->acc_bits != 0) {
        setun_check_fail(&report->failure, "k_max", "states acc_bits %u, expected the width of an integer: 8, 16, 32 or 64", kernel->acc_bits);
        return SETUN_OK;
    }
    if (kernel->acc_bits == 0 || kernel->k_max == 0 || kernel->k_max > K_LIMIT) {
        setun_check_fail(&report->failure, "k_max", "states acc_bits %u and k_max %lld, expected the width of its accumulators and 1 to %d",
                         kernel->acc_bits, (long long)kernel->k_max, K_LIMIT);
        return SETUN_OK;
    }
    trial = setun_calloc(1, sizeof(*trial));
    if (trial == NULL)
        return setun_fail_nomem(error, "check", sizeof(*trial));
    status = find_shape(trial, target, m, kernel->k_max, &n, &k, &report->failure, error);
    if (status == SETUN_OK && report->failure.kind == NULL && k == 0) { /* one row is not for every kernel */
        m = FEW_M;
        status = find_shape(trial, target, m, kernel->k_max, &n, &k, &report->failure, error);
    }
    report->k_max_done = k > 0;
    if (status == SETUN_OK && report->failure.kind == NULL && k == 0 && report->n_cases > 0)
        setun_check_fail(&report->failure, "k_max", "plan() declines every k at its k_max %lld", (long long)kernel->k_max);
    if (status == SETUN_OK && report->failure.kind == NULL && k > 0)
        status = check_above(trial, target, m, n, report, error);
    if (status == SETUN_OK && report->failure.kind == NULL && k > 0)
        status = run_worst(trial, target, seed, m, n, k, SETUN_COUNT(worst), report, error);
    if (status == SETUN_OK && report->failure.kind == NULL && k > 0 && m < FEW_M)
        status = run_worst(trial, target, seed, FEW_M, n, k, FEW_FILLS, report, error);
    if (status == SETUN_OK && report->failure.kind == NULL && k > 0) /* declined, if such a k is */
        status = run_worst(trial, target, seed, TILED_M, n > TILED_N ? n : TILED_N, k < TILED_K ? k : TILED_K, TILED_FILLS, report, error);
    free(trial);
    return status;
}

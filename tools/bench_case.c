/* bench_case.c - one case of `setun bench`: repetitions that are timed, what they read and computed, and where their time went. */
#include "bench_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench_limits.h"
#include "setun/profile.h"

enum {
    BLOCK_POSITIONS = 256, /* the cache grows by so many (numerics.md: a chunk of the softmax) */
    HASHED_PASSES = 8      /* of a decode: all their logits are in the hash, of later ones the tokens. A screened head has no logits ready */
};

/* ---- passes ---- */

/* Takes the most likely token of each row, as greedy decoding does, the lower id where two are equal. */
static setun_status on_logits(void *context, size_t i, const float *logits, setun_error *error)
{
    bench_session *b = context;
    int32_t best = 0;

    (void)error;
    for (int64_t id = 1; id < b->vocab; id++)
        if (logits[id] > logits[best])
            best = (int32_t)id;
    if (b->hash_all != NULL)
        (void)XXH3_64bits_update(b->hash_all, logits, (size_t)b->vocab * sizeof(*logits));
    if (b->hash_all != NULL && b->rows[i].seq == b->seqs[0])
        (void)XXH3_64bits_update(b->hash_first, logits, (size_t)b->vocab * sizeof(*logits));
    for (size_t s = 0; s < b->n_seqs; s++)
        if (b->seqs[s] == b->rows[i].seq)
            b->next[s] = best;
    return SETUN_OK;
}

/* Rows, and the most likely token after each that asks. all: by way of their logits, which are hashed; else drawn, which a screened head does
 * without logits. */
static setun_status take_rows(bench_session *b, size_t n_rows, bool all, setun_error *error)
{
    setun_status status;

    if (all)
        return setun_session_eval(b->session, b->rows, n_rows, on_logits, b, error);
    status = setun_session_draw(b->session, b->rows, n_rows, NULL, b->drawn, error);
    for (size_t i = 0; i < n_rows && status == SETUN_OK; i++) {
        if (!b->rows[i].want_logits)
            continue;
        if (b->hash_all != NULL)
            (void)XXH3_64bits_update(b->hash_all, &b->drawn[i], sizeof(b->drawn[i]));
        if (b->hash_all != NULL && b->rows[i].seq == b->seqs[0])
            (void)XXH3_64bits_update(b->hash_first, &b->drawn[i], sizeof(b->drawn[i]));
        for (size_t s = 0; s < b->n_seqs; s++)
            if (b->seqs[s] == b->rows[i].seq)
                b->next[s] = b->drawn[i];
    }
    return status;
}

/* Text that is the same everywhere: ids from a multiplicative sequence, any of the vocabulary. */
static int32_t token_at(const bench_session *b, int64_t seq, int64_t pos)
{
    const uint64_t x = ((uint64_t)seq * 1000003 + (uint64_t)pos + 1) * UINT64_C(0x9E3779B97F4A7C15);

    return (int32_t)((x >> 33) % (uint64_t)b->vocab);
}

setun_status bench_append(bench_session *b, int64_t batch, int64_t first, int64_t n, bool want, setun_error *error)
{
    size_t n_rows = 0;

    for (int64_t s = 0; s < batch; s++)
        for (int64_t i = 0; i < n; i++)
            b->rows[n_rows++] = (setun_row){.token = token_at(b, s, first + i), .seq = b->seqs[s], .want_logits = want && i + 1 == n};
    return take_rows(b, n_rows, b->hash_all != NULL, error);
}

/* Takes the tokens after a pass into account that must be the same in every repetition. */
static void note_tokens(bench_session *b, int64_t batch)
{
    for (int64_t s = 0; s < batch; s++)
        b->tokens = (b->tokens ^ (uint64_t)b->next[s]) * UINT64_C(0x100000001B3); /* FNV-1a's prime */
}

/* Greedy, every sequence a token in each pass. */
static setun_status decode(bench_session *b, const bench_result *c, setun_error *error)
{
    setun_status status = SETUN_OK;

    for (int64_t i = 0; i < c->n && status == SETUN_OK; i++) {
        for (int64_t s = 0; s < c->batch; s++)
            b->rows[s] = (setun_row){.token = b->next[s], .seq = b->seqs[s], .want_logits = true};
        status = take_rows(b, (size_t)c->batch, b->hash_all != NULL && i < HASHED_PASSES, error);
        note_tokens(b, c->batch);
    }
    return status;
}

/* One repetition, which begins at the case's depth. */
static setun_status repeat(bench_session *b, const bench_result *c, double *out_seconds, setun_error *error)
{
    setun_status status;
    double start;

    for (int64_t s = 0; s < c->batch; s++) {
        setun_sequence_truncate(b->session, b->seqs[s], c->depth);
        b->next[s] = token_at(b, s, c->depth);
    }
    b->tokens = 0;
    start = setun_clock_s();
    status = strcmp(c->test, "prefill") == 0 ? bench_append(b, c->batch, c->depth, c->n, true, error) : decode(b, c, error);
    *out_seconds = setun_clock_s() - start;
    note_tokens(b, c->batch);
    return status;
}

/* A repetition draws what the first one drew, which took its first tokens from all logits: a head that is screened changes nothing. */
static setun_status check_tokens(const bench_session *b, const bench_result *r, setun_error *error)
{
    char name[BENCH_NAME_BYTES];

    if (b->tokens == b->first_tokens)
        return SETUN_OK;
    return set_error(error, SETUN_ERR_NUMERIC, "%s: a repetition generated other tokens than the first one", bench_result_name(r, name));
}

/* The sequences' first `depth` tokens, then a repetition that warms up and gives the hashes. */
static setun_status begin_case(bench_session *b, bench_result *r, setun_error *error)
{
    setun_status status = SETUN_OK;
    double seconds;

    for (size_t s = 0; s < b->n_seqs; s++)
        setun_sequence_truncate(b->session, b->seqs[s], 0);
    if (r->depth > 0)
        status = bench_append(b, r->batch, 0, r->depth, false, error);
    if (status != SETUN_OK)
        return status;
    b->hash_first = XXH3_createState();
    b->hash_all = XXH3_createState();
    if (b->hash_first != NULL && b->hash_all != NULL) {
        (void)XXH3_64bits_reset(b->hash_first);
        (void)XXH3_64bits_reset(b->hash_all);
        status = repeat(b, r, &seconds, error);
        (void)snprintf(r->hash, sizeof(r->hash), "%016" PRIx64, XXH3_64bits_digest(b->hash_first));
        (void)snprintf(r->hash_all, sizeof(r->hash_all), "%016" PRIx64, XXH3_64bits_digest(b->hash_all));
    } else {
        status = set_error(error, SETUN_ERR_NOMEM, "out of memory: hash");
    }
    b->first_tokens = b->tokens;
    setun_session_describe(b->session, &b->info); /* how much of a screened head a token reads is known now */
    (void)XXH3_freeState(b->hash_first);
    (void)XXH3_freeState(b->hash_all);
    b->hash_first = b->hash_all = NULL;
    return status;
}

/* ---- figures ---- */

/* Bytes of the cache for one position of a sequence. */
static double position_bytes(const setun_session_info *info)
{
    const int64_t blocks = (info->context + BLOCK_POSITIONS - 1) / BLOCK_POSITIONS;

    return (double)info->cache_bytes / (double)(blocks * BLOCK_POSITIONS) / (double)info->max_seqs;
}

/* Bytes that a repetition must read at least, and its passes. A pass of decoding reads the weights and every sequence's cache, at the middle
 * of the run. A prompt's passes read the weights; the cache of a sequence is read by the passes that it takes part in; the head only where
 * somebody wants logits, which is at the end of each prompt. */
static double count_bytes(const bench_session *b, const bench_result *r, double *out_passes)
{
    const setun_session_info *info = &b->info;
    const double length = (double)r->depth + (double)r->n / 2, cache = position_bytes(info) * length * (double)r->batch;
    const int64_t rows = r->n * r->batch, passes = (rows + info->chunk - 1) / info->chunk, of_one = (r->n + info->chunk - 1) / info->chunk;
    const double head = (double)(passes < r->batch ? passes : r->batch) * (double)info->logits_bytes;

    if (strcmp(r->test, "decode") == 0) {
        *out_passes = (double)r->n;
        return (double)r->n * ((double)info->token_bytes + cache);
    }
    *out_passes = (double)passes;
    return (double)passes * (double)(info->token_bytes - info->logits_bytes) + head + cache * (double)of_one;
}

/* Something of a repetition; amount: bytes or operations that it took. */
typedef double repeat_value(const bench_repeat *repeat, double amount);

static double seconds_of(const bench_repeat *repeat, double amount)
{
    (void)amount;
    return repeat->seconds;
}

static double read_limit_of(const bench_repeat *repeat, double amount)
{
    (void)amount;
    return repeat->read_bytes_s;
}

static double int8_limit_of(const bench_repeat *repeat, double amount)
{
    (void)amount;
    return repeat->int8_ops_s;
}

static double bandwidth_share_of(const bench_repeat *repeat, double bytes)
{
    return bytes / repeat->seconds / repeat->read_bytes_s;
}

static double int8_share_of(const bench_repeat *repeat, double ops)
{
    return ops / repeat->seconds / repeat->int8_ops_s;
}

static setun_spread spread_of(const bench_session *b, int64_t n, repeat_value *value, double amount)
{
    setun_spread spread;

    for (int64_t i = 0; i < n; i++)
        b->values[i] = value(&b->repeats[i], amount);
    setun_spread_make(b->values, (size_t)n, &spread);
    return spread;
}

/* NAN everywhere if it cannot be known. */
static void put(const setun_spread *spread, bool known, double *out_median, double *out_min, double *out_max)
{
    *out_median = known ? spread->median : (double)NAN;
    *out_min = known ? spread->min : (double)NAN;
    *out_max = known ? spread->max : (double)NAN;
}

/* The shares of the repetitions, each by what the machine could do at its time. */
static void work_out_shares(const bench_session *b, double bytes, double int8_ops, bench_result *r)
{
    const setun_spread read = spread_of(b, r->repeats, read_limit_of, 0), int8 = spread_of(b, r->repeats, int8_limit_of, 0);
    const setun_spread of_read = spread_of(b, r->repeats, bandwidth_share_of, bytes), of_int8 = spread_of(b, r->repeats, int8_share_of, int8_ops);

    put(&read, read.min > 0, &r->read_limit_bytes_s_median, &r->read_limit_bytes_s_min, &r->read_limit_bytes_s_max);
    put(&int8, int8.min > 0, &r->int8_limit_ops_s_median, &r->int8_limit_ops_s_min, &r->int8_limit_ops_s_max);
    put(&of_read, r->bytes_per_pass > (double)b->limits.cache_bytes && read.min > 0, &r->share_of_bandwidth, &r->share_of_bandwidth_min,
        &r->share_of_bandwidth_max);
    put(&of_int8, int8_ops > 0 && int8.min > 0, &r->share_of_int8, &r->share_of_int8_min, &r->share_of_int8_max);
}

static void work_out(const bench_session *b, bench_result *r)
{
    const setun_session_info *info = &b->info;
    const setun_spread spread = spread_of(b, r->repeats, seconds_of, 0);
    const bool is_decode = strcmp(r->test, "decode") == 0;
    const double tokens = (double)r->n * (double)r->batch, median_s = spread.median;
    const double n_logits = is_decode ? tokens : (double)r->batch;
    const double int8_ops = tokens * (double)info->row_int8_ops + n_logits * (double)info->logits_int8_ops;
    double passes, bytes = count_bytes(b, r, &passes);
    setun_session_candidates candidates;

    r->tokens_s_median = tokens / median_s;
    r->tokens_s_min = tokens / spread.max;
    r->tokens_s_max = tokens / spread.min;
    r->ms_token = 1e3 * median_s / tokens;
    r->bytes_per_pass = bytes / passes;
    r->bytes_per_token = bytes / tokens;
    r->bytes_s = bytes / median_s;
    r->ops_s = (tokens * (double)info->row_ops + n_logits * (double)info->logits_ops) / median_s;
    r->int8_ops_s = int8_ops / median_s;
    work_out_shares(b, bytes, int8_ops, r);
    setun_session_count_candidates(b->session, &candidates);
    r->candidates_token = candidates.n_tokens > 0 ? (double)candidates.median : NAN; /* of all cases so far */
}

/* ---- where the time goes ---- */

static setun_status on_part(void *context, const setun_profile_line *line, setun_error *error)
{
    bench_result *r = context;
    bench_part *part;

    (void)error;
    if (r->n_parts == BENCH_PARTS_MAX) { /* the shortest, together */
        part = &r->parts[BENCH_PARTS_MAX - 1];
        (void)snprintf(part->op, sizeof(part->op), "others");
        part->kernel[0] = '\0';
    } else {
        part = &r->parts[r->n_parts++];
        (void)snprintf(part->op, sizeof(part->op), "%s", line->op);
        (void)snprintf(part->kernel, sizeof(part->kernel), "%s", line->kernel);
    }
    part->n_steps += line->n_steps;
    part->run_ms += 1e-6 * line->run_ns;
    part->imbalance_ms += 1e-6 * line->imbalance_ns;
    part->barrier_ms += 1e-6 * line->barrier_ns;
    part->n_barriers += line->n_barriers;
    return SETUN_OK;
}

/* By the names that kernels have (op, input, weights, output): neither a head of 16 bits nor the packing of activations. */
static bool is_int8_linear(const bench_part *part)
{
    return strstr(part->op, "linear") != NULL && strstr(part->kernel, "_i8") != NULL && strncmp(part->kernel, "pack_", 5) != 0;
}

/* One more repetition, which is not among those that count: looking at the clock takes time, too. */
static setun_status profile_case(bench_session *b, bench_result *r, setun_error *error)
{
    const int64_t rows = strcmp(r->test, "decode") == 0 ? r->batch : r->n * r->batch;
    const uint32_t pass_rows = (uint32_t)(rows < b->info.chunk ? rows : b->info.chunk);
    setun_profile_total total;
    bench_repeat profiled;
    double linear_ms = 0, passes;
    setun_status status = setun_session_start_profile(b->session, error);

    if (status != SETUN_OK)
        return status;
    status = repeat(b, r, &profiled.seconds, error);
    bench_limits_after(b, &profiled);
    if (status == SETUN_OK)
        status = setun_session_report_profile(b->session, pass_rows, on_part, r, &total, error);
    setun_session_stop_profile(b->session);
    if (status != SETUN_OK)
        return status;
    r->pass_ms = 1e-6 * total.pass_ns;
    for (size_t i = 0; i < r->n_parts; i++)
        if (is_int8_linear(&r->parts[i]))
            linear_ms += r->parts[i].run_ms;
    (void)count_bytes(b, r, &passes);
    if (linear_ms > 0 && r->int8_ops_s > 0 && profiled.int8_ops_s > 0) /* operations of a pass over the time of its linear layers */
        r->share_of_int8_linear = r->int8_ops_s * (1e-3 * r->ms_token * (double)r->n * (double)r->batch) / passes / (1e-3 * linear_ms)
                                  / profiled.int8_ops_s;
    return SETUN_OK;
}

/* ---- the whole ---- */

setun_status bench_measure(bench_session *b, bench_result *r, setun_error *error)
{
    memory_use use;
    setun_status status = begin_case(b, r, error);

    r->repeats = b->options->repeats;
    r->threads = b->info.n_threads;
    (void)snprintf(r->head, sizeof(r->head), "%s", b->head);
    r->pass_ms = r->share_of_int8_linear = NAN;
    bench_limits_before(b);
    for (int64_t i = 0; i < r->repeats && status == SETUN_OK; i++) {
        status = repeat(b, r, &b->repeats[i].seconds, error);
        bench_limits_after(b, &b->repeats[i]);
        if (status == SETUN_OK)
            status = check_tokens(b, r, error);
    }
    if (status != SETUN_OK)
        return status;
    work_out(b, r);
    bench_limits_memory(b, &use);
    r->anon_bytes = use.anon_bytes;
    r->file_bytes = use.file_bytes;
    r->resident_bytes = use.anon_bytes + use.file_bytes;
    r->peak_bytes = use.peak_bytes;
    return b->options->profile ? profile_case(b, r, error) : SETUN_OK;
}


/* test_screened.c - sessions on fable with a screened head draw the tokens of the full one: every sampling, instruction set, batch and kind of file. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "session/session_internal.h"
#include "setun/convert.h"

enum { MAX_TOKENS = 24 };

typedef struct text {
    int32_t id[MAX_TOKENS];
    size_t  n;
} text;

static setun_status take(void *context, int32_t id, const char *bytes, size_t n_bytes, setun_error *error)
{
    text *t = context;

    (void)bytes;
    (void)n_bytes;
    (void)error;
    if (id >= 0 && t->n < MAX_TOKENS)
        t->id[t->n++] = id;
    return SETUN_OK;
}

static setun_model *open_model(const char *name)
{
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(name, NULL, &model, &error), SETUN_OK, "%s", error.text);
    return model;
}

static setun_session *create(setun_model *model, setun_session_options options)
{
    setun_session *session;
    setun_session_info info;
    setun_error error = {""};

    cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_OK, "%s", error.text);
    setun_session_describe(session, &info);
    cr_assert_eq(info.head, options.head == SETUN_HEAD_AUTO ? SETUN_HEAD_SCREENED : options.head);
    return session;
}

static text generate(setun_session *session, int prompt, const setun_sampling *sampling)
{
    int32_t ids[40], seq;
    text t = {.n = 0};
    setun_generation generation;
    setun_error error = {""};
    const size_t n = 1 + (size_t)(prompt * 7 % 40);

    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)(((unsigned)prompt * 7919u + (unsigned)i * 104729u + 12345u) % 4093u);
    cr_assert_eq(setun_sequence_open(session, &seq, NULL), SETUN_OK);
    cr_assert_eq(setun_generate(session, seq, ids, n, MAX_TOKENS, sampling, take, &t, &generation, &error), SETUN_OK, "%s", error.text);
    setun_sequence_close(session, seq);
    return t;
}

static const setun_sampling settings[] = {
    {.temperature = 0},
    {.temperature = 0, .repeat_penalty = 1.3f},
    {.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .seed = 1},
    {.temperature = 1, .seed = 2},
    {.temperature = 3, .seed = 3, .repeat_penalty = 0.8f},
    {.temperature = 1, .min_p = 0.05f, .seed = 4},
    {.temperature = 1.5f, .top_k = 5, .min_p = 0.1f, .seed = 5, .repeat_penalty = 1.1f},
    {.temperature = 1, .top_p = 0.9f, .seed = 6}, /* all logits */
    {.temperature = 50, .min_p = 1e-30f, .seed = 7}, /* every token is a candidate */
};
enum { N_SETTINGS = sizeof(settings) / sizeof(settings[0]), N_PROMPTS = 3 };

static void expect_same(const text *a, const text *b, const char *what, int prompt, int setting)
{
    cr_expect_eq(a->n, b->n, "%s: prompt %d, setting %d: %zu and %zu tokens", what, prompt, setting, a->n, b->n);
    for (size_t i = 0; i < a->n && i < b->n; i++)
        cr_assert_eq(a->id[i], b->id[i], "%s: prompt %d, setting %d, token %zu: %d and %d", what, prompt, setting, i, a->id[i], b->id[i]);
}

Test(screened, sessions_agree)
{
    static const struct {
        const char *what;
        setun_session_options options;
    } others[] = {{"screened", {.head = SETUN_HEAD_SCREENED, .n_threads = 1}},
                  {"the default, 2 threads", {.n_threads = 2}},
                  {"4 threads, passes of 7", {.head = SETUN_HEAD_SCREENED, .n_threads = 4, .chunk = 7}},
                  {"passes of 1", {.head = SETUN_HEAD_SCREENED, .n_threads = 2, .chunk = 1}},
                  {"resident", {.head = SETUN_HEAD_RESIDENT, .n_threads = 2}}};
    setun_model *model = open_model("fable");
    setun_session *full = create(model, (setun_session_options){.head = SETUN_HEAD_FULL, .n_threads = 2});
    static text expected[N_PROMPTS][N_SETTINGS];
    setun_session_candidates counted;

    for (int p = 0; p < N_PROMPTS; p++)
        for (int s = 0; s < N_SETTINGS; s++)
            expected[p][s] = generate(full, p, &settings[s]);
    setun_session_count_candidates(full, &counted);
    cr_expect_eq(counted.n_tokens + counted.n_full, 0);
    setun_session_destroy(full);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        setun_session *session = create(model, others[i].options);

        for (int p = 0; p < N_PROMPTS; p++)
            for (int s = 0; s + 2 < N_SETTINGS; s++) {
                const text found = generate(session, p, &settings[s]);

                expect_same(&expected[p][s], &found, others[i].what, p, s);
            }
        setun_session_count_candidates(session, &counted);
        cr_expect(counted.n_tokens > 200 && counted.n_full == 0, "%llu tokens, %llu full", (unsigned long long)counted.n_tokens,
                  (unsigned long long)counted.n_full);
        cr_expect(counted.median >= 1 && counted.median <= 256 && counted.largest >= counted.median, "median %u, largest %u", counted.median, counted.largest);
        for (int s = N_SETTINGS - 2; s < N_SETTINGS; s++) {
            const text found = generate(session, 1, &settings[s]);

            expect_same(&expected[1][s], &found, others[i].what, 1, s);
        }
        setun_session_count_candidates(session, &counted);
        cr_expect_eq(counted.largest, 4096, "every token of the vocabulary was one");
        cr_expect_eq(counted.n_full, expected[1][N_SETTINGS - 2].n, "top-p wants all logits");
        setun_session_destroy(session);
    }
    setun_model_close(model);
}

/* The instruction sets that this CPU has; a cap above it changes nothing. */
Test(screened, instruction_sets_agree)
{
    static const char *const caps[] = {"native", "avx512,-vnni", "avx2", "sse"};
    text expected = {.n = 0};

    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
        for (int head = SETUN_HEAD_FULL; head <= SETUN_HEAD_SCREENED; head++) {
            setun_model *model;
            setun_session *session;
            text found;

            cr_assert_eq(setenv("SETUN_CPU", caps[i], 1), 0);
            model = open_model("fable");
            session = create(model, (setun_session_options){.head = head, .n_threads = 1});
            found = generate(session, 3, &settings[2]);
            if (expected.n == 0)
                expected = found;
            expect_same(&expected, &found, caps[i], 3, 2);
            setun_session_destroy(session);
            setun_model_close(model);
        }
}

static setun_status keep(void *context, size_t i, const float *logits, setun_error *error)
{
    float *to = context;

    (void)error;
    memcpy(to + i * 4096, logits, 4096 * sizeof(float));
    return SETUN_OK;
}

/* Sequences side by side, one token each in a pass; and all their logits. */
Test(screened, batches_agree)
{
    enum { SEQS = 19, STEPS = 12 }; /* more than the head takes at once */
    setun_model *model = open_model("fable");
    static const int heads[] = {SETUN_HEAD_FULL, SETUN_HEAD_SCREENED, SETUN_HEAD_RESIDENT};
    static int32_t expected[STEPS][SEQS];
    static float logits[2][SEQS * 4096];
    setun_sampling sampling[SEQS];
    setun_error error = {""};

    cr_assert_eq(setun_model_vocab(model), 4096);
    for (int s = 0; s < SEQS; s++) {
        sampling[s] = settings[s % N_SETTINGS];
        sampling[s].seed += (uint64_t)s;
    }
    for (size_t h = 0; h < sizeof(heads) / sizeof(heads[0]); h++) {
        setun_session *session = create(model, (setun_session_options){.head = heads[h], .n_threads = 2, .max_seqs = SEQS});
        setun_row rows[SEQS];
        int32_t next[SEQS], seq;

        for (int s = 0; s < SEQS; s++) {
            cr_assert_eq(setun_sequence_open(session, &seq, NULL), SETUN_OK);
            next[s] = 100 + 37 * s;
        }
        for (int step = 0; step < STEPS; step++) {
            for (int s = 0; s < SEQS; s++)
                rows[s] = (setun_row){next[s], s, s != step}; /* one of them wants nothing */
            cr_assert_eq(setun_session_draw(session, rows, SEQS, sampling, next, &error), SETUN_OK, "%s", error.text);
            next[step] = 5;
            if (h == 0)
                memcpy(expected[step], next, sizeof(next));
            cr_assert_eq(memcmp(expected[step], next, sizeof(next)), 0, "head %d, step %d", heads[h], step);
        }
        for (int s = 0; s < SEQS; s++)
            rows[s] = (setun_row){next[s], s, true};
        cr_assert_eq(setun_session_eval(session, rows, SEQS, keep, logits[h > 0], &error), SETUN_OK, "%s", error.text);
        cr_expect_eq(memcmp(logits[0], logits[h > 0], sizeof(logits[0])), 0, "logits of head %d", heads[h]);
        setun_session_destroy(session);
    }
    setun_model_close(model);
}

/* A GGUF file with a vocabulary that has more tokens than there are candidates at most, its size no multiple of 16. */
Test(screened, more_candidates_than_there_is_room_for)
{
    static const setun_synth_size sizes[] = {{"layers", 1}, {"hidden", 256}, {"ffn", 256}, {"heads", 2}, {"kv_heads", 1}, {"head_dim", 128},
                                             {"vocab", 5003}, {"context", 128}};
    static const setun_sampling all[] = {{.temperature = 90, .min_p = 1e-30f, .seed = 1}, {.temperature = 1, .top_k = 4999, .seed = 2},
                                         {.temperature = 1, .top_k = 60, .seed = 3}};
    const setun_synth_options synth = {.sizes = sizes, .n_sizes = sizeof(sizes) / sizeof(sizes[0])};
    text expected[3];
    char folder[64], path[128];
    setun_model *model;
    setun_error error = {""};

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/tiny.gguf", folder);
    cr_assert_eq(setun_model_synth("bitnet-b1.58-2b-4t", path, &synth, NULL, &error), SETUN_OK, "%s", error.text);
    model = open_model(path);
    for (int head = SETUN_HEAD_FULL; head <= SETUN_HEAD_RESIDENT; head++) {
        setun_session *session = create(model, (setun_session_options){.head = head, .n_threads = 2});
        setun_session_candidates counted;

        for (int s = 0; s < 3; s++) {
            const text found = generate(session, 1, &all[s]);

            if (head == SETUN_HEAD_FULL)
                expected[s] = found;
            expect_same(&expected[s], &found, "5003 tokens", head, s);
        }
        setun_session_count_candidates(session, &counted);
        if (head != SETUN_HEAD_FULL) {
            cr_expect(counted.n_full >= 2, "%llu tokens from all logits", (unsigned long long)counted.n_full);
            cr_expect(counted.n_tokens >= 1 && counted.largest < 4096, "%llu tokens, largest %u", (unsigned long long)counted.n_tokens, counted.largest);
        }
        setun_session_destroy(session);
    }
    setun_model_close(model);
    folder_remove(folder);
}

/* 8 bits alone are near, and not the same. */
Test(screened, int8_is_near)
{
    setun_model *model = open_model("fable");
    static float logits[2][4096];
    setun_error error = {""};
    double far = 0, largest = 0;

    for (int i = 0; i < 2; i++) {
        setun_session *session = create(model, (setun_session_options){.head = i == 0 ? SETUN_HEAD_FULL : SETUN_HEAD_INT8, .n_threads = 2});
        const setun_row row = {.token = 77, .want_logits = true};
        int32_t seq, best = 0, drawn;

        cr_assert_eq(setun_sequence_open(session, &seq, NULL), SETUN_OK);
        cr_assert_eq(setun_session_eval(session, &row, 1, keep, logits[i], &error), SETUN_OK, "%s", error.text);
        setun_sequence_truncate(session, seq, 0);
        cr_assert_eq(setun_session_draw(session, &row, 1, NULL, &drawn, &error), SETUN_OK, "%s", error.text);
        for (int j = 0; j < 4096; j++)
            best = logits[i][j] > logits[i][best] ? j : best;
        cr_expect_eq(drawn, best);
        setun_session_destroy(session);
    }
    for (int j = 0; j < 4096; j++) {
        far = fmax(far, fabs((double)logits[0][j] - (double)logits[1][j]));
        largest = fmax(largest, fabs((double)logits[0][j]));
    }
    cr_expect(far > 0 && far < 0.02 * largest, "off by %g, the largest is %g", far, largest);
    setun_model_close(model);
}

/* The weight file is cut off while a session lives on it: an error, and the sequence is as before. */
Test(screened, a_file_that_became_shorter)
{
    static const char *const files[] = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"};
    char folder[64], path[512];
    setun_model *model;
    setun_session *session;
    setun_row row = {.token = 77, .want_logits = true};
    setun_error error = {""};
    int32_t seq, id;

    folder_make(folder);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        size_t n_bytes;
        char *bytes;

        (void)snprintf(path, sizeof(path), "%s/%s", FABLE, files[i]);
        bytes = file_read(path, &n_bytes);
        (void)snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        file_write(path, bytes, n_bytes);
        free(bytes);
    }
    (void)snprintf(path, sizeof(path), "%s/model.safetensors", folder);
    model = open_model(folder);
    session = create(model, (setun_session_options){.head = SETUN_HEAD_SCREENED, .n_threads = 2});
    cr_assert_eq(setun_sequence_open(session, &seq, NULL), SETUN_OK);
    cr_assert_eq(setun_session_draw(session, &row, 1, NULL, &id, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(truncate(path, 1000), 0);
    cr_expect_eq(setun_session_draw(session, &row, 1, NULL, &id, &error), SETUN_ERR_IO);
    cr_expect_not_null(strstr(error.text, "became shorter"), "%s", error.text);
    cr_expect_eq(setun_sequence_length(session, seq), 1);
    setun_session_destroy(session);
    setun_model_close(model);
    folder_remove(folder);
}

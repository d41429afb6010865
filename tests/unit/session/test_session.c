/* test_session.c - sequences and passes on fable: neighbours, cuts, truncation and refusals leave every bit of a sequence alone. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session/session_internal.h"

enum { MAX_ROWS = 600 };

typedef struct rows {
    float *logits; /* [MAX_ROWS][vocab] */
    size_t vocab;
} rows;

static setun_status keep(void *context, size_t i, const float *logits, setun_error *error)
{
    rows *r = context;

    (void)error;
    memcpy(r->logits + i * r->vocab, logits, r->vocab * sizeof(float));
    return SETUN_OK;
}

static setun_model *open_model(void)
{
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open("fable", NULL, &model, &error), SETUN_OK, "%s", error.text);
    return model;
}

static setun_session *create(setun_model *model, setun_session_options options)
{
    setun_session *session;
    setun_error error = {""};

    cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_OK, "%s", error.text);
    return session;
}

/* Token i of made-up sequence s: any ids will do. */
static int32_t token(int s, int i)
{
    return (int32_t)((unsigned)(s * 7919 + i * 104729 + 12345) % 4093u);
}

static void eval(setun_session *session, const setun_row *r, size_t n, rows *out)
{
    setun_error error = {""};

    cr_assert_eq(setun_session_eval(session, r, n, keep, out, &error), SETUN_OK, "%s", error.text);
}

static rows make_rows(const setun_model *model)
{
    rows r = {NULL, (size_t)setun_model_vocab(model)};

    r.logits = calloc(MAX_ROWS * r.vocab, sizeof(float));
    cr_assert_not_null(r.logits);
    return r;
}

/* A path that is found and does not fit is an error of its own: neither a name that nobody knows, nor another folder's model. */
Test(session, a_model_is_located)
{
    char path[4096], small[4096];
    setun_error error = {""};
    size_t length;

    cr_assert_eq(setun_model_locate("fable", path, sizeof(path), &error), SETUN_OK, "%s", error.text);
    length = strlen(path);
    cr_assert(length > 6 && strcmp(path + length - 6, "/fable") == 0, "%s", path);
    cr_expect_eq(setun_model_locate(NULL, small, length + 1, &error), SETUN_OK, "%s", error.text);
    cr_expect_str_eq(small, path);
    for (size_t n = 1; n <= length; n += n < length - 1 ? length - 2 : 1) {
        small[0] = 'x';
        cr_expect_eq(setun_model_locate("fable", small, n, &error), SETUN_ERR_INVALID, "%zu: %s", n, error.text);
        cr_expect(strstr(error.text, "does not fit") != NULL && small[0] == 'x', "%s", error.text);
        cr_expect_eq(setun_model_locate(path, small, n, &error), SETUN_ERR_INVALID, "%zu: %s", n, error.text);
    }
    cr_expect_eq(setun_model_locate("fabel", path, sizeof(path), &error), SETUN_ERR_NOT_FOUND);
    cr_expect(strstr(error.text, "did you mean 'fable'?") != NULL, "%s", error.text);
}

/* Three sequences of unequal lengths, interleaved at random in passes of every size, against each alone in one pass. Lengths cross the
 * cache's block border at 256. */
Test(session, neighbours_and_cuts_change_nothing)
{
    enum { SEQS = 3 };
    static const int length[SEQS] = {300, 5, 90};
    setun_model *model = open_model();
    size_t vocab = (size_t)setun_model_vocab(model);
    float *alone = calloc(MAX_ROWS * vocab, sizeof(float)); /* sequence s at row 0, 300, 305 */
    rows mixed = make_rows(model), single = make_rows(model);
    setun_row r[MAX_ROWS];
    int first[SEQS] = {0, 300, 305}, at[SEQS] = {0}, of_row[MAX_ROWS], n = 0;
    unsigned random = 99;

    for (int s = 0; s < SEQS; s++) {
        setun_session *session = create(model, (setun_session_options){.chunk = 512, .n_threads = 1});
        int32_t seq;

        cr_assert_eq(setun_sequence_open(session, &seq, NULL), SETUN_OK);
        for (int i = 0; i < length[s]; i++)
            r[i] = (setun_row){token(s, i), seq, true};
        eval(session, r, (size_t)length[s], &single);
        memcpy(alone + (size_t)first[s] * vocab, single.logits, (size_t)length[s] * vocab * sizeof(float));
        setun_session_destroy(session);
    }
    while (n < 395) {
        int s;

        random = random * 1664525u + 1013904223u;
        s = (int)(random >> 16) % SEQS;
        if (at[s] == length[s])
            continue;
        of_row[n] = first[s] + at[s];
        r[n++] = (setun_row){token(s, at[s]++), s, true};
    }
    for (unsigned chunk = 1; chunk <= 512; chunk = chunk * 5 + 2) {
        setun_session *session = create(model, (setun_session_options){.chunk = chunk, .max_seqs = SEQS, .n_threads = 2});
        int32_t seq;

        for (int s = 0; s < SEQS; s++)
            cr_assert_eq(setun_sequence_open(session, &seq, NULL), SETUN_OK);
        memset(mixed.logits, 0, (size_t)n * vocab * sizeof(float));
        eval(session, r, (size_t)n, &mixed);
        for (int i = 0; i < n; i++)
            cr_assert_eq(memcmp(mixed.logits + (size_t)i * vocab, alone + (size_t)of_row[i] * vocab, vocab * sizeof(float)), 0,
                         "chunk %u: row %d differs from the same row alone", chunk, i);
        setun_session_destroy(session);
    }
    free(alone);
    free(mixed.logits);
    free(single.logits);
    setun_model_close(model);
}

/* Cutting a sequence back and going on is the same as never having gone on; closed sequences give their blocks back. */
Test(session, truncation_and_reuse)
{
    setun_model *model = open_model();
    setun_session *session = create(model, (setun_session_options){.chunk = 64, .max_seqs = 2, .n_threads = 1, .kv = SETUN_KV_F32});
    size_t vocab = (size_t)setun_model_vocab(model);
    rows a = make_rows(model), b = make_rows(model);
    setun_row r[MAX_ROWS];
    int32_t seq, other;
    setun_error error = {""};

    cr_assert_eq(setun_sequence_open(session, &seq, NULL), SETUN_OK);
    cr_assert_eq(setun_sequence_open(session, &other, NULL), SETUN_OK);
    cr_assert_eq(setun_sequence_open(session, &other, &error), SETUN_ERR_FULL);
    for (int round = 0; round < 20; round++) { /* 20 times 512 positions of a session that holds 2 x 512 */
        for (int i = 0; i < 512; i++)
            r[i] = (setun_row){token(0, i), seq, i >= 500};
        eval(session, r, round % 5 == 0 ? 512 : 200, &a);
        setun_sequence_truncate(session, seq, 100);
        cr_assert_eq(setun_sequence_length(session, seq), 100);
        for (int i = 0; i < 300; i++)
            r[i] = (setun_row){token(0, 100 + i), seq, i == 299};
        eval(session, r, 300, round == 0 ? &a : &b);
        if (round > 0)
            cr_assert_eq(memcmp(a.logits + 299 * vocab, b.logits + 299 * vocab, vocab * sizeof(float)), 0, "round %d", round);
        setun_sequence_close(session, seq);
        cr_assert_eq(setun_sequence_length(session, seq), 0);
        cr_assert_eq(setun_sequence_open(session, &seq, NULL), SETUN_OK);
    }
    free(a.logits);
    free(b.logits);
    setun_session_destroy(session);
    setun_model_close(model);
}

Test(session, refusals_compute_nothing)
{
    setun_model *model = open_model();
    setun_session *session = create(model, (setun_session_options){.context = 20, .n_threads = 1});
    setun_row r[MAX_ROWS];
    setun_error error = {""};
    int32_t seq;

    cr_assert_eq(setun_sequence_open(session, &seq, NULL), SETUN_OK);
    for (int i = 0; i < 30; i++)
        r[i] = (setun_row){token(0, i), seq, false};
    cr_assert_eq(setun_session_eval(session, r, 21, NULL, NULL, &error), SETUN_ERR_FULL);
    cr_assert_not_null(strstr(error.text, "20 positions"), "%s", error.text);
    cr_assert_eq(setun_sequence_length(session, seq), 0, "nothing was computed");
    cr_assert_eq(setun_session_eval(session, r, 20, NULL, NULL, &error), SETUN_OK, "%s", error.text);
    setun_sequence_truncate(session, seq, 0);
    r[3].token = 4096;
    cr_assert_eq(setun_session_eval(session, r, 5, NULL, NULL, &error), SETUN_ERR_INVALID);
    cr_assert_not_null(strstr(error.text, "4096"), "%s", error.text);
    r[3].token = -1;
    cr_assert_eq(setun_session_eval(session, r, 5, NULL, NULL, &error), SETUN_ERR_INVALID);
    r[3] = (setun_row){1, 1, false};
    cr_assert_eq(setun_session_eval(session, r, 5, NULL, NULL, &error), SETUN_ERR_INVALID);
    r[3] = (setun_row){1, 0, true};
    cr_assert_eq(setun_session_eval(session, r, 5, NULL, NULL, &error), SETUN_ERR_INVALID, "nobody takes the logits");
    cr_assert_eq(setun_sequence_length(session, seq), 0);
    setun_session_interrupt(session);
    cr_assert_eq(setun_session_eval(session, r, 1, NULL, NULL, &error), SETUN_ERR_INTERRUPTED);
    cr_assert_eq(setun_session_eval(session, r, 1, NULL, NULL, &error), SETUN_OK, "an interrupt counts once");
    setun_session_destroy(session);

    static const setun_session_options bad[] = {
        {.context = 513}, {.context = -1}, {.chunk = 100000}, {.max_seqs = 100000}, {.kv = 7}, {.n_threads = 5000},
        {.backends = "no-such"}, {.backends = ""}, {.backends = "scalar,,"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error.text[0] = '\0';
        cr_assert_lt(setun_session_create(model, &bad[i], &session, &error), 0, "case %zu", i);
        cr_assert_neq(error.text[0], '\0', "case %zu", i);
    }
    setun_model_close(model);
}

Test(session, describes_itself)
{
    setun_model *model = open_model();
    setun_session *session = create(model, (setun_session_options){.n_threads = 2, .max_seqs = 3, .head = SETUN_HEAD_FULL});
    setun_session_info info;

    setun_session_describe(session, &info);
    cr_assert_eq(info.n_threads, 2);
    cr_assert_eq(info.max_seqs, 3);
    cr_assert_eq(info.context, 512);
    /* K and V, 5 layers, 3 sequences of 2 blocks, 1 head, 256 positions of 64 f16 */
    cr_assert_eq(info.cache_bytes, 2u * 5 * 3 * 2 * 256 * 64 * 2);
    cr_assert_geq(info.activation_bytes, 256u * 4096 * 4, "the logits of a chunk alone");
    /* 5 layers of q, o (256 x 256), k, v (64 x 256), gate, up (768 x 256), down (256 x 768) at 2 bits, with scales */
    cr_assert_geq(info.weight_bytes, 5u * (2 * 256 * 256 + 2 * 64 * 256 + 3 * 768 * 256) / 4);
    setun_session_destroy(session);
    setun_model_close(model);
}

/* formats.md: a matrix is aligned to 64 bytes and its rows are padded to them; a checker of memory sees whether the padding is ours. */
Test(session, token_ids_are_a_matrix_of_i32)
{
    static const uint32_t chunks[] = {1, 3, 16, 17, 256};

    for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        setun_model *model;
        setun_session *session;
        setun_error error = {""};

        cr_assert_eq(setun_model_open(NULL, NULL, &model, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_session_create(model, &(setun_session_options){.chunk = chunks[i], .n_threads = 1, .context = 16}, &session, &error),
                     SETUN_OK, "%s", error.text);
        cr_expect_eq((uintptr_t)session->token % 64, 0u, "chunk %u", chunks[i]);
        cr_expect_geq(malloc_usable_size(session->token), (size_t)(4 * chunks[i] + 63) / 64 * 64, "chunk %u", chunks[i]);
        setun_session_destroy(session);
        setun_model_close(model);
    }
}

/* Plugins that are all refused. */
Test(session, no_backend)
{
    char path[] = "/tmp/setun-no-plugin-XXXXXX";
    const int fd = mkstemp(path);
    setun_plugins *plugins;
    setun_model *model;
    setun_session *session;
    setun_error error = {""};

    cr_assert(fd >= 0 && close(fd) == 0);
    cr_assert_eq(setun_plugins_open_file(path, NULL, &plugins, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_model_open(NULL, &(setun_model_options){.plugins = plugins}, &model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_session_create(model, NULL, &session, &error), SETUN_ERR_NOT_FOUND);
    cr_expect(strncmp(error.text, "no backend is loaded: ", 22) == 0, "%s", error.text);
    setun_model_close(model);
    setun_plugins_close(plugins);
    (void)unlink(path);
}

/* test_generate.c - generation: ends, interrupts, a full context, and going on where it stopped. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "setun/session.h"

typedef struct story {
    int32_t id[1024];
    size_t n;
    char text[8192];
    size_t n_bytes;
    setun_session *interrupt; /* after three tokens */
    size_t fail_at;           /* the sink's own failure; 0: never */
    setun_status failure;     /* 0: SETUN_ERR_IO */
} story;

static setun_status take(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error)
{
    story *s = context;

    (void)error;
    if (id >= 0)
        s->id[s->n++] = id;
    memcpy(s->text + s->n_bytes, text, n_bytes);
    s->n_bytes += n_bytes;
    if (s->interrupt != NULL && s->n == 3)
        setun_session_interrupt(s->interrupt);
    return s->fail_at == 0 || s->n != s->fail_at ? SETUN_OK : s->failure != SETUN_OK ? s->failure : SETUN_ERR_IO;
}

typedef struct scene {
    setun_model *model;
    setun_session *session;
    int32_t seq;
    int32_t *prompt;
    size_t n_prompt;
} scene;

static scene begin(const char *text, setun_session_options options)
{
    scene s;
    setun_error error = {""};
    int32_t *ids;

    cr_assert_eq(setun_model_open(NULL, NULL, &s.model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_session_create(s.model, &options, &s.session, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_sequence_open(s.session, &s.seq, &error), SETUN_OK);
    cr_assert_eq(setun_tokenizer_encode(setun_model_tokenizer(s.model), text, strlen(text), SETUN_TEXT_USER, &ids, &s.n_prompt, &error),
                 SETUN_OK, "%s", error.text);
    s.prompt = malloc((s.n_prompt + 1) * sizeof(int32_t));
    s.prompt[0] = setun_model_bos(s.model);
    memcpy(s.prompt + 1, ids, s.n_prompt * sizeof(int32_t));
    s.n_prompt++;
    setun_free(ids);
    return s;
}

static void end(scene *s)
{
    free(s->prompt);
    setun_session_destroy(s->session);
    setun_model_close(s->model);
}

static setun_generation generate(scene *s, int64_t n, const setun_sampling *sampling, story *out)
{
    setun_generation g;
    setun_error error = {""};

    cr_assert_eq(setun_generate(s->session, s->seq, s->prompt, s->n_prompt, n, sampling, take, out, &g, &error), SETUN_OK, "%s", error.text);
    return g;
}

Test(generate, ends_where_it_says)
{
    scene s = begin("Once upon a time", (setun_session_options){.n_threads = 1, .context = 60});
    story a = {.n = 0}, b = {.n = 0}, c = {.n = 0};
    setun_generation g = generate(&s, 10, NULL, &a);

    cr_assert_eq(g.end, SETUN_END_LENGTH);
    cr_assert_eq(g.n_tokens, 10);
    cr_assert_eq(a.n, 10);
    cr_assert_eq(g.n_prompt, (int64_t)s.n_prompt);
    cr_assert_gt(a.n_bytes, 10);
    setun_sequence_truncate(s.session, s.seq, 0);
    g = generate(&s, -1, NULL, &b);
    cr_assert_eq(g.end, SETUN_END_CONTEXT);
    /* The last token is known from the last position, but needs no position of its own. */
    cr_assert_eq(b.n + s.n_prompt, 61);
    cr_assert_eq(memcmp(a.id, b.id, 10 * sizeof(int32_t)), 0);
    setun_sequence_truncate(s.session, s.seq, 0);
    c.interrupt = s.session;
    g = generate(&s, -1, NULL, &c);
    cr_assert_eq(g.end, SETUN_END_INTERRUPT);
    cr_assert_eq(c.n, 3);
    setun_sequence_truncate(s.session, s.seq, 0);
    g = generate(&s, 0, NULL, &c);
    cr_assert_eq(g.n_tokens, 0);
    end(&s);
}

/* One before the work ends it, one after its last pass ends nothing, and neither looks like an error. */
Test(generate, interrupts_count_once)
{
    scene s = begin("Once upon a time", (setun_session_options){.n_threads = 1, .chunk = 2});
    story early = {.n = 0}, late = {.interrupt = s.session}, next = {.n = 0};
    setun_generation g;
    setun_error error = {"as it was"};

    setun_session_interrupt(s.session);
    cr_assert_eq(setun_generate(s.session, s.seq, s.prompt, s.n_prompt, 5, NULL, take, &early, &g, &error), SETUN_OK);
    cr_expect_eq(g.end, SETUN_END_INTERRUPT);
    cr_expect(g.n_tokens == 0 && early.n == 0 && setun_sequence_length(s.session, s.seq) == 0);
    cr_expect_str_eq(error.text, "as it was");
    setun_session_interrupt(s.session);
    g = generate(&s, 0, NULL, &early);
    cr_expect_eq(g.end, SETUN_END_INTERRUPT, "also while the prompt alone is read");

    g = generate(&s, 3, NULL, &late); /* with its last token */
    cr_expect(g.end == SETUN_END_LENGTH && g.n_tokens == 3);
    setun_sequence_truncate(s.session, s.seq, 0);
    g = generate(&s, 3, NULL, &next);
    cr_expect(g.end == SETUN_END_LENGTH && g.n_tokens == 3 && memcmp(next.id, late.id, 3 * sizeof(next.id[0])) == 0);

    cr_expect_not(setun_session_take_interrupt(s.session));
    setun_session_interrupt(s.session);
    cr_expect(setun_session_take_interrupt(s.session));
    setun_sequence_truncate(s.session, s.seq, 0);
    g = generate(&s, 1, NULL, &next);
    cr_expect_eq(g.end, SETUN_END_LENGTH, "it was taken back");
    end(&s);
}

Test(generate, goes_on_where_it_stopped)
{
    scene s = begin("Once upon a time", (setun_session_options){.n_threads = 1});
    story whole = {.n = 0}, first = {.n = 0}, second = {.n = 0};

    (void)generate(&s, 20, NULL, &whole);
    setun_sequence_truncate(s.session, s.seq, 0);
    (void)generate(&s, 8, NULL, &first);
    free(s.prompt); /* the last token was given, but is not in the sequence yet */
    s.prompt = malloc(sizeof(int32_t));
    s.prompt[0] = first.id[7];
    s.n_prompt = 1;
    (void)generate(&s, 12, NULL, &second);
    cr_assert_eq(memcmp(whole.id, first.id, 8 * sizeof(int32_t)), 0);
    cr_assert_eq(memcmp(whole.id + 8, second.id, 12 * sizeof(int32_t)), 0);
    end(&s);
}

Test(generate, sampling_does_not_depend_on_threads_or_chunks)
{
    const setun_sampling sampling = {.temperature = 0.9f, .top_k = 50, .top_p = 0.95f, .repeat_penalty = 1.1f, .seed = 42};
    story first = {.n = 0};

    for (unsigned i = 0; i < 3; i++) {
        scene s = begin("The giant and the little tailor went", (setun_session_options){.n_threads = 1 + i, .chunk = 1 + 3 * i});
        story out = {.n = 0};

        (void)generate(&s, 40, &sampling, i == 0 ? &first : &out);
        if (i > 0) {
            cr_assert_eq(out.n, first.n);
            cr_assert_eq(memcmp(out.id, first.id, first.n * sizeof(int32_t)), 0);
            cr_assert_eq(out.n_bytes, first.n_bytes);
        }
        end(&s);
    }
}

Test(generate, refusals)
{
    scene s = begin("Once", (setun_session_options){.n_threads = 1, .context = 2});
    story out = {.n = 0};
    setun_generation g = {.end = 77};
    setun_error error = {""};
    const setun_sampling bad = {.temperature = -1.0f};
    const int32_t long_prompt[3] = {1, 2, 3};

    cr_assert_eq(setun_generate(s.session, s.seq, NULL, 0, 5, NULL, take, &out, &g, &error), SETUN_ERR_INVALID);
    cr_assert_not_null(strstr(error.text, "empty"), "%s", error.text);
    cr_assert_eq(setun_generate(s.session, s.seq, long_prompt, 3, 5, NULL, take, &out, &g, &error), SETUN_ERR_FULL);
    cr_assert_eq(setun_generate(s.session, s.seq, s.prompt, s.n_prompt, 5, &bad, take, &out, &g, &error), SETUN_ERR_INVALID);
    cr_assert_eq(setun_generate(s.session, 5, s.prompt, s.n_prompt, 5, NULL, take, &out, &g, &error), SETUN_ERR_INVALID);
    cr_assert_eq(setun_generate(s.session, s.seq, s.prompt, s.n_prompt, -7, NULL, take, &out, &g, &error), SETUN_ERR_INVALID);
    cr_assert_not_null(strstr(error.text, "-7"), "%s", error.text);
    cr_assert_eq(out.n, 0);
    out.fail_at = 1;
    out.failure = SETUN_ERR_INTERRUPTED;
    cr_assert_eq(setun_generate(s.session, s.seq, s.prompt, 1, 5, NULL, take, &out, &g, &error), SETUN_ERR_INTERRUPTED, "the sink's own");
    setun_sequence_truncate(s.session, s.seq, 0);
    out = (story){.fail_at = 1};
    cr_assert_eq(setun_generate(s.session, s.seq, s.prompt, s.n_prompt, 5, NULL, take, &out, &g, &error), SETUN_ERR_IO);
    cr_assert_eq(g.end, 77, "outputs are set on success only");
    end(&s);
}

/* stress_sessions.c - sessions under load, for the thread sanitizer, as part of stress.c: one after another, two at a time, and interrupted from
 * another thread. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "setun/session.h"
#include "stress.h"

enum { TOKENS = 6 };

typedef struct text {
    int32_t    id[512];
    size_t     n;
    atomic_uint *n_given; /* NULL, or told how many there are */
} text;

static setun_status take(void *context, int32_t id, const char *bytes, size_t n_bytes, setun_error *error)
{
    text *t = context;

    (void)bytes;
    (void)n_bytes;
    (void)error;
    if (id >= 0 && t->n < SETUN_COUNT(t->id))
        t->id[t->n++] = id;
    if (t->n_given != NULL)
        atomic_fetch_add(t->n_given, 1);
    return SETUN_OK;
}

static const int32_t prompt[] = {1, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50};

static setun_session *make_session(setun_model *model, uint32_t n_threads)
{
    setun_session_options options = {.n_threads = n_threads, .chunk = 5, .context = 300};
    setun_error error = {""};
    setun_session *session;
    int32_t seq;

    EXPECT(setun_session_create(model, &options, &session, &error) == SETUN_OK, "%s", error.text);
    EXPECT(setun_sequence_open(session, &seq, &error) == SETUN_OK && seq == 0, "%s", error.text);
    return session;
}

static setun_generation generate(setun_session *session, int64_t n_tokens, text *out)
{
    static const setun_sampling sampling = {.temperature = 0.8f, .top_k = 40, .top_p = 0.9f, .repeat_penalty = 1.1f, .seed = 7};
    setun_error error = {""};
    setun_generation generation;

    setun_sequence_truncate(session, 0, 0);
    EXPECT(setun_generate(session, 0, prompt, SETUN_COUNT(prompt), n_tokens, &sampling, take, out, &generation, &error) == SETUN_OK, "%s",
           error.text);
    return generation;
}

static void expect_same(const text *a, const text *b, const char *what)
{
    EXPECT(a->n == b->n && memcmp(a->id, b->id, a->n * sizeof(int32_t)) == 0, "%s: other tokens", what);
}

typedef struct lone_session {
    setun_model *model;
    uint32_t     n_threads;
    text         out;
} lone_session;

/* A whole session in a thread of its own. */
static void *run_lone_session(void *context)
{
    lone_session *lone = context;
    setun_session *session = make_session(lone->model, lone->n_threads);

    (void)generate(session, TOKENS, &lone->out);
    setun_session_destroy(session);
    return NULL;
}

static void stress_two_at_a_time(setun_model *model, const text *expected)
{
    static lone_session lone[2]; /* static: half of a thread's stack otherwise, and zero */
    pthread_t thread[2];

    for (uint32_t i = 0; i < 2; i++) {
        lone[i].model = model;
        lone[i].n_threads = 2 + i;
        EXPECT(pthread_create(&thread[i], NULL, run_lone_session, &lone[i]) == 0, "no thread");
    }
    for (int i = 0; i < 2; i++) {
        EXPECT(pthread_join(thread[i], NULL) == 0, "no join");
        expect_same(&lone[i].out, expected, "two sessions at a time");
    }
}

typedef struct interrupter {
    setun_session *session;
    atomic_uint    n_given;
} interrupter;

/* Interrupts when the third token is there. */
static void *interrupt_later(void *context)
{
    interrupter *i = context;

    while (atomic_load(&i->n_given) < 3)
        (void)usleep(200);
    setun_session_interrupt(i->session);
    return NULL;
}

static void stress_interrupt(setun_model *model, uint32_t n_threads, const text *expected)
{
    interrupter i = {.session = make_session(model, n_threads)};
    text cut = {.n_given = &i.n_given}, whole = {.n = 0};
    setun_generation generation;
    pthread_t thread;

    EXPECT(pthread_create(&thread, NULL, interrupt_later, &i) == 0, "no thread");
    generation = generate(i.session, -1, &cut);
    EXPECT(pthread_join(thread, NULL) == 0, "no join");
    EXPECT(generation.end == SETUN_END_INTERRUPT || generation.end == SETUN_END_STOP || generation.end == SETUN_END_CONTEXT,
           "generation ended with %d", generation.end);
    EXPECT(cut.n >= 3, "interrupted after %zu tokens", cut.n);
    if (generation.end == SETUN_END_INTERRUPT) { /* what was computed is right, and the session goes on */
        EXPECT(memcmp(cut.id, expected->id, 3 * sizeof(int32_t)) == 0, "other tokens before the interrupt");
        (void)generate(i.session, TOKENS, &whole);
        expect_same(&whole, expected, "after an interrupt");
    }
    setun_session_destroy(i.session);
}

void stress_sessions(void)
{
    text expected = {.n = 0};
    setun_error error = {""};
    setun_model *model;

    EXPECT(setun_model_open(NULL, NULL, &model, &error) == SETUN_OK, "%s", error.text);
    for (uint32_t n_threads = 1; n_threads <= MAX_THREADS; n_threads++) {
        setun_session *session = make_session(model, n_threads);
        text out = {.n = 0};

        (void)generate(session, TOKENS, n_threads == 1 ? &expected : &out);
        if (n_threads > 1)
            expect_same(&out, &expected, "sessions after one another");
        setun_session_destroy(session);
    }
    EXPECT(expected.n == TOKENS, "found %zu tokens", expected.n);
    stress_two_at_a_time(model, &expected);
    for (uint32_t n_threads = 2; n_threads <= 4; n_threads += 2)
        stress_interrupt(model, n_threads, &expected);
    setun_model_close(model);
}

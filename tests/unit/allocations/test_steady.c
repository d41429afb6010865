/* test_steady.c - nothing is allocated while tokens are produced: not by libsetun, not by OpenMP, not by hwloc, not by libc.
 *
 * Counting begins when the session is there, before its first token: there is no warm-up. Packing the weights has started the threads. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counted.h"
#include "expect.h"
#include "setun/session.h"

static setun_status nothing(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error)
{
    (void)context;
    (void)id;
    (void)text;
    (void)n_bytes;
    (void)error;
    return SETUN_OK;
}

static setun_status look(void *context, size_t i, const float *logits, setun_error *error)
{
    (void)i;
    (void)error;
    *(float *)context += logits[0];
    return SETUN_OK;
}

/* Pages of address space: what libc maps past malloc and mmap, say a thread's stack, shows here. */
static long address_space(void)
{
    char text[64] = "";
    const int fd = open("/proc/self/statm", O_RDONLY);

    EXPECT(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "/proc/self/statm cannot be read");
    (void)close(fd);
    return strtol(text, NULL, 10);
}

enum { N_PROMPT = 23, N_TOKENS = 12 };

static void produce(setun_model *model, const setun_session_options *options, const setun_sampling *sampling, const char *what)
{
    setun_error error = {""};
    setun_session *session;
    setun_generation generation;
    setun_status status;
    setun_row rows[N_PROMPT];
    int32_t prompt[N_PROMPT], seq;
    float sum = 0;
    long pages;
    size_t calls;

    for (int i = 0; i < N_PROMPT; i++)
        prompt[i] = 300 + 17 * i;
    EXPECT(setun_session_create(model, options, &session, &error) == SETUN_OK, "%s: %s", what, error.text);
    pages = address_space();
    counted_start(0);

    status = setun_sequence_open(session, &seq, &error);
    if (status == SETUN_OK)
        status = setun_generate(session, seq, prompt, N_PROMPT, N_TOKENS, sampling, nothing, NULL, &generation, &error);
    for (int i = 0; i < N_PROMPT; i++)
        rows[i] = (setun_row){prompt[i], seq, i % 2 == 0};
    if (status == SETUN_OK) {
        setun_sequence_truncate(session, seq, 3);
        status = setun_session_eval(session, rows, N_PROMPT, look, &sum, &error);
    }
    if (status == SETUN_OK)
        setun_sequence_close(session, seq);

    calls = counted_calls();
    EXPECT(status == SETUN_OK, "%s: %s", what, error.text);
    EXPECT(calls == 0, "%s: %zu allocations after the session was made", what, calls);
    EXPECT(address_space() == pages, "%s: the address space grew by %ld pages", what, address_space() - pages);
    setun_session_destroy(session);
}

int main(void)
{
    const setun_sampling sampling = {.temperature = 0.9f, .top_k = 50, .top_p = 0.9f, .min_p = 0.01f, .repeat_penalty = 1.2f, .seed = 3};
    const setun_sampling top_p_of_all = {.temperature = 1.5f, .top_p = 0.99f, .seed = 4};
    setun_error error = {""};
    setun_model *model;
    void *volatile probe; /* compilers may leave out a malloc whose result nobody sees */

    /* The instrument first: it must see what it is there to see. */
    counted_start(0);
    probe = malloc(100);
    EXPECT(probe != NULL && counted_calls() == 1, "the counter saw %zu of 1 allocations", counted_calls());
    free(probe);
    EXPECT(setun_model_open(NULL, NULL, &model, &error) == SETUN_OK, "%s", error.text);
    EXPECT(counted_calls() > 300, "the counter saw %zu allocations while a model was opened", counted_calls());

    for (uint32_t n_threads = 1; n_threads <= 3; n_threads++)
        for (uint32_t chunk = 0; chunk <= 10; chunk += 5) { /* 0: the default, the prompt in one pass; 5 and 10: in several, the last ragged */
            const setun_session_options options = {.n_threads = n_threads, .chunk = chunk, .context = 300, .kv = chunk == 5};
            char what[80];

            (void)snprintf(what, sizeof(what), "%u threads, chunk %u", n_threads, chunk);
            produce(model, &options, NULL, what);
            produce(model, &options, &sampling, what);
            produce(model, &options, &top_p_of_all, what);
        }
    setun_model_close(model);
    return 0;
}

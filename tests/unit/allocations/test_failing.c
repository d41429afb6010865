/* test_failing.c - every allocation failed in turn while a model is opened, a session made and a token produced: each time either
 * SETUN_ERR_NOMEM, or, where a library can do without (pcre2 without its JIT), the same tokens as ever; no leak, never a crash.
 * The tiny model keeps a turn short; hwloc is given a synthetic machine for the same reason.
 *
 * Left out, because they end the program themselves: allocations of libhwloc (its components are registered under an assert; a topology that
 * loses a cpuset half-way is used all the same) and of libgomp ("Out of memory allocating ... bytes", then exit).
 *
 * With an argument N only the N-th allocation fails, for a debugger. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "counted.h"
#include "setun/session.h"
#include "tiny_model.h"

/* What a run brings: it must be the same in every turn that ends well. */
typedef struct outcome {
    size_t  n_ids;
    int32_t ids[32]; /* the prompt's tokens, then the one generated */
} outcome;

static setun_status take(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error)
{
    outcome *out = context;

    (void)text;
    (void)n_bytes;
    (void)error;
    if (id >= 0)
        out->ids[out->n_ids++] = id;
    return SETUN_OK;
}

/* The dynamic linker keeps the text of its last error until it is asked twice. */
static void forget_dlerror(void)
{
    (void)dlerror();
    (void)dlerror();
}

/* From nothing to one token and back. */
static setun_status open_and_run(const char *folder, outcome *out, setun_error *error)
{
    /* The first added token touches a word, which single_word forbids; the second stands alone. */
    static const char text[] = "the<begin> <begin>";
    const setun_session_options options = {.n_threads = 1, .chunk = 4};
    setun_model *model = NULL;
    setun_session *session = NULL;
    setun_generation generation;
    int32_t *ids = NULL, seq;
    size_t n_ids = 0;
    setun_status status = setun_model_open(folder, NULL, &model, error);

    if (status == SETUN_OK)
        status = setun_session_create(model, &options, &session, error);
    if (status == SETUN_OK)
        status = setun_sequence_open(session, &seq, error);
    if (status == SETUN_OK)
        status = setun_tokenizer_encode(setun_model_tokenizer(model), text, strlen(text), SETUN_TEXT_TRUSTED, &ids, &n_ids, error);
    if (status == SETUN_OK) {
        memcpy(out->ids, ids, n_ids * sizeof(*ids)); /* at most one for each byte of the text, which is short */
        out->n_ids = n_ids;
        status = setun_generate(session, seq, ids, n_ids, 1, NULL, take, out, &generation, error);
    }
    setun_free(ids);
    setun_session_destroy(session);
    setun_model_close(model);
    forget_dlerror();
    return status;
}

static const char *const spared[] = {"libhwloc.so", "libgomp.so", "libomp.so", NULL};

static volatile size_t turn;

/* A crash must say in which turn it came. */
static void crashed(int signal_number)
{
    char text[64];
    const int n = snprintf(text, sizeof(text), "signal %d with allocation %zu failed\n", signal_number, turn);
    const ssize_t written = write(2, text, (size_t)n);

    _exit(written == n ? 3 : 4);
}

static void print_frames(void *const *frames, int n_frames)
{
    for (int i = 0; i < n_frames; i++) {
        Dl_info info = {0};

        (void)dladdr(frames[i], &info);
        (void)fprintf(stderr, "    %s %s+0x%zx\n", info.dli_fname != NULL ? info.dli_fname : "?",
                      info.dli_sname != NULL ? info.dli_sname : "?",
                      (size_t)((char *)frames[i] - (char *)(info.dli_saddr != NULL ? info.dli_saddr : info.dli_fbase)));
    }
}

/* Whether this program, which holds libsetun, made the call itself; frames[0] is counted.c. */
static int called_by_us(void *const *frames, int n_frames)
{
    Dl_info ours = {0}, caller = {0};

    return n_frames > 2 && dladdr((void *)(uintptr_t)&called_by_us, &ours) != 0 && dladdr(frames[2], &caller) != 0 &&
           ours.dli_fbase == caller.dli_fbase;
}

enum { N_STATUSES = 32 };

typedef struct tally {
    size_t n_statuses[N_STATUSES], n_ours, n_spared; /* statuses are 0 and below */
    size_t n_wrong;
} tally;

/* One turn. The allocation that failed, the n-th or the first after it that is not spared; 0 when there was none. */
static size_t fail_one(const char *folder, size_t n, int show, const outcome *expected, tally *t)
{
    outcome found = {0};
    setun_error error = {""};
    void *frames[COUNTED_MAX_FRAMES];
    int n_frames;
    const long live = counted_live();
    setun_status status;
    const char *wrong = NULL;
    size_t failed;

    turn = n;
    counted_start(n);
    status = open_and_run(folder, &found, &error);
    failed = counted_failed(frames, &n_frames);
    t->n_spared += (failed > 0 ? failed : counted_calls() + 1) - n;
    if (failed == 0)
        return 0;
    counted_start(0);
    t->n_statuses[-status]++;
    t->n_ours += (size_t)called_by_us(frames, n_frames);
#ifndef COUNTED_WRAP /* there LeakSanitizer looks, at the end */
    if (counted_live() != live)
        wrong = "leaks";
#else
    (void)live;
#endif
    if (status == SETUN_OK && called_by_us(frames, n_frames))
        wrong = "is libsetun's own and went unnoticed";
    else if (status == SETUN_OK && (found.n_ids != expected->n_ids || memcmp(found.ids, expected->ids, sizeof(found.ids)) != 0))
        wrong = "changed the tokens";
    else if (status != SETUN_OK && status != SETUN_ERR_NOMEM)
        wrong = "is not reported as SETUN_ERR_NOMEM";
    else if (status != SETUN_OK && error.text[0] == '\0')
        wrong = "is an error without text";
    if (wrong != NULL || show) {
        t->n_wrong += wrong != NULL;
        (void)fprintf(stderr, "allocation %zu %s: status %d, \"%s\", %+ld blocks\n", failed, wrong != NULL ? wrong : "failed", (int)status,
                      error.text, counted_live() - live);
        print_frames(frames, n_frames);
    }
    return failed;
}

int main(int argc, char **argv)
{
    enum { MAX_SHOWN = 10 };
    const char *of_the_environment = getenv("TMPDIR");
    char folder[512], path[600];
    setun_error error = {""};
    setun_status status;
    outcome first = {0}, second = {0};
    tally t = {.n_wrong = 0};
    size_t n = 1, failed;

    (void)snprintf(folder, sizeof(folder), "%s/setun-failing-XXXXXX", of_the_environment != NULL ? of_the_environment : "/tmp");
    if (mkdtemp(folder) == NULL || !tiny_model_write(folder) || setenv("HWLOC_SYNTHETIC", "core:2 pu:1", 1) != 0) {
        (void)fprintf(stderr, "the tiny model cannot be written to %s\n", folder);
        return 1;
    }
    (void)signal(SIGSEGV, crashed);
    (void)signal(SIGABRT, crashed);
    (void)signal(SIGBUS, crashed);
    counted_spare(spared);
    /* Twice as it should be: what libraries make once and keep is there before the first turn. */
    status = open_and_run(folder, &first, &error);
    if (status == SETUN_OK)
        status = open_and_run(folder, &second, &error);
    counted_start(1);
    free(setun_alloc(1)); /* backtrace() loads its library now */
    if (status != SETUN_OK || first.n_ids < 10 || memcmp(&first, &second, sizeof(first)) != 0) {
        (void)fprintf(stderr, "the tiny model does not run as it should: %s\n", error.text);
        return 1;
    }
    if (argc > 1) {
        (void)fail_one(folder, strtoul(argv[1], NULL, 10), 1, &first, &t);
    } else {
        while (t.n_wrong < MAX_SHOWN && (failed = fail_one(folder, n, 0, &first, &t)) > 0)
            n = failed + 1;
        (void)printf("%zu spared (libhwloc, OpenMP), all others failed in turn, the last of them %zu, %zu of them libsetun's own\n", t.n_spared, n - 1,
                     t.n_ours);
        for (size_t i = 0; i < N_STATUSES; i++)
            if (t.n_statuses[i] > 0)
                (void)printf("  status -%zu: %zu\n", i, t.n_statuses[i]);
    }
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"config.json", "tokenizer.json", "model.safetensors"};

        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    return t.n_wrong > 0 || n < 300 ? argc < 2 : 0;
}

/* test_exact.c - the exactness contract as a user sees it: one logits file, byte for byte, whatever the threads, the chunks of the
 * prefill, the other sequences in the batch, and from run to run. */
#include <criterion/criterion.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

/* Runs setun score with up to 8 further arguments and gives the bytes of the logits file, and of stdout. */
typedef struct scored {
    char  *npy, *out;
    size_t n_npy;
} scored;

static scored score_in(const char *const *environment, const char *const *further)
{
    const char *argv[24] = {SETUN_COMMAND, "score", "--logits"};
    const process_options options = {.environment = environment};
    char folder[64], npy[128];
    process_result result;
    scored got;
    size_t n = 3;

    folder_make(folder);
    (void)snprintf(npy, sizeof(npy), "%s/out.npy", folder);
    argv[n++] = npy;
    while (*further != NULL)
        argv[n++] = *further++;
    process_run(argv, &options, &result);
    cr_assert_eq(result.exit_code, 0, "exit %d: %s", result.exit_code, result.err);
    got.npy = file_read(npy, &got.n_npy);
    got.out = strdup(result.out);
    process_result_free(&result);
    folder_remove(folder);
    return got;
}

static scored score(const char *const *further)
{
    return score_in(NULL, further);
}

static void release(scored *got)
{
    free(got->npy);
    free(got->out);
}

static void assert_same(const scored *a, const scored *b, const char *what, const char *kv)
{
    cr_assert(a->n_npy == b->n_npy && memcmp(a->npy, b->npy, a->n_npy) == 0, "%s, %s cache: the logits differ", what, kv);
    cr_assert_str_eq(a->out, b->out, "%s, %s cache: the scores differ", what, kv);
}

/* A sequence that crosses a block of the cache (256 positions), by every thread count and chunk. */
static void check_cuts(const char *kv)
{
    static const char *const threads[] = {"1", "2", "4"}, *const chunks[] = {"1", "7", "64", "512"};
    char folder[64], ids[128];
    scored first = {0};

    folder_make(folder);
    (void)snprintf(ids, sizeof(ids), "%s/long.ids", folder);
    {
        /* 300 ids: the golden 256 and their beginning once more, so that the second softmax chunk is in play */
        size_t n_bytes, n_begin = 0;
        char *text = file_read(GOLDEN "/logits/long.ids", &n_bytes), all[8192];

        for (int n_ids = 0; n_ids < 44; n_ids++)
            n_begin += strcspn(text + n_begin, " ") + 1;
        (void)snprintf(all, sizeof(all), "%s %.*s", text, (int)n_begin, text);
        file_write(ids, all, strlen(all));
        free(text);
    }
    for (size_t t = 0; t < 3; t++) {
        for (size_t c = 0; c < 4; c++) {
            char what[64];
            scored got = score((const char *const[]){"--ids", "-f", ids, "--kv", kv, "-t", threads[t], "--chunk", chunks[c], NULL});

            (void)snprintf(what, sizeof(what), "%s threads, chunks of %s", threads[t], chunks[c]);
            if (first.npy == NULL) {
                first = got;
            } else {
                assert_same(&first, &got, what, kv);
                release(&got);
            }
        }
    }
    release(&first);
    folder_remove(folder);
}

Test(exact, threads_and_chunks_f32)
{
    check_cuts("f32");
}

Test(exact, threads_and_chunks_f16)
{
    check_cuts("f16");
}

Test(exact, run_to_run)
{
    const char *const arguments[] = {"--ids", "-f", GOLDEN "/logits/long.ids", NULL};
    scored a = score(arguments), b = score(arguments);

    assert_same(&a, &b, "again", "f16");
    release(&a);
    release(&b);
}

/* Windows of one text, computed one at a time and mixed with each other; the last window is shorter. */
Test(exact, batches_of_sequences)
{
    static const char *const batches[] = {"2", "3", "8"};
    char folder[64], tale[128];
    size_t n_bytes;
    char *text = file_read(GOLDEN "/heldout.txt", &n_bytes);

    folder_make(folder);
    (void)snprintf(tale, sizeof(tale), "%s/tale.txt", folder);
    file_write(tale, text, 2500);
    free(text);
    for (int f16 = 0; f16 < 2; f16++) {
        const char *kv = f16 ? "f16" : "f32";
        scored alone = score((const char *const[]){"-f", tale, "--kv", kv, "--context", "100", NULL});

        for (size_t b = 0; b < 3; b++) {
            scored mixed = score((const char *const[]){"-f", tale, "--kv", kv, "--context", "100", "--batch", batches[b], "--chunk", "37",
                                                       NULL});

            assert_same(&alone, &mixed, batches[b], kv);
            release(&mixed);
        }
        release(&alone);
    }
    folder_remove(folder);
}

/* A window of a batch has the logits that it has as a sequence of its own: the same bytes from two ways in. */
Test(exact, window_is_a_sequence)
{
    char folder[64], tale[128], ids[128];
    size_t n_bytes;
    char *text = file_read(GOLDEN "/heldout.txt", &n_bytes);
    process_result tokens;
    scored windows, sequence;

    folder_make(folder);
    (void)snprintf(tale, sizeof(tale), "%s/tale.txt", folder);
    (void)snprintf(ids, sizeof(ids), "%s/tale.ids", folder);
    file_write(tale, text, 300);
    free(text);
    setun_command(&tokens, "tokenize", "--ids", "--user", "-f", tale, NULL);
    cr_assert_eq(tokens.exit_code, 0, "%s", tokens.err);
    file_write(ids, tokens.out, tokens.n_out);
    process_result_free(&tokens);
    windows = score((const char *const[]){"-f", tale, NULL});
    sequence = score((const char *const[]){"-f", ids, "--ids", NULL});
    assert_same(&windows, &sequence, "one window", "f16");
    release(&windows);
    release(&sequence);
    folder_remove(folder);
}

/* Whether this machine and build have the backend. */
static bool is_loaded(const char *backend)
{
    process_result plugins;
    bool loaded = false;

    setun_command(&plugins, "plugins", "list", NULL);
    cr_assert_eq(plugins.exit_code, 0, "%s", plugins.err);
    for (char *line = strtok(plugins.out, "\n"); line != NULL; line = strtok(NULL, "\n"))
        loaded = loaded || (strncmp(line, backend, strlen(backend)) == 0 && line[strlen(backend)] == ' ');
    process_result_free(&plugins);
    return loaded;
}

static void check_backends(const char *kv)
{
    static const char *const backends[] = {"avx2", "avx512", "amx", "neon"}, *const threads[] = {"1", "2", "4"}, *const chunks[] = {"1", "9", "200"};
    scored scalar = score((const char *const[]){"--ids", "-f", GOLDEN "/logits/long.ids", "--kv", kv, "--backend", "scalar", NULL});

    for (size_t b = 0; b < sizeof(backends) / sizeof(backends[0]); b++) {
        if (!is_loaded(backends[b]))
            continue;
        for (size_t t = 0; t < 3; t++)
            for (size_t c = 0; c < 3; c++) {
                scored got = score((const char *const[]){"--ids", "-f", GOLDEN "/logits/long.ids", "--kv", kv, "--backend", backends[b], "-t",
                                                         threads[t], "--chunk", chunks[c], NULL});

                assert_same(&scalar, &got, backends[b], kv);
                release(&got);
            }
    }
    release(&scalar);
}

Test(exact, backends_f16)
{
    check_backends("f16");
}

Test(exact, backends_f32)
{
    check_backends("f32");
}

/* Whatever instructions are taken away: the planner then chooses other kernels, and other packings of the weights. */
Test(exact, instruction_sets)
{
    static const char *const masks[] = {"SETUN_CPU=avx2", "SETUN_CPU=avx512", "SETUN_CPU=avx512,-vnni", "SETUN_CPU=native"};
    const char *const arguments[] = {"--ids", "-f", GOLDEN "/logits/long.ids", NULL};
    scored lowest = score_in((const char *const[]){"SETUN_CPU=sse", NULL}, arguments);

    for (size_t m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
        scored got = score_in((const char *const[]){masks[m], NULL}, arguments);

        assert_same(&lowest, &got, masks[m], "f16");
        release(&got);
    }
    release(&lowest);
}

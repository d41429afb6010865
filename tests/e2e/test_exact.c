/* test_exact.c - the exactness contract as a user sees it: one logits file, byte for byte, whatever the threads, the chunks of the
 * prefill, the other sequences in the batch, and from run to run. */
#include <criterion/criterion.h>
#include <string.h>

#include "fixture.h"
#include "process.h"
#include "scored.h"

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
            scored got = scored_by((const char *const[]){"--ids", "-f", ids, "--kv", kv, "-t", threads[t], "--chunk", chunks[c], NULL});

            (void)snprintf(what, sizeof(what), "%s threads, chunks of %s", threads[t], chunks[c]);
            if (first.npy == NULL) {
                first = got;
            } else {
                scored_assert_same(&first, &got, what, kv);
                scored_free(&got);
            }
        }
    }
    scored_free(&first);
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
    scored a = scored_by(arguments), b = scored_by(arguments);

    scored_assert_same(&a, &b, "again", "f16");
    scored_free(&a);
    scored_free(&b);
}

/* Windows of one text, computed one at a time and mixed with each other, by every thread count; the last window is shorter. */
Test(exact, batches_of_sequences)
{
    static const char *const batches[] = {"2", "3", "8"}, *const threads[] = {"1", "2", "4"};
    char folder[64], tale[128];
    size_t n_bytes;
    char *text = file_read(GOLDEN "/heldout.txt", &n_bytes);

    folder_make(folder);
    (void)snprintf(tale, sizeof(tale), "%s/tale.txt", folder);
    file_write(tale, text, 2500);
    free(text);
    for (int f16 = 0; f16 < 2; f16++) {
        const char *kv = f16 ? "f16" : "f32";
        scored alone = scored_by((const char *const[]){"-f", tale, "--kv", kv, "--context", "100", "-t", "1", NULL});

        for (size_t b = 0; b < 3; b++)
            for (size_t t = 0; t < 3; t++) {
                char what[64];
                scored mixed = scored_by((const char *const[]){"-f", tale, "--kv", kv, "--context", "100", "--batch", batches[b], "--chunk", "37",
                                                               "-t", threads[t], NULL});

                (void)snprintf(what, sizeof(what), "batches of %s, %s threads", batches[b], threads[t]);
                scored_assert_same(&alone, &mixed, what, kv);
                scored_free(&mixed);
            }
        scored_free(&alone);
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
    windows = scored_by((const char *const[]){"-f", tale, NULL});
    sequence = scored_by((const char *const[]){"-f", ids, "--ids", NULL});
    scored_assert_same(&windows, &sequence, "one window", "f16");
    scored_free(&windows);
    scored_free(&sequence);
    folder_remove(folder);
}

static void check_backends(const char *kv)
{
    static const char *const backends[] = {"avx2", "avx512", "amx", "neon", "lut"}, *const threads[] = {"1", "2", "4"}, *const chunks[] = {"1", "9", "200"};
    scored scalar = scored_by((const char *const[]){"--ids", "-f", GOLDEN "/logits/long.ids", "--kv", kv, "--backend", "scalar", NULL});

    for (size_t b = 0; b < sizeof(backends) / sizeof(backends[0]); b++) {
        if (!scored_has_backend(backends[b]))
            continue;
        for (size_t t = 0; t < 3; t++)
            for (size_t c = 0; c < 3; c++) {
                scored got = scored_by((const char *const[]){"--ids", "-f", GOLDEN "/logits/long.ids", "--kv", kv, "--backend", backends[b], "-t",
                                                         threads[t], "--chunk", chunks[c], NULL});

                scored_assert_same(&scalar, &got, backends[b], kv);
                scored_free(&got);
            }
    }
    scored_free(&scalar);
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
    static const char *const masks[] = {"SETUN_CPU=avx2", "SETUN_CPU=avx2,-vnni", "SETUN_CPU=avx512", "SETUN_CPU=avx512,-vnni",
                                        "SETUN_CPU=native,-amx", "SETUN_CPU=native"};
    const char *const arguments[] = {"--ids", "-f", GOLDEN "/logits/long.ids", NULL};
    scored lowest = scored_in((const char *const[]){"SETUN_CPU=sse", NULL}, arguments);

    for (size_t m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
        scored got = scored_in((const char *const[]){masks[m], NULL}, arguments);

        scored_assert_same(&lowest, &got, masks[m], "f16");
        scored_free(&got);
    }
    scored_free(&lowest);
}

/* test_families.c - small models of awkward shapes, of every family and form of file, against logits of Hugging Face transformers; and the
 * same bytes from every backend, instruction set and thread count. tests/python/family_goldens.py made tests/golden/families. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "process.h"
#include "scored.h"
#include "tiny_model.h"

#define FAMILIES SETUN_SOURCE_DIR "/tests/golden/families"

/* Transformers computes in f32 with sums in another order, and no activation of these sequences comes near a rounding boundary: differences
 * of 4e-6 were seen at logits of up to 10. A flipped rounding would show as more than 1e-2. */
#define TOLERANCE 5e-5

static const char *const models[] = {"bitnet-packed", "bitnet-grouped", "bitnet-silu", "llama-packed", "llama-scaled", "llama-masters", "llama-dense",
                                     "llama-blocks"};
enum { N_MODELS = sizeof(models) / sizeof(models[0]) };

/* An empty folder becomes the golden model, with the tiny model's tokenizer, which none of these has of its own. */
static void make_model(const char *folder, const char *name)
{
    static const char *const files[] = {"config.json", "model.safetensors"};

    cr_assert(tiny_model_write(folder));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char from[512], to[128];

        (void)snprintf(from, sizeof(from), "%s/%s/%s", FAMILIES, name, files[i]);
        (void)snprintf(to, sizeof(to), "%s/%s", folder, files[i]);
        cr_assert_eq(unlink(to), 0);
        cr_assert_eq(symlink(from, to), 0);
    }
}

static size_t largest(const float *row, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

Test(families, logits_are_those_of_transformers)
{
    for (size_t m = 0; m < N_MODELS; m++) {
        char folder[64], ids[512], npy[512], out[128];
        process_result result;
        double difference = 0, magnitude = 0;
        matrix got, golden;

        folder_make(folder);
        make_model(folder, models[m]);
        (void)snprintf(ids, sizeof(ids), "%s/%s/ids", FAMILIES, models[m]);
        (void)snprintf(npy, sizeof(npy), "%s/%s/logits.npy", FAMILIES, models[m]);
        (void)snprintf(out, sizeof(out), "%s/out.npy", folder);
        setun_command(&result, "score", "-m", folder, "--ids", "-f", ids, "--kv", "f32", "--logits", out, NULL);
        cr_assert_eq(result.exit_code, 0, "%s: %s", models[m], result.err);
        process_result_free(&result);
        got = matrix_read(out);
        golden = matrix_read(npy);
        cr_assert(got.n_rows == golden.n_rows && got.n_columns == golden.n_columns && golden.n_rows >= 6, "%s", models[m]);
        for (size_t i = 0; i < golden.n_rows * golden.n_columns; i++) {
            const double d = fabs((double)got.data[i] - (double)golden.data[i]);

            difference = d > difference || isnan(d) ? d : difference;
            magnitude = fmax(magnitude, fabs((double)golden.data[i]));
        }
        cr_log_info("%s: largest difference %.3g, largest logit %.3g", models[m], difference, magnitude);
        cr_expect(difference <= TOLERANCE, "%s: largest difference %g", models[m], difference);
        cr_expect_gt(magnitude, 1.0, "%s: no logits worth comparing", models[m]);
        for (size_t row = 0; row < golden.n_rows; row++)
            cr_expect_eq(largest(got.data + row * got.n_columns, got.n_columns), largest(golden.data + row * golden.n_columns, golden.n_columns),
                         "%s: row %zu", models[m], row);
        matrix_free(&got);
        matrix_free(&golden);
        folder_remove(folder);
    }
}

/* A sequence of 60 ids, longer than any kernel's block of rows, as text. */
static void write_ids(const char *path)
{
    char text[512];
    size_t n = 0;

    for (int i = 0; i < 60; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%d", i == 0 ? "" : " ", (i * 89 + 13) % 260);
    file_write(path, text, n);
}

Test(families, same_bytes_everywhere, .timeout = 600)
{
    static const char *const backends[] = {"avx2", "avx512", "amx", "neon", "lut"}, *const threads[] = {"1", "2", "4"}, *const chunks[] = {"1", "7", "60"};
    static const char *const masks[] = {"SETUN_CPU=sse", "SETUN_CPU=avx2", "SETUN_CPU=avx512", "SETUN_CPU=avx512,-vnni"};

    for (size_t m = 0; m < N_MODELS; m++)
        for (int f16 = 0; f16 < 2; f16++) {
            const char *kv = f16 ? "f16" : "f32";
            char folder[64], ids[128], what[128];
            scored scalar;

            folder_make(folder);
            make_model(folder, models[m]);
            (void)snprintf(ids, sizeof(ids), "%s/ids", folder);
            write_ids(ids);
            scalar = scored_by((const char *const[]){"-m", folder, "--ids", "-f", ids, "--kv", kv, "-t", "1", "--backend", "scalar", NULL});
            for (size_t b = 0; b < sizeof(backends) / sizeof(backends[0]); b++) {
                if (!scored_has_backend(backends[b]))
                    continue;
                for (size_t i = 0; i < 3; i++) {
                    scored got = scored_by((const char *const[]){"-m", folder, "--ids", "-f", ids, "--kv", kv, "-t", threads[i], "--chunk", chunks[i],
                                                                 "--backend", backends[b], NULL});

                    (void)snprintf(what, sizeof(what), "%s: %s, %s threads", models[m], backends[b], threads[i]);
                    scored_assert_same(&scalar, &got, what, kv);
                    scored_free(&got);
                }
            }
            for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
                scored got = scored_in((const char *const[]){masks[i], NULL},
                                       (const char *const[]){"-m", folder, "--ids", "-f", ids, "--kv", kv, "-t", "3", NULL});

                (void)snprintf(what, sizeof(what), "%s: %s", models[m], masks[i]);
                scored_assert_same(&scalar, &got, what, kv);
                scored_free(&got);
            }
            scored_free(&scalar);
            folder_remove(folder);
        }
}

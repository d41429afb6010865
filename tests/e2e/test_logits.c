/* test_logits.c - logits of every position against those of Hugging Face's implementation.
 * short-*: no activation lies next to a rounding boundary, so a right implementation agrees to 2e-5 and 1e-3 is a bug.
 * long: boundaries included, where two right implementations differ by about 0.7 % of the logits' standard deviation (rms). */
#include <criterion/criterion.h>
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

/* Logits that `setun score --ids` gives for GOLDEN/logits/<name>.ids. */
static matrix score(const char *name)
{
    char folder[64], ids[512], npy[128];
    process_result result;
    matrix got;

    folder_make(folder);
    (void)snprintf(ids, sizeof(ids), "%s/logits/%s.ids", GOLDEN, name);
    (void)snprintf(npy, sizeof(npy), "%s/out.npy", folder);
    setun_command(&result, "score", "--ids", "-f", ids, "--logits", npy, "--kv", "f32", NULL);
    cr_assert_eq(result.exit_code, 0, "%s: exit %d: %s", name, result.exit_code, result.err);
    got = matrix_read(npy);
    process_result_free(&result);
    folder_remove(folder);
    return got;
}

static matrix golden(const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/logits/%s.npy", GOLDEN, name);
    return matrix_read(path);
}

static double largest_difference(const char *name)
{
    matrix expected = golden(name), got = score(name);
    double largest = 0;

    cr_assert_eq(got.n_rows, expected.n_rows, "%s: %zu rows, not %zu", name, got.n_rows, expected.n_rows);
    cr_assert_eq(got.n_columns, expected.n_columns);
    for (size_t i = 0; i < got.n_rows * got.n_columns; i++) {
        const double difference = fabs((double)got.data[i] - (double)expected.data[i]);

        if (!(difference <= largest)) /* a NaN counts as larger */
            largest = difference;
    }
    matrix_free(&expected);
    matrix_free(&got);
    return largest;
}

Test(logits, short_sequences)
{
    glob_t found;
    size_t n = 0;

    cr_assert_eq(glob(GOLDEN "/logits/short-[0-9]*.ids", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char name[64];
        const char *base = strrchr(found.gl_pathv[i], '/') + 1;
        double largest;

        (void)snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) - strlen(".ids")), base);
        largest = largest_difference(name);
        cr_log_info("%s: largest difference %g", name, largest);
        cr_assert(largest <= 1e-3, "%s: largest difference %g", name, largest);
        n++;
    }
    cr_assert_eq(n, 8, "%zu golden sequences, not 8", n);
    globfree(&found);
}

/* Index of the largest of row[n]; *out_second is the value of the next. */
static size_t best(const float *row, size_t n, float *out_second)
{
    size_t first = 0;
    float second = -INFINITY;

    for (size_t i = 1; i < n; i++) {
        if (row[i] > row[first]) {
            second = row[first];
            first = i;
        } else if (row[i] > second) {
            second = row[i];
        }
    }
    *out_second = second;
    return first;
}

Test(logits, long_sequence)
{
    matrix expected = golden("long"), got = score("long");
    const size_t n = expected.n_rows * expected.n_columns;
    double sum = 0, squares = 0, error = 0, deviation, rms;
    size_t n_clear = 0;

    cr_assert_eq(got.n_rows, expected.n_rows);
    cr_assert_eq(got.n_columns, expected.n_columns);
    for (size_t i = 0; i < n; i++) {
        const double difference = (double)got.data[i] - (double)expected.data[i];

        sum += (double)expected.data[i];
        squares += (double)expected.data[i] * (double)expected.data[i];
        error += difference * difference;
    }
    deviation = sqrt(squares / (double)n - (sum / (double)n) * (sum / (double)n));
    rms = sqrt(error / (double)n);
    cr_log_info("long: rms difference %.3f %% of the standard deviation", 100 * rms / deviation);
    cr_assert(rms <= 0.015 * deviation, "rms difference %g, standard deviation %g", rms, deviation);
    for (size_t row = 0; row < expected.n_rows; row++) {
        float second, unused;
        const float *golden_row = expected.data + row * expected.n_columns;
        const size_t first = best(golden_row, expected.n_columns, &second);

        if (golden_row[first] - second <= 0.5F)
            continue;
        n_clear++;
        cr_assert_eq(best(got.data + row * got.n_columns, got.n_columns, &unused), first, "row %zu: another best token", row);
    }
    cr_assert(n_clear > 50, "only %zu rows have a clear best token", n_clear);
    matrix_free(&expected);
    matrix_free(&got);
}

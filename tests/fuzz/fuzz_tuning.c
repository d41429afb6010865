/* fuzz_tuning.c - a file of measured times (setun kernels tune). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "setun/topology.h"
#include "tune/tuning.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    setun_error error = {""};
    setun_tuning *tuning = NULL, *again = NULL;
    char *text, *text_again;
    size_t n_text, n_again;
    const setun_status status = setun_tuning_parse("fuzz.yaml", (const char *)data, n_bytes, &tuning, &error);

    if (status != SETUN_OK) {
        FUZZ_EXPECT(tuning == NULL);
        fuzz_expect_refusal(status, &error);
        return 0;
    }
    for (size_t i = 0; i < tuning->n_cases; i++) {
        const setun_tuning_case *c = &tuning->cases[i];
        double ns = NAN;

        FUZZ_EXPECT(c->rows >= 1 && c->rows <= SETUN_TUNING_MAX_ROWS && c->threads >= 1 && c->threads <= SETUN_MAX_THREADS && c->n_times >= 1);
        FUZZ_EXPECT(i == 0 || setun_tuning_compare(&tuning->cases[i - 1], c) < 0);
        FUZZ_EXPECT(!setun_tuning_find(tuning, c->op, c->shape, c->rows, c->rows, c->threads, c->times[0].kernel, &ns) || (isfinite(ns) && ns > 0));
    }
    FUZZ_EXPECT(setun_tuning_print(tuning, &text, &n_text, &error) == SETUN_OK);
    if (n_text <= 1 << 20) { /* the reader's limit */
        FUZZ_EXPECT(setun_tuning_parse("again.yaml", text, n_text, &again, &error) == SETUN_OK);
        FUZZ_EXPECT(setun_tuning_print(again, &text_again, &n_again, &error) == SETUN_OK);
        FUZZ_EXPECT(n_text == n_again && memcmp(text, text_again, n_text) == 0);
        free(text_again);
        setun_tuning_close(again);
    }
    free(text);
    setun_tuning_close(tuning);
    return 0;
}

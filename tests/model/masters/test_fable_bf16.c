/* test_fable_bf16.c - fable's own masters against the logits of Hugging Face's implementation. They are not in the repository: the
 * environment's SETUN_TEST_FABLE_BF16 names their folder, or the test is skipped. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "logits.h"

Test(masters, fable_bf16)
{
    const char *folder = getenv("SETUN_TEST_FABLE_BF16");
    int32_t ids[64];
    size_t n = 0, n_bytes;
    char *text, *at, *end;
    matrix expected, got;
    double largest;

    if (folder == NULL || folder[0] == '\0')
        cr_skip_test("SETUN_TEST_FABLE_BF16 names no folder with fable's BF16 masters");
    text = file_read(GOLDEN "/logits/short-bf16-0.ids", &n_bytes);
    for (at = text; n < 64; at = end) {
        const long id = strtol(at, &end, 10);

        if (end == at)
            break;
        ids[n++] = (int32_t)id;
    }
    free(text);
    expected = matrix_read(GOLDEN "/logits/short-bf16-0.npy");
    cr_assert_eq(n, expected.n_rows);
    got = logits_of(folder, ids, n, 0);
    largest = largest_difference(&got, &expected);
    cr_log_info("largest difference %g", largest);
    cr_assert(largest <= 1e-3, "largest difference %g: no activation of this sequence lies next to a rounding boundary", largest);
    matrix_free(&got);
    matrix_free(&expected);
}

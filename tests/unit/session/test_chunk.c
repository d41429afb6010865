/* test_chunk.c - rows of a pass where nobody says how many. */
#include <criterion/criterion.h>

#include "session/session_internal.h"

Test(chunk, rows_are_what_the_cache_holds_within_bounds)
{
    const uint64_t mib = 1 << 20;

    cr_expect_eq(setun_chunk_rows(32 * mib, 82944, 1), 256u, "2B4T's feed-forward layer in 32 MiB: 404 would fit");
    cr_expect_eq(setun_chunk_rows(16 * mib, 82944, 1), 192u, "202 fit, in tiles of 16");
    cr_expect_eq(setun_chunk_rows(8 * mib, 82944, 1), 96u);
    cr_expect_eq(setun_chunk_rows(mib, 82944, 1), 64u, "fewer never pay");
    cr_expect_eq(setun_chunk_rows(1, 82944, 1), 64u);
    cr_expect_eq(setun_chunk_rows(0, 82944, 1), 256u, "nobody knows");
    cr_expect_eq(setun_chunk_rows(mib, 0, 1), 256u);
    cr_expect_eq(setun_chunk_rows(mib, 82944, 65), 65u, "sequences that are decoded together");
    cr_expect_eq(setun_chunk_rows(8 * mib, 82944, 65), 96u);
    cr_expect_eq(setun_chunk_rows(mib, 82944, 60000), 256u);
    cr_expect_eq(setun_chunk_rows(UINT64_MAX, 1, 1), 256u);
    cr_expect_eq(setun_chunk_rows(1, UINT64_MAX, 1), 64u);
}

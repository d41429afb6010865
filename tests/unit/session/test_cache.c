/* test_cache.c - where the KV caches lie: block by block for all layers, so that what a sequence has filled lies together. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plan/store.h"
#include "session/session_internal.h"

enum { CACHES = 10, BLOCK_BYTES = 256 * 64 * 2, GROUP_BYTES = CACHES * BLOCK_BYTES }; /* fable: K and V of 5 layers, 1 head of 64 f16 */

static setun_session *create(setun_model *model, setun_session_options options)
{
    setun_session *session;
    setun_error error = {""};

    cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_OK, "%s", error.text);
    return session;
}

static setun_model *open_model(void)
{
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open("fable", NULL, &model, &error), SETUN_OK, "%s", error.text);
    return model;
}

static setun_operand cache_of(setun_session *session, uint32_t c)
{
    setun_operand shape, cache;
    setun_error error = {""};
    const int64_t n_blocks = session->blocks_per_seq * session->max_seqs;

    cr_assert_eq(setun_store_shape_cache(session->store, c, "f16.kv256", n_blocks, &shape, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_store_get_cache(session->store, c, "f16.kv256", n_blocks, &cache, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(cache.n, 1u);
    cr_expect_eq(shape.part[0].stride_bytes[0], cache.part[0].stride_bytes[0]);
    cr_expect_eq(shape.n_bytes[0], cache.n_bytes[0]);
    return cache;
}

Test(cache, blocks_of_all_layers_lie_together)
{
    setun_model *model = open_model();
    setun_session *session = create(model, (setun_session_options){.n_threads = 1, .max_seqs = 3});
    const char *base = cache_of(session, 0).part[0].data;
    setun_session_info info;

    setun_session_describe(session, &info);
    cr_expect_eq(info.cache_bytes, 3u * 2 * GROUP_BYTES);
    for (uint32_t c = 0; c < CACHES; c++) {
        const setun_operand cache = cache_of(session, c);

        cr_expect_eq((const char *)cache.part[0].data - base, (ptrdiff_t)c * BLOCK_BYTES, "cache %u", c);
        cr_expect_eq(cache.part[0].stride_bytes[0], GROUP_BYTES, "cache %u", c);
        cr_expect_eq(cache.part[0].dim[0], 6);
        cr_expect_eq(cache.n_bytes[0], 5u * GROUP_BYTES + BLOCK_BYTES, "to the end of its last block");
    }
    setun_session_destroy(session);
    setun_model_close(model);
}

/* Formats and numbers of blocks that nobody asked for before are caches of their own. */
Test(cache, another_format_is_another_memory)
{
    setun_model *model = open_model();
    setun_session *session = create(model, (setun_session_options){.n_threads = 1});
    setun_operand wide, other;
    setun_error error = {""};

    cr_assert_eq(setun_store_get_cache(session->store, 0, "f32.kv256", session->blocks_per_seq, &wide, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(wide.part[0].stride_bytes[0], 2 * GROUP_BYTES);
    cr_expect_neq(wide.part[0].data, cache_of(session, 0).part[0].data);
    cr_assert_eq(setun_store_shape_cache(session->store, 0, "f16.kv256", 7, &other, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(other.part[0].dim[0], 7);
    cr_expect_null(other.part[0].data, "only its shape was asked for");
    cr_expect_eq(setun_store_get_cache(session->store, 0, "f16.kv256", INT64_MAX / 256, &other, &error), SETUN_ERR_UNSUPPORTED);
    cr_expect_eq(setun_store_get_cache(session->store, 0, "f17.kv256", 1, &other, &error), SETUN_ERR_UNSUPPORTED);
    setun_session_destroy(session);
    setun_model_close(model);
}

/* 300 positions of one of 64 sequences: two blocks of all layers are in memory, and at most one huge page more. */
Test(cache, memory_follows_what_is_filled)
{
    enum { SEQS = 64, POSITIONS = 300, HUGE_BYTES = 2 << 20 };
    setun_model *model = open_model();
    setun_session *session = create(model, (setun_session_options){.n_threads = 2, .max_seqs = SEQS});
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), n_pages = (size_t)SEQS * 2 * GROUP_BYTES / page;
    unsigned char *resident = malloc(n_pages), *base = cache_of(session, 0).part[0].data;
    static setun_row r[POSITIONS];
    size_t n_resident = 0;
    int32_t seq;

    cr_assert_not_null(resident);
    cr_assert_eq(setun_sequence_open(session, &seq, NULL), SETUN_OK);
    for (int i = 0; i < POSITIONS; i++)
        r[i] = (setun_row){i % 4093, seq, false};
    cr_assert_eq(setun_session_eval(session, r, POSITIONS, NULL, NULL, NULL), SETUN_OK);
    cr_assert_eq(mincore(base, n_pages * page, resident), 0);
    for (size_t i = 0; i < n_pages; i++)
        n_resident += resident[i] & 1;
    for (size_t i = 0; i < GROUP_BYTES / page; i++)
        cr_expect(resident[i] & 1, "page %zu of the first 256 positions", i);
    cr_expect_leq(n_resident * page, (size_t)2 * GROUP_BYTES + HUGE_BYTES);
    free(resident);
    setun_session_destroy(session);
    setun_model_close(model);
}

/* merges.c - the merge list: (left, right) to rank and joined token, by a hash table. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "text/text.h"

/* The slot that holds the pair, or the empty one where it belongs. */
static size_t find_slot(const setun_vocab *vocab, int32_t left, int32_t right)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t slot = (size_t)XXH3_64bits_withSeed(&pair, sizeof(pair), vocab->seed) & (vocab->n_merge_slots - 1);

    while (vocab->merges[slot].left >= 0 && (vocab->merges[slot].left != left || vocab->merges[slot].right != right))
        slot = (slot + 1) & (vocab->n_merge_slots - 1);
    return slot;
}

const setun_merge *setun_vocab_merge(const setun_vocab *vocab, int32_t left, int32_t right)
{
    const setun_merge *merge = &vocab->merges[find_slot(vocab, left, right)];

    return merge->left < 0 ? NULL : merge;
}

/* The two names of a merge, in either form: ["a", "b"] or "a b". */
static bool merge_names(const json_t *value, bool pairs, const char *out_name[2], size_t out_bytes[2])
{
    if (pairs) {
        if (json_array_size(value) != 2)
            return false;
        for (size_t i = 0; i < 2; i++) {
            const json_t *name = json_array_get(value, i);

            if (!json_is_string(name))
                return false;
            out_name[i] = json_string_value(name);
            out_bytes[i] = json_string_length(name);
        }
        return true;
    }
    if (!json_is_string(value))
        return false;
    {
        const char *text = json_string_value(value);
        size_t n_bytes = json_string_length(value);
        const char *space = memchr(text, ' ', n_bytes);

        if (space == NULL || memchr(space + 1, ' ', n_bytes - (size_t)(space + 1 - text)) != NULL)
            return false;
        out_name[0] = text;
        out_bytes[0] = (size_t)(space - text);
        out_name[1] = space + 1;
        out_bytes[1] = n_bytes - out_bytes[0] - 1;
    }
    return true;
}

/* scratch: room for twice both names' bytes. */
static setun_status load_merge(const setun_json_file *file, size_t index, uint32_t rank, const char *const name[2],
                               const size_t n_bytes[2], char *scratch, setun_vocab *vocab, setun_error *error)
{
    char *joined_name = scratch + n_bytes[0] + n_bytes[1];
    int32_t id[2], joined;
    setun_merge *merge;

    for (size_t i = 0; i < 2; i++) {
        id[i] = setun_vocab_find_name(vocab, name[i], n_bytes[i], scratch);
        if (id[i] < 0)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: model.merges[%zu]: expected a name of model.vocab, found \"%.*s\"",
                              file->path, index, n_bytes[i] > 100 ? 100 : (int)n_bytes[i], name[i]);
        if (n_bytes[i] > 0)
            memcpy(joined_name + (i == 0 ? 0 : n_bytes[0]), name[i], n_bytes[i]);
    }
    joined = setun_vocab_find_name(vocab, joined_name, n_bytes[0] + n_bytes[1], scratch);
    if (joined < 0)
        return setun_fail(error, SETUN_ERR_FORMAT,
                          "%s: model.merges[%zu]: expected the joined name in model.vocab, \"%.*s\" is not there", file->path,
                          index, n_bytes[0] + n_bytes[1] > 100 ? 100 : (int)(n_bytes[0] + n_bytes[1]), joined_name);
    merge = &vocab->merges[find_slot(vocab, id[0], id[1])];
    *merge = (setun_merge){.left = id[0], .right = id[1], .rank = rank, .joined = joined}; /* of a repeated pair the last counts */
    return SETUN_OK;
}

/* The old form begins with a version line in files that were made from a merges.txt. */
static bool is_version_line(const json_t *value)
{
    return json_is_string(value) && strncmp(json_string_value(value), "#version", 8) == 0;
}

setun_status setun_merges_load(const setun_json_file *file, const json_t *merges, setun_vocab *vocab, setun_error *error)
{
    size_t n = json_array_size(merges), capacity = 0, n_slots = 16, n_all;
    bool pairs = json_is_array(json_array_get(merges, 0));
    setun_status status = SETUN_OK;
    char *scratch = NULL;
    uint32_t rank = 0;

    if (!json_is_array(merges))
        return setun_json_expected(file, "model.merges", "an array", merges, error);
    while (n_slots < 2 * n)
        n_slots *= 2;
    if (!setun_mul_size(n_slots, sizeof(*vocab->merges), &n_all) || (vocab->merges = setun_alloc(n_all)) == NULL)
        return setun_fail_nomem(error, "merges", n_slots);
    memset(vocab->merges, 0xff, n_all); /* left = -1 everywhere */
    vocab->n_merge_slots = n_slots;
    for (size_t i = 0; i < n && status == SETUN_OK; i++) {
        const json_t *value = json_array_get(merges, i);
        const char *name[2];
        size_t n_bytes[2];

        if (!pairs && is_version_line(value))
            continue;
        if (!merge_names(value, pairs, name, n_bytes))
            status = setun_fail(error, SETUN_ERR_FORMAT, "%s: model.merges[%zu]: expected two strings, %s, found %s", file->path, i,
                                pairs ? "[\"a\", \"b\"]" : "\"a b\"",
                                json_is_array(value) && pairs ? "another kind of array" : setun_json_kind(value));
        else if (!setun_grow(&scratch, &capacity, 2 * (n_bytes[0] + n_bytes[1]) + 1, 1))
            status = setun_fail_nomem(error, "merges", 2 * (n_bytes[0] + n_bytes[1]));
        else
            status = load_merge(file, i, rank++, name, n_bytes, scratch, vocab, error);
    }
    free(scratch);
    return status;
}

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

bool setun_merge_names(const char *text, size_t n_bytes, const char *out_name[2], size_t out_bytes[2])
{
    const char *space = n_bytes > 0 ? memchr(text, ' ', n_bytes) : NULL;

    if (space == NULL || memchr(space + 1, ' ', n_bytes - (size_t)(space + 1 - text)) != NULL)
        return false;
    out_name[0] = text;
    out_bytes[0] = (size_t)(space - text);
    out_name[1] = space + 1;
    out_bytes[1] = n_bytes - out_bytes[0] - 1;
    return true;
}

setun_status setun_merges_begin(setun_vocab *vocab, size_t n_merges, setun_error *error)
{
    size_t n_slots = 16, n_all;

    while (n_slots < 2 * n_merges)
        n_slots *= 2;
    if (!setun_mul_size(n_slots, sizeof(*vocab->merges), &n_all) || (vocab->merges = setun_alloc(n_all)) == NULL)
        return setun_fail_nomem(error, "merges", n_slots);
    memset(vocab->merges, 0xff, n_all); /* left = -1 everywhere */
    vocab->n_merge_slots = n_slots;
    return SETUN_OK;
}

setun_status setun_merges_add(const setun_merge_place *place, size_t index, uint32_t rank, const char *const name[2],
                              const size_t n_bytes[2], setun_vocab *vocab, setun_scratch *scratch, setun_error *error)
{
    size_t n_joined = n_bytes[0] + n_bytes[1];
    char *joined_name;
    int32_t id[2], joined;

    if (!setun_grow(&scratch->bytes, &scratch->capacity, 2 * n_joined + 1, 1))
        return setun_fail_nomem(error, "merges", 2 * n_joined);
    joined_name = scratch->bytes + n_joined;
    for (size_t i = 0; i < 2; i++) {
        id[i] = setun_vocab_find_name(vocab, name[i], n_bytes[i], scratch->bytes);
        if (id[i] < 0)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: %s[%zu]: expected a name of %s, found \"%.*s\"", place->path,
                              place->merges, index, place->names, n_bytes[i] > 100 ? 100 : (int)n_bytes[i], name[i]);
        if (n_bytes[i] > 0)
            memcpy(joined_name + (i == 0 ? 0 : n_bytes[0]), name[i], n_bytes[i]);
    }
    joined = setun_vocab_find_name(vocab, joined_name, n_joined, scratch->bytes);
    if (joined < 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: %s[%zu]: expected the joined name in %s, \"%.*s\" is not there", place->path,
                          place->merges, index, place->names, n_joined > 100 ? 100 : (int)n_joined, joined_name);
    vocab->merges[find_slot(vocab, id[0], id[1])] =
        (setun_merge){.left = id[0], .right = id[1], .rank = rank, .joined = joined}; /* of a repeated pair the last counts */
    return SETUN_OK;
}

/* The two names of a merge in tokenizer.json, in either form: ["a", "b"] or "a b". */
static bool json_names(const json_t *value, bool pairs, const char *out_name[2], size_t out_bytes[2])
{
    if (!pairs)
        return json_is_string(value) && setun_merge_names(json_string_value(value), json_string_length(value), out_name, out_bytes);
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

/* The old form begins with a version line in files that were made from a merges.txt. */
static bool is_version_line(const json_t *value)
{
    return json_is_string(value) && strncmp(json_string_value(value), "#version", 8) == 0;
}

setun_status setun_merges_load(const setun_json_file *file, const json_t *merges, setun_vocab *vocab, setun_error *error)
{
    const setun_merge_place place = {file->path, "model.merges", "model.vocab"};
    bool pairs = json_is_array(json_array_get(merges, 0));
    setun_scratch scratch = {NULL, 0};
    setun_status status;
    uint32_t rank = 0;

    if (!json_is_array(merges))
        return setun_json_expected(file, "model.merges", "an array", merges, error);
    status = setun_merges_begin(vocab, json_array_size(merges), error);
    for (size_t i = 0; i < json_array_size(merges) && status == SETUN_OK; i++) {
        const json_t *value = json_array_get(merges, i);
        const char *name[2];
        size_t n_bytes[2];

        if (!pairs && is_version_line(value))
            continue;
        if (!json_names(value, pairs, name, n_bytes))
            status = setun_fail(error, SETUN_ERR_FORMAT, "%s: model.merges[%zu]: expected two strings, %s, found %s", file->path, i,
                                pairs ? "[\"a\", \"b\"]" : "\"a b\"",
                                json_is_array(value) && pairs ? "another kind of array" : setun_json_kind(value));
        else
            status = setun_merges_add(&place, i, rank++, name, n_bytes, vocab, &scratch, error);
    }
    free(scratch.bytes);
    return status;
}

/* vocab.c - the model's vocabulary: names to bytes to ids, by a hash table. Where the names come from, vocab_json.c and gguf_text.c know. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "text/text.h"

static size_t slot_of(const setun_vocab *vocab, const char *bytes, size_t n_bytes, bool literal)
{
    return (size_t)XXH3_64bits_withSeed(bytes, n_bytes, vocab->seed + literal) & (vocab->n_slots - 1);
}

/* The slot that holds these bytes, or the empty one where they belong. */
static size_t find_slot(const setun_vocab *vocab, const char *bytes, size_t n_bytes, bool literal)
{
    size_t slot = slot_of(vocab, bytes, n_bytes, literal);

    for (; vocab->slots[slot] >= 0; slot = (slot + 1) & (vocab->n_slots - 1)) {
        const setun_token *token = &vocab->tokens[vocab->slots[slot]];

        if (token->n_bytes == n_bytes && ((token->flags & SETUN_TOKEN_LITERAL) != 0) == literal &&
            memcmp(vocab->bytes + token->begin, bytes, n_bytes) == 0)
            break;
    }
    return slot;
}

int32_t setun_vocab_find(const setun_vocab *vocab, const char *bytes, size_t n_bytes, bool literal)
{
    return vocab->slots[find_slot(vocab, bytes, n_bytes, literal)];
}

int32_t setun_vocab_find_name(const setun_vocab *vocab, const char *name, size_t n_bytes, char *scratch)
{
    size_t n_decoded;

    if (setun_alphabet_decode(name, n_bytes, scratch, &n_decoded))
        return setun_vocab_find(vocab, scratch, n_decoded, false);
    return setun_vocab_find(vocab, name, n_bytes, true);
}

bool setun_vocab_put(setun_vocab *vocab, int32_t id, const char *bytes, size_t n_bytes, uint32_t flags)
{
    size_t old_capacity = vocab->tokens_capacity;
    setun_token *token;

    if (n_bytes > UINT32_MAX - vocab->n_bytes)
        return false;
    if (!setun_grow(&vocab->tokens, &vocab->tokens_capacity, (size_t)id + 1, sizeof(*vocab->tokens)) ||
        !setun_grow(&vocab->bytes, &vocab->bytes_capacity, vocab->n_bytes + n_bytes, 1))
        return false;
    memset(vocab->tokens + old_capacity, 0, (vocab->tokens_capacity - old_capacity) * sizeof(*vocab->tokens));
    token = &vocab->tokens[id];
    token->begin = (uint32_t)vocab->n_bytes;
    token->n_bytes = (uint32_t)n_bytes;
    token->flags = SETUN_TOKEN_USED | flags;
    if (n_bytes > 0)
        memcpy(vocab->bytes + vocab->n_bytes, bytes, n_bytes);
    vocab->n_bytes += n_bytes;
    if ((size_t)id >= vocab->n_ids)
        vocab->n_ids = (size_t)id + 1;
    if (n_bytes > vocab->longest_bytes)
        vocab->longest_bytes = n_bytes;
    return true;
}

setun_status setun_vocab_begin(setun_vocab *vocab, size_t n_names, setun_error *error)
{
    size_t n_all;

    /* Not from a generator with a fixed seed: whoever writes a file must not know which names collide. */
    if (getentropy(&vocab->seed, sizeof(vocab->seed)) != 0)
        vocab->seed = (uint64_t)(uintptr_t)vocab ^ (uint64_t)(uintptr_t)error;
    for (vocab->n_slots = 16; vocab->n_slots < 2 * n_names;)
        vocab->n_slots *= 2;
    if (!setun_mul_size(vocab->n_slots, sizeof(*vocab->slots), &n_all) || (vocab->slots = setun_alloc(n_all)) == NULL)
        return setun_fail_nomem(error, "vocabulary", vocab->n_slots * sizeof(*vocab->slots));
    memset(vocab->slots, 0xff, n_all); /* -1 everywhere */
    return SETUN_OK;
}

bool setun_vocab_add(setun_vocab *vocab, int32_t id, const char *name, size_t n_name, char *scratch, int32_t *out_same)
{
    size_t n_decoded, slot;
    bool literal = !setun_alphabet_decode(name, n_name, scratch, &n_decoded);
    const char *bytes = literal ? name : scratch;
    size_t n_bytes = literal ? n_name : n_decoded;

    slot = find_slot(vocab, bytes, n_bytes, literal);
    *out_same = vocab->slots[slot];
    if (*out_same >= 0)
        return true;
    if (!setun_vocab_put(vocab, id, bytes, n_bytes, literal ? SETUN_TOKEN_LITERAL : 0))
        return false;
    vocab->slots[slot] = id;
    return true;
}

int setun_vocab_find_bytes(setun_vocab *vocab)
{
    int missing = -1;

    for (unsigned i = 0; i < 256; i++) {
        char byte = (char)i;
        bool in_utf8 = i < 0xc0 || (i > 0xc1 && i < 0xf5);

        vocab->byte_id[i] = setun_vocab_find(vocab, &byte, 1, false);
        if (vocab->byte_id[i] < 0 && in_utf8 && missing < 0)
            missing = (int)i;
    }
    return missing;
}

void setun_vocab_free(setun_vocab *vocab)
{
    free(vocab->tokens);
    free(vocab->bytes);
    free(vocab->slots);
    free(vocab->merges);
}

/* vocab.c - the model's vocabulary: names to bytes to ids, by a hash table, and the options of the BPE model. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "text/text.h"

/* The shortest entry that can name an id, `"":0,`, has 5 bytes; a file of n bytes has no honest use for an id of n / 4 or more. */
int64_t setun_vocab_id_bound(const setun_json_file *file)
{
    return (int64_t)(file->n_bytes / 4 > INT32_MAX ? INT32_MAX : file->n_bytes / 4);
}

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

/* One entry of model.vocab. scratch has room for the name. */
static setun_status load_entry(const setun_json_file *file, const char *name, size_t n_name, const json_t *value, char *scratch,
                               setun_vocab *vocab, setun_error *error)
{
    json_int_t id = json_integer_value(value), bound = setun_vocab_id_bound(file);
    size_t n_decoded, slot;
    bool literal = !setun_alphabet_decode(name, n_name, scratch, &n_decoded);
    const char *bytes = literal ? name : scratch;
    size_t n_bytes = literal ? n_name : n_decoded;

    if (!json_is_integer(value))
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: model.vocab[\"%.100s\"]: expected an id, found %s", file->path, name,
                          setun_json_kind(value));
    if (id < 0 || id >= bound)
        return setun_fail(error, SETUN_ERR_FORMAT,
                          "%s: model.vocab[\"%.100s\"]: expected an id from 0 to %lld (the file has %zu bytes), found %lld",
                          file->path, name, (long long)bound - 1, file->n_bytes, (long long)id);
    if ((size_t)id < vocab->n_ids && (vocab->tokens[id].flags & SETUN_TOKEN_USED) != 0)
        return setun_fail(error, SETUN_ERR_FORMAT,
                          "%s: model.vocab[\"%.100s\"]: expected an id of its own, found %lld, which another token has", file->path,
                          name, (long long)id);
    if (!setun_vocab_put(vocab, (int32_t)id, bytes, n_bytes, literal ? SETUN_TOKEN_LITERAL : 0))
        return setun_fail_nomem(error, "vocabulary", vocab->n_bytes + n_bytes);
    /* Names are unique (the parser refuses duplicates) and each spells other bytes, so the slot is empty. */
    slot = find_slot(vocab, bytes, n_bytes, literal);
    vocab->slots[slot] = (int32_t)id;
    return SETUN_OK;
}

/* Every byte that UTF-8 text can hold needs a token of its own: then no text is ever lost, and unk_token and byte_fallback, which
 * say what to do with a character that has none, never act. */
static setun_status find_bytes(const setun_json_file *file, setun_vocab *vocab, setun_error *error)
{
    for (unsigned i = 0; i < 256; i++) {
        char byte = (char)i, name[5] = {0};
        bool in_utf8 = i < 0xc0 || (i > 0xc1 && i < 0xf5);

        vocab->byte_id[i] = setun_vocab_find(vocab, &byte, 1, false);
        if (vocab->byte_id[i] < 0 && in_utf8) {
            (void)setun_utf8_put(setun_alphabet_char((uint8_t)i), name);
            return setun_fail(error, SETUN_ERR_UNSUPPORTED,
                              "%s: model.vocab: expected a token for every byte, found none for byte 0x%02X (\"%s\")", file->path,
                              i, name);
        }
    }
    return SETUN_OK;
}

/* Options that would change what BPE does. */
static setun_status check_options(const setun_json_file *file, const json_t *model, setun_vocab *vocab, setun_error *error)
{
    static const char *const strings[] = {"continuing_subword_prefix", "end_of_word_suffix", "unk_token"};
    static const char *const bools[] = {"fuse_unk", "byte_fallback"};
    const json_t *dropout = json_object_get(model, "dropout");
    setun_status status;
    bool ignored;

    if (dropout != NULL && !json_is_null(dropout)) {
        if (!json_is_number(dropout))
            return setun_json_expected(file, "model.dropout", "null or a number", dropout, error);
        if (json_number_value(dropout) != 0)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED,
                              "%s: model.dropout: expected null or 0, found %g: Setun does not drop merges at random", file->path,
                              json_number_value(dropout));
    }
    for (size_t i = 0; i < SETUN_COUNT(strings); i++) {
        const json_t *value = json_object_get(model, strings[i]);
        char where[64];

        (void)snprintf(where, sizeof(where), "model.%s", strings[i]);
        if (value != NULL && !json_is_null(value) && !json_is_string(value))
            return setun_json_expected(file, where, "null or a string", value, error);
        if (i < 2 && json_string_length(value) > 0)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: %s: expected null, found \"%.100s\": not a byte-level tokenizer",
                              file->path, where, json_string_value(value));
    }
    for (size_t i = 0; i < SETUN_COUNT(bools); i++) {
        status = setun_json_bool(file, "model", model, bools[i], false, &ignored, error);
        if (status != SETUN_OK)
            return status;
    }
    return setun_json_bool(file, "model", model, "ignore_merges", false, &vocab->ignore_merges, error);
}

static setun_status load_entries(const setun_json_file *file, const json_t *entries, setun_vocab *vocab, setun_error *error)
{
    size_t n = json_object_size(entries), capacity = 0;
    setun_status status = SETUN_OK;
    char *scratch = NULL;
    const char *name;
    const json_t *value;

    for (vocab->n_slots = 16; vocab->n_slots < 2 * n;)
        vocab->n_slots *= 2;
    vocab->slots = setun_alloc(vocab->n_slots * sizeof(*vocab->slots));
    if (vocab->slots == NULL)
        return setun_fail_nomem(error, "vocabulary", vocab->n_slots * sizeof(*vocab->slots));
    memset(vocab->slots, 0xff, vocab->n_slots * sizeof(*vocab->slots)); /* -1 everywhere */
    json_object_foreach((json_t *)(uintptr_t)entries, name, value) /* the macro wants a pointer to change; it changes nothing */
    {
        size_t n_name = strlen(name); /* the parser refuses a NUL in a key */

        if (!setun_grow(&scratch, &capacity, n_name + 1, 1)) {
            status = setun_fail_nomem(error, "vocabulary", n_name + 1);
            break;
        }
        status = load_entry(file, name, n_name, value, scratch, vocab, error);
        if (status != SETUN_OK)
            break;
    }
    free(scratch);
    return status;
}

setun_status setun_vocab_load(const setun_json_file *file, const json_t *model, setun_vocab *out, setun_error *error)
{
    const json_t *type, *entries;
    setun_status status;

    if (!json_is_object(model))
        return setun_json_expected(file, "model", "an object", model, error);
    type = json_object_get(model, "type"); /* old files leave it out */
    if (type != NULL && !json_is_string(type))
        return setun_json_expected(file, "model.type", "a string", type, error);
    if (type != NULL && strcmp(json_string_value(type), "BPE") != 0)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: model.type: expected BPE, found \"%.100s\"", file->path,
                          json_string_value(type));
    entries = json_object_get(model, "vocab");
    if (!json_is_object(entries))
        return setun_json_expected(file, "model.vocab", "an object of names and ids", entries, error);
    /* Not from a generator with a fixed seed: whoever writes a file must not know which names collide. */
    if (getrandom(&out->seed, sizeof(out->seed), GRND_NONBLOCK) != (ssize_t)sizeof(out->seed))
        out->seed = (uint64_t)(uintptr_t)out ^ (uint64_t)(uintptr_t)model;
    status = check_options(file, model, out, error);
    if (status == SETUN_OK)
        status = load_entries(file, entries, out, error);
    if (status == SETUN_OK)
        status = find_bytes(file, out, error);
    if (status == SETUN_OK)
        status = setun_merges_load(file, json_object_get(model, "merges"), out, error);
    return status;
}

void setun_vocab_free(setun_vocab *vocab)
{
    free(vocab->tokens);
    free(vocab->bytes);
    free(vocab->slots);
    free(vocab->merges);
}

/* vocab_json.c - the model of tokenizer.json: its vocabulary and the options of BPE. */
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

/* The shortest entry that can name an id, `"":0,`, has 5 bytes; a file of n bytes has no honest use for an id of n / 4 or more. */
int64_t setun_vocab_id_bound(const setun_json_file *file)
{
    return (int64_t)(file->n_bytes / 4 > INT32_MAX ? INT32_MAX : file->n_bytes / 4);
}

/* One entry of model.vocab. scratch has room for the name. */
static setun_status load_entry(const setun_json_file *file, const char *name, size_t n_name, const json_t *value, char *scratch,
                               setun_vocab *vocab, setun_error *error)
{
    json_int_t id = json_integer_value(value), bound = setun_vocab_id_bound(file);
    int32_t same; /* never: names are unique (the parser refuses duplicates) and each spells other bytes */

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
    if (!setun_vocab_add(vocab, (int32_t)id, name, n_name, scratch, &same))
        return setun_fail_nomem(error, "vocabulary", vocab->n_bytes + n_name);
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
    size_t capacity = 0;
    setun_status status = setun_vocab_begin(vocab, json_object_size(entries), error);
    char *scratch = NULL;
    const char *name;
    const json_t *value;

    json_object_foreach((json_t *)(uintptr_t)entries, name, value) /* the macro wants a pointer to change; it changes nothing */
    {
        size_t n_name = strlen(name); /* the parser refuses a NUL in a key */

        if (status == SETUN_OK && !setun_grow(&scratch, &capacity, n_name + 1, 1))
            status = setun_fail_nomem(error, "vocabulary", n_name + 1);
        if (status == SETUN_OK)
            status = load_entry(file, name, n_name, value, scratch, vocab, error);
        if (status != SETUN_OK)
            break;
    }
    free(scratch);
    return status;
}

static setun_status find_bytes(const setun_json_file *file, setun_vocab *vocab, setun_error *error)
{
    int missing = setun_vocab_find_bytes(vocab);
    char name[5] = {0};

    if (missing < 0)
        return SETUN_OK;
    (void)setun_utf8_put(setun_alphabet_char((uint8_t)missing), name);
    return setun_fail(error, SETUN_ERR_UNSUPPORTED,
                      "%s: model.vocab: expected a token for every byte, found none for byte 0x%02X (\"%s\")", file->path,
                      (unsigned)missing, name);
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
    status = check_options(file, model, out, error);
    if (status == SETUN_OK)
        status = load_entries(file, entries, out, error);
    if (status == SETUN_OK)
        status = find_bytes(file, out, error);
    if (status == SETUN_OK)
        status = setun_merges_load(file, json_object_get(model, "merges"), out, error);
    return status;
}

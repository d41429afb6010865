/* added.c - added tokens: loading them, and finding them in text before anything else cuts it.
 * At each place the longest token that begins there counts, and the search goes on behind it, whether it was accepted or not. */
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

/* A token is looked for at every place of a text, so its length bounds the time per byte. Known ones have at most 50 bytes. */
enum { MAX_TOKEN_BYTES = 1024 };

static int compare_bytes(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int order = memcmp(a, b, n_a < n_b ? n_a : n_b);

    return order != 0 ? order : (n_a > n_b) - (n_a < n_b);
}

static int compare_tokens(const void *a, const void *b)
{
    const setun_added_token *x = a, *y = b;

    return compare_bytes(x->text, x->n_bytes, y->text, y->n_bytes);
}

/* Reads one entry but for its id. An empty content is left as it is. */
static setun_status read_token(const setun_json_file *file, const char *where, const json_t *value, setun_added_token *out,
                               setun_error *error)
{
    const struct {
        const char *key;
        bool *out;
    } flags[] = {{"special", &out->special},
                 {"lstrip", &out->lstrip},
                 {"rstrip", &out->rstrip},
                 {"single_word", &out->single_word},
                 {"normalized", &out->normalized}};
    const char *content;
    setun_status status;

    if (!json_is_object(value))
        return setun_json_expected(file, where, "an object", value, error);
    status = setun_json_need_string(file, where, value, "content", &content, &out->n_bytes, error);
    for (size_t i = 0; i < SETUN_COUNT(flags) && status == SETUN_OK; i++)
        status = setun_json_need_bool(file, where, value, flags[i].key, flags[i].out, error);
    if (status != SETUN_OK)
        return status;
    if (out->n_bytes > MAX_TOKEN_BYTES)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: %s.content: expected at most %d bytes, found %zu", file->path, where,
                          MAX_TOKEN_BYTES, out->n_bytes);
    out->text = setun_strndup(content, out->n_bytes);
    return out->text == NULL ? setun_fail_nomem(error, "added token", out->n_bytes) : SETUN_OK;
}

/* Gives the token its id in the vocabulary, new or old. */
static setun_status place_token(const setun_json_file *file, const char *where, const json_t *value, setun_added_token *token,
                                setun_vocab *vocab, setun_error *error)
{
    const json_t *id_value = json_object_get(value, "id");
    json_int_t id = json_integer_value(id_value), bound = setun_vocab_id_bound(file);
    uint32_t flags = SETUN_TOKEN_ADDED | (token->special ? SETUN_TOKEN_SPECIAL : 0);
    char scratch[MAX_TOKEN_BYTES];
    int32_t known = setun_vocab_find_name(vocab, token->text, token->n_bytes, scratch);

    if (!json_is_integer(id_value))
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: %s.id: expected an id, found %s", file->path, where,
                          setun_json_kind(id_value));
    if (id < 0 || id >= bound)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: %s.id: expected an id from 0 to %lld (the file has %zu bytes), found %lld",
                          file->path, where, (long long)bound - 1, file->n_bytes, (long long)id);
    if (known >= 0 && known != id)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: %s.id: expected %d, the id of \"%.100s\" in model.vocab, found %lld",
                          file->path, where, (int)known, token->text, (long long)id);
    token->id = (int32_t)id;
    if (known >= 0) {
        vocab->tokens[known].flags |= flags;
        return SETUN_OK;
    }
    if ((size_t)id < vocab->n_ids && (vocab->tokens[id].flags & SETUN_TOKEN_USED) != 0)
        return setun_fail(error, SETUN_ERR_FORMAT,
                          "%s: %s.id: expected an id of its own for \"%.100s\", found %lld, which another token has", file->path,
                          where, token->text, (long long)id);
    if (!setun_vocab_put(vocab, (int32_t)id, token->text, token->n_bytes, SETUN_TOKEN_LITERAL | flags))
        return setun_fail_nomem(error, "vocabulary", vocab->n_bytes);
    return SETUN_OK;
}

setun_status setun_added_put(setun_added *added, const setun_added_token *token, setun_error *error)
{
    setun_added_set *set = &added->sets[token->normalized];

    if (!setun_grow(&set->items, &set->capacity, set->n + 1, sizeof(*set->items))) {
        free((void *)(uintptr_t)token->text);
        return setun_fail_nomem(error, "added tokens", (set->n + 1) * sizeof(*set->items));
    }
    set->items[set->n++] = *token;
    set->begins[(uint8_t)token->text[0]] = true;
    return SETUN_OK;
}

static setun_status load_token(const setun_json_file *file, size_t index, const json_t *value, setun_vocab *vocab,
                               setun_added *added, setun_error *error)
{
    setun_added_token token = {0};
    char where[48];
    setun_status status;

    (void)snprintf(where, sizeof(where), "added_tokens[%zu]", index);
    status = read_token(file, where, value, &token, error);
    if (status == SETUN_OK && token.n_bytes > 0) /* an empty one is passed over, as Hugging Face does */
        status = place_token(file, where, value, &token, vocab, error);
    if (status != SETUN_OK || token.n_bytes == 0)
        goto free_text;
    status = setun_added_put(added, &token, error);
    if (status == SETUN_OK && token.single_word && added->word == NULL) {
        /* \w of Rust's regex. Kept apart from the sets of pattern.c, whose \w is Oniguruma's. */
        setun_pattern_text text = {0};
        bool known, whole = setun_pattern_add(&text, "[\\p{Alphabetic}\\x{200c}\\x{200d}") &&
                            setun_pattern_add_property(&text, "L", &known) && setun_pattern_add_property(&text, "M", &known) &&
                            setun_pattern_add_property(&text, "Nd", &known) && setun_pattern_add_property(&text, "Pc", &known) &&
                            setun_pattern_add(&text, "]");

        status = whole ? setun_pattern_compile_native(text.text, text.n_bytes, &added->word, error)
                       : setun_fail_nomem(error, "pattern", 64);
        free(text.text);
    }
    return status;

free_text:
    free((void *)(uintptr_t)token.text);
    return status;
}

static const setun_added_token *find_in_set(const setun_added_set *set, const char *text, size_t n_bytes)
{
    setun_added_token wanted = {.text = text, .n_bytes = n_bytes};

    return set->n == 0 ? NULL : bsearch(&wanted, set->items, set->n, sizeof(*set->items), compare_tokens);
}

setun_status setun_added_finish(setun_added *added, const char *path, const char *where, setun_error *error)
{
    for (size_t i = 0; i < 2; i++)
        if (added->sets[i].n > 0)
            qsort(added->sets[i].items, added->sets[i].n, sizeof(*added->sets[i].items), compare_tokens);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < added->sets[i].n; j++) {
            const setun_added_token *token = &added->sets[i].items[j];

            if ((j > 0 && compare_tokens(token - 1, token) == 0) ||
                (i == 1 && find_in_set(&added->sets[0], token->text, token->n_bytes) != NULL))
                return setun_fail(error, SETUN_ERR_FORMAT, "%s: %s: expected each content once, found \"%.100s\" twice", path, where,
                                  token->text);
        }
    return SETUN_OK;
}

setun_status setun_added_load(const setun_json_file *file, const json_t *added_tokens, setun_vocab *vocab, setun_added *out,
                              setun_error *error)
{
    if (added_tokens == NULL || json_is_null(added_tokens))
        return SETUN_OK;
    if (!json_is_array(added_tokens))
        return setun_json_expected(file, "added_tokens", "an array", added_tokens, error);
    for (size_t i = 0; i < json_array_size(added_tokens); i++) {
        setun_status status = load_token(file, i, json_array_get(added_tokens, i), vocab, out, error);

        if (status != SETUN_OK)
            return status;
    }
    return setun_added_finish(out, file->path, "added_tokens", error);
}

void setun_added_free(setun_added *added)
{
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < added->sets[i].n; j++)
            free((void *)(uintptr_t)added->sets[i].items[j].text);
        free(added->sets[i].items);
    }
    pcre2_code_free(added->word);
}

int32_t setun_added_find(const setun_added *added, const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < 2; i++) {
        const setun_added_token *token = find_in_set(&added->sets[i], text, n_bytes);

        if (token != NULL)
            return token->id;
    }
    return -1;
}

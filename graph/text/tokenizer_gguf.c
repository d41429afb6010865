/* tokenizer_gguf.c - what a GGUF file's metadata say of its tokenizer, as arrays for vocab_gguf.c, and where its texts begin and end. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "text/text.h"
#include "weights/gguf.h"

#define KEY(name) "tokenizer.ggml." name

/* The metadata in the form of setun_gguf_vocab; what it points to is the file's or its own. */
typedef struct arrays {
    setun_gguf_vocab vocab;
    setun_name *tokens, *merges;
    int32_t *types;
    char *pre;
} arrays;

static void free_arrays(arrays *a)
{
    free(a->tokens);
    free(a->merges);
    free(a->types);
    free(a->pre);
}

static bool is_text(const char *text, size_t n_bytes, const char *expected)
{
    return n_bytes == strlen(expected) && memcmp(text, expected, n_bytes) == 0;
}

/* Only byte-level BPE, "gpt2", is read here. */
static setun_status check_model(const setun_gguf *gguf, setun_error *error)
{
    const setun_gguf_value *value = setun_gguf_find(gguf, KEY("model"));
    const char *name = NULL;
    size_t n_bytes = 0;
    bool found;
    setun_status status = setun_gguf_string(gguf, KEY("model"), &found, &name, &n_bytes, error);

    if (status != SETUN_OK)
        return status;
    if (!found)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: " KEY("model") ": expected \"gpt2\", found no such key: the file holds no tokenizer",
                          setun_gguf_path(gguf));
    if (is_text(name, n_bytes, "gpt2"))
        return SETUN_OK;
    if (is_text(name, n_bytes, "llama"))
        return setun_gguf_fail(gguf, value, error, SETUN_ERR_UNSUPPORTED,
                               "expected \"gpt2\" (byte-level BPE), found \"llama\": Setun reads no SentencePiece vocabularies; use a Hugging Face "
                               "folder of the model with a byte-level tokenizer.json, or token ids (setun score --ids)");
    return setun_gguf_fail(gguf, value, error, SETUN_ERR_UNSUPPORTED, "expected \"gpt2\" (byte-level BPE), found \"%.*s\"",
                           n_bytes > 100 ? 100 : (int)n_bytes, name);
}

/* *out_names is malloc-ed; NULL without such a key. */
static setun_status read_names(const setun_gguf *gguf, const char *key, setun_name **out_names, size_t *out_n, setun_error *error)
{
    const setun_gguf_value *array = NULL;
    setun_status status = setun_gguf_strings(gguf, key, &array, error);
    setun_gguf_cursor at;
    size_t n = 0, n_all;

    *out_n = 0;
    if (status != SETUN_OK || array == NULL)
        return status;
    /* Every string has 8 bytes at least in the file, so this is at most twice the file's size. */
    if (array->n > SIZE_MAX || !setun_mul_size((size_t)array->n, sizeof(**out_names), &n_all) || (*out_names = setun_alloc(n_all)) == NULL)
        return setun_fail_nomem(error, key, (size_t)array->n * sizeof(**out_names));
    at = setun_gguf_first(array);
    while (n < array->n && setun_gguf_next(&at, &(*out_names)[n].text, &(*out_names)[n].n_bytes))
        n++;
    *out_n = n;
    return SETUN_OK;
}

static setun_status read_types(const setun_gguf *gguf, arrays *out, setun_error *error)
{
    const setun_gguf_value *array = NULL;
    setun_status status = setun_gguf_ints(gguf, KEY("token_type"), &array, error);

    if (status != SETUN_OK || array == NULL)
        return status;
    if (array->n != out->vocab.n_tokens)
        return setun_gguf_fail(gguf, array, error, SETUN_ERR_FORMAT, "expected one for each of %zu tokens, found %" PRIu64,
                               out->vocab.n_tokens, array->n);
    out->types = setun_calloc((size_t)array->n, sizeof(*out->types));
    if (out->types == NULL)
        return setun_fail_nomem(error, KEY("token_type"), (size_t)array->n * sizeof(*out->types));
    for (uint64_t i = 0; i < array->n; i++) {
        const int64_t type = setun_gguf_int_at(array, i);

        out->types[i] = type < INT32_MIN || type > INT32_MAX ? INT32_MIN : (int32_t)type; /* none of those is a type */
    }
    out->vocab.types = out->types;
    return SETUN_OK;
}

static setun_status read_pre(const setun_gguf *gguf, arrays *out, setun_error *error)
{
    const char *name = NULL;
    size_t n_bytes = 0;
    bool found;
    setun_status status = setun_gguf_string(gguf, KEY("pre"), &found, &name, &n_bytes, error);

    if (status != SETUN_OK || !found)
        return status;
    out->pre = setun_strndup(name, n_bytes); /* ends at a NUL inside, which is in no name that is known */
    out->vocab.pre = out->pre;
    return out->pre == NULL ? setun_fail_nomem(error, KEY("pre"), n_bytes) : SETUN_OK;
}

/* A blank before every text is what some tokenizers want that are not byte-level. */
static setun_status check_space_prefix(const setun_gguf *gguf, setun_error *error)
{
    bool found, value = false;
    setun_status status = setun_gguf_bool(gguf, KEY("add_space_prefix"), &found, &value, error);

    if (status == SETUN_OK && found && value)
        return setun_gguf_fail(gguf, setun_gguf_find(gguf, KEY("add_space_prefix")), error, SETUN_ERR_UNSUPPORTED,
                               "expected false, found true: Setun puts no blank before a text");
    return status;
}

/* An id that names one of the tokens; -1 without such a key. */
static setun_status read_id(const setun_gguf *gguf, const char *key, int32_t n_tokens, int32_t *out_id, setun_error *error)
{
    int64_t id = -1;
    bool found;
    setun_status status = setun_gguf_int(gguf, key, &found, &id, error);

    *out_id = -1;
    if (status != SETUN_OK || !found)
        return status;
    if (id < 0 || id >= n_tokens)
        return setun_gguf_fail(gguf, setun_gguf_find(gguf, key), error, SETUN_ERR_FORMAT, "expected a token id from 0 to %" PRId32
                               ", found %" PRId64, n_tokens - 1, id);
    *out_id = (int32_t)id;
    return SETUN_OK;
}

/* Where texts begin and end. Files rarely name the token that ends a turn of a chat: 2B4T's stops at 128001 alone by its keys, but a turn
 * ends with 128009. So the control tokens that are known to end one count as well. */
static setun_status read_ends(const setun_gguf *gguf, setun_tokenizer *tokenizer, setun_error *error)
{
    static const char *const keys[] = {KEY("eos_token_id"), KEY("eot_token_id"), KEY("eom_token_id")};
    static const char *const names[] = {"<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|endoftext|>", "<end_of_turn>"};
    const int32_t n_tokens = setun_tokenizer_size(tokenizer);
    bool found, add = true;
    int32_t id;
    setun_status status = read_id(gguf, KEY("bos_token_id"), n_tokens, &tokenizer->bos, error);

    if (status == SETUN_OK)
        status = setun_gguf_bool(gguf, KEY("add_bos_token"), &found, &add, error);
    if (status == SETUN_OK && !found) {
        const char *name;
        size_t n_bytes;

        /* llama.cpp's rule for a file that does not say goes by the cuts that it names. */
        status = setun_gguf_string(gguf, KEY("pre"), &found, &name, &n_bytes, error);
        add = !found || !(is_text(name, n_bytes, "default") || is_text(name, n_bytes, "gpt-2"));
    }
    if (!add)
        tokenizer->bos = -1;
    for (size_t i = 0; i < SETUN_COUNT(keys) && status == SETUN_OK; i++) {
        status = read_id(gguf, keys[i], n_tokens, &id, error);
        if (status == SETUN_OK)
            setun_tokenizer_add_stop(tokenizer, id);
    }
    for (size_t i = 0; i < SETUN_COUNT(names) && status == SETUN_OK; i++) {
        bool special;
        size_t n_bytes;

        id = setun_tokenizer_find(tokenizer, names[i], strlen(names[i]));
        if (id >= 0 && setun_tokenizer_token(tokenizer, id, &n_bytes, &special) != NULL && special)
            setun_tokenizer_add_stop(tokenizer, id);
    }
    return status;
}

setun_status setun_tokenizer_read_gguf(const setun_gguf *gguf, const char *pre, setun_tokenizer **out_tokenizer, setun_error *error)
{
    arrays a = {.vocab = {.path = setun_gguf_path(gguf)}};
    setun_tokenizer *tokenizer = NULL;
    setun_status status = check_model(gguf, error);

    if (status == SETUN_OK)
        status = check_space_prefix(gguf, error);
    if (status == SETUN_OK)
        status = read_names(gguf, KEY("tokens"), &a.tokens, &a.vocab.n_tokens, error);
    if (status == SETUN_OK)
        status = read_types(gguf, &a, error);
    if (status == SETUN_OK)
        status = read_names(gguf, KEY("merges"), &a.merges, &a.vocab.n_merges, error);
    if (status == SETUN_OK)
        status = read_pre(gguf, &a, error);
    a.vocab.tokens = a.tokens;
    a.vocab.merges = a.merges;
    if (status == SETUN_OK)
        status = setun_tokenizer_build(&a.vocab, pre, &tokenizer, error);
    if (status == SETUN_OK)
        status = read_ends(gguf, tokenizer, error);
    free_arrays(&a);
    if (status != SETUN_OK) {
        setun_tokenizer_close(tokenizer);
        return status;
    }
    *out_tokenizer = tokenizer;
    return SETUN_OK;
}

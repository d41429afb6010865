/* vocab_gguf.c - a tokenizer from the metadata of a GGUF file: tokens by id, their types, merges, and a name for the cuts. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

/* Values of tokenizer.ggml.token_type. */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4, TYPE_UNUSED = 5, TYPE_BYTE = 6 };

#define TOKENS "tokenizer.ggml.tokens"
#define MERGES "tokenizer.ggml.merges"

/* As in added.c: a token is looked for at every place of a text. */
enum { MAX_ADDED_BYTES = 1024 };

static int shown_bytes(const setun_name *name)
{
    return name->n_bytes > 100 ? 100 : (int)name->n_bytes;
}

/* A token that is found by its literal text before anything else cuts the text; control tokens in trusted text only. */
static setun_status add_literal(const setun_gguf_vocab *gguf, size_t i, bool special, setun_tokenizer *out, setun_error *error)
{
    const setun_name *name = &gguf->tokens[i];
    setun_added_token token = {.n_bytes = name->n_bytes, .id = (int32_t)i, .special = special};
    const uint32_t flags = SETUN_TOKEN_LITERAL | SETUN_TOKEN_ADDED | (special ? SETUN_TOKEN_SPECIAL : 0);

    if (name->n_bytes > MAX_ADDED_BYTES)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: " TOKENS "[%zu]: expected at most %d bytes in a control or user-defined token, "
                          "found %zu", gguf->path, i, MAX_ADDED_BYTES, name->n_bytes);
    if (!setun_vocab_put(&out->vocab, (int32_t)i, name->text, name->n_bytes, flags))
        return setun_fail_nomem(error, "vocabulary", out->vocab.n_bytes);
    if (name->n_bytes == 0)
        return SETUN_OK;
    token.text = setun_strndup(name->text, name->n_bytes);
    return token.text == NULL ? setun_fail_nomem(error, "added token", name->n_bytes) : setun_added_put(&out->added, &token, error);
}

/* scratch has room for the name. */
static setun_status add_token(const setun_gguf_vocab *gguf, size_t i, char *scratch, setun_tokenizer *out, setun_error *error)
{
    const setun_name *name = &gguf->tokens[i];
    const int32_t type = gguf->types != NULL ? gguf->types[i] : TYPE_NORMAL;
    const size_t n_valid = setun_utf8_valid(name->text, name->n_bytes);
    int32_t same;

    if (n_valid != name->n_bytes)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: " TOKENS "[%zu]: expected UTF-8, found byte 0x%02X at its offset %zu", gguf->path, i,
                          (unsigned)(uint8_t)name->text[n_valid], n_valid);
    switch (type) {
    case TYPE_NORMAL:
        if (!setun_vocab_add(&out->vocab, (int32_t)i, name->text, name->n_bytes, scratch, &same))
            return setun_fail_nomem(error, "vocabulary", out->vocab.n_bytes + name->n_bytes);
        if (same >= 0)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: " TOKENS "[%zu]: expected a token that is not there yet, found \"%.*s\", which is "
                              "number %" PRId32, gguf->path, i, shown_bytes(name), name->text, same);
        return SETUN_OK;
    case TYPE_CONTROL:
    case TYPE_UNKNOWN:
        return add_literal(gguf, i, true, out, error);
    case TYPE_USER_DEFINED:
        return add_literal(gguf, i, false, out, error);
    case TYPE_UNUSED: /* it has an id, but no text gives it */
        return setun_vocab_put(&out->vocab, (int32_t)i, name->text, name->n_bytes, SETUN_TOKEN_LITERAL)
                   ? SETUN_OK
                   : setun_fail_nomem(error, "vocabulary", out->vocab.n_bytes + name->n_bytes);
    default:
        return setun_fail(error, type == TYPE_BYTE ? SETUN_ERR_UNSUPPORTED : SETUN_ERR_FORMAT,
                          "%s: tokenizer.ggml.token_type[%zu]: expected 1 to 5, found %" PRId32 "%s", gguf->path, i, type,
                          type == TYPE_BYTE ? " (a byte token, which a byte-level tokenizer does not have)" : "");
    }
}

static setun_status load_tokens(const setun_gguf_vocab *gguf, setun_tokenizer *out, setun_error *error)
{
    setun_status status = setun_vocab_begin(&out->vocab, gguf->n_tokens, error);
    setun_scratch scratch = {NULL, 0};
    char name[5] = {0};
    int missing;

    for (size_t i = 0; i < gguf->n_tokens && status == SETUN_OK; i++)
        status = setun_grow(&scratch.bytes, &scratch.capacity, gguf->tokens[i].n_bytes + 1, 1)
                     ? add_token(gguf, i, scratch.bytes, out, error)
                     : setun_fail_nomem(error, "vocabulary", gguf->tokens[i].n_bytes);
    free(scratch.bytes);
    if (status == SETUN_OK)
        status = setun_added_finish(&out->added, gguf->path, TOKENS, error);
    if (status != SETUN_OK || (missing = setun_vocab_find_bytes(&out->vocab)) < 0)
        return status;
    (void)setun_utf8_put(setun_alphabet_char((uint8_t)missing), name);
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: " TOKENS ": expected a token for every byte, found none for byte 0x%02X (\"%s\")",
                      gguf->path, (unsigned)missing, name);
}

static setun_status load_merges(const setun_gguf_vocab *gguf, setun_tokenizer *out, setun_error *error)
{
    const setun_merge_place place = {gguf->path, MERGES, TOKENS};
    setun_status status = setun_merges_begin(&out->vocab, gguf->n_merges, error);
    setun_scratch scratch = {NULL, 0};

    for (size_t i = 0; i < gguf->n_merges && status == SETUN_OK; i++) {
        const setun_name *merge = &gguf->merges[i];
        const char *names[2];
        size_t n_bytes[2];

        if (!setun_merge_names(merge->text, merge->n_bytes, names, n_bytes) ||
            setun_utf8_valid(merge->text, merge->n_bytes) != merge->n_bytes)
            status = setun_fail(error, SETUN_ERR_FORMAT, "%s: " MERGES "[%zu]: expected two names with one blank between them, found \"%.*s\"",
                                gguf->path, i, shown_bytes(merge), merge->text);
        else
            status = setun_merges_add(&place, i, (uint32_t)i, names, n_bytes, &out->vocab, &scratch, error);
    }
    free(scratch.bytes);
    return status;
}

/* Llama 3's vocabulary, which the official file of 2B4T has without naming its cuts: by its size and three special tokens. Fine-tunes may
 * have added tokens behind. */
static bool is_llama3(const setun_gguf_vocab *gguf)
{
    static const struct {
        size_t      id;
        const char *text;
    } special[] = {{128000, "<|begin_of_text|>"}, {128001, "<|end_of_text|>"}, {128009, "<|eot_id|>"}};

    if (gguf->n_tokens < 128256)
        return false;
    for (size_t i = 0; i < SETUN_COUNT(special); i++) {
        const setun_name *name = &gguf->tokens[special[i].id];

        if (name->n_bytes != strlen(special[i].text) || memcmp(name->text, special[i].text, name->n_bytes) != 0)
            return false;
    }
    return true;
}

static setun_status choose_pre(const setun_gguf_vocab *gguf, const char *given, setun_tokenizer *out, setun_error *error)
{
    const char *name = given != NULL ? given : gguf->pre;
    const setun_pre *pre = NULL;
    setun_status status;

    out->pre_origin = given != NULL ? SETUN_PRE_GIVEN : SETUN_PRE_FILE;
    if (name == NULL && is_llama3(gguf)) {
        name = "llama-bpe";
        out->pre_origin = SETUN_PRE_RECOGNISED;
    }
    if (name == NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED,
                          "%s: tokenizer.ggml.pre: expected a name, found none, and the vocabulary of %zu tokens is not Llama 3's; name the "
                          "pre-tokeniser (--pre NAME; \"default\" is what bitnet.cpp would take)", gguf->path, gguf->n_tokens);
    status = setun_pre_find(name, &pre, error);
    if (status != SETUN_OK)
        return given != NULL ? status : setun_fail_prefix(error, status, "%s: tokenizer.ggml.pre", gguf->path);
    out->pre = pre;
    out->vocab.ignore_merges = pre->ignore_merges;
    return setun_pre_load(pre, &out->pretokenizer, error);
}

setun_status setun_tokenizer_build(const setun_gguf_vocab *gguf, const char *pre, setun_tokenizer **out_tokenizer, setun_error *error)
{
    setun_tokenizer *tokenizer;
    setun_status status;

    if (gguf->n_tokens == 0 || gguf->n_tokens > INT32_MAX || gguf->n_merges > INT32_MAX)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: " TOKENS ": expected 1 to %d tokens and at most as many merges, found %zu and %zu",
                          gguf->path, INT32_MAX, gguf->n_tokens, gguf->n_merges);
    tokenizer = setun_tokenizer_new(error);
    if (tokenizer == NULL)
        return SETUN_ERR_NOMEM;
    status = choose_pre(gguf, pre, tokenizer, error);
    if (status == SETUN_OK)
        status = load_tokens(gguf, tokenizer, error);
    if (status == SETUN_OK)
        status = load_merges(gguf, tokenizer, error);
    if (status != SETUN_OK) {
        setun_tokenizer_close(tokenizer);
        return status;
    }
    *out_tokenizer = tokenizer;
    return SETUN_OK;
}

/* tokenizer.c - the tokenizer: opening tokenizer.json, encoding, and questions about tokens. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "json_load.h"
#include "text/text.h"
#include "weights/prepacked.h"

enum { MAX_FILE_BYTES = 64 << 20 }; /* the largest known one has 34 MB */

void setun_free(void *memory)
{
    free(memory);
}

/* A normaliser would change the text before it is cut; there is none. */
static setun_status check_normalizer(const setun_json_file *file, const json_t *value, setun_error *error)
{
    const char *type;
    setun_status status;

    if (value == NULL || json_is_null(value))
        return SETUN_OK;
    status = setun_json_type(file, "normalizer", value, &type, error);
    if (status != SETUN_OK)
        return status;
    if (strcmp(type, "Sequence") == 0 && json_is_array(json_object_get(value, "normalizers")) &&
        json_array_size(json_object_get(value, "normalizers")) == 0)
        return SETUN_OK;
    return setun_fail(error, SETUN_ERR_UNSUPPORTED,
                      "%s: normalizer: expected null, found type \"%.100s\": Setun normalises no text (no NFC)", file->path, type);
}

/* Decoding is the inverse of the byte-level alphabet; another decoder would give another text. */
static setun_status check_decoder(const setun_json_file *file, const json_t *value, setun_error *error)
{
    const char *type;
    setun_status status;

    if (value == NULL || json_is_null(value))
        return SETUN_OK;
    status = setun_json_type(file, "decoder", value, &type, error);
    if (status == SETUN_OK && strcmp(type, "ByteLevel") != 0)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: decoder.type: expected ByteLevel, found \"%.100s\"", file->path, type);
    return status;
}

static setun_status load(const setun_json_file *file, const json_t *root, const char *pre, setun_tokenizer *out, setun_error *error)
{
    const json_t *version = json_object_get(root, "version");
    setun_status status;

    if (!json_is_object(root))
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected an object, found %s", file->path, setun_json_kind(root));
    if (version != NULL && (!json_is_string(version) || strcmp(json_string_value(version), "1.0") != 0))
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: version: expected \"1.0\", found %s", file->path,
                          json_is_string(version) ? json_string_value(version) : setun_json_kind(version));
    /* truncation, padding and post_processor concern batches and whole prompts; the caller sees to those. */
    status = check_normalizer(file, json_object_get(root, "normalizer"), error);
    if (status == SETUN_OK && pre == NULL)
        status = setun_pretokenizer_load(file, json_object_get(root, "pre_tokenizer"), &out->pretokenizer, error);
    if (status == SETUN_OK && pre != NULL)
        status = setun_pre_find(pre, &out->pre, error);
    if (status == SETUN_OK && pre != NULL)
        status = setun_pre_load(out->pre, &out->pretokenizer, error);
    if (status == SETUN_OK)
        status = check_decoder(file, json_object_get(root, "decoder"), error);
    if (status == SETUN_OK)
        status = setun_vocab_load(file, json_object_get(root, "model"), &out->vocab, error);
    if (out->pre != NULL) {
        out->pre_origin = SETUN_PRE_GIVEN;
        out->vocab.ignore_merges = out->pre->ignore_merges;
    }
    if (status == SETUN_OK)
        status = setun_added_load(file, json_object_get(root, "added_tokens"), &out->vocab, &out->added, error);
    return status;
}

setun_tokenizer *setun_tokenizer_new(setun_error *error)
{
    setun_tokenizer *tokenizer = setun_calloc(1, sizeof(*tokenizer));

    if (tokenizer == NULL)
        (void)setun_fail_nomem(error, "tokenizer", sizeof(*tokenizer));
    else
        tokenizer->bos = -1;
    return tokenizer;
}

setun_status setun_tokenizer_parse(const char *path, const char *text, size_t n_bytes, const char *pre, setun_tokenizer **out_tokenizer,
                                   setun_error *error)
{
    const setun_json_file file = {.path = path, .n_bytes = n_bytes};
    setun_tokenizer *tokenizer;
    json_error_t fault;
    bool no_memory;
    json_t *root = setun_json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &fault, &no_memory);
    setun_status status;

    if (no_memory)
        return setun_fail(error, SETUN_ERR_NOMEM, "%s: out of memory while reading JSON", path);
    if (root == NULL)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s:%d:%d: not valid JSON: %s", path, fault.line, fault.column, fault.text);
    tokenizer = setun_tokenizer_new(error);
    status = tokenizer == NULL ? SETUN_ERR_NOMEM : load(&file, root, pre, tokenizer, error);
    json_decref(root);
    if (status != SETUN_OK) {
        setun_tokenizer_close(tokenizer);
        return status;
    }
    *out_tokenizer = tokenizer;
    return SETUN_OK;
}

static setun_status open_file(const char *path, const char *pre, setun_tokenizer **out_tokenizer, setun_error *error)
{
    char *text;
    size_t n_bytes;
    setun_status status = setun_read_file(path, MAX_FILE_BYTES, &text, &n_bytes, error);

    if (status != SETUN_OK)
        return status;
    status = setun_tokenizer_parse(path, text, n_bytes, pre, out_tokenizer, error);
    free(text);
    return status;
}

/* What a prepacked file holds of the model that it was made of: the bytes of a tokenizer.json or of a GGUF file, and begin and end of texts. */
static setun_status open_prepacked(const char *path, const char *pre, setun_tokenizer **out_tokenizer, setun_error *error)
{
    setun_weight_file file, part;
    setun_prepacked prepacked;
    setun_pool pool = {0};
    setun_tokenizer *tokenizer = NULL;
    setun_gguf *gguf = NULL;
    char *text = NULL;
    size_t n_bytes;
    setun_status status = setun_weight_file_open(path, &file, error);

    if (status != SETUN_OK)
        return status;
    status = setun_prepacked_read(&file, &pool, &prepacked, error);
    if (status == SETUN_OK)
        status = setun_prepacked_read_tokenizer(&file, &prepacked, &text, &n_bytes, error);
    if (status == SETUN_OK && prepacked.tokenizer == SETUN_PREPACKED_TOKENIZER_GGUF) {
        part = file;
        part.first_byte = prepacked.tokenizer_section.file_byte;
        part.n_bytes = prepacked.tokenizer_section.n_bytes;
        status = setun_gguf_read(&part, &gguf, error);
        if (status == SETUN_OK)
            status = setun_tokenizer_read_gguf(gguf, pre, &tokenizer, error);
    } else if (status == SETUN_OK) {
        status = setun_tokenizer_parse(path, text, n_bytes, pre, &tokenizer, error);
        if (status == SETUN_OK)
            status = setun_tokenizer_settle(tokenizer, path, &prepacked.text, error);
    }
    setun_gguf_close(gguf);
    free(text);
    setun_pool_free(&pool);
    setun_weight_file_close(&file);
    if (status != SETUN_OK) {
        setun_tokenizer_close(tokenizer);
        return status;
    }
    *out_tokenizer = tokenizer;
    return SETUN_OK;
}

static setun_status open_gguf(const char *path, const char *pre, setun_tokenizer **out_tokenizer, setun_error *error)
{
    setun_gguf *gguf;
    setun_status status = setun_gguf_open(path, &gguf, error);

    if (status != SETUN_OK)
        return status;
    status = setun_tokenizer_read_gguf(gguf, pre, out_tokenizer, error);
    setun_gguf_close(gguf);
    return status;
}

/* tokenizer.json, and what the files beside it say of begin and end. */
static setun_status open_folder(const char *path, const char *pre, setun_tokenizer **out_tokenizer, setun_error *error)
{
    setun_pool pool = {0};
    setun_text_settings text;
    setun_tokenizer *tokenizer = NULL;
    const char *file = setun_pool_printf(&pool, "%s/tokenizer.json", path);
    setun_status status = file == NULL ? setun_fail_nomem(error, "path", strlen(path)) : open_file(file, pre, &tokenizer, error);

    if (status == SETUN_OK)
        status = setun_hf_read_text(path, &pool, &text, error);
    if (status == SETUN_OK)
        status = setun_tokenizer_settle(tokenizer, path, &text, error);
    setun_pool_free(&pool);
    if (status != SETUN_OK) {
        setun_tokenizer_close(tokenizer);
        return status;
    }
    *out_tokenizer = tokenizer;
    return SETUN_OK;
}

setun_status setun_tokenizer_open(const char *path, const setun_tokenizer_options *options, setun_tokenizer **out_tokenizer,
                                  setun_error *error)
{
    const char *pre = options != NULL ? options->pre : NULL;
    struct stat info;

    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return open_folder(path, pre, out_tokenizer, error);
    if (setun_prepacked_claims(path))
        return open_prepacked(path, pre, out_tokenizer, error);
    return (setun_gguf_claims(path) ? open_gguf : open_file)(path, pre, out_tokenizer, error);
}

void setun_tokenizer_close(setun_tokenizer *tokenizer)
{
    if (tokenizer == NULL)
        return;
    setun_vocab_free(&tokenizer->vocab);
    setun_added_free(&tokenizer->added);
    setun_pretokenizer_free(&tokenizer->pretokenizer);
    free(tokenizer);
}

const char *setun_tokenizer_pre(const setun_tokenizer *tokenizer, int *out_origin)
{
    if (out_origin != NULL)
        *out_origin = tokenizer->pre_origin;
    return tokenizer->pre != NULL ? tokenizer->pre->name : NULL;
}

int32_t setun_tokenizer_bos(const setun_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

size_t setun_tokenizer_stops(const setun_tokenizer *tokenizer, const int32_t **out_ids)
{
    *out_ids = tokenizer->stops;
    return tokenizer->n_stops;
}

void setun_tokenizer_add_stop(setun_tokenizer *tokenizer, int32_t id)
{
    for (size_t i = 0; i < tokenizer->n_stops; i++)
        if (tokenizer->stops[i] == id)
            return;
    if (id >= 0 && tokenizer->n_stops < SETUN_MAX_STOPS)
        tokenizer->stops[tokenizer->n_stops++] = id;
}

setun_status setun_tokenizer_settle(setun_tokenizer *tokenizer, const char *path, const setun_text_settings *text, setun_error *error)
{
    int32_t bos = text->bos;

    if (bos < 0 && text->bos_text != NULL)
        bos = setun_tokenizer_find(tokenizer, text->bos_text, strlen(text->bos_text));
    if (bos >= (int32_t)tokenizer->vocab.n_ids)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: the BOS id %d is outside the vocabulary of %zu", path, bos, tokenizer->vocab.n_ids);
    tokenizer->bos = text->add_bos ? bos : -1;
    for (size_t i = 0; i < text->n_stops; i++)
        setun_tokenizer_add_stop(tokenizer, text->stops[i]);
    if (text->eos_text != NULL)
        setun_tokenizer_add_stop(tokenizer, setun_tokenizer_find(tokenizer, text->eos_text, strlen(text->eos_text)));
    return SETUN_OK;
}

/* What one encode owns: so that many threads may share a tokenizer. */
typedef struct encoding {
    setun_stretches stretches;
    setun_pretoken_work pretoken;
    setun_bpe_work bpe;
    setun_ids ids;
} encoding;

static setun_status encode_plain(const setun_tokenizer *tokenizer, const char *text, size_t n_bytes, encoding *e,
                                 setun_error *error)
{
    setun_status status = setun_pretokenizer_run(&tokenizer->pretokenizer, text, n_bytes, &e->pretoken, error);
    const setun_spans *spans = e->pretoken.result;

    if (status != SETUN_OK)
        return status;
    for (size_t i = 0; i < spans->n; i++)
        if (!setun_bpe_encode(&tokenizer->vocab, e->pretoken.text + spans->items[i].begin,
                              spans->items[i].end - spans->items[i].begin, &e->bpe, &e->ids))
            return setun_fail_nomem(error, "token ids", n_bytes);
    return SETUN_OK;
}

setun_status setun_tokenizer_encode(const setun_tokenizer *tokenizer, const char *text, size_t n_bytes, unsigned flags,
                                    int32_t **out_ids, size_t *out_n_ids, setun_error *error)
{
    enum { MAX_TEXT_BYTES = 1 << 30 }; /* positions inside fit 32 bits, a space added before it included */
    encoding e = {0};
    size_t n_valid;
    setun_status status;

    if ((flags & ~(unsigned)SETUN_TEXT_TRUSTED) != 0)
        return setun_fail(error, SETUN_ERR_INVALID, "text flags: expected SETUN_TEXT_USER or SETUN_TEXT_TRUSTED, found 0x%x",
                          flags);
    if (n_bytes > MAX_TEXT_BYTES)
        return setun_fail(error, SETUN_ERR_INVALID, "text: expected at most %d bytes, found %zu", MAX_TEXT_BYTES, n_bytes);
    n_valid = setun_utf8_valid(text, n_bytes);
    if (n_valid < n_bytes)
        return setun_fail(error, SETUN_ERR_INVALID, "text: expected UTF-8, found byte 0x%02X at offset %zu that fits no character",
                          (unsigned)(uint8_t)text[n_valid], n_valid);
    status = setun_added_split(&tokenizer->added, text, n_bytes, (flags & SETUN_TEXT_TRUSTED) != 0, &e.stretches, error);
    for (size_t i = 0; i < e.stretches.n && status == SETUN_OK; i++) {
        const setun_stretch *stretch = &e.stretches.items[i];

        if (stretch->id < 0)
            status = encode_plain(tokenizer, text + stretch->begin, stretch->end - stretch->begin, &e, error);
        else if (!setun_ids_add(&e.ids, stretch->id))
            status = setun_fail_nomem(error, "token ids", e.ids.n * sizeof(*e.ids.items));
    }
    free(e.stretches.items);
    setun_pretoken_work_free(&e.pretoken);
    setun_bpe_work_free(&e.bpe);
    if (status != SETUN_OK) {
        free(e.ids.items);
        return status;
    }
    *out_ids = e.ids.items; /* NULL while nothing was added */
    *out_n_ids = e.ids.n;
    return SETUN_OK;
}

int32_t setun_tokenizer_size(const setun_tokenizer *tokenizer)
{
    return (int32_t)tokenizer->vocab.n_ids;
}

const char *setun_tokenizer_token(const setun_tokenizer *tokenizer, int32_t id, size_t *out_bytes, bool *out_special)
{
    const setun_vocab *vocab = &tokenizer->vocab;
    const setun_token *token;

    *out_bytes = 0;
    if (out_special != NULL)
        *out_special = false;
    if (id < 0 || (size_t)id >= vocab->n_ids || (vocab->tokens[id].flags & SETUN_TOKEN_USED) == 0)
        return NULL;
    token = &vocab->tokens[id];
    *out_bytes = token->n_bytes;
    if (out_special != NULL)
        *out_special = (token->flags & SETUN_TOKEN_SPECIAL) != 0;
    return vocab->bytes + token->begin;
}

int32_t setun_tokenizer_find(const setun_tokenizer *tokenizer, const char *text, size_t n_bytes)
{
    int32_t id = setun_added_find(&tokenizer->added, text, n_bytes);

    if (id < 0)
        id = setun_vocab_find(&tokenizer->vocab, text, n_bytes, false);
    return id >= 0 ? id : setun_vocab_find(&tokenizer->vocab, text, n_bytes, true);
}

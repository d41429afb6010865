/* vocabulary_load.c - a vocabulary from tokenizer.json, or from the metadata of a GGUF file. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "convert/vocabulary.h"
#include "json_load.h"
#include "text/text.h"
#include "weights/gguf.h"
#include "weights/json_file.h"
#include "weights/prepacked.h"

/* Which kinds of file hold a tokenizer.json as it is. */
#define KEPT_BY "; Hugging Face folders and prepacked files keep it (--to hf-packed, --to prepacked)"

enum { MAX_FILE_BYTES = 64 << 20 }; /* of a tokenizer.json, as tokenizer.c has it */

/* Texts in files are not always what C calls one: no NUL inside, and UTF-8. */
static setun_status keep(setun_vocabulary *vocabulary, const char *path, const char *text, size_t n_bytes, const char **out_text,
                         setun_error *error)
{
    if (memchr(text, '\0', n_bytes) != NULL || setun_utf8_valid(text, n_bytes) != n_bytes)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: expected names of tokens in UTF-8 and without NUL, found another", path);
    *out_text = setun_pool_strndup(&vocabulary->pool, text, n_bytes);
    return *out_text == NULL ? setun_fail_nomem(error, "vocabulary", n_bytes) : SETUN_OK;
}

static setun_status make_room(setun_vocabulary *vocabulary, size_t n_tokens, size_t n_merges, setun_error *error)
{
    vocabulary->tokens = setun_pool_alloc(&vocabulary->pool, n_tokens * sizeof(*vocabulary->tokens));
    vocabulary->merges = setun_pool_alloc(&vocabulary->pool, n_merges * sizeof(*vocabulary->merges));
    vocabulary->n_tokens = n_tokens;
    vocabulary->n_merges = n_merges;
    return vocabulary->tokens == NULL || vocabulary->merges == NULL ? setun_fail_nomem(error, "vocabulary", n_tokens) : SETUN_OK;
}

/* Ids without a token get a name that no text has. */
static setun_status fill_holes(setun_vocabulary *vocabulary, setun_error *error)
{
    for (size_t i = 0; i < vocabulary->n_tokens; i++) {
        setun_vocabulary_token *token = &vocabulary->tokens[i];

        if (token->text != NULL)
            continue;
        token->text = setun_pool_printf(&vocabulary->pool, "[PAD%zu]", i);
        token->type = SETUN_TOKEN_TYPE_UNUSED;
        if (token->text == NULL)
            return setun_fail_nomem(error, "vocabulary", vocabulary->n_tokens);
    }
    return SETUN_OK;
}

/* ---- tokenizer.json; the tokenizer has been made from it already, so what it checks is right ---- */

static setun_status put_token(setun_vocabulary *vocabulary, const char *path, const json_t *name, int64_t id, int32_t type, setun_error *error)
{
    if (id < 0 || (uint64_t)id >= vocabulary->n_tokens || !json_is_string(name))
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected a token with an id below %zu, found %lld", path, vocabulary->n_tokens,
                          (long long)id);
    vocabulary->tokens[id].type = type;
    return keep(vocabulary, path, json_string_value(name), json_string_length(name), &vocabulary->tokens[id].text, error);
}

static setun_status read_names(setun_vocabulary *vocabulary, const char *path, json_t *names, setun_error *error)
{
    const char *name;
    json_t *id;
    setun_status status = SETUN_OK;

    json_object_foreach (names, name, id) {
        json_t *text = json_string(name); /* the key's own length is not to be had before jansson 2.14.1: no byte-level name has a NUL */

        status = text == NULL ? setun_fail_nomem(error, "vocabulary", strlen(name))
                              : put_token(vocabulary, path, text, json_integer_value(id), SETUN_TOKEN_TYPE_NORMAL, error);
        json_decref(text);
        if (status != SETUN_OK)
            break;
    }
    return status;
}

static setun_status read_added(setun_vocabulary *vocabulary, const char *path, const json_t *list, bool for_gguf, setun_error *error)
{
    static const char *const flags[] = {"lstrip", "rstrip", "single_word"};
    setun_status status = SETUN_OK;

    for (size_t i = 0; i < json_array_size(list) && status == SETUN_OK; i++) {
        const json_t *token = json_array_get(list, i);

        for (size_t j = 0; j < SETUN_COUNT(flags) && for_gguf; j++)
            if (json_is_true(json_object_get(token, flags[j])))
                return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: added_tokens[%zu].%s: GGUF files cannot say it" KEPT_BY, path, i, flags[j]);
        status = put_token(vocabulary, path, json_object_get(token, "content"), json_integer_value(json_object_get(token, "id")),
                           json_is_true(json_object_get(token, "special")) ? SETUN_TOKEN_TYPE_CONTROL : SETUN_TOKEN_TYPE_USER, error);
    }
    return status;
}

/* "a b", or ["a", "b"]. */
static setun_status read_merges(setun_vocabulary *vocabulary, const char *path, const json_t *list, setun_error *error)
{
    setun_status status = SETUN_OK;

    for (size_t i = 0; i < vocabulary->n_merges && status == SETUN_OK; i++) {
        const json_t *merge = json_array_get(list, i);
        const char *left = json_string_value(json_array_get(merge, 0)), *right = json_string_value(json_array_get(merge, 1));

        if (json_is_string(merge)) {
            status = keep(vocabulary, path, json_string_value(merge), json_string_length(merge), &vocabulary->merges[i], error);
        } else if (left == NULL || right == NULL || strchr(left, ' ') != NULL || strchr(right, ' ') != NULL) {
            status = setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: model.merges[%zu]: expected two names without spaces", path, i);
        } else {
            vocabulary->merges[i] = setun_pool_printf(&vocabulary->pool, "%s %s", left, right);
            if (vocabulary->merges[i] == NULL)
                status = setun_fail_nomem(error, "vocabulary", vocabulary->n_merges);
        }
    }
    return status;
}

/* Whether a step cuts by a pattern in the way that names mean. */
static const char *split_pattern(const json_t *step)
{
    const char *type = json_string_value(json_object_get(step, "type")), *behavior = json_string_value(json_object_get(step, "behavior"));

    if (type == NULL || strcmp(type, "Split") != 0 || behavior == NULL || strcmp(behavior, "Isolated") != 0 ||
        json_is_true(json_object_get(step, "invert")))
        return NULL;
    return json_string_value(json_object_get(json_object_get(step, "pattern"), "Regex"));
}

/* The name of the cuts that the file describes; only GGUF files need one. */
static setun_status read_pre(setun_vocabulary *vocabulary, const char *path, const json_t *root, setun_error *error)
{
    const json_t *value = json_object_get(root, "pre_tokenizer"), *steps = json_object_get(value, "pretokenizers"), *last;
    const bool ignore_merges = json_is_true(json_object_get(json_object_get(root, "model"), "ignore_merges"));
    const size_t n = json_array_size(steps);
    const char *patterns[4] = {NULL}, *type;
    const setun_pre *pre = NULL;
    bool fits;

    last = n > 0 ? json_array_get(steps, n - 1) : value;
    type = json_string_value(json_object_get(last, "type"));
    fits = type != NULL && strcmp(type, "ByteLevel") == 0 && !json_is_true(json_object_get(last, "add_prefix_space")) &&
           n <= SETUN_COUNT(patterns);
    for (size_t i = 0; fits && i + 1 < n; i++) {
        patterns[i] = split_pattern(json_array_get(steps, i));
        fits = patterns[i] != NULL;
    }
    if (fits && !json_is_false(json_object_get(last, "use_regex")))
        pre = n <= 1 && !ignore_merges && setun_pre_find("gpt-2", &pre, NULL) == SETUN_OK ? pre : NULL; /* ByteLevel's own pattern */
    else if (fits)
        pre = setun_pre_match(patterns, n > 0 ? n - 1 : 0, ignore_merges);
    if (pre == NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: pre_tokenizer: GGUF files have no name for these rules%s" KEPT_BY, path,
                          fits ? ignore_merges ? " (with ignore_merges)" : " (without ignore_merges)" : "");
    vocabulary->pre = pre->name;
    return SETUN_OK;
}

static setun_status read_root(setun_vocabulary *vocabulary, const char *path, const json_t *root, size_t n_tokens, bool for_gguf,
                              setun_error *error)
{
    const json_t *model = json_object_get(root, "model"), *merges = json_object_get(model, "merges");
    setun_status status = make_room(vocabulary, n_tokens, json_array_size(merges), error);

    if (status == SETUN_OK && for_gguf)
        status = read_pre(vocabulary, path, root, error);
    if (status == SETUN_OK)
        status = read_names(vocabulary, path, json_object_get(model, "vocab"), error);
    if (status == SETUN_OK)
        status = read_added(vocabulary, path, json_object_get(root, "added_tokens"), for_gguf, error);
    if (status == SETUN_OK)
        status = read_merges(vocabulary, path, merges, error);
    return status == SETUN_OK ? fill_holes(vocabulary, error) : status;
}

/* text[n_bytes] of a tokenizer.json, which is kept. */
static setun_status parse_json(setun_vocabulary *vocabulary, const char *path, const char *text, size_t n_bytes, size_t n_tokens, bool for_gguf,
                               setun_error *error)
{
    json_error_t fault;
    bool no_memory;
    json_t *root;
    setun_status status;

    vocabulary->tokenizer_json = setun_pool_strndup(&vocabulary->pool, text, n_bytes);
    vocabulary->tokenizer_json_bytes = n_bytes;
    root = setun_json_loadb(text, n_bytes, JSON_ALLOW_NUL, &fault, &no_memory);
    if (root == NULL || vocabulary->tokenizer_json == NULL) {
        json_decref(root);
        return no_memory || root != NULL ? setun_fail_nomem(error, path, n_bytes)
                                         : setun_fail(error, SETUN_ERR_FORMAT, "%s: not valid JSON", path);
    }
    status = read_root(vocabulary, path, root, n_tokens, for_gguf, error);
    json_decref(root);
    return status;
}

static setun_status read_json(setun_vocabulary *vocabulary, const char *path, size_t n_tokens, bool for_gguf, setun_error *error)
{
    char *text;
    size_t n_bytes;
    setun_status status = setun_read_file(path, MAX_FILE_BYTES, &text, &n_bytes, error);

    if (status == SETUN_OK) {
        status = parse_json(vocabulary, path, text, n_bytes, n_tokens, for_gguf, error);
        free(text);
    }
    return status;
}

/* The chat template of the folder's tokenizer_config.json, where there is one as text. */
static setun_status read_template(setun_vocabulary *vocabulary, const char *folder, setun_error *error)
{
    const char *path = setun_pool_printf(&vocabulary->pool, "%s/tokenizer_config.json", folder);
    const json_t *value;
    json_t *root;
    setun_status status = path == NULL ? setun_fail_nomem(error, "path", strlen(folder))
                                       : setun_json_load(path, JSON_DECODE_INT_AS_REAL, &root, error);

    if (status == SETUN_ERR_NOT_FOUND)
        return SETUN_OK;
    if (status != SETUN_OK)
        return status;
    value = json_object_get(root, "chat_template");
    if (json_is_string(value))
        status = keep(vocabulary, path, json_string_value(value), json_string_length(value), &vocabulary->chat_template, error);
    json_decref(root);
    return status;
}

/* ---- GGUF ---- */

static setun_status read_strings(setun_vocabulary *vocabulary, const setun_gguf *gguf, const setun_gguf_value *tokens,
                                 const setun_gguf_value *merges, setun_error *error)
{
    setun_gguf_cursor at = setun_gguf_first(tokens);
    const char *text;
    size_t n_bytes;
    setun_status status = SETUN_OK;

    for (size_t i = 0; status == SETUN_OK && setun_gguf_next(&at, &text, &n_bytes); i++)
        status = keep(vocabulary, setun_gguf_path(gguf), text, n_bytes, &vocabulary->tokens[i].text, error);
    if (merges != NULL)
        at = setun_gguf_first(merges);
    for (size_t i = 0; merges != NULL && status == SETUN_OK && setun_gguf_next(&at, &text, &n_bytes); i++)
        status = keep(vocabulary, setun_gguf_path(gguf), text, n_bytes, &vocabulary->merges[i], error);
    return status;
}

static setun_status read_gguf(setun_vocabulary *vocabulary, const setun_gguf *gguf, size_t n_ids, setun_error *error)
{
    const setun_gguf_value *tokens, *types = NULL, *merges = NULL;
    const char *text;
    size_t n_bytes;
    int64_t bos = -1;
    bool found;
    setun_status status = setun_gguf_strings(gguf, "tokenizer.ggml.tokens", &tokens, error);

    if (status == SETUN_OK && (tokens == NULL || tokens->n != n_ids))
        status = setun_fail(error, SETUN_ERR_FORMAT, "%s: expected the key tokenizer.ggml.tokens with %zu strings", setun_gguf_path(gguf), n_ids);
    if (status == SETUN_OK)
        status = setun_gguf_ints(gguf, "tokenizer.ggml.token_type", &types, error);
    if (status == SETUN_OK)
        status = setun_gguf_strings(gguf, "tokenizer.ggml.merges", &merges, error);
    if (status == SETUN_OK)
        status = make_room(vocabulary, n_ids, merges == NULL ? 0 : (size_t)merges->n, error);
    if (status == SETUN_OK)
        status = read_strings(vocabulary, gguf, tokens, merges, error);
    for (size_t i = 0; status == SETUN_OK && i < n_ids; i++)
        vocabulary->tokens[i].type = types != NULL && i < types->n ? (int32_t)setun_gguf_int_at(types, i) : SETUN_TOKEN_TYPE_NORMAL;
    if (status == SETUN_OK)
        status = setun_gguf_int(gguf, "tokenizer.ggml.bos_token_id", &found, &bos, error);
    if (status == SETUN_OK && found && bos >= 0 && (uint64_t)bos < n_ids)
        vocabulary->bos = (int32_t)bos;
    if (status == SETUN_OK)
        status = setun_gguf_string(gguf, "tokenizer.chat_template", &found, &text, &n_bytes, error);
    if (status == SETUN_OK && found)
        status = keep(vocabulary, setun_gguf_path(gguf), text, n_bytes, &vocabulary->chat_template, error);
    return status;
}

static setun_status open_gguf(setun_vocabulary *vocabulary, const char *path, const setun_tokenizer *tokenizer, setun_error *error)
{
    setun_gguf *gguf;
    setun_status status = setun_gguf_open(path, &gguf, error);

    if (status != SETUN_OK)
        return status;
    status = read_gguf(vocabulary, gguf, (size_t)setun_tokenizer_size(tokenizer), error);
    vocabulary->pre = setun_tokenizer_pre(tokenizer, NULL);
    setun_gguf_close(gguf);
    return status;
}

/* ---- a prepacked file, which holds either ---- */

static setun_status open_prepacked(setun_vocabulary *vocabulary, const char *path, const setun_tokenizer *tokenizer, bool for_gguf,
                                   setun_error *error)
{
    const size_t n_tokens = (size_t)setun_tokenizer_size(tokenizer);
    setun_weight_file file, part;
    setun_prepacked prepacked;
    setun_pool pool = {0};
    setun_gguf *gguf = NULL;
    char *text = NULL;
    size_t n_bytes;
    setun_status status = setun_weight_file_open(path, &file, error);

    if (status != SETUN_OK)
        return status;
    status = setun_prepacked_read(&file, &pool, &prepacked, error);
    if (status == SETUN_OK && prepacked.tokenizer == SETUN_PREPACKED_TOKENIZER_GGUF) {
        part = file;
        part.first_byte = prepacked.tokenizer_section.file_byte;
        part.n_bytes = prepacked.tokenizer_section.n_bytes;
        status = setun_gguf_read(&part, &gguf, error);
        if (status == SETUN_OK)
            status = read_gguf(vocabulary, gguf, n_tokens, error);
        vocabulary->pre = setun_tokenizer_pre(tokenizer, NULL);
    } else if (status == SETUN_OK) {
        status = setun_prepacked_read_tokenizer(&file, &prepacked, &text, &n_bytes, error);
        if (status == SETUN_OK)
            status = parse_json(vocabulary, path, text, n_bytes, n_tokens, for_gguf, error);
    }
    setun_gguf_close(gguf);
    free(text);
    setun_pool_free(&pool);
    setun_weight_file_close(&file);
    return status;
}

/* ---- all ---- */

static int32_t find_token(const setun_vocabulary *vocabulary, const char *text)
{
    for (size_t i = 0; i < vocabulary->n_tokens; i++)
        if (strcmp(vocabulary->tokens[i].text, text) == 0)
            return (int32_t)i;
    return -1;
}

void setun_vocabulary_guess_ends(setun_vocabulary *vocabulary)
{
    static const char *const begins[] = {"<|begin_of_text|>", "<s>", "<bos>"};
    static const char *const ends[] = {"<|end_of_text|>", "<|eot_id|>", "<|endoftext|>", "</s>", "<eos>", "<|im_end|>"};

    for (size_t i = 0; i < SETUN_COUNT(begins) && vocabulary->bos < 0; i++)
        vocabulary->bos = find_token(vocabulary, begins[i]);
    vocabulary->add_bos = vocabulary->bos >= 0;
    for (size_t i = 0; i < SETUN_COUNT(ends); i++) {
        const int32_t id = find_token(vocabulary, ends[i]);

        if (id >= 0)
            vocabulary->stops[vocabulary->n_stops++] = id;
    }
}

setun_status setun_vocabulary_open(const char *path, bool for_gguf, setun_vocabulary *out_vocabulary, setun_error *error)
{
    setun_vocabulary made = {.bos = -1};
    setun_tokenizer *tokenizer;
    struct stat info;
    setun_status status = setun_tokenizer_open(path, NULL, &tokenizer, error);

    if (status != SETUN_OK)
        return status;
    if (setun_gguf_claims(path)) {
        status = open_gguf(&made, path, tokenizer, error);
    } else if (setun_prepacked_claims(path)) {
        status = open_prepacked(&made, path, tokenizer, for_gguf, error);
    } else if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        const char *file = setun_pool_printf(&made.pool, "%s/tokenizer.json", path);

        status = file == NULL ? setun_fail_nomem(error, "path", strlen(path))
                              : read_json(&made, file, (size_t)setun_tokenizer_size(tokenizer), for_gguf, error);
        if (status == SETUN_OK)
            status = read_template(&made, path, error);
    } else {
        status = read_json(&made, path, (size_t)setun_tokenizer_size(tokenizer), for_gguf, error);
    }
    setun_tokenizer_close(tokenizer);
    if (status != SETUN_OK) {
        setun_vocabulary_free(&made);
        return status;
    }
    *out_vocabulary = made;
    return SETUN_OK;
}

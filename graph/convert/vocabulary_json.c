/* vocabulary_json.c - a vocabulary as the JSON files of a Hugging Face folder. */
#include <jansson.h>
#include <string.h>

#include "convert/vocabulary.h"
#include "text/text.h"

/* Gives the text of a tree and releases it. NULL: memory ran out while it was made. */
static setun_status dump(json_t *root, size_t flags, char **out_text, setun_error *error)
{
    *out_text = root == NULL ? NULL : json_dumps(root, flags);
    json_decref(root);
    return *out_text == NULL ? setun_fail_nomem(error, "JSON", 0) : SETUN_OK;
}

/* [{id, content, ...}] of the tokens that are found in a text by their literal text. */
static json_t *added_tokens(const setun_vocabulary *vocabulary)
{
    json_t *list = json_array();

    for (size_t i = 0; i < vocabulary->n_tokens; i++) {
        const setun_vocabulary_token *token = &vocabulary->tokens[i];

        if (token->type == SETUN_TOKEN_TYPE_CONTROL || token->type == SETUN_TOKEN_TYPE_USER)
            if (json_array_append_new(list, json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)i, "content", token->text,
                                                      "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special",
                                                      token->type == SETUN_TOKEN_TYPE_CONTROL)) != 0) {
                json_decref(list);
                return NULL;
            }
    }
    return list;
}

static json_t *names(const setun_vocabulary *vocabulary)
{
    json_t *object = json_object();

    for (size_t i = 0; object != NULL && i < vocabulary->n_tokens; i++)
        if (vocabulary->tokens[i].type == SETUN_TOKEN_TYPE_NORMAL &&
            json_object_set_new(object, vocabulary->tokens[i].text, json_integer((json_int_t)i)) != 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

/* ["left right"] as [["left", "right"]]. */
static json_t *merges(const setun_vocabulary *vocabulary)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < vocabulary->n_merges; i++) {
        const char *text = vocabulary->merges[i], *space = strchr(text, ' ');
        json_t *pair = space == NULL ? NULL : json_pack("[s%, s]", text, (size_t)(space - text), space + 1);

        if (json_array_append_new(list, pair) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* The cuts, then the byte-level alphabet. */
static json_t *pre_tokenizer(const setun_pre *pre)
{
    json_t *steps = json_array();

    for (size_t i = 0; i < SETUN_COUNT(pre->patterns) && pre->patterns[i] != NULL; i++)
        if (json_array_append_new(steps, json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex", pre->patterns[i], "behavior",
                                                   "Isolated", "invert", 0)) != 0)
            return NULL;
    if (json_array_append_new(steps, json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1,
                                               "use_regex", 0)) != 0)
        return NULL;
    return json_pack("{s:s, s:o}", "type", "Sequence", "pretokenizers", steps);
}

/* BOS before every text, where the model wants it; null otherwise. */
static json_t *post_processor(const setun_vocabulary *vocabulary)
{
    const char *bos = vocabulary->bos >= 0 && vocabulary->add_bos ? vocabulary->tokens[vocabulary->bos].text : NULL;

    if (bos == NULL)
        return json_null();
    return json_pack("{s:s, s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}], s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}, {s:{s:s, s:i}}, {s:{s:s, s:i}}], "
                     "s:{s:{s:s, s:[i], s:[s]}}}",
                     "type", "TemplateProcessing", "single", "SpecialToken", "id", bos, "type_id", 0, "Sequence", "id", "A", "type_id", 0,
                     "pair", "SpecialToken", "id", bos, "type_id", 0, "Sequence", "id", "A", "type_id", 0, "SpecialToken", "id", bos,
                     "type_id", 1, "Sequence", "id", "B", "type_id", 1, "special_tokens", bos, "id", bos, "ids", (int)vocabulary->bos,
                     "tokens", bos);
}

setun_status setun_vocabulary_json(const setun_vocabulary *vocabulary, char **out_text, setun_error *error)
{
    const setun_pre *pre;
    json_t *model, *root;
    setun_status status = setun_pre_find(vocabulary->pre, &pre, error);

    if (status != SETUN_OK)
        return status;
    model = json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:o, s:o}", "type", "BPE", "dropout", "unk_token", "continuing_subword_prefix",
                      "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0, "ignore_merges", pre->ignore_merges, "vocab", names(vocabulary),
                      "merges", merges(vocabulary));
    root = json_pack("{s:s, s:n, s:n, s:o, s:n, s:o, s:o, s:{s:s, s:b, s:b, s:b}, s:o}", "version", "1.0", "truncation", "padding",
                     "added_tokens", added_tokens(vocabulary), "normalizer", "pre_tokenizer", pre_tokenizer(pre), "post_processor",
                     post_processor(vocabulary), "decoder", "type", "ByteLevel", "add_prefix_space", 1, "trim_offsets", 1, "use_regex", 1,
                     "model", model);
    return dump(root, JSON_INDENT(1), out_text, error);
}

/* Sets key to a token's text, if there is one. */
static bool set_token(const setun_vocabulary *vocabulary, json_t *object, const char *key, int32_t id)
{
    return id < 0 || (size_t)id >= vocabulary->n_tokens || json_object_set_new(object, key, json_string(vocabulary->tokens[id].text)) == 0;
}

setun_status setun_vocabulary_config_json(const setun_vocabulary *vocabulary, char **out_text, setun_error *error)
{
    json_t *root = json_pack("{s:s, s:b, s:b}", "tokenizer_class", "PreTrainedTokenizerFast", "add_bos_token", vocabulary->add_bos,
                             "clean_up_tokenization_spaces", 0);

    if (!set_token(vocabulary, root, "bos_token", vocabulary->bos) ||
        (vocabulary->n_stops > 0 && !set_token(vocabulary, root, "eos_token", vocabulary->stops[0])) ||
        (vocabulary->chat_template != NULL && json_object_set_new(root, "chat_template", json_string(vocabulary->chat_template)) != 0)) {
        json_decref(root);
        root = NULL;
    }
    return dump(root, JSON_INDENT(2), out_text, error);
}

setun_status setun_vocabulary_generation_json(const setun_vocabulary *vocabulary, char **out_text, setun_error *error)
{
    json_t *root = json_object(), *stops = json_array();
    bool ok = vocabulary->bos < 0 || json_object_set_new(root, "bos_token_id", json_integer(vocabulary->bos)) == 0;

    for (size_t i = 0; i < vocabulary->n_stops; i++)
        ok = ok && json_array_append_new(stops, json_integer(vocabulary->stops[i])) == 0;
    if (vocabulary->n_stops > 0)
        ok = ok && json_object_set(root, "eos_token_id", stops) == 0;
    json_decref(stops);
    if (!ok) {
        json_decref(root);
        root = NULL;
    }
    return dump(root, JSON_INDENT(2), out_text, error);
}

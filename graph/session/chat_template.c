/* chat_template.c - chat templates by name: what stands before and after each message, and which token ids that makes.
 * A template found in a model's files is a program, is often wrong (that of 2B4T's GGUF is), and is never run. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "setun/chat.h"
#include "text/text.h"

/* In markers "<|name|>" is the token of that name if the vocabulary has it as a special one, else plain text. */
typedef struct marker {
    const char *before, *after;
} marker;

struct setun_chat_template {
    const char *name;
    marker      roles[3];  /* by SETUN_ROLE_* */
    const char *needed[4]; /* tokens without which it makes no sense */
    bool        trims;     /* white space at both ends of a text is left out */
};

static const setun_chat_template templates[] = {
    /* Of BitNet b1.58 2B4T. The blank behind "Assistant:" is a token of its own before the answer. */
    {.name = "bitnet",
     .roles = {{"System: ", "<|eot_id|>"}, {"User: ", "<|eot_id|>"}, {"Assistant: ", "<|eot_id|>"}},
     .needed = {"<|eot_id|>"},
     .trims = true},
    {.name = "llama3",
     .roles = {{"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
               {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
               {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"}},
     .needed = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
     .trims = true},
    {.name = "falcon3",
     .roles = {{"<|system|>\n", "\n"}, {"<|user|>\n", "\n"}, {"<|assistant|>\n", "<|endoftext|>\n"}},
     .needed = {"<|endoftext|>"}},
    {.name = "plain", .roles = {{"", "\n"}, {"", ""}, {"", "\n"}}},
};

size_t setun_chat_templates(const char *const **out_names)
{
    static const char *const names[] = {"bitnet", "llama3", "falcon3", "plain"};

    *out_names = names;
    return SETUN_COUNT(names);
}

setun_status setun_chat_template_find(const char *name, const setun_chat_template **out_template, setun_error *error)
{
    const char *const *names, *near;
    size_t n = setun_chat_templates(&names);

    for (size_t i = 0; i < SETUN_COUNT(templates); i++)
        if (strcmp(templates[i].name, name) == 0) {
            *out_template = &templates[i];
            return SETUN_OK;
        }
    near = setun_nearest_word(name, names, n);
    return setun_fail(error, SETUN_ERR_NOT_FOUND, "chat template: expected bitnet, llama3, falcon3 or plain, found \"%.100s\"%s%s%s", name,
                      near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
}

const char *setun_chat_template_name(const setun_chat_template *chat_template)
{
    return chat_template->name;
}

/* The special token of this name, or -1. */
static int32_t special(const setun_tokenizer *tokenizer, const char *name, size_t n_name)
{
    int32_t id = setun_tokenizer_find(tokenizer, name, n_name);
    bool is_special = false;
    size_t n_bytes;

    return id >= 0 && setun_tokenizer_token(tokenizer, id, &n_bytes, &is_special) != NULL && is_special ? id : -1;
}

static bool has(const setun_tokenizer *tokenizer, const char *name)
{
    return special(tokenizer, name, strlen(name)) >= 0;
}

/* The vocabulary alone tells Llama 3's models from others; of those, 2B4T's has the family bitnet. Small models for tests may have
 * <|eot_id|>, but neither headers nor any training in chats. */
const setun_chat_template *setun_chat_template_of(const setun_model *model)
{
    const setun_tokenizer *tokenizer = setun_model_tokenizer(model);
    const bool llama3 = has(tokenizer, "<|eot_id|>") && setun_tokenizer_size(tokenizer) >= 128256;
    const char *name = "plain";
    const setun_chat_template *found = NULL;

    if (llama3 && strcmp(setun_model_family(model), "bitnet") == 0)
        name = "bitnet";
    else if (llama3 && has(tokenizer, "<|start_header_id|>") && has(tokenizer, "<|end_header_id|>"))
        name = "llama3";
    else if (has(tokenizer, "<|user|>") && has(tokenizer, "<|assistant|>") && has(tokenizer, "<|endoftext|>"))
        name = "falcon3";
    (void)setun_chat_template_find(name, &found, NULL);
    return found;
}

/* Ids so far, and the plain text that comes after them: it is cut and merged as one, whoever wrote its parts. */
typedef struct writer {
    const setun_tokenizer *tokenizer;
    setun_ids ids;
    char     *text;
    size_t    n_text, capacity;
} writer;

static setun_status add_text(writer *w, const char *text, size_t n_bytes, setun_error *error)
{
    if (n_bytes == 0)
        return SETUN_OK;
    if (n_bytes > SIZE_MAX - w->n_text || !setun_grow(&w->text, &w->capacity, w->n_text + n_bytes, 1))
        return setun_fail_nomem(error, "chat", n_bytes);
    memcpy(w->text + w->n_text, text, n_bytes);
    w->n_text += n_bytes;
    return SETUN_OK;
}

/* The plain text becomes ids, as untrusted text. */
static setun_status flush(writer *w, setun_error *error)
{
    int32_t *ids = NULL;
    size_t n = 0;
    setun_status status;

    if (w->n_text == 0)
        return SETUN_OK;
    status = setun_tokenizer_encode(w->tokenizer, w->text, w->n_text, SETUN_TEXT_USER, &ids, &n, error);
    for (size_t i = 0; i < n && status == SETUN_OK; i++)
        if (!setun_ids_add(&w->ids, ids[i]))
            status = setun_fail_nomem(error, "chat", n);
    setun_free(ids);
    w->n_text = 0;
    return status;
}

static setun_status add_marker(writer *w, const char *text, setun_error *error)
{
    setun_status status = SETUN_OK;

    while (*text != '\0' && status == SETUN_OK) {
        const char *end = strncmp(text, "<|", 2) == 0 ? strstr(text, "|>") : NULL;
        int32_t id = end != NULL ? special(w->tokenizer, text, (size_t)(end + 2 - text)) : -1;

        if (id < 0) {
            status = add_text(w, text++, 1, error);
            continue;
        }
        status = flush(w, error);
        if (status == SETUN_OK && !setun_ids_add(&w->ids, id))
            status = setun_fail_nomem(error, "chat", w->ids.n);
        text = end + 2;
    }
    return status;
}

/* Text without white space at its ends. */
static void trim(const char **text, size_t *n_bytes)
{
    size_t n_char;

    while (*n_bytes > 0 && setun_is_white_space(setun_utf8_char(*text, &n_char))) {
        *text += n_char;
        *n_bytes -= n_char;
    }
    while (*n_bytes > 0) {
        size_t before = setun_utf8_before(*text, *n_bytes);

        if (!setun_is_white_space(setun_utf8_char(*text + before, &n_char)))
            break;
        *n_bytes = before;
    }
}

static setun_status add_message(writer *w, const setun_chat_template *t, const setun_chat_message *message, size_t index, setun_error *error)
{
    const char *text = message->text;
    size_t n_bytes = message->n_bytes, n_valid;
    setun_status status;

    if (message->role < SETUN_ROLE_SYSTEM || message->role > SETUN_ROLE_ASSISTANT)
        return setun_fail(error, SETUN_ERR_INVALID, "message %zu: expected the role 0 to 2, found %d", index, message->role);
    n_valid = setun_utf8_valid(text, n_bytes);
    if (n_valid < n_bytes)
        return setun_fail(error, SETUN_ERR_INVALID, "text: expected UTF-8, found byte 0x%02X at offset %zu that fits no character",
                          (unsigned)(uint8_t)text[n_valid], n_valid);
    if (t->trims)
        trim(&text, &n_bytes);
    status = add_marker(w, t->roles[message->role].before, error);
    if (status == SETUN_OK)
        status = add_text(w, text, n_bytes, error);
    return status == SETUN_OK ? add_marker(w, t->roles[message->role].after, error) : status;
}

setun_status setun_chat_encode(const setun_chat_template *chat_template, const setun_tokenizer *tokenizer,
                               const setun_chat_message *messages, size_t n_messages, unsigned flags, int32_t **out_ids,
                               size_t *out_n_ids, setun_error *error)
{
    const marker *answer = &chat_template->roles[SETUN_ROLE_ASSISTANT];
    writer w = {.tokenizer = tokenizer};
    setun_status status = SETUN_OK;

    if ((flags & ~(unsigned)(SETUN_CHAT_BEGIN | SETUN_CHAT_AFTER_ANSWER | SETUN_CHAT_ANSWER)) != 0)
        return setun_fail(error, SETUN_ERR_INVALID, "chat flags: expected SETUN_CHAT_*, found 0x%x", flags);
    for (size_t i = 0; i < SETUN_COUNT(chat_template->needed) && chat_template->needed[i] != NULL; i++)
        if (!has(tokenizer, chat_template->needed[i]))
            return setun_fail(error, SETUN_ERR_UNSUPPORTED,
                              "chat template %s: expected the special token %s in the vocabulary, found none: the model was made for another one",
                              chat_template->name, chat_template->needed[i]);
    if ((flags & SETUN_CHAT_BEGIN) != 0 && setun_tokenizer_bos(tokenizer) >= 0 && !setun_ids_add(&w.ids, setun_tokenizer_bos(tokenizer)))
        status = setun_fail_nomem(error, "chat", 0);
    if (status == SETUN_OK && (flags & SETUN_CHAT_AFTER_ANSWER) != 0)
        status = add_marker(&w, answer->after, error);
    for (size_t i = 0; i < n_messages && status == SETUN_OK; i++)
        status = add_message(&w, chat_template, &messages[i], i, error);
    if (status == SETUN_OK && (flags & SETUN_CHAT_ANSWER) != 0)
        status = add_marker(&w, answer->before, error);
    if (status == SETUN_OK)
        status = flush(&w, error);
    free(w.text);
    if (status != SETUN_OK) {
        free(w.ids.items);
        return status;
    }
    *out_ids = w.ids.items;
    *out_n_ids = w.ids.n;
    return SETUN_OK;
}

/* chat.c - a conversation in a sequence of a session: what was said, its token ids, and how far the cache has them.
 * The cache holds ids[0 .. length of the sequence); ids behind that wait for the next message. Answers keep the ids that were generated,
 * so nothing is computed twice. */
#include <stdlib.h>
#include <string.h>

#include "session/session_internal.h"
#include "setun/chat.h"
#include "text/text.h"

struct setun_chat {
    setun_session             *session;
    const setun_chat_template *template;
    int32_t                    seq;
    char                      *system; /* NULL: none */
    setun_ids                  ids;
    bool                       answered; /* ids end with an answer, without what ends it */
    setun_chat_message        *messages; /* texts are its own */
    size_t                     n_messages, capacity;
};

/* A text that grows while an answer comes. */
typedef struct answer {
    setun_chat       *chat;
    setun_token_sink *sink;
    void             *context;
    char             *text;
    size_t            n_text, capacity;
} answer;

static setun_status no_room(const setun_chat *chat, size_t n_new, setun_error *error)
{
    const long long context = (long long)chat->session->context, left = context - (long long)chat->ids.n;

    return setun_fail(error, SETUN_ERR_FULL, "%zu tokens do not fit: the context of %lld positions has %lld left", n_new, context,
                      left > 0 ? left : 0);
}

/* Appends a message with a copy of the text. */
static setun_status add_message(setun_chat *chat, int32_t role, const char *text, size_t n_bytes, setun_error *error)
{
    char *copy = setun_alloc(n_bytes + 1);

    if (copy == NULL || !setun_grow(&chat->messages, &chat->capacity, chat->n_messages + 1, sizeof(*chat->messages))) {
        free(copy);
        return setun_fail_nomem(error, "chat", n_bytes);
    }
    if (n_bytes > 0)
        memcpy(copy, text, n_bytes);
    copy[n_bytes] = '\0';
    chat->messages[chat->n_messages++] = (setun_chat_message){.role = role, .text = copy, .n_bytes = n_bytes};
    return SETUN_OK;
}

static void drop_messages(setun_chat *chat, size_t n_kept)
{
    while (chat->n_messages > n_kept)
        free((void *)(uintptr_t)chat->messages[--chat->n_messages].text);
}

/* Appends ids; false: out of memory, and nothing was. */
static bool append_ids(setun_chat *chat, const int32_t *ids, size_t n)
{
    if (!setun_grow(&chat->ids.items, &chat->ids.capacity, chat->ids.n + n + 1, sizeof(*chat->ids.items)))
        return false;
    if (n > 0)
        memcpy(chat->ids.items + chat->ids.n, ids, n * sizeof(*ids));
    chat->ids.n += n;
    return true;
}

/* Back to n ids and n_messages messages. */
static void roll_back(setun_chat *chat, size_t n_ids, size_t n_messages, bool answered)
{
    chat->ids.n    = n_ids;
    chat->answered = answered;
    drop_messages(chat, n_messages);
    if (setun_sequence_length(chat->session, chat->seq) > (int64_t)n_ids)
        setun_sequence_truncate(chat->session, chat->seq, (int64_t)n_ids);
}

setun_status setun_chat_create(setun_session *session, const setun_chat_template *chat_template, const char *system,
                               setun_chat **out_chat, setun_error *error)
{
    setun_chat *chat = setun_calloc(1, sizeof(*chat));
    setun_status status;

    if (chat == NULL)
        return setun_fail_nomem(error, "chat", sizeof(*chat));
    chat->session  = session;
    chat->template = chat_template != NULL ? chat_template : setun_chat_template_of(session->model);
    status = setun_sequence_open(session, &chat->seq, error);
    if (status != SETUN_OK) {
        free(chat);
        return status;
    }
    if (system != NULL && (chat->system = setun_strndup(system, strlen(system))) == NULL)
        status = setun_fail_nomem(error, "chat", strlen(system));
    if (status == SETUN_OK) {
        const setun_chat_message first = {.role = SETUN_ROLE_SYSTEM, .text = chat->system, .n_bytes = system != NULL ? strlen(system) : 0};

        status = setun_chat_replace(chat, &first, system != NULL, error);
    }
    if (status != SETUN_OK) {
        setun_chat_destroy(chat);
        return status;
    }
    *out_chat = chat;
    return SETUN_OK;
}

void setun_chat_destroy(setun_chat *chat)
{
    if (chat == NULL)
        return;
    setun_sequence_close(chat->session, chat->seq);
    drop_messages(chat, 0);
    free(chat->messages);
    free(chat->ids.items);
    free(chat->system);
    free(chat);
}

setun_status setun_chat_replace(setun_chat *chat, const setun_chat_message *messages, size_t n_messages, setun_error *error)
{
    setun_chat next = {.session = chat->session};
    int32_t *ids = NULL;
    size_t n = 0, n_same = 0;
    setun_status status = setun_chat_encode(chat->template, chat->session->model->tokenizer, messages, n_messages, SETUN_CHAT_BEGIN, &ids, &n,
                                            error);

    if (status == SETUN_OK && (int64_t)n >= chat->session->context)
        status = no_room(&next, n, error);
    for (size_t i = 0; i < n_messages && status == SETUN_OK; i++)
        status = add_message(&next, messages[i].role, messages[i].text, messages[i].n_bytes, error);
    if (status != SETUN_OK) {
        drop_messages(&next, 0);
        free(next.messages);
        setun_free(ids);
        return status;
    }
    while (n_same < n && n_same < chat->ids.n && ids[n_same] == chat->ids.items[n_same])
        n_same++; /* of the system message, most often: that much stays in the cache */
    roll_back(chat, n_same, 0, false);
    free(chat->messages);
    free(chat->ids.items);
    chat->messages   = next.messages;
    chat->n_messages = next.n_messages;
    chat->capacity   = next.capacity;
    chat->ids        = (setun_ids){.items = ids, .n = n, .capacity = n};
    return SETUN_OK;
}

setun_status setun_chat_reset(setun_chat *chat, setun_error *error)
{
    const setun_chat_message first = {.role = SETUN_ROLE_SYSTEM, .text = chat->system, .n_bytes = chat->system != NULL ? strlen(chat->system) : 0};

    return setun_chat_replace(chat, &first, chat->system != NULL, error);
}

static setun_status take_token(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error)
{
    answer *a = context;

    if (id >= 0 && !setun_ids_add(&a->chat->ids, id))
        return setun_fail_nomem(error, "chat", a->chat->ids.n);
    if (!setun_grow(&a->text, &a->capacity, a->n_text + n_bytes + 1, 1))
        return setun_fail_nomem(error, "chat", n_bytes);
    if (n_bytes > 0)
        memcpy(a->text + a->n_text, text, n_bytes);
    a->n_text += n_bytes;
    a->text[a->n_text] = '\0';
    return a->sink(a->context, id, text, n_bytes, error);
}

setun_status setun_chat_say(setun_chat *chat, const char *text, size_t n_bytes, int64_t n_tokens, const setun_sampling *sampling,
                            setun_token_sink *sink, void *context, setun_generation *out_generation, setun_error *error)
{
    const setun_chat_message message = {.role = SETUN_ROLE_USER, .text = text, .n_bytes = n_bytes};
    const size_t n_ids = chat->ids.n, n_messages = chat->n_messages;
    const bool answered = chat->answered;
    answer a = {.chat = chat, .sink = sink, .context = context};
    int64_t n_cached = setun_sequence_length(chat->session, chat->seq);
    int32_t *ids = NULL;
    size_t n = 0;
    setun_status status = setun_chat_encode(chat->template, chat->session->model->tokenizer, &message, 1,
                                            SETUN_CHAT_ANSWER | (answered ? SETUN_CHAT_AFTER_ANSWER : 0), &ids, &n, error);

    if (status == SETUN_OK && (int64_t)(chat->ids.n + n) > chat->session->context)
        status = no_room(chat, n, error);
    if (status == SETUN_OK && !append_ids(chat, ids, n))
        status = setun_fail_nomem(error, "chat", n);
    setun_free(ids);
    if (status == SETUN_OK)
        status = add_message(chat, SETUN_ROLE_USER, text, n_bytes, error);
    if (status == SETUN_OK) /* reads its prompt before it calls take_token, which may move the ids */
        status = setun_generate(chat->session, chat->seq, chat->ids.items + n_cached, chat->ids.n - (size_t)n_cached, n_tokens, sampling,
                                take_token, &a, out_generation, error);
    chat->answered = status == SETUN_OK && (out_generation->n_tokens > 0 || out_generation->end == SETUN_END_STOP);
    if (chat->answered)
        status = add_message(chat, SETUN_ROLE_ASSISTANT, a.text, a.n_text, error);
    if (status != SETUN_OK || !chat->answered)
        roll_back(chat, n_ids, n_messages, answered);
    (void)setun_session_take_interrupt(chat->session); /* nor is one meant for the next answer that came before this message was refused */
    free(a.text);
    return status;
}

const setun_chat_message *setun_chat_messages(const setun_chat *chat, size_t *out_n)
{
    *out_n = chat->n_messages;
    return chat->n_messages > 0 ? chat->messages : NULL;
}

int64_t setun_chat_length(const setun_chat *chat)
{
    return (int64_t)chat->ids.n;
}

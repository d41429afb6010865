/** \file
 * chat.h - conversations: chat templates by name, and a chat that goes on in a session.
 * What people write is never trusted: special tokens in it are plain text. A chat belongs to its session's thread. */
#ifndef SETUN_CHAT_H
#define SETUN_CHAT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A way to write a conversation as tokens; opaque and constant. */
typedef struct setun_chat_template setun_chat_template;

/** Who says something. */
enum {
    SETUN_ROLE_SYSTEM = 0,   /**< what the model is told about its task */
    SETUN_ROLE_USER = 1,     /**< the person */
    SETUN_ROLE_ASSISTANT = 2 /**< the model */
};

/** One message. */
typedef struct setun_chat_message {
    int32_t     role;    /**< SETUN_ROLE_* */
    const char *text;    /**< [n_bytes] UTF-8 */
    size_t      n_bytes; /**< its length */
} setun_chat_message;

/** The names of all templates.
 * \param[out] out_names  [returned] constant; the last one is "plain", which writes texts one after the other, for models without chats
 * \return how many */
SETUN_API size_t setun_chat_templates(const char *const **out_names);

/** A template by its name.
 * \param name              "bitnet", "llama3", "falcon3" or "plain"
 * \param[out] out_template  constant
 * \param[out] error        the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOT_FOUND: the error lists the names */
SETUN_API setun_status setun_chat_template_find(const char *name, const setun_chat_template **out_template, setun_error *error);

/** The template that a model was made for, by its family and its vocabulary; what its files say of templates is not looked at.
 * \param model  an open one
 * \return never NULL; "plain" for a model that is not known to chat */
SETUN_API const setun_chat_template *setun_chat_template_of(const setun_model *model);

/** Its name.
 * \param chat_template  any
 * \return "bitnet" */
SETUN_API const char *setun_chat_template_name(const setun_chat_template *chat_template);

/** Flags of setun_chat_encode. */
enum {
    SETUN_CHAT_BEGIN = 1u << 0,        /**< the text begins here: first the tokenizer's BOS, if it has one */
    SETUN_CHAT_AFTER_ANSWER = 1u << 1, /**< an answer of the model stands before: first what ends one */
    SETUN_CHAT_ANSWER = 1u << 2        /**< at the end what begins an answer, for the model to go on */
};

/** Messages as token ids.
 * \param chat_template   any
 * \param tokenizer       an open one
 * \param messages        [n_messages]
 * \param n_messages      may be 0
 * \param flags           SETUN_CHAT_*
 * \param[out] out_ids    [*out_n_ids] the caller's, for setun_free; NULL when there are none
 * \param[out] out_n_ids  how many
 * \param[out] error      the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: a text is not UTF-8, a role or a flag is unknown; SETUN_ERR_UNSUPPORTED: the vocabulary lacks a token
 *         that the template needs; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_chat_encode(const setun_chat_template *chat_template, const setun_tokenizer *tokenizer,
                                         const setun_chat_message *messages, size_t n_messages, unsigned flags, int32_t **out_ids,
                                         size_t *out_n_ids, setun_error *error);

/** A conversation in a session; opaque. */
typedef struct setun_chat setun_chat;

/** Begins one, in a sequence of its own.
 * \param session        borrowed, must outlive the chat
 * \param chat_template  any; NULL: the model's own
 * \param system         text of a system message that every conversation begins with, UTF-8; NULL: none
 * \param[out] out_chat  the caller's, for setun_chat_destroy
 * \param[out] error     the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_FULL: the session has no sequence left, or its context no room for the system message; as
 *         setun_chat_encode */
SETUN_API setun_status setun_chat_create(setun_session *session, const setun_chat_template *chat_template, const char *system,
                                         setun_chat **out_chat, setun_error *error);

/** Ends it and closes its sequence.
 * \param chat  may be NULL */
SETUN_API void setun_chat_destroy(setun_chat *chat);

/** Says something and lets the model answer. Only tokens that are not in the cache yet are computed. An answer that is interrupted is
 * kept as far as it came; without a first token, and after an error, the chat is as before.
 * \param chat                 the chat
 * \param text                 [n_bytes] UTF-8; special tokens in it are plain text
 * \param n_bytes              its length
 * \param n_tokens             tokens of the answer at most; -1: until the context is full
 * \param sampling             NULL: greedy
 * \param sink                 gets the answer, as in setun_generate; never NULL
 * \param context              for the sink
 * \param[out] out_generation  what was done; never NULL; n_prompt counts the tokens that were new to the cache
 * \param[out] error           the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_FULL: the message does not fit into what is left of the context; as setun_chat_encode and setun_generate */
SETUN_API setun_status setun_chat_say(setun_chat *chat, const char *text, size_t n_bytes, int64_t n_tokens,
                                      const setun_sampling *sampling, setun_token_sink *sink, void *context,
                                      setun_generation *out_generation, setun_error *error);

/** Forgets everything but the system message that the chat was created with.
 * \param chat        the chat
 * \param[out] error  the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOMEM: the chat is as before then */
SETUN_API setun_status setun_chat_reset(setun_chat *chat, setun_error *error);

/** Replaces the conversation; nothing is computed before the next setun_chat_say.
 * \param chat        the chat
 * \param messages    [n_messages] copied; a system message among them takes the place of the chat's own until setun_chat_reset
 * \param n_messages  may be 0
 * \param[out] error  the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_FULL: they do not fit into the context; as setun_chat_encode. The chat is as before then */
SETUN_API setun_status setun_chat_replace(setun_chat *chat, const setun_chat_message *messages, size_t n_messages, setun_error *error);

/** What was said so far, the system message included.
 * \param chat        the chat
 * \param[out] out_n  how many
 * \return [*out_n] the chat's own, valid until it changes; NULL if there are none */
SETUN_API const setun_chat_message *setun_chat_messages(const setun_chat *chat, size_t *out_n);

/** Its length.
 * \param chat  the chat
 * \return tokens of all messages, of the context's positions */
SETUN_API int64_t setun_chat_length(const setun_chat *chat);

#ifdef __cplusplus
}
#endif
#endif

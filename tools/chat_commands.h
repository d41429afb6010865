/* chat_commands.h - what `setun chat` is made of besides talking: a conversation with its settings, and the lines that begin with '/'. */
#ifndef SETUN_TOOLS_CHAT_COMMANDS_H
#define SETUN_TOOLS_CHAT_COMMANDS_H
#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "setun/chat.h"

typedef struct chat_state {
    const common_options *common;
    setun_model          *model;
    setun_chat           *chat;
    const char           *template_name;
    int64_t               context;  /* positions */
    sampling_options      sampling;
    uint64_t              n_resets; /* since the beginning: each conversation has a seed of its own */
    int64_t               n_tokens, n_prompt; /* of all answers; new to the cache */
    int64_t               n_timed;            /* of n_tokens in token_seconds: the first of an answer is the prompt's time */
    double                prompt_seconds, token_seconds;
} chat_state;

enum chat_next { CHAT_GO_ON, CHAT_LEAVE, CHAT_FAILED };

/* Does what the line, which begins with '/', says; it is changed. Mistakes are reported: CHAT_FAILED. */
enum chat_next chat_command(chat_state *state, char *line);

/* "/reset ...": the commands for people, one a line. */
const char *chat_commands_text(void);
#endif

/* chat_commands.c - /reset, /save, /load, /stats, /help and /exit of `setun chat`. */
#include "chat_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "io.h"
#include "whole_file.h"

static const char *const role_names[] = {[SETUN_ROLE_SYSTEM] = "system", [SETUN_ROLE_USER] = "user", [SETUN_ROLE_ASSISTANT] = "assistant"};

static enum chat_next reset(chat_state *state, const char *operand)
{
    setun_error error;

    (void)operand;
    if (setun_chat_reset(state->chat, &error) != SETUN_OK) {
        (void)fail("%s", error.text);
        return CHAT_FAILED;
    }
    state->n_resets++;
    (void)fprintf(stderr, "a new conversation\n");
    return CHAT_GO_ON;
}

static enum chat_next save(chat_state *state, const char *operand)
{
    size_t n;
    const setun_chat_message *messages = setun_chat_messages(state->chat, &n);
    json_t *list = json_array();
    char *text;
    setun_error error;
    setun_status status;

    for (size_t i = 0; list != NULL && i < n; i++)
        if (json_array_append_new(list, json_pack("{s:s, s:s%}", "role", role_names[messages[i].role], "content", messages[i].text,
                                                  messages[i].n_bytes)) != 0) {
            json_decref(list);
            list = NULL;
        }
    if (list != NULL)
        list = json_pack("{s:s, s:s, s:o}", "model", setun_model_path(state->model), "template", state->template_name, "messages", list);
    text = list != NULL ? json_dumps(list, JSON_INDENT(2)) : NULL;
    json_decref(list);
    if (text == NULL) {
        (void)fail("out of memory: the conversation");
        return CHAT_FAILED;
    }
    status = whole_file_save(operand, text, strlen(text), &error);
    free(text);
    if (status != SETUN_OK) {
        (void)fail("%s", error.text);
        return CHAT_FAILED;
    }
    (void)fprintf(stderr, "%zu message%s saved\n", n, n == 1 ? "" : "s");
    return CHAT_GO_ON;
}

/* The messages of what save() wrote, borrowing from root; malloc-ed. NULL: reported. */
static setun_chat_message *read_messages(const char *path, const json_t *root, size_t *out_n)
{
    const json_t *list = json_object_get(root, "messages");
    setun_chat_message *messages;

    if (!json_is_array(list)) {
        (void)fail("%s: messages: expected an array of messages", path);
        return NULL;
    }
    *out_n = json_array_size(list);
    messages = calloc(*out_n + 1, sizeof(*messages));
    if (messages == NULL) {
        (void)fail("out of memory: %zu messages", *out_n);
        return NULL;
    }
    for (size_t i = 0; i < *out_n; i++) {
        const json_t *message = json_array_get(list, i), *content = json_object_get(message, "content");
        const char *role = json_string_value(json_object_get(message, "role"));

        messages[i] = (setun_chat_message){.role = -1, .text = json_string_value(content), .n_bytes = json_string_length(content)};
        for (int j = SETUN_ROLE_SYSTEM; role != NULL && j <= SETUN_ROLE_ASSISTANT; j++)
            if (strcmp(role, role_names[j]) == 0)
                messages[i].role = j;
        if (messages[i].role < 0 || messages[i].text == NULL) {
            (void)fail("%s: messages[%zu]: expected a role (system, user or assistant) and a content that is a string", path, i);
            free(messages);
            return NULL;
        }
    }
    return messages;
}

static enum chat_next load(chat_state *state, const char *operand)
{
    enum chat_next next = CHAT_FAILED;
    setun_chat_message *messages = NULL;
    json_error_t fault;
    json_t *root = NULL;
    size_t n_bytes, n = 0;
    char *text = NULL;
    setun_error error;

    if (strcmp(operand, "-") == 0) {
        (void)fail("/load: the standard input is where the messages come from");
    } else if (read_input(operand, &text, &n_bytes, &error) != SETUN_OK) {
        (void)fail("%s", error.text);
    } else if ((root = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &fault)) == NULL) {
        (void)fail("%s:%d:%d: not valid JSON: %s", operand, fault.line, fault.column, fault.text);
    } else if ((messages = read_messages(operand, root, &n)) != NULL) {
        if (setun_chat_replace(state->chat, messages, n, &error) != SETUN_OK) {
            (void)fail("%s: %s", operand, error.text);
        } else {
            state->n_resets++;
            (void)fprintf(stderr, "%zu message%s loaded, %lld tokens of %lld\n", n, n == 1 ? "" : "s",
                          (long long)setun_chat_length(state->chat), (long long)state->context);
            next = CHAT_GO_ON;
        }
    }
    free(messages);
    json_decref(root);
    free(text);
    return next;
}

static enum chat_next show_statistics(chat_state *state, const char *operand)
{
    const int64_t length = setun_chat_length(state->chat);
    size_t n;

    (void)operand;
    (void)setun_chat_messages(state->chat, &n);
    (void)fprintf(stderr, "conversation  %zu message%s, %lld token%s of %lld\n", n, n == 1 ? "" : "s", (long long)length, length == 1 ? "" : "s",
                  (long long)state->context);
    print_tokens("read         ", 0, state->n_prompt, state->n_prompt, state->prompt_seconds);
    print_tokens("generated    ", 0, state->n_tokens, state->n_timed, state->token_seconds);
    if (state->sampling.temperature > 0)
        (void)fprintf(stderr, "seed          %llu\n", (unsigned long long)state->sampling.seed + state->n_resets);
    return CHAT_GO_ON;
}

static enum chat_next help(chat_state *state, const char *operand)
{
    (void)state;
    (void)operand;
    (void)fprintf(stderr, "%s", chat_commands_text());
    return CHAT_GO_ON;
}

static enum chat_next leave(chat_state *state, const char *operand)
{
    (void)state;
    (void)operand;
    return CHAT_LEAVE;
}

static const struct {
    const char *name, *operand;
    enum chat_next (*run)(chat_state *state, const char *operand);
} commands[] = {{"reset", NULL, reset}, {"save", "FILE", save}, {"load", "FILE", load}, {"stats", NULL, show_statistics},
                {"help", NULL, help}, {"exit", NULL, leave}};

const char *chat_commands_text(void)
{
    return "/reset       begin a new conversation\n"
           "/save FILE   write the conversation to a file, as JSON\n"
           "/load FILE   go on with one from a file\n"
           "/stats       its length, tokens/s, the seed\n"
           "/help        this\n"
           "/exit        leave, as Ctrl-D does; Ctrl-C stops an answer\n"
           "A message that begins with / is written with //, and a line that ends with \\ goes on in the next.\n";
}

enum chat_next chat_command(chat_state *state, char *line)
{
    enum { N = sizeof(commands) / sizeof(commands[0]) };
    const char *names[N], *near;
    char *word = line + 1, *operand = word + strcspn(word, " \t");

    if (*operand != '\0')
        *operand++ = '\0';
    operand += strspn(operand, " \t");
    for (size_t n = strlen(operand); n > 0 && (operand[n - 1] == ' ' || operand[n - 1] == '\t'); n--)
        operand[n - 1] = '\0';
    for (size_t i = 0; i < N; i++) {
        names[i] = commands[i].name;
        if (strcmp(word, commands[i].name) != 0)
            continue;
        if ((commands[i].operand != NULL) == (*operand != '\0'))
            return commands[i].run(state, operand);
        (void)fail("/%s %s", word, commands[i].operand != NULL ? "needs a FILE" : "takes nothing behind it");
        return CHAT_FAILED;
    }
    near = setun_nearest_word(word, names, N);
    if (near != NULL)
        (void)fail("no command '/%s'; did you mean '/%s'? A message that begins with / is written with //", word, near);
    else
        (void)fail("no command '/%s'; see /help. A message that begins with / is written with //", word);
    return CHAT_FAILED;
}

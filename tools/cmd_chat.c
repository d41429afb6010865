/* cmd_chat.c - `setun chat`: a conversation with a model, line by line. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "chat_commands.h"
#include "io.h"
#include "lines.h"
#include "progress.h"

typedef struct chat_options {
    common_options   common;
    sampling_options sampling;
    const char      *system, *chat_template, *history;
    int64_t          n_tokens;
    bool             commands;
} chat_options;

/* One answer on its way out. */
typedef struct output {
    bool    json;
    char    last; /* byte written; 0: none */
    json_t *ids;  /* of JSON */
} output;

static setun_status on_token(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error)
{
    output *out = context;

    if (!out->json) {
        if (n_bytes == 0)
            return SETUN_OK;
        out->last = text[n_bytes - 1];
        return stdout_write(text, n_bytes, error);
    }
    if (id >= 0 && json_array_append_new(out->ids, json_integer(id)) != 0)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: token ids");
    return SETUN_OK;
}

/* The answer as one line of JSON. */
static int print_answer(const chat_state *state, json_t *ids, const setun_generation *generation)
{
    static const char *const ends[] = {
        [SETUN_END_LENGTH] = "length", [SETUN_END_STOP] = "stop", [SETUN_END_CONTEXT] = "context", [SETUN_END_INTERRUPT] = "interrupt"};
    size_t n;
    const setun_chat_message *messages = setun_chat_messages(state->chat, &n);
    const bool answered = n > 0 && messages[n - 1].role == SETUN_ROLE_ASSISTANT && json_array_size(ids) > 0;

    return print_json(json_pack("{s:s, s:s%, s:O, s:s, s:I, s:I, s:f, s:f}", "role", "assistant", "content",
                                answered ? messages[n - 1].text : "", answered ? messages[n - 1].n_bytes : (size_t)0, "ids", ids, "end",
                                ends[generation->end], "n_prompt", (json_int_t)generation->n_prompt, "n_tokens",
                                (json_int_t)generation->n_tokens, "prompt_seconds", generation->prompt_seconds, "token_seconds",
                                generation->token_seconds));
}

/* What an answer's end means for the person who reads it. */
static void explain_end(const chat_state *state, const setun_generation *generation)
{
    if (generation->end == SETUN_END_CONTEXT)
        (void)fprintf(stderr, "[the context of %lld tokens is full and the answer ends here; /reset begins a new conversation]\n",
                      (long long)state->context);
    else if (generation->end == SETUN_END_LENGTH)
        (void)fprintf(stderr, "[stopped after %lld tokens, see -n]\n", (long long)generation->n_tokens);
    else if (generation->end == SETUN_END_INTERRUPT)
        (void)fprintf(stderr, "[stopped%s]\n", generation->n_tokens == 0 ? " before the answer began; the message is forgotten" : "");
}

/* Says it and prints the answer. False: reported. */
static bool say(chat_state *state, setun_session *session, const chat_options *options, const char *text, size_t n_bytes)
{
    const setun_sampling sampling = sampling_of(&state->sampling, state->n_resets);
    output out = {.json = options->common.output == OUTPUT_JSON, .ids = json_array()};
    setun_generation generation = {0};
    setun_error error, write_error;
    setun_status status;
    bool good;

    if (out.ids == NULL)
        return fail("out of memory: token ids") == EXIT_DONE;
    interrupt_session(session);
    status = setun_chat_say(state->chat, text, n_bytes, options->n_tokens, &sampling, on_token, &out, &generation, &error);
    interrupt_watch(true);
    progress_clear();
    good = status == SETUN_OK;
    if (out.last != '\0' && out.last != '\n' && stdout_write("\n", 1, &write_error) != SETUN_OK && good) {
        error = write_error;
        good = false;
    }
    if (good && out.json)
        good = print_answer(state, out.ids, &generation) == EXIT_DONE;
    else if (!good)
        (void)fail("%s%s", error.text, status == SETUN_ERR_FULL ? "; /reset begins a new conversation" : "");
    if (good) {
        explain_end(state, &generation);
        state->n_tokens += generation.n_tokens;
        state->n_timed += generation.n_tokens > 0 ? generation.n_tokens - 1 : 0;
        state->n_prompt += generation.n_prompt;
        state->prompt_seconds += generation.prompt_seconds;
        state->token_seconds += generation.token_seconds;
    }
    json_decref(out.ids);
    return good;
}

/* Reads a message: a line, and those after it while they are typed and end with a backslash. */
static enum line_end read_message(line_reader *lines, buffer *message, setun_error *error)
{
    const char *text;
    size_t n_bytes;

    message->n = 0;
    for (;;) {
        const enum line_end end = lines_next(lines, message->n > 0 ? "  " : "> ", &text, &n_bytes, error);
        bool goes_on;

        if (end != LINE_READ)
            return end;
        goes_on = lines_are_typed(lines) && n_bytes > 0 && text[n_bytes - 1] == '\\';
        buffer_add_bytes(message, text, n_bytes - goes_on);
        if (goes_on)
            buffer_add_bytes(message, "\n", 1);
        if (message->failed) {
            (void)set_error(error, SETUN_ERR_NOMEM, "out of memory: the message");
            return LINE_FAILED;
        }
        if (!goes_on)
            return LINE_READ;
    }
}

/* What a signal at the prompt means: Ctrl-C leaves if it is the second since the last line, other signals leave at once. -1: go on. */
static int take_signal(const line_reader *lines, int *n_interrupts)
{
    const int number = interrupt_take();

    if (number == SIGINT && lines_are_typed(lines) && (*n_interrupts)++ == 0) {
        if (!lines_had_text(lines))
            (void)fprintf(stderr, "Ctrl-C again, Ctrl-D or /exit leaves\n");
        return -1;
    }
    return EXIT_SIGNAL + number;
}

/* Until the end of the input. Returns an exit code. */
static int converse(const chat_options *options, chat_state *state, setun_session *session, line_reader *lines)
{
    const bool typed = lines_are_typed(lines);
    int n_interrupts = 0, code = -1;
    buffer message = {0};
    setun_error error;

    while (code < 0) {
        bool good = true;

        switch (read_message(lines, &message, &error)) {
        case LINE_INTERRUPTED:
            code = take_signal(lines, &n_interrupts);
            continue;
        case LINE_FAILED:
            code = fail("%s", error.text);
            continue;
        case LINE_INPUT_ENDED:
            if (typed)
                (void)fputc('\n', stderr);
            code = EXIT_DONE;
            continue;
        case LINE_READ:
            n_interrupts = 0;
        }
        if (message.n == 0 || strspn(message.data, " \t\r\n") == message.n)
            continue;
        if (message.data[0] == '/' && message.data[1] != '/' && (typed || options->commands)) {
            const enum chat_next next = chat_command(state, message.data);

            good = next != CHAT_FAILED;
            if (next == CHAT_LEAVE)
                code = EXIT_DONE;
        } else {
            const bool doubled = message.data[0] == '/' && message.data[1] == '/' && (typed || options->commands);

            good = say(state, session, options, message.data + doubled, message.n - doubled);
            n_interrupts = interrupt_signal() == SIGINT;
            if (interrupt_signal() != 0 && (interrupt_signal() != SIGINT || !typed))
                code = EXIT_SIGNAL + interrupt_signal();
            (void)interrupt_take();
        }
        if (!good && !typed)
            code = EXIT_FAILED; /* what follows in a script would be said in another conversation than was meant */
    }
    buffer_free(&message);
    return code;
}

static int chat(chat_options *options)
{
    chat_state state = {.common = &options->common, .sampling = options->sampling};
    const setun_chat_template *chat_template = NULL;
    setun_session *session = NULL;
    line_reader *lines = NULL;
    setun_session_info info;
    setun_error error;
    setun_status status = SETUN_OK;
    int code;

    if (options->chat_template != NULL)
        status = setun_chat_template_find(options->chat_template, &chat_template, &error);
    if (status == SETUN_OK)
        status = common_open_model(&options->common, &state.model, &error);
    if (status == SETUN_OK)
        status = common_create_session(&options->common, state.model, 1, &session, &error);
    if (status == SETUN_OK) {
        if (chat_template == NULL)
            chat_template = setun_chat_template_of(state.model);
        state.template_name = setun_chat_template_name(chat_template);
        setun_session_describe(session, &info);
        state.context = info.context;
        status = setun_chat_create(session, chat_template, options->system, &state.chat, &error);
    }
    if (status == SETUN_OK)
        status = lines_open(options->history, &lines, &error);
    if (status != SETUN_OK) {
        code = fail("%s", error.text);
    } else {
        (void)fprintf(stderr, "chat template %s%s%s\n", state.template_name,
                      options->chat_template != NULL ? "" : strcmp(state.template_name, "plain") == 0
                          ? ": the model is not known to chat, it continues texts" : ": by the model's family and vocabulary",
                      lines_are_typed(lines) ? "; /help lists the commands" : "");
        code = converse(options, &state, session, lines);
    }
    lines_close(lines);
    setun_chat_destroy(state.chat);
    setun_session_destroy(session);
    setun_model_close(state.model);
    return code;
}

static int run(int argc, char **argv)
{
    chat_options options = {.sampling = SAMPLING_DEFAULTS, .n_tokens = 512};
    const option_spec specs[] = {
        {.name = "system", .kind = OPTION_TEXT, .argument = "TEXT", .value = &options.system,
         .help = "what the model is told about its task before the conversation begins"},
        {.name = "template", .kind = OPTION_TEXT, .argument = "NAME", .value = &options.chat_template,
         .help = "how messages are written for the model: bitnet, llama3, falcon3, or plain, which only\n"
                 "continues texts (default: by the model's family and vocabulary)"},
        {.name = "tokens", .letter = 'n', .kind = OPTION_INT, .argument = "N", .value = &options.n_tokens, .min = -1, .max = INT32_MAX,
         .help = "tokens of an answer at most; -1: until the context is full (default 512)"},
        {.name = "history", .kind = OPTION_TEXT, .argument = "FILE", .value = &options.history,
         .help = "file that typed lines are remembered in (default: they are not)"},
        {.name = "commands", .kind = OPTION_FLAG, .value = &options.commands,
         .help = "lines that begin with / are commands also if they do not come from a terminal"},
    };
    const command_line line = {
        .name = "chat",
        .usage = "setun chat [-m MODEL] [--system TEXT] [OPTION...]",
        .text = "Talks with a model: each line of the standard input is a message, the answers go to the standard output as they come.\n"
                "At a terminal lines are edited, Ctrl-C stops an answer and, a second time, leaves, and these lines are commands:\n\n"
                "  /reset       begin a new conversation\n"
                "  /save FILE   write the conversation to a file, as JSON\n"
                "  /load FILE   go on with one from a file\n"
                "  /stats       its length, tokens/s, the seed\n"
                "  /exit        leave\n\n"
                "Special tokens in a message are plain text. When the context is full, that is said; nothing is forgotten silently.",
        .examples = "setun chat\n"
                    "setun chat --system \"Answer in one sentence.\" --temp 0.2\n"
                    "printf 'Once upon a time\\n' | setun chat -n 64 -o json",
        .options = specs,
        .n_options = sizeof(specs) / sizeof(specs[0]),
        .common = COMMON_MODEL | COMMON_TEXT | COMMON_SESSION | COMMON_OUTPUT | COMMON_SAMPLING,
        .sampling = &options.sampling,
    };
    int first, code = options_parse(&line, argc, argv, &options.common, &first);
    setun_error error;

    if (code >= 0)
        return code;
    if (sampling_settle(&options.sampling, &error) != SETUN_OK)
        return fail("%s", error.text);
    return chat(&options);
}

const command command_chat = {.name = "chat", .summary = "talk with a model", .run = run};

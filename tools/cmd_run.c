/* cmd_run.c - `setun run`: continues a prompt, token by token. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "options.h"
#include "progress.h"
#include "setun_numerics.h"

typedef struct run_options {
    common_options common;
    const char    *prompt, *file;
    sampling_options sampling;
    int64_t        n_tokens;
    bool           no_echo, no_bos, special;
} run_options;

/* What the generation has given so far. */
typedef struct output {
    const char    *echo;     /* printed with the first token, so that what fails before it prints nothing; NULL: done, or not wanted */
    size_t         echo_bytes;
    bool           stream;   /* text goes to stdout as it comes, else it is kept */
    char           last;     /* last byte streamed */
    char          *text;
    size_t         n_text, text_capacity;
    int32_t       *ids;      /* room for every position of the context */
    size_t         n_ids, max_ids;
    size_t         n_wanted; /* ids at most, at least 1 */
} output;

static setun_status put_text(output *out, const char *text, size_t n_bytes, setun_error *error)
{
    if (n_bytes == 0)
        return SETUN_OK;
    if (out->stream) {
        out->last = text[n_bytes - 1];
        return stdout_write(text, n_bytes, error);
    }
    if (n_bytes > out->text_capacity - out->n_text) {
        const size_t capacity = 2 * (out->text_capacity + n_bytes);
        char *larger = realloc(out->text, capacity);

        if (larger == NULL)
            return set_error(error, SETUN_ERR_NOMEM, "out of memory: %zu bytes of text", capacity);
        out->text = larger;
        out->text_capacity = capacity;
    }
    memcpy(out->text + out->n_text, text, n_bytes);
    out->n_text += n_bytes;
    return SETUN_OK;
}

static setun_status put_echo(output *out, setun_error *error)
{
    const char *echo = out->echo;

    out->echo = NULL;
    return echo != NULL ? put_text(out, echo, out->echo_bytes, error) : SETUN_OK;
}

static setun_status on_token(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error)
{
    output *out = context;
    setun_status status;

    if (!out->stream)
        progress_show("generating", out->n_ids, out->n_wanted);
    if (id >= 0 && out->n_ids < out->max_ids) /* -1: the end, with what was held back of a character */
        out->ids[out->n_ids++] = id;
    status = put_echo(out, error);
    return status == SETUN_OK ? put_text(out, text, n_bytes, error) : status;
}

/* Prompt text of -p or -f; *out_text is malloc-ed. */
static setun_status read_prompt(const run_options *options, char **out_text, size_t *out_bytes, setun_error *error)
{
    setun_status status;

    if (options->prompt != NULL) {
        *out_text = strdup(options->prompt);
        *out_bytes = strlen(options->prompt);
        if (*out_text == NULL)
            return set_error(error, SETUN_ERR_NOMEM, "out of memory: the prompt");
    } else {
        status = read_input(options->file, out_text, out_bytes, error);
        if (status != SETUN_OK)
            return status;
        if (*out_bytes > 0 && (*out_text)[*out_bytes - 1] == '\n')
            --*out_bytes; /* editors and echo end a file with it, and a story would go on in a new line */
    }
    if (*out_bytes == 0) {
        free(*out_text);
        return set_error(error, SETUN_ERR_INVALID, "the prompt is empty");
    }
    return SETUN_OK;
}

static const char *end_name(int32_t end)
{
    static const char *const names[] = {
        [SETUN_END_LENGTH] = "length", [SETUN_END_STOP] = "stop", [SETUN_END_CONTEXT] = "context", [SETUN_END_INTERRUPT] = "interrupt"};

    return names[end];
}

static void print_statistics(const run_options *options, const setun_session *session, const setun_generation *generation)
{
    static const char *const reasons[] = {[SETUN_END_LENGTH] = "the number of tokens asked for",
                                          [SETUN_END_STOP] = "a token that ends the text",
                                          [SETUN_END_CONTEXT] = "the end of the context",
                                          [SETUN_END_INTERRUPT] = "an interrupt"};
    const int64_t n_later = generation->n_tokens > 0 ? generation->n_tokens - 1 : 0; /* the first one is the prompt's time */
    setun_session_candidates candidates;
    uint64_t n_drawn;

    (void)fputc('\n', stderr);
    print_tokens("prompt   ", 6, generation->n_prompt, generation->n_prompt, generation->prompt_seconds);
    print_tokens("generated", 6, generation->n_tokens, n_later, generation->token_seconds);
    setun_session_count_candidates(session, &candidates);
    n_drawn = candidates.n_tokens + candidates.n_full;
    if (options->common.verbose && n_drawn > 0)
        (void)fprintf(stderr, "candidates for a token: median %u, largest %u; all logits for %llu of %llu tokens\n", candidates.median,
                      candidates.largest, (unsigned long long)candidates.n_full, (unsigned long long)n_drawn);
    if (options->sampling.temperature > 0)
        (void)fprintf(stderr, "seed %lld; ", (long long)options->sampling.seed);
    (void)fprintf(stderr, "ended by %s\n", reasons[generation->end]);
}

static int print_result(const run_options *options, const setun_model *model, const char *prompt, size_t prompt_bytes,
                        const int32_t *prompt_ids, size_t n_prompt_ids, const output *out, const setun_generation *generation)
{
    json_t *sampling = json_pack("{s:f, s:I, s:f, s:f, s:f, s:I}", "temperature", options->sampling.temperature, "top_k",
                                 (json_int_t)options->sampling.top_k, "top_p", options->sampling.top_p, "min_p", options->sampling.min_p, "repeat_penalty",
                                 options->sampling.repeat_penalty, "seed", (json_int_t)options->sampling.seed);

    return print_json(json_pack("{s:s, s:s, s:s%, s:s%, s:o, s:o, s:s, s:I, s:I, s:f, s:f, s:o, s:i}", "model", setun_model_path(model),
                                "family", setun_model_family(model), "prompt", prompt, prompt_bytes, "text",
                                out->text != NULL ? out->text : "", out->n_text, "prompt_ids", json_ids(prompt_ids, n_prompt_ids), "ids",
                                json_ids(out->ids, out->n_ids), "end", end_name(generation->end), "n_prompt",
                                (json_int_t)generation->n_prompt, "n_tokens", (json_int_t)generation->n_tokens, "prompt_seconds",
                                generation->prompt_seconds, "token_seconds", generation->token_seconds, "sampling", sampling,
                                "numerics_version", SETUN_NUMERICS_VERSION));
}

/* Generates after the prompt's ids and reports. Returns an exit code. */
static int generate(const run_options *options, setun_model *model, setun_session *session, const char *prompt, size_t prompt_bytes,
                    const int32_t *prompt_ids, size_t n_prompt_ids)
{
    const bool json = options->common.output == OUTPUT_JSON;
    const setun_sampling sampling = sampling_of(&options->sampling, 0);
    output out = {.echo = json || options->no_echo ? NULL : prompt, .echo_bytes = prompt_bytes, .stream = !json};
    setun_generation generation = {0};
    setun_session_info info;
    setun_error error;
    setun_status status;
    int32_t seq;
    int code;

    setun_session_describe(session, &info);
    out.max_ids = (size_t)info.context + 1;
    out.ids = malloc(out.max_ids * sizeof(*out.ids));
    if (out.ids == NULL)
        return fail("out of memory: %zu token ids", out.max_ids);
    status = setun_sequence_open(session, &seq, &error);
    if (status == SETUN_OK) {
        out.n_wanted = n_prompt_ids < (size_t)info.context ? (size_t)info.context - n_prompt_ids + 1 : 1;
        if (options->n_tokens > 0 && (size_t)options->n_tokens < out.n_wanted)
            out.n_wanted = (size_t)options->n_tokens;
        interrupt_session(session);
        status = setun_generate(session, seq, prompt_ids, n_prompt_ids, options->n_tokens, &sampling, on_token, &out, &generation, &error);
        interrupt_session(NULL);
        progress_clear();
    }
    if (status == SETUN_OK)
        status = put_echo(&out, &error); /* no token came */
    if (status == SETUN_OK && !json && out.last != '\0' && out.last != '\n')
        status = stdout_write("\n", 1, &error);
    if (status != SETUN_OK) {
        code = fail("%s", error.text);
    } else {
        code = json ? print_result(options, model, prompt, prompt_bytes, prompt_ids, n_prompt_ids, &out, &generation) : EXIT_DONE;
        if (code == EXIT_DONE)
            print_statistics(options, session, &generation);
        if (code == EXIT_DONE && generation.end == SETUN_END_INTERRUPT)
            code = EXIT_SIGNAL + interrupt_signal();
    }
    free(out.text);
    free(out.ids);
    return code;
}

static int run_prompt(const run_options *options)
{
    setun_model *model = NULL;
    setun_session *session = NULL;
    char *prompt = NULL;
    int32_t *ids = NULL;
    size_t prompt_bytes, n_ids;
    setun_error error;
    setun_status status;
    int code = EXIT_FAILED;

    status = read_prompt(options, &prompt, &prompt_bytes, &error);
    if (status != SETUN_OK)
        return fail("%s", error.text);
    status = common_open_model(&options->common, &model, &error);
    if (status == SETUN_OK)
        status = encode_text(setun_model_tokenizer(model), options->file, prompt, prompt_bytes,
                             options->special ? SETUN_TEXT_TRUSTED : SETUN_TEXT_USER, !options->no_bos, &ids,
                             &n_ids, &error);
    if (status == SETUN_OK)
        status = common_create_session(&options->common, model, 1, &session, &error);
    if (status == SETUN_OK)
        code = generate(options, model, session, prompt, prompt_bytes, ids, n_ids);
    else
        (void)fail("%s", error.text);
    setun_session_destroy(session);
    setun_model_close(model);
    free(ids);
    free(prompt);
    return code;
}

static int run(int argc, char **argv)
{
    run_options options = {.n_tokens = 256, .sampling = SAMPLING_DEFAULTS};
    const option_spec specs[] = {
        {.name = "prompt", .letter = 'p', .kind = OPTION_TEXT, .argument = "TEXT", .value = &options.prompt, .help = "text to continue"},
        {.name = "file", .letter = 'f', .kind = OPTION_TEXT, .argument = "FILE", .value = &options.file,
         .help = "file with the text to continue, '-' for the standard input;\none newline at its end is left out"},
        {.name = "tokens", .letter = 'n', .kind = OPTION_INT, .argument = "N", .value = &options.n_tokens, .min = -1, .max = INT32_MAX,
         .help = "tokens to generate at most; -1: until the context is full (default 256)"},
        {.name = "special", .kind = OPTION_FLAG, .value = &options.special,
         .help = "special tokens in the prompt are matched; without it they are plain text"},
        {.name = "no-bos", .kind = OPTION_FLAG, .value = &options.no_bos, .help = "do not begin with the model's BOS token"},
        {.name = "no-echo", .kind = OPTION_FLAG, .value = &options.no_echo, .help = "print the continuation only, not the prompt"},
    };
    const command_line line = {
        .name = "run",
        .usage = "setun run [-m MODEL] -p TEXT | -f FILE [OPTION...]",
        .text = "Prints a text that begins with the prompt and that the model continues, as it comes. How fast, and why it ended,\n"
                "goes to the standard error. Ctrl-C ends it cleanly after the present token (exit status 130).",
        .examples = "setun run -p \"Once upon a time\"\n"
                    "setun run -p \"Once upon a time\" -n 64 --temp 0\n"
                    "setun run -f prompt.txt --seed 7 -o json > result.json",
        .options = specs,
        .n_options = sizeof(specs) / sizeof(specs[0]),
        .common = COMMON_MODEL | COMMON_TEXT | COMMON_SESSION | COMMON_OUTPUT | COMMON_SAMPLING,
        .sampling = &options.sampling,
    };
    int first, code = options_parse(&line, argc, argv, &options.common, &first);
    setun_error error;

    if (code >= 0)
        return code;
    if ((options.prompt != NULL) == (options.file != NULL))
        return fail_usage(options.prompt != NULL ? "give -p TEXT or -f FILE, not both" : "needs a prompt: -p TEXT or -f FILE");
    if (sampling_settle(&options.sampling, &error) != SETUN_OK)
        return fail("%s", error.text);
    return run_prompt(&options);
}

const command command_run = {.name = "run", .summary = "continue a prompt", .run = run};

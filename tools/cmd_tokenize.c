/* cmd_tokenize.c - `setun tokenize`: text to token ids and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "options.h"
#include "setun/chat.h"

typedef struct tokenize_options {
    common_options common;
    const char    *file, *chat_template;
    bool           ids, decode, user, no_bos;
} tokenize_options;

/* A token's bytes for people: printable ASCII and whole UTF-8 characters as they are, the rest as escapes. malloc-ed. */
static char *printable(const char *bytes, size_t n_bytes)
{
    char *text = malloc(4 * n_bytes + 1), *to = text;
    size_t i = 0;

    if (text == NULL)
        return NULL;
    while (i < n_bytes) {
        const unsigned char c = (unsigned char)bytes[i];
        const size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
        const bool control = c == 0xc2 && n_bytes - i > 1 && (unsigned char)bytes[i + 1] < 0xa0; /* U+0080..U+009F */
        json_t *whole = n > 1 && n <= n_bytes - i && !control ? json_stringn(bytes + i, n) : NULL; /* NULL unless valid UTF-8 */

        if (whole != NULL) {
            memcpy(to, bytes + i, n);
            to += n;
            i += n;
        } else {
            if (c == '\n' || c == '\t' || c == '\r' || c == '\\')
                to += sprintf(to, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : '\\');
            else if (c < 0x20 || c >= 0x7f)
                to += sprintf(to, "\\x%02x", c);
            else
                *to++ = (char)c;
            i++;
        }
        json_decref(whole);
    }
    *to = '\0';
    return text;
}

static char *piece(const setun_tokenizer *tokenizer, int32_t id)
{
    size_t n_bytes;
    const char *bytes = setun_tokenizer_token(tokenizer, id, &n_bytes, NULL);

    return printable(bytes != NULL ? bytes : "", n_bytes);
}

static int print_ids(const tokenize_options *options, const setun_tokenizer *tokenizer, const int32_t *ids, size_t n_ids)
{
    json_t *pieces = options->common.output == OUTPUT_JSON ? json_array() : NULL;

    for (size_t i = 0; i < n_ids; i++) {
        char *text;

        if (options->common.output == OUTPUT_TEXT && options->ids) {
            printf("%s%d", i > 0 ? " " : "", ids[i]);
            continue;
        }
        text = piece(tokenizer, ids[i]);
        if (text == NULL) {
            json_decref(pieces);
            return fail("out of memory: token %d", ids[i]);
        }
        if (options->common.output == OUTPUT_JSON)
            (void)json_array_append_new(pieces, json_string(text));
        else
            printf("%6d  \"%s\"\n", ids[i], text);
        free(text);
    }
    if (options->common.output == OUTPUT_JSON)
        return print_json(json_pack("{s:o, s:o}", "ids", json_ids(ids, n_ids), "pieces", pieces));
    if (options->ids)
        printf("\n");
    return EXIT_DONE;
}

/* Ids of the text as a user's message in a chat, up to where the model answers. */
static setun_status encode_chat(const tokenize_options *options, const setun_tokenizer *tokenizer, const char *text, size_t n_bytes,
                                int32_t **out_ids, size_t *out_n_ids, setun_error *error)
{
    const setun_chat_message message = {.role = SETUN_ROLE_USER, .text = text, .n_bytes = n_bytes};
    const setun_chat_template *chat_template;
    const setun_status status = setun_chat_template_find(options->chat_template, &chat_template, error);

    if (status != SETUN_OK)
        return status;
    return setun_chat_encode(chat_template, tokenizer, &message, 1, SETUN_CHAT_ANSWER | (options->no_bos ? 0 : SETUN_CHAT_BEGIN), out_ids,
                             out_n_ids, error);
}

static int encode(const tokenize_options *options, const setun_tokenizer *tokenizer, const char *text, size_t n_bytes)
{
    int32_t *ids;
    size_t n_ids;
    setun_error error;
    setun_status status;
    int code;

    if (options->chat_template != NULL)
        status = encode_chat(options, tokenizer, text, n_bytes, &ids, &n_ids, &error);
    else
        status = encode_text(tokenizer, options->file, text, n_bytes, options->user ? SETUN_TEXT_USER : SETUN_TEXT_TRUSTED, !options->no_bos, &ids,
                             &n_ids, &error);
    if (status != SETUN_OK)
        return fail("%s", error.text);
    code = print_ids(options, tokenizer, ids, n_ids);
    setun_free(ids);
    return code;
}

/* The exact bytes of the ids: what encode() took. JSON cannot hold broken UTF-8, there it becomes U+FFFD. */
static int decode_ids(const tokenize_options *options, const setun_tokenizer *tokenizer, const int32_t *ids, size_t n_ids)
{
    const size_t first = n_ids > 0 && !options->no_bos && ids[0] == setun_tokenizer_bos(tokenizer);
    setun_text_decoder *decoder;
    setun_error error;
    const char *part;
    size_t part_bytes, n_text = 0;
    char *text;
    int code;

    for (size_t i = first; i < n_ids; i++) {
        if (setun_tokenizer_token(tokenizer, ids[i], &part_bytes, NULL) == NULL)
            return fail("no token has the id %d; ids run from 0 to %d", ids[i], setun_tokenizer_size(tokenizer) - 1);
        n_text += 3 * part_bytes + 16; /* a broken byte may become the three of U+FFFD, and a few may have been held back */
    }
    if (options->common.output == OUTPUT_TEXT) {
        for (size_t i = first; i < n_ids; i++) {
            part = setun_tokenizer_token(tokenizer, ids[i], &part_bytes, NULL);
            if (fwrite(part, 1, part_bytes, stdout) != part_bytes)
                break; /* found and reported when stdout is closed */
        }
        return EXIT_DONE;
    }
    if (setun_text_decoder_create(tokenizer, true, &decoder, &error) != SETUN_OK)
        return fail("%s", error.text);
    text = malloc(n_text + 16);
    n_text = 0;
    for (size_t i = first; text != NULL && i <= n_ids; i++) {
        if (i == n_ids)
            setun_text_decoder_finish(decoder, &part, &part_bytes);
        else if (setun_text_decoder_push(decoder, ids[i], &part, &part_bytes, &error) != SETUN_OK)
            break; /* every id was checked above */
        if (part_bytes > 0)
            memcpy(text + n_text, part, part_bytes);
        n_text += part_bytes;
    }
    code = print_json(text != NULL ? json_pack("{s:s%}", "text", text, n_text) : NULL);
    setun_text_decoder_destroy(decoder);
    free(text);
    return code;
}

static int decode(const tokenize_options *options, const setun_tokenizer *tokenizer, const char *text, size_t n_bytes)
{
    int32_t *ids;
    size_t n_ids;
    setun_error error;
    int code;

    if (read_ids(options->file != NULL ? input_name(options->file) : "ids", text, n_bytes, &ids, &n_ids, &error) != SETUN_OK)
        return fail("%s", error.text);
    code = decode_ids(options, tokenizer, ids, n_ids);
    free(ids);
    return code;
}

/* The operands, joined by spaces; malloc-ed. */
static char *join(char **words, int n_words, size_t *out_bytes)
{
    size_t n = 0;
    char *text, *to;

    for (int i = 0; i < n_words; i++)
        n += strlen(words[i]) + 1;
    text = malloc(n + 1);
    if (text == NULL)
        return NULL;
    to = text;
    for (int i = 0; i < n_words; i++)
        to += sprintf(to, "%s%s", i > 0 ? " " : "", words[i]);
    *to = '\0';
    *out_bytes = (size_t)(to - text);
    return text;
}

static int tokenize(const tokenize_options *options, char **words, int n_words)
{
    setun_tokenizer *tokenizer = NULL;
    size_t n_bytes = 0;
    char *text = NULL;
    setun_error error;
    int code;

    if (options->file == NULL) {
        text = join(words, n_words, &n_bytes);
        if (text == NULL)
            return fail("out of memory: the text");
    } else if (read_input(options->file, &text, &n_bytes, &error) != SETUN_OK) {
        return fail("%s", error.text);
    }
    if (common_open_tokenizer(&options->common, &tokenizer, &error) != SETUN_OK)
        code = fail("%s", error.text);
    else if (options->decode)
        code = decode(options, tokenizer, text, n_bytes);
    else
        code = encode(options, tokenizer, text, n_bytes);
    setun_tokenizer_close(tokenizer);
    free(text);
    return code;
}

static int run(int argc, char **argv)
{
    tokenize_options options = {.ids = false};
    const option_spec specs[] = {
        {.name = "file", .letter = 'f', .kind = OPTION_TEXT, .argument = "FILE", .value = &options.file,
         .help = "file with the text or the ids, every byte of it; '-' for the standard input"},
        {.name = "ids", .kind = OPTION_FLAG, .value = &options.ids, .help = "print the ids only, on one line"},
        {.name = "decode", .kind = OPTION_FLAG, .value = &options.decode,
         .help = "the other way: ids to their exact text, without a newline of its own"},
        {.name = "user", .kind = OPTION_FLAG, .value = &options.user,
         .help = "untrusted text: special tokens in it are plain text"},
        {.name = "template", .kind = OPTION_TEXT, .argument = "NAME", .value = &options.chat_template,
         .help = "the text is a user's message in a chat with this template: bitnet, llama3, falcon3\nor plain; implies --user"},
        {.name = "no-bos", .kind = OPTION_FLAG, .value = &options.no_bos,
         .help = "do not add the model's BOS token; with --decode, do not leave out a leading one"},
    };
    const command_line line = {
        .name = "tokenize",
        .usage = "setun tokenize [-m MODEL] [--ids] [--user | --template NAME] [--no-bos] TEXT | -f FILE\n"
                 "setun tokenize [-m MODEL] --decode [--no-bos] ID... | -f FILE",
        .text = "Prints the tokens of a text, one on a line: the id, and what it stands for, with \\xNN for bytes that are no character.\n"
                "The text is trusted: special tokens in it, such as <|eot_id|>, are matched unless --user is given. It is UTF-8: other bytes\n"
                "are an error that names the first of them. MODEL may also be a tokenizer.json, or a GGUF file with nothing but a vocabulary.",
        .examples = "setun tokenize \"Once upon a time\"\n"
                    "setun tokenize --ids -f tale.txt > tale.ids\n"
                    "setun tokenize --decode 2289 697 258 515",
        .options = specs,
        .n_options = sizeof(specs) / sizeof(specs[0]),
        .common = COMMON_MODEL | COMMON_TEXT | COMMON_OUTPUT,
        .max_operands = SIZE_MAX,
    };
    int first, n_words, code = options_parse(&line, argc, argv, &options.common, &first);

    if (code >= 0)
        return code;
    n_words = argc - first;
    if (options.file != NULL && n_words > 0)
        return fail_usage("give %s or -f FILE, not both", options.decode ? "ids" : "TEXT");
    if (options.file == NULL && n_words == 0)
        return fail_usage("needs %s or -f FILE; see 'setun tokenize --help'", options.decode ? "ids" : "TEXT");
    if (!options.decode && n_words > 1)
        return fail_usage("unexpected '%s': put a text of several words in quotes", argv[first + 1]);
    if (options.decode && (options.ids || options.user || options.chat_template != NULL))
        return fail_usage("--decode takes neither --ids nor --user nor --template");
    return tokenize(&options, argv + first, n_words);
}

const command command_tokenize = {.name = "tokenize", .summary = "text to token ids and back", .run = run};

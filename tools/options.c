/* options.c - parses command lines with getopt_long and prints the help of a command, both from its table of options. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "setun/topology.h"

enum {
    MAX_OPTIONS = 40,  /* of one command, common ones included; the largest table has 27 */
    LONG_BASE = 256    /* getopt's value of option i is LONG_BASE + i, so that it is never a letter's */
};

typedef struct option_table {
    option_spec spec[MAX_OPTIONS];
    size_t      n, n_own;
    bool        help;
} option_table;

/* A command's own option takes the place of the common one of the same name. */
static void add(option_table *table, option_spec spec)
{
    for (size_t i = 0; i < table->n; i++)
        if (strcmp(table->spec[i].name, spec.name) == 0)
            return;
    if (table->n < MAX_OPTIONS)
        table->spec[table->n++] = spec;
}

static void add_sampling(sampling_options *s, option_table *table)
{
    add(table, (option_spec){.name = "temp", .kind = OPTION_REAL, .argument = "T", .value = &s->temperature, .low = 0, .high = 100,
                             .help = "temperature; 0: always the likeliest token (default 0.8)"});
    add(table, (option_spec){.name = "top-k", .kind = OPTION_INT, .argument = "K", .value = &s->top_k, .min = 0, .max = INT32_MAX,
                             .help = "draw among the K likeliest tokens; 0: all (default 40)"});
    add(table, (option_spec){.name = "top-p", .kind = OPTION_REAL, .argument = "P", .value = &s->top_p, .low = 0, .high = 1,
                             .help = "... among the likeliest that make up P of the probability; 1 or 0: all (default 0.95)"});
    add(table, (option_spec){.name = "min-p", .kind = OPTION_REAL, .argument = "P", .value = &s->min_p, .low = 0, .high = 1,
                             .help = "... among those at least P times as likely as the likeliest (default 0)"});
    add(table, (option_spec){.name = "repeat-penalty", .kind = OPTION_REAL, .argument = "R", .value = &s->repeat_penalty, .low = 0.01, .high = 100,
                             .help = "makes tokens of the text so far less likely; 1: no (default 1)"});
    add(table, (option_spec){.name = "seed", .kind = OPTION_INT, .argument = "S", .value = &s->seed, .min = 0, .max = INT64_MAX,
                             .help = "start of the random numbers: the same seed gives the same text\n(default: a random one, which is printed)"});
}

static void collect(const command_line *line, common_options *common, option_table *table)
{
    for (size_t i = 0; i < line->n_options; i++)
        add(table, line->options[i]);
    table->n_own = table->n;
    if (line->common & COMMON_MODEL)
        add(table, (option_spec){.name = "model", .letter = 'm', .kind = OPTION_TEXT, .argument = "MODEL", .value = &common->model,
                                 .help = "a file, a folder, or a name in SETUN_MODEL_PATH, among the downloaded or the\ninstalled models (default fable)"});
    if (line->common & COMMON_TEXT)
        add(table, (option_spec){.name = "pre", .kind = OPTION_TEXT, .argument = "NAME", .value = &common->pre,
                                 .help = "how text is cut before merging: llama-bpe, falcon3, gpt-2 or default, which is\n"
                                         "bitnet.cpp's fallback (default: as the model's files say)"});
    if (line->common & COMMON_SAMPLING)
        add_sampling(line->sampling, table);
    if (line->common & (COMMON_WEIGHTS | COMMON_SESSION))
        add(table, (option_spec){.name = "i2s-layout", .kind = OPTION_CHOICE, .argument = "auto|128|64|rows", .value = &common->i2s_layout,
                                 .help = "where tensors of type I2_S in a GGUF file have their codes: as converters write\n"
                                         "them (128) or as two other builds of bitnet.cpp do, which no file says (default\n"
                                         "auto: 128, and an error if the weights look like another one)"});
    if (line->common & COMMON_SESSION) {
        add(table, (option_spec){.name = "graph", .kind = OPTION_TEXT, .argument = "FILE", .value = &common->graph,
                                 .help = "model graph to use (default: the one in the models folder that matches)"});
        add(table, (option_spec){.name = "threads", .letter = 't', .kind = OPTION_INT, .argument = "N", .value = &common->n_threads,
                                 .help = "threads (default: one for each physical core, as far as the cgroup grants time)", .min = 1,
                                 .max = SETUN_MAX_THREADS});
        add(table, (option_spec){.name = "backend", .kind = OPTION_TEXT, .argument = "NAMES", .value = &common->backends,
                                 .help = "backends in order of preference, ',' between them (default: any)"});
        add(table, (option_spec){.name = "tuning", .kind = OPTION_TEXT, .argument = "FILE", .value = &common->tuning,
                                 .help = "measured times to choose kernels by, of 'setun kernels tune', or 'none' (default:\nthe file of this CPU in the user's cache, if there is one)"});
        add(table, (option_spec){.name = "kv", .kind = OPTION_CHOICE, .argument = "f16|f32", .value = &common->kv,
                                 .help = "number format of the KV cache (default f16)"});
        add(table, (option_spec){.name = "head", .kind = OPTION_CHOICE, .argument = HEAD_WORDS, .value = &common->head,
                                 .help = "the 16-bit output head: read in full for every token; or screened, which reads 5\n"
                                         "bits and then the few rows that matter, from the file or, resident, from memory,\n"
                                         "with the same result; or rounded to 8 bits (default auto: screened where it can be)"});
        add(table, (option_spec){.name = "chunk", .kind = OPTION_INT, .argument = "N", .value = &common->chunk,
                                 .help = "tokens in one forward pass at most (default: what the last caches hold of the\nwidest op's activations, 64 to 256; 'setun plan' and -v tell why)", .min = 1, .max = 65536});
        add(table, (option_spec){.name = "weight-memory", .kind = OPTION_INT, .argument = "MIB", .value = &common->weight_mib,
                                 .help = "memory that the weights may take: within it they are packed a second time for longer\npasses where these get 5% faster (default: where they get twice as fast, up to half\nof the free memory; 'setun plan' shows what a second packing takes and saves)",
                                 .min = 1, .max = 1 << 30});
        add(table, (option_spec){.name = "context", .kind = OPTION_INT, .argument = "N", .value = &common->context,
                                 .help = "positions in a sequence at most (default: the model's own); the token that is drawn\nat the last one still counts as generated", .min = 1, .max = INT32_MAX});
        add(table, (option_spec){.name = "no-fuse", .kind = OPTION_FLAG, .value = &common->no_fuse,
                                 .help = "use no kernel that does several ops at once; slower, and the result is the same"});
    }
    if (line->common & (COMMON_MODEL | COMMON_CONFIG))
        add(table, (option_spec){.name = "config", .kind = OPTION_TEXT, .argument = "FILE", .value = &common->config,
                                 .help = "file of settings (YAML); the command line wins over it (default: none)"});
    if (line->common & COMMON_OUTPUT)
        add(table, (option_spec){.name = "output", .letter = 'o', .kind = OPTION_CHOICE, .argument = "text|json",
                                 .value = &common->output, .help = "form of the standard output (default text)"});
    add(table, (option_spec){.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .value = &common->verbose,
                             .help = "say more on the standard error"});
    add(table, (option_spec){.name = "help", .letter = 'h', .kind = OPTION_FLAG, .value = &table->help, .help = "print this and exit"});
}

/* Prints text with each of its lines behind `indent` spaces; the first one is at its place already. */
static void print_indented(const char *text, int indent)
{
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1)
        printf("%.*s\n%*s", (int)(end - text), text, indent, "");
    printf("%s\n", text);
}

static void print_option(const option_spec *spec)
{
    enum { HELP_COLUMN = 26 };
    char left[64];
    int n = 0;

    if (spec->letter != 0 && spec->name != NULL)
        n = snprintf(left, sizeof(left), "  -%c, --%s", spec->letter, spec->name);
    else if (spec->letter != 0)
        n = snprintf(left, sizeof(left), "  -%c", spec->letter);
    else
        n = snprintf(left, sizeof(left), "      --%s", spec->name);
    if (spec->argument != NULL)
        n += snprintf(left + n, sizeof(left) - (size_t)n, " %s", spec->argument);
    printf("%s", left);
    if (n + 2 > HELP_COLUMN)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - n, "");
    print_indented(spec->help, HELP_COLUMN);
}

static void print_help(const command_line *line, const option_table *table)
{
    printf("usage: ");
    print_indented(line->usage, 7);
    printf("\n%s\n\noptions:\n", line->text);
    for (size_t i = 0; i < table->n_own; i++)
        print_option(&table->spec[i]);
    if (table->n_own > 0)
        printf("\n");
    for (size_t i = table->n_own; i < table->n; i++)
        print_option(&table->spec[i]);
    printf("\nexamples:\n  ");
    print_indented(line->examples, 2);
}

bool parse_int(const char *text, size_t n_bytes, int64_t min, int64_t max, int64_t *out_value)
{
    const bool negative = n_bytes > 0 && text[0] == '-';
    int64_t value = 0;

    if (n_bytes == negative)
        return false;
    for (size_t i = negative; i < n_bytes; i++) {
        if (!isdigit((unsigned char)text[i]) || __builtin_mul_overflow(value, 10, &value))
            return false;
        if (negative ? __builtin_sub_overflow(value, text[i] - '0', &value) : __builtin_add_overflow(value, text[i] - '0', &value))
            return false;
    }
    if (value < min || value > max)
        return false;
    *out_value = value;
    return true;
}

static bool parse_real(const char *text, double low, double high, double *out_value)
{
    char *end;
    const size_t n_plain = strspn(text, "0123456789.eE+-"); /* strtod would take " 1", "0x1p3", "inf" and "nan" as well */
    double value;

    if (n_plain == 0 || text[n_plain] != '\0')
        return false;
    value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value) || value < low || value > high)
        return false;
    *out_value = value;
    return true;
}

/* The word of "f16|f32" that `text` was probably meant to be, into near[64]; NULL: none. */
static const char *nearest_choice(const char *words, const char *text, char near[64])
{
    enum { MAX_WORDS = 16 };
    const char *list[MAX_WORDS], *found;
    char copy[256], *rest = NULL;
    size_t n = 0;

    (void)snprintf(copy, sizeof(copy), "%s", words);
    for (char *word = strtok_r(copy, "|", &rest); word != NULL && n < MAX_WORDS; word = strtok_r(NULL, "|", &rest))
        list[n++] = word;
    found = setun_nearest_word(text, list, n);
    if (found == NULL)
        return NULL;
    (void)snprintf(near, 64, "%s", found);
    return near;
}

/* Index of `text` among words joined by '|', or -1. */
static int parse_choice(const char *words, const char *text)
{
    const size_t n = strlen(text);

    for (int i = 0;; i++) {
        const size_t n_word = strcspn(words, "|");

        if (n == n_word && memcmp(words, text, n) == 0)
            return i;
        if (words[n_word] == '\0')
            return -1;
        words += n_word + 1;
    }
}

/* "-n" or "--temp", into text[64]. */
static const char *display_name(const option_spec *spec, char text[64])
{
    if (spec->name != NULL)
        (void)snprintf(text, 64, "--%s", spec->name);
    else
        (void)snprintf(text, 64, "-%c", spec->letter);
    return text;
}

bool read_choice(const char *option, const char *words, const char *text, int *out_index)
{
    const int index = parse_choice(words, text);
    char near[64];

    if (index >= 0)
        *out_index = index;
    else if (nearest_choice(words, text, near) != NULL)
        (void)fail_usage("%s takes one of %s, not '%s'; did you mean '%s'?", option, words, text, near);
    else
        (void)fail_usage("%s takes one of %s, not '%s'", option, words, text);
    return index >= 0;
}

/* Returns -1, or the exit code once the mistake is reported. */
static int set_value(const option_spec *spec, const char *text)
{
    char name[64];

    switch (spec->kind) {
    case OPTION_FLAG:
        *(bool *)spec->value = true;
        return -1;
    case OPTION_TEXT:
        *(const char **)spec->value = text;
        return -1;
    case OPTION_INT:
        if (parse_int(text, strlen(text), spec->min, spec->max, spec->value))
            return -1;
        return fail_usage("%s takes a whole number from %lld to %lld, not '%s'", display_name(spec, name), (long long)spec->min,
                          (long long)spec->max, text);
    case OPTION_REAL:
        if (parse_real(text, spec->low, spec->high, spec->value))
            return -1;
        return fail_usage("%s takes a number from %g to %g, not '%s'", display_name(spec, name), spec->low, spec->high, text);
    case OPTION_CHOICE:
        return read_choice(display_name(spec, name), spec->argument, text, spec->value) ? -1 : EXIT_USAGE;
    }
    return -1;
}

static int fail_unknown_long(const command_line *line, const option_table *table, const char *word)
{
    const char *names[MAX_OPTIONS], *near;
    char typed[64];
    size_t n_names = 0;

    (void)snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (size_t i = 0; i < table->n; i++)
        if (table->spec[i].name != NULL)
            names[n_names++] = table->spec[i].name;
    for (size_t i = 0, n_longer = 0; i < n_names && typed[0] != '\0'; i++)
        if (strncmp(names[i], typed, strlen(typed)) == 0 && ++n_longer == 2) /* one alone getopt would have taken */
            return fail_usage("option '--%s' may be '--%s' or another one; see 'setun %s --help'", typed, names[i], line->name);
    near = setun_nearest_word(typed, names, n_names);
    if (near != NULL)
        return fail_usage("unknown option '--%s'; did you mean '--%s'?", typed, near);
    return fail_usage("unknown option '--%s'; see 'setun %s --help'", typed, line->name);
}

static const option_spec *find_spec(const option_table *table, int key)
{
    if (key >= LONG_BASE)
        return &table->spec[key - LONG_BASE];
    for (size_t i = 0; i < table->n; i++)
        if (table->spec[i].letter == key)
            return &table->spec[i];
    return NULL;
}

int options_parse(const command_line *line, int argc, char **argv, common_options *out_common, int *out_first)
{
    option_table table = {.n = 0};
    struct option long_options[MAX_OPTIONS + 1] = {{0}};
    char letters[2 * MAX_OPTIONS + 2] = ":"; /* ':' first: getopt tells a missing value from an unknown option */
    size_t n_long = 0, n_letters = 1;
    char name[64];
    setun_error error;
    int key, code;

    out_common->kv = -1;
    out_common->head = -1;
    command_set_name(line->name);
    collect(line, out_common, &table);
    for (size_t i = 0; i < table.n; i++) {
        const int has_value = table.spec[i].kind == OPTION_FLAG ? no_argument : required_argument;

        if (table.spec[i].name != NULL)
            long_options[n_long++] = (struct option){table.spec[i].name, has_value, NULL, LONG_BASE + (int)i};
        if (table.spec[i].letter != 0) {
            letters[n_letters++] = table.spec[i].letter;
            if (has_value == required_argument)
                letters[n_letters++] = ':';
        }
    }
    letters[n_letters] = '\0';

    opterr = 0;
    optind = 1;
    while ((key = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
        if (key == ':')
            return fail_usage("%s needs a value: %s", argv[optind - 1], find_spec(&table, optopt)->argument);
        if (key == '?') {
            if (optopt >= LONG_BASE)
                return fail_usage("%s takes no value", display_name(find_spec(&table, optopt), name));
            if (optopt != 0)
                return fail_usage("unknown option '-%c'; see 'setun %s --help'", optopt, line->name);
            return fail_unknown_long(line, &table, argv[optind - 1]);
        }
        code = set_value(find_spec(&table, key), optarg);
        if (code >= 0)
            return code;
    }
    if (table.help) {
        print_help(line, &table);
        return EXIT_DONE;
    }
    if ((size_t)(argc - optind) > line->max_operands)
        return fail_usage("unexpected '%s'; see 'setun %s --help'", argv[optind + (int)line->max_operands], line->name);
    *out_first = optind;
    return common_settle(out_common, &error) == SETUN_OK ? -1 : fail("%s", error.text);
}

/* options.h - command lines: each command describes its options in a table, from which they are parsed and --help is printed. */
#ifndef SETUN_TOOLS_OPTIONS_H
#define SETUN_TOOLS_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"
#include "setun/config.h"

enum option_kind {
    OPTION_FLAG,   /* bool: true */
    OPTION_INT,    /* int64_t: a whole number from min to max */
    OPTION_REAL,   /* double: a finite number from low to high */
    OPTION_TEXT,   /* const char *: borrowed from argv */
    OPTION_CHOICE  /* int: index of the word among those of `argument`, "f16|f32" */
};

typedef struct option_spec {
    const char      *name;     /* long name; NULL: none */
    char             letter;   /* short name; 0: none */
    enum option_kind kind;
    const char      *argument; /* as in the help: "N", "FILE", "text|json"; NULL for a flag */
    void            *value;    /* where it goes; keeps its default if the option is absent. The last one given wins */
    const char      *help;     /* what it does, its unit and default; lines after the first start behind '\n' */
    int64_t          min, max;
    double           low, high;
} option_spec;

enum { OUTPUT_TEXT = 0, OUTPUT_JSON = 1 };

/* Options that mean the same in every command that has them. */
typedef struct common_options {
    const char *model, *pre, *graph, *backends, *config, *tuning;
    int64_t     n_threads, chunk, context, weight_mib;
    int         kv, head, output; /* kv, head -1: not given */
    int         i2s_layout; /* index in auto, 128, 64, rows */
    bool        verbose, no_fuse;
    /* Of all these and the file of --config; borrowed until the program ends. */
    setun_session_options session;
    const char           *plugin_path; /* NULL: the environment's */
} common_options;

enum {
    COMMON_MODEL = 1u << 0, COMMON_SESSION = 1u << 1, COMMON_OUTPUT = 1u << 2, COMMON_TEXT = 1u << 3, COMMON_CONFIG = 1u << 4,
    COMMON_SAMPLING = 1u << 5,
    COMMON_WEIGHTS = 1u << 6 /* weights are opened: with COMMON_SESSION anyway */
};

/* How tokens are drawn; --temp and its kin. */
typedef struct sampling_options {
    int64_t top_k, seed; /* a seed below 0: a random one is wanted */
    double  temperature, top_p, min_p, repeat_penalty;
} sampling_options;
#define SAMPLING_DEFAULTS {.top_k = 40, .seed = -1, .temperature = 0.8, .top_p = 0.95, .repeat_penalty = 1}

typedef struct command_line {
    const char        *name;     /* "run" */
    const char        *usage;    /* what follows "setun", one form a line */
    const char        *text;     /* what the command does; paragraphs */
    const char        *examples; /* one a line, without indentation */
    const option_spec *options;
    size_t             n_options;
    unsigned           common;   /* COMMON_* */
    sampling_options  *sampling; /* with COMMON_SAMPLING: where its options go */
    size_t             max_operands;
} command_line;

/* Parses argv into the options' values and *out_common; *out_first is the index of the first operand, operands follow one another.
 * Returns -1 to go on, else the exit code: help was printed, or the mistake reported. */
int options_parse(const command_line *line, int argc, char **argv, common_options *out_common, int *out_first);

/* A command that is made of commands, such as `setun plugins`. */
typedef struct command_group {
    const char    *name;     /* "plugins" */
    const command *members;  /* their run() gets argv from their own name on */
    size_t         n_members;
    const char    *examples; /* one a line */
} command_group;

/* Runs the member that argv[1] names; prints the group's help, made of the members' summaries, or reports the slip. */
int group_run(const command_group *group, int argc, char **argv);

/* Chooses the seed if the user gave none. */
setun_status sampling_settle(sampling_options *sampling, setun_error *error);
/* For the library, with this number added to the seed. */
setun_sampling sampling_of(const sampling_options *sampling, uint64_t n);

/* The words of --head, in the order of setun_head. */
#define HEAD_WORDS "auto|full|screened|resident|int8"

/* Index of `text` among words joined by '|'. False: it is none of them, which was reported as wrong usage of the option. */
bool read_choice(const char *option, const char *words, const char *text, int *out_index);

/* A decimal whole number that is the whole of text[n_bytes], from min to max. */
bool parse_int(const char *text, size_t n_bytes, int64_t min, int64_t max, int64_t *out_value);

/* Reads the file of --config, if it was given, and puts together what it and the command line say; the command line wins. */
setun_status common_settle(common_options *common, setun_error *error);

/* For a session: what common_settle found, and measured times, which are read at the first call. */
setun_status common_session_options(const common_options *common, setun_session_options *out_options, setun_error *error);

/* For setun_model_options. */
const char *common_i2s_layout(const common_options *common);

/* Opens the model that the options name. */
setun_status common_open_model(const common_options *common, setun_model **out_model, setun_error *error);

/* Opens the tokenizer of the model that the options name and nothing else of it; it may also be a file with nothing but a tokenizer. */
setun_status common_open_tokenizer(const common_options *common, setun_tokenizer **out_tokenizer, setun_error *error);

/* Why passes have as many tokens as they have: " (64 to 256 of 81.0 KiB in 32.0 MiB of cache)"; "" where somebody said so, or no cache is known. */
enum { CHUNK_REASON_BYTES = 100 };
const char *chunk_reason(const setun_session_info *info, char text[CHUNK_REASON_BYTES]);

/* Creates a session of it, and with -v says on stderr what was decided. */
setun_status common_create_session(const common_options *common, setun_model *model, uint32_t max_seqs, setun_session **out_session,
                                   setun_error *error);
#endif

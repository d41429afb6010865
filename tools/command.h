/* command.h - what every command of `setun` shares: its entry in the table, exit codes, and how it reports. */
#ifndef SETUN_TOOLS_COMMAND_H
#define SETUN_TOOLS_COMMAND_H
#include "setun/error.h"

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_SIGNAL = 128 /* plus the signal's number: ended early, but cleanly, by Ctrl-C or kill */
};

/* One command. argv[0] is its name; run() returns an exit code and has reported any error. */
typedef struct command {
    const char *name;
    const char *summary; /* one line for `setun help` */
    int (*run)(int argc, char **argv);
} command;

extern const command command_run, command_chat, command_score, command_tokenize, command_bench, command_plugins, command_kernels, command_model,
    command_plan, command_topo;

/* The command being run, for messages: "run", "plugins check"; "" before one is known. The string is borrowed. */
void command_set_name(const char *name);

/* One line to stderr: "setun <command>: <text>"; control characters in it are shown as '?'. Each returns the exit code of its name. */
__attribute__((format(printf, 1, 2))) int fail(const char *format, ...);
__attribute__((format(printf, 1, 2))) int fail_usage(const char *format, ...);

/* Writes the text of an error that a sink reports through the library, and returns status. */
__attribute__((format(printf, 3, 4))) setun_status set_error(setun_error *error, setun_status status, const char *format, ...);
#ifdef __clang_analyzer__ /* which does not look into other files and must know that a failure never counts as success */
#define set_error(error, status, ...) ((void)(set_error)(error, status, __VA_ARGS__), (status))
#endif
#endif

/* process.h - runs a program as its user would: arguments, standard streams, signals, exit status, and a time limit. */
#ifndef SETUN_TEST_PROCESS_H
#define SETUN_TEST_PROCESS_H
#include <stdbool.h>
#include <stddef.h>

typedef struct process process;

/* Zero-initialise for the defaults. */
typedef struct process_options {
    const char        *input;          /* what stdin holds; NULL: nothing */
    size_t             input_bytes;
    const char        *stdout_path;    /* opened for writing in place of the pipe, e.g. "/dev/full" */
    bool               close_stdout;   /* the program starts without one */
    bool               close_stdin;
    bool               terminal;       /* stderr is a terminal of 80 columns, and the program in its foreground */
    bool               typed;          /* besides, stdin is that terminal, with the modes that a user's has: see process_type */
    const char *const *environment;    /* "NAME=VALUE" ... NULL, besides the test's own environment */
    int                seconds;        /* time limit; 0: PROCESS_SECONDS */
} process_options;

typedef struct process_result {
    int    exit_code; /* -1: ended by a signal, see `signal` */
    int    signal;    /* 0: none */
    bool   timed_out; /* it was killed at the time limit */
    char  *out, *err; /* NUL-terminated; NULs within count */
    size_t n_out, n_err;
} process_result;

enum { PROCESS_SECONDS = 240 };

/* Starts argv[0] with argv (NULL at its end). Fails the test if that is not possible. */
process *process_start(const char *const *argv, const process_options *options);

/* Waits until the program has written n_bytes to stdout, or has ended. */
void process_wait_output(process *running, size_t n_bytes);

/* Waits at most `seconds` until the program has written `text` to stderr, or has ended; whether it has written it. */
bool process_wait_error(process *running, const char *text, double seconds);

void process_signal(process *running, int signal);

/* Types into the program's terminal; control characters are keys. */
void process_type(process *running, const char *keys);
/* Types them again and again until the program has ended: a key that comes while the program does something else than wait for keys means
 * something else to the terminal, and may be lost. */
void process_type_to_end(process *running, const char *keys);

/* Stops reading stdout, as a reader does that goes away. */
void process_close_output(process *running);

/* Waits for the end and gives everything back. */
void process_finish(process *running, process_result *out_result);

/* Start and finish in one. */
void process_run(const char *const *argv, const process_options *options, process_result *out_result);

void process_result_free(process_result *result);

/* Runs the `setun` of this build with the arguments given, NULL at the end of them, and default options. */
void setun_command(process_result *out_result, ...) __attribute__((sentinel));
#endif

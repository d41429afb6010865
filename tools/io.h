/* io.h - whole files in, checked output out, and Ctrl-C. */
#ifndef SETUN_TOOLS_IO_H
#define SETUN_TOOLS_IO_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/session.h"

/* Reads a file, or the standard input if path is "-". *out_text is malloc-ed and has one NUL byte after its *out_bytes bytes. */
setun_status read_input(const char *path, char **out_text, size_t *out_bytes, setun_error *error);

/* The path, or "standard input" for "-". */
const char *input_name(const char *path);

/* Reads whitespace-separated token ids from text[n_bytes]; `what` names the text in errors. *out_ids is malloc-ed, never NULL. */
setun_status read_ids(const char *what, const char *text, size_t n_bytes, int32_t **out_ids, size_t *out_n_ids, setun_error *error);

/* Token ids of text, behind the tokenizer's BOS if with_bos and it has one. *out_ids is malloc-ed, never NULL. `path` is the file that
 * the text is from, for errors; NULL: none. */
setun_status encode_text(const setun_tokenizer *tokenizer, const char *path, const char *text, size_t n_bytes, unsigned flags, bool with_bos,
                         int32_t **out_ids, size_t *out_n_ids, setun_error *error);

/* Gives standard descriptors that are closed a place holder, so that no file is opened in their place and overwritten; a write to
 * them is then an error. Call first. */
void stdio_open(void);

/* A pipe whose ends a program that is started does not get; where wanted, reading and writing never wait. False: errno says why. (The calls
 * that do this at once are not on every system. No other thread starts a program meanwhile.) */
bool pipe_open(bool nonblocking, int out_ends[2]);

/* Writes bytes to stdout now. SETUN_ERR_IO: "standard output: ...". */
setun_status stdout_write(const char *text, size_t n_bytes, setun_error *error);

/* Whether everything printed to stdout has arrived; closes it. SETUN_ERR_IO as above. */
setun_status stdout_close(setun_error *error);

/* Prints value on one line of stdout and releases it. NULL (memory ran out while it was made) is an error. Returns an exit code. */
int print_json(json_t *value);

/* Real numbers of a JSON text, in place: the fewest digits that give the same number back, 0.8 for 0.80000000000000004. */
void json_shorten_reals(char *text);

/* JSON array of ids; NULL if memory ran out. */
json_t *json_ids(const int32_t *ids, size_t n_ids);

/* "WHAT 1 token" or "WHAT 2 tokens, 31.4 tokens/s" as a line of stderr, the number of tokens with so many digits at least; no rate where
 * nothing was timed. */
void print_tokens(const char *what, int n_digits, int64_t n, int64_t n_timed, double seconds);

/* From now on SIGINT, SIGTERM and SIGHUP interrupt the session, and a second one ends the process. NULL: as before again. */
void interrupt_session(setun_session *session);

/* The same without a session: the first signal is only noted, and whoever works asks interrupt_signal. */
void interrupt_watch(bool on);

/* The same, and further signals are only noted, too: for work that asks often and has more to remove than one file. */
void interrupt_note(bool on);

/* The signal that came, or 0. */
int interrupt_signal(void);

/* As interrupt_watch(true), and a descriptor that can be read from a signal until interrupt_take or interrupt_drain, or -1: errno says why. */
int interrupt_descriptor(void);
/* As interrupt_signal, but another one may come then. */
int interrupt_take(void);
/* Makes the descriptor readable, also for other signals: safe in a handler. */
void interrupt_wake(void);
void interrupt_drain(void);

/* A file to remove should a second signal end the process; NULL: none. The string is borrowed. */
void interrupt_remove(const char *path);
#endif

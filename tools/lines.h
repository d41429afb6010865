/* lines.h - lines from the standard input, edited with libedit where a person types them at a terminal. */
#ifndef SETUN_TOOLS_LINES_H
#define SETUN_TOOLS_LINES_H
#include <stdbool.h>
#include <stddef.h>

#include "setun/error.h"

typedef struct line_reader line_reader;

enum line_end {
    LINE_READ,        /* a line, without its newline */
    LINE_INPUT_ENDED, /* there are no more */
    LINE_INTERRUPTED, /* a signal came, see interrupt_take; what was typed is gone */
    LINE_FAILED       /* the error says why */
};

/* Signals are watched from now on: see interrupt_descriptor. history: file that lines are remembered in; NULL: until the end only. */
setun_status lines_open(const char *history, line_reader **out_reader, setun_error *error);
/* Writes the history. */
void lines_close(line_reader *reader); /* accepts NULL */

/* Whether a person types: the standard input and the standard error are terminals. */
bool lines_are_typed(const line_reader *reader);

/* The next line; its bytes are the reader's until the next call, with a NUL behind them. The prompt is shown to people only. */
enum line_end lines_next(line_reader *reader, const char *prompt, const char **out_text, size_t *out_bytes, setun_error *error);

/* Whether something had been typed on the line that was interrupted. */
bool lines_had_text(const line_reader *reader);
#endif

/* lines.c - reads lines: with libedit at a terminal, else from any stream; both end at once when a signal comes. */
#include "lines.h"

#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "command.h"
#include "io.h"
#include "terminal.h"

enum { HISTORY_LINES = 1000, READ_BYTES = 65536, MAX_LINE_BYTES = 1 << 26 };

struct line_reader {
    bool      typed, had_text, ended;
    int       wake; /* readable when a signal has come */
    EditLine *editor;
    History  *lines;
    char     *history; /* file; NULL: none */
    const char *prompt;
    mbstate_t state;
    char     *text; /* what was read and not given out yet begins at text[at] */
    size_t    at, n, capacity;
};

static volatile sig_atomic_t size_changed, continued;

static void on_change(int number)
{
    if (number == SIGWINCH)
        size_changed = 1;
    else
        continued = 1;
    interrupt_wake();
}

/* The history file is written by libedit, which knows nothing of our errors; one that cannot be read is an error at the start. */
static setun_status load_history(line_reader *reader, const char *path, setun_error *error)
{
    HistEvent event;

    reader->history = strdup(path);
    if (reader->history == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: the history");
    if (access(path, F_OK) == 0 && history(reader->lines, &event, H_LOAD, path) < 0)
        return set_error(error, SETUN_ERR_FORMAT, "%s: not a history that libedit has written", path);
    return SETUN_OK;
}

static char *show_prompt(EditLine *editor)
{
    line_reader *reader = NULL;

    (void)el_get(editor, EL_CLIENTDATA, &reader);
    return (char *)(uintptr_t)reader->prompt; /* libedit does not write to it */
}

/* Waits for input, or for a signal that ends the line: false. */
static bool wait_input(line_reader *reader)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = reader->wake, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return true; /* the read will tell */
        if (interrupt_signal() != 0)
            return false;
        if (fds[1].revents != 0)
            interrupt_drain();
        if (reader->editor != NULL && size_changed != 0) {
            size_changed = 0;
            el_resize(reader->editor);
        }
        if (reader->editor != NULL && continued != 0) {
            continued = 0;
            (void)el_set(reader->editor, EL_PREP_TERM, 1);
            (void)el_set(reader->editor, EL_REFRESH);
        }
        if (fds[0].revents != 0)
            return true;
    }
}

/* libedit's next character: 1, at the end 0, after a signal -1. A byte that is no UTF-8 shows as U+FFFD. */
static int next_character(EditLine *editor, wchar_t *out)
{
    line_reader *reader = NULL;

    (void)el_get(editor, EL_CLIENTDATA, &reader);
    for (;;) {
        char byte;
        ssize_t n;
        size_t done;

        if (!wait_input(reader)) {
            const LineInfo *line = el_line(editor);

            reader->had_text = line->lastchar > line->buffer;
            return -1;
        }
        n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return 0;
        if (byte == '\0' && el_line(editor)->lastchar == el_line(editor)->buffer)
            return 0; /* a Ctrl-D that was typed while an answer came: the terminal, not in libedit's mode then, has made a NUL of it */
        done = mbrtowc(out, &byte, 1, &reader->state);
        if (done == (size_t)-2)
            continue; /* more of the character is to come */
        if (done == (size_t)-1) {
            memset(&reader->state, 0, sizeof(reader->state));
            *out = L'\uFFFD';
        }
        return 1;
    }
}

static setun_status open_editor(line_reader *reader, const char *history_file, setun_error *error)
{
    struct sigaction action = {.sa_handler = on_change, .sa_flags = SA_RESTART};
    HistEvent event;

    /* What is typed is UTF-8, also where the locale is plain C. */
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    reader->editor = el_init("setun", stdin, stderr, stderr);
    reader->lines = history_init();
    if (reader->editor == NULL || reader->lines == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: line editing");
    (void)history(reader->lines, &event, H_SETSIZE, HISTORY_LINES);
    (void)history(reader->lines, &event, H_SETUNIQUE, 1);
    (void)el_set(reader->editor, EL_CLIENTDATA, reader);
    (void)el_set(reader->editor, EL_PROMPT, show_prompt);
    (void)el_set(reader->editor, EL_EDITOR, "emacs");
    (void)el_set(reader->editor, EL_HIST, history, reader->lines);
    (void)el_set(reader->editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_source(reader->editor, NULL); /* the user's ~/.editrc, if there is one */
    (void)el_set(reader->editor, EL_GETCFN, next_character);
    (void)sigaction(SIGWINCH, &action, NULL);
    (void)sigaction(SIGCONT, &action, NULL);
    return history_file != NULL ? load_history(reader, history_file, error) : SETUN_OK;
}

setun_status lines_open(const char *history_file, line_reader **out_reader, setun_error *error)
{
    line_reader *reader = calloc(1, sizeof(*reader));
    setun_status status = SETUN_OK;

    if (reader == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: lines");
    reader->wake = interrupt_descriptor();
    if (reader->wake < 0)
        status = set_error(error, SETUN_ERR_IO, "no pipe for signals: %s", strerror(errno));
    reader->typed = isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0;
    if (status == SETUN_OK && reader->typed && terminal_can_redraw(STDERR_FILENO))
        status = open_editor(reader, history_file, error);
    if (status != SETUN_OK) {
        lines_close(reader);
        return status;
    }
    *out_reader = reader;
    return SETUN_OK;
}

void lines_close(line_reader *reader)
{
    HistEvent event;

    if (reader == NULL)
        return;
    if (reader->history != NULL && reader->lines != NULL)
        (void)history(reader->lines, &event, H_SAVE, reader->history);
    if (reader->lines != NULL)
        history_end(reader->lines);
    if (reader->editor != NULL) {
        (void)signal(SIGWINCH, SIG_DFL);
        (void)signal(SIGCONT, SIG_DFL);
        el_end(reader->editor);
    }
    free(reader->history);
    free(reader->text);
    free(reader);
}

bool lines_are_typed(const line_reader *reader)
{
    return reader->typed;
}

bool lines_had_text(const line_reader *reader)
{
    return reader->had_text;
}

static enum line_end edit_line(line_reader *reader, const char **out_text, size_t *out_bytes)
{
    int n = 0;
    const char *line;
    HistEvent event;

    memset(&reader->state, 0, sizeof(reader->state));
    line = el_gets(reader->editor, &n);
    if (interrupt_signal() != 0) {
        el_reset(reader->editor);
        (void)fputc('\n', stderr);
        return LINE_INTERRUPTED;
    }
    if (line == NULL || n <= 0)
        return LINE_INPUT_ENDED;
    if (line[n - 1] == '\n')
        n--;
    free(reader->text);
    reader->text = strndup(line, (size_t)n);
    if (reader->text == NULL)
        return LINE_FAILED;
    if (reader->text[strspn(reader->text, " \t")] != '\0')
        (void)history(reader->lines, &event, H_ENTER, reader->text);
    *out_text = reader->text;
    *out_bytes = (size_t)n;
    return LINE_READ;
}

/* From a file, a pipe, or a terminal that cannot be redrawn. */
static enum line_end plain_line(line_reader *reader, const char **out_text, size_t *out_bytes, setun_error *error)
{
    size_t scanned = reader->at;

    for (;;) {
        char *newline = reader->n > scanned ? memchr(reader->text + scanned, '\n', reader->n - scanned) : NULL;
        ssize_t n;

        if (newline != NULL || (reader->ended && reader->n > reader->at)) {
            char *end = newline != NULL ? newline : reader->text + reader->n;

            *out_text = reader->text + reader->at;
            *out_bytes = (size_t)(end - *out_text);
            *end = '\0'; /* there is room for one more byte than was read */
            reader->at = newline != NULL ? (size_t)(newline + 1 - reader->text) : reader->n;
            if (*out_bytes > 0 && end[-1] == '\r')
                end[-1] = '\0', --*out_bytes;
            return LINE_READ;
        }
        if (reader->ended)
            return LINE_INPUT_ENDED;
        if (reader->at > 0) {
            memmove(reader->text, reader->text + reader->at, reader->n - reader->at);
            reader->n -= reader->at;
            reader->at = 0;
        }
        scanned = reader->n;
        if (reader->n > MAX_LINE_BYTES) {
            (void)set_error(error, SETUN_ERR_INVALID, "standard input: a line has more than %d bytes", (int)MAX_LINE_BYTES);
            return LINE_FAILED;
        }
        if (reader->capacity < reader->n + READ_BYTES + 1) {
            char *larger = realloc(reader->text, 2 * reader->n + READ_BYTES + 1);

            if (larger == NULL) {
                (void)set_error(error, SETUN_ERR_NOMEM, "out of memory: a line of %zu bytes", reader->n);
                return LINE_FAILED;
            }
            reader->text = larger;
            reader->capacity = 2 * reader->n + READ_BYTES + 1;
        }
        if (!wait_input(reader)) {
            reader->had_text = reader->n > 0;
            return LINE_INTERRUPTED;
        }
        n = read(STDIN_FILENO, reader->text + reader->n, READ_BYTES);
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            (void)set_error(error, SETUN_ERR_IO, "standard input: %s", strerror(errno));
            return LINE_FAILED;
        }
        reader->ended = n == 0;
        reader->n += n > 0 ? (size_t)n : 0;
    }
}

enum line_end lines_next(line_reader *reader, const char *prompt, const char **out_text, size_t *out_bytes, setun_error *error)
{
    reader->prompt = prompt;
    reader->had_text = false;
    if (reader->editor != NULL) {
        const enum line_end end = edit_line(reader, out_text, out_bytes);

        if (end == LINE_FAILED)
            (void)set_error(error, SETUN_ERR_NOMEM, "out of memory: a line");
        return end;
    }
    if (reader->typed)
        (void)fputs(prompt, stderr);
    return plain_line(reader, out_text, out_bytes, error);
}

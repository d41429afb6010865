/* progress.c - draws the bar. */
#include "progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "terminal.h"

static const double first_seconds = 0.5; /* what is done by then needs no bar */
static const double again_seconds = 0.1;
static const double left_seconds = 2;    /* from then on the time left can be guessed */

enum { MAX_COLUMNS = 80, MIN_BAR = 10 };

static enum { UNKNOWN, NO, YES } on_terminal;
static const char  *now_stage; /* NULL: none */
static double       start, drawn;
static volatile sig_atomic_t visible;

/* What sessions tell is a part of. */
static const char *frame_stage; /* NULL: of nothing */
static uint64_t    frame_first, frame_n, frame_total;

static double clock_seconds(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A job in the background would draw over what its user types in the meantime. */
static int in_foreground(void)
{
    const pid_t group = tcgetpgrp(STDERR_FILENO);

    return group < 0 || group == getpgrp();
}

static void write_all(const char *text, size_t n_bytes)
{
    while (n_bytes > 0) {
        const ssize_t n = write(STDERR_FILENO, text, n_bytes);

        if (n <= 0)
            return; /* a bar is nothing to fail for */
        text += n;
        n_bytes -= (size_t)n;
    }
}

/* "packing weights  [######......]  50%  12 s left", in fewer columns than the terminal has: the last one would wrap. */
static void draw(const char *stage, double share, double elapsed)
{
    char line[MAX_COLUMNS + 64], left[32] = "";
    const double seconds = share > 0 ? elapsed / share - elapsed : -1;
    const int percent = (int)(100 * share);
    int columns = terminal_columns(STDERR_FILENO) - 1, bar, n;

    if (columns > MAX_COLUMNS)
        columns = MAX_COLUMNS;
    if (elapsed >= left_seconds && seconds >= 0 && seconds < 100 * 3600)
        (void)snprintf(left, sizeof(left), seconds < 100 ? "%.0f s left" : "%.0f min left", seconds < 100 ? seconds : seconds / 60);
    bar = columns - (int)strlen(stage) - 22; /* blanks and brackets, "100%", "5999 min left" */
    n = snprintf(line, sizeof(line), "\r\033[K");
    if (bar >= MIN_BAR) {
        const int full = (int)(share * bar);

        n += snprintf(line + n, sizeof(line) - (size_t)n, "%s  [", stage);
        memset(line + n, '#', (size_t)full);
        memset(line + n + full, '.', (size_t)(bar - full));
        n += bar;
        n += snprintf(line + n, sizeof(line) - (size_t)n, "] %3d%%  %s", percent, left);
    } else if (columns >= 4) {
        n += snprintf(line + n, sizeof(line) - (size_t)n, "%3d%%", percent);
    } else {
        return;
    }
    visible = 1; /* before it is: a signal in between erases too much rather than too little */
    write_all(line, (size_t)n);
}

void progress_show(const char *stage, uint64_t done, uint64_t total)
{
    double now, share;

    if (on_terminal == UNKNOWN)
        on_terminal = terminal_can_redraw(STDERR_FILENO) ? YES : NO;
    if (on_terminal == NO)
        return;
    now = clock_seconds();
    if (now_stage == NULL || strcmp(stage, now_stage) != 0) {
        progress_clear();
        now_stage = stage;
        start = now;
        drawn = now + first_seconds - again_seconds;
        return;
    }
    if ((visible != 0 || now - start < first_seconds) && now - drawn < again_seconds)
        return;
    if (!in_foreground())
        return;
    drawn = now;
    share = (double)done / (double)total;
    draw(stage, share < 0 ? 0 : share > 1 ? 1 : share, now - start);
}

void progress_hide(void)
{
    static const char erase[] = "\r\033[K";

    if (visible == 0)
        return;
    visible = 0;
    write_all(erase, sizeof(erase) - 1);
}

void progress_clear(void)
{
    progress_hide();
    now_stage = NULL;
}

void progress_session(void *context, const char *stage, uint64_t done, uint64_t total)
{
    (void)context;
    if (frame_stage == NULL)
        progress_show(stage, done, total);
    else /* in thousandths of the frame's unit */
        progress_show(frame_stage, 1000 * frame_first + (uint64_t)(1000 * (double)frame_n * (double)done / (double)total),
                      1000 * frame_total);
}

void progress_frame(const char *stage, uint64_t first, uint64_t n, uint64_t total)
{
    frame_stage = stage;
    frame_first = first;
    frame_n = n;
    frame_total = total;
}

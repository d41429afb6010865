/* test_terminal.c - what a terminal gets and a file does not: bars that come and go, colour; and who does not want them. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "process.h"

static const char *const plain_terminal[] = {"TERM=xterm", "NO_COLOR=", NULL};
static const char *const no_colour[] = {"TERM=xterm", "NO_COLOR=1", NULL};
static const char *const dumb[] = {"TERM=dumb", "NO_COLOR=", NULL};
static const char *const unnamed[] = {"TERM", "NO_COLOR=", NULL}; /* putenv takes TERM away */

/* What remains on the screen: \r goes to the line's start, \033[K erases from there, colours show nothing. */
static void render(const char *text, char *screen)
{
    size_t line = 0, at = 0, end = 0;

    for (; *text != '\0'; text++) {
        if (*text == '\r') {
            at = line;
        } else if (strncmp(text, "\033[K", 3) == 0) {
            end = at;
            text += 2;
        } else if (*text == '\033') {
            text += strcspn(text, "m");
            cr_assert_eq(*text, 'm', "not a colour");
        } else {
            if (*text == '\n')
                at = end;
            screen[at++] = *text;
            end = at > end ? at : end;
            if (*text == '\n')
                line = at;
        }
        cr_assert(end - line < 80, "wider than the terminal: %.*s", (int)(end - line), screen + line);
    }
    screen[end] = '\0';
}

/* The first n_bytes of the held-out text, in a folder to remove. */
static void make_text(char folder[64], char path[128], size_t n_bytes)
{
    size_t n;
    char *text = file_read(GOLDEN "/heldout.txt", &n);

    cr_assert(n >= n_bytes);
    while (n_bytes > 0 && ((unsigned char)text[n_bytes] & 0xc0) == 0x80)
        n_bytes--; /* not within a character */
    folder_make(folder);
    (void)snprintf(path, 128, "%s/text", folder);
    file_write(path, text, n_bytes);
    free(text);
}

/* Stops the program again and again, so that whatever it does takes as long as a bar needs, until it has written `text`. */
static bool hold_up(process *running, const char *text)
{
    for (int i = 0; i < 60; i++) {
        if (process_wait_error(running, text, 0.03))
            return true;
        process_signal(running, SIGSTOP);
        (void)usleep(600000); /* longer than the bar waits */
        process_signal(running, SIGCONT);
    }
    return false;
}

/* A bar while it lasts, nothing of it afterwards. */
Test(terminal, bar_comes_and_goes)
{
    char folder[64], path[128], screen[4096];
    const char *const argv[] = {SETUN_COMMAND, "score", "-f", path, "-t", "1", "--backend", "scalar", NULL};
    const process_options options = {.terminal = true, .environment = no_colour};
    process_result result;
    process *running;

    make_text(folder, path, 500);
    running = process_start(argv, &options);
    cr_assert(hold_up(running, "scoring  ["), "no bar");
    process_finish(running, &result);
    cr_assert_eq(result.exit_code, 0, "exit %d: %s", result.exit_code, result.err);
    cr_assert(strncmp(result.out, "tokens ", 7) == 0 && strchr(result.out, '\r') == NULL, "%s", result.out);
    cr_assert(strstr(result.err, "%") != NULL, "%s", result.err);
    cr_assert(strstr(result.err, "\033[3") == NULL, "a colour: %s", result.err);
    render(result.err, screen);
    cr_assert(strpbrk(screen, "#[%") == NULL, "left over: %s", screen);
    cr_assert(strstr(screen, " tokens/s\n") == screen + strlen(screen) - 10, "%s", screen);
    cr_assert_eq(strchr(screen, '\n'), screen + strlen(screen) - 1, "%s", screen);
    process_result_free(&result);
    folder_remove(folder);
}

static void check_no_bar(bool terminal, const char *const *environment)
{
    const char *const argv[] = {SETUN_COMMAND, "score", "-f", GOLDEN "/heldout.txt", "-t", "1", "--backend", "scalar", NULL};
    const process_options options = {.terminal = terminal, .environment = environment};
    process *running = process_start(argv, &options);
    process_result result;

    (void)process_wait_error(running, "\r", 2);
    process_signal(running, SIGTERM);
    process_finish(running, &result);
    cr_assert(strpbrk(result.err, "\r\033#") == NULL, "%s", result.err);
    process_result_free(&result);
}

/* Neither in a file nor on a terminal that cannot erase. */
Test(terminal, no_bar)
{
    check_no_bar(false, plain_terminal);
    check_no_bar(true, dumb);
    check_no_bar(true, unnamed);
}

/* Ctrl-C while the bar is there: the error stands alone. */
Test(terminal, bar_goes_at_an_interrupt)
{
    const char *const argv[] = {SETUN_COMMAND, "score", "-f", GOLDEN "/heldout.txt", "-t", "1", "--backend", "scalar", NULL};
    const process_options options = {.terminal = true, .environment = plain_terminal};
    process *running = process_start(argv, &options);
    process_result result;
    char screen[4096];

    cr_assert(process_wait_error(running, "scoring  [", PROCESS_SECONDS));
    process_signal(running, SIGINT);
    process_finish(running, &result);
    cr_assert_eq(result.exit_code, 130, "exit %d: %s", result.exit_code, result.err);
    render(result.err, screen);
    cr_assert_str_eq(screen, "setun score: interrupted\n");
    process_result_free(&result);
}

/* The bar of a long prompt makes way for the text on the same terminal. */
Test(terminal, bar_makes_way_for_the_text)
{
    char folder[64], path[128], command[512], *text;
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    const process_options options = {.terminal = true, .environment = plain_terminal};
    process_result result;
    process *running;
    size_t n_text;

    make_text(folder, path, 500);
    (void)snprintf(command, sizeof(command), "exec '%s' run -f '%s' -n 1 --temp 0 -t 1 --backend scalar --chunk 4 1>&2", SETUN_COMMAND, path);
    running = process_start(argv, &options);
    cr_assert(hold_up(running, "reading the prompt  ["), "no bar");
    process_finish(running, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    text = file_read(path, &n_text);
    cr_assert(strrchr(result.err, '\r') != NULL);
    cr_assert(strncmp(strrchr(result.err, '\r'), "\r\033[K", 4) == 0, "the last thing drawn is no erasure");
    cr_assert(strncmp(strrchr(result.err, '\r') + 4, text, 20) == 0, "the text does not follow the erasure: %s", result.err);
    process_result_free(&result);
    free(text);
    folder_remove(folder);
}

static void check_colour(bool terminal, const char *const *environment, bool expected)
{
    const char *const argv[] = {SETUN_COMMAND, "rnu", NULL};
    const process_options options = {.terminal = terminal, .environment = environment};
    process_result result;

    process_run(argv, &options, &result);
    cr_assert_eq(result.exit_code, 2);
    cr_assert_str_eq(result.err, expected ? "\033[31msetun:\033[0m unknown command 'rnu'; did you mean 'run'?\n"
                                          : "setun: unknown command 'rnu'; did you mean 'run'?\n");
    process_result_free(&result);
}

Test(terminal, colour)
{
    check_colour(true, plain_terminal, true);
    check_colour(true, no_colour, false);
    check_colour(true, dumb, false);
    check_colour(true, unnamed, false);
    check_colour(false, plain_terminal, false);
}

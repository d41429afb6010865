/* command.c - messages that every command shares. */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "buffer.h"
#include "progress.h"
#include "terminal.h"

static const char *command_name = "";

void command_set_name(const char *name)
{
    command_name = name;
}

/* A file name or a prompt may hold anything; an error stays one line, and no terminal is told to do things. UTF-8 passes. */
static void print_line(const char *format, va_list args)
{
    char text[2048], shown[2048];
    const bool colour = terminal_has_colour(STDERR_FILENO);

    (void)vsnprintf(text, sizeof(text), format, args);
    progress_clear();
    (void)fflush(stdout);
    (void)fprintf(stderr, "%ssetun%s%s:%s %s\n", colour ? "\033[31m" : "", command_name[0] != '\0' ? " " : "", command_name,
                  colour ? "\033[0m" : "", printable(text, shown, sizeof(shown)));
}

int fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_line(format, args);
    va_end(args);
    return EXIT_FAILED;
}

int fail_usage(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_line(format, args);
    va_end(args);
    return EXIT_USAGE;
}

setun_status (set_error)(setun_error *error, setun_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return status;
}

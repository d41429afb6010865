/* terminal.c - asks the environment and the kernel about a terminal. */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_can_redraw(int fd)
{
    const char *name = getenv("TERM");

    return name != NULL && name[0] != '\0' && strcmp(name, "dumb") != 0 && isatty(fd) != 0;
}

bool terminal_has_colour(int fd)
{
    const char *without = getenv("NO_COLOR");

    return (without == NULL || without[0] == '\0') && terminal_can_redraw(fd);
}

int terminal_columns(int fd)
{
    struct winsize size = {0};

    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* terminal.h - what may be written to a terminal besides plain text. */
#ifndef SETUN_TOOLS_TERMINAL_H
#define SETUN_TOOLS_TERMINAL_H
#include <stdbool.h>

/* Whether the descriptor is a terminal on which a line can be erased and drawn again: not where TERM is unset or "dumb". */
bool terminal_can_redraw(int fd);

/* Whether the descriptor is such a terminal and its user wants colours: NO_COLOR is unset or empty. */
bool terminal_has_colour(int fd);

/* Columns of the terminal; 80 if it does not say. */
int terminal_columns(int fd);
#endif

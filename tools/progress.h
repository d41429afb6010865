/* progress.h - a bar for what takes longer than a moment: on stderr if that is a terminal, else nothing at all. It is one line that is
 * drawn over itself, at most ten times a second, and erased before anything else is printed. */
#ifndef SETUN_TOOLS_PROGRESS_H
#define SETUN_TOOLS_PROGRESS_H
#include <stdint.h>

/* `done` of `total` (at least 1) of a stage are done. The bar appears once the stage has taken half a second. The text is borrowed until
 * progress_clear. */
void progress_show(const char *stage, uint64_t done, uint64_t total);

/* Erases the bar, if there is one, to print something; the stage goes on. Safe in a signal handler. */
void progress_hide(void);

/* Erases the bar and ends the stage. */
void progress_clear(void);

/* A setun_progress for sessions; context is not used. */
void progress_session(void *context, const char *stage, uint64_t done, uint64_t total);

/* What sessions tell from now on is the part from `first` to `first + n` of `total` of this stage. NULL: each of their stages is whole. */
void progress_frame(const char *stage, uint64_t first, uint64_t n, uint64_t total);
#endif

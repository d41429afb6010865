/* team.h - threads on which the tiles of a phase run at the same time, as a host runs them. Internal to the check. */
#ifndef SETUN_CHECK_TEAM_H
#define SETUN_CHECK_TEAM_H
#include "base/base.h"

enum { SETUN_CHECK_THREADS = 4 };

/* Starts the threads, once in a process; they end with it. */
setun_status setun_check_team_begin(setun_error *error);

/* body(context, i) for each i below n (at most SETUN_CHECK_THREADS), in a thread of its own, all of them starting together if they can. Returns when all
 * have. The threads may call setun_check_protected. */
void setun_check_team_run(uint32_t n, void (*body)(void *context, uint32_t i), void *context);
#endif

/* protect.h - calls functions that may crash, hang or wait for ever, and comes back. Internal to the check. One user at a time in a process. */
#ifndef SETUN_CHECK_PROTECT_H
#define SETUN_CHECK_PROTECT_H
#include "base/base.h"

typedef struct setun_check_crash {
    int         signal;  /* 0: none */
    const void *address; /* that was touched; NULL if the signal has none */
    bool        waits;   /* it was stopped because it slept, not because it took too long */
} setun_check_crash;

/* Takes over the signals; SETUN_ERR_UNSUPPORTED if they are taken already. The calling thread may then call setun_check_protected.
 * time_limit: CPU seconds of one call; one that sleeps is stopped after a quarter of it, by the clock. */
setun_status setun_check_protect_begin(uint32_t time_limit, setun_error *error);
/* Gives the signals back, in the same thread; no other may be a caller then. */
void setun_check_protect_end(void);
/* For each further thread that is to call kernels, once, in that thread. It lives as long as the process. */
setun_status setun_check_protect_thread(setun_error *error);

/* body(context), until it returns or is stopped by a signal; then the floating-point modes are what they were. False: see the crash. */
bool setun_check_protected(void (*body)(void *context), void *context, setun_check_crash *out_crash);

/* "SIGSEGV". */
const char *setun_check_signal_name(int signal);
#endif

/* isolate.h - kernels are checked in a child process: one that ends the process, or tramples on its memory, fails and is not the end of the
 * check. Internal. */
#ifndef SETUN_CHECK_ISOLATE_H
#define SETUN_CHECK_ISOLATE_H
#include "setun/check.h"

enum { SETUN_CHECK_TEXT_BYTES = 1024 };

/* What the child says. Shorter than PIPE_BUF, so that it is written whole. */
typedef struct setun_check_message {
    enum setun_check_news { SETUN_NEWS_CASE, SETUN_NEWS_RESULT, SETUN_NEWS_END } news;
    uint32_t kernel;             /* its index among the kernels of the plugins */
    uint32_t index, n_cases;     /* CASE: which of how many */
    int      status;             /* RESULT: SETUN_CHECK_*; END: a setun_status, text being the error */
    uint64_t n_run, n_declined, n_runs; /* RESULT */
    char     kind[16];           /* RESULT */
    char     text[SETUN_CHECK_TEXT_BYTES];
} setun_check_message;

/* What the child is doing: lives in memory that it shares with its parent. */
typedef struct setun_check_now {
    bool     is_in_kernel;
    uint32_t kernel, index;
    char     text[200]; /* of the case */
} setun_check_now;

/* Zero-initialise. */
typedef struct setun_check_child {
    long             pid;
    int              fd; /* the parent's: messages to read; the child's: to write */
    setun_check_now *now;
} setun_check_child;

/* Forks. The child calls body(context, child), which ends with setun_check_child_end. */
setun_status setun_check_child_start(void (*body)(void *context, setun_check_child *child), void *context, setun_check_child *out_child,
                                     setun_error *error);
/* In the child. */
void setun_check_child_say(const setun_check_child *child, const setun_check_message *message);
_Noreturn void setun_check_child_end(void);
/* In the parent: the next message; false once the child has ended. */
bool setun_check_child_hear(const setun_check_child *child, setun_check_message *out_message);
/* In the parent: waits for the end, after a kill if it is to end now, and says how it came: "exit status 0", "killed by SIGKILL". */
void setun_check_child_close(setun_check_child *child, bool kill_it, bool *out_exited, char how[64]);
#endif

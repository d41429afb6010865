/* interrupt.c - Ctrl-C and kill: the first asks the session to end after its present pass, the second ends the process. */
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "progress.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static setun_session *volatile session_to_end;
static const char *volatile    file_to_remove;
static volatile sig_atomic_t   signal_seen;

static void on_signal(int number)
{
    if (signal_seen != 0) {
        if (file_to_remove != NULL)
            (void)unlink(file_to_remove);
        progress_hide();
        (void)signal(number, SIG_DFL);
        (void)raise(number); /* held back until this handler returns, then the default: the process ends by the signal */
        return;
    }
    signal_seen = number;
    if (session_to_end != NULL)
        setun_session_interrupt(session_to_end);
}

static void set_handlers(bool on)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    (void)sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART; /* a write to stdout goes on; the session ends by its flag */
    action.sa_handler = on ? on_signal : SIG_DFL;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction old;

        /* A shell starts background jobs with SIGINT ignored, nohup does so with SIGHUP: that stays. */
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &action, NULL);
    }
}

void interrupt_session(setun_session *session)
{
    session_to_end = session;
    set_handlers(session != NULL);
}

void interrupt_watch(bool on)
{
    session_to_end = NULL;
    set_handlers(on);
}

int interrupt_signal(void)
{
    return signal_seen;
}

void interrupt_remove(const char *path)
{
    file_to_remove = path;
}

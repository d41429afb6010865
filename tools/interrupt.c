/* interrupt.c - Ctrl-C and kill: the first asks the session to end after its present pass, the second ends the process; or they are only
 * noted. */
#include <errno.h>
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
static int wake_read = -1, wake_write = -1; /* a pipe, once signals are watched */
static volatile sig_atomic_t   watching; /* what runs asks interrupt_signal() and cleans up by itself */

static void on_signal(int number)
{
    if (watching != 0) {
        signal_seen = number;
        return;
    }
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
    interrupt_wake();
}

void interrupt_wake(void)
{
    const int kept = errno;

    if (wake_write >= 0)
        (void)!write(wake_write, "", 1); /* full: then it is readable already */
    errno = kept;
}

void interrupt_drain(void)
{
    char bytes[64];

    while (read(wake_read, bytes, sizeof(bytes)) > 0)
        continue;
}

int interrupt_take(void)
{
    const int number = signal_seen;

    signal_seen = 0;
    if (wake_read >= 0)
        interrupt_drain();
    return number;
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

int interrupt_descriptor(void)
{
    int ends[2];

    if (wake_read < 0) {
        if (!pipe_open(true, ends))
            return -1;
        wake_read = ends[0];
        wake_write = ends[1];
    }
    interrupt_watch(true);
    return wake_read;
}

void interrupt_note(bool on)
{
    watching = on;
    interrupt_watch(on);
}

int interrupt_signal(void)
{
    return signal_seen;
}

void interrupt_remove(const char *path)
{
    file_to_remove = path;
}

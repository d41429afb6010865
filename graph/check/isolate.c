/* isolate.c - see isolate.h. */
#include "check/isolate.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#if SETUN_LINUX
#include <sys/prctl.h>
#endif

#include "base/base.h"

_Static_assert(sizeof(setun_check_message) <= 4096, "a write to a pipe is whole up to PIPE_BUF bytes");

enum { EXIT_CALLED = 77 }; /* exit() was called; its status is lost */

/* exit() in a kernel: neither the host's exit handlers nor its buffered output are the child's to run. */
static void on_exit_called(void)
{
    _exit(EXIT_CALLED);
}

setun_status setun_check_child_start(void (*body)(void *context, setun_check_child *child), void *context, setun_check_child *out_child,
                                     setun_error *error)
{
    setun_check_child child = {.fd = -1};
    const long parent = (long)getpid();
    int ends[2];

    if (pipe(ends) != 0)
        return setun_fail(error, SETUN_ERR_IO, "pipe: %s", strerror(errno));
    child.now = mmap(NULL, sizeof(*child.now), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (child.now == MAP_FAILED) {
        close(ends[0]);
        close(ends[1]);
        return setun_fail_nomem(error, "shared memory", sizeof(*child.now));
    }
    child.pid = (long)fork();
    if (child.pid < 0) {
        const int cause = errno;

        close(ends[0]);
        close(ends[1]);
        munmap(child.now, sizeof(*child.now));
        return setun_fail(error, SETUN_ERR_IO, "fork: %s", strerror(cause));
    }
    if (child.pid == 0) {
        close(ends[0]);
        child.fd = ends[1];
#if SETUN_LINUX
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
        if ((long)getppid() != parent || atexit(on_exit_called) != 0) /* the parent is gone */
            _exit(EXIT_FAILURE);
        body(context, &child);
        setun_check_child_end();
    }
    close(ends[1]);
    child.fd = ends[0];
    *out_child = child;
    return SETUN_OK;
}

void setun_check_child_say(const setun_check_child *child, const setun_check_message *message)
{
    ssize_t n;

    do {
        n = write(child->fd, message, sizeof(*message));
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(*message)) /* nobody listens */
        _exit(EXIT_FAILURE);
}

_Noreturn void setun_check_child_end(void)
{
    _exit(EXIT_SUCCESS);
}

bool setun_check_child_hear(const setun_check_child *child, setun_check_message *out_message)
{
    size_t n = 0;

    while (n < sizeof(*out_message)) {
        const ssize_t got = read(child->fd, (char *)out_message + n, sizeof(*out_message) - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
    out_message->kind[sizeof(out_message->kind) - 1] = '\0';
    out_message->text[sizeof(out_message->text) - 1] = '\0';
    return true;
}

void setun_check_child_close(setun_check_child *child, bool kill_it, bool *out_exited, char how[64])
{
    int status = 0;
    pid_t got;

    if (kill_it)
        (void)kill((pid_t)child->pid, SIGKILL);
    do {
        got = waitpid((pid_t)child->pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    close(child->fd);
    munmap(child->now, sizeof(*child->now));
    *out_exited = got > 0 && WIFEXITED(status);
    if (got > 0 && WIFSIGNALED(status))
        (void)snprintf(how, 64, "signal %d, %.40s", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (*out_exited && WEXITSTATUS(status) == EXIT_CALLED)
        (void)snprintf(how, 64, "exit()");
    else
        (void)snprintf(how, 64, "exit status %d", *out_exited ? WEXITSTATUS(status) : 0);
    memset(child, 0, sizeof(*child));
}

/* pipe_through.c - fork, execvp, three pipes and poll. */
#include "pipe_through.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "io.h"

/* Our ends of the pipes; -1 once closed. `failure` carries errno if the program cannot be started. */
typedef struct child {
    pid_t pid;
    int   input, output, errors, failure;
} child;

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* In the child: never returns. The ends are closed on exec, but for the copies made here. */
static void become(const char *const *argv, int input, int output, int errors, int failure)
{
    (void)signal(SIGPIPE, SIG_DFL); /* ignored signals stay ignored in the program */
    if (dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 && dup2(errors, STDERR_FILENO) >= 0)
        (void)execvp(argv[0], (char *const *)(void *)(uintptr_t)argv);
    (void)!write(failure, &errno, sizeof(errno));
    _exit(127);
}

static setun_status start(const char *const *argv, child *out_child, setun_error *error)
{
    int fd[4][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}}; /* input, output, errors, failure */
    child started;
    bool good = true;

    for (int i = 0; i < 4 && good; i++)
        good = pipe_open(false, fd[i]);
    started.pid = good ? fork() : -1;
    if (started.pid < 0) {
        (void)set_error(error, SETUN_ERR_IO, "%s: %s", argv[0], strerror(errno));
        for (int i = 0; i < 4; i++) {
            close_end(&fd[i][0]);
            close_end(&fd[i][1]);
        }
        return SETUN_ERR_IO;
    }
    if (started.pid == 0)
        become(argv, fd[0][0], fd[1][1], fd[2][1], fd[3][1]);
    close_end(&fd[0][0]);
    for (int i = 1; i < 4; i++)
        close_end(&fd[i][1]);
    started.input = fd[0][1];
    started.output = fd[1][0];
    started.errors = fd[2][0];
    started.failure = fd[3][0];
    (void)fcntl(started.input, F_SETFL, O_NONBLOCK); /* so that a program that writes before it has read all does not stop us */
    *out_child = started;
    return SETUN_OK;
}

/* Takes what is there; closes the end when nothing will come any more. */
static void take(int *fd, buffer *to)
{
    char block[65536];
    const ssize_t n = read(*fd, block, sizeof(block));

    if (n > 0)
        buffer_add(to, "%.*s", (int)n, block);
    else if (n == 0 || errno != EINTR)
        close_end(fd);
}

static void give(int *fd, const char **input, size_t *n_bytes)
{
    const ssize_t n = write(*fd, *input, *n_bytes);

    if (n >= 0) {
        *input += n;
        *n_bytes -= (size_t)n;
    }
    if (*n_bytes == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) /* a program that reads no more will say why */
        close_end(fd);
}

static void converse(child *running, const char *input, size_t n_bytes, buffer *output, buffer *errors)
{
    if (n_bytes == 0)
        close_end(&running->input);
    while (running->input >= 0 || running->output >= 0 || running->errors >= 0) {
        struct pollfd poll_fds[3] = {{running->input, POLLOUT, 0}, {running->output, POLLIN, 0}, {running->errors, POLLIN, 0}};

        if (poll(poll_fds, 3, -1) < 0 && errno != EINTR)
            break;
        if (poll_fds[0].revents != 0)
            give(&running->input, &input, &n_bytes);
        if (poll_fds[1].revents != 0)
            take(&running->output, output);
        if (poll_fds[2].revents != 0)
            take(&running->errors, errors);
    }
    close_end(&running->input);
    close_end(&running->output);
    close_end(&running->errors);
}

setun_status pipe_through(const char *const *argv, const char *input, size_t n_bytes, buffer *out_output, setun_error *error)
{
    buffer output = {.data = NULL}, errors = {.data = NULL};
    int why = 0, status_word = 0;
    child running;
    setun_status status = start(argv, &running, error);

    if (status != SETUN_OK)
        return status;
    converse(&running, input, n_bytes, &output, &errors);
    if (read(running.failure, &why, sizeof(why)) != (ssize_t)sizeof(why))
        why = 0;
    close_end(&running.failure);
    while (waitpid(running.pid, &status_word, 0) < 0 && errno == EINTR)
        ;
    if (why != 0)
        status = set_error(error, why == ENOENT ? SETUN_ERR_NOT_FOUND : SETUN_ERR_IO, "%s: %s", argv[0], strerror(why));
    else if (!WIFEXITED(status_word) || WEXITSTATUS(status_word) != 0)
        status = set_error(error, SETUN_ERR_IO, "%s failed%s%.*s", argv[0], errors.n > 0 ? ": " : "",
                           errors.n > 0 ? (int)strcspn(errors.data, "\n") : 0, errors.n > 0 ? errors.data : "");
    else if (output.failed)
        status = set_error(error, SETUN_ERR_NOMEM, "out of memory: output of %s", argv[0]);
    buffer_free(&errors);
    if (status == SETUN_OK)
        *out_output = output;
    else
        buffer_free(&output);
    return status;
}

/* process.c - fork, exec, pipes and a time limit. */
#include "process.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct capture {
    int    fd;
    char  *text;
    size_t n, capacity;
} capture;

struct process {
    pid_t   pid;
    capture out, err;
    double  deadline;
    bool    timed_out;
};

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* In the child: becomes the program, or exits with 127. Async-signal-safe calls only, but for putenv: the test has one thread here. */
static void become(const char *const *argv, const process_options *options, int in, const int out[2], const int err[2])
{
    if (options->stdout_path != NULL) {
        const int fd = open(options->stdout_path, O_WRONLY);

        if (fd < 0 || dup2(fd, 1) < 0)
            _exit(127);
    } else if (dup2(out[1], 1) < 0) {
        _exit(127);
    }
    if (dup2(options->typed ? err[1] : in, 0) < 0 || dup2(err[1], 2) < 0)
        _exit(127);
    if (options->terminal && (setsid() < 0 || ioctl(2, TIOCSCTTY, 0) != 0))
        _exit(127);
    for (int fd = 3; fd < 64; fd++)
        (void)close(fd);
    if (options->close_stdout)
        (void)close(1);
    if (options->close_stdin)
        (void)close(0);
    for (size_t i = 0; options->environment != NULL && options->environment[i] != NULL; i++)
        (void)putenv((char *)options->environment[i]);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)execv(argv[0], (char *const *)argv);
    _exit(127);
}

/* A descriptor from which `text` can be read: an unlinked file, so that nobody has to feed a pipe. */
static int input_file(const char *text, size_t n_bytes)
{
    char path[] = "/tmp/setun-test-input-XXXXXX";
    const int fd = mkstemp(path);

    cr_assert(fd >= 0, "mkstemp: %s", strerror(errno));
    (void)unlink(path);
    cr_assert(n_bytes == 0 || write(fd, text, n_bytes) == (ssize_t)n_bytes);
    cr_assert(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* As pipe(), but what is read is the far side of a terminal; bytes pass through it as they are, unless it is to have usual modes. */
static int terminal(int ends[2], bool usual)
{
    const struct winsize size = {.ws_row = 24, .ws_col = 80};
    struct termios raw;

    if (openpty(&ends[0], &ends[1], NULL, NULL, &size) != 0 || tcgetattr(ends[1], &raw) != 0)
        return -1;
    if (usual)
        return 0;
    cfmakeraw(&raw);
    return tcsetattr(ends[1], TCSANOW, &raw);
}

process *process_start(const char *const *argv, const process_options *options)
{
    process *started = calloc(1, sizeof(*started));
    int out[2], err[2];
    const int in = input_file(options->input, options->input != NULL ? options->input_bytes : 0);

    cr_assert(started != NULL);
    cr_assert(pipe(out) == 0, "pipe: %s", strerror(errno));
    cr_assert((options->terminal ? terminal(err, options->typed) : pipe(err)) == 0, "stderr: %s", strerror(errno));
    started->deadline = now() + (options->seconds > 0 ? options->seconds : PROCESS_SECONDS);
    started->pid = fork();
    cr_assert(started->pid >= 0, "fork: %s", strerror(errno));
    if (started->pid == 0)
        become(argv, options, in, out, err);
    (void)close(in);
    (void)close(out[1]);
    (void)close(err[1]);
    started->out.fd = out[0];
    started->err.fd = err[0];
    return started;
}

/* Takes what is there; closes at the end of the stream. */
static void drain(capture *stream)
{
    ssize_t n;

    if (stream->capacity - stream->n < 65536) {
        stream->capacity = 2 * stream->capacity + 131072;
        stream->text = realloc(stream->text, stream->capacity);
        cr_assert(stream->text != NULL);
    }
    n = read(stream->fd, stream->text + stream->n, stream->capacity - stream->n - 1);
    if (n > 0) {
        stream->n += (size_t)n;
    } else if (n == 0 || errno != EINTR) {
        (void)close(stream->fd);
        stream->fd = -1;
    }
}

/* Reads what there is of both streams, and waits for it, until `end` at the latest, if there is nothing. */
static void pump_once(process *running, double end)
{
    struct pollfd streams[2] = {{running->out.fd, POLLIN, 0}, {running->err.fd, POLLIN, 0}}; /* poll skips a negative fd */
    const double left = running->deadline - now(), wait = end - now() < left ? end - now() : left;

    if (left <= 0 && !running->timed_out) {
        running->timed_out = true;
        (void)kill(running->pid, SIGKILL);
    }
    if (poll(streams, 2, left <= 0 ? 1000 : wait > 0 ? (int)(wait * 1000) + 1 : 0) <= 0)
        return;
    if (streams[0].revents != 0)
        drain(&running->out);
    if (streams[1].revents != 0)
        drain(&running->err);
}

static bool has_ended(const process *running)
{
    return running->out.fd < 0 && running->err.fd < 0;
}

void process_wait_output(process *running, size_t n_bytes)
{
    while (running->out.n < n_bytes && !has_ended(running))
        pump_once(running, running->deadline);
}

bool process_wait_error(process *running, const char *text, double seconds)
{
    const double end = now() + seconds;

    for (;;) {
        if (running->err.n > 0 && memmem(running->err.text, running->err.n, text, strlen(text)) != NULL)
            return true;
        if (has_ended(running) || now() >= end || running->timed_out)
            return false;
        pump_once(running, end);
    }
}

void process_signal(process *running, int signal)
{
    (void)kill(running->pid, signal);
}

void process_type(process *running, const char *keys)
{
    const size_t n = strlen(keys);

    cr_assert(write(running->err.fd, keys, n) == (ssize_t)n, "typing: %s", strerror(errno));
}

void process_type_to_end(process *running, const char *keys)
{
    while (!has_ended(running)) {
        const ssize_t n = write(running->err.fd, keys, strlen(keys)); /* which fails once nobody has the terminal open */

        (void)n;
        (void)process_wait_error(running, "\1 what no program writes \1", 0.3);
    }
}

void process_close_output(process *running)
{
    if (running->out.fd >= 0)
        (void)close(running->out.fd);
    running->out.fd = -1;
}

static char *finish_text(capture *stream, size_t *out_n)
{
    char *text = stream->text != NULL ? stream->text : calloc(1, 1);

    cr_assert(text != NULL);
    text[stream->n] = '\0';
    *out_n = stream->n;
    return text;
}

void process_finish(process *running, process_result *out_result)
{
    int status = 0;

    while (!has_ended(running))
        pump_once(running, running->deadline);
    while (waitpid(running->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    *out_result = (process_result){
        .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .timed_out = running->timed_out,
    };
    out_result->out = finish_text(&running->out, &out_result->n_out);
    out_result->err = finish_text(&running->err, &out_result->n_err);
    free(running);
}

void process_run(const char *const *argv, const process_options *options, process_result *out_result)
{
    process_finish(process_start(argv, options), out_result);
}

void process_result_free(process_result *result)
{
    free(result->out);
    free(result->err);
    *result = (process_result){0};
}

void setun_command(process_result *out_result, ...)
{
    const char *argv[40] = {SETUN_COMMAND};
    const process_options options = {0};
    size_t n = 1;
    va_list args;

    va_start(args, out_result);
    while ((argv[n] = va_arg(args, const char *)) != NULL)
        cr_assert(++n < sizeof(argv) / sizeof(argv[0]));
    va_end(args);
    process_run(argv, &options, out_result);
    cr_assert(!out_result->timed_out, "setun %s did not end within %d s", argv[1], PROCESS_SECONDS);
}

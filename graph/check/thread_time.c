/* thread_time.c - threads as the system sees them: POSIX and Linux's /proc; Mach; POSIX alone. */
#include "check/thread_time.h"

#include <string.h>
#if defined(__APPLE__)
#include <mach/mach.h>
#else
#include <time.h>
#endif
#if SETUN_LINUX
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

void setun_check_thread_here(setun_check_thread *out_thread)
{
    *out_thread = (setun_check_thread){.thread = pthread_self()};
#if SETUN_LINUX
    (void)snprintf(out_thread->stat_file, sizeof(out_thread->stat_file), "/proc/self/task/%ld/stat", (long)syscall(SYS_gettid));
#endif
}

#if defined(__APPLE__)
static bool read_info(const setun_check_thread *thread, thread_basic_info_data_t *out_info)
{
    mach_msg_type_number_t n = THREAD_BASIC_INFO_COUNT;

    return thread_info(pthread_mach_thread_np(thread->thread), THREAD_BASIC_INFO, (thread_info_t)out_info, &n) == KERN_SUCCESS;
}

double setun_check_thread_seconds(const setun_check_thread *thread)
{
    thread_basic_info_data_t info;

    if (!read_info(thread, &info))
        return 0.0;
    return (double)info.user_time.seconds + (double)info.system_time.seconds +
           1e-6 * ((double)info.user_time.microseconds + (double)info.system_time.microseconds);
}

bool setun_check_thread_is_runnable(const setun_check_thread *thread)
{
    thread_basic_info_data_t info;

    return read_info(thread, &info) && info.run_state == TH_STATE_RUNNING; /* Mach's word for runnable */
}
#else
double setun_check_thread_seconds(const setun_check_thread *thread)
{
    struct timespec time = {.tv_sec = 0};
    clockid_t clock;

    if (pthread_getcpuclockid(thread->thread, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0.0;
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

bool setun_check_thread_is_runnable(const setun_check_thread *thread)
{
#if SETUN_LINUX
    char text[512];
    const int fd = open(thread->stat_file, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    const char *name_end;

    if (fd >= 0)
        (void)close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    name_end = strrchr(text, ')'); /* "123 (name) R ..." */
    return name_end != NULL && name_end[1] != '\0' && name_end[2] == 'R';
#else
    (void)thread;
    return false;
#endif
}
#endif

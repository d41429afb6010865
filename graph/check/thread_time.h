/* thread_time.h - how long another thread has run, and whether it waits for nothing but a processor. Internal to the check. */
#ifndef SETUN_CHECK_THREAD_TIME_H
#define SETUN_CHECK_THREAD_TIME_H
#include <pthread.h>
#include <stdbool.h>

typedef struct setun_check_thread {
    pthread_t thread;
    char      stat_file[64]; /* Linux: /proc/self/task/N/stat */
} setun_check_thread;

/* The calling thread. */
void setun_check_thread_here(setun_check_thread *out_thread);

/* Processor time that it has taken; 0: the system does not say. */
double setun_check_thread_seconds(const setun_check_thread *thread);

/* Waiting for a processor is not sleeping: a busy machine must not make a kernel fail. False where the system does not say. */
bool setun_check_thread_is_runnable(const setun_check_thread *thread);
#endif

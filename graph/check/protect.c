/* protect.c - signal handlers on stacks of their own that jump back to where a kernel was called, and a thread that watches the time. */
#include "check/protect.h"

#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check/thread_time.h"

enum {
    STACK_BYTES = 1 << 17, /* room for a sanitizer's bookkeeping in the handler */
    MAX_CALLERS = 16,      /* the thread of the check and its team */
    LOOKS = 10             /* of the watching thread, a second */
};

static const struct {
    int         signal;
    const char *name;
} caught[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGILL, "SIGILL"},         {SIGFPE, "SIGFPE"},
              {SIGABRT, "SIGABRT"}, {SIGTRAP, "SIGTRAP"}, {SIGVTALRM, "SIGVTALRM"}};

/* A thread that calls kernels. The watching thread looks at the atomic part. */
typedef struct caller {
    pthread_t thread;
    setun_check_thread clock;     /* of it */
    volatile sig_atomic_t inside; /* a kernel is running in it */
    _Atomic uint64_t n_calls;     /* odd: a kernel is running */
    _Atomic uint64_t expired;     /* the call whose time is up */
    _Atomic bool waits;           /* it sleeps */
    sigjmp_buf back;
    setun_check_crash crash;
} caller;

/* One user at a time: handlers belong to the process. */
static struct {
    atomic_flag taken;
    struct sigaction old[SETUN_COUNT(caught)];
    stack_t old_stack;
    void *stack; /* of the thread that began */
    pthread_t watching;
    _Atomic bool ends;
    uint32_t time_limit;
    caller caller[MAX_CALLERS];
    _Atomic uint32_t n_callers;
} state = {.taken = ATOMIC_FLAG_INIT};

/* The signal handler reads it, so it must be there before; initial-exec: it needs no allocation at the first touch. */
static _Thread_local caller *mine __attribute__((tls_model("initial-exec")));

static void handle(int signal, siginfo_t *info, void *context)
{
    caller *c = mine;

    (void)context;
    if (signal == SIGVTALRM && (c == NULL || !c->inside || atomic_load(&c->expired) != atomic_load(&c->n_calls)))
        return; /* came late */
    if (c == NULL || !c->inside) {
        (void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL); /* not a kernel's doing: it strikes again, and kills */
        (void)raise(signal);
        return;
    }
    c->inside = 0;
    c->crash.signal = signal;
    c->crash.address = signal == SIGSEGV || signal == SIGBUS ? info->si_addr : NULL;
    c->crash.waits = signal == SIGVTALRM && atomic_load(&c->waits);
    siglongjmp(c->back, 1);
}

/* ---- the time ---- */

/* What the watching thread has seen of the call that a thread is in. */
typedef struct sight {
    uint64_t call;
    double cpu_first, cpu_last;
    uint32_t n_asleep, n_awake; /* looks */
} sight;

static void look(caller *c, sight *s)
{
    const uint32_t most_asleep = (state.time_limit + 3) / 4 * LOOKS;
    const uint64_t call = atomic_load(&c->n_calls);
    double cpu;

    if (call % 2 == 0)
        return;
    cpu = setun_check_thread_seconds(&c->clock);
    if (s->call != call) {
        *s = (sight){.call = call, .cpu_first = cpu, .cpu_last = cpu};
        return;
    }
    if (cpu > s->cpu_last || setun_check_thread_is_runnable(&c->clock))
        s->n_awake++;
    else
        s->n_asleep++;
    s->cpu_last = cpu;
    if (cpu - s->cpu_first <= (double)state.time_limit && (s->n_asleep < most_asleep || s->n_asleep / 9 < s->n_awake))
        return;
    atomic_store(&c->waits, s->n_asleep / 9 >= s->n_awake);
    atomic_store(&c->expired, call);
    (void)pthread_kill(c->thread, SIGVTALRM);
}

static void *watch_time(void *nothing)
{
    sight seen[MAX_CALLERS] = {{.call = 0}};

    (void)nothing;
    while (!atomic_load(&state.ends)) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000000 / LOOKS}, NULL); /* looks are counted: a stopped process sees none */
        for (uint32_t i = 0; i < atomic_load(&state.n_callers); i++)
            look(&state.caller[i], &seen[i]);
    }
    return NULL;
}

/* ---- what the check calls ---- */

/* One after the other: the team's threads are started in turn. */
static setun_status add_caller(stack_t *out_old, setun_error *error)
{
    const uint32_t n = atomic_load(&state.n_callers);
    stack_t stack = {.ss_size = STACK_BYTES, .ss_sp = setun_alloc(STACK_BYTES)};

    if (stack.ss_sp == NULL || n == MAX_CALLERS) {
        free(stack.ss_sp);
        return setun_fail_nomem(error, "signal stack", STACK_BYTES);
    }
    (void)sigaltstack(&stack, out_old);
    if (out_old != NULL)
        state.stack = stack.ss_sp;
    mine = &state.caller[n];
    mine->thread = pthread_self();
    setun_check_thread_here(&mine->clock);
    mine->inside = 0;
    atomic_store(&mine->n_calls, 0);
    atomic_store(&state.n_callers, n + 1);
    return SETUN_OK;
}

setun_status setun_check_protect_thread(setun_error *error)
{
    return add_caller(NULL, error);
}

/* The thread that began is a caller no more. */
static void leave(void)
{
    (void)sigaltstack(&state.old_stack, NULL);
    free(state.stack);
    mine = NULL;
    atomic_store(&state.n_callers, 0);
}

setun_status setun_check_protect_begin(uint32_t time_limit, setun_error *error)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    setun_status status;

    if (atomic_flag_test_and_set(&state.taken))
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "another check is running in this process");
    state.time_limit = time_limit;
    atomic_store(&state.ends, false);
    status = add_caller(&state.old_stack, error);
    if (status == SETUN_OK && pthread_create(&state.watching, NULL, watch_time, NULL) != 0) {
        leave();
        status = setun_fail(error, SETUN_ERR_UNSUPPORTED, "no thread to watch the time");
    }
    if (status != SETUN_OK) {
        atomic_flag_clear(&state.taken);
        return status;
    }
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SETUN_COUNT(caught); i++)
        (void)sigaction(caught[i].signal, &action, &state.old[i]);
    return SETUN_OK;
}

void setun_check_protect_end(void)
{
    atomic_store(&state.ends, true);
    (void)pthread_join(state.watching, NULL);
    for (size_t i = 0; i < SETUN_COUNT(caught); i++)
        (void)sigaction(caught[i].signal, &state.old[i], NULL);
    leave();
    atomic_flag_clear(&state.taken);
}

bool setun_check_protected(void (*body)(void *context), void *context, setun_check_crash *out_crash)
{
    caller *c = mine;
    fenv_t modes;

    memset(out_crash, 0, sizeof(*out_crash));
    (void)fegetenv(&modes);
    if (sigsetjmp(c->back, 1) == 0) {
        (void)atomic_fetch_add(&c->n_calls, 1);
        c->inside = 1;
        body(context);
        c->inside = 0;
        (void)atomic_fetch_add(&c->n_calls, 1);
        return true;
    }
    (void)atomic_fetch_add(&mine->n_calls, 1);
    (void)fesetenv(&modes);
    *out_crash = mine->crash;
    return false;
}

const char *setun_check_signal_name(int signal)
{
    for (size_t i = 0; i < SETUN_COUNT(caught); i++)
        if (caught[i].signal == signal)
            return caught[i].name;
    return "a signal";
}

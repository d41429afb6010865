/* protect.c - signal handlers on a stack of their own that jump back to where a kernel was called. */
#include "check/protect.h"

#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { STACK_BYTES = 1 << 17 }; /* room for a sanitizer's bookkeeping in the handler */

static const struct {
    int         signal;
    const char *name;
} caught[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGILL, "SIGILL"},         {SIGFPE, "SIGFPE"},
              {SIGABRT, "SIGABRT"}, {SIGTRAP, "SIGTRAP"}, {SIGVTALRM, "SIGVTALRM"}};

/* One check at a time: handlers belong to the process anyway. */
static struct {
    atomic_flag taken;
    struct sigaction old[SETUN_COUNT(caught)];
    stack_t old_stack;
    void *stack;
    uint32_t time_limit;
    pthread_t thread;              /* the one that calls kernels */
    volatile sig_atomic_t inside;  /* a kernel is running in it */
    sigjmp_buf back;
    setun_check_crash crash;
} state = {.taken = ATOMIC_FLAG_INIT};

static void handle(int signal, siginfo_t *info, void *context)
{
    (void)context;
    if (signal == SIGVTALRM && !pthread_equal(pthread_self(), state.thread)) {
        pthread_kill(state.thread, signal); /* the timer belongs to the process, and so any thread may get its signal */
        return;
    }
    if (!state.inside || !pthread_equal(pthread_self(), state.thread)) {
        if (signal == SIGVTALRM)
            return; /* came late */
        (void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL); /* not a kernel's doing: it strikes again, and kills */
        (void)raise(signal);
        return;
    }
    state.inside = 0;
    state.crash.signal = signal;
    state.crash.address = signal == SIGSEGV || signal == SIGBUS ? info->si_addr : NULL;
    siglongjmp(state.back, 1);
}

setun_status setun_check_protect_begin(uint32_t time_limit, setun_error *error)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t stack = {.ss_size = STACK_BYTES};

    if (atomic_flag_test_and_set(&state.taken))
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "another check is running in this process");
    state.stack = stack.ss_sp = setun_alloc(STACK_BYTES);
    if (state.stack == NULL) {
        atomic_flag_clear(&state.taken);
        return setun_fail_nomem(error, "signal stack", STACK_BYTES);
    }
    state.time_limit = time_limit;
    state.thread = pthread_self();
    state.inside = 0;
    (void)sigaltstack(&stack, &state.old_stack);
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SETUN_COUNT(caught); i++)
        (void)sigaction(caught[i].signal, &action, &state.old[i]);
    return SETUN_OK;
}

void setun_check_protect_end(void)
{
    for (size_t i = 0; i < SETUN_COUNT(caught); i++)
        (void)sigaction(caught[i].signal, &state.old[i], NULL);
    (void)sigaltstack(&state.old_stack, NULL);
    free(state.stack);
    atomic_flag_clear(&state.taken);
}

static void set_timer(uint32_t seconds)
{
    const struct itimerval timer = {.it_value = {.tv_sec = seconds}};

    (void)setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

bool setun_check_protected(void (*body)(void *context), void *context, setun_check_crash *out_crash)
{
    fenv_t modes;

    memset(out_crash, 0, sizeof(*out_crash));
    (void)fegetenv(&modes);
    if (sigsetjmp(state.back, 1) == 0) {
        set_timer(state.time_limit);
        state.inside = 1;
        body(context);
        state.inside = 0;
        set_timer(0);
        return true;
    }
    set_timer(0);
    (void)fesetenv(&modes);
    *out_crash = state.crash;
    return false;
}

const char *setun_check_signal_name(int signal)
{
    for (size_t i = 0; i < SETUN_COUNT(caught); i++)
        if (caught[i].signal == signal)
            return caught[i].name;
    return "a signal";
}

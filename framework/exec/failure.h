/* failure.h - of the failures of workers in one parallel region the one to report: that of the first place, whoever came first. Internal. */
#ifndef SETUN_FAILURE_H
#define SETUN_FAILURE_H
#include <stdatomic.h>

#include "base/base.h"

/* Begins as {.lock = ATOMIC_FLAG_INIT}. */
typedef struct setun_failure {
    atomic_flag  lock; /* of what follows */
    setun_status status;
    uint64_t     at;
    setun_error  error;
} setun_failure;

/* Called by workers: `at` is where in the work it happened. */
static inline void setun_failure_keep(setun_failure *failure, uint64_t at, setun_status status, const setun_error *error)
{
    while (atomic_flag_test_and_set_explicit(&failure->lock, memory_order_acquire))
        ;
    if (failure->status == SETUN_OK || at < failure->at) {
        failure->status = status;
        failure->at     = at;
        failure->error  = *error;
    }
    atomic_flag_clear_explicit(&failure->lock, memory_order_release);
}

/* After the region. SETUN_OK: none failed. */
static inline setun_status setun_failure_report(const setun_failure *failure, setun_error *error)
{
    if (failure->status != SETUN_OK && error != NULL)
        *error = failure->error;
    return failure->status;
}
#endif

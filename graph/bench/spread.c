/* spread.c - the clock that everything is timed with, and what repeated timings come to. */
#include <stdlib.h>
#include <time.h>

#include "setun/bench.h"

double setun_clock_s(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void setun_spread_make(double *values, size_t n, setun_spread *out_spread)
{
    *out_spread = (setun_spread){.n = n};
    if (n == 0)
        return;
    qsort(values, n, sizeof(*values), by_value);
    out_spread->median = n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
    out_spread->min = values[0];
    out_spread->max = values[n - 1];
}

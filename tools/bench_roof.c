/* bench_roof.c - what a team of threads can do at best, over all of its results: as one figure with its range, for the picture. */
#include "bench_roof.h"

#include <stdio.h>

bench_roof bench_roof_make(const bench_report *report, const bench_team *t, bool memory)
{
    bench_roof of = {memory ? t->read_bytes_s : t->int8_ops_s, NAN, NAN};
    double medians[BENCH_ITEMS_MAX];
    setun_spread spread;
    size_t n = 0;

    for (size_t i = 0; i < report->n_results && n < BENCH_ITEMS_MAX && bench_team_is_beside(t); i++) {
        const bench_result *r = &report->results[i];
        const double median = memory ? r->read_limit_bytes_s_median : r->int8_limit_ops_s_median;

        if (r->threads != t->threads || !(median >= 1))
            continue;
        medians[n++] = median;
        of.least = fmin(of.least, memory ? r->read_limit_bytes_s_min : r->int8_limit_ops_s_min);
        of.most = fmax(of.most, memory ? r->read_limit_bytes_s_max : r->int8_limit_ops_s_max);
    }
    setun_spread_make(medians, n, &spread);
    of.rate = n > 0 ? spread.median : of.rate;
    return of;
}

const char *bench_roof_range(const bench_roof *of, char text[BENCH_RANGE_BYTES])
{
    text[0] = '\0';
    if (!isnan(of->least) && !isnan(of->most))
        (void)snprintf(text, BENCH_RANGE_BYTES, " (%.4g .. %.4g)", of->least * 1e-9, of->most * 1e-9);
    return text;
}

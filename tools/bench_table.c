/* bench_table.c - the results of `setun bench` for people: columns, and where the time of a pass goes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench_report.h"

enum { CELL_BYTES = 48 };

/* "-" for what nobody knows. */
static const char *cell(char text[CELL_BYTES], double value, double unit, int digits, const char *after)
{
    if (isnan(value))
        (void)snprintf(text, CELL_BYTES, "-");
    else
        (void)snprintf(text, CELL_BYTES, "%.*f%s", digits, value / unit, after);
    return text;
}

/* "2026-11-23" */
static const char *date(char text[CELL_BYTES], int64_t seconds)
{
    const time_t when = (time_t)seconds;
    struct tm parts;

    if (gmtime_r(&when, &parts) == NULL || strftime(text, CELL_BYTES, "%Y-%m-%d", &parts) == 0)
        (void)snprintf(text, CELL_BYTES, "another day");
    return text;
}

void bench_table_team(buffer *text, const bench_team *team)
{
    const double mib = 1048576;
    char a[CELL_BYTES], b[CELL_BYTES], c[CELL_BYTES];

    buffer_add(text, "%" PRId64 " thread%s: started in %s s (model opened %s, weights loaded %s, ", team->threads, team->threads == 1 ? "" : "s",
               cell(a, team->start_s, 1, 2, ""), cell(b, team->open_s, 1, 2, ""), cell(c, team->load_s, 1, 2, ""));
    buffer_add(text, "first token %s); weights %s MiB, activations %s MiB", cell(a, team->first_token_s, 1, 3, ""),
               cell(b, team->weight_bytes, mib, 1, ""), cell(c, team->activation_bytes, mib, 1, ""));
    if (!isnan(team->huge_bytes))
        buffer_add(text, ", %s MiB in huge pages", cell(a, team->huge_bytes, mib, 1, ""));
    buffer_add(text, "; head %s", team->head);
    if (team->page_cache_bytes > 0)
        buffer_add(text, ", page cache wanted besides %s MiB", cell(a, team->page_cache_bytes, mib, 1, ""));
    buffer_add(text, "\n  the machine reads %s GB/s (%s, %s MiB), int8 %s Gop/s (%s)", cell(a, team->read_bytes_s, 1e9, 2, ""), team->read_how,
               cell(b, team->read_buffer_bytes, mib, 0, ""), cell(c, team->int8_ops_s, 1e9, 0, ""),
               team->int8_kernel[0] != '\0' ? team->int8_kernel : "no kernel measures it");
    buffer_add(text, "%s%s\n", team->limits_cached ? ", as measured on " : "", team->limits_cached ? date(a, team->limits_measured) : "");
    for (size_t i = 0; i < team->n_int8; i++)
        buffer_add(text, "  %-32s %10s Gop/s\n", team->int8[i].kernel, cell(a, team->int8[i].ops_s, 1e9, 1, ""));
}

void bench_table_head(buffer *text)
{
    buffer_add(text, "\n%-20s %7s %10s %21s %9s %9s %7s %7s %6s %6s %8s  %s\n", "TEST", "THREADS", "TOKENS/S", "MIN .. MAX", "MS/TOKEN", "MB/TOKEN",
               "GB/S", "MEMORY", "INT8", "CAND", "RSS MiB", "HASH");
}

void bench_table_line(buffer *text, const bench_result *r)
{
    char name[BENCH_NAME_BYTES], spread[3 * CELL_BYTES], least[CELL_BYTES], most[CELL_BYTES], rate[CELL_BYTES], ms[CELL_BYTES], mb[CELL_BYTES],
        gb[CELL_BYTES], memory[CELL_BYTES], int8[CELL_BYTES], candidates[CELL_BYTES], rss[CELL_BYTES];

    (void)snprintf(spread, sizeof(spread), "%s .. %s", cell(least, r->tokens_s_min, 1, 2, ""), cell(most, r->tokens_s_max, 1, 2, ""));
    buffer_add(text, "%-20s %7" PRId64 " %10s %21s %9s %9s %7s %7s %6s %6s %8s  %s\n", bench_result_name(r, name), r->threads,
               cell(rate, r->tokens_s_median, 1, 2, ""), spread, cell(ms, r->ms_token, 1, 3, ""), cell(mb, r->bytes_per_token, 1e6, 1, ""),
               cell(gb, r->bytes_s, 1e9, 2, ""), cell(memory, r->share_of_bandwidth, 0.01, 0, "%"), cell(int8, r->share_of_int8, 0.01, 0, "%"),
               cell(candidates, r->candidates_token, 1, 0, ""), cell(rss, r->resident_bytes, 1048576, 0, ""), r->hash);
}

/* "28.4 (25.1 .. 33.0)" */
static void add_range(buffer *text, double median, double least, double most, double unit, int digits, const char *after)
{
    char a[CELL_BYTES], b[CELL_BYTES], c[CELL_BYTES];

    buffer_add(text, "%s (%s .. %s)", cell(a, median, unit, digits, after), cell(b, least, unit, digits, after), cell(c, most, unit, digits, after));
}

void bench_table_limits(buffer *text, const bench_result *r)
{
    buffer_add(text, "  beside its repeats: memory ");
    add_range(text, r->read_limit_bytes_s_median, r->read_limit_bytes_s_min, r->read_limit_bytes_s_max, 1e9, 2, "");
    buffer_add(text, " GB/s");
    if (!isnan(r->share_of_bandwidth)) {
        buffer_add(text, ", share ");
        add_range(text, r->share_of_bandwidth, r->share_of_bandwidth_min, r->share_of_bandwidth_max, 0.01, 1, "%");
    }
    if (!isnan(r->share_of_int8)) {
        buffer_add(text, "; int8 ");
        add_range(text, r->int8_limit_ops_s_median, r->int8_limit_ops_s_min, r->int8_limit_ops_s_max, 1e9, 0, "");
        buffer_add(text, " Gop/s, share ");
        add_range(text, r->share_of_int8, r->share_of_int8_min, r->share_of_int8_max, 0.01, 1, "%");
    }
    buffer_add(text, "\n");
}

void bench_table_profile(buffer *text, const bench_result *r)
{
    double run = 0, imbalance = 0, barrier = 0, n_barriers = 0;
    char a[CELL_BYTES], b[CELL_BYTES], c[CELL_BYTES], d[CELL_BYTES];

    if (isnan(r->pass_ms))
        return;
    for (size_t i = 0; i < r->n_parts; i++) {
        run += r->parts[i].run_ms;
        imbalance += r->parts[i].imbalance_ms;
        barrier += r->parts[i].barrier_ms;
        n_barriers += r->parts[i].n_barriers;
    }
    buffer_add(text, "  a pass: %s ms; kernels %s, imbalance %s, ", cell(a, r->pass_ms, 1, 3, ""), cell(b, run / r->pass_ms, 0.01, 1, "%"),
               cell(c, imbalance / r->pass_ms, 0.01, 1, "%"));
    buffer_add(text, "%s barriers %s", cell(a, n_barriers, 1, 0, ""), cell(b, barrier / r->pass_ms, 0.01, 1, "%"));
    if (!isnan(r->share_of_int8_linear))
        buffer_add(text, "; linear layers on int8 alone: %s of int8", cell(a, r->share_of_int8_linear, 0.01, 1, "%"));
    buffer_add(text, "\n  %-26s %-67s %6s %10s %7s %12s %11s\n", "OP", "KERNEL", "STEPS", "MS", "SHARE", "IMBALANCE MS", "BARRIER MS");
    for (size_t i = 0; i < r->n_parts; i++) {
        const bench_part *p = &r->parts[i];

        buffer_add(text, "  %-26s %-67s %6" PRId64 " %10s %7s %12s %11s\n", p->op, p->kernel, p->n_steps, cell(a, p->run_ms, 1, 3, ""),
                   cell(b, p->run_ms / r->pass_ms, 0.01, 1, "%"), cell(c, p->imbalance_ms, 1, 4, ""), cell(d, p->barrier_ms, 1, 4, ""));
    }
}

/* profile.c - the times of a session's passes, added up by op and kernel. */
#include "setun/profile.h"

#include <stdlib.h>
#include <string.h>

#include "exec/profile.h"
#include "session/session_internal.h"

setun_status setun_session_start_profile(setun_session *session, setun_error *error)
{
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < session->n_plans && status == SETUN_OK; i++) {
        memset(&session->plans[i].beside, 0, sizeof(session->plans[i].beside));
        status = setun_plan_start_profile(session->plans[i].plan, error);
    }
    session->profiled = true;
    if (status != SETUN_OK)
        setun_session_stop_profile(session);
    return status;
}

void setun_session_stop_profile(setun_session *session)
{
    session->profiled = false;
    for (uint32_t i = 0; i < session->n_plans; i++)
        setun_plan_stop_profile(session->plans[i].plan);
}

static double total_of(const setun_profile_line *line)
{
    return line->run_ns + line->imbalance_ns + line->barrier_ns;
}

static int longest_first(const void *a, const void *b)
{
    const setun_profile_line *x = a, *y = b;

    if (total_of(x) != total_of(y))
        return total_of(x) < total_of(y) ? 1 : -1;
    return strcmp(x->kernel, y->kernel);
}

/* Adds one step to the line of its op and kernel. Returns the number of lines. */
static size_t add_step(setun_profile_line *lines, size_t n, const setun_plan_line *step, const setun_step_times *times, double passes,
                       double workers)
{
    size_t i = 0;

    while (i < n && (strcmp(lines[i].op, step->label) != 0 || strcmp(lines[i].kernel, step->kernel) != 0))
        i++;
    if (i == n)
        lines[n++] = (setun_profile_line){.op = step->label, .kernel = step->kernel};
    lines[i].n_steps++;
    lines[i].run_ns += (double)times->run_ns / passes / workers;
    lines[i].imbalance_ns += (double)times->imbalance_ns / passes / workers;
    lines[i].barrier_ns += (double)times->barrier_ns / passes / workers;
    lines[i].n_barriers += (double)times->n_barriers / passes;
    return n;
}

/* Adds what the passes do beside the plan, each kind a step. Returns the number of lines. */
static size_t add_beside(setun_profile_line *lines, size_t n, const setun_beside_times *times, double passes)
{
    static const struct {
        const char *op, *what;
    } names[SETUN_N_BESIDE] = {
        [SETUN_BESIDE_GATHER] = {"gather", "rows of the embedding"}, [SETUN_BESIDE_SCREEN] = {"screen", "head and its bounds"},
        [SETUN_BESIDE_SELECT] = {"select", "candidates, of all bounds"},
        [SETUN_BESIDE_RESCREEN] = {"rescreen", "what may be a candidate, by two more bits"}, [SETUN_BESIDE_ROWS] = {"candidates", "rows of the 16-bit head"},
        [SETUN_BESIDE_DRAW] = {"draw", "one thread"},
    };

    for (size_t i = 0; i < SETUN_N_BESIDE; i++)
        if (times->n[i] > 0)
            lines[n++] = (setun_profile_line){.op = names[i].op, .n_steps = 1, .run_ns = 1e9 * times->s[i] / passes,
                                              .kernel = names[i].what};
    return n;
}

setun_status setun_session_report_profile(const setun_session *session, uint32_t n_rows, setun_profile_sink *sink, void *context,
                                          setun_profile_total *out_total, setun_error *error)
{
    const setun_session_plan *of_rows = setun_session_plan_for(session, n_rows);
    const setun_plan *plan = of_rows->plan;
    setun_profile_line *lines;
    setun_plan_times times;
    setun_status status = SETUN_OK;
    size_t n = 0;

    memset(out_total, 0, sizeof(*out_total));
    if (!setun_plan_read_profile(plan, &times))
        return setun_fail(error, SETUN_ERR_INVALID, "profile: it was not started");
    if (times.n_passes == 0)
        return SETUN_OK;
    lines = setun_calloc(times.n_steps + (size_t)SETUN_N_BESIDE, sizeof(*lines));
    if (lines == NULL)
        return setun_fail_nomem(error, "profile", times.n_steps * sizeof(*lines));
    for (uint32_t i = 0; i < times.n_steps; i++) {
        setun_plan_line step;

        setun_plan_describe(plan, i, &step);
        n = add_step(lines, n, &step, &times.step[i], (double)times.n_passes, (double)times.n_workers);
    }
    n = add_beside(lines, n, &of_rows->beside, (double)times.n_passes);
    qsort(lines, n, sizeof(*lines), longest_first);
    *out_total = (setun_profile_total){.n_passes = times.n_passes, .n_threads = times.n_workers,
                                       .pass_ns = (double)times.pass_ns / (double)times.n_passes};
    for (size_t i = 0; i < SETUN_N_BESIDE; i++)
        out_total->pass_ns += 1e9 * of_rows->beside.s[i] / (double)times.n_passes;
    for (size_t i = 0; i < n; i++) {
        out_total->n_steps += lines[i].n_steps;
        out_total->run_ns += lines[i].run_ns;
        out_total->imbalance_ns += lines[i].imbalance_ns;
        out_total->barrier_ns += lines[i].barrier_ns;
        out_total->n_barriers += lines[i].n_barriers;
    }
    for (size_t i = 0; i < n && status == SETUN_OK && sink != NULL; i++)
        status = sink(context, &lines[i], error);
    free(lines);
    return status;
}

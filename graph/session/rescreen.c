/* rescreen.c - the next token from a screened head, in steps that each leave fewer tokens to look at: bounds from five bits of every weight, held
 * against the logits of those that lead; bounds from seven bits; the original weights. */
#include <string.h>

#include "session/head_internal.h"

enum { FEW = 32 }; /* ids that are not worth a step of their own: two blocks of original rows */

/* Op rescreen of some rows, by all workers. */
typedef struct rescreening {
    const setun_screen *head;
    setun_tensor        in[SETUN_STEP_MAX_TENSORS], out[2];
    setun_call          call;
} rescreening;

static void run_share(const setun_worker *worker, void *context)
{
    const rescreening *r = context;
    const setun_screen *head = r->head;
    const setun_kernel *kernel = head->rescreen.kernel;
    const int64_t n_units = kernel->units(&r->call, 0), n = worker->n_workers, w = worker->index;
    const setun_tile tile = {.begin = n_units * w / n, .end = n_units * (w + 1) / n, .worker = worker->index, .n_workers = worker->n_workers,
                             .scratch = head->scratch + worker->index * head->scratch_bytes};

    if (tile.begin == tile.end)
        return;
    if (head->rescreen.plugin->enter != NULL)
        head->rescreen.plugin->enter();
    kernel->run(&r->call, &tile);
    if (head->rescreen.plugin->leave != NULL)
        head->rescreen.plugin->leave();
}

/* The ids `maybe` of row i of x: logits and bounds into `better`. */
static void rescreen(setun_screen *head, setun_team *team, int64_t i, int64_t n_ids)
{
    static const void *const no_attr[1] = {NULL};
    const setun_planned *planned = setun_screen_planned(head, head->batch.n_out_rows);
    const double begin_s = setun_beside_begin(head->times);
    rescreening r = {.head = head};
    uint32_t n_in = 0;

    for (uint32_t p = 0; p < planned->n_screened; p++) { /* one row of the matrix, one element of each vector */
        const setun_tensor *t = setun_plan_tensor(planned->plan, planned->screened[p]);

        r.in[n_in] = *t;
        r.in[n_in].data = (char *)t->data + i * t->stride_bytes[p == 0 ? 0 : 1];
        r.in[n_in++].dim[p == 0 ? 0 : 1] = 1;
    }
    for (uint32_t p = 0; p < head->w.n; p++)
        r.in[n_in++] = head->w.part[p];
    r.out[0] = (setun_tensor){.data = head->better, .fmt = "f32", .dim = {1, n_ids, 1, 1}, .stride_bytes = {head->logits_stride * 4, 4, 0, 0}};
    r.out[1] = r.in[n_in] = r.in[n_in + 1] = r.out[0];
    r.out[1].data = head->better + head->logits_stride;
    r.in[n_in].dim[1] = head->vocab;
    r.in[n_in++].data = setun_screen_row(head, planned->logits, i);
    r.in[n_in].fmt = "i32";
    r.in[n_in++].data = head->maybe;
    r.call = (setun_call){.size = sizeof(r.call), .n_in = n_in, .n_out = 2, .in = r.in, .out = r.out, .attr = no_attr, .batch = &head->batch,
                          .choice = head->rescreen_plan.choice};
    setun_team_run(team, run_share, &r);
    head->counts.n_rescreened += (uint64_t)n_ids;
    setun_beside_count(head->times, SETUN_BESIDE_RESCREEN, begin_s);
}

/* The logits of n ids, by the original weights. */
static setun_status compute(setun_screen *head, setun_team *team, int64_t i, int64_t n, setun_error *error)
{
    setun_original o = {.head = head, .id = head->id, .n = n, .x = (const float *)(const void *)((const char *)head->x + i * head->x_stride), .m = 1,
                        .out = head->exact, .out_stride = SETUN_HEAD_CANDIDATES, .failure = {.lock = ATOMIC_FLAG_INIT}};

    return setun_original_run(&o, team, error);
}

/* Op top_k of a part of a row, by one worker: a setun_ranker. */
static void rank(void *context, const setun_worker *worker, const float *z, int64_t n, int64_t k, int32_t *out_ids)
{
    static const void *const no_attr[1] = {NULL};
    const setun_screen *head = context;
    const setun_batch batch = {.size = sizeof(batch), .n_rows = 1, .n_out_rows = 1};
    const setun_tensor in = {.data = (void *)(uintptr_t)z, .fmt = "f32", .dim = {1, n, 1, 1}, .stride_bytes = {head->logits_stride * 4, 4, 0, 0}};
    setun_tensor out = {.fmt = "i32", .dim = {1, k, 1, 1}, .stride_bytes = {head->logits_stride * 4, 4, 0, 0}};
    const setun_call call = {.size = sizeof(call), .n_in = 1, .n_out = 1, .in = &in, .out = &out, .attr = no_attr, .batch = &batch,
                             .choice = head->top_k_plan.choice};
    const setun_tile tile = {.end = head->top_k.kernel->units(&call, 0), .worker = worker->index, .n_workers = worker->n_workers,
                             .scratch = head->scratch + worker->index * head->scratch_bytes};

    out.data = out_ids;
    if (head->top_k.plugin->enter != NULL)
        head->top_k.plugin->enter();
    head->top_k.kernel->run(&call, &tile);
    if (head->top_k.plugin->leave != NULL)
        head->top_k.plugin->leave();
}

/* The candidates for row i, in head->id; *out_n -1: all logits are needed. */
static setun_status find_candidates(setun_screen *head, setun_team *team, setun_sampler *sampler, int64_t i, const setun_sampling *sampling,
                                    const int32_t *history, size_t n_history, int64_t *out_n, setun_error *error)
{
    const setun_planned *planned = setun_screen_planned(head, head->batch.n_out_rows);
    const setun_ranker ranker = {.rank = rank, .context = head, .most = head->top_k_most};
    double begin_s = setun_beside_begin(head->times);
    int64_t n = setun_sampler_lead(sampler, &ranker, team, sampling, setun_screen_row(head, planned->logits, i), setun_screen_row(head, planned->bound, i), history,
                                   n_history, (int64_t)n_history, SETUN_HEAD_CANDIDATES, head->leaders);
    const int64_t n_leaders = n;
    setun_status status;

    setun_beside_count(head->times, SETUN_BESIDE_SELECT, begin_s);
    *out_n = n;
    if (n < 0)
        return SETUN_OK;
    for (int64_t j = 0; j < n; j++)
        head->id[j] = head->leaders[j].id;
    status = compute(head, team, i, n, error);
    if (status != SETUN_OK)
        return status;
    for (int64_t j = 0; j < n; j++)
        head->leaders[j].logit = head->exact[j];
    begin_s = setun_beside_begin(head->times);
    n = setun_sampler_keep(sampler, team, head->leaders, n_leaders, head->vocab, head->maybe);
    setun_beside_count(head->times, SETUN_BESIDE_SELECT, begin_s);
    if (n <= FEW) {
        memcpy(head->id, head->maybe, (size_t)n * sizeof(*head->id));
    } else {
        rescreen(head, team, i, n);
        begin_s = setun_beside_begin(head->times);
        n = setun_sampler_keep_among(sampler, head->maybe, head->better, head->better + head->logits_stride, n, SETUN_HEAD_CANDIDATES, head->id);
        setun_beside_count(head->times, SETUN_BESIDE_SELECT, begin_s);
    }
    *out_n = n > 0 ? n : -1; /* none: the screen in the file is not of these weights */
    return SETUN_OK;
}

setun_status setun_screen_draw(setun_screen *head, setun_team *team, setun_sampler *sampler, int64_t i, const setun_sampling *sampling,
                               const int32_t *history, size_t n_history, int32_t *out_id, bool *out_full, setun_error *error)
{
    double begin_s;
    int64_t n;
    setun_status status = find_candidates(head, team, sampler, i, sampling, history, n_history, &n, error);

    if (status != SETUN_OK)
        return status;
    *out_full = n < 0;
    if (n < 0) {
        head->counts.n_full++;
        return SETUN_OK;
    }
    status = compute(head, team, i, n, error);
    if (status != SETUN_OK)
        return status;
    head->counts.n_screened++;
    if (head->counts.count[n] < UINT32_MAX)
        head->counts.count[n]++;
    begin_s = setun_beside_begin(head->times);
    *out_id = setun_sampler_draw_among(sampler, sampling, head->id, head->exact, n, history, n_history, (int64_t)n_history);
    setun_beside_count(head->times, SETUN_BESIDE_DRAW, begin_s);
    return SETUN_OK;
}

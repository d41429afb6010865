/* head.c - a screened head: its plans, logits that are known but for a bound, and those of the original weights, of some rows or of all. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "session/head_internal.h"
#include "setun/bench.h"

static setun_status plan_screen(setun_screen *head, const setun_planner_request *given, setun_error *error)
{
    const int64_t sizes[SETUN_HEAD_PLANS] = {1, head->rows_max};
    setun_planner_request request = *given;
    setun_status status = SETUN_OK;

    request.part = SETUN_PLANNER_SCREEN;
    request.screen_fmts = setun_screen_fmts(head->mode);
    for (uint32_t i = 0; i < SETUN_HEAD_PLANS && sizes[i] > (i == 0 ? 0 : 1) && status == SETUN_OK; i++) {
        request.rows_min = i == 0 ? 1 : 2;
        request.rows_max = sizes[i];
        status = setun_planner_compile(&request, &head->screen[i], error);
        if (status != SETUN_OK)
            break;
        head->n_plans++;
        if (setun_plan_arena_bytes(head->screen[i].plan) > head->arena_bytes)
            head->arena_bytes = setun_plan_arena_bytes(head->screen[i].plan);
    }
    return status;
}

const char *setun_screen_fmts(int mode)
{
    return mode == SETUN_HEAD_INT8 ? SETUN_WEIGHT_INT8_FMTS : SETUN_WEIGHT_SCREEN_FMTS;
}

static setun_status plan_rescreen(setun_screen *head, const setun_planner_request *given, setun_error *error)
{
    const setun_graph_node *node = setun_planner_find_head(given->graph);
    setun_status status = setun_planner_choose_rescreen(given, &head->rescreen, &head->rescreen_plan, error);

    if (status == SETUN_OK)
        status = setun_store_get_weight(given->store, node->in[1].index, SETUN_WEIGHT_SCREEN_FMTS, &head->w, error);
    head->top_k_most = head->vocab < SETUN_HEAD_CANDIDATES ? head->vocab : SETUN_HEAD_CANDIDATES;
    if (status == SETUN_OK)
        status = setun_planner_choose_top_k(given, head->top_k_most, &head->top_k, &head->top_k_plan, error);
    for (uint32_t i = 0; i < head->n_plans && status == SETUN_OK; i++)
        if (head->screen[i].n_screened == 0)
            status = setun_fail(error, SETUN_ERR_UNSUPPORTED, "op screen does not read %s, which op rescreen does", SETUN_PLANNER_SCREENED);
    return status;
}

/* The kernel for the originals, and where their rows are. */
static setun_status plan_original(setun_screen *head, const setun_planner_request *given, setun_error *error)
{
    const setun_graph_node *node = setun_planner_find_head(given->graph);
    const setun_graph_weight *weight = &given->graph->weights[node->in[1].index];
    setun_planner_request request = *given;
    setun_operand w;
    setun_status status;

    head->weights = given->graph->source;
    head->source = weight->source;
    head->attr = node->attr;
    head->vocab = weight->dim[0];
    head->k = weight->dim[1];
    if (head->mode != SETUN_HEAD_RESIDENT && weight->source->coding != NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "the head (tensor '%s') is stored in a form whose rows are decoded: they cannot be read one by one",
                          weight->name);
    if (head->mode == SETUN_HEAD_RESIDENT) {
        status = setun_store_get_weight(request.store, node->in[1].index, weight->fmt, &w, error);
        if (status == SETUN_OK)
            head->resident = w.part[0].data;
    } else {
        status = setun_store_shape_weight(request.store, node->in[1].index, weight->fmt, &w, error);
    }
    if (status != SETUN_OK)
        return status;
    head->fmt = w.part[0].fmt;
    head->row_bytes = w.part[0].stride_bytes[0];
    request.rows_min = 1;
    request.rows_max = head->rows_max;
    return setun_planner_choose_head(&request, SETUN_HEAD_BLOCK, &head->linear, &head->linear_plan, error);
}

/* Of ids of the whole vocabulary; logits and bounds take as much each. */
static size_t maybe_bytes(const setun_screen *head)
{
    return (size_t)head->logits_stride * sizeof(int32_t);
}

static setun_status reserve(setun_screen *head, setun_error *error)
{
    const size_t wanted[] = {head->linear_plan.worker_bytes, head->rescreen_plan.worker_bytes, head->top_k_plan.worker_bytes};
    size_t kernel_bytes = 0, logits_bytes, all;

    for (size_t i = 0; i < SETUN_COUNT(wanted); i++) /* they take turns */
        kernel_bytes = wanted[i] > kernel_bytes ? wanted[i] : kernel_bytes;
    head->x_stride = (head->k * 4 + 63) / 64 * 64;
    head->logits_stride = (head->vocab + SETUN_HEAD_BLOCK - 1) / SETUN_HEAD_BLOCK * SETUN_HEAD_BLOCK;
    /* A page of its own for each worker, who touches it first. */
    if (!setun_mul_size((size_t)head->row_bytes, SETUN_HEAD_BLOCK, &head->block_bytes) || !setun_round_up(head->block_bytes, 64, &head->block_bytes) ||
        !setun_add_size(head->block_bytes, kernel_bytes, &head->scratch_bytes) ||
        !setun_round_up(head->scratch_bytes, 4096, &head->scratch_bytes) || !setun_mul_size(head->scratch_bytes, head->n_workers, &all) ||
        !setun_mul_size((size_t)head->logits_stride * sizeof(float), (size_t)head->rows_max, &logits_bytes))
        return setun_fail_nomem(error, "head", SIZE_MAX);
    head->arena = setun_pages_alloc_sparse(head->arena_bytes);
    head->scratch = setun_pages_alloc_sparse(all);
    head->logits = setun_pages_alloc_sparse(logits_bytes);
    head->x = aligned_alloc(64, (size_t)(head->x_stride * head->rows_max));
    head->id = setun_calloc(SETUN_HEAD_CANDIDATES, sizeof(*head->id));
    head->leaders = setun_calloc(SETUN_HEAD_CANDIDATES, sizeof(*head->leaders));
    head->maybe = setun_pages_alloc_sparse(3 * maybe_bytes(head));
    head->exact = aligned_alloc(64, SETUN_HEAD_CANDIDATES * sizeof(*head->exact)); /* a multiple of the block */
    if (head->arena == NULL || head->scratch == NULL || head->logits == NULL || head->x == NULL || head->id == NULL ||
        head->exact == NULL || head->leaders == NULL || head->maybe == NULL)
        return setun_fail_nomem(error, "head", head->arena_bytes + all + logits_bytes);
    head->better = (float *)head->maybe + head->logits_stride;
    memset(head->x, 0, (size_t)(head->x_stride * head->rows_max)); /* padding too, which kernels may read */
    return SETUN_OK;
}

setun_status setun_screen_create(const setun_planner_request *request, int mode, int64_t chunk, setun_screen **out_head, setun_error *error)
{
    setun_screen *head;
    setun_status status;

    if (setun_planner_find_head(request->graph) == NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "the head is not a linear with weights in f16 or bf16");
    head = setun_calloc(1, sizeof(*head));
    if (head == NULL)
        return setun_fail_nomem(error, "head", sizeof(*head));
    head->mode = mode;
    head->rows_max = chunk < SETUN_HEAD_ROWS ? chunk : SETUN_HEAD_ROWS;
    head->n_workers = request->machine->n_workers;
    status = plan_screen(head, request, error);
    if (status == SETUN_OK)
        status = plan_original(head, request, error);
    if (status == SETUN_OK && mode != SETUN_HEAD_INT8)
        status = plan_rescreen(head, request, error);
    if (status == SETUN_OK)
        status = reserve(head, error);
    if (status != SETUN_OK) {
        setun_screen_destroy(head);
        return status;
    }
    head->batch = (setun_batch){.size = sizeof(head->batch)};
    *out_head = head;
    return SETUN_OK;
}

void setun_screen_destroy(setun_screen *head)
{
    if (head == NULL)
        return;
    for (uint32_t i = 0; i < head->n_plans; i++)
        setun_plan_destroy(head->screen[i].plan);
    setun_pages_free(head->arena, head->arena_bytes);
    setun_pages_free(head->scratch, head->scratch_bytes * head->n_workers);
    setun_pages_free(head->logits, (size_t)head->logits_stride * sizeof(float) * (size_t)head->rows_max);
    setun_pages_free(head->maybe, 3 * maybe_bytes(head));
    free(head->x);
    free(head->id);
    free(head->exact);
    free(head->leaders);
    free(head);
}

double setun_beside_begin(const setun_beside_times *times)
{
    return times != NULL ? setun_clock_s() : 0;
}

void setun_beside_count(setun_beside_times *times, enum setun_beside what, double begin_s)
{
    if (times == NULL)
        return;
    times->s[what] += setun_clock_s() - begin_s;
    times->n[what]++;
}

void setun_screen_time(setun_screen *head, setun_beside_times *times)
{
    head->times = times;
}

void setun_screen_bind(setun_screen *head)
{
    for (uint32_t i = 0; i < head->n_plans; i++)
        setun_plan_bind(head->screen[i].plan, head->arena);
}

uint64_t setun_screen_token_bytes(const setun_screen *head)
{
    const setun_screen_counts *counts = &head->counts;

    if (head->mode == SETUN_HEAD_INT8)
        return head->screen[0].weight_bytes;
    return setun_weight_screen_bytes(head->vocab, head->k) +
           (counts->n_screened > 0 ? counts->n_rescreened / counts->n_screened * setun_weight_rescreen_bytes(head->k) : 0);
}

size_t setun_screen_arena_bytes(const setun_screen *head)
{
    return head->arena_bytes + head->scratch_bytes * head->n_workers + (size_t)head->logits_stride * sizeof(float) * (size_t)head->rows_max;
}

const setun_screen_counts *setun_screen_counted(const setun_screen *head)
{
    return &head->counts;
}

setun_plan *setun_screen_plan(const setun_screen *head, int64_t n_rows)
{
    return setun_screen_planned(head, n_rows)->plan;
}

static void keep_rows(setun_screen *head, const void *x, int64_t stride_bytes, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        memcpy((char *)head->x + i * head->x_stride, (const char *)x + i * stride_bytes, (size_t)head->k * sizeof(float));
    head->batch.n_rows = head->batch.n_out_rows = n;
}

void setun_screen_run(setun_screen *head, setun_team *team, const void *x, int64_t stride_bytes, int64_t n)
{
    const setun_planned *planned = setun_screen_planned(head, n);
    const setun_tensor *to = setun_plan_tensor(planned->plan, planned->hidden);
    const double begin_s = setun_beside_begin(head->times);

    keep_rows(head, x, stride_bytes, n);
    for (int64_t i = 0; i < n; i++)
        memcpy((char *)to->data + i * to->stride_bytes[0], (const char *)head->x + i * head->x_stride, (size_t)head->k * sizeof(float));
    setun_plan_run(planned->plan, team, &head->batch);
    setun_beside_count(head->times, SETUN_BESIDE_SCREEN, begin_s);
}

float *setun_screen_row(const setun_screen *head, uint32_t tensor, int64_t i)
{
    const setun_tensor *t = setun_plan_tensor(setun_screen_planned(head, head->batch.n_out_rows)->plan, tensor);

    return (float *)(void *)((char *)t->data + i * t->stride_bytes[0]);
}

/* Rows first .. first + SETUN_HEAD_BLOCK - 1 of the list, one after the other; those past its end are whatever is there. */
static setun_status fetch_block(const setun_original *o, int64_t first, unsigned char *scratch, const unsigned char **out_rows, setun_error *error)
{
    const setun_screen *head = o->head;
    const int64_t n = o->n - first < SETUN_HEAD_BLOCK ? o->n - first : SETUN_HEAD_BLOCK, bytes = head->row_bytes;
    setun_status status = SETUN_OK;

    *out_rows = scratch;
    if (o->id == NULL && head->resident != NULL && n == SETUN_HEAD_BLOCK) {
        *out_rows = head->resident + first * bytes;
        return SETUN_OK;
    }
    if (o->id == NULL && head->resident == NULL)
        return setun_weight_read(head->weights, head->source, (size_t)(first * bytes), (size_t)(n * bytes), scratch, error);
    for (int64_t i = 0; i < n && status == SETUN_OK; i++) {
        const int64_t row = o->id != NULL ? o->id[first + i] : first + i;

        if (head->resident != NULL)
            memcpy(scratch + i * bytes, head->resident + row * bytes, (size_t)bytes);
        else
            status = setun_weight_read(head->weights, head->source, (size_t)(row * bytes), (size_t)bytes, scratch + i * bytes, error);
    }
    return status;
}

static void multiply_block(const setun_original *o, int64_t first, const unsigned char *rows, const setun_worker *worker, void *scratch)
{
    const setun_screen *head = o->head;
    const void *const attr[1] = {head->attr};
    const setun_batch batch = {.size = sizeof(batch), .n_rows = o->m, .n_out_rows = o->m};
    const setun_tensor in[2] = {
        {.data = (void *)(uintptr_t)o->x, .fmt = "f32", .dim = {o->m, head->k, 1, 1}, .stride_bytes = {head->x_stride, 4, 0, 0}},
        {.data = (void *)(uintptr_t)rows, .fmt = head->fmt, .dim = {SETUN_HEAD_BLOCK, head->k, 1, 1}, .stride_bytes = {head->row_bytes, 2, 0, 0}}};
    const setun_tensor out = {.data = o->out + first, .fmt = "f32", .dim = {o->m, SETUN_HEAD_BLOCK, 1, 1},
                              .stride_bytes = {o->out_stride * (int64_t)sizeof(float), 4, 0, 0}};
    const setun_call call = {.size = sizeof(call), .n_in = 2, .n_out = 1, .in = in, .out = &out, .attr = attr, .batch = &batch,
                             .choice = head->linear_plan.choice};
    const setun_tile tile = {.end = head->linear.kernel->units(&call, 0), .worker = worker->index, .n_workers = worker->n_workers,
                             .scratch = scratch};

    if (tile.end > 0)
        head->linear.kernel->run(&call, &tile);
}

static void run_share(const setun_worker *worker, void *context)
{
    setun_original *o = context;
    const setun_screen *head = o->head;
    const int64_t n_blocks = (o->n + SETUN_HEAD_BLOCK - 1) / SETUN_HEAD_BLOCK;
    const int64_t end = n_blocks * (worker->index + 1) / worker->n_workers;
    unsigned char *scratch = head->scratch + worker->index * head->scratch_bytes;

    if (head->linear.plugin->enter != NULL)
        head->linear.plugin->enter();
    for (int64_t i = n_blocks * worker->index / worker->n_workers; i < end; i++) {
        const unsigned char *rows;
        setun_status status;
        setun_error error;

        status = fetch_block(o, i * SETUN_HEAD_BLOCK, scratch, &rows, &error);
        if (status != SETUN_OK) {
            setun_failure_keep(&o->failure, (uint64_t)i, status, &error);
            break;
        }
        multiply_block(o, i * SETUN_HEAD_BLOCK, rows, worker, scratch + head->block_bytes);
    }
    if (head->linear.plugin->leave != NULL)
        head->linear.plugin->leave();
}

setun_status setun_original_run(setun_original *o, setun_team *team, setun_error *error)
{
    const double begin_s = setun_beside_begin(o->head->times);

    /* One block is not worth waking the others. */
    if (o->n > SETUN_HEAD_BLOCK)
        setun_team_run(team, run_share, o);
    else
        run_share(&(setun_worker){team, 0, 1}, o);
    setun_beside_count(o->head->times, SETUN_BESIDE_ROWS, begin_s);
    return setun_failure_report(&o->failure, error);
}

setun_status setun_screen_logits(setun_screen *head, setun_team *team, const void *x, int64_t stride_bytes, int64_t n, const float **out_logits,
                               int64_t *out_stride, setun_error *error)
{
    setun_original o = {.head = head, .n = head->vocab, .x = head->x, .m = n, .out = head->logits, .out_stride = head->logits_stride,
                  .failure = {.lock = ATOMIC_FLAG_INIT}};

    if (head->mode == SETUN_HEAD_INT8) {
        const setun_planned *planned = setun_screen_planned(head, n);

        setun_screen_run(head, team, x, stride_bytes, n);
        *out_logits = setun_screen_row(head, planned->logits, 0);
        *out_stride = setun_plan_tensor(planned->plan, planned->logits)->stride_bytes[0] / (int64_t)sizeof(float);
        return SETUN_OK;
    }
    keep_rows(head, x, stride_bytes, n);
    *out_logits = head->logits;
    *out_stride = head->logits_stride;
    return setun_original_run(&o, team, error);
}

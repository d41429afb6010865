/* store_stream.c - packs a weight while it is read: each worker reads some rows at a time into a piece of memory that stays in its cache (256 rows
 * of a head may be more than its second one), proves them, and packs them to where they stay. Nothing but the result is ever in memory, and pages
 * are first touched by who will read them. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "exec/failure.h"
#include "plan/store_internal.h"

enum { ALIGN_BYTES = 64 /* formats.md: of all formats */ };

typedef struct streaming {
    setun_store             *store;
    const setun_weight      *source;
    const setun_store_entry *from, *to;
    const setun_format      *from_format, *to_format;
    setun_kernel_plan        plan;         /* of the kernel, for a slice */
    int64_t                  n_rows, step; /* of the weight, and of a slice: a multiple of what both formats keep together */
    int64_t                  group;
    size_t                   slice_bytes, scratch_bytes; /* of the rows read, and of all that one worker needs */
    unsigned char           *scratch;      /* [n_workers] */
    float                   *scale;        /* [step] the weight's own for each row; NULL: it has none */
    atomic_uint_fast64_t     n_read;
    setun_failure            failure;      /* at the first row of a slice */
} streaming;

/* Rows that must stay together; 0: the format has no rows that could be taken one by one. */
static int64_t row_group(const setun_tensor *tensor, const setun_format *format)
{
    enum { MAX_GROUP = 256 };

    if (tensor->stride_bytes[0] > 0)
        return 1;
    return format != NULL && format->row_group <= MAX_GROUP ? (int64_t)format->row_group : 0;
}

/* Where a row begins. The end, row n_rows, is n_bytes. */
static size_t row_byte(const setun_operand *operand, const setun_format *format, int64_t row)
{
    const setun_tensor *tensor = &operand->part[0];

    if (row == tensor->dim[0])
        return operand->n_bytes[0];
    return tensor->stride_bytes[0] > 0 ? (size_t)row * (size_t)tensor->stride_bytes[0] : format->offset(tensor->dim, row);
}

/* Rows [first, first + n) of an operand; data of its first part is given, vectors begin at their element. */
static void slice(const setun_operand *operand, int64_t first, int64_t n, void *data, setun_tensor *out_parts)
{
    for (uint32_t i = 0; i < operand->n; i++) {
        out_parts[i] = operand->part[i];
        out_parts[i].dim[i == 0 ? 0 : 1] = n;
        if (i > 0 && operand->part[i].data != NULL)
            out_parts[i].data = (char *)operand->part[i].data + first * operand->part[i].stride_bytes[1];
    }
    out_parts[0].data = data;
}

static bool ask(streaming *s, int64_t n, setun_kernel_plan *out_plan)
{
    static const void *const no_attr[1] = {NULL};
    setun_tensor in[SETUN_OPERAND_MAX_PARTS], out[SETUN_OPERAND_MAX_PARTS];
    char why[256] = "";
    const setun_query query = {.size = sizeof(query), .n_in = s->from->operand.n, .n_out = s->to->operand.n, .in = in, .out = out, .rows_min = n,
                               .rows_max = n, .attr = no_attr, .machine = &s->store->machine, .why = why, .why_bytes = sizeof(why)};

    slice(&s->from->operand, 0, n, NULL, in);
    slice(&s->to->operand, 0, n, NULL, out);
    for (uint32_t i = 0; i < query.n_out; i++)
        out[i].data = NULL; /* plan() decides by shapes only */
    *out_plan = (setun_kernel_plan){.size = sizeof(*out_plan)};
    return s->to->pack.kernel->plan(&query, out_plan) == SETUN_OK && out_plan->n_phases == 1 && out_plan->shared_bytes == 0;
}

/* The rows of worker w of n begin at this group, as kernels that take a group for a unit are cut (framework/exec). */
static int64_t share_begin(const streaming *s, int64_t w, int64_t n)
{
    const int64_t n_groups = (s->n_rows - 1) / s->group + 1, group = n_groups / n * w + n_groups % n * w / n;

    return w == n ? s->n_rows : group * s->group;
}

/* Whether it can be done so by that many workers, and how. The last slice of each worker's share may be shorter. */
static bool prepare(streaming *s, uint32_t n_workers)
{
    const int64_t in_group = row_group(&s->from->operand.part[0], s->from_format), out_group = row_group(&s->to->operand.part[0], s->to_format);
    const char *op = s->to->pack.kernel->pattern;

    /* ternarise takes the mean of a whole weight; the others see one row at a time. */
    if ((strcmp(op, "pack") != 0 && strcmp(op, "quantise") != 0) || in_group == 0 || out_group == 0 || s->from->operand.n > 2)
        return false;
    s->group = in_group > out_group ? in_group : out_group;
    if (s->group % in_group != 0 || s->group % out_group != 0)
        return false;
    s->n_rows = s->from->operand.part[0].dim[0];
    if (s->n_rows <= s->group)
        return false;
    s->slice_bytes = row_byte(&s->from->operand, s->from_format, s->group);
    s->step = s->group;
    while (s->step <= s->n_rows / 2 && 2 * s->slice_bytes <= SETUN_WEIGHT_CHUNK_BYTES) {
        s->step *= 2;
        s->slice_bytes *= 2;
    }
    if (!ask(s, s->step, &s->plan))
        return false;
    for (uint32_t w = 0; w < n_workers; w++) {
        const int64_t left = (share_begin(s, w + 1, n_workers) - share_begin(s, w, n_workers)) % s->step;
        setun_kernel_plan last;

        if (left != 0 && (!ask(s, left, &last) || last.worker_bytes > s->plan.worker_bytes))
            return false;
    }
    return setun_round_up(s->slice_bytes, ALIGN_BYTES, &s->slice_bytes) && setun_add_size(s->slice_bytes, s->plan.worker_bytes, &s->scratch_bytes) &&
           setun_round_up(s->scratch_bytes, 4096 /* a page of its own */, &s->scratch_bytes);
}

static setun_status pack_slice(streaming *s, int64_t first, int64_t n, const setun_worker *worker, unsigned char *scratch, setun_error *error)
{
    static const void *const no_attr[1] = {NULL};
    const size_t begin = row_byte(&s->from->operand, s->from_format, first), end = row_byte(&s->from->operand, s->from_format, first + n);
    setun_tensor in[SETUN_OPERAND_MAX_PARTS], out[SETUN_OPERAND_MAX_PARTS];
    const setun_call call = {.size = sizeof(call), .n_in = s->from->operand.n, .n_out = s->to->operand.n, .in = in, .out = out, .attr = no_attr,
                             .choice = s->plan.choice};
    setun_tile tile = {.worker = worker->index, .n_workers = worker->n_workers, .scratch = scratch + s->slice_bytes};
    setun_status status = setun_store_check_stop(s->store, error);

    if (status == SETUN_OK)
        status = setun_weight_read(s->store->graph->source, s->source, begin, end - begin, scratch, error);
    /* What is proved is what was read: a file that changes meanwhile cannot slip anything in. */
    if (status == SETUN_OK && !setun_weight_is_passed_over(s->source))
        status = setun_weight_check_piece(s->source, begin, scratch, end - begin, error);
    if (status != SETUN_OK)
        return status;
    slice(&s->from->operand, first, n, scratch, in);
    if (call.n_in == 2)
        in[1].data = s->scale;
    slice(&s->to->operand, first, n, (char *)s->to->operand.part[0].data + row_byte(&s->to->operand, s->to_format, first), out);
    tile.end = s->to->pack.kernel->units(&call, 0);
    if (tile.end > 0)
        s->to->pack.kernel->run(&call, &tile);
    return SETUN_OK;
}

static void pack_share(const setun_worker *worker, void *context)
{
    streaming *s = context;
    setun_store *store = s->store;
    const setun_plugin *plugin = s->to->pack.plugin;
    const int64_t end = share_begin(s, worker->index + 1, worker->n_workers);
    unsigned char *scratch = s->scratch + worker->index * s->scratch_bytes;
    int64_t n;

    if (plugin->enter != NULL)
        plugin->enter();
    for (int64_t i = share_begin(s, worker->index, worker->n_workers); i < end; i += n) {
        setun_error error = {""};
        setun_status status;
        uint64_t n_read;

        n = end - i < s->step ? end - i : s->step;
        status = pack_slice(s, i, n, worker, scratch, &error);
        if (status != SETUN_OK) {
            setun_failure_keep(&s->failure, (uint64_t)i, status, &error);
            break;
        }
        n_read = row_byte(&s->from->operand, s->from_format, i + n) - row_byte(&s->from->operand, s->from_format, i);
        n_read += atomic_fetch_add(&s->n_read, n_read);
        if (worker->index == 0 && store->progress != NULL)
            store->progress(store->progress_context, "loading weights", store->n_read + n_read, store->n_to_read);
    }
    if (plugin->leave != NULL)
        plugin->leave();
}

setun_status setun_store_stream(setun_store *store, const setun_store_entry *from, const setun_store_entry *to, setun_team *team, bool *out_done,
                                setun_error *error)
{
    const setun_weight *source = store->graph->weights[to->index].source;
    streaming s = {.store = store, .source = source, .from = from, .to = to, .from_format = setun_plugins_format(store->plugins, from->operand.part[0].fmt),
                   .to_format = setun_plugins_format(store->plugins, to->operand.part[0].fmt), .failure = {.lock = ATOMIC_FLAG_INIT}};
    setun_status status;
    const uint32_t n_workers = setun_team_n_threads(team);
    size_t n_scale, n_bytes;

    *out_done = false;
    if (!prepare(&s, n_workers))
        return SETUN_OK;
    if (!setun_round_up((size_t)s.step * sizeof(float), 4096, &n_scale) || !setun_mul_size(s.scratch_bytes, n_workers, &n_bytes) ||
        !setun_add_size(n_bytes, n_scale, &n_bytes))
        return setun_fail_nomem(error, "scratch for packing weights", SIZE_MAX);
    s.scratch = setun_pages_alloc_sparse(n_bytes);
    if (s.scratch == NULL)
        return setun_fail_nomem(error, "scratch for packing weights", n_bytes);
    s.scale = (float *)(void *)(s.scratch + s.scratch_bytes * n_workers);
    for (int64_t i = 0; i < s.step; i++)
        s.scale[i] = source->scale;
    atomic_init(&s.n_read, 0);
    if (store->progress != NULL)
        store->progress(store->progress_context, "loading weights", store->n_read, store->n_to_read);
    setun_team_run(team, pack_share, &s);
    setun_pages_free(s.scratch, n_bytes);
    *out_done = true;
    status = setun_failure_report(&s.failure, error);
    if (status == SETUN_OK)
        store->n_read += source->n_bytes;
    return status;
}

/* store.c - which weights and tables there are, and in which representation; each made once and shared by all plans of a session. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numerics/numerics.h"
#include "plan/store.h"
#include "plan/store_internal.h"

/* The form that dense master weights are ternarised to, and that other ternary packings can be made from. */
static const char canonical_ternary[] = "tern2.row+f32";

/* Whether the weight's file has it in that representation beside the one that the graph knows. */
static bool has_screen(const setun_graph_weight *weight, const char *fmts)
{
    return weight->source != NULL && weight->source->screen != NULL && strcmp(fmts, SETUN_WEIGHT_SCREEN_FMTS) == 0;
}

static setun_status check_screen(const setun_graph *graph, const setun_plugins *plugins, const setun_graph_weight *weight, setun_error *error)
{
    setun_operand shape;
    setun_status status;

    if (!has_screen(weight, SETUN_WEIGHT_SCREEN_FMTS))
        return SETUN_OK;
    status = setun_operand_shape(plugins, SETUN_WEIGHT_SCREEN_FMTS, (int64_t[4]){weight->dim[0], weight->dim[1], 1, 1}, &shape, error);
    if (status != SETUN_OK)
        return setun_fail_prefix(error, status, "%s: screen of '%s'", setun_weights_path(graph->source), weight->name);
    for (uint32_t i = 0; i < shape.n; i++)
        if (shape.n_bytes[i] != weight->source->screen[i].n_bytes)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: screen of '%s': expected %zu bytes of %s for %lld x %lld, found %zu",
                              setun_weights_path(graph->source), weight->name, shape.n_bytes[i], weight->source->screen[i].fmt,
                              (long long)weight->dim[0], (long long)weight->dim[1], weight->source->screen[i].n_bytes);
    return SETUN_OK;
}

/* Files that say in which layout a weight lies are taken at their word only if it is as long as that layout: nothing larger is ever
 * reserved for what a file says. */
static setun_status check_layouts(const setun_graph *graph, const setun_plugins *plugins, setun_error *error)
{
    for (size_t i = 0; i < graph->n_weights; i++) {
        const setun_graph_weight *weight = &graph->weights[i];
        setun_operand shape;
        setun_status status;

        if (weight->source == NULL || !weight->source->laid_out)
            continue;
        status = setun_operand_shape(plugins, weight->fmt, (int64_t[4]){weight->dim[0], weight->dim[1], 1, 1}, &shape, error);
        if (status != SETUN_OK)
            return setun_fail_prefix(error, status, "%s: tensor '%s'", setun_weights_path(graph->source), weight->name);
        if (shape.n_bytes[0] != weight->source->n_bytes)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: tensor '%s': expected %zu bytes of %s for %lld x %lld, found %zu",
                              setun_weights_path(graph->source), weight->name, shape.n_bytes[0], weight->source->fmt,
                              (long long)weight->dim[0], (long long)weight->dim[1], weight->source->n_bytes);
        status = check_screen(graph, plugins, weight, error);
        if (status != SETUN_OK)
            return status;
    }
    return SETUN_OK;
}

setun_status setun_store_create(const setun_graph *graph, const setun_plugins *plugins, const setun_machine *machine,
                                setun_store **out_store, setun_error *error)
{
    setun_status status = check_layouts(graph, plugins, error);
    setun_store *store;

    if (status != SETUN_OK)
        return status;
    store = setun_calloc(1, sizeof(*store));
    if (store == NULL)
        return setun_fail_nomem(error, "session", sizeof(*store));
    store->graph   = graph;
    store->plugins = plugins;
    store->machine = *machine;
    *out_store = store;
    return SETUN_OK;
}

void setun_store_destroy(setun_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->n_entries; i++)
        setun_store_release(&store->entries[i].operand);
    free(store->entries);
    setun_store_free_caches(store);
    setun_pool_free(&store->pool);
    free(store);
}

void setun_store_release(setun_operand *operand)
{
    for (uint32_t i = 0; i < operand->n; i++) {
        setun_pages_free(operand->part[i].data, operand->n_bytes[i]);
        operand->part[i].data = NULL;
    }
}

setun_status setun_store_reserve(setun_operand *operand, const char *what, setun_error *error)
{
    for (uint32_t i = 0; i < operand->n; i++) {
        operand->part[i].data = setun_pages_alloc(operand->n_bytes[i]);
        if (operand->part[i].data == NULL) {
            setun_store_release(operand);
            return setun_fail_nomem(error, what, operand->n_bytes[i]);
        }
    }
    return SETUN_OK;
}

/* The entry's number goes to *out_index; its memory is not reserved yet. */
static setun_status add_entry(setun_store *store, setun_store_entry *entry, const char *what, size_t *out_index, setun_error *error)
{
    entry->fmts = setun_pool_strndup(&store->pool, entry->fmts, strlen(entry->fmts));
    if (entry->fmts == NULL ||
        !setun_grow(&store->entries, &store->entries_capacity, store->n_entries + 1, sizeof(*store->entries)))
        return setun_fail_nomem(error, what, sizeof(*store->entries));
    *out_index = store->n_entries;
    store->entries[store->n_entries++] = *entry;
    return SETUN_OK;
}

/* The entry stays as long as the store: memory for it, which its contents fill when they are made. */
static setun_status want_entry(setun_store *store, size_t index, const char *what, setun_error *error)
{
    setun_store_entry *entry = &store->entries[index];
    setun_status status;

    if (entry->wanted)
        return SETUN_OK;
    status = setun_store_reserve(&entry->operand, what, error);
    entry->wanted = status == SETUN_OK;
    return status;
}

/* Its number; store->n_entries: there is none. */
static size_t find_entry(const setun_store *store, enum setun_operand_kind kind, uint32_t index, const char *fmts)
{
    size_t i = 0;

    while (i < store->n_entries &&
           (store->entries[i].kind != kind || store->entries[i].index != index || strcmp(store->entries[i].fmts, fmts) != 0))
        i++;
    return i;
}

/* ---- weights ---- */

/* Dense masters that are to become ternary may reach a kernel through the canonical ternary form only. */
static bool is_master(const setun_graph_weight *weight)
{
    return weight->want != NULL && strcmp(weight->want, "ternary") == 0 && strchr(weight->fmt, '+') == NULL;
}

/* The representation as it lies in the file, the scale as a vector. Data NULL. */
static void shape_source(const setun_store *store, const setun_graph_weight *weight, setun_operand *out_operand)
{
    const setun_format *format = setun_plugins_format(store->plugins, weight->source->fmt);
    int64_t n_elements = weight->dim[0] * weight->dim[1];
    setun_operand operand = {.n = 1};
    setun_tensor *part = &operand.part[0];

    if (weight->source->laid_out) { /* which check_layouts has tried */
        (void)setun_operand_shape(store->plugins, weight->fmt, (int64_t[4]){weight->dim[0], weight->dim[1], 1, 1}, out_operand, NULL);
        return;
    }
    part->fmt    = weight->source->fmt;
    part->dim[0] = weight->dim[0];
    part->dim[1] = weight->dim[1];
    part->dim[2] = part->dim[3] = 1;
    operand.n_bytes[0] = weight->source->n_bytes;
    if (format == NULL || format->layout(part->dim, part->stride_bytes) != weight->source->n_bytes) {
        /* rows one after the other without the format's padding */
        part->stride_bytes[1] = (int64_t)weight->source->n_bytes / n_elements;
        part->stride_bytes[0] = (int64_t)weight->source->n_bytes / weight->dim[0];
    }
    if (weight->source->has_scale) {
        setun_tensor *scale = &operand.part[1];

        scale->fmt = "f32";
        memcpy(scale->dim, (int64_t[4]){1, weight->dim[0], 1, 1}, sizeof(scale->dim));
        scale->stride_bytes[0] = 4 * weight->dim[0];
        scale->stride_bytes[1] = 4;
        operand.n_bytes[1] = 4 * (size_t)weight->dim[0];
        operand.n = 2;
    }
    *out_operand = operand;
}

/* The op that takes a weight from one representation to another: dense masters become ternary by an op of their own, so that no dense
 * weight, say an output head, is ever made ternary because that would be cheaper. Rounding to 7 or 8 bits is for the op screen alone: no other
 * reads that form. */
static const char *packing_op(const setun_graph_weight *weight, const char *from, const char *to)
{
    if (strcmp(to, SETUN_WEIGHT_SCREEN_FMTS) == 0 || strcmp(to, SETUN_WEIGHT_INT8_FMTS) == 0)
        return "quantise";
    return is_master(weight) && strcmp(from, weight->fmt) == 0 ? "ternarise" : "pack";
}

/* The kernel of `op` from one representation to another, or NULL with the reason. */
static const setun_kernel *find_pack(const setun_store *store, const char *op, const char *from, const char *to, const setun_operand *in,
                                     const setun_operand *out, setun_kernel_ref *out_ref, setun_kernel_plan *out_plan, char *why,
                                     size_t why_bytes)
{
    char fmts[160];
    const setun_kernel *found = NULL;

    (void)snprintf(fmts, sizeof(fmts), "%s>%s", from, to);
    if (why_bytes > 0)
        (void)snprintf(why, why_bytes, "no loaded plugin can %s %s into %s", op, from, to);
    for (size_t i = 0; (i = setun_plugins_find_kernel(store->plugins, i, op, fmts)) < setun_plugins_n_kernels(store->plugins); i++) {
        setun_kernel_ref ref = setun_plugins_kernel(store->plugins, i);
        setun_kernel_plan plan = {.size = sizeof(plan)};
        static const void *const no_attr[1] = {NULL};
        setun_query query = {.size = sizeof(query), .n_in = in->n, .n_out = out->n, .in = in->part, .out = out->part, .rows_min = in->part[0].dim[0],
                             .rows_max = in->part[0].dim[0], .attr = no_attr, .machine = &store->machine, .why = why, .why_bytes = why_bytes};

        if (!(ref.kernel->flags & SETUN_KERNEL_EXACT) || ref.kernel->plan(&query, &plan) != SETUN_OK)
            continue;
        if (found == NULL || plan.cost_ns < out_plan->cost_ns) {
            found     = ref.kernel;
            *out_ref  = ref;
            *out_plan = plan;
        }
    }
    return found;
}

/* Whether one pack kernel takes weight w's representation `from` to `to`. */
static bool can_pack(const setun_store *store, const setun_graph_weight *weight, const char *from, const char *to, char *why, size_t why_bytes)
{
    const int64_t dim[4] = {weight->dim[0], weight->dim[1], 1, 1};
    setun_operand in, out;
    setun_kernel_ref ref;
    setun_kernel_plan plan;
    setun_error error;

    if (strcmp(from, weight->fmt) == 0)
        shape_source(store, weight, &in);
    else if (setun_operand_shape(store->plugins, from, dim, &in, NULL) != SETUN_OK)
        return false;
    if (setun_operand_shape(store->plugins, to, dim, &out, &error) != SETUN_OK) {
        (void)snprintf(why, why_bytes, "%.*s", (int)(why_bytes - 1), error.text);
        return false;
    }
    /* A dense matrix is not blown up to a wider type for a kernel's sake; vectors are small and may be. */
    if (weight->want == NULL && strchr(from, '+') == NULL && out.n_bytes[0] > in.n_bytes[0]) {
        (void)snprintf(why, why_bytes, "packing %s into %s would enlarge the matrix", from, to);
        return false;
    }
    return find_pack(store, packing_op(weight, from, to), from, to, &in, &out, &ref, &plan, why, why_bytes) != NULL;
}

bool setun_store_offers_weight(const setun_store *store, uint32_t w, const char *fmts, char *why, size_t why_bytes)
{
    const setun_graph_weight *weight = &store->graph->weights[w];

    if (weight->source == NULL) {
        (void)snprintf(why, why_bytes, "the model has no weights");
        return false;
    }
    if (is_master(weight) && strcmp(fmts, weight->fmt) == 0) { /* though it may be here, for other forms to be made of */
        (void)snprintf(why, why_bytes, "the weight is to be ternarised first");
        return false;
    }
    if (has_screen(weight, fmts) || find_entry(store, SETUN_OPERAND_WEIGHT, w, fmts) < store->n_entries)
        return true;
    if (!is_master(weight)) {
        if (strcmp(fmts, weight->fmt) == 0 || can_pack(store, weight, weight->fmt, fmts, why, why_bytes))
            return true;
        if (strchr(weight->fmt, '+') == NULL || strcmp(weight->fmt, canonical_ternary) == 0)
            return false;
    }
    return can_pack(store, weight, weight->fmt, canonical_ternary, why, why_bytes) &&
           (strcmp(fmts, canonical_ternary) == 0 || can_pack(store, weight, canonical_ternary, fmts, why, why_bytes));
}

setun_status setun_store_shape_weight(const setun_store *store, uint32_t w, const char *fmts, setun_operand *out_operand,
                                      setun_error *error)
{
    const setun_graph_weight *weight = &store->graph->weights[w];
    const int64_t dim[4] = {weight->dim[0], weight->dim[1], 1, 1};

    if (!is_master(weight) && strcmp(fmts, weight->fmt) == 0) {
        shape_source(store, weight, out_operand);
        return SETUN_OK;
    }
    return setun_operand_shape(store->plugins, fmts, dim, out_operand, error);
}

bool setun_store_has_other_packing(const setun_store *store, uint32_t w, const char *fmts)
{
    const setun_graph_weight *weight = &store->graph->weights[w];
    bool other = false;

    if (!is_master(weight) && strncmp(weight->fmt, "tern", strlen("tern")) != 0)
        return false;
    for (size_t i = 0; i < store->n_entries; i++) {
        const setun_store_entry *entry = &store->entries[i];

        if (entry->kind != SETUN_OPERAND_WEIGHT || entry->index != w || !entry->wanted)
            continue;
        if (strcmp(entry->fmts, fmts) == 0)
            return false;
        other = true;
    }
    return other;
}

/* The entry of weight w in that representation, and before it those that it is made of. */
static setun_status add_weight(setun_store *store, uint32_t w, const char *fmts, size_t *out_index, setun_error *error)
{
    const setun_graph_weight *weight = &store->graph->weights[w];
    setun_store_entry entry = {.kind = SETUN_OPERAND_WEIGHT, .index = w, .fmts = fmts, .source = SETUN_STORE_FILE};
    const size_t known = find_entry(store, SETUN_OPERAND_WEIGHT, w, fmts);
    const char *from = weight->fmt;
    setun_status status;
    char why[256] = "";

    if (known < store->n_entries) {
        *out_index = known;
        return SETUN_OK;
    }
    if (strcmp(fmts, weight->fmt) == 0) {
        shape_source(store, weight, &entry.operand);
        return add_entry(store, &entry, weight->name, out_index, error);
    }
    if (has_screen(weight, fmts)) { /* as long as check_screen has tried */
        status = setun_store_shape_weight(store, w, fmts, &entry.operand, error);
        return status == SETUN_OK ? add_entry(store, &entry, weight->name, out_index, error) : status;
    }
    if (strcmp(fmts, canonical_ternary) != 0 &&
        (is_master(weight) || !can_pack(store, weight, weight->fmt, fmts, why, sizeof(why))))
        from = canonical_ternary;
    status = add_weight(store, w, from, &entry.source, error);
    if (status == SETUN_OK)
        status = setun_store_shape_weight(store, w, fmts, &entry.operand, error);
    if (status != SETUN_OK)
        return status;
    if (find_pack(store, packing_op(weight, from, fmts), from, fmts, &store->entries[entry.source].operand, &entry.operand, &entry.pack,
                  &entry.pack_plan, why, sizeof(why)) == NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "weight %s: %s", weight->name, why);
    return add_entry(store, &entry, weight->name, out_index, error);
}

setun_status setun_store_get_weight(setun_store *store, uint32_t w, const char *fmts, setun_operand *out_operand, setun_error *error)
{
    size_t index;
    setun_status status = add_weight(store, w, fmts, &index, error);

    if (status != SETUN_OK)
        return status;
    if (!store->entries[index].wanted) {
        status = want_entry(store, index, store->graph->weights[w].name, error);
        if (status != SETUN_OK)
            return status;
        for (uint32_t i = 0; i < store->entries[index].operand.n; i++)
            store->weight_bytes += store->entries[index].operand.n_bytes[i];
    }
    *out_operand = store->entries[index].operand;
    return SETUN_OK;
}

void setun_store_set_progress(setun_store *store, setun_store_progress *progress, void *context)
{
    store->progress         = progress;
    store->progress_context = context;
}

void setun_store_set_stop(setun_store *store, const atomic_bool *stop)
{
    store->stop = stop;
}

/* ---- tables and caches ---- */

setun_status setun_store_get_table(setun_store *store, uint32_t t, setun_operand *out_operand, setun_error *error)
{
    const setun_graph_table *table = &store->graph->tables[t];
    setun_store_entry entry = {.kind = SETUN_OPERAND_TABLE, .index = t, .fmts = "f32", .filled = true};
    size_t index = find_entry(store, SETUN_OPERAND_TABLE, t, "f32");
    setun_status status;

    if (index < store->n_entries) {
        *out_operand = store->entries[index].operand;
        return SETUN_OK;
    }
    status = setun_rope_table_check(table, error);
    if (status == SETUN_OK)
        status = setun_operand_shape(store->plugins, "f32", (int64_t[4]){table->n_positions, table->n_dims / 2, 1, 1}, &entry.operand,
                                     error);
    if (status == SETUN_OK)
        status = add_entry(store, &entry, "rotary position table", &index, error);
    if (status == SETUN_OK)
        status = want_entry(store, index, "rotary position table", error);
    if (status != SETUN_OK)
        return status;
    *out_operand = store->entries[index].operand;
    setun_rope_table_fill(table, &out_operand->part[0]);
    return SETUN_OK;
}

size_t setun_store_weight_bytes(const setun_store *store)
{
    return store->weight_bytes;
}

size_t setun_store_cache_bytes(const setun_store *store)
{
    return store->cache_bytes;
}

void setun_store_count_weights(const setun_store *store, size_t *out_n_weights, size_t *out_n_packed)
{
    *out_n_weights = *out_n_packed = 0;
    for (size_t i = 0; i < store->n_entries; i++)
        if (store->entries[i].kind == SETUN_OPERAND_WEIGHT && store->entries[i].wanted) {
            ++*out_n_weights;
            *out_n_packed += store->entries[i].source != SETUN_STORE_FILE;
        }
}

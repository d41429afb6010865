/* store.c - weights in place or packed, tables, caches; each made once and shared by all plans of a session. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numerics/numerics.h"
#include "plan/store.h"
#include "plan/store_internal.h"
#include "setun_numerics.h"

/* The form that dense master weights are ternarised to, and that other ternary packings can be made from. */
static const char canonical_ternary[] = "tern2.row+f32";

setun_status setun_store_create(const setun_graph *graph, const setun_plugins *plugins, const setun_machine *machine,
                                setun_store **out_store, setun_error *error)
{
    setun_store *store = setun_calloc(1, sizeof(*store));

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
    for (size_t i = 0; i < store->n_entries; i++) {
        setun_store_entry *entry = &store->entries[i];

        for (uint32_t j = 0; j < entry->operand.n; j++)
            if (entry->owned[j])
                setun_pages_free(entry->operand.part[j].data, entry->operand.n_bytes[j]);
    }
    free(store->entries);
    setun_pool_free(&store->pool);
    free(store);
}

/* Memory for parts that have none. On failure what was reserved is released. */
static setun_status reserve(setun_store_entry *entry, const char *what, setun_error *error)
{
    for (uint32_t i = 0; i < entry->operand.n; i++) {
        if (entry->operand.part[i].data != NULL)
            continue;
        entry->operand.part[i].data = setun_pages_alloc(entry->operand.n_bytes[i]);
        if (entry->operand.part[i].data == NULL) {
            for (uint32_t j = 0; j < i; j++)
                if (entry->owned[j])
                    setun_pages_free(entry->operand.part[j].data, entry->operand.n_bytes[j]);
            return setun_fail_nomem(error, what, entry->operand.n_bytes[i]);
        }
        entry->owned[i] = true;
    }
    return SETUN_OK;
}

static setun_status add_entry(setun_store *store, setun_store_entry *entry, const char *what, setun_error *error)
{
    setun_status status;

    entry->fmts = setun_pool_strndup(&store->pool, entry->fmts, strlen(entry->fmts));
    if (entry->fmts == NULL ||
        !setun_grow(&store->entries, &store->entries_capacity, store->n_entries + 1, sizeof(*store->entries)))
        return setun_fail_nomem(error, what, sizeof(*store->entries));
    status = reserve(entry, what, error);
    if (status != SETUN_OK)
        return status;
    store->entries[store->n_entries++] = *entry;
    return SETUN_OK;
}

static const setun_store_entry *find_entry(const setun_store *store, enum setun_operand_kind kind, uint32_t index, const char *fmts)
{
    for (size_t i = 0; i < store->n_entries; i++)
        if (store->entries[i].kind == kind && store->entries[i].index == index && strcmp(store->entries[i].fmts, fmts) == 0)
            return &store->entries[i];
    return NULL;
}

/* ---- weights ---- */

/* Dense masters that are to become ternary may reach a kernel through the canonical ternary form only. */
static bool is_master(const setun_graph_weight *weight)
{
    return weight->want != NULL && strcmp(weight->want, "ternary") == 0 && strchr(weight->fmt, '+') == NULL;
}

/* The representation as it lies in the file. The scale's vector is made later: data NULL. */
static void shape_source(const setun_graph_weight *weight, setun_operand *out_operand)
{
    int64_t n_elements = weight->dim[0] * weight->dim[1];
    setun_operand operand = {.n = 1};
    setun_tensor *part = &operand.part[0];

    part->fmt    = weight->source->fmt;
    part->data   = (void *)(uintptr_t)weight->source->data; /* read-only: kernels write no input */
    part->dim[0] = weight->dim[0];
    part->dim[1] = weight->dim[1];
    part->dim[2] = part->dim[3] = 1;
    operand.n_bytes[0] = weight->source->n_bytes;
    if (!weight->source->has_scale) { /* dense rows */
        part->stride_bytes[1] = (int64_t)weight->source->n_bytes / n_elements;
        part->stride_bytes[0] = part->stride_bytes[1] * weight->dim[1];
    } else {
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
 * weight, say an output head, is ever made ternary because that would be cheaper. */
static const char *packing_op(const setun_graph_weight *weight, const char *from)
{
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
    for (size_t i = 0; i < setun_plugins_n_kernels(store->plugins); i++) {
        setun_kernel_ref ref = setun_plugins_kernel(store->plugins, i);
        setun_kernel_plan plan = {.size = sizeof(plan)};
        static const void *const no_attr[1] = {NULL};
        setun_query query = {.size = sizeof(query), .n_in = in->n, .n_out = out->n, .in = in->part, .out = out->part, .rows_min = in->part[0].dim[0],
                             .rows_max = in->part[0].dim[0], .attr = no_attr, .machine = &store->machine, .why = why, .why_bytes = why_bytes};

        if (strcmp(ref.kernel->pattern, op) != 0 || strcmp(ref.kernel->fmts, fmts) != 0 ||
            !(ref.kernel->flags & SETUN_KERNEL_EXACT) || ref.kernel->plan(&query, &plan) != SETUN_OK)
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
        shape_source(weight, &in);
    else if (setun_operand_shape(store->plugins, from, dim, &in, NULL) != SETUN_OK)
        return false;
    if (setun_operand_shape(store->plugins, to, dim, &out, &error) != SETUN_OK) {
        (void)snprintf(why, why_bytes, "%.*s", (int)(why_bytes - 1), error.text);
        return false;
    }
    in.part[0].data = NULL; /* plan() sees shapes only */
    /* A dense matrix is not blown up to a wider type for a kernel's sake; vectors are small and may be. */
    if (weight->want == NULL && strchr(from, '+') == NULL && out.n_bytes[0] > in.n_bytes[0]) {
        (void)snprintf(why, why_bytes, "packing %s into %s would enlarge the matrix", from, to);
        return false;
    }
    return find_pack(store, packing_op(weight, from), from, to, &in, &out, &ref, &plan, why, why_bytes) != NULL;
}

bool setun_store_offers_weight(const setun_store *store, uint32_t w, const char *fmts, char *why, size_t why_bytes)
{
    const setun_graph_weight *weight = &store->graph->weights[w];

    if (weight->source == NULL) {
        (void)snprintf(why, why_bytes, "the model has no weights");
        return false;
    }
    if (find_entry(store, SETUN_OPERAND_WEIGHT, w, fmts) != NULL)
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
        shape_source(weight, out_operand);
        return SETUN_OK;
    }
    return setun_operand_shape(store->plugins, fmts, dim, out_operand, error);
}

/* Of all weights that the graph reads, as they are in the file. */
static uint64_t source_bytes(const setun_graph *graph)
{
    uint64_t n_bytes = 0;

    for (size_t i = 0; i < graph->n_weights; i++)
        if (graph->weights[i].source != NULL)
            n_bytes += graph->weights[i].source->n_bytes;
    return n_bytes;
}

/* The weight as it is in the file, with a vector of its scale. */
static setun_status get_source(setun_store *store, uint32_t w, setun_operand *out_operand, setun_error *error)
{
    const setun_graph_weight *weight = &store->graph->weights[w];
    const setun_store_entry *known = find_entry(store, SETUN_OPERAND_WEIGHT, w, weight->fmt);
    setun_store_entry entry = {.kind = SETUN_OPERAND_WEIGHT, .index = w, .fmts = weight->fmt, .packed = true};
    setun_status status;

    if (known != NULL) {
        *out_operand = known->operand;
        return SETUN_OK;
    }
    if (store->progress != NULL)
        store->progress(store->progress_context, "checking weights", store->checked_bytes, source_bytes(store->graph));
    status = setun_weight_check(store->graph->source, weight->source, error);
    if (status != SETUN_OK)
        return status;
    store->checked_bytes += weight->source->n_bytes;
    shape_source(weight, &entry.operand);
    status = add_entry(store, &entry, weight->name, error);
    if (status != SETUN_OK)
        return status;
    if (entry.operand.n == 2) {
        float *scale = entry.operand.part[1].data;

        for (int64_t i = 0; i < weight->dim[0]; i++)
            scale[i] = weight->source->scale;
    }
    *out_operand = entry.operand;
    return SETUN_OK;
}

setun_status setun_store_get_weight(setun_store *store, uint32_t w, const char *fmts, setun_operand *out_operand, setun_error *error)
{
    const setun_graph_weight *weight = &store->graph->weights[w];
    const setun_store_entry *known;
    setun_store_entry entry = {.kind = SETUN_OPERAND_WEIGHT, .index = w, .fmts = fmts};
    setun_operand source;
    const char *from = weight->fmt;
    setun_status status;
    char why[256] = "";

    if (!is_master(weight) && strcmp(fmts, weight->fmt) == 0)
        return get_source(store, w, out_operand, error);
    known = find_entry(store, SETUN_OPERAND_WEIGHT, w, fmts);
    if (known != NULL) {
        *out_operand = known->operand;
        return SETUN_OK;
    }
    if (strcmp(fmts, canonical_ternary) != 0 &&
        (is_master(weight) || !can_pack(store, weight, weight->fmt, fmts, why, sizeof(why)))) {
        from   = canonical_ternary;
        status = setun_store_get_weight(store, w, from, &source, error);
    } else {
        status = get_source(store, w, &source, error);
    }
    if (status != SETUN_OK)
        return status;
    status = setun_store_shape_weight(store, w, fmts, &entry.operand, error);
    if (status != SETUN_OK)
        return status;
    entry.source = source;
    if (find_pack(store, packing_op(weight, from), from, fmts, &source, &entry.operand, &entry.pack, &entry.pack_plan, why, sizeof(why)) == NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "weight %s: %s", weight->name, why);
    status = add_entry(store, &entry, weight->name, error);
    if (status != SETUN_OK)
        return status;
    for (uint32_t i = 0; i < entry.operand.n; i++)
        store->weight_bytes += entry.operand.n_bytes[i];
    *out_operand = entry.operand;
    return SETUN_OK;
}

void setun_store_set_progress(setun_store *store, setun_store_progress *progress, void *context)
{
    store->progress         = progress;
    store->progress_context = context;
}

/* A step of the packing plan is a weight. */
static void watch_packing(void *context, size_t step, size_t n_steps)
{
    const setun_store *store = context;

    store->progress(store->progress_context, "packing weights", step, n_steps);
}

setun_status setun_store_pack(setun_store *store, setun_team *team, setun_error *error)
{
    static const void *const no_attr[1] = {NULL};
    setun_plan *plan;
    void *arena = NULL;
    size_t arena_bytes = 0;
    setun_status status = setun_plan_create(&plan, error);

    if (status != SETUN_OK)
        return status;
    for (size_t i = 0; i < store->n_entries && status == SETUN_OK; i++) {
        setun_store_entry *entry = &store->entries[i];
        uint32_t in[SETUN_OPERAND_MAX_PARTS], out[SETUN_OPERAND_MAX_PARTS];

        if (entry->packed)
            continue;
        for (uint32_t j = 0; j < entry->source.n && status == SETUN_OK; j++)
            status = setun_plan_add_constant(plan, &entry->source.part[j], entry->source.n_bytes[j], &in[j], error);
        for (uint32_t j = 0; j < entry->operand.n && status == SETUN_OK; j++)
            status = setun_plan_add_constant(plan, &entry->operand.part[j], entry->operand.n_bytes[j], &out[j], error);
        if (status == SETUN_OK)
            status = setun_plan_add_step(plan, entry->pack, &entry->pack_plan, no_attr, 1, in, entry->source.n, out, entry->operand.n,
                                         "pack", error);
    }
    if (status == SETUN_OK)
        status = setun_plan_finish(plan, setun_team_n_threads(team), error);
    if (status != SETUN_OK)
        goto destroy_plan;
    arena_bytes = setun_plan_arena_bytes(plan);
    arena = setun_pages_alloc(arena_bytes);
    if (arena == NULL) {
        status = setun_fail_nomem(error, "scratch for packing weights", arena_bytes);
        goto destroy_plan;
    }
    setun_plan_bind(plan, arena);
    if (store->progress != NULL)
        setun_plan_set_watch(plan, watch_packing, store);
    setun_plan_run(plan, team, NULL);
    for (size_t i = 0; i < store->n_entries; i++)
        store->entries[i].packed = true;
    setun_pages_free(arena, arena_bytes);

destroy_plan:
    setun_plan_destroy(plan);
    return status;
}

/* ---- tables and caches ---- */

setun_status setun_store_get_table(setun_store *store, uint32_t t, setun_operand *out_operand, setun_error *error)
{
    const setun_graph_table *table = &store->graph->tables[t];
    const setun_store_entry *known = find_entry(store, SETUN_OPERAND_TABLE, t, "f32");
    setun_store_entry entry = {.kind = SETUN_OPERAND_TABLE, .index = t, .fmts = "f32", .packed = true};
    setun_status status;

    if (known != NULL) {
        *out_operand = known->operand;
        return SETUN_OK;
    }
    status = setun_rope_table_check(table, error);
    if (status == SETUN_OK)
        status = setun_operand_shape(store->plugins, "f32", (int64_t[4]){table->n_positions, table->n_dims / 2, 1, 1}, &entry.operand,
                                     error);
    if (status == SETUN_OK)
        status = add_entry(store, &entry, "rotary position table", error);
    if (status != SETUN_OK)
        return status;
    setun_rope_table_fill(table, &entry.operand.part[0]);
    *out_operand = entry.operand;
    return SETUN_OK;
}

setun_status setun_store_get_cache(setun_store *store, uint32_t c, const char *fmts, int64_t n_blocks, setun_operand *out_operand,
                                   setun_error *error)
{
    const setun_graph_cache *cache = &store->graph->caches[c];
    const setun_store_entry *known = find_entry(store, SETUN_OPERAND_CACHE, c, fmts);
    setun_store_entry entry = {.kind = SETUN_OPERAND_CACHE, .index = c, .fmts = fmts, .packed = true};
    setun_status status;

    if (known != NULL) {
        *out_operand = known->operand;
        return SETUN_OK;
    }
    status = setun_operand_shape(store->plugins, fmts, (int64_t[4]){n_blocks, cache->kv_heads, SETUN_CHUNK, cache->head_dim},
                                 &entry.operand, error);
    if (status == SETUN_OK)
        status = add_entry(store, &entry, "KV cache", error);
    if (status != SETUN_OK)
        return status;
    store->cache_bytes += entry.operand.n_bytes[0];
    *out_operand = entry.operand;
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

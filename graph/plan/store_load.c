/* store_load.c - fills a store's weights: reads them, proves their contents, packs them; one weight after another, so that beside the
 * weights that stay at most one is in memory in any other form. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "exec/failure.h"
#include "plan/store_internal.h"

/* A weight being read by all workers: each takes a range of pieces (setun_weight_piece_bytes), so that it first touches what it will
 * often read later. */
typedef struct reading {
    setun_store        *store;
    const setun_weight *source;
    unsigned char      *data;
    bool                check;    /* contents are proved as well */
    uint64_t           *hash;     /* of each piece, where they are to be compared; else NULL */
    atomic_uint_fast64_t n_read;  /* bytes, by all workers together */
    setun_failure       failure;  /* at the first byte of a piece */
} reading;

static void read_piece(reading *r, size_t at, size_t n_bytes, bool is_caller, setun_status *out_status)
{
    setun_store *store = r->store;
    setun_error error;
    setun_status status = setun_store_check_stop(store, &error);

    if (status == SETUN_OK)
        status = setun_weight_read(store->graph->source, r->source, at, n_bytes, r->data + at, &error);
    /* What is proved is what was read: a file that changes meanwhile cannot slip anything in. */
    if (status == SETUN_OK && r->check)
        status = setun_weight_check_piece(r->source, at, r->data + at, n_bytes, &error);
    if (status == SETUN_OK && r->hash != NULL)
        r->hash[at / setun_weight_piece_bytes(r->source)] = setun_weight_piece_hash(r->data + at, n_bytes);
    *out_status = status;
    if (status == SETUN_OK) {
        const uint64_t n_read = atomic_fetch_add(&r->n_read, n_bytes) + n_bytes;

        if (is_caller && store->progress != NULL)
            store->progress(store->progress_context, "loading weights", store->n_read + n_read, store->n_to_read);
        return;
    }
    setun_failure_keep(&r->failure, at, status, &error);
}

static void read_share(const setun_worker *worker, void *context)
{
    reading *r = context;
    const size_t piece = setun_weight_piece_bytes(r->source), n_pieces = (r->source->n_bytes + piece - 1) / piece;
    const size_t first = n_pieces * worker->index / worker->n_workers, end = n_pieces * (worker->index + 1) / worker->n_workers;
    setun_status status = SETUN_OK;

    for (size_t i = first; i < end && status == SETUN_OK; i++) {
        const size_t at = i * piece, left = r->source->n_bytes - at;

        read_piece(r, at, left < piece ? left : piece, worker->index == 0, &status);
    }
}

static setun_status read_weight(setun_store *store, const setun_weight *source, void *data, bool check, uint64_t *hash, setun_team *team,
                                setun_error *error)
{
    reading r = {.store = store, .source = source, .data = data, .check = check, .failure = {.lock = ATOMIC_FLAG_INIT}};
    setun_status status;

    r.hash = hash;
    atomic_init(&r.n_read, 0);
    if (store->progress != NULL)
        store->progress(store->progress_context, "loading weights", store->n_read, store->n_to_read);
    if (source->n_bytes > SETUN_WEIGHT_CHUNK_BYTES)
        setun_team_run(team, read_share, &r);
    else
        read_share(&(setun_worker){team, 0, 1}, &r);
    status = setun_failure_report(&r.failure, error);
    if (status == SETUN_OK)
        store->n_read += source->n_bytes;
    return status;
}

/* Reads the screen that is stored beside the weight. A number in it that is wrong would not harm but, unlike any other, silently break a
 * promise: that what is drawn is what the weights themselves say. So its hash is compared. */
static setun_status read_screen(setun_store *store, const setun_weight *screen, const setun_operand *operand, setun_team *team, setun_error *error)
{
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < operand->n && status == SETUN_OK; i++) {
        const size_t piece = setun_weight_piece_bytes(&screen[i]), n_pieces = (screen[i].n_bytes + piece - 1) / piece;
        uint64_t *hash = setun_calloc(n_pieces, sizeof(*hash));

        if (hash == NULL)
            return setun_fail_nomem(error, "hashes", n_pieces * sizeof(*hash));
        status = read_weight(store, &screen[i], operand->part[i].data, true, hash, team, error);
        if (status == SETUN_OK)
            status = setun_weight_check_hashes(&screen[i], hash, n_pieces, error);
        free(hash);
    }
    return status;
}

/* What an entry has of the file. */
static const setun_weight *screen_of(const setun_store *store, const setun_store_entry *entry)
{
    const setun_graph_weight *weight = &store->graph->weights[entry->index];

    return strcmp(entry->fmts, weight->fmt) != 0 ? weight->source->screen : NULL;
}

static uint64_t bytes_to_read(const setun_store *store, const setun_store_entry *entry)
{
    const setun_weight *screen = screen_of(store, entry);
    uint64_t n_bytes = 0;

    if (screen == NULL)
        return store->graph->weights[entry->index].source->n_bytes;
    for (size_t i = 0; i < SETUN_WEIGHT_SCREEN_PARTS; i++)
        n_bytes += screen[i].n_bytes;
    return n_bytes;
}

/* Reads the weight as it is in the file. */
static setun_status read_source(setun_store *store, setun_store_entry *entry, setun_team *team, setun_error *error)
{
    const setun_weight *source = store->graph->weights[entry->index].source, *screen = screen_of(store, entry);
    float *scale = entry->operand.n == 2 ? entry->operand.part[1].data : NULL;
    setun_status status;

    if (screen != NULL)
        return read_screen(store, screen, &entry->operand, team, error);
    status = read_weight(store, source, entry->operand.part[0].data, !setun_weight_is_passed_over(source), NULL, team, error);
    if (status != SETUN_OK)
        return status;
    for (int64_t i = 0; scale != NULL && i < entry->operand.part[0].dim[0]; i++)
        scale[i] = source->scale;
    return SETUN_OK;
}

static setun_status add_pack_step(setun_store *store, const setun_store_entry *entry, setun_plan *plan, setun_error *error)
{
    static const void *const no_attr[1] = {NULL};
    const setun_operand *from = &store->entries[entry->source].operand, *to = &entry->operand;
    uint32_t in[SETUN_OPERAND_MAX_PARTS], out[SETUN_OPERAND_MAX_PARTS];
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < from->n && status == SETUN_OK; i++)
        status = setun_plan_add_constant(plan, &from->part[i], from->n_bytes[i], &in[i], error);
    for (uint32_t i = 0; i < to->n && status == SETUN_OK; i++)
        status = setun_plan_add_constant(plan, &to->part[i], to->n_bytes[i], &out[i], error);
    if (status == SETUN_OK)
        status = setun_plan_add_step(plan, entry->pack, &entry->pack_plan, no_attr, 1, in, from->n, out, to->n, "pack", error);
    return status;
}

static setun_status run_plan(setun_plan *plan, setun_team *team, setun_error *error)
{
    setun_status status = setun_plan_finish(plan, setun_team_n_threads(team), error);
    size_t arena_bytes;
    void *arena;

    if (status != SETUN_OK)
        return status;
    arena_bytes = setun_plan_arena_bytes(plan);
    arena = setun_pages_alloc(arena_bytes);
    if (arena == NULL)
        return setun_fail_nomem(error, "scratch for packing weights", arena_bytes);
    setun_plan_bind(plan, arena);
    setun_plan_run(plan, team, NULL);
    setun_pages_free(arena, arena_bytes);
    return SETUN_OK;
}

static bool is_to_fill(const setun_store_entry *entry, uint32_t w)
{
    return entry->kind == SETUN_OPERAND_WEIGHT && entry->index == w && !entry->filled;
}

/* The one representation to fill, if it is packed from what is in the file and nothing else is to be had of that; else NULL. */
static setun_store_entry *find_only(setun_store *store, uint32_t w)
{
    setun_store_entry *only = NULL;

    for (size_t i = 0; i < store->n_entries; i++) {
        setun_store_entry *entry = &store->entries[i];

        if (!is_to_fill(entry, w) || (entry->source == SETUN_STORE_FILE && !entry->wanted && screen_of(store, entry) == NULL))
            continue;
        if (only != NULL || entry->source == SETUN_STORE_FILE || store->entries[entry->source].source != SETUN_STORE_FILE ||
            store->entries[entry->source].wanted)
            return NULL;
        only = entry;
    }
    return only;
}

/* Fills all of weight w's representations; an entry stands before those that are made of it. */
static setun_status fill_weight(setun_store *store, uint32_t w, setun_team *team, setun_error *error)
{
    const char *name = store->graph->weights[w].name;
    setun_store_entry *only = find_only(store, w);
    setun_plan *plan;
    bool packs = false, done = false;
    setun_status status = SETUN_OK;

    if (only != NULL)
        status = setun_store_stream(store, &store->entries[only->source], only, team, &done, error);
    if (done)
        only->filled = status == SETUN_OK;
    if (done || status != SETUN_OK)
        return status;
    status = setun_plan_create(&plan, error);
    if (status != SETUN_OK)
        return status;
    for (size_t i = 0; i < store->n_entries && status == SETUN_OK; i++) {
        setun_store_entry *entry = &store->entries[i];

        if (!is_to_fill(entry, w))
            continue;
        if (!entry->wanted)
            status = setun_store_reserve(&entry->operand, name, error);
        if (status == SETUN_OK && entry->source == SETUN_STORE_FILE) {
            status = read_source(store, entry, team, error);
        } else if (status == SETUN_OK) {
            status = add_pack_step(store, entry, plan, error);
            packs = true;
        }
    }
    if (status == SETUN_OK && packs)
        status = run_plan(plan, team, error);
    for (size_t i = 0; i < store->n_entries; i++) {
        setun_store_entry *entry = &store->entries[i];

        if (!is_to_fill(entry, w))
            continue;
        if (entry->wanted)
            entry->filled = status == SETUN_OK;
        else
            setun_store_release(&entry->operand);
    }
    setun_plan_destroy(plan);
    return status;
}

setun_status setun_store_fill(setun_store *store, setun_team *team, setun_error *error)
{
    setun_status status = SETUN_OK;

    store->n_read = store->n_to_read = 0;
    for (size_t i = 0; i < store->n_entries; i++) {
        const setun_store_entry *entry = &store->entries[i];

        if (is_to_fill(entry, entry->index) && entry->source == SETUN_STORE_FILE)
            store->n_to_read += bytes_to_read(store, entry);
    }
    for (size_t i = 0; i < store->n_entries && status == SETUN_OK; i++) {
        if (!is_to_fill(&store->entries[i], store->entries[i].index) || !store->entries[i].wanted)
            continue;
        status = setun_store_check_stop(store, error);
        if (status == SETUN_OK)
            status = fill_weight(store, store->entries[i].index, team, error);
    }
    return status;
}

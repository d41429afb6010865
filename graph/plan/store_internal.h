/* store_internal.h - the inside of a store. */
#ifndef SETUN_STORE_INTERNAL_H
#define SETUN_STORE_INTERNAL_H
#include "plan/store.h"

#define SETUN_STORE_FILE SIZE_MAX

/* One operand in one representation. */
typedef struct setun_store_entry {
    enum setun_operand_kind kind;  /* WEIGHT or TABLE */
    uint32_t                index; /* in the graph's array of that kind */
    const char             *fmts;  /* in the store's pool */
    setun_operand           operand;   /* data is NULL until memory is reserved */
    bool                    wanted;    /* a plan reads it: it stays; else it is there for other entries only, while they are made */
    bool                    filled;    /* contents are there */
    /* Weights only: what they are made of and how. */
    size_t                  source;    /* entry that `pack` reads; SETUN_STORE_FILE: the weight is as it is in the file */
    setun_kernel_ref        pack;
    setun_kernel_plan       pack_plan;
} setun_store_entry;

typedef struct setun_store_caches setun_store_caches; /* store_cache.c */

struct setun_store {
    const setun_graph   *graph;
    const setun_plugins *plugins;
    setun_machine        machine;
    setun_pool           pool;
    setun_store_entry   *entries;
    size_t               n_entries, entries_capacity;
    setun_store_caches  *caches; /* in each format that was asked for */
    size_t               weight_bytes, cache_bytes;
    setun_store_progress *progress; /* NULL: nobody */
    void                *progress_context;
    const atomic_bool   *stop;     /* NULL: never */
    uint64_t             n_read, n_to_read; /* bytes of weight files, for progress */
};

/* Memory for all parts of an operand, page aligned; and back, which accepts parts without memory. */
setun_status setun_store_reserve(setun_operand *operand, const char *what, setun_error *error);
void         setun_store_release(setun_operand *operand);
void         setun_store_free_caches(setun_store *store);

/* SETUN_ERR_INTERRUPTED: filling is to end. */
static inline setun_status setun_store_check_stop(const setun_store *store, setun_error *error)
{
    if (store->stop != NULL && atomic_load_explicit(store->stop, memory_order_relaxed))
        return setun_fail(error, SETUN_ERR_INTERRUPTED, "interrupted");
    return SETUN_OK;
}

/* store_stream.c. Makes `to`, which stays, of `from`, which is as in the file and is needed for nothing else, without ever having that in memory.
 * *out_done false: these formats cannot be packed by some rows at a time, and nothing has happened. */
setun_status setun_store_stream(setun_store *store, const setun_store_entry *from, const setun_store_entry *to, setun_team *team, bool *out_done,
                                setun_error *error);
#endif

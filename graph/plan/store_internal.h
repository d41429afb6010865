/* store_internal.h - the inside of a store. */
#ifndef SETUN_STORE_INTERNAL_H
#define SETUN_STORE_INTERNAL_H
#include "plan/store.h"

/* One operand in one representation. */
typedef struct setun_store_entry {
    enum setun_operand_kind kind;  /* WEIGHT, TABLE or CACHE */
    uint32_t                index; /* in the graph's array of that kind */
    const char             *fmts;  /* in the store's pool */
    setun_operand           operand;
    bool                    owned[SETUN_OPERAND_MAX_PARTS]; /* memory is ours, else the file's */
    bool                    packed;    /* contents are there */
    setun_operand           source;    /* what `pack` reads */
    setun_kernel_ref        pack;
    setun_kernel_plan       pack_plan;
} setun_store_entry;

struct setun_store {
    const setun_graph   *graph;
    const setun_plugins *plugins;
    setun_machine        machine;
    setun_pool           pool;
    setun_store_entry   *entries;
    size_t               n_entries, entries_capacity;
    size_t               weight_bytes, cache_bytes;
    uint64_t             checked_bytes; /* weights whose contents have been looked at */
    setun_store_progress *progress;     /* NULL: nobody */
    void                *progress_context;
};
#endif

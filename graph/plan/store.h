/* store.h - the memory that plans point to besides activations: weights in the formats that kernels want, tables, KV caches. Internal.
 * A weight is made once for each format that plans ask for: read from its file, or packed by kernels of the plugins on all threads. */
#ifndef SETUN_STORE_H
#define SETUN_STORE_H
#include <stdatomic.h>

#include "exec/plan.h"
#include "graph.h"
#include "plan/operand.h"

typedef struct setun_store setun_store;

/* graph, plugins and their owners must outlive the store. SETUN_ERR_FORMAT, _UNSUPPORTED: a weight of the file that is laid out for kernels
 * has not the length of its format, or no loaded plugin knows that. */
setun_status setun_store_create(const setun_graph *graph, const setun_plugins *plugins, const setun_machine *machine,
                                setun_store **out_store, setun_error *error);
void         setun_store_destroy(setun_store *store); /* accepts NULL */

/* Whether weight w can be had in the representation `fmts` ("tern2.row+f32"): as it is in the file, or packed. Says why not. */
bool setun_store_offers_weight(const setun_store *store, uint32_t w, const char *fmts, char *why, size_t why_bytes);

/* Dims and strides that weight w has in that representation; data is NULL. */
setun_status setun_store_shape_weight(const setun_store *store, uint32_t w, const char *fmts, setun_operand *out_operand,
                                      setun_error *error);

/* Whether plans read the ternary weight w already, but in another representation. */
bool setun_store_has_other_packing(const setun_store *store, uint32_t w, const char *fmts);

/* Weight w in that representation. Memory is reserved now and filled by setun_store_fill. */
setun_status setun_store_get_weight(setun_store *store, uint32_t w, const char *fmts, setun_operand *out_operand, setun_error *error);

/* Table t, f32[n_positions, n_dims / 2]; filled when it is first asked for. */
setun_status setun_store_get_table(setun_store *store, uint32_t t, setun_operand *out_operand, setun_error *error);

/* Dims and strides of cache c in a cache format, n_blocks blocks of 256 positions; data is NULL. Takes no memory. */
setun_status setun_store_shape_cache(const setun_store *store, uint32_t c, const char *fmts, int64_t n_blocks, setun_operand *out_operand,
                                     setun_error *error);

/* The same with address space, reserved for all caches of the graph at once; pages are touched as they are written. */
setun_status setun_store_get_cache(setun_store *store, uint32_t c, const char *fmts, int64_t n_blocks, setun_operand *out_operand,
                                   setun_error *error);

/* Tells how many bytes of the weights have been read; NULL: nobody. */
typedef void setun_store_progress(void *context, const char *stage, uint64_t done, uint64_t total);
void setun_store_set_progress(setun_store *store, setun_store_progress *progress, void *context);
/* Once *stop is true, whoever sets it, filling ends soon with SETUN_ERR_INTERRUPTED; NULL: never. It must outlive the filling. */
void setun_store_set_stop(setun_store *store, const atomic_bool *stop);

/* Reads, checks and packs all weights asked for since the last call, one after the other. Most are packed a few rows at a time as they are
 * read; beside the weights that stay no more than one is in memory as it is in its file, or in a form between. SETUN_ERR_IO: a file became
 * shorter; SETUN_ERR_FORMAT: contents are wrong. */
setun_status setun_store_fill(setun_store *store, setun_team *team, setun_error *error);

/* Representations that plans read, and how many of them are packed: not as they are in the file. */
void   setun_store_count_weights(const setun_store *store, size_t *out_n_weights, size_t *out_n_packed);
size_t setun_store_weight_bytes(const setun_store *store); /* in the representations that plans read */
size_t setun_store_cache_bytes(const setun_store *store);  /* address space */
#endif

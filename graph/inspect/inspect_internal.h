/* inspect_internal.h - the inside of an inspection. */
#ifndef SETUN_INSPECT_INTERNAL_H
#define SETUN_INSPECT_INTERNAL_H
#include "graph.h"
#include "setun/inspect.h"

/* How the graph uses a tensor. */
struct setun_tensor_use {
    const char *entry; /* NULL: not at all */
    bool        master;
    size_t      n_readers;
};

struct setun_inspection {
    const setun_graph       *graph;
    setun_graph             *own_graph; /* opened here, or NULL */
    const setun_weights     *weights;   /* NULL: none */
    struct setun_tensor_use *uses;      /* [tensors of weights] */
};

/* statistics.c: reads a tensor; `master` says that its codes are to be counted as it will be ternarised. */
setun_status setun_weight_statistics(const setun_weights *weights, const setun_weight *weight, bool master,
                                     setun_tensor_statistics *out_statistics, setun_error *error);

/* A ternary format of blocks, with a scale each or of five-bit codes: n_bytes hold n_values weights, those of padding included. read gives
 * them as 0, 1, 2, or 3 where the bits are none, in any order. */
enum { SETUN_TERNARY_BLOCK_MAX_VALUES = 64 * 48 };
typedef struct setun_ternary_block {
    const char *fmt;
    size_t      n_bytes, n_values;
    void      (*read)(const unsigned char *block, unsigned char *out_codes);
    bool        of_rows; /* a block holds parts of several rows */
} setun_ternary_block;
const setun_ternary_block *setun_ternary_block_of(const char *fmt); /* NULL: none of these */

/* Elements of a tensor. */
uint64_t setun_weight_n_values(const setun_weight *weight);
#endif

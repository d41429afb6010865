/* permute.h - the order of rows of Q and K: rotary position pairs element j of a head with j + n/2 in some files, 2j with 2j + 1 in others,
 * and the projections' rows are stored to suit. Internal. */
#ifndef SETUN_CONVERT_PERMUTE_H
#define SETUN_CONVERT_PERMUTE_H
#include "graph.h"

/* How the rows of one weight move from one file to the other. */
typedef struct setun_permutation {
    bool    moves;       /* false: they stay, and nothing else is set */
    bool    interleaved; /* the new file pairs 2j with 2j + 1; false: j with j + n/2 */
    int64_t head_dim, n_dims;
} setun_permutation;

/* For every weight of two graphs of one model, of the old and the new kind of file: out[n_weights]. */
setun_status setun_permutations_find(const setun_graph *from, const setun_graph *to, setun_permutation *out, setun_error *error);

/* The old row that becomes row i. */
int64_t setun_permutation_row(const setun_permutation *permutation, int64_t i);
#endif

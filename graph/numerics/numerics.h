/* numerics.h - the host's side of numerics.md: double-precision functions of our own, exp32, the rope tables, Philox. Internal.
 * The functions take + - * / and explicit steps only, so that they give the same bits with every compiler and C library. */
#ifndef SETUN_GRAPH_NUMERICS_H
#define SETUN_GRAPH_NUMERICS_H
#include <stdint.h>

#include "graph.h"
#include "setun_numerics.h"

/* Errors measured in tests/kernels: log and exp under 1 ulp, sin and cos under 2.4 ulp. Domains: */
double setun_log64(double x); /* x normal and positive */
double setun_exp64(double x); /* |x| <= 700 */
double setun_sin64(double x); /* 0 <= x <= SETUN_F64_ANGLE_MAX, both */
double setun_cos64(double x);

/* numerics.md: exp32. The same bits as the kernels' own. */
float setun_exp32(float x);

/* Frequency j of n_dims / 2: (float)theta^(-2j / n_dims), before that scaled as the table says. */
float setun_rope_frequency(const setun_graph_table *table, int64_t j);

/* Whether a table can be made. SETUN_ERR_UNSUPPORTED: n_dims is odd or below 2, theta is not in 1 .. 1e300, or n_positions exceeds 2^20.
 * The numbers of a scaling are the op's to check. */
setun_status setun_rope_table_check(const setun_graph_table *table, setun_error *error);

/* Fills out, f32[n_positions, n_dims / 2], with the cos (or sin) of every position's angles. The table has passed the check. */
void setun_rope_table_fill(const setun_graph_table *table, const setun_tensor *out);

/* Philox4x32-10: four random words for a counter and a key. */
void setun_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Standard Gumbel noise of one candidate token (numerics.md: sampling). position: the place that the drawn token will have in its
 * sequence, 0 for the first. */
double setun_gumbel(uint64_t seed, uint64_t position, uint32_t id);
/* The same in two steps, and what the second, two logarithms, cannot exceed: nearly all candidates are out of the draw by that. */
uint32_t setun_gumbel_word(uint64_t seed, uint64_t position, uint32_t id);
double   setun_gumbel_of(uint32_t word);
double   setun_gumbel_most(uint32_t word);
#endif

/* logits.h - logits of every position, by way of the public interface. */
#ifndef LOGITS_H
#define LOGITS_H
#include <stddef.h>
#include <stdint.h>

#include "fixture.h"

/* Logits of ids[n] as one sequence of the model in `folder`, with an f32 cache and n_threads threads. */
matrix logits_of(const char *folder, const int32_t *ids, size_t n, uint32_t n_threads);

/* The largest difference of an element; the largest magnitude in `expected`. NaN counts as infinite. */
double largest_difference(const matrix *got, const matrix *expected);
double largest_magnitude(const matrix *expected);
#endif

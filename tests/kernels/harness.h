/* harness.h - drives the kernels of the loaded plugins the way the host does, and harder: random cuts of the units, workers in random
 * order, scratch full of rubbish and of exactly the size asked for, tensors that end where memory ends, borders that must stay untouched. */
#ifndef SETUN_TEST_KERNELS_HARNESS_H
#define SETUN_TEST_KERNELS_HARNESS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <criterion/criterion.h>

#include "plugin/registry.h"

/* ---- random numbers; the seed is printed when a test fails, and taken from SETUN_TEST_SEED ---- */

uint64_t test_seed(void);
uint64_t test_random(void);
int64_t  test_below(int64_t n);   /* 0 .. n-1 */
float    test_uniform(void);      /* -1 .. 1 */
float    test_any_f32(void);      /* any finite bit pattern, exponents spread evenly */

/* ---- memory ---- */

/* n_bytes that end at an inaccessible page, after a border that is checked when they are freed. Filled with rubbish. */
typedef struct test_memory {
    unsigned char *data;
    size_t         n_bytes, map_bytes;
    void          *map;
} test_memory;
test_memory test_memory_make(size_t n_bytes);
void        test_memory_free(test_memory *memory);

/* ---- tensors ---- */

typedef struct test_tensor {
    setun_tensor t;
    test_memory  memory;
} test_tensor;

/* A tensor laid out by its format, rubbish in it and in its padding. Unused dims are given as 1. */
test_tensor test_tensor_make(const char *fmt, int64_t d0, int64_t d1, int64_t d2, int64_t d3);
/* A weight as it is in a file: rows without padding, aligned to its element only. */
test_tensor test_tensor_as_in_file(const char *fmt, int64_t rows, int64_t columns, size_t element_bytes);
void        test_tensor_free(test_tensor *tensor);
void       *test_row(const test_tensor *tensor, int64_t row);
/* Fills an f32 matrix with uniform numbers times `scale`; padding keeps its rubbish. */
void        test_fill_f32(test_tensor *tensor, float scale);

/* ---- kernels ---- */

/* The next kernel with this pattern and these formats, from *index on, or false. Every plugin that offers one is tested. */
bool test_next_kernel(const char *pattern, const char *fmts, size_t *index, setun_kernel_ref *out_ref);
/* How many there are; a test with none must fail. */
size_t test_count_kernels(const char *pattern, const char *fmts);

/* One call: plan, then every phase in random cuts. in and out are arrays of pointers. rows_max: rows that plan() is told to expect. */
typedef struct test_call {
    const void        *attr;
    const setun_batch *batch;
    test_tensor       *in[12], *out[6];
    uint32_t           n_in, n_out;
} test_call;
void test_run(setun_kernel_ref ref, const test_call *call);
/* The status of plan() alone, and its reason. */
setun_status test_plan(setun_kernel_ref ref, const test_call *call, char *why, size_t why_bytes);

/* Same bits, or a failure that names the place. */
void test_same_f32(const char *what, const char *kernel, int64_t row, int64_t column, float expected, float found);
void test_same_bytes(const char *what, const char *kernel, int64_t row, const void *expected, const void *found, size_t n_bytes);
#endif

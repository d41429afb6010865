/* screen.h - what test_screen.c and test_screen7.c share: norms as numerics.md defines them, activations in 16 bits, rows made to break a bound. */
#ifndef SETUN_TEST_KERNELS_SCREEN_H
#define SETUN_TEST_KERNELS_SCREEN_H
#include "harness.h"

#define SCREEN_PACK_FMTS "f32>i16.hl+f32+f32+f32"
#define EACH(i, array) for (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

enum { SCREEN_MAX_K = 4096 };

double screen_norm(const double *v, int64_t k);
float  screen_up(double v);

/* ---- operands ---- */

typedef struct activations {
    test_tensor q, step, a, b;
} activations;

activations screen_pack(setun_kernel_ref ref, const float *x, int64_t m, int64_t k);
void        screen_free_activations(activations *x);

/* The first kernel with this pattern and these formats, or a failure. */
setun_kernel_ref screen_kernel(const char *pattern, const char *fmts);
/* Rows of f32 as a matrix, rubbish in its padding. */
test_tensor screen_matrix(const float *v, int64_t n, int64_t k);
test_tensor screen_vector(int64_t n);
float       screen_value(const test_tensor *t, int64_t i); /* of a tensor's only row */

/* ---- rows that are hard ---- */

enum {
    ROW_RANDOM, ROW_ONE_HUGE, ROW_EQUAL, ROW_ALTERNATING, ROW_HALF_STEPS, ROW_TINY, ROW_ZERO, ROW_ONE_SIGN, ROW_WIDE, ROW_TIES,
    ROW_OUTLIERS, ROW_HALF_STEPS5, ROW_HALF_STEPS7, N_FILLS
};
enum { X_RANDOM, X_OUTLIERS, X_ONE, X_HALF_STEPS, X_SIGNS, X_TINY, X_ZERO, X_LARGE, N_X };

/* x is what the row will meet: some rows are bent towards it. */
void screen_fill_row(float *w, const float *x, int64_t k, int fill);
void screen_fill_x(float *x, int64_t k, int fill);

/* Fails where z and e do not bound the dot of x and w, as op linear has it and as it really is. Returns how much of the bound was needed. */
long double screen_check_bound(const char *kernel, const float *x, const float *w, int64_t k, float z, float e);
#endif

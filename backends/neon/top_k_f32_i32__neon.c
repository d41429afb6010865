/* top_k_f32_i32__neon.c - id[m, k]: where the k largest elements of each row of x[m, n] are. A heap keeps the
 * best so far, and few elements are larger than the least of these: many at a time are only compared with it. */
#include <arm_neon.h>

#include "kernels.h"
#include "rows.h"

typedef struct ranked {
    float   x;
    int32_t id;
} ranked;

/* a comes after b. */
static inline int is_after(const ranked *a, const ranked *b)
{
    return a->x < b->x || (a->x == b->x && a->id > b->id);
}

/* A heap whose root comes last of all: its order below i. */
static inline void sift_down(ranked *heap, int64_t n, int64_t i)
{
    const ranked moved = heap[i];

    for (int64_t next = 2 * i + 1; next < n; next = 2 * i + 1) {
        if (next + 1 < n && is_after(&heap[next + 1], &heap[next]))
            next++;
        if (!is_after(&heap[next], &moved))
            break;
        heap[i] = heap[next];
        i = next;
    }
    heap[i] = moved;
}

/* The first k elements, of which a NaN counts as -infinity. */
static inline void start_heap(ranked *heap, int64_t k, const float *x)
{
    for (int64_t i = 0; i < k; i++)
        heap[i] = (ranked){x[i] == x[i] ? x[i] : -__builtin_inff(), (int32_t)i};
    for (int64_t i = k / 2 - 1; i >= 0; i--)
        sift_down(heap, k, i);
}

/* Element i in the place of the root, if it is larger: of equals the earlier one stays. */
static inline void offer(ranked *heap, int64_t k, const float *x, int64_t i)
{
    if (x[i] > heap[0].x) {
        heap[0] = (ranked){x[i], (int32_t)i};
        sift_down(heap, k, 0);
    }
}

/* Takes the last out of the heap again and again. */
static inline void finish_heap(ranked *heap, int64_t k, int32_t *out_id)
{
    for (int64_t n = k; n > 0; n--) {
        out_id[n - 1] = heap[0].id;
        heap[0] = heap[n - 1];
        sift_down(heap, n - 1, 0);
    }
}

enum { BLOCK = 16 };

/* All ones in a lane if one of its four elements is larger. */
static inline uint32x4_t larger(const float *x, float32x4_t least)
{
    return vorrq_u32(vorrq_u32(vcgtq_f32(vld1q_f32(x), least), vcgtq_f32(vld1q_f32(x + 4), least)),
                     vorrq_u32(vcgtq_f32(vld1q_f32(x + 8), least), vcgtq_f32(vld1q_f32(x + 12), least)));
}

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    const int64_t n = query->in[0].dim[1], k = query->out[0].dim[1];

    if (k < 1 || k > n || n > INT32_MAX)
        return setun_refuse(query, "top_k: 1 to all elements of a row can be asked for, of at most 2^31 - 1");
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (size_t)k * sizeof(ranked);
    out_plan->cost_ns = (double)query->rows_max * (0.12 * (double)n + 50.0 * (double)k);
    return SETUN_OK;
}

static void find(const float *x, int64_t n, ranked *heap, int64_t k)
{
    float32x4_t least = vdupq_n_f32(heap[0].x);
    int64_t i = k;

    for (; i + BLOCK <= n; i += BLOCK) {
        if (vmaxvq_u32(larger(x + i, least)) == 0)
            continue;
        for (int64_t j = i; j < i + BLOCK; j++)
            offer(heap, k, x, j);
        least = vdupq_n_f32(heap[0].x);
    }
    for (; i < n; i++)
        offer(heap, k, x, i);
}

/* One unit is one row. */
static void run(const setun_call *call, const setun_tile *tile)
{
    const int64_t n = call->in[0].dim[1], k = call->out[0].dim[1];
    ranked *heap = tile->scratch;

    for (int64_t i = tile->begin; i < tile->end; i++) {
        const float *x = in_row(call, 0, i);

        start_heap(heap, k, x);
        find(x, n, heap, k);
        finish_heap(heap, k, out_row(call, 0, i));
    }
}

const setun_kernel top_k_f32_i32__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "top_k_f32_i32__neon",
    .pattern = "top_k",
    .fmts = "f32>i32",
    .plan = plan,
    .units = units_in_rows,
    .run = run,
};

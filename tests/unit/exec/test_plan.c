/* test_plan.c - plans of made-up kernels: cuts, phases, scratch, arena layout and barriers, on several team sizes. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "exec/plan.h"

/* A format of f32 rows padded to 64 bytes. */
static size_t rows_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    int64_t row = (dim[1] * 4 + 63) / 64 * 64;

    memcpy(out_stride_bytes, (int64_t[4]){row, 4, 0, 0}, 4 * sizeof(int64_t));
    return (size_t)(row * dim[0]);
}

static size_t rows_offset(const int64_t dim[4], int64_t row)
{
    return (size_t)(row * ((dim[1] * 4 + 63) / 64 * 64));
}

static const setun_format rows_format = {.size = sizeof(rows_format), .align = 64, .name = "f32", .row_group = 1,
                                         .layout = rows_layout, .offset = rows_offset};

static float *element(const setun_tensor *t, int64_t row, int64_t column)
{
    return (float *)(void *)((char *)t->data + row * t->stride_bytes[0] + column * t->stride_bytes[1]);
}

static int64_t units_of_rows(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->out[0].dim[0];
}

/* out = token of the row + column */
static void source_run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++)
        for (int64_t j = 0; j < call->out[0].dim[1]; j++)
            *element(&call->out[0], i, j) = (float)(((const int32_t *)call->in[0].data)[i] + j);
}

/* Two phases: the column sums of all rows into shared scratch, each worker adding its rows to a line of its own; then out = in + sums. */
enum { MAX_WORKERS = 8, COLUMNS = 5 };

static int64_t two_phase_units(const setun_call *call, uint32_t phase)
{
    return phase == 0 ? MAX_WORKERS : call->out[0].dim[0];
}

static void two_phase_run(const setun_call *call, const setun_tile *tile)
{
    float *sums = call->shared, *own = tile->scratch; /* [MAX_WORKERS][COLUMNS], [COLUMNS] */

    if (tile->phase == 0) {
        for (int64_t unit = tile->begin; unit < tile->end; unit++) { /* rows unit, unit + MAX_WORKERS, ... */
            memset(own, 0, COLUMNS * sizeof(float));
            for (int64_t i = unit; i < call->in[0].dim[0]; i += MAX_WORKERS)
                for (int64_t j = 0; j < COLUMNS; j++)
                    own[j] += *element(&call->in[0], i, j);
            memcpy(sums + unit * COLUMNS, own, COLUMNS * sizeof(float));
        }
        return;
    }
    for (int64_t i = tile->begin; i < tile->end; i++)
        for (int64_t j = 0; j < COLUMNS; j++) {
            float sum = 0;

            for (int w = 0; w < MAX_WORKERS; w++)
                sum += sums[w * COLUMNS + j];
            *element(&call->out[0], i, j) = *element(&call->in[0], i, j) + sum;
        }
}

static void add_run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++)
        for (int64_t j = 0; j < call->out[0].dim[1]; j++)
            *element(&call->out[0], i, j) = *element(&call->in[0], i, j) + *element(&call->in[1], i, j);
}

static int enters, leaves;
static void count_enter(void)
{
    __atomic_add_fetch(&enters, 1, __ATOMIC_RELAXED);
}
static void count_leave(void)
{
    __atomic_add_fetch(&leaves, 1, __ATOMIC_RELAXED);
}

static const setun_kernel source_kernel = {.size = sizeof(setun_kernel), .name = "source", .units = units_of_rows, .run = source_run};
static const setun_kernel two_phase_kernel = {.size = sizeof(setun_kernel), .name = "two", .units = two_phase_units, .run = two_phase_run};
static const setun_kernel add_kernel = {.size = sizeof(setun_kernel), .name = "add", .units = units_of_rows, .run = add_run};
static const setun_plugin plugin = {.name = "made-up", .enter = count_enter, .leave = count_leave};

static void add_step(setun_plan *plan, const setun_kernel *kernel, const uint32_t *in, uint32_t n_in, uint32_t out)
{
    static const void *const no_attr[1] = {NULL};
    setun_kernel_plan kernel_plan = {.size = sizeof(kernel_plan), .n_phases = kernel == &two_phase_kernel ? 2 : 1};
    setun_error error = {""};

    if (kernel == &two_phase_kernel) {
        kernel_plan.worker_bytes = COLUMNS * sizeof(float);
        kernel_plan.shared_bytes = MAX_WORKERS * COLUMNS * sizeof(float);
    }
    cr_assert_eq(setun_plan_add_step(plan, (setun_kernel_ref){kernel, &plugin}, &kernel_plan, no_attr, 1, in, n_in, &out, 1, kernel->name,
                                     &error), SETUN_OK, "%s", error.text);
}

static uint32_t add_buffer(setun_plan *plan, int64_t rows, int64_t columns)
{
    uint32_t tensor;
    setun_error error = {""};

    cr_assert_eq(setun_plan_add_buffer(plan, &rows_format, (int64_t[4]){rows, columns, 1, 1}, 0, SETUN_ROWS_BATCH, &tensor, &error),
                 SETUN_OK, "%s", error.text);
    return tensor;
}

Test(plan, runs_the_same_on_every_team)
{
    enum { MAX_ROWS = 40 };
    setun_topology *topology;
    setun_error error = {""};

    cr_assert_eq(setun_topology_open(NULL, &topology, &error), SETUN_OK, "%s", error.text);
    for (uint32_t n_threads = 1; n_threads <= MAX_WORKERS; n_threads++) {
        setun_plan *plan;
        setun_team *team;
        uint32_t tokens, a, b, c, d;
        void *arena;

        cr_assert_eq(setun_plan_create(&plan, &error), SETUN_OK);
        cr_assert_eq(setun_plan_add_tokens(plan, MAX_ROWS, &tokens, &error), SETUN_OK);
        a = add_buffer(plan, MAX_ROWS, COLUMNS);
        b = add_buffer(plan, MAX_ROWS, COLUMNS);
        c = add_buffer(plan, MAX_ROWS, COLUMNS);
        d = add_buffer(plan, MAX_ROWS, COLUMNS);
        add_step(plan, &source_kernel, &tokens, 1, a);
        add_step(plan, &two_phase_kernel, &a, 1, b);
        add_step(plan, &add_kernel, (uint32_t[]){b, b}, 2, c);
        add_step(plan, &two_phase_kernel, &c, 1, d);
        setun_plan_set_result(plan, d);
        cr_assert_eq(setun_plan_finish(plan, n_threads, &error), SETUN_OK, "%s", error.text);
        arena = aligned_alloc(4096, setun_plan_arena_bytes(plan));
        setun_plan_bind(plan, arena);
        cr_assert_eq(setun_team_create(topology, n_threads, &team, &error), SETUN_OK);
        for (int64_t rows = 0; rows <= MAX_ROWS; rows += 13) {
            int32_t token[MAX_ROWS];
            setun_batch batch = {.size = sizeof(batch), .n_rows = rows, .token = token};
            setun_tensor result = *setun_plan_tensor(plan, d);

            memset(arena, 0xEE, setun_plan_arena_bytes(plan));
            for (int i = 0; i < MAX_ROWS; i++)
                token[i] = 3 * i - 7;
            enters = leaves = 0;
            setun_plan_run(plan, team, &batch);
            cr_assert_eq(enters, (int)n_threads);
            cr_assert_eq(leaves, (int)n_threads);
            for (int64_t j = 0; j < COLUMNS; j++) { /* whole numbers below 2^24: any order of addition gives the same */
                float sum_a = 0, sum_c = 0;

                for (int64_t i = 0; i < rows; i++)
                    sum_a += (float)(token[i] + j);
                for (int64_t i = 0; i < rows; i++)
                    sum_c += 2 * ((float)(token[i] + j) + sum_a);
                for (int64_t i = 0; i < rows; i++)
                    cr_assert_eq(*element(&result, i, j), 2 * ((float)(token[i] + j) + sum_a) + sum_c, "%u threads, %lld rows: (%lld, %lld)",
                                 n_threads, (long long)rows, (long long)i, (long long)j);
            }
        }
        setun_team_destroy(team);
        setun_plan_destroy(plan);
        free(arena);
    }
    setun_topology_close(topology);
}

/* Random graphs: no two buffers that live at once overlap, and the arena is no larger than all of them together. */
Test(plan, arena_is_laid_out_by_lifetime)
{
    srand(1);
    for (int trial = 0; trial < 50; trial++) {
        enum { N = 30 };
        setun_plan *plan;
        setun_error error = {""};
        uint32_t id[N], tokens;
        int64_t columns[N];
        int last[N];
        size_t sum = 0;
        unsigned char *arena;

        cr_assert_eq(setun_plan_create(&plan, &error), SETUN_OK);
        cr_assert_eq(setun_plan_add_tokens(plan, 3, &tokens, &error), SETUN_OK);
        for (int i = 0; i < N; i++) {
            columns[i] = 1 + rand() % 200;
            id[i] = add_buffer(plan, 3, columns[i]);
            last[i] = i;
            if (i == 0) {
                add_step(plan, &source_kernel, &tokens, 1, id[0]);
            } else {
                int x = rand() % i, y = i - 1 - rand() % (i < 4 ? i : 4);

                add_step(plan, &add_kernel, (uint32_t[]){id[x], id[y]}, 2, id[i]);
                last[x] = last[y] = i;
            }
            sum += (size_t)(3 * ((columns[i] * 4 + 63) / 64 * 64));
        }
        setun_plan_set_result(plan, id[N - 1]);
        cr_assert_eq(setun_plan_finish(plan, 1, &error), SETUN_OK);
        cr_assert_leq(setun_plan_arena_bytes(plan), (sum + 4095) / 4096 * 4096);
        arena = aligned_alloc(4096, setun_plan_arena_bytes(plan));
        setun_plan_bind(plan, arena);
        for (int i = 0; i < N; i++)
            for (int j = i + 1; j < N; j++) {
                char *a = setun_plan_data(plan, id[i]), *b = setun_plan_data(plan, id[j]);
                int64_t a_bytes = 3 * ((columns[i] * 4 + 63) / 64 * 64), b_bytes = 3 * ((columns[j] * 4 + 63) / 64 * 64);

                cr_assert(last[i] < j || a + a_bytes <= b || b + b_bytes <= a, "buffers %d and %d share bytes while both live", i, j);
            }
        free(arena);
        setun_plan_destroy(plan);
    }
}

Test(plan, independent_steps_do_not_wait)
{
    setun_plan *plan;
    setun_error error = {""};
    uint32_t tokens, x, q, k, v, y, z;
    static const bool expected[] = {false, true, false, false, true, true};

    cr_assert_eq(setun_plan_create(&plan, &error), SETUN_OK);
    cr_assert_eq(setun_plan_add_tokens(plan, 1, &tokens, &error), SETUN_OK);
    x = add_buffer(plan, 1, 8);
    q = add_buffer(plan, 1, 8);
    k = add_buffer(plan, 1, 8);
    v = add_buffer(plan, 1, 8);
    y = add_buffer(plan, 1, 8);
    z = add_buffer(plan, 1, 8);
    add_step(plan, &source_kernel, &tokens, 1, x);
    add_step(plan, &add_kernel, (uint32_t[]){x, x}, 2, q);
    add_step(plan, &add_kernel, (uint32_t[]){x, x}, 2, k);
    add_step(plan, &add_kernel, (uint32_t[]){x, x}, 2, v);
    add_step(plan, &add_kernel, (uint32_t[]){q, v}, 2, y);
    add_step(plan, &add_kernel, (uint32_t[]){k, y}, 2, z);
    setun_plan_set_result(plan, z);
    cr_assert_eq(setun_plan_finish(plan, 2, &error), SETUN_OK);
    for (uint32_t i = 0; i < 6; i++) {
        setun_plan_line line;

        setun_plan_describe(plan, i, &line);
        cr_assert_eq(line.barrier_before, expected[i], "step %u", i);
        cr_assert_str_eq(line.backend, "made-up");
    }
    cr_assert_eq(setun_plan_n_barriers(plan), 3);
    setun_plan_destroy(plan);
}

Test(plan, refusals)
{
    setun_plan *plan;
    setun_error error = {""};
    uint32_t in[SETUN_STEP_MAX_TENSORS + 1] = {0}, out;
    static const void *const no_attr[1] = {NULL};
    setun_kernel_plan kernel_plan = {.size = sizeof(kernel_plan), .n_phases = 17};

    cr_assert_eq(setun_plan_create(&plan, &error), SETUN_OK);
    out = add_buffer(plan, 1, 8);
    cr_assert_eq(setun_plan_add_step(plan, (setun_kernel_ref){&add_kernel, &plugin}, &kernel_plan, no_attr, 1, in, 1, &out, 1, "x", &error),
                 SETUN_ERR_UNSUPPORTED);
    kernel_plan.n_phases = 1;
    cr_assert_eq(setun_plan_add_step(plan, (setun_kernel_ref){&add_kernel, &plugin}, &kernel_plan, no_attr, 1, in, SETUN_STEP_MAX_TENSORS,
                                     &out, 1, "x", &error), SETUN_ERR_UNSUPPORTED);
    setun_plan_destroy(plan);
}

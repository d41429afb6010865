/* stress.c - teams, barriers, plans and sessions under load, for the thread sanitizer: no Criterion, since its process arena
 * cannot start under clang's. In an ordinary build it is one more test of the same.
 *
 * A wrong result ends the program with status 1; a race is reported by the sanitizer, which ends it with its own status. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/plan.h"
#include "exec/share.h"
#include "stress.h"

/* ---- the barrier alone: what one worker wrote before it, all read after ---- */

enum { ROUNDS = 200 };

typedef struct rounds {
    long written[MAX_THREADS]; /* by its worker only, between barriers; plain memory, so that a race is seen */
    long n_wrong[MAX_THREADS];
} rounds;

static void play(const setun_worker *worker, void *context)
{
    rounds *r = context;

    for (long round = 1; round <= ROUNDS; round++) {
        r->written[worker->index] = round;
        setun_team_barrier(worker, NULL);
        for (uint32_t i = 0; i < worker->n_workers; i++)
            r->n_wrong[worker->index] += r->written[i] != round;
        setun_team_barrier(worker, NULL);
    }
}

static void stress_teams(const setun_topology *topology)
{
    setun_error error = {""};

    for (uint32_t n_threads = MIN_THREADS; n_threads <= MAX_THREADS; n_threads++) {
        rounds r = {{0}, {0}};
        setun_team *team;

        EXPECT(setun_team_create(topology, n_threads, &team, &error) == SETUN_OK, "%s", error.text);
        for (int region = 0; region < 3; region++)
            setun_team_run(team, play, &r);
        for (uint32_t i = 0; i < n_threads; i++)
            EXPECT(r.n_wrong[i] == 0 && r.written[i] == ROUNDS, "worker %u of %u read a stale value", i, n_threads);
        setun_team_destroy(team);
    }
}

/* ---- units that workers take from each other: each is done once, by the next barrier ---- */

enum { MAX_UNITS = 1000, SHARE_STEPS = 60 };

typedef struct sharing {
    uint32_t n_done[2][MAX_UNITS]; /* of a step and the one before; plain memory, so that a race is seen */
    int64_t  units;
    uint32_t slow_us;              /* worker 0 takes that long for each range */
    uint32_t n_wrong[MAX_THREADS];
    uint32_t n_taken[MAX_THREADS]; /* units outside the worker's own cut */
} sharing;

typedef struct share_step {
    sharing            *s;
    const setun_worker *worker;
    int                 turn;
} share_step;

static void count_units(void *context, int64_t begin, int64_t end)
{
    const share_step *step = context;
    const uint32_t w = step->worker->index, n = step->worker->n_workers;

    if (w == 0 && step->s->slow_us > 0)
        (void)usleep(step->s->slow_us);
    for (int64_t i = begin; i < end; i++) {
        step->s->n_done[step->turn][i]++;
        step->s->n_taken[w] += i < setun_share_cut(step->s->units, w, n) || i >= setun_share_cut(step->s->units, w + 1, n);
    }
}

static void play_shares(const setun_worker *worker, void *context)
{
    sharing *s = context;

    for (int i = 0; i < SHARE_STEPS; i++) {
        share_step step = {s, worker, i % 2};

        setun_share_run(worker, (size_t)i, s->units, count_units, &step);
        setun_team_barrier(worker, NULL);
        for (int64_t j = setun_share_cut(s->units, worker->index, worker->n_workers);
             j < setun_share_cut(s->units, worker->index + 1, worker->n_workers); j++) {
            s->n_wrong[worker->index] += s->n_done[i % 2][j] != 1;
            s->n_done[i % 2][j] = 0;
        }
    }
}

/* On a machine of one node, or of one for each worker: nothing is taken across nodes. */
static void stress_shares(const char *machine, uint32_t max_threads, bool takes)
{
    static const int64_t units[] = {0, 1, 2, 7, 40, MAX_UNITS};
    setun_error error = {""};
    setun_topology *topology;

    EXPECT(setun_topology_open(machine, &topology, &error) == SETUN_OK, "%s", error.text);
    for (uint32_t n_threads = MIN_THREADS; n_threads <= max_threads; n_threads++) {
        setun_team *team;

        EXPECT(setun_team_create(topology, n_threads, &team, &error) == SETUN_OK, "%s", error.text);
        for (uint32_t slow_us = 0; slow_us <= 200; slow_us += 200)
            for (size_t u = 0; u < SETUN_COUNT(units); u++) {
                static sharing s; /* static: too large for the stack */
                uint32_t n_taken = 0;

                s = (sharing){.units = units[u], .slow_us = slow_us};
                setun_team_run(team, play_shares, &s);
                for (uint32_t i = 0; i < n_threads; i++) {
                    EXPECT(s.n_wrong[i] == 0, "%u workers, %d units: %u not done once", n_threads, (int)s.units, s.n_wrong[i]);
                    n_taken += s.n_taken[i];
                }
                EXPECT(!takes || slow_us == 0 || s.units < MAX_UNITS || n_taken > 0, "%u workers: none helps a slow one", n_threads);
                EXPECT(takes || n_taken == 0, "%u workers: %u units taken across nodes", n_threads, n_taken);
            }
        setun_team_destroy(team);
    }
    setun_topology_close(topology);
}

/* ---- a plan of made-up kernels: each step reads what other workers wrote in the one before, scratch is shared by phases ---- */

enum { COLUMNS = 16, MAX_ROWS = 40, STEPS = 12 };

static size_t rows_layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    memcpy(out_stride_bytes, (int64_t[4]){dim[1] * 4, 4, 0, 0}, 4 * sizeof(int64_t));
    return (size_t)(dim[0] * dim[1] * 4);
}

static size_t rows_offset(const int64_t dim[4], int64_t row)
{
    return (size_t)(row * dim[1] * 4);
}

static const setun_format rows_format = {.size = sizeof(rows_format), .align = 64, .name = "f32", .row_group = 1,
                                         .layout = rows_layout, .offset = rows_offset};

static float *row_of(const setun_tensor *t, int64_t row)
{
    return (float *)(void *)((char *)t->data + row * t->stride_bytes[0]);
}

static int64_t rows_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->out[0].dim[0];
}

static void source_run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++)
        for (int64_t j = 0; j < COLUMNS; j++)
            row_of(&call->out[0], i)[j] = (float)((const int32_t *)call->in[0].data)[i];
}

/* Phase 0: each row into shared scratch; phase 1: every row becomes its upper neighbour's value plus one. Rows belong to workers in one
 * cut, neighbours to others, and the last row wraps to the first: without the barrier a stale or half-written row is read. */
static void turn_run(const setun_call *call, const setun_tile *tile)
{
    float *shared = call->shared, *own = tile->scratch; /* [MAX_ROWS][COLUMNS], [COLUMNS] */
    int64_t n_rows = call->out[0].dim[0];

    for (int64_t i = tile->begin; i < tile->end; i++) {
        if (tile->phase == 0) {
            memcpy(own, row_of(&call->in[0], i), COLUMNS * sizeof(float));
            memcpy(shared + i * COLUMNS, own, COLUMNS * sizeof(float));
            continue;
        }
        for (int64_t j = 0; j < COLUMNS; j++)
            row_of(&call->out[0], i)[j] = shared[(i + 1) % n_rows * COLUMNS + j] + 1.0f;
    }
}

static const setun_kernel source_kernel = {.size = sizeof(setun_kernel), .name = "source", .units = rows_units, .run = source_run};
static const setun_kernel turn_kernel = {.size = sizeof(setun_kernel), .name = "turn", .units = rows_units, .run = turn_run};
static const setun_plugin made_up = {.name = "made-up"};

static setun_plan *make_plan(uint32_t n_threads, uint32_t *out_result)
{
    static const void *const no_attr[1] = {NULL};
    setun_kernel_plan once = {.size = sizeof(once), .n_phases = 1};
    setun_kernel_plan twice = {.size = sizeof(twice), .n_phases = 2, .worker_bytes = COLUMNS * sizeof(float),
                               .shared_bytes = MAX_ROWS * COLUMNS * sizeof(float)};
    setun_error error = {""};
    setun_plan *plan;
    uint32_t at;
    setun_status status = setun_plan_create(&plan, &error);

    EXPECT(status == SETUN_OK, "%s", error.text);
    status = setun_plan_add_tokens(plan, MAX_ROWS, &at, &error);
    for (int i = 0; i < STEPS && status == SETUN_OK; i++) {
        uint32_t next;

        status = setun_plan_add_buffer(plan, &rows_format, (int64_t[4]){MAX_ROWS, COLUMNS, 1, 1}, 0, SETUN_ROWS_BATCH, &next, &error);
        if (status == SETUN_OK)
            status = setun_plan_add_step(plan, (setun_kernel_ref){i == 0 ? &source_kernel : &turn_kernel, &made_up},
                                         i == 0 ? &once : &twice, no_attr, 1, &at, 1, &next, 1, "step", &error);
        at = next;
    }
    setun_plan_set_result(plan, at);
    if (status == SETUN_OK)
        status = setun_plan_finish(plan, n_threads, &error);
    EXPECT(status == SETUN_OK, "%s", error.text);
    *out_result = at;
    return plan;
}

static void stress_plans(const setun_topology *topology)
{
    setun_error error = {""};

    for (uint32_t n_threads = MIN_THREADS; n_threads <= MAX_THREADS; n_threads++) {
        uint32_t result;
        setun_plan *plan = make_plan(n_threads, &result);
        void *arena = setun_pages_alloc(setun_plan_arena_bytes(plan));
        setun_team *team;

        EXPECT(arena != NULL, "no memory");
        EXPECT(setun_team_create(topology, n_threads, &team, &error) == SETUN_OK, "%s", error.text);
        setun_plan_bind(plan, arena);
        for (int32_t pass = 0; pass < 40; pass++) {
            int32_t token[MAX_ROWS];
            setun_batch batch = {.size = sizeof(batch), .n_rows = 1 + 7 * pass % MAX_ROWS, .token = token};
            setun_tensor out;

            for (int32_t i = 0; i < MAX_ROWS; i++)
                token[i] = 1000 * pass + i;
            setun_plan_run(plan, team, &batch);
            out = *setun_plan_tensor(plan, result);
            for (int64_t i = 0; i < batch.n_rows; i++) {
                float expected = (float)(token[(i + STEPS - 1) % batch.n_rows] + STEPS - 1);

                EXPECT(row_of(&out, i)[COLUMNS - 1] == expected, "%u threads, pass %d, row %d: expected %g, found %g", n_threads, pass,
                       (int)i, (double)expected, (double)row_of(&out, i)[COLUMNS - 1]);
            }
        }
        setun_team_destroy(team);
        setun_pages_free(arena, setun_plan_arena_bytes(plan));
        setun_plan_destroy(plan);
    }
}

/* ---- random plans: cheap steps that every worker may do for itself, dear ones, two phases, the second of them sometimes empty ---- */

enum { GRAPH_STEPS = 40, GRAPH_INS = 3, GRAPH_ROWS = 16 };

/* out[i] = sum of the inputs' rows i + 1, i + 2, ... plus the column, in whole numbers below 2^16: rows of other workers are read. */
static void mix_cell(const setun_call *call, int64_t i, int64_t j)
{
    const int64_t n_rows = call->out[0].dim[0];
    uint32_t sum = (uint32_t)j;

    for (uint32_t x = 0; x < call->n_in; x++)
        sum = sum * 3 + (uint32_t)row_of(&call->in[x], (i + 1 + x) % n_rows)[j];
    row_of(&call->out[0], i)[j] = (float)(sum & 0xFFFF);
}

static int64_t mix_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->out[0].dim[0] * COLUMNS; /* many, so that dear steps are shared out */
}

static void mix_run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++)
        mix_cell(call, i / COLUMNS, i % COLUMNS);
}

/* Phase 0: the sum of the first column of all rows in shared scratch, by one unit for each row; phase 1, in passes of an odd number of rows:
 * every second row becomes the first one's sum. */
static int64_t fold_units(const setun_call *call, uint32_t phase)
{
    return phase == 0 ? call->out[0].dim[0] : call->out[0].dim[0] % 2 == 0 ? 0 : call->out[0].dim[0] / 2;
}

static void fold_run(const setun_call *call, const setun_tile *tile)
{
    float *shared = call->shared; /* [GRAPH_ROWS] */

    for (int64_t i = tile->begin; i < tile->end; i++) {
        if (tile->phase == 0) {
            for (int64_t j = 0; j < COLUMNS; j++)
                mix_cell(call, i, j);
            shared[i] = row_of(&call->out[0], i)[0];
        } else {
            row_of(&call->out[0], 2 * i + 1)[0] = shared[(2 * i + 2) % call->out[0].dim[0]];
        }
    }
}

static const setun_kernel mix_kernel = {.size = sizeof(setun_kernel), .name = "mix", .units = mix_units, .run = mix_run};
static const setun_kernel fold_kernel = {.size = sizeof(setun_kernel), .name = "fold", .units = fold_units, .run = fold_run};

/* The same steps for the same seed, whatever the number of workers and what may be replicated. Step i writes value[i] and reads in[i]. */
static setun_plan *make_graph(unsigned seed, uint32_t n_workers, double below_ns, uint32_t value[GRAPH_STEPS], uint32_t in[GRAPH_STEPS][GRAPH_INS],
                              uint32_t n_in[GRAPH_STEPS])
{
    static const void *const no_attr[1] = {NULL};
    setun_error error = {""};
    setun_plan *plan;
    uint32_t tokens;
    setun_status status = setun_plan_create(&plan, &error);

    EXPECT(status == SETUN_OK, "%s", error.text);
    status = setun_plan_add_tokens(plan, GRAPH_ROWS, &tokens, &error);
    EXPECT(status == SETUN_OK, "%s", error.text);
    for (uint32_t i = 0; i < GRAPH_STEPS; i++) {
        const bool fold = i > 0 && rand_r(&seed) % 5 == 0;
        const setun_kernel_plan kernel_plan = {.size = sizeof(kernel_plan), .n_phases = fold ? 2 : 1, .cost_ns = rand_r(&seed) % 2 == 0 ? 10 : 1e6,
                                               .shared_bytes = fold ? GRAPH_ROWS * sizeof(float) : 0};

        n_in[i] = 1 + (uint32_t)rand_r(&seed) % GRAPH_INS;
        for (uint32_t x = 0; x < n_in[i]; x++) { /* near ones mostly, so that memory is used again */
            const uint32_t near = rand_r(&seed) % 4 == 0 || i < 6 ? i : 6;

            in[i][x] = i == 0 ? tokens : value[i - 1 - (uint32_t)rand_r(&seed) % near];
        }
        status = setun_plan_add_buffer(plan, &rows_format, (int64_t[4]){GRAPH_ROWS, COLUMNS, 1, 1}, 0, SETUN_ROWS_BATCH, &value[i], &error);
        if (status == SETUN_OK)
            status = setun_plan_add_step(plan, (setun_kernel_ref){i == 0 ? &source_kernel : fold ? &fold_kernel : &mix_kernel, &made_up},
                                         &kernel_plan, no_attr, 1, in[i], i == 0 ? 1 : n_in[i], &value[i], 1, "step", &error);
        EXPECT(status == SETUN_OK, "%s", error.text);
    }
    setun_plan_set_result(plan, value[GRAPH_STEPS - 1]);
    setun_plan_allow_replication(plan, below_ns);
    status = setun_plan_finish(plan, n_workers, &error);
    EXPECT(status == SETUN_OK, "%s", error.text);
    return plan;
}

/* No more barriers than values ask for: one before each step that reads what a step since the last barrier wrote for all. */
static void expect_barriers(const setun_plan *plan, uint32_t value[GRAPH_STEPS], uint32_t in[GRAPH_STEPS][GRAPH_INS],
                            const uint32_t n_in[GRAPH_STEPS], uint32_t *out_n_replicated)
{
    uint32_t group = 0;

    for (uint32_t i = 1; i < GRAPH_STEPS; i++) {
        setun_plan_line line;
        bool expected = false;

        for (uint32_t j = group; j < i; j++) {
            setun_plan_describe(plan, j, &line);
            for (uint32_t x = 0; x < n_in[i] && !line.replicated; x++)
                expected = expected || in[i][x] == value[j];
        }
        setun_plan_describe(plan, i, &line);
        EXPECT(line.barrier_before == expected, "step %u: %s barrier", i, expected ? "no" : "a needless");
        EXPECT(!line.replicated || line.cost_ns < 1000, "step %u: dear work is replicated", i);
        *out_n_replicated += line.replicated;
        if (expected)
            group = i;
    }
}

static void run_graph(setun_plan *plan, const setun_topology *topology, uint32_t n_threads, uint32_t result, int64_t n_rows, float *out)
{
    const size_t n_bytes = setun_plan_arena_bytes(plan);
    int32_t token[GRAPH_ROWS];
    const setun_batch batch = {.size = sizeof(batch), .n_rows = n_rows, .token = token};
    setun_error error = {""};
    setun_team *team;
    void *arena = setun_pages_alloc(n_bytes);

    EXPECT(arena != NULL, "no memory");
    EXPECT(setun_team_create(topology, n_threads, &team, &error) == SETUN_OK, "%s", error.text);
    for (int32_t i = 0; i < GRAPH_ROWS; i++)
        token[i] = 100 + 37 * i;
    setun_plan_bind(plan, arena);
    for (int pass = 0; pass < 3; pass++) {
        memset(arena, 0x7F, n_bytes); /* what an earlier pass left does not help */
        setun_plan_run(plan, team, &batch);
    }
    for (int64_t i = 0; i < n_rows; i++)
        memcpy(out + i * COLUMNS, row_of(setun_plan_tensor(plan, result), i), COLUMNS * sizeof(float));
    setun_team_destroy(team);
    setun_pages_free(arena, n_bytes);
}

static void stress_random_plans(const setun_topology *topology)
{
    uint32_t value[GRAPH_STEPS], in[GRAPH_STEPS][GRAPH_INS], n_in[GRAPH_STEPS], n_replicated = 0;

    for (unsigned seed = 1; seed <= 24; seed++) {
        const uint32_t n_threads = MIN_THREADS + seed % 4;
        const int64_t n_rows = seed % 3 == 0 ? 1 : 3 + seed % (GRAPH_ROWS - 3);
        float expected[GRAPH_ROWS * COLUMNS], found[GRAPH_ROWS * COLUMNS];
        setun_plan *alone = make_graph(seed, 1, 0, value, in, n_in);

        run_graph(alone, topology, 1, value[GRAPH_STEPS - 1], n_rows, expected);
        setun_plan_destroy(alone);
        for (int replicate = 0; replicate <= 1; replicate++) {
            setun_plan *plan = make_graph(seed, n_threads, replicate ? 1000 : 0, value, in, n_in);

            expect_barriers(plan, value, in, n_in, &n_replicated);
            run_graph(plan, topology, n_threads, value[GRAPH_STEPS - 1], n_rows, found);
            EXPECT(memcmp(found, expected, (size_t)n_rows * COLUMNS * sizeof(float)) == 0, "seed %u, %u threads, %d rows, %s: other values", seed,
                   n_threads, (int)n_rows, replicate ? "replicated" : "shared");
            setun_plan_destroy(plan);
        }
    }
    EXPECT(n_replicated > 24, "only %u steps were replicated", n_replicated);
}

int main(void)
{
    setun_topology *topology;
    setun_error error = {""};

    EXPECT(setun_topology_open(NULL, &topology, &error) == SETUN_OK, "%s", error.text);
    stress_teams(topology);
    stress_shares("core:8 pu:1", MAX_THREADS, true);
    stress_shares("numa:4 core:1 pu:1", 4, false);
    stress_plans(topology);
    stress_random_plans(topology);
    setun_topology_close(topology);
    stress_sessions();
    return 0;
}

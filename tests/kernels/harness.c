/* harness.c - see harness.h. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BORDER_BYTES 256
#define BORDER       0x99
#define PAGE_BYTES   4096
#define MAX_WORKERS  5

/* ---- random numbers ---- */

uint64_t test_seed(void)
{
    const char *text = getenv("SETUN_TEST_SEED");

    return text != NULL ? strtoull(text, NULL, 0) : 1958;
}

/* splitmix64 */
uint64_t test_random(void)
{
    static uint64_t state;
    static bool seeded;
    uint64_t x;

    if (!seeded) {
        state = test_seed();
        seeded = true;
    }
    state += UINT64_C(0x9E3779B97F4A7C15);
    x = state;
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

int64_t test_below(int64_t n)
{
    return (int64_t)(test_random() % (uint64_t)n);
}

float test_uniform(void)
{
    return (float)(int32_t)test_random() * 0x1p-31f;
}

float test_any_f32(void)
{
    uint32_t bits;
    float x;

    do {
        bits = (uint32_t)test_random();
    } while ((bits & 0x7F800000) == 0x7F800000);
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static void fill_rubbish(void *data, size_t n_bytes)
{
    unsigned char *bytes = data;

    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (unsigned char)test_random();
}

/* ---- memory ---- */

test_memory test_memory_make(size_t n_bytes)
{
    const size_t body = (n_bytes + BORDER_BYTES + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    test_memory memory = {.n_bytes = n_bytes, .map_bytes = body + PAGE_BYTES};

    memory.map = mmap(NULL, memory.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(memory.map != MAP_FAILED, "mmap of %zu bytes", memory.map_bytes);
    cr_assert_eq(mprotect((char *)memory.map + body, PAGE_BYTES, PROT_NONE), 0);
    memory.data = (unsigned char *)memory.map + body - n_bytes;
    memset(memory.map, BORDER, body - n_bytes);
    fill_rubbish(memory.data, n_bytes);
    return memory;
}

void test_memory_free(test_memory *memory)
{
    for (unsigned char *p = memory->map; p < memory->data; p++)
        cr_assert_eq(*p, BORDER, "a byte before the tensor was written (%td before)", memory->data - p);
    munmap(memory->map, memory->map_bytes);
    memset(memory, 0, sizeof(*memory));
}

/* ---- plugins ---- */

static const setun_plugins *plugins(void)
{
    static setun_plugins *opened;
    setun_error error = {{0}};

    if (opened == NULL) {
        const setun_plugins_options options = {.path = SETUN_PLUGIN_OUTPUT_DIR};

        cr_assert_eq(setun_plugins_open(&options, &opened, &error), SETUN_OK, "%s", error.text);
    }
    return opened;
}

bool test_next_kernel(const char *pattern, const char *fmts, size_t *index, setun_kernel_ref *out_ref)
{
    for (; *index < setun_plugins_n_kernels(plugins()); (*index)++) {
        const setun_kernel_ref ref = setun_plugins_kernel(plugins(), *index);

        if (strcmp(ref.kernel->pattern, pattern) == 0 && strcmp(ref.kernel->fmts, fmts) == 0 &&
            (ref.kernel->flags & SETUN_KERNEL_EXACT) != 0) {
            *out_ref = ref;
            (*index)++;
            return true;
        }
    }
    return false;
}

size_t test_count_kernels(const char *pattern, const char *fmts)
{
    setun_kernel_ref ref;
    size_t n = 0;

    for (size_t i = 0; test_next_kernel(pattern, fmts, &i, &ref);)
        n++;
    return n;
}

/* ---- tensors ---- */

test_tensor test_tensor_make(const char *fmt, int64_t d0, int64_t d1, int64_t d2, int64_t d3)
{
    const setun_format *format = setun_plugins_format(plugins(), fmt);
    test_tensor tensor = {.t = {.fmt = fmt, .dim = {d0, d1, d2, d3}}};
    size_t n_bytes;

    cr_assert_not_null(format, "no format %s", fmt);
    n_bytes = format->layout(tensor.t.dim, tensor.t.stride_bytes);
    cr_assert_gt(n_bytes, 0, "%s cannot hold %lld x %lld", fmt, (long long)d0, (long long)d1);
    tensor.memory = test_memory_make(n_bytes);
    tensor.t.data = tensor.memory.data;
    return tensor;
}

test_tensor test_tensor_as_in_file(const char *fmt, int64_t rows, int64_t columns, size_t element_bytes)
{
    test_tensor tensor = {.t = {.fmt = fmt, .dim = {rows, columns, 1, 1}}};

    tensor.t.stride_bytes[0] = columns * (int64_t)element_bytes;
    tensor.t.stride_bytes[1] = (int64_t)element_bytes;
    tensor.memory = test_memory_make((size_t)(rows * columns) * element_bytes);
    tensor.t.data = tensor.memory.data;
    return tensor;
}

void test_tensor_free(test_tensor *tensor)
{
    test_memory_free(&tensor->memory);
}

void *test_row(const test_tensor *tensor, int64_t row)
{
    return (char *)tensor->t.data + row * tensor->t.stride_bytes[0];
}

void test_fill_f32(test_tensor *tensor, float scale)
{
    for (int64_t i = 0; i < tensor->t.dim[0]; i++)
        for (int64_t j = 0; j < tensor->t.dim[1]; j++)
            ((float *)test_row(tensor, i))[j] = test_uniform() * scale;
}

/* ---- calls ---- */

/* The tensors of a call side by side, as the contract wants them. */
typedef struct flat_call {
    setun_tensor in[12], out[6];
    const void  *attr[1];
} flat_call;

static void flatten(const test_call *call, flat_call *flat)
{
    for (uint32_t i = 0; i < call->n_in; i++)
        flat->in[i] = call->in[i]->t;
    for (uint32_t i = 0; i < call->n_out; i++)
        flat->out[i] = call->out[i]->t;
    flat->attr[0] = call->attr;
}

static setun_status plan(setun_kernel_ref ref, const test_call *call, setun_kernel_plan *out_plan, char *why, size_t why_bytes)
{
    const setun_machine machine = {.size = sizeof(machine), .n_workers = MAX_WORKERS};
    const int64_t n_rows = call->batch != NULL ? call->batch->n_rows : 1;
    flat_call flat;
    setun_query query = {.size = sizeof(query), .n_in = call->n_in, .n_out = call->n_out, .in = flat.in, .out = flat.out,
                         .rows_min = 1, .rows_max = n_rows, .attr = flat.attr, .machine = &machine, .why = why, .why_bytes = why_bytes};

    flatten(call, &flat);
    for (uint32_t i = 0; i < call->n_in; i++)
        flat.in[i].data = NULL;
    for (uint32_t i = 0; i < call->n_out; i++)
        flat.out[i].data = NULL;
    memset(out_plan, 0, sizeof(*out_plan));
    out_plan->size = sizeof(*out_plan);
    return ref.kernel->plan(&query, out_plan);
}

setun_status test_plan(setun_kernel_ref ref, const test_call *call, char *why, size_t why_bytes)
{
    setun_kernel_plan answer;

    return plan(ref, call, &answer, why, why_bytes);
}

/* Where each of n workers begins in n_units; cut[n] is the end. Some get nothing. */
static void cut_units(int64_t n_units, uint32_t n_workers, int64_t *out_cut)
{
    out_cut[0] = 0;
    out_cut[n_workers] = n_units;
    for (uint32_t i = 1; i < n_workers; i++) {
        int64_t at = test_below(n_units + 1);
        uint32_t j = i;

        for (; j > 1 && out_cut[j - 1] > at; j--)
            out_cut[j] = out_cut[j - 1];
        out_cut[j] = at;
    }
}

static void run_phase(setun_kernel_ref ref, const setun_call *call, uint32_t phase, uint32_t n_workers, test_memory *scratch)
{
    int64_t cut[MAX_WORKERS + 1];
    const uint32_t first = (uint32_t)test_below(n_workers);

    cut_units(ref.kernel->units(call, phase), n_workers, cut);
    for (uint32_t i = 0; i < n_workers; i++) {
        const uint32_t w = (first + i * (n_workers - 1 + (n_workers == 1))) % n_workers; /* descending from `first` */
        const setun_tile tile = {.begin = cut[w], .end = cut[w + 1], .phase = phase, .worker = w, .n_workers = n_workers,
                                 .scratch = scratch[w].data};

        ref.kernel->run(call, &tile);
    }
}

/* Scratch starts at a multiple of 64 and may end before one: the bytes between are a border. */
static test_memory scratch_make(size_t n_bytes)
{
    test_memory memory = test_memory_make((n_bytes + 63) / 64 * 64);

    memset(memory.data + n_bytes, BORDER, memory.n_bytes - n_bytes);
    return memory;
}

static void scratch_free(test_memory *memory, size_t n_bytes, const char *kernel)
{
    for (size_t i = n_bytes; i < memory->n_bytes; i++)
        cr_assert_eq(memory->data[i], BORDER, "%s: byte %zu of %zu bytes of scratch was written", kernel, i, n_bytes);
    test_memory_free(memory);
}

void test_run(setun_kernel_ref ref, const test_call *test)
{
    const uint32_t n_workers = (uint32_t)test_below(MAX_WORKERS) + 1;
    setun_kernel_plan answer;
    char why[200] = "";
    flat_call flat;
    setun_call call = {.size = sizeof(call), .n_in = test->n_in, .n_out = test->n_out, .in = flat.in, .out = flat.out,
                       .attr = flat.attr, .batch = test->batch, .choice = answer.choice};
    test_memory scratch[MAX_WORKERS], shared;

    flatten(test, &flat);
    cr_assert_eq(plan(ref, test, &answer, why, sizeof(why)), SETUN_OK, "%s: %s", ref.kernel->name, why);
    cr_assert(answer.n_phases >= 1 && answer.n_phases <= 16, "%s: %u phases", ref.kernel->name, answer.n_phases);
    cr_assert(answer.cost_ns > 0, "%s: cost %g", ref.kernel->name, answer.cost_ns);
    for (uint32_t i = 0; i < n_workers; i++)
        scratch[i] = scratch_make(answer.worker_bytes);
    shared = scratch_make(answer.shared_bytes);
    call.shared = shared.data;

    for (uint32_t i = 0; i < test->n_out; i++)
        if (test->batch == NULL || strcmp(ref.kernel->pattern, "kv_write") != 0)
            fill_rubbish(test->out[i]->memory.data, test->out[i]->memory.n_bytes);
    if (ref.plugin->enter != NULL)
        ref.plugin->enter();
    for (uint32_t phase = 0; phase < answer.n_phases; phase++)
        run_phase(ref, &call, phase, n_workers, scratch);
    if (ref.plugin->leave != NULL)
        ref.plugin->leave();
    for (uint32_t i = 0; i < n_workers; i++)
        scratch_free(&scratch[i], answer.worker_bytes, ref.kernel->name);
    scratch_free(&shared, answer.shared_bytes, ref.kernel->name);
}

/* ---- comparisons ---- */

void test_same_f32(const char *what, const char *kernel, int64_t row, int64_t column, float expected, float found)
{
    cr_assert(memcmp(&expected, &found, sizeof(found)) == 0, "%s, %s: [%lld][%lld] expected %a, found %a (SETUN_TEST_SEED=%llu)", what,
              kernel, (long long)row, (long long)column, (double)expected, (double)found, (unsigned long long)test_seed());
}

void test_same_bytes(const char *what, const char *kernel, int64_t row, const void *expected, const void *found, size_t n_bytes)
{
    const unsigned char *e = expected, *f = found;

    for (size_t i = 0; i < n_bytes; i++)
        cr_assert_eq(e[i], f[i], "%s, %s: row %lld byte %zu expected %02x, found %02x (SETUN_TEST_SEED=%llu)", what, kernel,
                     (long long)row, i, e[i], f[i], (unsigned long long)test_seed());
}

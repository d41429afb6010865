/* kernels_bench.c - `setun kernels bench`: kernels that do the same, timed in turns, beside what the machine can do. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "kernel_choice.h"
#include "lists.h"
#include "progress.h"
#include "setun/bench.h"
#include "setun/topology.h"
#include "setun_numerics.h"

enum output { TEXT, JSON, CSV };

typedef struct bench_options {
    kernel_choice choice;
    const char   *shapes, *rows, *threads, *fmts, *ab, *plugin_path;
    int           from, output;
    int64_t       rounds, depth;
    double        seconds;
} bench_options;

typedef struct printing {
    const setun_plugins *plugins;
    int      output;
    bool     ab;        /* two kernels: their ratio has a line of its own */
    json_t  *array;
    size_t   n;         /* printed so far */
    bool     has_case;  /* the case below is one that was printed */
    setun_bench_result last;
    uint32_t limits_threads; /* team whose limits were printed */
    bool     over_limit; /* something was faster than the machine: the measurement is wrong */
} printing;

/* "2560x2560,640x2560" into shapes[LIST_MAX]. */
static bool read_shapes(const char *text, setun_bench_shape *shapes, size_t *out_n)
{
    const int64_t max = INT64_C(1) << 31;
    const char *whole = text;

    *out_n = 0;
    while (text != NULL) {
        const size_t length = strcspn(text, ","), n = strcspn(text, "x");

        if (*out_n == LIST_MAX || n >= length || !parse_int(text, n, 1, max, &shapes[*out_n].n) ||
            !parse_int(text + n + 1, length - n - 1, 1, max, &shapes[*out_n].k)) {
            (void)fail_usage("--shape %s: expected NxK, rows and columns of the weight, with ',' between several", whole);
            return false;
        }
        (*out_n)++;
        text = text[length] == ',' ? text + length + 1 : NULL;
    }
    return true;
}

static const char *from_word(unsigned from)
{
    return from == SETUN_BENCH_CACHE ? "cache" : "memory";
}

static json_t *json_result(const setun_bench_result *r)
{
    char hash[20];
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:f, s:f}", "kernel", r->kernel, "backend", r->backend, "op", r->op, "fmts",
                               r->fmts, "weight", r->weight, "n", (json_int_t)r->shape.n, "k", (json_int_t)r->shape.k, "rows", (json_int_t)r->rows,
                               "threads", (json_int_t)r->threads, "from", from_word(r->from), "limit_bytes_s", r->limits->read_bytes_s,
                               "limit_int8_ops_s", r->limits->int8_ops_s);
    json_t *more;

    (void)snprintf(hash, sizeof(hash), "%016" PRIx64, r->hash);
    if (r->declined != NULL)
        more = json_pack("{s:s}", "declined", r->declined);
    else
        more = json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "rounds", (json_int_t)r->rounds, "median_s", r->median_s, "min_s",
                         r->min_s, "max_s", r->max_s, "bytes", r->bytes, "ops", r->ops, "weight_bits", r->weight_bits, "share_of_limit",
                         r->limit, "ratio", r->ratio, "ratio_min", r->ratio_min, "ratio_max", r->ratio_max, "hash", hash);
    if (object == NULL || more == NULL || json_object_update(object, more) != 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(more);
    return object;
}

static void print_csv(const setun_bench_result *r, bool first)
{
    if (first)
        printf("op,n,k,rows,threads,from,kernel,backend,weight,weight_bits,median_s,min_s,max_s,rounds,bytes,ops,share_of_limit,ratio,ratio_min,"
               "ratio_max,hash\n");
    printf("%s,%" PRId64 ",%" PRId64 ",%" PRId64 ",%u,%s,%s,%s,%s,", r->op, r->shape.n, r->shape.k, r->rows, r->threads, from_word(r->from), r->kernel,
           r->backend, r->weight);
    if (r->declined != NULL)
        printf(",,,,,,,,,,,\n");
    else
        printf("%.6g,%.9g,%.9g,%.9g,%u,%.0f,%.0f,%.6g,%.6g,%.6g,%.6g,%016" PRIx64 "\n", r->weight_bits, r->median_s, r->min_s, r->max_s, r->rounds, r->bytes,
               r->ops, r->limit, r->ratio, r->ratio_min, r->ratio_max, r->hash);
}

static bool same_case(const setun_bench_result *a, const setun_bench_result *b)
{
    return a->shape.n == b->shape.n && a->shape.k == b->shape.k && a->rows == b->rows && a->threads == b->threads && a->from == b->from;
}

/* What the team can do at best, once for each. */
static void print_limits(printing *p, const setun_bench_result *r)
{
    if (p->limits_threads == r->threads)
        return;
    p->limits_threads = r->threads;
    if (r->limits->read_bytes_s == 0 && r->limits->int8_ops_s == 0)
        return;
    printf("%s%u thread%s at best:", p->n > 0 ? "\n" : "", r->threads, r->threads == 1 ? "" : "s");
    if (r->limits->read_bytes_s > 0)
        printf(" %.1f GB/s read from memory", r->limits->read_bytes_s * 1e-9);
    if (r->limits->int8_ops_s > 0)
        printf("%s %.0f Gop/s of int8 in registers (%s)", r->limits->read_bytes_s > 0 ? "," : "", r->limits->int8_ops_s * 1e-9,
               r->limits->int8_kernel);
    printf("\n");
}

static void print_case(const setun_bench_result *r)
{
    printf("\n%s ", r->op);
    if (r->shape.n > 1)
        printf("%" PRId64 "x%" PRId64 ", ", r->shape.n, r->shape.k);
    printf("%" PRId64 " row%s", r->rows, r->rows == 1 ? "" : "s");
    if (r->shape.n == 1)
        printf(" of %" PRId64, r->shape.k);
    printf(", %u thread%s, from %s\n", r->threads, r->threads == 1 ? "" : "s", r->from == SETUN_BENCH_CACHE ? "the caches" : "memory");
    printf("  %-46s %5s %10s %21s %7s %8s %6s %6s  %s\n", "KERNEL", "BITS", "MEDIAN", "MIN .. MAX", "GB/S", "GOP/S", "LIMIT", "RATIO", "HASH");
}

static void print_row(const setun_bench_result *r)
{
    char spread[40], bits[16] = "-", limit[16] = "-", ops[16] = "-";

    if (r->declined != NULL) {
        printf("  %-46s declines: %s\n", r->kernel, r->declined);
        return;
    }
    (void)snprintf(spread, sizeof(spread), "%.1f .. %.1f us", r->min_s * 1e6, r->max_s * 1e6);
    if (r->weight_bits > 0)
        (void)snprintf(bits, sizeof(bits), "%.2f", r->weight_bits);
    if (r->ops > 0)
        (void)snprintf(ops, sizeof(ops), "%.1f", r->ops / r->median_s * 1e-9);
    if (r->limit > 0)
        (void)snprintf(limit, sizeof(limit), "%.0f%%", 100 * r->limit);
    printf("  %-46s %5s %7.1f us %21s %7.2f %8s %6s %6.2f  %016" PRIx64 "\n", r->kernel, bits, r->median_s * 1e6, spread,
           r->bytes / r->median_s * 1e-9, ops, limit, r->ratio, r->hash);
}

/* A against B: how sure the ratio is. */
static void print_ratio(const setun_bench_result *r)
{
    if (r->declined != NULL)
        return;
    printf("  %s is %.3f times as fast (%.3f .. %.3f in %u rounds%s)\n", r->kernel, r->ratio, r->ratio_min, r->ratio_max, r->rounds,
           r->ratio_min <= 1 && r->ratio_max >= 1 ? "; the rounds disagree" : "");
}

static setun_status on_result(void *context, const setun_bench_result *result, setun_error *error)
{
    printing *p = context;

    progress_hide();
    p->over_limit = p->over_limit || (result->declined == NULL && result->limit > 1);
    if (p->output == JSON) {
        if (json_array_append_new(p->array, json_result(result)) != 0)
            return set_error(error, SETUN_ERR_NOMEM, "out of memory: results");
    } else if (p->output == CSV) {
        print_csv(result, p->n == 0);
    } else {
        print_limits(p, result);
        if (p->n == 0 || !same_case(&p->last, result))
            print_case(result);
        print_row(result);
        if (p->ab && p->n > 0 && same_case(&p->last, result))
            print_ratio(result);
    }
    p->last = *result;
    p->n++;
    if (p->output != JSON && fflush(stdout) != 0)
        return set_error(error, SETUN_ERR_IO, "standard output: cannot be written");
    return SETUN_OK;
}

static int time_kernels(const bench_options *options, setun_plugins *plugins, const setun_bench_options *bench)
{
    printing p = {.plugins = plugins, .output = options->output, .ab = options->ab != NULL, .array = options->output == JSON ? json_array() : NULL};
    setun_error error;
    const setun_status status = setun_kernels_bench(bench, on_result, &p, &error);

    if (status != SETUN_OK) {
        json_decref(p.array);
        return fail("%s", error.text);
    }
    if (p.array != NULL) {
        const int code = print_json(json_pack("{s:i, s:o}", "numerics_version", SETUN_NUMERICS_VERSION, "results", p.array));

        if (code != EXIT_DONE)
            return code;
    } else if (p.output == TEXT) {
        printf("\nnumerics version %d; a hash is XXH3 of the output\n", SETUN_NUMERICS_VERSION);
    }
    if (p.over_limit)
        return fail("a kernel was faster than the limit that was measured: the machine was busy meanwhile, measure again");
    return EXIT_DONE;
}

/* Whether an operand is a matrix of weights, whose packing may be another one: the second one of these ops; in a chain of ops every input but
 * the first one that is not plain f32. */
static bool is_weight(const char *pattern, size_t at, const char *fmt, size_t length)
{
    static const char *const ops[] = {"linear", "embedding", "screen"};
    bool has_weight = false;

    if (strchr(pattern, '=') != NULL)
        return at > 0 && !(length == 3 && memcmp(fmt, "f32", 3) == 0);
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        has_weight = has_weight || strcmp(pattern, ops[i]) == 0;
    return has_weight && at == 1;
}

/* Whether two kernels compute the same from the same: one pattern, and operands that differ in the packing of weights only. */
static bool do_the_same(const setun_kernel_info *a, const setun_kernel_info *b)
{
    const char *x = a->fmts, *y = b->fmts;
    bool is_input = true;

    if (strcmp(a->pattern, b->pattern) != 0)
        return false;
    for (size_t at = 0;; at++) {
        const size_t x_length = strcspn(x, ",>"), y_length = strcspn(y, ",>");
        const bool are_weights = is_input && is_weight(a->pattern, at, x, x_length) && is_weight(b->pattern, at, y, y_length);

        if (!are_weights && (x_length != y_length || memcmp(x, y, x_length) != 0))
            return false;
        x += x_length;
        y += y_length;
        if (*x != *y || *x == '\0')
            return *x == *y;
        is_input = is_input && *x == ',';
        x++;
        y++;
    }
}

/* Whether both can be timed against each other by what the options ask for; says why not. */
static bool check_pair(const bench_options *options, const setun_kernel_info pair[2])
{
    for (size_t i = 0; i < 2; i++) {
        if (kernel_choice_has(&options->choice, &pair[i]) && (options->fmts == NULL || strstr(pair[i].fmts, options->fmts) != NULL))
            continue;
        (void)fail_usage("--ab %s: --plugin, --op, --kernel, --backend and --fmts must leave both kernels, and do not leave %s", options->ab, pair[i].name);
        return false;
    }
    if (do_the_same(&pair[0], &pair[1]))
        return true;
    (void)fail_usage("--ab %s: expected two kernels of the same op and formats, but for the weight's packing; found '%s' of %s, and '%s' of %s",
                     options->ab, pair[0].pattern, pair[0].fmts, pair[1].pattern, pair[1].fmts);
    return false;
}

static bool find_kernel(const setun_plugins *plugins, const char *name, setun_kernel_info *out_info)
{
    for (size_t i = 0; i < setun_plugins_kernel_count(plugins); i++) {
        setun_plugins_kernel_info(plugins, i, out_info);
        if (strcmp(out_info->name, name) == 0)
            return true;
    }
    return false;
}

/* "A,B": two kernels that are loaded and do the same. In *out_a, which is the caller's to free, the second name follows the first one. Not
 * EXIT_DONE: it is said why. */
static int read_pair(const bench_options *options, const setun_plugins *plugins, char **out_a, setun_bench_options *bench)
{
    const char *comma = options->ab != NULL ? strchr(options->ab, ',') : NULL;
    setun_kernel_info pair[2];
    char *a;

    *out_a = NULL;
    if (options->ab == NULL)
        return EXIT_DONE;
    if (comma == NULL || comma == options->ab || comma[1] == '\0' || strchr(comma + 1, ',') != NULL)
        return fail_usage("--ab %s: expected the names of two kernels with ',' between them", options->ab);
    a = strdup(options->ab);
    if (a == NULL)
        return fail("out of memory: kernel names");
    *out_a = a;
    a[comma - options->ab] = '\0';
    bench->first = a;
    bench->against = a + (comma - options->ab) + 1;
    if (!find_kernel(plugins, bench->first, &pair[0]) || !find_kernel(plugins, bench->against, &pair[1]) || strcmp(bench->first, bench->against) == 0)
        return fail("--ab %s: expected two different kernels that are loaded; 'setun kernels list' names them", options->ab);
    if (!check_pair(options, pair))
        return EXIT_USAGE;
    bench->op = pair[0].pattern;
    return EXIT_DONE;
}

/* A kernel that is named need not be of the default op. */
static void take_op(const setun_plugins *plugins, setun_bench_options *bench)
{
    setun_kernel_info info;

    if (bench->op == NULL && bench->kernel != NULL && find_kernel(plugins, bench->kernel, &info))
        bench->op = info.pattern;
}

static int measure(bench_options *options)
{
    setun_bench_shape shapes[LIST_MAX];
    number_list rows, threads;
    uint32_t teams[LIST_MAX];
    setun_bench_options bench = {.shapes = shapes, .rows = rows.value, .threads = teams, .fmts = options->fmts, .rounds = (uint32_t)options->rounds,
                                 .seconds = options->seconds};
    const common_options common = {.plugin_path = options->plugin_path};
    setun_plugins *plugins;
    setun_error error;
    char *pair;
    int code;

    if (!read_shapes(options->shapes, shapes, &bench.n_shapes) || !read_numbers("--rows", options->rows, 1, INT64_C(1) << 20, &rows) ||
        !read_numbers("--threads", options->threads, 1, SETUN_MAX_THREADS, &threads))
        return EXIT_USAGE;
    bench.n_rows = rows.n;
    bench.n_threads = threads.n;
    for (size_t i = 0; i < threads.n; i++)
        teams[i] = (uint32_t)threads.value[i];
    bench.from = options->from == 0 ? SETUN_BENCH_CACHE | SETUN_BENCH_MEMORY : options->from == 1 ? SETUN_BENCH_CACHE : SETUN_BENCH_MEMORY;
    if (kernel_choice_open(&common, &options->choice, &plugins, &error) != SETUN_OK)
        return fail("%s", error.text);
    bench.plugins = plugins;
    bench.op = options->choice.op;
    bench.kernel = options->choice.kernel;
    bench.backend = options->choice.backend;
    bench.depth = options->depth;
    take_op(plugins, &bench);
    code = read_pair(options, plugins, &pair, &bench);
    if (code == EXIT_DONE)
        code = time_kernels(options, plugins, &bench);
    free(pair);
    setun_plugins_close(plugins);
    return code;
}

int kernels_bench(int argc, char **argv)
{
    bench_options o = {.rounds = 7, .seconds = 0.02, .depth = 512};
    common_options common = {0};
    const option_spec specs[] = {
        KERNEL_CHOICE_OPTIONS(o.choice),
        {.name = "fmts", .kind = OPTION_TEXT, .argument = "TEXT", .value = &o.fmts,
         .help = "only kernels whose formats contain this text, such as tern2.r16k16"},
        {.name = "ab", .kind = OPTION_TEXT, .argument = "NAMES", .value = &o.ab,
         .help = "only two kernels of one op, ',' between, in turns: how many times as fast the second is,\nwith the spread of the rounds; formats differ in the weight's packing at most"},
        {.name = "shape", .kind = OPTION_TEXT, .argument = "NxK", .value = &o.shapes,
         .help = "rows and columns of the weight, or heads and their elements; other ops take K only;\nseveral with ',' (default: those of BitNet b1.58 2B4T)"},
        {.name = "depth", .letter = 'd', .kind = OPTION_INT, .argument = "N", .value = &o.depth, .min = 0, .max = 1 << 20,
         .help = "positions that are cached before the rows: attention (default 512)"},
        {.name = "rows", .kind = OPTION_TEXT, .argument = "M", .value = &o.rows, .help = "rows of the activation, several with ',' (default 1,8,256)"},
        {.name = "threads", .letter = 't', .kind = OPTION_TEXT, .argument = "T", .value = &o.threads,
         .help = "threads, several with ',' (default: one, and one for each physical core)"},
        {.name = "from", .kind = OPTION_CHOICE, .argument = "both|cache|memory", .value = &o.from,
         .help = "where weights, K and V or inputs lie: in the caches, if they fit, or in memory (default both)"},
        {.name = "rounds", .letter = 'r', .kind = OPTION_INT, .argument = "N", .value = &o.rounds, .min = 1, .max = 1000,
         .help = "times that each kernel is timed (default 7)"},
        {.name = "seconds", .kind = OPTION_REAL, .argument = "S", .value = &o.seconds, .low = 0.0001, .high = 60,
         .help = "that one timing takes at least (default 0.02)"},
        {.name = "output", .letter = 'o', .kind = OPTION_CHOICE, .argument = "text|json|csv", .value = &o.output, .help = "form of the result (default text)"},
    };
    const command_line line = {
        .name = "kernels bench",
        .usage = "setun kernels bench [--op OP] [--kernel NAME] [--ab NAMES] [--fmts TEXT] [--shape NxK] [--rows M] [-t T] [OPTION...]",
        .text = "Times the kernels of an op (default linear) that do the same: in turns, on the same values, in one run. The first\n"
                "kernel of a case is what the others' RATIO is measured against, round by round: above 1 is faster. GB/S counts\n"
                "the weight in the kernel's packing; of attention K and V, of other ops all that is read and written. LIMIT is\n"
                "the share of what this machine can do, measured at the start: of its read bandwidth where inputs come from\n"
                "memory, of int8 arithmetic where that is nearer. Up to 16 rows are a token of as many sequences each, more are\n"
                "a prompt of one. Equal HASH, equal bits. A share above 100 % is a failure: the limit was measured too low.\n"
                "Kernels of several ops are named by --kernel, or --op is their pattern as 'setun kernels list' shows it.",
        .examples = "setun kernels bench --rows 1 -t 1,2 --from memory\n"
                    "setun kernels bench --plugin ./demo.so --op linear --shape 2560x6912 --rows 1,16\n"
                    "setun kernels bench --ab linear_i8row_tern2r16k16_f32__avx2_1x16,linear_i8row_tern2r16k16_f32__avx512vnni_1x16 --rows 1\n"
                    "setun kernels bench --kernel linear_add_i8row_tern2r16k16_f32__avx2_1x16 --shape 2560x6912\n"
                    "setun kernels bench --op attention --shape 20x128 --depth 4000 --rows 1\n"
                    "setun kernels bench --op rms_norm -o csv > norm.csv",
        .options = specs,
        .n_options = sizeof(specs) / sizeof(specs[0]),
        .common = COMMON_CONFIG,
    };
    int first, code = options_parse(&line, argc, argv, &common, &first);

    if (code >= 0)
        return code;
    o.plugin_path = common.plugin_path;
    return measure(&o);
}

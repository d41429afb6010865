/* kernels_tune.c - `setun kernels tune`: times the kernels that could run a model, and keeps the times for later sessions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "kernel_choice.h" /* kernels_tune */
#include "lists.h"
#include "options.h"
#include "progress.h"
#include "setun/topology.h"
#include "setun/tuning.h"

typedef struct tune_options {
    common_options common;
    const char    *rows, *threads, *op, *out;
    int            kv;
    int64_t        rounds, depth;
    double         seconds;
} tune_options;

typedef struct tune_printing {
    size_t n;
    size_t n_timed, n_disturbed; /* kernels */
    json_t *array; /* NULL: text */
} tune_printing;

static setun_status on_case(void *context, const setun_tune_result *r, setun_error *error)
{
    tune_printing *p = context;
    const bool changes = r->fastest != NULL && r->estimated != NULL && r->estimated_s > 0 && strcmp(r->fastest, r->estimated) != 0;
    const double gain = changes ? r->estimated_s / r->fastest_s : 1;

    progress_hide();
    p->n_timed += r->n_kernels;
    p->n_disturbed += r->n_disturbed;
    if (p->array != NULL) {
        json_t *entry = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s?, s:f, s:s?, s:f, s:I}", "op", r->op, "shape", r->shape, "rows", (json_int_t)r->rows,
                                  "threads", (json_int_t)r->threads, "kernels", (json_int_t)r->n_kernels, "fastest", r->fastest, "fastest_s",
                                  r->fastest_s, "estimated", r->estimated, "estimated_s", r->estimated_s, "disturbed", (json_int_t)r->n_disturbed);

        return json_array_append_new(p->array, entry) == 0 ? SETUN_OK : set_error(error, SETUN_ERR_NOMEM, "out of memory: results");
    }
    if (p->n++ == 0)
        printf("%-23s %-16s %5s %7s %7s  %-67s %12s %6s\n", "OP", "SHAPE", "ROWS", "THREADS", "KERNELS", "FASTEST", "TIME", "GAIN");
    if (r->fastest == NULL)
        printf("%-23s %-16s %5" PRId64 " %7u %7u  %-67s %12s %6s\n", r->op, r->shape, r->rows, r->threads, r->n_kernels, "none", "-", "-");
    else
        printf("%-23s %-16s %5" PRId64 " %7u %7u  %-67s %9.1f us %6.2f\n", r->op, r->shape, r->rows, r->threads, r->n_kernels, r->fastest,
               r->fastest_s * 1e6, gain);
    return fflush(stdout) == 0 ? SETUN_OK : set_error(error, SETUN_ERR_IO, "standard output: cannot be written");
}

/* What the file holds already; nothing if there is none yet. */
static setun_status open_known(const char *path, setun_tuning **out_known, setun_error *error)
{
    const setun_status status = setun_tuning_open(path, out_known, error);

    if (status != SETUN_OK)
        *out_known = NULL;
    return status == SETUN_ERR_NOT_FOUND ? SETUN_OK : status;
}

static setun_status tune_model(const tune_options *o, const setun_tune_options *tune, const char *path, setun_tuning **out_tuning,
                               setun_error *error)
{
    setun_tuning *known = NULL;
    setun_model *model = NULL;
    setun_status status = open_known(path, &known, error);

    if (status == SETUN_OK)
        status = common_open_model(&o->common, &model, error);
    if (status == SETUN_OK)
        status = setun_kernels_tune(model, tune, known, out_tuning, error);
    progress_clear();
    setun_model_close(model);
    setun_tuning_close(known);
    if (status == SETUN_OK)
        status = setun_tuning_save(*out_tuning, path, error);
    return status;
}

static int finish(const setun_tuning *tuning, const char *path, json_t *array)
{
    setun_tuning_info info;

    setun_tuning_describe(tuning, &info);
    if (array != NULL)
        return print_json(json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:o}", "file", path, "cpu", info.cpu, "date", info.date, "version",
                                    info.version, "numerics_version", (json_int_t)info.numerics, "cases", (json_int_t)info.n_cases, "times",
                                    (json_int_t)info.n_times, "results", array));
    printf("\n%zu times of %zu cases on %s: %s\n", info.n_times, info.n_cases, info.cpu, path);
    return EXIT_DONE;
}

static int tune(const tune_options *o)
{
    number_list rows, threads;
    uint32_t teams[LIST_MAX];
    tune_printing p = {.array = NULL};
    setun_tune_options options = {.rows = rows.value, .threads = teams, .op = o->op, .kv = o->kv == 1 ? SETUN_KV_F32 : SETUN_KV_F16,
                                  .depth = o->depth, .rounds = (uint32_t)o->rounds, .seconds = o->seconds, .progress = progress_session,
                                  .sink = on_case, .sink_context = &p};
    char home[4096];
    const char *path = o->out != NULL ? o->out : home;
    setun_tuning *tuning = NULL;
    setun_error error;
    int code;

    if (!read_numbers("--rows", o->rows, 1, 65536, &rows) || !read_numbers("--threads", o->threads, 1, SETUN_MAX_THREADS, &threads))
        return EXIT_USAGE;
    options.n_rows = rows.n;
    options.n_threads = threads.n;
    for (size_t i = 0; i < threads.n; i++)
        teams[i] = (uint32_t)threads.value[i];
    if (o->out == NULL && setun_tuning_home(home, sizeof(home), &error) != SETUN_OK)
        return fail("%s", error.text);
    p.array = o->common.output == OUTPUT_JSON ? json_array() : NULL;
    if (tune_model(o, &options, path, &tuning, &error) != SETUN_OK) {
        json_decref(p.array);
        code = fail("%s", error.text);
    } else {
        code = finish(tuning, path, p.array);
        if (p.n_disturbed * 10 > p.n_timed)
            (void)fprintf(stderr, "the machine was busy: rounds of %zu of %zu times differ by more than a factor of 2; tune again when it is idle\n",
                          p.n_disturbed, p.n_timed);
    }
    setun_tuning_close(tuning);
    return code;
}

int kernels_tune(int argc, char **argv)
{
    tune_options o = {.rounds = 5, .depth = 512, .seconds = 0.003};
    const option_spec specs[] = {
        {.name = "op", .kind = OPTION_TEXT, .argument = "OP", .value = &o.op, .help = "only this op, such as linear, linear+add, or pack"},
        {.name = "rows", .kind = OPTION_TEXT, .argument = "M", .value = &o.rows,
         .help = "rows of a pass, several with ',' (default 1,2,4,8,16,256)"},
        {.name = "threads", .letter = 't', .kind = OPTION_TEXT, .argument = "T", .value = &o.threads,
         .help = "threads, several with ',' (default: one for each physical core)"},
        {.name = "kv", .kind = OPTION_CHOICE, .argument = "f16|f32", .value = &o.kv, .help = "number format of the KV cache (default f16)"},
        {.name = "depth", .letter = 'd', .kind = OPTION_INT, .argument = "N", .value = &o.depth, .min = 1, .max = 1 << 20,
         .help = "positions that are cached before the rows: attention (default 512)"},
        {.name = "out", .kind = OPTION_TEXT, .argument = "FILE", .value = &o.out,
         .help = "file of times to make, or to add to (default: the one of this CPU in the user's\ncache, which sessions read)"},
        {.name = "rounds", .letter = 'r', .kind = OPTION_INT, .argument = "N", .value = &o.rounds, .min = 1, .max = 1000,
         .help = "times that each kernel is timed (default 5)"},
        {.name = "seconds", .kind = OPTION_REAL, .argument = "S", .value = &o.seconds, .low = 0.0001, .high = 60,
         .help = "that one timing takes at least (default 0.003)"},
    };
    const command_line line = {
        .name = "kernels tune",
        .usage = "setun kernels tune [-m MODEL] [--op OP] [--rows M] [-t T] [--out FILE] [OPTION...]",
        .text = "Times every kernel that could run a model, at the shapes of its nodes (weights are made up, none is read), and\n"
                "keeps the times in a YAML file by CPU, op, shape, rows and threads. Sessions with as many threads choose by them:\n"
                "what the configuration says goes first, then a measured time, then the kernels' estimates. GAIN is how many times\n"
                "as fast the fastest kernel is as the one that estimates choose. Results have the same bits whatever is chosen.",
        .examples = "setun kernels tune\n"
                    "setun kernels tune -m path/to/model.gguf -t 1,2\n"
                    "setun kernels tune -m path/to/model.gguf --op linear --rows 1 --out tuned.yaml\n"
                    "setun run -m path/to/model.gguf --tuning tuned.yaml -p \"Once upon a time\"",
        .options = specs,
        .n_options = sizeof(specs) / sizeof(specs[0]),
        .common = COMMON_MODEL | COMMON_WEIGHTS | COMMON_OUTPUT,
    };
    int first, code = options_parse(&line, argc, argv, &o.common, &first);

    return code >= 0 ? code : tune(&o);
}

/* cmd_kernels.c - `setun kernels`: which kernels the loaded plugins have, and whether they keep the contract. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "io.h"
#include "kernel_choice.h"
#include "options.h"
#include "progress.h"
#include "terminal.h"
#include "setun/check.h"
#include "setun/plugins.h"
#include "words.h"

/* ---- list ---- */

static json_t *json_kernel(const setun_kernel_info *info)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:b, s:i, s:I}", "name", info->name, "backend", info->backend, "pattern",
                     info->pattern, "fmts", info->fmts, "cpu", json_words(cpu_names(info->cpu)), "cpu_missing",
                     json_words(cpu_names(info->cpu_missing)), "usable", (int)(info->cpu_missing == 0), "exact", (int)info->exact, "acc_bits",
                     (int)info->acc_bits, "k_max", (json_int_t)info->k_max);
}

/* "any CPU", "avx2 fma", "amx_int8, which is missing". */
static void print_cpu(const setun_kernel_info *info)
{
    char *needs = cpu_names(info->cpu), *missing = cpu_names(info->cpu_missing);

    printf("%s", needs == NULL ? "?" : needs[0] == '\0' ? "any CPU" : needs);
    if (missing != NULL && missing[0] != '\0')
        printf(" (missing: %s)", missing);
    free(needs);
    free(missing);
}

static void print_kernels(const setun_plugins *plugins, const kernel_choice *c)
{
    int name_width = 4, backend_width = 7, pattern_width = 2, fmts_width = 7; /* of the headings */
    setun_kernel_info info;

    for (size_t i = 0; i < setun_plugins_kernel_count(plugins); i++) {
        setun_plugins_kernel_info(plugins, i, &info);
        if (!kernel_choice_has(c, &info))
            continue;
        name_width = (int)strlen(info.name) > name_width ? (int)strlen(info.name) : name_width;
        backend_width = (int)strlen(info.backend) > backend_width ? (int)strlen(info.backend) : backend_width;
        pattern_width = (int)strlen(info.pattern) > pattern_width ? (int)strlen(info.pattern) : pattern_width;
        fmts_width = (int)strlen(info.fmts) > fmts_width ? (int)strlen(info.fmts) : fmts_width;
    }
    printf("%-*s  %-*s  %-*s  %-*s  EXACT  ACC       K MAX  CPU\n", name_width, "NAME", backend_width, "BACKEND", pattern_width, "OP", fmts_width,
           "FORMATS");
    for (size_t i = 0; i < setun_plugins_kernel_count(plugins); i++) {
        char acc[16] = "-", k_max[24] = "-";

        setun_plugins_kernel_info(plugins, i, &info);
        if (!kernel_choice_has(c, &info))
            continue;
        if (info.acc_bits > 0)
            (void)snprintf(acc, sizeof(acc), "i%u", info.acc_bits);
        if (info.k_max > 0)
            (void)snprintf(k_max, sizeof(k_max), "%" PRId64, info.k_max);
        printf("%-*s  %-*s  %-*s  %-*s  %-5s  %-3s  %10s  ", name_width, info.name, backend_width, info.backend, pattern_width, info.pattern,
               fmts_width, info.fmts, info.exact ? "yes" : "no", acc, k_max);
        print_cpu(&info);
        printf("\n");
    }
}

static int list(int argc, char **argv)
{
    common_options common = {0};
    kernel_choice c = {0};
    const option_spec options[] = {KERNEL_CHOICE_OPTIONS(c)};
    const command_line line = {
        .name = "kernels list",
        .usage = "setun kernels list [--plugin FILE.so] [--op OP] [--kernel NAME] [--backend NAME] [-o text|json]",
        .text = "Lists the kernels of the loaded plugins: the op or the chain of ops that each computes, the formats of its\n"
                "inputs and outputs, whether it is exact (bit-identical to the scalar backend), the width of its narrowest\n"
                "integer accumulator and the largest k that this can bear, and the CPU features that it needs.",
        .examples = "setun kernels list\nsetun kernels list --op linear",
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .common = COMMON_CONFIG | COMMON_OUTPUT,
    };
    int first, code = options_parse(&line, argc, argv, &common, &first);
    const setun_plugin_info *refused;
    setun_plugins *plugins;
    setun_kernel_info info;
    setun_error error;

    if (code >= 0)
        return code;
    if (kernel_choice_open(&common, &c, &plugins, &error) != SETUN_OK)
        return fail("%s", error.text);
    code = EXIT_DONE;
    refused = kernel_choice_refused(&c, plugins);
    if (refused != NULL) /* an empty list says nothing */
        (void)fprintf(stderr, "%s was refused: %s\n", refused->file, refused->reason);
    if (common.output == OUTPUT_JSON) {
        json_t *array = json_array();

        for (size_t i = 0; i < setun_plugins_kernel_count(plugins); i++) {
            setun_plugins_kernel_info(plugins, i, &info);
            if (kernel_choice_has(&c, &info))
                (void)json_array_append_new(array, json_kernel(&info));
        }
        code = print_json(json_pack("{s:o, s:o}", "kernels", array, "cpu", json_words(cpu_names(setun_plugins_cpu(plugins)))));
    } else {
        print_kernels(plugins, &c);
    }
    setun_plugins_close(plugins);
    return code;
}

/* ---- check ---- */

typedef struct tally {
    unsigned n[3];   /* by SETUN_CHECK_* */
    unsigned n_all;  /* kernels to check */
    uint64_t seed;   /* printed before the first result */
    json_t  *array;  /* NULL: text */
    bool     verbose;
} tally;

enum { PARTS = 1000 }; /* of a kernel, for the bar */
static const char stage[] = "checking kernels";
static const char *const status_words[] = {"pass", "fail", "skip"};

/* One line a kernel, at once: a check takes a while, and a crash must not hide what came before. */
static setun_status report(void *context, const setun_check_result *result, setun_error *error)
{
    tally *t = context;
    setun_status status;
    unsigned n_done;

    progress_hide();
    t->n[result->status]++;
    n_done = t->n[SETUN_CHECK_PASS] + t->n[SETUN_CHECK_FAIL] + t->n[SETUN_CHECK_SKIP];
    t->n_all = n_done > t->n_all ? n_done : t->n_all; /* refused plugins were not counted before */
    if (t->array != NULL) {
        json_t *entry = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "kernel", result->kernel, "backend", result->backend,
                                  "pattern", result->pattern, "status", status_words[result->status], "kind", result->kind, "text", result->text,
                                  "cases", (json_int_t)result->n_cases, "declined", (json_int_t)result->n_declined, "runs",
                                  (json_int_t)result->n_runs);

        progress_show(stage, (uint64_t)n_done * PARTS, (uint64_t)t->n_all * PARTS);
        return json_array_append_new(t->array, entry) == 0 ? SETUN_OK : set_error(error, SETUN_ERR_NOMEM, "out of memory: results");
    }
    if (n_done == 1)
        printf("seed %" PRIu64 "\n", t->seed);
    if (result->status == SETUN_CHECK_FAIL && terminal_has_colour(STDOUT_FILENO))
        printf("\033[31mfail\033[0m  %s", result->kernel);
    else
        printf("%s  %s", status_words[result->status], result->kernel);
    if (result->status == SETUN_CHECK_FAIL)
        printf("\n      %s: %s", result->kind, result->text);
    else if (result->text[0] != '\0')
        printf("  (%s)", result->text);
    if (t->verbose && result->status != SETUN_CHECK_SKIP)
        printf("\n      %" PRIu64 " cases, %" PRIu64 " runs, %" PRIu64 " declined", result->n_cases, result->n_runs, result->n_declined);
    printf("\n");
    status = stdout_write("", 0, error);
    if (status != SETUN_OK)
        return status;
    progress_show(stage, (uint64_t)n_done * PARTS, (uint64_t)t->n_all * PARTS);
    return SETUN_OK;
}

/* How far the check of one kernel has come. */
static void report_part(void *context, uint32_t done, uint32_t total)
{
    const tally *t = context;
    const uint64_t n_done = t->n[SETUN_CHECK_PASS] + t->n[SETUN_CHECK_FAIL] + t->n[SETUN_CHECK_SKIP];

    progress_show(stage, n_done * PARTS + (uint64_t)done * PARTS / total, (uint64_t)t->n_all * PARTS);
}

/* A seed that changes from run to run: what one run does not meet another may. */
static int64_t fresh_seed(void)
{
    int64_t seed = (int64_t)getpid();

    if (getentropy(&seed, sizeof(seed)) != 0)
        return 1958;
    return (int64_t)((uint64_t)seed >> 33); /* short enough to type */
}

static int check(int argc, char **argv)
{
    common_options common = {0};
    kernel_choice c = {0};
    int64_t seed = -1, rounds = 1;
    const option_spec options[] = {
        KERNEL_CHOICE_OPTIONS(c),
        {.name = "seed", .kind = OPTION_INT, .argument = "S", .value = &seed, .min = 0, .max = INT64_MAX,
         .help = "the seed of all random choices (default: a new one each time; it is printed)"},
        {.name = "rounds", .kind = OPTION_INT, .argument = "N", .value = &rounds, .min = 1, .max = 1000000,
         .help = "random cuts and placements of each case (default 1)"},
    };
    const command_line line = {
        .name = "kernels check",
        .usage = "setun kernels check [--plugin FILE.so] [--op OP] [--kernel NAME] [--backend NAME] [--seed S] [--rounds N] [-o text|json]",
        .text = "Checks that kernels keep the plugin contract: the scalar backend's bits for the models' shapes, ragged ones and\n"
                "extreme values, however the work is cut; no byte read or written beyond what is theirs; no register or\n"
                "floating-point mode left changed; no overflow at the largest k; no state kept; the same on several threads at once.\n"
                "One line a kernel; exit status 1 if one fails.\n"
                "A kernel whose CPU features are missing is skipped, and counted apart.",
        .examples = "setun kernels check\n"
                    "setun kernels check --plugin ./demo.so\n"
                    "setun kernels check --kernel linear_i8row_tern2row_f32__scalar --seed 1958 -v",
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .common = COMMON_CONFIG | COMMON_OUTPUT,
    };
    int first, code = options_parse(&line, argc, argv, &common, &first);
    setun_check_options check_options = {0};
    tally t = {.verbose = false};
    setun_plugins *plugins;
    setun_error error;
    setun_status status;

    if (code >= 0)
        return code;
    if (kernel_choice_open(&common, &c, &plugins, &error) != SETUN_OK)
        return fail("%s", error.text);
    t.verbose = common.verbose;
    t.array = common.output == OUTPUT_JSON ? json_array() : NULL;
    check_options = (setun_check_options){.plugins = plugins, .op = c.op, .kernel = c.kernel, .backend = c.backend,
                                          .seed = (uint64_t)(seed >= 0 ? seed : fresh_seed()), .rounds = (uint32_t)rounds,
                                          .verbose = common.verbose, .progress = report_part, .progress_context = &t};
    for (size_t i = 0; i < setun_plugins_kernel_count(plugins); i++) {
        setun_kernel_info info;

        setun_plugins_kernel_info(plugins, i, &info);
        t.n_all += kernel_choice_has(&c, &info);
    }
    t.seed  = check_options.seed;
    t.n_all = t.n_all > 0 ? t.n_all : 1; /* only plugins to skip */
    progress_show(stage, 0, (uint64_t)t.n_all * PARTS);
    status = setun_kernels_check(&check_options, report, &t, &error);
    progress_clear();
    code = status == SETUN_OK && t.n[SETUN_CHECK_FAIL] == 0 ? EXIT_DONE : EXIT_FAILED;
    if (status != SETUN_OK) {
        json_decref(t.array);
        (void)fail("%s", error.text);
    } else if (t.array != NULL) {
        const int printed = print_json(json_pack("{s:I, s:i, s:i, s:i, s:o}", "seed", (json_int_t)check_options.seed, "passed",
                                                 (int)t.n[SETUN_CHECK_PASS], "failed", (int)t.n[SETUN_CHECK_FAIL], "skipped",
                                                 (int)t.n[SETUN_CHECK_SKIP], "results", t.array));

        code = printed != EXIT_DONE ? printed : code;
    } else {
        printf("%u passed, %u failed, %u skipped\n", t.n[SETUN_CHECK_PASS], t.n[SETUN_CHECK_FAIL], t.n[SETUN_CHECK_SKIP]);
    }
    setun_plugins_close(plugins);
    return code;
}

static int run(int argc, char **argv)
{
    static const command members[] = {
        {.name = "list", .summary = "list the kernels of the loaded plugins", .run = list},
        {.name = "check", .summary = "check that kernels keep the plugin contract", .run = check},
        {.name = "bench", .summary = "time kernels against each other and the machine's limits", .run = kernels_bench},
        {.name = "tune", .summary = "time the kernels of a model and keep the times for its sessions", .run = kernels_tune},
    };
    static const command_group group = {
        .name = "kernels",
        .members = members,
        .n_members = sizeof(members) / sizeof(members[0]),
        .examples = "setun kernels list --op linear\nsetun kernels check --plugin ./demo.so\nsetun kernels bench --rows 1\nsetun kernels tune -m path/to/model.gguf",
    };

    return group_run(&group, argc, argv);
}

const command command_kernels = {.name = "kernels", .summary = "list kernels, check that they keep the contract, time and tune them", .run = run};

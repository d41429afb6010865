/* cmd_bench.c - `setun bench`: tokens a second of a model, in prefill and in decode, beside what the machine allows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_run.h"
#include "io.h"
#include "progress.h"
#include "setun/topology.h"

enum output { TABLE, JSON, CSV, SVG };

typedef struct bench_words {
    const char *threads, *heads, *batches, *depths, *from;
    int         output;
} bench_words;

/* What was printed so far. */
typedef struct bench_printing {
    int    output;
    size_t n_printed;
    bool   has_head; /* the table's, for the team at hand */
    char   over[200]; /* the first share above 1, in words; "": none */
    bool   is_beside; /* and its limit was measured beside it */
} bench_printing;

/* A rate above what the machine can do shows that one of the two was measured wrongly. */
static void check_share(bench_printing *printing, const bench_team *team, const bench_result *r, double share, const char *limit)
{
    char name[BENCH_NAME_BYTES];

    if (!(share > 1) || printing->over[0] != '\0')
        return;
    printing->is_beside = bench_team_is_beside(team);
    (void)snprintf(printing->over, sizeof(printing->over), "%.60s with %lld thread%s: %.1f%% of the %s", bench_result_name(r, name),
                   (long long)r->threads, r->threads == 1 ? "" : "s", 100 * share, limit);
}

static void add_result(bench_printing *printing, buffer *text, const bench_report *report, const bench_result *r)
{
    if (printing->output == CSV) {
        if (printing->n_printed == 0)
            bench_csv_head(text);
        bench_csv_line(text, report, r);
    } else if (printing->output == TABLE) {
        if (!printing->has_head)
            bench_table_head(text);
        bench_table_line(text, r);
        if (bench_team_is_beside(bench_report_team(report, r)))
            bench_table_limits(text, r);
        bench_table_profile(text, r);
        printing->has_head = isnan(r->pass_ms); /* the next line stands below another table */
    }
    printing->n_printed++;
}

/* A bench_sink: lines appear as soon as they are known. */
static setun_status print_line(void *context, const bench_report *report, const bench_team *team, const bench_result *r, setun_error *error)
{
    bench_printing *printing = context;
    setun_status status = SETUN_OK;
    buffer text = {.data = NULL};

    if (r == NULL) {
        printing->has_head = false;
        if (printing->output == TABLE && printing->n_printed > 0)
            buffer_add(&text, "\n");
        if (printing->output == TABLE)
            bench_table_team(&text, team);
    } else {
        check_share(printing, team, r, r->share_of_bandwidth, "read bandwidth");
        check_share(printing, team, r, r->share_of_int8, "int8 arithmetic");
        check_share(printing, team, r, r->share_of_int8_linear, "int8 arithmetic, in the linear layers");
        add_result(printing, &text, report, r);
    }
    if (text.failed)
        status = set_error(error, SETUN_ERR_NOMEM, "out of memory: results");
    else if (text.n > 0)
        status = stdout_write(text.data, text.n, error);
    buffer_free(&text);
    return status;
}

/* What can only be printed as a whole, and the verdict. */
static int finish(const bench_printing *printing, const bench_report *report)
{
    buffer svg = {.data = NULL};
    setun_error error;
    int code = EXIT_DONE;

    if (printing->output == JSON) {
        code = print_json(bench_report_json(report));
    } else if (printing->output == SVG) {
        bench_picture(&svg, report);
        if (svg.failed)
            code = fail("out of memory: picture");
        else if (stdout_write(svg.data, svg.n, &error) != SETUN_OK)
            code = fail("%s", error.text);
        buffer_free(&svg);
    }
    if (code == EXIT_DONE && printing->over[0] != '\0')
        return fail("%s: more than the machine was measured to do%s", printing->over,
                    printing->is_beside ? " right before and after. It was busy then: repeat it"
                                        : ". It was busy then, or is another one now: --limits new measures again, --limits each beside every repeat");
    return code;
}

static int measure(const bench_options *options, int output)
{
    bench_printing printing = {.output = output};
    bench_report report = {.n_teams = 0};
    setun_status status = SETUN_OK;
    setun_error error;
    int code = EXIT_FAILED;

    for (size_t t = 0; t < options->threads.n; t++)
        for (size_t h = 0; h < options->heads.n && status == SETUN_OK; h++)
            status = bench_run_team(options, (uint32_t)options->threads.value[t], (int)options->heads.value[h], &report, print_line, &printing, &error);
    progress_clear();
    if (status == SETUN_OK)
        code = finish(&printing, &report);
    else
        (void)fail("%s", status == SETUN_ERR_INTERRUPTED ? "interrupted" : error.text);
    if (status == SETUN_ERR_INTERRUPTED)
        code = EXIT_SIGNAL + interrupt_signal();
    bench_report_free(&report);
    return code;
}

/* Results of an earlier run in another form. */
static int show(const char *path, int output)
{
    bench_printing printing = {.output = output};
    bench_report report = {.n_teams = 0};
    setun_error error;
    setun_status status = bench_report_load(path, &report, &error);
    int code;

    for (size_t t = 0; t < report.n_teams && status == SETUN_OK; t++) {
        status = print_line(&printing, &report, &report.teams[t], NULL, &error);
        for (size_t i = 0; i < report.n_results && status == SETUN_OK; i++)
            if (bench_report_team(&report, &report.results[i]) == &report.teams[t])
                status = print_line(&printing, &report, &report.teams[t], &report.results[i], &error);
    }
    code = status == SETUN_OK ? finish(&printing, &report) : fail("%s", error.text);
    bench_report_free(&report);
    return code;
}

static int bench(bench_options *options, const bench_words *words)
{
    if (options->profile && words->output != TABLE && words->output != JSON)
        return fail_usage("--profile: its times are in the forms table and json only");
    if (words->from != NULL)
        return show(words->from, words->output);
    if (options->prompt == 0 && options->tokens == 0)
        return fail_usage("nothing to measure: -p or -n must be at least 1");
    if (!read_choices("--head", HEAD_WORDS, words->heads, &options->heads) ||
        !read_numbers("--threads", words->threads, 1, SETUN_MAX_THREADS, &options->threads) ||
        !read_numbers("--batch", words->batches, 1, 1024, &options->batches) || !read_numbers("--depth", words->depths, 0, 1 << 24, &options->depths))
        return EXIT_USAGE;
    remove_repeats(&options->threads);
    remove_repeats(&options->heads);
    if (options->heads.n == 0)
        options->heads = (number_list){.n = 1, .value = {options->common.session.head}};
    if (options->threads.n == 0)
        options->threads = (number_list){.n = 1, .value = {options->common.session.n_threads}};
    return measure(options, words->output);
}

static int run(int argc, char **argv)
{
    bench_options o = {.prompt = 512, .tokens = 128, .repeats = 5};
    bench_words words = {.batches = "1", .depths = "0"};
    const option_spec specs[] = {
        {.name = "prompt", .letter = 'p', .kind = OPTION_INT, .argument = "N", .value = &o.prompt, .min = 0, .max = 1 << 20,
         .help = "tokens of the prompt that is read, 0: none (default 512)"},
        {.name = "tokens", .letter = 'n', .kind = OPTION_INT, .argument = "N", .value = &o.tokens, .min = 0, .max = 1 << 20,
         .help = "tokens generated one after the other, 0: none (default 128)"},
        {.name = "depth", .letter = 'd', .kind = OPTION_TEXT, .argument = "N", .value = &words.depths,
         .help = "tokens that the sequences hold before, several with ',' (default 0)"},
        {.name = "batch", .letter = 'b', .kind = OPTION_TEXT, .argument = "N", .value = &words.batches,
         .help = "sequences computed together, several with ',' (default 1)"},
        {.name = "threads", .letter = 't', .kind = OPTION_TEXT, .argument = "N", .value = &words.threads,
         .help = "threads, several with ',' (default: one for each physical core)"},
        {.name = "head", .kind = OPTION_TEXT, .argument = HEAD_WORDS, .value = &words.heads,
         .help = "how the 16-bit output head is read, as in 'setun run', several with ',' (default\nauto: screened where it can be)"},
        {.name = "repeats", .letter = 'r', .kind = OPTION_INT, .argument = "N", .value = &o.repeats, .min = 1, .max = 1000,
         .help = "times that each is measured, after one that warms up (default 5)"},
        {.name = "profile", .kind = OPTION_FLAG, .value = &o.profile,
         .help = "show where the time of a pass goes: kernels by op, imbalance, barriers; it is\nmeasured in one more run (table and json)"},
        {.name = "limits", .kind = OPTION_CHOICE, .argument = "kept|new|each", .value = &o.limits,
         .help = "what MEMORY and INT8 are shares of: the machine's limits kept from an earlier\nrun (default), measured anew and kept, or measured right before and after each\n"
                 "repeat, for machines that others share: a share is then the median of the\nrepeats' own ones, and the limits are shown with their range"},
        {.name = "from", .kind = OPTION_TEXT, .argument = "FILE", .value = &words.from,
         .help = "measure nothing: show what an earlier run wrote with -o json, '-' is standard input"},
        {.name = "output", .letter = 'o', .kind = OPTION_CHOICE, .argument = "table|json|csv|svg", .value = &words.output,
         .help = "form of the result; svg is a roofline (default table)"},
    };
    const command_line line = {
        .name = "bench",
        .usage = "setun bench [-m MODEL] [-p N] [-n N] [-d N] [-b N] [-t N] [-r N] [-o table|json|csv|svg] [OPTION...]\n"
                 "setun bench --from FILE [-o table|json|csv|svg]",
        .text = "Measures how many tokens a second a model reads (pp: a prompt, in passes of --chunk) and generates (tg: greedy, one\n"
                "token of every sequence a pass); medians, with the least and the greatest. MB/TOKEN is what must be read from memory:\n"
                "the weights of a pass and the cache, shared by the pass's tokens. MEMORY and INT8 are shares of what this machine can\n"
                "do with as many threads: read bandwidth ('-': it all fits the caches) and int8 arithmetic. Both limits are measured\n"
                "once and kept in setun/machine.json in XDG_CACHE_HOME (~/.cache), or beside every repeat (--limits each: it begins\n"
                "with cold caches then; what is read takes 16 times the last cache, which RSS leaves out). A median share above 100% is\n"
                "an error. CAND are rows of the head computed again for a token, where it is screened. RSS is resident memory, own and\n"
                "of mapped files. HASH is XXH3 of the first sequence's logits: the same for every backend, number of threads and of\n"
                "sequences.",
        .examples = "setun bench\n"
                    "setun bench -m path/to/model.gguf -p 512 -n 64 -t 1,2\n"
                    "setun bench -b 1,2,4,8 -p 0 -o csv > batches.csv\n"
                    "setun bench -d 0,2048 -n 64 --backend avx2\n"
                    "setun bench -p 0 --profile\n"
                    "setun bench -p 0 -n 64 --limits each\n"
                    "setun bench -p 0 -n 64 --head full,screened\n"
                    "setun bench -t 1,2 -o json > run.json; setun bench --from run.json -o svg > roofline.svg",
        .options = specs,
        .n_options = sizeof(specs) / sizeof(specs[0]),
        .common = COMMON_MODEL | COMMON_SESSION,
    };
    int first, code = options_parse(&line, argc, argv, &o.common, &first);

    if (code >= 0)
        return code;
    return bench(&o, &words);
}

const command command_bench = {.name = "bench", .summary = "tokens a second, beside the machine's limits", .run = run};

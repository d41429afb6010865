/* cmd_topo.c - `setun topo`: what the machine has, what Setun uses of it, and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "options.h"
#include "setun/cpu.h"
#include "setun/plugins.h"
#include "setun/topology.h"
#include "words.h"

/* Why processors have no worker, in the order of SETUN_PROCESSOR_*; JSON's word, and the text. */
static const char *const use_words[] = {"worker", "outside_cpuset", "outside_affinity", "sibling", "spare"};
static const char *const use_texts[] = {
    "work",
    "the cgroup's or container's cpuset does not allow them",
    "outside the affinity mask of this process (taskset, numactl, a batch system)",
    "hardware threads (SMT) of cores that have a worker already",
    "there are fewer threads than cores",
};
enum { N_USES = sizeof(use_words) / sizeof(use_words[0]) };

/* What the report does not have: it is about this machine only. */
typedef struct this_machine {
    char             model[256];
    uint64_t         hardware, usable, features; /* of the CPU; with the system's consent; under SETUN_CPU */
    setun_huge_pages pages;
    setun_plugins   *plugins;
} this_machine;

static int read_this_machine(const char *plugin_path, this_machine *out_machine)
{
    setun_error error;

    setun_cpu_model(out_machine->model, sizeof(out_machine->model));
    out_machine->hardware = setun_cpu_hardware();
    setun_huge_pages_read(&out_machine->pages);
    if (setun_cpu_detect(NULL, &out_machine->usable, &error) != SETUN_OK ||
        setun_plugins_open(&(setun_plugins_options){.path = plugin_path}, &out_machine->plugins, &error) != SETUN_OK)
        return fail("%s", error.text);
    out_machine->features = setun_plugins_cpu(out_machine->plugins);
    return EXIT_DONE;
}

/* ---- text ---- */

/* "0-3, 8-14 by 2" of ascending numbers. */
static void print_numbers(const unsigned *number, size_t n)
{
    for (size_t i = 0; i < n;) {
        const unsigned step = i + 1 < n ? number[i + 1] - number[i] : 1;
        size_t last = i;

        while (last + 1 < n && number[last + 1] - number[last] == step)
            last++;
        if (last - i < 2 && step != 1) /* two numbers make no row */
            last = i;
        printf("%s%u", i == 0 ? "" : ", ", number[i]);
        if (last > i)
            printf("-%u", number[last]);
        if (last > i && step != 1)
            printf(" by %u", step);
        i = last + 1;
    }
}

static int compare_numbers(const void *left, const void *right)
{
    const unsigned a = *(const unsigned *)left, b = *(const unsigned *)right;

    return (a > b) - (a < b);
}

/* Workers on a NUMA node, ascending. Where there are more than cores, a core's are so many apart as there are cores. Room for all of them. */
static size_t collect_workers(const setun_topology_report *report, int32_t numa, uint32_t n_cores, unsigned *number)
{
    const setun_processor_info *info;
    size_t n = 0;

    for (size_t i = 0; (info = setun_topology_report_processor(report, i)) != NULL; i++)
        for (uint32_t w = 0; w < info->n_workers && info->use == SETUN_PROCESSOR_WORKER && info->numa == numa; w++)
            number[n++] = info->worker + w * n_cores;
    qsort(number, n, sizeof(*number), compare_numbers);
    return n;
}

/* Numbers of the processors with this use (and on this NUMA node, if not -1), ascending. Room for all of them in number[]. */
static size_t collect(const setun_topology_report *report, int use, int32_t numa, unsigned *number)
{
    const setun_processor_info *info;
    size_t n = 0;

    for (size_t i = 0; (info = setun_topology_report_processor(report, i)) != NULL; i++)
        if (info->use == use && (numa < 0 || info->numa == numa))
            number[n++] = info->os_index;
    qsort(number, n, sizeof(*number), compare_numbers);
    return n;
}

static void print_count(uint32_t n, const char *one, const char *many, const char *after)
{
    printf("%u %s%s", n, n == 1 ? one : many, after);
}

static void print_machine(const setun_topology_report *report, const setun_topology_summary *summary, const this_machine *machine)
{
    const setun_cache_info *cache;
    char size[SIZE_TEXT_BYTES];

    printf("machine     %s\n            ", summary->imagined ? "imagined, not this one" : machine->model);
    print_count(summary->n_packages, "package", "packages", ", ");
    print_count(summary->n_numa, "NUMA node", "NUMA nodes", ", ");
    print_count(summary->n_cores, "core", "cores", ", ");
    print_count(summary->n_processors, "processor", "processors", "");
    if (summary->memory_bytes > 0)
        printf(", %s of memory", size_text(summary->memory_bytes, size));
    printf("\ncaches      ");
    for (size_t i = 0; (cache = setun_topology_report_cache(report, i)) != NULL; i++) {
        printf("%sL%u%s %u x %s", i == 0 ? "" : ", ", cache->level, cache->kind == 'd' ? "d" : cache->kind == 'i' ? "i" : "", cache->n,
               size_text(cache->bytes, size));
        if (cache->n_processors > 1)
            printf(" (each for %u processors)", cache->n_processors);
    }
    printf("%s\n", setun_topology_report_cache(report, 0) == NULL ? "not known" : "");
}

static void print_words(const char *title, uint64_t features)
{
    char *names = cpu_names(features);

    printf("%-11s %s\n", title, names == NULL ? "?" : names[0] == '\0' ? "none" : names);
    free(names);
}

static void print_software(const this_machine *machine)
{
    const uint64_t withheld = machine->hardware & ~machine->usable, masked = machine->usable & ~machine->features;
    const setun_huge_pages *pages = &machine->pages;
    const bool granted = strcmp(pages->transparent, "always") == 0 || strcmp(pages->transparent, "madvise") == 0;
    const char *separator = "";
    char size[SIZE_TEXT_BYTES];
    size_t n_refused = 0;

    print_words("features", machine->features);
    if (withheld != 0)
        print_words("  withheld", withheld); /* by the operating system or the hypervisor */
    if (masked != 0)
        print_words("  masked", masked);
    printf("huge pages  %s%s%s", pages->transparent[0] == '\0' ? "not known" : "transparent ones: ", pages->transparent,
           pages->transparent[0] == '\0' ? "" : granted ? ", Setun gets them where memory is not in pieces" : ", Setun gets none");
    for (size_t i = 0; i < pages->n_sizes; i++)
        if (pages->size[i].n_total > 0)
            printf("; %llu of %s reserved, which Setun does not use", (unsigned long long)pages->size[i].n_total,
                   size_text(pages->size[i].page_bytes, size));
    printf("\nbackends    ");
    for (size_t i = 0; i < setun_plugins_count(machine->plugins); i++) {
        const setun_plugin_info *info = setun_plugins_info(machine->plugins, i);

        n_refused += !info->loaded;
        if (info->loaded) {
            printf("%s%s %s", separator, info->name, info->version);
            separator = ", ";
        }
    }
    if (n_refused > 0)
        printf("%s%zu refused ('setun plugins list' tells why)", *separator == '\0' ? "none, " : "; ", n_refused);
    printf("%s\n", setun_plugins_count(machine->plugins) == 0 ? "none" : "");
}

static void print_limits(const setun_topology_summary *summary)
{
    char size[SIZE_TEXT_BYTES];

    if (summary->cpu_quota > 0)
        printf("limits      the cgroup grants %.4g processors' worth of time%s\n", summary->cpu_quota,
               summary->cpu_quota < (double)summary->n_threads ? ": fewer than threads, which will be stopped again and again; use -t" : "");
    if (summary->memory_limit_bytes > 0)
        printf("%-11s the cgroup grants %s of memory\n", summary->cpu_quota > 0 ? "" : "limits", size_text(summary->memory_limit_bytes, size));
}

static void print_use(const setun_topology_report *report, const setun_topology_summary *summary, int64_t n_asked, unsigned *number)
{
    const setun_numa_info *numa;
    char size[SIZE_TEXT_BYTES];

    printf("threads     %u, %s\n", summary->n_threads,
           n_asked > 0 ? (summary->n_threads > summary->n_usable_cores ? "as asked; more than cores, so that some share one" : "as asked")
           : summary->n_threads < summary->n_usable_cores && summary->cpu_quota > 0
               ? "as many as the cgroup's quota has whole processors"
               : "one for each physical core that this process may use");
    printf("\n%-5s  %-10s  %-5s  %-16s  %s\n", "NODE", "MEMORY", "CORES", "WORKERS", "BOUND TO PROCESSORS");
    for (size_t i = 0; (numa = setun_topology_report_numa(report, i)) != NULL; i++) {
        char workers[32] = "-";
        size_t n = collect_workers(report, (int32_t)i, summary->n_usable_cores, number);

        if (n == 1)
            (void)snprintf(workers, sizeof(workers), "%u", number[0]);
        else if (n > 1)
            (void)snprintf(workers, sizeof(workers), "%u-%u%s", number[0], number[n - 1],
                           number[n - 1] - number[0] + 1 == n ? "" : " (in part)");
        printf("%-5u  %-10s  %-5u  %-16s  ", numa->os_index, numa->memory_bytes > 0 ? size_text(numa->memory_bytes, size) : "?", numa->n_cores,
               workers);
        n = collect(report, SETUN_PROCESSOR_WORKER, (int32_t)i, number);
        print_numbers(number, n);
        printf("%s\n", n == 0 ? "-" : "");
    }
    for (int use = 1; use < N_USES; use++) {
        const size_t n = collect(report, use, -1, number);

        if (n == 0)
            continue;
        printf("%sprocessors without a worker: ", use == SETUN_PROCESSOR_OUTSIDE_CPUSET ? "\n" : "");
        print_numbers(number, n);
        printf("\n    %s\n", use_texts[use]);
    }
}

static void print_processors(const setun_topology_report *report)
{
    const setun_processor_info *info;

    printf("\n%-9s  %-7s  %-4s  %-4s  %-6s  %s\n", "PROCESSOR", "PACKAGE", "NODE", "CORE", "THREAD", "USE");
    for (size_t i = 0; (info = setun_topology_report_processor(report, i)) != NULL; i++) {
        printf("%-9u  %-7d  %-4d  %-4d  %-6u  ", info->os_index, info->package, info->numa, info->core, info->thread);
        if (info->use != SETUN_PROCESSOR_WORKER)
            printf("%s\n", use_words[info->use]);
        else if (info->n_workers == 1)
            printf("worker %u\n", info->worker);
        else
            printf("%u workers from %u on\n", info->n_workers, info->worker);
    }
}

/* ---- JSON ---- */

static json_t *json_processors(const setun_topology_report *report)
{
    const setun_processor_info *info;
    json_t *list = json_array();

    for (size_t i = 0; (info = setun_topology_report_processor(report, i)) != NULL; i++)
        (void)json_array_append_new(
            list, json_pack("{s:i, s:i, s:i, s:i, s:i, s:s, s:o, s:i}", "processor", (int)info->os_index, "package", (int)info->package, "node",
                            (int)info->numa, "core", (int)info->core, "thread", (int)info->thread, "use", use_words[info->use], "worker",
                            info->use == SETUN_PROCESSOR_WORKER ? json_integer(info->worker) : json_null(), "workers", (int)info->n_workers));
    return list;
}

static json_t *json_numas(const setun_topology_report *report)
{
    const setun_numa_info *info;
    json_t *list = json_array();

    for (size_t i = 0; (info = setun_topology_report_numa(report, i)) != NULL; i++)
        (void)json_array_append_new(list, json_pack("{s:i, s:I, s:i, s:i, s:i}", "node", (int)info->os_index, "memory_bytes",
                                                    (json_int_t)info->memory_bytes, "cores", (int)info->n_cores, "processors",
                                                    (int)info->n_processors, "workers", (int)info->n_workers));
    return list;
}

static json_t *json_caches(const setun_topology_report *report)
{
    const setun_cache_info *info;
    json_t *list = json_array();

    for (size_t i = 0; (info = setun_topology_report_cache(report, i)) != NULL; i++)
        (void)json_array_append_new(
            list, json_pack("{s:i, s:s, s:I, s:i, s:i, s:i}", "level", (int)info->level, "kind",
                            info->kind == 'd' ? "data" : info->kind == 'i' ? "instruction" : "unified", "bytes", (json_int_t)info->bytes,
                            "line_bytes", (int)info->line_bytes, "count", (int)info->n, "processors_each", (int)info->n_processors));
    return list;
}

static json_t *json_huge_pages(const setun_huge_pages *pages)
{
    json_t *list = json_array();

    for (size_t i = 0; i < pages->n_sizes; i++)
        (void)json_array_append_new(list, json_pack("{s:I, s:I, s:I}", "page_bytes", (json_int_t)pages->size[i].page_bytes, "total",
                                                    (json_int_t)pages->size[i].n_total, "free", (json_int_t)pages->size[i].n_free));
    return json_pack("{s:s, s:s, s:o}", "transparent", pages->transparent, "defrag", pages->defrag, "reserved", list);
}

static json_t *json_backends(const setun_plugins *plugins)
{
    json_t *list = json_array();

    for (size_t i = 0; i < setun_plugins_count(plugins); i++)
        if (setun_plugins_info(plugins, i)->loaded)
            (void)json_array_append_new(list, json_string(setun_plugins_info(plugins, i)->name));
    return list;
}

static int print_topology_json(const setun_topology_report *report, const setun_topology_summary *summary, const this_machine *machine)
{
    json_t *value = json_pack(
        "{s:b, s:i, s:i, s:i, s:i, s:i, s:I, s:o, s:o, s:o}", "imagined", (int)summary->imagined, "packages", (int)summary->n_packages, "nodes",
        (int)summary->n_numa, "cores", (int)summary->n_cores, "usable_cores", (int)summary->n_usable_cores, "threads", (int)summary->n_threads,
        "memory_bytes", (json_int_t)summary->memory_bytes, "numa", json_numas(report), "caches", json_caches(report), "processors",
        json_processors(report));

    if (value != NULL && !summary->imagined) {
        json_t *limits = json_pack("{s:o, s:o}", "cpu_quota", summary->cpu_quota > 0 ? json_real(summary->cpu_quota) : json_null(),
                                   "memory_bytes",
                                   summary->memory_limit_bytes > 0 ? json_integer((json_int_t)summary->memory_limit_bytes) : json_null());
        json_t *cpu = json_pack("{s:s, s:o, s:o, s:o}", "model", machine->model, "features", json_words(cpu_names(machine->features)),
                                "withheld", json_words(cpu_names(machine->hardware & ~machine->usable)), "masked",
                                json_words(cpu_names(machine->usable & ~machine->features)));

        if (json_object_set_new(value, "limits", limits) != 0 || json_object_set_new(value, "cpu", cpu) != 0 ||
            json_object_set_new(value, "huge_pages", json_huge_pages(&machine->pages)) != 0 ||
            json_object_set_new(value, "backends", json_backends(machine->plugins)) != 0) {
            json_decref(value);
            value = NULL;
        }
    }
    return print_json(value);
}

static int print_topology(const setun_topology_report *report, const setun_topology_summary *summary, const this_machine *machine,
                          const common_options *common, int64_t n_asked)
{
    unsigned *number;

    if (common->output == OUTPUT_JSON)
        return print_topology_json(report, summary, machine);
    number = calloc((size_t)summary->n_processors + summary->n_threads + 1, sizeof(*number));
    if (number == NULL)
        return fail("out of memory: %u processors and %u workers", summary->n_processors, summary->n_threads);
    print_machine(report, summary, machine);
    if (!summary->imagined) {
        print_software(machine);
        print_limits(summary);
    }
    print_use(report, summary, n_asked, number);
    if (common->verbose)
        print_processors(report);
    free(number);
    return EXIT_DONE;
}

static int run(int argc, char **argv)
{
    const char *synthetic = NULL, *xml = NULL;
    int64_t n_threads = 0;
    const option_spec options[] = {
        {.name = "synthetic", .kind = OPTION_TEXT, .argument = "TEXT", .value = &synthetic,
         .help = "an imagined machine in place of this one, in hwloc's words"},
        {.name = "xml", .kind = OPTION_TEXT, .argument = "FILE", .value = &xml,
         .help = "another machine, from a file that its 'lstopo FILE.xml' wrote"},
        {.name = "threads", .letter = 't', .kind = OPTION_INT, .argument = "N", .value = &n_threads,
         .help = "threads to place (default: one for each physical core)", .min = 1, .max = SETUN_MAX_THREADS},
    };
    common_options common = {0};
    const command_line line = {
        .name = "topo",
        .usage = "setun topo [--synthetic TEXT | --xml FILE] [-t N] [-v] [-o text|json]",
        .text = "Says what the machine has (packages, NUMA nodes, cores, caches, instruction sets, huge pages) and what Setun uses of it:\n"
                "how many threads, on which processors, and why the others have none. With -v it lists every processor.\n"
                "'features' are those that backends may use: 'withheld' ones the operating system does not support, 'masked' ones are\n"
                "taken away by SETUN_CPU.",
        .examples = "setun topo\n"
                    "taskset -c 0-3 setun topo\n"
                    "setun topo --synthetic 'pack:2 numa:1 core:16 pu:2' -t 8",
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .common = COMMON_CONFIG | COMMON_OUTPUT,
    };
    this_machine machine = {.plugins = NULL};
    setun_topology_summary summary;
    setun_topology_report *report;
    setun_error error;
    int first, code = options_parse(&line, argc, argv, &common, &first);

    if (code >= 0)
        return code;
    if (synthetic != NULL && xml != NULL)
        return fail_usage("--synthetic and --xml exclude each other");
    if (n_threads == 0)
        n_threads = common.session.n_threads; /* of --config */
    if (setun_topology_report_create(&(setun_topology_options){.synthetic = synthetic, .xml = xml, .n_threads = (uint32_t)n_threads}, &report,
                                     &error) != SETUN_OK)
        return fail("%s", error.text);
    setun_topology_report_describe(report, &summary);
    code = summary.imagined ? EXIT_DONE : read_this_machine(common.plugin_path, &machine);
    if (code == EXIT_DONE)
        code = print_topology(report, &summary, &machine, &common, n_threads);
    setun_plugins_close(machine.plugins);
    setun_topology_report_destroy(report);
    return code;
}

const command command_topo = {.name = "topo", .summary = "what the machine has and what Setun uses of it", .run = run};

/* test_report.c - which processor does what and why, on machines that hwloc imagines and on this one under an affinity mask. */
#include <criterion/criterion.h>
#include <hwloc.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "setun/topology.h"

static setun_topology_report *report_of(const char *synthetic, uint32_t n_threads, setun_topology_summary *out_summary)
{
    const setun_topology_options options = {.synthetic = synthetic, .n_threads = n_threads};
    setun_topology_report *report;
    setun_error error = {""};

    cr_assert_eq(setun_topology_report_create(&options, &report, &error), SETUN_OK, "%s", error.text);
    setun_topology_report_describe(report, out_summary);
    return report;
}

Test(topology_report, two_packages_with_smt)
{
    setun_topology_summary summary;
    setun_topology_report *report = report_of("pack:2 numa:1(memory=8GB) l3:1(size=32MB) core:4 pu:2", 0, &summary);
    size_t n = 0;

    cr_expect(summary.imagined);
    cr_expect(summary.n_packages == 2 && summary.n_numa == 2 && summary.n_cores == 8 && summary.n_processors == 16);
    cr_expect(summary.n_usable_cores == 8 && summary.n_threads == 8);
    cr_expect(summary.n_siblings == 8 && summary.n_spare == 0 && summary.n_outside_affinity == 0 && summary.n_outside_cpuset == 0);
    cr_expect(summary.cpu_quota == 0 && summary.memory_limit_bytes == 0, "limits of this machine are none of that one");
    for (; setun_topology_report_processor(report, n) != NULL; n++) {
        const setun_processor_info *info = setun_topology_report_processor(report, n);

        cr_expect_eq(info->os_index, n);
        cr_expect_eq(info->package, (int32_t)n / 8, "processor %zu", n);
        cr_expect_eq(info->numa, (int32_t)n / 8, "processor %zu", n);
        cr_expect_eq(info->core, (int32_t)n / 2, "processor %zu", n);
        cr_expect_eq(info->thread, n % 2, "processor %zu", n);
        cr_expect_eq(info->use, n % 2 == 0 ? SETUN_PROCESSOR_WORKER : SETUN_PROCESSOR_SIBLING, "processor %zu", n);
        cr_expect_eq(info->n_workers, n % 2 == 0, "processor %zu", n);
        if (n % 2 == 0)
            cr_expect_eq(info->worker, n / 2);
    }
    cr_expect_eq(n, 16);
    for (size_t i = 0; i < 2; i++) {
        const setun_numa_info *numa = setun_topology_report_numa(report, i);

        cr_assert_not_null(numa);
        cr_expect(numa->n_cores == 4 && numa->n_processors == 8 && numa->n_workers == 4);
        cr_expect_eq(numa->memory_bytes, summary.memory_bytes / 2);
        cr_expect_gt(numa->memory_bytes, UINT64_C(7000000000));
    }
    cr_expect_null(setun_topology_report_numa(report, 2));
    cr_assert_not_null(setun_topology_report_cache(report, 0));
    cr_expect(setun_topology_report_cache(report, 0)->level == 3 && setun_topology_report_cache(report, 0)->n == 2 &&
              setun_topology_report_cache(report, 0)->n_processors == 8);
    cr_expect_null(setun_topology_report_cache(report, 1));
    setun_topology_report_destroy(report);
}

Test(topology_report, fewer_and_more_threads_than_cores)
{
    setun_topology_summary summary;
    setun_topology_report *report = report_of("pack:1 core:4 pu:2", 3, &summary);

    cr_expect(summary.n_threads == 3 && summary.n_spare == 1 && summary.n_siblings == 4);
    cr_expect_eq(setun_topology_report_processor(report, 6)->use, SETUN_PROCESSOR_SPARE);
    setun_topology_report_destroy(report);

    report = report_of("pack:2 numa:1 core:3 pu:1", 4, &summary); /* two on each node */
    cr_expect(setun_topology_report_numa(report, 0)->n_workers == 2 && setun_topology_report_numa(report, 1)->n_workers == 2);
    cr_expect_eq(setun_topology_report_processor(report, 2)->use, SETUN_PROCESSOR_SPARE);
    cr_expect_eq(setun_topology_report_processor(report, 3)->worker, 2);
    setun_topology_report_destroy(report);

    report = report_of("pack:1 core:4 pu:1", 10, &summary); /* workers 0, 4, 8 on core 0; 2, 6 on core 2 */
    cr_expect_eq(setun_topology_report_processor(report, 0)->n_workers, 3);
    cr_expect_eq(setun_topology_report_processor(report, 1)->n_workers, 3);
    cr_expect_eq(setun_topology_report_processor(report, 2)->n_workers, 2);
    cr_expect_eq(setun_topology_report_processor(report, 3)->n_workers, 2);
    setun_topology_report_destroy(report);
}

Test(topology_report, affinity_mask)
{
    setun_topology_summary before, after;
    setun_topology_report *report = report_of(NULL, 0, &before);
    cpu_set_t set;
    int only = -1, n_allowed;

    setun_topology_report_destroy(report);
    cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    n_allowed = CPU_COUNT(&set);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set))
            only = i; /* the last one */
    CPU_ZERO(&set);
    CPU_SET(only, &set);
    cr_assert_eq(sched_setaffinity(0, sizeof(set), &set), 0);
    report = report_of(NULL, 0, &after);
    cr_expect_eq(after.n_processors, before.n_processors, "what is not used is still shown");
    cr_expect_eq(after.n_threads, 1);
    cr_expect_eq(after.n_outside_affinity, before.n_outside_affinity + (uint32_t)n_allowed - 1);
    for (size_t i = 0; setun_topology_report_processor(report, i) != NULL; i++)
        if (setun_topology_report_processor(report, i)->os_index == (unsigned)only)
            cr_expect_eq(setun_topology_report_processor(report, i)->use, SETUN_PROCESSOR_WORKER);
    setun_topology_report_destroy(report);
}

/* Another machine's file: one of its processors is not allowed. */
Test(topology_report, xml)
{
    char path[] = "/tmp/setun-topology-XXXXXX";
    const int fd = mkstemp(path);
    setun_topology_options options = {.xml = path};
    setun_topology_report *report;
    setun_topology_summary summary;
    hwloc_topology_t made;
    hwloc_bitmap_t allowed;
    setun_error error = {""};

    cr_assert_geq(fd, 0);
    (void)close(fd);
    cr_assert_eq(hwloc_topology_init(&made), 0);
    cr_assert_eq(hwloc_topology_set_synthetic(made, "pack:1 core:3 pu:2"), 0);
    cr_assert_eq(hwloc_topology_set_flags(made, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED), 0);
    cr_assert_eq(hwloc_topology_load(made), 0);
    allowed = hwloc_bitmap_alloc();
    hwloc_bitmap_set_range(allowed, 1, 5);
    cr_assert_eq(hwloc_topology_allow(made, allowed, NULL, HWLOC_ALLOW_FLAG_CUSTOM), 0);
    cr_assert_eq(hwloc_topology_export_xml(made, path, 0), 0);
    hwloc_bitmap_free(allowed);
    hwloc_topology_destroy(made);

    cr_assert_eq(setun_topology_report_create(&options, &report, &error), SETUN_OK, "%s", error.text);
    setun_topology_report_describe(report, &summary);
    cr_expect(summary.imagined && summary.n_processors == 6 && summary.n_threads == 3);
    cr_expect_eq(summary.n_outside_cpuset, 1);
    cr_expect_eq(setun_topology_report_processor(report, 0)->use, SETUN_PROCESSOR_OUTSIDE_CPUSET);
    cr_expect_eq(setun_topology_report_processor(report, 1)->use, SETUN_PROCESSOR_WORKER, "the core's other thread takes over");
    setun_topology_report_destroy(report);
    (void)unlink(path);
}

Test(topology_report, mistakes)
{
    setun_topology_report *report = NULL;
    setun_error error = {""};

    cr_expect_eq(setun_topology_report_create(&(setun_topology_options){.synthetic = "nonsense:"}, &report, &error), SETUN_ERR_INVALID);
    cr_expect_not_null(strstr(error.text, "nonsense"));
    cr_expect_eq(setun_topology_report_create(&(setun_topology_options){.xml = "/nonexistent/x.xml"}, &report, &error), SETUN_ERR_NOT_FOUND);
    cr_expect_not_null(strstr(error.text, "/nonexistent/x.xml"));
    cr_expect_eq(setun_topology_report_create(&(setun_topology_options){.xml = SETUN_SOURCE_DIR "/models/bitnet.yaml"}, &report, &error),
                 SETUN_ERR_INVALID);
    cr_expect_eq(setun_topology_report_create(&(setun_topology_options){.xml = "a", .synthetic = "pu:1"}, &report, &error), SETUN_ERR_INVALID);
    cr_expect_eq(setun_topology_report_create(&(setun_topology_options){.n_threads = 100000}, &report, &error), SETUN_ERR_INVALID);
    cr_expect_null(report);
}

/* test_topology.c - which processors workers get, on machines that hwloc only imagines. */
#include <criterion/criterion.h>
#include <hwloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/topology.h"

Test(topology, one_worker_for_each_physical_core)
{
    setun_topology *topology;
    setun_error error = {""};

    cr_assert_eq(setun_topology_open("pack:2 core:4 pu:2", &topology, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_topology_n_cores(topology), 8);
    for (uint32_t worker = 0; worker < 20; worker++) /* every second thread is a sibling; the ninth worker starts again at core 0 */
        cr_assert_eq(setun_topology_processor(topology, setun_topology_core(topology, 16, worker)), 2 * (worker % 8), "worker %u", worker);
    cr_assert(!setun_topology_bind(topology, 8, 0), "an imagined machine must not bind anybody");
    setun_topology_close(topology);
}

Test(topology, caches_of_one_core)
{
    setun_topology *topology;
    setun_machine machine;
    setun_error error = {""};

    cr_assert_eq(setun_topology_open("pack:1 l3:1(size=32000000) l2:4(size=1000000) l1d:1(size=48000) core:1 pu:2", &topology, &error), SETUN_OK,
                 "%s", error.text);
    setun_topology_describe(topology, 3, &machine);
    cr_assert_eq(machine.n_workers, 3);
    cr_assert_eq(machine.l1d_bytes, 48000, "%llu", (unsigned long long)machine.l1d_bytes);
    cr_assert_eq(machine.l2_bytes, 1000000, "%llu", (unsigned long long)machine.l2_bytes);
    cr_assert_eq(machine.l3_bytes, 4000000, "eight hardware threads share it: %llu", (unsigned long long)machine.l3_bytes);
    setun_topology_close(topology);
}

Test(topology, cores_without_core_objects)
{
    setun_topology *topology;
    setun_error error = {""};

    cr_assert_eq(setun_topology_open("pu:3", &topology, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_topology_n_cores(topology), 3);
    setun_topology_close(topology);
    cr_assert_eq(setun_topology_open("nonsense:", &topology, &error), SETUN_ERR_INVALID);
    cr_assert_not_null(strstr(error.text, "nonsense"));
}

Test(topology, this_machine_obeys_the_affinity_mask)
{
    setun_topology *topology;
    setun_error error = {""};
    cpu_set_t set;
    int only = -1;

    cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    for (int i = 0; i < CPU_SETSIZE && only < 0; i++)
        if (CPU_ISSET(i, &set))
            only = i;
    CPU_ZERO(&set);
    CPU_SET(only, &set);
    cr_assert_eq(sched_setaffinity(0, sizeof(set), &set), 0);
    cr_assert_eq(setun_topology_open(NULL, &topology, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_topology_n_cores(topology), 1);
    cr_assert_eq(setun_topology_processor(topology, setun_topology_core(topology, 6, 5)), (unsigned)only);
    setun_topology_close(topology);
}

/* Cores that worker 0, 1, ... of n get, as text. */
static void check_spread(const char *machine, uint32_t n_workers, const char *expected)
{
    setun_topology *topology;
    setun_error error;
    char text[256] = "";
    size_t n = 0;

    cr_assert_eq(setun_topology_open(machine, &topology, &error), SETUN_OK, "%s", error.text);
    for (uint32_t worker = 0; worker < n_workers; worker++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u", worker > 0 ? " " : "", setun_topology_core(topology, n_workers, worker));
    cr_expect_str_eq(text, expected, "%u on %s: %s", n_workers, machine, text);
    setun_topology_close(topology);
}

Test(topology, workers_are_spread_over_numa_nodes)
{
    check_spread("pack:2 numa:1 core:4 pu:2", 1, "0");
    check_spread("pack:2 numa:1 core:4 pu:2", 2, "0 4");
    check_spread("pack:2 numa:1 core:4 pu:2", 3, "0 1 4");
    check_spread("pack:2 numa:1 core:4 pu:2", 7, "0 1 2 3 4 5 6");
    check_spread("pack:2 numa:1 core:4 pu:2", 8, "0 1 2 3 4 5 6 7");
    check_spread("pack:2 numa:1 core:4 pu:2", 9, "0 1 2 3 4 5 6 7 0");
    check_spread("numa:4 core:2 pu:1", 6, "0 1 2 3 4 6");
    check_spread("pack:1 core:4 pu:1", 3, "0 1 2");
}

/* An affinity mask may leave nodes of different sizes: here 1 core, 3 cores and 2. */
Test(topology, nodes_of_different_sizes)
{
    char path[] = "/tmp/setun-topology-XXXXXX";
    const int fd = mkstemp(path);
    static const uint32_t expected[7][6] = {{0}, {0}, {0, 1}, {0, 1, 4}, {0, 1, 2, 4}, {0, 1, 2, 4, 5}, {0, 1, 2, 3, 4, 5}};
    hwloc_topology_t made;
    hwloc_bitmap_t left;
    setun_topology *topology;
    setun_error error;

    cr_assert(fd >= 0 && close(fd) == 0);
    cr_assert_eq(hwloc_topology_init(&made), 0);
    cr_assert_eq(hwloc_topology_set_synthetic(made, "numa:3 core:3 pu:1"), 0);
    cr_assert_eq(hwloc_topology_load(made), 0);
    left = hwloc_bitmap_alloc();
    hwloc_bitmap_sscanf(left, "0xf9"); /* 0, 3-5, 6, 7 */
    cr_assert_eq(hwloc_topology_restrict(made, left, 0), 0);
    cr_assert_eq(hwloc_topology_export_xml(made, path, 0), 0);
    hwloc_bitmap_free(left);
    hwloc_topology_destroy(made);
    cr_assert_eq(setun_topology_open_xml(path, &topology, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_topology_n_cores(topology), 6);
    for (uint32_t n = 1; n <= 6; n++)
        for (uint32_t worker = 0; worker < n; worker++)
            cr_expect_eq(setun_topology_core(topology, n, worker), expected[n][worker], "worker %u of %u", worker, n);
    setun_topology_close(topology);
    (void)unlink(path);
}

/* Two packages with two clusters of 8 MB each; cores without any cache; caches of their own. */
Test(topology, caches_that_a_team_reaches)
{
    static const struct {
        const char *machine;
        uint32_t    n_workers;
        uint64_t    bytes;
    } cases[] = {
        {"numa:2 l3:2(size=8000000) l2:2(size=1000000) core:1 pu:2", 1, 8000000},
        {"numa:2 l3:2(size=8000000) l2:2(size=1000000) core:1 pu:2", 2, 16000000}, /* one on each node */
        {"numa:2 l3:2(size=8000000) l2:2(size=1000000) core:1 pu:2", 4, 16000000},
        {"numa:2 l3:2(size=8000000) l2:2(size=1000000) core:1 pu:2", 5, 24000000},
        {"numa:2 l3:2(size=8000000) l2:2(size=1000000) core:1 pu:2", 8, 32000000},
        {"numa:2 l3:2(size=8000000) l2:2(size=1000000) core:1 pu:2", 100, 32000000},
        {"core:4 pu:1", 4, 0},
        {"l2:4(size=500000) core:1 pu:1", 3, 1500000},
        {"l2:1(size=500000) core:4 pu:1", 3, 500000},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setun_topology *topology;
        setun_error error;

        cr_assert_eq(setun_topology_open(cases[i].machine, &topology, &error), SETUN_OK, "%s", error.text);
        cr_expect_eq(setun_topology_reach(topology, cases[i].n_workers), cases[i].bytes, "%s, %u workers: %llu", cases[i].machine, cases[i].n_workers,
                     (unsigned long long)setun_topology_reach(topology, cases[i].n_workers));
        setun_topology_close(topology);
    }
}

Test(topology, threads_under_a_quota)
{
    cr_expect_eq(setun_threads_for(8, 0), 8);
    cr_expect_eq(setun_threads_for(8, 2.5), 2);
    cr_expect_eq(setun_threads_for(8, 0.5), 1);
    cr_expect_eq(setun_threads_for(8, 8), 8);
    cr_expect_eq(setun_threads_for(8, 100), 8);
    cr_expect_eq(setun_threads_for(5000, 0), SETUN_MAX_THREADS);
    cr_expect_eq(setun_threads_for(5000, 3000), SETUN_MAX_THREADS);
}

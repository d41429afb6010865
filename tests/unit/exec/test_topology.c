/* test_topology.c - which processors workers get, on machines that hwloc only imagines. */
#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

#include "cpu/topology.h"

Test(topology, one_worker_for_each_physical_core)
{
    setun_topology *topology;
    setun_error error = {""};

    cr_assert_eq(setun_topology_open("pack:2 core:4 pu:2", &topology, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_topology_n_cores(topology), 8);
    for (uint32_t worker = 0; worker < 20; worker++) /* every second thread is a sibling; the ninth worker starts again at core 0 */
        cr_assert_eq(setun_topology_processor(topology, worker), 2 * (worker % 8), "worker %u", worker);
    cr_assert(!setun_topology_bind(topology, 0), "an imagined machine must not bind anybody");
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
    cr_assert_eq(setun_topology_processor(topology, 5), (unsigned)only);
    setun_topology_close(topology);
}

/* topology.c - hwloc: usable cores, cache sizes, binding. */
#include <errno.h>
#include <hwloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/limits.h"
#include "cpu/topology.h"

struct setun_topology {
    hwloc_topology_t hwloc;
    bool             imagined; /* not this machine: nothing is bound */
    uint32_t         n_cores;
    uint32_t         n_threads;  /* where nobody asks for a number */
    hwloc_obj_t     *processors; /* [n_cores] first hardware thread of each core */
    uint32_t         n_nodes;    /* runs of cores on the same NUMA node */
    uint32_t        *node_end;   /* [n_nodes] the core after the last one of each */
};

/* hwloc obeys cpusets and cgroups by itself, but not the affinity mask that taskset or a batch system has set. */
static void restrict_to_affinity(hwloc_topology_t hwloc)
{
    hwloc_bitmap_t set = hwloc_bitmap_alloc();

    if (set != NULL && hwloc_get_cpubind(hwloc, set, HWLOC_CPUBIND_THREAD) == 0 && !hwloc_bitmap_iszero(set))
        (void)hwloc_topology_restrict(hwloc, set, 0);
    hwloc_bitmap_free(set);
}

/* Operating-system index of the NUMA node next to a processor; -1: there is none. */
static int node_of(hwloc_obj_t processor)
{
    return processor->nodeset != NULL ? hwloc_bitmap_first(processor->nodeset) : -1;
}

static setun_status open_source(const char *synthetic, const char *xml, setun_topology **out_topology, setun_error *error)
{
    setun_topology *topology = setun_calloc(1, sizeof(*topology));
    int n_cores, type = HWLOC_OBJ_CORE;
    setun_cgroup cgroup = {0};

    if (topology == NULL)
        return setun_fail_nomem(error, "topology", sizeof(*topology));
    topology->imagined = synthetic != NULL || xml != NULL;
    if (hwloc_topology_init(&topology->hwloc) != 0) {
        free(topology);
        return setun_fail(error, SETUN_ERR_NOMEM, "hwloc cannot be initialised");
    }
    if (synthetic != NULL && hwloc_topology_set_synthetic(topology->hwloc, synthetic) != 0) {
        setun_topology_close(topology);
        return setun_fail(error, SETUN_ERR_INVALID, "hwloc does not understand the topology '%s'", synthetic);
    }
    if (xml != NULL && hwloc_topology_set_xml(topology->hwloc, xml) != 0) {
        setun_topology_close(topology);
        return setun_fail(error, SETUN_ERR_INVALID, "%s: hwloc does not understand this topology", xml);
    }
    if (hwloc_topology_load(topology->hwloc) != 0) {
        setun_topology_close(topology);
        if (synthetic != NULL || xml != NULL)
            return setun_fail(error, SETUN_ERR_INVALID, "%s: hwloc does not understand this topology", xml != NULL ? xml : synthetic);
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "hwloc cannot read this machine's topology");
    }
    if (!topology->imagined)
        restrict_to_affinity(topology->hwloc);
    n_cores = hwloc_get_nbobjs_by_type(topology->hwloc, HWLOC_OBJ_CORE);
    if (n_cores < 1) { /* some virtual machines report hardware threads only */
        type    = HWLOC_OBJ_PU;
        n_cores = hwloc_get_nbobjs_by_type(topology->hwloc, HWLOC_OBJ_PU);
    }
    if (n_cores < 1) {
        setun_topology_close(topology);
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "hwloc finds no processor that this process may use");
    }
    topology->processors = setun_calloc((size_t)n_cores, sizeof(hwloc_obj_t));
    topology->node_end = setun_calloc((size_t)n_cores, sizeof(*topology->node_end));
    if (topology->processors == NULL || topology->node_end == NULL) {
        setun_topology_close(topology);
        return setun_fail_nomem(error, "topology", (size_t)n_cores * sizeof(hwloc_obj_t));
    }
    topology->n_cores = (uint32_t)n_cores;
    for (int i = 0; i < n_cores; i++) {
        hwloc_obj_t core = hwloc_get_obj_by_type(topology->hwloc, (hwloc_obj_type_t)type, (unsigned)i);

        while (core->first_child != NULL) /* down to its first hardware thread */
            core = core->first_child;
        topology->processors[i] = core;
        if (i == 0 || node_of(core) != node_of(topology->processors[i - 1]))
            topology->n_nodes++;
        topology->node_end[topology->n_nodes - 1] = (uint32_t)i + 1;
    }
    if (!topology->imagined)
        setun_cgroup_read("", &cgroup);
    topology->n_threads = setun_threads_for(topology->n_cores, cgroup.cpu_quota);
    *out_topology = topology;
    return SETUN_OK;
}

setun_status setun_topology_open(const char *synthetic, setun_topology **out_topology, setun_error *error)
{
    return open_source(synthetic, NULL, out_topology, error);
}

setun_status setun_topology_open_xml(const char *path, setun_topology **out_topology, setun_error *error)
{
    if (access(path, R_OK) != 0)
        return setun_fail(error, errno == ENOENT || errno == ENOTDIR ? SETUN_ERR_NOT_FOUND : SETUN_ERR_IO, "%s: %s", path, strerror(errno));
    return open_source(NULL, path, out_topology, error);
}

void setun_topology_close(setun_topology *topology)
{
    if (topology == NULL)
        return;
    hwloc_topology_destroy(topology->hwloc);
    free(topology->processors);
    free(topology->node_end);
    free(topology);
}

uint32_t setun_topology_n_cores(const setun_topology *topology)
{
    return topology->n_cores;
}

uint32_t setun_threads_for(uint32_t n_cores, double cpu_quota)
{
    uint32_t n = n_cores < SETUN_MAX_THREADS ? n_cores : SETUN_MAX_THREADS;

    if (cpu_quota > 0 && cpu_quota < (double)n)
        n = cpu_quota < 1 ? 1 : (uint32_t)cpu_quota;
    return n;
}

uint32_t setun_topology_default_threads(const setun_topology *topology)
{
    return topology->n_threads;
}

uint32_t setun_topology_core(const setun_topology *topology, uint32_t n_workers, uint32_t worker)
{
    uint32_t level = 0, rest = n_workers; /* each node gives `level` cores, or all it has; the first `rest` of the larger ones one more */

    if (n_workers >= topology->n_cores)
        return worker % topology->n_cores;
    for (;; level++) {
        uint32_t n_larger = 0;

        for (uint32_t i = 0; i < topology->n_nodes; i++)
            n_larger += topology->node_end[i] - (i > 0 ? topology->node_end[i - 1] : 0) > level;
        if (n_larger > rest || n_larger == 0)
            break;
        rest -= n_larger;
    }
    for (uint32_t i = 0; i < topology->n_nodes; i++) {
        const uint32_t first = i > 0 ? topology->node_end[i - 1] : 0, size = topology->node_end[i] - first;
        uint32_t n = size < level ? size : level;

        if (size > level && rest > 0) {
            n++;
            rest--;
        }
        if (worker < n)
            return first + worker;
        worker -= n;
    }
    return worker % topology->n_cores; /* not a worker of these */
}

unsigned setun_topology_processor(const setun_topology *topology, uint32_t core)
{
    return topology->processors[core]->os_index;
}

void setun_topology_describe(const setun_topology *topology, uint32_t n_workers, setun_machine *out_machine)
{
    *out_machine = (setun_machine){.size = sizeof(*out_machine), .n_workers = n_workers};
    for (hwloc_obj_t object = topology->processors[0]; object != NULL; object = object->parent) {
        uint64_t share, n_processors;

        if (!hwloc_obj_type_is_dcache(object->type))
            continue;
        n_processors = (uint64_t)hwloc_get_nbobjs_inside_cpuset_by_type(topology->hwloc, object->cpuset, HWLOC_OBJ_PU);
        share = n_processors > 0 ? object->attr->cache.size / n_processors : object->attr->cache.size;
        if (object->type == HWLOC_OBJ_L1CACHE)
            out_machine->l1d_bytes = object->attr->cache.size;
        else if (object->type == HWLOC_OBJ_L2CACHE)
            out_machine->l2_bytes = object->attr->cache.size;
        else if (object->type == HWLOC_OBJ_L3CACHE)
            out_machine->l3_bytes = share; /* shared by the cores below it */
    }
}

/* The last data cache above the processor of a worker; NULL: none is known. */
static hwloc_obj_t last_cache(const setun_topology *topology, uint32_t n_workers, uint32_t worker)
{
    hwloc_obj_t cache = NULL;

    for (hwloc_obj_t object = topology->processors[setun_topology_core(topology, n_workers, worker)]; object != NULL; object = object->parent)
        if (hwloc_obj_type_is_dcache(object->type))
            cache = object;
    return cache;
}

uint64_t setun_topology_reach(const setun_topology *topology, uint32_t n_workers)
{
    const uint32_t n = n_workers < topology->n_cores ? n_workers : topology->n_cores;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        const hwloc_obj_t cache = last_cache(topology, n, i);
        bool counted = cache == NULL;

        for (uint32_t j = i; j > 0 && !counted; j--) /* neighbours share it most likely */
            counted = last_cache(topology, n, j - 1) == cache;
        sum += counted ? 0 : cache->attr->cache.size;
    }
    return sum;
}

uint64_t setun_topology_cache_bytes(const setun_topology *topology)
{
    static const hwloc_obj_type_t levels[] = {HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L1CACHE};
    uint64_t sum = 0;

    for (size_t i = 0; i < SETUN_COUNT(levels) && sum == 0; i++)
        for (hwloc_obj_t cache = hwloc_get_next_obj_by_type(topology->hwloc, levels[i], NULL); cache != NULL;
             cache = hwloc_get_next_obj_by_type(topology->hwloc, levels[i], cache))
            sum += cache->attr->cache.size;
    return sum;
}

/* hwloc may have been told by its own environment (HWLOC_SYNTHETIC, HWLOC_XMLFILE) to imagine a machine, too. */
static bool is_this_machine(const setun_topology *topology)
{
    return !topology->imagined && hwloc_topology_is_thissystem(topology->hwloc) != 0;
}

int setun_topology_node(const setun_topology *topology, uint32_t n_workers, uint32_t worker)
{
    return node_of(topology->processors[setun_topology_core(topology, n_workers, worker)]);
}

bool setun_topology_bind(const setun_topology *topology, uint32_t n_workers, uint32_t worker)
{
    const int processor = hwloc_bitmap_first(topology->processors[setun_topology_core(topology, n_workers, worker)]->cpuset);

    return is_this_machine(topology) && processor >= 0 && setun_affinity_set_processor((unsigned)processor);
}

bool setun_topology_save(const setun_topology *topology, setun_affinity *out_affinity)
{
    return is_this_machine(topology) && setun_affinity_read(out_affinity);
}

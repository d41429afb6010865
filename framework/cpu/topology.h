/* topology.h - the processors this process may use, as hwloc sees them under cpusets, cgroups and affinity masks. Internal. */
#ifndef SETUN_TOPOLOGY_H
#define SETUN_TOPOLOGY_H
#include "base/base.h"
#include "cpu/affinity.h"
#include "setun/topology.h"
#include "setun_plugin.h"

typedef struct setun_topology setun_topology;

/* Reads the machine. `synthetic` (tests): an hwloc synthetic description, e.g. "pack:2 core:4 pu:2"; NULL: this machine. */
setun_status setun_topology_open(const char *synthetic, setun_topology **out_topology, setun_error *error);
/* Another machine, from a file that hwloc wrote. SETUN_ERR_NOT_FOUND, _IO, _INVALID: hwloc does not understand it. */
setun_status setun_topology_open_xml(const char *path, setun_topology **out_topology, setun_error *error);
void         setun_topology_close(setun_topology *topology); /* accepts NULL */

/* Physical cores that may be used, at least 1. */
uint32_t setun_topology_n_cores(const setun_topology *topology);

/* Workers where nobody asks for a number: one a core, but no more than the cgroup's quota grants whole processors, as threads that are
 * stopped in the middle of a pass hold up all the others; 1 to SETUN_MAX_THREADS. */
uint32_t setun_topology_default_threads(const setun_topology *topology);
/* The same for any machine. cpu_quota: processors' worth of time; 0: no limit. */
uint32_t setun_threads_for(uint32_t n_cores, double cpu_quota);

/* The core that worker w of n is bound to. Fewer workers than cores are spread over the NUMA nodes as evenly as their sizes allow, so that
 * the memory channels of all of them are busy; neighbours stay on one node. More of them begin at core 0 again. */
uint32_t setun_topology_core(const setun_topology *topology, uint32_t n_workers, uint32_t worker);

/* Operating-system index of the NUMA node of worker w of n; -1: there is none. */
int setun_topology_node(const setun_topology *topology, uint32_t n_workers, uint32_t worker);

/* Operating-system index of the first hardware thread of a core. */
unsigned setun_topology_processor(const setun_topology *topology, uint32_t core);

/* Cache sizes of one core's share and the number of workers, as kernels see them in plan(). */
void setun_topology_describe(const setun_topology *topology, uint32_t n_workers, setun_machine *out_machine);

/* Bytes of the caches of the last level that the workers of a team reach; 0: unknown. */
uint64_t setun_topology_reach(const setun_topology *topology, uint32_t n_workers);

/* Bytes of all caches of the last level together; 0: unknown. */
uint64_t setun_topology_cache_bytes(const setun_topology *topology);

/* Binds the calling thread to the processor of worker w of n; allocates nothing. False where the system refuses (no harm: speed only). */
bool setun_topology_bind(const setun_topology *topology, uint32_t n_workers, uint32_t worker);

/* The calling thread's binding, to be put back by setun_affinity_set. False if there is nothing to put back: the machine is imagined, or
 * the system does not say. */
bool setun_topology_save(const setun_topology *topology, setun_affinity *out_affinity);
#endif

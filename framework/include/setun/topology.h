/** \file
 * topology.h - what the machine has and what Setun will use of it: packages, NUMA nodes, cores, caches, limits that the system sets, and
 * which processor each worker of a session gets. A session needs none of this; `setun topo` is made of it. */
#ifndef SETUN_TOPOLOGY_REPORT_H
#define SETUN_TOPOLOGY_REPORT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SETUN_MAX_THREADS = 1024 /**< workers of a session at most */ };

/** What was found and decided; opaque, constant. */
typedef struct setun_topology_report setun_topology_report;

/** Zero-initialise for this machine and a session's default number of threads. Strings are borrowed during the call only. */
typedef struct setun_topology_options {
    const char *synthetic; /**< an imagined machine in hwloc's words: "pack:2 numa:1 core:16 pu:2" */
    const char *xml;       /**< another machine's, as hwloc's lstopo writes it (.xml); not both */
    uint32_t    n_threads; /**< workers; 0: one for each physical core that may be used, no more than the cgroup's
                                quota has processors */
} setun_topology_options;

/** Looks at a machine.
 * \param options          may be NULL
 * \param[out] out_report  the caller's, for setun_topology_report_destroy
 * \param[out] error       the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: hwloc does not understand the description or the file; SETUN_ERR_NOT_FOUND, SETUN_ERR_IO: the file;
 *         SETUN_ERR_UNSUPPORTED: no usable processor; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_topology_report_create(const setun_topology_options *options, setun_topology_report **out_report,
                                                    setun_error *error);

/** Destroys it.
 * \param report  may be NULL */
SETUN_API void setun_topology_report_destroy(setun_topology_report *report);

/** The machine in numbers. */
typedef struct setun_topology_summary {
    bool     imagined;           /**< a description or a file: not this machine */
    uint32_t n_packages;         /**< sockets */
    uint32_t n_numa;             /**< NUMA nodes */
    uint32_t n_cores;            /**< physical cores */
    uint32_t n_processors;       /**< hardware threads; a core may have several (SMT) */
    uint32_t n_usable_cores;     /**< with a processor that this process may use */
    uint32_t n_threads;          /**< workers */
    uint32_t n_outside_cpuset;   /**< processors without a worker, by SETUN_PROCESSOR_*: OUTSIDE_CPUSET */
    uint32_t n_outside_affinity; /**< OUTSIDE_AFFINITY */
    uint32_t n_siblings;         /**< SIBLING */
    uint32_t n_spare;            /**< SPARE */
    uint64_t memory_bytes;       /**< of all NUMA nodes; 0: not known */
    double   cpu_quota;          /**< processors' worth of time that the cgroup grants; 0: no limit */
    uint64_t memory_limit_bytes; /**< of the cgroup; 0: no limit */
} setun_topology_summary;

/** Tells them.
 * \param report            any
 * \param[out] out_summary  filled in */
SETUN_API void setun_topology_report_describe(const setun_topology_report *report, setun_topology_summary *out_summary);

/** Why a processor has a worker, or none. */
enum {
    SETUN_PROCESSOR_WORKER = 0,           /**< it has one */
    SETUN_PROCESSOR_OUTSIDE_CPUSET = 1,   /**< the cgroup or container does not allow it */
    SETUN_PROCESSOR_OUTSIDE_AFFINITY = 2, /**< the process was bound to others: taskset, numactl, a batch system */
    SETUN_PROCESSOR_SIBLING = 3,          /**< another hardware thread of its core has the worker */
    SETUN_PROCESSOR_SPARE = 4             /**< more cores than threads */
};

/** A hardware thread. */
typedef struct setun_processor_info {
    unsigned os_index;  /**< the operating system's number */
    int32_t  package;   /**< numbered from 0 in the order of the machine; -1: none */
    int32_t  numa;      /**< likewise */
    int32_t  core;      /**< likewise */
    uint32_t thread;    /**< which hardware thread of its core, from 0 */
    int      use;       /**< SETUN_PROCESSOR_* */
    uint32_t worker;    /**< SETUN_PROCESSOR_WORKER: the first that it gets */
    uint32_t n_workers; /**< and how many: more than one if there are more threads than cores */
} setun_processor_info;

/** The machine's processors, those too that may not be used.
 * \param report  any
 * \param i       index
 * \return the report's own; NULL past the last */
SETUN_API const setun_processor_info *setun_topology_report_processor(const setun_topology_report *report, size_t i);

/** A NUMA node. */
typedef struct setun_numa_info {
    unsigned os_index;     /**< the operating system's number */
    uint64_t memory_bytes; /**< 0: not known */
    uint32_t n_cores;      /**< physical cores near it */
    uint32_t n_processors; /**< their hardware threads */
    uint32_t n_workers;    /**< workers on them */
} setun_numa_info;

/** The machine's NUMA nodes.
 * \param report  any
 * \param i       index
 * \return the report's own; NULL past the last */
SETUN_API const setun_numa_info *setun_topology_report_numa(const setun_topology_report *report, size_t i);

/** Caches of one level, kind and size. */
typedef struct setun_cache_info {
    unsigned level;        /**< 1, 2, 3 ... */
    char     kind;         /**< 'd' data, 'i' instructions, 'u' both */
    uint64_t bytes;        /**< of one */
    unsigned line_bytes;   /**< 0: not known */
    uint32_t n;            /**< how many there are */
    uint32_t n_processors; /**< that share one */
} setun_cache_info;

/** The machine's caches.
 * \param report  any
 * \param i       index
 * \return the report's own; NULL past the last */
SETUN_API const setun_cache_info *setun_topology_report_cache(const setun_topology_report *report, size_t i);

enum { SETUN_HUGE_PAGE_SIZES = 8 /**< room in setun_huge_pages */ };

/** Pages of one size, reserved by the administrator; Setun does not use these. */
typedef struct setun_huge_page_size {
    uint64_t page_bytes; /**< of one page */
    uint64_t n_total;    /**< pages that there are */
    uint64_t n_free;     /**< of them, not in use */
} setun_huge_page_size;

/** Huge pages of this machine. Setun asks for transparent ones (madvise) for weights and activations. */
typedef struct setun_huge_pages {
    char                 transparent[16]; /**< "always", "madvise", "never"; "" if the system does not say */
    char                 defrag[24];      /**< how hard it tries: "always", "defer", "defer+madvise", "madvise", "never"; "" likewise */
    size_t               n_sizes;         /**< of size[] */
    setun_huge_page_size size[SETUN_HUGE_PAGE_SIZES]; /**< [n_sizes] */
} setun_huge_pages;

/** Asks the system.
 * \param[out] out_pages  filled in; what it does not say is 0 or "" */
SETUN_API void setun_huge_pages_read(setun_huge_pages *out_pages);

#ifdef __cplusplus
}
#endif
#endif

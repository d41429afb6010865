/* topology_report.c - the whole machine as hwloc sees it, with the parts that this process may not use, and where workers go. */
#include <hwloc.h>
#include <stdlib.h>

#include "cpu/limits.h"
#include "cpu/topology.h"
#include "setun/topology.h"

struct setun_topology_report {
    setun_topology_summary summary;
    setun_processor_info  *processors; /* [n_processors] */
    setun_numa_info       *numas;      /* [n_numa] */
    setun_cache_info      *caches;     /* [n_caches] */
    size_t                 n_caches, caches_capacity;
};

static setun_status load_whole(const setun_topology_options *options, hwloc_topology_t *out_whole, setun_error *error)
{
    hwloc_topology_t whole;

    if (hwloc_topology_init(&whole) != 0)
        return setun_fail(error, SETUN_ERR_NOMEM, "hwloc cannot be initialised");
    (void)hwloc_topology_set_flags(whole, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    (void)hwloc_topology_set_icache_types_filter(whole, HWLOC_TYPE_FILTER_KEEP_ALL);
    if ((options->synthetic != NULL && hwloc_topology_set_synthetic(whole, options->synthetic) != 0) ||
        (options->xml != NULL && hwloc_topology_set_xml(whole, options->xml) != 0) || hwloc_topology_load(whole) != 0) {
        hwloc_topology_destroy(whole);
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "hwloc cannot read the whole topology");
    }
    *out_whole = whole;
    return SETUN_OK;
}

static int32_t number_above(hwloc_topology_t whole, hwloc_obj_t object, hwloc_obj_type_t type)
{
    const hwloc_obj_t found = hwloc_get_ancestor_obj_by_type(whole, type, object);

    return found != NULL ? (int32_t)found->logical_index : -1;
}

static int32_t numa_of(hwloc_topology_t whole, hwloc_obj_t object)
{
    const int os_index = object->nodeset != NULL ? hwloc_bitmap_first(object->nodeset) : -1;
    const hwloc_obj_t node = os_index >= 0 ? hwloc_get_numanode_obj_by_os_index(whole, (unsigned)os_index) : NULL;

    return node != NULL ? (int32_t)node->logical_index : -1;
}

/* Which of its core's processors it is; those of a core follow one another. */
static uint32_t thread_of(hwloc_topology_t whole, hwloc_obj_t processor)
{
    const hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(whole, HWLOC_OBJ_CORE, processor);
    uint32_t n = 0;

    for (hwloc_obj_t at = processor->prev_cousin; core != NULL && at != NULL && hwloc_bitmap_isset(core->cpuset, at->os_index); at = at->prev_cousin)
        n++;
    return n;
}

#define NO_WORKER UINT32_MAX

/* The first worker of a processor, or NO_WORKER. */
struct placement {
    unsigned os_index;
    uint32_t worker;
};

static int compare_placements(const void *left, const void *right)
{
    const unsigned a = ((const struct placement *)left)->os_index, b = ((const struct placement *)right)->os_index;

    return (a > b) - (a < b);
}

/* One for each usable core, sorted by processor: sessions give worker w to setun_topology_core(w). NULL: out of memory. */
static struct placement *list_placements(const setun_topology *usable, uint32_t n_threads)
{
    const uint32_t n_cores = setun_topology_n_cores(usable);
    struct placement *placements = setun_calloc(n_cores, sizeof(*placements));

    if (placements == NULL)
        return NULL;
    for (uint32_t core = 0; core < n_cores; core++)
        placements[core] = (struct placement){.os_index = setun_topology_processor(usable, core), .worker = NO_WORKER};
    for (uint32_t w = 0; w < n_threads && w < n_cores; w++)
        placements[setun_topology_core(usable, n_threads, w)].worker = w;
    qsort(placements, n_cores, sizeof(*placements), compare_placements);
    return placements;
}

/* What the processor does. */
static void decide_use(const struct placement *placements, uint32_t n_cores, hwloc_const_cpuset_t allowed, hwloc_const_cpuset_t affinity,
                       uint32_t n_threads, setun_processor_info *info)
{
    const struct placement key = {.os_index = info->os_index}, *found;

    if (!hwloc_bitmap_isset(allowed, info->os_index)) {
        info->use = SETUN_PROCESSOR_OUTSIDE_CPUSET;
        return;
    }
    if (!hwloc_bitmap_isset(affinity, info->os_index)) {
        info->use = SETUN_PROCESSOR_OUTSIDE_AFFINITY;
        return;
    }
    found = bsearch(&key, placements, n_cores, sizeof(*placements), compare_placements);
    if (found == NULL) {
        info->use = SETUN_PROCESSOR_SIBLING;
    } else if (found->worker == NO_WORKER) {
        info->use = SETUN_PROCESSOR_SPARE;
    } else {
        info->use = SETUN_PROCESSOR_WORKER;
        info->worker = found->worker;
        info->n_workers = (n_threads - found->worker + n_cores - 1) / n_cores; /* workers w, w + n_cores, ... */
    }
}

static setun_status list_processors(setun_topology_report *report, hwloc_topology_t whole, const setun_topology *usable,
                                    hwloc_const_cpuset_t affinity, setun_error *error)
{
    setun_topology_summary *summary = &report->summary;
    const size_t n = (size_t)hwloc_get_nbobjs_by_type(whole, HWLOC_OBJ_PU);
    struct placement *placements = list_placements(usable, summary->n_threads);

    report->processors = setun_calloc(n, sizeof(*report->processors));
    if (report->processors == NULL || placements == NULL) {
        free(placements);
        return setun_fail_nomem(error, "topology", n * sizeof(*report->processors));
    }
    summary->n_processors = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        const hwloc_obj_t object = hwloc_get_obj_by_type(whole, HWLOC_OBJ_PU, (unsigned)i);
        setun_processor_info *info = &report->processors[i];

        *info = (setun_processor_info){.os_index = object->os_index, .package = number_above(whole, object, HWLOC_OBJ_PACKAGE),
                                       .numa = numa_of(whole, object), .core = number_above(whole, object, HWLOC_OBJ_CORE),
                                       .thread = thread_of(whole, object)};
        decide_use(placements, summary->n_usable_cores, hwloc_topology_get_allowed_cpuset(whole), affinity, summary->n_threads, info);
        summary->n_outside_cpuset += info->use == SETUN_PROCESSOR_OUTSIDE_CPUSET;
        summary->n_outside_affinity += info->use == SETUN_PROCESSOR_OUTSIDE_AFFINITY;
        summary->n_siblings += info->use == SETUN_PROCESSOR_SIBLING;
        summary->n_spare += info->use == SETUN_PROCESSOR_SPARE;
    }
    free(placements);
    return SETUN_OK;
}

static setun_status list_numas(setun_topology_report *report, hwloc_topology_t whole, setun_error *error)
{
    const int n = hwloc_get_nbobjs_by_type(whole, HWLOC_OBJ_NUMANODE);

    report->summary.n_numa = n > 0 ? (uint32_t)n : 0;
    report->numas = setun_calloc(report->summary.n_numa, sizeof(*report->numas));
    if (report->numas == NULL)
        return setun_fail_nomem(error, "topology", report->summary.n_numa * sizeof(*report->numas));
    for (uint32_t i = 0; i < report->summary.n_numa; i++) {
        const hwloc_obj_t node = hwloc_get_obj_by_type(whole, HWLOC_OBJ_NUMANODE, i);
        setun_numa_info *info = &report->numas[i];

        info->os_index = node->os_index;
        info->memory_bytes = node->attr->numanode.local_memory;
        info->n_cores = (uint32_t)hwloc_get_nbobjs_inside_cpuset_by_type(whole, node->cpuset, HWLOC_OBJ_CORE);
        info->n_processors = (uint32_t)hwloc_get_nbobjs_inside_cpuset_by_type(whole, node->cpuset, HWLOC_OBJ_PU);
        for (uint32_t j = 0; j < report->summary.n_processors; j++)
            if (report->processors[j].numa == (int32_t)i)
                info->n_workers += report->processors[j].n_workers;
        report->summary.memory_bytes += info->memory_bytes;
    }
    return SETUN_OK;
}

static setun_status add_cache(setun_topology_report *report, hwloc_topology_t whole, hwloc_obj_t object, setun_error *error)
{
    const struct hwloc_cache_attr_s *attr = &object->attr->cache;
    const setun_cache_info info = {
        .level = attr->depth, .bytes = attr->size, .line_bytes = attr->linesize, .n = 1,
        .kind = attr->type == HWLOC_OBJ_CACHE_DATA ? 'd' : attr->type == HWLOC_OBJ_CACHE_INSTRUCTION ? 'i' : 'u',
        .n_processors = (uint32_t)hwloc_get_nbobjs_inside_cpuset_by_type(whole, object->cpuset, HWLOC_OBJ_PU),
    };

    for (size_t i = 0; i < report->n_caches; i++) {
        setun_cache_info *known = &report->caches[i];

        if (known->level == info.level && known->kind == info.kind && known->bytes == info.bytes && known->n_processors == info.n_processors) {
            known->n++;
            return SETUN_OK;
        }
    }
    if (!setun_grow(&report->caches, &report->caches_capacity, report->n_caches + 1, sizeof(*report->caches)))
        return setun_fail_nomem(error, "topology", (report->n_caches + 1) * sizeof(*report->caches));
    report->caches[report->n_caches++] = info;
    return SETUN_OK;
}

static setun_status list_caches(setun_topology_report *report, hwloc_topology_t whole, setun_error *error)
{
    static const hwloc_obj_type_t types[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L1ICACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L2ICACHE,
                                             HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L3ICACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L5CACHE};
    setun_status status = SETUN_OK;

    for (size_t t = 0; t < SETUN_COUNT(types); t++)
        for (hwloc_obj_t object = NULL; status == SETUN_OK && (object = hwloc_get_next_obj_by_type(whole, types[t], object)) != NULL;)
            status = add_cache(report, whole, object, error);
    return status;
}

/* The topology that a session would open. */
static setun_status open_usable(const setun_topology_options *options, setun_topology **out_usable, setun_error *error)
{
    if (options->synthetic != NULL && options->xml != NULL)
        return setun_fail(error, SETUN_ERR_INVALID, "topology: expected a description or a file, found both");
    if (options->n_threads > SETUN_MAX_THREADS)
        return setun_fail(error, SETUN_ERR_INVALID, "threads: expected 1 to %d, found %u", SETUN_MAX_THREADS, options->n_threads);
    if (options->xml != NULL)
        return setun_topology_open_xml(options->xml, out_usable, error);
    return setun_topology_open(options->synthetic, out_usable, error);
}

setun_status setun_topology_report_create(const setun_topology_options *options, setun_topology_report **out_report, setun_error *error)
{
    static const setun_topology_options defaults = {0};
    setun_topology_report *report;
    hwloc_bitmap_t affinity;
    hwloc_topology_t whole = NULL;
    setun_topology *usable;
    setun_cgroup cgroup = {0};
    setun_status status;

    if (options == NULL)
        options = &defaults;
    status = open_usable(options, &usable, error);
    if (status != SETUN_OK)
        return status;
    status = load_whole(options, &whole, error);
    if (status != SETUN_OK)
        goto close_usable;
    report = setun_calloc(1, sizeof(*report));
    affinity = hwloc_bitmap_alloc_full();
    if (report == NULL || affinity == NULL) {
        status = setun_fail_nomem(error, "topology", sizeof(*report));
        goto free_report;
    }
    report->summary.imagined = options->synthetic != NULL || options->xml != NULL;
    report->summary.n_usable_cores = setun_topology_n_cores(usable);
    report->summary.n_threads = options->n_threads != 0 ? options->n_threads : setun_topology_default_threads(usable);
    report->summary.n_packages = (uint32_t)hwloc_get_nbobjs_by_type(whole, HWLOC_OBJ_PACKAGE);
    report->summary.n_cores = (uint32_t)hwloc_get_nbobjs_by_type(whole, HWLOC_OBJ_CORE);
    if (!report->summary.imagined) {
        if (hwloc_get_cpubind(whole, affinity, HWLOC_CPUBIND_THREAD) != 0 || hwloc_bitmap_iszero(affinity))
            hwloc_bitmap_fill(affinity);
        setun_cgroup_read("", &cgroup);
    }
    report->summary.cpu_quota = cgroup.cpu_quota;
    report->summary.memory_limit_bytes = cgroup.memory_bytes;
    status = list_processors(report, whole, usable, affinity, error);
    if (status == SETUN_OK)
        status = list_numas(report, whole, error);
    if (status == SETUN_OK)
        status = list_caches(report, whole, error);
    if (status == SETUN_OK) {
        *out_report = report;
        report = NULL;
    }

free_report:
    hwloc_bitmap_free(affinity);
    setun_topology_report_destroy(report);
    hwloc_topology_destroy(whole);
close_usable:
    setun_topology_close(usable);
    return status;
}

void setun_topology_report_destroy(setun_topology_report *report)
{
    if (report == NULL)
        return;
    free(report->processors);
    free(report->numas);
    free(report->caches);
    free(report);
}

void setun_topology_report_describe(const setun_topology_report *report, setun_topology_summary *out_summary)
{
    *out_summary = report->summary;
}

const setun_processor_info *setun_topology_report_processor(const setun_topology_report *report, size_t i)
{
    return i < report->summary.n_processors ? &report->processors[i] : NULL;
}

const setun_numa_info *setun_topology_report_numa(const setun_topology_report *report, size_t i)
{
    return i < report->summary.n_numa ? &report->numas[i] : NULL;
}

const setun_cache_info *setun_topology_report_cache(const setun_topology_report *report, size_t i)
{
    return i < report->n_caches ? &report->caches[i] : NULL;
}

/* limits.h - limits that Linux sets from outside: control groups, huge pages, memory that is free. Internal. */
#ifndef SETUN_CPU_LIMITS_H
#define SETUN_CPU_LIMITS_H
#include <stdbool.h>
#include <stdint.h>

#include "setun/topology.h"

typedef struct setun_cgroup {
    double   cpu_quota;    /* processors' worth of time in each period; 0: no limit */
    uint64_t memory_bytes; /* 0: no limit */
} setun_cgroup;

/* Limits of this process's control group and all above it, versions 1 and 2. `root` is "" (tests: a folder with proc/ and sys/).
 * What is not there is no limit. */
void setun_cgroup_read(const char *root, setun_cgroup *out_cgroup);

/* setun_huge_pages_read below another root. */
void setun_huge_pages_read_below(const char *root, setun_huge_pages *out_pages);

/* Bytes that can be had without swapping, at most what the control group allows in all; 0: the system does not say. `root` as above. */
uint64_t setun_free_memory_read(const char *root);
#endif

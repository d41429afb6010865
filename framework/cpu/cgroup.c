/* cgroup.c - CPU bandwidth and memory limits of this process's control group; the strictest on the way to the root holds. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/limits.h"

enum { PATH_BYTES = 4096 };

/* First line of a small file; false if there is none. */
static bool read_line(char *line, int n_bytes, const char *path)
{
    FILE *file = fopen(path, "r");
    bool found;

    if (file == NULL)
        return false;
    found = fgets(line, n_bytes, file) != NULL;
    (void)fclose(file);
    if (found)
        line[strcspn(line, "\n")] = '\0';
    return found;
}

static void limit_cpu(setun_cgroup *cgroup, double quota_us, double period_us)
{
    const double cpus = period_us > 0 ? quota_us / period_us : 0;

    if (cpus > 0 && (cgroup->cpu_quota == 0 || cpus < cgroup->cpu_quota))
        cgroup->cpu_quota = cpus;
}

static void limit_memory(setun_cgroup *cgroup, const char *text)
{
    const uint64_t no_limit = UINT64_C(1) << 62; /* version 1 writes 2^63 rounded to a page for "none" */
    uint64_t n_bytes;
    char *end;

    if (text[0] < '0' || text[0] > '9') /* "max" */
        return;
    n_bytes = strtoull(text, &end, 10);
    if (*end == '\0' && n_bytes < no_limit && (cgroup->memory_bytes == 0 || n_bytes < cgroup->memory_bytes))
        cgroup->memory_bytes = n_bytes;
}

/* One folder of a hierarchy, either version: files of the other are not there. */
static void read_group(const char *folder, setun_cgroup *cgroup)
{
    char path[PATH_BYTES + 64], line[64], quota[64];
    char *end;

    (void)snprintf(path, sizeof(path), "%s/cpu.max", folder); /* "150000 100000" or "max 100000" */
    if (read_line(line, sizeof(line), path) && line[0] >= '0' && line[0] <= '9') {
        const double value = strtod(line, &end);

        limit_cpu(cgroup, value, strtod(end, NULL));
    }
    (void)snprintf(path, sizeof(path), "%s/memory.max", folder);
    if (read_line(line, sizeof(line), path))
        limit_memory(cgroup, line);
    (void)snprintf(path, sizeof(path), "%s/memory.limit_in_bytes", folder);
    if (read_line(line, sizeof(line), path))
        limit_memory(cgroup, line);
    (void)snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", folder); /* -1: none */
    if (!read_line(quota, sizeof(quota), path))
        return;
    (void)snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder);
    if (read_line(line, sizeof(line), path))
        limit_cpu(cgroup, strtod(quota, NULL), strtod(line, NULL));
}

/* A group and all above it. In a container the path may name nothing below the mount point: then its last existing parent, often the
 * mount point itself, is the container's own group. */
static void read_hierarchy(const char *mount, const char *group, setun_cgroup *cgroup)
{
    char folder[PATH_BYTES];
    const size_t n_mount = strlen(mount);

    if (snprintf(folder, sizeof(folder), "%s%s", mount, group) >= (int)sizeof(folder))
        return;
    for (;;) {
        char *slash;

        read_group(folder, cgroup);
        slash = strrchr(folder, '/');
        if (slash == NULL || (size_t)(slash - folder) < n_mount)
            return;
        *slash = '\0';
    }
}

/* Whether the comma-separated list has the word. */
static bool has_word(const char *list, const char *word)
{
    const size_t n = strlen(word);

    for (const char *at = list; (at = strstr(at, word)) != NULL; at += n)
        if ((at == list || at[-1] == ',') && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

void setun_cgroup_read(const char *root, setun_cgroup *out_cgroup)
{
    setun_cgroup cgroup = {0};
    char path[PATH_BYTES], line[PATH_BYTES];
    FILE *file;

    *out_cgroup = cgroup;
    (void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    file = fopen(path, "r");
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL) { /* "0::/user.slice" or "4:cpu,cpuacct:/docker/1234" */
        char *controllers = strchr(line, ':'), *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

        if (group == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        controllers++;
        *group++ = '\0';
        if (controllers[0] == '\0') {
            (void)snprintf(path, sizeof(path), "%s/sys/fs/cgroup", root);
            read_hierarchy(path, group, &cgroup);
            (void)snprintf(path, sizeof(path), "%s/sys/fs/cgroup/unified", root);
            read_hierarchy(path, group, &cgroup);
        }
        if (has_word(controllers, "cpu")) {
            (void)snprintf(path, sizeof(path), "%s/sys/fs/cgroup/cpu", root);
            read_hierarchy(path, group, &cgroup);
        }
        if (has_word(controllers, "memory")) {
            (void)snprintf(path, sizeof(path), "%s/sys/fs/cgroup/memory", root);
            read_hierarchy(path, group, &cgroup);
        }
    }
    (void)fclose(file);
    *out_cgroup = cgroup;
}

/* free_memory.c - how much memory can be had without taking any away from others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/limits.h"

enum { PATH_BYTES = 4096 };

/* The kernel's own estimate, page cache that can be dropped included; false if it gives none. */
static bool read_available(const char *root, uint64_t *out_bytes)
{
    static const char key[] = "MemAvailable:";
    char path[PATH_BYTES], line[128], *end;
    unsigned long long kib = 0;
    bool found = false;
    FILE *file;

    if (snprintf(path, sizeof(path), "%s/proc/meminfo", root) >= (int)sizeof(path))
        return false;
    file = fopen(path, "r");
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0) {
            kib = strtoull(line + strlen(key), &end, 10);
            found = strncmp(end, " kB", 3) == 0;
        }
    if (file != NULL)
        (void)fclose(file);
    if (found)
        *out_bytes = kib > UINT64_MAX / 1024 ? UINT64_MAX : kib * 1024;
    return found;
}

uint64_t setun_free_memory_read(const char *root)
{
    setun_cgroup cgroup;
    uint64_t n_bytes;

    if (!read_available(root, &n_bytes)) {
#ifdef _SC_AVPHYS_PAGES
        const long n_pages = sysconf(_SC_AVPHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);

        n_bytes = n_pages > 0 && page_bytes > 0 ? (uint64_t)n_pages * (uint64_t)page_bytes : 0;
#else
        n_bytes = 0;
#endif
    }
    setun_cgroup_read(root, &cgroup);
    return cgroup.memory_bytes > 0 && (n_bytes == 0 || cgroup.memory_bytes < n_bytes) ? cgroup.memory_bytes : n_bytes;
}

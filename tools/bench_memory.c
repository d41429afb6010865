/* bench_memory.c - resident memory, as Linux tells it in /proc. */
#include "bench_memory.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The peak as POSIX has it: of the whole life, in KiB but for one system. */
static double peak_of_life(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return NAN;
#ifdef __APPLE__
    return (double)usage.ru_maxrss;
#else
    return 1024.0 * (double)usage.ru_maxrss;
#endif
}

/* "Key:   123 kB"; another line changes nothing. */
static void read_kib(const char *line, const char *key, double *out_bytes)
{
    const size_t n = strlen(key);
    double kib;
    char *end;

    if (strncmp(line, key, n) != 0)
        return;
    kib = (double)strtoull(line + n, &end, 10);
    if (strncmp(end, " kB", 3) == 0)
        *out_bytes = 1024.0 * kib;
}

static void read_file(const char *path, memory_use *use)
{
    FILE *file = fopen(path, "r");
    char line[256];

    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL) {
        read_kib(line, "RssAnon:", &use->anon_bytes);
        read_kib(line, "RssFile:", &use->file_bytes);
        read_kib(line, "VmHWM:", &use->peak_bytes);
        read_kib(line, "AnonHugePages:", &use->huge_bytes);
    }
    (void)fclose(file);
}

void memory_read(memory_use *out_use)
{
    *out_use = (memory_use){NAN, NAN, NAN, peak_of_life()};
    read_file("/proc/self/status", out_use);
    read_file("/proc/self/smaps_rollup", out_use);
}

void memory_forget_peak(void)
{
    const int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, "5", 1) != 1) { /* 5: the peak alone, see proc(5). Not allowed: it stays that of the whole life */
    }
    (void)close(fd);
}

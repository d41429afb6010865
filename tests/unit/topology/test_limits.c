/* test_limits.c - control groups and huge pages, read from folders that look like a system's. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cpu/limits.h"

static char root[] = "/tmp/setun-limits-XXXXXX";

/* Writes root/path, making its folders. */
static void put(const char *path, const char *text)
{
    char whole[512];
    FILE *file;

    (void)snprintf(whole, sizeof(whole), "%s/%s", root, path);
    for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(whole, 0777);
        *slash = '/';
    }
    file = fopen(whole, "w");
    cr_assert(file != NULL, "%s", whole);
    cr_assert(fputs(text, file) >= 0 && fclose(file) == 0);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static void begin(void)
{
    cr_assert(mkdtemp(root) != NULL);
}

static void end(void)
{
    (void)nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static setun_cgroup read_cgroup(void)
{
    setun_cgroup cgroup;

    setun_cgroup_read(root, &cgroup);
    return cgroup;
}

Test(limits, nothing_there, .init = begin, .fini = end)
{
    const setun_cgroup cgroup = read_cgroup();
    setun_huge_pages pages;

    cr_expect(cgroup.cpu_quota == 0 && cgroup.memory_bytes == 0);
    setun_huge_pages_read_below(root, &pages);
    cr_expect_str_eq(pages.transparent, "");
    cr_expect_eq(pages.n_sizes, 0);
}

/* Version 2: the strictest group on the way to the root holds. */
Test(limits, version_2, .init = begin, .fini = end)
{
    setun_cgroup cgroup;

    put("proc/self/cgroup", "0::/a/b\n");
    put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
    put("sys/fs/cgroup/a/b/memory.max", "2147483648\n");
    put("sys/fs/cgroup/a/memory.max", "4294967296\n");
    put("sys/fs/cgroup/memory.max", "max\n");
    cgroup = read_cgroup();
    cr_expect_eq(cgroup.cpu_quota, 2.5);
    cr_expect_eq(cgroup.memory_bytes, UINT64_C(2147483648));
}

/* A container sees its own group as the mount point, and a path that does not exist below it. */
Test(limits, container, .init = begin, .fini = end)
{
    setun_cgroup cgroup;

    put("proc/self/cgroup", "0::/system.slice/docker-1234.scope\n");
    put("sys/fs/cgroup/cpu.max", "50000 100000\n");
    cgroup = read_cgroup();
    cr_expect_eq(cgroup.cpu_quota, 0.5);
}

Test(limits, version_1, .init = begin, .fini = end)
{
    setun_cgroup cgroup;

    put("proc/self/cgroup", "9:name=systemd:/x\n4:memory:/m\n3:cpuset:/\n2:cpu,cpuacct:/docker/1\n");
    put("sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "300000\n");
    put("sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "1073741824\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    cgroup = read_cgroup();
    cr_expect_eq(cgroup.cpu_quota, 3);
    cr_expect_eq(cgroup.memory_bytes, UINT64_C(1073741824));
}

Test(limits, broken_files, .init = begin, .fini = end)
{
    setun_cgroup cgroup;

    put("proc/self/cgroup", "nonsense\n:::\n0::/a\n1:cpu\n");
    put("sys/fs/cgroup/a/cpu.max", "100000 0\n");
    put("sys/fs/cgroup/cpu.max", "\n");
    put("sys/fs/cgroup/a/memory.max", "12x\n");
    put("sys/fs/cgroup/memory.max", "");
    cgroup = read_cgroup();
    cr_expect(cgroup.cpu_quota == 0 && cgroup.memory_bytes == 0, "%g, %llu", cgroup.cpu_quota, (unsigned long long)cgroup.memory_bytes);
}

Test(limits, huge_pages, .init = begin, .fini = end)
{
    setun_huge_pages pages;

    put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    put("sys/kernel/mm/transparent_hugepage/defrag", "always defer [defer+madvise] madvise never\n");
    put("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "2\n");
    put("sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "1\n");
    put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
    setun_huge_pages_read_below(root, &pages);
    cr_expect_str_eq(pages.transparent, "madvise");
    cr_expect_str_eq(pages.defrag, "defer+madvise");
    cr_assert_eq(pages.n_sizes, 2);
    cr_expect(pages.size[0].page_bytes == 2097152 && pages.size[0].n_total == 0);
    cr_expect(pages.size[1].page_bytes == 1073741824 && pages.size[1].n_total == 2 && pages.size[1].n_free == 1);
}

Test(limits, free_memory, .init = begin, .fini = end)
{
    put("proc/meminfo", "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n");
    cr_expect_eq(setun_free_memory_read(root), UINT64_C(8000000) * 1024, "what can be had, not what lies idle");
    put("proc/self/cgroup", "0::/a\n");
    put("sys/fs/cgroup/a/memory.max", "1048576000\n");
    cr_expect_eq(setun_free_memory_read(root), UINT64_C(1048576000), "and no more than the control group has");
    put("proc/meminfo", "MemAvailable: 18446744073709551615 kB\n");
    put("sys/fs/cgroup/a/memory.max", "max\n");
    cr_expect_eq(setun_free_memory_read(root), UINT64_MAX);
    put("proc/meminfo", "MemTotal: 16000000 kB\n");
    cr_expect_gt(setun_free_memory_read(root), 0, "an old kernel's: what lies idle");
}

/* huge_pages.c - what Linux says about huge pages. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/limits.h"

enum { PATH_BYTES = 4096 };

/* The word in brackets of "always [madvise] never"; "" if the file is not there or has none. */
static void read_choice(const char *root, const char *file, char *word, size_t n_bytes)
{
    char path[PATH_BYTES], line[256] = "";
    const char *begin, *end;
    FILE *stream;

    word[0] = '\0';
    (void)snprintf(path, sizeof(path), "%s/sys/kernel/mm/transparent_hugepage/%s", root, file);
    stream = fopen(path, "r");
    if (stream == NULL)
        return;
    if (fgets(line, sizeof(line), stream) == NULL)
        line[0] = '\0';
    (void)fclose(stream);
    begin = strchr(line, '[');
    end = begin != NULL ? strchr(begin, ']') : NULL;
    if (end != NULL && (size_t)(end - begin) <= n_bytes) {
        memcpy(word, begin + 1, (size_t)(end - begin) - 1);
        word[end - begin - 1] = '\0';
    }
}

static uint64_t read_count(const char *root, const char *folder, const char *file)
{
    char path[PATH_BYTES], line[64] = "";
    FILE *stream;

    if (snprintf(path, sizeof(path), "%s/sys/kernel/mm/hugepages/%s/%s", root, folder, file) >= (int)sizeof(path))
        return 0;
    stream = fopen(path, "r");
    if (stream == NULL)
        return 0;
    if (fgets(line, sizeof(line), stream) == NULL)
        line[0] = '\0';
    (void)fclose(stream);
    return strtoull(line, NULL, 10);
}

/* Ascending by size. */
static int compare_sizes(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right; /* page_bytes comes first */

    return (a > b) - (a < b);
}

void setun_huge_pages_read_below(const char *root, setun_huge_pages *out_pages)
{
    setun_huge_pages pages = {.n_sizes = 0};
    char path[PATH_BYTES];
    DIR *folder;

    read_choice(root, "enabled", pages.transparent, sizeof(pages.transparent));
    read_choice(root, "defrag", pages.defrag, sizeof(pages.defrag));
    (void)snprintf(path, sizeof(path), "%s/sys/kernel/mm/hugepages", root);
    folder = opendir(path);
    for (struct dirent *entry; folder != NULL && pages.n_sizes < SETUN_HUGE_PAGE_SIZES && (entry = readdir(folder)) != NULL;) {
        static const char prefix[] = "hugepages-"; /* "hugepages-2048kB" */
        unsigned long long kilobytes;

        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        kilobytes = strtoull(entry->d_name + strlen(prefix), NULL, 10);
        if (kilobytes == 0 || kilobytes > UINT64_MAX / 1024)
            continue;
        pages.size[pages.n_sizes].page_bytes = 1024 * (uint64_t)kilobytes;
        pages.size[pages.n_sizes].n_total = read_count(root, entry->d_name, "nr_hugepages");
        pages.size[pages.n_sizes].n_free = read_count(root, entry->d_name, "free_hugepages");
        pages.n_sizes++;
    }
    if (folder != NULL)
        (void)closedir(folder);
    qsort(pages.size, pages.n_sizes, sizeof(pages.size[0]), compare_sizes);
    *out_pages = pages;
}

void setun_huge_pages_read(setun_huge_pages *out_pages)
{
    setun_huge_pages_read_below("", out_pages);
}

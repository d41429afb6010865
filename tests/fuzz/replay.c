/* replay.c - runs a fuzz target on files and folders of files, without libFuzzer: `replay_NAME PATH...`. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    uint8_t *data;
    size_t n_bytes;

    if (file == NULL || fstat(fileno(file), &info) != 0 || (data = malloc(info.st_size > 0 ? (size_t)info.st_size : 1)) == NULL) {
        perror(path);
        exit(1);
    }
    n_bytes = fread(data, 1, (size_t)info.st_size, file);
    (void)fclose(file);
    (void)fprintf(stderr, "%s\n", path); /* the last one is the one that crashed */
    (void)LLVMFuzzerTestOneInput(data, n_bytes);
    free(data);
    return 1;
}

static int run_path(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;

    if (dir == NULL)
        return run_file(path);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char child[4096];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
        n += run_path(child);
    }
    (void)closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;

    (void)LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        n += run_path(argv[i]);
    (void)printf("%d inputs\n", n);
    return n == 0;
}

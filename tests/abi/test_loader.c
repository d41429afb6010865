/* test_loader.c - setun_plugins_open against real shared objects: one reason for each kind of refusal, none of it by running code. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "plugin/registry.h"
#include "setun/cpu.h"
#include "setun/plugins.h"

static const char mark[] = "SETUN_ABI_CONSTRUCTOR_RAN";

static void case_path(const char *name, char *path, size_t n_bytes)
{
    snprintf(path, n_bytes, "%s/%s/abi_%s.so", SETUN_ABI_CASES, name, name);
}

static setun_plugins *open_file(const char *file, const char *cpu)
{
    const setun_plugins_options options = {.cpu = cpu};
    setun_plugins *plugins = NULL;
    setun_error error = {{0}};

    cr_assert_eq(setun_plugins_open_file(file, &options, &plugins, &error), SETUN_OK, "%s: %s", file, error.text);
    cr_assert_eq(setun_plugins_count(plugins), 1);
    cr_assert_str_eq(setun_plugins_info(plugins, 0)->file, file);
    cr_assert(setun_plugins_info(plugins, 1) == NULL);
    return plugins;
}

/* Does the process have this file mapped? */
static int is_mapped(const char *file)
{
    void *handle = dlopen(file, RTLD_NOW | RTLD_NOLOAD);

    if (handle != NULL)
        dlclose(handle);
    return handle != NULL;
}

/* The file is refused, its one line holds `says`, and nothing of it can be seen. */
static void expect_refused_file(const char *file, const char *cpu, const char *says)
{
    setun_plugins *plugins = open_file(file, cpu);
    const setun_plugin_info *info = setun_plugins_info(plugins, 0);

    cr_assert_not(info->loaded, "%s was loaded, expected: %s", file, says);
    cr_assert(strstr(info->reason, says) != NULL, "%s: '%s' lacks '%s'", file, info->reason, says);
    cr_assert(strchr(info->reason, '\n') == NULL && info->name != NULL && info->version != NULL);
    cr_assert_eq(setun_plugins_n_kernels(plugins), 0);
    cr_assert(setun_plugins_format(plugins, "good.row") == NULL);
    setun_plugins_close(plugins);
}

static void expect_refused(const char *name, const char *says)
{
    char path[1024];

    case_path(name, path, sizeof(path));
    expect_refused_file(path, NULL, says);
    cr_assert_not(is_mapped(path), "%s is still mapped", name);
}

Test(abi_loader, a_good_plugin)
{
    char path[1024];
    setun_plugins *plugins;
    const setun_plugin_info *info;
    const setun_format *format;
    int64_t dim[4] = {3, 10, 1, 1}, stride[4] = {0};

    case_path("good", path, sizeof(path));
    plugins = open_file(path, NULL);
    info = setun_plugins_info(plugins, 0);
    cr_assert(info->loaded, "%s", info->reason);
    cr_assert_str_eq(info->name, "good");
    cr_assert_str_eq(info->version, "1.2");
    cr_assert_str_eq(info->reason, "");
    cr_assert(info->abi_major == 1 && info->abi_minor == 0 && info->n_kernels == 2 && info->n_formats == 1 && info->cpu == 0);
    cr_assert_eq(setun_plugins_n_kernels(plugins), 2);
    cr_assert_str_eq(setun_plugins_kernel(plugins, 0).kernel->name, "linear_good");
    cr_assert_str_eq(setun_plugins_kernel(plugins, 1).kernel->name, "linear_good_plain");
    cr_assert_str_eq(setun_plugins_kernel(plugins, 0).plugin->name, "good");
    format = setun_plugins_format(plugins, "good.row");
    cr_assert(format != NULL && format->layout(dim, stride) == 30 && stride[0] == 10);
    cr_assert(setun_plugins_format(plugins, "good") == NULL);
    cr_assert(is_mapped(path));
    setun_plugins_close(plugins);
    cr_assert_not(is_mapped(path), "closing left it mapped");
    setun_plugins_close(NULL);
}

Test(abi_loader, every_hash_table_and_stripped_files_load)
{
    static const char *const names[] = {"hash_sysv", "hash_gnu", "stripped"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[1024];
        setun_plugins *plugins;

        case_path(names[i], path, sizeof(path));
        if (access(path, F_OK) != 0)
            cr_skip_test("ELF only");
        plugins = open_file(path, NULL);
        cr_assert(setun_plugins_info(plugins, 0)->loaded, "%s: %s", names[i], setun_plugins_info(plugins, 0)->reason);
        setun_plugins_close(plugins);
    }
}

Test(abi_loader, header_refusals)
{
    expect_refused("newer_minor", "built for plugin contract 1.1, newer than this host's 1.0");
    expect_refused("other_major", "built for plugin contract 2.0, this host has 1.0");
    expect_refused("other_symbol", "exports setun_plugin_v2, this host knows setun_plugin_v1");
    expect_refused("magic", "magic 0x12345678, expected 0x314E5453");
    expect_refused("size", "says it has 64 bytes, contract 1.0 has 72");
    expect_refused("size_beyond", "says it has 80 bytes, the symbol table says 72");
    expect_refused("sanitizer", SETUN_BUILD_THIS == SETUN_BUILD_PLAIN ? "built with AddressSanitizer, this host with no sanitizer"
                                                                      : "built with no sanitizer, this host with ");
    expect_refused("cpu_unknown", "this machine lacks: bit60");
}

Test(abi_loader, what_the_header_said_is_kept)
{
    char path[1024];
    setun_plugins *plugins;

    case_path("newer_minor", path, sizeof(path));
    plugins = open_file(path, NULL);
    cr_assert(setun_plugins_info(plugins, 0)->abi_major == 1 && setun_plugins_info(plugins, 0)->abi_minor == 1);
    setun_plugins_close(plugins);
    case_path("cpu_both", path, sizeof(path));
    plugins = open_file(path, NULL);
    cr_assert_eq(setun_plugins_info(plugins, 0)->cpu, SETUN_CPU_SSE41 | SETUN_CPU_NEON);
    setun_plugins_close(plugins);
}

Test(abi_loader, cpu_refusals)
{
    char path[1024];
    uint64_t native;

    /* No machine has both; which one it lacks is its own. */
    cr_assert_eq(setun_cpu_detect(NULL, &native, NULL), SETUN_OK);
    expect_refused("cpu_both", (native & SETUN_CPU_NEON) == 0 ? "neon" : "sse41");
    expect_refused("cpu_both", "this machine lacks");
    case_path("cpu_level", path, sizeof(path));
    if ((native & SETUN_CPU_AVX2) == 0) {
        expect_refused_file(path, NULL, "this machine lacks: avx2");
        return;
    }
    expect_refused_file(path, "sse", "SETUN_CPU=sse takes away: avx2");
    expect_refused_file(path, "native,-avx2", "SETUN_CPU=native,-avx2 takes away: avx2");
    setun_plugins_close(open_file(path, "avx2"));
    setenv("SETUN_CPU", "sse", 1);
    expect_refused_file(path, NULL, "SETUN_CPU=sse takes away: avx2");
}

Test(abi_loader, wrong_cap_is_an_error)
{
    const setun_plugins_options options = {.cpu = "avx3"};
    setun_plugins *plugins = NULL;
    setun_error error = {{0}};

    cr_assert_eq(setun_plugins_open(&options, &plugins, &error), SETUN_ERR_INVALID);
    cr_assert(plugins == NULL && strstr(error.text, "'avx3'") != NULL, "%s", error.text);
    setenv("SETUN_CPU", "nonsense", 1);
    cr_assert_eq(setun_plugins_open(NULL, &plugins, &error), SETUN_ERR_INVALID);
}

Test(abi_loader, a_kernel_beyond_the_cpu_is_hidden)
{
    char path[1024];
    setun_plugins *plugins;

    case_path("kernel_cpu", path, sizeof(path));
    plugins = open_file(path, NULL);
    cr_assert(setun_plugins_info(plugins, 0)->loaded, "%s", setun_plugins_info(plugins, 0)->reason);
    cr_assert_eq(setun_plugins_info(plugins, 0)->n_kernels, 2);
    cr_assert_eq(setun_plugins_n_kernels(plugins), 1);
    cr_assert_str_eq(setun_plugins_kernel(plugins, 0).kernel->name, "linear_kc_plain");
    setun_plugins_close(plugins);
}

Test(abi_loader, symbol_refusals)
{
    expect_refused("no_symbol", "no symbol setun_plugin_v1: not a Setun plugin");
    expect_refused("borrower", "not defined in this file, it belongs to another library");
    expect_refused("function", "not a data object");
    expect_refused("small", "has 4 bytes, expected at least 24");
    expect_refused("zeroed", "not constant data of the file");
}

Test(abi_loader, table_refusals)
{
    expect_refused("bad_fmts", "kernel linear_good: fmts: no outputs");
    expect_refused("null_run", "kernel linear_good: run is NULL");
}

Test(abi_loader, contract_refusals)
{
    expect_refused("thread_local", "thread-local");
    if (SETUN_BUILD_THIS == SETUN_BUILD_PLAIN)
        expect_refused("export", "exports helper_of_mine beside setun_plugin_v1");
#if defined(__ELF__)
    expect_refused("exec_stack", "executable stack");
    expect_refused("ifunc", "ifunc resolvers");
#endif
}

/* First that the constructor does leave its mark when its file is mapped, then that a refused file was not mapped. */
Test(abi_loader, no_code_runs_before_refusal)
{
    char path[1024];
    void *handle;

    case_path("constructor", path, sizeof(path));
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    cr_assert(handle != NULL, "%s", dlerror());
    cr_assert(getenv(mark) != NULL, "the constructor of the test case does not work");
    dlclose(handle);
    unsetenv(mark);

    expect_refused("constructor_newer", "newer than this host's");
    cr_assert(getenv(mark) == NULL, "code of a refused plugin has run");
    if (SETUN_BUILD_THIS != SETUN_BUILD_PLAIN)
        return; /* sanitizers bring constructors of their own, so the rule is off */
    expect_refused("constructor", "has constructors");
    cr_assert(getenv(mark) == NULL, "code of a refused plugin has run");
#if defined(__ELF__)
    expect_refused("no_start_files", "has constructors (1, the compiler's own being 0)");
    cr_assert(getenv(mark) == NULL, "code of a refused plugin has run");
#endif
}

/* A folder of its own for a test, with what is no plugin. */
static void make_folder(char *folder)
{
    strcpy(folder, "/tmp/setun-abi-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
}

static void remove_in(const char *folder, const char *name)
{
    char path[1024];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    cr_assert_eq(remove(path), 0, "%s", path);
}

static void write_in(const char *folder, const char *name, const char *bytes, size_t n)
{
    char path[1024];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wb");
    cr_assert(file != NULL && fwrite(bytes, 1, n, file) == n);
    fclose(file);
}

static const setun_plugin_info *info_of(const setun_plugins *plugins, const char *end)
{
    for (size_t i = 0; i < setun_plugins_count(plugins); i++) {
        const setun_plugin_info *info = setun_plugins_info(plugins, i);

        if (strlen(info->file) >= strlen(end) && strcmp(info->file + strlen(info->file) - strlen(end), end) == 0)
            return info;
    }
    cr_assert_fail("%s was not looked at", end);
    return NULL;
}

static setun_plugins *open_path(const char *path)
{
    const setun_plugins_options options = {.path = path};
    setun_plugins *plugins = NULL;
    setun_error error = {{0}};

    cr_assert_eq(setun_plugins_open(&options, &plugins, &error), SETUN_OK, "%s", error.text);
    return plugins;
}

Test(abi_loader, what_is_no_file, .timeout = 20)
{
    static const char *const names[] = {"a_folder.so", "b_pipe.so", "c_dangling.so", "d_loop.so", "e_empty.so", "f_text.so"};
    static const char *const reasons[] = {"a folder, expected a file", "a named pipe, expected a file", "leads nowhere", "leads nowhere",
                                          "empty file", "not an ELF file"};
    char folder[64], path[1024];
    setun_plugins *plugins;

    make_folder(folder);
    snprintf(path, sizeof(path), "%s/a_folder.so", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/b_pipe.so", folder);
    cr_assert_eq(mkfifo(path, 0600), 0);
    snprintf(path, sizeof(path), "%s/c_dangling.so", folder);
    cr_assert_eq(symlink("/nonexistent/x.so", path), 0);
    snprintf(path, sizeof(path), "%s/d_loop.so", folder);
    cr_assert_eq(symlink("d_loop.so", path), 0);
    write_in(folder, "e_empty.so", "", 0);
    write_in(folder, "f_text.so", "#!/bin/sh\n", 10);
    write_in(folder, "not_a_candidate.txt", "x", 1);
    write_in(folder, ".hidden.so", "x", 1);
    plugins = open_path(folder);
    cr_assert_str_eq(setun_plugins_folder(plugins, 0), folder);
    for (size_t i = 0; i < 6; i++) {
        const setun_plugin_info *info = setun_plugins_info(plugins, i); /* in the order of their names */

        cr_assert(strstr(info->file, names[i]) != NULL, "%zu is %s", i, info->file);
        cr_assert(!info->loaded && strstr(info->reason, reasons[i]) != NULL, "%s: %s", names[i], info->reason);
    }
    for (size_t i = 0; i < setun_plugins_count(plugins); i++)
        cr_assert(strstr(setun_plugins_info(plugins, i)->file, "candidate") == NULL &&
                  strstr(setun_plugins_info(plugins, i)->file, ".hidden") == NULL);
    setun_plugins_close(plugins);
    for (size_t i = 0; i < 6; i++)
        remove_in(folder, names[i]);
    remove_in(folder, "not_a_candidate.txt");
    remove_in(folder, ".hidden.so");
    expect_refused_file("/dev/null", NULL, "a device, expected a file");
    expect_refused_file("/nonexistent/x.so", NULL, "No such file");
    expect_refused_file("", NULL, "No such file");
    cr_assert_eq(rmdir(folder), 0);
}

/* A file that lost its end must be refused, never mapped and touched. */
Test(abi_loader, truncated_files)
{
    char folder[64], path[1024], *bytes = NULL;
    size_t n = 0, n_loaded = 0;
    setun_error error = {{0}};

    make_folder(folder);
    case_path("good", path, sizeof(path));
    cr_assert_eq(setun_read_file(path, 1 << 28, &bytes, &n, &error), SETUN_OK, "%s", error.text);
    snprintf(path, sizeof(path), "%s/cut.so", folder);
    for (size_t length = 0; length <= n; length += length + 97 > n && length < n ? n - length : 97) {
        setun_plugins *plugins;

        remove(path); /* a new inode each time: the dynamic linker knows files by theirs */
        write_in(folder, "cut.so", bytes, length);
        plugins = open_file(path, NULL);
        n_loaded += setun_plugins_info(plugins, 0)->loaded;
        if (length < n / 4)
            cr_assert_not(setun_plugins_info(plugins, 0)->loaded, "%zu of %zu bytes were loaded", length, n);
        if (length == n)
            cr_assert(setun_plugins_info(plugins, 0)->loaded, "the whole file: %s", setun_plugins_info(plugins, 0)->reason);
        setun_plugins_close(plugins);
    }
    cr_assert(n_loaded > 0);
    free(bytes);
    remove_in(folder, "cut.so");
    rmdir(folder);
}

Test(abi_loader, duplicates_name_the_file_that_has_it)
{
    static const struct {
        const char *name, *says;
    } cases[] = {{"same_plugin", "plugin name good is taken by "},
                 {"same_format", "format name good.row is taken by "},
                 {"same_kernel", "kernel name linear_good is taken by "}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[2048], file[256];
        setun_plugins *plugins;
        const setun_plugin_info *info;

        snprintf(path, sizeof(path), "%s/good:%s/%s", SETUN_ABI_CASES, SETUN_ABI_CASES, cases[i].name);
        snprintf(file, sizeof(file), "/abi_%s.so", cases[i].name);
        plugins = open_path(path);
        cr_assert(info_of(plugins, "/abi_good.so")->loaded);
        info = info_of(plugins, file);
        cr_assert(!info->loaded && strstr(info->reason, cases[i].says) != NULL, "%s", info->reason);
        cr_assert(strstr(info->reason, "good/abi_good.so") != NULL, "%s", info->reason);
        setun_plugins_close(plugins);
        /* Alone it is a good plugin, and the earlier folder wins. */
        snprintf(path, sizeof(path), "%s/%s:%s/good", SETUN_ABI_CASES, cases[i].name, SETUN_ABI_CASES);
        plugins = open_path(path);
        cr_assert(info_of(plugins, file)->loaded, "%s", info_of(plugins, file)->reason);
        cr_assert_not(info_of(plugins, "/abi_good.so")->loaded);
        setun_plugins_close(plugins);
    }
}

/* The same file under two names is one file to the dynamic linker; the second is refused, and closing does not upset it. */
Test(abi_loader, one_file_under_two_names)
{
    char folder[64], path[1024], link_path[1024];
    setun_plugins *plugins;

    make_folder(folder);
    case_path("good", path, sizeof(path));
    snprintf(link_path, sizeof(link_path), "%s/a.so", folder);
    cr_assert_eq(symlink(path, link_path), 0);
    snprintf(link_path, sizeof(link_path), "%s/b.so", folder);
    cr_assert_eq(symlink(path, link_path), 0);
    plugins = open_path(folder);
    cr_assert(info_of(plugins, "/a.so")->loaded, "%s", info_of(plugins, "/a.so")->reason);
    cr_assert_not(info_of(plugins, "/b.so")->loaded);
    cr_assert_eq(setun_plugins_kernel(plugins, 0).kernel->units(NULL, 0), 1, "the first one is gone");
    setun_plugins_close(plugins);
    remove_in(folder, "a.so");
    remove_in(folder, "b.so");
    rmdir(folder);
}

Test(abi_loader, search_path)
{
    char folder[64], link_path[1024], path[4096];
    setun_plugins *plugins;
    setun_error error = {{0}};
    setun_plugins_options options = {.path = NULL};
    size_t n_good = 0;

    /* A folder reached twice, by a trailing slash, a dot and a link, is scanned once. */
    make_folder(folder);
    snprintf(link_path, sizeof(link_path), "%s/link", folder);
    snprintf(path, sizeof(path), "%s/good", SETUN_ABI_CASES);
    cr_assert_eq(symlink(path, link_path), 0);
    snprintf(path, sizeof(path), "%s/good::%s/good/:%s/./good:%s:%s/same_format:", SETUN_ABI_CASES, SETUN_ABI_CASES, SETUN_ABI_CASES, link_path,
             SETUN_ABI_CASES);
    plugins = open_path(path);
    for (size_t i = 0; i < setun_plugins_count(plugins); i++)
        n_good += strstr(setun_plugins_info(plugins, i)->file, "abi_good.so") != NULL;
    cr_assert_eq(n_good, 1);
    cr_assert(strstr(setun_plugins_folder(plugins, 1), "same_format") != NULL, "%s", setun_plugins_folder(plugins, 1));
    setun_plugins_close(plugins);

    /* The environment's path, and options.path instead of it. */
    snprintf(path, sizeof(path), "%s/good", SETUN_ABI_CASES);
    setenv("SETUN_PLUGIN_PATH", path, 1);
    plugins = open_path(NULL);
    cr_assert(info_of(plugins, "/abi_good.so")->loaded);
    setun_plugins_close(plugins);
    plugins = open_path(folder);
    for (size_t i = 0; i < setun_plugins_count(plugins); i++)
        cr_assert(strstr(setun_plugins_info(plugins, i)->file, "abi_good.so") == NULL);
    setun_plugins_close(plugins);

    /* A folder that the user names must be there; the library's own need not. */
    snprintf(path, sizeof(path), "%s/good:%s/missing", SETUN_ABI_CASES, folder);
    options.path = path;
    plugins = NULL;
    cr_assert_eq(setun_plugins_open(&options, &plugins, &error), SETUN_ERR_IO);
    cr_assert(plugins == NULL && strstr(error.text, "/missing: No such file") != NULL, "%s", error.text);
    snprintf(path, sizeof(path), "%s/good/abi_good.so", SETUN_ABI_CASES);
    cr_assert_eq(setun_plugins_open(&options, &plugins, &error), SETUN_ERR_IO);
    cr_assert(strstr(error.text, "Not a directory") != NULL, "%s", error.text);
    plugins = open_path("");
    cr_assert(setun_plugins_folder(plugins, 0) != NULL, "the library's own folder is not listed");
    setun_plugins_close(plugins);
    remove_in(folder, "link");
    rmdir(folder);
}

/* A name without '/' means the current folder, not the system's libraries. */
Test(abi_loader, a_bare_file_name)
{
    char folder[1024];
    setun_plugins *plugins;

    snprintf(folder, sizeof(folder), "%s/good", SETUN_ABI_CASES);
    cr_assert_eq(chdir(folder), 0);
    plugins = open_file("abi_good.so", NULL);
    cr_assert(setun_plugins_info(plugins, 0)->loaded, "%s", setun_plugins_info(plugins, 0)->reason);
    setun_plugins_close(plugins);
}

/* A system library has thousands of symbols, versions, ifuncs, thread-local variables - and is no plugin. */
Test(abi_loader, the_c_library_is_no_plugin)
{
    Dl_info info;

    cr_assert(dladdr(dlsym(RTLD_DEFAULT, "qsort"), &info) != 0 && info.dli_fname != NULL);
    if (info.dli_fname[0] != '/')
        cr_skip_test("linked statically");
    expect_refused_file(info.dli_fname, NULL, "not a Setun plugin");
}

/* Two sets at once, closed in either order. */
Test(abi_loader, two_sets)
{
    char path[1024];
    setun_plugins *a, *b;

    case_path("good", path, sizeof(path));
    a = open_file(path, NULL);
    b = open_file(path, NULL);
    setun_plugins_close(a);
    cr_assert_eq(setun_plugins_kernel(b, 0).kernel->units(NULL, 0), 1);
    setun_plugins_close(b);
}

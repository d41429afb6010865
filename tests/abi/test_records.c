/* test_records.c - the loader reads a record up to the end that it states and no further: beyond it lies an inaccessible page. Compiled for
 * the host of today and for a pretended host of the next minor, whose own structs are longer. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plugin/handshake.h"
#include "plugin/tables.h"

/* n bytes that end where memory ends. Released with the process. */
static void *at_the_end(size_t n)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert(memory != MAP_FAILED && n <= page);
    cr_assert_eq(mprotect(memory + page, page, PROT_NONE), 0);
    return memory + page - n;
}

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    (void)query, (void)out_plan;
    return SETUN_OK;
}

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)call, (void)phase;
    return 0;
}

static void run(const setun_call *call, const setun_tile *tile)
{
    (void)call, (void)tile;
}

static size_t layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    (void)dim, (void)out_stride_bytes;
    return 0;
}

static size_t offset(const int64_t dim[4], int64_t row)
{
    (void)dim, (void)row;
    return 0;
}

/* Records as the first minor wrote them, each at the end of its memory. */
typedef struct first_minor {
    const setun_kernel *kernels[2];
    const setun_format *formats[2];
    setun_kernel       *kernel;
    setun_format       *format;
    setun_plugin       *plugin;
} first_minor;

static void make(first_minor *m, const char *name)
{
    setun_kernel kernel = {.size = setun_kernel_bytes_v1_0(), .name = name, .pattern = "linear", .fmts = "f32,f32>f32",
                           .plan = plan, .units = units, .run = run};
    setun_format format = {.size = setun_format_bytes_v1_0(), .align = 64, .name = name, .row_group = 1, .layout = layout, .offset = offset};
    setun_plugin plugin = {.magic = SETUN_MAGIC, .abi_major = 1, .abi_minor = 0, .size = setun_plugin_bytes_v1_0(),
                           .build = SETUN_BUILD_THIS, .name = name, .version = "1"};

    m->kernel = at_the_end(kernel.size);
    m->format = at_the_end(format.size);
    m->plugin = at_the_end(plugin.size);
    m->kernels[0] = m->kernel;
    m->formats[0] = m->format;
    m->kernels[1] = NULL;
    m->formats[1] = NULL;
    plugin.kernels = m->kernels;
    plugin.formats = m->formats;
    memcpy(m->kernel, &kernel, kernel.size);
    memcpy(m->format, &format, format.size);
    memcpy(m->plugin, &plugin, plugin.size);
}

/* The guard works: a byte more is a fault. */
Test(abi_records, the_guard_page_guards, .signal = SIGSEGV)
{
    first_minor m;

    make(&m, "a");
    /* A sanitizer that catches the signal itself would end the process in its own way. */
    signal(SIGSEGV, SIG_DFL);
    cr_assert_eq(((volatile char *)m.kernel)[m.kernel->size], 0);
}

Test(abi_records, of_the_first_minor)
{
    first_minor a, b;
    setun_plugin_header header;
    const setun_host host = {SETUN_ABI_MAJOR, SETUN_ABI_MINOR, SETUN_BUILD_THIS, 0, 0, NULL};
    unsigned n_kernels, n_formats;
    setun_error error = {{0}};
    char what[64];

    make(&a, "a");
    make(&b, "b");
    memcpy(&header, a.plugin, sizeof(header));
    cr_assert_eq(setun_handshake_check(&header, &host, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_tables_check(a.plugin, &n_kernels, &n_formats, &error), SETUN_OK, "%s", error.text);
    cr_assert(n_kernels == 1 && n_formats == 1);
    setun_tables_clash(a.plugin, b.plugin, what, sizeof(what));
    cr_assert_str_eq(what, "");
}

/* A record that says it is shorter than any minor's: only its size is read. */
Test(abi_records, too_short)
{
    first_minor m;
    unsigned n_kernels, n_formats;
    setun_error error = {{0}};
    uint32_t *size = at_the_end(8); /* as aligned as a record */

    make(&m, "a");
    *size = 8;
    m.kernels[0] = (const setun_kernel *)(const void *)size;
    cr_assert_eq(setun_tables_check(m.plugin, &n_kernels, &n_formats, &error), SETUN_ERR_FORMAT);
    cr_assert(strstr(error.text, "kernel 0: its record has 8 bytes, expected at least") != NULL, "%s", error.text);
    m.kernels[0] = m.kernel;
    m.formats[0] = (const setun_format *)(const void *)size;
    cr_assert_eq(setun_tables_check(m.plugin, &n_kernels, &n_formats, &error), SETUN_ERR_FORMAT);
    cr_assert(strstr(error.text, "format 0: its record has 8 bytes, expected at least") != NULL, "%s", error.text);
}

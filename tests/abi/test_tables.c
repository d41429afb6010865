/* test_tables.c - the decisions that need no file: header handshake of older and newer hosts, record checks, the grammar of fmts. */
#include <criterion/criterion.h>
#include <string.h>

#include "plugin/fmts.h"
#include "plugin/handshake.h"
#include "plugin/tables.h"

static setun_plugin_header good_header(void)
{
    setun_plugin_header h = {SETUN_MAGIC, SETUN_ABI_MAJOR, SETUN_ABI_MINOR, sizeof(setun_plugin), SETUN_BUILD_PLAIN, 0};

    return h;
}

static setun_host plain_host(void)
{
    setun_host host = {SETUN_ABI_MAJOR, SETUN_ABI_MINOR, SETUN_BUILD_PLAIN, 0, 0, NULL};

    return host;
}

static void expect_header(const setun_plugin_header *h, const setun_host *host, setun_status status, const char *says)
{
    setun_error error = {{0}};

    cr_assert_eq(setun_handshake_check(h, host, &error), status, "expected '%s', got '%s'", says, error.text);
    cr_assert(strstr(error.text, says) != NULL, "'%s' lacks '%s'", error.text, says);
}

/* The compatibility matrix: a host takes its own major and any minor up to its own. */
Test(abi_tables, versions)
{
    for (unsigned major = 0; major < 4; major++)
        for (unsigned minor = 0; minor < 4; minor++)
            for (unsigned host_minor = 0; host_minor < 4; host_minor++) {
                setun_plugin_header h = good_header();
                setun_host host = plain_host();
                const int taken = major == SETUN_ABI_MAJOR && minor <= host_minor;
                setun_error error = {{0}};

                h.abi_major = (uint16_t)major;
                h.abi_minor = (uint16_t)minor;
                host.abi_minor = (uint16_t)host_minor;
                cr_assert_eq(setun_handshake_check(&h, &host, &error) == SETUN_OK, taken, "plugin %u.%u, host %u.%u: %s", major, minor,
                             SETUN_ABI_MAJOR, host_minor, error.text);
            }
}

Test(abi_tables, header_fields)
{
    setun_host host = plain_host();
    setun_plugin_header h = good_header();

    expect_header(&h, &host, SETUN_OK, "");
    h.magic = 0x53544E31u; /* the bytes in the other order */
    expect_header(&h, &host, SETUN_ERR_FORMAT, "magic 0x53544E31");
    h = good_header();
    h.size = sizeof(setun_plugin) - 1;
    expect_header(&h, &host, SETUN_ERR_FORMAT, "71 bytes");
    h.size = sizeof(setun_plugin) + 64; /* a later patch of the same minor may know more */
    expect_header(&h, &host, SETUN_OK, "");
    h = good_header();
    h.build = SETUN_BUILD_ASAN;
    expect_header(&h, &host, SETUN_ERR_UNSUPPORTED, "built with AddressSanitizer, this host with no sanitizer");
    host.build = SETUN_BUILD_TSAN;
    expect_header(&h, &host, SETUN_ERR_UNSUPPORTED, "built with AddressSanitizer, this host with ThreadSanitizer");
    h.build = 99;
    expect_header(&h, &host, SETUN_ERR_UNSUPPORTED, "unknown");
}

Test(abi_tables, cpu_features_of_the_header)
{
    setun_host host = plain_host();
    setun_plugin_header h = good_header();

    host.machine = SETUN_CPU_SSE41 | SETUN_CPU_AVX2 | SETUN_CPU_AMX_TILE;
    host.available = SETUN_CPU_SSE41;
    host.cap = "sse";
    h.cpu = SETUN_CPU_SSE41;
    expect_header(&h, &host, SETUN_OK, "");
    h.cpu = SETUN_CPU_AVX2 | SETUN_CPU_SSE41;
    expect_header(&h, &host, SETUN_ERR_UNSUPPORTED, "needs CPU features that SETUN_CPU=sse takes away: avx2");
    h.cpu = SETUN_CPU_FMA | SETUN_CPU_SSE41;
    expect_header(&h, &host, SETUN_ERR_UNSUPPORTED, "needs CPU features that this machine lacks: fma");
    h.cpu = SETUN_CPU_FMA | SETUN_CPU_AVX2;
    expect_header(&h, &host, SETUN_ERR_UNSUPPORTED, "takes away: avx2; and that this machine lacks: fma");
    host.cap = NULL;
    h.cpu = SETUN_CPU_AMX_TILE;
    expect_header(&h, &host, SETUN_ERR_UNSUPPORTED, "operating system denies: amx_tile");
    h.cpu = UINT64_MAX;
    expect_header(&h, &host, SETUN_ERR_UNSUPPORTED, "bit63");
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

/* A plugin in memory whose records a test may bend. */
typedef struct sample {
    setun_kernel kernel[2];
    setun_format format[2];
    const setun_kernel *kernels[3];
    const setun_format *formats[3];
    setun_plugin plugin;
} sample;

static void make(sample *s)
{
    const setun_kernel kernel = {.size = sizeof(kernel), .name = "a", .pattern = "linear", .fmts = "f32,f32>f32", .k_max = 255,
                                 .acc_bits = 16, .plan = plan, .units = units, .run = run};
    const setun_format format = {sizeof(format), 64, "a.row", 1, 0, layout, offset};

    memset(s, 0, sizeof(*s));
    s->kernel[0] = s->kernel[1] = kernel;
    s->kernel[1].name = "b";
    s->format[0] = s->format[1] = format;
    s->format[1].name = "b.row";
    for (int i = 0; i < 2; i++) {
        s->kernels[i] = &s->kernel[i];
        s->formats[i] = &s->format[i];
    }
    s->plugin.name = "sample";
    s->plugin.version = "1";
    s->plugin.kernels = s->kernels;
    s->plugin.formats = s->formats;
}

static void expect_tables(const sample *s, setun_status status, const char *says)
{
    unsigned n_kernels = 77, n_formats = 77;
    setun_error error = {{0}};

    cr_assert_eq(setun_tables_check(&s->plugin, &n_kernels, &n_formats, &error), status, "expected '%s', got '%s'", says, error.text);
    cr_assert(strstr(error.text, says) != NULL, "'%s' lacks '%s'", error.text, says);
    if (status == SETUN_OK)
        cr_assert(n_kernels == 2 && (n_formats == 2 || s->plugin.formats == NULL));
    else
        cr_assert(n_kernels == 77 && n_formats == 77, "an output was written on failure");
}

#define BENT(change, status, says) \
    do { \
        sample s; \
        make(&s); \
        change; \
        expect_tables(&s, status, says); \
    } while (0)

Test(abi_tables, records)
{
    static char long_name[300];

    memset(long_name, 'n', sizeof(long_name) - 1);
    BENT((void)0, SETUN_OK, "");
    BENT(s.plugin.formats = NULL, SETUN_OK, "");
    BENT(s.plugin.name = NULL, SETUN_ERR_FORMAT, "no name");
    BENT(s.plugin.name = "", SETUN_ERR_FORMAT, "no name");
    BENT(s.plugin.name = "two\nlines", SETUN_ERR_FORMAT, "no name");
    BENT(s.plugin.name = long_name, SETUN_ERR_FORMAT, "no name");
    BENT(s.plugin.version = NULL, SETUN_ERR_FORMAT, "no version");
    BENT(s.plugin.kernels = NULL, SETUN_ERR_FORMAT, "no kernel table");
    BENT(s.kernel[1].size = sizeof(setun_kernel) - 1, SETUN_ERR_FORMAT, "kernel 1");
    BENT(s.kernel[1].size = sizeof(setun_kernel) + 8, SETUN_OK, "");
    BENT(s.kernel[0].name = NULL, SETUN_ERR_FORMAT, "kernel 0: no name");
    BENT(s.kernel[1].name = "a", SETUN_ERR_FORMAT, "kernel a is there twice");
    BENT(s.kernel[1].plan = NULL, SETUN_ERR_FORMAT, "kernel b: plan is NULL");
    BENT(s.kernel[1].units = NULL, SETUN_ERR_FORMAT, "kernel b: units is NULL");
    BENT(s.kernel[1].run = NULL, SETUN_ERR_FORMAT, "kernel b: run is NULL");
    BENT(s.kernel[1].fmts = NULL, SETUN_ERR_FORMAT, "kernel b: fmts is NULL");
    BENT(s.kernel[1].pattern = NULL, SETUN_ERR_FORMAT, "kernel b: pattern is NULL");
    BENT(s.kernel[1].fmts = "f32", SETUN_ERR_FORMAT, "kernel b: fmts: no outputs");
    BENT(s.kernel[1].pattern = "h=rms_norm(x", SETUN_ERR_FORMAT, "kernel b: pattern: expected ')'");
    BENT(s.kernel[1].k_max = -1, SETUN_ERR_FORMAT, "kernel b: k_max is -1");
    BENT(s.kernel[1].acc_bits = 65, SETUN_ERR_FORMAT, "kernel b: acc_bits is 65");
    BENT(s.kernel[1].acc_bits = 0, SETUN_ERR_FORMAT, "kernel b: k_max is 255 without an integer accumulator");
    BENT((s.kernel[1].acc_bits = 0, s.kernel[1].k_max = 0), SETUN_OK, "");
    BENT((s.kernel[1].acc_bits = 64, s.kernel[1].k_max = INT64_MAX), SETUN_OK, "");
    BENT(s.format[1].size = 8, SETUN_ERR_FORMAT, "format 1");
    BENT(s.format[1].name = NULL, SETUN_ERR_FORMAT, "format 1");
    BENT(s.format[1].name = "b+c", SETUN_ERR_FORMAT, "format 1");
    BENT(s.format[1].name = long_name, SETUN_ERR_FORMAT, "format 1");
    BENT(s.format[1].name = "a.row", SETUN_ERR_FORMAT, "format a.row is there twice");
    BENT(s.format[1].align = 0, SETUN_ERR_FORMAT, "format b.row: align is 0");
    BENT(s.format[1].align = 32, SETUN_ERR_FORMAT, "align is 32");
    BENT(s.format[1].align = 96, SETUN_ERR_FORMAT, "align is 96");
    BENT(s.format[1].align = 4096, SETUN_OK, "");
    BENT(s.format[1].align = 1u << 31, SETUN_ERR_FORMAT, "align");
    BENT(s.format[1].row_group = 0, SETUN_ERR_FORMAT, "row_group");
    BENT(s.format[1].layout = NULL, SETUN_ERR_FORMAT, "layout is NULL");
    BENT(s.format[1].offset = NULL, SETUN_ERR_FORMAT, "offset is NULL");
}

Test(abi_tables, clashes)
{
    sample a, b;
    char what[64];

    make(&a);
    make(&b);
    setun_tables_clash(&a.plugin, &b.plugin, what, sizeof(what));
    cr_assert_str_eq(what, "plugin name sample");
    b.plugin.name = "other";
    setun_tables_clash(&a.plugin, &b.plugin, what, sizeof(what));
    cr_assert_str_eq(what, "kernel name a");
    b.kernel[0].name = "c";
    setun_tables_clash(&a.plugin, &b.plugin, what, sizeof(what));
    cr_assert_str_eq(what, "kernel name b");
    b.kernel[1].name = "d";
    setun_tables_clash(&a.plugin, &b.plugin, what, sizeof(what));
    cr_assert_str_eq(what, "format name a.row");
    b.format[0].name = "c.row";
    b.format[1].name = "d.row";
    setun_tables_clash(&a.plugin, &b.plugin, what, sizeof(what));
    cr_assert_str_eq(what, "");
    b.plugin.formats = NULL;
    setun_tables_clash(&a.plugin, &b.plugin, what, sizeof(what));
    cr_assert_str_eq(what, "");
}

Test(abi_tables, fmts_taken_apart)
{
    static const char *const name[] = {"i8.row", "f32", "tern2.row", "f32", "f32", "f16.kv256", "f32"};
    static const unsigned operand[] = {0, 0, 1, 1, 2, 0, 1}, part[] = {0, 1, 0, 1, 0, 0, 0};
    setun_fmts fmts;
    setun_error error = {{0}};

    cr_assert_eq(setun_fmts_parse("i8.row+f32,tern2.row+f32,f32>f16.kv256,f32", &fmts, &error), SETUN_OK, "%s", error.text);
    cr_assert(fmts.n_in == 5 && fmts.n_out == 2 && fmts.n_in_operands == 3 && fmts.n_out_operands == 2);
    for (unsigned i = 0; i < 7; i++) {
        cr_assert_str_eq(fmts.tensor[i].fmt, name[i]);
        cr_assert(fmts.tensor[i].operand == operand[i] && fmts.tensor[i].part == part[i], "tensor %u", i);
    }
    cr_assert_eq(setun_fmts_parse("f32>i8.row+f32", &fmts, &error), SETUN_OK, "%s", error.text);
    cr_assert(fmts.n_in == 1 && fmts.n_out == 2 && fmts.n_in_operands == 1 && fmts.n_out_operands == 1);
    cr_assert(fmts.tensor[2].operand == 0 && fmts.tensor[2].part == 1);
}

Test(abi_tables, fmts_refused)
{
    static const char *const wrong[] = {
        "", ">", "f32", "f32,f32", "f32>", ">f32", "f32>f32>f32", "f32,>f32", ",f32>f32", "f32,,f32>f32", "f32+>f32", "f32>f32,", "+f32>f32",
        "i8.row+i8.row>f32", " f32>f32", "f32 >f32", "f32;f32>f32", "8f>f32", ".f32>f32", "f32>f32\n", "f\x80>f32",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz>f32",
        "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a>f32"};
    setun_fmts fmts;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        setun_error error = {{0}};

        cr_assert_eq(setun_fmts_parse(wrong[i], &fmts, &error), SETUN_ERR_FORMAT, "'%s' was taken", wrong[i]);
        cr_assert(strncmp(error.text, "fmts: ", 6) == 0, "'%s': '%s'", wrong[i], error.text);
    }
}

Test(abi_tables, patterns)
{
    static const char *const wrong[] = {
        "", " ", "linear(", "linear(x)", "h=", "h=linear", "h=linear()", "h=linear(x", "h=linear(x,)", "h=linear(x);", "h=linear(x) y", "=linear(x)",
        "h==linear(x)", "h=linear(x);h=add(h,x)", "9=linear(x)", "h=linear(x.y)", "rms norm", "h=f(a,b,c,d,e,f,g,h,i)",
        "a=f(x);b=f(x);c=f(x);d=f(x);e=f(x);g=f(x);h=f(x);i=f(x);j=f(x)"};
    setun_pattern pattern;
    setun_error error = {{0}};

    cr_assert_eq(setun_pattern_parse("linear", &pattern, &error), SETUN_OK, "%s", error.text);
    cr_assert(pattern.n_ops == 1 && pattern.op[0].n_args == 0);
    cr_assert_str_eq(pattern.op[0].op, "linear");
    cr_assert_eq(setun_pattern_parse("h=rms_norm(x,w); y = linear( h , W )", &pattern, &error), SETUN_OK, "%s", error.text);
    cr_assert(pattern.n_ops == 2 && pattern.op[0].n_args == 2 && pattern.op[1].n_args == 2);
    cr_assert_str_eq(pattern.op[0].op, "rms_norm");
    cr_assert_str_eq(pattern.op[0].out, "h");
    cr_assert_str_eq(pattern.op[0].arg[1], "w");
    cr_assert_str_eq(pattern.op[1].op, "linear");
    cr_assert_str_eq(pattern.op[1].out, "y");
    cr_assert_str_eq(pattern.op[1].arg[0], "h");
    cr_assert_str_eq(pattern.op[1].arg[1], "W");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memset(&error, 0, sizeof(error));
        cr_assert_eq(setun_pattern_parse(wrong[i], &pattern, &error), SETUN_ERR_FORMAT, "'%s' was taken", wrong[i]);
        cr_assert(strncmp(error.text, "pattern: ", 9) == 0, "'%s': '%s'", wrong[i], error.text);
    }
}

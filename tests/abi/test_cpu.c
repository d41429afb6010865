/* test_cpu.c - the cap of SETUN_CPU over invented machines, and detection compared with what the operating system reports. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "setun/cpu.h"
#include "setun_plugin.h"

#define SSE    (SETUN_CPU_SSE41 | SETUN_CPU_POPCNT)
#define AVX2   (SETUN_CPU_AVX2 | SETUN_CPU_FMA | SETUN_CPU_F16C | SETUN_CPU_BMI2)
#define VNNI   (SETUN_CPU_AVX_VNNI | SETUN_CPU_AVX_VNNI_INT8)
#define AVX512 (SETUN_CPU_AVX512 | SETUN_CPU_AVX512_VBMI | SETUN_CPU_AVX512_BF16 | SETUN_CPU_AVX512_FP16)
#define AMX    (SETUN_CPU_AMX_TILE | SETUN_CPU_AMX_INT8 | SETUN_CPU_AMX_BF16)
#define X86    (SSE | AVX2 | VNNI | SETUN_CPU_GFNI | AVX512 | SETUN_CPU_AVX512_VNNI | AMX)
#define ARM    (SETUN_CPU_NEON | SETUN_CPU_DOTPROD | SETUN_CPU_I8MM | SETUN_CPU_FP16 | SETUN_CPU_SVE)

static const struct {
    uint64_t machine;
    const char *cap;
    uint64_t expected;
} masks[] = {
    {X86, NULL, X86},
    {X86, "", X86},
    {X86, "native", X86},
    {X86, "sse", SSE},
    {X86, "avx2", SSE | AVX2 | VNNI | SETUN_CPU_GFNI},
    {X86, "AVX2", SSE | AVX2 | VNNI | SETUN_CPU_GFNI},
    {X86, "avx512", X86 & ~AMX},
    {X86, "amx", X86},
    {SSE, "amx", SSE}, /* a level above the machine changes nothing */
    {SSE | AVX2, "avx512", SSE | AVX2},
    {X86, "neon", X86}, /* words of the other architecture change nothing */
    {X86, "i8mm", X86},
    {X86, "native,-dotprod,-sve", X86},
    {ARM, "sse", ARM},
    {ARM, "amx,-avx2,-vnni", ARM},
    {ARM, "neon", SETUN_CPU_NEON},
    {ARM, "dotprod", SETUN_CPU_NEON | SETUN_CPU_DOTPROD},
    {ARM, "i8mm", ARM & ~SETUN_CPU_SVE},
    {ARM, "native,-sve", ARM & ~SETUN_CPU_SVE},
    {ARM, "native,-fp16", ARM & ~SETUN_CPU_FP16},
    {ARM, "-neon", 0},
    {X86, "native,-vnni", X86 & ~(VNNI | SETUN_CPU_AVX512_VNNI)},
    {X86, "avx2,-vnni", SSE | AVX2 | SETUN_CPU_GFNI},
    {X86, "-vbmi", X86 & ~SETUN_CPU_AVX512_VBMI},
    {X86, "-fma,-F16C", X86 & ~(SETUN_CPU_FMA | SETUN_CPU_F16C)},
    {X86, "-bf16", X86 & ~(SETUN_CPU_AVX512_BF16 | SETUN_CPU_AMX_BF16)},
    {X86, "-avx512_bf16", X86 & ~SETUN_CPU_AVX512_BF16},
    {X86, "-fp16", X86 & ~SETUN_CPU_AVX512_FP16},
    {X86, "-amx", X86 & ~AMX},
    {X86, "-amx_tile", X86 & ~AMX}, /* tiles are what the others work on */
    {X86, "-amx_int8", X86 & ~SETUN_CPU_AMX_INT8},
    {X86, "-avx512", X86 & ~(AVX512 | SETUN_CPU_AVX512_VNNI)},
    {X86, "-avx2", SSE},
    {X86, "sse,-popcnt", SETUN_CPU_SSE41},
    {X86, "sse,-sse41,-popcnt", 0},
    {X86 | ARM, "avx2,-i8mm", SSE | AVX2 | VNNI | SETUN_CPU_GFNI | (ARM & ~SETUN_CPU_I8MM)},
};

Test(abi_cpu, caps)
{
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        uint64_t features = 0;
        setun_error error = {{0}};
        char found[512], expected[512];

        cr_assert_eq(setun_cpu_mask(masks[i].machine, masks[i].cap, &features, &error), SETUN_OK, "%s: %s", masks[i].cap, error.text);
        setun_cpu_names(features, found, sizeof(found));
        setun_cpu_names(masks[i].expected, expected, sizeof(expected));
        cr_assert_eq(features, masks[i].expected, "row %zu, cap '%s': expected %s, found %s", i, masks[i].cap, expected, found);
    }
}

static const struct {
    const char *cap, *named, *suggested; /* what the error must say */
} wrong[] = {
    {"avx3", "'avx3'", "did you mean 'avx2'"},
    {"avx51", "'avx51'", "known: sse, avx2, avx512, amx, neon, dotprod, i8mm, native"},
    {"nativ", "'nativ'", "did you mean 'native'"},
    {"native,-vmni", "'-vmni'", "did you mean '-vnni'"},
    {"-xyzzyxyzzy", "'-xyzzyxyzzy'", "-avx512_vnni"},
    {"fma", "'fma'", "known: sse"}, /* a feature without its minus */
    {"avx2,sse", "'sse'", "first"},
    {"avx2,", "''", "known"},
    {",avx2", "''", "known"},
    {"avx2,,-fma", "''", "known"},
    {"-", "'-'", "known"},
    {" avx2", "' avx2'", "known"},
    {"avx2 -fma", "'avx2 -fma'", "known"},
    {"avx2;-fma", "'avx2;-fma'", "known"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "'aaaaaaaa", "known"},
    {"av\nx2", "'av?x2'", "known"},
};

Test(abi_cpu, wrong_words)
{
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint64_t features = 77;
        setun_error error = {{0}};

        cr_assert_eq(setun_cpu_mask(X86, wrong[i].cap, &features, &error), SETUN_ERR_INVALID, "'%s' was taken", wrong[i].cap);
        cr_assert(strstr(error.text, wrong[i].named) != NULL, "'%s': '%s' does not name %s", wrong[i].cap, error.text, wrong[i].named);
        cr_assert(strstr(error.text, wrong[i].suggested) != NULL, "'%s': '%s' lacks '%s'", wrong[i].cap, error.text,
                  wrong[i].suggested);
        cr_assert(strchr(error.text, '\n') == NULL);
        cr_assert_eq(features, 77, "an output was written on failure");
        cr_assert_eq(setun_cpu_mask(X86, wrong[i].cap, &features, NULL), SETUN_ERR_INVALID, "a NULL error must do");
    }
}

Test(abi_cpu, every_name_is_a_word)
{
    char text[64], cap[80];

    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t one = UINT64_C(1) << bit;
        uint64_t features = 0;
        setun_error error = {{0}};

        setun_cpu_names(one, text, sizeof(text));
        if (((X86 | ARM) & one) == 0) {
            char number[16];

            snprintf(number, sizeof(number), "bit%u", bit);
            cr_assert_str_eq(text, number);
            continue;
        }
        cr_assert(strncmp(text, "bit", 3) != 0, "bit %u has no name", bit);
        snprintf(cap, sizeof(cap), "-%s", text);
        cr_assert_eq(setun_cpu_mask(X86 | ARM, cap, &features, &error), SETUN_OK, "%s", error.text);
        cr_assert((features & one) == 0, "%s leaves its own bit", cap);
    }
}

Test(abi_cpu, names_are_cut_safely)
{
    char full[64], part[64];
    const size_t n = setun_cpu_names(SSE | SETUN_CPU_NEON, full, sizeof(full));

    cr_assert_str_eq(full, "sse41 popcnt neon");
    cr_assert_eq(n, strlen(full));
    cr_assert_eq(setun_cpu_names(SSE | SETUN_CPU_NEON, NULL, 0), n);
    for (size_t size = 1; size <= n + 1; size++) {
        memset(part, 'x', sizeof(part));
        cr_assert_eq(setun_cpu_names(SSE | SETUN_CPU_NEON, part, size), n);
        cr_assert_eq(strlen(part), size - 1 < n ? size - 1 : n);
        cr_assert_eq(strncmp(part, full, size - 1), 0);
        cr_assert_eq(part[size], 'x', "wrote past the end");
    }
    cr_assert_eq(setun_cpu_names(0, part, sizeof(part)), 0);
    cr_assert_str_eq(part, "");
}

Test(abi_cpu, detection_under_a_cap_is_a_subset)
{
    static const char *const caps[] = {"sse", "avx2", "avx512", "amx", "neon", "dotprod", "i8mm", "native"};
    uint64_t native, capped, masked;

    cr_assert_eq(setun_cpu_detect(NULL, &native, NULL), SETUN_OK);
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        cr_assert_eq(setun_cpu_detect(caps[i], &capped, NULL), SETUN_OK);
        cr_assert_eq(setun_cpu_mask(native, caps[i], &masked, NULL), SETUN_OK);
        cr_assert_eq(capped, masked, "%s", caps[i]);
    }
    cr_assert_eq(setun_cpu_detect("avx3", &capped, NULL), SETUN_ERR_INVALID);
}

/* The first line of /proc/cpuinfo that starts with `key`; false if there is none. */
static int cpuinfo_line(const char *key, char *line, size_t n_bytes)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    int found = 0;

    while (file != NULL && !found && fgets(line, (int)n_bytes, file) != NULL)
        found = strncmp(line, key, strlen(key)) == 0;
    if (file != NULL)
        fclose(file);
    return found;
}

static int has_word(const char *line, const char *word)
{
    const size_t n = strlen(word);

    for (const char *at = strstr(line, word); at != NULL; at = strstr(at + 1, word))
        if (at[-1] == ' ' && (at[n] == ' ' || at[n] == '\n'))
            return 1;
    return 0;
}

/* The kernel's own list is another reading of the same cpuid. It hides what it does not save, so the two must agree. */
Test(abi_cpu, detection_agrees_with_the_kernel)
{
    static const struct {
        uint64_t feature;
        const char *flags[5]; /* all of them */
    } known[] = {
        {SETUN_CPU_SSE41, {"sse4_1", "ssse3"}},
        {SETUN_CPU_POPCNT, {"popcnt"}},
        {SETUN_CPU_AVX2, {"avx2"}},
        {SETUN_CPU_FMA, {"fma"}},
        {SETUN_CPU_F16C, {"f16c"}},
        {SETUN_CPU_BMI2, {"bmi2", "avx"}},
        {SETUN_CPU_AVX512, {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}},
        {SETUN_CPU_AVX512_VNNI, {"avx512_vnni", "avx512vl"}},
        {SETUN_CPU_AVX512_VBMI, {"avx512vbmi", "avx512_vbmi2"}},
        {SETUN_CPU_AVX512_BF16, {"avx512_bf16"}},
        {SETUN_CPU_AVX512_FP16, {"avx512_fp16"}},
        {SETUN_CPU_GFNI, {"gfni", "avx"}},
        {SETUN_CPU_NEON, {"asimd"}},
        {SETUN_CPU_DOTPROD, {"asimddp"}},
        {SETUN_CPU_I8MM, {"i8mm"}},
        {SETUN_CPU_FP16, {"asimdhp"}},
        {SETUN_CPU_SVE, {"sve"}},
    };
    char line[8192];
    uint64_t features;

    if (!cpuinfo_line("flags", line, sizeof(line)) && !cpuinfo_line("Features", line, sizeof(line)))
        cr_skip_test("no flags in /proc/cpuinfo");
    cr_assert_eq(setun_cpu_detect("native", &features, NULL), SETUN_OK);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int all = 1;

        for (size_t j = 0; j < 5 && known[i].flags[j] != NULL; j++)
            all = all && has_word(line, known[i].flags[j]);
        cr_assert_eq((features & known[i].feature) != 0, all, "%s: the kernel says %d", known[i].flags[0], all);
    }
}

Test(abi_cpu, model_name)
{
    char text[128], line[512], cut[4] = "xxx";

    setun_cpu_model(text, sizeof(text));
    cr_assert(strlen(text) > 0);
    if (cpuinfo_line("model name", line, sizeof(line)))
        cr_assert(strstr(line, text) != NULL, "'%s' is not in '%s'", text, line);
    setun_cpu_model(cut, sizeof(cut));
    cr_assert_eq(strlen(cut), 3);
    setun_cpu_model(cut, 1);
    cr_assert_eq(strlen(cut), 0);
    setun_cpu_model(NULL, 0);
}

/* test_faults.c - does the conformance check catch what is wrong, and nothing else? Kernels with one fault each (faulty/) and their right
 * twins; every failure must be of the right kind. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "setun/check.h"
#include "setun_plugin.h"

typedef struct outcome {
    int status, n; /* of the kernel that was asked for; results in all */
    char kind[32], text[1200];
} outcome;

static setun_status keep(void *context, const setun_check_result *result, setun_error *error)
{
    outcome *o = context;

    (void)error;
    o->n++;
    o->status = result->status;
    (void)snprintf(o->kind, sizeof(o->kind), "%s", result->kind);
    (void)snprintf(o->text, sizeof(o->text), "%s", result->text);
    return SETUN_OK;
}

/* CPU seconds of one call: the longest right one takes half a second, and ten times that where it is instrumented. */
enum { TIME_LIMIT = SETUN_BUILD_THIS == SETUN_BUILD_PLAIN ? 3 : 30 };

static outcome check(const char *fault, const char *kernel, uint64_t seed)
{
    char file[1000];
    const setun_plugins_options plugins_options = {.path = SETUN_PLUGIN_OUTPUT_DIR, .file = file};
    setun_check_options options = {.backend = "faulty", .kernel = kernel, .seed = seed,
                                   .time_limit = strcmp(fault, "HANG") == 0 ? 1 : TIME_LIMIT};
    setun_plugins *plugins;
    setun_error error = {.text = ""};
    outcome o = {.n = 0};

    (void)snprintf(file, sizeof(file), "%s/%s.so", SETUN_FAULTY_DIR, fault);
    cr_assert_eq(setun_plugins_open(&plugins_options, &plugins, &error), SETUN_OK, "%s", error.text);
    cr_assert(setun_plugins_info(plugins, 0)->loaded, "%s: %s", file, setun_plugins_info(plugins, 0)->reason);
    options.plugins = plugins;
    cr_assert_eq(setun_kernels_check(&options, keep, &o, &error), SETUN_OK, "%s: %s", fault, error.text);
    setun_plugins_close(plugins);
    cr_assert_eq(o.n, 1, "%s: %d results", fault, o.n);
    return o;
}

#define LINEAR "linear_i8row_tern2row_f32__faulty"
#define TERNARY5 "linear_i8row_tern5r16k96_f32__faulty"

static const struct {
    const char *fault, *kernel, *kind, *says;
} faults[] = {
    {"SIGN", LINEAR, "value", "expected"},
    {"TAIL", LINEAR, "value", "expected"},
    {"FUSED", LINEAR, "value", "expected"},
    {"READ_PAST", LINEAR, "crash", "1 byte past the end of in[2] (tern2.row)"},
    {"WRITE_PAST", LINEAR, "cut", "worker"},
    {"WRITE_BEFORE", LINEAR, "guard", "before the start of out[0] (f32)"},
    {"WRITE_INPUT", LINEAR, "crash", "of in[2] (tern2.row), which may not be written"},
    {"IGNORE_BEGIN", LINEAR, "cut", "which worker"},
    {"I16", LINEAR, "k_max", "k_max 16777215 with acc_bits 16 is refuted"},
    {"I16_TILED", LINEAR, "k_max", "m=17 n=16"},
    {"I28_TILED", LINEAR, "k_max", "m=4 n=1 k=16777215"},
    {"ACC_BITS", LINEAR, "k_max", "states acc_bits 3"},
    {"K_MAX", LINEAR, "k_max", "k=256"},
    {"K_MAX_ACCEPT", LINEAR, "k_max", "plan() accepts k=257 above its k_max 256"},
    {"NO_BITS", LINEAR, "k_max", "states acc_bits 0"},
    {"SCRATCH", LINEAR, "scratch", "expected"},
    {"AGAIN", LINEAR, "cut", "worker"},
    {"WORKERS", LINEAR, "cut", "workers"},
    {"STRIDE", LINEAR, "value", "expected"},
    {"LOWEST", LINEAR, "value", "expected"},
    {"HANG", LINEAR, "hang", "did not return"},
    {"SLEEP", LINEAR, "hang", "it sleeps"},
    {"BLEND", LINEAR, "race", "4 threads"},
    {"EXIT", LINEAR, "exit", "it ended the process: exit(); case 3: m=7 n=5 k=33"},
    {"EXIT_NOW", LINEAR, "exit", "it ended the process: exit status 0; case 3: m=7 n=5 k=33"},
    {"KILL", LINEAR, "crash", "it ended the process: signal 9"},
    {"MANY_ROWS", LINEAR, "value", "row 32"},
    {"MANY_COLUMNS", LINEAR, "value", "column 1000"},
    {"TRAP", LINEAR, "crash", "run() of units"},
    {"ROWS_MAX", LINEAR, "guard", "past the end of"},
    {"MUTE", LINEAR, "plan", "without a reason"},
    {"REFUSE", LINEAR, "plan", "declined all"},
    {"FP_MODE", LINEAR, "fp mode", "after run()"},
#if defined(__x86_64__)
    {"MMX", LINEAR, "register", "the x87 stack is not empty"},
#endif
#if defined(__x86_64__) || defined(__aarch64__)
    {"CLOBBER", LINEAR, "register", "is not as the caller left it"},
    {"UNITS", LINEAR, "plan", "units() of phase 0 says"},
#endif
    {"ROUND", "pack__faulty", "value", "expected"},
    {"PADDING", "pack__faulty", "value", "(padding): expected 0"},
    {"ORDER", "linear__faulty", "value", "expected"},
    {"ORDER_NAN", "linear__faulty", "value", "not finite"},
    {"ROPE", "rope__faulty", "value", "expected"},
    {"BLOCK", "kv_write__faulty", "value", "expected"},
    {"FLUSH", "q6k__faulty", "value", "expected"},
    {"FLUSH", "q80__faulty", "value", "expected"},
    {"PART", "q6k__faulty", "value", "expected"},
    {"MAGNITUDE", "q80__faulty", "value", "expected"},
    {"BACKWARDS", "q6k__faulty", "value", "expected"},
    {"BACKWARDS", "q80__faulty", "value", "expected"},
    {"TWO_ROUNDINGS", "q80__faulty", "value", "expected"},
    {"WHOLE_VECTORS", "q80__faulty", "crash", "1 byte past the end of in[1] (q8_0.b32)"},
    {"BLOCK_PADDING", "pack__faulty", "value", "expected 0x00"},
    {"INVERSE", "pack__faulty", "value", "expected"},
    {"FIFTH_BIT", "screen__faulty", "value", "expected"},
    {"GROUP_TOO_FAR", "rescreen__faulty", "crash", "past the end of in[4] (i7.r256k32)"},
    {"HIGH_HALF", "screen__faulty", "value", "expected"},
    {"HIGH_HALF", "rescreen__faulty", "value", "expected"},
    {"NO_TINY", "rescreen__faulty", "value", "expected"},
    {"COARSE_OF_PLACE", "rescreen__faulty", "value", "expected"},
    {"TABLE_ENTRY", TERNARY5, "value", "expected"},
    {"TAIL_BLOCK", TERNARY5, "value", "expected"},
    {"JUNK_BIT", TERNARY5, "value", "expected"},
    {"MERGED", "linear_add__faulty", "value", "expected"},
    {"OTHER_ROW", "linear_add__faulty", "value", "expected"},
    {"OTHER_OUT", "qkv__faulty", "value", "expected"},
    {"SWAPPED", "gate_up__faulty", "value", "expected"},
    {"SQUARED_LAST", "gate_up__faulty", "value", "expected"},
    {"NARROW", "linear_add__faulty", "k_max", "k_max 65536 with acc_bits 32 is refuted"},
    {"NARROW", "gate_up__faulty", "k_max", "k_max 65536 with acc_bits 32 is refuted"},
    {"AS_IN_FILE", "embedding__faulty", "crash", "past the end of in[1] (f32)"},
};
enum { N_FAULTS = sizeof(faults) / sizeof(faults[0]) };

Test(faults, each_is_caught_and_named)
{
    for (int i = 0; i < N_FAULTS; i++)
        for (uint64_t seed = 1; seed <= 2; seed++) {
            const outcome o = check(faults[i].fault, faults[i].kernel, seed);

            cr_expect(o.status == SETUN_CHECK_FAIL && strcmp(o.kind, faults[i].kind) == 0 && strstr(o.text, faults[i].says) != NULL,
                      "%s: expected %s '%s', found %d, %s: %s", faults[i].fault, faults[i].kind, faults[i].says, o.status, o.kind, o.text);
        }
}

Test(faults, a_plugin_keeps_no_state)
{
    const outcome o = check("STATE", LINEAR, 1);

    if (SETUN_BUILD_THIS != SETUN_BUILD_PLAIN) { /* a sanitizer's runtime writes the plugin's data itself, so nothing is said of it */
        cr_expect_eq(o.status, SETUN_CHECK_PASS, "%s", o.text);
        return;
    }
    cr_expect(o.status == SETUN_CHECK_FAIL && strcmp(o.kind, "state") == 0 && strstr(o.text, "writes the plugin's own data") != NULL,
              "%s: %s", o.kind, o.text);
}

Test(faults, the_right_twins_pass)
{
    static const char *const blocks[] = {"q6k__faulty", "q80__faulty", "pack__faulty"};
    static const char *const fused[] = {"linear_add__faulty", "gate_up__faulty", "qkv__faulty"};
    static const char *const screens[] = {"screen__faulty", "rescreen__faulty"};
    static const char *const rows[] = {"pack__faulty", "linear__faulty", "rope__faulty", "kv_write__faulty", "embedding__faulty"};

    for (uint64_t seed = 1; seed <= 3; seed++) {
        const outcome o = check("GOOD", LINEAR, seed);

        cr_expect_eq(o.status, SETUN_CHECK_PASS, "linear: %s: %s", o.kind, o.text);
        if (seed == 1) {
            const outcome t = check("GOOD_TERNARY5", TERNARY5, seed);

            cr_expect_eq(t.status, SETUN_CHECK_PASS, "ternary5: %s: %s", t.kind, t.text);
        }
        for (size_t i = 0; i < sizeof(screens) / sizeof(screens[0]); i++) {
            const outcome s = check("GOOD_SCREEN7", screens[i], seed);

            cr_expect_eq(s.status, SETUN_CHECK_PASS, "%s: %s: %s", screens[i], s.kind, s.text);
        }
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            const outcome r = check("GOOD_ROWS", rows[i], seed);

            cr_expect_eq(r.status, SETUN_CHECK_PASS, "%s: %s: %s", rows[i], r.kind, r.text);
        }
        for (size_t i = 0; i < sizeof(fused) / sizeof(fused[0]); i++) {
            const outcome f = check("GOOD_FUSED", fused[i], seed);

            cr_expect_eq(f.status, SETUN_CHECK_PASS, "%s: %s: %s", fused[i], f.kind, f.text);
        }
        for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
            const outcome b = check("GOOD_BLOCKS", blocks[i], seed);

            cr_expect_eq(b.status, SETUN_CHECK_PASS, "%s: %s: %s", blocks[i], b.kind, b.text);
        }
    }
}

/* Sums in another order are right for a kernel that does not say that it is exact; its error is stated. */
Test(faults, inexact_kernels_state_their_error)
{
    const outcome o = check("INEXACT", "linear__faulty", 1);

    cr_assert_eq(o.status, SETUN_CHECK_PASS, "%s: %s", o.kind, o.text);
    cr_assert(strstr(o.text, "not exact: NMSE ") != NULL && strstr(o.text, "NMSE 0,") == NULL, "%s", o.text);
}

Test(faults, what_cannot_run_is_skipped_by_name)
{
    const outcome cpu = check("NEEDS_CPU", LINEAR, 1), unknown = check("FUSED_UNKNOWN", LINEAR, 1);

    cr_assert_eq(cpu.status, SETUN_CHECK_SKIP);
    cr_assert(strstr(cpu.text, "lacks") != NULL && (strstr(cpu.text, "neon") != NULL || strstr(cpu.text, "sse41") != NULL), "%s", cpu.text);
    cr_assert_eq(unknown.status, SETUN_CHECK_SKIP);
    cr_assert(strstr(unknown.text, "no cases for gelu") != NULL, "%s", unknown.text);
}

/* The same seed gives the same failing case, whatever ran before; another one may give another. */
Test(faults, a_seed_repeats_its_failure)
{
    static const char *const some[] = {"SIGN", "TAIL", "WRITE_PAST", "SCRATCH", "WORKERS", "STRIDE"};
    int n_different = 0;

    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        const outcome first = check(some[i], LINEAR, 7), other = check(some[i], LINEAR, 8), again = check(some[i], LINEAR, 7);

        cr_expect_str_eq(first.text, again.text);
        cr_expect(strstr(first.text, "seed 7") != NULL, "%s", first.text);
        n_different += strcmp(first.text, other.text) != 0;
    }
    cr_expect_gt(n_different, 3);
}

static setun_status stop(void *context, const setun_check_result *result, setun_error *error)
{
    (void)result, (void)error;
    return ++*(int *)context == 2 ? SETUN_ERR_INTERRUPTED : SETUN_OK;
}

static void count(void *context, uint32_t done, uint32_t total)
{
    int *n = context;

    cr_expect(total > 20 && done < total);
    ++*n;
}

static setun_status check_again(void *context, const setun_check_result *result, setun_error *error)
{
    setun_error inner = {.text = ""};
    setun_check_options options = {.plugins = context, .op = "add"};
    int n = 0;

    (void)result, (void)error;
    cr_expect_eq(setun_kernels_check(&options, stop, &n, &inner), SETUN_ERR_INTERRUPTED, "%s", inner.text); /* while another one runs */
    cr_expect_eq(n, 2);
    return SETUN_OK;
}

Test(faults, options_and_sinks)
{
    setun_plugins_options path = {.path = SETUN_PLUGIN_OUTPUT_DIR};
    setun_check_options options = {.op = "nothing"};
    setun_plugins *plugins;
    setun_error error = {.text = ""};
    outcome o = {.n = 0};
    int n = 0;

#if defined(__x86_64__)
    path.cpu = "sse"; /* refuses several plugins */
#endif
    cr_assert_eq(setun_plugins_open(&path, &plugins, &error), SETUN_OK, "%s", error.text);
    options.plugins = plugins;
    cr_expect_eq(setun_kernels_check(&options, keep, &o, &error), SETUN_ERR_NOT_FOUND, "a refused plugin is no witness for an op");
    cr_expect(strstr(error.text, "op nothing") != NULL, "%s", error.text);
    cr_expect_eq(o.n, 0);
    options.backend = "scalar";
    cr_expect_eq(setun_kernels_check(&options, keep, &o, &error), SETUN_ERR_NOT_FOUND);
    options.op = "embedding"; /* the scalar backend has three */
    cr_expect_eq(setun_kernels_check(&options, stop, &n, &error), SETUN_ERR_INTERRUPTED);
    cr_expect_eq(n, 2);
    options.op = "linear"; /* long enough to tell of it */
    options.kernel = "linear_i8row_tern2row_f32__scalar";
    options.progress = count;
    options.progress_context = &n;
    n = 0;
    cr_expect_eq(setun_kernels_check(&options, keep, &o, &error), SETUN_OK, "%s", error.text);
    cr_expect_gt(n, 0);
    options.progress = NULL;
    options.kernel = NULL;
    options.op = "add";
    cr_expect_eq(setun_kernels_check(&options, check_again, plugins, &error), SETUN_OK, "%s", error.text);
    setun_plugins_close(plugins);

    cr_assert_eq(setun_plugins_open_file(SETUN_FAULTY_DIR "/GOOD.so", NULL, &plugins, &error), SETUN_OK, "%s", error.text);
    options = (setun_check_options){.plugins = plugins};
    cr_expect_eq(setun_kernels_check(&options, keep, &o, &error), SETUN_ERR_NOT_FOUND);
    cr_expect(strstr(error.text, "scalar backend is not loaded") != NULL, "%s", error.text);
    setun_plugins_close(plugins);
}

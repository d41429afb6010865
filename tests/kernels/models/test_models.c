/* test_models.c - the model of AMX's tiles against what its instructions are said to do, and whether the conformance check catches faults
 * that are seeded in copies of the backend which is compiled over it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "setun/check.h"
#include "setun_plugin.h"
#include "tile_model.h"

/* ---- the model ---- */

typedef struct config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} config;

/* Tile 0: 3 rows of 5 sums; 1: 3 rows of 8 columns; 2: 2 rows of 5 dwords; 3: like 2; the others are not configured. */
static const config small = {.palette = 1, .row_bytes = {20, 8, 20, 20}, .rows = {3, 2 + 1, 2, 2}};

static void load_small(void)
{
    tile_model_load_config(&small);
}

/* Every product one by one: sum i, j over columns 4r + e of byte e of dword r of row i of a, and of dword j of row r of b. */
static void check_dot(bool a_signed, bool b_signed)
{
    uint8_t a[3][8], b[2][20];
    int32_t c[3][5], found[3][5];

    for (size_t i = 0; i < sizeof(a); i++)
        (&a[0][0])[i] = (uint8_t)(i * 37 + 200);
    for (size_t i = 0; i < sizeof(b); i++)
        (&b[0][0])[i] = (uint8_t)(i * 91 + 128);
    for (int i = 0; i < 15; i++)
        (&c[0][0])[i] = i * 1000 - 7000;
    load_small();
    tile_model_load(0, c, 20);
    tile_model_load(1, a, 8);
    tile_model_load(2, b, 20);
    tile_model_dot(0, 1, 2, a_signed, b_signed);
    tile_model_store(0, found, 20);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 5; j++) {
            int expected = c[i][j];

            for (int column = 0; column < 8; column++) {
                const int x = a[i][column], y = b[column / 4][4 * j + column % 4];

                expected += (a_signed && x > 127 ? x - 256 : x) * (b_signed && y > 127 ? y - 256 : y);
            }
            cr_expect_eq(found[i][j], expected, "%d %d, sum %d, %d: expected %d, found %d", a_signed, b_signed, i, j, expected, found[i][j]);
        }
    tile_model_release();
}

Test(tiles, products_of_all_signs)
{
    check_dot(true, true);
    check_dot(true, false);
    check_dot(false, true);
    check_dot(false, false);
}

/* 128 * 128 * 64 in each of 2^11 instructions is 2^31: it wraps around. */
Test(tiles, sums_wrap_around)
{
    static const config one = {.palette = 1, .row_bytes = {4, 64, 4}, .rows = {1, 1, 16}};
    int8_t lowest[64];
    int32_t sum = 0;

    memset(lowest, -128, sizeof(lowest));
    tile_model_load_config(&one);
    tile_model_zero(0);
    tile_model_load(1, lowest, 64);
    tile_model_load(2, lowest, 4);
    for (int i = 0; i < 1 << 11; i++)
        tile_model_dot(0, 1, 2, true, true);
    tile_model_store(0, &sum, 4);
    cr_expect_eq(sum, INT32_MIN, "%d", sum);
    tile_model_release();
}

Test(tiles, a_stride_of_any_sign_and_nothing_beyond_a_row)
{
    uint8_t bytes[3 * 24], back[3 * 24];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    memset(back, 0x99, sizeof(back));
    load_small();
    tile_model_load(0, bytes + 48, -24);
    tile_model_store(0, back, 24);
    for (int r = 0; r < 3; r++)
        for (int i = 0; i < 24; i++)
            cr_expect_eq(back[24 * r + i], i < 20 ? bytes[48 - 24 * r + i] : 0x99, "row %d byte %d", r, i);
    tile_model_release();
}

/* Loading a configuration clears the tiles. */
Test(tiles, a_configuration_clears)
{
    const int32_t c[15] = {1};
    int32_t found[15];

    load_small();
    tile_model_load(0, c, 20);
    load_small();
    tile_model_store(0, found, 20);
    for (int i = 0; i < 15; i++)
        cr_expect_eq(found[i], 0);
    tile_model_release();
}

/* #UD */
Test(tiles, without_a_configuration, .signal = SIGILL)
{
    tile_model_zero(0);
}

Test(tiles, after_the_release, .signal = SIGILL)
{
    load_small();
    tile_model_release();
    tile_model_zero(0);
}

Test(tiles, after_palette_0, .signal = SIGILL)
{
    static const config none = {.palette = 0, .row_bytes = {64}, .rows = {16}};

    load_small();
    tile_model_load_config(&none);
    tile_model_zero(0);
}

Test(tiles, not_configured, .signal = SIGILL)
{
    load_small();
    tile_model_zero(4);
}

Test(tiles, there_are_eight, .signal = SIGILL)
{
    load_small();
    tile_model_zero(8);
}

Test(tiles, the_same_twice, .signal = SIGILL)
{
    load_small();
    tile_model_dot(0, 2, 2, true, true);
}

Test(tiles, shapes_that_do_not_meet, .signal = SIGILL)
{
    load_small();
    tile_model_dot(0, 2, 3, true, true); /* sums have 3 rows, a has 2 */
}

/* #GP, for a wrong operand of LDTILECFG */
static void load_wrong(config wrong)
{
    /* A sanitizer that catches the signal itself would end the process in its own way. */
    signal(SIGSEGV, SIG_DFL);
    tile_model_load_config(&wrong);
}

Test(tiles, palette_2, .signal = SIGSEGV)
{
    load_wrong((config){.palette = 2, .row_bytes = {64}, .rows = {16}});
}

Test(tiles, start_row, .signal = SIGSEGV)
{
    load_wrong((config){.palette = 1, .start_row = 1, .row_bytes = {64}, .rows = {16}});
}

Test(tiles, reserved_bytes, .signal = SIGSEGV)
{
    load_wrong((config){.palette = 1, .reserved = {[13] = 1}, .row_bytes = {64}, .rows = {16}});
}

Test(tiles, seventeen_rows, .signal = SIGSEGV)
{
    load_wrong((config){.palette = 1, .row_bytes = {64}, .rows = {17}});
}

Test(tiles, rows_too_long, .signal = SIGSEGV)
{
    load_wrong((config){.palette = 1, .row_bytes = {65}, .rows = {16}});
}

Test(tiles, rows_of_nothing, .signal = SIGSEGV)
{
    load_wrong((config){.palette = 1, .row_bytes = {0}, .rows = {16}});
}

Test(tiles, a_ninth_tile, .signal = SIGSEGV)
{
    load_wrong((config){.palette = 1, .row_bytes = {[8] = 64}, .rows = {[8] = 16}});
}

/* ---- seeded faults ---- */

typedef struct outcome {
    int status, n; /* the last result; results in all */
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

/* What the check says of one kernel of a plugin; status SETUN_CHECK_SKIP if this CPU has not even what stands in for the instructions. */
static outcome check(const char *plugin, const char *backend, const char *kernel)
{
    enum { TIME_LIMIT = SETUN_BUILD_THIS == SETUN_BUILD_PLAIN ? 60 : 600 }; /* CPU seconds of one call */
    char file[1000];
    const setun_plugins_options plugins_options = {.path = SETUN_PLUGIN_OUTPUT_DIR, .file = file};
    setun_check_options options = {.backend = backend, .kernel = kernel, .seed = 1, .time_limit = TIME_LIMIT};
    const setun_plugin_info *info;
    setun_plugins *plugins;
    setun_error error = {.text = ""};
    outcome o = {.status = SETUN_CHECK_SKIP};

    (void)snprintf(file, sizeof(file), "%s/%s.so", SETUN_MODELS_DIR, plugin);
    cr_assert_eq(setun_plugins_open(&plugins_options, &plugins, &error), SETUN_OK, "%s", error.text);
    info = setun_plugins_info(plugins, 0);
    if (!info->loaded && (info->cpu & ~setun_plugins_cpu(plugins)) != 0) {
        setun_plugins_close(plugins);
        return o;
    }
    cr_assert(info->loaded, "%s: %s", file, info->reason);
    options.plugins = plugins;
    cr_assert_eq(setun_kernels_check(&options, keep, &o, &error), SETUN_OK, "%s: %s", plugin, error.text);
    setun_plugins_close(plugins);
    cr_assert_eq(o.n, 1, "%s: %d results", plugin, o.n);
    return o;
}

#define LINEAR "linear_i8row_tern2r16k16_f32__amx_32x32"

static const struct {
    const char *plugin, *kind, *says;
} faults[] = {
    {"amx_word", "value", "expected"},   /* columns in another order */
    {"amx_sign", "value", "expected"},   /* codes less 2 */
    {"amx_ahead", "k_max", "refuted"},   /* a chunk's last step is not unpacked */
    {"amx_halves", "k_max", "refuted"},  /* odd steps are left out */
    {"amx_chunk", "value", "expected"},  /* sums of earlier chunks are forgotten */
    {"amx_tail", "crash", "past the end of in[0] (i8.row)"},
    {"amx_config", "crash", "enter()"},
    {"amx_shape", "crash", "run()"},
    {"amx_leave", "crash", "run()"},
};

Test(models, seeded_faults_are_caught)
{
    if (check("amx_model", "amx_model", "probe_int8_f32_f32__amx").status == SETUN_CHECK_SKIP)
        cr_skip_test("this CPU lacks AVX-512");
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const outcome o = check(faults[i].plugin, "amx_model", LINEAR);

        cr_expect(o.status == SETUN_CHECK_FAIL && strcmp(o.kind, faults[i].kind) == 0 && strstr(o.text, faults[i].says) != NULL,
                  "%s: expected %s '%s', found %d, %s: %s", faults[i].plugin, faults[i].kind, faults[i].says, o.status, o.kind, o.text);
    }
}

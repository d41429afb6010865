/* test_template.c - the template plugin, built out of tree, loads and computes what numerics.md says, for any cut of its units. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/registry.h"
#include "setun/plugins.h"

static setun_plugins *open_template(void)
{
    setun_plugins *plugins = NULL;
    setun_error error = {{0}};

    cr_assert_eq(setun_plugins_open_file(SETUN_TEMPLATE_DIR "/template.so", NULL, &plugins, &error), SETUN_OK, "%s", error.text);
    cr_assert(setun_plugins_info(plugins, 0)->loaded, "%s", setun_plugins_info(plugins, 0)->reason);
    return plugins;
}

static int64_t round_up(int64_t n)
{
    return (n + 63) / 64 * 64;
}

static unsigned next(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* One problem with its tensors, its answer by the formula, and the answer of the kernel. */
typedef struct problem {
    int64_t m, n, k;
    int8_t *weights;           /* [n, k] -1, 0, 1: what the codes mean */
    setun_tensor in[4], out;
    float *expected;           /* [m, n] */
} problem;

static setun_tensor tensor(const char *fmt, int64_t rows, int64_t columns, int64_t stride_bytes)
{
    setun_tensor t;

    memset(&t, 0, sizeof(t));
    t.fmt = fmt;
    t.dim[0] = rows;
    t.dim[1] = columns;
    t.dim[2] = t.dim[3] = 1;
    t.stride_bytes[0] = stride_bytes;
    t.data = malloc((size_t)(rows * stride_bytes)); /* exactly what the format has: a sanitizer sees one byte more */
    cr_assert(t.data != NULL);
    return t;
}

enum { RANDOM, ALL_MINUS, ALL_PLUS };

static void make(problem *p, int64_t m, int64_t n, int64_t k, int fill, unsigned *state)
{
    float *s, *w_scale;

    p->m = m, p->n = n, p->k = k;
    p->in[0] = tensor("i8.row", m, k, round_up(k));
    p->in[1] = tensor("f32", 1, m, 4 * m);
    p->in[2] = tensor("tern2.row", n, k, round_up((k + 3) / 4));
    p->in[3] = tensor("f32", 1, n, 4 * n);
    p->out = tensor("f32", m, n, round_up(4 * n));
    p->weights = malloc((size_t)(n * k));
    p->expected = malloc((size_t)(m * n) * sizeof(float));
    cr_assert(p->weights != NULL && p->expected != NULL);
    s = p->in[1].data;
    w_scale = p->in[3].data;
    memset(p->in[0].data, 0, (size_t)(m * p->in[0].stride_bytes[0]));
    memset(p->in[2].data, 0x55, (size_t)(n * p->in[2].stride_bytes[0])); /* padding codes are 1 */
    for (int64_t i = 0; i < m; i++) {
        for (int64_t e = 0; e < k; e++)
            ((int8_t *)p->in[0].data)[i * p->in[0].stride_bytes[0] + e] =
                (int8_t)(fill == RANDOM ? (int)(next(state) % 256) - 128 : fill == ALL_MINUS ? -128 : 127);
        s[i] = 0.5f + (float)(next(state) % 1000);
    }
    for (int64_t j = 0; j < n; j++) {
        uint8_t *row = (uint8_t *)p->in[2].data + j * p->in[2].stride_bytes[0];

        for (int64_t e = 0; e < k; e++) {
            const int w = fill == RANDOM ? (int)(next(state) % 3) - 1 : fill == ALL_MINUS ? -1 : 1;

            p->weights[j * k + e] = (int8_t)w;
            row[e >> 2] = (uint8_t)((row[e >> 2] & ~(3 << (e & 3) * 2)) | (w + 1) << (e & 3) * 2);
        }
        w_scale[j] = 0.001f * (float)(1 + next(state) % 1000);
    }
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            int64_t d = 0;
            float ratio;

            for (int64_t e = 0; e < k; e++)
                d += ((int8_t *)p->in[0].data)[i * p->in[0].stride_bytes[0] + e] * p->weights[j * k + e];
            ratio = w_scale[j] / s[i];
            p->expected[i * n + j] = (float)d * ratio;
        }
}

static void destroy(problem *p)
{
    for (int i = 0; i < 4; i++)
        free(p->in[i].data);
    free(p->out.data);
    free(p->weights);
    free(p->expected);
}

static void compare(const problem *p, const char *how)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            float y;

            memcpy(&y, (char *)p->out.data + i * p->out.stride_bytes[0] + 4 * j, sizeof(y));
            cr_assert_eq(memcmp(&y, &p->expected[i * p->n + j], sizeof(y)), 0, "m %lld n %lld k %lld, %s: y[%lld, %lld] is %a, expected %a",
                         (long long)p->m, (long long)p->n, (long long)p->k, how, (long long)i, (long long)j, (double)y,
                         (double)p->expected[i * p->n + j]);
        }
}

static setun_status plan(const setun_kernel *kernel, const problem *p, setun_kernel_plan *out_plan, char *why, size_t why_bytes)
{
    static const void *const attr[1] = {NULL};
    static const setun_machine machine = {sizeof(machine), 1, 0, 0, 0};
    const setun_query query = {sizeof(query), 4, 1, p->in, &p->out, 1, p->m, attr, &machine, why, why_bytes};

    memset(out_plan, 0, sizeof(*out_plan));
    out_plan->size = sizeof(*out_plan);
    return kernel->plan(&query, out_plan);
}

Test(abi_template, is_a_clean_plugin)
{
    setun_plugins *plugins = open_template();
    const setun_plugin_info *info = setun_plugins_info(plugins, 0);

    cr_assert_str_eq(info->name, "template");
    cr_assert(info->n_kernels == 1 && info->n_formats == 0 && info->cpu == 0);
    cr_assert_eq(setun_plugins_n_kernels(plugins), 1);
    cr_assert_str_eq(setun_plugins_kernel(plugins, 0).kernel->fmts, "i8.row+f32,tern2.row+f32>f32");
    cr_assert_eq(setun_plugins_kernel(plugins, 0).kernel->flags, SETUN_KERNEL_EXACT);
    setun_plugins_close(plugins);
}

Test(abi_template, computes_the_ternary_linear)
{
    static const int64_t shapes[][3] = {{1, 1, 1},  {1, 3, 2},   {2, 5, 3},   {7, 9, 4},   {1, 64, 63}, {3, 2, 64},
                                        {5, 7, 65}, {16, 17, 257}, {17, 31, 300}, {1, 2, 4096}};
    setun_plugins *plugins = open_template();
    const setun_kernel *kernel = setun_plugins_kernel(plugins, 0).kernel;
    unsigned state = 1958;

    printf("seed %u\n", state);
    for (size_t shape = 0; shape < sizeof(shapes) / sizeof(shapes[0]); shape++)
        for (int fill = RANDOM; fill <= ALL_PLUS; fill++) {
            problem p;
            setun_kernel_plan kernel_plan;
            setun_call call;
            int64_t n_units;

            make(&p, shapes[shape][0], shapes[shape][1], shapes[shape][2], fill, &state);
            cr_assert_eq(plan(kernel, &p, &kernel_plan, NULL, 0), SETUN_OK);
            cr_assert(kernel_plan.n_phases == 1 && kernel_plan.cost_ns > 0);
            memset(&call, 0, sizeof(call));
            call.size = sizeof(call);
            call.n_in = 4;
            call.n_out = 1;
            call.in = p.in;
            call.out = &p.out;
            call.choice = kernel_plan.choice;
            n_units = kernel->units(&call, 0);
            cr_assert_gt(n_units, 0);
            for (int64_t n_tiles = 1; n_tiles <= 5; n_tiles += 2) { /* in reverse order, some empty */
                memset(p.out.data, 0x99, (size_t)(p.m * p.out.stride_bytes[0]));
                for (int64_t t = n_tiles - 1; t >= 0; t--) {
                    const setun_tile tile = {n_units * t / n_tiles, n_units * (t + 1) / n_tiles, 0, (uint32_t)t, (uint32_t)n_tiles, 0, NULL};

                    kernel->run(&call, &tile);
                }
                compare(&p, "cut");
                for (int64_t i = 0; i < p.m; i++) /* nothing is written between the rows */
                    for (int64_t b = 4 * p.n; b < p.out.stride_bytes[0]; b++)
                        cr_assert_eq(((unsigned char *)p.out.data)[i * p.out.stride_bytes[0] + b], 0x99);
            }
            destroy(&p);
        }
    setun_plugins_close(plugins);
}

Test(abi_template, declines_with_a_reason)
{
    setun_plugins *plugins = open_template();
    const setun_kernel *kernel = setun_plugins_kernel(plugins, 0).kernel;
    setun_kernel_plan kernel_plan;
    char why[128] = "", little[5];
    problem p;
    unsigned state = 3;

    make(&p, 2, 3, 8, RANDOM, &state);
    p.in[0].dim[1] = p.in[2].dim[1] = INT64_C(1) << 24; /* no data is touched while planning */
    cr_assert_eq(plan(kernel, &p, &kernel_plan, why, sizeof(why)), SETUN_ERR_UNSUPPORTED);
    cr_assert(strstr(why, "2^24") != NULL, "%s", why);
    cr_assert_eq(plan(kernel, &p, &kernel_plan, little, sizeof(little)), SETUN_ERR_UNSUPPORTED);
    cr_assert_eq(strlen(little), 4);
    cr_assert_eq(plan(kernel, &p, &kernel_plan, NULL, 0), SETUN_ERR_UNSUPPORTED);
    p.in[0].dim[1] = 7;
    cr_assert_eq(plan(kernel, &p, &kernel_plan, why, sizeof(why)), SETUN_ERR_UNSUPPORTED);
    cr_assert(strstr(why, "differ in k") != NULL, "%s", why);
    destroy(&p);
    setun_plugins_close(plugins);
}

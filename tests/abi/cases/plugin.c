/* plugin.c - a small correct plugin with one kernel and one format; a case bends one thing by a definition (tests/abi/CMakeLists.txt). */
#include "setun_plugin.h"

#ifndef CASE_MAGIC
#define CASE_MAGIC SETUN_MAGIC
#endif
#ifndef CASE_MAJOR
#define CASE_MAJOR SETUN_ABI_MAJOR
#endif
#ifndef CASE_MINOR
#define CASE_MINOR SETUN_ABI_MINOR
#endif
#ifndef CASE_SIZE
#define CASE_SIZE sizeof(setun_plugin)
#endif
#ifndef CASE_BUILD
#define CASE_BUILD SETUN_BUILD_THIS
#endif
#ifndef CASE_CPU
#define CASE_CPU 0
#endif
#ifndef CASE_PLUGIN
#define CASE_PLUGIN "good"
#endif
#ifndef CASE_KERNEL
#define CASE_KERNEL "linear_good"
#endif
#ifndef CASE_KERNEL_CPU
#define CASE_KERNEL_CPU 0
#endif
#ifndef CASE_FMTS
#define CASE_FMTS "i8.row+f32,good.row+f32>f32"
#endif
#ifndef CASE_RUN
#define CASE_RUN run
#endif
#ifndef CASE_FORMAT
#define CASE_FORMAT "good.row"
#endif

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    (void)query;
    out_plan->n_phases = 1;
    return SETUN_OK;
}

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)call, (void)phase;
    return 1;
}

__attribute__((unused)) static void run(const setun_call *call, const setun_tile *tile)
{
    (void)call, (void)tile;
}

static size_t layout(const int64_t dim[4], int64_t out_stride_bytes[4])
{
    out_stride_bytes[0] = dim[1];
    return (size_t)(dim[0] * dim[1]);
}

static size_t offset(const int64_t dim[4], int64_t row)
{
    return (size_t)(dim[1] * row);
}

static const setun_kernel kernel = {
    .size = sizeof(setun_kernel), .name = CASE_KERNEL, .pattern = "linear", .fmts = CASE_FMTS, .cpu = CASE_KERNEL_CPU, .k_max = 1000, .acc_bits = 32,
    .plan = plan, .units = units, .run = CASE_RUN,
};
static const setun_kernel plain_kernel = {
    .size = sizeof(setun_kernel), .name = CASE_KERNEL "_plain", .pattern = "y=add(a,b)", .fmts = "f32,f32>f32",
    .plan = plan, .units = units, .run = run,
};
static const setun_kernel *const kernels[] = {&kernel, &plain_kernel, NULL};

static const setun_format format = {
    .size = sizeof(setun_format), .align = 64, .name = CASE_FORMAT, .row_group = 1, .layout = layout, .offset = offset,
};
static const setun_format *const formats[] = {&format, NULL};

#ifdef CASE_SYMBOL
#define setun_plugin_v1 CASE_SYMBOL
#endif
SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic = CASE_MAGIC, .abi_major = CASE_MAJOR, .abi_minor = CASE_MINOR, .size = CASE_SIZE, .build = CASE_BUILD, .cpu = CASE_CPU,
    .name = CASE_PLUGIN, .version = "1.2", .kernels = kernels, .formats = formats,
};

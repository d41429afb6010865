/* inexact.c - a plugin with one kernel, which is not exact and the cheapest of all: add, that adds nothing. */
#include <string.h>

#include "setun_plugin.h"

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    (void)query;
    out_plan->n_phases = 1;
    out_plan->cost_ns  = 0;
    return SETUN_OK;
}

/* One unit is one row. */
static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->out[0].dim[0];
}

static void run(const setun_call *call, const setun_tile *tile)
{
    for (int64_t i = tile->begin; i < tile->end; i++)
        memcpy((char *)call->out[0].data + i * call->out[0].stride_bytes[0], (const char *)call->in[0].data + i * call->in[0].stride_bytes[0],
               sizeof(float) * (size_t)call->out[0].dim[1]);
}

static const setun_kernel add = {
    .size = sizeof(setun_kernel), .name = "add_f32_f32_f32__inexact", .pattern = "add", .fmts = "f32,f32>f32", .plan = plan, .units = units,
    .run = run,
};
static const setun_kernel *const kernels[] = {&add, NULL};

SETUN_EXPORT extern const setun_plugin setun_plugin_v1;
const setun_plugin setun_plugin_v1 = {
    .magic = SETUN_MAGIC, .abi_major = SETUN_ABI_MAJOR, .abi_minor = SETUN_ABI_MINOR, .size = sizeof(setun_plugin_v1), .build = SETUN_BUILD_THIS,
    .name = "inexact", .version = "0.1", .kernels = kernels,
};

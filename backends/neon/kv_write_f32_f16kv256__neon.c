/* kv_write_f32_f16kv256__neon.c - k, v f32[m, kv_heads * head_dim] into an f16 cache. */
#include "kernels.h"
#include "kv_write.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    kv_write_run(call, tile, 2, lanes_store_f16_n);
}

const setun_kernel kv_write_f32_f16kv256__neon = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "kv_write_f32_f16kv256__neon",
    .pattern = "kv_write",
    .fmts = "f32,f32>f16.kv256,f16.kv256",
    .plan = kv_write_plan,
    .units = units_in_rows,
    .run = run,
};

/* attention_f32_f16kv256_f32__scalar.c - y[m, heads * head_dim] = softmax(scale * q . k) . v over an f16 cache. */
#include "attention.h"
#include "kernels.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    attention_run(call, tile, widen_f16);
}

const setun_kernel attention_f32_f16kv256_f32__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "attention_f32_f16kv256_f32__scalar",
    .pattern = "attention",
    .fmts = "f32,f16.kv256,f16.kv256>f32",
    .plan = attention_plan,
    .units = attention_units,
    .run = run,
};

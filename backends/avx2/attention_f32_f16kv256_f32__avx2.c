/* attention_f32_f16kv256_f32__avx2.c - y[m, heads * head_dim] = softmax(scale * q . k) . v over an f16 cache. */
#include "attention.h"
#include "kernels.h"

static void add_chunk(const setun_call *call, attention_run_of_rows *run, int64_t chunk, const char *next)
{
    attention_chunk(call, run, chunk, next, 2, lanes_load_f16, lanes_load_f16_n, lanes_turn_f16);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    attention_run(call, tile, add_chunk);
}

const setun_kernel attention_f32_f16kv256_f32__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "attention_f32_f16kv256_f32__avx2",
    .pattern = "attention",
    .fmts = "f32,f16.kv256,f16.kv256>f32",
    .plan = attention_plan,
    .units = attention_units,
    .run = run,
};

/* attention_f32_f32kv256_f32__avx2.c - y[m, heads * head_dim] = softmax(scale * q . k) . v over an f32 cache. */
#include "attention.h"
#include "kernels.h"

static void add_chunk(const setun_call *call, attention_run_of_rows *run, int64_t chunk, const char *next)
{
    attention_chunk(call, run, chunk, next, 4, lanes_load_f32, lanes_load_f32_n, lanes_turn_f32);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    attention_run(call, tile, add_chunk);
}

const setun_kernel attention_f32_f32kv256_f32__avx2 = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "attention_f32_f32kv256_f32__avx2",
    .pattern = "attention",
    .fmts = "f32,f32.kv256,f32.kv256>f32",
    .plan = attention_plan,
    .units = attention_units,
    .run = run,
};

/* pack_terntq1_tern5r16k96__scalar.c - ternary weights from type TQ1_0 of GGUF files to blocks of 16 rows by 96 columns, three weights in five bits.
 * in: tern.tq1[n, k], scale f32[n]; out: tern5.r16k96[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary5.h"
#include "ternary_blocks.h"

static void source(const setun_call *call, int64_t r, int64_t c, int64_t n, uint8_t *out_codes)
{
    const uint8_t *from = (const uint8_t *)in_row(call, 0, r) + c / TQ_COLUMNS * TQ1_BYTES;

    for (int64_t i = 0; i < n; i += TQ_COLUMNS, from += TQ1_BYTES)
        tq1_get(from, out_codes + i);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    pack_ternary5(call, tile, source);
}

const setun_kernel pack_terntq1_tern5r16k96__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_terntq1_tern5r16k96__scalar",
    .pattern = "pack",
    .fmts = "tern.tq1+f32>tern5.r16k96+f32",
    .plan = ternary5_plan,
    .units = ternary5_units,
    .run = run,
};

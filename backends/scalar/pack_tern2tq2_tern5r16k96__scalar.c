/* pack_tern2tq2_tern5r16k96__scalar.c - ternary weights from type TQ2_0 of GGUF files to blocks of 16 rows by 96 columns, three weights in five bits.
 * in: tern2.tq2[n, k], scale f32[n]; out: tern5.r16k96[n, k], scale f32[n]. */
#include "kernels.h"
#include "ternary5.h"
#include "ternary_blocks.h"

static void source(const setun_call *call, int64_t r, int64_t c, int64_t n, uint8_t *out_codes)
{
    const uint8_t *from = (const uint8_t *)in_row(call, 0, r) + c / TQ_COLUMNS * TQ2_BYTES;

    for (int64_t i = 0; i < n; i += TQ_COLUMNS, from += TQ2_BYTES)
        tq2_get(from, out_codes + i);
}

static void run(const setun_call *call, const setun_tile *tile)
{
    pack_ternary5(call, tile, source);
}

const setun_kernel pack_tern2tq2_tern5r16k96__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "pack_tern2tq2_tern5r16k96__scalar",
    .pattern = "pack",
    .fmts = "tern2.tq2+f32>tern5.r16k96+f32",
    .plan = ternary5_plan,
    .units = ternary5_units,
    .run = run,
};

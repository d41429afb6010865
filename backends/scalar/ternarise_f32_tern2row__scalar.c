/* ternarise_f32_tern2row__scalar.c - ternarises f32 masters w[n, k] by their absmean into codes and one scale a row. */
#include "absmean.h"
#include "kernels.h"

static void run(const setun_call *call, const setun_tile *tile)
{
    absmean_run(call, tile, widen_f32);
}

const setun_kernel ternarise_f32_tern2row__scalar = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "ternarise_f32_tern2row__scalar",
    .pattern = "ternarise",
    .fmts = "f32>tern2.row+f32",
    .plan = absmean_plan,
    .units = units_in_rows,
    .run = run,
};

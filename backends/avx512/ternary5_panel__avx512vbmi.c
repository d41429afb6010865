/* ternary5_panel__avx512vbmi.c - weights in tern5.r16k96 unpacked once for many rows of q, for all kernels that have VBMI: ternary5_panel.h. */
#include "ternary5_panel.h"

void ternary5_panel_groups_vbmi(const setun_call *call, const setun_tile *tile, ternary_join join)
{
    ternary5_panel_groups(call, tile, join, TERNARY_FIRST_X, ternary_dot4_vnni, ternary_panel_tiles_vnni, ternary5_permute);
}

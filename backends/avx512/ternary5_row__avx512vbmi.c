/* ternary5_row__avx512vbmi.c - up to eight rows of q for each read of weights in tern5.r16k96, for all kernels that have VBMI: ternary5_row.h. */
#include "ternary5_row.h"

void ternary5_stream_groups_vbmi(const setun_call *call, const setun_tile *tile, ternary_join join)
{
    ternary5_stream_groups(call, tile, join, ternary_dot4_vnni, ternary5_permute);
}

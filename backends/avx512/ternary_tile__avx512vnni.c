/* ternary_tile__avx512vnni.c - tiles of several rows of q by VNNI's instruction, for all kernels that have it: ternary_tile.h. */
#include "ternary_tile.h"

ALWAYS_INLINE void tile_op(const setun_call *call, int64_t i, int n_x, int64_t group, int n, const uint8_t *w, int packed, const int32_t *sum,
                           ternary_join join)
{
    ternary_tile32(call, i, n_x, group, n, w, packed, sum, ternary_dot4_vnni, join);
}

static void packed_tiles(const setun_call *call, int64_t first, int64_t group, int n, const uint8_t *w, const int32_t *sum, ternary_join join)
{
    ternary_tiles(call, first, group, n, w, 1, sum, join, tile_op);
}

void ternary_panel_tiles_vnni(const setun_call *call, int64_t first, int64_t group, int n, const uint8_t *w, const int32_t *sum, ternary_join join)
{
    ternary_tiles(call, first, group, n, w, 0, sum, join, tile_op);
}

void ternary_stream_groups_vnni(const setun_call *call, const setun_tile *tile, ternary_join join)
{
    ternary_stream_groups(call, tile, join, packed_tiles);
}

void ternary_panel_groups_vnni(const setun_call *call, const setun_tile *tile, ternary_join join)
{
    ternary_panel_groups(call, tile, join, ternary_dot4_vnni, ternary_panel_tiles_vnni);
}

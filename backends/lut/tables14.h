/* tables14.h - sizes of tern14.r32k24 and i8.t14 (formats.md), and the digits of a table's entries, for all instruction sets. */
#ifndef SETUN_LUT_TABLES14_H
#define SETUN_LUT_TABLES14_H
#include "tables.h"

enum { T14_COLUMNS = 24, T14_ROW_BYTES = 256 /* of tables, a block */, T14_PAIR_BYTES = 64 };
enum { T14_GROUP = 32, T14_BLOCK_BYTES = 160, T14_SIGNS = 128 /* where they begin in a block */ };
/* Blocks whose tables shall stay in the first cache while all groups go by. */
enum { T14_PANEL_BLOCKS = 60 };

/* Digit p of entry i, power = 3^p: of the number 13 + i; entries 14 and 15 have none. */
#define T14_D(i, power) (int8_t)((i) > 13 ? 0 : (13 + (i)) / (power) % 3 - 1)

/* One unit is a group of 32 rows. */
static inline int64_t t14_units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return (call->in[2].dim[0] + T14_GROUP - 1) / T14_GROUP;
}
#endif

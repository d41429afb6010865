/* ternary_blocks.c - codes of ternary formats that have a scale in each block: formats.md, from its text and not from a kernel's. */
#include <string.h>

#include "inspect/inspect_internal.h"

/* Weights of a block whose scale is zero, of either sign, are zero. */
static void clear_if_zero(const unsigned char *d, unsigned char *codes)
{
    if (d[0] == 0 && (d[1] & 0x7F) == 0)
        memset(codes, 1, 256);
}

static void tq2(const unsigned char *block, unsigned char *out_codes)
{
    for (int c = 0; c < 256; c++)
        out_codes[c] = block[c / 128 * 32 + c % 32] >> (c % 128 / 32 * 2) & 3;
    clear_if_zero(block + 64, out_codes);
}

static unsigned char digit(unsigned byte, int t)
{
    while (t-- > 0)
        byte = byte * 3 & 255;
    return (unsigned char)(byte * 3 >> 8);
}

static void tq1(const unsigned char *block, unsigned char *out_codes)
{
    for (int c = 0; c < 160; c++)
        out_codes[c] = digit(block[c % 32], c / 32);
    for (int c = 0; c < 80; c++)
        out_codes[160 + c] = digit(block[32 + c % 16], c / 16);
    for (int c = 0; c < 16; c++)
        out_codes[240 + c] = digit(block[48 + c % 4], c / 4);
    clear_if_zero(block + 52, out_codes);
}

static const setun_ternary_block blocks[] = {{"tern2.tq2", 66, 256, tq2}, {"tern.tq1", 54, 256, tq1}};

const setun_ternary_block *setun_ternary_block_of(const char *fmt)
{
    for (size_t i = 0; i < SETUN_COUNT(blocks); i++)
        if (strcmp(blocks[i].fmt, fmt) == 0)
            return &blocks[i];
    return NULL;
}

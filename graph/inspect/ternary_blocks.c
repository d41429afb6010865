/* ternary_blocks.c - codes of ternary formats whose blocks are more than fields of two bits: formats.md, from its text and not from a kernel's. */
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

/* Eight codes of five bits in the bytes j of five lines; each is three weights. */
static void tern5(const unsigned char *block, unsigned char *out_codes)
{
    for (int j = 0; j < 64; j++) {
        unsigned b[5], x[8];

        for (int line = 0; line < 5; line++) {
            b[line] = block[64 * line + j];
            x[line] = b[line] & 31;
        }
        x[5] = b[0] >> 5 | (b[1] >> 5 & 3) << 3;
        x[6] = b[2] >> 5 | (b[3] >> 5 & 3) << 3;
        x[7] = b[4] >> 5 | (b[1] >> 7) << 3 | (b[3] >> 7) << 4;
        for (int s = 0; s < 8; s++, out_codes += 3) {
            out_codes[0] = (unsigned char)(x[s] % 3);
            out_codes[1] = (unsigned char)(x[s] / 3 % 3);
            out_codes[2] = (unsigned char)(x[s] / 9); /* 3, not a weight, from 27 on */
        }
    }
}

/* Three codes of a number in base 3; 3, not a weight, for numbers above 26. */
static void three(unsigned x, unsigned char *out_codes)
{
    out_codes[0] = (unsigned char)(x % 3);
    out_codes[1] = (unsigned char)(x / 3 % 3);
    out_codes[2] = (unsigned char)(x / 9);
}

/* Five weights in each of 64 bytes. */
static void tern243(const unsigned char *block, unsigned char *out_codes)
{
    for (int j = 0; j < 64; j++, out_codes += 5) {
        const unsigned l = block[j] & 7, u = block[j] >> 3 & 7, y = l == 7 ? 0 : u + 1;

        three(4 * (l == 7 ? u : l) + (block[j] >> 6), out_codes);
        out_codes[3] = (unsigned char)(y % 3);
        out_codes[4] = (unsigned char)(y / 3);
    }
}

/* An index and a sign for each of eight times three weights of 32 rows. */
static void tern14(const unsigned char *block, unsigned char *out_codes)
{
    for (int r = 0; r < 32; r++)
        for (int j = 0; j < 8; j++, out_codes += 3) {
            const unsigned t = block[16 * j + r % 16] >> (r < 16 ? 0 : 4) & 15;

            three(t > 13 ? 27 : block[128 + r] >> j & 1 ? 13 - t : 13 + t, out_codes);
        }
}

/* Three codes of five bits in each of 320 words, and one bit of a sixteenth. */
static void tern27(const unsigned char *block, unsigned char *out_codes)
{
    for (int r = 0; r < 64; r++) {
        unsigned last = 0;

        for (int j = 0; j < 5; j++, out_codes += 9) {
            const unsigned char *at = block + (2 * j + r / 32) * 64 + 2 * (r % 32);
            const unsigned word = at[0] | (unsigned)at[1] << 8;

            for (int s = 0; s < 3; s++)
                three(word >> (5 * s) & 31, out_codes + 3 * s);
            last = last << 1 | word >> 15;
        }
        three(last, out_codes);
        out_codes += 3;
    }
}

static const setun_ternary_block blocks[] = {
    {"tern2.tq2", 66, 256, tq2, false},         {"tern.tq1", 54, 256, tq1, false},           {"tern5.r16k96", 320, 1536, tern5, true},
    {"tern243.r16k20", 64, 320, tern243, true}, {"tern14.r32k24", 160, 768, tern14, true},
    {"tern27.r64k48", 640, SETUN_TERNARY_BLOCK_MAX_VALUES, tern27, true}};

const setun_ternary_block *setun_ternary_block_of(const char *fmt)
{
    for (size_t i = 0; i < SETUN_COUNT(blocks); i++)
        if (strcmp(blocks[i].fmt, fmt) == 0)
            return &blocks[i];
    return NULL;
}

/* coded_block.c - packings of several rows in a block, where some codes are no weights. */
#include "weights/coded_block.h"

#include <inttypes.h>
#include <string.h>

/* tern5.r16k96: eight codes of five bits, 0 .. 26, in each byte of five lines of 64. Pieces hold whole blocks. */
enum { BLOCK5_BYTES = 320, LINE_BYTES = 64 };

/* Not 0 if one of them is above 26: such a sum reaches 32. */
static unsigned codes_5_above(const unsigned char *at)
{
    const unsigned b0 = at[0], b1 = at[LINE_BYTES], b2 = at[2 * LINE_BYTES], b3 = at[3 * LINE_BYTES], b4 = at[4 * LINE_BYTES];
    const unsigned x5 = b0 >> 5 | (b1 >> 2 & 0x18), x6 = b2 >> 5 | (b3 >> 2 & 0x18), x7 = b4 >> 5 | (b1 >> 4 & 0x08) | (b3 >> 3 & 0x10);

    return (((b0 & 31) + 5) | ((b1 & 31) + 5) | ((b2 & 31) + 5) | ((b3 & 31) + 5) | ((b4 & 31) + 5) | (x5 + 5) | (x6 + 5) | (x7 + 5)) & 32;
}

static bool block_5_is_bad(const unsigned char *block)
{
    unsigned above = 0;

    for (size_t i = 0; i < LINE_BYTES; i++)
        above |= codes_5_above(block + i);
    return above != 0;
}

/* tern243.r16k20: of 64 bytes none has m = 27, or 7 in both halves of its low six bits. */
static bool block_243_is_bad(const unsigned char *block)
{
    unsigned bad = 0;

    for (size_t i = 0; i < LINE_BYTES; i++) {
        const unsigned l = block[i] & 7, u = block[i] >> 3 & 7, h = l == 7 ? u : l;

        bad |= (unsigned)(h == 7) | (unsigned)(h == 6 && block[i] >> 6 == 3);
    }
    return bad != 0;
}

/* tern14.r32k24: 128 bytes of two indices, 0 .. 13 each, then signs. */
static bool block_14_is_bad(const unsigned char *block)
{
    unsigned above = 0;

    for (size_t i = 0; i < 128; i++)
        above |= ((block[i] & 15u) + 2) | ((block[i] >> 4) + 2u);
    return (above & 16) != 0;
}

/* tern27.r64k48: words of three codes, 0 .. 26, whose top bits make one more; word j of a row is in line 2j or 2j + 1. */
static bool block_27_is_bad(const unsigned char *block)
{
    unsigned above = 0;

    for (size_t r = 0; r < 64; r++) {
        unsigned last = 0;

        for (size_t j = 0; j < 5; j++) {
            const unsigned char *at = block + (2 * j + r / 32) * LINE_BYTES + 2 * (r % 32);
            const unsigned word = at[0] | (unsigned)at[1] << 8;

            above |= ((word & 31) + 5) | ((word >> 5 & 31) + 5) | ((word >> 10 & 31) + 5);
            last = last << 1 | word >> 15;
        }
        above |= last + 5;
    }
    return (above & 32) != 0;
}

/* Packings with codes that do not occur, in blocks of several rows. Pieces hold whole blocks. */
static const struct setun_coded_block {
    const char *fmt;
    size_t      n_bytes;
    bool      (*is_bad)(const unsigned char *block);
} coded_blocks[] = {
    {"tern5.r16k96", BLOCK5_BYTES, block_5_is_bad},
    {"tern243.r16k20", 64, block_243_is_bad},
    {"tern14.r32k24", 160, block_14_is_bad},
    {"tern27.r64k48", 640, block_27_is_bad},
};

const setun_coded_block *setun_coded_block_find(const char *fmt)
{
    for (size_t i = 0; i < SETUN_COUNT(coded_blocks); i++)
        if (strcmp(fmt, coded_blocks[i].fmt) == 0)
            return &coded_blocks[i];
    return NULL;
}

size_t setun_coded_block_bytes(const setun_coded_block *block)
{
    return block->n_bytes;
}

setun_status setun_coded_block_check(const setun_coded_block *block, const setun_weight *weight, size_t first_byte, const unsigned char *data,
                                     size_t n, setun_error *error)
{
    if (n % block->n_bytes != 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: tensor '%s' (%s): expected whole blocks of %zu bytes, found %zu bytes", weight->file->path,
                          weight->name, weight->fmt, block->n_bytes, weight->n_bytes);
    for (size_t at = 0; at < n; at += block->n_bytes)
        if (block->is_bad(data + at))
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %" PRIu64 ": tensor '%s' (%s): expected codes of %s in the block, found a larger one",
                              weight->file->path, weight->file_byte + first_byte + at, weight->name, weight->fmt,
                              block->is_bad == block_14_is_bad ? "0 to 13" : "0 to 26");
    return SETUN_OK;
}

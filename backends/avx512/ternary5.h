/* ternary5.h - linear with int8 activations and ternary weights in tern5.r16k96 (formats.md): three weights in each code of five bits.
 *
 * A line of a block is one register: lane r holds four codes of row r, which a table of 32 bytes turns into c0 | c1 << 2 | c2 << 4,
 * codes of weights as in tern2.r16k16: three words of q. Five of the eight codes are the low bits of the five lines; the other three are
 * put together of the upper bits, whose neighbours a look-up does not see. One unit is a group of 16 rows. */
#ifndef SETUN_AVX512_TERNARY5_H
#define SETUN_AVX512_TERNARY5_H
#include "ternary.h"

#define TERNARY5_COLUMNS 96
#define TERNARY5_BLOCK_BYTES 320
#define TERNARY5_WORDS 24 /* of q, in a block's columns */
#define TERNARY5_CODES 8

/* ns to stream one weight on one worker of a Zen 4. */
#define TERNARY5_READ_NS 0.0072

/* The 64 entries of the table: bit 5 of an index is not part of the code. 27 .. 31 are no codes: weights 0. */
#define T5(a, b, c) ((a) | (b) << 2 | (c) << 4)
#define T5_3(b, c) T5(0, b, c), T5(1, b, c), T5(2, b, c)
#define T5_9(c) T5_3(0, c), T5_3(1, c), T5_3(2, c)
#define T5_32 T5_9(0), T5_9(1), T5_9(2), T5(1, 1, 1), T5(1, 1, 1), T5(1, 1, 1), T5(1, 1, 1), T5(1, 1, 1)
static const uint8_t ternary5_table[64] = {T5_32, T5_32};

/* What turns codes into fields of two bits, in each byte: its bits above the fifth may be anything. */
typedef __m512i ternary5_look_up(__m512i codes);

static inline setun_status ternary5_plan(const setun_query *query, double compute_ns, double unpack_ns, size_t panel_bytes,
                                         setun_kernel_plan *out_plan)
{
    return ternary_plan_at(query, TERNARY5_READ_NS, compute_ns, unpack_ns, panel_bytes, out_plan);
}

static inline int64_t ternary5_blocks(const setun_call *call)
{
    return (call->in[2].dim[1] + TERNARY5_COLUMNS - 1) / TERNARY5_COLUMNS;
}

static inline const uint8_t *ternary5_group(const setun_call *call, int64_t group)
{
    return (const uint8_t *)call->in[2].data + group * ternary5_blocks(call) * TERNARY5_BLOCK_BYTES;
}

/* Bits of a where the mask has ones, of b elsewhere. */
static inline __m512i ternary5_select(__m512i mask, __m512i a, __m512i b)
{
    return _mm512_ternarylogic_epi32(mask, a, b, 0xCA);
}

/* Code s of a block, with junk above its fifth bits. Shifts of 16 bits bring in a neighbour's bits there only. */
ALWAYS_INLINE __m512i ternary5_code(const uint8_t *block, int s)
{
    const __m512i three = _mm512_set1_epi8(0x07), four = _mm512_set1_epi8(0x0F);
    __m512i line[5], code;

UNROLL(5)
    for (int j = 0; j < 5; j++)
        line[j] = _mm512_loadu_si512(block + 64 * j);
    switch (s) {
    case 5:
        return ternary5_select(three, _mm512_srli_epi16(line[0], 5), _mm512_srli_epi16(line[1], 2));
    case 6:
        return ternary5_select(three, _mm512_srli_epi16(line[2], 5), _mm512_srli_epi16(line[3], 2));
    case 7:
        code = ternary5_select(three, _mm512_srli_epi16(line[4], 5), _mm512_srli_epi16(line[1], 4));
        return ternary5_select(four, code, _mm512_srli_epi16(line[3], 3));
    default:
        return line[s];
    }
}

/* All codes of a block. */
ALWAYS_INLINE void ternary5_codes(const uint8_t *block, __m512i out_codes[TERNARY5_CODES])
{
UNROLL(8)
    for (int s = 0; s < TERNARY5_CODES; s++)
        out_codes[s] = ternary5_code(block, s);
}

/* VBMI: an index of vpermb has six bits, whatever is above them. */
#ifdef __AVX512VBMI__
static inline __m512i ternary5_permute(__m512i codes)
{
    return _mm512_permutexvar_epi8(codes, _mm512_loadu_si512(ternary5_table));
}
#endif

/* Two tables of 16; the fifth bit says which. */
static inline __m512i ternary5_shuffle(__m512i codes)
{
    const __m512i low = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)ternary5_table));
    const __m512i high = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)(ternary5_table + 16)));
    const __m512i index = _mm512_and_si512(codes, _mm512_set1_epi8(0x0F));

    return _mm512_mask_shuffle_epi8(_mm512_shuffle_epi8(low, index), _mm512_test_epi8_mask(codes, _mm512_set1_epi8(0x10)), high, index);
}

/* Scratch of kernels that read q itself by whole blocks: the columns of each row's last block if that is not whole, then zeros, as q's own
 * padding need not reach that far. */
static inline size_t ternary5_tails_bytes(const setun_query *query)
{
    return (size_t)query->in[0].dim[0] * TERNARY5_COLUMNS;
}

/* Once in a run, i8[m][96]: made anew for each group they cost one row of 2560 columns a fifth of its time in cache, for what is loaded right
 * after a wider store has to wait for it. Returns where scratch goes on. */
static inline void *ternary5_tails(const setun_call *call, void *scratch)
{
    const int64_t m = call->in[0].dim[0], k = call->in[2].dim[1], n = k % TERNARY5_COLUMNS;
    int8_t *tails = scratch;

    memset(tails, 0, (size_t)(m * TERNARY5_COLUMNS));
    for (int64_t i = 0; i < m; i++)
        memcpy(tails + i * TERNARY5_COLUMNS, (const int8_t *)in_row(call, 0, i) + k - n, (size_t)n);
    return tails + m * TERNARY5_COLUMNS;
}
#endif

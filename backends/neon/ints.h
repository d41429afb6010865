/* ints.h - what the integer kernels share: costs, dots of 16 rows in four registers, words of four columns turned into rows. */
#ifndef SETUN_NEON_INTS_H
#define SETUN_NEON_INTS_H
#include "lanes.h"

/* Costs of kernels that multiply integers are estimates for a core like Neoverse N1 at 3 GHz, and none was ever timed: counted vector
 * instructions of the inner loops, two a cycle, and 12.5 GB/s from memory. What such a core lacks (SMMLA) is taken for as fast as what it has
 * (SDOT). */
#define NEON_VECTOR_NS 0.167
#define NEON_READ_NS   0.08 /* one byte */

/* In an unrolled loop: loads do not pass it. With all its turns under way at once gcc runs out of registers. */
#define ONE_AT_A_TIME() __asm__ volatile("" ::: "memory")

static inline lanes lanes_of_ints(const int32x4_t v[4])
{
    return (lanes){vcvtq_f32_s32(v[0]), vcvtq_f32_s32(v[1]), vcvtq_f32_s32(v[2]), vcvtq_f32_s32(v[3])};
}

/* Lane j of the result: the sum of the lanes of v[j]. */
static inline int32x4_t sum_each(int32x4_t v0, int32x4_t v1, int32x4_t v2, int32x4_t v3)
{
    return vpaddq_s32(vpaddq_s32(v0, v1), vpaddq_s32(v2, v3));
}

/* Four rows of four words of 32 bits: word j of row[i] becomes word i of row[j]. */
static inline void turn_words(int32x4_t row[4])
{
    const int64x2_t a = vreinterpretq_s64_s32(vtrn1q_s32(row[0], row[1])), b = vreinterpretq_s64_s32(vtrn2q_s32(row[0], row[1]));
    const int64x2_t c = vreinterpretq_s64_s32(vtrn1q_s32(row[2], row[3])), d = vreinterpretq_s64_s32(vtrn2q_s32(row[2], row[3]));

    row[0] = vreinterpretq_s32_s64(vtrn1q_s64(a, c));
    row[1] = vreinterpretq_s32_s64(vtrn1q_s64(b, d));
    row[2] = vreinterpretq_s32_s64(vtrn2q_s64(a, c));
    row[3] = vreinterpretq_s32_s64(vtrn2q_s64(b, d));
}
#endif

/** \file
 * setun_numerics.h - the constants of numerics.md, version 1. numerics.md says how they are used; nothing else may be assumed.
 * Those named F32 are single precision and those named F64 double precision; every hex constant is exact. */
#ifndef SETUN_NUMERICS_H
#define SETUN_NUMERICS_H

#define SETUN_NUMERICS_VERSION 1 /**< printed beside every output hash; bumped when any bit of any op changes */

#define SETUN_LANES 16           /**< partial sums of dot and sum: one AVX-512 register, two AVX2, four NEON */
#define SETUN_CHUNK 256          /**< positions of a sequence that one softmax chunk covers; also the block of a KV cache */

/** \name quantise: f32 -> int8 with one scale a row */
/**@{*/
#define SETUN_QUANT_MAX   127.0f /**< the code of the largest magnitude */
#define SETUN_QUANT_FLOOR 1e-5f  /**< least amax, and least absmean: keeps the scale of a zero row finite */
/**@}*/

/** \name blocks of quantised activations and weights */
/**@{*/
#define SETUN_BLOCK          32  /**< columns that share a scale in i8.b32, and a block of q8_0.b32 */
#define SETUN_Q8_0_BYTES     34  /**< of a block of q8_0.b32: f16 d, 32 codes */
#define SETUN_Q6_K_BLOCK     256 /**< columns of a block of q6_k.b256 */
#define SETUN_Q6_K_BYTES     210 /**< of such a block: 128 of low bits, 64 of high bits, 16 parts, f16 d */
#define SETUN_Q6_K_PART      16  /**< columns that share an int8 scale in it */
#define SETUN_Q6_K_ZERO      32  /**< the code of weight 0 */
/**@}*/

/** \name screen: approximate logits with a bound of their error */
/**@{*/
#define SETUN_SCREEN_MAX   32639.0f   /**< code of the largest activation: 127 * 256 + 127, so that both halves fit a byte */
#define SETUN_SCREEN_W_MAX 127.0f     /**< code of a row's largest weight */
#define SETUN_SCREEN_CODES 64.0f      /**< codes of 7 bits on either side of 0, in a row whose largest weight has the last of them */
#define SETUN_SCREEN_STEP  32.0f      /**< and the step of its five bits is that weight by this: half of what they tell apart */
#define SETUN_SCREEN_LEAST 0x1p-100f  /**< a row whose largest magnitude is below has codes of 0, of 7 bits 64: its inverse could overflow */
#define SETUN_SCREEN_SLACK 0x1p-20    /**< f64; norms are made larger by it, relatively: more than all roundings of the bound together */
#define SETUN_SCREEN_FLOOR 0x1p-126   /**< f64; and by it, absolutely: no norm is subnormal */
#define SETUN_SCREEN_STEPS 32.0       /**< f64; roundings that an element goes through besides those of its lane, with room to spare */
#define SETUN_SCREEN_ULP   0x1p-23    /**< f64; twice the relative error of one rounding */
#define SETUN_SCREEN_TINY  0x1p-100f  /**< more than all that underflow can lose in a row */
#define SETUN_SCREEN_K_MAX 65536      /**< columns at most: 255 * 128 * k fits 32 bits */
/**@}*/

/** \name exp32
 * Below ZERO_BELOW the result is +0 (the exact value would be under 2^-126), above INF_ABOVE +infinity. */
/**@{*/
#define SETUN_EXP_ZERO_BELOW (-0x1.5d589ep+6f)  /**< -87.33654 */
#define SETUN_EXP_INF_ABOVE  0x1.62e42ep+6f     /**<  88.72283 */
#define SETUN_EXP_LOG2E      0x1.715476p+0f     /**< log2(e) */
#define SETUN_EXP_LN2_HI     0x1.62e4p-1f       /**< 15 bits: n * LN2_HI is exact for every n that occurs */
#define SETUN_EXP_LN2_LO     0x1.7f7d1cp-20f    /**< ln(2) - LN2_HI */
#define SETUN_EXP_C2         0x1.fffffcp-2f     /**< minimax for |r| <= ln2 / 2, C0 = C1 = 1: 0.06 ulp before rounding */
#define SETUN_EXP_C3         0x1.555492p-3f     /**< coefficient of r^3 */
#define SETUN_EXP_C4         0x1.5558b2p-5f     /**< coefficient of r^4 */
#define SETUN_EXP_C5         0x1.12398ep-7f     /**< coefficient of r^5 */
#define SETUN_EXP_C6         0x1.6a4b34p-10f    /**< coefficient of r^6 */
/**@}*/

/** \name log64, exp64, sin64, cos64: the host's own double-precision functions */
/**@{*/
#define SETUN_F64_ROUND     0x1.8p+52              /**< x + ROUND - ROUND is x rounded to an integer, for |x| < 2^51 */
#define SETUN_F64_LOG2E     0x1.71547652b82fep+0   /**< log2(e) */
#define SETUN_F64_LN2_HI    0x1.62e42fefa38p-1     /**< 42 bits: times an exponent it is exact */
#define SETUN_F64_LN2_LO    0x1.ef35793c7673p-45   /**< ln(2) - LN2_HI */
#define SETUN_F64_SQRT_HALF 0x1.6a09e667f3bcdp-1   /**< sqrt(1/2) */
#define SETUN_F64_TWO_OVER_PI 0x1.45f306dc9c883p-1 /**< 2 / pi */
#define SETUN_F64_PIO2_1    0x1.921fb544p+0        /**< pi / 2 = PIO2_1 + PIO2_2 + PIO2_3; 33 and 32 bits: times k <= 2^20 exact */
#define SETUN_F64_PIO2_2    0x1.0b4611a6p-34       /**< second part of pi / 2 */
#define SETUN_F64_PIO2_3    0x1.3198a2e037073p-69  /**< third part of pi / 2 */
#define SETUN_F64_ANGLE_MAX 0x1p+20                /**< sin64 and cos64: 0 <= x <= ANGLE_MAX, so that k <= 2^20 */

#define SETUN_F64_LOG_TERMS 11 /**< terms of SETUN_F64_LOG */
/** 2 / (2k + 1) for k = 1 .. 11 */
#define SETUN_F64_LOG                                                                                                          \
    {                                                                                                                          \
        0x1.5555555555555p-1, 0x1.999999999999ap-2, 0x1.2492492492492p-2, 0x1.c71c71c71c71cp-3, 0x1.745d1745d1746p-3,          \
        0x1.3b13b13b13b14p-3, 0x1.1111111111111p-3, 0x1.e1e1e1e1e1e1ep-4, 0x1.af286bca1af28p-4, 0x1.8618618618618p-4,          \
        0x1.642c8590b2164p-4                                                                                                   \
    }
#define SETUN_F64_INV_FACTORIAL_TERMS 18 /**< terms of SETUN_F64_INV_FACTORIAL */
/** 1 / k! for k = 0 .. 17 */
#define SETUN_F64_INV_FACTORIAL                                                                                                \
    {                                                                                                                          \
        0x1p+0, 0x1p+0, 0x1p-1, 0x1.5555555555555p-3, 0x1.5555555555555p-5, 0x1.1111111111111p-7, 0x1.6c16c16c16c17p-10,       \
        0x1.a01a01a01a01ap-13, 0x1.a01a01a01a01ap-16, 0x1.71de3a556c734p-19, 0x1.27e4fb7789f5cp-22, 0x1.ae64567f544e4p-26,     \
        0x1.1eed8eff8d898p-29, 0x1.6124613a86d09p-33, 0x1.93974a8c07c9dp-37, 0x1.ae7f3e733b81fp-41, 0x1.ae7f3e733b81fp-45,     \
        0x1.952c77030ad4ap-49                                                                                                  \
    }
/**@}*/

/** \name Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011) */
/**@{*/
#define SETUN_PHILOX_ROUNDS 10                     /**< rounds of one block */
#define SETUN_PHILOX_M0     0xD2511F53u            /**< multiplier of words 0 and 1 */
#define SETUN_PHILOX_M1     0xCD9E8D57u            /**< multiplier of words 2 and 3 */
#define SETUN_PHILOX_W0     0x9E3779B9u            /**< key 0 grows by it each round */
#define SETUN_PHILOX_W1     0xBB67AE85u            /**< key 1 grows by it each round */
/**@}*/
#endif

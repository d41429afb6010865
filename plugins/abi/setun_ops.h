/** \file
 * setun_ops.h - the ops of plugin contract version 1: operands and attributes as kernels see them.
 * Attribute structs are append-only; `size` says how many bytes the writer knew. numerics.md defines every op bit by bit.
 *
 * Notation: m rows of the pass, n columns; "f32[m, n]" is a tensor of format f32 with dim {m, n, 1, 1}.
 * A vector of n elements is one row, dim {1, n, 1, 1}. `+` joins the tensors that hold one operand (see setun_kernel.fmts).
 *
 * \verbatim
 * op           inputs                                             outputs          attribute
 * embedding    token i32[1, m], table [vocab, n]                  y f32[m, n]      none
 *              table is f32|f16|bf16, or q8_0.b32|q6_k.b256
 * output_rows  x f32[m, n]                                        y f32[o, n]      none; o = batch.n_out_rows
 * linear       x [m, k], w [n, k]                                 y f32[m, n]      none
 *              x f32, w f32|f16|bf16; or x i8.row+f32 (numerics.md: quantise) or tables of it (i8.t14+f32,
 *              i16.t27+f32), w a ternary format with one scale a row; or x i8.b32 (numerics.md: quantise in blocks), w q8_0.b32|q6_k.b256
 * rms_norm     x f32[m, n], w f32[1, n]                           y f32[m, n]      setun_attr_rms_norm
 * rope         x f32[m, heads * head_dim], cos, sin f32[p, d/2]   y like x         setun_attr_rope
 * kv_write     k, v f32[m, kv_heads * head_dim]                   k, v cache       setun_attr_kv_write
 * attention    q f32[m, heads * head_dim], k cache, v cache       y like q         setun_attr_attention
 * add, mul     a, b f32[m, n]                                     y f32[m, n]      none
 * relu2, silu  x f32[m, n]                                        y f32[m, n]      none
 * pack         one operand in one representation                  the same operand in another       none
 *              weights keep their values; f32 activations become i8.row+f32, tables of that, i8.b32 or
 *              i16.hl+f32+f32+f32 as numerics.md says
 * ternarise    masters f32|f16|bf16[n, k]                         ternary codes with one scale a row  none
 * quantise     masters f32|f16|bf16[n, k]                         q8_0.b32|q6_k.b256 [n, k], or       none
 *                                                                 i8.r16k4+f32+f32+f32 [n, k], for screen, or
 *                                                                 i7.r256k32+f32+f32+f32+f32 [n, k], for screen and rescreen
 * screen       x i16.hl+f32+f32+f32 [m, k],                       z, e f32[m, n]   none; |linear(x, w) - z| <= e for the x and w that
 *              w i8.r16k4+f32+f32+f32 [n, k], or                                   these were made of (numerics.md: screen)
 *              i7.r256k32+f32+f32+f32+f32 [n, k]
 * rescreen     x i16.hl+f32+f32+f32 [1, k],                       z, e f32[1, c]   none; the same of the rows of w that id names, 0 .. n - 1 in
 *              w i7.r256k32+f32+f32+f32+f32 [n, k],                                 any order, with a smaller e; coarse is screen's z of x and w.
 *              coarse f32[1, n], id i32[1, c]                                      A unit is any number of ids
 * top_k        x f32[m, n]                                        id i32[m, k]     none; 1 <= k <= n. A call may have fewer columns and ids than
 *                                                                                  plan() saw, as screened logits are cut among workers
 * probe_int8   x f32[m, n]                                        y like x, a copy  none; in no model: see SETUN_PROBE_OPS
 * \endverbatim
 *
 * A cache is {f16|f32}.kv256[blocks, kv_heads, 256, head_dim]; setun_batch.block says which blocks belong to a sequence.
 * No output shares memory with an input of the same call, except that kv_write's outputs are later attention's inputs. */
#ifndef SETUN_OPS_H
#define SETUN_OPS_H
#include <stdint.h>

/** int8 operations (an addition or a multiplication is one) that a kernel of `probe_int8` does in registers for each row that it copies,
 * with the instructions that the backend's dot products use: how many a second tells what the CPU could do at best. A unit is a row. */
#define SETUN_PROBE_OPS (INT64_C(1) << 18)

/** Attributes of rms_norm. */
typedef struct setun_attr_rms_norm {
    uint32_t size;          /**< bytes of this struct that the host knew */
    float    eps;           /**< added to the mean square, inside the root */
    int64_t  groups;        /**< n / groups consecutive columns are normalised together; 1: the whole row */
    float    weight_offset; /**< added to w first; 0, or 1 where a family stores w - 1 */
    uint32_t reserved;      /**< zero */
} setun_attr_rms_norm;

/** Which elements of a head are rotated together. */
enum {
    SETUN_ROPE_HALF = 0,       /**< pair (j, j + n_dims / 2) */
    SETUN_ROPE_INTERLEAVED = 1 /**< pair (2j, 2j + 1) */
};

/** Attributes of rope. */
typedef struct setun_attr_rope {
    uint32_t size;     /**< bytes of this struct that the host knew */
    uint32_t pairing;  /**< SETUN_ROPE_* */
    int64_t  heads;    /**< heads in a row */
    int64_t  head_dim; /**< elements of a head */
    int64_t  n_dims;   /**< the first n_dims elements of each head are rotated, the others copied; even */
} setun_attr_rope;

/** Attributes of kv_write. */
typedef struct setun_attr_kv_write {
    uint32_t size;     /**< bytes of this struct that the host knew */
    uint32_t reserved; /**< zero */
    int64_t  kv_heads; /**< heads in a row of k and of v */
    int64_t  head_dim; /**< elements of a head */
} setun_attr_kv_write;

/** Attributes of attention. */
typedef struct setun_attr_attention {
    uint32_t size;     /**< bytes of this struct that the host knew */
    uint32_t causal;   /**< 1: a row sees the positions up to its own; 0: all positions of its sequence */
    int64_t  heads;    /**< query heads in a row; head h reads kv head h / (heads / kv_heads) */
    int64_t  kv_heads; /**< heads of the cache; divides heads */
    int64_t  head_dim; /**< elements of a head */
    int64_t  window;   /**< a row sees its last `window` positions, its own included; 0: no limit */
    float    scale;    /**< factor of each dot product of q and k */
    float    softcap;  /**< limit of the scaled scores; 0: none */
} setun_attr_attention;
#endif

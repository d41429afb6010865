/* setun_ops.h - the ops of plugin contract version 1: operands and attributes as kernels see them.
 * Attribute structs are append-only; `size` says how many bytes the writer knew. numerics.md defines every op bit by bit.
 *
 * Notation: m rows of the pass, n columns; "f32[m, n]" is a tensor of format f32 with dim {m, n, 1, 1}.
 * A vector of n elements is one row, dim {1, n, 1, 1}. `+` joins the tensors that hold one operand (see setun_kernel.fmts).
 *
 * op           inputs                                             outputs          attribute
 * embedding    token i32[1, m], table f32|f16|bf16[vocab, n]      y f32[m, n]      none
 * output_rows  x f32[m, n]                                        y f32[o, n]      none; o = batch.n_out_rows
 * linear       x [m, k], w [n, k]                                 y f32[m, n]      none
 *              x is f32, or i8.row+f32 (numerics.md: quantise); w is f32|f16|bf16, or a ternary format with one scale a row
 * rms_norm     x f32[m, n], w f32[1, n]                           y f32[m, n]      setun_attr_rms_norm
 * rope         x f32[m, heads * head_dim], cos, sin f32[p, d/2]   y like x         setun_attr_rope
 * kv_write     k, v f32[m, kv_heads * head_dim]                   k, v cache       setun_attr_kv_write
 * attention    q f32[m, heads * head_dim], k cache, v cache       y like q         setun_attr_attention
 * add, mul     a, b f32[m, n]                                     y f32[m, n]      none
 * relu2, silu  x f32[m, n]                                        y f32[m, n]      none
 * pack         one operand in one representation                  the same operand in another       none
 *              weights keep their values; f32 activations become i8.row+f32 by numerics.md: quantise
 * ternarise    masters f32|f16|bf16[n, k]                         ternary codes with one scale a row  none
 *
 * A cache is {f16|f32}.kv256[blocks, kv_heads, 256, head_dim]; setun_batch.block says which blocks belong to a sequence.
 * No output shares memory with an input of the same call, except that kv_write's outputs are later attention's inputs. */
#ifndef SETUN_OPS_H
#define SETUN_OPS_H
#include <stdint.h>

typedef struct setun_attr_rms_norm {
    uint32_t size;
    float    eps;           /* added to the mean square, inside the root */
    int64_t  groups;        /* n / groups consecutive columns are normalised together; 1: the whole row */
    float    weight_offset; /* added to w first; 0, or 1 where a family stores w - 1 */
    uint32_t reserved;
} setun_attr_rms_norm;

enum { SETUN_ROPE_HALF = 0, SETUN_ROPE_INTERLEAVED = 1 }; /* pair (j, j + n_dims / 2), or (2j, 2j + 1) */

typedef struct setun_attr_rope {
    uint32_t size, pairing; /* SETUN_ROPE_* */
    int64_t  heads, head_dim;
    int64_t  n_dims;        /* the first n_dims elements of each head are rotated, the others copied; even */
} setun_attr_rope;

typedef struct setun_attr_kv_write {
    uint32_t size, reserved;
    int64_t  kv_heads, head_dim;
} setun_attr_kv_write;

typedef struct setun_attr_attention {
    uint32_t size;
    uint32_t causal;         /* 1: a row sees the positions up to its own; 0: all positions of its sequence */
    int64_t  heads, kv_heads, head_dim; /* query head h reads kv head h / (heads / kv_heads) */
    int64_t  window;         /* a row sees its last `window` positions, its own included; 0: no limit */
    float    scale, softcap; /* softcap 0: none */
} setun_attr_attention;
#endif

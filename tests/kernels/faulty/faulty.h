/* faulty.h - the faults that the conformance check must catch, one a plugin: -DFAULT=<one of these>. GOOD is none, and must pass. */
#ifndef SETUN_TEST_FAULTY_H
#define SETUN_TEST_FAULTY_H
#include <stdbool.h>
#include <string.h>

#include "setun_numerics.h"
#include "setun_plugin.h"

enum fault {
    GOOD,
    /* linear.c */
    SIGN,          /* one byte of codes has a wrong sign */
    TAIL,          /* what is left of k after multiples of 64 is dropped */
    READ_PAST,     /* reads the byte after the last row of w */
    WRITE_PAST,    /* writes the float after its tile */
    WRITE_BEFORE,  /* writes the float before the output */
    WRITE_INPUT,   /* tidies up the padding of w */
    IGNORE_BEGIN,  /* does the units below its own too: the same values */
    I16,           /* sums in 16 bits, and says nothing can overflow */
    I16_TILED,     /* the same, where it does many rows at once */
    K_MAX,         /* sums in 16 bits, and says 256 where it is 255 */
    K_MAX_ACCEPT,  /* declines nothing above its k_max */
    I28_TILED,     /* sums in 28 bits, where it does several rows at once */
    NO_BITS,       /* does not state its accumulator */
    ACC_BITS,      /* states a width that no integer has */
    SCRATCH,       /* does not clear its sums */
    AGAIN,         /* does nothing where its scratch says that it ran before */
    WORKERS,       /* depends on how many workers there are */
    STRIDE,        /* takes k for the stride of x */
    LOWEST,        /* -128 becomes -127 */
    FP_MODE,       /* leaves another rounding mode */
    CLOBBER,       /* does not restore a register */
    MMX,           /* leaves the x87 stack full */
    HANG,          /* never returns */
    SLEEP,         /* the same, without taking time */
    STATE,         /* counts its calls */
    BLEND,         /* puts back what stood beside its tile before it began */
    EXIT,          /* ends the process, as if all were well */
    EXIT_NOW,      /* the same, by _exit() */
    KILL,          /* the same, by a signal that nothing catches */
    TRAP,          /* executes what the CPU does not know */
    MANY_ROWS,     /* wrong from row 32 on */
    MANY_COLUMNS,  /* wrong from column 1000 on */
    ROWS_MAX,      /* does as many rows as plan() was told, not as the pass has */
    UNITS,         /* takes the upper half of a 32-bit argument for part of it */
    MUTE,          /* declines without a reason */
    REFUSE,        /* declines everything */
    NEEDS_CPU,     /* needs features that no machine has together */
    FUSED,         /* leaves out the second op of its pattern */
    FUSED_UNKNOWN, /* a pattern with an op that there is not */
    /* rows.c */
    ROUND,         /* quantise: half away from zero */
    PADDING,       /* quantise: leaves the padding as it is */
    ORDER,         /* dense linear: sums in another order */
    INEXACT,       /* the same, but does not say that it is exact */
    ORDER_NAN,     /* not exact, and gives NaN */
    ROPE,          /* the position before */
    BLOCK,         /* kv_write: position j is in block j / 256 of the cache */
    AS_IN_FILE,    /* embedding: reads whole vectors, where the tensor of a file may end */
    /* blocks.c */
    FLUSH,         /* linear: a subnormal scale is zero */
    PART,          /* q6_k: two parts of a block of 32 columns have the factor of the first */
    MAGNITUDE,     /* q8_0: -128 becomes -127 */
    BACKWARDS,     /* linear: the last block first */
    TWO_ROUNDINGS, /* linear: a product and a sum in place of fma */
    WHOLE_VECTORS, /* q8_0: reads past the last block */
    BLOCK_PADDING, /* quantise in blocks: leaves the padding of the scales as it is */
    INVERSE,       /* quantise in blocks: the scale is the inverse of the factor */
    /* fused.c */
    MERGED,        /* linear and add: product and sum in one rounding */
    OTHER_ROW,     /* linear and add: the residual of the first row */
    OTHER_OUT,     /* three linears: the second and third write what is the other's */
    SWAPPED,       /* gate and up: up is taken for gate */
    SQUARED_LAST,  /* gate and up: t * (t * u) */
    NARROW,        /* both: sums in 16 bits */
    /* ternary5.c */
    TABLE_ENTRY,   /* one of three weights is wrong in one of 27 codes */
    TAIL_BLOCK,    /* the last block is dropped where it is not whole */
    JUNK_BIT,      /* the top bit of the last code is taken from another line */
    /* screen7.c */
    FIFTH_BIT,     /* screen: the fifth bit of the last columns of a block is that of those before */
    GROUP_TOO_FAR, /* rescreen: the lower bits of the last band are sought behind one group more than it has */
    HIGH_HALF,     /* both: the low half of x is left out */
    NO_TINY,       /* both: the bound of rows of zeros is zero */
    COARSE_OF_PLACE /* rescreen: adds to the coarse logit of the id's place in the list */
};

/* Compared in C, not by the preprocessor, so that every fault is compiled in every plugin. */
static const enum fault fault = FAULT;

static inline const void *in_row(const setun_call *call, uint32_t i, int64_t row)
{
    return (const char *)call->in[i].data + row * call->in[i].stride_bytes[0];
}

static inline void *out_row(const setun_call *call, uint32_t i, int64_t row)
{
    return (char *)call->out[i].data + row * call->out[i].stride_bytes[0];
}

#define FAULTY_PLUGIN(table)                                                                                                   \
    SETUN_EXPORT extern const setun_plugin setun_plugin_v1;                                                                    \
    const setun_plugin setun_plugin_v1 = {                                                                                     \
        .magic = SETUN_MAGIC, .abi_major = SETUN_ABI_MAJOR, .abi_minor = SETUN_ABI_MINOR, .size = sizeof(setun_plugin_v1),     \
        .build = SETUN_BUILD_THIS, .name = "faulty", .version = "1", .kernels = table,                                         \
    }
#endif

/* setun_plugin.h - the whole contract between the host and a backend plugin, version 1.
 *
 * A plugin is a shared object that exports exactly one symbol, the constant `setun_plugin_v1`. It links nothing of the host.
 * The host reads magic, versions, size, build and cpu from the file before it runs any of the plugin's code.
 *
 * Compatibility: a host accepts its own major and any minor up to its own. Fields are only appended, and a struct's `size`
 * says how many its writer knew, so an older plugin's tables are shorter, never different. setun_tensor is frozen within a
 * major because it is indexed as an array.
 *
 * A plugin keeps no state. It may not allocate, do I/O, start threads, keep writable globals or thread-local variables, run
 * constructors, exit, or leave the floating-point modes changed. It writes only its tile of the outputs and its scratch, and reads
 * only inside the bytes that its formats declare. The host owns memory, threads, pinning and barriers. */
#ifndef SETUN_PLUGIN_H
#define SETUN_PLUGIN_H
#include <stddef.h>
#include <stdint.h>

#include "setun_ops.h"
#include "setun_status.h"

#define SETUN_MAGIC     0x314E5453u /* "STN1" in a little-endian file */
#define SETUN_ABI_MAJOR 1           /* bumped: the symbol gets a new name and old plugins are refused */
#define SETUN_ABI_MINOR 0           /* bumped: fields were appended */
#define SETUN_SYMBOL    "setun_plugin_v1"
#define SETUN_EXPORT    __attribute__((visibility("default")))

/* CPU features; a bit also means that the operating system saves the registers it needs.
 * x86-64 uses bits 0-31 and AArch64 bits 32-63, so a plugin for the other architecture never matches. */
#define SETUN_CPU_SSE41         (UINT64_C(1) << 0)  /* SSE4.1 and SSSE3 */
#define SETUN_CPU_POPCNT        (UINT64_C(1) << 1)
#define SETUN_CPU_AVX2          (UINT64_C(1) << 2)
#define SETUN_CPU_FMA           (UINT64_C(1) << 3)
#define SETUN_CPU_F16C          (UINT64_C(1) << 4)
#define SETUN_CPU_BMI2          (UINT64_C(1) << 5)
#define SETUN_CPU_AVX_VNNI      (UINT64_C(1) << 6)
#define SETUN_CPU_AVX_VNNI_INT8 (UINT64_C(1) << 7)
#define SETUN_CPU_AVX512        (UINT64_C(1) << 8)  /* F, BW, CD, DQ and VL */
#define SETUN_CPU_AVX512_VNNI   (UINT64_C(1) << 9)
#define SETUN_CPU_AVX512_VBMI   (UINT64_C(1) << 10) /* VBMI and VBMI2 */
#define SETUN_CPU_AVX512_BF16   (UINT64_C(1) << 11)
#define SETUN_CPU_AVX512_FP16   (UINT64_C(1) << 12)
#define SETUN_CPU_GFNI          (UINT64_C(1) << 13)
#define SETUN_CPU_AMX_TILE      (UINT64_C(1) << 14)
#define SETUN_CPU_AMX_INT8      (UINT64_C(1) << 15)
#define SETUN_CPU_AMX_BF16      (UINT64_C(1) << 16)
#define SETUN_CPU_NEON          (UINT64_C(1) << 32)
#define SETUN_CPU_DOTPROD       (UINT64_C(1) << 33)
#define SETUN_CPU_I8MM          (UINT64_C(1) << 34)
#define SETUN_CPU_FP16          (UINT64_C(1) << 35)
#define SETUN_CPU_SVE           (UINT64_C(1) << 36)

enum { SETUN_KERNEL_EXACT = 1u << 0 }; /* setun_kernel.flags: bit-identical to the scalar backend */
enum { SETUN_BUILD_PLAIN = 0, SETUN_BUILD_ASAN = 1, SETUN_BUILD_TSAN = 2 }; /* setun_plugin.build */

/* What this translation unit is compiled with, for setun_plugin.build. */
#if defined(__SANITIZE_ADDRESS__)
#define SETUN_BUILD_THIS SETUN_BUILD_ASAN
#elif defined(__SANITIZE_THREAD__)
#define SETUN_BUILD_THIS SETUN_BUILD_TSAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SETUN_BUILD_THIS SETUN_BUILD_ASAN
#elif __has_feature(thread_sanitizer)
#define SETUN_BUILD_THIS SETUN_BUILD_TSAN
#endif
#endif
#ifndef SETUN_BUILD_THIS
#define SETUN_BUILD_THIS SETUN_BUILD_PLAIN
#endif

/* One tensor. Kernels address it by `data` and `stride_bytes`, never by assuming a stride.
 * Tensors that the host makes start at a multiple of their format's `align`. Weights in the formats f32, f16, bf16 and tern2.hf may
 * lie in a mapped file: only their element's own alignment is promised, and the stride may be the dense one. */
typedef struct setun_tensor {
    void       *data;
    const char *fmt;             /* name of a setun_format: "f32", "i8.row", "tern2.row" ... */
    int64_t     dim[4];          /* logical elements, outermost first; unused dimensions are 1 */
    int64_t     stride_bytes[4]; /* step of each dimension; 0 where the format has none */
    uint64_t    reserved[2];     /* zero */
} setun_tensor;

/* The rows of one forward pass; they may belong to different sequences at different positions, in any order.
 * All cached positions below len[seq] are valid once this pass's kv_write has run. */
typedef struct setun_batch {
    uint32_t              size;       /* bytes of this struct that the host knew */
    uint32_t              n_seqs;
    int64_t               n_rows;     /* m: rows of this pass */
    int64_t               n_out_rows; /* rows whose logits are wanted, 0..n_rows */
    const int32_t        *token;      /* [n_rows] */
    const int32_t        *seq;        /* [n_rows] 0..n_seqs-1 */
    const int32_t        *pos;        /* [n_rows] position of the row in its sequence, from 0 */
    const int32_t        *out_row;    /* [n_out_rows] ascending */
    const int32_t        *len;        /* [n_seqs] positions cached once this pass has written its own */
    const int32_t *const *block;      /* [n_seqs][ceil(len / 256)] index of each block in the cache tensors */
} setun_batch;

typedef struct setun_machine {   /* from the topology; for tile sizes and cost estimates only, never for results */
    uint32_t size, n_workers;
    uint64_t l1d_bytes, l2_bytes, l3_bytes; /* of one core's share; 0 where unknown */
} setun_machine;

typedef struct setun_query {     /* what the graph wants; valid only during plan() */
    uint32_t             size, n_in, n_out;  /* tensors, not operands: "i8.row+f32" counts two */
    const setun_tensor  *in, *out;           /* largest dims; data is NULL while planning, that of weights too */
    int64_t              rows_min, rows_max; /* rows of a pass that this plan must serve */
    const void *const   *attr;               /* [ops of the pattern] setun_attr_<op>, NULL for an op without attributes */
    const setun_machine *machine;
    char                *why;                /* on refusal: one line without newline, at most why_bytes with its NUL */
    size_t               why_bytes;
} setun_query;

typedef struct setun_kernel_plan { /* the kernel's answer; zeroed by the host, `size` set */
    uint32_t size;
    uint32_t n_phases;           /* 1..16; the host puts a barrier between phases */
    size_t   worker_bytes;       /* scratch of each worker, 64-byte aligned, contents undefined at the start of a call */
    size_t   shared_bytes;       /* scratch that all workers of a call share, likewise */
    double   cost_ns;            /* estimate for rows_max rows on one worker; a measured value replaces it */
    uint64_t choice[4];          /* anything plan() decided; handed back in setun_call.choice */
} setun_kernel_plan;

typedef struct setun_call {
    uint32_t             size, n_in, n_out;
    const setun_tensor  *in;     /* dims of this pass */
    const setun_tensor  *out;
    const void *const   *attr;   /* as in setun_query */
    const setun_batch   *batch;  /* NULL while packing weights */
    void                *shared;
    const uint64_t      *choice; /* [4] from setun_kernel_plan */
} setun_call;

/* One worker's share of a phase: one contiguous range of units, the same for equal unit counts; may be empty. */
typedef struct setun_tile {
    int64_t  begin, end;
    uint32_t phase, worker, n_workers;
    uint32_t reserved;
    void    *scratch;            /* worker_bytes of this worker; kept between the phases of a call */
} setun_tile;

typedef struct setun_kernel {
    uint32_t    size;
    uint32_t    flags;           /* SETUN_KERNEL_* */
    const char *name;            /* equals the file name; <op>_<in>_<weights>_<out>__<isa>[_<tile>] */
    const char *pattern;         /* one op: "linear"; or fused: "h=rms_norm(x,w); y=linear(h,W)", h having no other reader */
    const char *fmts;            /* operands in the pattern's order: "i8.row+f32,tern2.row+f32>f32". `,` separates operands, `>` the
                                  * outputs, `+` joins the tensors of one operand: the first has the operand's dims, each further
                                  * one is an f32 vector with one element for each row of the operand, dim {1, rows} */
    uint64_t    cpu;             /* features needed beyond setun_plugin.cpu */
    /* Integer dot products only, else both 0. `setun kernels check` proves or refutes them at the worst case. */
    int64_t     k_max;           /* largest k for which no accumulator can overflow, whatever the input; plan() declines more. 0: no limit */
    uint32_t    acc_bits;        /* width of the narrowest integer accumulator that a dot product goes through: 16, 32 ...; 0: none */
    uint32_t    reserved;        /* zero */
    /* Accept (SETUN_OK, *out_plan filled in) or decline (setun_refuse) this use. Pure. */
    setun_status (*plan)(const setun_query *query, setun_kernel_plan *out_plan);
    /* How finely a phase can be cut in this pass, >= 0. Pure and cheap: called by every worker in every pass. A unit is whatever the
     * kernel likes: rows of w, (row block, column block), (head, chunk of positions); where weights are read, their rows ascend with
     * the units, and row_group of the weight's format divides the cut. */
    int64_t     (*units)(const setun_call *call, uint32_t phase);
    /* Do the tile's units of tile->phase. Re-entrant. Cannot fail. The bits of the result do not depend on the cut. */
    void        (*run)(const setun_call *call, const setun_tile *tile);
} setun_kernel;

/* A data layout. Padding and read slack are part of layout()'s bytes, so the host allocates exactly those. */
typedef struct setun_format {
    uint32_t    size, align;     /* align: bytes, a power of two, >= 64 */
    const char *name;            /* documented in formats.md; a name never means two layouts */
    uint32_t    row_group;       /* rows of dim[0] that must stay together in a shard, >= 1 */
    uint32_t    reserved;
    /* Bytes of a tensor, or 0 if the dims cannot be represented (or overflow); sets the four strides. */
    size_t    (*layout)(const int64_t dim[4], int64_t out_stride_bytes[4]);
    /* Byte at which row `row` of dim[0] (a multiple of row_group) starts: first touch, shards. */
    size_t    (*offset)(const int64_t dim[4], int64_t row);
} setun_format;

typedef struct setun_plugin {    /* const data: the host reads the first 24 bytes from the file before it maps the plugin */
    uint32_t         magic;      /* SETUN_MAGIC */
    uint16_t         abi_major, abi_minor;
    uint32_t         size;       /* sizeof(setun_plugin) at the time of writing */
    uint32_t         build;      /* SETUN_BUILD_THIS: the sanitizer must match the host's */
    uint64_t         cpu;        /* the host refuses the plugin unless it has all of these */
    const char      *name, *version;
    const setun_kernel *const *kernels; /* NULL-terminated */
    const setun_format *const *formats; /* NULL-terminated, or NULL if none */
    void           (*enter)(void);      /* NULL, or called by each worker as a parallel region begins ... */
    void           (*leave)(void);      /* ... and ends: thread state such as AMX tiles */
} setun_plugin;

/* The only helper: say in one line why plan() declines. */
static inline setun_status setun_refuse(const setun_query *query, const char *text)
{
    size_t i = 0;

    if (query->why == NULL || query->why_bytes == 0)
        return SETUN_ERR_UNSUPPORTED;
    for (; text[i] != '\0' && i + 1 < query->why_bytes; i++)
        query->why[i] = text[i];
    query->why[i] = '\0';
    return SETUN_ERR_UNSUPPORTED;
}
#endif

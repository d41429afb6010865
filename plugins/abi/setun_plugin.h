/** \file
 * setun_plugin.h - the whole contract between the host and a backend plugin, version 1.
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

#define SETUN_MAGIC     0x314E5453u /**< "STN1" in a little-endian file */
#define SETUN_ABI_MAJOR 1           /**< bumped: the symbol gets a new name and old plugins are refused */
#define SETUN_ABI_MINOR 0           /**< bumped: fields were appended */
#define SETUN_SYMBOL "setun_plugin_v1" /**< name of the one symbol that a plugin exports */
#define SETUN_EXPORT __attribute__((visibility("default"))) /**< marks it */

/** \name CPU features
 * A bit also means that the operating system saves the registers it needs.
 * x86-64 uses bits 0-31 and AArch64 bits 32-63, so a plugin for the other architecture never matches. */
/**@{*/
#define SETUN_CPU_SSE41         (UINT64_C(1) << 0)  /**< SSE4.1 and SSSE3 */
#define SETUN_CPU_POPCNT        (UINT64_C(1) << 1)  /**< POPCNT */
#define SETUN_CPU_AVX2          (UINT64_C(1) << 2)  /**< AVX and AVX2 */
#define SETUN_CPU_FMA           (UINT64_C(1) << 3)  /**< FMA3 */
#define SETUN_CPU_F16C          (UINT64_C(1) << 4)  /**< conversions between f16 and f32 */
#define SETUN_CPU_BMI2          (UINT64_C(1) << 5)  /**< BMI2 */
#define SETUN_CPU_AVX_VNNI      (UINT64_C(1) << 6)  /**< vpdpbusd on 256 bits */
#define SETUN_CPU_AVX_VNNI_INT8 (UINT64_C(1) << 7)  /**< its forms for all signs */
#define SETUN_CPU_AVX512        (UINT64_C(1) << 8)  /**< F, BW, CD, DQ and VL */
#define SETUN_CPU_AVX512_VNNI   (UINT64_C(1) << 9)  /**< vpdpbusd on 512 bits */
#define SETUN_CPU_AVX512_VBMI   (UINT64_C(1) << 10) /**< VBMI and VBMI2 */
#define SETUN_CPU_AVX512_BF16   (UINT64_C(1) << 11) /**< vdpbf16ps */
#define SETUN_CPU_AVX512_FP16   (UINT64_C(1) << 12) /**< arithmetic in f16 */
#define SETUN_CPU_GFNI          (UINT64_C(1) << 13) /**< Galois field instructions */
#define SETUN_CPU_AMX_TILE      (UINT64_C(1) << 14) /**< tile registers, permitted to this process */
#define SETUN_CPU_AMX_INT8      (UINT64_C(1) << 15) /**< tdpbssd and its kin */
#define SETUN_CPU_AMX_BF16      (UINT64_C(1) << 16) /**< tdpbf16ps */
#define SETUN_CPU_NEON          (UINT64_C(1) << 32) /**< Advanced SIMD */
#define SETUN_CPU_DOTPROD       (UINT64_C(1) << 33) /**< sdot, udot */
#define SETUN_CPU_I8MM          (UINT64_C(1) << 34) /**< smmla, usdot */
#define SETUN_CPU_FP16          (UINT64_C(1) << 35) /**< arithmetic in f16 */
#define SETUN_CPU_SVE           (UINT64_C(1) << 36) /**< scalable vectors */
/**@}*/

/** setun_kernel.flags */
enum {
    SETUN_KERNEL_EXACT = 1u << 0 /**< bit-identical to the scalar backend */
};
/** setun_plugin.build */
enum {
    SETUN_BUILD_PLAIN = 0, /**< no sanitizer */
    SETUN_BUILD_ASAN = 1,  /**< AddressSanitizer */
    SETUN_BUILD_TSAN = 2   /**< ThreadSanitizer */
};

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
#define SETUN_BUILD_THIS SETUN_BUILD_PLAIN /**< what this translation unit is compiled with, for setun_plugin.build */
#endif

/** One tensor. Kernels address it by `data` and `stride_bytes`, never by assuming a stride.
 * Tensors that the host makes start at a multiple of their format's `align`. Weights in the formats f32, f16, bf16 and tern2.hf may
 * be as they are in a file: only their element's own alignment is promised, and the stride may be the dense one. */
typedef struct setun_tensor {
    void       *data;            /**< first element; NULL while planning */
    const char *fmt;             /**< name of a setun_format: "f32", "i8.row", "tern2.row" ... */
    int64_t     dim[4];          /**< logical elements, outermost first; unused dimensions are 1 */
    int64_t     stride_bytes[4]; /**< step of each dimension; 0 where the format has none */
    uint64_t    reserved[2];     /**< zero */
} setun_tensor;

/** The rows of one forward pass; they may belong to different sequences at different positions, in any order.
 * All cached positions below len[seq] are valid once this pass's kv_write has run. */
typedef struct setun_batch {
    uint32_t              size;       /**< bytes of this struct that the host knew */
    uint32_t              n_seqs;     /**< sequences that rows can belong to */
    int64_t               n_rows;     /**< m: rows of this pass */
    int64_t               n_out_rows; /**< rows whose logits are wanted, 0..n_rows */
    const int32_t        *token;      /**< [n_rows] its id */
    const int32_t        *seq;        /**< [n_rows] 0..n_seqs-1 */
    const int32_t        *pos;        /**< [n_rows] position of the row in its sequence, from 0 */
    const int32_t        *out_row;    /**< [n_out_rows] ascending */
    const int32_t        *len;        /**< [n_seqs] positions cached once this pass has written its own */
    const int32_t *const *block;      /**< [n_seqs][ceil(len / 256)] index of each block in the cache tensors */
} setun_batch;

/** From the topology; for tile sizes and cost estimates only, never for results. */
typedef struct setun_machine {
    uint32_t size;      /**< bytes of this struct that the host knew */
    uint32_t n_workers; /**< threads of the team */
    uint64_t l1d_bytes; /**< one core's share of the cache; 0: unknown */
    uint64_t l2_bytes;  /**< likewise */
    uint64_t l3_bytes;  /**< likewise */
} setun_machine;

/** What the graph wants; valid only during plan(). */
typedef struct setun_query {
    uint32_t             size;      /**< bytes of this struct that the host knew */
    uint32_t             n_in;      /**< input tensors, not operands: "i8.row+f32" counts two */
    uint32_t             n_out;     /**< output tensors, likewise */
    const setun_tensor  *in;        /**< [n_in] largest dims; data is NULL while planning, that of weights too */
    const setun_tensor  *out;       /**< [n_out] likewise */
    int64_t              rows_min;  /**< rows of a pass that this plan must serve, from here ... */
    int64_t              rows_max;  /**< ... to here */
    const void *const   *attr;      /**< [ops of the pattern] the op's attribute struct of setun_ops.h; NULL for an op without one */
    const setun_machine *machine;   /**< never NULL */
    char                *why;       /**< on refusal: one line without newline, at most why_bytes with its NUL */
    size_t               why_bytes; /**< room in why */
} setun_query;

/** The kernel's answer; zeroed by the host, `size` set. */
typedef struct setun_kernel_plan {
    uint32_t size;               /**< bytes of this struct that the host knew */
    uint32_t n_phases;           /**< 1..16; the host puts a barrier between phases */
    size_t   worker_bytes;       /**< scratch of each worker, 64-byte aligned, contents undefined at the start of a call */
    size_t   shared_bytes;       /**< scratch that all workers of a call share, likewise */
    double   cost_ns;            /**< estimate for rows_max rows on one worker; a measured value replaces it */
    uint64_t choice[4];          /**< anything plan() decided; handed back in setun_call.choice */
} setun_kernel_plan;

/** One use of a kernel in one pass. */
typedef struct setun_call {
    uint32_t             size;   /**< bytes of this struct that the host knew */
    uint32_t             n_in;   /**< input tensors */
    uint32_t             n_out;  /**< output tensors */
    const setun_tensor  *in;     /**< [n_in] dims of this pass */
    const setun_tensor  *out;    /**< [n_out] likewise */
    const void *const   *attr;   /**< as in setun_query */
    const setun_batch   *batch;  /**< NULL while packing weights */
    void                *shared; /**< shared_bytes of the plan, one for all workers */
    const uint64_t      *choice; /**< [4] from setun_kernel_plan */
} setun_call;

/** Units of a phase that a worker does in one run(); may be none. A call's only phase may give it several, one of several one, the same for equal counts. */
typedef struct setun_tile {
    int64_t  begin;     /**< first unit */
    int64_t  end;       /**< one past the last */
    uint32_t phase;     /**< 0..n_phases-1 */
    uint32_t worker;    /**< 0..n_workers-1 */
    uint32_t n_workers; /**< workers of this call */
    uint32_t reserved;  /**< zero */
    void    *scratch;   /**< worker_bytes of this worker; kept between the phases of a call */
} setun_tile;

/** One kernel: what it computes, in which formats, on which CPUs, and how. Constant data of the plugin. */
typedef struct setun_kernel {
    uint32_t    size;            /**< sizeof(setun_kernel) at the time of writing; the host reads no further */
    uint32_t    flags;           /**< SETUN_KERNEL_* */
    const char *name;            /**< equals the file name; `<op>_<in>_<weights>_<out>__<isa>[_<tile>]` */
    const char *pattern;         /**< one op: "linear"; or fused: "h=rms_norm(x,w); y=linear(h,W)", h having no other reader: same bits as the
                                  * ops one after the other. Inputs are the names that no op makes, in the order in which they first stand
                                  * there, outputs those that no op reads; attr has an entry for each op */
    const char *fmts;            /**< operands in the pattern's order: "i8.row+f32,tern2.row+f32>f32". `,` separates operands, `>` the
                                  * outputs, `+` joins the tensors of one operand: the first has the operand's dims, each further
                                  * one is an f32 vector with one element for each row of the operand, dim {1, rows} */
    uint64_t    cpu;             /**< features needed beyond setun_plugin.cpu */
    /* Integer dot products only, else both 0. `setun kernels check` proves or refutes k_max: the sums of the worst case there, one row at
     * a time, a few rows, and a tile of many (this one with k up to about 2^20). acc_bits tells people; only that it is the width of an
     * integer is checked, for a narrow accumulator may be emptied into a wider one before it overflows. */
    int64_t     k_max;           /**< largest k for which no accumulator can overflow, whatever the input; plan() declines more.
                                  * 0: no limit */
    uint32_t    acc_bits;        /**< width of the narrowest integer accumulator that a dot product goes through: 8, 16, 32 or 64; 0: none */
    uint32_t    reserved;        /**< zero */
    /** Accept (SETUN_OK, *out_plan filled in) or decline (setun_refuse) this use. Pure. */
    setun_status (*plan)(const setun_query *query, setun_kernel_plan *out_plan);
    /** How finely a phase can be cut in this pass, >= 0. Pure and cheap: called by every worker in every pass. A unit is whatever the
     * kernel likes: rows of w, (row block, column block), (head, chunk of positions); where weights are read, their rows ascend with
     * the units, and row_group of the weight's format divides the cut. */
    int64_t     (*units)(const setun_call *call, uint32_t phase);
    /** Do the tile's units of tile->phase. Re-entrant. Cannot fail. The bits of the result do not depend on the cut. */
    void        (*run)(const setun_call *call, const setun_tile *tile);
} setun_kernel;

/** A data layout. Padding and read slack are part of layout()'s bytes, so the host allocates exactly those. */
typedef struct setun_format {
    uint32_t    size;            /**< sizeof(setun_format) at the time of writing; the host reads no further */
    uint32_t    align;           /**< bytes, a power of two, >= 64 */
    const char *name;            /**< documented in formats.md; a name never means two layouts */
    uint32_t    row_group;       /**< rows of dim[0] that must stay together in a shard, >= 1 */
    uint32_t    reserved;        /**< zero */
    /** Bytes of a tensor, or 0 if the dims cannot be represented (or overflow); sets the four strides. */
    size_t    (*layout)(const int64_t dim[4], int64_t out_stride_bytes[4]);
    /** Byte at which row `row` of dim[0] (a multiple of row_group) starts: first touch, shards. */
    size_t    (*offset)(const int64_t dim[4], int64_t row);
} setun_format;

/** Const data: the host reads the first 24 bytes from the file before it maps the plugin. */
typedef struct setun_plugin {
    uint32_t         magic;      /**< SETUN_MAGIC */
    uint16_t         abi_major;  /**< SETUN_ABI_MAJOR */
    uint16_t         abi_minor;  /**< SETUN_ABI_MINOR */
    uint32_t         size;       /**< sizeof(setun_plugin) at the time of writing; the host reads no further */
    uint32_t         build;      /**< SETUN_BUILD_THIS: the sanitizer must match the host's */
    uint64_t         cpu;        /**< the host refuses the plugin unless it has all of these */
    const char      *name;       /**< unique among the loaded plugins; printable */
    const char      *version;    /**< for people; printable */
    const setun_kernel *const *kernels; /**< NULL-terminated */
    const setun_format *const *formats; /**< NULL-terminated, or NULL if none */
    void           (*enter)(void);      /**< NULL, or called by each worker as a parallel region begins: thread state such as AMX tiles */
    void           (*leave)(void);      /**< NULL, or called by each worker as it ends */
} setun_plugin;

/** The only helper: say in one line why plan() declines.
 * \param query  as given to plan()
 * \param text   the reason, without newline; copied
 * \return SETUN_ERR_UNSUPPORTED, for plan() to return */
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

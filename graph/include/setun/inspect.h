/** \file
 * inspect.h - looking into a model: the parameters of its graph, its tensors and what is in them, the nodes of the graph.
 * Nothing here is needed to run a model; `setun model` is made of it. Strings live as long as the inspection. */
#ifndef SETUN_INSPECT_H
#define SETUN_INSPECT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"
#include "setun/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A look into a model; opaque, constant. */
typedef struct setun_inspection setun_inspection;

/** Looks at an opened model.
 * \param model                borrowed, must outlive the inspection
 * \param[out] out_inspection  the caller's, for setun_inspection_destroy
 * \param[out] error           the reason on failure; may be NULL
 * \return SETUN_OK, SETUN_ERR_NOMEM */
SETUN_API setun_status setun_inspection_create(const setun_model *model, setun_inspection **out_inspection, setun_error *error);

/** Looks at a model file (YAML) by itself: it must give sizes and shapes without a weight file. There are no tensors then, and weights
 * have no formats.
 * \param path                 the file
 * \param[out] out_inspection  the caller's, for setun_inspection_destroy
 * \param[out] error           the reason on failure, `path:line:column: ...`; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOT_FOUND, SETUN_ERR_IO; SETUN_ERR_FORMAT, SETUN_ERR_UNSUPPORTED: what stands there; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_inspection_open(const char *path, setun_inspection **out_inspection, setun_error *error);

/** Destroys it.
 * \param inspection  may be NULL */
SETUN_API void setun_inspection_destroy(setun_inspection *inspection);

/** The model in numbers. */
typedef struct setun_inspection_summary {
    const char *family;       /**< "bitnet" */
    const char *graph;        /**< path of the model file */
    const char *source;       /**< kind of the weight file, "huggingface"; "" without one */
    const char *architecture; /**< that the weight file names; "" without one */
    int64_t     vocab;        /**< ids */
    int64_t     context;      /**< positions */
    size_t      n_parameters; /**< for setun_inspection_parameter */
    size_t      n_tensors;    /**< for setun_inspection_tensor */
    size_t      n_nodes;      /**< for setun_inspection_node */
    size_t      n_files;      /**< that hold the tensors */
    uint64_t    file_bytes;   /**< of those files, headers and scales included */
} setun_inspection_summary;

/** Tells them.
 * \param inspection        any
 * \param[out] out_summary  filled in */
SETUN_API void setun_inspection_describe(const setun_inspection *inspection, setun_inspection_summary *out_summary);

/* ---- parameters: the section `bind` of the model file ---- */

/** Type of a parameter. */
enum {
    SETUN_PARAMETER_INT = 0,    /**< its value is `i` */
    SETUN_PARAMETER_FLOAT = 1,  /**< `f` */
    SETUN_PARAMETER_STRING = 2, /**< `s` */
    SETUN_PARAMETER_BOOL = 3    /**< `i`, 0 or 1 */
};

/** One parameter. */
typedef struct setun_parameter_info {
    const char *name;     /**< as the model file calls it */
    int         type;     /**< SETUN_PARAMETER_* */
    int64_t     i;        /**< INT, BOOL */
    double      f;        /**< FLOAT */
    const char *s;        /**< STRING */
    const char *key;      /**< of the weight file's metadata that gave the value; NULL: the model file did */
    bool        defaulted; /**< by the `default` of the model file, since no key was there; false: it is the model file's own value */
} setun_parameter_info;

/** One parameter, in the order of the model file.
 * \param inspection     any
 * \param i              below n_parameters
 * \param[out] out_info  filled in */
SETUN_API void setun_inspection_parameter(const setun_inspection *inspection, size_t i, setun_parameter_info *out_info);

/* ---- tensors of the weight file, in the order of their names ---- */

/** One tensor. */
typedef struct setun_tensor_info {
    const char *name;       /**< without ".weight" */
    const char *entry;      /**< what the model file calls it, "attn_q"; NULL: the graph does not use it */
    const char *fmt;        /**< of formats.md: "bf16", "tern2.hf" */
    uint32_t    n_dims;     /**< 1..4 */
    int64_t     dim[4];     /**< logical, outermost first, unused ones 1 */
    uint64_t    n_values;   /**< product of the dims */
    uint64_t    n_bytes;    /**< in the file, without the scale's own */
    bool        ternary;    /**< stored as ternary codes */
    bool        master;     /**< stored dense, ternarised when it is packed (numerics.md: absmean) */
    bool        has_scale;  /**< the file gives one */
    float       scale;      /**< multiplies, whatever the file's convention; 1 without scale */
    size_t      n_readers;  /**< nodes of the graph that read it */
} setun_tensor_info;

/** One tensor, in the order of their names.
 * \param inspection     any
 * \param i              below n_tensors
 * \param[out] out_info  filled in */
SETUN_API void setun_inspection_tensor(const setun_inspection *inspection, size_t i, setun_tensor_info *out_info);

/** What is in a tensor. Ternary counts are those of the codes, of a master's codes after ternarising, and 0 for other tensors; dense
 * figures are those of the finite values as stored, and 0 for tensors of codes. */
typedef struct setun_tensor_statistics {
    bool     ternary; /**< the counts have been filled in */
    bool     dense;   /**< the dense figures have been filled in; a master has both */
    uint64_t n_minus; /**< codes -1 */
    uint64_t n_zero;  /**< codes 0 */
    uint64_t n_plus;  /**< codes +1 */
    uint64_t n_bad;   /**< codes that stand for nothing; values that are NaN or infinite */
    float    scale;   /**< stored, or a master's absolute mean; 1 where there is none */
    double   min;     /**< least value */
    double   max;     /**< greatest value */
    double   rms;     /**< root of the mean square */
} setun_tensor_statistics;

/** Reads a whole tensor, on the calling thread.
 * \param inspection           any
 * \param i                    below n_tensors
 * \param[out] out_statistics  filled in
 * \param[out] error           the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_UNSUPPORTED: nothing is known of its format; SETUN_ERR_IO: the weight file became shorter, or cannot be read;
 *         SETUN_ERR_NOMEM */
SETUN_API setun_status setun_inspection_read(const setun_inspection *inspection, size_t i, setun_tensor_statistics *out_statistics,
                                             setun_error *error);

/** Looks for what no kernel may meet: codes that stand for nothing, NaN, infinity. Where the file has a hash of the contents it is compared.
 * \param inspection     any
 * \param i              below n_tensors
 * \param all            dense matrices of 64 MiB and more too; else they are not read
 * \param[out] out_read  whether this one was read; may be NULL
 * \param[out] error     the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_FORMAT: the error names the first place; SETUN_ERR_IO: the weight file became shorter, or cannot be read;
 *         SETUN_ERR_NOMEM */
SETUN_API setun_status setun_inspection_verify(const setun_inspection *inspection, size_t i, bool all, bool *out_read,
                                               setun_error *error);

/* ---- nodes of the graph, in the order in which they run ---- */

/** Kind of an operand. */
enum {
    SETUN_OPERAND_IS_VALUE = 0,  /**< an activation */
    SETUN_OPERAND_IS_WEIGHT = 1, /**< of the weight file */
    SETUN_OPERAND_IS_TABLE = 2,  /**< cos or sin of rope */
    SETUN_OPERAND_IS_CACHE = 3   /**< K or V */
};
/** Rows of a value. */
enum {
    SETUN_OPERAND_ROWS_FIXED = 0, /**< one, or the operand is no value */
    SETUN_OPERAND_ROWS_BATCH = 1, /**< those of the pass */
    SETUN_OPERAND_ROWS_OUT = 2    /**< those that want logits */
};

/** What a node reads or writes. */
typedef struct setun_operand_info {
    int         kind;   /**< SETUN_OPERAND_IS_* */
    uint32_t    id;     /**< operands of one kind with one id are the same thing */
    const char *name;   /**< a value's: "x"; a weight's entry: "attn_q"; "cos", "sin"; "K cache", "V cache" */
    const char *tensor; /**< a weight's name in the file; else NULL */
    const char *fmt;    /**< "f32", "i32", "tern2.hf+f32"; NULL: a weight without a file, or a cache, whose session decides */
    int         rows;   /**< SETUN_OPERAND_ROWS_* */
    int64_t     dim[2]; /**< value: [1, columns], without its rows; weight [n, k], a vector [1, n]; table [positions, columns];
                         * cache [heads, columns] */
} setun_operand_info;

enum { SETUN_NODE_INFO_OPERANDS = 4 /**< room in setun_node_info */ };

/** One node. */
typedef struct setun_node_info {
    const char        *op;     /**< "linear" */
    const char        *note;   /**< attributes that the model file gives: "eps 1e-05"; "" if none */
    uint32_t           line;   /**< of the model file, from 1 */
    uint32_t           column; /**< likewise */
    int64_t            layer;  /**< index of the innermost repeat; -1 outside */
    uint32_t           n_in;   /**< of in[] */
    uint32_t           n_out;  /**< of out[] */
    setun_operand_info in[SETUN_NODE_INFO_OPERANDS];  /**< [n_in] */
    setun_operand_info out[SETUN_NODE_INFO_OPERANDS]; /**< [n_out] */
} setun_node_info;

/** One node, in the order in which they run.
 * \param inspection     any
 * \param i              below n_nodes
 * \param[out] out_info  filled in */
SETUN_API void setun_inspection_node(const setun_inspection *inspection, size_t i, setun_node_info *out_info);

#ifdef __cplusplus
}
#endif
#endif

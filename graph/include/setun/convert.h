/** \file
 * convert.h - writing model files: another kind of file from a model (conversion), or a model of given sizes with random weights
 * (synthesis). What is written appears under its name only when it is complete; a failure or an interruption leaves nothing. */
#ifndef SETUN_CONVERT_H
#define SETUN_CONVERT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"
#include "setun/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Kinds of file that can be written. */
typedef enum setun_file_kind {
    SETUN_FILE_I2_S = 0,      /**< GGUF, ternary weights as I2_S */
    SETUN_FILE_HF_PACKED = 1, /**< Hugging Face folder, packed ternary weights */
    SETUN_FILE_TQ2_0 = 2,     /**< GGUF, ternary weights as TQ2_0 */
    SETUN_FILE_TQ1_0 = 3,     /**< GGUF, ternary weights as TQ1_0 */
    SETUN_FILE_HF_BF16 = 4,   /**< Hugging Face folder, bf16 masters; synthesis only */
    SETUN_FILE_PREPACKED = 5  /**< Setun's own file, weights as this machine's kernels read them, with the head's screen; conversion only, head keep only */
} setun_file_kind;

/** How the dense matrices, embedding and output head, are written. */
typedef enum setun_convert_head {
    SETUN_CONVERT_HEAD_KEEP = 0, /**< as they are; synthesis: what published files have, f16 in GGUF and bf16 in folders */
    SETUN_CONVERT_HEAD_F16 = 1,  /**< rounded to f16 */
    SETUN_CONVERT_HEAD_BF16 = 2, /**< rounded to bf16 */
    SETUN_CONVERT_HEAD_Q8_0 = 3, /**< 8 bits and a scale for every 32 weights; GGUF only */
    SETUN_CONVERT_HEAD_Q6_K = 4  /**< 6 bits and scales in blocks of 256 weights; GGUF only */
} setun_convert_head;

/** Tells how far the work has come.
 * \param context  as given in the options
 * \param stage    what is being done, borrowed: "writing weights"
 * \param done     bytes written, of
 * \param total    all of them, at least 1
 * \return true: go on; false: stop and leave nothing (SETUN_ERR_INTERRUPTED) */
typedef bool setun_convert_progress(void *context, const char *stage, uint64_t done, uint64_t total);

/** Zero-initialise for the defaults. Strings are borrowed during the call only. */
typedef struct setun_convert_options {
    setun_file_kind         kind;             /**< what to write */
    setun_convert_head      head;             /**< how to write embedding and output head */
    bool                    force;            /**< replace a file, or a folder that holds a model and nothing else */
    uint32_t                n_threads;        /**< 0: one for each core */
    const setun_plugins    *plugins;          /**< borrowed; NULL: conversion: the model's; synthesis: those of the standard search path */
    setun_convert_progress *progress;         /**< called every few MB; NULL: nobody is told */
    void                   *progress_context; /**< for `progress` */
} setun_convert_options;

/** A size that wins over the one in the file of sizes. */
typedef struct setun_synth_size {
    const char *name;  /**< a parameter of the family's model file: "layers" */
    int64_t     value; /**< any */
} setun_synth_size;

/** Zero-initialise for the defaults. Strings are borrowed during the call only. */
typedef struct setun_synth_options {
    uint64_t                seed;    /**< another seed gives other weights, the same seed the same bytes everywhere */
    const setun_synth_size *sizes;   /**< [n_sizes] */
    size_t                  n_sizes; /**< how many */
    const char             *vocab;   /**< tokenizer.json, Hugging Face folder or GGUF file to take the vocabulary from; NULL: a made-up one */
} setun_synth_options;

/** Writes a model as another kind of file.
 * \param model       an open one
 * \param out_path    file (GGUF, prepacked) or folder (Hugging Face) to make
 * \param options     what and how; may be NULL: I2_S
 * \param[out] error  the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: out_path exists; SETUN_ERR_IO; SETUN_ERR_UNSUPPORTED: that kind of file cannot hold this model;
 *         SETUN_ERR_INTERRUPTED: `progress` said so; SETUN_ERR_FORMAT: the model's file is damaged; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_model_convert(setun_model *model, const char *out_path, const setun_convert_options *options,
                                           setun_error *error);

/** Writes a model of given sizes with random weights, about 42 % of the ternary ones zero.
 * \param name        a file of sizes (models/MODEL.md) without ".yaml", found as models are; or a path to one
 * \param out_path    file (GGUF) or folder (Hugging Face) to make
 * \param synth       sizes and seed; may be NULL
 * \param options     what and how; may be NULL: I2_S
 * \param[out] error  the reason on failure; may be NULL
 * \return as setun_model_convert; SETUN_ERR_NOT_FOUND: no such name; SETUN_ERR_FORMAT also: the sizes contradict one another */
SETUN_API setun_status setun_model_synth(const char *name, const char *out_path, const setun_synth_options *synth,
                                         const setun_convert_options *options, setun_error *error);

#ifdef __cplusplus
}
#endif
#endif

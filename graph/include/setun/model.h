/** \file
 * model.h - a model: its weights, its graph, its tokenizer and the backends that can run it.
 * A model is constant once it is open: sessions of several threads may share it. */
#ifndef SETUN_MODEL_H
#define SETUN_MODEL_H
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"
#include "setun/plugins.h"
#include "setun/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An open model; opaque. */
typedef struct setun_model setun_model;

/** Zero-initialise for the defaults. Strings are borrowed during the call only. */
typedef struct setun_model_options {
    const char          *graph;   /**< model file (YAML) to use; NULL: the one of the models folders that matches the weights */
    const char          *pre;     /**< how text is cut, as in setun_tokenizer_options; NULL: as the model's files say */
    const char          *i2s_layout; /**< how a GGUF file's tensors of type I2_S have their codes: "128", "64" or "rows" (formats.md); NULL: "128",
                                      *   and an error if the contents speak for another one, as far as they can tell */
    const setun_plugins *plugins; /**< borrowed, must outlive the model; NULL: the model opens its own */
    const char          *plugin_path; /**< where those are looked for, as in setun_plugins_options; NULL: the environment's */
} setun_model_options;

/** The folder that models which are downloaded go into, so that their names are found: the first one of SETUN_MODEL_PATH, else
 * setun/models in XDG_DATA_HOME, which is by default ~/.local/share. It need not exist.
 * \param[out] out_path  [path_bytes] with a NUL at its end
 * \param path_bytes     room in it
 * \param[out] error     the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOT_FOUND: none of the variables, nor HOME, names a folder; SETUN_ERR_INVALID: the path is too long */
SETUN_API setun_status setun_model_home(char *out_path, size_t path_bytes, setun_error *error);

/** Opens a model. Its weight files stay open; weights are read when a session is made.
 * \param name            a GGUF file, or a Hugging Face folder, or the folder's name in SETUN_MODEL_PATH (':' between folders), in the folder of downloaded models
 *                        (setun_model_home) or in the installed ones; a prepacked file (prepacked.md); NULL: the default model, "fable"
 * \param options         may be NULL
 * \param[out] out_model  the caller's, for setun_model_close
 * \param[out] error      the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOT_FOUND: the error lists where it looked; SETUN_ERR_IO; SETUN_ERR_FORMAT: a file is wrong, and where;
 *         SETUN_ERR_UNSUPPORTED: no family or kind of file for it; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_model_open(const char *name, const setun_model_options *options, setun_model **out_model,
                                        setun_error *error);

/** Where a model lies, without opening it.
 * \param name           as for setun_model_open; also a file that holds nothing but a tokenizer
 * \param[out] out_path  [path_bytes] with a NUL at its end
 * \param path_bytes     room in it
 * \param[out] error     the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOT_FOUND: the error lists where it looked; SETUN_ERR_INVALID: the name is empty or the path too long;
 *         SETUN_ERR_IO; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_model_locate(const char *name, char *out_path, size_t path_bytes, setun_error *error);

/** Closes it, its sessions being destroyed.
 * \param model  may be NULL */
SETUN_API void setun_model_close(setun_model *model);

/** Where it lies.
 * \param model  an open one
 * \return the folder or file that was found; the model's own */
SETUN_API const char *setun_model_path(const setun_model *model);

/** What it is.
 * \param model  an open one
 * \return name of its family, "bitnet"; the model's own */
SETUN_API const char *setun_model_family(const setun_model *model);

/** Its tokenizer.
 * \param model  an open one
 * \return never NULL; the model's own */
SETUN_API const setun_tokenizer *setun_model_tokenizer(const setun_model *model);

/** The plugins that may run it.
 * \param model  an open one
 * \return those of the options, or the model's own; never NULL */
SETUN_API const setun_plugins *setun_model_plugins(const setun_model *model);

/** Size of its vocabulary.
 * \param model  an open one
 * \return columns of a row of logits; not less than the tokenizer's size */
SETUN_API int64_t setun_model_vocab(const setun_model *model);

/** Its context.
 * \param model  an open one
 * \return positions that it was made for */
SETUN_API int64_t setun_model_context(const setun_model *model);

/** The token that its texts begin with; prompts do not get it by themselves.
 * \param model  an open one
 * \return id; -1: none */
SETUN_API int32_t setun_model_bos(const setun_model *model);

/** The tokens that end its texts.
 * \param model         an open one
 * \param[out] out_ids  [returned] the model's own
 * \return how many, perhaps 0 */
SETUN_API size_t setun_model_stops(const setun_model *model, const int32_t **out_ids);

#ifdef __cplusplus
}
#endif
#endif

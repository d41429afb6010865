/* model.h - a model: its weights, its graph, its tokenizer and the backends that can run it. */
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

typedef struct setun_model setun_model;

/* Zero-initialise for the defaults. Strings are borrowed during the call only. */
typedef struct setun_model_options {
    const char          *graph;   /* model file (YAML) to use; NULL: the one of the models folders that matches the weights */
    const setun_plugins *plugins; /* borrowed, must outlive the model; NULL: the model opens its own with the defaults */
} setun_model_options;

/* Opens a Hugging Face folder, or a name: a folder of that name in SETUN_MODEL_PATH (':' between folders) or in the installed models.
 * NULL means the default model, "fable". SETUN_ERR_NOT_FOUND (lists where it looked), _IO, _FORMAT, _UNSUPPORTED, _NOMEM. */
SETUN_API setun_status setun_model_open(const char *name, const setun_model_options *options, setun_model **out_model,
                                        setun_error *error);
SETUN_API void         setun_model_close(setun_model *model); /* accepts NULL; close its sessions first */

SETUN_API const char            *setun_model_path(const setun_model *model);    /* the folder that was found */
SETUN_API const char            *setun_model_family(const setun_model *model);  /* "bitnet" */
SETUN_API const setun_tokenizer *setun_model_tokenizer(const setun_model *model);
SETUN_API const setun_plugins   *setun_model_plugins(const setun_model *model);
SETUN_API int64_t                setun_model_vocab(const setun_model *model);   /* columns of a row of logits */
SETUN_API int64_t                setun_model_context(const setun_model *model); /* positions that it was made for */
SETUN_API int32_t                setun_model_bos(const setun_model *model);     /* -1: none */
SETUN_API size_t                 setun_model_stops(const setun_model *model, const int32_t **out_ids); /* ids that end a text */

#ifdef __cplusplus
}
#endif
#endif

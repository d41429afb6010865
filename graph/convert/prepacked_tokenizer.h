/* prepacked_tokenizer.h - a model's tokenizer in the form in which a prepacked file holds it. Internal to graph/convert. */
#ifndef SETUN_CONVERT_PREPACKED_TOKENIZER_H
#define SETUN_CONVERT_PREPACKED_TOKENIZER_H
#include "weights/prepacked.h"

/* Of the model at `path`: a folder's tokenizer.json, another prepacked file's own section, the tokenizer.* keys of a GGUF file.
 * *out_bytes is malloc-ed. SETUN_ERR_UNSUPPORTED: a kind of file without one of these. */
setun_status setun_prepacked_tokenizer_bytes(const char *path, enum setun_prepacked_tokenizer *out_kind, char **out_bytes, size_t *out_n_bytes,
                                             setun_error *error);
#endif

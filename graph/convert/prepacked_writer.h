/* prepacked_writer.h - writes a model as Setun's own file, its weights as the kernels of this machine read them. Internal.
 * plugins/abi/prepacked.md has every byte of it. */
#ifndef SETUN_CONVERT_PREPACKED_WRITER_H
#define SETUN_CONVERT_PREPACKED_WRITER_H
#include "setun/convert.h"
#include "setun/session.h"

/* Makes a session of the model with session_options (threads, backends and kernel rules decide the packings; max_seqs, chunk and context
 * matter for memory only; its progress is not used) and writes its weights, the model's metadata and its tokenizer to `path`. Of `options`
 * force and progress are used. The file is made under another name and renamed when it is whole. A weight in more than one packing is
 * written in the one for passes of one row. Weights that the graph does not read are left out.
 * SETUN_ERR_UNSUPPORTED: a weight's rows have scales of their own, which the format cannot hold; SETUN_ERR_INTERRUPTED; else as
 * setun_session_create and setun_output_create. */
setun_status setun_prepacked_convert(setun_model *model, const setun_session_options *session_options, const char *path,
                                     const setun_convert_options *options, setun_error *error);
#endif

/* output.h - a file or folder that appears under its name only when it is complete: it is made beside it under another one, then renamed.
 * Internal. */
#ifndef SETUN_CONVERT_OUTPUT_H
#define SETUN_CONVERT_OUTPUT_H
#include "base/base.h"

typedef struct setun_output setun_output;

/* Starts a file, or a folder. `force`: what has the name already is replaced when the new is complete - a file by a file; a folder by a
 * folder, if it holds nothing but files of the kinds that a Hugging Face folder has. SETUN_ERR_INVALID: something has the name. */
setun_status setun_output_create(const char *path, bool folder, bool force, setun_output **out_output, setun_error *error);
/* Gives it its name; afterwards the object is gone, on failure what was written, too. */
setun_status setun_output_commit(setun_output *output, setun_error *error);
/* Removes what was written. Accepts NULL. */
void         setun_output_discard(setun_output *output);

/* One file being written, front to back. */
typedef struct setun_stream setun_stream;

/* Starts the file, or the file `name` of the folder; one at a time. */
setun_status setun_stream_open(setun_output *output, const char *name, setun_stream **out_stream, setun_error *error);
setun_status setun_stream_write(setun_stream *stream, const void *data, size_t n_bytes, setun_error *error);
setun_status setun_stream_zeros(setun_stream *stream, size_t n_bytes, setun_error *error);
/* Puts other bytes in place of ones that were written before. */
setun_status setun_stream_patch(setun_stream *stream, uint64_t offset, const void *data, size_t n_bytes, setun_error *error);
uint64_t     setun_stream_at(const setun_stream *stream); /* bytes written so far */
/* Writes what is left and waits until the disk has it. The object is gone afterwards. */
setun_status setun_stream_finish(setun_stream *stream, setun_error *error);
/* Without waiting, after a failure elsewhere. Accepts NULL. */
void         setun_stream_drop(setun_stream *stream);

/* All in one: text[n_bytes] becomes the file `name` of the folder. */
setun_status setun_output_save(setun_output *output, const char *name, const char *text, size_t n_bytes, setun_error *error);

/* What a program keeps for itself: text[n_bytes] becomes the file `path`, in place of an older one. Missing folders above it are made, for
 * the user alone (XDG Base Directory Specification: 0700). */
setun_status setun_output_cache(const char *path, const char *text, size_t n_bytes, setun_error *error);
#endif

/* gguf_writer.h - makes a GGUF file, version 3: metadata, then tensor infos, then data aligned to 32 bytes. Internal.
 * Calls that only add to the header cannot fail: memory that ran out is told by setun_gguf_writer_start. */
#ifndef SETUN_CONVERT_GGUF_WRITER_H
#define SETUN_CONVERT_GGUF_WRITER_H
#include "convert/output.h"
#include "weights/gguf.h"

enum { SETUN_GGUF_ALIGNMENT = 32 }; /* what a file without general.alignment means */

typedef struct setun_gguf_writer setun_gguf_writer;

setun_status setun_gguf_writer_create(setun_gguf_writer **out_writer, setun_error *error);
void         setun_gguf_writer_destroy(setun_gguf_writer *writer); /* accepts NULL */

/* Keys, in the order of the calls. Each at most once. */
void setun_gguf_writer_u32(setun_gguf_writer *writer, const char *key, uint32_t value);
void setun_gguf_writer_u64(setun_gguf_writer *writer, const char *key, uint64_t value);
void setun_gguf_writer_i64(setun_gguf_writer *writer, const char *key, int64_t value);
void setun_gguf_writer_f32(setun_gguf_writer *writer, const char *key, float value);
void setun_gguf_writer_bool(setun_gguf_writer *writer, const char *key, bool value);
void setun_gguf_writer_string(setun_gguf_writer *writer, const char *key, const char *text, size_t n_bytes);
/* An array: this, then n elements of that type by the functions below. */
void setun_gguf_writer_array(setun_gguf_writer *writer, const char *key, enum setun_gguf_type type, uint64_t n);
void setun_gguf_writer_element_i32(setun_gguf_writer *writer, int32_t value);
void setun_gguf_writer_element_f32(setun_gguf_writer *writer, float value);
void setun_gguf_writer_element_string(setun_gguf_writer *writer, const char *text, size_t n_bytes);

/* The next tensor: its data will follow that of the one before. dim: rows first, as everywhere in Setun; the file has it the other way.
 * type: a number of ggml's. */
void setun_gguf_writer_tensor(setun_gguf_writer *writer, const char *name, uint32_t type, uint32_t n_dims, const int64_t *dim, size_t n_bytes);

/* Bytes of all tensors with what aligns them, as data begins to data's end. */
uint64_t setun_gguf_writer_data_bytes(const setun_gguf_writer *writer);

/* Writes the header. The data of the tensors follows in their order, each with setun_gguf_writer_align behind it. */
setun_status setun_gguf_writer_start(const setun_gguf_writer *writer, setun_stream *stream, setun_error *error);
setun_status setun_gguf_writer_align(setun_stream *stream, setun_error *error);

/* ggml's number for a format of formats.md; -1: such files cannot hold it. */
int setun_gguf_type_of(const char *fmt);
#endif

/* safetensors_writer.h - makes a safetensors file: a JSON header, then the tensors' data in the header's order, without gaps. Internal. */
#ifndef SETUN_CONVERT_SAFETENSORS_WRITER_H
#define SETUN_CONVERT_SAFETENSORS_WRITER_H
#include <jansson.h>

#include "convert/output.h"

typedef struct setun_st_writer {
    json_t  *header; /* NULL: memory ran out */
    uint64_t data_bytes;
    bool     failed;
} setun_st_writer;

void setun_st_writer_init(setun_st_writer *writer);
void setun_st_writer_free(setun_st_writer *writer);
/* dtype: as in the file, "BF16". dim: outermost first. */
void setun_st_writer_tensor(setun_st_writer *writer, const char *name, const char *dtype, uint32_t n_dims, const int64_t *dim, size_t n_bytes);
/* Writes the header. SETUN_ERR_NOMEM: also for what failed before. */
setun_status setun_st_writer_start(const setun_st_writer *writer, setun_stream *stream, setun_error *error);
#endif

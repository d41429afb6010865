/* job_write.c - header and tensors of a file, in order, from whoever has the weights. */
#include <stdlib.h>
#include <string.h>

#include "convert/gguf_writer.h"
#include "convert/job.h"
#include "convert/safetensors_writer.h"
#include "weights/small_float.h"

enum {
    CHUNK_BYTES = 8 << 20, /* of a dense tensor as f32: what lies in memory at once, and how often progress is told */
    I2S_TAIL_BYTES = 32    /* behind the codes: the scale, and zeros */
};

/* What writing one tensor after the other needs. */
typedef struct writing {
    const setun_job          *job;
    const setun_supply       *supply;
    const setun_packer       *packer;
    const setun_job_progress *progress;
    setun_stream             *stream;
    const setun_job_tensor  **scale;         /* [n_weights] of a weight whose scale is a tensor of its own; its place in the file: */
    uint64_t                 *scale_at;      /* [n_weights] */
    setun_packed              codes, packed; /* of the present ternary tensor: tern2.row, and the file's format */
    uint64_t                  total;
    setun_error              *error;
} writing;

static setun_status tell(writing *w)
{
    const uint64_t at = setun_stream_at(w->stream);

    if (w->progress->tell != NULL &&
        !w->progress->tell(w->progress->context, w->progress->stage, at < w->total ? at : w->total, w->total))
        return setun_fail(w->error, SETUN_ERR_INTERRUPTED, "interrupted");
    return SETUN_OK;
}

/* data[n_bytes], a piece at a time. */
static setun_status write_pieces(writing *w, const void *data, size_t n_bytes)
{
    setun_status status = SETUN_OK;

    for (size_t at = 0, n; status == SETUN_OK && at < n_bytes; at += n) {
        n = n_bytes - at < CHUNK_BYTES ? n_bytes - at : CHUNK_BYTES;
        status = setun_stream_write(w->stream, (const char *)data + at, n, w->error);
        if (status == SETUN_OK)
            status = tell(w);
    }
    return status;
}

static float scale_of(const setun_packed *codes)
{
    return ((const float *)codes->operand.part[1].data)[0]; /* every row has the tensor's one */
}

/* Codes as bf16 masters: of an absmean that is the scale, so that ternarising them gives codes and scale again (the scale as bf16). */
static setun_status write_masters(writing *w, const setun_job_tensor *tensor)
{
    const setun_tensor *codes = &w->codes.operand.part[0];
    const size_t n_columns = (size_t)tensor->columns;
    uint16_t *row = setun_alloc(n_columns * sizeof(*row)), value[3] = {0};
    uint64_t n_used = 0;
    setun_status status = SETUN_OK;

    if (row == NULL)
        return setun_fail_nomem(w->error, "a row of masters", n_columns * sizeof(*row));
    for (int64_t i = 0; i < tensor->rows; i++) {
        const uint8_t *from = (const uint8_t *)codes->data + i * codes->stride_bytes[0];

        for (size_t j = 0; j < n_columns; j++)
            n_used += (from[j / 4] >> (2 * (j % 4)) & 3) != 1;
    }
    if (n_used > 0)
        value[2] = setun_bf16_of_f32((float)((double)scale_of(&w->codes) * (double)tensor->rows * (double)tensor->columns / (double)n_used));
    value[0] = value[2] | 0x8000;
    for (int64_t i = 0; i < tensor->rows && status == SETUN_OK; i++) {
        const uint8_t *from = (const uint8_t *)codes->data + i * codes->stride_bytes[0];

        for (size_t j = 0; j < n_columns; j++)
            row[j] = value[from[j / 4] >> (2 * (j % 4)) & 3];
        status = setun_stream_write(w->stream, row, n_columns * sizeof(*row), w->error);
        if (status == SETUN_OK && i % 256 == 0)
            status = tell(w);
    }
    free(row);
    return status;
}

/* The format as kernels see it: some hold the scale, the others have it beside them. */
static setun_status pack_codes(writing *w, const setun_job_tensor *tensor)
{
    char beside[64];
    setun_status status;

    (void)snprintf(beside, sizeof(beside), "%s+f32", tensor->fmt);
    status = setun_packer_shape(w->packer, setun_packer_knows(w->packer, "pack", w->codes.fmts, beside) ? beside : tensor->fmt, tensor->rows,
                                tensor->columns, &w->packed, w->error);
    if (status == SETUN_OK)
        status = setun_packer_run(w->packer, "pack", &w->codes, &w->packed, w->error);
    w->packed.fmts = NULL; /* it may point into this frame */
    return status;
}

/* n values of f32 in the format of the file, over the same memory: none is wider. */
static void narrow(const char *fmt, float *values, size_t n)
{
    uint16_t *out = (uint16_t *)(void *)values;

    if (strcmp(fmt, "f16") == 0)
        for (size_t i = 0; i < n; i++) {
            const uint16_t bits = setun_f16_of_f32(values[i]);

            memcpy(&out[i], &bits, sizeof(bits));
        }
    else if (strcmp(fmt, "bf16") == 0)
        for (size_t i = 0; i < n; i++) {
            const uint16_t bits = setun_bf16_of_f32(values[i]);

            memcpy(&out[i], &bits, sizeof(bits));
        }
}

/* One element, which is known when the codes are: zeros keep its place. */
static setun_status write_scale(writing *w, const setun_job_tensor *tensor)
{
    w->scale[tensor->weight] = tensor;
    w->scale_at[tensor->weight] = setun_stream_at(w->stream);
    return setun_stream_zeros(w->stream, tensor->n_bytes, w->error);
}

static setun_status patch_scale(writing *w, uint32_t weight)
{
    const setun_job_tensor *tensor = w->scale[weight];
    float value = scale_of(&w->codes);

    if (tensor == NULL)
        return SETUN_OK;
    narrow(tensor->fmt, &value, 1);
    return setun_stream_patch(w->stream, w->scale_at[weight], &value, tensor->n_bytes, w->error);
}

static setun_status write_ternary(writing *w, const setun_job_tensor *tensor)
{
    setun_status status = setun_packer_shape(w->packer, "tern2.row+f32", tensor->rows, tensor->columns, &w->codes, w->error);
    bool scale_behind;
    size_t n_bytes;

    if (status == SETUN_OK)
        status = w->supply->ternary(w->supply->context, tensor->weight, &w->codes, w->error);
    if (status == SETUN_OK && strcmp(tensor->fmt, "bf16") == 0)
        return write_masters(w, tensor);
    if (status == SETUN_OK)
        status = pack_codes(w, tensor);
    if (status != SETUN_OK)
        return status;
    scale_behind = strcmp(tensor->fmt, "tern2.i2s") == 0 && w->packed.operand.n > 1;
    n_bytes = w->packed.operand.n_bytes[0];
    if (n_bytes + (scale_behind ? I2S_TAIL_BYTES : 0) != tensor->n_bytes)
        return setun_fail(w->error, SETUN_ERR_UNSUPPORTED, "tensor '%.120s': expected %zu bytes of %s, found %zu", tensor->name, tensor->n_bytes,
                          tensor->fmt, n_bytes);
    status = write_pieces(w, w->packed.operand.part[0].data, n_bytes);
    if (status == SETUN_OK && scale_behind) {
        const float scale = scale_of(&w->codes);

        status = setun_stream_write(w->stream, &scale, sizeof(scale), w->error);
        if (status == SETUN_OK)
            status = setun_stream_zeros(w->stream, I2S_TAIL_BYTES - sizeof(scale), w->error);
    }
    return status == SETUN_OK ? patch_scale(w, tensor->weight) : status;
}

/* Rows of f32 into blocks; the row as kernels see it has a padding. */
static setun_status write_quantised(writing *w, const setun_job_tensor *tensor, const float *values, int64_t n_rows)
{
    setun_status status = setun_packer_shape(w->packer, "f32", n_rows, tensor->columns, &w->codes, w->error);

    if (status == SETUN_OK)
        status = setun_packer_shape(w->packer, tensor->fmt, n_rows, tensor->columns, &w->packed, w->error);
    if (status != SETUN_OK)
        return status;
    for (int64_t i = 0; i < n_rows; i++)
        memcpy((char *)w->codes.operand.part[0].data + i * w->codes.operand.part[0].stride_bytes[0], values + i * tensor->columns,
               (size_t)tensor->columns * sizeof(*values));
    status = setun_packer_run(w->packer, "quantise", &w->codes, &w->packed, w->error);
    return status == SETUN_OK ? setun_stream_write(w->stream, w->packed.operand.part[0].data, w->packed.operand.n_bytes[0], w->error) : status;
}

static setun_status write_dense(writing *w, const setun_job_tensor *tensor)
{
    const int64_t most = (int64_t)(CHUNK_BYTES / sizeof(float)) / tensor->columns, n_chunk = most < 1 ? 1 : most;
    const size_t element = strcmp(tensor->fmt, "f32") == 0 ? 4 : 2;
    const bool in_blocks = strchr(tensor->fmt, '.') != NULL;
    float *values = setun_alloc((size_t)(n_chunk < tensor->rows ? n_chunk : tensor->rows) * (size_t)tensor->columns * sizeof(*values));
    setun_status status = SETUN_OK;

    if (values == NULL)
        return setun_fail_nomem(w->error, tensor->name, (size_t)tensor->columns * sizeof(*values));
    for (int64_t i = 0, n; i < tensor->rows && status == SETUN_OK; i += n) {
        n = tensor->rows - i < n_chunk ? tensor->rows - i : n_chunk;
        status = w->supply->dense(w->supply->context, tensor->weight, i, n, values, w->error);
        if (status == SETUN_OK && in_blocks) {
            status = write_quantised(w, tensor, values, n);
        } else if (status == SETUN_OK) {
            narrow(tensor->fmt, values, (size_t)(n * tensor->columns));
            status = setun_stream_write(w->stream, values, (size_t)(n * tensor->columns) * element, w->error);
        }
        if (status == SETUN_OK)
            status = tell(w);
    }
    free(values);
    return status;
}

/* The source's own bytes, if it has the tensor in this format. */
static setun_status write_raw(writing *w, const setun_job_tensor *tensor, bool *out_given)
{
    char *bytes;
    setun_status status = SETUN_OK;

    *out_given = w->supply->raw != NULL;
    if (!*out_given)
        return SETUN_OK;
    bytes = setun_alloc(tensor->n_bytes < CHUNK_BYTES ? tensor->n_bytes : CHUNK_BYTES);
    if (bytes == NULL)
        return setun_fail_nomem(w->error, tensor->name, CHUNK_BYTES);
    for (size_t at = 0, n; status == SETUN_OK && *out_given && at < tensor->n_bytes; at += n) {
        n = tensor->n_bytes - at < CHUNK_BYTES ? tensor->n_bytes - at : CHUNK_BYTES;
        status = w->supply->raw(w->supply->context, tensor, at, n, bytes, out_given, w->error);
        if (status == SETUN_OK && *out_given)
            status = setun_stream_write(w->stream, bytes, n, w->error);
        if (status == SETUN_OK && *out_given)
            status = tell(w);
    }
    free(bytes);
    return status;
}

static setun_status write_tensor(writing *w, const setun_job_tensor *tensor)
{
    bool given = false;
    setun_status status = SETUN_OK;

    if (tensor->role == SETUN_JOB_VECTOR || tensor->role == SETUN_JOB_MATRIX)
        status = write_raw(w, tensor, &given);
    if (status != SETUN_OK || given)
        return status;
    switch (tensor->role) {
    case SETUN_JOB_TERNARY:
        return write_ternary(w, tensor);
    case SETUN_JOB_SCALE:
        return write_scale(w, tensor);
    case SETUN_JOB_VECTOR:
    case SETUN_JOB_MATRIX:
        break;
    }
    return write_dense(w, tensor);
}

static setun_status write_tensors(writing *w)
{
    setun_status status = SETUN_OK;

    for (size_t i = 0; i < w->job->n_tensors && status == SETUN_OK; i++) {
        status = write_tensor(w, &w->job->tensors[i]);
        if (status == SETUN_OK && w->job->target->source == SETUN_SOURCE_GGUF)
            status = setun_gguf_writer_align(w->stream, w->error);
    }
    return status;
}

static setun_status start_gguf(writing *w, const setun_vocabulary *vocabulary)
{
    setun_gguf_writer *writer;
    setun_status status = setun_gguf_writer_create(&writer, w->error);

    if (status != SETUN_OK)
        return status;
    setun_job_keys(w->job, writer);
    setun_vocabulary_keys(vocabulary, writer);
    setun_gguf_writer_u32(writer, "general.quantization_version", 2); /* of ggml's block formats: the present one */
    for (size_t i = 0; i < w->job->n_tensors; i++) {
        const setun_job_tensor *tensor = &w->job->tensors[i];

        setun_gguf_writer_tensor(writer, tensor->name, (uint32_t)setun_gguf_type_of(tensor->fmt), tensor->n_dims, tensor->dim, tensor->n_bytes);
    }
    w->total = setun_gguf_writer_data_bytes(writer) + 1;
    status = setun_gguf_writer_start(writer, w->stream, w->error);
    setun_gguf_writer_destroy(writer);
    w->total += setun_stream_at(w->stream);
    return status;
}

/* The name of a safetensors type. */
static const char *dtype_of(const char *fmt)
{
    return strcmp(fmt, "f32") == 0 ? "F32" : strcmp(fmt, "f16") == 0 ? "F16" : strcmp(fmt, "bf16") == 0 ? "BF16" : "U8";
}

static setun_status start_safetensors(writing *w)
{
    setun_st_writer writer;
    setun_status status;

    setun_st_writer_init(&writer);
    for (size_t i = 0; i < w->job->n_tensors; i++) {
        const setun_job_tensor *tensor = &w->job->tensors[i];

        setun_st_writer_tensor(&writer, tensor->name, dtype_of(tensor->fmt), tensor->n_dims, tensor->dim, tensor->n_bytes);
    }
    status = setun_st_writer_start(&writer, w->stream, w->error);
    w->total = writer.data_bytes + setun_stream_at(w->stream);
    setun_st_writer_free(&writer);
    return status;
}

/* A folder's own files about text, as they are. */
static setun_status copy_text_files(const char *folder, setun_output *output, setun_error *error)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json", "generation_config.json", "special_tokens_map.json",
                                        "chat_template.jinja"};
    enum { MAX_BYTES = 64 << 20 }; /* the largest known tokenizer.json has 34 MB */
    setun_status status = SETUN_OK;

    for (size_t i = 0; i < SETUN_COUNT(names) && status == SETUN_OK; i++) {
        setun_pool pool = {0};
        const char *path = setun_pool_printf(&pool, "%s/%s", folder, names[i]);
        char *text = NULL;
        size_t n_bytes;

        status = path == NULL ? setun_fail_nomem(error, "path", strlen(folder)) : setun_read_file(path, MAX_BYTES, &text, &n_bytes, error);
        if (status == SETUN_OK)
            status = setun_output_save(output, names[i], text, n_bytes, error);
        else if (status == SETUN_ERR_NOT_FOUND && i > 0)
            status = SETUN_OK;
        free(text);
        setun_pool_free(&pool);
    }
    return status;
}

/* The JSON files beside model.safetensors. */
static setun_status write_json(const setun_job *job, const setun_vocabulary *vocabulary, setun_output *output, setun_error *error)
{
    static const struct {
        const char *name;
        setun_status (*make)(const setun_vocabulary *vocabulary, char **out_text, setun_error *error);
    } files[] = {{"tokenizer.json", setun_vocabulary_json},
                 {"tokenizer_config.json", setun_vocabulary_config_json},
                 {"generation_config.json", setun_vocabulary_generation_json}};
    char *text;
    setun_status status = setun_job_config(job, vocabulary, &text, error);

    if (status != SETUN_OK)
        return status;
    status = setun_output_save(output, "config.json", text, strlen(text), error);
    free(text);
    if (status == SETUN_OK && vocabulary->folder != NULL)
        return copy_text_files(vocabulary->folder, output, error);
    for (size_t i = 0; i < SETUN_COUNT(files) && status == SETUN_OK; i++) {
        if (i == 0 && vocabulary->tokenizer_json != NULL) { /* as it was */
            status = setun_output_save(output, files[i].name, vocabulary->tokenizer_json, vocabulary->tokenizer_json_bytes, error);
            continue;
        }
        status = files[i].make(vocabulary, &text, error);
        if (status != SETUN_OK)
            return status;
        status = setun_output_save(output, files[i].name, text, strlen(text), error);
        free(text);
    }
    return status;
}

setun_status setun_job_write(const setun_job *job, const setun_vocabulary *vocabulary, const setun_supply *supply, const setun_packer *packer,
                             const setun_job_progress *progress, setun_output *output, setun_error *error)
{
    const bool gguf = job->target->source == SETUN_SOURCE_GGUF;
    writing w = {.job = job, .supply = supply, .packer = packer, .progress = progress, .error = error};
    setun_pool pool = {0};
    setun_status status = gguf ? SETUN_OK : write_json(job, vocabulary, output, error);

    w.scale = setun_pool_alloc(&pool, job->graph->n_weights * sizeof(*w.scale));
    w.scale_at = setun_pool_alloc(&pool, job->graph->n_weights * sizeof(*w.scale_at));
    if (status == SETUN_OK && (w.scale == NULL || w.scale_at == NULL))
        status = setun_fail_nomem(error, "places of scales", job->graph->n_weights);
    if (status == SETUN_OK)
        status = setun_stream_open(output, gguf ? NULL : "model.safetensors", &w.stream, error);
    if (status != SETUN_OK) {
        setun_pool_free(&pool);
        return status;
    }
    status = gguf ? start_gguf(&w, vocabulary) : start_safetensors(&w);
    if (status == SETUN_OK)
        status = write_tensors(&w);
    setun_packed_free(&w.codes);
    setun_packed_free(&w.packed);
    setun_pool_free(&pool);
    if (status == SETUN_OK)
        return setun_stream_finish(w.stream, error);
    setun_stream_drop(w.stream);
    return status;
}

/* job.c - the list of tensors of a file to be made. */
#include "convert/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const setun_target targets[] = {
    [SETUN_FILE_I2_S] = {.name = "i2_s", .source = SETUN_SOURCE_GGUF, .ternary = "tern2.i2s", .file_type = 40},
    [SETUN_FILE_HF_PACKED] = {.name = "hf-packed", .source = SETUN_SOURCE_HUGGINGFACE, .ternary = "tern2.hf"},
    [SETUN_FILE_TQ2_0] = {.name = "tq2_0", .source = SETUN_SOURCE_GGUF, .ternary = "tern2.tq2", .file_type = 37},
    [SETUN_FILE_TQ1_0] = {.name = "tq1_0", .source = SETUN_SOURCE_GGUF, .ternary = "tern.tq1", .file_type = 36},
    [SETUN_FILE_HF_BF16] = {.name = "hf-bf16", .source = SETUN_SOURCE_HUGGINGFACE, .ternary = "bf16"},
};

const setun_target *setun_target_of(setun_file_kind kind)
{
    return (size_t)kind < SETUN_COUNT(targets) ? &targets[kind] : NULL;
}

const char *setun_convert_head_format(setun_convert_head head)
{
    static const char *const formats[] = {[SETUN_CONVERT_HEAD_F16] = "f16", [SETUN_CONVERT_HEAD_BF16] = "bf16",
                                          [SETUN_CONVERT_HEAD_Q8_0] = "q8_0.b32", [SETUN_CONVERT_HEAD_Q6_K] = "q6_k.b256"};

    return (size_t)head < SETUN_COUNT(formats) ? formats[head] : NULL;
}

setun_status setun_target_check(const setun_convert_options *options, setun_error *error)
{
    const setun_target *target = setun_target_of(options->kind);

    if (target == NULL)
        return setun_fail(error, SETUN_ERR_INVALID, "kind of file: expected one of convert.h, found %d", (int)options->kind);
    if (options->head != SETUN_CONVERT_HEAD_KEEP && setun_convert_head_format(options->head) == NULL)
        return setun_fail(error, SETUN_ERR_INVALID, "head: expected one of convert.h, found %d", (int)options->head);
    if (target->source == SETUN_SOURCE_HUGGINGFACE && (options->head == SETUN_CONVERT_HEAD_Q8_0 || options->head == SETUN_CONVERT_HEAD_Q6_K))
        return setun_fail(error, SETUN_ERR_INVALID, "head: expected f16 or bf16 in a Hugging Face folder, found a type of GGUF files");
    return SETUN_OK;
}

/* How files store a format: blocks of so many columns (packed codes: rows), so many bytes each, and bytes behind the last. */
static const struct storage {
    const char *fmt, *called;
    int64_t     block_columns, block_rows;
    size_t      block_bytes, tail_bytes;
} storages[] = {
    {"f32", "F32", 1, 1, 4, 0},
    {"f16", "F16", 1, 1, 2, 0},
    {"bf16", "BF16", 1, 1, 2, 0},
    {"q8_0.b32", "Q8_0", 32, 1, 34, 0},
    {"q6_k.b256", "Q6_K", 256, 1, 210, 0},
    {"tern.tq1", "TQ1_0", 256, 1, 54, 0},
    {"tern2.tq2", "TQ2_0", 256, 1, 66, 0},
    {"tern2.i2s", "I2_S", 128, 1, 32, 32}, /* the tail begins with the scale */
    {"tern2.hf", "packed codes of Hugging Face", 1, 4, 1, 0},
};

static setun_status find_storage(const setun_job_tensor *tensor, const struct storage **out_storage, setun_error *error)
{
    for (size_t i = 0; i < SETUN_COUNT(storages); i++)
        if (strcmp(storages[i].fmt, tensor->fmt) == 0) {
            *out_storage = &storages[i];
            return SETUN_OK;
        }
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "tensor '%.120s': no kind of file holds the format %s", tensor->name, tensor->fmt);
}

/* Shape and bytes as the file has them. */
static setun_status size_tensor(setun_job_tensor *tensor, setun_error *error)
{
    const struct storage *storage = NULL;
    size_t n_blocks;
    setun_status status = find_storage(tensor, &storage, error);

    if (status != SETUN_OK)
        return status;
    if (tensor->columns % storage->block_columns != 0)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "tensor '%.120s': %s holds rows of a multiple of %lld columns only, found %lld", tensor->name,
                          storage->called, (long long)storage->block_columns, (long long)tensor->columns);
    if (tensor->rows % storage->block_rows != 0)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "tensor '%.120s': %s hold a multiple of %lld rows only, found %lld", tensor->name,
                          storage->called, (long long)storage->block_rows, (long long)tensor->rows);
    tensor->dim[0] = tensor->rows / storage->block_rows;
    tensor->dim[1] = tensor->columns;
    if (tensor->n_dims == 1)
        tensor->dim[0] = tensor->columns;
    if (!setun_mul_size((size_t)(tensor->rows / storage->block_rows), (size_t)(tensor->columns / storage->block_columns), &n_blocks) ||
        !setun_mul_size(n_blocks, storage->block_bytes, &tensor->n_bytes) ||
        !setun_add_size(tensor->n_bytes, storage->tail_bytes, &tensor->n_bytes))
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "tensor '%.120s': expected a size that this computer can address, found %lld x %lld",
                          tensor->name, (long long)tensor->rows, (long long)tensor->columns);
    return SETUN_OK;
}

/* A weight of the graph as a tensor; packed codes of a folder get their scale behind them. */
static setun_status add_weight(setun_job *job, uint32_t index, const setun_job_formats *formats, setun_error *error)
{
    const setun_graph_weight *weight = &job->graph->weights[index];
    setun_job_tensor tensor = {.weight = index, .rows = weight->dim[0], .columns = weight->dim[1], .n_dims = 2, .role = SETUN_JOB_MATRIX};
    setun_status status;

    if (weight->want != NULL && strcmp(weight->want, "f32") == 0) {
        tensor.role = SETUN_JOB_VECTOR;
        tensor.n_dims = 1;
    } else if (weight->want != NULL) {
        tensor.role = SETUN_JOB_TERNARY;
    }
    tensor.name = setun_pool_printf(&job->pool, "%s.weight", weight->name);
    if (tensor.name == NULL)
        return setun_fail_nomem(error, "name of a tensor", strlen(weight->name));
    tensor.fmt = tensor.role == SETUN_JOB_TERNARY ? job->target->ternary : formats->dense(formats->context, index, tensor.role);
    status = size_tensor(&tensor, error);
    if (status != SETUN_OK)
        return status;
    job->ternary = job->ternary || tensor.role == SETUN_JOB_TERNARY;
    job->tensors[job->n_tensors++] = tensor;
    if (strcmp(tensor.fmt, "tern2.hf") != 0)
        return SETUN_OK;
    tensor = (setun_job_tensor){.role = SETUN_JOB_SCALE, .weight = index, .rows = 1, .columns = 1, .n_dims = 1};
    tensor.name = setun_pool_printf(&job->pool, "%s.weight_scale", weight->name);
    if (tensor.name == NULL)
        return setun_fail_nomem(error, "name of a tensor", strlen(weight->name));
    tensor.fmt = formats->dense(formats->context, index, SETUN_JOB_SCALE);
    status = size_tensor(&tensor, error);
    job->tensors[job->n_tensors++] = tensor;
    return status;
}

/* The weight that an op reads in the graph's node that writes a value, or in any; -1: none. */
static int64_t weight_of(const setun_graph *graph, const char *op, int64_t writes)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const setun_graph_node *node = &graph->nodes[i];

        if (strcmp(node->op, op) != 0 || (writes >= 0 && (node->out[0].kind != SETUN_OPERAND_VALUE || node->out[0].index != writes)))
            continue;
        for (uint32_t j = 0; j < node->n_in; j++)
            if (node->in[j].kind == SETUN_OPERAND_WEIGHT)
                return node->in[j].index;
    }
    return -1;
}

/* Bytes of one element of a tensor; codes are bytes. */
static int element_bytes(const setun_job_tensor *tensor)
{
    return strcmp(tensor->fmt, "f32") == 0 ? 4 : strcmp(tensor->fmt, "f16") == 0 || strcmp(tensor->fmt, "bf16") == 0 ? 2 : 1;
}

/* Safetensors files have no gaps and yet every tensor aligned: those of wide elements stand first. A scale is then before its codes. */
static setun_status order_by_width(setun_job *job, setun_error *error)
{
    setun_job_tensor *ordered = setun_pool_alloc(&job->pool, 2 * job->graph->n_weights * sizeof(*ordered));
    size_t n = 0;

    if (ordered == NULL)
        return setun_fail_nomem(error, "list of tensors", job->n_tensors);
    for (int width = 4; width >= 1; width /= 2)
        for (size_t i = 0; i < job->n_tensors; i++)
            if (element_bytes(&job->tensors[i]) == width)
                ordered[n++] = job->tensors[i];
    job->tensors = ordered;
    return SETUN_OK;
}

setun_status setun_job_make(const setun_target *target, setun_graph *graph, const char *arch, const setun_job_formats *formats, setun_job *out_job,
                            setun_error *error)
{
    setun_job job = {.target = target, .graph = graph, .arch = arch};
    setun_status status = SETUN_OK;

    job.tensors = setun_pool_alloc(&job.pool, 2 * graph->n_weights * sizeof(*job.tensors));
    if (job.tensors == NULL)
        status = setun_fail_nomem(error, "list of tensors", graph->n_weights);
    for (size_t i = 0; i < graph->n_weights && status == SETUN_OK; i++)
        status = add_weight(&job, (uint32_t)i, formats, error);
    if (status == SETUN_OK && target->source == SETUN_SOURCE_HUGGINGFACE)
        status = order_by_width(&job, error);
    if (status == SETUN_OK && (arch == NULL || arch[0] == '\0'))
        status = setun_fail(error, SETUN_ERR_UNSUPPORTED, "family %s: its model file names no %s architecture", graph->name,
                            setun_source_name(target->source));
    if (status != SETUN_OK) {
        setun_job_free(&job);
        return status;
    }
    job.tied = weight_of(graph, "linear", graph->logits) == weight_of(graph, "embedding", -1);
    *out_job = job;
    return SETUN_OK;
}

void setun_job_free(setun_job *job)
{
    setun_graph_close(job->graph);
    job->graph = NULL;
    setun_pool_free(&job->pool);
}

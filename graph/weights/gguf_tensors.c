/* gguf_tensors.c - the tensors of a GGUF header: names, shapes, types, and places in the file that they share with nothing. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "weights/gguf_internal.h"

enum {
    DEFAULT_ALIGNMENT = 32,  /* by the format */
    MAX_ALIGNMENT = 1 << 20,
    I2_S = 36,
    I2_S_SCALE_BYTES = 32    /* after the codes: an f32 and 28 bytes more */
};

static setun_status take_dims(const setun_gguf *gguf, struct setun_gguf_header *header, setun_gguf_tensor *tensor, setun_error *error)
{
    uint64_t n_dims;
    int64_t n_values;
    setun_status status = setun_gguf_header_number(header, 4, "a number of dimensions", &n_dims, error);

    if (status != SETUN_OK)
        return status;
    if (n_dims < 1 || n_dims > SETUN_GGUF_MAX_DIMS)
        return setun_gguf_fail_tensor(gguf, tensor, error, SETUN_ERR_FORMAT, "expected 1 to %d dimensions, found %" PRIu64,
                                      (int)SETUN_GGUF_MAX_DIMS, n_dims);
    tensor->n_dims = (uint32_t)n_dims;
    for (uint32_t i = 0; i < SETUN_GGUF_MAX_DIMS; i++) {
        uint64_t dim = 1;

        if (i < n_dims)
            status = setun_gguf_header_number(header, 8, "a dimension", &dim, error);
        if (status != SETUN_OK)
            return status;
        if (dim < 1 || dim > INT64_MAX)
            return setun_gguf_fail_tensor(gguf, tensor, error, SETUN_ERR_FORMAT, "expected dimensions of 1 to 2^63 - 1, found %" PRIu64, dim);
        tensor->dim[i] = (int64_t)dim;
    }
    if (!setun_mul_dims(tensor->dim, SETUN_GGUF_MAX_DIMS, &n_values))
        return setun_gguf_fail_tensor(gguf, tensor, error, SETUN_ERR_FORMAT, "expected at most 2^63 - 1 elements, found more");
    return SETUN_OK;
}

/* Bytes of the contents, where the type is one whose size is known. */
static setun_status size_tensor(const setun_gguf *gguf, setun_gguf_tensor *tensor, setun_error *error)
{
    const setun_gguf_tensor_type *type = tensor->type;
    const int64_t n_values = tensor->dim[0] * tensor->dim[1] * tensor->dim[2] * tensor->dim[3];
    size_t n_bytes;

    if (tensor->type_id == I2_S) {
        if (tensor->dim[0] % 4 != 0)
            return setun_gguf_fail_tensor(gguf, tensor, error, SETUN_ERR_FORMAT, "expected rows of a multiple of 4 values of type I2_S, found "
                                          "%" PRId64, tensor->dim[0]);
        tensor->n_bytes = (size_t)(n_values / 4) + I2_S_SCALE_BYTES;
        return SETUN_OK;
    }
    if (type == NULL || type->n_values == 0)
        return SETUN_OK;
    if (tensor->dim[0] % type->n_values != 0)
        return setun_gguf_fail_tensor(gguf, tensor, error, SETUN_ERR_FORMAT, "expected rows of a multiple of %u values of type %s, found %"
                                      PRId64, (unsigned)type->n_values, type->name, tensor->dim[0]);
    if (!setun_mul_size((size_t)(n_values / type->n_values), type->n_bytes, &n_bytes))
        return setun_gguf_fail_tensor(gguf, tensor, error, SETUN_ERR_FORMAT, "expected a size that can be addressed, found more than 2^63 bytes");
    tensor->n_bytes = n_bytes;
    return SETUN_OK;
}

/* One tensor; file_byte is the offset in the data yet. */
static setun_status take_tensor(setun_gguf *gguf, struct setun_gguf_header *header, uint64_t alignment, setun_gguf_tensor *tensor, setun_error *error)
{
    uint64_t type = 0;
    setun_status status;

    *tensor = (setun_gguf_tensor){.header_byte = header->at};
    status = setun_gguf_header_name(header, &gguf->pool, "the name of a tensor", SETUN_GGUF_MAX_NAME, &tensor->name, error);
    if (status == SETUN_OK)
        status = take_dims(gguf, header, tensor, error);
    if (status == SETUN_OK)
        status = setun_gguf_header_number(header, 4, "the type of a tensor", &type, error);
    if (status == SETUN_OK)
        status = setun_gguf_header_number(header, 8, "the offset of a tensor", &tensor->file_byte, error);
    if (status != SETUN_OK)
        return status;
    tensor->type_id = (uint32_t)type;
    tensor->type = setun_gguf_tensor_type_of(tensor->type_id);
    if (tensor->file_byte % alignment != 0)
        return setun_gguf_fail_tensor(gguf, tensor, error, SETUN_ERR_FORMAT, "expected an offset that is a multiple of %" PRIu64
                                      " (general.alignment), found %" PRIu64, alignment, tensor->file_byte);
    return size_tensor(gguf, tensor, error);
}

static setun_status read_alignment(const setun_gguf *gguf, uint64_t *out_alignment, setun_error *error)
{
    bool found;
    int64_t alignment;
    const setun_status status = setun_gguf_int(gguf, "general.alignment", &found, &alignment, error);

    if (status != SETUN_OK)
        return status;
    if (!found)
        alignment = DEFAULT_ALIGNMENT;
    if (alignment < 8 || alignment > MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0)
        return setun_gguf_fail(gguf, setun_gguf_find(gguf, "general.alignment"), error, SETUN_ERR_FORMAT,
                               "expected a power of two from 8 to %d, found %" PRId64, (int)MAX_ALIGNMENT, alignment);
    *out_alignment = (uint64_t)alignment;
    return SETUN_OK;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp((*(const setun_gguf_tensor *const *)left)->name, (*(const setun_gguf_tensor *const *)right)->name);
}

/* By position, and at one position by the header's order. */
static int compare_positions(const void *left, const void *right)
{
    const setun_gguf_tensor *a = *(const setun_gguf_tensor *const *)left, *b = *(const setun_gguf_tensor *const *)right;

    if (a->file_byte != b->file_byte)
        return a->file_byte < b->file_byte ? -1 : 1;
    return a->header_byte < b->header_byte ? -1 : 1;
}

/* The contents lie between data_start and the file's end, and no two share a byte. Of a tensor whose size is not known that is its first
 * byte. Leaves by_name sorted by position. */
static setun_status check_places(setun_gguf *gguf, uint64_t data_start, uint64_t n_file, setun_error *error)
{
    for (size_t i = 0; i < gguf->n_tensors; i++) {
        setun_gguf_tensor *tensor = &gguf->tensors[i];
        const uint64_t n_data = data_start < n_file ? n_file - data_start : 0;
        const uint64_t n_bytes = tensor->n_bytes > 0 ? tensor->n_bytes : 1;

        if (n_bytes > n_data || tensor->file_byte > n_data - n_bytes)
            return setun_gguf_fail_tensor(gguf, tensor, error, SETUN_ERR_FORMAT, "expected its %zu bytes inside the %" PRIu64
                                          " bytes of data, found them from byte %" PRIu64 " of it on (a file that was cut off?)",
                                          tensor->n_bytes, n_data, tensor->file_byte);
        tensor->file_byte += data_start;
        gguf->by_name[i] = tensor;
    }
    if (gguf->n_tensors > 0)
        qsort(gguf->by_name, gguf->n_tensors, sizeof(*gguf->by_name), compare_positions);
    for (size_t i = 1; i < gguf->n_tensors; i++) {
        const setun_gguf_tensor *before = gguf->by_name[i - 1], *tensor = gguf->by_name[i];
        const uint64_t n_bytes = before->n_bytes > 0 ? before->n_bytes : 1;

        if (tensor->file_byte - before->file_byte < n_bytes)
            return setun_gguf_fail_tensor(gguf, tensor, error, SETUN_ERR_FORMAT, "expected data after those of '%.255s', which end at byte %"
                                          PRIu64 " of the file, found byte %" PRIu64 ": they overlap", before->name,
                                          before->file_byte + n_bytes, tensor->file_byte);
    }
    return SETUN_OK;
}

setun_status setun_gguf_take_tensors(setun_gguf *gguf, struct setun_gguf_header *header, uint64_t n, setun_error *error)
{
    uint64_t alignment = DEFAULT_ALIGNMENT;
    setun_status status = read_alignment(gguf, &alignment, error);

    for (uint64_t i = 0; i < n && status == SETUN_OK; i++) {
        setun_gguf_tensor tensor;

        status = take_tensor(gguf, header, alignment, &tensor, error);
        if (status != SETUN_OK)
            return status;
        if (!setun_grow(&gguf->tensors, &gguf->tensors_capacity, gguf->n_tensors + 1, sizeof(*gguf->tensors)))
            return setun_fail_nomem(error, "table of tensors", (gguf->n_tensors + 1) * sizeof(*gguf->tensors));
        gguf->tensors[gguf->n_tensors++] = tensor;
    }
    if (status != SETUN_OK)
        return status;
    gguf->by_name = setun_calloc(gguf->n_tensors, sizeof(*gguf->by_name));
    if (gguf->by_name == NULL)
        return setun_fail_nomem(error, "table of tensors", gguf->n_tensors * sizeof(*gguf->by_name));
    status = check_places(gguf, (header->at + alignment - 1) / alignment * alignment, header->file->n_bytes, error);
    if (status != SETUN_OK)
        return status;
    if (gguf->n_tensors > 0)
        qsort(gguf->by_name, gguf->n_tensors, sizeof(*gguf->by_name), compare_names);
    for (size_t i = 1; i < gguf->n_tensors; i++)
        if (compare_names(&gguf->by_name[i - 1], &gguf->by_name[i]) == 0)
            return setun_gguf_fail_tensor(gguf, gguf->by_name[i], error, SETUN_ERR_FORMAT, "expected each name once, found two tensors of it");
    return SETUN_OK;
}

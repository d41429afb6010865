/* gguf.c - reads and proves the header of a GGUF file.
 *
 * The file: "GGUF", u32 version, u64 number of tensors, u64 number of keys; the keys, each a string, a u32 type and a value; the tensors, each
 * a string, u32 number of dimensions, u64 dimensions from the innermost on, u32 type and u64 offset of its contents; zeros up to a multiple
 * of the alignment; the contents. A string is a u64 length and that many bytes; an array a u32 type, a u64 number of elements, and these. */
#include "weights/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "weights/gguf_internal.h"

enum {
    FIXED_BYTES = 24,        /* before the first key */
    MIN_VALUE_BYTES = 14,    /* a key of one byte, its type and a value of one byte */
    MIN_TENSOR_BYTES = 33,   /* a name of one byte, one dimension */
    MAX_KEY_BYTES = 65535,   /* by the format */
    DEFAULT_ALIGNMENT = 32,  /* by the format */
    MAX_ALIGNMENT = 1 << 20,
    FIRST_READ_BYTES = 64 << 10,
    I2_S = 36,
    I2_S_SCALE_BYTES = 32    /* after the codes: an f32 and 28 bytes more */
};
#define MAX_HEADER_BYTES (UINT64_C(256) << 20) /* vocabularies of 262144 tokens take about 16 MiB */

/* The header as far as it has been read and looked at. */
struct header {
    const setun_weight_file *file;
    unsigned char *bytes;
    size_t         n_bytes, at;
};

/* Sees to it that the next n bytes are in memory; `what` they are. */
static setun_status need(struct header *header, uint64_t n, const char *what, setun_error *error)
{
    const uint64_t n_file = header->file->n_bytes, limit = n_file < MAX_HEADER_BYTES ? n_file : MAX_HEADER_BYTES;
    uint64_t wanted;
    unsigned char *bytes;
    setun_status status;

    if (n > n_file - header->at)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected %s of %" PRIu64 " bytes, found the file's end at byte %" PRIu64,
                          header->file->path, header->at, what, n, n_file);
    if (n > limit - header->at)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: byte %zu: expected a header of at most %" PRIu64 " bytes, found more",
                          header->file->path, header->at, MAX_HEADER_BYTES);
    wanted = header->at + n;
    if (wanted <= header->n_bytes)
        return SETUN_OK;
    if (wanted < 2 * (uint64_t)header->n_bytes) /* twice as much each time: long headers are not copied over and over */
        wanted = 2 * (uint64_t)header->n_bytes;
    if (wanted < FIRST_READ_BYTES)
        wanted = FIRST_READ_BYTES;
    if (wanted > limit)
        wanted = limit;
    bytes = setun_realloc(header->bytes, (size_t)wanted);
    if (bytes == NULL)
        return setun_fail_nomem(error, "header of a GGUF file", (size_t)wanted);
    header->bytes = bytes;
    status = setun_weight_file_read(header->file, header->n_bytes, (size_t)wanted - header->n_bytes, bytes + header->n_bytes, error);
    if (status == SETUN_OK)
        header->n_bytes = (size_t)wanted;
    return status;
}

static setun_status take_number(struct header *header, size_t n_bytes, const char *what, uint64_t *out_number, setun_error *error)
{
    const setun_status status = need(header, n_bytes, what, error);

    if (status != SETUN_OK)
        return status;
    *out_number = setun_gguf_number(header->bytes + header->at, n_bytes);
    header->at += n_bytes;
    return SETUN_OK;
}

/* A key or a name, copied. */
static setun_status take_name(struct header *header, setun_pool *pool, const char *what, size_t max_bytes, const char **out_name,
                              setun_error *error)
{
    const size_t start = header->at;
    uint64_t n;
    setun_status status = take_number(header, 8, "a length", &n, error);

    if (status != SETUN_OK)
        return status;
    if (n == 0 || n > max_bytes)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected %s of 1 to %zu bytes, found a length of %" PRIu64,
                          header->file->path, start, what, max_bytes, n);
    status = need(header, n, what, error);
    if (status != SETUN_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        if (header->bytes[header->at + i] < 0x20 || header->bytes[header->at + i] == 0x7f)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected %s without control characters, found 0x%02x",
                              header->file->path, header->at + i, what, (unsigned)header->bytes[header->at + i]);
    *out_name = setun_pool_strndup(pool, (const char *)header->bytes + header->at, (size_t)n);
    if (*out_name == NULL)
        return setun_fail_nomem(error, what, (size_t)n + 1);
    header->at += (size_t)n;
    return SETUN_OK;
}

/* ---- metadata ---- */

static setun_status take_type(const setun_gguf *gguf, struct header *header, const setun_gguf_value *value, enum setun_gguf_type *out_type,
                              setun_error *error)
{
    uint64_t type;
    const setun_status status = take_number(header, 4, "the type of a value", &type, error);

    if (status != SETUN_OK)
        return status;
    if (type >= SETUN_GGUF_N_TYPES)
        return setun_gguf_fail(gguf, value, error, SETUN_ERR_FORMAT, "expected a type of 0 to %d, found %" PRIu64,
                               SETUN_GGUF_N_TYPES - 1, type);
    *out_type = (enum setun_gguf_type)type;
    return SETUN_OK;
}

static setun_status skip_strings(const setun_gguf *gguf, struct header *header, const setun_gguf_value *value, setun_error *error)
{
    for (uint64_t i = 0; i < value->n; i++) {
        uint64_t n;
        setun_status status = take_number(header, 8, "the length of a string", &n, error);

        if (status == SETUN_OK)
            status = need(header, n, "a string", error);
        if (status != SETUN_OK) {
            if (status == SETUN_ERR_FORMAT)
                (void)setun_fail(error, status, "%s: byte %zu: key '%.100s': expected string %" PRIu64 " of %" PRIu64
                                 " inside the file, found its end at byte %" PRIu64, gguf->path, header->at, value->key, i, value->n,
                                 header->file->n_bytes);
            return status;
        }
        header->at += (size_t)n;
    }
    return SETUN_OK;
}

static setun_status skip_numbers(const setun_gguf *gguf, struct header *header, const setun_gguf_value *value, setun_error *error)
{
    const size_t element_bytes = setun_gguf_element_bytes(value->type);
    setun_status status;

    if (value->n > header->file->n_bytes / element_bytes)
        return setun_gguf_fail(gguf, value, error, SETUN_ERR_FORMAT, "expected elements inside the file's %" PRIu64 " bytes, found %" PRIu64
                               " of %zu bytes each", header->file->n_bytes, value->n, element_bytes);
    status = need(header, value->n * element_bytes, "a value", error);
    if (status != SETUN_OK)
        return status;
    for (uint64_t i = 0; value->type == SETUN_GGUF_BOOL && i < value->n; i++)
        if (header->bytes[header->at + i] > 1)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: key '%.100s': expected a boolean of 0 or 1, found %u", gguf->path,
                              header->at + (size_t)i, value->key, (unsigned)header->bytes[header->at + i]);
    header->at += (size_t)(value->n * element_bytes);
    return SETUN_OK;
}

/* One key and its value, without a pointer to its data: the header may still move. */
static setun_status take_value(setun_gguf *gguf, struct header *header, setun_gguf_value *value, setun_error *error)
{
    size_t start;
    setun_status status;

    *value = (setun_gguf_value){.byte = header->at, .n = 1};
    status = take_name(header, &gguf->pool, "a key", MAX_KEY_BYTES, &value->key, error);
    if (status == SETUN_OK)
        status = take_type(gguf, header, value, &value->type, error);
    if (status != SETUN_OK)
        return status;
    if (value->type == SETUN_GGUF_ARRAY) {
        value->is_array = true;
        status = take_type(gguf, header, value, &value->type, error);
        if (status == SETUN_OK && value->type == SETUN_GGUF_ARRAY)
            status = setun_gguf_fail(gguf, value, error, SETUN_ERR_UNSUPPORTED, "expected an array of single values, found one of arrays");
        if (status == SETUN_OK)
            status = take_number(header, 8, "the number of an array's elements", &value->n, error);
        if (status != SETUN_OK)
            return status;
    }
    start = header->at;
    status = value->type == SETUN_GGUF_STRING ? skip_strings(gguf, header, value, error) : skip_numbers(gguf, header, value, error);
    value->n_bytes = header->at - start;
    return status;
}

static int compare_values(const void *left, const void *right)
{
    const setun_gguf_value *a = left, *b = right;
    const int order = strcmp(a->key, b->key);

    return order != 0 ? order : a->byte < b->byte ? -1 : 1;
}

static setun_status take_values(setun_gguf *gguf, struct header *header, uint64_t n, setun_error *error)
{
    for (uint64_t i = 0; i < n; i++) {
        setun_gguf_value value;
        setun_status status = take_value(gguf, header, &value, error);

        if (status != SETUN_OK)
            return status;
        if (!setun_grow(&gguf->values, &gguf->values_capacity, gguf->n_values + 1, sizeof(*gguf->values)))
            return setun_fail_nomem(error, "table of metadata", (gguf->n_values + 1) * sizeof(*gguf->values));
        gguf->values[gguf->n_values++] = value;
    }
    if (gguf->n_values > 0)
        qsort(gguf->values, gguf->n_values, sizeof(*gguf->values), compare_values);
    for (size_t i = 1; i < gguf->n_values; i++)
        if (strcmp(gguf->values[i - 1].key, gguf->values[i].key) == 0)
            return setun_gguf_fail(gguf, &gguf->values[i], error, SETUN_ERR_FORMAT,
                                   "expected each key once, found it at byte %" PRIu64 " already", gguf->values[i - 1].byte);
    return SETUN_OK;
}

/* Where the data of the values are, now that the header does not move any more. */
static void point_values(setun_gguf *gguf)
{
    for (size_t i = 0; i < gguf->n_values; i++) {
        setun_gguf_value *value = &gguf->values[i];

        /* Length and text of the key, type; of an array element type and number, too. */
        value->data = gguf->header + value->byte + 8 + strlen(value->key) + 4 + (value->is_array ? 12 : 0);
    }
}

/* ---- tensors ---- */

static setun_status take_dims(const setun_gguf *gguf, struct header *header, setun_gguf_tensor *tensor, setun_error *error)
{
    uint64_t n_dims;
    int64_t n_values;
    setun_status status = take_number(header, 4, "a number of dimensions", &n_dims, error);

    if (status != SETUN_OK)
        return status;
    if (n_dims < 1 || n_dims > SETUN_GGUF_MAX_DIMS)
        return setun_gguf_fail_tensor(gguf, tensor, error, SETUN_ERR_FORMAT, "expected 1 to %d dimensions, found %" PRIu64,
                                      (int)SETUN_GGUF_MAX_DIMS, n_dims);
    tensor->n_dims = (uint32_t)n_dims;
    for (uint32_t i = 0; i < SETUN_GGUF_MAX_DIMS; i++) {
        uint64_t dim = 1;

        if (i < n_dims)
            status = take_number(header, 8, "a dimension", &dim, error);
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
static setun_status take_tensor(setun_gguf *gguf, struct header *header, uint64_t alignment, setun_gguf_tensor *tensor, setun_error *error)
{
    uint64_t type = 0;
    setun_status status;

    *tensor = (setun_gguf_tensor){.header_byte = header->at};
    status = take_name(header, &gguf->pool, "the name of a tensor", SETUN_GGUF_MAX_NAME, &tensor->name, error);
    if (status == SETUN_OK)
        status = take_dims(gguf, header, tensor, error);
    if (status == SETUN_OK)
        status = take_number(header, 4, "the type of a tensor", &type, error);
    if (status == SETUN_OK)
        status = take_number(header, 8, "the offset of a tensor", &tensor->file_byte, error);
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

static setun_status take_tensors(setun_gguf *gguf, struct header *header, uint64_t n, setun_error *error)
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

/* ---- the whole ---- */

static setun_status take_version(setun_gguf *gguf, struct header *header, setun_error *error)
{
    uint64_t version;
    setun_status status;

    if (header->file->n_bytes < FIXED_BYTES)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte 0: expected a GGUF file of at least %d bytes, found %" PRIu64, gguf->path,
                          (int)FIXED_BYTES, header->file->n_bytes);
    status = need(header, FIXED_BYTES, "a GGUF header", error);
    if (status != SETUN_OK)
        return status;
    if (memcmp(header->bytes, "GGUF", 4) != 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte 0: expected the letters GGUF, found 0x%02x%02x%02x%02x", gguf->path,
                          (unsigned)header->bytes[0], (unsigned)header->bytes[1], (unsigned)header->bytes[2], (unsigned)header->bytes[3]);
    version = setun_gguf_number(header->bytes + 4, 4);
    if (version != 2 && version != 3)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: byte 4: expected version 2 or 3 of GGUF, found %" PRIu64 "%s", gguf->path, version,
                          version == 1                                             ? ": convert the model again with a tool of today"
                          : version == 0x02000000u || version == 0x03000000u ? ": a big-endian file"
                                                                                   : "");
    gguf->version = (uint32_t)version;
    header->at = 8;
    return SETUN_OK;
}

/* A number of things that take at least min_bytes each. */
static setun_status take_count(struct header *header, const char *what, uint64_t min_bytes, uint64_t *out_n, setun_error *error)
{
    const size_t start = header->at;
    const setun_status status = take_number(header, 8, what, out_n, error);

    if (status == SETUN_OK && *out_n > header->file->n_bytes / min_bytes)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected %s that fits into the file's %" PRIu64 " bytes, found %" PRIu64,
                          header->file->path, start, what, header->file->n_bytes, *out_n);
    return status;
}

static setun_status read_header(setun_gguf *gguf, struct header *header, setun_error *error)
{
    uint64_t n_tensors = 0, n_values = 0;
    setun_status status = take_version(gguf, header, error);

    if (status == SETUN_OK)
        status = take_count(header, "a number of tensors", MIN_TENSOR_BYTES, &n_tensors, error);
    if (status == SETUN_OK)
        status = take_count(header, "a number of keys", MIN_VALUE_BYTES, &n_values, error);
    if (status == SETUN_OK)
        status = take_values(gguf, header, n_values, error);
    gguf->header = header->bytes; /* for general.alignment; it may still move */
    point_values(gguf);
    if (status == SETUN_OK)
        status = take_tensors(gguf, header, n_tensors, error);
    gguf->header = header->bytes;
    point_values(gguf);
    return status;
}

setun_status setun_gguf_read(const setun_weight_file *file, setun_gguf **out_gguf, setun_error *error)
{
    struct header header = {.file = file};
    setun_gguf *gguf = setun_calloc(1, sizeof(*gguf));
    setun_status status;

    if (gguf == NULL)
        return setun_fail_nomem(error, "GGUF header", sizeof(*gguf));
    gguf->path = file->path;
    status = read_header(gguf, &header, error);
    if (status != SETUN_OK) {
        setun_gguf_close(gguf);
        return status;
    }
    *out_gguf = gguf;
    return SETUN_OK;
}

setun_status setun_gguf_open(const char *path, setun_gguf **out_gguf, setun_error *error)
{
    setun_weight_file file;
    setun_gguf *gguf;
    setun_status status = setun_weight_file_open(path, &file, error);

    if (status != SETUN_OK)
        return status;
    status = setun_gguf_read(&file, &gguf, error);
    setun_weight_file_close(&file);
    if (status != SETUN_OK)
        return status;
    gguf->path = setun_pool_strndup(&gguf->pool, path, strlen(path));
    if (gguf->path == NULL) {
        setun_gguf_close(gguf);
        return setun_fail_nomem(error, path, strlen(path) + 1);
    }
    *out_gguf = gguf;
    return SETUN_OK;
}

void setun_gguf_close(setun_gguf *gguf)
{
    if (gguf == NULL)
        return;
    free(gguf->header);
    free(gguf->values);
    free(gguf->tensors);
    free(gguf->by_name);
    setun_pool_free(&gguf->pool);
    free(gguf);
}

bool setun_gguf_claims(const char *path)
{
    setun_weight_file file;
    char letters[4];
    bool claims;

    if (setun_weight_file_open(path, &file, NULL) != SETUN_OK)
        return false;
    claims = file.n_bytes >= sizeof(letters) && setun_weight_file_read(&file, 0, sizeof(letters), letters, NULL) == SETUN_OK &&
             memcmp(letters, "GGUF", sizeof(letters)) == 0;
    setun_weight_file_close(&file);
    return claims;
}

/* safetensors.c - reads and proves the header of a safetensors file.
 *
 * The file: u64 length of the header, little-endian; the header, a JSON object, blanks after it allowed; the data. Each key of the
 * header but __metadata__ is a tensor {"dtype", "shape", "data_offsets": [begin, end)}, offsets counting from the end of the header. */
#include "weights/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "weights/json_file.h"

enum {
    LENGTH_BYTES = 8,
    HEADER_MIN_BYTES = 2 /* {} */
};
#define HEADER_MAX_BYTES UINT64_C(100000000) /* the limit of the format's own implementation */

static const setun_st_dtype dtypes[] = {
    {"BOOL", 1},    {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"U16", 2}, {"I16", 2}, {"F16", 2},
    {"BF16", 2},    {"U32", 4}, {"I32", 4}, {"F32", 4},     {"U64", 8},     {"I64", 8}, {"F64", 8},
};

setun_status setun_st_fail(const setun_st_tensor *tensor, setun_error *error, setun_status status)
{
    return setun_fail_prefix(error, status, "%s: byte %zu: tensor '%s'", tensor->file->path, tensor->header_byte, tensor->name);
}

/* Walks the keys of a JSON object, given that the text is valid JSON: strings and brackets are all there is to follow. */
struct key_walk {
    const char *text;
    size_t      n_bytes, at;
    unsigned    depth;
    bool        expect_key;
};

/* Where the next key of the outermost object starts (its quote); n_bytes when there is none. */
static size_t next_key(struct key_walk *walk)
{
    while (walk->at < walk->n_bytes) {
        const size_t at = walk->at++;

        switch (walk->text[at]) {
        case '{':
        case '[':
            walk->expect_key = ++walk->depth == 1;
            break;
        case '}':
        case ']':
            walk->depth--;
            break;
        case ',':
            walk->expect_key = walk->depth == 1;
            break;
        case '"':
            while (walk->at < walk->n_bytes && walk->text[walk->at] != '"')
                walk->at += walk->text[walk->at] == '\\' ? 2 : 1;
            walk->at++;
            if (walk->depth == 1 && walk->expect_key) {
                walk->expect_key = false;
                return at;
            }
            break;
        default:
            break;
        }
    }
    return walk->n_bytes;
}

static setun_status read_dtype(const json_t *value, setun_st_tensor *tensor, setun_error *error)
{
    char shown[SETUN_SHOWN_BYTES];

    if (!json_is_string(value))
        return setun_fail(error, SETUN_ERR_FORMAT, "dtype: expected a string, found %s", setun_json_show(value, shown));
    for (size_t i = 0; i < SETUN_COUNT(dtypes); i++)
        if (strcmp(json_string_value(value), dtypes[i].name) == 0) {
            tensor->dtype = &dtypes[i];
            return SETUN_OK;
        }
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "dtype: expected a type of the safetensors format, found %s",
                      setun_json_show(value, shown));
}

static setun_status read_shape(const json_t *value, setun_st_tensor *tensor, setun_error *error)
{
    char shown[SETUN_SHOWN_BYTES];
    size_t n_dims;

    if (!json_is_array(value))
        return setun_fail(error, SETUN_ERR_FORMAT, "shape: expected an array, found %s", setun_json_show(value, shown));
    n_dims = json_array_size(value);
    if (n_dims > SETUN_ST_MAX_DIMS)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "shape: expected at most %d dimensions, found %zu", SETUN_ST_MAX_DIMS, n_dims);
    tensor->n_dims = (uint32_t)n_dims;
    for (size_t i = 0; i < SETUN_ST_MAX_DIMS; i++) {
        const json_t *item = json_array_get(value, i);

        tensor->dim[i] = 1;
        if (i >= n_dims)
            continue;
        if (!json_is_integer(item) || json_integer_value(item) < 0)
            return setun_fail(error, SETUN_ERR_FORMAT, "shape: expected an integer of at least 0, found %s", setun_json_show(item, shown));
        tensor->dim[i] = json_integer_value(item);
    }
    return SETUN_OK;
}

/* Offsets within the data of n_data bytes, which starts at byte data_start of the file. */
static setun_status read_range(const json_t *value, uint64_t data_start, uint64_t n_data, setun_st_tensor *tensor, setun_error *error)
{
    char shown[SETUN_SHOWN_BYTES];
    const json_t *begin = json_array_get(value, 0), *end = json_array_get(value, 1);
    int64_t n_elements;
    uint64_t from, to;
    size_t n_bytes;

    if (!json_is_array(value) || json_array_size(value) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return setun_fail(error, SETUN_ERR_FORMAT, "data_offsets: expected two integers, found %s", setun_json_show(value, shown));
    if (json_integer_value(begin) < 0 || json_integer_value(begin) > json_integer_value(end))
        return setun_fail(error, SETUN_ERR_FORMAT, "data_offsets: expected 0 <= begin <= end, found %s", setun_json_show(value, shown));
    from = (uint64_t)json_integer_value(begin);
    to = (uint64_t)json_integer_value(end);
    if (to > n_data)
        return setun_fail(error, SETUN_ERR_FORMAT, "data_offsets: expected an end inside the %" PRIu64 " bytes of data, found %" PRIu64,
                          n_data, to);
    if (!setun_mul_dims(tensor->dim, tensor->n_dims, &n_elements) || !setun_mul_size((size_t)n_elements, tensor->dtype->n_bytes, &n_bytes))
        return setun_fail(error, SETUN_ERR_FORMAT, "shape: expected a size that can be addressed, found more than 2^63 elements or bytes");
    if (n_bytes != to - from)
        return setun_fail(error, SETUN_ERR_FORMAT, "data_offsets: expected %zu bytes for this shape of %s, found %" PRIu64, n_bytes,
                          tensor->dtype->name, to - from);
    if ((data_start + from) % tensor->dtype->n_bytes != 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "data_offsets: expected a position in the file that is a multiple of %zu, found %" PRIu64,
                          tensor->dtype->n_bytes, data_start + from);
    tensor->file_byte = data_start + from;
    tensor->n_bytes = n_bytes;
    return SETUN_OK;
}

static setun_status read_tensor(const json_t *entry, uint64_t data_start, uint64_t n_data, setun_st_tensor *tensor, setun_error *error)
{
    const json_t *dtype = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape"),
                 *range = json_object_get(entry, "data_offsets");
    char shown[SETUN_SHOWN_BYTES];
    setun_status status;

    if (!json_is_object(entry))
        return setun_fail(error, SETUN_ERR_FORMAT, "expected an object, found %s", setun_json_show(entry, shown));
    if (json_object_size(entry) != 3 || dtype == NULL || shape == NULL || range == NULL)
        return setun_fail(error, SETUN_ERR_FORMAT, "expected the keys dtype, shape and data_offsets, found %s",
                          dtype == NULL   ? "no dtype"
                          : shape == NULL ? "no shape"
                          : range == NULL ? "no data_offsets"
                                          : "more keys");
    status = read_dtype(dtype, tensor, error);
    if (status == SETUN_OK)
        status = read_shape(shape, tensor, error);
    if (status == SETUN_OK)
        status = read_range(range, data_start, n_data, tensor, error);
    return status;
}

static setun_status check_name(const char *path, size_t byte, const char *name, setun_error *error)
{
    const size_t n_bytes = strlen(name);
    char shown[SETUN_SHOWN_BYTES];

    if (n_bytes == 0 || n_bytes > SETUN_ST_MAX_NAME)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected a tensor name of 1 to %d bytes, found %zu", path, byte,
                          (int)SETUN_ST_MAX_NAME, n_bytes);
    for (size_t i = 0; i < n_bytes; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected a tensor name without control characters, found %s", path,
                              byte, setun_text_show(name, shown));
    return SETUN_OK;
}

/* __metadata__ is for people: Setun only checks that it is what the format says, strings. */
static setun_status check_metadata(const char *path, size_t byte, json_t *metadata, setun_error *error)
{
    char shown[SETUN_SHOWN_BYTES];
    const char *key;
    json_t *value;

    if (!json_is_object(metadata))
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: __metadata__: expected an object, found %s", path, byte,
                          setun_json_show(metadata, shown));
    json_object_foreach (metadata, key, value)
        if (!json_is_string(value))
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: __metadata__: expected strings only, found %s", path, byte,
                              setun_json_show(value, shown));
    return SETUN_OK;
}

/* Order of the data; an empty tensor comes before the one that starts where it stands. */
static int compare_position(const void *left, const void *right)
{
    const setun_st_tensor *a = left, *b = right;

    if (a->file_byte != b->file_byte)
        return a->file_byte < b->file_byte ? -1 : 1;
    if (a->n_bytes != b->n_bytes)
        return a->n_bytes < b->n_bytes ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* The tensors must tile the data: no byte twice, none unused. */
static setun_status check_tiling(const setun_weight_file *file, uint64_t data_start, setun_st_list *list, setun_error *error)
{
    uint64_t at = data_start;

    qsort(list->tensors, list->n, sizeof(*list->tensors), compare_position);
    for (size_t i = 0; i < list->n; i++) {
        const setun_st_tensor *tensor = &list->tensors[i];

        if (tensor->file_byte != at) {
            setun_fail(error, SETUN_ERR_FORMAT, "data_offsets: expected data from %" PRIu64 " on, where the tensors before it end, found %" PRIu64
                       ": %s", at - data_start, tensor->file_byte - data_start, tensor->file_byte < at ? "they overlap" : "there is a hole");
            return setun_st_fail(tensor, error, SETUN_ERR_FORMAT);
        }
        at += tensor->n_bytes;
    }
    if (at != file->n_bytes)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %" PRIu64 ": expected the end of the file after the last tensor, found %" PRIu64 " more bytes",
                          file->path, at, file->n_bytes - at);
    return SETUN_OK;
}

static setun_status read_tensors(const setun_weight_file *file, const char *header, size_t n_header, json_t *root, setun_pool *pool,
                                 setun_st_list *list, setun_error *error)
{
    const uint64_t data_start = LENGTH_BYTES + n_header;
    struct key_walk walk = {.text = header, .n_bytes = n_header};
    setun_status status;
    const char *name;
    json_t *entry;

    list->n = 0;
    list->tensors = setun_pool_alloc(pool, json_object_size(root) * sizeof(*list->tensors));
    if (list->tensors == NULL)
        return setun_fail_nomem(error, "table of tensors", json_object_size(root) * sizeof(*list->tensors));

    json_object_foreach (root, name, entry) { /* in the order of the text */
        setun_st_tensor *tensor = &list->tensors[list->n];
        const size_t byte = LENGTH_BYTES + next_key(&walk);

        if (strcmp(name, "__metadata__") == 0) {
            status = check_metadata(file->path, byte, entry, error);
            if (status != SETUN_OK)
                return status;
            continue;
        }
        status = check_name(file->path, byte, name, error);
        if (status != SETUN_OK)
            return status;
        tensor->file = file;
        tensor->header_byte = byte;
        tensor->name = setun_pool_strndup(pool, name, strlen(name));
        if (tensor->name == NULL)
            return setun_fail_nomem(error, "name of a tensor", strlen(name) + 1);
        status = read_tensor(entry, data_start, file->n_bytes - data_start, tensor, error);
        if (status != SETUN_OK)
            return setun_st_fail(tensor, error, status);
        list->n++;
    }
    return check_tiling(file, data_start, list, error);
}

setun_status setun_safetensors_read(const setun_weight_file *file, setun_pool *pool, setun_st_list *out_list, setun_error *error)
{
    unsigned char length[LENGTH_BYTES];
    uint64_t n_header = 0;
    setun_st_list list;
    char *header;
    json_t *root;
    setun_status status;

    if (file->n_bytes < LENGTH_BYTES + HEADER_MIN_BYTES)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte 0: expected a safetensors file of at least %d bytes, found %" PRIu64,
                          file->path, LENGTH_BYTES + HEADER_MIN_BYTES, file->n_bytes);
    status = setun_weight_file_read(file, 0, LENGTH_BYTES, length, error);
    if (status != SETUN_OK)
        return status;
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        n_header |= (uint64_t)length[i] << (8 * i);
    if (n_header < HEADER_MIN_BYTES || n_header > HEADER_MAX_BYTES)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte 0: expected a header of %d to %" PRIu64 " bytes, found a length of %" PRIu64,
                          file->path, (int)HEADER_MIN_BYTES, HEADER_MAX_BYTES, n_header);
    if (n_header > file->n_bytes - LENGTH_BYTES)
        return setun_fail(error, SETUN_ERR_FORMAT,
                          "%s: byte 0: expected a header inside the file's %" PRIu64 " bytes, found a length of %" PRIu64, file->path,
                          file->n_bytes, n_header);
    header = setun_alloc((size_t)n_header);
    if (header == NULL)
        return setun_fail_nomem(error, "header of a safetensors file", (size_t)n_header);
    status = setun_weight_file_read(file, LENGTH_BYTES, (size_t)n_header, header, error);
    if (status != SETUN_OK)
        goto free_header;
    if (header[0] != '{') {
        status = setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %d: expected '{', found 0x%02x", file->path, LENGTH_BYTES,
                            (unsigned)(unsigned char)header[0]);
        goto free_header;
    }
    status = setun_json_parse(file->path, LENGTH_BYTES, header, (size_t)n_header, 0, &root, error);
    if (status != SETUN_OK)
        goto free_header;
    status = read_tensors(file, header, (size_t)n_header, root, pool, &list, error);
    json_decref(root);
    if (status == SETUN_OK)
        *out_list = list;

free_header:
    free(header);
    return status;
}

/* hf_folder.c - reader of Hugging Face folders: turns the tensors of the files into weights.
 *
 * X.weight becomes the weight X. A packed ternary X.weight (U8) and its X.weight_scale (one element) are one weight. Other tensors, such
 * as X.bias, keep their full name. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/hf_shards.h"
#include "weights/small_float.h"

static const char weight_suffix[] = ".weight", scale_suffix[] = ".weight_scale";

/* Dense types that Setun reads, and their formats. */
static const struct {
    const char *dtype, *fmt;
} dense[] = {{"F32", "f32"}, {"F16", "f16"}, {"BF16", "bf16"}};

static const char *dense_format(const setun_st_tensor *tensor)
{
    for (size_t i = 0; i < SETUN_COUNT(dense); i++)
        if (strcmp(tensor->dtype->name, dense[i].dtype) == 0)
            return dense[i].fmt;
    return NULL;
}

static bool is_packed(const setun_st_tensor *tensor)
{
    return strcmp(tensor->dtype->name, "U8") == 0;
}

/* Length of the name without `suffix`; 0 if it does not end so, or is nothing else. */
static size_t stem_length(const char *name, const char *suffix)
{
    const size_t n = strlen(name), n_suffix = strlen(suffix);

    return n > n_suffix && strcmp(name + n - n_suffix, suffix) == 0 ? n - n_suffix : 0;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const setun_st_tensor *)left)->name, ((const setun_st_tensor *)right)->name);
}

/* The tensor "<stem><suffix>" of the list, which is sorted by name; NULL: none. */
static const setun_st_tensor *find(const setun_st_list *list, const char *stem, size_t n_stem, const char *suffix)
{
    char name[SETUN_ST_MAX_NAME + sizeof(scale_suffix)];
    const setun_st_tensor key = {.name = name};

    (void)snprintf(name, sizeof(name), "%.*s%s", (int)n_stem, stem, suffix);
    return bsearch(&key, list->tensors, list->n, sizeof(*list->tensors), compare_names);
}

/* Tensor contents, but 2 or 4 bytes only: a scale is part of what describes its weight. */
static setun_status read_scale(const setun_st_tensor *tensor, bool divides, float *out_scale, setun_error *error)
{
    const char *fmt = dense_format(tensor);
    float stored, scale;
    uint16_t bits;
    setun_status status;

    for (uint32_t i = 0; i < tensor->n_dims; i++)
        if (tensor->dim[i] != 1) {
            setun_fail(error, SETUN_ERR_UNSUPPORTED, "expected one scale for the whole tensor, found %zu",
                       tensor->n_bytes / tensor->dtype->n_bytes);
            return setun_st_fail(tensor, error, SETUN_ERR_UNSUPPORTED);
        }
    if (fmt == NULL) {
        setun_fail(error, SETUN_ERR_UNSUPPORTED, "expected a scale of type F32, F16 or BF16, found %s", tensor->dtype->name);
        return setun_st_fail(tensor, error, SETUN_ERR_UNSUPPORTED);
    }
    if (strcmp(fmt, "f32") == 0)
        status = setun_weight_file_read(tensor->file, tensor->file_byte, sizeof(stored), &stored, error);
    else {
        status = setun_weight_file_read(tensor->file, tensor->file_byte, sizeof(bits), &bits, error);
        if (status == SETUN_OK)
            stored = strcmp(fmt, "f16") == 0 ? setun_f32_of_f16(bits) : setun_f32_of_bf16(bits);
    }
    if (status != SETUN_OK)
        return status;
    scale = divides ? 1.0f / stored : stored;
    /* False for every bad value stored, too: zero, negative, NaN and infinite ones stay or become bad when they are inverted. */
    if (!(scale > 0.0f && isfinite(scale))) {
        setun_fail(error, SETUN_ERR_FORMAT, "expected a finite scale above 0%s, found %g", divides ? " whose inverse is one too" : "",
                   (double)stored);
        return setun_st_fail(tensor, error, SETUN_ERR_FORMAT);
    }
    *out_scale = scale;
    return SETUN_OK;
}

/* A packed tensor [n / 4, k] with its scale: codes of rows p, p + n/4, p + n/2, p + 3n/4 in each byte, low bits first. */
static setun_status make_ternary(const setun_st_list *list, const setun_st_tensor *tensor, size_t n_stem, const setun_hf_config *config,
                                 setun_weight *weight, setun_error *error)
{
    const setun_st_tensor *scale = n_stem == 0 ? NULL : find(list, tensor->name, n_stem, scale_suffix);

    if (scale == NULL) {
        setun_fail(error, SETUN_ERR_FORMAT, "expected a weight_scale beside a packed ternary tensor (U8), found none");
        return setun_st_fail(tensor, error, SETUN_ERR_FORMAT);
    }
    if (tensor->n_dims != 2) {
        setun_fail(error, SETUN_ERR_FORMAT, "expected 2 dimensions of a packed ternary tensor, found %u", (unsigned)tensor->n_dims);
        return setun_st_fail(tensor, error, SETUN_ERR_FORMAT);
    }
    if (!config->says_scale) {
        setun_fail(error, SETUN_ERR_FORMAT, "expected a quantization_config in config.json that says what the scale of a packed ternary tensor (U8) "
                   "means, found none");
        return setun_st_fail(tensor, error, SETUN_ERR_FORMAT);
    }
    weight->fmt = "tern2.hf";
    weight->dim[0] = 4 * tensor->dim[0]; /* no overflow: no dimension is 0, so dim[0] <= the file's bytes */
    weight->has_scale = true;
    return read_scale(scale, config->scale_divides, &weight->scale, error);
}

static setun_status make_weight(setun_weights *weights, const setun_st_list *list, const setun_st_tensor *tensor,
                                const setun_hf_config *config, setun_error *error)
{
    const size_t n_stem = stem_length(tensor->name, weight_suffix);
    setun_weight weight = {.n_dims = tensor->n_dims, .file = tensor->file, .file_byte = tensor->file_byte, .n_bytes = tensor->n_bytes,
                           .scale = 1.0f};
    setun_status status = SETUN_OK;

    memcpy(weight.dim, tensor->dim, sizeof(weight.dim));
    if (tensor->n_bytes == 0) {
        setun_fail(error, SETUN_ERR_UNSUPPORTED, "expected at least one element, found a dimension of 0");
        return setun_st_fail(tensor, error, SETUN_ERR_UNSUPPORTED);
    }
    weight.fmt = dense_format(tensor);
    if (weight.fmt == NULL && !is_packed(tensor)) {
        setun_fail(error, SETUN_ERR_UNSUPPORTED, "expected F32, F16, BF16 or packed ternary U8, found %s", tensor->dtype->name);
        return setun_st_fail(tensor, error, SETUN_ERR_UNSUPPORTED);
    }
    if (is_packed(tensor))
        status = make_ternary(list, tensor, n_stem, config, &weight, error);
    if (status != SETUN_OK)
        return status;
    weight.name = setun_pool_strndup(&weights->pool, tensor->name, n_stem > 0 ? n_stem : strlen(tensor->name));
    if (weight.name == NULL)
        return setun_fail_nomem(error, "name of a weight", strlen(tensor->name) + 1);
    return setun_weights_add(weights, &weight, error);
}

/* A scale belongs to a packed tensor: beside any other it would have to be applied or not, and no known file has that. */
static setun_status check_scale_owner(const setun_st_list *list, const setun_st_tensor *scale, size_t n_stem, setun_error *error)
{
    const setun_st_tensor *owner = find(list, scale->name, n_stem, weight_suffix);

    if (owner != NULL && is_packed(owner))
        return SETUN_OK;
    setun_fail(error, SETUN_ERR_FORMAT, "expected a packed ternary tensor (U8) '%.*s%s' for it, found %s", (int)n_stem, scale->name,
               weight_suffix, owner == NULL ? "none" : owner->dtype->name);
    return setun_st_fail(scale, error, SETUN_ERR_FORMAT);
}

static bool claims(const char *path, const struct stat *info)
{
    (void)path;
    return S_ISDIR(info->st_mode);
}

static setun_status read_folder(setun_weights *weights, setun_error *error)
{
    setun_hf_config config;
    setun_st_list list;
    setun_status status = setun_hf_read_config(weights, &config, error);

    if (status == SETUN_OK)
        status = setun_hf_read_tensors(weights, &list, error);
    for (size_t i = 0; status == SETUN_OK && i < list.n; i++) {
        const size_t n_stem = stem_length(list.tensors[i].name, scale_suffix);

        status = n_stem > 0 ? check_scale_owner(&list, &list.tensors[i], n_stem, error)
                            : make_weight(weights, &list, &list.tensors[i], &config, error);
    }
    return status;
}

const setun_reader setun_reader_huggingface = {.source = SETUN_SOURCE_HUGGINGFACE, .claims = claims, .read = read_folder};

/* gguf_reader.c - reader of GGUF files: metadata under the file's own keys, tensors to weights.
 *
 * X.weight becomes the weight X. An X.scale or X.weight_scale of one element beside a ternary X.weight multiplies its scale. Other tensors
 * keep their full name. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "weights/reader.h"

enum { F32 = 0, F16 = 1, Q8_0 = 8, Q6_K = 14, BF16 = 30, TQ1_0 = 34, TQ2_0 = 35, I2_S = 36, TL1 = 38, TL2 = 39 };

static const char weight_suffix[] = ".weight";
static const char *const scale_suffixes[] = {".scale", ".weight_scale"};

/* Types whose bytes are a format's. */
static const struct {
    uint32_t    type;
    const char *fmt;
} plain[] = {{F32, "f32"}, {F16, "f16"}, {BF16, "bf16"}, {Q8_0, "q8_0.b32"}, {Q6_K, "q6_k.b256"}};

static const char *plain_format(uint32_t type)
{
    for (size_t i = 0; i < SETUN_COUNT(plain); i++)
        if (plain[i].type == type)
            return plain[i].fmt;
    return NULL;
}

static bool is_ternary(uint32_t type)
{
    return type == I2_S || type == TQ1_0 || type == TQ2_0;
}

/* Length of the name without `suffix`; 0 if it does not end so, or is nothing else. */
static size_t stem_length(const char *name, const char *suffix)
{
    const size_t n = strlen(name), n_suffix = strlen(suffix);

    return n > n_suffix && strcmp(name + n - n_suffix, suffix) == 0 ? n - n_suffix : 0;
}

/* ---- metadata ---- */

static setun_status fail_key(const setun_weights *weights, const char *key, const char *text, setun_error *error)
{
    return setun_gguf_fail(weights->gguf, setun_gguf_find(weights->gguf, key), error, SETUN_ERR_FORMAT, "%s", text);
}

/* A string with a NUL after it; one with a NUL in it is refused, since it would be cut off there. */
static setun_status copy_string(setun_weights *weights, const char *key, const char **out_text, setun_error *error)
{
    const char *text;
    size_t n_bytes;
    bool found;
    setun_status status = setun_gguf_string(weights->gguf, key, &found, &text, &n_bytes, error);

    if (status != SETUN_OK || !found)
        return status;
    if (memchr(text, '\0', n_bytes) != NULL)
        return fail_key(weights, key, "expected a string without zero bytes, found one", error);
    *out_text = setun_pool_strndup(&weights->pool, text, n_bytes);
    return *out_text == NULL ? setun_fail_nomem(error, key, n_bytes + 1) : SETUN_OK;
}

static setun_status add_meta(setun_weights *weights, const setun_gguf_value *value, setun_error *error)
{
    setun_meta_entry entry = {.key = value->key};
    setun_status status = SETUN_OK;

    if (value->is_array) {
        entry.composite = "an array";
    } else if (value->type == SETUN_GGUF_STRING) {
        entry.meta.type = SETUN_META_STRING;
        status = copy_string(weights, value->key, &entry.meta.s, error);
    } else if (value->type == SETUN_GGUF_F32 || value->type == SETUN_GGUF_F64) {
        entry.meta.type = SETUN_META_FLOAT;
        entry.meta.f = setun_gguf_float_at(value, 0);
    } else {
        entry.meta.type = value->type == SETUN_GGUF_BOOL ? SETUN_META_BOOL : SETUN_META_INT;
        entry.meta.i = setun_gguf_int_at(value, 0);
        if (value->type == SETUN_GGUF_U64 && setun_gguf_number(value->data, 8) > INT64_MAX)
            entry.composite = "an integer above 2^63 - 1";
    }
    return status == SETUN_OK ? setun_weights_add_meta(weights, &entry, error) : status;
}

static setun_status read_metadata(setun_weights *weights, setun_error *error)
{
    bool found;
    int64_t n_parts = 1;
    setun_status status = setun_gguf_int(weights->gguf, "split.count", &found, &n_parts, error);

    if (status == SETUN_OK && found && n_parts > 1)
        return setun_gguf_fail(weights->gguf, setun_gguf_find(weights->gguf, "split.count"), error, SETUN_ERR_UNSUPPORTED,
                               "expected a whole model in one file, found one of %" PRId64 " parts: join them with llama.cpp's llama-gguf-split "
                               "--merge", n_parts);
    if (status == SETUN_OK)
        status = copy_string(weights, "general.architecture", &weights->architecture, error);
    if (status == SETUN_OK && weights->architecture == NULL)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected the key 'general.architecture', found none", weights->path);
    for (size_t i = 0; i < setun_gguf_n_values(weights->gguf) && status == SETUN_OK; i++)
        status = add_meta(weights, setun_gguf_value_at(weights->gguf, i), error);
    return status;
}

/* ---- tensors ---- */

/* Why a type is not read, and what to do instead. */
static setun_status refuse_type(const setun_gguf *gguf, const setun_gguf_tensor *tensor, setun_error *error)
{
    char type[32];
    const char *way_out = "take the model with tensors of these types, or make them with llama.cpp's llama-quantize (q8_0, q6_k; tq2_0 for a "
                          "ternary model), from the model's original weights where they are to be had";

    if (tensor->type_id == TL1 || tensor->type_id == TL2)
        way_out = "TL1 and TL2 hold weights in the order of the one CPU and shape that bitnet.cpp was built for (and 39 is MXFP4 elsewhere): take the "
                  "model's I2_S file, or convert it again with setup_env.py -q i2_s";
    else if (tensor->type_id == 37 || (tensor->type_id >= 31 && tensor->type_id <= 33))
        way_out = "a type that no tool writes any more: convert the model again";
    else if (tensor->type_id == 134 || tensor->type_id == 135 || tensor->type_id == 335)
        way_out = "a type of ik_llama.cpp alone: take the I2_S file that it was made from";
    return setun_gguf_fail_tensor(gguf, tensor, error, SETUN_ERR_UNSUPPORTED,
                                  "expected F32, F16, BF16, Q8_0, Q6_K, I2_S, TQ1_0 or TQ2_0, found %s: %s",
                                  setun_gguf_tensor_type_text(tensor, type), way_out);
}

/* The scale of a tensor of its own, if there is one. */
static setun_status join_scale(setun_weights *weights, const setun_gguf_tensor *owner, size_t n_stem, setun_weight *weight, setun_error *error)
{
    const setun_gguf_tensor *found = NULL;
    float factor, product;
    setun_status status;

    for (size_t i = 0; i < SETUN_COUNT(scale_suffixes); i++) {
        char name[SETUN_GGUF_MAX_NAME + sizeof(".weight_scale")];
        const setun_gguf_tensor *scale;

        (void)snprintf(name, sizeof(name), "%.*s%s", (int)n_stem, owner->name, scale_suffixes[i]);
        scale = setun_gguf_find_tensor(weights->gguf, name);
        if (scale != NULL && found != NULL)
            return setun_gguf_fail_tensor(weights->gguf, scale, error, SETUN_ERR_FORMAT, "expected one scale of '%.*s', found '%s' too",
                                          (int)n_stem, owner->name, found->name);
        found = scale != NULL ? scale : found;
    }
    if (found == NULL)
        return SETUN_OK;
    if (found->type_id != F32 || found->n_bytes != sizeof(factor)) {
        char type[32];

        return setun_gguf_fail_tensor(weights->gguf, found, error, SETUN_ERR_UNSUPPORTED, "expected a scale of one F32, found %zu bytes of %s",
                                      found->n_bytes, setun_gguf_tensor_type_text(found, type));
    }
    status = setun_weight_file_read(weights->files, found->file_byte, sizeof(factor), &factor, error);
    if (status != SETUN_OK)
        return status;
    if (weight->decoded != NULL)
        return setun_gguf_fail_tensor(weights->gguf, found, error, SETUN_ERR_UNSUPPORTED, "expected a tensor '%s' with one scale of its own, found "
                                      "%s", owner->name, weight->decoded);
    product = weight->scale * factor;
    if (!(factor > 0.0f && isfinite(factor) && product > 0.0f && isfinite(product)))
        return setun_gguf_fail_tensor(weights->gguf, found, error, SETUN_ERR_FORMAT, "expected a finite scale above 0, found %g (times the tensor's "
                                      "own, %g)", (double)factor, (double)weight->scale);
    weight->scale = product;
    return SETUN_OK;
}

/* A scale belongs to a ternary tensor: beside any other it would have to be applied or not, and values of -1, 0 and 1 stored as floats would
 * be taken for masters. */
static setun_status check_scale_owner(const setun_weights *weights, const setun_gguf_tensor *scale, size_t n_stem, setun_error *error)
{
    char name[SETUN_GGUF_MAX_NAME + sizeof(weight_suffix)], type[32];
    const setun_gguf_tensor *owner;

    (void)snprintf(name, sizeof(name), "%.*s%s", (int)n_stem, scale->name, weight_suffix);
    owner = setun_gguf_find_tensor(weights->gguf, name);
    if (owner != NULL && is_ternary(owner->type_id))
        return SETUN_OK;
    return setun_gguf_fail_tensor(weights->gguf, scale, error, SETUN_ERR_UNSUPPORTED, "expected a tensor '%s' of type I2_S, TQ1_0 or TQ2_0 for it, "
                                  "found %s%s", name, owner == NULL ? "none" : setun_gguf_tensor_type_text(owner, type),
                                  owner == NULL ? "" : ": make it with llama.cpp's llama-quantize (tq2_0)");
}

static setun_status make_weight(setun_weights *weights, const setun_gguf_tensor *tensor, enum setun_i2s_layout layout, setun_error *error)
{
    const size_t n_stem = stem_length(tensor->name, weight_suffix);
    setun_weight weight = {.fmt = plain_format(tensor->type_id), .n_dims = tensor->n_dims, .dim = {1, 1, 1, 1}, .n_bytes = tensor->n_bytes,
                           .file = weights->files, .file_byte = tensor->file_byte, .scale = 1.0f};
    setun_status status = SETUN_OK;

    if (weight.fmt == NULL && !is_ternary(tensor->type_id))
        return refuse_type(weights->gguf, tensor, error);
    for (uint32_t i = 0; i < tensor->n_dims; i++)
        weight.dim[i] = tensor->dim[tensor->n_dims - 1 - i];
    weight.name = setun_pool_strndup(&weights->pool, tensor->name, n_stem > 0 ? n_stem : strlen(tensor->name));
    if (weight.name == NULL)
        return setun_fail_nomem(error, "name of a weight", strlen(tensor->name) + 1);
    if (tensor->type_id == I2_S)
        status = setun_gguf_read_i2s(weights, tensor, layout, &weight, error);
    else if (is_ternary(tensor->type_id))
        status = setun_gguf_read_tq(weights, tensor, &weight, error);
    if (status == SETUN_OK && is_ternary(tensor->type_id) && n_stem > 0)
        status = join_scale(weights, tensor, n_stem, &weight, error);
    return status == SETUN_OK ? setun_weights_add(weights, &weight, error) : status;
}

/* Length of the name without the ending that makes it a scale; 0: it is none. A norm may be called X.scale, too, if there is no X.weight. */
static size_t scale_stem(const setun_gguf *gguf, const setun_gguf_tensor *tensor)
{
    for (size_t i = 0; i < SETUN_COUNT(scale_suffixes); i++) {
        const size_t n_stem = stem_length(tensor->name, scale_suffixes[i]);
        char name[SETUN_GGUF_MAX_NAME + sizeof(weight_suffix)];

        (void)snprintf(name, sizeof(name), "%.*s%s", (int)n_stem, tensor->name, weight_suffix);
        if (n_stem > 0 && (setun_gguf_find_tensor(gguf, name) != NULL || i > 0))
            return n_stem;
    }
    return 0;
}

static bool claims(const char *path, const struct stat *info)
{
    return S_ISREG(info->st_mode) && setun_gguf_claims(path);
}

static setun_status read_gguf(setun_weights *weights, setun_error *error)
{
    const setun_weight_file *file;
    enum setun_i2s_layout layout = SETUN_I2S_128;
    setun_status status = setun_weights_open_file(weights, weights->path, &file, error);

    if (status == SETUN_OK)
        status = setun_gguf_read(file, &weights->gguf, error);
    if (status != SETUN_OK)
        return status;
    weights->config_path = weights->path;
    status = read_metadata(weights, error);
    if (status == SETUN_OK)
        status = setun_gguf_choose_i2s(weights, &layout, error);
    for (size_t i = 0; i < setun_gguf_n_tensors(weights->gguf) && status == SETUN_OK; i++) {
        const setun_gguf_tensor *tensor = setun_gguf_tensor_at(weights->gguf, i);
        const size_t n_stem = scale_stem(weights->gguf, tensor);

        status = n_stem > 0 ? check_scale_owner(weights, tensor, n_stem, error) : make_weight(weights, tensor, layout, error);
    }
    return status;
}

const setun_reader setun_reader_gguf = {.source = SETUN_SOURCE_GGUF, .claims = claims, .read = read_gguf};

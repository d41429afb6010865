/* small.c - makes the small model and writes it; absmean is computed here a second time, from its definition. */
#include "small.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "tiny_model.h"

enum { HIDDEN = 64, FFN = 160, HEADS = 4, KV_HEADS = 2, HEAD_DIM = HIDDEN / HEADS, KV = KV_HEADS * HEAD_DIM };

/* ---- contents ---- */

static uint64_t state;

/* splitmix64; the upper 32 bits. */
static uint32_t random_bits(void)
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) >> 32);
}

static float random_unit(void) /* -1 to 1 */
{
    return (float)((double)random_bits() / 2147483648.0 - 1.0);
}

float small_round(float value, enum small_type type)
{
    uint32_t bits;

    if (type == SMALL_F32)
        return value;
    if (type == SMALL_F16) { /* only values of f16's normal range are asked for */
        const float step = ldexpf(1.0f, ilogbf(value) - 10);

        return value == 0.0f ? value : rintf(value / step) * step;
    }
    memcpy(&bits, &value, sizeof(bits));
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void ternarise(struct small_tensor *tensor)
{
    const int n = tensor->rows * tensor->columns;
    double total = 0;
    float inverse;

    for (int i = 0; i < tensor->rows; i++) {
        double row = 0;

        for (int j = 0; j < tensor->columns; j++)
            row += fabs((double)tensor->w[i * tensor->columns + j]);
        total += row;
    }
    tensor->mean = (float)(total / n);
    inverse = 1.0f / tensor->mean;
    for (int i = 0; i < n; i++) {
        const float scaled = tensor->w[i] * inverse;
        const int nearest = (int)nearbyintf(scaled);

        tensor->t[i] = (signed char)(nearest > 0 ? 1 : nearest < 0 ? -1 : 0);
    }
}

static void add(struct small_model *model, bool balanced, const char *name, int rows, int columns, bool linear)
{
    struct small_tensor *tensor = &model->tensor[model->n++];
    const int n = (rows == 0 ? 1 : rows) * columns;
    const float unit = ldexpf(1.0f, -3 - model->n % 3);

    (void)snprintf(tensor->name, sizeof(tensor->name), "%s", name);
    tensor->rows = rows;
    tensor->columns = columns;
    tensor->linear = linear;
    tensor->w = malloc((size_t)n * sizeof(*tensor->w));
    tensor->t = malloc((size_t)n);
    cr_assert(tensor->w != NULL && tensor->t != NULL);
    for (int i = 0; i < n; i++) {
        if (linear && balanced) /* even and odd columns: as many of one kind as of the other */
            tensor->w[i] = (i % 2 == 0 ? 1.5f : 0.5f) * (random_bits() % 2 == 0 ? unit : -unit);
        else if (rows == 0)
            tensor->w[i] = small_round(1.0f + 0.5f * random_unit(), SMALL_BF16);
        else
            tensor->w[i] = small_round(unit * (random_unit() + random_unit() + random_unit()), SMALL_BF16);
    }
    if (linear)
        ternarise(tensor);
}

void small_create(struct small_model *model, uint64_t seed, bool balanced)
{
    static const struct {
        const char *name;
        int         rows, columns;
        bool        linear;
    } layer[] = {
        {"input_layernorm", 0, HIDDEN, false},      {"self_attn.q_proj", HIDDEN, HIDDEN, true},
        {"self_attn.k_proj", KV, HIDDEN, true},     {"self_attn.v_proj", KV, HIDDEN, true},
        {"self_attn.attn_sub_norm", 0, HIDDEN, false}, {"self_attn.o_proj", HIDDEN, HIDDEN, true},
        {"post_attention_layernorm", 0, HIDDEN, false}, {"mlp.gate_proj", FFN, HIDDEN, true},
        {"mlp.up_proj", FFN, HIDDEN, true},         {"mlp.ffn_sub_norm", 0, FFN, false},
        {"mlp.down_proj", HIDDEN, FFN, true},
    };
    char name[96];

    state = seed;
    model->n = 0;
    add(model, balanced, "model.embed_tokens", SMALL_VOCAB, HIDDEN, false);
    add(model, balanced, "model.norm", 0, HIDDEN, false);
    for (int l = 0; l < SMALL_LAYERS; l++)
        for (size_t i = 0; i < sizeof(layer) / sizeof(layer[0]); i++) {
            (void)snprintf(name, sizeof(name), "model.layers.%d.%s", l, layer[i].name);
            add(model, balanced, name, layer[i].rows, layer[i].columns, layer[i].linear);
        }
    add(model, balanced, "lm_head", SMALL_VOCAB, HIDDEN, false); /* written as it is for `other_head` only */
    cr_assert_eq(model->n, SMALL_TENSORS);
}

void small_destroy(struct small_model *model)
{
    for (int i = 0; i < model->n; i++) {
        free(model->tensor[i].w);
        free(model->tensor[i].t);
    }
}

/* ---- files ---- */

/* A safetensors file under construction. */
struct file {
    char          *header;
    unsigned char *data;
    size_t         n_header, n_data;
};

enum { HEADER_BYTES = 1 << 16, DATA_BYTES = 1 << 20 };

static void file_start(struct file *file)
{
    *file = (struct file){.header = malloc(HEADER_BYTES), .data = malloc(DATA_BYTES)};
    cr_assert(file->header != NULL && file->data != NULL);
    file->header[file->n_header++] = '{';
}

static void file_add(struct file *file, const char *name, const char *suffix, const char *dtype, int rows, int columns, const void *data,
                     size_t n_bytes)
{
    char shape[48];

    (void)snprintf(shape, sizeof(shape), rows == 0 ? "%.0d%d" : "%d, %d", rows, columns);
    file->n_header += (size_t)snprintf(file->header + file->n_header, HEADER_BYTES - file->n_header,
                                       "%s\"%s%s\": {\"dtype\": \"%s\", \"shape\": [%s], \"data_offsets\": [%zu, %zu]}",
                                       file->n_header == 1 ? "" : ", ", name, suffix, dtype, shape, file->n_data, file->n_data + n_bytes);
    cr_assert(file->n_header < HEADER_BYTES - 16 && file->n_data + n_bytes <= DATA_BYTES);
    memcpy(file->data + file->n_data, data, n_bytes);
    file->n_data += n_bytes;
}

static void file_finish(struct file *file, const char *path)
{
    unsigned char *whole;
    uint64_t length;

    file->header[file->n_header++] = '}';
    while (file->n_header % 8 != 0)
        file->header[file->n_header++] = ' ';
    length = file->n_header;
    whole = malloc(8 + file->n_header + file->n_data);
    cr_assert(whole != NULL);
    memcpy(whole, &length, 8);
    memcpy(whole + 8, file->header, file->n_header);
    memcpy(whole + 8 + file->n_header, file->data, file->n_data);
    file_write(path, whole, 8 + file->n_header + file->n_data);
    free(whole);
    free(file->header);
    free(file->data);
}

/* Values into a type that holds them exactly. Returns bytes. */
static size_t encode(const float *w, int n, enum small_type type, unsigned char *out)
{
    for (int i = 0; i < n; i++) {
        uint32_t bits;

        cr_assert_eq(small_round(w[i], type), w[i], "%g is not exact in this type", (double)w[i]);
        memcpy(&bits, &w[i], sizeof(bits));
        if (type == SMALL_F32) {
            memcpy(out + 4 * i, &bits, 4);
        } else if (type == SMALL_BF16) {
            out[2 * i] = (unsigned char)(bits >> 16);
            out[2 * i + 1] = (unsigned char)(bits >> 24);
        } else {
            const uint32_t half = (bits >> 16 & 0x8000) | (((bits >> 23 & 0xff) - 112) << 10 & 0x7c00) | (bits >> 13 & 0x3ff);

            out[2 * i] = (unsigned char)half;
            out[2 * i + 1] = (unsigned char)(half >> 8);
        }
    }
    return (size_t)n * (type == SMALL_F32 ? 4 : 2);
}

static const char *const dtypes[] = {[SMALL_BF16] = "BF16", [SMALL_F16] = "F16", [SMALL_F32] = "F32"};

/* Hugging Face's packing: byte [p][c] has the codes of rows p, p + rows/4, ... in column c, low bits first. */
static void add_packed(struct file *file, const struct small_tensor *tensor, const struct form *form)
{
    const int quarter = tensor->rows / 4, n = quarter * tensor->columns;
    unsigned char *codes = calloc((size_t)n, 1), encoded[4];
    float scale = tensor->mean;

    cr_assert(codes != NULL && tensor->rows % 4 == 0);
    for (int i = 0; i < tensor->rows; i++)
        for (int j = 0; j < tensor->columns; j++)
            codes[(i % quarter) * tensor->columns + j] |= (unsigned char)((tensor->t[i * tensor->columns + j] + 1) << (2 * (i / quarter)));
    if (form->divides)
        scale = small_round(1.0f / scale, form->type);
    else if (form->inverted_twice)
        scale = 1.0f / small_round(1.0f / scale, form->type);
    else
        scale = small_round(scale, form->type);
    file_add(file, tensor->name, ".weight", "U8", quarter, tensor->columns, codes, (size_t)n);
    if (form->inverted_twice)
        file_add(file, tensor->name, ".weight_scale", "F32", 0, 1, encoded, encode(&scale, 1, SMALL_F32, encoded));
    else
        file_add(file, tensor->name, ".weight_scale", dtypes[form->type], 0, 1, encoded, encode(&scale, 1, form->type, encoded));
    free(codes);
}

static void add_dense(struct file *file, const struct small_tensor *tensor, enum small_type type)
{
    const int n = (tensor->rows == 0 ? 1 : tensor->rows) * tensor->columns;
    unsigned char *encoded = malloc(4 * (size_t)n);

    cr_assert(encoded != NULL);
    file_add(file, tensor->name, ".weight", dtypes[type], tensor->rows, tensor->columns, encoded, encode(tensor->w, n, type, encoded));
    free(encoded);
}

static void add_tensor(struct file *file, const struct small_model *model, int i, const struct form *form)
{
    struct small_tensor tensor = model->tensor[i];

    if (i == SMALL_TENSORS - 1) { /* the head */
        if (!form->untied && !form->other_head)
            return;
        if (!form->other_head)
            tensor.w = model->tensor[0].w;
    }
    if (tensor.linear && form->packed)
        add_packed(file, &tensor, form);
    else
        add_dense(file, &tensor, tensor.linear ? form->type : SMALL_BF16);
}

static void write_config(const struct form *form, const char *folder)
{
    char path[256], text[1024];
    const int n = snprintf(text, sizeof(text),
                           "{\"architectures\": [\"BitNetForCausalLM\"], \"hidden_act\": \"relu2\", \"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0,\n"
                           " \"vocab_size\": %d, \"hidden_size\": %d, \"intermediate_size\": %d, \"num_hidden_layers\": %d,\n"
                           " \"num_attention_heads\": %d, \"num_key_value_heads\": %d, \"max_position_embeddings\": 64,\n"
                           " \"bos_token_id\": 258, \"eos_token_id\": 259, \"tie_word_embeddings\": %s,\n"
                           " \"quantization_config\": {\"quant_method\": \"bitnet\", \"linear_class\": \"%s\", \"quantization_mode\": \"%s\"}}\n",
                           SMALL_VOCAB, HIDDEN, FFN, SMALL_LAYERS, HEADS, KV_HEADS, form->untied || form->other_head ? "false" : "true",
                           form->divides ? "bitlinear" : "autobitlinear", form->packed ? "offline" : "online");

    (void)snprintf(path, sizeof(path), "%s/config.json", folder);
    file_write(path, text, (size_t)n);
}

/* Tensor i goes to shard i mod n_shards, so that neighbours are in different files; a packed tensor and its scale stay together. */
static void write_shards(const struct small_model *model, const struct form *form, const char *folder)
{
    json_t *map = json_object(), *index;
    char path[256], name[64], *text;

    for (int shard = 0; shard < form->n_shards; shard++) {
        struct file file;

        (void)snprintf(name, sizeof(name), "model-%05d-of-%05d.safetensors", shard + 1, form->n_shards);
        file_start(&file);
        for (int i = shard; i < model->n; i += form->n_shards) {
            const bool written = i < SMALL_TENSORS - 1 || form->untied || form->other_head;
            char key[128];

            add_tensor(&file, model, i, form);
            (void)snprintf(key, sizeof(key), "%s.weight", model->tensor[i].name);
            if (written)
                json_object_set_new(map, key, json_string(name));
            (void)snprintf(key, sizeof(key), "%s.weight_scale", model->tensor[i].name);
            if (model->tensor[i].linear && form->packed)
                json_object_set_new(map, key, json_string(name));
        }
        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        file_finish(&file, path);
    }
    index = json_pack("{s:{}, s:o}", "metadata", "weight_map", map);
    text = json_dumps(index, 0);
    cr_assert(text != NULL);
    (void)snprintf(path, sizeof(path), "%s/model.safetensors.index.json", folder);
    file_write(path, text, strlen(text));
    free(text);
    json_decref(index);
}

void small_write(const struct small_model *model, const struct form *form, const char *folder)
{
    char path[256];

    cr_assert(tiny_model_write(folder)); /* for its tokenizer.json; the rest is replaced */
    write_config(form, folder);
    (void)snprintf(path, sizeof(path), "%s/model.safetensors", folder);
    if (form->n_shards > 0) {
        cr_assert_eq(remove(path), 0);
        write_shards(model, form, folder);
    } else {
        struct file file;

        file_start(&file);
        for (int i = 0; i < model->n; i++)
            add_tensor(&file, model, i, form);
        file_finish(&file, path);
    }
}

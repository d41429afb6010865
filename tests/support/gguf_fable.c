/* gguf_fable.c - writes GGUF by the tables of the format, element by element. */
#include "gguf_fable.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/weights.h"

#define FABLE SETUN_SOURCE_DIR "/models/fable"

enum { LAYERS = 5, ALIGNMENT = 32, N_TOKENS = 4096 };

struct bytes {
    unsigned char *data;
    size_t         n, capacity;
};

static void put(struct bytes *b, const void *data, size_t n)
{
    if (b->n + n > b->capacity) {
        b->capacity = 2 * (b->n + n);
        b->data = realloc(b->data, b->capacity);
        cr_assert_not_null(b->data);
    }
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void put_u32(struct bytes *b, uint32_t value)
{
    put(b, &value, 4);
}

static void put_u64(struct bytes *b, uint64_t value)
{
    put(b, &value, 8);
}

static void put_string(struct bytes *b, const char *text)
{
    put_u64(b, strlen(text));
    put(b, text, strlen(text));
}

static void pad(struct bytes *b)
{
    while (b->n % ALIGNMENT != 0)
        put(b, "", 1);
}

static void key_u32(struct bytes *b, const char *key, uint32_t value)
{
    put_string(b, key);
    put_u32(b, 4);
    put_u32(b, value);
}

static void key_f32(struct bytes *b, const char *key, float value)
{
    put_string(b, key);
    put_u32(b, 6);
    put(b, &value, 4);
}

static void key_string(struct bytes *b, const char *key, const char *value)
{
    put_string(b, key);
    put_u32(b, 8);
    put_string(b, value);
}

static void key_array(struct bytes *b, const char *key, uint32_t type, uint64_t n)
{
    put_string(b, key);
    put_u32(b, 9);
    put_u32(b, type);
    put_u64(b, n);
}

/* tokens, their types and merges of tokenizer.json: four keys. */
static void put_vocabulary(struct bytes *b)
{
    static const char *tokens[N_TOKENS];
    json_t *root = json_load_file(FABLE "/tokenizer.json", 0, NULL), *model = json_object_get(root, "model"), *value;
    json_t *merges = json_object_get(model, "merges"), *added = json_object_get(root, "added_tokens");
    const char *name;
    size_t i;

    cr_assert_not_null(root);
    json_object_foreach (json_object_get(model, "vocab"), name, value)
        tokens[json_integer_value(value)] = name;
    json_array_foreach (added, i, value)
        tokens[json_integer_value(json_object_get(value, "id"))] = json_string_value(json_object_get(value, "content"));
    key_string(b, "tokenizer.ggml.model", "gpt2");
    key_array(b, "tokenizer.ggml.tokens", 8, N_TOKENS);
    for (i = 0; i < N_TOKENS; i++) {
        cr_assert_not_null(tokens[i], "id %zu", i);
        put_string(b, tokens[i]);
    }
    key_array(b, "tokenizer.ggml.token_type", 5, N_TOKENS);
    for (i = 0; i < N_TOKENS; i++)
        put_u32(b, i >= N_TOKENS - json_array_size(added) ? 3 : 1);
    key_array(b, "tokenizer.ggml.merges", 8, json_array_size(merges));
    json_array_foreach (merges, i, value) {
        char text[256];

        (void)snprintf(text, sizeof(text), "%s %s", json_string_value(json_array_get(value, 0)), json_string_value(json_array_get(value, 1)));
        put_string(b, text);
    }
    json_decref(root);
}

enum { N_KEYS = 20 };

static void put_keys(struct bytes *b)
{
    key_string(b, "general.architecture", "bitnet-b1.58");
    key_string(b, "general.name", "fable");
    key_u32(b, "bitnet-b1.58.vocab_size", N_TOKENS);
    key_u32(b, "bitnet-b1.58.context_length", 512);
    key_u32(b, "bitnet-b1.58.embedding_length", 256);
    key_u32(b, "bitnet-b1.58.block_count", LAYERS);
    key_u32(b, "bitnet-b1.58.feed_forward_length", 768);
    key_u32(b, "bitnet-b1.58.rope.dimension_count", 64);
    key_u32(b, "bitnet-b1.58.attention.head_count", 4);
    key_u32(b, "bitnet-b1.58.attention.head_count_kv", 1);
    key_f32(b, "bitnet-b1.58.attention.layer_norm_rms_epsilon", 1e-5f);
    key_f32(b, "bitnet-b1.58.rope.freq_base", 500000.0f);
    put_vocabulary(b); /* 4 */
    key_string(b, "tokenizer.ggml.pre", "llama-bpe");
    key_u32(b, "tokenizer.ggml.bos_token_id", 4093);
    key_u32(b, "tokenizer.ggml.eos_token_id", 4094);
    key_u32(b, "tokenizer.ggml.eot_token_id", 4095);
}

/* One tensor to be: its names in both files. */
struct tensor {
    char                from[96], to[96];
    const setun_weight *weight;
};

static size_t list_tensors(const setun_weights *weights, struct tensor *tensors)
{
    static const char *const names[][2] = {
        {"input_layernorm", "attn_norm"},          {"self_attn.q_proj", "attn_q"},        {"self_attn.k_proj", "attn_k"},
        {"self_attn.v_proj", "attn_v"},            {"self_attn.attn_sub_norm", "attn_sub_norm"}, {"self_attn.o_proj", "attn_output"},
        {"post_attention_layernorm", "ffn_norm"},  {"mlp.gate_proj", "ffn_gate"},         {"mlp.up_proj", "ffn_up"},
        {"mlp.ffn_sub_norm", "ffn_sub_norm"},      {"mlp.down_proj", "ffn_down"},
    };
    size_t n = 0;

    (void)snprintf(tensors[n].from, sizeof(tensors[n].from), "model.embed_tokens");
    (void)snprintf(tensors[n++].to, sizeof(tensors[n].to), "token_embd");
    for (int l = 0; l < LAYERS; l++)
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            (void)snprintf(tensors[n].from, sizeof(tensors[n].from), "model.layers.%d.%s", l, names[i][0]);
            (void)snprintf(tensors[n].to, sizeof(tensors[n].to), "blk.%d.%s", l, names[i][1]);
            n++;
        }
    (void)snprintf(tensors[n].from, sizeof(tensors[n].from), "model.norm");
    (void)snprintf(tensors[n++].to, sizeof(tensors[n].to), "output_norm");
    for (size_t i = 0; i < n; i++) {
        tensors[i].weight = setun_weights_find(weights, tensors[i].from);
        cr_assert_not_null(tensors[i].weight, "%s", tensors[i].from);
    }
    return n;
}

static unsigned code_of(const setun_weight *weight, const unsigned char *hf, int64_t row, int64_t column)
{
    const int64_t quarter = weight->dim[0] / 4;

    return (unsigned)(hf[row % quarter * weight->dim[1] + column] >> (2 * (row / quarter))) & 3;
}

/* bits of an f16 for a float that has one, above 2^-14. */
static uint16_t f16_of(float value)
{
    int exponent;
    const float fraction = frexpf(value, &exponent);

    cr_assert(exponent >= -13 && fraction * 2048 == rintf(fraction * 2048));
    return (uint16_t)((unsigned)(exponent + 14) << 10 | ((unsigned)(fraction * 2048) & 1023));
}

static void put_i2s(struct bytes *b, const setun_weight *weight, const unsigned char *hf, enum gguf_fable_type type, float scale)
{
    const int64_t n = weight->dim[0], k = weight->dim[1];
    unsigned char *data = calloc(1, (size_t)(n * k / 4));

    cr_assert_not_null(data);
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < k; c++) {
            const int64_t e = r * k + c;
            const unsigned code = code_of(weight, hf, r, c);

            if (type == GGUF_FABLE_I2S)
                data[32 * (e / 128) + e % 32] |= (unsigned char)(code << (6 - 2 * (e % 128 / 32)));
            else if (type == GGUF_FABLE_I2S_64)
                data[16 * (e / 64) + e % 16] |= (unsigned char)(code << (6 - 2 * (e % 64 / 16)));
            else
                data[r / 4 * k + c] |= (unsigned char)(code << (6 - 2 * (r % 4)));
        }
    put(b, data, (size_t)(n * k / 4));
    put(b, &scale, 4);
    for (int i = 0; i < 28; i++)
        put(b, "\xA5", 1); /* any content */
    free(data);
}

static void put_tq2(struct bytes *b, const unsigned *code, uint16_t d)
{
    for (int j = 0; j < 64; j += 32)
        for (int m = 0; m < 32; m++) {
            unsigned char byte = 0;

            for (int l = 0; l < 4; l++)
                byte |= (unsigned char)(code[j / 32 * 128 + 32 * l + m] << (2 * l));
            put(b, &byte, 1);
        }
    put(b, &d, 2);
}

static void put_tq1(struct bytes *b, const unsigned *code, uint16_t d)
{
    static const struct {
        int first, n_bytes, n_digits;
    } parts[] = {{0, 32, 5}, {160, 16, 5}, {240, 4, 4}};

    for (int p = 0; p < 3; p++)
        for (int m = 0; m < parts[p].n_bytes; m++) {
            unsigned number = 0;
            unsigned char byte;

            for (int i = 0; i < 5; i++)
                number = 3 * number + (i < parts[p].n_digits ? code[parts[p].first + i * parts[p].n_bytes + m] : 0);
            byte = (unsigned char)((number * 256 + 242) / 243);
            put(b, &byte, 1);
        }
    put(b, &d, 2);
}

static void put_ternary(struct bytes *b, const setun_weight *weight, const unsigned char *hf, enum gguf_fable_type type, float scale)
{
    if (type <= GGUF_FABLE_I2S_ROWS) {
        put_i2s(b, weight, hf, type, scale);
        return;
    }
    for (int64_t r = 0; r < weight->dim[0]; r++)
        for (int64_t c = 0; c < weight->dim[1]; c += 256) {
            unsigned code[256];

            for (int64_t j = 0; j < 256; j++)
                code[j] = code_of(weight, hf, r, c + j);
            (type == GGUF_FABLE_TQ1 ? put_tq1 : put_tq2)(b, code, f16_of(scale));
        }
}

static void put_contents(struct bytes *b, const setun_weights *weights, const setun_weight *weight, enum gguf_fable_type type, bool separate)
{
    unsigned char *data = malloc(weight->n_bytes);
    setun_error error;

    cr_assert_not_null(data);
    cr_assert_eq(setun_weight_read(weights, weight, 0, weight->n_bytes, data, &error), SETUN_OK, "%s", error.text);
    if (weight->has_scale) {
        put_ternary(b, weight, data, type, separate ? 1.0f : weight->scale);
    } else if (weight->n_dims == 2) {
        put(b, data, weight->n_bytes);
    } else {
        for (size_t i = 0; i < weight->n_bytes; i += 2) { /* bf16 to f32 */
            put(b, "\0", 2);
            put(b, data + i, 2);
        }
    }
    free(data);
}

static void put_info(struct bytes *b, const char *name, const setun_weight *weight, uint32_t type, uint64_t offset)
{
    put_string(b, name);
    put_u32(b, weight->n_dims);
    for (uint32_t i = weight->n_dims; i-- > 0;)
        put_u64(b, (uint64_t)weight->dim[i]);
    put_u32(b, type);
    put_u64(b, offset);
}

void gguf_fable_write(const char *path, enum gguf_fable_type type, bool separate_scale)
{
    static const uint32_t type_ids[] = {36, 36, 36, 34, 35};
    static struct tensor tensors[2 + 11 * LAYERS];
    struct bytes header = {NULL, 0, 0}, data = {NULL, 0, 0};
    setun_weights *weights;
    setun_error error;
    size_t n, n_scales = 0;
    FILE *file;

    cr_assert_eq(setun_weights_open(FABLE, &weights, &error), SETUN_OK, "%s", error.text);
    n = list_tensors(weights, tensors);
    for (size_t i = 0; separate_scale && i < n; i++)
        n_scales += tensors[i].weight->has_scale;
    put(&header, "GGUF", 4);
    put_u32(&header, 3);
    put_u64(&header, n + n_scales);
    put_u64(&header, N_KEYS);
    put_keys(&header);
    for (size_t i = 0; i < n; i++) {
        const setun_weight *weight = tensors[i].weight;
        char name[112];

        (void)snprintf(name, sizeof(name), "%s.weight", tensors[i].to);
        put_info(&header, name, weight, weight->has_scale ? type_ids[type] : weight->n_dims == 2 ? 30 : 0, data.n);
        put_contents(&data, weights, weight, type, separate_scale);
        pad(&data);
        if (separate_scale && weight->has_scale) {
            const setun_weight one = {.n_dims = 1, .dim = {1, 1, 1, 1}};

            (void)snprintf(name, sizeof(name), "%s.scale", tensors[i].to);
            put_info(&header, name, &one, 0, data.n);
            put(&data, &weight->scale, 4);
            pad(&data);
        }
    }
    pad(&header);
    file = fopen(path, "wb");
    cr_assert_not_null(file, "%s", path);
    cr_assert(fwrite(header.data, 1, header.n, file) == header.n && fwrite(data.data, 1, data.n, file) == data.n && fclose(file) == 0);
    free(header.data);
    free(data.data);
    setun_weights_close(weights);
}

/* synthetic_2b4t.c - writes the header that Hugging Face's safetensors would write for the packed 2B4T, and a hole for the data. */
#include "synthetic_2b4t.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HIDDEN = 2560, FFN = 6912, KV = 640, VOCAB = 128256, LAYERS = 30 };

static const char config[] =
    "{\n"
    "  \"architectures\": [\"BitNetForCausalLM\"],\n"
    "  \"model_type\": \"bitnet\",\n"
    "  \"bos_token_id\": 128000,\n"
    "  \"eos_token_id\": 128001,\n"
    "  \"hidden_act\": \"relu2\",\n"
    "  \"hidden_size\": 2560,\n"
    "  \"initializer_range\": 0.02,\n"
    "  \"intermediate_size\": 6912,\n"
    "  \"max_position_embeddings\": 4096,\n"
    "  \"num_attention_heads\": 20,\n"
    "  \"num_hidden_layers\": 30,\n"
    "  \"num_key_value_heads\": 5,\n"
    "  \"rms_norm_eps\": 1e-05,\n"
    "  \"rope_theta\": 500000.0,\n"
    "  \"tie_word_embeddings\": true,\n"
    "  \"torch_dtype\": \"bfloat16\",\n"
    "  \"use_cache\": true,\n"
    "  \"vocab_size\": 128256,\n"
    "  \"quantization_config\": {\n"
    "    \"quant_method\": \"bitnet\",\n"
    "    \"linear_class\": \"autobitlinear\",\n"
    "    \"quantization_mode\": \"offline\"\n"
    "  }\n"
    "}\n";

struct tensor {
    char    name[96];
    bool    packed; /* U8, else BF16 */
    bool    scale;
    int64_t rows;   /* 0: a vector */
    int64_t columns;
};

struct table {
    struct tensor items[SYNTHETIC_2B4T_TENSORS];
    size_t        n;
};

static struct tensor *add(struct table *table, int layer, const char *name, const char *suffix, int64_t rows, int64_t columns)
{
    struct tensor *tensor = &table->items[table->n++];

    *tensor = (struct tensor){.rows = rows, .columns = columns};
    if (layer < 0)
        (void)snprintf(tensor->name, sizeof(tensor->name), "model.%s%s", name, suffix);
    else
        (void)snprintf(tensor->name, sizeof(tensor->name), "model.layers.%d.%s%s", layer, name, suffix);
    return tensor;
}

static void add_projection(struct table *table, int layer, const char *name, int64_t n, int64_t k)
{
    add(table, layer, name, ".weight", n / 4, k)->packed = true;
    add(table, layer, name, ".weight_scale", 0, 1)->scale = true;
}

static void fill(struct table *table)
{
    table->n = 0;
    add(table, -1, "embed_tokens", ".weight", VOCAB, HIDDEN);
    add(table, -1, "norm", ".weight", 0, HIDDEN);
    for (int l = 0; l < LAYERS; l++) {
        add(table, l, "input_layernorm", ".weight", 0, HIDDEN);
        add(table, l, "post_attention_layernorm", ".weight", 0, HIDDEN);
        add(table, l, "self_attn.attn_sub_norm", ".weight", 0, HIDDEN);
        add(table, l, "mlp.ffn_sub_norm", ".weight", 0, FFN);
        add_projection(table, l, "self_attn.q_proj", HIDDEN, HIDDEN);
        add_projection(table, l, "self_attn.k_proj", KV, HIDDEN);
        add_projection(table, l, "self_attn.v_proj", KV, HIDDEN);
        add_projection(table, l, "self_attn.o_proj", HIDDEN, HIDDEN);
        add_projection(table, l, "mlp.gate_proj", FFN, HIDDEN);
        add_projection(table, l, "mlp.up_proj", FFN, HIDDEN);
        add_projection(table, l, "mlp.down_proj", HIDDEN, FFN);
    }
}

/* The library's order: wider types first, then by name. */
static int compare(const void *left, const void *right)
{
    const struct tensor *a = left, *b = right;

    return a->packed != b->packed ? (a->packed ? 1 : -1) : strcmp(a->name, b->name);
}

static int64_t size_bytes(const struct tensor *tensor)
{
    return (tensor->rows == 0 ? 1 : tensor->rows) * tensor->columns * (tensor->packed ? 1 : 2);
}

/* The header with its length before it, padded with blanks to a multiple of 8; malloc-ed. */
static char *make_header(const struct table *table, size_t *out_bytes)
{
    char *text = NULL;
    size_t n_bytes = 0;
    int64_t at = 0;
    FILE *stream = open_memstream(&text, &n_bytes);

    if (stream == NULL)
        return NULL;
    fprintf(stream, "........{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < table->n; i++) {
        const struct tensor *tensor = &table->items[i];

        fprintf(stream, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", tensor->name, tensor->packed ? "U8" : "BF16");
        if (tensor->rows != 0)
            fprintf(stream, "%lld,", (long long)tensor->rows);
        fprintf(stream, "%lld],\"data_offsets\":[%lld,%lld]}", (long long)tensor->columns, (long long)at,
                (long long)(at + size_bytes(tensor)));
        at += size_bytes(tensor);
    }
    fprintf(stream, "}");
    while (ftell(stream) % 8 != 0)
        fprintf(stream, " ");
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    for (unsigned i = 0; i < 8; i++)
        text[i] = (char)((uint64_t)(n_bytes - 8) >> (8 * i) & 255);
    *out_bytes = n_bytes;
    return text;
}

static bool write_at(int file, const void *data, size_t n_bytes, int64_t at)
{
    return pwrite(file, data, n_bytes, at) == (ssize_t)n_bytes;
}

static bool write_model(const char *path, const struct table *table)
{
    static const unsigned char scale[2] = {0xa8, 0x3d}; /* SYNTHETIC_2B4T_SCALE in bf16 */
    size_t n_header = 0;
    char *header = make_header(table, &n_header);
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int64_t at = (int64_t)n_header;
    bool good = header != NULL && file >= 0 && write_at(file, header, n_header, 0);

    for (size_t i = 0; good && i < table->n; i++) {
        if (table->items[i].scale)
            good = write_at(file, scale, sizeof(scale), at);
        at += size_bytes(&table->items[i]);
    }
    good = good && ftruncate(file, at) == 0;
    if (file >= 0)
        good = close(file) == 0 && good;
    free(header);
    return good;
}

static bool write_config(const char *path)
{
    FILE *file = fopen(path, "wb");
    bool good = file != NULL && fwrite(config, 1, sizeof(config) - 1, file) == sizeof(config) - 1;

    if (file != NULL)
        good = fclose(file) == 0 && good;
    return good;
}

bool synthetic_2b4t_create(char *folder, size_t n_bytes)
{
    struct table *table = malloc(sizeof(*table));
    char path[4096];
    bool good;
    const int length = snprintf(folder, n_bytes, "%s/synthetic-2b4t-XXXXXX", SETUN_BUILD_DIR);

    good = table != NULL && length > 0 && (size_t)length < n_bytes && (size_t)length + 32 < sizeof(path) && mkdtemp(folder) != NULL;
    if (good) {
        fill(table);
        qsort(table->items, table->n, sizeof(table->items[0]), compare);
        (void)snprintf(path, sizeof(path), "%s/model.safetensors", folder);
        good = write_model(path, table);
        (void)snprintf(path, sizeof(path), "%s/config.json", folder);
        good = good && write_config(path);
        if (!good)
            synthetic_2b4t_remove(folder);
    }
    free(table);
    return good;
}

void synthetic_2b4t_remove(const char *folder)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/model.safetensors", folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/config.json", folder);
    (void)unlink(path);
    (void)rmdir(folder);
}

/* tiny_model.c - writes the tiny model's three files. */
#include "tiny_model.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { VOCAB = 260, HIDDEN = 8 };

static const char config[] =
    "{\"architectures\": [\"BitNetForCausalLM\"], \"hidden_act\": \"relu2\", \"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0,\n"
    " \"vocab_size\": 260, \"hidden_size\": 8, \"intermediate_size\": 8, \"num_hidden_layers\": 1, \"num_attention_heads\": 2,\n"
    " \"num_key_value_heads\": 1, \"max_position_embeddings\": 32, \"bos_token_id\": 258, \"eos_token_id\": 259,\n"
    " \"quantization_config\": {\"quant_method\": \"bitnet\", \"linear_class\": \"autobitlinear\"}}\n";

static bool write_file(const char *folder, const char *name, const void *data, size_t n_bytes)
{
    char path[4096];
    FILE *file;
    bool ok;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path) || (file = fopen(path, "wb")) == NULL)
        return false;
    ok = fwrite(data, 1, n_bytes, file) == n_bytes;
    return fclose(file) == 0 && ok;
}

/* The byte-level alphabet of GPT-2: printable Latin-1 stands for itself, the others for U+0100 and up. */
static unsigned alphabet(unsigned byte)
{
    unsigned n = 0;

    for (unsigned b = 0; b < byte; b++)
        n += !((b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE);
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE ? byte : 256 + n;
}

bool tiny_model_write_tokenizer(const char *folder)
{
    static char text[16384];
    size_t n = (size_t)snprintf(text, sizeof(text),
        "{\"version\": \"1.0\", \"added_tokens\": ["
        "{\"id\": 258, \"content\": \"<begin>\", \"single_word\": true, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true},"
        "{\"id\": 259, \"content\": \"<end>\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}],"
        "\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": ["
        "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\p{L}+|[^\\\\p{L}]\"}, \"behavior\": \"Isolated\", \"invert\": false},"
        "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": false}]},"
        "\"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, \"use_regex\": true},"
        "\"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, \"fuse_unk\": false, \"byte_fallback\": false, \"vocab\": {");

    for (unsigned byte = 0; byte < 256; byte++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"\\u%04x\": %u", byte == 0 ? "" : ", ", alphabet(byte), byte);
    n += (size_t)snprintf(text + n, sizeof(text) - n, ", \"th\": 256, \"the\": 257}, \"merges\": [[\"t\", \"h\"], [\"th\", \"e\"]]}}\n");
    return n < sizeof(text) && write_file(folder, "tokenizer.json", text, n);
}

typedef struct tensor_line {
    const char *name, *dtype;
    int         rows, columns; /* as stored; columns 0: a vector */
} tensor_line;

/* Packed ternary matrices have a quarter of their rows. One master matrix in bf16, so that ternarising takes part. */
static const tensor_line tensors[] = {
    {"model.embed_tokens.weight", "BF16", VOCAB, HIDDEN},
    {"model.norm.weight", "BF16", HIDDEN, 0},
    {"model.layers.0.input_layernorm.weight", "BF16", HIDDEN, 0},
    {"model.layers.0.post_attention_layernorm.weight", "BF16", HIDDEN, 0},
    {"model.layers.0.self_attn.attn_sub_norm.weight", "BF16", HIDDEN, 0},
    {"model.layers.0.mlp.ffn_sub_norm.weight", "BF16", HIDDEN, 0},
    {"model.layers.0.self_attn.q_proj.weight", "U8", HIDDEN / 4, HIDDEN},
    {"model.layers.0.self_attn.q_proj.weight_scale", "BF16", 1, 0},
    {"model.layers.0.self_attn.k_proj.weight", "U8", 1, HIDDEN},
    {"model.layers.0.self_attn.k_proj.weight_scale", "BF16", 1, 0},
    {"model.layers.0.self_attn.v_proj.weight", "U8", 1, HIDDEN},
    {"model.layers.0.self_attn.v_proj.weight_scale", "BF16", 1, 0},
    {"model.layers.0.self_attn.o_proj.weight", "U8", HIDDEN / 4, HIDDEN},
    {"model.layers.0.self_attn.o_proj.weight_scale", "BF16", 1, 0},
    {"model.layers.0.mlp.gate_proj.weight", "U8", HIDDEN / 4, HIDDEN},
    {"model.layers.0.mlp.gate_proj.weight_scale", "BF16", 1, 0},
    {"model.layers.0.mlp.up_proj.weight", "U8", HIDDEN / 4, HIDDEN},
    {"model.layers.0.mlp.up_proj.weight_scale", "BF16", 1, 0},
    {"model.layers.0.mlp.down_proj.weight", "BF16", HIDDEN, HIDDEN},
};

static bool write_weights(const char *folder)
{
    static unsigned char file[16384];
    char *header = (char *)file + 8;
    size_t n = 0, end = 0;
    uint64_t length;

    for (size_t i = 0; i < sizeof(tensors) / sizeof(tensors[0]); i++) {
        const tensor_line *t = &tensors[i];
        const size_t n_elements = (size_t)t->rows * (size_t)(t->columns > 0 ? t->columns : 1);
        const size_t n_bytes = n_elements * (t->dtype[0] == 'U' ? 1 : 2);

        n += (size_t)sprintf(header + n, "%c\"%s\": {\"dtype\": \"%s\", \"shape\": [%d", i == 0 ? '{' : ',', t->name, t->dtype, t->rows);
        if (t->columns > 0)
            n += (size_t)sprintf(header + n, ", %d", t->columns);
        n += (size_t)sprintf(header + n, "], \"data_offsets\": [%zu, %zu]}", end, end + n_bytes);
        end += n_bytes;
    }
    header[n++] = '}';
    while (n % 8 != 0)
        header[n++] = ' ';
    length = n; /* little-endian, like every machine that runs this */
    memcpy(file, &length, 8);
    n += 8;
    if (n + end > sizeof(file))
        return false;
    for (size_t i = 0; i < sizeof(tensors) / sizeof(tensors[0]); i++) {
        const tensor_line *t = &tensors[i];
        const int n_elements = t->rows * (t->columns > 0 ? t->columns : 1);

        for (int j = 0; j < n_elements; j++) {
            if (t->dtype[0] == 'U') {
                static const unsigned char codes[] = {0x12, 0x64, 0x81, 0x29, 0x96, 0x00}; /* no code 3 */

                file[n++] = codes[j % 6];
            } else { /* bf16 from 0.5 to 2, signs mixed in matrices */
                file[n++] = (unsigned char)(j * 37);
                file[n++] = (unsigned char)(t->columns > 0 && j % 3 == 0 ? 0xBF : 0x3F);
            }
        }
    }
    return write_file(folder, "model.safetensors", file, n);
}

bool tiny_model_write(const char *folder)
{
    return write_file(folder, "config.json", config, sizeof(config) - 1) && tiny_model_write_tokenizer(folder) && write_weights(folder);
}

/* small_model.c - writes the small model's Hugging Face folder. */
#include "small_model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char small_model[] =
    "setun: 1\n"
    "name: small\n"
    "match: {huggingface: [SmallForCausalLM]}\n"
    "bind:\n"
    "  hidden: {huggingface: hidden_size}\n"
    "  layers: {huggingface: num_hidden_layers, default: 2}\n"
    "  heads: {huggingface: num_attention_heads}\n"
    "  eps: 1.0e-5\n"
    "  theta: {huggingface: [rope_theta, rope.theta], default: 10000}\n"
    "context: 32\n" /* line 10 */
    "tensors:\n"
    "  embd: {huggingface: embd}\n"
    "  norm: {huggingface: \"l.${l}.norm\", shape: [\"${hidden}\"]}\n"
    "  wq: {huggingface: \"l.${l}.q\"}\n"
    "  wk: {huggingface: \"l.${l}.k\"}\n"
    "  wide: {huggingface: wide, shape: [24, 8]}\n"
    "  scaled: {huggingface: scaled}\n"
    "  extra: {huggingface: \"l.${l}.extra\"}\n"
    "graph:\n"
    "  - {op: embedding, in: tokens, weight: embd, out: x}\n" /* line 20 */
    "  - repeat: ${layers}\n"
    "    index: l\n"
    "    nodes:\n"
    "      - {op: rms_norm, in: x, weight: norm, eps: \"${eps}\", out: h}\n"
    "      - {op: linear, in: h, weight: wq, out: q}\n"
    "      - {op: linear, in: h, weight: wk, ternary: true, out: k}\n"
    "      - {op: rope, in: q, theta: \"${theta}\", heads: \"${heads}\", out: q}\n"
    "      - {op: kv_write, in: [k, k], kv_heads: 1, layer: \"${l}\"}\n"
    "      - {op: attention, in: q, heads: \"${heads}\", kv_heads: 1, layer: \"${l}\", out: a}\n"
    "      - {op: add, in: [x, a], out: x}\n" /* line 30 */
    "      - {op: rms_norm, in: x, weight: extra, eps: 1, out: x, when: \"${has(extra)}\"}\n"
    "  - {op: output_rows, in: x, out: x}\n"
    "  - {op: linear, in: x, weight: embd, out: logits}\n"
    "ignore: [\"*\"]\n"; /* the weight file has tensors for mistakes to use */

static const char small_config[] =
    "{\"architectures\": [\"SmallForCausalLM\"], \"hidden_size\": 8, \"num_attention_heads\": 2, \"half\": 1.5, \"flag\": true,\n"
    " \"hidden_act\": \"relu2\", \"list\": [1, 2], \"nothing\": null, \"huge\": 9223372036854775807, \"minus\": -1,\n"
    " \"bos_token_id\": 1, \"eos_token_id\": 2,\n"
    " \"quantization_config\": {\"quant_method\": \"bitnet\", \"linear_class\": \"autobitlinear\", \"quantization_mode\": \"offline\"}}\n";

static const struct small_tensor small_tensors[] = {
    {"embd", {16, 8, 0}, 0, 0},  {"l.0.norm", {8, 0, 0}, 0, 0}, {"l.0.q", {8, 8, 0}, 0, 0},     {"l.0.k", {4, 8, 0}, 0, 0},
    {"l.1.norm", {8, 0, 0}, 0, 0}, {"l.1.q", {8, 8, 0}, 0, 0},  {"l.1.k", {4, 8, 0}, 0, 0},     {"l.1.extra", {8, 0, 0}, 0, 0},
    {"wide", {24, 8, 0}, 0, 0},  {"scaled", {2, 8, 0}, 1, 1},   {"cube", {2, 2, 2}, 0, 0},
};

/* Appends one tensor's entry to the header; returns the end of its data. */
static size_t add_entry(char *header, size_t *n, size_t capacity, const char *name, const char *suffix, const char *dtype, size_t element,
                        const int64_t dim[3], size_t begin)
{
    char shape[64] = "";
    size_t bytes = element;

    for (int i = 0; i < 3 && dim[i] > 0; i++) {
        (void)snprintf(shape + strlen(shape), sizeof(shape) - strlen(shape), "%s%lld", i == 0 ? "" : ",", (long long)dim[i]);
        bytes *= (size_t)dim[i];
    }
    *n += (size_t)snprintf(header + *n, capacity - *n, "%s\"%s%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                           *n == 1 ? "" : ",", name, suffix, dtype, shape, begin, begin + bytes);
    cr_assert(*n < capacity);
    return begin + bytes;
}

static void write_safetensors(const char *path, const struct small_tensor *tensors, size_t n_tensors)
{
    enum { HEADER_BYTES = 16384 };
    static const int64_t one[3] = {1, 0, 0};
    char *header = calloc(1, HEADER_BYTES);
    size_t n = 1, end = 0, scales = 0;
    uint64_t length;
    unsigned char one_bf16[2] = {0x80, 0x3f}, zero = 0;
    FILE *file = fopen(path, "wb");

    cr_assert_not_null(header);
    cr_assert_not_null(file);
    header[0] = '{';
    for (size_t i = 0; i < n_tensors; i++)
        if (tensors[i].scale)
            end = add_entry(header, &n, HEADER_BYTES, tensors[i].name, ".weight_scale", "BF16", 2, one, end);
    scales = end;
    for (size_t i = 0; i < n_tensors; i++)
        end = add_entry(header, &n, HEADER_BYTES, tensors[i].name, ".weight", tensors[i].packed ? "U8" : "BF16", tensors[i].packed ? 1 : 2,
                        tensors[i].dim, end);
    header[n++] = '}';
    while (n % 8 != 0)
        header[n++] = ' ';
    length = n;
    cr_assert_eq(fwrite(&length, 8, 1, file), 1u);
    cr_assert_eq(fwrite(header, n, 1, file), 1u);
    for (size_t i = 0; i < scales; i += 2)
        cr_assert_eq(fwrite(one_bf16, 2, 1, file), 1u);
    for (size_t i = scales; i < end; i++)
        cr_assert_eq(fwrite(&zero, 1, 1, file), 1u);
    cr_assert_eq(fclose(file), 0);
    free(header);
}

setun_weights *make_weights(const char *config, const struct small_tensor *tensors, size_t n_tensors)
{
    char folder[] = SETUN_BUILD_DIR "/small-XXXXXX", path[sizeof(folder) + 32];
    setun_error error = {{0}};
    setun_weights *weights = NULL;
    FILE *file;
    setun_status status;

    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/config.json", folder);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert(fputs(config, file) >= 0);
    cr_assert_eq(fclose(file), 0);
    (void)snprintf(path, sizeof(path), "%s/model.safetensors", folder);
    write_safetensors(path, tensors, n_tensors);
    status = setun_weights_open(folder, &weights, &error);
    (void)unlink(path); /* open: its contents stay until the weights are closed */
    (void)snprintf(path, sizeof(path), "%s/config.json", folder);
    (void)unlink(path);
    (void)rmdir(folder);
    cr_assert_eq(status, SETUN_OK, "%s", error.text);
    return weights;
}

setun_weights *small_weights(void)
{
    return make_weights(small_config, small_tensors, sizeof(small_tensors) / sizeof(small_tensors[0]));
}

char *edit(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *made;

    cr_assert_not_null(at, "no '%s' in the model file", from);
    made = malloc(strlen(text) + strlen(to) + 1);
    cr_assert_not_null(made);
    memcpy(made, text, (size_t)(at - text));
    strcpy(made + (at - text), to);
    strcat(made, at + strlen(from));
    return made;
}

/* test_gguf_weights.c - GGUF files as weights: fable in every ternary type against its folder, small files, and what is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "gguf_fable.h"
#include "gguf_text.h"
#include "graph.h"

static const char fable[] = SETUN_SOURCE_DIR "/models/fable";

/* Codes of a row by the tables of the types, element by element. */
static unsigned code_of(const char *fmt, const unsigned char *data, int64_t n, int64_t k, int64_t r, int64_t c)
{
    static const unsigned power[] = {1, 3, 9, 27, 81};
    const int64_t i = c % 256;

    if (strcmp(fmt, "tern2.hf") == 0)
        return (unsigned)(data[r % (n / 4) * k + c] >> (2 * (r / (n / 4)))) & 3;
    if (strcmp(fmt, "tern2.i2s") == 0)
        return (unsigned)(data[(r * k + c) / 128 * 32 + c % 32] >> (6 - 2 * (c % 128 / 32))) & 3;
    if (strcmp(fmt, "tern2.tq2") == 0)
        return (unsigned)(data[(r * k + c) / 256 * 66 + i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32))) & 3;
    data += (r * k + c) / 256 * 54;
    if (i < 160)
        return (data[i % 32] * power[i / 32] & 255) * 3 >> 8;
    if (i < 240)
        return (data[32 + (i - 160) % 16] * power[(i - 160) / 16] & 255) * 3 >> 8;
    return (data[48 + (i - 240) % 4] * power[(i - 240) / 4] & 255) * 3 >> 8;
}

static unsigned char *contents(const setun_weights *weights, const setun_weight *weight)
{
    unsigned char *data = malloc(weight->n_bytes);
    setun_error error;

    cr_assert_not_null(data);
    cr_assert_eq(setun_weight_check_whole(weights, weight, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_weight_read(weights, weight, 0, weight->n_bytes, data, &error), SETUN_OK, "%s", error.text);
    return data;
}

/* In pieces of odd sizes, as in one. */
static void expect_pieces(const setun_weights *weights, const setun_weight *weight, const unsigned char *whole)
{
    unsigned char *piece = malloc(weight->n_bytes);
    setun_error error;

    cr_assert_not_null(piece);
    for (size_t at = 0, n = 1; at < weight->n_bytes; at += n, n = n * 3 + 1) {
        if (n > weight->n_bytes - at)
            n = weight->n_bytes - at;
        cr_assert_eq(setun_weight_read(weights, weight, at, n, piece, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(memcmp(piece, whole + at, n), 0, "%s: %zu bytes from %zu on", weight->name, n, at);
    }
    free(piece);
}

/* The GGUF weight `to` is the folder's weight `from`. */
static void compare(const setun_weights *folder, const char *from, const setun_weights *gguf, const char *to, const char *fmt)
{
    const setun_weight *a = setun_weights_find(folder, from), *b = setun_weights_find(gguf, to);
    unsigned char *codes_a, *codes_b;

    cr_assert(a != NULL && b != NULL, "%s", to);
    cr_expect_str_eq(b->fmt, fmt, "%s", to);
    cr_expect(b->has_scale && b->scale == a->scale, "%s: %g, expected %g", to, (double)b->scale, (double)a->scale);
    cr_assert(b->n_dims == 2 && a->dim[0] == b->dim[0] && a->dim[1] == b->dim[1], "%s", to);
    codes_a = contents(folder, a);
    codes_b = contents(gguf, b);
    for (int64_t r = 0; r < a->dim[0]; r++)
        for (int64_t c = 0; c < a->dim[1]; c++)
            cr_assert_eq(code_of(fmt, codes_b, b->dim[0], b->dim[1], r, c), code_of("tern2.hf", codes_a, a->dim[0], a->dim[1], r, c),
                         "%s: row %lld, column %lld", to, (long long)r, (long long)c);
    expect_pieces(gguf, b, codes_b);
    free(codes_a);
    free(codes_b);
}

static void check_fable(enum gguf_fable_type type, bool separate_scale, const char *i2s_layout, const char *fmt)
{
    const setun_weights_options options = {.i2s_layout = i2s_layout};
    struct folder folder;
    setun_weights *original, *gguf;
    setun_graph *graph;
    setun_error error = {{0}};
    setun_meta meta;
    bool found;
    char path[4096];

    folder_create(&folder);
    (void)snprintf(path, sizeof(path), "%s", folder_file(&folder, "fable.gguf"));
    gguf_fable_write(path, type, separate_scale);
    cr_assert_eq(setun_weights_open(fable, &original, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_weights_open_options(path, &options, &gguf, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_weights_source(gguf), SETUN_SOURCE_GGUF);
    cr_expect_str_eq(setun_weights_architecture(gguf), "bitnet-b1.58");
    cr_expect_eq(setun_weights_count(gguf), 57u);
    cr_expect_not_null(setun_weights_gguf(gguf));
    cr_expect_null(setun_weights_gguf(original));
    cr_assert_eq(setun_weights_meta(gguf, "bitnet-b1.58.block_count", &found, &meta, &error), SETUN_OK);
    cr_expect(found && meta.type == SETUN_META_INT && meta.i == 5);
    cr_assert_eq(setun_weights_meta(gguf, "tokenizer.ggml.pre", &found, &meta, &error), SETUN_OK);
    cr_expect(found && meta.type == SETUN_META_STRING && strcmp(meta.s, "llama-bpe") == 0);
    cr_expect_eq(setun_weights_meta(gguf, "tokenizer.ggml.tokens", &found, &meta, &error), SETUN_ERR_FORMAT);
    compare(original, "model.layers.0.self_attn.q_proj", gguf, "blk.0.attn_q", fmt);
    compare(original, "model.layers.1.self_attn.k_proj", gguf, "blk.1.attn_k", fmt);
    compare(original, "model.layers.2.mlp.gate_proj", gguf, "blk.2.ffn_gate", fmt);
    compare(original, "model.layers.4.mlp.down_proj", gguf, "blk.4.ffn_down", fmt);
    cr_expect_str_eq(setun_weights_find(gguf, "token_embd")->fmt, "bf16");
    cr_expect_str_eq(setun_weights_find(gguf, "output_norm")->fmt, "f32");
    cr_expect_eq(setun_weights_find(gguf, "output_norm")->n_dims, 1u);
    cr_assert_eq(setun_graph_open(SETUN_SOURCE_DIR "/models/bitnet.yaml", gguf, &graph, &error), SETUN_OK, "%s", error.text);
    setun_graph_close(graph);
    setun_weights_close(gguf);
    setun_weights_close(original);
    folder_remove(&folder);
}

Test(gguf_weights, i2s)
{
    check_fable(GGUF_FABLE_I2S, false, NULL, "tern2.i2s");
    check_fable(GGUF_FABLE_I2S, true, "128", "tern2.i2s");
}

Test(gguf_weights, i2s_other_layouts)
{
    check_fable(GGUF_FABLE_I2S_64, false, "64", "tern2.i2s");
    check_fable(GGUF_FABLE_I2S_ROWS, false, "rows", "tern2.i2s");
}

Test(gguf_weights, tq1)
{
    check_fable(GGUF_FABLE_TQ1, false, NULL, "tern.tq1");
    check_fable(GGUF_FABLE_TQ1, true, NULL, "tern.tq1");
}

Test(gguf_weights, tq2)
{
    check_fable(GGUF_FABLE_TQ2, false, NULL, "tern2.tq2");
    check_fable(GGUF_FABLE_TQ2, true, NULL, "tern2.tq2");
}

/* What trained weights show by themselves. */
static void guess(enum gguf_fable_type type, setun_status expected, const char *text)
{
    struct folder folder;
    setun_weights *weights = NULL;
    setun_error error = {{0}};
    setun_status status;

    folder_create(&folder);
    gguf_fable_write(folder_file(&folder, "fable.gguf"), type, false);
    status = setun_weights_open(folder_file(&folder, "fable.gguf"), &weights, &error);
    cr_expect_eq(status, expected, "%d: %s", (int)status, error.text);
    cr_expect_not_null(strstr(error.text, text), "%s", error.text);
    setun_weights_close(weights);
    folder_remove(&folder);
}

Test(gguf_weights, guesses)
{
    guess(GGUF_FABLE_I2S, SETUN_OK, "");
    guess(GGUF_FABLE_I2S_64, SETUN_ERR_UNSUPPORTED, "Say --i2s-layout 64 to read it so");
    guess(GGUF_FABLE_I2S_ROWS, SETUN_ERR_UNSUPPORTED, "Say --i2s-layout rows to read it so");
}

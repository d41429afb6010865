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

/* ---- small files ---- */

#define START "GGUF u32:3 "
#define ARCH "s:general.architecture u32:8 s:x "
#define I2S_DATA "0:32 f32:0.5 0:28 "
#define ONE(type, dims) START "u64:1 u64:1 " ARCH "s:t.weight " dims " u32:" type " u64:0 pad:32 "
/* Two tensors; the second has one f32 at byte 64 of the data. */
#define TWO(type, dims, name, type2) START "u64:2 u64:1 " ARCH "s:t.weight " dims " u32:" type " u64:0 s:" name " u32:1 u64:1 u32:" type2 " u64:64 pad:32 "
#define TQ2_BLOCK(d) "0:64 x:" d " "

static setun_status open_words(const char *words, const char *i2s_layout, setun_weights **out_weights, setun_error *error)
{
    const setun_weights_options options = {.i2s_layout = i2s_layout};
    struct folder folder;
    char path[4096];
    setun_status status;

    folder_create(&folder);
    (void)snprintf(path, sizeof(path), "%s", folder_file(&folder, "x.gguf"));
    gguf_text_write(path, words);
    status = setun_weights_open_options(path, &options, out_weights, error);
    folder_remove(&folder); /* an open file stays readable */
    return status;
}

static const struct refused {
    const char  *words;
    setun_status status;
    const char  *expected;
} refused[] = {
    {START "u64:0 u64:1 " ARCH, SETUN_ERR_FORMAT, "expected tensors, found none"},
    {START "u64:1 u64:0 s:t.weight u32:1 u64:8 u32:0 u64:0 pad:32 0:32", SETUN_ERR_FORMAT, "expected the key 'general.architecture', found none"},
    {START "u64:1 u64:1 s:general.architecture u32:4 u32:1 s:t u32:1 u64:8 u32:0 u64:0 pad:32 0:32", SETUN_ERR_FORMAT,
     "key 'general.architecture': expected a string, found an integer"},
    {START "u64:1 u64:1 s:general.architecture u32:8 u64:3 x:610062 s:t u32:1 u64:8 u32:0 u64:0 pad:32 0:32", SETUN_ERR_FORMAT,
     "key 'general.architecture': expected a string without zero bytes"},
    {START "u64:1 u64:2 " ARCH "s:split.count u32:2 u16:3 s:t u32:1 u64:8 u32:0 u64:0 pad:32 0:32", SETUN_ERR_UNSUPPORTED,
     "found one of 3 parts: join them with llama.cpp's llama-gguf-split --merge"},
    {ONE("38", "u32:2 u64:128 u64:1") I2S_DATA, SETUN_ERR_UNSUPPORTED, "tensor 't.weight': expected F32, F16, BF16, Q8_0, Q6_K, I2_S, TQ1_0 or TQ2_0, "
     "found type 38 (TL1): TL1 and TL2 hold weights in the order of the one CPU"},
    {ONE("39", "u32:2 u64:128 u64:1") I2S_DATA, SETUN_ERR_UNSUPPORTED, "found type 39 (TL2/MXFP4): TL1 and TL2"},
    {ONE("12", "u32:2 u64:256 u64:1") "0:144", SETUN_ERR_UNSUPPORTED, "found type 12 (Q4_K): take the model with tensors of these types, or make them"},
    {ONE("37", "u32:2 u64:128 u64:1") I2S_DATA, SETUN_ERR_UNSUPPORTED, "found type 37 (I8_S): a type that no tool writes any more"},
    {ONE("135", "u32:2 u64:128 u64:1") I2S_DATA, SETUN_ERR_UNSUPPORTED, "found type 135 (IQ2_BN): a type of ik_llama.cpp alone"},
    {ONE("1000", "u32:2 u64:128 u64:1") I2S_DATA, SETUN_ERR_UNSUPPORTED, "found type 1000: take the model"},
    {ONE("28", "u32:1 u64:4") "0:32", SETUN_ERR_UNSUPPORTED, "found type 28 (F64)"},
    {ONE("36", "u32:2 u64:64 u64:2") I2S_DATA, SETUN_ERR_UNSUPPORTED, "rows have a multiple of 128 values of type I2_S, found 2 dimensions and 64 values"},
    {ONE("36", "u32:1 u64:128") I2S_DATA, SETUN_ERR_UNSUPPORTED, "found 1 dimensions and 128 values a row"},
    {ONE("36", "u32:2 u64:128 u64:1") "0:32 f32:0 0:28", SETUN_ERR_FORMAT, "expected a finite scale above 0 at byte 160 of the file, after the codes, found 0"},
    {ONE("36", "u32:2 u64:128 u64:1") "0:32 f32:-0.5 0:28", SETUN_ERR_FORMAT, "expected a finite scale above 0"},
    {ONE("36", "u32:2 u64:128 u64:1") "0:32 f32:inf 0:28", SETUN_ERR_FORMAT, "expected a finite scale above 0"},
    {ONE("36", "u32:2 u64:128 u64:1") "0:32 f32:nan 0:28", SETUN_ERR_FORMAT, "expected a finite scale above 0"},
    {ONE("35", "u32:2 u64:256 u64:1") TQ2_BLOCK("007c"), SETUN_ERR_FORMAT, "expected a finite scale of its block 0, at byte 192 of the file"},
    {ONE("35", "u32:2 u64:256 u64:2") TQ2_BLOCK("003c") TQ2_BLOCK("01fe"), SETUN_ERR_FORMAT, "expected a finite scale of its block 1, at byte 258 of the"},
    {ONE("34", "u32:2 u64:256 u64:1") "0:52 x:00fc", SETUN_ERR_FORMAT, "expected a finite scale of its block 0, at byte 180 of the file"},
    {ONE("35", "u32:2 u64:256 u64:1") "0:63 x:0c003c", SETUN_ERR_FORMAT, "expected ternary codes of 0, 1 or 2 in its block 0, at byte 128 of the file, found 3"},
    {TWO("1", "u32:2 u64:32 u64:1", "t.scale", "0") "0:64 f32:0.5", SETUN_ERR_UNSUPPORTED,
     "tensor 't.scale': expected a tensor 't.weight' of type I2_S, TQ1_0 or TQ2_0 for it, found type 1 (F16): make it with"},
    {TWO("0", "u32:1 u64:8", "q.weight_scale", "0") "0:64 f32:0.5", SETUN_ERR_UNSUPPORTED, "tensor 'q.weight_scale': expected a tensor 'q.weight'"},
    {TWO("36", "u32:2 u64:128 u64:1", "t.scale", "1") I2S_DATA "f32:0.5", SETUN_ERR_UNSUPPORTED, "tensor 't.scale': expected a scale of one F32"},
    {TWO("36", "u32:2 u64:128 u64:1", "t.scale", "0") I2S_DATA "f32:0", SETUN_ERR_FORMAT, "tensor 't.scale': expected a finite scale above 0, found 0"},
    {TWO("36", "u32:2 u64:128 u64:1", "t.weight_scale", "0") I2S_DATA "f32:-inf", SETUN_ERR_FORMAT, "tensor 't.weight_scale': expected a finite scale"},
    {TWO("36", "u32:2 u64:128 u64:1", "t", "0") I2S_DATA "f32:1", SETUN_ERR_FORMAT, "expected one tensor named 't' (with or without .weight), found two"},
    {START "u64:3 u64:1 " ARCH "s:t.weight u32:2 u64:128 u64:1 u32:36 u64:0 s:t.scale u32:1 u64:1 u32:0 u64:64 s:t.weight_scale u32:1 u64:1 u32:0 "
     "u64:96 pad:32 " I2S_DATA "f32:1 0:28 f32:1", SETUN_ERR_FORMAT, "expected one scale of 't', found 't.scale' too"},
    {START "u64:2 u64:1 " ARCH "s:t.weight u32:2 u64:256 u64:2 u32:35 u64:0 s:t.scale u32:1 u64:1 u32:0 u64:160 pad:32 " TQ2_BLOCK("003c") TQ2_BLOCK("003d")
     "0:28 f32:1", SETUN_ERR_UNSUPPORTED, "expected a tensor 't.weight' with one scale of its own, found TQ2_0 with more than one scale"},
};

Test(gguf_weights, refused)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        setun_weights *weights = NULL;
        setun_error error = {{0}};
        const setun_status status = open_words(refused[i].words, NULL, &weights, &error);

        cr_expect_eq(status, refused[i].status, "%s: expected status %d, found %d: %s", refused[i].words, (int)refused[i].status, (int)status, error.text);
        cr_expect_null(weights, "%s", refused[i].words);
        cr_expect_not_null(strstr(error.text, refused[i].expected), "%s:\n expected \"%s\" in \"%s\"", refused[i].words, refused[i].expected, error.text);
        setun_weights_close(weights);
    }
}

Test(gguf_weights, scales_multiply)
{
    setun_weights *weights;
    setun_error error = {{0}};
    const setun_weight *weight;

    cr_assert_eq(open_words(TWO("36", "u32:2 u64:128 u64:1", "t.weight_scale", "0") I2S_DATA "f32:0.25", NULL, &weights, &error), SETUN_OK, "%s", error.text);
    weight = setun_weights_find(weights, "t");
    cr_assert(weight != NULL && setun_weights_count(weights) == 1);
    cr_expect(weight->has_scale && weight->scale == 0.125f);
    cr_expect(weight->n_bytes == 32 && weight->dim[0] == 1 && weight->dim[1] == 128);
    setun_weights_close(weights);
}

Test(gguf_weights, layout_option)
{
    static const char words[] = ONE("36", "u32:2 u64:128 u64:2") "0:64 f32:0.5 0:28";
    setun_weights *weights = NULL;
    setun_error error = {{0}};

    cr_expect_eq(open_words(words, "32", &weights, &error), SETUN_ERR_INVALID);
    cr_expect_not_null(strstr(error.text, "I2_S layout: expected 128, 64 or rows, found '32'"), "%s", error.text);
    cr_expect_eq(open_words(words, "rows", &weights, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "expected a multiple of 4 rows in the layout 'rows', found 2"), "%s", error.text);
    cr_expect_null(weights);
}

/* What becomes of blocks' scales. The first byte holds columns 0, 32, 64, 96: codes 2, 0, 1, 1. */
Test(gguf_weights, tq2_scales)
{
    static const struct {
        const char *data, *fmt;
        float       scale;
        uint16_t    column[3][4]; /* f16 bits of columns 0, 1, 32 and 64 of the blocks, where the tensor is f16 */
    } cases[] = {
        {"x:52 0:63 x:003c 0:64 x:003c 0:64 x:003c", "tern2.tq2", 1.0f, {{0}}},
        {"x:52 0:63 x:0000 0:64 x:0080 0:64 x:0038", "tern2.tq2", 0.5f, {{0}}},
        {"0:64 x:0000 0:64 x:0000 0:64 x:0080", "tern2.tq2", 1.0f, {{0}}},
        {"x:52 0:63 x:003c x:52 0:63 x:0040 x:52 0:63 x:0080", "f16", 1.0f,
         {{0x3C00, 0xBC00, 0xBC00, 0}, {0x4000, 0xC000, 0xC000, 0}, {0, 0, 0, 0}}},
        {"x:52 0:63 x:00bc x:52 0:63 x:00bc x:52 0:63 x:00bc", "f16", 1.0f,
         {{0xBC00, 0x3C00, 0x3C00, 0}, {0xBC00, 0x3C00, 0x3C00, 0}, {0xBC00, 0x3C00, 0x3C00, 0}}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static const int columns[] = {0, 1, 32, 64};
        setun_weights *weights;
        setun_error error = {{0}};
        const setun_weight *weight;
        char words[400];

        (void)snprintf(words, sizeof(words), "%s%s", ONE("35", "u32:2 u64:256 u64:3"), cases[i].data);
        cr_assert_eq(open_words(words, NULL, &weights, &error), SETUN_OK, "%zu: %s", i, error.text);
        weight = setun_weights_find(weights, "t");
        cr_expect_str_eq(weight->fmt, cases[i].fmt, "%zu", i);
        cr_expect(weight->scale == cases[i].scale && weight->has_scale == (strcmp(weight->fmt, "f16") != 0), "%zu", i);
        if (!weight->has_scale) {
            unsigned char *data = contents(weights, weight);

            cr_expect_eq(weight->n_bytes, 3u * 256 * 2);
            expect_pieces(weights, weight, data);
            for (int b = 0; b < 3; b++)
                for (int c = 0; c < 4; c++) {
                    const unsigned char *at = data + 2 * (256 * b + columns[c]);

                    cr_expect_eq(at[0] | at[1] << 8, cases[i].column[b][c], "%zu: block %d, column %d: %02x%02x", i, b, columns[c], at[1], at[0]);
                }
            cr_expect_not_null(weight->decoded);
            free(data);
        }
        setun_weights_close(weights);
    }
}

/* Code 3 in the types that are read as they are. */
Test(gguf_weights, code_3)
{
    setun_weights *weights;
    setun_error error = {{0}};

    /* Byte 33 of the codes is row 1, columns 1, 33, 65 and 97, high bits first. */
    cr_assert_eq(open_words(ONE("36", "u32:2 u64:128 u64:2") "0:33 x:10 0:30 f32:0.5 0:28", "128", &weights, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_weight_check(weights, setun_weights_find(weights, "t"), &error), SETUN_OK);
    setun_weights_close(weights);
    cr_assert_eq(open_words(ONE("36", "u32:2 u64:128 u64:2") "0:33 x:30 0:30 f32:0.5 0:28", "128", &weights, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_weight_check(weights, setun_weights_find(weights, "t"), &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "byte 161: tensor 't', row 1, column 33: expected a ternary code of 0, 1 or 2, found 3"), "%s", error.text);
    setun_weights_close(weights);
}

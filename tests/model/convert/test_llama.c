/* test_llama.c - a small llama model, whose logits are Hugging Face transformers', through every kind of file: untied head, and Q and K whose
 * rows GGUF files have in another order, for the other pairing of rotary positions. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "logits.h"
#include "setun/convert.h"
#include "weights/gguf.h"

#define MODEL SETUN_SOURCE_DIR "/tests/golden/families/llama-blocks"

/* As in tests/e2e/test_families.c: sums in another order, no activation near a rounding boundary. */
#define TOLERANCE 5e-5

enum { HIDDEN = 256, HEAD_DIM = 64, VOCAB = 267, N_IDS = 6 };

static char folder[64], source[128];
static int32_t ids[N_IDS];

static void copy_over(const char *name)
{
    char path[256];
    size_t n_bytes;
    char *bytes;

    (void)snprintf(path, sizeof(path), "%s/%s", MODEL, name);
    bytes = file_read(path, &n_bytes);
    (void)snprintf(path, sizeof(path), "%s/%s", source, name);
    file_write(path, bytes, n_bytes);
    free(bytes);
}

/* The golden model in `source`, with a made-up vocabulary, and the golden ids. */
static void setup(void)
{
    static const setun_synth_size sizes[] = {{"layers", 1}, {"hidden", 8}, {"ffn", 8}, {"heads", 1}, {"kv_heads", 1}, {"head_dim", 8},
                                             {"vocab", VOCAB}, {"context", 64}};
    const setun_synth_options synth = {.sizes = sizes, .n_sizes = sizeof(sizes) / sizeof(sizes[0])};
    const setun_convert_options options = {.kind = SETUN_FILE_HF_PACKED};
    setun_error error = {""};
    size_t n_bytes;
    char *text, *at;

    folder_make(folder);
    (void)snprintf(source, sizeof(source), "%s/source", folder);
    cr_assert_eq(setun_model_synth("falcon3-1b", source, &synth, &options, &error), SETUN_OK, "%s", error.text);
    copy_over("config.json");
    copy_over("model.safetensors");
    text = at = file_read(MODEL "/ids", &n_bytes);
    for (int i = 0; i < N_IDS; i++)
        ids[i] = (int32_t)strtol(at, &at, 10);
    free(text);
}

static void teardown(void)
{
    folder_remove(source);
    folder_remove(folder);
}

TestSuite(convert_llama, .init = setup, .fini = teardown);

static void convert(const char *from, const char *to, setun_file_kind kind)
{
    const setun_convert_options options = {.kind = kind, .force = true};
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(from, NULL, &model, &error), SETUN_OK, "%s: %s", from, error.text);
    cr_assert_eq(setun_model_convert(model, to, &options, &error), SETUN_OK, "%s: %s", to, error.text);
    setun_model_close(model);
}

static void expect_same(const char *path, const matrix *expected)
{
    matrix got = logits_of(path, ids, N_IDS, 2);

    cr_assert(got.n_rows == expected->n_rows && got.n_columns == expected->n_columns, "%s", path);
    cr_expect_eq(memcmp(got.data, expected->data, got.n_rows * got.n_columns * sizeof(float)), 0, "%s: difference %g", path,
                 largest_difference(&got, expected));
    matrix_free(&got);
}

static void end_with(char out[160], const char *name)
{
    (void)snprintf(out, 160, "%s/%s", folder, name);
}

/* I2_S keeps every bit of the scales, also through a folder whose scales multiply where the first one's divide: the same logits. The GGUF
 * files' own may differ in the last bits, as attention adds up the products of Q and K in the order of their rows. */
Test(convert_llama, i2_s_loses_nothing)
{
    char gguf[160], again[160], back[160], prepacked[160];
    matrix golden = matrix_read(MODEL "/logits.npy"), of_folder = logits_of(source, ids, N_IDS, 1), of_gguf;

    cr_expect_lt(largest_difference(&of_folder, &golden), TOLERANCE);
    end_with(gguf, "a.gguf");
    end_with(again, "b.gguf");
    end_with(back, "back");
    end_with(prepacked, "c.setun");
    convert(source, gguf, SETUN_FILE_I2_S);
    of_gguf = logits_of(gguf, ids, N_IDS, 1);
    cr_expect_lt(largest_difference(&of_gguf, &golden), TOLERANCE);
    convert(gguf, back, SETUN_FILE_HF_PACKED);
    expect_same(back, &of_folder);
    convert(back, again, SETUN_FILE_I2_S);
    expect_same(again, &of_gguf);
    convert(gguf, prepacked, SETUN_FILE_PREPACKED);
    expect_same(prepacked, &of_gguf);
    convert(back, prepacked, SETUN_FILE_PREPACKED);
    expect_same(prepacked, &of_folder);
    matrix_free(&golden);
    matrix_free(&of_folder);
    matrix_free(&of_gguf);
    folder_remove(back);
    cr_assert(remove(gguf) == 0 && remove(again) == 0 && remove(prepacked) == 0);
}

/* TQ rounds the scales to f16, once: all files of one pairing that are made of one another have the same logits. */
Test(convert_llama, tq_rounds_once)
{
    static const setun_file_kind ways[][5] = {
        {SETUN_FILE_TQ2_0, SETUN_FILE_TQ1_0, SETUN_FILE_HF_PACKED, SETUN_FILE_I2_S, SETUN_FILE_HF_PACKED},
        {SETUN_FILE_TQ1_0, SETUN_FILE_HF_PACKED, SETUN_FILE_TQ2_0, SETUN_FILE_HF_PACKED, SETUN_FILE_PREPACKED}};
    matrix golden = matrix_read(MODEL "/logits.npy");

    for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
        matrix expected[2] = {{.data = NULL}, {.data = NULL}}; /* of GGUF files, and of folders and what is made of them */
        char path[6][160];

        (void)snprintf(path[0], sizeof(path[0]), "%s", source);
        for (int i = 1; i <= 5; i++) {
            const setun_file_kind kind = ways[w][i - 1];
            matrix *here = &expected[kind == SETUN_FILE_HF_PACKED || kind == SETUN_FILE_PREPACKED];
            char name[8];

            (void)snprintf(name, sizeof(name), "%d", i);
            end_with(path[i], name);
            convert(path[i - 1], path[i], kind);
            if (here->data == NULL)
                *here = logits_of(path[i], ids, N_IDS, 1);
            else
                expect_same(path[i], here);
            /* A flipped rounding shows as 1 %. */
            cr_expect_lt(largest_difference(here, &golden), 0.02 * largest_magnitude(&golden));
        }
        for (int i = 1; i <= 5; i++) {
            if (ways[w][i - 1] == SETUN_FILE_HF_PACKED)
                folder_remove(path[i]);
            else
                cr_assert_eq(remove(path[i]), 0);
        }
        matrix_free(&expected[0]);
        matrix_free(&expected[1]);
    }
    matrix_free(&golden);
}

/* ---- the order of rows, from the bytes of both files ---- */

/* Code of row `row` and column `column` of a tensor packed as Hugging Face does: quarters of rows, the first in the low bits. */
static int folder_code(const unsigned char *packed, int n_rows, int row, int column)
{
    const int quarter = n_rows / 4;

    return packed[row % quarter * HIDDEN + column] >> (2 * (row / quarter)) & 3;
}

/* Code of a flat element as I2_S: 128 in 32 bytes, the first 32 in the high bits. */
static int i2s_code(const unsigned char *bytes, size_t element)
{
    return bytes[element / 128 * 32 + element % 32] >> (6 - 2 * (element % 128 / 32)) & 3;
}

/* Where a tensor's bytes are in the folder's safetensors file. */
static const unsigned char *folder_tensor(const char *file, const char *name)
{
    uint64_t n_header;
    json_error_t error;
    json_t *header;
    const json_t *tensor;
    const char *data;

    memcpy(&n_header, file, 8);
    header = json_loadb(file + 8, (size_t)n_header, 0, &error);
    cr_assert(header != NULL, "%s", error.text);
    tensor = json_object_get(header, name);
    cr_assert(tensor != NULL, "%s", name);
    data = file + 8 + n_header + json_integer_value(json_array_get(json_object_get(tensor, "data_offsets"), 0));
    json_decref(header);
    return (const unsigned char *)data;
}

Test(convert_llama, rows_of_q_and_k_move_and_no_others)
{
    static const struct {
        const char *folder, *gguf;
        int         n_rows;
        bool        moves;
    } tensors[] = {{"self_attn.q_proj", "attn_q", 768, true}, {"self_attn.k_proj", "attn_k", 256, true},
                   {"self_attn.v_proj", "attn_v", 256, false}, {"mlp.gate_proj", "ffn_gate", 512, false}};
    char path[160], name[128];
    size_t n_folder, n_file;
    char *in_folder = file_read(MODEL "/model.safetensors", &n_folder), *in_file;
    setun_gguf *gguf;
    setun_error error = {""};

    end_with(path, "a.gguf");
    convert(source, path, SETUN_FILE_I2_S);
    in_file = file_read(path, &n_file);
    cr_assert_eq(setun_gguf_open(path, &gguf, &error), SETUN_OK, "%s", error.text);
    cr_expect_not_null(setun_gguf_find_tensor(gguf, "output.weight"), "the head is not tied");
    for (size_t t = 0; t < sizeof(tensors) / sizeof(tensors[0]); t++) {
        const unsigned char *from, *to;
        const setun_gguf_tensor *tensor;
        size_t n_wrong = 0, n_moved = 0;

        (void)snprintf(name, sizeof(name), "model.layers.0.%s.weight", tensors[t].folder);
        from = folder_tensor(in_folder, name);
        (void)snprintf(name, sizeof(name), "blk.0.%s.weight", tensors[t].gguf);
        tensor = setun_gguf_find_tensor(gguf, name);
        cr_assert_not_null(tensor, "%s", name);
        to = (const unsigned char *)in_file + tensor->file_byte;
        for (int i = 0; i < tensors[t].n_rows; i++) {
            /* Where row i of the folder goes. Of a head of D rows, the folder turns j with j + D/2, GGUF 2j with 2j + 1. */
            const int head = i / HEAD_DIM, j = i % HEAD_DIM;
            const int row = !tensors[t].moves ? i : j < HEAD_DIM / 2 ? head * HEAD_DIM + 2 * j : head * HEAD_DIM + 2 * (j - HEAD_DIM / 2) + 1;

            n_moved += row != i;
            for (int c = 0; c < HIDDEN; c++)
                n_wrong += folder_code(from, tensors[t].n_rows, i, c) != i2s_code(to, (size_t)row * HIDDEN + (size_t)c);
        }
        cr_expect_eq(n_wrong, 0u, "%s: %zu codes are elsewhere", tensors[t].gguf, n_wrong);
        cr_expect_eq(n_moved > 0, tensors[t].moves);
    }
    setun_gguf_close(gguf);
    free(in_folder);
    free(in_file);
    cr_assert_eq(remove(path), 0);
}

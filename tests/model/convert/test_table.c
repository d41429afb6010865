/* test_table.c - the 2B4T file to be has exactly the tensors of the published one: names, types, shapes, bytes. Nothing is written. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "convert/gguf_writer.h"
#include "convert/job.h"

#define SIZES SETUN_SOURCE_DIR "/models/bitnet-b1.58-2b-4t.yaml"

/* The published file's data section, from the first tensor to the last one's end. */
#define OFFICIAL_DATA_BYTES 1179449920ull
enum { OFFICIAL_TENSORS = 332, LAYERS = 30, TYPE_F32 = 0, TYPE_F16 = 1, TYPE_I2_S = 36 };

/* Tensors of a layer, as the published file lists them: columns first. */
static const struct {
    const char *name;
    int         type;
    uint32_t    n_dims;
    int64_t     ne[2];
} layer[] = {
    {"attn_norm", TYPE_F32, 1, {2560}},        {"attn_q", TYPE_I2_S, 2, {2560, 2560}},   {"attn_k", TYPE_I2_S, 2, {2560, 640}},
    {"attn_v", TYPE_I2_S, 2, {2560, 640}},     {"attn_sub_norm", TYPE_F32, 1, {2560}},   {"attn_output", TYPE_I2_S, 2, {2560, 2560}},
    {"ffn_norm", TYPE_F32, 1, {2560}},         {"ffn_gate", TYPE_I2_S, 2, {2560, 6912}}, {"ffn_up", TYPE_I2_S, 2, {2560, 6912}},
    {"ffn_sub_norm", TYPE_F32, 1, {6912}},     {"ffn_down", TYPE_I2_S, 2, {6912, 2560}},
};

static const char *as_published(void *context, uint32_t weight, enum setun_job_role role)
{
    (void)context;
    (void)weight;
    return role == SETUN_JOB_MATRIX ? "f16" : "f32";
}

static setun_job job_of(const char *path, setun_file_kind kind)
{
    const setun_target *target = setun_target_of(kind);
    const setun_graph_form form = {.source = target->source, .ternary = true};
    setun_error error = {""};
    setun_graph *graph;
    const char *arch;
    setun_job job;

    cr_assert_eq(setun_graph_open_form(path, &form, &graph, &arch, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_job_make(target, graph, arch, &(setun_job_formats){NULL, as_published}, &job, &error), SETUN_OK, "%s", error.text);
    return job;
}

static const setun_job_tensor *find(const setun_job *job, const char *name)
{
    for (size_t i = 0; i < job->n_tensors; i++)
        if (strcmp(job->tensors[i].name, name) == 0)
            return &job->tensors[i];
    cr_assert_fail("no tensor %s", name);
    return NULL;
}

static void expect_tensor(const setun_job *job, const char *name, int type, uint32_t n_dims, int64_t ne0, int64_t ne1)
{
    const setun_job_tensor *tensor = find(job, name);

    cr_expect_eq(setun_gguf_type_of(tensor->fmt), type, "%s: %s", name, tensor->fmt);
    cr_expect_eq(tensor->n_dims, n_dims, "%s", name);
    cr_expect_eq(tensor->dim[n_dims - 1], ne0, "%s", name);
    if (n_dims == 2)
        cr_expect_eq(tensor->dim[0], ne1, "%s", name);
}

Test(table, official_2b4t)
{
    setun_job job = job_of(SIZES, SETUN_FILE_I2_S);
    setun_gguf_writer *writer;
    setun_error error;

    cr_expect_str_eq(job.arch, "bitnet-b1.58");
    cr_expect(job.tied);
    cr_expect_eq(job.n_tensors, (size_t)OFFICIAL_TENSORS);
    expect_tensor(&job, "token_embd.weight", TYPE_F16, 2, 2560, 128256);
    expect_tensor(&job, "output_norm.weight", TYPE_F32, 1, 2560, 0);
    for (int l = 0; l < LAYERS; l++)
        for (size_t i = 0; i < sizeof(layer) / sizeof(layer[0]); i++) {
            char name[64];

            (void)snprintf(name, sizeof(name), "blk.%d.%s.weight", l, layer[i].name);
            expect_tensor(&job, name, layer[i].type, layer[i].n_dims, layer[i].ne[0], layer[i].ne[1]);
        }
    cr_assert_eq(setun_gguf_writer_create(&writer, &error), SETUN_OK);
    for (size_t i = 0; i < job.n_tensors; i++)
        setun_gguf_writer_tensor(writer, job.tensors[i].name, (uint32_t)setun_gguf_type_of(job.tensors[i].fmt), job.tensors[i].n_dims,
                                 job.tensors[i].dim, job.tensors[i].n_bytes);
    cr_expect_eq(setun_gguf_writer_data_bytes(writer), OFFICIAL_DATA_BYTES, "%llu", (unsigned long long)setun_gguf_writer_data_bytes(writer));
    setun_gguf_writer_destroy(writer);
    setun_job_free(&job);
}

/* The packed folder has 542 tensors, 210 of them scales; packed codes are [n / 4, k]. */
Test(table, packed_2b4t)
{
    setun_job job = job_of(SIZES, SETUN_FILE_HF_PACKED);
    const setun_job_tensor *k = find(&job, "model.layers.29.self_attn.k_proj.weight");

    cr_expect_str_eq(job.arch, "BitNetForCausalLM");
    cr_expect_eq(job.n_tensors, 542u);
    cr_expect(k->dim[0] == 160 && k->dim[1] == 2560 && k->n_bytes == 160 * 2560);
    cr_expect_eq(find(&job, "model.layers.29.self_attn.k_proj.weight_scale")->n_bytes, 4u);
    cr_expect_eq(find(&job, "model.layers.0.mlp.ffn_sub_norm.weight")->dim[0], 6912);
    setun_job_free(&job);
}

/* Every file of sizes fits its family, and what a kind cannot hold is said. */
Test(table, all_sizes)
{
    static const struct {
        const char *name;
        size_t      n_tensors; /* 11 or 9 a layer, embedding, norm, and perhaps a head */
        bool        tied;
    } all[] = {{"bitnet-large", 24 * 11 + 2, true}, {"llama3-8b-1.58", 32 * 9 + 3, false}, {"falcon3-1b", 18 * 9 + 3, false},
               {"falcon3-3b", 22 * 9 + 3, false},   {"falcon3-7b", 28 * 9 + 3, false},     {"falcon3-10b", 40 * 9 + 3, false}};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char path[256];
        setun_job job;

        (void)snprintf(path, sizeof(path), SETUN_SOURCE_DIR "/models/%s.yaml", all[i].name);
        job = job_of(path, SETUN_FILE_I2_S);
        cr_expect_eq(job.n_tensors, all[i].n_tensors, "%s: %zu", all[i].name, job.n_tensors);
        cr_expect_eq(job.tied, all[i].tied, "%s", all[i].name);
        setun_job_free(&job);
    }
}

static void expect_refused(const char *size, int64_t value, setun_file_kind kind, const char *text)
{
    const setun_synth_size sizes[] = {{"layers", 1}, {"vocab", 300}, {size, value}};
    const setun_synth_options synth = {.sizes = sizes, .n_sizes = 3};
    const setun_convert_options options = {.kind = kind};
    setun_error error = {""};
    const setun_status status = setun_model_synth(SIZES, "/nonexistent/never", &synth, &options, &error);

    cr_expect_neq(status, SETUN_OK);
    cr_expect(strstr(error.text, text) != NULL, "%s", error.text);
}

Test(table, refused)
{
    expect_refused("ffn", 340, SETUN_FILE_I2_S, "'blk.0.ffn_down.weight': I2_S holds rows of a multiple of 128 columns only, found 340");
    expect_refused("ffn", 384, SETUN_FILE_TQ2_0, "'blk.0.ffn_down.weight': TQ2_0 holds rows of a multiple of 256 columns only, found 384");
    expect_refused("ffn", 342, SETUN_FILE_HF_PACKED, "mlp.gate_proj.weight': packed codes of Hugging Face hold a multiple of 4 rows only, found 342");
    expect_refused("layrs", 1, SETUN_FILE_I2_S, "unknown size 'layrs', did you mean 'layers'?");
    expect_refused("heads", 0, SETUN_FILE_I2_S, "expected an integer from 1");
    expect_refused("vocab", 300, SETUN_FILE_HF_PACKED, "/nonexistent/never");
}

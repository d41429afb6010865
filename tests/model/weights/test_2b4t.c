/* test_2b4t.c - a file as large as the real model opens from its header alone. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

#include "folder.h"
#include "synthetic_2b4t.h"

Test(weights_2b4t, opens)
{
    static const struct {
        const char *name, *fmt;
        int64_t     dim[2];
    } some[] = {
        {"model.embed_tokens", "bf16", {128256, 2560}},
        {"model.norm", "bf16", {2560, 1}},
        {"model.layers.0.mlp.ffn_sub_norm", "bf16", {6912, 1}},
        {"model.layers.29.self_attn.q_proj", "tern2.hf", {2560, 2560}},
        {"model.layers.17.self_attn.k_proj", "tern2.hf", {640, 2560}},
        {"model.layers.8.mlp.gate_proj", "tern2.hf", {6912, 2560}},
        {"model.layers.29.mlp.down_proj", "tern2.hf", {2560, 6912}},
    };
    struct folder folder;
    setun_weights *weights;
    struct stat info;
    size_t n_ternary = 0;

    cr_assert(synthetic_2b4t_create(folder.path, sizeof(folder.path)));
    /* The published file's size (model-independent check of the header that was written). */
    cr_assert_eq(stat(folder_file(&folder, "model.safetensors"), &info), 0);
    cr_expect_eq((long long)info.st_size, SYNTHETIC_2B4T_BYTES);

    weights = expect_opened(&folder, "2B4T");
    cr_expect_eq(setun_weights_count(weights), (size_t)SYNTHETIC_2B4T_WEIGHTS);
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        const setun_weight *weight = setun_weights_find(weights, some[i].name);

        cr_assert_not_null(weight, "%s", some[i].name);
        cr_expect_str_eq(weight->fmt, some[i].fmt, "%s", some[i].name);
        cr_expect(weight->dim[0] == some[i].dim[0] && weight->dim[1] == some[i].dim[1], "%s", some[i].name);
    }
    for (size_t i = 0; i < setun_weights_count(weights); i++) {
        const setun_weight *weight = setun_weights_at(weights, i);

        if (!weight->has_scale)
            continue;
        n_ternary += (size_t)(weight->dim[0] * weight->dim[1]);
        cr_expect_eq(weight->scale, SYNTHETIC_2B4T_SCALE, "%s", weight->name);
    }
    cr_expect_eq(n_ternary, 2084044800u); /* ternary parameters of the model */
    cr_expect_eq(setun_weights_text(weights)->bos, 128000);
    cr_expect_eq(setun_weights_text(weights)->n_stops, 1u);
    cr_expect_eq(setun_weights_text(weights)->stops[0], 128001);
    cr_expect(setun_weights_text(weights)->add_bos); /* no tokenizer_config.json: as the BOS id says */
    cr_expect_null(setun_weights_text(weights)->eos_text);
    setun_weights_close(weights);
    synthetic_2b4t_remove(folder.path);
}

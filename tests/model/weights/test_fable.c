/* test_fable.c - the default model opens with the tensors, scales and settings that its files hold.
 * The table was made with a few lines of Python from the file's header and bytes, not with Setun. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"

static const char fable[] = SETUN_SOURCE_DIR "/models/fable";

static const struct fact {
    const char *name, *fmt;
    unsigned    n_dims;
    int64_t     dim[2];  /* logical */
    size_t      at, n_bytes; /* in model.safetensors */
    float       scale;   /* 0: none */
} facts[] = {
    {"model.embed_tokens", "bf16", 2, {4096, 256}, 9816, 2097152, 0},
    {"model.layers.0.input_layernorm", "bf16", 1, {256, 1}, 2106968, 512, 0},
    {"model.layers.0.mlp.down_proj", "tern2.hf", 2, {256, 768}, 2122910, 49152, 0.04150390625f},
    {"model.layers.0.mlp.ffn_sub_norm", "bf16", 1, {768, 1}, 2107482, 1536, 0},
    {"model.layers.0.mlp.gate_proj", "tern2.hf", 2, {768, 256}, 2172062, 49152, 0.0712890625f},
    {"model.layers.0.mlp.up_proj", "tern2.hf", 2, {768, 256}, 2221214, 49152, 0.0712890625f},
    {"model.layers.0.post_attention_layernorm", "bf16", 1, {256, 1}, 2109022, 512, 0},
    {"model.layers.0.self_attn.attn_sub_norm", "bf16", 1, {256, 1}, 2109534, 512, 0},
    {"model.layers.0.self_attn.k_proj", "tern2.hf", 2, {64, 256}, 2270366, 4096, 0.08251953125f},
    {"model.layers.0.self_attn.o_proj", "tern2.hf", 2, {256, 256}, 2274462, 16384, 0.080078125f},
    {"model.layers.0.self_attn.q_proj", "tern2.hf", 2, {256, 256}, 2290846, 16384, 0.068359375f},
    {"model.layers.0.self_attn.v_proj", "tern2.hf", 2, {64, 256}, 2307230, 4096, 0.126953125f},
    {"model.layers.1.input_layernorm", "bf16", 1, {256, 1}, 2110054, 512, 0},
    {"model.layers.1.mlp.down_proj", "tern2.hf", 2, {256, 768}, 2311326, 49152, 0.040283203125f},
    {"model.layers.1.mlp.ffn_sub_norm", "bf16", 1, {768, 1}, 2110568, 1536, 0},
    {"model.layers.1.mlp.gate_proj", "tern2.hf", 2, {768, 256}, 2360478, 49152, 0.07275390625f},
    {"model.layers.1.mlp.up_proj", "tern2.hf", 2, {768, 256}, 2409630, 49152, 0.0712890625f},
    {"model.layers.1.post_attention_layernorm", "bf16", 1, {256, 1}, 2112108, 512, 0},
    {"model.layers.1.self_attn.attn_sub_norm", "bf16", 1, {256, 1}, 2112620, 512, 0},
    {"model.layers.1.self_attn.k_proj", "tern2.hf", 2, {64, 256}, 2458782, 4096, 0.0712890625f},
    {"model.layers.1.self_attn.o_proj", "tern2.hf", 2, {256, 256}, 2462878, 16384, 0.0712890625f},
    {"model.layers.1.self_attn.q_proj", "tern2.hf", 2, {256, 256}, 2479262, 16384, 0.060302734375f},
    {"model.layers.1.self_attn.v_proj", "tern2.hf", 2, {64, 256}, 2495646, 4096, 0.0849609375f},
    {"model.layers.2.input_layernorm", "bf16", 1, {256, 1}, 2113140, 512, 0},
    {"model.layers.2.mlp.down_proj", "tern2.hf", 2, {256, 768}, 2499742, 49152, 0.043701171875f},
    {"model.layers.2.mlp.ffn_sub_norm", "bf16", 1, {768, 1}, 2113654, 1536, 0},
    {"model.layers.2.mlp.gate_proj", "tern2.hf", 2, {768, 256}, 2548894, 49152, 0.076171875f},
    {"model.layers.2.mlp.up_proj", "tern2.hf", 2, {768, 256}, 2598046, 49152, 0.07373046875f},
    {"model.layers.2.post_attention_layernorm", "bf16", 1, {256, 1}, 2115194, 512, 0},
    {"model.layers.2.self_attn.attn_sub_norm", "bf16", 1, {256, 1}, 2115706, 512, 0},
    {"model.layers.2.self_attn.k_proj", "tern2.hf", 2, {64, 256}, 2647198, 4096, 0.076171875f},
    {"model.layers.2.self_attn.o_proj", "tern2.hf", 2, {256, 256}, 2651294, 16384, 0.078125f},
    {"model.layers.2.self_attn.q_proj", "tern2.hf", 2, {256, 256}, 2667678, 16384, 0.06201171875f},
    {"model.layers.2.self_attn.v_proj", "tern2.hf", 2, {64, 256}, 2684062, 4096, 0.0986328125f},
    {"model.layers.3.input_layernorm", "bf16", 1, {256, 1}, 2116226, 512, 0},
    {"model.layers.3.mlp.down_proj", "tern2.hf", 2, {256, 768}, 2688158, 49152, 0.047119140625f},
    {"model.layers.3.mlp.ffn_sub_norm", "bf16", 1, {768, 1}, 2116740, 1536, 0},
    {"model.layers.3.mlp.gate_proj", "tern2.hf", 2, {768, 256}, 2737310, 49152, 0.07763671875f},
    {"model.layers.3.mlp.up_proj", "tern2.hf", 2, {768, 256}, 2786462, 49152, 0.07568359375f},
    {"model.layers.3.post_attention_layernorm", "bf16", 1, {256, 1}, 2118280, 512, 0},
    {"model.layers.3.self_attn.attn_sub_norm", "bf16", 1, {256, 1}, 2118792, 512, 0},
    {"model.layers.3.self_attn.k_proj", "tern2.hf", 2, {64, 256}, 2835614, 4096, 0.07568359375f},
    {"model.layers.3.self_attn.o_proj", "tern2.hf", 2, {256, 256}, 2839710, 16384, 0.0791015625f},
    {"model.layers.3.self_attn.q_proj", "tern2.hf", 2, {256, 256}, 2856094, 16384, 0.0625f},
    {"model.layers.3.self_attn.v_proj", "tern2.hf", 2, {64, 256}, 2872478, 4096, 0.099609375f},
    {"model.layers.4.input_layernorm", "bf16", 1, {256, 1}, 2119312, 512, 0},
    {"model.layers.4.mlp.down_proj", "tern2.hf", 2, {256, 768}, 2876574, 49152, 0.051025390625f},
    {"model.layers.4.mlp.ffn_sub_norm", "bf16", 1, {768, 1}, 2119826, 1536, 0},
    {"model.layers.4.mlp.gate_proj", "tern2.hf", 2, {768, 256}, 2925726, 49152, 0.07861328125f},
    {"model.layers.4.mlp.up_proj", "tern2.hf", 2, {768, 256}, 2974878, 49152, 0.0771484375f},
    {"model.layers.4.post_attention_layernorm", "bf16", 1, {256, 1}, 2121366, 512, 0},
    {"model.layers.4.self_attn.attn_sub_norm", "bf16", 1, {256, 1}, 2121878, 512, 0},
    {"model.layers.4.self_attn.k_proj", "tern2.hf", 2, {64, 256}, 3024030, 4096, 0.0810546875f},
    {"model.layers.4.self_attn.o_proj", "tern2.hf", 2, {256, 256}, 3028126, 16384, 0.08544921875f},
    {"model.layers.4.self_attn.q_proj", "tern2.hf", 2, {256, 256}, 3044510, 16384, 0.064453125f},
    {"model.layers.4.self_attn.v_proj", "tern2.hf", 2, {64, 256}, 3060894, 4096, 0.107421875f},
    {"model.norm", "bf16", 1, {256, 1}, 2122398, 512, 0},
};

static setun_weights *open_fable(void)
{
    setun_weights *weights = NULL;
    setun_error error = {{0}};

    cr_assert_eq(setun_weights_open(fable, &weights, &error), SETUN_OK, "%s", error.text);
    return weights;
}

Test(weights_fable, tensors)
{
    setun_weights *weights = open_fable();
    const size_t n = sizeof(facts) / sizeof(facts[0]);
    size_t n_file;
    unsigned char *file = read_whole(SETUN_SOURCE_DIR "/models/fable/model.safetensors", &n_file);
    static unsigned char contents[4 << 20];
    setun_error error = {{0}};

    /* 92 tensors in the file, 35 of them scales. */
    cr_assert_eq(setun_weights_count(weights), n);
    for (size_t i = 0; i < n; i++) {
        const setun_weight *weight = setun_weights_at(weights, i);
        const struct fact *fact = &facts[i];

        cr_assert_str_eq(weight->name, fact->name);
        cr_expect_str_eq(weight->fmt, fact->fmt, "%s", fact->name);
        cr_expect_eq(weight->n_dims, fact->n_dims, "%s", fact->name);
        cr_expect(weight->dim[0] == fact->dim[0] && weight->dim[1] == fact->dim[1] && weight->dim[2] == 1 && weight->dim[3] == 1, "%s",
                  fact->name);
        cr_assert_eq(weight->n_bytes, fact->n_bytes, "%s", fact->name);
        cr_assert_leq(fact->at + fact->n_bytes, n_file);
        cr_assert_leq(fact->n_bytes, sizeof(contents));
        cr_assert_eq(setun_weight_read(weights, weight, 0, fact->n_bytes, contents, &error), SETUN_OK, "%s", error.text);
        cr_expect_eq(memcmp(contents, file + fact->at, fact->n_bytes), 0, "%s", fact->name);
        cr_expect_eq(weight->has_scale, fact->scale > 0, "%s", fact->name);
        if (fact->scale > 0)
            cr_expect_eq(weight->scale, fact->scale, "%s", fact->name);
        cr_expect_eq(setun_weights_find(weights, fact->name), weight);
    }
    cr_expect_null(setun_weights_find(weights, "model.embed_tokens.weight"));
    cr_expect_null(setun_weights_find(weights, "model.layers.0.self_attn.q_proj.weight_scale"));
    cr_expect_null(setun_weights_find(weights, "lm_head"));
    cr_expect_null(setun_weights_find(weights, ""));
    expect_well_formed(weights, "fable");
    free(file);
    setun_weights_close(weights);
}

Test(weights_fable, contents_pass_the_check)
{
    setun_weights *weights = open_fable();
    setun_error error = {{0}};

    for (size_t i = 0; i < setun_weights_count(weights); i++)
        cr_expect_eq(setun_weight_check(weights, setun_weights_at(weights, i), &error), SETUN_OK, "%s", error.text);
    setun_weights_close(weights);
}

Test(weights_fable, settings)
{
    setun_weights *weights = open_fable();
    const setun_text_settings *text = setun_weights_text(weights);

    cr_expect_eq(setun_weights_source(weights), SETUN_SOURCE_HUGGINGFACE);
    cr_expect_str_eq(setun_source_name(SETUN_SOURCE_HUGGINGFACE), "huggingface");
    cr_expect_str_eq(setun_source_name(SETUN_SOURCE_GGUF), "gguf");
    cr_expect_str_eq(setun_weights_path(weights), fable);
    cr_expect_str_eq(setun_weights_architecture(weights), "BitNetForCausalLM");
    cr_expect_eq(text->bos, 4093);
    cr_expect(text->add_bos);
    cr_assert_eq(text->n_stops, 2u);
    cr_expect_eq(text->stops[0], 4094);
    cr_expect_eq(text->stops[1], 4095);
    cr_expect_str_eq(text->bos_text, "<|begin_of_text|>");
    cr_expect_str_eq(text->eos_text, "<|end_of_text|>");
    setun_weights_close(weights);
}

Test(weights_fable, metadata)
{
    setun_weights *weights = open_fable();
    setun_error error = {{0}};
    setun_meta meta = {0};
    bool found = false;

#define META(key) cr_assert_eq(setun_weights_meta(weights, key, &found, &meta, &error), SETUN_OK, "%s", error.text)
    META("hidden_size");
    cr_expect(found && meta.type == SETUN_META_INT && meta.i == 256);
    META("rms_norm_eps");
    cr_expect(found && meta.type == SETUN_META_FLOAT && meta.f == 1e-5);
    META("rope_theta");
    cr_expect(found && meta.type == SETUN_META_FLOAT && meta.f == 500000.0);
    META("tie_word_embeddings");
    cr_expect(found && meta.type == SETUN_META_BOOL && meta.i == 1);
    META("attention_bias");
    cr_expect(found && meta.type == SETUN_META_BOOL && meta.i == 0);
    META("hidden_act");
    cr_expect(found && meta.type == SETUN_META_STRING && strcmp(meta.s, "relu2") == 0);
    META("quantization_config.quantization_mode");
    cr_expect(found && meta.type == SETUN_META_STRING && strcmp(meta.s, "offline") == 0);
    META("head_dim");
    cr_expect(!found);
    META("quantization_config.");
    cr_expect(!found);
    META("");
    cr_expect(!found);
#undef META
    cr_expect_eq(setun_weights_meta(weights, "architectures", &found, &meta, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "config.json: architectures: expected a number, a string or a boolean, found an array"));
    cr_expect_eq(setun_weights_meta(weights, "quantization_config", &found, &meta, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "found an object"));
    /* What stands where an object should hold the key is not the same as nothing. */
    cr_expect_eq(setun_weights_meta(weights, "hidden_size.x", &found, &meta, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "config.json: hidden_size: expected an object or null, found a single value"), "%s", error.text);
    cr_expect_eq(setun_weights_meta(weights, "architectures.0", &found, &meta, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "config.json: architectures: expected an object or null, found an array"), "%s", error.text);
    setun_weights_close(weights);
}

Test(weights_fable, close_accepts_null)
{
    setun_weights_close(NULL);
}

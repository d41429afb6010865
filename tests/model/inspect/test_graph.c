/* test_graph.c - parameters and nodes, of fable and of a model file without weights. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "setun/inspect.h"

static setun_parameter_info parameter(const setun_inspection *inspection, const char *name)
{
    setun_inspection_summary summary;
    setun_parameter_info info = {.name = NULL};

    setun_inspection_describe(inspection, &summary);
    for (size_t i = 0; i < summary.n_parameters; i++) {
        setun_inspection_parameter(inspection, i, &info);
        if (strcmp(info.name, name) == 0)
            return info;
    }
    cr_assert_fail("there is no parameter %s", name);
    return info;
}

Test(inspect, parameters_of_fable)
{
    setun_inspection *inspection;
    setun_inspection_summary summary;
    setun_parameter_info info;
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(FABLE, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_inspection_create(model, &inspection, &error), SETUN_OK, "%s", error.text);
    setun_inspection_describe(inspection, &summary);
    cr_expect_str_eq(summary.family, "bitnet");
    cr_expect_str_eq(summary.source, "huggingface");
    cr_expect_str_eq(summary.architecture, "BitNetForCausalLM");
    cr_expect_eq(summary.vocab, 4096);
    cr_expect_eq(summary.context, 512);

    info = parameter(inspection, "layers");
    cr_expect(info.type == SETUN_PARAMETER_INT && info.i == 5 && !info.defaulted);
    cr_expect_str_eq(info.key, "num_hidden_layers");
    info = parameter(inspection, "eps");
    cr_expect(info.type == SETUN_PARAMETER_FLOAT && info.f == 1e-5);
    cr_expect_str_eq(info.key, "rms_norm_eps");
    info = parameter(inspection, "theta");
    cr_expect_str_eq(info.key, "rope_theta");
    info = parameter(inspection, "act");
    cr_expect_eq(info.type, SETUN_PARAMETER_STRING);
    cr_expect_str_eq(info.s, "relu2");
    info = parameter(inspection, "head_dim"); /* config.json does not say it */
    cr_expect(info.i == 64 && info.defaulted && info.key == NULL);
    info = parameter(inspection, "q_size");
    cr_expect(info.i == 256 && !info.defaulted && info.key == NULL);
    setun_inspection_destroy(inspection);
    setun_model_close(model);
}

Test(inspect, nodes_of_fable)
{
    setun_inspection *inspection;
    setun_inspection_summary summary;
    setun_model *model;
    setun_error error = {""};
    setun_node_info node;
    size_t n_linear = 0;

    cr_assert_eq(setun_model_open(FABLE, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_inspection_create(model, &inspection, &error), SETUN_OK, "%s", error.text);
    setun_inspection_describe(inspection, &summary);
    cr_assert_eq(summary.n_nodes, 1 + 5 * 19 + 3);
    for (size_t i = 0; i < summary.n_nodes; i++) {
        setun_inspection_node(inspection, i, &node);
        n_linear += strcmp(node.op, "linear") == 0;
        cr_expect_eq(node.layer, i >= 1 && i < 96 ? (int64_t)(i - 1) / 19 : -1, "node %zu", i);
        cr_expect_gt(node.line, 0u);
    }
    cr_expect_eq(n_linear, 5 * 7 + 1);

    setun_inspection_node(inspection, 2, &node); /* q of layer 0 */
    cr_expect_str_eq(node.op, "linear");
    cr_expect_str_eq(node.note, "ternary");
    cr_assert_eq(node.n_in, 2);
    cr_expect_eq(node.in[0].kind, SETUN_OPERAND_IS_VALUE);
    cr_expect_eq(node.in[0].rows, SETUN_OPERAND_ROWS_BATCH);
    cr_expect_eq(node.in[0].dim[1], 256);
    cr_expect_eq(node.in[1].kind, SETUN_OPERAND_IS_WEIGHT);
    cr_expect_str_eq(node.in[1].name, "attn_q");
    cr_expect_str_eq(node.in[1].tensor, "model.layers.0.self_attn.q_proj");
    cr_expect_str_eq(node.in[1].fmt, "tern2.hf+f32");
    cr_expect(node.in[1].dim[0] == 256 && node.in[1].dim[1] == 256);

    setun_inspection_node(inspection, 98, &node); /* the tied head */
    cr_expect_str_eq(node.in[1].name, "token_embd");
    cr_expect_str_eq(node.out[0].name, "logits");
    cr_expect_eq(node.out[0].rows, SETUN_OPERAND_ROWS_OUT);
    cr_expect_eq(node.out[0].dim[1], 4096);

    setun_inspection_node(inspection, 8, &node);
    cr_expect_str_eq(node.op, "attention");
    cr_expect_str_eq(node.note, "heads 4, kv_heads 1");
    cr_assert_eq(node.n_in, 3);
    cr_expect_eq(node.in[1].kind, SETUN_OPERAND_IS_CACHE);
    cr_expect(node.in[1].dim[0] == 1 && node.in[1].dim[1] == 64);
    setun_inspection_destroy(inspection);
    setun_model_close(model);
}

static const char literal[] =
    "setun: 1\nname: literal\ncontext: 64\n"
    "tensors:\n  embd: {huggingface: embd, shape: [100, 32]}\n  head: {huggingface: head, shape: [100, 32]}\n"
    "graph:\n"
    "  - {op: embedding, in: tokens, weight: embd, out: x}\n"
    "  - {op: output_rows, in: x, out: x}\n"
    "  - {op: linear, in: x, weight: head, out: logits}\n";

Test(inspect, a_model_file_alone)
{
    setun_inspection *inspection = NULL;
    setun_inspection_summary summary;
    setun_error error = {""};
    setun_node_info node;
    char folder[64], path[128];

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/literal.yaml", folder);
    file_write(path, literal, strlen(literal));
    cr_assert_eq(setun_inspection_open(path, &inspection, &error), SETUN_OK, "%s", error.text);
    setun_inspection_describe(inspection, &summary);
    cr_expect(summary.n_nodes == 3 && summary.n_tensors == 0 && summary.n_parameters == 0 && summary.vocab == 100);
    cr_expect_str_eq(summary.source, "");
    setun_inspection_node(inspection, 2, &node);
    cr_expect_str_eq(node.in[1].name, "head");
    cr_expect_null(node.in[1].fmt);
    cr_expect(node.in[1].dim[0] == 100 && node.in[1].dim[1] == 32);
    setun_inspection_destroy(inspection);

    inspection = NULL;
    cr_expect_eq(setun_inspection_open(SETUN_SOURCE_DIR "/models/bitnet.yaml", &inspection, &error), SETUN_ERR_NOT_FOUND);
    cr_expect(strstr(error.text, "bitnet.yaml:") != NULL && strstr(error.text, "there is no weight file") != NULL, "%s", error.text);
    cr_expect_null(inspection);
    folder_remove(folder);
}

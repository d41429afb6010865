/* test_count_ops.c - arithmetic and bytes of a pass of fable, against the sizes in its config.json. */
#include <criterion/criterion.h>
#include <jansson.h>

#include "fixture.h"
#include "setun/session.h"

static double size_of(const json_t *config, const char *key)
{
    const json_t *value = json_object_get(config, key);

    cr_assert(json_is_integer(value), "%s", key);
    return (double)json_integer_value(value);
}

Test(count_ops, fable)
{
    json_t *config = json_load_file(FABLE "/config.json", 0, NULL);
    const setun_session_options options = {.n_threads = 1, .context = 64, .backends = "scalar", .head = SETUN_HEAD_FULL};
    setun_session_info info;
    setun_model *model;
    setun_error error = {""};
    double hidden, ffn, kv, weights, head;

    cr_assert_not_null(config);
    cr_assert_eq(setun_model_open("fable", NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_session_preview(model, &options, &info, &error), SETUN_OK, "%s", error.text);
    hidden = size_of(config, "hidden_size");
    ffn = size_of(config, "intermediate_size");
    kv = hidden / size_of(config, "num_attention_heads") * size_of(config, "num_key_value_heads");
    weights = size_of(config, "num_hidden_layers") * (2 * hidden * hidden + 2 * kv * hidden + 3 * ffn * hidden);
    head = hidden * size_of(config, "vocab_size");
    cr_expect_eq((double)info.row_ops, 2 * weights);
    cr_expect_eq((double)info.row_int8_ops, 2 * weights, "every layer is ternary");
    cr_expect_eq((double)info.logits_ops, 2 * head);
    cr_expect_eq(info.logits_int8_ops, 0, "the head has 16 bits");
    /* The head's rows, and the norm before it at most. */
    cr_expect_geq((double)info.logits_bytes, 2 * head);
    cr_expect_leq((double)info.logits_bytes, 2 * head + 4 * hidden + 64 * size_of(config, "vocab_size"));
    cr_expect_lt(info.logits_bytes, info.token_bytes);
    setun_model_close(model);
    json_decref(config);
}

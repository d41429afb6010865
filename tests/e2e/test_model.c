/* test_model.c - `setun model show` and `check`: numbers against the raw files, errors that say what is wrong. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "process.h"
#include "tiny_model.h"

static json_t *load(process_result *result)
{
    json_error_t error;
    json_t *got = json_loadb(result->out, result->n_out, 0, &error);

    cr_assert(got != NULL, "%s: %s", error.text, result->out);
    process_result_free(result);
    return got;
}

static json_int_t number(const json_t *object, const char *key)
{
    cr_assert(json_is_integer(json_object_get(object, key)), "%s", key);
    return json_integer_value(json_object_get(object, key));
}

static const json_t *named(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "name")), name) == 0)
            return json_array_get(list, i);
    cr_assert_fail("there is no %s", name);
    return NULL;
}

/* ---- show ---- */

/* Codes of one tensor of fable, counted in the raw file. */
static void count_codes(const char *tensor, json_int_t out_count[4])
{
    size_t n_bytes;
    char *file = file_read(FABLE "/model.safetensors", &n_bytes), key[128];
    uint64_t n_header;
    const json_t *offsets;
    json_error_t error;
    json_t *header;

    memcpy(&n_header, file, 8);
    header = json_loadb(file + 8, (size_t)n_header, 0, &error);
    (void)snprintf(key, sizeof(key), "%s.weight", tensor);
    offsets = json_object_get(json_object_get(header, key), "data_offsets");
    memset(out_count, 0, 4 * sizeof(*out_count));
    for (json_int_t i = json_integer_value(json_array_get(offsets, 0)); i < json_integer_value(json_array_get(offsets, 1)); i++)
        for (int shift = 0; shift < 8; shift += 2)
            out_count[(unsigned char)file[8 + (json_int_t)n_header + i] >> shift & 3]++;
    json_decref(header);
    free(file);
}

Test(model, show_json)
{
    process_result result;
    const json_t *tensors, *tensor, *ternary, *text, *memory;
    json_int_t count[4], total = 0, zero = 0;
    struct stat info;
    json_t *got;

    setun_command(&result, "model", "show", FABLE, "-o", "json", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    got = load(&result);
    cr_expect_str_eq(json_string_value(json_object_get(got, "family")), "bitnet");
    tensor = named(json_object_get(got, "parameters"), "layers");
    cr_expect_eq(number(tensor, "value"), 5);
    cr_expect_str_eq(json_string_value(json_object_get(tensor, "key")), "num_hidden_layers");
    cr_expect_str_eq(json_string_value(json_object_get(named(json_object_get(got, "parameters"), "head_dim"), "from")), "default");

    tensors = json_object_get(got, "tensors");
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        tensor = json_array_get(tensors, i);
        ternary = json_object_get(tensor, "ternary");
        if (json_is_null(ternary))
            continue;
        count_codes(json_string_value(json_object_get(tensor, "name")), count);
        cr_expect_eq(number(ternary, "minus"), count[0]);
        cr_expect_eq(number(ternary, "zero"), count[1]);
        cr_expect_eq(number(ternary, "plus"), count[2]);
        total += count[0] + count[1] + count[2];
        zero += count[1];
    }
    cr_expect_eq(total, 3768320);
    cr_expect_eq(number(json_object_get(got, "totals"), "ternary"), total);
    cr_expect_eq(number(json_object_get(got, "totals"), "zero"), zero);
    cr_assert_eq(stat(FABLE "/model.safetensors", &info), 0);
    cr_expect_eq(number(json_object_get(got, "totals"), "file_bytes"), info.st_size);

    /* 5 layers, K and V, 1 head of 64: 2 or 4 bytes each, for 1,000 positions. */
    memory = json_object_get(json_object_get(got, "memory"), "cache_of_1000_positions");
    cr_expect_eq(number(memory, "f16"), 5 * 2 * 64 * 2 * 1000);
    cr_expect_eq(number(memory, "f32"), 5 * 2 * 64 * 4 * 1000);
    memory = json_object_get(got, "memory"); /* of the whole context, 512 positions in two blocks; the bf16 embedding, which is the head too */
    cr_expect_eq(number(memory, "positions"), 512);
    cr_expect_eq(number(json_object_get(memory, "cache"), "f16"), 5 * 2 * 64 * 2 * 512);
    cr_expect_eq(number(json_object_get(memory, "cache"), "f32"), 5 * 2 * 64 * 4 * 512);
    cr_expect_eq(number(memory, "read_as_needed"), 4096 * 256 * 2);
    text = json_object_get(got, "text");
    cr_expect_eq(number(json_object_get(text, "begin"), "id"), 4093);
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(text, "begin"), "text")), "<|begin_of_text|>");
    cr_expect_eq(json_array_size(json_object_get(text, "end")), 2);
    json_decref(got);
}

/* The histogram is made of ASCII unless the locale has UTF-8. */
Test(model, show_text_by_locale)
{
    const char *const argv[] = {SETUN_COMMAND, "model", "show", FABLE, NULL};
    const char *const plain[] = {"LC_ALL=C", NULL}, *const utf8[] = {"LC_ALL=C.UTF-8", NULL};
    process_result result;

    process_run(argv, &(process_options){.environment = plain}, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    for (size_t i = 0; i < result.n_out; i++)
        cr_assert((result.out[i] >= ' ' && result.out[i] <= '~') || result.out[i] == '\n', "byte %zu is %d", i, result.out[i]);
    cr_expect(strstr(result.out, "num_hidden_layers") != NULL && strstr(result.out, "|-----") != NULL && strstr(result.out, "KV cache") != NULL);
    process_result_free(&result);

    process_run(argv, &(process_options){.environment = utf8}, &result);
    cr_expect(strstr(result.out, "\u2588\u2588") != NULL);
    process_result_free(&result);
}

Test(model, show_brief)
{
    process_result result;

    setun_command(&result, "model", "show", FABLE, "--brief", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(strstr(result.out, "self_attn") == NULL && strstr(result.out, "KV cache for 512 positions") != NULL, "%s", result.out);
    cr_expect(strstr(result.out, "; rows of 2.0 MiB more are read from the file as they are needed\n") != NULL, "%s", result.out);
    process_result_free(&result);
}

/* '-' is the standard output, as it is for the other pictures, and has the picture alone. */
Test(model, show_picture_on_stdout)
{
    process_result result;
    char folder[64], path[128], *file;
    size_t n_bytes;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/fable.svg", folder);
    setun_command(&result, "model", "show", FABLE, "--svg", path, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(strstr(result.out, "KV cache") != NULL);
    process_result_free(&result);
    file = file_read(path, &n_bytes);
    setun_command(&result, "model", "show", FABLE, "--svg", "-", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(result.n_out == n_bytes && memcmp(result.out, file, n_bytes) == 0, "%.200s", result.out);
    cr_expect_neq(access("-", F_OK), 0, "a file called '-'");
    process_result_free(&result);
    free(file);
    folder_remove(folder);
}

/* ---- check ---- */

Test(model, check_fable)
{
    process_result result;
    json_t *got;

    setun_command(&result, "model", "check", FABLE, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(strstr(result.out, "fable: OK\n") != NULL && strstr(result.out, "57 of 57 read") != NULL, "%s", result.out);
    process_result_free(&result);
    setun_command(&result, "model", "check", FABLE, "-o", "json", NULL);
    got = load(&result);
    cr_expect(json_is_true(json_object_get(got, "ok")));
    cr_expect_eq(number(got, "tensors_read"), 57);
    cr_expect_eq(json_array_size(json_object_get(got, "unused")), 0);
    json_decref(got);
}

/* Replaces the first occurrence of a text of equal length in a file. */
static void patch(const char *folder, const char *file, const char *from, const char *to)
{
    char path[128], *bytes, *at;
    size_t n_bytes;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, file);
    bytes = file_read(path, &n_bytes);
    at = memmem(bytes, n_bytes, from, strlen(from));
    cr_assert(at != NULL && strlen(from) == strlen(to), "%s: %s", file, from);
    memcpy(at, to, strlen(to));
    file_write(path, bytes, n_bytes);
    free(bytes);
}

static void expect_failure(const char *folder, const char *expected)
{
    process_result result;
    json_t *got;

    setun_command(&result, "model", "check", folder, NULL);
    cr_expect_eq(result.exit_code, 1, "%s: exit %d: %s", expected, result.exit_code, result.out);
    cr_expect_eq(result.n_out, 0, "%s", result.out);
    cr_expect(strstr(result.err, "setun model check: ") == result.err && strstr(result.err, expected) != NULL, "expected %s: %s", expected,
              result.err);
    cr_expect_eq(strchr(result.err, '\n'), result.err + result.n_err - 1, "more than one line: %s", result.err);
    process_result_free(&result);
    setun_command(&result, "model", "check", folder, "-o", "json", NULL);
    cr_expect_eq(result.exit_code, 1);
    got = load(&result);
    cr_expect(json_is_false(json_object_get(got, "ok")));
    cr_expect(strstr(json_string_value(json_object_get(got, "error")), expected) != NULL);
    json_decref(got);
}

Test(model, check_finds_what_is_wrong)
{
    static const struct {
        const char *file, *from, *to, *expected;
    } cases[] = {
        {"config.json", "\"num_hidden_layers\": 1", "\"num_hidden_layers\": 2", "there is no tensor 'model.layers.1."},
        {"config.json", "\"intermediate_size\": 8", "\"intermediate_size\": 4", "has the shape"},
        {"config.json", "BitNetForCausalLM", "BitNetForCausalLN", "no model family describes"},
        {"config.json", "\"vocab_size\": 260", "\"vocab_size\": 259", "259"},
        {"model.safetensors", "\x12\x64\x81", "\x12\x67\x81", "expected a ternary code of 0, 1 or 2, found 3"},
        {"config.json", "\"hidden_act\": \"relu2\"", "\"hidden_act\": \"relu3\"", "config.json: hidden_act: expected 'relu2' or 'silu', found the string 'relu3'"},
    };
    char folder[64];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        folder_make(folder);
        cr_assert(tiny_model_write(folder));
        patch(folder, cases[i].file, cases[i].from, cases[i].to);
        expect_failure(folder, cases[i].expected);
        folder_remove(folder);
    }
    expect_failure("/nonexistent/model", "/nonexistent/model");
}

/* A tensor that the graph leaves alone is an error, unless the model file says that it may be left. Then it is said. */
Test(model, check_lists_what_is_not_used)
{
    process_result result;
    char folder[64];
    json_t *got;

    folder_make(folder);
    cr_assert(tiny_model_write(folder));
    patch(folder, "model.safetensors", "self_attn.attn_sub_norm.weight\"", "self_attn.attn_old_norm.weight\"");
    expect_failure(folder, "uses (" SETUN_SOURCE_DIR "/models/bitnet.yaml), found 'model.layers.0.self_attn.attn_old_norm': it would be left");
    patch(folder, "model.safetensors", "self_attn.attn_old_norm.weight\"", "self_attn.rotary_emb.inv_freq\" ");
    setun_command(&result, "model", "check", folder, NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_expect(strstr(result.out, "not used by the graph: model.layers.0.self_attn.rotary_emb.inv_freq\n") != NULL, "%s", result.out);
    process_result_free(&result);
    setun_command(&result, "model", "check", folder, "-o", "json", NULL);
    got = load(&result);
    cr_expect_eq(json_array_size(json_object_get(got, "unused")), 1);
    json_decref(got);
    setun_command(&result, "model", "show", folder, NULL);
    cr_expect(strstr(result.out, "; not used by the graph") != NULL, "%s", result.out);
    cr_expect(strstr(result.out, "once ternarised") != NULL, "the tiny model has a master");
    process_result_free(&result);
    folder_remove(folder);
}

/* --graph: another graph than the folder's own family. */
Test(model, check_against_a_graph)
{
    static const char other[] = "setun: 1\nname: other\ncontext: 64\ntensors:\n  embd: {huggingface: embd, shape: [100, 32]}\ngraph:\n"
                                "  - {op: embedding, in: tokens, weight: embd, out: x}\n  - {op: output_rows, in: x, out: x}\n"
                                "  - {op: linear, in: x, weight: embd, out: logits}\n";
    process_result result;
    char folder[64], path[128];

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/other.yaml", folder);
    file_write(path, other, strlen(other));
    setun_command(&result, "model", "check", FABLE, "--graph", path, NULL);
    cr_expect(result.exit_code == 1 && strstr(result.err, "other.yaml:") != NULL && strstr(result.err, "there is no tensor 'embd'") != NULL, "%s",
              result.err);
    process_result_free(&result);
    setun_command(&result, "model", "check", FABLE, "--graph", SETUN_SOURCE_DIR "/models/bitnet.yaml", NULL);
    cr_expect_eq(result.exit_code, 0, "%s", result.err);
    process_result_free(&result);
    folder_remove(folder);
}

static void expect_usage(const char *expected, const char *a, const char *b, const char *c, const char *d, const char *e)
{
    process_result result;

    setun_command(&result, "model", a, b, c, d, e, NULL);
    cr_expect_eq(result.exit_code, 2, "%s: exit %d", expected, result.exit_code);
    cr_expect(strstr(result.err, expected) != NULL, "expected %s: %s", expected, result.err);
    process_result_free(&result);
}

Test(model, mistakes)
{
    expect_usage("did you mean 'model show'", "shwo", NULL, NULL, NULL, NULL);
    expect_usage("did you mean '--svg'", "show", "--svgg", "x", NULL, NULL);
    expect_usage("exclude each other", "plot", "--svg", "a", "--dot", "b");
    expect_usage("unexpected 'b'", "show", "a", "b", NULL, NULL);
}

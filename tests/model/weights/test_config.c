/* test_config.c - config.json, generation_config.json and tokenizer_config.json: broken ones, and what good ones mean. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

enum { F = SETUN_ERR_FORMAT, U = SETUN_ERR_UNSUPPORTED };

#define C "config.json"
#define G "generation_config.json"
#define K "tokenizer_config.json"
#define ARCH "\"architectures\":[\"X\"]"

static const struct {
    const char  *file, *text;
    setun_status status;
    const char  *fragment;
} broken[] = {
    {C, "", F, "config.json: byte 0: expected a JSON object, found an empty file"},
    {C, "{", F, "config.json: byte 1: expected JSON: "},
    {C, "[]", F, "config.json: byte 0: expected a JSON object, found an array"},
    {C, "null", F, "config.json: byte "},
    {C, "{" ARCH "} x", F, "expected JSON: "},
    {C, "{" ARCH "," ARCH "}", F, "duplicate object key"},
    {C, "{\"a\":\"\xff\"," ARCH "}", F, "expected JSON: "},
    {C, "{\"a\":\"\\u0000\"," ARCH "}", F, "expected JSON: "},
    {C, "{\"a\":NaN," ARCH "}", F, "expected JSON: "},
    {C, "{\"a\":1e999," ARCH "}", F, "real number overflow"},
    {C, "{\"a\":9223372036854775808," ARCH "}", F, "too big integer"},
    {C, "{/* comment */" ARCH "}", F, "expected JSON: "},
    {C, "{}", F, "config.json: architectures: expected an array that starts with a name, found nothing"},
    {C, "{\"architectures\":null}", F, "architectures: expected an array that starts with a name, found nothing"},
    {C, "{\"architectures\":\"X\"}", F, "architectures: expected an array that starts with a name, found \"X\""},
    {C, "{\"architectures\":[]}", F, "architectures: expected an array that starts with a name, found []"},
    {C, "{\"architectures\":[1]}", F, "architectures: expected an array that starts with a name, found [1]"},
    {C, "{\"architectures\":[\"\"]}", F, "architectures: expected an array that starts with a name, found [\"\"]"},
    {C, "{" ARCH ",\"quantization_config\":[]}", F, "quantization_config: expected an object, found []"},
    {C, "{" ARCH ",\"quantization_config\":{\"quant_method\":1}}", F, "quantization_config.quant_method: expected a string, found 1"},
    {C, "{" ARCH ",\"quantization_config\":{\"quant_method\":\"gptq\"}}", U, "quant_method: expected \"bitnet\", found \"gptq\""},
    {C, "{" ARCH ",\"quantization_config\":{\"linear_class\":1}}", F, "quantization_config.linear_class: expected a string, found 1"},
    {C, "{" ARCH ",\"quantization_config\":{\"linear_class\":\"AutoBitLinear\"}}", U,
     "linear_class: expected \"autobitlinear\" or \"bitlinear\", found \"AutoBitLinear\""},
    {C, "{" ARCH ",\"quantization_config\":{\"modules_to_not_convert\":\"lm_head\"}}", F, "modules_to_not_convert: expected an array of names"},
    {C, "{" ARCH ",\"quantization_config\":{\"modules_to_not_convert\":[\"lm_head\",\"mlp\"]}}", U,
     "modules_to_not_convert: expected \"lm_head\" alone, found [\"lm_head\",\"mlp\"]"},
    {C, "{" ARCH ",\"quantization_config\":{\"modules_to_not_convert\":[1]}}", U, "modules_to_not_convert: expected \"lm_head\" alone, found [1]"},
    {C, "{" ARCH ",\"vocab_size\":0}", F, "config.json: vocab_size: expected a number of tokens, found 0"},
    {C, "{" ARCH ",\"vocab_size\":-1}", F, "vocab_size: expected a number of tokens, found -1"},
    {C, "{" ARCH ",\"vocab_size\":100.0}", F, "vocab_size: expected a number of tokens, found 100.0"},
    {C, "{" ARCH ",\"vocab_size\":2147483648}", F, "vocab_size: expected a number of tokens, found 2147483648"},
    {C, "{" ARCH ",\"vocab_size\":\"100\"}", F, "vocab_size: expected a number of tokens, found \"100\""},
    {C, "{" ARCH ",\"vocab_size\":100,\"bos_token_id\":100}", F, "config.json: bos_token_id: expected a token id of 0 to 99, found 100"},
    {C, "{" ARCH ",\"vocab_size\":100,\"bos_token_id\":-1}", F, "bos_token_id: expected a token id of 0 to 99, found -1"},
    {C, "{" ARCH ",\"bos_token_id\":[1,2]}", F, "bos_token_id: expected a token id of 0 to 2147483646, found [1,2]"},
    {C, "{" ARCH ",\"bos_token_id\":\"<s>\"}", F, "bos_token_id: expected a token id"},
    {C, "{" ARCH ",\"vocab_size\":100,\"eos_token_id\":100}", F, "eos_token_id: expected a token id of 0 to 99, found 100"},
    {C, "{" ARCH ",\"vocab_size\":100,\"eos_token_id\":[5,100]}", F, "eos_token_id: expected a token id of 0 to 99, found 100"},
    {C, "{" ARCH ",\"eos_token_id\":1.5}", F, "eos_token_id: expected a token id"},
    {C, "{" ARCH ",\"eos_token_id\":[[1]]}", F, "eos_token_id: expected a token id of 0 to 2147483646, found [1]"},
    {C, "{" ARCH ",\"eos_token_id\":2147483647}", F, "eos_token_id: expected a token id of 0 to 2147483646, found 2147483647"},
    {C, "{" ARCH ",\"eos_token_id\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}", U,
     "eos_token_id: expected at most 16 tokens that end a text, found more"},
    {C, "{" ARCH ",\"a\":{\"b\":1},\"a.b\":2}", F, "config.json: expected one key 'a.b', found two"},
    {G, "{", F, "generation_config.json: byte 1: expected JSON: "},
    {G, "7", F, "generation_config.json: byte "},
    {G, "{\"eos_token_id\":100}", F, "generation_config.json: eos_token_id: expected a token id of 0 to 99, found 100"},
    {G, "{\"bos_token_id\":true}", F, "generation_config.json: bos_token_id: expected a token id of 0 to 99, found true"},
    {K, "{\"bos_token\":}", F, "tokenizer_config.json: byte "},
    {K, "{\"bos_token\":1}", F, "tokenizer_config.json: bos_token: expected a token's text, or an object with it as content, found 1"},
    {K, "{\"bos_token\":\"\"}", F, "tokenizer_config.json: bos_token: expected a token's text"},
    {K, "{\"eos_token\":{}}", F, "eos_token: expected a token's text, or an object with it as content, found an object"},
    {K, "{\"eos_token\":{\"content\":null}}", F, "eos_token: expected a token's text"},
    {K, "{\"eos_token\":[\"a\"]}", F, "eos_token: expected a token's text, or an object with it as content, found [\"a\"]"},
    {K, "{\"add_bos_token\":\"yes\"}", F, "add_bos_token: expected true or false, found \"yes\""},
    {K, "{\"add_bos_token\":1}", F, "add_bos_token: expected true or false, found 1"},
};

static void write_model(const struct folder *folder)
{
    folder_write_safetensors(folder, "model.safetensors", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", NULL, 8);
}

Test(weights_config, broken)
{
    struct folder folder;

    folder_create(&folder);
    write_model(&folder);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        folder_write_text(&folder, C, CONFIG_MULTIPLIES);
        folder_write_text(&folder, G, "{}");
        folder_write_text(&folder, K, "{}");
        setun_weights_close(expect_opened(&folder, "before"));
        folder_write_text(&folder, broken[i].file, broken[i].text);
        expect_refused(&folder, broken[i].text, broken[i].status, broken[i].fragment);
    }
    folder_remove(&folder);
}

Test(weights_config, not_files, .timeout = 20)
{
    struct folder folder;

    folder_create(&folder);
    write_model(&folder);
    expect_refused(&folder, "no config.json", SETUN_ERR_NOT_FOUND, "/config.json: ");
    cr_assert_eq(mkdir(folder_file(&folder, C), 0700), 0);
    expect_refused(&folder, "a folder", SETUN_ERR_IO, "config.json: expected a regular file");
    cr_assert_eq(rmdir(folder_file(&folder, C)), 0);
    cr_assert_eq(mkfifo(folder_file(&folder, C), 0600), 0);
    expect_refused(&folder, "a FIFO", SETUN_ERR_IO, "config.json: expected a regular file");
    cr_assert_eq(unlink(folder_file(&folder, C)), 0);

    /* Optional files may be missing, but not be something else. */
    folder_write_text(&folder, C, CONFIG_MULTIPLIES);
    setun_weights_close(expect_opened(&folder, "config.json alone"));
    cr_assert_eq(mkdir(folder_file(&folder, G), 0700), 0);
    expect_refused(&folder, "a folder", SETUN_ERR_IO, "generation_config.json: expected a regular file");
    folder_remove(&folder);
}

Test(weights_config, limits)
{
    enum { LIMIT = 16 << 20, DEPTH = 2000, KEY = 4000 };
    struct folder folder;
    char *text, *at;

    folder_create(&folder);
    write_model(&folder);
    folder_write_text(&folder, C, CONFIG_MULTIPLIES);
    cr_assert_eq(truncate(folder_file(&folder, C), LIMIT + 1), 0);
    expect_refused(&folder, "too large", SETUN_ERR_FORMAT, "config.json: ");
    expect_refused(&folder, "too large", SETUN_ERR_FORMAT, "16777216 bytes");

    /* 8 MiB of nested long keys: their dotted paths would take gigabytes. */
    text = malloc((size_t)DEPTH * (KEY + 8) + 64);
    cr_assert_not_null(text);
    at = text + sprintf(text, "{" ARCH);
    for (int i = 0; i < DEPTH; i++) {
        at += sprintf(at, i == 0 ? ",\"" : "{\"");
        memset(at, 'k', KEY);
        at += KEY;
        at += sprintf(at, "\":");
    }
    *at++ = '1';
    memset(at, '}', DEPTH);
    at[DEPTH] = '\0';
    folder_write_text(&folder, C, text);
    setun_weights_close(expect_opened(&folder, "deep"));

    /* The same breadth at a depth that is followed: a long key with many members below it. */
    at = text + sprintf(text, "{" ARCH ",\"");
    memset(at, 'k', 100000);
    at += 100000;
    at += sprintf(at, "\":{\"a\":1");
    for (int i = 0; i < 200; i++)
        at += sprintf(at, ",\"%d\":1", i);
    strcpy(at, "}}");
    folder_write_text(&folder, C, text);
    expect_refused(&folder, "multiplied keys", SETUN_ERR_FORMAT, "config.json: expected keys of at most 16777216 bytes together");
    free(text);
    folder_remove(&folder);
}

/* A string of the config that is shown in an error is one short line, whatever it holds. */
Test(weights_config, shown_values_are_tame)
{
    struct folder folder;
    char text[6000];
    setun_weights *weights = NULL;
    setun_error error = {{0}};

    folder_create(&folder);
    write_model(&folder);
    memset(text, 'v', sizeof(text));
    memcpy(text, "{\"architectures\":\"\\u001b[31m\\n", 30);
    strcpy(text + 5000, "\"}");
    folder_write_text(&folder, C, text);
    expect_refused(&folder, "controls", SETUN_ERR_FORMAT, "architectures: expected an array that starts with a name, found ");
    cr_expect_eq(setun_weights_open(folder.path, &weights, &error), SETUN_ERR_FORMAT);
    cr_expect_null(strchr(error.text, 0x1b));
    cr_expect_lt(strlen(error.text), strlen(folder.path) + 200);
    folder_remove(&folder);
}

Test(weights_config, text_settings)
{
    static const struct {
        const char *config, *generation, *tokenizer;
        int32_t     bos;
        bool        add_bos;
        size_t      n_stops;
        int32_t     stops[4];
        const char *bos_text, *eos_text;
    } good[] = {
        {"{" ARCH "}", "{}", "{}", -1, false, 0, {0}, NULL, NULL},
        {"{" ARCH ",\"bos_token_id\":null,\"eos_token_id\":null}", "{}", "{\"bos_token\":null}", -1, false, 0, {0}, NULL, NULL},
        {"{" ARCH ",\"bos_token_id\":7,\"eos_token_id\":8}", "{}", "{}", 7, true, 1, {8}, NULL, NULL},
        {"{" ARCH ",\"bos_token_id\":7,\"eos_token_id\":8}", "{}", "{\"add_bos_token\":false}", 7, false, 1, {8}, NULL, NULL},
        {"{" ARCH ",\"bos_token_id\":[7],\"eos_token_id\":[8,9,8]}", "{\"bos_token_id\":6,\"eos_token_id\":[9,10]}", "{}", 7, true, 3,
         {8, 9, 10}, NULL, NULL},
        {"{" ARCH "}", "{\"bos_token_id\":6,\"eos_token_id\":0}", "{}", 6, true, 1, {0}, NULL, NULL},
        {"{" ARCH ",\"vocab_size\":100,\"eos_token_id\":99}", "{\"eos_token_id\":[]}", "{}", -1, false, 1, {99}, NULL, NULL},
        /* 2B4T: two names for the end. What its tokenizer_config.json calls model_max_length is 10^30, which is no integer of C. */
        {"{" ARCH ",\"bos_token_id\":128000,\"eos_token_id\":128001}", "{}",
         "{\"bos_token\":{\"content\":\"<|begin_of_text|>\",\"lstrip\":false},\"eos_token\":\"<|eot_id|>\","
         "\"model_max_length\":1000000000000000019884624838656,\"added_tokens_decoder\":{\"128000\":{\"special\":true}}}",
         128000, true, 1, {128001}, "<|begin_of_text|>", "<|eot_id|>"},
    };
    struct folder folder;

    folder_create(&folder);
    write_model(&folder);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        setun_weights *weights;
        const setun_text_settings *text;

        folder_write_text(&folder, C, good[i].config);
        folder_write_text(&folder, G, good[i].generation);
        folder_write_text(&folder, K, good[i].tokenizer);
        weights = expect_opened(&folder, good[i].config);
        text = setun_weights_text(weights);
        cr_expect_eq(text->bos, good[i].bos, "case %zu", i);
        cr_expect_eq(text->add_bos, good[i].add_bos, "case %zu", i);
        cr_assert_eq(text->n_stops, good[i].n_stops, "case %zu", i);
        for (size_t j = 0; j < text->n_stops; j++)
            cr_expect_eq(text->stops[j], good[i].stops[j], "case %zu", i);
        cr_expect((text->bos_text == NULL) == (good[i].bos_text == NULL), "case %zu", i);
        cr_expect((text->eos_text == NULL) == (good[i].eos_text == NULL), "case %zu", i);
        if (text->bos_text != NULL && good[i].bos_text != NULL)
            cr_expect_str_eq(text->bos_text, good[i].bos_text);
        if (text->eos_text != NULL && good[i].eos_text != NULL)
            cr_expect_str_eq(text->eos_text, good[i].eos_text);
        setun_weights_close(weights);
    }
    folder_remove(&folder);
}

Test(weights_config, dotted_paths)
{
    struct folder folder;
    setun_weights *weights;
    setun_error error = {{0}};
    setun_meta meta = {0};
    bool found = false;

    folder_create(&folder);
    write_model(&folder);
    folder_write_text(&folder, C, "{" ARCH ",\"a\":{\"b\":{\"c\":-3,\"n\":null},\"list\":[1]},\"top\":null,\"empty\":{},\"i\":"
                                  "-9223372036854775808,\"a.x\":\"dot\",\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":8}}}}}}}}");
    weights = expect_opened(&folder, "dotted");
    cr_assert_eq(setun_weights_meta(weights, "a.b.c", &found, &meta, &error), SETUN_OK);
    cr_expect(found && meta.type == SETUN_META_INT && meta.i == -3);
    cr_assert_eq(setun_weights_meta(weights, "a.x", &found, &meta, &error), SETUN_OK);
    cr_expect(found && meta.type == SETUN_META_STRING && strcmp(meta.s, "dot") == 0);
    cr_assert_eq(setun_weights_meta(weights, "i", &found, &meta, &error), SETUN_OK);
    cr_expect(found && meta.i == INT64_MIN);
    cr_assert_eq(setun_weights_meta(weights, "1.2.3.4.5.6.7.8", &found, &meta, &error), SETUN_OK);
    cr_expect(found && meta.i == 8);
    for (const char *const *key = (const char *const[]){"a.b.n", "top", "b", "a.", ".a", "a..b", NULL}; *key != NULL; key++) {
        cr_assert_eq(setun_weights_meta(weights, *key, &found, &meta, &error), SETUN_OK, "%s", *key);
        cr_expect(!found, "%s", *key);
    }
    for (const char *const *key = (const char *const[]){"a", "a.b", "a.list", "empty", "a.b.c.d", "a.list.0", NULL}; *key != NULL; key++)
        cr_expect_eq(setun_weights_meta(weights, *key, &found, &meta, &error), SETUN_ERR_FORMAT, "%s", *key);
    setun_weights_close(weights);
    folder_remove(&folder);
}

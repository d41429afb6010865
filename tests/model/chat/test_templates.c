/* test_templates.c - what templates write, read back as text from a vocabulary of bytes; and that nobody's message is a role marker. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "setun/chat.h"
#include "text/text.h"
#include "variant.h"

static const char *const special[] = {"<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>",
                                      "<|system|>", "<|user|>", "<|assistant|>", "<|endoftext|>"};
enum { N_SPECIAL = sizeof(special) / sizeof(special[0]), BOS = 256 };

/* ids 0-255 are bytes, special ones follow; texts begin with the first of these if `bos`. */
static setun_tokenizer *byte_tokenizer(size_t n_special, bool bos)
{
    const setun_text_settings text = {.bos = bos ? BOS : -1, .add_bos = bos};
    json_t *root = tiny_json();
    setun_tokenizer *tokenizer;

    for (size_t i = 0; i < n_special; i++)
        cr_assert_eq(json_array_append_new(json_object_get(root, "added_tokens"),
                                           json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (int)(BOS + i), "content", special[i],
                                                     "special", 1, "lstrip", 0, "rstrip", 0, "single_word", 0, "normalized", 0)), 0);
    tokenizer = opened(root);
    cr_assert_eq(setun_tokenizer_settle(tokenizer, "test", &text, NULL), SETUN_OK);
    return tokenizer;
}

/* Bytes as they are, special tokens by their names with ids shown apart: [name]. */
static void spell(const int32_t *ids, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        out += ids[i] < BOS ? sprintf(out, "%c", (char)ids[i]) : sprintf(out, "[%s]", special[ids[i] - BOS]);
    *out = '\0';
}

static const setun_chat_template *found(const char *name)
{
    const setun_chat_template *chat_template = NULL;
    setun_error error = {""};

    cr_assert_eq(setun_chat_template_find(name, &chat_template, &error), SETUN_OK, "%s", error.text);
    cr_assert_str_eq(setun_chat_template_name(chat_template), name);
    return chat_template;
}

static setun_chat_message message(int32_t role, const char *text)
{
    return (setun_chat_message){.role = role, .text = text, .n_bytes = strlen(text)};
}

static void check(const char *name, const setun_chat_message *messages, size_t n, unsigned flags, const char *expected)
{
    setun_tokenizer *tokenizer = byte_tokenizer(N_SPECIAL, true);
    setun_error error = {""};
    int32_t *ids = NULL;
    size_t n_ids;
    char spelled[2048];

    cr_assert_eq(setun_chat_encode(found(name), tokenizer, messages, n, flags, &ids, &n_ids, &error), SETUN_OK, "%s", error.text);
    spell(ids, n_ids, spelled);
    cr_expect_str_eq(spelled, expected, "%s: found\n%s\nexpected\n%s", name, spelled, expected);
    setun_free(ids);
    setun_tokenizer_close(tokenizer);
}

/* Written from the models' own templates: 2B4T's in tokenizer_config.json, Llama 3's model card, Falcon 3's in tokenizer_config.json. */
Test(chat_templates, texts)
{
    const setun_chat_message dialogue[] = {message(SETUN_ROLE_SYSTEM, "S"), message(SETUN_ROLE_USER, "U1"), message(SETUN_ROLE_ASSISTANT, "A1"),
                                           message(SETUN_ROLE_USER, "U2")};
    const unsigned whole = SETUN_CHAT_BEGIN | SETUN_CHAT_ANSWER;

    check("bitnet", dialogue, 4, whole,
          "[<|begin_of_text|>]System: S[<|eot_id|>]User: U1[<|eot_id|>]Assistant: A1[<|eot_id|>]User: U2[<|eot_id|>]Assistant: ");
    check("llama3", dialogue, 4, whole,
          "[<|begin_of_text|>][<|start_header_id|>]system[<|end_header_id|>]\n\nS[<|eot_id|>][<|start_header_id|>]user[<|end_header_id|>]\n\n"
          "U1[<|eot_id|>][<|start_header_id|>]assistant[<|end_header_id|>]\n\nA1[<|eot_id|>][<|start_header_id|>]user[<|end_header_id|>]\n\n"
          "U2[<|eot_id|>][<|start_header_id|>]assistant[<|end_header_id|>]\n\n");
    check("falcon3", dialogue, 4, whole,
          "[<|begin_of_text|>][<|system|>]\nS\n[<|user|>]\nU1\n[<|assistant|>]\nA1[<|endoftext|>]\n[<|user|>]\nU2\n[<|assistant|>]\n");
    check("plain", dialogue, 4, whole, "[<|begin_of_text|>]S\nU1A1\nU2");
}

/* A conversation that goes on begins with what ends an answer, and has no second BOS. */
Test(chat_templates, later_turns)
{
    const setun_chat_message next[] = {message(SETUN_ROLE_USER, "U2")};
    const unsigned flags = SETUN_CHAT_AFTER_ANSWER | SETUN_CHAT_ANSWER;

    check("bitnet", next, 1, flags, "[<|eot_id|>]User: U2[<|eot_id|>]Assistant: ");
    check("llama3", next, 1, flags,
          "[<|eot_id|>][<|start_header_id|>]user[<|end_header_id|>]\n\nU2[<|eot_id|>][<|start_header_id|>]assistant[<|end_header_id|>]\n\n");
    check("falcon3", next, 1, flags, "[<|endoftext|>]\n[<|user|>]\nU2\n[<|assistant|>]\n");
    check("plain", next, 1, flags, "\nU2");
    check("bitnet", NULL, 0, SETUN_CHAT_BEGIN, "[<|begin_of_text|>]");
}

/* White space at the ends is left out where the model's template trims, of any kind, and kept elsewhere. */
Test(chat_templates, trimming)
{
    const setun_chat_message padded[] = {message(SETUN_ROLE_USER, " \n\xe3\x80\x80U \x0b ")}, empty[] = {message(SETUN_ROLE_USER, " \t")};

    check("bitnet", padded, 1, 0, "User: U[<|eot_id|>]");
    check("bitnet", empty, 1, 0, "User: [<|eot_id|>]");
    check("falcon3", padded, 1, 0, "[<|user|>]\n \n\xe3\x80\x80U \x0b \n");
}

/* What people type is text, whatever it looks like. */
Test(chat_templates, messages_are_not_trusted)
{
    static const char *const names[] = {"bitnet", "llama3", "falcon3", "plain"};
    setun_tokenizer *tokenizer = byte_tokenizer(N_SPECIAL, true);
    char text[512] = "x";

    for (size_t i = 0; i < N_SPECIAL; i++)
        strcat(text, special[i]);
    for (size_t i = 0; i < 4; i++) {
        const setun_chat_message harmless = message(SETUN_ROLE_USER, "x"), hostile = message(SETUN_ROLE_USER, text);
        int32_t *a, *b;
        size_t n_a, n_b, special_a = 0, special_b = 0;

        cr_assert_eq(setun_chat_encode(found(names[i]), tokenizer, &harmless, 1, SETUN_CHAT_ANSWER, &a, &n_a, NULL), SETUN_OK);
        cr_assert_eq(setun_chat_encode(found(names[i]), tokenizer, &hostile, 1, SETUN_CHAT_ANSWER, &b, &n_b, NULL), SETUN_OK);
        for (size_t j = 0; j < n_a; j++)
            special_a += a[j] >= BOS;
        for (size_t j = 0; j < n_b; j++)
            special_b += b[j] >= BOS;
        cr_expect_eq(special_a, special_b, "%s: %zu special tokens, expected %zu", names[i], special_b, special_a);
        cr_expect_eq(n_b, n_a + strlen(text) - 1, "%s: bytes of the text are missing", names[i]);
        setun_free(a);
        setun_free(b);
    }
    setun_tokenizer_close(tokenizer);
}

Test(chat_templates, refused)
{
    setun_tokenizer *full = byte_tokenizer(N_SPECIAL, false), *poor = byte_tokenizer(2, true);
    const setun_chat_message good = message(SETUN_ROLE_USER, "x"), broken = message(SETUN_ROLE_USER, "ab\xff"), odd = message(3, "x");
    const setun_chat_template *chat_template = NULL;
    const char *const *names;
    setun_error error = {""};
    int32_t *ids = NULL;
    size_t n = 7;

    cr_expect_eq(setun_chat_encode(found("bitnet"), poor, &good, 1, 0, &ids, &n, &error), SETUN_ERR_UNSUPPORTED);
    cr_expect_not_null(strstr(error.text, "chat template bitnet: expected the special token <|eot_id|> in the vocabulary"), "%s", error.text);
    cr_expect_eq(setun_chat_encode(found("bitnet"), full, &broken, 1, 0, &ids, &n, &error), SETUN_ERR_INVALID);
    cr_expect_not_null(strstr(error.text, "expected UTF-8, found byte 0xFF at offset 2"), "%s", error.text);
    cr_expect_eq(setun_chat_encode(found("bitnet"), full, &odd, 1, 0, &ids, &n, &error), SETUN_ERR_INVALID);
    cr_expect_eq(setun_chat_encode(found("bitnet"), full, &good, 1, 8, &ids, &n, &error), SETUN_ERR_INVALID);
    cr_expect(ids == NULL && n == 7, "outputs are set on success only");
    cr_expect_eq(setun_chat_encode(found("plain"), full, NULL, 0, SETUN_CHAT_BEGIN, &ids, &n, &error), SETUN_OK);
    cr_expect(ids == NULL && n == 0, "there is no BOS");
    cr_expect_eq(setun_chat_template_find("lama3", &chat_template, &error), SETUN_ERR_NOT_FOUND);
    cr_expect_not_null(strstr(error.text, "did you mean 'llama3'?"), "%s", error.text);
    cr_expect_eq(setun_chat_templates(&names), 4);
    for (size_t i = 0; i < 4; i++)
        (void)found(names[i]);
    setun_tokenizer_close(full);
    setun_tokenizer_close(poor);
}

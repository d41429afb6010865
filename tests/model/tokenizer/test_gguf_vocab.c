/* test_gguf_vocab.c - tokenizers from GGUF metadata: fable's golden ids, the named cuts piece by piece, and what is refused. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "gguf_arrays.h"
#include "variant.h"

static setun_tokenizer *built(const setun_gguf_vocab *gguf, const char *pre)
{
    setun_tokenizer *tokenizer = NULL;
    setun_error error = {{0}};

    cr_assert_eq(setun_tokenizer_build(gguf, pre, &tokenizer, &error), SETUN_OK, "%s", error.text);
    return tokenizer;
}

/* Hugging Face's ids of fable's golden lines, trusted and not, from the same vocabulary in GGUF's form. */
Test(tokenizer_gguf, fable_golden)
{
    gguf_arrays arrays = gguf_arrays_make(fable_json(), "llama-bpe");
    setun_tokenizer *tokenizer = built(&arrays.vocab, NULL);
    json_t *lines = jsonl_read(GOLDEN "/tokenizer.jsonl"), *line;
    int origin = -1;
    size_t i;

    cr_assert_eq(setun_tokenizer_size(tokenizer), 4096);
    cr_assert_str_eq(setun_tokenizer_pre(tokenizer, &origin), "llama-bpe");
    cr_assert_eq(origin, SETUN_PRE_FILE);
    cr_assert_eq(json_array_size(lines), 48);
    json_array_foreach(lines, i, line)
    {
        static const struct {
            const char *key;
            unsigned flags;
        } kinds[] = {{"ids_plain", SETUN_TEXT_TRUSTED}, {"ids_user", SETUN_TEXT_USER}};
        const json_t *text = json_object_get(line, "text");

        for (size_t j = 0; j < 2; j++) {
            size_t n, n_back;
            int32_t *ids = encoded(tokenizer, json_string_value(text), json_string_length(text), kinds[j].flags, &n);
            char *back = decoded(tokenizer, ids, n, &n_back);

            check_ids("fable as GGUF", json_string_value(text), json_object_get(line, kinds[j].key), ids, n);
            cr_expect(n_back == json_string_length(text) && memcmp(back, json_string_value(text), n_back) == 0);
            free(back);
            setun_free(ids);
        }
    }
    json_decref(lines);
    setun_tokenizer_close(tokenizer);
    gguf_arrays_free(&arrays);
}

/* A special token is found by its name, and never in untrusted text. */
Test(tokenizer_gguf, kinds_of_tokens)
{
    gguf_arrays arrays = gguf_arrays_make(fable_json(), NULL);
    setun_tokenizer *tokenizer;
    static const char text[] = "a<|eot_id|><user>b";
    size_t n, n_bytes;
    bool special;
    int32_t *ids;

    arrays.tokens[4000] = (setun_name){"<user>", 6};
    arrays.types[4000] = 4;
    arrays.tokens[4001] = (setun_name){"unused", 6};
    arrays.types[4001] = 5;
    arrays.vocab.n_merges = 0; /* some would speak of the tokens that were replaced */
    tokenizer = built(&arrays.vocab, "llama-bpe");
    cr_assert_eq(setun_tokenizer_find(tokenizer, "<|eot_id|>", 10), 4095);
    cr_assert_eq(setun_tokenizer_find(tokenizer, "unused", 6), -1);
    cr_assert_eq(memcmp(setun_tokenizer_token(tokenizer, 4001, &n_bytes, &special), "unused", 6), 0);
    cr_assert(n_bytes == 6 && !special);
    (void)setun_tokenizer_token(tokenizer, 4095, &n_bytes, &special);
    cr_assert(special);
    ids = encoded(tokenizer, text, strlen(text), SETUN_TEXT_TRUSTED, &n);
    cr_assert(n == 4 && ids[1] == 4095 && ids[2] == 4000);
    setun_free(ids);
    ids = encoded(tokenizer, text, strlen(text), SETUN_TEXT_USER, &n);
    cr_assert_gt(n, 5);
    for (size_t i = 0; i < n; i++)
        cr_assert_neq(ids[i], 4095);
    cr_assert_eq(ids[n - 2], 4000, "user-defined tokens are no special ones");
    setun_free(ids);
    setun_tokenizer_close(tokenizer);
    gguf_arrays_free(&arrays);
}

/* text cut by the named rules, pieces in brackets. */
static void check_pieces(const char *pre_name, const char *text, const char *expected)
{
    const setun_pre *pre = NULL;
    setun_pretokenizer pretokenizer = {.n_steps = 0};
    setun_pretoken_work work = {.context = NULL};
    setun_error error = {{0}};
    char found[256];
    size_t n = 0;

    cr_assert_eq(setun_pre_find(pre_name, &pre, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_pre_load(pre, &pretokenizer, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_pretokenizer_run(&pretokenizer, text, strlen(text), &work, &error), SETUN_OK, "%s", error.text);
    for (size_t i = 0; i < work.result->n; i++)
        n += (size_t)snprintf(found + n, sizeof(found) - n, "[%.*s]", (int)(work.result->items[i].end - work.result->items[i].begin),
                              work.text + work.result->items[i].begin);
    cr_expect_str_eq(found, expected, "%s: \"%s\": found %s, expected %s", pre_name, text, found, expected);
    setun_pretoken_work_free(&work);
    setun_pretokenizer_free(&pretokenizer);
}

Test(tokenizer_gguf, named_cuts)
{
    check_pieces("llama-bpe", "read_file", "[read][_file]");
    check_pieces("default", "read_file", "[read][_][file]");
    check_pieces("llama-bpe", "1 + 1 =", "[1][ +][ ][1][ =]");
    check_pieces("default", "1 + 1 =", "[1][ ][+][ ][1][ ][=]");
    check_pieces("gpt-2", "1 + 1 =", "[1][ +][ 1][ =]");
    check_pieces("falcon3", "12345 a", "[123][45][ a]");
    check_pieces("falcon_e", "12345 a", "[123][45][ a]");
    check_pieces("llama3", "I'LL", "[I]['LL]");
    check_pieces("gpt-2", "I'LL", "[I]['][LL]");
    check_pieces("default", "I'll", "[I]['][ll]");
    check_pieces("default", "12345678 x9", "[123][456][78][ x][9]");
    check_pieces("default", "a  b\n\tc", "[a][ ][ b][\n][\t][c]");
    check_pieces("gpt-2", "a  b\n\tc", "[a][ ][ b][\n][\t][c]");
    check_pieces("default", "\xc2\xbd$\xc2\xb2\xc2\xa3 \xe2\x82\xac", "[\xc2\xbd][$][\xc2\xb2][\xc2\xa3][ \xe2\x82\xac]");
    check_pieces("default", "x ...", "[x][ ][...]");
}

/* One thing wrong in a small vocabulary of 256 bytes, ids 256 "ab" and 257 "<c>" (control), and the merge "a b". */
static void check_refused(const char *what, void (*spoil)(gguf_arrays *), setun_status status, const char *text)
{
    json_t *root = tiny_json();
    gguf_arrays arrays;
    setun_tokenizer *tokenizer = NULL;
    setun_error error = {{0}};
    json_t *token = json_pack("{s:i, s:s, s:b}", "id", 257, "content", "<c>", "special", 1);

    cr_assert_eq(json_object_set_new(json_object_get(json_object_get(root, "model"), "vocab"), "ab", json_integer(256)), 0);
    cr_assert_eq(json_array_append_new(json_object_get(root, "added_tokens"), token), 0);
    cr_assert_eq(json_array_append_new(json_object_get(json_object_get(root, "model"), "merges"), json_string("a b")), 0);
    arrays = gguf_arrays_make(root, "llama-bpe");
    setun_tokenizer_close(built(&arrays.vocab, NULL));
    spoil(&arrays);
    cr_expect_eq(setun_tokenizer_build(&arrays.vocab, NULL, &tokenizer, &error), status, "%s: %s", what, error.text);
    cr_expect_null(tokenizer);
    cr_expect_not_null(strstr(error.text, text), "%s: found \"%s\"", what, error.text);
    gguf_arrays_free(&arrays);
}

#define SPOIL(name, code)                  \
    static void name(gguf_arrays *a)       \
    {                                      \
        code;                              \
    }
SPOIL(no_tokens, a->vocab.n_tokens = 0)
SPOIL(no_byte, a->tokens[65] = ((setun_name){"zz", 2}))
SPOIL(twice, a->tokens[256] = ((setun_name){"b", 1}))
SPOIL(control_twice, (a->tokens[256] = ((setun_name){"<c>", 3}), a->types[256] = 3))
SPOIL(broken_name, a->tokens[256] = ((setun_name){"a\xff", 2}))
SPOIL(cut_name, a->tokens[256] = ((setun_name){"a\xc4\xa0", 2}))
SPOIL(byte_type, a->types[256] = 6)
SPOIL(odd_type, a->types[256] = 0)
SPOIL(negative_type, a->types[256] = INT32_MIN)
SPOIL(no_blank, a->merges[0] = ((setun_name){"ab", 2}))
SPOIL(two_blanks, a->merges[0] = ((setun_name){"a b c", 5}))
SPOIL(empty_merge, a->merges[0] = ((setun_name){"", 0}))
SPOIL(broken_merge, a->merges[0] = ((setun_name){"a \xe2\x82", 4}))
SPOIL(unknown_half, a->merges[0] = ((setun_name){"a zz", 4}))
SPOIL(unknown_whole, a->merges[0] = ((setun_name){"b a", 3}))
SPOIL(special_half, a->merges[0] = ((setun_name){"a <c>", 5}))
SPOIL(unknown_pre, a->vocab.pre = "llama-bpf")
SPOIL(no_pre, a->vocab.pre = NULL)

static char long_name[2000];
static void long_control(gguf_arrays *a)
{
    memset(long_name, 'x', sizeof(long_name));
    a->tokens[257] = (setun_name){long_name, sizeof(long_name)};
}

Test(tokenizer_gguf, refused)
{
    static const struct {
        const char *what;
        void (*spoil)(gguf_arrays *);
        setun_status status;
        const char *text;
    } rows[] = {
        {"no tokens", no_tokens, SETUN_ERR_FORMAT, "tokenizer.ggml.tokens: expected 1 to"},
        {"no token for a byte", no_byte, SETUN_ERR_UNSUPPORTED, "found none for byte 0x41 (\"A\")"},
        {"a token twice", twice, SETUN_ERR_FORMAT, "tokenizer.ggml.tokens[256]: expected a token that is not there yet, found \"b\", which is number 98"},
        {"a control token twice", control_twice, SETUN_ERR_FORMAT, "tokenizer.ggml.tokens: expected each content once, found \"<c>\" twice"},
        {"a name that is no UTF-8", broken_name, SETUN_ERR_FORMAT, "tokens[256]: expected UTF-8, found byte 0xFF at its offset 1"},
        {"a name that is cut off", cut_name, SETUN_ERR_FORMAT, "tokens[256]: expected UTF-8, found byte 0xC4 at its offset 1"},
        {"a byte token", byte_type, SETUN_ERR_UNSUPPORTED, "token_type[256]: expected 1 to 5, found 6 (a byte token"},
        {"type 0", odd_type, SETUN_ERR_FORMAT, "token_type[256]: expected 1 to 5, found 0"},
        {"a negative type", negative_type, SETUN_ERR_FORMAT, "found -2147483648"},
        {"a merge without a blank", no_blank, SETUN_ERR_FORMAT, "merges[0]: expected two names with one blank between them, found \"ab\""},
        {"a merge with two", two_blanks, SETUN_ERR_FORMAT, "merges[0]: expected two names with one blank"},
        {"an empty merge", empty_merge, SETUN_ERR_FORMAT, "merges[0]: expected two names with one blank"},
        {"a merge that is no UTF-8", broken_merge, SETUN_ERR_FORMAT, "merges[0]: expected two names with one blank"},
        {"a merge of an unknown name", unknown_half, SETUN_ERR_FORMAT, "merges[0]: expected a name of tokenizer.ggml.tokens, found \"zz\""},
        {"a merge to an unknown name", unknown_whole, SETUN_ERR_FORMAT, "merges[0]: expected the joined name in tokenizer.ggml.tokens, \"ba\""},
        {"a merge of a control token", special_half, SETUN_ERR_FORMAT, "expected a name of tokenizer.ggml.tokens, found \"<c>\""},
        {"an unknown pre-tokeniser", unknown_pre, SETUN_ERR_UNSUPPORTED, "found \"llama-bpf\"; did you mean 'llama-bpe'?"},
        {"no pre-tokeniser", no_pre, SETUN_ERR_UNSUPPORTED, "tokenizer.ggml.pre: expected a name, found none"},
        {"a control token of 2000 bytes", long_control, SETUN_ERR_UNSUPPORTED, "at most 1024 bytes"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_refused(rows[i].what, rows[i].spoil, rows[i].status, rows[i].text);
}

/* The official file of 2B4T names no cuts: its vocabulary is recognised by its size and special tokens, and only so. */
Test(tokenizer_gguf, recognised)
{
    enum { N = 128256 };
    static char names[N][8];
    static setun_name tokens[N];
    static int32_t types[N];
    gguf_arrays arrays = gguf_arrays_make(tiny_json(), NULL);
    setun_gguf_vocab vocab = {.path = "test.gguf", .tokens = tokens, .n_tokens = N, .types = types};
    setun_tokenizer *tokenizer;
    setun_error error = {{0}};
    int origin = -1;

    for (size_t i = 0; i < N; i++) {
        tokens[i] = (setun_name){names[i], (size_t)snprintf(names[i], sizeof(names[i]), "%zu", i + 1000)};
        types[i] = i < 128000 ? 1 : 3;
        if (i < 256)
            tokens[i] = arrays.tokens[i];
    }
    cr_expect_eq(setun_tokenizer_build(&vocab, NULL, &tokenizer, &error), SETUN_ERR_UNSUPPORTED);
    cr_expect_not_null(strstr(error.text, "--pre NAME"), "%s", error.text);
    tokens[128000] = (setun_name){"<|begin_of_text|>", 17};
    tokens[128001] = (setun_name){"<|end_of_text|>", 15};
    tokens[128009] = (setun_name){"<|eot_id|>", 10};
    tokenizer = built(&vocab, NULL);
    cr_expect_str_eq(setun_tokenizer_pre(tokenizer, &origin), "llama-bpe");
    cr_expect_eq(origin, SETUN_PRE_RECOGNISED);
    setun_tokenizer_close(tokenizer);
    tokenizer = built(&vocab, "default");
    cr_expect_str_eq(setun_tokenizer_pre(tokenizer, &origin), "default");
    cr_expect_eq(origin, SETUN_PRE_GIVEN);
    setun_tokenizer_close(tokenizer);
    vocab.n_tokens = N - 1;
    cr_expect_eq(setun_tokenizer_build(&vocab, NULL, &tokenizer, &error), SETUN_ERR_UNSUPPORTED);
    gguf_arrays_free(&arrays);
}

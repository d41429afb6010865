/* test_broken.c - tokenizer.json with one thing wrong: the status, and a text that names the place. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "variant.h"

#define F SETUN_ERR_FORMAT
#define U SETUN_ERR_UNSUPPORTED

#define TOKEN(id, content)                                                                                                         \
    "{\"id\":" id ",\"content\":" content                                                                                          \
    ",\"special\":true,\"lstrip\":false,\"rstrip\":false,\"single_word\":false,\"normalized\":false}"
#define BYTE_LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}"
#define SEQUENCE(step) "{\"type\":\"Sequence\",\"pretokenizers\":[" step "," BYTE_LEVEL "]}"
#define SPLIT(pattern) SEQUENCE("{\"type\":\"Split\",\"pattern\":" pattern ",\"behavior\":\"Isolated\",\"invert\":false}")
#define REGEX(regex) SPLIT("{\"Regex\":\"" regex "\"}")

/* tiny_json with the field at `path` (names with dots; numbers index arrays, + appends) set to `value` (JSON), or removed. */
static const struct row {
    const char *path, *value;
    setun_status status;
    const char *text; /* a part of the error */
} rows[] = {
    {"version", "\"2.0\"", F, "version: expected \"1.0\", found 2.0"},
    {"version", "1", F, "version: expected \"1.0\", found an integer"},
    {"model", NULL, F, "model: expected an object, found nothing"},
    {"model", "[]", F, "model: expected an object, found an array"},
    {"model.type", "\"WordPiece\"", U, "model.type: expected BPE, found \"WordPiece\""},
    {"model.type", "3", F, "model.type: expected a string, found an integer"},
    {"model.vocab", NULL, F, "model.vocab: expected an object of names and ids, found nothing"},
    {"model.vocab", "[\"a\"]", F, "model.vocab: expected an object of names and ids, found an array"},
    {"model.vocab", "{}", U, "model.vocab: expected a token for every byte, found none for byte 0x00"},
    {"model.vocab.A", NULL, U, "found none for byte 0x41 (\"A\")"},
    {"model.vocab.ab", "\"7\"", F, "model.vocab[\"ab\"]: expected an id, found a string"},
    {"model.vocab.ab", "1.5", F, "model.vocab[\"ab\"]: expected an id, found a number with a fraction"},
    {"model.vocab.ab", "-1", F, "model.vocab[\"ab\"]: expected an id from 0 to"},
    {"model.vocab.ab", "2147483648", F, "found 2147483648"},
    {"model.vocab.ab", "9223372036854775807", F, "found 9223372036854775807"},
    {"model.vocab.ab", "1000000", F, "found 1000000"},
    {"model.vocab.ab", "65", F, "another token has"},
    {"model.merges", NULL, F, "model.merges: expected an array, found nothing"},
    {"model.merges", "{}", F, "model.merges: expected an array, found an object"},
    {"model.merges.+", "5", F, "model.merges[0]: expected two strings, \"a b\", found an integer"},
    {"model.merges.+", "\"ab\"", F, "model.merges[0]: expected two strings, \"a b\", found a string"},
    {"model.merges.+", "\"a b c\"", F, "model.merges[0]: expected two strings, \"a b\", found a string"},
    {"model.merges", "[[\"a\",\"b\"],\"a b\"]", F, "model.merges[0]: expected the joined name in model.vocab, \"ab\" is not there"},
    {"model.merges", "[[\"a\"]]", F, "model.merges[0]: expected two strings, [\"a\", \"b\"], found another kind of array"},
    {"model.merges", "[[\"a\",1]]", F, "model.merges[0]: expected two strings, [\"a\", \"b\"], found another kind of array"},
    {"model.merges", "[[\"a\",\"b\",\"c\"]]", F, "model.merges[0]: expected two strings"},
    {"model.merges", "[[\"aa\",\"b\"]]", F, "model.merges[0]: expected a name of model.vocab, found \"aa\""},
    {"model.merges", "[\"a \"]", F, "model.merges[0]: expected a name of model.vocab, found \"\""},
    {"model.merges", "[\"a bb\"]", F, "model.merges[0]: expected a name of model.vocab, found \"bb\""},
    {"model.dropout", "0.1", U, "model.dropout: expected null or 0, found 0.1"},
    {"model.dropout", "\"no\"", F, "model.dropout: expected null or a number, found a string"},
    {"model.continuing_subword_prefix", "\"##\"", U, "model.continuing_subword_prefix: expected null, found \"##\""},
    {"model.end_of_word_suffix", "\"</w>\"", U, "model.end_of_word_suffix: expected null, found \"</w>\""},
    {"model.unk_token", "7", F, "model.unk_token: expected null or a string, found an integer"},
    {"model.byte_fallback", "\"yes\"", F, "model.byte_fallback: expected true or false, found a string"},
    {"model.ignore_merges", "1", F, "model.ignore_merges: expected true or false, found an integer"},
    {"normalizer", "{\"type\":\"NFC\"}", U, "normalizer: expected null, found type \"NFC\""},
    {"normalizer", "{}", F, "normalizer.type: expected a string, found nothing"},
    {"normalizer", "\"NFC\"", F, "normalizer: expected an object, found a string"},
    {"decoder", "{\"type\":\"Metaspace\"}", U, "decoder.type: expected ByteLevel, found \"Metaspace\""},
    {"pre_tokenizer", "null", U, "pre_tokenizer: expected one with a ByteLevel step, found null"},
    {"pre_tokenizer", NULL, U, "pre_tokenizer: expected one with a ByteLevel step, found nothing"},
    {"pre_tokenizer", "7", F, "pre_tokenizer: expected an object, found an integer"},
    {"pre_tokenizer", "{\"type\":\"Metaspace\"}", U,
     "pre_tokenizer.type: expected ByteLevel, Split, Digits or Punctuation, found \"Metaspace\""},
    {"pre_tokenizer", "{\"type\":\"ByteLevel\"}", F, "pre_tokenizer.add_prefix_space: expected true or false, found nothing"},
    {"pre_tokenizer", "{\"type\":\"Sequence\"}", F, "pre_tokenizer.pretokenizers: expected an array, found nothing"},
    {"pre_tokenizer", "{\"type\":\"Sequence\",\"pretokenizers\":[]}", U, "expected a ByteLevel step, found none"},
    {"pre_tokenizer", SEQUENCE(BYTE_LEVEL), U, "pre_tokenizer.pretokenizers[1]: expected one ByteLevel step, found a second"},
    {"pre_tokenizer", SEQUENCE("3"), F, "pre_tokenizer.pretokenizers[0]: expected an object, found an integer"},
    {"pre_tokenizer", SEQUENCE("{\"type\":\"Sequence\",\"pretokenizers\":[]}"), U, "found \"Sequence\""},
    {"pre_tokenizer", SEQUENCE("{\"type\":\"Digits\"}"), F,
     "pretokenizers[0].individual_digits: expected true or false, found nothing"},
    {"pre_tokenizer", SEQUENCE("{\"type\":\"Punctuation\",\"behavior\":\"Loud\"}"), F,
     "pretokenizers[0].behavior: expected Isolated"},
    {"pre_tokenizer", SEQUENCE("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"invert\":false}"), F,
     "pretokenizers[0].behavior: expected a string"},
    {"pre_tokenizer", SEQUENCE("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"Isolated\"}"), F,
     "pretokenizers[0].invert"},
    {"pre_tokenizer", SPLIT("\"a\""), F,
     "pretokenizers[0].pattern: expected {\"Regex\": \"...\"} or {\"String\": \"...\"}, found a string"},
    {"pre_tokenizer", SPLIT("{}"), F, "pretokenizers[0].pattern: expected"},
    {"pre_tokenizer", SPLIT("{\"Regex\":7}"), F, "pretokenizers[0].pattern: expected"},
    {"pre_tokenizer", REGEX("(a"), F, "pretokenizers[0].pattern: pattern: expected ), found the end"},
    {"pre_tokenizer", REGEX("a)"), F, "pretokenizers[0].pattern: pattern, byte 1: found ) without ("},
    {"pre_tokenizer", REGEX("[a"), F, "pattern: expected ], found the end"},
    {"pre_tokenizer", REGEX("*a"), U, "pattern, byte 0: found \"*a\": there is nothing that could be repeated"},
    {"pre_tokenizer", REGEX("(?<=a*)b"), F, "lookbehind"},
    {"pre_tokenizer", REGEX("\\\\p{Klingon}"), U, "a property that Setun does not have"},
    {"pre_tokenizer", REGEX("(a)\\\\1"), U, "pattern, byte 3: found \"\\1\""},
    {"added_tokens", "{}", F, "added_tokens: expected an array, found an object"},
    {"added_tokens.+", "1", F, "added_tokens[0]: expected an object, found an integer"},
    {"added_tokens.+", TOKEN("256", "7"), F, "added_tokens[0].content: expected a string, found an integer"},
    {"added_tokens.+", "{\"id\":256,\"content\":\"x\"}", F, "added_tokens[0].special: expected true or false, found nothing"},
    {"added_tokens.+", TOKEN("\"256\"", "\"<x>\""), F, "added_tokens[0].id: expected an id, found a string"},
    {"added_tokens.+", TOKEN("-5", "\"<x>\""), F, "added_tokens[0].id: expected an id from 0 to"},
    {"added_tokens.+", TOKEN("4611686018427387904", "\"<x>\""), F, "found 4611686018427387904"},
    {"added_tokens.+", TOKEN("65", "\"<x>\""), F, "added_tokens[0].id: expected an id of its own for \"<x>\", found 65"},
    {"added_tokens.+", TOKEN("256", "\"A\""), F, "added_tokens[0].id: expected 65, the id of \"A\" in model.vocab, found 256"},
    {"added_tokens", "[" TOKEN("256", "\"<x>\"") "," TOKEN("257", "\"<x>\"") "]", F,
     "expected each content once, found \"<x>\" twice"},
    {"added_tokens", "[" TOKEN("256", "\"<x>\"") "," TOKEN("256", "\"<y>\"") "]", F,
     "added_tokens[1].id: expected an id of its own"},
};

static void change(json_t *root, const char *path, const char *value_text)
{
    char copy[128], *rest = NULL, *step, *next;
    json_error_t fault;
    json_t *at = root, *value = value_text == NULL ? NULL : json_loads(value_text, JSON_DECODE_ANY, &fault);

    cr_assert(value_text == NULL || value != NULL, "%s", value_text);
    cr_assert_lt(strlen(path), sizeof(copy));
    strcpy(copy, path);
    step = strtok_r(copy, ".", &rest);
    for (; (next = strtok_r(NULL, ".", &rest)) != NULL; step = next)
        at = json_object_get(at, step);
    cr_assert_not_null(at);
    if (strcmp(step, "+") == 0)
        cr_assert_eq(json_array_append_new(at, value), 0);
    else if (value == NULL)
        cr_assert_eq(json_object_del(at, step), 0);
    else
        cr_assert_eq(json_object_set_new(at, step, value), 0);
}

Test(tokenizer_broken, fields)
{
    for (size_t i = 0; i < SETUN_COUNT(rows); i++) {
        json_t *root = tiny_json();
        setun_tokenizer *tokenizer = NULL;
        setun_error error = {{0}};

        change(root, rows[i].path, rows[i].value);
        cr_expect_eq(open_json(root, &tokenizer, &error), rows[i].status, "row %zu (%s): %s", i, rows[i].path, error.text);
        cr_expect_null(tokenizer);
        cr_expect_not_null(strstr(error.text, rows[i].text), "row %zu (%s): %s", i, rows[i].path, error.text);
        cr_expect_not_null(strstr(error.text, "/tokenizer.json: "), "row %zu: %s", i, error.text);
        json_decref(root);
    }
}

/* What may be there, or be absent, without harm. */
Test(tokenizer_broken, harmless)
{
    static const struct {
        const char *path, *value;
    } fine[] = {{"version", NULL},
                {"model.type", NULL},
                {"model.dropout", "0.0"},
                {"model.dropout", NULL},
                {"model.unk_token", "\"\""},
                {"model.unk_token", "\"a\""},
                {"model.byte_fallback", "true"},
                {"model.end_of_word_suffix", "\"\""},
                {"decoder", NULL},
                {"normalizer", NULL},
                {"added_tokens", NULL},
                {"added_tokens", "null"},
                {"normalizer", "{\"type\":\"Sequence\",\"normalizers\":[]}"},
                {"unheard_of", "[1,2,3]"},
                {"added_tokens.+", TOKEN("256", "\"\"")},
                {"model.merges", "[[\"a\",\"b\"]]"},
                {"model.vocab.\xe4\xb8\xad", "257"}};

    for (size_t i = 0; i < SETUN_COUNT(fine); i++) {
        json_t *root = tiny_json();
        size_t n;
        setun_tokenizer *tokenizer;
        int32_t *ids;

        change(root, "model.vocab.ab", "256");
        change(root, fine[i].path, fine[i].value);
        tokenizer = opened(root);
        ids = encoded(tokenizer, "x", 1, SETUN_TEXT_TRUSTED, &n);
        cr_expect(n == 1 && ids[0] == 'x', "row %zu", i);
        setun_free(ids);
        setun_tokenizer_close(tokenizer);
    }
}

Test(tokenizer_broken, texts)
{
    static const struct {
        const char *json, *text;
    } bad[] = {
        {"", "not valid JSON"},
        {"\xef\xbb\xbf{}", "not valid JSON"},
        {"{", "not valid JSON"},
        {"{}", "pre_tokenizer"},
        {"[]", "expected an object, found an array"},
        {"7", "not valid JSON"},
        {"{\"version\":\"1.0\",\"version\":\"1.0\"}", "duplicate"},
        {"{\"a\":\"\xff\"}", "not valid JSON"},
        {"{\"a\":\"\\ud800\"}", "not valid JSON"},
        {"{\"a\\u0000b\":1}", "not valid JSON"},
        {"{\"a\":99999999999999999999999999}", "not valid JSON"},
        {"{} x", "not valid JSON"},
    };
    setun_tokenizer *tokenizer = NULL;

    for (size_t i = 0; i < SETUN_COUNT(bad); i++) {
        setun_error error = {{0}};
        setun_status status = open_text(bad[i].json, strlen(bad[i].json), &tokenizer, &error);

        cr_expect(status == F || status == U, "row %zu", i);
        cr_expect_not_null(strstr(error.text, bad[i].text), "row %zu: %s", i, error.text);
    }
}

/* fable's file cut short at many places, with bits turned over, and nested without end: an error or a tokenizer, never a crash. */
Test(tokenizer_broken, damage)
{
    json_t *root = tiny_json();
    char *text = json_dumps(root, JSON_COMPACT), *nested;
    size_t n_bytes = strlen(text);
    uint64_t random = 42;
    setun_tokenizer *tokenizer;
    setun_error error = {{0}};
    enum { N_NESTED = 1 << 20 };

    for (size_t n = 0; n < n_bytes; n += 1 + n_bytes / 97)
        cr_expect_eq(open_text(text, n, &tokenizer, &error), F, "cut at %zu", n);
    for (unsigned round = 0; round < 300; round++) {
        size_t at = next_random(&random) % n_bytes;
        char old = text[at];

        text[at] = (char)(old ^ 1 << next_random(&random) % 8);
        tokenizer = NULL;
        if (open_text(text, n_bytes, &tokenizer, &error) == SETUN_OK) {
            size_t n;
            setun_free(encoded(tokenizer, "some text", 9, SETUN_TEXT_TRUSTED, &n));
        } else {
            cr_expect_null(tokenizer);
            cr_expect_neq(error.text[0], '\0');
        }
        setun_tokenizer_close(tokenizer);
        text[at] = old;
    }
    nested = malloc(N_NESTED);
    cr_assert_not_null(nested);
    memset(nested, '[', N_NESTED);
    cr_expect_eq(open_text(nested, N_NESTED, &tokenizer, &error), F);
    free(nested);
    free(text);
    json_decref(root);
}

/* test_bad.c - malformed prepacked files: each is one error that says where, what was expected and what was found. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "fixture.h"
#include "setun/session.h"
#include "weights/weights.h"

static char folder[64], path[128];

static void setup(void)
{
    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/model.setun", folder);
}

static void teardown(void)
{
    folder_remove(folder);
}

TestSuite(bad_prepacked, .init = setup, .fini = teardown);

static void expect_refusal(const char *what, setun_status status, const char *fragment)
{
    setun_weights *weights = NULL;
    setun_error error = {""};
    const setun_status found = setun_weights_open(path, &weights, &error);

    cr_expect_eq(found, status, "%s: expected status %d, found %d: %s", what, (int)status, (int)found, error.text);
    cr_expect_null(weights, "%s", what);
    cr_expect(strstr(error.text, fragment) != NULL && strchr(error.text, '\n') == NULL, "%s: expected '%s' in '%s'", what, fragment, error.text);
    cr_expect(found == SETUN_ERR_UNSUPPORTED || strncmp(error.text, path, strlen(path)) == 0, "%s: %s", what, error.text);
    setun_weights_close(weights);
}

Test(bad_prepacked, the_good_one_is_good)
{
    size_t n_data, n_bytes;
    unsigned char *data = good_data(&n_data), *file = file_make(good_json, data, n_data, &n_bytes);
    setun_weights *weights;
    setun_error error = {""};
    const setun_weight *weight;
    setun_meta meta;
    bool found;

    file_write(path, file, n_bytes);
    cr_assert_eq(setun_weights_open(path, &weights, &error), SETUN_OK, "%s", error.text);
    weight = setun_weights_find(weights, "a.b");
    cr_assert(weight != NULL && weight->n_bytes == 128 && weight->dim[0] == 2 && weight->dim[1] == 16 && weight->n_dims == 2);
    cr_assert_eq(setun_weight_check_whole(weights, weight, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_weights_source(weights), SETUN_SOURCE_HUGGINGFACE);
    cr_assert_str_eq(setun_weights_architecture(weights), "X");
    cr_assert_eq(setun_weights_meta(weights, "f", &found, &meta, &error), SETUN_OK);
    cr_assert(found && meta.type == SETUN_META_FLOAT && meta.f == 0.5);
    cr_assert_eq(setun_weights_meta(weights, "b", &found, &meta, &error), SETUN_OK);
    cr_assert(found && meta.type == SETUN_META_BOOL && meta.i == 1);
    cr_assert_eq(setun_weights_meta(weights, "list", &found, &meta, &error), SETUN_ERR_FORMAT, "an array is there, but no scalar");
    cr_assert_eq(setun_weights_meta(weights, "none", &found, &meta, &error), SETUN_OK);
    cr_assert_not(found);
    cr_assert(setun_weights_text(weights)->bos == 1 && setun_weights_text(weights)->n_stops == 2 && setun_weights_text(weights)->stops[1] == 3);
    cr_assert_str_eq(setun_weights_text(weights)->bos_text, "<s>");
    cr_assert_null(setun_weights_text(weights)->eos_text);
    setun_weights_close(weights);
    free(data);
    free(file);
}

/* Bytes of the fixed part, or of the file's end. */
static const struct {
    const char   *what;
    size_t        at;
    unsigned char to;
    setun_status  status;
    const char   *expected;
} bytes[] = {
    {"other magic", 0, 'S', SETUN_ERR_UNSUPPORTED, "expected a Hugging Face folder"},
    {"line ends changed", 6, '\n', SETUN_ERR_UNSUPPORTED, "expected a Hugging Face folder"},
    {"version 0", 8, 0, SETUN_ERR_UNSUPPORTED, "byte 8: expected version 1 or 4 of the prepacked format, found 0"},
    {"version 3", 8, 3, SETUN_ERR_UNSUPPORTED, "byte 8: expected version 1 or 4 of the prepacked format, found 3"},
    {"version 2^24 and 1", 11, 1, SETUN_ERR_UNSUPPORTED, "found 16777217"},
    {"not zero behind the version", 13, 7, SETUN_ERR_FORMAT, "byte 13: expected 0, found 7"},
    {"not zero at the end", 63, 1, SETUN_ERR_FORMAT, "byte 63: expected 0, found 1"},
    {"JSON longer than the file", 18, 1, SETUN_ERR_FORMAT, "byte 16: expected 1 to "},
    {"JSON of 2^56 bytes", 23, 1, SETUN_ERR_FORMAT, "byte 16: expected 1 to "},
    {"file size too large", 30, 1, SETUN_ERR_FORMAT, "byte 24: expected a file of "},
    {"hash of the JSON", 33, 0, SETUN_ERR_FORMAT, "byte 64: expected JSON with the hash "},
    {"a byte of the JSON", 70, 'x', SETUN_ERR_FORMAT, "byte 64: expected JSON with the hash "},
};

Test(bad_prepacked, fixed_part)
{
    size_t n_data, n_bytes;
    unsigned char *data = good_data(&n_data), *file = file_make(good_json, data, n_data, &n_bytes);

    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        const unsigned char kept = file[bytes[i].at];

        file[bytes[i].at] = bytes[i].to == kept ? (unsigned char)(kept ^ 1) : bytes[i].to;
        file_write(path, file, n_bytes);
        expect_refusal(bytes[i].what, bytes[i].status, bytes[i].expected);
        file[bytes[i].at] = kept;
    }
    memset(file + 16, 0, 8);
    file_write(path, file, n_bytes);
    expect_refusal("no JSON", SETUN_ERR_FORMAT, "byte 16: expected 1 to ");
    free(data);
    free(file);
}

/* A file that is cut off anywhere, or has something behind it. */
Test(bad_prepacked, lengths)
{
    size_t n_data, n_bytes;
    unsigned char *data = good_data(&n_data), *file = file_make(good_json, data, n_data, &n_bytes), *longer = calloc(1, n_bytes + 1);

    for (size_t n = 8; n < n_bytes; n += n < 64 ? 7 : 577) {
        file_write(path, file, n);
        expect_refusal("cut", SETUN_ERR_FORMAT, n < 64 ? "expected 64 bytes at least" : "it is not whole");
    }
    memcpy(longer, file, n_bytes);
    file_write(path, longer, n_bytes + 1);
    expect_refusal("one byte more", SETUN_ERR_FORMAT, "it is too long");
    free(data);
    free(file);
    free(longer);
}

/* Edits of good_json; hash and lengths of the fixed part fit what comes of it. */
static const struct {
    const char *from, *to, *expected;
} edits[] = {
    {"{\"source\"", "[\"source\"", "expected JSON"},
    {"}]}", "}]", "expected JSON"},
    {"\"source\":\"huggingface\"", "\"source\":\"huggingfac\"", "source: expected \"huggingface\" or \"gguf\", found \"huggingfac\""},
    {"\"source\":\"huggingface\",", "", "source: expected \"huggingface\" or \"gguf\", found nothing"},
    {"\"source\":\"huggingface\"", "\"source\":\"gguf\",\"source\":\"gguf\"", "duplicate object key"},
    {"\"source\":", "\"more\":1,\"source\":", "unknown key \"more\""},
    {"\"architecture\":\"X\"", "\"architecture\":\"\"", "architecture: expected a text"},
    {"\"architecture\":\"X\"", "\"architecture\":\"a\\nb\"", "architecture: expected a text without control characters"},
    {"\"n\":3", "\"n\":null", "metadata: expected numbers, strings, booleans, [] and {}, found null"},
    {"\"list\":[]", "\"list\":[1]", "metadata: expected numbers"},
    {"\"metadata\":{", "\"metadata\":[],\"x\":{", "unknown key \"x\""},
    {"\"bos\":1", "\"bos\":-2", "text.bos: expected a whole number from -1 to 2147483647, found -2"},
    {"\"bos\":1", "\"bos\":1.0", "text.bos: expected a whole number"},
    {"\"add_bos\":true", "\"add_bos\":1", "text.add_bos: expected true or false, found 1"},
    {"[2,3]", "[2,-3]", "text.stops: expected a whole number from 0"},
    {"[2,3]", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", "text.stops: expected an array of at most 16 ids"},
    {"\"bos_text\":\"<s>\"", "\"bos_text\":7", "text.bos_text: expected a text"},
    {"\"bos_text\"", "\"bos_word\"", "text: unknown key \"bos_word\""},
    {"\"kind\":\"tokenizer.json\"", "\"kind\":\"spm\"", "tokenizer.kind: expected \"tokenizer.json\" or \"gguf\", found \"spm\""},
    {"\"offset\":0", "\"offset\":1", "tokenizer.offset: expected a multiple of 4096, found 1"},
    {"\"offset\":0", "\"offset\":-4096", "tokenizer.offset: expected a whole number from 0"},
    {"\"offset\":0", "\"offset\":8192", "'a.b': expected its contents at byte "},
    {"\"bytes\":2,", "\"bytes\":0,", "tokenizer.bytes: expected a whole number from 1"},
    {"\"bytes\":2,", "\"bytes\":4097,", "'a.b': expected its contents at byte "},
    {"1349cde127705c16", "1349CDE127705C16", "tokenizer.xxh3: expected 16 hexadecimal digits"},
    {"1349cde127705c16", "1349cde127705c1", "tokenizer.xxh3: expected 16 hexadecimal digits"},
    {"\"tensors\":[{", "\"tensors\":[],\"x\":[{", "unknown key \"x\""},
    {"\"name\":\"a.b\"", "\"name\":\"\"", "tensors[0].name: expected a text"},
    {"\"name\":\"a.b\",", "", "tensors[0].name: expected a text that is neither empty nor too long, found nothing"},
    {"\"format\":\"f32\"", "\"format\":\"f32+f32\"", "tensors[0].format: expected the name of one format, found \"f32+f32\""},
    {"\"format\":\"f32\"", "\"format\":32", "tensors[0].format: expected a text"},
    {"[2,16]", "[2,0]", "tensors[0].dims: expected a whole number from 1"},
    {"[2,16]", "[2,16,1,1,1]", "tensors[0].dims: expected an array of at most 4 numbers"},
    {"[2,16]", "[4294967296,4294967296]", "tensors[0].dims: expected numbers with a product below 2^63"},
    {"[2,16],", "[2,16],\"scale\":0,", "tensors[0].scale: expected a finite number above 0"},
    {"[2,16],", "[2,16],\"scale\":0.1,", "tensors[0].scale: expected a finite number above 0 that a float can hold, found 0.1"},
    {"[2,16],", "[2,16],\"scale\":1e39,", "tensors[0].scale: expected a finite number"},
    {"[2,16],", "[2,16],\"scale\":0.5,", "tensors[0].scale: expected none beside f32"},
    {"[2,16],", "[2,16],\"rows\":0.5,", "tensors[0]: unknown key \"rows\""},
    {"\"offset\":4096", "\"offset\":0", "expected its contents at byte "},
    {"\"offset\":4096", "\"offset\":8192", "'a.b': expected its contents at byte "},
    {"\"offset\":4096", "\"offset\":1152921504606846976", "'a.b': expected its contents at byte "},
    {"\"offset\":4096", "\"offset\":9223372036854775807", "tensors[0].offset: expected a whole number"},
    {"\"bytes\":128", "\"bytes\":129", "'a.b': expected its 129 bytes from byte "},
    {"\"bytes\":128", "\"bytes\":1152921504606846976", "'a.b': expected its 1152921504606846976 bytes from byte "},
    {"\"bytes\":128", "\"bytes\":127", "expected the file's end after the last contents, found 1 bytes more"},
    {"{\"name\":\"a.b\"", "{\"name\":\"a.b\",\"format\":\"f32\",\"dims\":[1],\"offset\":4096,\"bytes\":128,\"xxh3\":\"093c29f27ecfcf21\"},{\"name\":\"c\"",
     "expected its contents at byte "},
};

Test(bad_prepacked, json)
{
    size_t n_data, n_bytes;
    unsigned char *data = good_data(&n_data);

    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        char *json = text_replace(good_json, edits[i].from, edits[i].to);
        unsigned char *file = file_make(json, data, n_data, &n_bytes);

        file_write(path, file, n_bytes);
        expect_refusal(edits[i].to, SETUN_ERR_FORMAT, edits[i].expected);
        free(json);
        free(file);
    }
    free(data);
}

/* Two tensors of one name, in sections of their own. */
Test(bad_prepacked, one_name_twice)
{
    static const unsigned char data[2 * 4096 + 128] = {'{', '}'};
    char *json = text_replace(good_json, "}]}", "},{\"name\":\"a.b\",\"format\":\"f32\",\"dims\":[2,16],\"offset\":8192,\"bytes\":128,"
                                               "\"xxh3\":\"093c29f27ecfcf21\"}]}");
    size_t n_bytes;
    unsigned char *file = file_make(json, data, sizeof(data), &n_bytes);

    file_write(path, file, n_bytes);
    expect_refusal("two of a name", SETUN_ERR_FORMAT, "expected one tensor named 'a.b' (with or without .weight), found two");
    free(json);
    free(file);
}

/* Contents: hashes are compared when they are asked for, the tokenizer's always; what no kernel may meet is found in any case. */
Test(bad_prepacked, contents)
{
    size_t n_data, n_bytes;
    unsigned char *data = good_data(&n_data), *file;
    setun_weights *weights;
    setun_tokenizer *tokenizer;
    setun_error error = {""};

    data[4096 + 5] = 1;
    file = file_make(good_json, data, n_data, &n_bytes);
    file_write(path, file, n_bytes);
    cr_assert_eq(setun_weights_open(path, &weights, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_weight_check(weights, setun_weights_at(weights, 0), &error), SETUN_ERR_FORMAT);
    cr_assert_not_null(strstr(error.text, "tensor 'a.b': expected contents with the hash 093c29f27ecfcf21, found "), "%s", error.text);
    setun_weights_close(weights);
    free(file);

    memcpy(data + 4096 + 64, "\0\0\x80\x7f", 4); /* infinity at row 1, column 0 */
    file = file_make(good_json, data, n_data, &n_bytes);
    file_write(path, file, n_bytes);
    cr_assert_eq(setun_weights_open(path, &weights, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_weight_check(weights, setun_weights_at(weights, 0), &error), SETUN_ERR_FORMAT);
    cr_assert_not_null(strstr(error.text, "tensor 'a.b', row 1, column 0: expected a finite value"), "%s", error.text);
    setun_weights_close(weights);
    free(file);

    data[0] = '[';
    file = file_make(good_json, data, n_data, &n_bytes);
    file_write(path, file, n_bytes);
    cr_assert_eq(setun_tokenizer_open(path, NULL, &tokenizer, &error), SETUN_ERR_FORMAT);
    cr_assert_not_null(strstr(error.text, "expected a tokenizer with the hash 1349cde127705c16, found "), "%s", error.text);
    free(file);
    free(data);
}

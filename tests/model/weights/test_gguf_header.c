/* test_gguf_header.c - GGUF headers, good ones and more than 40 that are each wrong in one way. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "gguf_text.h"
#include "weights/gguf.h"

/* Type numbers of values: 4 u32, 6 f32, 7 bool, 8 string, 9 array. Of tensors: 0 F32, 8 Q8_0, 14 Q6_K, 34 TQ1_0, 35 TQ2_0, 36 I2_S. */
#define V3 "GGUF u32:3 "
/* One tensor "t" of 8 f32 and no keys: the header has 24 + 33 bytes, the data start at byte 64. */
#define ONE_TENSOR V3 "u64:1 u64:0 "
#define T_F32(name, offset) "s:" name " u32:1 u64:8 u32:0 u64:" offset " "

static setun_status open_words(const char *words, setun_gguf **out_gguf, setun_error *error)
{
    struct folder folder;
    char path[4096];
    setun_status status;

    folder_create(&folder);
    (void)snprintf(path, sizeof(path), "%s", folder_file(&folder, "x.gguf"));
    gguf_text_write(path, words);
    status = setun_gguf_open(path, out_gguf, error);
    folder_remove(&folder);
    return status;
}

static setun_gguf *expect_good(const char *words)
{
    setun_gguf *gguf = NULL;
    setun_error error = {{0}};
    const setun_status status = open_words(words, &gguf, &error);

    cr_assert_eq(status, SETUN_OK, "%s: %s", words, error.text);
    return gguf;
}

static const struct bad {
    const char  *words;
    setun_status status;
    const char  *expected;
} bad[] = {
    /* the beginning */
    {"", SETUN_ERR_FORMAT, "byte 0: expected a GGUF file of at least 24 bytes, found 0"},
    {"GGUF", SETUN_ERR_FORMAT, "at least 24 bytes, found 4"},
    {"GGUF u32:3 u64:0 x:00000000000000", SETUN_ERR_FORMAT, "at least 24 bytes, found 23"},
    {"r:GGML u32:3 u64:0 u64:0", SETUN_ERR_FORMAT, "byte 0: expected the letters GGUF, found 0x47474d4c"},
    {"r:FUGG u32:3 u64:0 u64:0", SETUN_ERR_FORMAT, "byte 0: expected the letters GGUF"},
    {"GGUF u32:0 u64:0 u64:0", SETUN_ERR_UNSUPPORTED, "byte 4: expected version 2 or 3 of GGUF, found 0"},
    {"GGUF u32:1 u64:0 u64:0", SETUN_ERR_UNSUPPORTED, "found 1: convert the model again"},
    {"GGUF u32:4 u64:0 u64:0", SETUN_ERR_UNSUPPORTED, "version 2 or 3 of GGUF, found 4"},
    {"GGUF x:00000003 u64:0 u64:0", SETUN_ERR_UNSUPPORTED, "a big-endian file"},
    {V3 "u64:1 u64:0", SETUN_ERR_FORMAT, "byte 8: expected a number of tensors that fits into the file's 24 bytes, found 1"},
    {V3 "u64:-1 u64:0", SETUN_ERR_FORMAT, "a number of tensors that fits"},
    {V3 "u64:0 u64:-1", SETUN_ERR_FORMAT, "byte 16: expected a number of keys that fits into the file's 24 bytes, found 18446744073709551615"},
    {V3 "u64:0 u64:3 s:a u32:0 u8:1", SETUN_ERR_FORMAT, "byte 16: expected a number of keys that fits into the file's 38 bytes, found 3"},
    /* keys */
    {V3 "u64:0 u64:1 u64:0 u32:0 0:40", SETUN_ERR_FORMAT, "byte 24: expected a key of 1 to 65535 bytes, found a length of 0"},
    {V3 "u64:0 u64:1 u64:65536 0:70000", SETUN_ERR_FORMAT, "byte 24: expected a key of 1 to 65535 bytes, found a length of 65536"},
    {V3 "u64:0 u64:1 u64:-1 0:40", SETUN_ERR_FORMAT, "found a length of 18446744073709551615"},
    {V3 "u64:0 u64:1 u64:100 r:abcdefghij", SETUN_ERR_FORMAT, "byte 32: expected a key of 100 bytes, found the file's end at byte 42"},
    {V3 "u64:0 u64:1 s:a\nb u32:0 u8:1", SETUN_ERR_FORMAT, "byte 33: expected a key without control characters, found 0x0a"},
    {V3 "u64:0 u64:1 u64:3 x:610062 u32:0 u8:1", SETUN_ERR_FORMAT, "without control characters, found 0x00"},
    {V3 "u64:0 u64:1 s:a\x7f u32:0 u8:1", SETUN_ERR_FORMAT, "without control characters, found 0x7f"},
    {V3 "u64:0 u64:1 s:ab u32:13 u64:1", SETUN_ERR_FORMAT, "byte 24: key 'ab': expected a type of 0 to 12, found 13"},
    {V3 "u64:0 u64:1 s:ab u32:-1 u64:1", SETUN_ERR_FORMAT, "expected a type of 0 to 12, found 4294967295"},
    {V3 "u64:0 u64:1 s:ab u32:10 u32:1", SETUN_ERR_FORMAT, "byte 38: expected a value of 8 bytes, found the file's end at byte 42"},
    {V3 "u64:0 u64:1 s:ab u32:7 u8:2", SETUN_ERR_FORMAT, "byte 38: key 'ab': expected a boolean of 0 or 1, found 2"},
    {V3 "u64:0 u64:1 s:ab u32:9 u32:7 u64:3 u8:0 u8:1 u8:255", SETUN_ERR_FORMAT, "byte 52: key 'ab': expected a boolean of 0 or 1, found 255"},
    {V3 "u64:0 u64:1 s:ab u32:8 u64:3 r:xy", SETUN_ERR_FORMAT, "key 'ab': expected string 0 of 1 inside the file, found its end"},
    {V3 "u64:0 u64:1 s:ab u32:8 u64:-1 r:xy", SETUN_ERR_FORMAT, "key 'ab': expected string 0 of 1 inside the file"},
    {V3 "u64:0 u64:1 s:ab u32:9 u32:4 u64:1", SETUN_ERR_FORMAT, "expected a value of 4 bytes, found the file's end"},
    {V3 "u64:0 u64:1 s:ab u32:9 u32:4 u64:-1 u32:0", SETUN_ERR_FORMAT, "key 'ab': expected elements inside the file's"},
    {V3 "u64:0 u64:1 s:ab u32:9 u32:12 u64:0x2000000000000000 u64:0", SETUN_ERR_FORMAT, "found 2305843009213693952 of 8 bytes each"},
    {V3 "u64:0 u64:1 s:ab u32:9 u32:8 u64:3 s:x s:y", SETUN_ERR_FORMAT, "key 'ab': expected string 2 of 3 inside the file"},
    {V3 "u64:0 u64:1 s:ab u32:9 u32:8 u64:-1 s:x s:y", SETUN_ERR_FORMAT, "key 'ab': expected string 2 of 18446744073709551615"},
    {V3 "u64:0 u64:1 s:ab u32:9 u32:9 u64:1 u32:4 u64:1 u32:1", SETUN_ERR_UNSUPPORTED, "key 'ab': expected an array of single values"},
    {V3 "u64:0 u64:1 s:ab u32:9 u32:14 u64:1 u32:4", SETUN_ERR_FORMAT, "key 'ab': expected a type of 0 to 12, found 14"},
    {V3 "u64:0 u64:2 s:ab u32:0 u8:1 s:ab u32:4 u32:1", SETUN_ERR_FORMAT, "byte 39: key 'ab': expected each key once, found it at byte 24"},
    {V3 "u64:0 u64:3 s:ab u32:0 u8:1 s:c u32:0 u8:1", SETUN_ERR_FORMAT, "byte 53: expected a length of 8 bytes, found the file's end"},
    /* alignment */
    {V3 "u64:0 u64:1 s:general.alignment u32:8 s:32", SETUN_ERR_FORMAT, "key 'general.alignment': expected an integer, found a string"},
    {V3 "u64:0 u64:1 s:general.alignment u32:9 u32:4 u64:1 u32:32", SETUN_ERR_FORMAT, "expected an integer, found an array of integers"},
    {V3 "u64:0 u64:1 s:general.alignment u32:4 u32:0", SETUN_ERR_FORMAT, "expected a power of two from 8 to 1048576, found 0"},
    {V3 "u64:0 u64:1 s:general.alignment u32:4 u32:48", SETUN_ERR_FORMAT, "expected a power of two from 8 to 1048576, found 48"},
    {V3 "u64:0 u64:1 s:general.alignment u32:4 u32:4", SETUN_ERR_FORMAT, "expected a power of two from 8 to 1048576, found 4"},
    {V3 "u64:0 u64:1 s:general.alignment u32:4 u32:0x80000000", SETUN_ERR_FORMAT, "expected a power of two from 8 to"},
    {V3 "u64:0 u64:1 s:general.alignment u32:10 u64:0x8000000000000000", SETUN_ERR_FORMAT, "expected an integer below 2^63"},
    /* tensors */
    {ONE_TENSOR "u64:0 u32:1 u64:8 u32:0 u64:0 pad:32 0:32", SETUN_ERR_FORMAT, "byte 24: expected the name of a tensor of 1 to 255 bytes, found a length of 0"},
    {ONE_TENSOR "u64:256 0:300", SETUN_ERR_FORMAT, "expected the name of a tensor of 1 to 255 bytes, found a length of 256"},
    {ONE_TENSOR "s:t\t u32:1 u64:8 u32:0 u64:0 pad:32 0:32", SETUN_ERR_FORMAT, "the name of a tensor without control characters, found 0x09"},
    {ONE_TENSOR "s:t u32:0 u64:8 u32:0 u64:0 pad:32 0:32", SETUN_ERR_FORMAT, "byte 24: tensor 't': expected 1 to 4 dimensions, found 0"},
    {ONE_TENSOR "s:t u32:5 u64:1 u64:1 u64:1 u64:1 u64:1 u32:0 u64:0 pad:32 0:32", SETUN_ERR_FORMAT, "expected 1 to 4 dimensions, found 5"},
    {ONE_TENSOR "s:t u32:2 u64:8 u64:0 u32:0 u64:0 pad:32 0:32", SETUN_ERR_FORMAT, "expected dimensions of 1 to 2^63 - 1, found 0"},
    {ONE_TENSOR "s:t u32:1 u64:-1 u32:0 u64:0 pad:32 0:32", SETUN_ERR_FORMAT, "expected dimensions of 1 to 2^63 - 1, found 18446744073709551615"},
    {ONE_TENSOR "s:t u32:2 u64:0x100000000 u64:0x80000000 u32:0 u64:0 pad:32 0:32", SETUN_ERR_FORMAT, "expected at most 2^63 - 1 elements"},
    {ONE_TENSOR "s:t u32:2 u64:0x80000000 u64:0x80000000 u32:27 u64:0 pad:32 0:32", SETUN_ERR_FORMAT, "expected a size that can be addressed"},
    {ONE_TENSOR "s:t u32:2 u64:0x80000000 u64:0x40000000 u32:0 u64:0 pad:32 0:32", SETUN_ERR_FORMAT, "expected its 9223372036854775808 bytes inside the 32 bytes of data"},
    {ONE_TENSOR "s:t u32:2 u64:33 u64:2 u32:8 u64:0 pad:32 0:96", SETUN_ERR_FORMAT, "expected rows of a multiple of 32 values of type Q8_0, found 33"},
    {ONE_TENSOR "s:t u32:2 u64:128 u64:2 u32:14 u64:0 pad:32 0:420", SETUN_ERR_FORMAT, "expected rows of a multiple of 256 values of type Q6_K, found 128"},
    {ONE_TENSOR "s:t u32:2 u64:128 u64:2 u32:34 u64:0 pad:32 0:420", SETUN_ERR_FORMAT, "expected rows of a multiple of 256 values of type TQ1_0, found 128"},
    {ONE_TENSOR "s:t u32:2 u64:384 u64:2 u32:35 u64:0 pad:32 0:420", SETUN_ERR_FORMAT, "expected rows of a multiple of 256 values of type TQ2_0, found 384"},
    {ONE_TENSOR "s:t u32:2 u64:130 u64:2 u32:36 u64:0 pad:32 0:420", SETUN_ERR_FORMAT, "expected rows of a multiple of 4 values of type I2_S, found 130"},
    {ONE_TENSOR "s:t u32:1 u64:8 u32:0", SETUN_ERR_FORMAT, "byte 49: expected the offset of a tensor of 8 bytes, found the file's end at byte 49"},
    {ONE_TENSOR T_F32("t", "16") "pad:32 0:64", SETUN_ERR_FORMAT, "tensor 't': expected an offset that is a multiple of 32 (general.alignment), found 16"},
    {ONE_TENSOR T_F32("t", "32") "pad:32 0:32", SETUN_ERR_FORMAT, "expected its 32 bytes inside the 32 bytes of data, found them from byte 32 of it on"},
    {ONE_TENSOR T_F32("t", "0") "pad:32 0:31", SETUN_ERR_FORMAT, "expected its 32 bytes inside the 31 bytes of data"},
    {ONE_TENSOR T_F32("t", "0"), SETUN_ERR_FORMAT, "expected its 32 bytes inside the 0 bytes of data"},
    {ONE_TENSOR T_F32("t", "0xffffffffffffffe0") "pad:32 0:32", SETUN_ERR_FORMAT, "found them from byte 18446744073709551584 of it on"},
    {ONE_TENSOR "s:t u32:1 u64:8 u32:99 u64:64 pad:32 0:32", SETUN_ERR_FORMAT, "tensor 't': expected its 0 bytes inside the 32 bytes"},
    {V3 "u64:2 u64:0 " T_F32("t", "0") T_F32("u", "0") "pad:32 0:64", SETUN_ERR_FORMAT,
     "tensor 'u': expected data after those of 't', which end at byte 128 of the file, found byte 96: they overlap"},
    {V3 "u64:2 u64:0 s:t u32:1 u64:16 u32:0 u64:0 " T_F32("u", "32") "pad:32 0:64", SETUN_ERR_FORMAT, "tensor 'u': expected data after those of 't'"},
    {V3 "u64:2 u64:0 " T_F32("u", "32") "s:t u32:1 u64:16 u32:0 u64:0 pad:32 0:64", SETUN_ERR_FORMAT, "tensor 'u': expected data after those of 't'"},
    {V3 "u64:2 u64:0 " T_F32("t", "0") T_F32("t", "32") "pad:32 0:64", SETUN_ERR_FORMAT, "tensor 't': expected each name once, found two tensors"},
    {V3 "u64:1 u64:1 s:general.alignment u32:4 u32:64 " T_F32("t", "32") "pad:64 0:64", SETUN_ERR_FORMAT,
     "expected an offset that is a multiple of 64 (general.alignment), found 32"},
};

Test(gguf_header, bad_ones)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setun_gguf *gguf = NULL;
        setun_error error = {{0}};
        const setun_status status = open_words(bad[i].words, &gguf, &error);

        cr_expect_eq(status, bad[i].status, "%s: expected status %d, found %d: %s", bad[i].words, (int)bad[i].status, (int)status, error.text);
        cr_expect_null(gguf, "%s", bad[i].words);
        cr_expect_not_null(strstr(error.text, bad[i].expected), "%s:\n expected \"%s\" in \"%s\"", bad[i].words, bad[i].expected, error.text);
        cr_expect_not_null(strstr(error.text, "x.gguf: byte "), "%s", error.text);
        setun_gguf_close(gguf);
    }
}

Test(gguf_header, empty_is_good)
{
    static const char *const words[] = {"GGUF u32:2 u64:0 u64:0", "GGUF u32:3 u64:0 u64:0", "GGUF u32:3 u64:0 u64:0 0:100"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        setun_gguf *gguf = expect_good(words[i]);

        cr_expect_eq(setun_gguf_version(gguf), i == 0 ? 2u : 3u);
        cr_expect_eq(setun_gguf_n_tensors(gguf), 0u);
        cr_expect_eq(setun_gguf_n_values(gguf), 0u);
        cr_expect_null(setun_gguf_find(gguf, "a"));
        cr_expect_null(setun_gguf_find_tensor(gguf, "a"));
        setun_gguf_close(gguf);
    }
}

Test(gguf_header, every_type_of_value)
{
    setun_gguf *gguf = expect_good(V3 "u64:0 u64:13 s:u8 u32:0 u8:200 s:i8 u32:1 u8:200 s:u16 u32:2 u16:60000 s:i16 u32:3 u16:60000 "
                                      "s:u32 u32:4 u32:4000000000 s:i32 u32:5 u32:4000000000 s:f32 u32:6 f32:-1.5 s:yes u32:7 u8:1 "
                                      "s:no u32:7 u8:0 s:text u32:8 s:Grüße s:u64 u32:10 u64:9223372036854775807 s:i64 u32:11 u64:-5 "
                                      "s:f64 u32:12 f64:0.1");
    static const struct {
        const char *key;
        int64_t     i;
    } ints[] = {{"u8", 200}, {"i8", -56}, {"u16", 60000}, {"i16", -5536}, {"u32", 4000000000}, {"i32", -294967296}, {"u64", INT64_MAX}, {"i64", -5}};
    setun_error error = {{0}};
    const char *text;
    size_t n_bytes;
    int64_t integer;
    double number;
    bool found, flag;

    cr_assert_eq(setun_gguf_n_values(gguf), 13u);
    for (size_t i = 1; i < 13; i++)
        cr_expect_lt(strcmp(setun_gguf_value_at(gguf, i - 1)->key, setun_gguf_value_at(gguf, i)->key), 0);
    for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
        cr_assert_eq(setun_gguf_int(gguf, ints[i].key, &found, &integer, &error), SETUN_OK, "%s", error.text);
        cr_expect(found && integer == ints[i].i, "%s: %lld", ints[i].key, (long long)integer);
        cr_assert_eq(setun_gguf_float(gguf, ints[i].key, &found, &number, &error), SETUN_OK, "%s", error.text);
        cr_expect_eq(number, (double)ints[i].i);
    }
    cr_assert_eq(setun_gguf_float(gguf, "f32", &found, &number, &error), SETUN_OK);
    cr_expect_eq(number, -1.5);
    cr_assert_eq(setun_gguf_float(gguf, "f64", &found, &number, &error), SETUN_OK);
    cr_expect_eq(number, 0.1);
    cr_assert_eq(setun_gguf_bool(gguf, "yes", &found, &flag, &error), SETUN_OK);
    cr_expect(found && flag);
    cr_assert_eq(setun_gguf_bool(gguf, "no", &found, &flag, &error), SETUN_OK);
    cr_expect(found && !flag);
    cr_assert_eq(setun_gguf_string(gguf, "text", &found, &text, &n_bytes, &error), SETUN_OK);
    cr_expect(found && n_bytes == 7 && memcmp(text, "Gr\xc3\xbc\xc3\x9f" "e", 7) == 0);

    cr_assert_eq(setun_gguf_int(gguf, "absent", &found, &integer, &error), SETUN_OK);
    cr_expect_not(found);
    cr_expect_eq(setun_gguf_int(gguf, "f32", &found, &integer, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "key 'f32': expected an integer, found a float"), "%s", error.text);
    cr_expect_eq(setun_gguf_bool(gguf, "u8", &found, &flag, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "key 'u8': expected a boolean, found an integer"), "%s", error.text);
    cr_expect_eq(setun_gguf_float(gguf, "text", &found, &number, &error), SETUN_ERR_FORMAT);
    cr_expect_eq(setun_gguf_string(gguf, "yes", &found, &text, &n_bytes, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "key 'yes': expected a string, found a boolean"), "%s", error.text);
    setun_gguf_close(gguf);
}

Test(gguf_header, arrays)
{
    setun_gguf *gguf = expect_good(V3 "u64:0 u64:6 s:tokens u32:9 u32:8 u64:4 s:a s: s:longer s:z s:scores u32:9 u32:6 u64:3 f32:0 f32:-1000 f32:2.5 "
                                      "s:types u32:9 u32:5 u64:2 u32:1 u32:-3 s:flags u32:9 u32:7 u64:2 u8:1 u8:0 s:none u32:9 u32:8 u64:0 "
                                      "s:one u32:4 u32:7");
    static const char *const tokens[] = {"a", "", "longer", "z"};
    const setun_gguf_value *array;
    setun_gguf_cursor cursor;
    setun_error error = {{0}};
    const char *text;
    size_t n_bytes, n = 0;

    cr_assert_eq(setun_gguf_strings(gguf, "tokens", &array, &error), SETUN_OK, "%s", error.text);
    cr_assert(array != NULL && array->n == 4);
    for (cursor = setun_gguf_first(array); setun_gguf_next(&cursor, &text, &n_bytes); n++)
        cr_expect(n < 4 && n_bytes == strlen(tokens[n]) && memcmp(text, tokens[n], n_bytes) == 0);
    cr_expect_eq(n, 4u);
    cr_assert_eq(setun_gguf_floats(gguf, "scores", &array, &error), SETUN_OK);
    cr_expect(array->n == 3 && setun_gguf_float_at(array, 1) == -1000 && setun_gguf_float_at(array, 2) == 2.5);
    cr_assert_eq(setun_gguf_ints(gguf, "types", &array, &error), SETUN_OK);
    cr_expect(array->n == 2 && setun_gguf_int_at(array, 0) == 1 && setun_gguf_int_at(array, 1) == -3);
    cr_assert_eq(setun_gguf_bools(gguf, "flags", &array, &error), SETUN_OK);
    cr_expect(array->n == 2 && setun_gguf_int_at(array, 0) == 1 && setun_gguf_int_at(array, 1) == 0);
    cr_assert_eq(setun_gguf_strings(gguf, "none", &array, &error), SETUN_OK);
    cursor = setun_gguf_first(array);
    cr_expect_not(setun_gguf_next(&cursor, &text, &n_bytes));
    cr_assert_eq(setun_gguf_strings(gguf, "absent", &array, &error), SETUN_OK);
    cr_expect_null(array);

    cr_expect_eq(setun_gguf_strings(gguf, "types", &array, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "key 'types': expected an array of strings, found an array of integers"), "%s", error.text);
    cr_expect_eq(setun_gguf_ints(gguf, "one", &array, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "key 'one': expected an array of integers, found an integer"), "%s", error.text);
    cr_expect_eq(setun_gguf_floats(gguf, "tokens", &array, &error), SETUN_ERR_FORMAT);
    cr_expect_eq(setun_gguf_bools(gguf, "scores", &array, &error), SETUN_ERR_FORMAT);
    setun_gguf_close(gguf);
}

Test(gguf_header, tensors)
{
    /* Not in the order of their names, with a hole, an unknown type and data after the last one. */
    setun_gguf *gguf = expect_good("GGUF u32:2 u64:4 u64:1 s:general.alignment u32:10 u64:16 s:q.weight u32:2 u64:256 u64:3 u32:36 u64:16 "
                                   "s:b u32:3 u64:2 u64:3 u64:4 u32:1 u64:256 s:odd u32:1 u64:7 u32:77 u64:304 "
                                   "s:t u32:2 u64:512 u64:2 u32:34 u64:320 pad:16 0:600");
    const uint64_t start = (24 + 8 + 17 + 4 + 8 + 8 + 8 + 4 + 16 + 12 + 8 + 1 + 4 + 24 + 12 + 8 + 3 + 4 + 8 + 12 + 8 + 1 + 4 + 16 + 12 + 15) / 16 * 16;
    const setun_gguf_tensor *q = setun_gguf_find_tensor(gguf, "q.weight"), *b = setun_gguf_find_tensor(gguf, "b"),
                            *odd = setun_gguf_find_tensor(gguf, "odd"), *t = setun_gguf_find_tensor(gguf, "t");
    char text[32];

    cr_assert(q != NULL && b != NULL && odd != NULL && t != NULL);
    cr_expect(setun_gguf_n_tensors(gguf) == 4 && setun_gguf_tensor_at(gguf, 0) == q && setun_gguf_tensor_at(gguf, 3) == t);
    cr_expect(q->n_dims == 2 && q->dim[0] == 256 && q->dim[1] == 3 && q->dim[2] == 1 && q->dim[3] == 1);
    cr_expect(q->n_bytes == 256 * 3 / 4 + 32 && q->file_byte == start + 16, "%llu", (unsigned long long)q->file_byte);
    cr_expect_str_eq(q->type->name, "I2_S");
    cr_expect(b->n_dims == 3 && b->n_bytes == 48 && b->file_byte == start + 256);
    cr_expect(odd->type == NULL && odd->type_id == 77 && odd->n_bytes == 0);
    cr_expect_str_eq(setun_gguf_tensor_type_text(odd, text), "type 77");
    cr_expect(t->n_bytes == 2 * 2 * 54 && t->file_byte == start + 320);
    cr_expect_str_eq(setun_gguf_tensor_type_text(t, text), "type 34 (TQ1_0)");
    cr_expect_null(setun_gguf_find_tensor(gguf, "q"));
    setun_gguf_close(gguf);
}

/* A header of several reads: 100000 strings, and keys after them. */
Test(gguf_header, long_ones)
{
    const size_t n = 100000;
    char *words = malloc(n * 16 + 200), *at = words;
    setun_gguf *gguf;
    const setun_gguf_value *array;
    setun_gguf_cursor cursor;
    setun_error error = {{0}};
    const char *text;
    size_t n_bytes, i = 0;
    int64_t after;
    bool found;

    cr_assert_not_null(words);
    at += sprintf(at, V3 "u64:0 u64:2 s:tokens u32:9 u32:8 u64:%zu", n);
    for (size_t j = 0; j < n; j++)
        at += sprintf(at, " s:%zu", j * j);
    (void)sprintf(at, " s:after u32:4 u32:42");
    gguf = expect_good(words);
    cr_assert_eq(setun_gguf_strings(gguf, "tokens", &array, &error), SETUN_OK);
    for (cursor = setun_gguf_first(array); setun_gguf_next(&cursor, &text, &n_bytes); i++) {
        char expected[24];

        (void)snprintf(expected, sizeof(expected), "%zu", i * i);
        cr_assert(n_bytes == strlen(expected) && memcmp(text, expected, n_bytes) == 0);
    }
    cr_expect_eq(i, n);
    cr_assert_eq(setun_gguf_int(gguf, "after", &found, &after, &error), SETUN_OK);
    cr_expect(found && after == 42);
    setun_gguf_close(gguf);
    free(words);
}

Test(gguf_header, claims)
{
    struct folder folder;

    folder_create(&folder);
    folder_write(&folder, "a.gguf", "GGUF", 4);
    folder_write(&folder, "b.gguf", "GGU", 3);
    folder_write(&folder, "c.gguf", "{}  ", 4);
    cr_expect(setun_gguf_claims(folder_file(&folder, "a.gguf")));
    cr_expect_not(setun_gguf_claims(folder_file(&folder, "b.gguf")));
    cr_expect_not(setun_gguf_claims(folder_file(&folder, "c.gguf")));
    cr_expect_not(setun_gguf_claims(folder.path));
    folder_remove(&folder);
}

/* Cut off anywhere, it is refused; whatever byte is changed, nothing else happens than a refusal or a good header. */
Test(gguf_header, damage)
{
    static const char words[] = V3 "u64:2 u64:3 s:general.architecture u32:8 s:x s:a u32:9 u32:8 u64:2 s:b s:c s:n u32:4 u32:5 "
                                   "s:one u32:2 u64:4 u64:2 u32:0 u64:0 s:two u32:1 u64:256 u32:35 u64:32 pad:32 0:32 0:66";
    struct folder folder;
    size_t n_bytes, n_good = 0;
    unsigned char *bytes = gguf_text(words, &n_bytes);
    char path[4096];

    folder_create(&folder);
    (void)snprintf(path, sizeof(path), "%s", folder_file(&folder, "x.gguf"));
    for (size_t n = 0; n < n_bytes; n++) {
        setun_gguf *gguf = NULL;
        setun_error error = {{0}};
        setun_status status;

        folder_write(&folder, "x.gguf", bytes, n);
        status = setun_gguf_open(path, &gguf, &error);
        cr_expect_eq(status, SETUN_ERR_FORMAT, "cut to %zu bytes: %d", n, (int)status);
        cr_expect_not_null(strstr(error.text, ": byte "), "%s", error.text);
    }
    for (size_t i = 0; i < n_bytes; i++)
        for (unsigned bit = 0; bit < 8; bit += 3) {
            setun_gguf *gguf = NULL;
            setun_error error = {{0}};
            setun_status status;

            bytes[i] ^= (unsigned char)(1u << bit);
            folder_write(&folder, "x.gguf", bytes, n_bytes);
            status = setun_gguf_open(path, &gguf, &error);
            cr_expect(status == SETUN_OK || status == SETUN_ERR_FORMAT || status == SETUN_ERR_UNSUPPORTED, "byte %zu, bit %u: %d", i, bit,
                      (int)status);
            n_good += status == SETUN_OK;
            setun_gguf_close(gguf);
            bytes[i] ^= (unsigned char)(1u << bit);
        }
    cr_expect_gt(n_good, 98u * 3, "changes in the data and in texts are no mistakes");
    folder_remove(&folder);
    free(bytes);
}

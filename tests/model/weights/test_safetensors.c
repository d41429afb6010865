/* test_safetensors.c - headers that lie, each refused with its own error. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

/* Pieces of headers. */
#define T(name, dtype, shape, from, to) "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #from "," #to "]}"
#define A2 T("a", "F32", "2", 0, 8)

struct header_case {
    const char  *header;
    size_t       n_data;
    setun_status status;
    const char  *fragment;
};

enum { F = SETUN_ERR_FORMAT, U = SETUN_ERR_UNSUPPORTED };

static const struct header_case headers[] = {
    {"{}", 0, F, "expected tensors, found none"},
    {"{\"__metadata__\":{}}", 0, F, "expected tensors, found none"},
    {"[]", 0, F, "byte 8: expected '{', found 0x5b"},
    {" {}", 0, F, "byte 8: expected '{', found 0x20"},
    {"{", 0, F, "expected JSON: "},
    {"{" A2, 8, F, "expected JSON: "},
    {"{" A2 "}x", 8, F, "expected JSON: "},
    {"{" A2 "}{}", 8, F, "expected JSON: "},
    {"{" A2 ",}", 8, F, "expected JSON: "},
    {"{'a':1}", 0, F, "byte 10: expected JSON: "},
    {"{" A2 "," A2 "}", 8, F, "duplicate object key"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, F, "duplicate object key"},
    /* what stands for a tensor */
    {"{\"a\":1}", 0, F, "byte 9: tensor 'a': expected an object, found 1"},
    {"{\"a\":null}", 0, F, "tensor 'a': expected an object, found null"},
    {"{\"a\":\"F32\"}", 0, F, "tensor 'a': expected an object, found \"F32\""},
    {"{\"a\":[]}", 0, F, "tensor 'a': expected an object, found []"},
    {"{\"a\":{}}", 0, F, "tensor 'a': expected the keys dtype, shape and data_offsets, found no dtype"},
    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, F, "found no dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, F, "found no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, F, "found no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"strides\":[1]}}", 8, F, "found more keys"},
    /* dtype */
    {"{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, F, "tensor 'a': dtype: expected a string, found 7"},
    {"{" T("a", "F31", "2", 0, 8) "}", 8, U, "tensor 'a': dtype: expected a type of the safetensors format, found \"F31\""},
    {"{" T("a", "f32", "2", 0, 8) "}", 8, U, "found \"f32\""},
    {"{" T("a", "", "2", 0, 8) "}", 8, U, "found \"\""},
    {"{" T("a", "F32 ", "2", 0, 8) "}", 8, U, "found \"F32 \""},
    {"{" T("a", "I64", "1", 0, 8) "}", 8, U, "tensor 'a': expected F32, F16, BF16 or packed ternary U8, found I64"},
    {"{" T("a", "F64", "1", 0, 8) "}", 8, U, "found F64"},
    {"{" T("a", "BOOL", "8", 0, 8) "}", 8, U, "found BOOL"},
    {"{" T("a", "F8_E4M3", "8", 0, 8) "}", 8, U, "found F8_E4M3"},
    /* shape */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, F, "shape: expected an array, found 2"},
    {"{" T("a", "F32", "\"2\"", 0, 8) "}", 8, F, "shape: expected an integer of at least 0, found \"2\""},
    {"{" T("a", "F32", "2.0", 0, 8) "}", 8, F, "shape: expected an integer of at least 0, found 2.0"},
    {"{" T("a", "F32", "2e0", 0, 8) "}", 8, F, "shape: expected an integer of at least 0, found 2.0"},
    {"{" T("a", "F32", "true", 0, 8) "}", 8, F, "found true"},
    {"{" T("a", "F32", "null", 0, 8) "}", 8, F, "found null"},
    {"{" T("a", "F32", "[2]", 0, 8) "}", 8, F, "found [2]"},
    {"{" T("a", "F32", "-2", 0, 8) "}", 8, F, "shape: expected an integer of at least 0, found -2"},
    {"{" T("a", "F32", "-9223372036854775808", 0, 8) "}", 8, F, "found -9223372036854775808"},
    {"{" T("a", "F32", "9223372036854775808", 0, 8) "}", 8, F, "too big integer"},
    {"{" T("a", "F32", "1e999", 0, 8) "}", 8, F, "real number overflow"},
    {"{" T("a", "F32", "NaN", 0, 8) "}", 8, F, "expected JSON: "},
    {"{" T("a", "F32", "Infinity", 0, 8) "}", 8, F, "expected JSON: "},
    {"{" T("a", "F32", "1,1,1,1,2", 0, 8) "}", 8, U, "shape: expected at most 4 dimensions, found 5"},
    {"{" T("a", "F32", "0", 0, 0) "}", 0, U, "tensor 'a': expected at least one element"},
    {"{" T("a", "F32", "4611686018427387904,0", 0, 0) "}", 0, U, "tensor 'a': expected at least one element"},
    {"{" T("a", "F32", "1152921504606846976", 0, 8) "}", 8, F, "expected 4611686018427387904 bytes for this shape of F32, found 8"},
    {"{" T("a", "F32", "1152921504606846976", 0, 4611686018427387904) "}", 8, F, "expected an end inside the 8 bytes of data"},
    {"{" T("a", "F32", "4611686018427387904", 0, 8) "}", 8, F, "expected a size that can be addressed"},
    {"{" T("a", "F32", "4294967296,4294967296", 0, 8) "}", 8, F, "expected a size that can be addressed"},
    {"{" T("a", "U8", "9223372036854775807,2", 0, 8) "}", 8, F, "expected a size that can be addressed"},
    {"{" T("a", "F32", "65536,65536,65536,65538", 0, 8) "}", 8, F, "expected a size that can be addressed"},
    /* data_offsets */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":8}}", 8, F, "data_offsets: expected two integers, found 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[]}}", 8, F, "data_offsets: expected two integers, found []"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8]}}", 8, F, "data_offsets: expected two integers, found [8]"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, F, "data_offsets: expected two integers, found [0,8,8]"},
    {"{" T("a", "F32", "2", 0.0, 8) "}", 8, F, "data_offsets: expected two integers, found [0.0,8]"},
    {"{" T("a", "F32", "2", 0, null) "}", 8, F, "data_offsets: expected two integers, found [0,null]"},
    {"{" T("a", "F32", "2", -8, 0) "}", 8, F, "data_offsets: expected 0 <= begin <= end, found [-8,0]"},
    {"{" T("a", "F32", "2", 8, 0) "}", 8, F, "data_offsets: expected 0 <= begin <= end, found [8,0]"},
    {"{" T("a", "F32", "2", 0, -1) "}", 8, F, "data_offsets: expected 0 <= begin <= end, found [0,-1]"},
    {"{" T("a", "F32", "2", 0, 9223372036854775807) "}", 8, F, "expected an end inside the 8 bytes of data, found 9223372036854775807"},
    {"{" T("a", "F32", "2", 0, 18446744073709551615) "}", 8, F, "too big integer"},
    {"{" T("a", "F32", "3", 0, 12) "}", 8, F, "expected an end inside the 8 bytes of data, found 12"},
    {"{" T("a", "F32", "2", 0, 8) "}", 7, F, "expected an end inside the 7 bytes of data, found 8"},
    {"{" T("a", "F32", "2", 0, 4) "}", 8, F, "expected 8 bytes for this shape of F32, found 4"},
    {"{" T("a", "BF16", "2", 0, 8) "}", 8, F, "expected 4 bytes for this shape of BF16, found 8"},
    {"{" T("a", "F32", "", 0, 8) "}", 8, F, "expected 4 bytes for this shape of F32, found 8"},
    {"{" T("a", "BF16", "1", 0, 2) "," T("b", "F32", "1", 2, 6) "}", 6, F, "tensor 'b': data_offsets: expected a position in the file"},
    {"{" T("a", "BF16", "1", 1, 3) "}", 3, F, "that is a multiple of 2"},
    /* tiling */
    {"{" A2 "," T("b", "F32", "2", 0, 8) "}", 8, F, "tensor 'b': data_offsets: expected data from 8 on"},
    {"{" A2 "," T("b", "F32", "2", 4, 12) "}", 12, F, "tensor 'b': data_offsets: expected data from 8 on, where the tensors before it end, "
                                                    "found 4: they overlap"},
    {"{" T("b", "F32", "4", 0, 16) "," T("a", "F32", "1", 4, 8) "}", 16, F, "tensor 'a': data_offsets: expected data from 16 on"},
    {"{" T("a", "F32", "1", 4, 8) "}", 8, F, "expected data from 0 on, where the tensors before it end, found 4: there is a hole"},
    {"{" T("b", "F32", "1", 8, 12) "," T("a", "F32", "1", 0, 4) "}", 12, F, "tensor 'b': data_offsets: expected data from 4 on"},
    {"{" A2 "}", 9, F, "expected the end of the file after the last tensor, found 1 more bytes"},
    {"{" A2 "}", 4096, F, "found 4088 more bytes"},
    {"{}", 8, F, "found 8 more bytes"},
    /* __metadata__ */
    {"{\"__metadata__\":1," A2 "}", 8, F, "__metadata__: expected an object, found 1"},
    {"{\"__metadata__\":[]," A2 "}", 8, F, "__metadata__: expected an object, found []"},
    {"{\"__metadata__\":null," A2 "}", 8, F, "__metadata__: expected an object, found null"},
    {"{\"__metadata__\":{\"a\":1}," A2 "}", 8, F, "__metadata__: expected strings only, found 1"},
    {"{" A2 ",\"__metadata__\":{\"a\":{\"b\":\"c\"}}}", 8, F, "__metadata__: expected strings only, found an object"},
    /* names */
    {"{" T("", "F32", "2", 0, 8) "}", 8, F, "byte 9: expected a tensor name of 1 to 255 bytes, found 0"},
    {"{" T("a\\n", "F32", "2", 0, 8) "}", 8, F, "expected a tensor name without control characters, found \"a\\n\""},
    {"{" T("\\u001b[2J", "F32", "2", 0, 8) "}", 8, F, "found \"\\u001B[2J\""},
    {"{" T("a\\u0000b", "F32", "2", 0, 8) "}", 8, F, "expected JSON: "},
    {"{" T("a\n", "F32", "2", 0, 8) "}", 8, F, "expected JSON: "},
    {"{" T("\xff", "F32", "2", 0, 8) "}", 8, F, "expected JSON: "},
    {"{" T("\xc0\xaf", "F32", "2", 0, 8) "}", 8, F, "expected JSON: "},
    {"{" T("\\ud800", "F32", "2", 0, 8) "}", 8, F, "expected JSON: "},
    {"{" T("a", "F32", "1", 0, 4) "," T("a.weight", "F32", "1", 4, 8) "}", 8, F, "expected one tensor named 'a' (with or without .weight)"},
    /* ternary tensors and their scales */
    {"{" T("q.weight", "U8", "2,3", 0, 6) "}", 6, F, "tensor 'q.weight': expected a weight_scale beside a packed ternary tensor (U8)"},
    {"{" T("q", "U8", "2,3", 0, 6) "," T("q_scale", "BF16", "1", 6, 8) "}", 8, F, "tensor 'q': expected a weight_scale beside"},
    {"{" T("q.weight_scale", "BF16", "1", 0, 2) "}", 2, F, "tensor 'q.weight_scale': expected a packed ternary tensor (U8) 'q.weight' for "
                                                           "it, found none"},
    {"{" T("q.weight_scale", "BF16", "1", 0, 2) "," T("q.weight", "BF16", "1,1", 2, 4) "}", 4, F, "'q.weight' for it, found BF16"},
    {"{" T("q.weight_scale", "BF16", "2", 0, 4) "," T("q.weight", "U8", "2,2", 4, 8) "}", 8, U, "expected one scale for the whole tensor, "
                                                                                               "found 2"},
    {"{" T("q.weight_scale", "I32", "1", 0, 4) "," T("q.weight", "U8", "2,2", 4, 8) "}", 8, U, "tensor 'q.weight_scale': expected a scale of "
                                                                                              "type F32, F16 or BF16, found I32"},
    {"{" T("q.weight_scale", "U8", "1", 0, 1) "," T("q.weight", "U8", "2,2", 1, 5) "}", 5, U, "type F32, F16 or BF16, found U8"},
    {"{" T("q.weight_scale", "F32", "1", 0, 4) "," T("q.weight", "U8", "4", 4, 8) "}", 8, F, "expected 2 dimensions of a packed ternary "
                                                                                            "tensor, found 1"},
    {"{" T("q.weight_scale", "F32", "1", 0, 4) "," T("q.weight", "U8", "2,2,1", 4, 8) "}", 8, F, "tensor, found 3"},
    {"{" T("q.weight_scale", "F32", "1", 0, 4) "," T("q.weight", "U8", "2,2", 4, 8) "}", 8, F, "tensor 'q.weight_scale': expected a finite "
                                                                                              "scale above 0, found 0"},
    {"{" T("q.weight_scale", "F32", "0", 0, 0) "," T("q.weight", "U8", "2,2", 0, 4) "}", 4, U, "expected one scale for the whole tensor, "
                                                                                              "found 0"},
};

Test(weights_safetensors, hostile_headers)
{
    struct folder folder;
    char what[64];

    cr_assert_geq(sizeof(headers) / sizeof(headers[0]), 90u);
    folder_create(&folder);
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        (void)snprintf(what, sizeof(what), "header %zu: %.40s", i, headers[i].header);
        folder_write_safetensors(&folder, "model.safetensors", headers[i].header, NULL, headers[i].n_data);
        expect_refused(&folder, what, headers[i].status, headers[i].fragment);
    }
    folder_remove(&folder);
}

/* The same pieces, put together rightly: none of the refusals above comes from the frame around them. */
Test(weights_safetensors, good_headers)
{
    static const struct {
        const char *header;
        size_t      n_data, n_weights;
    } good[] = {
        {"{" A2 "}", 8, 1},
        {"{\"__metadata__\":{\"format\":\"pt\",\"empty\":\"\"}," A2 "}", 8, 1},
        {"{" A2 ",\"__metadata__\":{}}", 8, 1},
        {"{" T("a", "F32", "", 0, 4) "}", 4, 1},
        {"{" T("a", "F32", "1,2,1,1", 0, 8) "}", 8, 1},
        {"{ \"a\" : { \"shape\" : [ 2 ] , \"data_offsets\" : [ 0 , 8 ] , \"dtype\" : \"F32\" } } \n\t ", 8, 1},
        {"{" T("b", "F32", "1", 4, 8) "," T("a", "F32", "1", 0, 4) "," T("c", "BF16", "2", 8, 12) "}", 12, 3},
        {"{" T("\xc3\xa4", "F16", "4", 0, 8) "}", 8, 1},
        {"{" T("\\\"{[,", "F16", "4", 0, 8) "," T("b", "F16", "1", 8, 10) "}", 10, 2},
        {"{" T("q_proj.bias", "F16", "4", 0, 8) "," T("q_proj.weight", "F16", "1", 8, 10) "}", 10, 2},
    };
    struct folder folder;

    folder_create(&folder);
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        setun_weights *weights;

        folder_write_safetensors(&folder, "model.safetensors", good[i].header, NULL, good[i].n_data);
        weights = expect_opened(&folder, good[i].header);
        cr_expect_eq(setun_weights_count(weights), good[i].n_weights, "%s", good[i].header);
        expect_well_formed(weights, good[i].header);
        setun_weights_close(weights);
    }
    folder_remove(&folder);
}

/* The byte in an error is where the header speaks of that tensor, whatever stands before it. */
Test(weights_safetensors, error_position)
{
    static const char header[] = "{\"__metadata__\":{\"x\":\"\\\"bad\\\":{}\",\"bad\":\"y\"}," T("a{\\\"", "F32", "2", 0, 8) " ,  "
                                 T("bad", "F32", "3", 8, 16) "," T("z", "F32", "2", 16, 24) "}";
    const char *at = strstr(header, "\"bad\":{\"dtype\"");
    struct folder folder;
    char fragment[128];

    cr_assert_not_null(at);
    (void)snprintf(fragment, sizeof(fragment), "/model.safetensors: byte %zu: tensor 'bad': data_offsets: expected 12 bytes",
                   8 + (size_t)(at - header));
    folder_create(&folder);
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    folder_write_safetensors(&folder, "model.safetensors", header, NULL, 24);
    expect_refused(&folder, "position", SETUN_ERR_FORMAT, fragment);
    folder_remove(&folder);
}

Test(weights_safetensors, long_names_and_deep_nesting)
{
    enum { DEEP = 100000 };
    struct folder folder;
    char name[300], header[512];
    char *deep = malloc(2 * DEEP + 16);

    cr_assert_not_null(deep);
    folder_create(&folder);
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    for (size_t n = 254; n <= 257; n++) {
        memset(name, 'n', n);
        name[n] = '\0';
        (void)snprintf(header, sizeof(header), "{\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", name);
        folder_write_safetensors(&folder, "model.safetensors", header, NULL, 8);
        if (n <= 255)
            setun_weights_close(expect_opened(&folder, "long name"));
        else
            expect_refused(&folder, "long name", SETUN_ERR_FORMAT, "expected a tensor name of 1 to 255 bytes, found 25");
    }
    /* "X.weight" of 255 bytes: its scale's name would be longer than a name may be, so there is none. */
    memset(name, 'n', 248);
    strcpy(name + 248, ".weight");
    (void)snprintf(header, sizeof(header), "{\"%s\":{\"dtype\":\"U8\",\"shape\":[2,4],\"data_offsets\":[0,8]}}", name);
    folder_write_safetensors(&folder, "model.safetensors", header, NULL, 8);
    expect_refused(&folder, "long packed name", SETUN_ERR_FORMAT, "expected a weight_scale");

    strcpy(deep, "{\"a\":");
    memset(deep + 5, '[', DEEP);
    memset(deep + 5 + DEEP, ']', DEEP);
    strcpy(deep + 5 + 2 * DEEP, "}");
    folder_write_safetensors(&folder, "model.safetensors", deep, NULL, 8);
    expect_refused(&folder, "deep", SETUN_ERR_FORMAT, "maximum parsing depth");
    free(deep);
    folder_remove(&folder);
}

Test(weights_safetensors, hostile_lengths)
{
    static const struct {
        const char *bytes;
        size_t      n_bytes;
        const char *fragment;
    } files[] = {
        {"", 0, "byte 0: expected a safetensors file of at least 10 bytes, found 0"},
        {"\x02", 1, "at least 10 bytes, found 1"},
        {"\x02\0\0\0\0\0\0", 7, "at least 10 bytes, found 7"},
        {"\x02\0\0\0\0\0\0\0", 8, "at least 10 bytes, found 8"},
        {"\x02\0\0\0\0\0\0\0{", 9, "at least 10 bytes, found 9"},
        {"\x02\0\0\0\0\0\0\0{}", 10, "expected tensors, found none"},
        {"\0\0\0\0\0\0\0\0{}", 10, "byte 0: expected a header of 2 to 100000000 bytes, found a length of 0"},
        {"\1\0\0\0\0\0\0\0{}", 10, "found a length of 1"},
        {"\3\0\0\0\0\0\0\0{}", 10, "byte 0: expected a header inside the file's 10 bytes, found a length of 3"},
        {"\x00\xe1\xf5\x05\0\0\0\0{}", 10, "inside the file's 10 bytes, found a length of 100000000"},
        {"\x01\xe1\xf5\x05\0\0\0\0{}", 10, "of 2 to 100000000 bytes, found a length of 100000001"},
        {"\0\0\0\0\0\0\0\x80{}", 10, "found a length of 9223372036854775808"},
        {"\xf8\xff\xff\xff\xff\xff\xff\xff{}", 10, "found a length of 18446744073709551608"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "found a length of 18446744073709551615"},
        {"\0\0\0\0\0\0\0\x02{}", 10, "found a length of 144115188075855872"}, /* big-endian by mistake */
        {"\4\0\0\0\0\0\0\0\0\0\0\0", 12, "byte 8: expected '{', found 0x00"},
        {"\4\0\0\0\0\0\0\0{}\0\0", 12, "expected JSON: "},
        {"GGUF\3\0\0\0\0\0\0\0\0\0\0\0", 16, "byte 0: expected a header of 2 to 100000000 bytes"},
        {"PK\3\4\x14\0\0\0\0\0\0\0", 12, "byte 0: expected a header"},
    };
    struct folder folder;

    folder_create(&folder);
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        folder_write(&folder, "model.safetensors", files[i].bytes, files[i].n_bytes);
        expect_refused(&folder, files[i].fragment, SETUN_ERR_FORMAT, files[i].fragment);
    }
    folder_remove(&folder);
}

/* What is not a regular file is refused, and not waited for. */
Test(weights_safetensors, not_a_file, .timeout = 20)
{
    struct folder folder;
    setun_weights *weights = NULL;
    setun_error error = {{0}};

    folder_create(&folder);
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    expect_refused(&folder, "none", SETUN_ERR_NOT_FOUND, "expected model.safetensors or model.safetensors.index.json, found neither");

    cr_assert_eq(mkdir(folder_file(&folder, "model.safetensors"), 0700), 0);
    expect_refused(&folder, "folder", SETUN_ERR_IO, "model.safetensors: expected a regular file, found a folder");
    cr_assert_eq(rmdir(folder_file(&folder, "model.safetensors")), 0);

    cr_assert_eq(mkfifo(folder_file(&folder, "model.safetensors"), 0600), 0);
    expect_refused(&folder, "FIFO", SETUN_ERR_IO, "model.safetensors: expected a regular file, found a FIFO");
    cr_assert_eq(unlink(folder_file(&folder, "model.safetensors")), 0);

    cr_assert_eq(symlink("/dev/zero", folder_file(&folder, "model.safetensors")), 0);
    expect_refused(&folder, "device", SETUN_ERR_IO, "model.safetensors: expected a regular file, found a device");
    cr_assert_eq(unlink(folder_file(&folder, "model.safetensors")), 0);

    cr_assert_eq(symlink("model.safetensors", folder_file(&folder, "model.safetensors")), 0);
    expect_refused(&folder, "loop of links", SETUN_ERR_IO, "model.safetensors: ");
    cr_assert_eq(unlink(folder_file(&folder, "model.safetensors")), 0);

    folder_write_safetensors(&folder, "blob.safetensors", "{" A2 "}", NULL, 8);
    cr_assert_eq(symlink("blob.safetensors", folder_file(&folder, "model.safetensors")), 0);
    setun_weights_close(expect_opened(&folder, "link"));

    cr_expect_eq(setun_weights_open(folder_file(&folder, "blob.safetensors"), &weights, &error), SETUN_ERR_UNSUPPORTED);
    cr_expect_not_null(strstr(error.text, "expected a Hugging Face folder (config.json and safetensors), a GGUF file or a prepacked file, found another file"), "%s", error.text);
    cr_expect_eq(setun_weights_open("/dev/null", &weights, &error), SETUN_ERR_UNSUPPORTED);
    cr_expect_eq(setun_weights_open(folder_file(&folder, "nothing"), &weights, &error), SETUN_ERR_NOT_FOUND);
    cr_expect_eq(setun_weights_open("", &weights, &error), SETUN_ERR_NOT_FOUND);
    cr_expect_null(weights);
    folder_remove(&folder);
}

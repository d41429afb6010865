/* test_containers.c - GGUF and safetensors as they are written, read by hand and by the readers; roundings to f16 and bf16. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/gguf_writer.h"
#include "convert/safetensors_writer.h"
#include "fixture.h"
#include "weights/small_float.h"

static uint64_t u64_at(const char *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

Test(containers, gguf)
{
    static const int64_t dim[2] = {2, 5};
    char folder[64], path[128];
    setun_gguf_writer *writer;
    setun_stream *stream;
    setun_output *output;
    setun_error error = {""};
    setun_gguf *gguf;
    const setun_gguf_value *array;
    const setun_gguf_tensor *tensor;
    const char *text;
    size_t n_bytes;
    int64_t number;
    double real;
    bool found, flag;
    char *file;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/a.gguf", folder);
    cr_assert_eq(setun_gguf_writer_create(&writer, &error), SETUN_OK);
    setun_gguf_writer_string(writer, "s", "text", 4);
    setun_gguf_writer_u32(writer, "u", 4000000000u);
    setun_gguf_writer_i64(writer, "i", -5);
    setun_gguf_writer_f32(writer, "f", 0.5f);
    setun_gguf_writer_bool(writer, "b", true);
    setun_gguf_writer_array(writer, "names", SETUN_GGUF_STRING, 2);
    setun_gguf_writer_element_string(writer, "one", 3);
    setun_gguf_writer_element_string(writer, "", 0);
    setun_gguf_writer_array(writer, "types", SETUN_GGUF_I32, 2);
    setun_gguf_writer_element_i32(writer, 3);
    setun_gguf_writer_element_i32(writer, -1);
    setun_gguf_writer_tensor(writer, "first", 0, 2, dim, 40);
    setun_gguf_writer_tensor(writer, "second", 1, 1, &dim[1], 10);
    cr_assert_eq(setun_output_create(path, false, false, &output, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_stream_open(output, NULL, &stream, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_gguf_writer_start(writer, stream, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_stream_at(stream) % 32, 0u);
    cr_assert_eq(setun_stream_write(stream, "0123456789012345678901234567890123456789", 40, &error), SETUN_OK);
    cr_assert_eq(setun_gguf_writer_align(stream, &error), SETUN_OK);
    cr_assert_eq(setun_stream_write(stream, "abcdefghij", 10, &error), SETUN_OK);
    cr_assert_eq(setun_gguf_writer_align(stream, &error), SETUN_OK);
    cr_assert_eq(setun_stream_finish(stream, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_output_commit(output, &error), SETUN_OK, "%s", error.text);
    setun_gguf_writer_destroy(writer);

    file = file_read(path, &n_bytes);
    cr_expect_eq(memcmp(file, "GGUF\3\0\0\0", 8), 0);
    cr_expect_eq(u64_at(file + 8), 2u);  /* tensors */
    cr_expect_eq(u64_at(file + 16), 7u); /* keys */
    cr_expect_eq(u64_at(file + 24), 1u); /* the first key's length, then the key, its type, the text */
    cr_expect_eq(memcmp(file + 32, "s\10\0\0\0\4\0\0\0\0\0\0\0text", 17), 0);
    cr_expect_eq(memcmp(file + n_bytes - 96, "0123456789", 10), 0);
    cr_expect_eq(memcmp(file + n_bytes - 32, "abcdefghij\0", 11), 0);
    free(file);

    cr_assert_eq(setun_gguf_open(path, &gguf, &error), SETUN_OK, "%s", error.text);
    cr_expect(setun_gguf_string(gguf, "s", &found, &text, &n_bytes, &error) == SETUN_OK && found && n_bytes == 4 && memcmp(text, "text", 4) == 0);
    cr_expect(setun_gguf_int(gguf, "u", &found, &number, &error) == SETUN_OK && found && number == 4000000000);
    cr_expect(setun_gguf_int(gguf, "i", &found, &number, &error) == SETUN_OK && found && number == -5);
    cr_expect(setun_gguf_float(gguf, "f", &found, &real, &error) == SETUN_OK && found && real == 0.5);
    cr_expect(setun_gguf_bool(gguf, "b", &found, &flag, &error) == SETUN_OK && found && flag);
    cr_expect(setun_gguf_ints(gguf, "types", &array, &error) == SETUN_OK && array->n == 2 && setun_gguf_int_at(array, 1) == -1);
    cr_expect(setun_gguf_strings(gguf, "names", &array, &error) == SETUN_OK && array->n == 2);
    tensor = setun_gguf_find_tensor(gguf, "first");
    cr_assert_not_null(tensor);
    cr_expect(tensor->type_id == 0 && tensor->n_dims == 2 && tensor->dim[0] == 5 && tensor->dim[1] == 2 && tensor->n_bytes == 40);
    cr_expect_eq(setun_gguf_find_tensor(gguf, "second")->file_byte - tensor->file_byte, 64u);
    setun_gguf_close(gguf);
    folder_remove(folder);
}

Test(containers, safetensors)
{
    static const int64_t dim[2] = {3, 2};
    char folder[64], path[128];
    setun_st_writer writer;
    setun_stream *stream;
    setun_output *output;
    setun_error error = {""};
    size_t n_bytes;
    json_t *header, *info;
    char *file;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/a.safetensors", folder);
    setun_st_writer_init(&writer);
    setun_st_writer_tensor(&writer, "b", "BF16", 2, dim, 12);
    setun_st_writer_tensor(&writer, "a", "F32", 1, &dim[1], 8);
    cr_assert_eq(setun_output_create(path, false, false, &output, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_stream_open(output, NULL, &stream, &error), SETUN_OK);
    cr_assert_eq(setun_st_writer_start(&writer, stream, &error), SETUN_OK);
    cr_assert_eq(setun_stream_zeros(stream, 20, &error), SETUN_OK);
    cr_assert_eq(setun_stream_finish(stream, &error), SETUN_OK);
    cr_assert_eq(setun_output_commit(output, &error), SETUN_OK);
    setun_st_writer_free(&writer);

    file = file_read(path, &n_bytes);
    cr_expect_eq(u64_at(file) % 8, 0u);
    cr_assert_eq(u64_at(file) + 8 + 20, n_bytes);
    header = json_loadb(file + 8, u64_at(file), 0, NULL);
    cr_assert_not_null(header);
    info = json_object_get(header, "a");
    cr_expect_str_eq(json_string_value(json_object_get(info, "dtype")), "F32");
    cr_expect_eq(json_integer_value(json_array_get(json_object_get(info, "data_offsets"), 0)), 12);
    cr_expect_eq(json_integer_value(json_array_get(json_object_get(info, "data_offsets"), 1)), 20);
    info = json_object_get(json_object_get(header, "b"), "shape");
    cr_expect(json_array_size(info) == 2 && json_integer_value(json_array_get(info, 0)) == 3);
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(header, "__metadata__"), "format")), "pt");
    json_decref(header);
    free(file);
    folder_remove(folder);
}

/* The nearest of all finite f16 by trying each, an even one of two that are as near. */
static uint16_t search_f16(float value)
{
    double best = INFINITY;
    uint16_t found = 0;

    for (uint32_t bits = 0; bits < 0x7c00; bits++) {
        const double distance = fabs((double)setun_f32_of_f16((uint16_t)bits) - fabs((double)value));

        if (distance < best || (distance == best && bits % 2 == 0)) {
            best = distance;
            found = (uint16_t)bits;
        }
    }
    return (uint16_t)(found | (signbit(value) ? 0x8000 : 0));
}

Test(containers, roundings)
{
    static const float some[] = {0.0f, -0.0f, 1.0f, 0.1f, -0.3f, 65504.0f, 65519.9f, 6.1e-5f, 6.0975e-5f, 3.05e-5f, 5.96e-8f, 2.98e-8f, 2.99e-8f,
                                 1e-10f, 1.00048828125f, 1.00146484375f, 2049.0f, 2051.0f, -1234.567f};

    for (uint32_t bits = 0; bits < 0x7c00; bits++) {
        const float low = setun_f32_of_f16((uint16_t)bits), high = setun_f32_of_f16((uint16_t)(bits + 1));

        cr_assert_eq(setun_f16_of_f32(low), bits);
        if (bits + 1 < 0x7c00) /* halfway: to the even one; a little beside it: to the nearer one */
            cr_assert_eq(setun_f16_of_f32(low + (high - low) / 2), bits % 2 == 0 ? bits : bits + 1, "%x", (unsigned)bits);
        if (bits + 1 < 0x7c00)
            cr_assert_eq(setun_f16_of_f32(nextafterf(low + (high - low) / 2, INFINITY)), bits + 1, "%x", (unsigned)bits);
        cr_assert_eq(setun_f16_of_f32(-low), bits | 0x8000);
    }
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
        cr_expect_eq(setun_f16_of_f32(some[i]), search_f16(some[i]), "%a", (double)some[i]);
    cr_expect_eq(setun_f16_of_f32(65520.0f), 0x7c00);
    cr_expect_eq(setun_f16_of_f32(-INFINITY), 0xfc00);
    for (uint32_t bits = 0; bits < 0x7f80; bits += 7) {
        const float low = setun_f32_of_bf16((uint16_t)bits), high = setun_f32_of_bf16((uint16_t)(bits + 1));

        cr_assert_eq(setun_bf16_of_f32(low), bits);
        if (bits + 1 < 0x7f80)
            cr_assert_eq(setun_bf16_of_f32(low + (high - low) / 2), bits % 2 == 0 ? bits : bits + 1, "%x", (unsigned)bits);
    }
}

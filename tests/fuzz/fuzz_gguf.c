/* fuzz_gguf.c - a GGUF file: header, metadata by every type, places of tensors; then its weights, in each layout of I2_S, and their contents. */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "weights/gguf.h"
#include "weights/weights.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

/* Touches everything that the value says it has. */
static void read_value(const setun_gguf *gguf, const setun_gguf_value *value)
{
    setun_error error = {""};
    const setun_gguf_value *array;
    const char *text;
    size_t n_bytes, sum = 0;
    int64_t integer;
    double number;
    bool found, flag;

    FUZZ_EXPECT(setun_gguf_find(gguf, value->key) == value);
    FUZZ_EXPECT(value->type != SETUN_GGUF_ARRAY && value->type < SETUN_GGUF_N_TYPES);
    if (value->type == SETUN_GGUF_STRING) {
        setun_gguf_cursor cursor = setun_gguf_first(value);

        while (setun_gguf_next(&cursor, &text, &n_bytes)) {
            sum += 8 + n_bytes;
            if (n_bytes > 0)
                sum += (text[0] & 0) + (text[n_bytes - 1] & 0);
        }
        FUZZ_EXPECT(sum == value->n_bytes);
    } else {
        for (uint64_t i = 0; i < value->n; i++)
            if (value->type == SETUN_GGUF_F32 || value->type == SETUN_GGUF_F64)
                (void)setun_gguf_float_at(value, i);
            else
                (void)setun_gguf_int_at(value, i);
    }
    /* One of these fits; the others refuse. */
    if (setun_gguf_int(gguf, value->key, &found, &integer, &error) != SETUN_OK)
        fuzz_expect_refusal(SETUN_ERR_FORMAT, &error);
    if (setun_gguf_float(gguf, value->key, &found, &number, &error) != SETUN_OK)
        fuzz_expect_refusal(SETUN_ERR_FORMAT, &error);
    if (setun_gguf_bool(gguf, value->key, &found, &flag, &error) != SETUN_OK)
        fuzz_expect_refusal(SETUN_ERR_FORMAT, &error);
    if (setun_gguf_string(gguf, value->key, &found, &text, &n_bytes, &error) != SETUN_OK)
        fuzz_expect_refusal(SETUN_ERR_FORMAT, &error);
    if (setun_gguf_strings(gguf, value->key, &array, &error) != SETUN_OK)
        fuzz_expect_refusal(SETUN_ERR_FORMAT, &error);
}

/* The file as a model's weights; every byte of their contents is read. */
static void read_weights(const char *path, const char *i2s_layout)
{
    const setun_weights_options options = {.i2s_layout = i2s_layout};
    setun_error error = {""};
    setun_weights *weights = NULL;
    const setun_status status = setun_weights_open_options(path, &options, &weights, &error);

    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
        FUZZ_EXPECT(weights == NULL);
        return;
    }
    for (size_t i = 0; i < setun_weights_count(weights); i++) {
        const setun_weight *weight = setun_weights_at(weights, i);

        FUZZ_EXPECT(weight->n_bytes > 0 && weight->scale > 0 && weight->n_dims >= 1 && weight->n_dims <= 4);
        if (setun_weight_check_whole(weights, weight, &error) != SETUN_OK)
            fuzz_expect_refusal(SETUN_ERR_FORMAT, &error);
    }
    setun_weights_close(weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    const setun_weight_file file = {.path = "fuzz.gguf", .fd = fuzz_memory_file(data, n_bytes), .n_bytes = n_bytes};
    setun_error error = {""};
    setun_gguf *gguf = NULL;
    const setun_status status = setun_gguf_read(&file, &gguf, &error);

    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
        FUZZ_EXPECT(gguf == NULL);
        return 0;
    }
    for (size_t i = 0; i < setun_gguf_n_values(gguf); i++)
        read_value(gguf, setun_gguf_value_at(gguf, i));
    for (size_t i = 0; i < setun_gguf_n_tensors(gguf); i++) {
        const setun_gguf_tensor *t = setun_gguf_tensor_at(gguf, i);

        FUZZ_EXPECT(setun_gguf_find_tensor(gguf, t->name) == t);
        FUZZ_EXPECT(t->n_dims >= 1 && t->n_dims <= SETUN_GGUF_MAX_DIMS && t->dim[0] > 0 && t->dim[3] > 0);
        FUZZ_EXPECT(t->file_byte < n_bytes && t->n_bytes <= n_bytes - t->file_byte);
    }
    setun_gguf_close(gguf);
    {
        static const char *const name = "fuzz.gguf", *const layouts[] = {NULL, "128", "64", "rows"};
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/%s", fuzz_folder(&name, 1, data, n_bytes), name);
        for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
            read_weights(path, layouts[i]);
    }
    return 0;
}

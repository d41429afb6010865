/* test_tensors.c - tensors and their statistics against a reading of the raw file by the test itself. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "setun/inspect.h"
#include "tiny_model.h"

/* fable's file, as bytes. */
struct raw {
    char   *bytes;
    size_t  n_bytes, begin; /* of the data */
    json_t *header;
};

static struct raw raw_open(const char *path)
{
    struct raw raw;
    uint64_t n_header;
    json_error_t error;

    raw.bytes = file_read(path, &raw.n_bytes);
    memcpy(&n_header, raw.bytes, 8);
    raw.begin = 8 + (size_t)n_header;
    raw.header = json_loadb(raw.bytes + 8, (size_t)n_header, 0, &error);
    cr_assert(raw.header != NULL, "%s", error.text);
    return raw;
}

static void raw_close(struct raw *raw)
{
    json_decref(raw->header);
    free(raw->bytes);
}

/* Bytes of a tensor; *out_dtype borrowed. */
static const unsigned char *raw_find(const struct raw *raw, const char *name, const char *suffix, size_t *out_bytes, const char **out_dtype)
{
    char key[256];
    const json_t *entry, *offsets;

    (void)snprintf(key, sizeof(key), "%s%s", name, suffix);
    entry = json_object_get(raw->header, key);
    cr_assert(entry != NULL, "%s", key);
    offsets = json_object_get(entry, "data_offsets");
    *out_dtype = json_string_value(json_object_get(entry, "dtype"));
    *out_bytes = (size_t)(json_integer_value(json_array_get(offsets, 1)) - json_integer_value(json_array_get(offsets, 0)));
    return (const unsigned char *)raw->bytes + raw->begin + json_integer_value(json_array_get(offsets, 0));
}

static float bf16(const unsigned char *bytes)
{
    const uint32_t bits = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 24;
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static setun_inspection *inspect(const char *folder, setun_model **out_model)
{
    setun_inspection *inspection;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(folder, NULL, out_model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_inspection_create(*out_model, &inspection, &error), SETUN_OK, "%s", error.text);
    return inspection;
}

static void compare_ternary(const struct raw *raw, const setun_tensor_info *info, const setun_tensor_statistics *statistics)
{
    size_t n_bytes, n_scale;
    const char *dtype;
    const unsigned char *bytes = raw_find(raw, info->name, ".weight", &n_bytes, &dtype), *scale;
    uint64_t count[4] = {0};

    cr_assert_str_eq(dtype, "U8");
    for (size_t i = 0; i < n_bytes; i++)
        for (int code = 0; code < 4; code++)
            count[bytes[i] >> (2 * code) & 3]++;
    cr_expect(statistics->ternary && !statistics->dense, "%s", info->name);
    cr_expect_eq(statistics->n_minus, count[0], "%s", info->name);
    cr_expect_eq(statistics->n_zero, count[1], "%s", info->name);
    cr_expect_eq(statistics->n_plus, count[2], "%s", info->name);
    cr_expect_eq(statistics->n_bad, 0);
    cr_expect_eq(count[3], 0);
    cr_expect_eq(info->n_values, 4 * n_bytes, "%s", info->name);
    cr_expect_eq(info->n_bytes, n_bytes);
    scale = raw_find(raw, info->name, ".weight_scale", &n_scale, &dtype);
    cr_assert_str_eq(dtype, "BF16");
    cr_expect_eq(statistics->scale, bf16(scale), "%s", info->name);
    cr_expect_eq(info->scale, bf16(scale), "%s", info->name);
}

static void compare_dense(const struct raw *raw, const setun_tensor_info *info, const setun_tensor_statistics *statistics)
{
    size_t n_bytes;
    const char *dtype;
    const unsigned char *bytes = raw_find(raw, info->name, ".weight", &n_bytes, &dtype);
    double min = INFINITY, max = -INFINITY, squares = 0;

    cr_assert_str_eq(dtype, "BF16");
    for (size_t i = 0; i < n_bytes; i += 2) {
        const double value = (double)bf16(bytes + i);

        min = fmin(min, value);
        max = fmax(max, value);
        squares += value * value;
    }
    cr_expect(statistics->dense && !statistics->ternary, "%s", info->name);
    cr_expect_eq(statistics->min, min, "%s", info->name);
    cr_expect_eq(statistics->max, max, "%s", info->name);
    cr_expect_float_eq(statistics->rms, sqrt(squares / (double)(n_bytes / 2)), 1e-12 * statistics->rms, "%s", info->name);
    cr_expect_eq(info->n_values, n_bytes / 2);
}

Test(inspect, tensors_of_fable)
{
    struct raw raw = raw_open(FABLE "/model.safetensors");
    setun_inspection_summary summary;
    setun_inspection *inspection;
    setun_model *model;
    setun_error error;
    size_t n_ternary = 0, n_in_file = 0;
    const char *key;
    json_t *value;

    inspection = inspect(FABLE, &model);
    setun_inspection_describe(inspection, &summary);
    json_object_foreach (raw.header, key, value)
        n_in_file += strcmp(key, "__metadata__") != 0 && strstr(key, "_scale") == NULL;
    cr_assert_eq(summary.n_tensors, n_in_file);
    cr_assert_eq(summary.file_bytes, raw.n_bytes);
    cr_assert_eq(summary.n_files, 1);
    for (size_t i = 0; i < summary.n_tensors; i++) {
        setun_tensor_statistics statistics;
        setun_tensor_info info;
        bool read = false;

        setun_inspection_tensor(inspection, i, &info);
        cr_assert_eq(setun_inspection_read(inspection, i, &statistics, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_inspection_verify(inspection, i, false, &read, &error), SETUN_OK, "%s", error.text);
        cr_expect(read);
        cr_expect(info.entry != NULL, "%s is not used", info.name);
        cr_expect_eq(info.n_readers, strcmp(info.name, "model.embed_tokens") == 0 ? 2 : 1, "%s", info.name);
        cr_expect(!info.master);
        if (info.ternary)
            compare_ternary(&raw, &info, &statistics);
        else
            compare_dense(&raw, &info, &statistics);
        n_ternary += info.ternary;
    }
    cr_expect_eq(n_ternary, 5 * 7);
    setun_inspection_destroy(inspection);
    setun_model_close(model);
    raw_close(&raw);
}

/* A tiny model of which byte `at` of a tensor's data is another one. */
static void damage(const char *folder, const char *tensor, size_t at, unsigned char byte)
{
    char path[256];
    struct raw raw;
    size_t n_bytes;
    const char *dtype;
    const unsigned char *data;

    (void)snprintf(path, sizeof(path), "%s/model.safetensors", folder);
    raw = raw_open(path);
    data = raw_find(&raw, tensor, ".weight", &n_bytes, &dtype);
    cr_assert_lt(at, n_bytes);
    raw.bytes[data - (const unsigned char *)raw.bytes + (ptrdiff_t)at] = (char)byte;
    file_write(path, raw.bytes, raw.n_bytes);
    raw_close(&raw);
}

static size_t index_of(const setun_inspection *inspection, const char *name)
{
    setun_inspection_summary summary;

    setun_inspection_describe(inspection, &summary);
    for (size_t i = 0; i < summary.n_tensors; i++) {
        setun_tensor_info info;

        setun_inspection_tensor(inspection, i, &info);
        if (strcmp(info.name, name) == 0)
            return i;
    }
    cr_assert_fail("there is no tensor %s", name);
    return 0;
}

Test(inspect, bad_contents)
{
    static const char codes[] = "model.layers.0.self_attn.q_proj", master[] = "model.layers.0.mlp.down_proj", norm[] = "model.norm";
    setun_tensor_statistics statistics;
    setun_inspection *inspection;
    setun_model *model;
    setun_error error = {""};
    setun_tensor_info info;
    char folder[64];

    folder_make(folder);
    cr_assert(tiny_model_write(folder));
    damage(folder, codes, 5, 0x3f);  /* codes 3, 3, 3, 0 */
    damage(folder, master, 13, 0x7f); /* 0x7f.. with the low byte's top bit: NaN or infinity */
    damage(folder, master, 12, 0x80);
    damage(folder, norm, 1, 0x7f);
    damage(folder, norm, 0, 0x80);
    inspection = inspect(folder, &model);

    cr_assert_eq(setun_inspection_read(inspection, index_of(inspection, codes), &statistics, &error), SETUN_OK);
    cr_expect_eq(statistics.n_bad, 3);
    setun_inspection_tensor(inspection, index_of(inspection, codes), &info);
    cr_expect_eq(statistics.n_minus + statistics.n_zero + statistics.n_plus, info.n_values - 3);
    cr_expect_eq(setun_inspection_verify(inspection, index_of(inspection, codes), false, NULL, &error), SETUN_ERR_FORMAT);
    cr_expect(strstr(error.text, codes) != NULL, "%s", error.text);

    cr_assert_eq(setun_inspection_read(inspection, index_of(inspection, norm), &statistics, &error), SETUN_OK);
    cr_expect_eq(statistics.n_bad, 1);
    cr_expect(statistics.dense && isfinite(statistics.min) && isfinite(statistics.max) && isfinite(statistics.rms));
    cr_expect_eq(setun_inspection_verify(inspection, index_of(inspection, norm), false, NULL, &error), SETUN_ERR_FORMAT);

    cr_assert_eq(setun_inspection_read(inspection, index_of(inspection, master), &statistics, &error), SETUN_OK);
    cr_expect_eq(statistics.n_bad, 1);
    cr_expect(statistics.dense && !statistics.ternary, "a master with an infinite value has no mean");
    setun_inspection_destroy(inspection);
    setun_model_close(model);
    folder_remove(folder);
}

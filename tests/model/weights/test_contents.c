/* test_contents.c - scales as stored in every type, and what setun_weight_check finds in tensors. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"

#define CONFIG_DIVIDES "{\"architectures\":[\"X\"],\"quantization_config\":{\"linear_class\":\"bitlinear\"}}"

static const char *const configs_that_divide[] = {
    CONFIG_DIVIDES,
    "{\"architectures\":[\"X\"],\"quantization_config\":{\"quant_method\":\"bitnet\"}}",
    "{\"architectures\":[\"X\"],\"quantization_config\":{\"modules_to_not_convert\":null}}",
    "{\"architectures\":[\"X\"],\"quantization_config\":{\"modules_to_not_convert\":[\"lm_head\"]}}",
};

/* Nobody knows what a scale means then. */
static const char *const configs_that_do_not_say[] = {
    "{\"architectures\":[\"X\"],\"quantization_config\":null}",
    "{\"architectures\":[\"X\"]}",
};

/* One packed tensor [1, 4] "q.weight" with a scale of type dtype (stored[n_stored]), scale first. */
static void write_scaled(const struct folder *folder, const char *dtype, const char *shape, const void *stored, size_t n_stored)
{
    unsigned char data[8] = {0};
    char header[256];

    memcpy(data, stored, n_stored);
    (void)snprintf(header, sizeof(header), "{\"q.weight_scale\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[0,%zu]},"
                   "\"q.weight\":{\"dtype\":\"U8\",\"shape\":[1,4],\"data_offsets\":[%zu,%zu]}}", dtype, shape, n_stored, n_stored,
                   n_stored + 4);
    folder_write_safetensors(folder, "model.safetensors", header, data, n_stored + 4);
}

Test(weights_scales, no_rule)
{
    static const unsigned char one[] = {0x80, 0x3f};
    struct folder folder;

    folder_create(&folder);
    write_scaled(&folder, "BF16", "[1]", one, sizeof(one));
    for (size_t i = 0; i < sizeof(configs_that_do_not_say) / sizeof(configs_that_do_not_say[0]); i++) {
        folder_write_text(&folder, "config.json", configs_that_do_not_say[i]);
        expect_refused(&folder, configs_that_do_not_say[i], SETUN_ERR_FORMAT, "tensor 'q.weight': expected a quantization_config in config.json");
    }
    folder_remove(&folder);
}

Test(weights_scales, good)
{
    static const struct {
        const char   *dtype, *shape;
        unsigned char stored[4]; /* little-endian */
        float         value;
    } good[] = {
        {"F32", "[1]", {0x00, 0x00, 0x80, 0x3f}, 1.0f},
        {"F32", "[]", {0x00, 0x00, 0x20, 0x40}, 2.5f},
        {"F32", "[1,1]", {0xff, 0xff, 0x7f, 0x7e}, 0x1.fffffep+125f},
        {"F32", "[1,1,1,1]", {0x00, 0x00, 0x80, 0x00}, 0x1p-126f},
        {"BF16", "[1]", {0x80, 0x3f}, 1.0f},
        {"BF16", "[1]", {0xa8, 0x3d}, 0.08203125f},
        {"BF16", "[]", {0x49, 0x40}, 3.140625f},
        {"F16", "[1]", {0x00, 0x3c}, 1.0f},
        {"F16", "[1]", {0x55, 0x35}, 0x1.554p-2f},
        {"F16", "[1]", {0xff, 0x7b}, 65504.0f},
        {"F16", "[1]", {0x00, 0x04}, 0x1p-14f},
        {"F16", "[1]", {0xff, 0x03}, 0x1.ff8p-15f},
        {"F16", "[1]", {0x01, 0x00}, 0x1p-24f},
    };
    struct folder folder;

    folder_create(&folder);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        setun_weights *weights;

        write_scaled(&folder, good[i].dtype, good[i].shape, good[i].stored, strcmp(good[i].dtype, "F32") == 0 ? 4 : 2);
        folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
        weights = expect_opened(&folder, good[i].dtype);
        cr_expect_eq(setun_weights_find(weights, "q")->scale, good[i].value, "case %zu: %a", i, (double)good[i].value);
        cr_expect_eq(setun_weights_find(weights, "q")->dim[0], 4);
        setun_weights_close(weights);
        for (size_t j = 0; j < sizeof(configs_that_divide) / sizeof(configs_that_divide[0]); j++) {
            folder_write_text(&folder, "config.json", configs_that_divide[j]);
            weights = expect_opened(&folder, good[i].dtype);
            cr_expect_eq(setun_weights_find(weights, "q")->scale, 1.0f / good[i].value, "case %zu, config %zu", i, j);
            setun_weights_close(weights);
        }
    }
    folder_remove(&folder);
}

Test(weights_scales, bad)
{
    static const struct {
        const char   *dtype;
        unsigned char stored[4];
        const char   *found;
    } bad[] = {
        {"F32", {0x00, 0x00, 0x00, 0x00}, "found 0"},    {"F32", {0x00, 0x00, 0x00, 0x80}, "found -0"},
        {"F32", {0x00, 0x00, 0xc0, 0x7f}, "found nan"},  {"F32", {0x01, 0x00, 0x80, 0x7f}, "found nan"},
        {"F32", {0x00, 0x00, 0x80, 0x7f}, "found inf"},  {"F32", {0x00, 0x00, 0x80, 0xff}, "found -inf"},
        {"F32", {0x00, 0x00, 0x80, 0xbf}, "found -1"},   {"BF16", {0x00, 0x00}, "found 0"},
        {"BF16", {0xc0, 0x7f}, "found nan"},             {"BF16", {0x80, 0x7f}, "found inf"},
        {"BF16", {0x80, 0xff}, "found -inf"},            {"BF16", {0x80, 0xbf}, "found -1"},
        {"F16", {0x00, 0x00}, "found 0"},                {"F16", {0x00, 0x7c}, "found inf"},
        {"F16", {0x01, 0x7c}, "found nan"},              {"F16", {0x00, 0xfc}, "found -inf"},
        {"F16", {0x00, 0xbc}, "found -1"},               {"F16", {0x01, 0x80}, "found -5.96046e-08"},
    };
    static const unsigned char tiny[4] = {0x01, 0x00, 0x00, 0x00}; /* 2^-149: finite, its inverse is not */
    struct folder folder;

    folder_create(&folder);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_scaled(&folder, bad[i].dtype, "[1]", bad[i].stored, strcmp(bad[i].dtype, "F32") == 0 ? 4 : 2);
        folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
        expect_refused(&folder, bad[i].dtype, SETUN_ERR_FORMAT, "tensor 'q.weight_scale': expected a finite scale above 0");
        folder_write_text(&folder, "config.json", CONFIG_DIVIDES);
        expect_refused(&folder, bad[i].dtype, SETUN_ERR_FORMAT, "tensor 'q.weight_scale': expected a finite scale above 0");
        if (strstr(bad[i].found, "nan") == NULL) /* the sign of a NaN is printed or not */
            expect_refused(&folder, bad[i].dtype, SETUN_ERR_FORMAT, bad[i].found);
    }
    write_scaled(&folder, "F32", "[1]", tiny, sizeof(tiny));
    expect_refused(&folder, "tiny, inverted", SETUN_ERR_FORMAT, "whose inverse is one too");
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    setun_weights_close(expect_opened(&folder, "tiny"));
    folder_remove(&folder);
}

/* Rows are quarters: byte [p, c] of [P, K] holds rows p, P + p, 2P + p, 3P + p. */
Test(weights_check, code_3_is_found_where_it_is)
{
    enum { P = 5, K = 7, N = P * K };
    static const char header[] = "{\"q.weight_scale\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                                 "\"q.weight\":{\"dtype\":\"U8\",\"shape\":[5,7],\"data_offsets\":[4,39]}}";
    struct folder folder;
    unsigned char data[4 + N] = {0x00, 0x00, 0x80, 0x3f};
    setun_error error = {{0}};

    folder_create(&folder);
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    for (unsigned at = 0; at < N; at++)
        for (unsigned quarter = 0; quarter < 4; quarter++) {
            setun_weights *weights;
            char fragment[96];

            /* 0xaa and 0x66 hold adjacent ones that belong to different codes. */
            for (unsigned i = 0; i < N; i++)
                data[4 + i] = i % 3 == 0 ? 0xaa : i % 3 == 1 ? 0x66 : 0x95;
            data[4 + at] = (unsigned char)((data[4 + at] & ~(3u << 2 * quarter)) | 3u << 2 * quarter);
            if (at + 1 < N)
                data[4 + N - 1] = 0xff; /* a later one, which is not the first */
            folder_write_safetensors(&folder, "model.safetensors", header, data, sizeof(data));
            weights = expect_opened(&folder, "code 3");
            cr_expect_eq(setun_weight_check(weights, setun_weights_find(weights, "q"), &error), SETUN_ERR_FORMAT);
            (void)snprintf(fragment, sizeof(fragment), "byte %zu: tensor 'q', row %u, column %u: expected a ternary code",
                           8 + (sizeof(header) - 1 + 7) / 8 * 8 + 4 + at, quarter * P + at / K, at % K);
            cr_expect_not_null(strstr(error.text, fragment), "expected \"%s\" in \"%s\"", fragment, error.text);
            setun_weights_close(weights);
        }
    folder_remove(&folder);
}

/* Every byte value at every place of a word, against the definition. */
Test(weights_check, every_byte)
{
    static const char header[] = "{\"q.weight_scale\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                                 "\"q.weight\":{\"dtype\":\"U8\",\"shape\":[1,20],\"data_offsets\":[4,24]}}";
    struct folder folder;
    unsigned char data[24];

    folder_create(&folder);
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    for (unsigned value = 0; value < 256; value++)
        for (unsigned at = 0; at < 20; at += value % 16 == 0 ? 1 : 19) {
            setun_weights *weights;
            bool bad = false;

            memset(data, 0xa5, sizeof(data));
            memcpy(data, "\x00\x00\x80\x3f", 4);
            data[4 + at] = (unsigned char)value;
            for (unsigned shift = 0; shift < 8; shift += 2)
                bad = bad || (value >> shift & 3) == 3;
            folder_write_safetensors(&folder, "model.safetensors", header, data, sizeof(data));
            weights = expect_opened(&folder, "byte");
            cr_expect_eq(setun_weight_check(weights, setun_weights_find(weights, "q"), NULL), bad ? SETUN_ERR_FORMAT : SETUN_OK,
                         "0x%02x at %u", value, at);
            setun_weights_close(weights);
        }
    folder_remove(&folder);
}

Test(weights_check, dense)
{
    enum { N = 6000 }; /* more than a block of the search, in each type */
    static const struct {
        const char *dtype;
        size_t      n_bytes;
        uint32_t    bits;
        bool        bad;
    } values[] = {
        {"F32", 4, 0x7f800000, true}, {"F32", 4, 0xff800000, true}, {"F32", 4, 0x7fc00000, true}, {"F32", 4, 0x7f800001, true},
        {"F32", 4, 0x7f7fffff, false}, {"F32", 4, 0x807fffff, false}, {"F32", 4, 0x00000001, false},
        {"F16", 2, 0x7c00, true}, {"F16", 2, 0xfc00, true}, {"F16", 2, 0x7e00, true}, {"F16", 2, 0x7c01, true},
        {"F16", 2, 0x7bff, false}, {"F16", 2, 0xfbff, false}, {"F16", 2, 0x0001, false},
        {"BF16", 2, 0x7f80, true}, {"BF16", 2, 0xff80, true}, {"BF16", 2, 0x7fc0, true}, {"BF16", 2, 0x7f81, true},
        {"BF16", 2, 0x7f7f, false}, {"BF16", 2, 0xff7f, false}, {"BF16", 2, 0x0001, false}, {"BF16", 2, 0x7c00, false},
    };
    static const size_t places[] = {0, 1, 1023, 1024, 2047, 2048, N - 1};
    struct folder folder;
    unsigned char *data = malloc(4 * N);

    cr_assert_not_null(data);
    folder_create(&folder);
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        for (size_t j = 0; j < 2 * sizeof(places) / sizeof(places[0]); j++) {
            const size_t at = places[j / 2];
            const bool matrix = j % 2 != 0;
            char header[256], fragment[128];
            setun_weights *weights;
            setun_error error = {{0}};

            for (size_t e = 0; e < N; e++) /* 1.0f, and one of about 1 in each short type */
                memcpy(data + e * values[i].n_bytes, values[i].n_bytes == 4 ? "\x00\x00\x80\x3f" : "\x80\x3f", values[i].n_bytes);
            memcpy(data + at * values[i].n_bytes, &values[i].bits, values[i].n_bytes);
            (void)snprintf(header, sizeof(header), "{\"v.weight\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[0,%zu]}}",
                           values[i].dtype, matrix ? "[60,100]" : "[6000]", N * values[i].n_bytes);
            folder_write_safetensors(&folder, "model.safetensors", header, data, N * values[i].n_bytes);
            weights = expect_opened(&folder, values[i].dtype);
            cr_expect_eq(setun_weight_check(weights, setun_weights_find(weights, "v"), &error),
                         values[i].bad ? SETUN_ERR_FORMAT : SETUN_OK, "%s 0x%x at %zu", values[i].dtype, (unsigned)values[i].bits, at);
            if (matrix)
                (void)snprintf(fragment, sizeof(fragment), "tensor 'v', row %zu, column %zu: expected a finite value", at / 100, at % 100);
            else
                (void)snprintf(fragment, sizeof(fragment), "tensor 'v', element %zu: expected a finite value", at);
            if (values[i].bad)
                cr_expect_not_null(strstr(error.text, fragment), "expected \"%s\" in \"%s\"", fragment, error.text);
            setun_weights_close(weights);
        }
    free(data);
    folder_remove(&folder);
}

/* The rule of weights.h: a matrix of 64 MiB is passed over, a smaller one and any vector are not. The files are sparse. */
Test(weights_check, large_matrices_are_passed_over)
{
    static const struct {
        const char *shape;
        long long   n_bytes;
        bool        checked;
    } large[] = {
        {"[4096,4096]", 64LL << 20, false},
        {"[4095,4096]", (64LL << 20) - 16384, true},
        {"[16777216]", 64LL << 20, true},
    };
    struct folder folder;

    folder_create(&folder);
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        const char *path;
        char header[128];
        setun_weights *weights;
        FILE *file;

        (void)snprintf(header, sizeof(header), "{\"e\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[0,%lld]}}", large[i].shape,
                       large[i].n_bytes);
        folder_write_safetensors(&folder, "model.safetensors", header, NULL, 0);
        path = folder_file(&folder, "model.safetensors");
        file = fopen(path, "r+b");
        cr_assert_not_null(file);
        cr_assert_eq(fseek(file, 0, SEEK_END), 0);
        cr_assert_eq(fseek(file, (long)large[i].n_bytes - 4, SEEK_CUR), 0);
        cr_assert_eq(fwrite("\x00\x00\xc0\x7f", 1, 4, file), 4u); /* the last element is NaN */
        cr_assert_eq(fclose(file), 0);
        weights = expect_opened(&folder, large[i].shape);
        cr_expect_eq(setun_weight_check(weights, setun_weights_at(weights, 0), NULL), large[i].checked ? SETUN_ERR_FORMAT : SETUN_OK, "%s",
                     large[i].shape);
        setun_weights_close(weights);
    }
    folder_remove(&folder);
}

/* test_shards.c - the default model in two shards gives the same weights; indexes that do not agree with their shards are refused. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

#define INDEX "model.safetensors.index.json"
#define ONE   "model-00001-of-00002.safetensors"
#define TWO   "model-00002-of-00002.safetensors"

/* Writes the tensors that `of_second` assigns to a shard, in the order of the data, as one file. Adds them to weight_map. */
static void write_shard(const struct folder *folder, const unsigned char *file, json_t *header, size_t n_header, bool second, json_t *weight_map)
{
    json_t *part = json_object(), *entry;
    unsigned char *data = malloc(4 << 20);
    size_t n_data = 0, n = 0;
    const char *name;
    char *text;

    cr_assert_not_null(data);
    json_object_foreach (header, name, entry) {
        const size_t begin = (size_t)json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), 0)),
                     end = (size_t)json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), 1));

        /* Every third, so that weights and their scales are parted often. */
        if (strcmp(name, "__metadata__") == 0 || (n++ % 3 == 0) != second)
            continue;
        memcpy(data + n_data, file + 8 + n_header + begin, end - begin);
        json_object_set_new(part, name, json_pack("{sOsOs[II]}", "dtype", json_object_get(entry, "dtype"), "shape",
                                                  json_object_get(entry, "shape"), "data_offsets", (json_int_t)n_data,
                                                  (json_int_t)(n_data + end - begin)));
        json_object_set_new(weight_map, name, json_string(second ? TWO : ONE));
        n_data += end - begin;
    }
    text = json_dumps(part, JSON_COMPACT);
    cr_assert_not_null(text);
    folder_write_safetensors(folder, second ? TWO : ONE, text, data, n_data);
    free(text);
    free(data);
    json_decref(part);
}

Test(weights_shards, fable_in_two)
{
    static unsigned char contents[2][4 << 20];
    static const char split[] = "model.layers.3.mlp.up_proj";
    struct folder folder;
    size_t n_file, n_header, n_config;
    unsigned char *file = read_whole(SETUN_SOURCE_DIR "/models/fable/model.safetensors", &n_file);
    unsigned char *config = read_whole(SETUN_SOURCE_DIR "/models/fable/config.json", &n_config);
    json_t *header, *index = json_object(), *map = json_object();
    setun_weights *whole = NULL, *parts;
    setun_error error = {{0}};
    bool parted = false;
    char name[128];
    char *text;

    n_header = file[0] | (size_t)file[1] << 8;
    header = json_loadb((const char *)file + 8, n_header, 0, NULL);
    cr_assert_not_null(header);
    folder_create(&folder);
    folder_write(&folder, "config.json", config, n_config);
    write_shard(&folder, file, header, n_header, false, map);
    write_shard(&folder, file, header, n_header, true, map);
    json_object_set_new(index, "metadata", json_pack("{si}", "total_size", 3055174));
    json_object_set(index, "weight_map", map);
    text = json_dumps(index, 0);
    folder_write_text(&folder, INDEX, text);

    parts = expect_opened(&folder, "two shards");
    cr_assert_eq(setun_weights_open(SETUN_SOURCE_DIR "/models/fable", &whole, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_weights_count(parts), setun_weights_count(whole));
    cr_assert_not_null(setun_weights_find(whole, split));
    for (size_t i = 0; i < setun_weights_count(whole); i++) {
        const setun_weight *a = setun_weights_at(whole, i), *b = setun_weights_at(parts, i);

        cr_assert_str_eq(a->name, b->name);
        cr_expect_str_eq(a->fmt, b->fmt, "%s", a->name);
        cr_expect_eq(memcmp(a->dim, b->dim, sizeof(a->dim)), 0, "%s", a->name);
        cr_expect_eq(a->scale, b->scale, "%s", a->name);
        cr_assert_eq(a->n_bytes, b->n_bytes, "%s", a->name);
        cr_assert_leq(a->n_bytes, sizeof(contents[0]));
        cr_assert_eq(setun_weight_read(whole, a, 0, a->n_bytes, contents[0], &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_weight_read(parts, b, 0, b->n_bytes, contents[1], &error), SETUN_OK, "%s", error.text);
        cr_expect_eq(memcmp(contents[0], contents[1], a->n_bytes), 0, "%s", a->name);
        if (a->has_scale) {
            const char *home, *scale_home;

            (void)snprintf(name, sizeof(name), "%s.weight", a->name);
            home = json_string_value(json_object_get(map, name));
            (void)snprintf(name, sizeof(name), "%s.weight_scale", a->name);
            scale_home = json_string_value(json_object_get(map, name));
            parted = parted || strcmp(home, scale_home) != 0;
        }
    }
    cr_expect(parted, "the test means to part at least one weight from its scale");
    expect_well_formed(parts, "two shards");
    setun_weights_close(parts);
    setun_weights_close(whole);

    /* A shard that is cut short names itself. */
    cr_assert_eq(truncate(folder_file(&folder, TWO), 5000), 0);
    expect_refused(&folder, "cut shard", SETUN_ERR_FORMAT, TWO ": byte ");
    folder_remove(&folder);
    free(text);
    json_decref(map);
    json_decref(index);
    json_decref(header);
    free(config);
    free(file);
}

#define T(name, from, to) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" #from "," #to "]}"
#define MAP(entries) "{\"metadata\":{},\"weight_map\":{" entries "}}"

Test(weights_shards, bad_indexes)
{
    enum { F = SETUN_ERR_FORMAT, M = SETUN_ERR_NOT_FOUND };
    /* one.safetensors holds a and b, two.safetensors holds c, twice.safetensors holds a again. */
    static const struct {
        const char  *index;
        setun_status status;
        const char  *fragment;
    } bad[] = {
        {"", F, INDEX ": byte 0: expected a JSON object, found an empty file"},
        {"{\"weight_map\":{", F, INDEX ": byte "},
        {"[]", F, INDEX ": byte 0: expected a JSON object, found an array"},
        {"{}", F, INDEX ": weight_map: expected an object that names tensors, found nothing"},
        {"{\"weight_map\":[]}", F, "weight_map: expected an object that names tensors, found []"},
        {"{\"weight_map\":{}}", F, "weight_map: expected an object that names tensors, found an empty one"},
        {MAP("\"a\":\"one.safetensors\",\"a\":\"two.safetensors\""), F, "duplicate object key"},
        {MAP("\"a\":1"), F, "weight_map: tensor \"a\": expected the name of a .safetensors file of this folder, found 1"},
        {MAP("\"a\":\"\""), F, "expected the name of a .safetensors file of this folder, found \"\""},
        {MAP("\"a\":\"../one.safetensors\""), F, "expected the name of a .safetensors file of this folder, found \"../one.safetensors\""},
        {MAP("\"a\":\"x/one.safetensors\""), F, "expected the name of a .safetensors file"},
        {MAP("\"a\":\"/one.safetensors\""), F, "expected the name of a .safetensors file"},
        {MAP("\"a\":\".one.safetensors\""), F, "expected the name of a .safetensors file"},
        {MAP("\"a\":\".safetensors\""), F, "expected the name of a .safetensors file"},
        {MAP("\"a\":\"config.json\""), F, "expected the name of a .safetensors file of this folder, found \"config.json\""},
        {MAP("\"a\":\"none.safetensors\""), M, "index.json names a file that is missing: "},
        {MAP("\"a\":\"one.safetensors\",\"c\":\"two.safetensors\""), F, "/one.safetensors: byte 62: tensor 'b': expected "},
        {MAP("\"a\":\"one.safetensors\",\"b\":\"two.safetensors\",\"c\":\"two.safetensors\""), F, "found \"two.safetensors\""},
        {MAP("\"a\":\"one.safetensors\",\"b\":\"one.safetensors\",\"c\":\"one.safetensors\""), F,
         "weight_map: expected tensor \"c\" in \"one.safetensors\", found none there"},
        {MAP("\"a\":\"one.safetensors\",\"b\":\"one.safetensors\",\"c\":\"two.safetensors\",\"d\":\"two.safetensors\""), F,
         "weight_map: expected tensor \"d\" in \"two.safetensors\", found none there"},
        {MAP("\"a\":\"one.safetensors\",\"b\":\"one.safetensors\",\"c\":\"twice.safetensors\""), F,
         "/twice.safetensors: byte 9: tensor 'a': expected "},
        {MAP("\"a\":\"one.safetensors\",\"b\":\"one.safetensors\",\"c\":\"broken.safetensors\""), F, "/broken.safetensors: byte 0: "},
        {MAP("\"a\":\"folder.safetensors\""), SETUN_ERR_IO, "folder.safetensors: expected a regular file, found a folder"},
    };
    struct folder folder;

    folder_create(&folder);
    folder_write_text(&folder, "config.json", CONFIG_MULTIPLIES);
    folder_write_safetensors(&folder, "one.safetensors", "{" T("a", 0, 4) "," T("b", 4, 8) "}", NULL, 8);
    folder_write_safetensors(&folder, "two.safetensors", "{" T("c", 0, 4) "}", NULL, 4);
    folder_write_safetensors(&folder, "twice.safetensors", "{" T("a", 0, 4) "}", NULL, 4);
    folder_write_text(&folder, "broken.safetensors", "not a safetensors file");
    cr_assert_eq(mkdir(folder_file(&folder, "folder.safetensors"), 0700), 0);

    folder_write_text(&folder, INDEX, MAP("\"a\":\"one.safetensors\",\"b\":\"one.safetensors\",\"c\":\"two.safetensors\""));
    setun_weights_close(expect_opened(&folder, "the good index"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        folder_write_text(&folder, INDEX, bad[i].index);
        expect_refused(&folder, bad[i].index, bad[i].status, bad[i].fragment);
    }
    /* model.safetensors comes first; then the index is not looked at. */
    folder_write_safetensors(&folder, "model.safetensors", "{" T("a", 0, 4) "}", NULL, 4);
    setun_weights_close(expect_opened(&folder, "single file"));
    folder_remove(&folder);
}

/* test_screen.c - the screen of a head in a prepacked file: its bytes by the definition, the tokens it gives, and every way to be damaged. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "convert/prepacked_writer.h"
#include "file.h"
#include "fixture.h"
#include "setun/inspect.h"
#include "setun/session.h"
#include "weights/weights.h"

enum { VOCAB = 4096, WIDTH = 256, PIECE = 262144, N_PARTS = 5 }; /* of fable's head, bf16, which is its embedding */

static char folder[64], path[128];
static unsigned char *file;
static size_t n_bytes, data;
static char *json;
static json_t *root;

static setun_model *open_model(const char *name)
{
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(name, NULL, &model, &error), SETUN_OK, "%s", error.text);
    return model;
}

static void setup(void)
{
    const setun_session_options options = {.n_threads = 2, .context = 1};
    setun_model *model = open_model("fable");
    setun_error error = {""};

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/model.setun", folder);
    cr_assert_eq(setun_prepacked_convert(model, &options, path, &(setun_convert_options){.force = true}, &error), SETUN_OK, "%s", error.text);
    setun_model_close(model);
    file = (unsigned char *)file_read(path, &n_bytes);
    json = file_json(file, &data);
    root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(root);
}

static void teardown(void)
{
    json_decref(root);
    free(json);
    free(file);
    folder_remove(folder);
}

TestSuite(prepacked_screen, .init = setup, .fini = teardown);

/* The tensor with a screen; there is one. */
static json_t *head(void)
{
    json_t *tensor, *found = NULL;
    size_t i;

    json_array_foreach(json_object_get(root, "tensors"), i, tensor)
        if (json_object_get(tensor, "screen") != NULL) {
            cr_assert_null(found, "a second screen");
            found = tensor;
        }
    cr_assert_not_null(found, "no screen");
    return found;
}

static json_t *part(size_t i)
{
    return json_array_get(json_object_get(head(), "screen"), i);
}

static unsigned char *contents(const json_t *section)
{
    return file + data + json_integer_value(json_object_get(section, "offset"));
}

static size_t length(const json_t *section)
{
    return (size_t)json_integer_value(json_object_get(section, "bytes"));
}

/* The hash of the hashes of pieces; this test runs where the lowest byte stands first. */
static void hash_part(const json_t *section, char out_digits[17])
{
    uint64_t hash[(VOCAB * WIDTH + PIECE - 1) / PIECE];
    const size_t n = length(section), n_pieces = (n + PIECE - 1) / PIECE;

    cr_assert_leq(n_pieces, sizeof(hash) / sizeof(hash[0]));
    for (size_t i = 0; i < n_pieces; i++)
        hash[i] = XXH3_64bits(contents(section) + i * PIECE, i + 1 < n_pieces ? PIECE : n - i * PIECE);
    (void)snprintf(out_digits, 17, "%016" PRIx64, (uint64_t)XXH3_64bits(hash, n_pieces * sizeof(hash[0])));
}

static float f32_at(const unsigned char *bytes)
{
    float value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* The code of row r, column c by formats.md: i7.r256k32, where whole bands are there. */
static int code_at(const unsigned char *codes, size_t r, size_t c)
{
    const size_t upper_bytes = WIDTH / 32 * 320, lower_bytes = WIDTH / 256 * 64, p = c % 32 / 4;
    const unsigned char *band = codes + r / 256 * (16 * upper_bytes + 256 * lower_bytes);
    const unsigned char *block = band + r % 256 / 16 * upper_bytes + c / 32 * 320;
    const unsigned char *lower = band + 16 * upper_bytes + r % 256 * lower_bytes + c / 256 * 64;
    const size_t at = r % 16 * 4 + c % 4;
    const int upper = (block[64 + 64 * (p / 2) + at] >> (p % 2 * 4) & 15) + 16 * (block[at] >> p & 1);

    return 4 * upper + (lower[c % 64] >> (c % 256 / 64 * 2) & 3);
}

static void expect_bound(const char *what, size_t r, float got, double square)
{
    cr_assert((double)got >= sqrt(square) && (double)got < sqrt(square) * 1.0001 + 1e-30, "row %zu: %s", r, what);
}

/* Codes and steps are those of numerics.md bit by bit; the three norms are bounds of what f64 says, and not far above it. */
Test(prepacked_screen, every_byte_is_as_defined)
{
    const unsigned char *w = contents(head()), *codes = contents(part(0));
    const size_t row_bytes = length(head()) / VOCAB;

    cr_assert_eq(file[8], 4, "the version");
    cr_assert_str_eq(json_string_value(json_object_get(head(), "format")), "bf16");
    cr_assert_eq(length(part(0)), (size_t)VOCAB * WIDTH * 7 / 8);
    for (size_t i = 0; i < N_PARTS; i++) {
        char digits[17];

        hash_part(part(i), digits);
        cr_expect_str_eq(json_string_value(json_object_get(part(i), "xxh3")), digits, "part %zu", i);
        cr_expect(i == 0 || length(part(i)) == VOCAB * sizeof(float));
    }
    for (size_t r = 0; r < VOCAB; r++) {
        float row[WIDTH], amax = 0, step;
        double rest = 0, size = 0, fine = 0;

        for (size_t c = 0; c < WIDTH; c++) {
            const unsigned char bits[4] = {0, 0, w[r * row_bytes + 2 * c], w[r * row_bytes + 2 * c + 1]};

            row[c] = f32_at(bits);
            amax = fmaxf(amax, fabsf(row[c]));
        }
        step = amax / 32;
        cr_assert_eq(f32_at(contents(part(1)) + 4 * r), step, "row %zu", r);
        for (size_t c = 0; c < WIDTH; c++) {
            const float scaled = row[c] * (64 / amax);
            const int code = code_at(codes, r, c);
            const double left = (double)row[c] - (double)step * (2 * (code / 4) - 31), less = (double)row[c] - (double)step / 4 * (2 * code - 127);

            cr_assert_eq(code, (int)fminf(fmaxf(floorf(scaled + 64), 0), 127), "row %zu, column %zu", r, c);
            rest += left * left;
            size += (double)row[c] * row[c];
            fine += less * less;
        }
        expect_bound("rest", r, f32_at(contents(part(2)) + 4 * r), rest);
        expect_bound("size", r, f32_at(contents(part(3)) + 4 * r), size);
        expect_bound("fine", r, f32_at(contents(part(4)) + 4 * r), fine);
    }
}

/* The next 40 ids after a few, greedy or not; how many weights were packed goes to *out_packed. */
static void draw(const char *name, int mode, const setun_sampling *sampling, int32_t out_ids[40], size_t *out_packed)
{
    const setun_session_options options = {.n_threads = 2, .context = 64, .head = mode};
    setun_model *model = open_model(name);
    setun_session *session;
    setun_session_info info;
    setun_error error = {""};
    setun_row row = {.token = 17, .want_logits = true};

    cr_assert_eq(setun_session_create(model, &options, &session, &error), SETUN_OK, "%s", error.text);
    setun_session_describe(session, &info);
    *out_packed = info.n_packed;
    cr_assert_eq(setun_sequence_open(session, &row.seq, &error), SETUN_OK);
    for (size_t i = 0; i < 40; i++) {
        cr_assert_eq(setun_session_draw(session, &row, 1, sampling, &out_ids[i], &error), SETUN_OK, "%s", error.text);
        row.token = out_ids[i];
    }
    setun_session_destroy(session);
    setun_model_close(model);
}

Test(prepacked_screen, the_tokens_are_the_same_and_nothing_is_packed)
{
    static const setun_sampling samplings[] = {{0}, {.temperature = 0.8f, .seed = 7}, {.temperature = 1.0f, .top_k = 40, .seed = 3}};
    int32_t expected[40], ids[40];
    size_t n_packed;

    for (size_t i = 0; i < sizeof(samplings) / sizeof(samplings[0]); i++) {
        draw("fable", SETUN_HEAD_FULL, &samplings[i], expected, &n_packed);
        for (int mode = SETUN_HEAD_AUTO; mode <= SETUN_HEAD_RESIDENT; mode++) {
            draw(path, mode, &samplings[i], ids, &n_packed);
            cr_expect_eq(memcmp(ids, expected, sizeof(ids)), 0, "sampling %zu, head %d", i, mode);
            cr_expect_eq(n_packed, 0, "head %d: %zu weights were packed", mode, n_packed);
        }
    }
}

/* Writes the file with its JSON as it is in root now. */
static void write_edited(unsigned char version)
{
    char *text = json_dumps(root, JSON_COMPACT);
    size_t n_made;
    unsigned char *made;

    cr_assert_not_null(text);
    made = file_make(text, file + data, n_bytes - data, &n_made);
    made[8] = version;
    file_write(path, made, n_made);
    free(made);
    free(text);
}

/* What a session that screens says, and one that does not, which needs nothing of the screen. */
static void expect_damage(const char *what, const char *expected, bool full_works)
{
    const int modes[] = {SETUN_HEAD_AUTO, SETUN_HEAD_FULL};

    for (size_t i = 0; i < 2; i++) {
        setun_model *model = NULL;
        setun_session *session = NULL;
        setun_error error = {""};
        setun_status status = setun_model_open(path, NULL, &model, &error);

        if (status == SETUN_OK)
            status = setun_session_create(model, &(setun_session_options){.n_threads = 2, .context = 1, .head = modes[i]}, &session, &error);
        if (modes[i] == SETUN_HEAD_FULL && full_works) {
            cr_expect_eq(status, SETUN_OK, "%s: %s", what, error.text);
        } else {
            cr_expect_eq(status, SETUN_ERR_FORMAT, "%s: %d", what, (int)status);
            cr_expect(strstr(error.text, expected) != NULL && strstr(error.text, path) != NULL, "%s: expected '%s' in '%s'", what, expected, error.text);
        }
        setun_session_destroy(session);
        setun_model_close(model);
    }
}

static void set_hash(size_t i)
{
    char digits[17];

    hash_part(part(i), digits);
    cr_assert_eq(json_object_set_new(part(i), "xxh3", json_string(digits)), 0);
}

Test(prepacked_screen, damaged_contents_are_found)
{
    static const struct {
        const char *what;
        size_t part, at;
        unsigned char bytes[4];
        size_t n;
        bool hash_fits;
        const char *expected;
    } cases[] = {
        {"a code", 0, 3 * PIECE + 77, {1}, 1, false, "screen of 'model.embed_tokens': expected contents with the hash "},
        {"a step", 1, 8, {0, 0, 0, 0}, 4, false, "they are damaged"},
        {"a rest", 2, 4 * 4095, {0, 0, 0, 0}, 4, false, "they are damaged"},
        {"a size", 3, 0, {0, 0, 0, 0}, 4, false, "they are damaged"},
        {"a fine rest", 4, 40, {0, 0, 0, 0}, 4, false, "they are damaged"},
        {"a negative step", 1, 8, {0, 0, 0x80, 0xbf}, 4, true, "row 2: expected a finite number from 0 on, found another"},
        {"a rest of NaN", 2, 400, {1, 0, 0xc0, 0x7f}, 4, true, "row 100: expected a finite number from 0 on"},
        {"an infinite size", 3, 4 * 4095, {0, 0, 0x80, 0x7f}, 4, true, "row 4095: expected a finite number from 0 on"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char *at = contents(part(cases[i].part)) + cases[i].at, kept[4];
        setun_model *model;
        setun_inspection *inspection;
        setun_inspection_summary summary;
        setun_error error = {""};
        size_t n_bad = 0;
        bool read;

        memcpy(kept, at, 4);
        cr_assert_neq(memcmp(at, cases[i].bytes, cases[i].n), 0);
        memcpy(at, cases[i].bytes, cases[i].n);
        if (cases[i].hash_fits)
            set_hash(cases[i].part);
        write_edited(4);
        expect_damage(cases[i].what, cases[i].expected, true);
        /* as `setun model check` finds it */
        model = open_model(path);
        cr_assert_eq(setun_inspection_create(model, &inspection, &error), SETUN_OK, "%s", error.text);
        setun_inspection_describe(inspection, &summary);
        for (size_t t = 0; t < summary.n_tensors; t++)
            n_bad += setun_inspection_verify(inspection, t, true, &read, &error) != SETUN_OK;
        cr_expect_eq(n_bad, 1, "%s", cases[i].what);
        cr_expect_not_null(strstr(error.text, cases[i].expected), "%s: %s", cases[i].what, error.text);
        setun_inspection_destroy(inspection);
        setun_model_close(model);
        memcpy(at, kept, 4);
        set_hash(cases[i].part);
    }
}

/* A screen that is well-formed, but of weights that are all zero: no token reaches what leads, and the whole head is computed. */
Test(prepacked_screen, of_other_weights)
{
    int32_t expected[40], ids[40];
    size_t n_packed;

    draw("fable", SETUN_HEAD_FULL, NULL, expected, &n_packed);
    for (size_t i = 1; i < N_PARTS; i++) {
        memset(contents(part(i)), 0, length(part(i)));
        set_hash(i);
    }
    write_edited(4);
    draw(path, SETUN_HEAD_SCREENED, NULL, ids, &n_packed);
    cr_expect_eq(memcmp(ids, expected, sizeof(ids)), 0);
}

/* Edits of the JSON, each undone after. */
Test(prepacked_screen, wrong_headers)
{
    static const struct {
        const char *key, *value, *expected;
    } cases[] = {
        {"offset", "1", "screen[2].offset: expected a multiple of 4096, found 1"},
        {"offset", "0", "expected its contents at byte "},
        {"bytes", "0", "screen[2].bytes: expected a whole number from 1"},
        {"bytes", "16380", " bytes of f32 for 4096 x 256, found 16380"},
        {"bytes", "1152921504606846976", "expected its 1152921504606846976 bytes from byte "},
        {"xxh3", "\"z\"", "screen[2].xxh3: expected 16 hexadecimal digits"},
        {"more", "1", "screen[2]: unknown key \"more\""},
    };
    json_t *kept = json_deep_copy(root), *screen;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *value = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);

        cr_assert_eq(json_object_set_new(part(2), cases[i].key, value), 0);
        write_edited(4);
        expect_damage(cases[i].value, cases[i].expected, false);
        json_decref(root);
        root = json_deep_copy(kept);
    }
    write_edited(1);
    expect_damage("version 1", "unknown key \"screen\"", false);
    cr_assert_eq(json_array_remove(json_object_get(head(), "screen"), 3), 0);
    write_edited(4);
    expect_damage("four parts", "screen: expected an array of 5 sections", false);
    json_decref(root);
    root = json_deep_copy(kept);
    screen = json_deep_copy(json_object_get(head(), "screen"));
    cr_assert_eq(json_object_del(head(), "screen"), 0);
    cr_assert_eq(json_object_set_new(json_array_get(json_object_get(root, "tensors"), 3), "screen", screen), 0);
    write_edited(4);
    expect_damage("of another tensor", "screen: expected none but of a matrix in f16 or bf16", false);
    json_decref(kept);
}

/* A file of version 1, as the Setun before wrote it, has its head packed at each start and gives the same. */
Test(prepacked_screen, a_file_without_one)
{
    json_t *tensor;
    int32_t expected[40], ids[40];
    size_t n_packed, i, at, n_made;
    unsigned char *packed = calloc(1, n_bytes), *made;
    char *text;

    draw("fable", SETUN_HEAD_FULL, NULL, expected, &n_packed);
    cr_assert_eq(json_object_del(head(), "screen"), 0);
    at = (length(json_object_get(root, "tokenizer")) + 4095) / 4096 * 4096;
    memcpy(packed, contents(json_object_get(root, "tokenizer")), length(json_object_get(root, "tokenizer")));
    n_made = at;
    json_array_foreach(json_object_get(root, "tensors"), i, tensor) {
        memcpy(packed + at, contents(tensor), length(tensor));
        cr_assert_eq(json_object_set_new(tensor, "offset", json_integer((json_int_t)at)), 0);
        n_made = at + length(tensor);
        at = (n_made + 4095) / 4096 * 4096;
    }
    text = json_dumps(root, JSON_COMPACT);
    made = file_make(text, packed, n_made, &n_bytes);
    file_write(path, made, n_bytes);
    draw(path, SETUN_HEAD_SCREENED, NULL, ids, &n_packed);
    cr_expect_eq(memcmp(ids, expected, sizeof(ids)), 0);
    cr_expect_eq(n_packed, 1, "the screen");
    free(text);
    free(made);
    free(packed);
}

/* pretokenizer_load.c - the pre_tokenizer of tokenizer.json as a list of steps. */
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

/* The cuts of GPT-2, which ByteLevel makes unless told otherwise. */
static const char GPT2_PATTERN[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* Digits of Unicode 17 that Hugging Face's Digits step (Rust's char::is_numeric) knows and its regex engine does not. */
static const uint32_t NEW_DIGITS[][2] = {{0x11de0, 0x11de9}, {0x16ff4, 0x16ff6}};

typedef struct loader {
    const setun_json_file *file;
    setun_pretokenizer *out;
    bool byte_level; /* seen */
    setun_error *error;
} loader;

static setun_status next_step(loader *l, const char *where, setun_step_kind kind, setun_step **out)
{
    if (l->out->n_steps == SETUN_MAX_STEPS)
        return setun_fail(l->error, SETUN_ERR_UNSUPPORTED, "%s: %s: expected at most %d steps, found more", l->file->path, where,
                          SETUN_MAX_STEPS);
    *out = &l->out->steps[l->out->n_steps++];
    (*out)->kind = kind;
    return SETUN_OK;
}

static setun_status load_byte_level(loader *l, const char *where, const json_t *value)
{
    bool prefix, regex, ignored;
    setun_step *step = NULL;
    setun_status status = setun_json_need_bool(l->file, where, value, "add_prefix_space", &prefix, l->error);

    if (status == SETUN_OK)
        status = setun_json_bool(l->file, where, value, "trim_offsets", true, &ignored, l->error); /* of offsets only */
    if (status == SETUN_OK)
        status = setun_json_bool(l->file, where, value, "use_regex", true, &regex, l->error);
    if (status == SETUN_OK && l->byte_level)
        return setun_fail(l->error, SETUN_ERR_UNSUPPORTED, "%s: %s: expected one ByteLevel step, found a second", l->file->path,
                          where);
    l->byte_level = true;
    if (status == SETUN_OK && prefix)
        status = next_step(l, where, SETUN_STEP_PREFIX_SPACE, &step);
    if (status == SETUN_OK && regex) {
        status = next_step(l, where, SETUN_STEP_SPLIT, &step);
        if (status == SETUN_OK)
            status = setun_pattern_compile(GPT2_PATTERN, sizeof(GPT2_PATTERN) - 1, &step->code, l->error);
    }
    return status == SETUN_OK ? next_step(l, where, SETUN_STEP_BYTE_LEVEL, &step) : status;
}

static setun_status load_behavior(loader *l, const char *where, const json_t *value, bool needed, setun_split_behavior *out)
{
    static const struct {
        const char *name;
        setun_split_behavior behavior;
    } known[] = {{"Isolated", SETUN_SPLIT_ISOLATED},
                 {"Removed", SETUN_SPLIT_REMOVED},
                 {"Contiguous", SETUN_SPLIT_CONTIGUOUS},
                 {"MergedWithPrevious", SETUN_SPLIT_MERGED_WITH_PREVIOUS},
                 {"MergedWithNext", SETUN_SPLIT_MERGED_WITH_NEXT}};
    const char *name;
    size_t n_bytes;
    setun_status status;

    *out = SETUN_SPLIT_ISOLATED;
    if (!needed && json_object_get(value, "behavior") == NULL)
        return SETUN_OK;
    status = setun_json_need_string(l->file, where, value, "behavior", &name, &n_bytes, l->error);
    if (status != SETUN_OK)
        return status;
    for (size_t i = 0; i < SETUN_COUNT(known); i++)
        if (strcmp(name, known[i].name) == 0) {
            *out = known[i].behavior;
            return SETUN_OK;
        }
    return setun_fail(
        l->error, SETUN_ERR_FORMAT,
        "%s: %s.behavior: expected Isolated, Removed, Contiguous, MergedWithPrevious or MergedWithNext, found \"%.100s\"",
        l->file->path, where, name);
}

static setun_status load_split(loader *l, const char *where, const json_t *value)
{
    const json_t *pattern = json_object_get(value, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex"), *string = json_object_get(pattern, "String");
    setun_step *step = NULL;
    setun_status status;

    if (!json_is_object(pattern) || json_object_size(pattern) != 1 || (!json_is_string(regex) && !json_is_string(string)))
        return setun_fail(l->error, SETUN_ERR_FORMAT,
                          "%s: %s.pattern: expected {\"Regex\": \"...\"} or {\"String\": \"...\"}, found %s", l->file->path, where,
                          json_is_object(pattern) ? "another object" : setun_json_kind(pattern));
    status = next_step(l, where, SETUN_STEP_SPLIT, &step);
    if (status == SETUN_OK)
        status = load_behavior(l, where, value, true, &step->behavior);
    if (status == SETUN_OK)
        status = setun_json_need_bool(l->file, where, value, "invert", &step->invert, l->error);
    if (status != SETUN_OK)
        return status;
    status = regex != NULL
                 ? setun_pattern_compile(json_string_value(regex), json_string_length(regex), &step->code, l->error)
                 : setun_pattern_compile_literal(json_string_value(string), json_string_length(string), &step->code, l->error);
    return status == SETUN_OK ? SETUN_OK : setun_fail_prefix(l->error, status, "%s: %s.pattern", l->file->path, where);
}

/* A split at single characters of a set; `text` holds the set. Frees it. */
static setun_status finish_set(loader *l, const char *where, setun_pattern_text *text, bool whole, setun_split_behavior behavior)
{
    setun_step *step = NULL;
    setun_status status = next_step(l, where, SETUN_STEP_SPLIT, &step);

    if (status == SETUN_OK && !whole)
        status = setun_fail_nomem(l->error, "pattern", text->n_bytes);
    if (status == SETUN_OK) {
        step->behavior = behavior;
        status = setun_pattern_compile_native(text->text, text->n_bytes, &step->code, l->error);
    }
    free(text->text);
    return status;
}

static setun_status load_digits(loader *l, const char *where, const json_t *value)
{
    setun_pattern_text text = {0};
    bool each, known, whole;
    setun_status status = setun_json_need_bool(l->file, where, value, "individual_digits", &each, l->error);

    if (status != SETUN_OK)
        return status;
    whole = setun_pattern_add(&text, "[") && setun_pattern_add_property(&text, "N", &known);
    for (size_t i = 0; i < SETUN_COUNT(NEW_DIGITS) && whole; i++)
        whole = setun_pattern_add_range(&text, NEW_DIGITS[i][0], NEW_DIGITS[i][1]);
    whole = whole && setun_pattern_add(&text, "]");
    return finish_set(l, where, &text, whole, each ? SETUN_SPLIT_ISOLATED : SETUN_SPLIT_CONTIGUOUS);
}

static setun_status load_punctuation(loader *l, const char *where, const json_t *value)
{
    setun_pattern_text text = {0};
    setun_split_behavior behavior;
    setun_status status = load_behavior(l, where, value, false, &behavior);
    bool whole;

    if (status != SETUN_OK)
        return status;
    whole = setun_pattern_add(&text, "[");
    for (size_t i = 0; i < setun_unicode_punctuation_n && whole; i++)
        whole = setun_pattern_add_range(&text, setun_unicode_punctuation[2 * i], setun_unicode_punctuation[2 * i + 1]);
    whole = whole && setun_pattern_add(&text, "]");
    return finish_set(l, where, &text, whole, behavior);
}

/* One pre-tokeniser that is no sequence. */
static setun_status load_one(loader *l, const char *where, const json_t *value)
{
    static const struct {
        const char *type;
        setun_status (*load)(loader *l, const char *where, const json_t *value);
    } known[] = {{"ByteLevel", load_byte_level}, {"Split", load_split}, {"Digits", load_digits}, {"Punctuation", load_punctuation}};
    const char *type;
    setun_status status = setun_json_type(l->file, where, value, &type, l->error);

    if (status != SETUN_OK)
        return status;
    for (size_t i = 0; i < SETUN_COUNT(known); i++)
        if (strcmp(type, known[i].type) == 0)
            return known[i].load(l, where, value);
    return setun_fail(l->error, SETUN_ERR_UNSUPPORTED,
                      "%s: %s.type: expected ByteLevel, Split, Digits or Punctuation, found \"%.100s\"", l->file->path, where,
                      type);
}

static setun_status load_sequence(loader *l, const json_t *value)
{
    const json_t *parts = json_object_get(value, "pretokenizers");
    setun_status status = SETUN_OK;

    if (!json_is_array(parts))
        return setun_json_expected(l->file, "pre_tokenizer.pretokenizers", "an array", parts, l->error);
    for (size_t i = 0; i < json_array_size(parts) && status == SETUN_OK; i++) {
        char where[64];

        (void)snprintf(where, sizeof(where), "pre_tokenizer.pretokenizers[%zu]", i);
        status = load_one(l, where, json_array_get(parts, i));
    }
    return status;
}

setun_status setun_pretokenizer_load(const setun_json_file *file, const json_t *value, setun_pretokenizer *out, setun_error *error)
{
    loader l = {.file = file, .out = out, .error = error};
    const char *type;
    setun_status status;

    if (value == NULL || json_is_null(value))
        return setun_fail(error, SETUN_ERR_UNSUPPORTED,
                          "%s: pre_tokenizer: expected one with a ByteLevel step, found %s: not a byte-level tokenizer", file->path,
                          setun_json_kind(value));
    status = setun_json_type(file, "pre_tokenizer", value, &type, error);
    if (status == SETUN_OK)
        status = strcmp(type, "Sequence") == 0 ? load_sequence(&l, value) : load_one(&l, "pre_tokenizer", value);
    if (status != SETUN_OK)
        return status;
    if (!l.byte_level)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED,
                          "%s: pre_tokenizer: expected a ByteLevel step, found none: not a byte-level tokenizer", file->path);
    /* As the last step it would only respell what is then spelled back. */
    if (out->steps[out->n_steps - 1].kind == SETUN_STEP_BYTE_LEVEL)
        out->n_steps--;
    return SETUN_OK;
}

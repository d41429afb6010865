/* pretokenizer_named.c - the cuts that GGUF files name (tokenizer.ggml.pre), as llama.cpp makes them. */
#include <string.h>

#include "text/text.h"

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"
#define LLAMA3                                                                                                                   \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|" \
    "\\s+"

/* Patterns are applied in turn, each to every piece that the ones before left; what stands between matches is a piece too. */
static const setun_pre pres[] = {
    {.name = "llama-bpe", .patterns = {LLAMA3}, .ignore_merges = true, .add_bos = true},
    {.name = "llama3", .patterns = {LLAMA3}, .ignore_merges = true, .add_bos = true},
    {.name = "llama-v3", .patterns = {LLAMA3}, .ignore_merges = true, .add_bos = true},
    {.name = "falcon3", .patterns = {LLAMA3}, .ignore_merges = true, .add_bos = true},
    {.name = "falcon_e", .patterns = {LLAMA3}, .ignore_merges = true, .add_bos = true},
    {.name = "gpt-2", .patterns = {GPT2}},
    /* What llama.cpp and bitnet.cpp fall back to for a file that names nothing. */
    {.name = "default", .patterns = {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
};

setun_status setun_pre_find(const char *name, const setun_pre **out_pre, setun_error *error)
{
    const char *names[SETUN_COUNT(pres)], *near;
    char known[256] = "";
    size_t n = 0;

    for (size_t i = 0; i < SETUN_COUNT(pres); i++) {
        if (strcmp(pres[i].name, name) == 0) {
            *out_pre = &pres[i];
            return SETUN_OK;
        }
        names[i] = pres[i].name;
        n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i > 0 ? ", " : "", names[i]); /* all of them have 61 bytes */
    }
    near = setun_nearest_word(name, names, SETUN_COUNT(names));
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "pre-tokeniser: expected %s, found \"%.100s\"%s%s%s", known, name,
                      near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
}

setun_status setun_pre_load(const setun_pre *pre, setun_pretokenizer *out, setun_error *error)
{
    for (size_t i = 0; i < SETUN_COUNT(pre->patterns) && pre->patterns[i] != NULL; i++) {
        setun_step *step = &out->steps[out->n_steps++];
        setun_status status;

        step->kind = SETUN_STEP_SPLIT;
        step->behavior = SETUN_SPLIT_ISOLATED;
        status = setun_pattern_compile(pre->patterns[i], strlen(pre->patterns[i]), &step->code, error);
        if (status != SETUN_OK)
            return status;
    }
    return SETUN_OK;
}

const setun_pre *setun_pre_match(const char *const *patterns, size_t n_patterns, bool ignore_merges)
{
    for (size_t i = 0; i < SETUN_COUNT(pres); i++) {
        size_t n = 0;

        while (n < SETUN_COUNT(pres[i].patterns) && pres[i].patterns[n] != NULL && n < n_patterns && strcmp(pres[i].patterns[n], patterns[n]) == 0)
            n++;
        if (n == n_patterns && (n == SETUN_COUNT(pres[i].patterns) || pres[i].patterns[n] == NULL) && pres[i].ignore_merges == ignore_merges)
            return &pres[i];
    }
    return NULL;
}

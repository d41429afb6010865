/* fuzz_expr.c - one expression of a model file, with a few names bound. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "yaml/expr.h"

static const char *const names[] = {"layers", "eps", "act", "flag", "huge"};

static bool lookup(void *context, const char *name, setun_expr_value *out_value)
{
    static const setun_expr_value values[] = {
        {.type = SETUN_EXPR_INT, .i = 30}, {.type = SETUN_EXPR_FLOAT, .f = 1e-5}, {.type = SETUN_EXPR_STRING, .s = "relu2"},
        {.type = SETUN_EXPR_BOOL, .b = true}, {.type = SETUN_EXPR_INT, .i = INT64_MIN},
    };

    (void)context;
    for (size_t i = 0; i < SETUN_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *out_value = values[i];
            return true;
        }
    return false;
}

static setun_status ask(void *context, const char *function, const char *weight, bool *out_answer, setun_error *error)
{
    (void)context;
    if (strcmp(weight, "none") == 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "unknown weight '%.60s'", weight);
    *out_answer = weight[0] == 'w' && function[0] == 'h';
    return SETUN_OK;
}

static const char *name(void *context, size_t i)
{
    (void)context;
    return i < SETUN_COUNT(names) ? names[i] : NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    const setun_expr_scope scope = {.lookup = lookup, .ask = ask, .name = name};
    setun_pool pool = {0};
    setun_error error = {""};
    setun_expr_value value;
    size_t at = 0;
    char *text = setun_strndup((const char *)data, n_bytes); /* NULs inside end it earlier */
    setun_status status;

    FUZZ_EXPECT(text != NULL);
    status = setun_expr_eval(&scope, text, &at, '\0', &pool, &value, &error);
    FUZZ_EXPECT(at <= strlen(text));
    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
    } else {
        char described[80];

        FUZZ_EXPECT(at == strlen(text));
        FUZZ_EXPECT(value.type != SETUN_EXPR_FLOAT || isfinite(value.f));
        FUZZ_EXPECT(strlen(setun_expr_describe(&value, described)) < sizeof(described));
    }
    setun_pool_free(&pool);
    free(text);
    return 0;
}

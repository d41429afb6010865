/* test_expr.c - ${...}: every operator, type and error; the results are worked out by hand. */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yaml/expr.h"

/* The names of the test: n = 6, x = 2.5, act = 'relu2', yes = true, no = false; there are the weights 'norm'
 * and 'negative', the second ternary, and none 'output'. */
static bool lookup(void *context, const char *name, setun_expr_value *out)
{
    (void)context;
    *out = (setun_expr_value){0};
    if (strcmp(name, "n") == 0) {
        out->type = SETUN_EXPR_INT;
        out->i = 6;
    } else if (strcmp(name, "x") == 0) {
        out->type = SETUN_EXPR_FLOAT;
        out->f = 2.5;
    } else if (strcmp(name, "act") == 0) {
        out->type = SETUN_EXPR_STRING;
        out->s = "relu2";
    } else if (strcmp(name, "yes") == 0 || strcmp(name, "no") == 0) {
        out->type = SETUN_EXPR_BOOL;
        out->b = name[0] == 'y';
    } else {
        return false;
    }
    return true;
}

static setun_status ask(void *context, const char *function, const char *weight, bool *out_answer, setun_error *error)
{
    (void)context;
    if (strcmp(weight, "norm") != 0 && strcmp(weight, "negative") != 0 && strcmp(weight, "output") != 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "unknown weight '%s'", weight);
    *out_answer = strcmp(function, "has") == 0 ? weight[0] == 'n' : strcmp(weight, "negative") == 0;
    return SETUN_OK;
}

static const char *name_at(void *context, size_t i)
{
    static const char *const names[] = {"n", "x", "act", "yes", "no"};

    (void)context;
    return i < SETUN_COUNT(names) ? names[i] : NULL;
}

static const setun_expr_scope scope = {NULL, lookup, ask, name_at, NULL};

/* A value as text: "int 4", "float 0.5", "bool true", "string a b". */
static void value_text(const setun_expr_value *v, char text[256])
{
    char number[32];

    if (v->type == SETUN_EXPR_INT)
        (void)snprintf(text, 256, "int %lld", (long long)v->i);
    else if (v->type == SETUN_EXPR_FLOAT)
        (void)snprintf(text, 256, "float %s", setun_expr_float_text(v->f, number));
    else if (v->type == SETUN_EXPR_BOOL)
        (void)snprintf(text, 256, "bool %s", v->b ? "true" : "false");
    else
        (void)snprintf(text, 256, "string %s", v->s);
}

struct good { const char *text, *value; };
static const struct good values[] = {
    {"1", "int 1"}, {"007", "int 7"}, {"9223372036854775807", "int 9223372036854775807"}, {"1.5", "float 1.5"}, {"1e3", "float 1000.0"},
    {"2.5e-1", "float 0.25"}, {"1e-5", "float 1e-05"}, {"500000.0", "float 500000.0"}, {"'a b'", "string a b"}, {"''", "string "},
    {"'}'", "string }"}, {"true", "bool true"}, {"false", "bool false"}, {"n", "int 6"}, {"x", "float 2.5"}, {"act", "string relu2"},
    {"1 + 2", "int 3"}, {"1+2*3", "int 7"}, {"(1+2)*3", "int 9"}, {"7 - 2 - 1", "int 4"}, {"2 - -3", "int 5"}, {"--3", "int 3"},
    {"-(1 + 2)", "int -3"}, {"-2 * 3", "int -6"}, {"-x", "float -2.5"}, {"6 / 3", "int 2"}, {"7 / 2", "float 3.5"}, {"-7 / 2", "float -3.5"},
    {"8 / 2 / 2", "int 2"}, {"1 / 3", "float 0.3333333333333333"}, {"0 / 5", "int 0"}, {"7 % 3", "int 1"}, {"-7 % 3", "int -1"},
    {"7 % -3", "int 1"}, {"(-9223372036854775807 - 1) % -1", "int 0"}, {"5 / -1", "int -5"}, {"n + x", "float 8.5"}, {"x * 2", "float 5.0"},
    {"5.0 / 2", "float 2.5"}, {"6.0 / 3", "float 2.0"}, {"1 == 1", "bool true"}, {"1 == 1.0", "bool true"}, {"1 != 2", "bool true"},
    {"1 < 2", "bool true"}, {"2 <= 2", "bool true"}, {"2 < 2", "bool false"}, {"3 > 2.5", "bool true"}, {"2 >= 3", "bool false"},
    {"9223372036854775807 == 9223372036854775806", "bool false"}, {"act == 'relu2'", "bool true"}, {"act != 'relu2'", "bool false"},
    {"'a' == 'b'", "bool false"}, {"yes == no", "bool false"}, {"1 < 2 == true", "bool true"}, {"yes && no", "bool false"},
    {"yes || no", "bool true"}, {"no || no || yes", "bool true"}, {"yes && yes && no", "bool false"}, {"yes || no && no", "bool true"},
    {"!yes", "bool false"}, {"!!yes", "bool true"}, {"!(1 == 2)", "bool true"}, {"1 + 1 == 2 && 2 * 2 == 4", "bool true"},
    {"yes ? 1 : 2", "int 1"}, {"no ? 1 : 2", "int 2"}, {"no ? 1 : no ? 2 : 3", "int 3"}, {"yes ? no ? 1 : 2 : 3", "int 2"},
    {"n == 6 ? 'six' : 0.5", "string six"}, {"n > 6 || n < 6 ? 1 : 0", "int 0"}, {"yes || 1 / 0 == 1", "bool true"},
    {"no && 1 / 0 == 1", "bool false"}, {"yes ? 1 : 1 / 0", "int 1"}, {"no ? 'a' + 1 : 2", "int 2"}, {"no ? sqrt(-1) : 2", "int 2"},
    {"no ? (yes ? 1/0 : 2) : 3", "int 3"}, {"sqrt(16)", "float 4.0"}, {"1 / sqrt(4)", "float 0.5"}, {"sqrt(0)", "float 0.0"},
    {"has(norm)", "bool true"}, {"has(output)", "bool false"}, {"has('norm')", "bool true"}, {"!has(output)", "bool true"},
    {"ternary(negative)", "bool true"}, {"ternary('norm')", "bool false"}, {"ternary(output) || has(negative)", "bool true"},
    {"has(output) ? 'output' : 'token_embd'", "string token_embd"}, {"  n\t*\n2 ", "int 12"}, {"((((n))))", "int 6"},
};

struct bad { const char *text; size_t at; const char *error; };
static const struct bad errors[] = {
    {"", 0, "expected a value, found the end of the expression"},
    {"1 +", 3, "expected a value, found the end of the expression"},
    {"* 2", 0, "expected a value, found '*'"},
    {"1 2", 2, "expected an operator or the end, found '2'"},
    {"(1", 2, "expected ')', found the end of the expression"},
    {"1)", 1, "expected an operator or the end, found ')'"},
    {"'abc", 0, "expected a closing ' to this string, found the end of the text"},
    {"1 = 2", 2, "expected an operator or the end, found '='"},
    {"1 & 2", 2, "expected an operator or the end, found '&'"},
    {"\"a\"", 0, "expected a value, found '\"a\"'"},
    {"yes ? 1", 7, "expected ':' of the '?', found the end of the expression"},
    {"1 ? 2 : 3", 0, "?:: expected true or false, found the integer 1"},
    {"yes && 1", 7, "&&: expected true or false, found the integer 1"},
    {"1 || yes", 0, "||: expected true or false, found the integer 1"},
    {"!1", 0, "!: expected true or false, found the integer 1"},
    {"-act", 0, "-: expected a number, found the string 'relu2'"},
    {"act + 'x'", 4, "+: expected a number, found the string 'relu2'"},
    {"1 + yes", 2, "+: expected a number, found the truth value true"},
    {"act < 'x'", 4, "<: expected a number, found the string 'relu2'"},
    {"1 == 'a'", 2, "==: expected two values of one kind, found the integer 1 and the string 'a'"},
    {"1 < 2 < 3", 6, "<: expected a number, found the truth value true"},
    {"1 / 0", 2, "division by zero: 1 / 0"},
    {"1.0 / 0", 4, "division by zero"},
    {"1 / 0.0", 2, "division by zero"},
    {"5 % 0", 2, "division by zero: 5 % 0"},
    {"5 % 2.0", 2, "%: expected two integers, found the float 2.0"},
    {"9223372036854775807 + 1", 20, "9223372036854775807 + 1 does not fit 64 bits"},
    {"-9223372036854775807 - 2", 21, "-9223372036854775807 - 2 does not fit 64 bits"},
    {"4611686018427387904 * 2", 20, "4611686018427387904 * 2 does not fit 64 bits"},
    {"(-9223372036854775807 - 1) / -1", 27, "does not fit 64 bits"},
    {"-(-9223372036854775807 - 1)", 0, "does not fit 64 bits"},
    {"9223372036854775808", 0, "expected an integer of at most 9223372036854775807, found 9223372036854775808"},
    {"1e308 * 10", 6, "*: the result does not fit a float"},
    {"1e309", 0, "expected a float below 1.8e308, found 1e309"},
    {"sqrt(-1)", 5, "sqrt: expected a number of at least 0, found the integer -1"},
    {"sqrt('a')", 5, "sqrt: expected a number, found the string 'a'"},
    {"sqrt 4", 5, "expected '(', found '4'"},
    {"sqrt(4", 6, "expected ')', found the end of the expression"},
    {"ternary(1)", 8, "expected the name of a weight, found '1)'"},
    {"ternary(nrm)", 8, "unknown weight 'nrm'"},
    {"ternary", 7, "expected '('"},
    {"has(1)", 4, "expected the name of a weight, found '1)'"},
    {"has(nrm)", 4, "unknown weight 'nrm'"},
    {"yes || has(nrm)", 11, "unknown weight 'nrm'"},
    {"axt", 0, "unknown name 'axt', did you mean 'act'?"},
    {"yes ? 1 : axt", 10, "unknown name 'axt', did you mean 'act'?"},
    {"entirely_else", 0, "unknown name 'entirely_else'"},
    {"n(1)", 1, "expected an operator or the end, found '(1)'"},
};

Test(expr, values)
{
    setun_pool pool = {NULL};

    for (size_t i = 0; i < SETUN_COUNT(values); i++) {
        setun_expr_value value = {0};
        setun_error error = {{0}};
        size_t at = 0;
        char text[256];

        cr_expect_eq(setun_expr_eval(&scope, values[i].text, &at, '\0', &pool, &value, &error), SETUN_OK, "%s: %s", values[i].text, error.text);
        value_text(&value, text);
        cr_expect_str_eq(text, values[i].value, "%s", values[i].text);
        cr_expect_eq(at, strlen(values[i].text));
    }
    setun_pool_free(&pool);
}

Test(expr, errors)
{
    setun_pool pool = {NULL};

    for (size_t i = 0; i < SETUN_COUNT(errors); i++) {
        setun_expr_value value = {0};
        setun_error error = {{0}};
        size_t at = 0;

        cr_expect_eq(setun_expr_eval(&scope, errors[i].text, &at, '\0', &pool, &value, &error), SETUN_ERR_FORMAT, "%s", errors[i].text);
        cr_expect_eq(at, errors[i].at, "%s: place %zu, expected %zu: %s", errors[i].text, at, errors[i].at, error.text);
        cr_expect_not_null(strstr(error.text, errors[i].error), "%s: expected '%s', got '%s'", errors[i].text, errors[i].error, error.text);
    }
    setun_pool_free(&pool);
}

/* 63 nested parentheses are fine, 64 are too deep; and so are signs. No length of a flat chain is. */
Test(expr, depth_is_bounded)
{
    enum { N = 2000 };
    char *text = calloc(1, 4 * N + 16);
    setun_pool pool = {NULL};
    setun_expr_value value;
    setun_error error = {{0}};
    size_t at = 0;

    cr_assert_not_null(text);
    memset(text, '(', 63);
    text[63] = '1';
    memset(text + 64, ')', 63);
    cr_expect_eq(setun_expr_eval(&scope, text, &at, '\0', &pool, &value, &error), SETUN_OK, "%s", error.text);
    memset(text, '(', 64);
    text[64] = '1';
    memset(text + 65, ')', 64);
    at = 0;
    cr_expect_eq(setun_expr_eval(&scope, text, &at, '\0', &pool, &value, &error), SETUN_ERR_FORMAT);
    cr_expect_str_eq(error.text, "nested more than 64 deep");
    memset(text, '-', 4 * N);
    at = 0;
    cr_expect_eq(setun_expr_eval(&scope, text, &at, '\0', &pool, &value, &error), SETUN_ERR_FORMAT);
    cr_expect_str_eq(error.text, "nested more than 64 deep");
    memset(text, 0, 4 * N + 16);
    for (int i = 0; i < N; i++)
        memcpy(text + 2 * i, "1+", 2);
    text[2 * N] = '1';
    at = 0;
    cr_expect_eq(setun_expr_eval(&scope, text, &at, '\0', &pool, &value, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(value.i, N + 1);
    setun_pool_free(&pool);
    free(text);
}

/* Scalars in a YAML file: what is a literal, an expression, a text with expressions. */
Test(expr, scalars)
{
    static const struct good scalars[] = {
        {"12", "int 12"}, {"-12", "int -12"}, {"'12'", "string 12"}, {"\"12\"", "string 12"}, {"1.5", "float 1.5"}, {"-1.5e1", "float -15.0"},
        {"true", "bool true"}, {"'true'", "string true"}, {"relu2", "string relu2"}, {"1.2.3", "string 1.2.3"}, {"0x10", "string 0x10"},
        {".5", "string .5"}, {"1_000", "string 1_000"}, {"${n}", "int 6"}, {"\"${n}\"", "int 6"}, {"'${x}'", "float 2.5"}, {"\"${yes}\"", "bool true"},
        {"\"${act}\"", "string relu2"}, {"blk.${n}.q", "string blk.6.q"}, {"\"${n}${n}\"", "string 66"}, {"\" ${n}\"", "string  6"},
        {"\"${x}/${yes}/${act}\"", "string 2.5/true/relu2"}, {"\"cost: $5\"", "string cost: $5"}, {"\"$${n}\"", "string $6"}, {"\"${'}'}\"", "string }"},
        {"\"a${n + 1}b${'c'}\"", "string a7bc"}, {"\"${1 / 3}\"", "float 0.3333333333333333"},
    };

    for (size_t i = 0; i < SETUN_COUNT(scalars); i++) {
        char file[128], text[256];
        setun_yaml *yaml = NULL;
        setun_error error = {{0}};
        setun_pool pool = {NULL};
        setun_expr_value value = {0};

        (void)snprintf(file, sizeof(file), "k: %s\n", scalars[i].text);
        cr_assert_eq(setun_yaml_parse("s", file, strlen(file), &yaml, &error), SETUN_OK, "%s", error.text);
        cr_expect_eq(setun_expr_scalar(&scope, yaml, setun_yaml_get(setun_yaml_root(yaml), "k"), &pool, &value, &error), SETUN_OK, "%s",
                     error.text);
        value_text(&value, text);
        cr_expect_str_eq(text, scalars[i].value, "%s", scalars[i].text);
        setun_pool_free(&pool);
        setun_yaml_close(yaml);
    }
}

static void expect_place(const char *file, const char *expected)
{
    setun_yaml *yaml = NULL;
    setun_error error = {{0}};
    setun_pool pool = {NULL};
    setun_expr_value value;

    cr_assert_eq(setun_yaml_parse("s", file, strlen(file), &yaml, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_expr_scalar(&scope, yaml, setun_yaml_get(setun_yaml_root(yaml), "k"), &pool, &value, &error), SETUN_ERR_FORMAT);
    cr_expect(strncmp(error.text, expected, strlen(expected)) == 0, "expected %s, got %s", expected, error.text);
    setun_pool_free(&pool);
    setun_yaml_close(yaml);
}

/* Columns count characters, also after letters of several bytes; where the file's text is not the value's, the scalar's start is shown. */
Test(expr, places_inside_scalars)
{
    expect_place("k: ${1 + axt}\n", "s:1:10: unknown name 'axt'");
    expect_place("k: \"${1 + axt}\"\n", "s:1:11: unknown name 'axt'");
    expect_place("k: \"\xc3\xa4\xe2\x82\xac${axt}\"\n", "s:1:9: unknown name 'axt'");
    expect_place("k: 'it''s ${axt}'\n", "s:1:4: unknown name 'axt'");
    expect_place("k: \"\\x41${axt}\"\n", "s:1:4: unknown name 'axt'");
    expect_place("k: |\n  text\n  ${axt}\n", "s:1:4: unknown name 'axt'");
    expect_place("k: a\n  ${axt}\n", "s:1:4: unknown name 'axt'");
}

Test(expr, texts_are_bounded)
{
    char *file = calloc(1, 3 * SETUN_EXPR_MAX_BYTES);

    cr_assert_not_null(file);
    strcpy(file, "k: \"${n}");
    memset(file + 8, 'a', SETUN_EXPR_MAX_BYTES);
    strcat(file, "\"\n");
    expect_place(file, "s:1:4: expected an expression shorter than 4096 bytes");
    free(file);
}

/* A host program may have set a locale with a decimal comma. */
Test(expr, the_locale_does_not_matter)
{
    setun_expr_value value = {0};
    setun_error error = {{0}};
    char number[32];
    size_t length;

    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL && setlocale(LC_ALL, "fr_FR.UTF-8") == NULL)
        cr_skip_test("no locale with a decimal comma is installed");
    cr_expect_eq(setun_expr_number("1.5", &value, &length, &error), SETUN_OK);
    cr_expect(value.f == 1.5 && length == 3);
    cr_expect_str_eq(setun_expr_float_text(2.25, number), "2.25");
}

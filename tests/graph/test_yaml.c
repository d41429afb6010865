/* test_yaml.c - YAML trees: positions, kinds, and everything that a model file may not have. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "yaml/yaml.h"

static setun_yaml *parse(const char *text)
{
    setun_yaml *yaml = NULL;
    setun_error error = {{0}};

    cr_assert_eq(setun_yaml_parse("t.yaml", text, strlen(text), &yaml, &error), SETUN_OK, "%s", error.text);
    return yaml;
}

static void expect_error(const char *text, size_t n_bytes, const char *expected)
{
    setun_yaml *yaml = NULL;
    setun_error error = {{0}};
    setun_status status = setun_yaml_parse("t.yaml", text, n_bytes, &yaml, &error);

    cr_expect_eq(status, SETUN_ERR_FORMAT, "expected an error: %s", expected);
    cr_expect(strncmp(error.text, expected, strlen(expected)) == 0, "expected '%s', got '%s'", expected, error.text);
    cr_expect_null(yaml);
}

Test(yaml, tree_and_positions)
{
    setun_yaml *yaml = parse("# comment\na: 1\nb:\n  - x\n  - \"2\"\n  - {c: [d, e]}\n\xc3\xa4: {k: v}\n");
    const setun_yaml_node *root = setun_yaml_root(yaml), *b = setun_yaml_get(root, "b"), *c, *v;

    cr_expect_eq(root->kind, SETUN_YAML_MAPPING);
    cr_expect_eq(root->n, 3u);
    cr_expect_str_eq(setun_yaml_get(root, "a")->text, "1");
    cr_expect_not(setun_yaml_get(root, "a")->quoted);
    cr_expect(setun_yaml_get(root, "a")->line == 2 && setun_yaml_get(root, "a")->column == 4);
    cr_assert(b->kind == SETUN_YAML_SEQUENCE && b->n == 3);
    cr_expect(b->items[1].quoted && strcmp(b->items[1].text, "2") == 0 && b->items[1].line == 5 && b->items[1].column == 5);
    c = setun_yaml_get(&b->items[2], "c");
    cr_assert(c->kind == SETUN_YAML_SEQUENCE && c->n == 2);
    cr_expect(c->line == 6 && c->column == 9);
    cr_expect(c->items[1].line == 6 && c->items[1].column == 13);
    v = setun_yaml_get(setun_yaml_get(root, "\xc3\xa4"), "k");
    cr_expect(v->line == 7 && v->column == 8, "columns count characters: %u", v->column);
    cr_expect_null(setun_yaml_get(root, "z"));
    cr_expect_null(setun_yaml_get(b, "a"));
    cr_expect_str_eq(setun_yaml_path(yaml), "t.yaml");
    setun_yaml_close(yaml);
    setun_yaml_close(NULL);
}

Test(yaml, utf8_mark_at_the_start_is_no_text)
{
    setun_yaml *yaml = parse("\xef\xbb\xbf" "a: 1\n");

    cr_expect_not_null(setun_yaml_get(setun_yaml_root(yaml), "a"));
    setun_yaml_close(yaml);
}

Test(yaml, what_model_files_do_not_need_is_refused)
{
    static const struct { const char *text, *error; } cases[] = {
        {"", "t.yaml:1:1: expected a YAML mapping, found an empty file"},
        {"# only a comment\n", "t.yaml:1:1: expected a YAML mapping, found an empty file"},
        {"a: &x 1\nb: *x\n", "t.yaml:1:4: anchors (&name) are not allowed"},
        {"a: &x [*x]\n", "t.yaml:1:4: anchors (&name) are not allowed"},
        {"&r {a: *r}\n", "t.yaml:1:1: anchors (&name) are not allowed"},
        {"a: 1\nb: *x\n", "t.yaml:2:4: aliases (*name) are not allowed"},
        {"*x : 1\n", "t.yaml:1:1: aliases (*name) are not allowed"},
        {"<<: *x\n", "t.yaml:1:5: aliases (*name) are not allowed"},
        {"a: !!int 1\n", "t.yaml:1:4: tags (!name) are not allowed"},
        {"a: !mine [1]\n", "t.yaml:1:4: tags (!name) are not allowed"},
        {"a: !mine {b: 1}\n", "t.yaml:1:4: tags (!name) are not allowed"},
        {"a: 1\nb: 2\na: 3\n", "t.yaml:3:1: key 'a' stands twice, first in line 1"},
        {"{a: 1, 'a': 2}\n", "t.yaml:1:8: key 'a' stands twice"},
        {"a: 1\n---\nb: 2\n", "t.yaml:2:1: expected the end of the file, found a second document"},
        {"? [a]\n: 1\n", "t.yaml:1:3: expected a key, found a list"},
        {"? {a: 1}\n: 1\n", "t.yaml:1:3: expected a key, found a mapping"},
        {"a: \"x\\0y\"\n", "t.yaml:1:4: a text may not hold a NUL character"},
        {"a: [1, 2\n", "t.yaml:2:1: not valid YAML: while parsing a flow sequence"},
        {"a: {b: ${c}}\n", "t.yaml:1:9: not valid YAML: "},
        {"a: 1\n\tb: 2\n", "t.yaml:2:1: not valid YAML: "},
        {"a: \"abc\n", "t.yaml:2:1: not valid YAML: "},
        {"a: @x\n", "t.yaml:1:4: not valid YAML: "},
        {"a: \x01\n", "t.yaml:1:4: not valid YAML: control characters are not allowed"},
        {"a: \xff\n", "t.yaml:1:4: expected UTF-8 text, found the byte 0xff (byte 3 of the file)"},
        {"a: \xc0\x80\n", "t.yaml:1:4: expected UTF-8 text, found the byte 0xc0"},
        {"a: \xed\xa0\x80\n", "t.yaml:1:4: expected UTF-8 text, found the byte 0xed"},
        {"a: \xf4\x90\x80\x80\n", "t.yaml:1:4: expected UTF-8 text, found the byte 0xf4"},
        {"\xc3\xa4: \xe2\x82\n", "t.yaml:1:4: expected UTF-8 text, found the byte 0xe2"},
        {"\xff\xfe" "a", "t.yaml:1:1: expected UTF-8 text, found the byte 0xff"},
    };

    for (size_t i = 0; i < SETUN_COUNT(cases); i++)
        expect_error(cases[i].text, strlen(cases[i].text), cases[i].error);
    expect_error("a: 1\nb: \0\n", 10, "t.yaml:2:4: expected UTF-8 text, found the byte 0x00 (byte 8 of the file)");
    expect_error("a\0:\0", 4, "t.yaml:1:2: expected UTF-8 text, found the byte 0x00");
}

/* Opening brackets: 63 lists below the root are 64 levels; the scalar in them is the 65th. */
Test(yaml, depth_is_bounded)
{
    enum { N = 100000 };
    char *text = calloc(1, 2 * N + 16);
    setun_yaml *yaml;

    cr_assert_not_null(text);
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    yaml = parse(text);
    setun_yaml_close(yaml);
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    expect_error(text, 130, "t.yaml:1:65: nested more than 64 deep");
    memset(text, '[', 2 * N);
    expect_error(text, 2 * N, "t.yaml:1:65: nested more than 64 deep");
    for (int i = 0; i < N; i++)
        memcpy(text + 2 * i, "{?", 2);
    expect_error(text, 2 * N, "t.yaml:1:129: nested more than 64 deep");
    free(text);
}

Test(yaml, size_is_bounded)
{
    size_t n = (1 << 20) + 1;
    char *text = malloc(n);

    cr_assert_not_null(text);
    memset(text, ' ', n);
    expect_error(text, n, "t.yaml: 1048577 bytes, larger than the 1048576 bytes that such a file may have");
    /* 65536 scalars in a list, which is the 65537th node. */
    text[0] = '[';
    for (size_t i = 0; i < 65536; i++)
        memcpy(text + 1 + 2 * i, "1,", 2);
    text[1 + 2 * 65536] = ']';
    expect_error(text, 2 + 2 * 65536, "t.yaml:1:131072: more than 65536 keys and values");
    /* 1001 keys. */
    text[0] = '\0';
    for (int i = 0; i < 1001; i++)
        (void)sprintf(text + strlen(text), "k%d: 1\n", i);
    expect_error(text, strlen(text), "t.yaml:1001:1: a mapping may have 1000 keys at most");
    free(text);
}

Test(yaml, files)
{
    setun_yaml *yaml = NULL;
    setun_error error = {{0}};

    cr_expect_eq(setun_yaml_open(SETUN_BUILD_DIR "/no such file.yaml", &yaml, &error), SETUN_ERR_NOT_FOUND);
    cr_expect_not_null(strstr(error.text, "no such file.yaml"), "%s", error.text);
    cr_expect_eq(setun_yaml_open(SETUN_BUILD_DIR, &yaml, &error), SETUN_ERR_IO);
    cr_expect_not_null(strstr(error.text, "expected a regular file, found a directory"), "%s", error.text);
    cr_expect_null(yaml);
}

Test(yaml, check_keys_describes_lists_and_empty_nodes)
{
    static const char *const known[] = {"one", "two"};
    setun_yaml *yaml = parse("one: 1\ntwo:\nlist: [1]\n");
    const setun_yaml_node *root = setun_yaml_root(yaml);
    setun_error error = {{0}};

    cr_expect_eq(setun_yaml_check_keys(yaml, root, "top", known, 2, &error), SETUN_ERR_FORMAT);
    cr_expect_str_eq(error.text, "t.yaml:3:1: top: unknown key 'list', expected one of: one, two");
    cr_expect_eq(setun_yaml_check_keys(yaml, setun_yaml_get(root, "two"), "two", known, 2, &error), SETUN_ERR_FORMAT);
    cr_expect_str_eq(error.text, "t.yaml:2:5: two: expected a mapping, found nothing");
    cr_expect_eq(setun_yaml_check_keys(yaml, setun_yaml_get(root, "list"), "list", known, 2, &error), SETUN_ERR_FORMAT);
    cr_expect_str_eq(error.text, "t.yaml:3:7: list: expected a mapping, found a list");
    setun_yaml_close(yaml);
}

/* Every prefix of a valid file, and every single byte replaced by one that YAML cares about: an answer, never a crash. */
Test(yaml, cut_and_changed_files)
{
    static const char text[] = "a: {b: [1, \"x\"], c: 'y'}\nd:\n  - e: |\n      t\n  - ? f\n    : g\n";
    static const char bytes[] = "{}[],:?-&*!|>'\"%@`#\n\t \\$\x01\xff";

    for (size_t i = 0; i < sizeof(text) - 1; i++)
        for (size_t b = 0; b < sizeof(bytes); b++) {
            char copy[sizeof(text)];
            setun_yaml *yaml = NULL;
            setun_error error = {{0}};
            setun_status status;

            memcpy(copy, text, sizeof(text));
            copy[i] = bytes[b];
            status = setun_yaml_parse("t.yaml", copy, b == 0 ? i : sizeof(text) - 1, &yaml, &error);
            cr_expect(status == SETUN_OK || (status == SETUN_ERR_FORMAT && strncmp(error.text, "t.yaml:", 7) == 0), "%s", error.text);
            if (status == SETUN_OK)
                setun_yaml_close(yaml);
        }
}

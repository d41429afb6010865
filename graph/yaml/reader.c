/* reader.c - libyaml's events to a tree, with limits on depth and size, and everything that model files do not need refused. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/base.h"
#include "yaml/tree.h"

enum {
    MAX_DEPTH = 64,    /* nested lists and mappings; model files have 5 */
    MAX_NODES = 65536, /* keys, scalars, lists and mappings together */
    MAX_KEYS = 1000    /* of one mapping: they are compared pairwise for duplicates */
};

struct reader {
    setun_yaml   *yaml;
    const char   *text;
    size_t        n_bytes, n_nodes;
    yaml_parser_t parser;
    yaml_event_t  event;    /* the one being looked at, if have_event */
    bool          have_event;
    setun_error  *error;
};

/* Position of a byte of the text: line and column from 1, the column in characters. */
static setun_yaml_node position_of(const struct reader *r, size_t byte)
{
    setun_yaml_node at = {.line = 1, .column = 1};

    for (size_t i = 0; i < byte && i < r->n_bytes; i++) {
        if (r->text[i] == '\n') {
            at.line++;
            at.column = 1;
        } else if (((unsigned char)r->text[i] & 0xc0) != 0x80) {
            at.column++;
        }
    }
    return at;
}

/* A node that stands for libyaml's position. */
static setun_yaml_node node_at(yaml_mark_t mark)
{
    setun_yaml_node at = {.line = (uint32_t)mark.line + 1, .column = (uint32_t)mark.column + 1};

    return at;
}

/* Length of the well-formed UTF-8 character at s (n bytes are left), or 0. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0; /* overlong, a surrogate, or above U+10FFFF */
    return length;
}

static setun_status check_text(const struct reader *r)
{
    for (size_t i = 0; i < r->n_bytes;) {
        size_t length = utf8_length((const unsigned char *)r->text + i, r->n_bytes - i);
        setun_yaml_node at;

        if (length > 0 && r->text[i] != '\0') {
            i += length;
            continue;
        }
        at = position_of(r, i);
        return setun_yaml_fail(r->yaml, &at, r->error, "expected UTF-8 text, found the byte 0x%02x (byte %zu of the file)",
                               (unsigned char)r->text[i], i);
    }
    return SETUN_OK;
}

/* libyaml refused the text. */
static setun_status fail_syntax(const struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    setun_yaml_node at;
    const char *hint = "";

    if (p->error == YAML_MEMORY_ERROR)
        return setun_fail_nomem(r->error, r->yaml->path, r->n_bytes);
    if (p->error == YAML_READER_ERROR) {
        at = position_of(r, p->problem_offset);
        return setun_yaml_fail(r->yaml, &at, r->error, "not valid YAML: %s", p->problem);
    }
    at = node_at(p->problem_mark);
    /* The commonest slip: {eps: ${eps}}. YAML ends the unquoted text at the brace. */
    for (size_t i = 0, line = 1, column = 1; i < r->n_bytes && line <= at.line; i++) {
        if (line == at.line && column + 1 == at.column && r->text[i] == '$')
            hint = "; inside { } and [ ] an expression needs quotes: \"${...}\"";
        if (r->text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)r->text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    return setun_yaml_fail(r->yaml, &at, r->error, "not valid YAML: %s%s%s%s", p->context != NULL ? p->context : "",
                           p->context != NULL ? ", " : "", p->problem != NULL ? p->problem : "unknown problem", hint);
}

static setun_status next_event(struct reader *r)
{
    if (r->have_event)
        yaml_event_delete(&r->event);
    r->have_event = false;
    if (!yaml_parser_parse(&r->parser, &r->event))
        return fail_syntax(r);
    r->have_event = true;
    return SETUN_OK;
}

static setun_status fail_event(const struct reader *r, const char *what)
{
    setun_yaml_node at = node_at(r->event.start_mark);

    return setun_yaml_fail(r->yaml, &at, r->error, "%s", what);
}

static setun_status refuse_properties(const struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        return fail_event(r, "anchors (&name) are not allowed here");
    if (tag != NULL)
        return fail_event(r, "tags (!name) are not allowed here");
    return SETUN_OK;
}

static setun_status read_scalar(struct reader *r, setun_yaml_node *out_node)
{
    const char *text = (const char *)r->event.data.scalar.value;
    size_t length = r->event.data.scalar.length, n_chars = 0;
    yaml_scalar_style_t style = r->event.data.scalar.style;
    setun_status status = refuse_properties(r, r->event.data.scalar.anchor, r->event.data.scalar.tag);

    if (status != SETUN_OK)
        return status;
    if (memchr(text, '\0', length) != NULL) /* "\0" in double quotes */
        return fail_event(r, "a text may not hold a NUL character");
    for (size_t i = 0; i < length; i++)
        n_chars += ((unsigned char)text[i] & 0xc0) != 0x80;
    out_node->kind = SETUN_YAML_SCALAR;
    out_node->quoted = style != YAML_PLAIN_SCALAR_STYLE;
    out_node->verbatim = style != YAML_LITERAL_SCALAR_STYLE && style != YAML_FOLDED_SCALAR_STYLE
        && r->event.start_mark.line == r->event.end_mark.line
        && r->event.end_mark.index - r->event.start_mark.index == n_chars + 2 * (size_t)out_node->quoted;
    out_node->text = setun_pool_strndup(&r->yaml->pool, text, length);
    return out_node->text == NULL ? setun_fail_nomem(r->error, r->yaml->path, length) : SETUN_OK;
}

/* A growing list of nodes while its list or mapping is read. */
struct list {
    setun_yaml_node *nodes;
    size_t           n, capacity;
};

static setun_yaml_node *list_add(struct list *list)
{
    if (!setun_grow(&list->nodes, &list->capacity, list->n + 1, sizeof(*list->nodes)))
        return NULL;
    memset(&list->nodes[list->n], 0, sizeof(*list->nodes));
    return &list->nodes[list->n++];
}

static setun_status list_keep(struct reader *r, const struct list *list, setun_yaml_node **out_nodes)
{
    *out_nodes = setun_pool_alloc(&r->yaml->pool, list->n * sizeof(*list->nodes));
    if (*out_nodes == NULL)
        return setun_fail_nomem(r->error, r->yaml->path, list->n * sizeof(*list->nodes));
    if (list->n > 0)
        memcpy(*out_nodes, list->nodes, list->n * sizeof(*list->nodes));
    return SETUN_OK;
}

static setun_status read_node(struct reader *r, int depth, setun_yaml_node *out_node);

static setun_status read_sequence(struct reader *r, int depth, setun_yaml_node *out_node)
{
    struct list items = {0};
    setun_status status = refuse_properties(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag);

    out_node->kind = SETUN_YAML_SEQUENCE;
    while (status == SETUN_OK && (status = next_event(r)) == SETUN_OK && r->event.type != YAML_SEQUENCE_END_EVENT) {
        setun_yaml_node *item = list_add(&items);

        status = item == NULL ? setun_fail_nomem(r->error, r->yaml->path, items.n * sizeof(*item)) : read_node(r, depth + 1, item);
    }
    if (status == SETUN_OK)
        status = list_keep(r, &items, &out_node->items);
    out_node->n = items.n;
    free(items.nodes);
    return status;
}

/* Reads a key, which is the present event, into the last element of keys. */
static setun_status read_key(struct reader *r, int depth, struct list *keys)
{
    setun_yaml_node *key = list_add(keys);
    setun_status status;

    if (key == NULL)
        return setun_fail_nomem(r->error, r->yaml->path, keys->n * sizeof(*key));
    if (keys->n > MAX_KEYS)
        return fail_event(r, "a mapping may have 1000 keys at most");
    status = read_node(r, depth + 1, key);
    if (status != SETUN_OK)
        return status;
    if (key->kind != SETUN_YAML_SCALAR)
        return setun_yaml_fail(r->yaml, key, r->error, "expected a key, found %s", key->kind == SETUN_YAML_MAPPING ? "a mapping" : "a list");
    for (size_t i = 0; i + 1 < keys->n; i++)
        if (strcmp(keys->nodes[i].text, key->text) == 0)
            return setun_yaml_fail(r->yaml, key, r->error, "key '%.60s' stands twice, first in line %u", key->text, keys->nodes[i].line);
    return SETUN_OK;
}

static setun_status read_mapping(struct reader *r, int depth, setun_yaml_node *out_node)
{
    struct list keys = {0}, values = {0};
    setun_status status = refuse_properties(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag);

    out_node->kind = SETUN_YAML_MAPPING;
    while (status == SETUN_OK && (status = next_event(r)) == SETUN_OK && r->event.type != YAML_MAPPING_END_EVENT) {
        setun_yaml_node *value;

        status = read_key(r, depth, &keys);
        if (status == SETUN_OK)
            status = next_event(r);
        if (status != SETUN_OK)
            break;
        value = list_add(&values);
        status = value == NULL ? setun_fail_nomem(r->error, r->yaml->path, values.n * sizeof(*value)) : read_node(r, depth + 1, value);
    }
    if (status == SETUN_OK)
        status = list_keep(r, &keys, &out_node->items);
    if (status == SETUN_OK)
        status = list_keep(r, &values, &out_node->values);
    out_node->n = keys.n;
    free(keys.nodes);
    free(values.nodes);
    return status;
}

/* Reads the node that starts with the present event; leaves its last event as the present one. */
static setun_status read_node(struct reader *r, int depth, setun_yaml_node *out_node)
{
    out_node->line = (uint32_t)r->event.start_mark.line + 1;
    out_node->column = (uint32_t)r->event.start_mark.column + 1;
    if (depth > MAX_DEPTH)
        return fail_event(r, "nested more than 64 deep");
    if (++r->n_nodes > MAX_NODES)
        return fail_event(r, "more than 65536 keys and values");
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, out_node);
    case YAML_SEQUENCE_START_EVENT:
        return read_sequence(r, depth, out_node);
    case YAML_MAPPING_START_EVENT:
        return read_mapping(r, depth, out_node);
    case YAML_ALIAS_EVENT:
        return fail_event(r, "aliases (*name) are not allowed here");
    default:
        return fail_event(r, "expected a value");
    }
}

static setun_status read_stream(struct reader *r)
{
    setun_status status = next_event(r); /* stream start */

    if (status == SETUN_OK)
        status = next_event(r);
    if (status != SETUN_OK)
        return status;
    if (r->event.type == YAML_STREAM_END_EVENT)
        return setun_fail(r->error, SETUN_ERR_FORMAT, "%s:1:1: expected a YAML mapping, found an empty file", r->yaml->path);
    status = next_event(r); /* after document start */
    if (status == SETUN_OK)
        status = read_node(r, 1, &r->yaml->root);
    if (status == SETUN_OK)
        status = next_event(r); /* document end */
    if (status == SETUN_OK)
        status = next_event(r);
    if (status == SETUN_OK && r->event.type != YAML_STREAM_END_EVENT)
        status = fail_event(r, "expected the end of the file, found a second document");
    return status;
}

setun_status setun_yaml_read(setun_yaml *yaml, const char *text, size_t n_bytes, setun_error *error)
{
    struct reader r = {.yaml = yaml, .text = text, .n_bytes = n_bytes, .error = error};
    setun_status status = check_text(&r);

    if (status != SETUN_OK)
        return status;
    if (!yaml_parser_initialize(&r.parser))
        return setun_fail_nomem(error, yaml->path, sizeof(r.parser));
    /* The encoding is left to libyaml so that it skips a UTF-8 mark at the start; UTF-16 has been refused above. */
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n_bytes);
    status = read_stream(&r);
    if (r.have_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return status;
}

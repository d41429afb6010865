/* yaml.h - a YAML document as a tree that knows its positions, read with libyaml. Internal.
 * Anchors, aliases, tags, duplicate keys, several documents and deep nesting are errors: model files need none of them. */
#ifndef SETUN_YAML_H
#define SETUN_YAML_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

enum setun_yaml_kind { SETUN_YAML_SCALAR, SETUN_YAML_SEQUENCE, SETUN_YAML_MAPPING };

typedef struct setun_yaml_node {
    enum setun_yaml_kind     kind;
    uint32_t                 line, column; /* from 1 */
    const char              *text;         /* SCALAR: NUL-terminated, no NUL inside */
    bool                     quoted;       /* SCALAR: "1" is a string, 1 a number */
    bool                     verbatim;     /* SCALAR: the file has `text` in one line as it is, so a place in it has a column of its own */
    struct setun_yaml_node  *items;        /* SEQUENCE: n items; MAPPING: n keys (scalars) ... */
    struct setun_yaml_node  *values;       /* ... and their n values */
    size_t                   n;
} setun_yaml_node;

typedef struct setun_yaml setun_yaml;

/* Reads a file of at most 1 MiB. Errors start with "<path>:<line>:<column>: ". */
setun_status           setun_yaml_open(const char *path, setun_yaml **out_yaml, setun_error *error);
/* The same from memory; `name` stands for the path in errors. */
setun_status           setun_yaml_parse(const char *name, const char *text, size_t n_bytes, setun_yaml **out_yaml, setun_error *error);
void                   setun_yaml_close(setun_yaml *yaml); /* accepts NULL */
const setun_yaml_node *setun_yaml_root(const setun_yaml *yaml);
const char            *setun_yaml_path(const setun_yaml *yaml);

/* Value of a key in a mapping, or NULL. */
const setun_yaml_node *setun_yaml_get(const setun_yaml_node *mapping, const char *key);

/* SETUN_ERR_FORMAT with "<path>:<line>:<column>: <text>". */
__attribute__((format(printf, 4, 5)))
setun_status setun_yaml_fail(const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error, const char *format, ...);

/* The same for the place `offset_bytes` into a scalar's text; the scalar's own position where it is not verbatim. */
__attribute__((format(printf, 5, 6)))
setun_status setun_yaml_fail_inside(const setun_yaml *yaml, const setun_yaml_node *node, size_t offset_bytes, setun_error *error,
                                    const char *format, ...);

#ifdef __clang_analyzer__ /* as in base.h: a failure never counts as success */
#define setun_yaml_fail(yaml, node, error, ...)                ((void)(setun_yaml_fail)(yaml, node, error, __VA_ARGS__), SETUN_ERR_FORMAT)
#define setun_yaml_fail_inside(yaml, node, offset, error, ...) ((void)(setun_yaml_fail_inside)(yaml, node, offset, error, __VA_ARGS__), SETUN_ERR_FORMAT)
#endif

/* What a node is, for "expected X, found ...": "a list", "nothing", "'the text'" (cut short). Written into text[64]; returns text. */
const char *setun_yaml_describe(const setun_yaml_node *node, char text[64]);

/* A plain decimal number from min (at least 0) to max. `what` begins the error. */
setun_status setun_yaml_read_count(const setun_yaml *yaml, const setun_yaml_node *node, const char *what, int64_t min, int64_t max,
                                   int64_t *out_value, setun_error *error);

/* Error unless `node` is a mapping whose keys are all among `known`; names the key, and the nearest known one. */
setun_status setun_yaml_check_keys(const setun_yaml *yaml, const setun_yaml_node *node, const char *what,
                                   const char *const *known, size_t n_known, setun_error *error);
#endif

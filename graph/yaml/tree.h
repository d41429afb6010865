/* tree.h - what yaml.c and reader.c share: the inside of a setun_yaml. */
#ifndef SETUN_YAML_TREE_H
#define SETUN_YAML_TREE_H
#include "base/base.h"
#include "yaml/yaml.h"

struct setun_yaml {
    setun_pool      pool; /* texts, and the arrays of nodes */
    const char     *path;
    setun_yaml_node root;
};

/* Fills in yaml->root from text[n_bytes]. On error the caller frees the pool. */
setun_status setun_yaml_read(setun_yaml *yaml, const char *text, size_t n_bytes, setun_error *error);
#endif

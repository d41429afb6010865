/* config.h - the inside of a configuration, shared by config.c and rules.c. Internal. */
#ifndef SETUN_CONFIG_INTERNAL_H
#define SETUN_CONFIG_INTERNAL_H
#include "base/base.h"
#include "setun/config.h"
#include "yaml/yaml.h"

struct setun_config {
    setun_pool             pool;    /* every text, and the rules */
    setun_session_options  options; /* only what the file says; the rest is zero */
    bool                   has_kv;
    const char            *model, *plugin_path, *tuning; /* NULL: not said */
};

/* Settings from memory; `name` stands for the path in errors. */
setun_status setun_config_parse(const char *name, const char *text, size_t n_bytes, setun_config **out_config, setun_error *error);

/* The value of `kernels`: a list of rules, into config->options. */
setun_status setun_config_read_rules(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error);

/* A copy in the pool of a scalar that is neither empty nor has control characters. `what` is the key, for errors. */
setun_status setun_config_read_text(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, const char *what,
                                    const char **out_text, setun_error *error);

/* The index of a scalar among `words`; `what` is the key, for errors. */
setun_status setun_config_read_word(const setun_yaml *yaml, const setun_yaml_node *node, const char *what, const char *const *words,
                                    size_t n_words, size_t *out_index, setun_error *error);
#endif

/* rules.c - the key `kernels` of a file of settings: which kernels run which nodes. */
#include <string.h>

#include "config/config.h"
#include "ops/ops.h"

enum { MAX_OPS = 64 };

static setun_status read_op(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, const char **out_op, setun_error *error)
{
    const char *names[MAX_OPS];
    size_t n = 0, index;
    setun_status status;

    (void)config;
    while (n < setun_n_ops && n < MAX_OPS) {
        names[n] = setun_ops[n]->name;
        n++;
    }
    status = setun_config_read_word(yaml, node, "op", names, n, &index, error);
    if (status == SETUN_OK)
        *out_op = names[index]; /* the op's own constant */
    return status;
}

static setun_status read_rule(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_kernel_rule *out_rule,
                              setun_error *error)
{
    static const char *const known[] = {"op", "weight", "format", "phase", "kernel", "backend"};
    static const char *const phases[] = {[SETUN_PHASE_ANY] = "any", [SETUN_PHASE_DECODE] = "decode", [SETUN_PHASE_BATCH] = "batch",
                                         [SETUN_PHASE_PREFILL] = "prefill"};
    const struct {
        const char  *key;
        const char **text;
    } texts[] = {{"weight", &out_rule->weight}, {"format", &out_rule->format}, {"kernel", &out_rule->kernel}, {"backend", &out_rule->backend}};
    const setun_yaml_node *op = setun_yaml_get(node, "op"), *phase = setun_yaml_get(node, "phase");
    setun_status status = setun_yaml_check_keys(yaml, node, "kernels", known, SETUN_COUNT(known), error);
    size_t index;

    if (status == SETUN_OK && op != NULL)
        status = read_op(config, yaml, op, &out_rule->op, error);
    if (status == SETUN_OK && phase != NULL) {
        status = setun_config_read_word(yaml, phase, "phase", phases, SETUN_COUNT(phases), &index, error);
        out_rule->phase = status == SETUN_OK ? (int)index : SETUN_PHASE_ANY;
    }
    for (size_t i = 0; i < SETUN_COUNT(texts) && status == SETUN_OK; i++) {
        const setun_yaml_node *value = setun_yaml_get(node, texts[i].key);

        if (value != NULL)
            status = setun_config_read_text(config, yaml, value, texts[i].key, texts[i].text, error);
    }
    if (status != SETUN_OK)
        return status;
    if ((out_rule->kernel == NULL) == (out_rule->backend == NULL))
        return setun_yaml_fail(yaml, node, error, "kernels: expected either 'kernel' or 'backend', found %s",
                               out_rule->kernel == NULL ? "neither" : "both");
    out_rule->where = setun_pool_printf(&config->pool, "%s:%u:%u", setun_yaml_path(yaml), node->line, node->column);
    return out_rule->where == NULL ? setun_fail_nomem(error, setun_yaml_path(yaml), sizeof(*out_rule)) : SETUN_OK;
}

setun_status setun_config_read_rules(setun_config *config, const setun_yaml *yaml, const setun_yaml_node *node, setun_error *error)
{
    setun_kernel_rule *rules;
    char found[64];

    if (node->kind != SETUN_YAML_SEQUENCE || node->n == 0)
        return setun_yaml_fail(yaml, node, error, "kernels: expected a list of rules, found %s",
                               node->kind == SETUN_YAML_SEQUENCE ? "an empty one" : setun_yaml_describe(node, found));
    rules = setun_pool_alloc(&config->pool, node->n * sizeof(*rules)); /* the YAML reader has bounded the number of nodes */
    if (rules == NULL)
        return setun_fail_nomem(error, setun_yaml_path(yaml), node->n * sizeof(*rules));
    for (size_t i = 0; i < node->n; i++) {
        const setun_status status = read_rule(config, yaml, &node->items[i], &rules[i], error);

        if (status != SETUN_OK)
            return status;
    }
    config->options.rules   = rules;
    config->options.n_rules = node->n;
    return SETUN_OK;
}

/* sizes.c - a file of sizes: the parameters of one model and the optional weights that it has, for a family that is described elsewhere.
 *
 *   setun: 1
 *   family: bitnet                       # bitnet.yaml of the same folder
 *   sizes: {hidden: 2560, layers: 30}    # parameters of its section `bind`
 *   weights: [attn_sub_norm]             # has() is true for these */
#include <string.h>

#include "family/elaborate.h"

bool setun_sizes_is(const setun_yaml *yaml)
{
    const setun_yaml_node *root = setun_yaml_root(yaml);

    return root->kind == SETUN_YAML_MAPPING && setun_yaml_get(root, "family") != NULL;
}

/* Sizes are literals: no name could mean anything yet. */
static bool lookup_nothing(void *context, const char *name, setun_expr_value *out_value)
{
    (void)context;
    (void)name;
    (void)out_value;
    return false;
}

static setun_status ask_nothing(void *context, const char *function, const char *weight, bool *out_answer, setun_error *error)
{
    (void)context;
    (void)out_answer;
    return setun_fail(error, SETUN_ERR_FORMAT, "%s(%.60s) has no meaning in a file of sizes", function, weight);
}

static const char *name_nothing(void *context, size_t i)
{
    (void)context;
    (void)i;
    return NULL;
}

static setun_status read_size(const setun_yaml *yaml, const setun_yaml_node *name, const setun_yaml_node *node, setun_pool *pool,
                              setun_graph_param *out_param, setun_error *error)
{
    static const setun_expr_scope scope = {.lookup = lookup_nothing, .ask = ask_nothing, .name = name_nothing};
    static const enum setun_meta_type types[] = {[SETUN_EXPR_INT] = SETUN_META_INT, [SETUN_EXPR_FLOAT] = SETUN_META_FLOAT,
                                                 [SETUN_EXPR_BOOL] = SETUN_META_BOOL, [SETUN_EXPR_STRING] = SETUN_META_STRING};
    setun_expr_value value;
    char found[64];
    setun_status status;

    if (node->kind != SETUN_YAML_SCALAR)
        return setun_yaml_fail(yaml, node, error, "%.60s: expected a value, found %s", name->text, setun_yaml_describe(node, found));
    status = setun_expr_scalar(&scope, yaml, node, pool, &value, error);
    if (status != SETUN_OK)
        return status;
    *out_param = (setun_graph_param){.name = setun_pool_strndup(pool, name->text, strlen(name->text))};
    out_param->value = (setun_meta){.type = types[value.type], .i = value.type == SETUN_EXPR_BOOL ? value.b : value.i, .f = value.f};
    if (value.type == SETUN_EXPR_STRING)
        out_param->value.s = setun_pool_strndup(pool, value.s, strlen(value.s));
    if (out_param->name == NULL || (value.type == SETUN_EXPR_STRING && out_param->value.s == NULL))
        return setun_fail_nomem(error, "a size", strlen(name->text));
    return SETUN_OK;
}

/* The form's own sizes come first: the first of a name wins. */
static setun_status read_sizes(const setun_yaml *yaml, const setun_yaml_node *node, setun_pool *pool, setun_graph_form *form, setun_error *error)
{
    const size_t n_given = form->n_params, n = node == NULL ? 0 : node->n;
    setun_graph_param *params;
    char found[64];

    if (node != NULL && node->kind != SETUN_YAML_MAPPING)
        return setun_yaml_fail(yaml, node, error, "sizes: expected a mapping, found %s", setun_yaml_describe(node, found));
    params = setun_pool_alloc(pool, (n_given + n) * sizeof(*params));
    if (params == NULL)
        return setun_fail_nomem(error, "sizes", (n_given + n) * sizeof(*params));
    if (n_given > 0)
        memcpy(params, form->params, n_given * sizeof(*params));
    for (size_t i = 0; i < n; i++) {
        const setun_status status = read_size(yaml, &node->items[i], &node->values[i], pool, &params[n_given + i], error);

        if (status != SETUN_OK)
            return status;
    }
    form->params = params;
    form->n_params = n_given + n;
    return SETUN_OK;
}

static setun_status read_weights(const setun_yaml *yaml, const setun_yaml_node *node, setun_pool *pool, setun_graph_form *form,
                                 setun_error *error)
{
    const size_t n_given = form->n_weights, n = node == NULL ? 0 : node->n;
    const char **names;
    char found[64];

    if (node != NULL && node->kind != SETUN_YAML_SEQUENCE)
        return setun_yaml_fail(yaml, node, error, "weights: expected a list of names, found %s", setun_yaml_describe(node, found));
    names = setun_pool_alloc(pool, (n_given + n) * sizeof(*names));
    if (names == NULL)
        return setun_fail_nomem(error, "names of weights", (n_given + n) * sizeof(*names));
    for (size_t i = 0; i < n_given; i++)
        names[i] = form->weights[i];
    for (size_t i = 0; i < n; i++) {
        if (node->items[i].kind != SETUN_YAML_SCALAR || node->items[i].text[0] == '\0')
            return setun_yaml_fail(yaml, &node->items[i], error, "weights: expected the name of a weight, found %s",
                                   setun_yaml_describe(&node->items[i], found));
        names[n_given + i] = setun_pool_strndup(pool, node->items[i].text, strlen(node->items[i].text));
        if (names[n_given + i] == NULL)
            return setun_fail_nomem(error, "names of weights", strlen(node->items[i].text));
    }
    form->weights = names;
    form->n_weights = n_given + n;
    return SETUN_OK;
}

/* "bitnet" to "<folder of this file>/bitnet.yaml". A name only: a file of sizes cannot lead anywhere else. */
static setun_status find_family(const setun_yaml *yaml, setun_pool *pool, const char **out_path, setun_error *error)
{
    const setun_yaml_node *node = setun_yaml_get(setun_yaml_root(yaml), "family");
    const char *path = setun_yaml_path(yaml), *slash = strrchr(path, '/');
    char found[64];

    if (node->kind != SETUN_YAML_SCALAR || node->text[0] == '\0' || node->text[0] == '.' || strchr(node->text, '/') != NULL)
        return setun_yaml_fail(yaml, node, error, "family: expected the name of a model file of this folder, without .yaml, found %s",
                               setun_yaml_describe(node, found));
    *out_path = setun_pool_printf(pool, "%.*s%s.yaml", slash == NULL ? 0 : (int)(slash + 1 - path), path, node->text);
    return *out_path == NULL ? setun_fail_nomem(error, "path", strlen(path)) : SETUN_OK;
}

setun_status setun_sizes_read(const setun_yaml *yaml, const setun_graph_form *wanted, setun_pool *pool, setun_graph_form *out_form,
                              const char **out_family_path, setun_error *error)
{
    static const setun_graph_form nothing = {.source = SETUN_SOURCE_HUGGINGFACE};
    const setun_yaml_node *root = setun_yaml_root(yaml);
    setun_status status = find_family(yaml, pool, out_family_path, error);

    *out_form = wanted != NULL ? *wanted : nothing;
    if (status == SETUN_OK)
        status = read_sizes(yaml, setun_yaml_get(root, "sizes"), pool, out_form, error);
    if (status == SETUN_OK)
        status = read_weights(yaml, setun_yaml_get(root, "weights"), pool, out_form, error);
    return status;
}

/* "unknown size 'hiden', did you mean 'hidden'?" */
static setun_status fail_unknown(const struct setun_elaboration *e, const char *what, const char *name, const setun_yaml_node *known)
{
    const char *words[256], *nearest;
    size_t n = 0;

    for (; known != NULL && n < known->n && n < SETUN_COUNT(words); n++)
        words[n] = known->items[n].text;
    nearest = setun_nearest_word(name, words, n);
    return setun_fail(e->error, SETUN_ERR_FORMAT, "%s: unknown %s '%.60s'%s%s%s", setun_yaml_path(e->yaml), what, name,
                      nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

setun_status setun_sizes_check(const struct setun_elaboration *e)
{
    const setun_yaml_node *bind = setun_yaml_get(setun_yaml_root(e->yaml), "bind");

    for (size_t i = 0; i < e->form->n_params; i++)
        if (bind == NULL || setun_yaml_get(bind, e->form->params[i].name) == NULL)
            return fail_unknown(e, "size", e->form->params[i].name, bind);
    for (size_t i = 0; i < e->form->n_weights; i++)
        if (e->tensors == NULL || setun_yaml_get(e->tensors, e->form->weights[i]) == NULL)
            return fail_unknown(e, "weight", e->form->weights[i], e->tensors);
    return SETUN_OK;
}

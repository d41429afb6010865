/* bind.c - the sections `match` and `bind`: does the model file fit the weight file, and what are the parameters' values. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family/elaborate.h"

enum { MAX_KEYS = 8 }; /* metadata keys that one parameter may be looked for under */

static const char *const source_keys[] = {"gguf", "huggingface"};

static setun_expr_value string_value(const char *s)
{
    return (setun_expr_value){.type = SETUN_EXPR_STRING, .s = s};
}

/* Names in ${...}: indices of repeats, then parameters, then `arch` and `source`. */
static bool lookup(void *context, const char *name, setun_expr_value *out_value)
{
    const struct setun_elaboration *e = context;
    enum setun_source source;

    for (size_t i = e->n_indices; i-- > 0;)
        if (strcmp(e->indices[i].name, name) == 0) {
            *out_value = (setun_expr_value){.type = SETUN_EXPR_INT, .i = e->indices[i].value};
            return true;
        }
    for (size_t i = 0; i < e->n_params; i++)
        if (strcmp(e->params[i].name, name) == 0) {
            *out_value = e->params[i].value;
            return true;
        }
    if (strcmp(name, "arch") == 0)
        *out_value = string_value(e->weights != NULL ? setun_weights_architecture(e->weights) : e->form != NULL ? e->form_arch : "");
    else if (strcmp(name, "source") == 0)
        *out_value = string_value(setun_bind_source(e, &source) ? setun_source_name(source) : "none");
    else
        return false;
    return true;
}

bool setun_bind_source(const struct setun_elaboration *e, enum setun_source *out_source)
{
    if (e->weights != NULL)
        *out_source = setun_weights_source(e->weights);
    else if (e->form != NULL)
        *out_source = e->form->source;
    return e->weights != NULL || e->form != NULL;
}

static const char *name_at(void *context, size_t i)
{
    const struct setun_elaboration *e = context;

    if (i < e->n_indices)
        return e->indices[i].name;
    i -= e->n_indices;
    if (i < e->n_params)
        return e->params[i].name;
    i -= e->n_params;
    return i == 0 ? "arch" : i == 1 ? "source" : NULL;
}

static bool is_key(const setun_yaml_node *mapping, const char *name)
{
    return mapping != NULL && setun_yaml_get(mapping, name) != NULL;
}

static const char *hint(void *context, const char *name)
{
    const struct setun_elaboration *e = context;

    if (is_key(e->tensors, name))
        return "it is a weight, whose name stands in quotes ('name') or in has(name)";
    if (is_key(setun_yaml_get(setun_yaml_root(e->yaml), "bind"), name))
        return "it is bound further down in the section 'bind'";
    return NULL;
}

static setun_status ask(void *context, const char *function, const char *weight, bool *out_answer, setun_error *error)
{
    return setun_tensors_ask(context, function, weight, out_answer, error);
}

setun_status setun_read_word(struct setun_elaboration *e, const setun_yaml_node *node, const char *what, const char **out_word)
{
    char found[64];
    bool good = node->kind == SETUN_YAML_SCALAR && node->text[0] != '\0' && strlen(node->text) < 64;

    for (size_t i = 0; good && node->text[i] != '\0'; i++) {
        char c = node->text[i];

        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (i > 0 && ((c >= '0' && c <= '9') || c == '-' || c == '.'));
    }
    if (!good)
        return setun_yaml_fail(e->yaml, node, e->error, "expected %s (letters, digits and _), found %s", what,
                               setun_yaml_describe(node, found));
    *out_word = node->text;
    return SETUN_OK;
}

/* A metadata value as an expression's value; strings are copied, since weights may be asked again. */
static setun_status convert_meta(struct setun_elaboration *e, const setun_yaml_node *node, const char *key, const setun_meta *meta,
                                 setun_expr_value *out_value)
{
    setun_expr_value value = {.type = SETUN_EXPR_INT, .i = meta->i};

    if (meta->type == SETUN_META_FLOAT) {
        value.type = SETUN_EXPR_FLOAT;
        value.f = meta->f;
        if (!isfinite(meta->f))
            return setun_yaml_fail(e->yaml, node, e->error, "key '%.100s' of %.200s: expected a finite number, found %g", key,
                                   setun_weights_path(e->weights), meta->f);
    } else if (meta->type == SETUN_META_BOOL) {
        value.type = SETUN_EXPR_BOOL;
        value.b = meta->i != 0;
    } else if (meta->type == SETUN_META_STRING) {
        value = string_value(setun_pool_strndup(&e->pool, meta->s, strlen(meta->s)));
        if (value.s == NULL)
            return setun_fail_nomem(e->error, "a parameter", strlen(meta->s));
    }
    *out_value = value;
    return SETUN_OK;
}

setun_status setun_bind_find(struct setun_elaboration *e, const setun_yaml_node *node, bool *out_found, struct setun_param *param)
{
    setun_expr_value key;
    setun_meta meta;
    setun_error why = {{0}};
    char found[64];
    setun_status status = setun_elaboration_eval(e, node, &e->pool, &key);

    if (status != SETUN_OK)
        return status;
    if (key.type != SETUN_EXPR_STRING || key.s[0] == '\0')
        return setun_yaml_fail(e->yaml, node, e->error, "expected a key, found %s", setun_yaml_describe(node, found));
    status = setun_weights_meta(e->weights, key.s, out_found, &meta, &why);
    if (status != SETUN_OK) {
        (void)setun_yaml_fail(e->yaml, node, e->error, "%s", why.text);
        return status;
    }
    param->key = key.s;
    if (*out_found)
        param->origin = SETUN_PARAM_KEY;
    return *out_found ? convert_meta(e, node, key.s, &meta, &param->value) : SETUN_OK;
}

size_t setun_bind_keys(struct setun_elaboration *e, const setun_yaml_node *keys, const setun_yaml_node **out_first)
{
    const size_t n = keys->kind == SETUN_YAML_SEQUENCE ? keys->n : 1;
    char found[64];

    if (n == 0 || n > MAX_KEYS || keys->kind == SETUN_YAML_MAPPING) {
        (void)setun_yaml_fail(e->yaml, keys, e->error, "expected a key or a list of 1 to %d keys, found %s", MAX_KEYS,
                              setun_yaml_describe(keys, found));
        return 0;
    }
    *out_first = keys->kind == SETUN_YAML_SEQUENCE ? keys->items : keys;
    return n;
}

/* Looks for a parameter under the keys for this kind of file. `looked` collects the keys for the error. */
static setun_status find_in_file(struct setun_elaboration *e, const setun_yaml_node *keys, bool *out_found, struct setun_param *param,
                                 char looked[400])
{
    const setun_yaml_node *first;
    const size_t n = setun_bind_keys(e, keys, &first);

    *out_found = false;
    if (n == 0)
        return SETUN_ERR_FORMAT;
    for (size_t i = 0; i < n && !*out_found; i++) {
        const size_t used = strlen(looked);
        setun_status status = setun_bind_find(e, &first[i], out_found, param);

        if (status != SETUN_OK)
            return status;
        (void)snprintf(looked + used, 400 - used, "%s'%s'", used == 0 ? "" : ", ", param->key);
    }
    if (!*out_found)
        param->key = NULL;
    return SETUN_OK;
}

/* A parameter as the form gives it. */
static setun_status find_in_form(struct setun_elaboration *e, bool *out_found, struct setun_param *param)
{
    for (size_t i = 0; i < e->form->n_params; i++) {
        const setun_graph_param *given = &e->form->params[i];

        if (strcmp(given->name, param->name) != 0)
            continue;
        *out_found = true;
        param->from = param->node; /* for errors: the place where the model file speaks of it */
        return convert_meta(e, param->node, given->name, &given->value, &param->value);
    }
    *out_found = false;
    return SETUN_OK;
}

static bool is_same(const setun_expr_value *a, const setun_expr_value *b)
{
    const bool numbers = a->type <= SETUN_EXPR_FLOAT && b->type <= SETUN_EXPR_FLOAT;

    if (numbers)
        return (a->type == SETUN_EXPR_INT ? (double)a->i : a->f) == (b->type == SETUN_EXPR_INT ? (double)b->i : b->f);
    return a->type == b->type && (a->type == SETUN_EXPR_BOOL ? a->b == b->b : strcmp(a->s, b->s) == 0);
}

/* The first of the keys for this kind of file. */
static setun_status first_key(struct setun_elaboration *e, const setun_yaml_node *keys, const char **out_key)
{
    const setun_yaml_node *node = keys->kind == SETUN_YAML_SEQUENCE && keys->n > 0 ? &keys->items[0] : keys;
    setun_expr_value key;
    setun_status status;
    char found[64];

    if (node->kind != SETUN_YAML_SCALAR)
        return setun_yaml_fail(e->yaml, keys, e->error, "expected a key or a list of 1 to %d keys, found %s", MAX_KEYS,
                               setun_yaml_describe(keys, found));
    status = setun_expr_scalar(&e->scope, e->yaml, node, &e->pool, &key, e->error);
    if (status == SETUN_OK && (key.type != SETUN_EXPR_STRING || key.s[0] == '\0'))
        return setun_yaml_fail(e->yaml, node, e->error, "expected a key, found %s", setun_yaml_describe(node, found));
    if (status == SETUN_OK)
        *out_key = key.s;
    return status;
}

/* Whether its `expect` says {integer: ...}; the default of a model that gives the value need not be one ("hidden / heads"). */
static bool expects_integer(const setun_yaml_node *node)
{
    const setun_yaml_node *expect = setun_yaml_get(node, "expect");

    return expect != NULL && expect->kind == SETUN_YAML_MAPPING && setun_yaml_get(expect, "integer") != NULL;
}

/* The value of one parameter: {gguf:, huggingface:, default:, expect:, why:}, or a value by itself. */
static setun_status bind_value(struct setun_elaboration *e, const setun_yaml_node *node, struct setun_param *param)
{
    static const char *const known[] = {"gguf", "huggingface", "default", "expect", "why"};
    const setun_yaml_node *name = param->node, *keys, *otherwise;
    char looked[400] = "";
    bool found = false;
    enum setun_source source;
    setun_status status;

    if (node->kind != SETUN_YAML_MAPPING) {
        param->from = node;
        return setun_elaboration_eval(e, node, &e->pool, &param->value);
    }
    status = setun_yaml_check_keys(e->yaml, node, name->text, known, SETUN_COUNT(known), e->error);
    if (status != SETUN_OK)
        return status;
    keys = setun_bind_source(e, &source) ? setun_yaml_get(node, setun_source_name(source)) : NULL;
    otherwise = setun_yaml_get(node, "default");
    if (e->form != NULL && keys != NULL) { /* what the file to be has no key for it cannot say: the default holds */
        status = first_key(e, keys, &param->key);
        if (status == SETUN_OK)
            status = find_in_form(e, &found, param);
    } else if (keys != NULL) {
        status = find_in_file(e, keys, &found, param, looked);
    }
    if (status == SETUN_OK && otherwise != NULL) {
        setun_expr_value value; /* read even where the file wins: a mistake in it must not wait for a file that lacks the key */

        status = setun_elaboration_eval(e, otherwise, &e->pool, &value);
        param->real = status == SETUN_OK && value.type == SETUN_EXPR_FLOAT && !expects_integer(node);
        param->implied = status == SETUN_OK && (!found || is_same(&value, &param->value));
        if (status == SETUN_OK && !found) {
            param->origin = SETUN_PARAM_DEFAULT;
            param->from = otherwise;
            param->value = value;
            found = true;
        }
    }
    if (status != SETUN_OK || found)
        return status == SETUN_OK ? setun_expect_check(e, param, node) : status;
    if (e->form != NULL)
        (void)setun_yaml_fail(e->yaml, name, e->error, "parameter '%.60s': no default, and no size of that name is given", name->text);
    else if (e->weights == NULL)
        (void)setun_yaml_fail(e->yaml, name, e->error, "parameter '%.60s': no default, and there is no weight file", name->text);
    else if (keys == NULL)
        (void)setun_yaml_fail(e->yaml, name, e->error, "parameter '%.60s': no default, and no key for a %s file (%.200s)", name->text,
                              setun_source_name(setun_weights_source(e->weights)), setun_weights_path(e->weights));
    else
        (void)setun_yaml_fail(e->yaml, name, e->error, "parameter '%.60s': no default, and none of the keys %s in %.200s", name->text, looked,
                              setun_weights_path(e->weights));
    return SETUN_ERR_NOT_FOUND;
}

/* A parameter may not be called like something else that ${...} knows. */
static setun_status check_param_name(struct setun_elaboration *e, const setun_yaml_node *name)
{
    static const char *const reserved[] = {"arch", "source", "true", "false", "has", "ternary", "sqrt"};
    const char *word;
    setun_status status = setun_read_word(e, name, "the name of a parameter", &word);

    for (size_t i = 0; i < SETUN_COUNT(reserved) && status == SETUN_OK; i++)
        if (strcmp(word, reserved[i]) == 0)
            status = setun_yaml_fail(e->yaml, name, e->error, "expected another name: '%s' has a meaning of its own in ${...}", word);
    if (status == SETUN_OK && strpbrk(word, "-.") != NULL)
        status = setun_yaml_fail(e->yaml, name, e->error, "expected the name of a parameter (letters, digits and _), found '%s'", word);
    return status;
}

setun_status setun_bind_parameters(struct setun_elaboration *e, const setun_yaml_node *node)
{
    char found[64];

    e->scope = (setun_expr_scope){.context = e, .lookup = lookup, .ask = ask, .name = name_at, .hint = hint};
    if (node == NULL)
        return SETUN_OK;
    if (node->kind != SETUN_YAML_MAPPING)
        return setun_yaml_fail(e->yaml, node, e->error, "bind: expected a mapping, found %s", setun_yaml_describe(node, found));
    for (size_t i = 0; i < node->n; i++) {
        struct setun_param param = {.name = node->items[i].text, .node = &node->items[i]};
        setun_status status = check_param_name(e, param.node);

        if (status == SETUN_OK)
            status = bind_value(e, &node->values[i], &param);
        if (status != SETUN_OK)
            return status;
        if (!setun_grow(&e->params, &e->params_capacity, e->n_params + 1, sizeof(*e->params)))
            return setun_fail_nomem(e->error, "parameters", (e->n_params + 1) * sizeof(*e->params));
        e->params[e->n_params++] = param;
    }
    return SETUN_OK;
}

setun_status setun_bind_keep(struct setun_elaboration *e)
{
    setun_graph *graph = e->graph;

    graph->params = setun_pool_alloc(&graph->pool, e->n_params * sizeof(*graph->params));
    for (size_t i = 0; i < e->n_params && graph->params != NULL; i++) {
        static const enum setun_meta_type types[] = {[SETUN_EXPR_INT] = SETUN_META_INT, [SETUN_EXPR_FLOAT] = SETUN_META_FLOAT,
                                                     [SETUN_EXPR_BOOL] = SETUN_META_BOOL, [SETUN_EXPR_STRING] = SETUN_META_STRING};
        const struct setun_param *from = &e->params[i];
        setun_graph_param *to = &graph->params[i];

        *to = (setun_graph_param){.name = setun_pool_strndup(&graph->pool, from->name, strlen(from->name)), .origin = from->origin,
                                   .real = from->real, .implied = from->implied};
        to->value = (setun_meta){.type = types[from->value.type], .i = from->value.type == SETUN_EXPR_BOOL ? from->value.b : from->value.i,
                                 .f = from->value.f};
        if (from->value.type == SETUN_EXPR_STRING)
            to->value.s = setun_pool_strndup(&graph->pool, from->value.s, strlen(from->value.s));
        if (from->key != NULL)
            to->key = setun_pool_strndup(&graph->pool, from->key, strlen(from->key));
        if (to->name == NULL || (from->value.type == SETUN_EXPR_STRING && to->value.s == NULL) || (from->key != NULL && to->key == NULL))
            return setun_fail_nomem(e->error, "a parameter", strlen(from->name));
    }
    if (graph->params == NULL)
        return setun_fail_nomem(e->error, "parameters", e->n_params * sizeof(*graph->params));
    graph->n_params = e->n_params;
    return SETUN_OK;
}

setun_status setun_bind_match(const setun_yaml *yaml, const setun_yaml_node *node, const setun_weights *weights, bool *out_matches,
                              setun_error *error)
{
    setun_status status = setun_yaml_check_keys(yaml, node, "match", source_keys, SETUN_COUNT(source_keys), error);
    bool matches = false;
    char found[64];

    if (status != SETUN_OK)
        return status;
    for (size_t k = 0; k < node->n; k++) {
        const setun_yaml_node *list = &node->values[k];
        bool ours = weights != NULL && strcmp(node->items[k].text, setun_source_name(setun_weights_source(weights))) == 0;

        if (list->kind != SETUN_YAML_SEQUENCE)
            return setun_yaml_fail(yaml, list, error, "match: expected a list of architectures, found %s", setun_yaml_describe(list, found));
        for (size_t i = 0; i < list->n; i++) {
            if (list->items[i].kind != SETUN_YAML_SCALAR || list->items[i].text[0] == '\0')
                return setun_yaml_fail(yaml, &list->items[i], error, "match: expected the name of an architecture, found %s",
                                       setun_yaml_describe(&list->items[i], found));
            matches = matches || (ours && strcmp(list->items[i].text, setun_weights_architecture(weights)) == 0);
        }
    }
    *out_matches = matches;
    return SETUN_OK;
}

const char *setun_bind_first_arch(const setun_yaml *yaml, enum setun_source source)
{
    const setun_yaml_node *match = setun_yaml_get(setun_yaml_root(yaml), "match");
    const setun_yaml_node *list = match == NULL ? NULL : setun_yaml_get(match, setun_source_name(source));

    return list != NULL && list->n > 0 ? list->items[0].text : "";
}

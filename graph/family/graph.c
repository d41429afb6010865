/* graph.c - from a model file to a checked graph: the sections in their order, and who owns what. */
#include <stdlib.h>
#include <string.h>

#include "family/elaborate.h"

enum { VERSION = 1 }; /* of the model file's language */

static const char *const top_keys[] = {"setun", "name", "match", "bind", "require", "context", "tensors", "ignore", "graph"};
static const char *const sizes_keys[] = {"setun", "family", "sizes", "weights"}; /* of a file of sizes */

void setun_graph_close(setun_graph *graph)
{
    if (graph == NULL)
        return;
    free(graph->nodes);
    free(graph->values);
    free(graph->weights);
    free(graph->tables);
    free(graph->caches);
    setun_pool_free(&graph->pool);
    free(graph);
}

/* `setun: 1`, first of all: a later version may mean anything by the rest. */
static setun_status check_version(const setun_yaml *yaml, setun_error *error)
{
    const setun_yaml_node *root = setun_yaml_root(yaml), *version;
    char found[64];

    if (root->kind != SETUN_YAML_MAPPING)
        return setun_yaml_fail(yaml, root, error, "expected a model file (a mapping that starts with 'setun: %d'), found %s", VERSION,
                               setun_yaml_describe(root, found));
    version = setun_yaml_get(root, "setun");
    if (version == NULL)
        return setun_yaml_fail(yaml, root, error, "expected the key 'setun', the version of the model file (%d), found none", VERSION);
    if (version->kind != SETUN_YAML_SCALAR || version->quoted || strcmp(version->text, "1") != 0)
        return setun_yaml_fail(yaml, version, error, "expected version %d of the model file, found %s", VERSION,
                               setun_yaml_describe(version, found));
    if (setun_sizes_is(yaml))
        return setun_yaml_check_keys(yaml, root, "file of sizes", sizes_keys, SETUN_COUNT(sizes_keys), error);
    return setun_yaml_check_keys(yaml, root, "model file", top_keys, SETUN_COUNT(top_keys), error);
}

/* A key of the root that must be there. */
static setun_status require(const setun_yaml *yaml, const char *key, const setun_yaml_node **out_node, setun_error *error)
{
    const setun_yaml_node *root = setun_yaml_root(yaml);

    *out_node = setun_yaml_get(root, key);
    if (*out_node == NULL)
        return setun_yaml_fail(yaml, root, error, "expected the key '%s', found none", key);
    return SETUN_OK;
}

static setun_status read_context(struct setun_elaboration *e, const setun_yaml_node *node)
{
    setun_expr_value value;
    char found[80];
    setun_status status = setun_elaboration_eval(e, node, &e->pool, &value);

    if (status != SETUN_OK)
        return status;
    if (value.type != SETUN_EXPR_INT || value.i < 1 || value.i > INT32_MAX) /* setun_batch.pos has 32 bits */
        return setun_elaboration_fail(e, node, "context: expected an integer from 1 to %d, found %s", INT32_MAX,
                                      setun_expr_describe(&value, found));
    e->graph->context = value.i;
    return SETUN_OK;
}

static setun_status elaborate(struct setun_elaboration *e)
{
    const setun_yaml_node *root = setun_yaml_root(e->yaml), *name, *context, *match = setun_yaml_get(root, "match");
    const char *family;
    bool matches;
    setun_status status = check_version(e->yaml, e->error);

    if (status == SETUN_OK)
        status = require(e->yaml, "name", &name, e->error);
    if (status == SETUN_OK)
        status = require(e->yaml, "context", &context, e->error);
    if (status == SETUN_OK)
        status = require(e->yaml, "graph", &e->nodes, e->error);
    if (status == SETUN_OK)
        status = setun_read_word(e, name, "the family's name", &family);
    if (status == SETUN_OK && match != NULL)
        status = setun_bind_match(e->yaml, match, e->weights, &matches, e->error);
    if (status != SETUN_OK)
        return status;
    e->tensors = setun_yaml_get(root, "tensors");
    e->ignore = setun_yaml_get(root, "ignore");
    e->graph->name = setun_pool_strndup(&e->graph->pool, family, strlen(family));
    e->graph->path = setun_pool_strndup(&e->graph->pool, setun_yaml_path(e->yaml), strlen(setun_yaml_path(e->yaml)));
    if (e->graph->name == NULL || e->graph->path == NULL)
        return setun_fail_nomem(e->error, "the names of a graph", strlen(setun_yaml_path(e->yaml)));
    status = setun_tensors_check(e);
    if (status == SETUN_OK)
        status = setun_ignore_check(e);
    if (status == SETUN_OK)
        status = setun_bind_parameters(e, setun_yaml_get(root, "bind"));
    if (status == SETUN_OK && e->form != NULL)
        status = setun_sizes_check(e);
    if (status == SETUN_OK)
        status = setun_bind_keep(e);
    if (status == SETUN_OK)
        status = setun_expect_section(e, setun_yaml_get(root, "require"));
    if (status == SETUN_OK)
        status = read_context(e, context);
    if (status == SETUN_OK)
        status = setun_elaborate_nodes(e);
    return status == SETUN_OK ? setun_ignore_unused(e) : status;
}

static setun_status open_yaml(const setun_yaml *yaml, const setun_weights *weights, const setun_graph_form *form, setun_graph **out_graph,
                              setun_error *error)
{
    struct setun_elaboration *e = setun_calloc(1, sizeof(*e));
    setun_status status;

    if (e == NULL)
        return setun_fail_nomem(error, "a graph", sizeof(*e));
    e->yaml = yaml;
    e->weights = weights;
    e->form = form;
    e->form_arch = form != NULL && form->arch != NULL ? form->arch : form != NULL ? setun_bind_first_arch(yaml, form->source) : "";
    e->error = error;
    e->graph = setun_calloc(1, sizeof(*e->graph));
    status = e->graph == NULL ? setun_fail_nomem(error, "a graph", sizeof(*e->graph)) : elaborate(e);
    if (status == SETUN_OK) {
        e->graph->source = weights;
        *out_graph = e->graph;
    } else {
        setun_graph_close(e->graph);
    }
    free(e->params);
    free(e->bindings);
    free(e->used);
    free(e->next_weight);
    free(e->cache_of_layer);
    setun_pool_free(&e->scratch);
    setun_pool_free(&e->pool);
    free(e);
    return status;
}

/* A file of sizes stands for its family's file; `wanted` may be NULL. */
static setun_status open_sizes(const setun_yaml *sizes, const setun_graph_form *wanted, setun_graph **out_graph, const char **out_arch,
                               setun_error *error)
{
    setun_pool pool = {0};
    setun_graph_form form;
    setun_yaml *yaml = NULL;
    const char *family;
    setun_status status = check_version(sizes, error);

    if (status == SETUN_OK)
        status = setun_sizes_read(sizes, wanted, &pool, &form, &family, error);
    if (status == SETUN_OK)
        status = setun_yaml_open(family, &yaml, error);
    if (status == SETUN_OK && setun_sizes_is(yaml))
        status = setun_yaml_fail(yaml, setun_yaml_root(yaml), error, "expected a family's model file, found a file of sizes");
    if (status == SETUN_OK)
        status = open_yaml(yaml, NULL, &form, out_graph, error);
    if (status == SETUN_OK && out_arch != NULL) {
        const char *arch = form.arch != NULL ? form.arch : setun_bind_first_arch(yaml, form.source);

        *out_arch = setun_pool_strndup(&(*out_graph)->pool, arch, strlen(arch));
        if (*out_arch == NULL) {
            setun_graph_close(*out_graph);
            status = setun_fail_nomem(error, "the name of an architecture", strlen(arch));
        }
    }
    setun_yaml_close(yaml);
    setun_pool_free(&pool);
    return status;
}

/* Any model file that was read. */
static setun_status open_any(const setun_yaml *yaml, const setun_weights *weights, setun_graph **out_graph, setun_error *error)
{
    if (!setun_sizes_is(yaml))
        return open_yaml(yaml, weights, NULL, out_graph, error);
    if (weights != NULL)
        return setun_yaml_fail(yaml, setun_yaml_root(yaml), error, "expected a family's model file, since there is a weight file; found a "
                               "file of sizes");
    return open_sizes(yaml, NULL, out_graph, NULL, error);
}

setun_status setun_graph_open(const char *path, const setun_weights *weights, setun_graph **out_graph, setun_error *error)
{
    setun_yaml *yaml;
    setun_status status = setun_yaml_open(path, &yaml, error);

    if (status != SETUN_OK)
        return status;
    status = open_any(yaml, weights, out_graph, error);
    setun_yaml_close(yaml);
    return status;
}

setun_status setun_graph_open_form(const char *path, const setun_graph_form *form, setun_graph **out_graph, const char **out_arch,
                                   setun_error *error)
{
    setun_yaml *yaml;
    setun_status status = setun_yaml_open(path, &yaml, error);

    if (status != SETUN_OK)
        return status;
    if (setun_sizes_is(yaml)) {
        status = open_sizes(yaml, form, out_graph, out_arch, error);
    } else {
        const char *arch = form->arch != NULL ? form->arch : setun_bind_first_arch(yaml, form->source);

        status = open_yaml(yaml, NULL, form, out_graph, error);
        if (status == SETUN_OK) {
            *out_arch = setun_pool_strndup(&(*out_graph)->pool, arch, strlen(arch));
            if (*out_arch == NULL) {
                setun_graph_close(*out_graph);
                status = setun_fail_nomem(error, "the name of an architecture", strlen(arch));
            }
        }
    }
    setun_yaml_close(yaml);
    return status;
}

setun_status setun_graph_parse(const char *name, const char *text, size_t n_bytes, const setun_weights *weights, setun_graph **out_graph,
                               setun_error *error)
{
    setun_yaml *yaml;
    setun_status status = setun_yaml_parse(name, text, n_bytes, &yaml, error);

    if (status != SETUN_OK)
        return status;
    status = open_any(yaml, weights, out_graph, error);
    setun_yaml_close(yaml);
    return status;
}

setun_status setun_graph_matches(const char *path, const setun_weights *weights, bool *out_matches, setun_error *error)
{
    setun_yaml *yaml;
    const setun_yaml_node *match;
    setun_status status = setun_yaml_open(path, &yaml, error);

    if (status != SETUN_OK)
        return status;
    status = check_version(yaml, error);
    match = status == SETUN_OK ? setun_yaml_get(setun_yaml_root(yaml), "match") : NULL;
    if (match != NULL)
        status = setun_bind_match(yaml, match, weights, out_matches, error);
    else if (status == SETUN_OK)
        *out_matches = false;
    setun_yaml_close(yaml);
    return status;
}

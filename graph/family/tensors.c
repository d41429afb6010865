/* tensors.c - the `tensors` section: our name of a weight, its name in each kind of file, and the weight itself. */
#include <stdio.h>
#include <string.h>

#include "family/elaborate.h"

static const char *const tensor_keys[] = {"gguf", "huggingface", "shape", "throughout"};

setun_status setun_tensors_check(struct setun_elaboration *e)
{
    char found[64];

    if (e->tensors == NULL)
        return SETUN_OK;
    if (e->tensors->kind != SETUN_YAML_MAPPING)
        return setun_yaml_fail(e->yaml, e->tensors, e->error, "tensors: expected a mapping, found %s", setun_yaml_describe(e->tensors, found));
    for (size_t i = 0; i < e->tensors->n; i++) {
        const setun_yaml_node *node = &e->tensors->values[i], *shape, *throughout;
        setun_status status = setun_yaml_check_keys(e->yaml, node, e->tensors->items[i].text, tensor_keys, SETUN_COUNT(tensor_keys), e->error);

        if (status != SETUN_OK)
            return status;
        for (size_t k = 0; k < 2; k++) {
            const setun_yaml_node *name = setun_yaml_get(node, tensor_keys[k]);

            if (name != NULL && (name->kind != SETUN_YAML_SCALAR || name->text[0] == '\0'))
                return setun_yaml_fail(e->yaml, name, e->error, "%s: expected the tensor's name in %s files, found %s",
                                       e->tensors->items[i].text, tensor_keys[k], setun_yaml_describe(name, found));
        }
        shape = setun_yaml_get(node, "shape");
        if (shape != NULL && (shape->kind != SETUN_YAML_SEQUENCE || shape->n < 1 || shape->n > 2))
            return setun_yaml_fail(e->yaml, shape, e->error, "%s: expected a shape, a list of one or two sizes, found %s",
                                   e->tensors->items[i].text, setun_yaml_describe(shape, found));
        throughout = setun_yaml_get(node, "throughout");
        if (throughout != NULL && (throughout->kind != SETUN_YAML_SCALAR || throughout->quoted || strcmp(throughout->text, "true") != 0))
            return setun_yaml_fail(e->yaml, throughout, e->error, "%s: throughout: expected true, found %s", e->tensors->items[i].text,
                                   setun_yaml_describe(throughout, found));
    }
    return SETUN_OK;
}

/* Ternary formats are those whose name says so (formats.md). */
static bool is_ternary(const setun_weight *weight)
{
    return strncmp(weight->fmt, "tern", 4) == 0;
}

/* Rounded once already, to something that is not ternary: making that ternary would be another model. */
static bool cannot_be_ternary(const setun_weight *weight)
{
    return weight->decoded != NULL || strncmp(weight->fmt, "q", 1) == 0;
}

/* The entry of a tensor. The error has no position. */
static setun_status find_entry(const struct setun_elaboration *e, const char *name, const setun_yaml_node **out_entry, setun_error *error)
{
    const char *words[256], *nearest;
    size_t n = 0;

    *out_entry = e->tensors == NULL ? NULL : setun_yaml_get(e->tensors, name);
    if (*out_entry != NULL)
        return SETUN_OK;
    for (; e->tensors != NULL && n < e->tensors->n && n < SETUN_COUNT(words); n++)
        words[n] = e->tensors->items[n].text;
    nearest = setun_nearest_word(name, words, n);
    if (nearest != NULL)
        return setun_fail(error, SETUN_ERR_FORMAT, "unknown weight '%.60s', did you mean '%s'?", name, nearest);
    return setun_fail(error, SETUN_ERR_FORMAT, "unknown weight '%.60s', expected one of the section 'tensors'", name);
}

/* The tensor's name in this kind of file (without a weight file: in any), at the present indices; NULL if the model file gives none. Lives
 * in the scratch pool. The error has the position of the name. */
static setun_status file_name(struct setun_elaboration *e, const setun_yaml_node *entry, const char **out_name, setun_error *error)
{
    const setun_yaml_node *node;
    setun_expr_value value;
    enum setun_source source;
    setun_status status;

    if (setun_bind_source(e, &source))
        node = setun_yaml_get(entry, setun_source_name(source));
    else if ((node = setun_yaml_get(entry, "huggingface")) == NULL)
        node = setun_yaml_get(entry, "gguf");
    *out_name = NULL;
    if (node == NULL)
        return SETUN_OK;
    status = setun_expr_scalar(&e->scope, e->yaml, node, &e->scratch, &value, error);
    if (status == SETUN_OK && value.type != SETUN_EXPR_STRING) {
        char found[80];

        return setun_yaml_fail(e->yaml, node, error, "expected the name of a tensor, found %s", setun_expr_describe(&value, found));
    }
    if (status == SETUN_OK)
        *out_name = value.s;
    return status;
}

/* A weight that stands `throughout` is there at every index or at none: has() never changes its answer. The error has no position. */
static setun_status keep_answer(struct setun_elaboration *e, const setun_yaml_node *entry, const char *name, const char *in_file, bool has,
                                setun_error *error)
{
    enum { UNASKED, NO, YES };
    unsigned char *answer;

    if (e->answers == NULL)
        e->answers = setun_pool_alloc(&e->pool, e->tensors->n);
    if (e->answers == NULL)
        return setun_fail_nomem(error, "answers about tensors", e->tensors->n);
    answer = &e->answers[entry - e->tensors->values];
    if (*answer == UNASKED)
        *answer = has ? YES : NO;
    if (*answer == (has ? YES : NO))
        return SETUN_OK;
    return setun_fail(error, SETUN_ERR_FORMAT, "has(%.60s): expected it throughout or nowhere, found %s '%.120s' in %.200s", name,
                      has ? "a first" : "no", in_file == NULL ? "" : in_file, setun_weights_path(e->weights));
}

setun_status setun_tensors_ask(struct setun_elaboration *e, const char *function, const char *name, bool *out_answer, setun_error *error)
{
    const setun_yaml_node *entry;
    const setun_weight *weight;
    const char *in_file;
    setun_error inner = {{0}};
    setun_status status = find_entry(e, name, &entry, error);

    if (status != SETUN_OK)
        return status;
    status = file_name(e, entry, &in_file, &inner);
    if (status != SETUN_OK)
        return setun_fail(error, status, "%s(%.60s): %s", function, name, inner.text);
    weight = in_file == NULL || e->weights == NULL ? NULL : setun_weights_find(e->weights, in_file);
    *out_answer = weight != NULL && (strcmp(function, "has") == 0 || is_ternary(weight));
    for (size_t i = 0; e->form != NULL && in_file != NULL && i < e->form->n_weights && !*out_answer; i++)
        *out_answer = strcmp(e->form->weights[i], name) == 0;
    if (e->form != NULL && strcmp(function, "has") != 0)
        *out_answer = e->form->ternary;
    return strcmp(function, "has") == 0 && setun_yaml_get(entry, "throughout") != NULL ? keep_answer(e, entry, name, in_file, *out_answer, error)
                                                                                      : SETUN_OK;
}

/* The sizes that the model file says; *out_n is 0 if it says none. */
static setun_status read_shape(struct setun_elaboration *e, const setun_yaml_node *entry, uint32_t *out_n, int64_t out_dim[2])
{
    const setun_yaml_node *shape = setun_yaml_get(entry, "shape");

    *out_n = 0;
    for (size_t i = 0; shape != NULL && i < shape->n; i++) {
        setun_expr_value value;
        char found[80];
        setun_status status = setun_elaboration_eval(e, &shape->items[i], &e->scratch, &value);

        if (status != SETUN_OK)
            return status;
        if (value.type != SETUN_EXPR_INT || value.i < 1 || value.i > INT32_MAX)
            return setun_elaboration_fail(e, &shape->items[i], "expected a size, an integer from 1 to %d, found %s", INT32_MAX,
                                          setun_expr_describe(&value, found));
        out_dim[(*out_n)++] = value.i;
    }
    return SETUN_OK;
}

/* "[256, 768]". */
static const char *shape_text(uint32_t n_dims, const int64_t *dim, char text[128])
{
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < n_dims && i < 4; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%lld", i == 0 ? "[" : ", ", (long long)dim[i]);
    (void)snprintf(text + used, 128 - used, "%s", n_dims == 0 ? "[]" : "]");
    return text;
}

/* A weight as the node wants it, from the file; `made` gets its dims and format. */
static setun_status check_source(struct setun_elaboration *e, const setun_yaml_node *node, const setun_yaml_node *entry, const char *name,
                                 uint32_t rank, uint32_t n_expected, const int64_t *expected, const setun_weight *source)
{
    const char *path = setun_weights_path(e->weights);
    char found[128], wanted[128];
    bool positive = true;

    for (uint32_t i = 0; i < source->n_dims && i < 4; i++)
        positive = positive && source->dim[i] >= 1;
    if (source->n_dims != rank || !positive)
        return setun_yaml_fail(e->yaml, node, e->error, "weight '%.60s' (tensor '%.120s' of %.200s) has the shape %s, expected %s", name,
                               source->name, path, shape_text(source->n_dims, source->dim, found),
                               rank == 1 ? "a vector" : "a matrix");
    if (n_expected != 0 && (n_expected != rank || memcmp(expected, source->dim, rank * sizeof(*expected)) != 0))
        return setun_origins_append(
            e, setun_yaml_get(entry, "shape"), e->error,
            setun_yaml_fail(e->yaml, node, e->error,
                            "weight '%.60s' (tensor '%.120s' of %.200s) has the shape %s, expected %s by the section 'tensors'", name, source->name,
                            path, shape_text(source->n_dims, source->dim, found), shape_text(n_expected, expected, wanted)));
    return SETUN_OK;
}

/* FNV-1a, for the buckets. */
static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261u;

    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h % SETUN_WEIGHT_BUCKETS;
}

/* Adds a weight to the graph, or finds the same one. */
static setun_status share_weight(struct setun_elaboration *e, const setun_graph_weight *wanted, uint32_t *out_weight)
{
    setun_graph *graph = e->graph;
    uint32_t *bucket = &e->bucket[hash(wanted->name)], index = (uint32_t)graph->n_weights;
    setun_graph_weight made = *wanted;

    for (uint32_t i = *bucket; i != 0; i = e->next_weight[i - 1]) {
        const setun_graph_weight *w = &graph->weights[i - 1];

        if (w->source == wanted->source && w->want == wanted->want && strcmp(w->name, wanted->name) == 0
            && memcmp(w->dim, wanted->dim, sizeof(w->dim)) == 0) {
            *out_weight = i - 1;
            return SETUN_OK;
        }
    }
    made.name = setun_pool_strndup(&graph->pool, wanted->name, strlen(wanted->name));
    made.entry = setun_pool_strndup(&graph->pool, wanted->entry, strlen(wanted->entry));
    if (made.source != NULL)
        made.fmt = setun_pool_printf(&graph->pool, "%s%s", made.source->fmt, made.source->has_scale ? "+f32" : "");
    if (made.name == NULL || made.entry == NULL || (made.source != NULL && made.fmt == NULL)
        || !setun_grow(&graph->weights, &graph->weights_capacity, graph->n_weights + 1, sizeof(*graph->weights))
        || !setun_grow(&e->next_weight, &e->next_weight_capacity, graph->n_weights + 1, sizeof(*e->next_weight)))
        return setun_fail_nomem(e->error, "weights of the graph", (graph->n_weights + 1) * sizeof(*graph->weights));
    graph->weights[index] = made;
    e->next_weight[index] = *bucket;
    *bucket = index + 1;
    graph->n_weights++;
    *out_weight = index;
    return SETUN_OK;
}

/* The wants that ops write, once each: equal wants are equal pointers. */
static const char *intern_want(const char *want)
{
    return want == NULL ? NULL : strcmp(want, "f32") == 0 ? "f32" : "ternary";
}

setun_status setun_tensors_use(struct setun_elaboration *e, const setun_yaml_node *node, const char *name, uint32_t rank, const char *want,
                               uint32_t *out_weight)
{
    setun_graph_weight wanted = {.entry = name, .want = intern_want(want)};
    const setun_yaml_node *entry;
    setun_error why = {{0}};
    const char *in_file;
    uint32_t n_dims;
    int64_t dim[2] = {1, 1};
    setun_status status = find_entry(e, name, &entry, &why);

    if (status != SETUN_OK)
        return setun_yaml_fail(e->yaml, node, e->error, "%s", why.text);
    status = read_shape(e, entry, &n_dims, dim);
    if (status == SETUN_OK)
        status = file_name(e, entry, &in_file, e->error);
    if (status != SETUN_OK)
        return status;
    if (e->weights != NULL) {
        const char *source = setun_source_name(setun_weights_source(e->weights));

        if (in_file == NULL)
            return setun_yaml_fail(e->yaml, node, e->error, "weight '%.60s' has no name for %s files in the section 'tensors'", name, source);
        wanted.source = setun_weights_find(e->weights, in_file);
        if (wanted.source == NULL) {
            (void)setun_yaml_fail(e->yaml, node, e->error, "weight '%.60s': there is no tensor '%.120s' in %.200s", name, in_file,
                                  setun_weights_path(e->weights));
            (void)setun_origins_append(e, setun_yaml_get(entry, source), e->error, SETUN_ERR_NOT_FOUND); /* layers that the file does not have */
            return setun_origins_append(e, node, e->error, SETUN_ERR_NOT_FOUND);
        }
        status = check_source(e, node, entry, name, rank, n_dims, dim, wanted.source);
        if (status != SETUN_OK)
            return status;
        wanted.name = wanted.source->name;
        memcpy(dim, wanted.source->dim, sizeof(dim));
    } else if (e->form != NULL && in_file == NULL) {
        return setun_yaml_fail(e->yaml, node, e->error, "weight '%.60s' has no name for %s files in the section 'tensors'", name,
                               setun_source_name(e->form->source));
    } else if (n_dims != rank) {
        return setun_yaml_fail(e->yaml, node, e->error, "weight '%.60s': without a weight file, expected a shape of %u size%s in the section "
                               "'tensors', found %u", name, rank, rank == 1 ? "" : "s", n_dims);
    } else {
        wanted.name = in_file != NULL ? in_file : name;
    }
    wanted.dim[0] = rank == 1 ? 1 : dim[0];
    wanted.dim[1] = rank == 1 ? dim[0] : dim[1];
    if (rank == 1 && wanted.source != NULL && (wanted.source->has_scale || is_ternary(wanted.source)))
        return setun_yaml_fail(e->yaml, node, e->error, "weight '%.60s' (tensor '%.120s' of %.200s) is %s%s, expected f32, f16 or bf16", name,
                               wanted.name, setun_weights_path(e->weights), wanted.source->fmt, wanted.source->has_scale ? " with a scale" : "");
    if (want != NULL && strcmp(want, "ternary") == 0 && wanted.source != NULL && cannot_be_ternary(wanted.source))
        return setun_yaml_fail(e->yaml, node, e->error, "weight '%.60s' (tensor '%.120s' of %.200s) is %s, expected ternary weights with one scale, "
                               "or f32, f16 or bf16 to make them of", name, wanted.name, setun_weights_path(e->weights),
                               wanted.source->decoded != NULL ? wanted.source->decoded : wanted.source->fmt);
    return share_weight(e, &wanted, out_weight);
}

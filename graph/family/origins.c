/* origins.c - where a bad value came from: errors about a value of the model file also name the metadata keys that went into it. */
#include <stdio.h>
#include <string.h>

#include "family/elaborate.h"

enum { MAX_NAMED = 6 }; /* parameters in one error: more would hide the error itself */

struct origins {
    const struct setun_elaboration *e;
    size_t named[MAX_NAMED]; /* indices of parameters that came from a key, each once */
    size_t n_named;
    int    depth;            /* parameters inside one another; each sees only those above it, so this ends by itself, but not soon */
};

static void add_node(struct origins *o, const setun_yaml_node *node);

static void add_param(struct origins *o, size_t index)
{
    const struct setun_param *param = &o->e->params[index];

    if (param->origin != SETUN_PARAM_KEY) {
        if (param->from != NULL && o->depth < 8) {
            o->depth++;
            add_node(o, param->from);
            o->depth--;
        }
        return;
    }
    for (size_t i = 0; i < o->n_named; i++)
        if (o->named[i] == index)
            return;
    if (o->n_named < MAX_NAMED)
        o->named[o->n_named++] = index;
}

/* What a name in an expression stands for: the count of a repeat whose index it is, or a parameter. */
static void add_name(struct origins *o, const char *name, size_t length)
{
    const struct setun_elaboration *e = o->e;

    for (size_t i = e->n_indices; i-- > 0;)
        if (strlen(e->indices[i].name) == length && strncmp(e->indices[i].name, name, length) == 0) {
            add_node(o, e->indices[i].repeat);
            return;
        }
    for (size_t i = 0; i < e->n_params; i++)
        if (strlen(e->params[i].name) == length && strncmp(e->params[i].name, name, length) == 0) {
            add_param(o, i);
            return;
        }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The names inside each ${...} of a scalar; 'strings' hold none. */
static void add_scalar(struct origins *o, const char *text)
{
    while ((text = strstr(text, "${")) != NULL)
        for (text += 2; *text != '\0' && *text != '}';) {
            size_t length = 0;

            if (*text == '\'') {
                const char *end = strchr(text + 1, '\'');

                if (end == NULL)
                    return;
                text = end + 1;
                continue;
            }
            if (!is_letter(*text)) {
                text++;
                continue;
            }
            while (is_letter(text[length]) || (text[length] >= '0' && text[length] <= '9'))
                length++;
            add_name(o, text, length);
            text += length;
        }
}

static void add_node(struct origins *o, const setun_yaml_node *node)
{
    if (node->kind == SETUN_YAML_SCALAR)
        add_scalar(o, node->text);
    for (size_t i = 0; node->kind != SETUN_YAML_SCALAR && i < node->n; i++)
        add_node(o, node->kind == SETUN_YAML_MAPPING ? &node->values[i] : &node->items[i]);
}

setun_status setun_origins_append(const struct setun_elaboration *e, const setun_yaml_node *node, setun_error *error, setun_status status)
{
    struct origins o = {.e = e};
    char text[sizeof(error->text)], names[sizeof(error->text)];
    size_t used = 0;

    if (error == NULL || e->weights == NULL)
        return status;
    add_node(&o, node);
    if (o.n_named == 0)
        return status;
    for (size_t i = 0; i < o.n_named && used < sizeof(names); i++) {
        const struct setun_param *param = &e->params[o.named[i]];

        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%.60s is %.100s", i == 0 ? "" : ", ", param->name, param->key);
    }
    memcpy(text, error->text, sizeof(text));
    return setun_fail(error, status, "%s (in %.300s: %s)", text, setun_weights_meta_path(e->weights), names);
}

setun_status (setun_elaboration_fail)(const struct setun_elaboration *e, const setun_yaml_node *node, const char *format, ...)
{
    char text[sizeof(e->error->text)];
    va_list args;

    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    return setun_origins_append(e, node, e->error, setun_yaml_fail(e->yaml, node, e->error, "%s", text));
}

setun_status setun_elaboration_eval(struct setun_elaboration *e, const setun_yaml_node *node, setun_pool *pool, setun_expr_value *out_value)
{
    const setun_status status = setun_expr_scalar(&e->scope, e->yaml, node, pool, out_value, e->error);

    return status == SETUN_OK ? SETUN_OK : setun_origins_append(e, node, e->error, status);
}

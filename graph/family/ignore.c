/* ignore.c - no tensor of the weight file goes unread in silence: the graph uses it, or the section `ignore` names it. */
#include <stdlib.h>
#include <string.h>

#include "family/elaborate.h"

setun_status setun_ignore_check(struct setun_elaboration *e)
{
    char found[64];

    if (e->ignore == NULL)
        return SETUN_OK;
    if (e->ignore->kind != SETUN_YAML_SEQUENCE)
        return setun_yaml_fail(e->yaml, e->ignore, e->error, "ignore: expected a list of tensors' names, found %s",
                               setun_yaml_describe(e->ignore, found));
    for (size_t i = 0; i < e->ignore->n; i++)
        if (e->ignore->items[i].kind != SETUN_YAML_SCALAR || e->ignore->items[i].text[0] == '\0')
            return setun_yaml_fail(e->yaml, &e->ignore->items[i], e->error, "ignore: expected a tensor's name, in which * is any text, found %s",
                                   setun_yaml_describe(&e->ignore->items[i], found));
    return SETUN_OK;
}

/* Whether `name` is `pattern`, where each * stands for any text. Only the last * is ever tried again, so this is at most
 * strlen(name) * strlen(pattern) steps. */
static bool matches(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = name;

    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool is_ignored(const struct setun_elaboration *e, const char *name)
{
    for (size_t i = 0; e->ignore != NULL && i < e->ignore->n; i++)
        if (matches(e->ignore->items[i].text, name))
            return true;
    return false;
}

setun_status setun_ignore_unused(struct setun_elaboration *e)
{
    const size_t n = e->weights == NULL ? 0 : setun_weights_count(e->weights);
    const setun_weight *first = n == 0 ? NULL : setun_weights_at(e->weights, 0), *unused = NULL;
    bool *used;
    size_t n_unused = 0;

    if (n == 0)
        return SETUN_OK;
    used = setun_calloc(n, sizeof(*used));
    if (used == NULL)
        return setun_fail_nomem(e->error, "table of tensors", n * sizeof(*used));
    for (size_t i = 0; i < e->graph->n_weights; i++)
        used[e->graph->weights[i].source - first] = true;
    for (size_t i = n; i-- > 0;)
        if (!used[i] && !is_ignored(e, first[i].name)) {
            unused = &first[i];
            n_unused++;
        }
    free(used);
    if (unused == NULL)
        return SETUN_OK;
    return setun_fail(e->error, SETUN_ERR_UNSUPPORTED,
                      "%.300s: expected tensors that the graph '%.60s' uses (%.200s), found '%.200s'%s: it would be left out of the computation",
                      setun_weights_path(e->weights), e->graph->name, setun_yaml_path(e->yaml), unused->name,
                      n_unused == 1 ? "" : " and others");
}

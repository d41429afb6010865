/* inspect.c - parameters and tensors of a model, as tools see them. */
#include <stdlib.h>
#include <string.h>

#include "inspect/inspect_internal.h"
#include "session/model_internal.h"

/* Index of a tensor in the weight file's list, which is sorted by name. */
static size_t index_of(const setun_weights *weights, const setun_weight *weight)
{
    return (size_t)(weight - setun_weights_at(weights, 0));
}

/* What the graph reads: nodes name the graph's weights, and those the file's tensors. */
static void find_uses(setun_inspection *inspection)
{
    const setun_graph *graph = inspection->graph;

    for (size_t i = 0; i < graph->n_weights; i++) {
        const setun_graph_weight *weight = &graph->weights[i];
        struct setun_tensor_use *use = &inspection->uses[index_of(inspection->weights, weight->source)];

        if (use->entry == NULL)
            use->entry = weight->entry;
        use->master = use->master || (weight->want != NULL && strcmp(weight->want, "ternary") == 0 && !weight->source->has_scale);
    }
    for (size_t i = 0; i < graph->n_nodes; i++)
        for (uint32_t j = 0; j < graph->nodes[i].n_in; j++)
            if (graph->nodes[i].in[j].kind == SETUN_OPERAND_WEIGHT) {
                const setun_weight *source = graph->weights[graph->nodes[i].in[j].index].source;

                inspection->uses[index_of(inspection->weights, source)].n_readers++;
            }
}

setun_status setun_inspection_create(const setun_model *model, setun_inspection **out_inspection, setun_error *error)
{
    setun_inspection *inspection = setun_calloc(1, sizeof(*inspection));

    if (inspection == NULL)
        return setun_fail_nomem(error, "inspection", sizeof(*inspection));
    inspection->graph = model->graph;
    inspection->weights = model->weights;
    inspection->uses = setun_calloc(setun_weights_count(model->weights), sizeof(*inspection->uses));
    if (inspection->uses == NULL) {
        setun_inspection_destroy(inspection);
        return setun_fail_nomem(error, "inspection", setun_weights_count(model->weights) * sizeof(*inspection->uses));
    }
    find_uses(inspection);
    *out_inspection = inspection;
    return SETUN_OK;
}

setun_status setun_inspection_open(const char *path, setun_inspection **out_inspection, setun_error *error)
{
    setun_inspection *inspection = setun_calloc(1, sizeof(*inspection));
    setun_status status;

    if (inspection == NULL)
        return setun_fail_nomem(error, "inspection", sizeof(*inspection));
    status = setun_graph_open(path, NULL, &inspection->own_graph, error);
    if (status != SETUN_OK) {
        setun_inspection_destroy(inspection);
        return status;
    }
    inspection->graph = inspection->own_graph;
    *out_inspection = inspection;
    return SETUN_OK;
}

void setun_inspection_destroy(setun_inspection *inspection)
{
    if (inspection == NULL)
        return;
    setun_graph_close(inspection->own_graph);
    free(inspection->uses);
    free(inspection);
}

void setun_inspection_describe(const setun_inspection *inspection, setun_inspection_summary *out_summary)
{
    const setun_graph *graph = inspection->graph;
    const setun_weights *weights = inspection->weights;
    setun_inspection_summary summary = {
        .family = graph->name, .graph = graph->path, .source = "", .architecture = "", .vocab = graph->vocab,
        .context = graph->context, .n_parameters = graph->n_params, .n_nodes = graph->n_nodes,
    };

    if (weights != NULL) {
        summary.source = setun_source_name(setun_weights_source(weights));
        summary.architecture = setun_weights_architecture(weights);
        summary.n_tensors = setun_weights_count(weights);
        summary.n_files = setun_weights_files(weights, &summary.file_bytes);
    }
    *out_summary = summary;
}

void setun_inspection_parameter(const setun_inspection *inspection, size_t i, setun_parameter_info *out_info)
{
    static const int types[] = {[SETUN_META_INT] = SETUN_PARAMETER_INT, [SETUN_META_FLOAT] = SETUN_PARAMETER_FLOAT,
                                [SETUN_META_STRING] = SETUN_PARAMETER_STRING, [SETUN_META_BOOL] = SETUN_PARAMETER_BOOL};
    const setun_graph_param *param = &inspection->graph->params[i];

    *out_info = (setun_parameter_info){.name = param->name, .type = types[param->value.type], .i = param->value.i, .f = param->value.f,
                                       .s = param->value.s, .key = param->key, .defaulted = param->origin == SETUN_PARAM_DEFAULT};
}

uint64_t setun_weight_n_values(const setun_weight *weight)
{
    return (uint64_t)weight->dim[0] * (uint64_t)weight->dim[1] * (uint64_t)weight->dim[2] * (uint64_t)weight->dim[3];
}

void setun_inspection_tensor(const setun_inspection *inspection, size_t i, setun_tensor_info *out_info)
{
    const setun_weight *weight = setun_weights_at(inspection->weights, i);
    const struct setun_tensor_use *use = &inspection->uses[i];
    setun_tensor_info info = {
        .name = weight->name, .entry = use->entry, .fmt = weight->fmt, .n_dims = weight->n_dims, .n_values = setun_weight_n_values(weight),
        .n_bytes = weight->n_bytes, .ternary = strncmp(weight->fmt, "tern", 4) == 0, .master = use->master,
        .has_scale = weight->has_scale, .scale = weight->scale, .n_readers = use->n_readers,
    };

    memcpy(info.dim, weight->dim, sizeof(info.dim));
    *out_info = info;
}

setun_status setun_inspection_read(const setun_inspection *inspection, size_t i, setun_tensor_statistics *out_statistics, setun_error *error)
{
    return setun_weight_statistics(inspection->weights, setun_weights_at(inspection->weights, i), inspection->uses[i].master, out_statistics,
                                   error);
}

setun_status setun_inspection_verify(const setun_inspection *inspection, size_t i, bool all, bool *out_read, setun_error *error)
{
    const setun_weight *weight = setun_weights_at(inspection->weights, i);
    const bool read = all || !setun_weight_is_passed_over(weight);
    const setun_status status = read ? setun_weight_check_whole(inspection->weights, weight, error) : SETUN_OK;

    if (status == SETUN_OK && out_read != NULL)
        *out_read = read;
    return status;
}

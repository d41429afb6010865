/* convert.c - a model's weights, parameters and vocabulary into another kind of file. */
#include <stdlib.h>
#include <string.h>

#include "convert/job.h"
#include "convert/permute.h"
#include "convert/prepacked_writer.h"
#include "session/model_internal.h"
#include "weights/prepacked.h"
#include "weights/small_float.h"

typedef struct conversion {
    const setun_model  *model;
    const setun_graph  *from;
    const setun_packer *packer;
    const char         *head;        /* format of dense matrices; NULL: as they are */
    const setun_target *target;
    setun_permutation  *permutation; /* [n_weights] */
    const char        **vector;      /* [n_weights] format of scales and vectors in a folder; NULL: not asked for yet */
    setun_packed        source;      /* of the present weight, as it is in the file */
} conversion;

/* The tensor's bytes into a representation, row by row where kernels see rows with padding. */
static setun_status read_source(conversion *c, const setun_graph_weight *weight, setun_error *error)
{
    const setun_weight *source = weight->source;
    setun_status status = setun_packer_shape(c->packer, weight->fmt, weight->dim[0], weight->dim[1], &c->source, error);
    const setun_tensor *part = &c->source.operand.part[0];
    const size_t row_bytes = source->n_bytes / (size_t)weight->dim[0];

    if (status != SETUN_OK)
        return status;
    if (c->source.operand.n_bytes[0] == source->n_bytes || part->stride_bytes[0] == 0) {
        const size_t n_bytes = c->source.operand.n_bytes[0] < source->n_bytes ? c->source.operand.n_bytes[0] : source->n_bytes;

        status = setun_weight_read(c->model->weights, source, 0, n_bytes, part->data, error);
    } else {
        for (int64_t i = 0; i < weight->dim[0] && status == SETUN_OK; i++)
            status = setun_weight_read(c->model->weights, source, (size_t)i * row_bytes, row_bytes, (char *)part->data + i * part->stride_bytes[0],
                                       error);
    }
    if (status == SETUN_OK && c->source.operand.n > 1)
        for (int64_t i = 0; i < weight->dim[0]; i++)
            ((float *)c->source.operand.part[1].data)[i] = source->scale;
    return status;
}

static setun_status permute_codes(const setun_permutation *permutation, const setun_packed *codes, setun_error *error)
{
    const setun_tensor *part = &codes->operand.part[0];
    const size_t stride = (size_t)part->stride_bytes[0], n_bytes = (size_t)part->dim[0] * stride;
    char *copy;

    if (!permutation->moves)
        return SETUN_OK;
    copy = setun_alloc(n_bytes);
    if (copy == NULL)
        return setun_fail_nomem(error, "rows of a weight", n_bytes);
    memcpy(copy, part->data, n_bytes);
    for (int64_t i = 0; i < part->dim[0]; i++)
        memcpy((char *)part->data + i * part->stride_bytes[0], copy + setun_permutation_row(permutation, i) * part->stride_bytes[0], stride);
    free(copy);
    return SETUN_OK; /* scales: a tensor has one */
}

/* Files hold one scale for a tensor; blocks of GGUF could have said more. */
static setun_status check_one_scale(const setun_graph_weight *weight, const setun_packed *codes, setun_error *error)
{
    const float *scale = codes->operand.part[1].data;

    for (int64_t i = 1; i < codes->operand.part[0].dim[0]; i++)
        if (scale[i] != scale[0])
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "tensor '%.120s': expected one scale for all of its rows, found %g and %g", weight->name,
                              (double)scale[0], (double)scale[i]);
    return SETUN_OK;
}

/* What is packed as it is asked for already, as in prepacked files of the backend scalar: no kernel packs that. */
static bool take_over(const conversion *c, const setun_packed *out)
{
    const setun_operand *from = &c->source.operand, *to = &out->operand;
    bool same = from->n == to->n;

    for (uint32_t i = 0; same && i < to->n; i++)
        same = strcmp(from->part[i].fmt, to->part[i].fmt) == 0 && from->n_bytes[i] == to->n_bytes[i];
    for (uint32_t i = 0; same && i < to->n; i++)
        memcpy(to->part[i].data, from->part[i].data, to->n_bytes[i]);
    return same;
}

static setun_status supply_ternary(void *context, uint32_t index, const setun_packed *out, setun_error *error)
{
    conversion *c = context;
    const setun_graph_weight *weight = &c->from->weights[index];
    const bool master = strchr(weight->fmt, '+') == NULL && strncmp(weight->fmt, "tern", 4) != 0;
    setun_status status = setun_weight_check_whole(c->model->weights, weight->source, error);

    if (status == SETUN_OK)
        status = read_source(c, weight, error);
    if (status == SETUN_OK && !take_over(c, out))
        status = setun_packer_run(c->packer, master ? "ternarise" : "pack", &c->source, out, error);
    if (status == SETUN_OK)
        status = check_one_scale(weight, out, error);
    return status == SETUN_OK ? permute_codes(&c->permutation[index], out, error) : status;
}

/* Rows of f32, f16 or bf16 at `from` as f32. */
static void widen(const char *fmt, const void *from, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t bits;

        memcpy(&bits, (const char *)from + 2 * i, sizeof(bits));
        out[i] = strcmp(fmt, "f16") == 0 ? setun_f32_of_f16(bits) : setun_f32_of_bf16(bits);
    }
}

/* Blocks to f32, by a kernel. */
static setun_status widen_blocks(conversion *c, const setun_graph_weight *weight, int64_t first, int64_t n, float *out, setun_error *error)
{
    const size_t row_bytes = weight->source->n_bytes / (size_t)weight->dim[0];
    setun_packed wide = {.fmts = NULL};
    setun_status status = setun_packer_shape(c->packer, weight->fmt, n, weight->dim[1], &c->source, error);

    if (status == SETUN_OK)
        status = setun_packer_shape(c->packer, "f32", n, weight->dim[1], &wide, error);
    if (status == SETUN_OK)
        status = setun_weight_read(c->model->weights, weight->source, (size_t)first * row_bytes, (size_t)n * row_bytes,
                                   c->source.operand.part[0].data, error);
    if (status == SETUN_OK)
        status = setun_packer_run(c->packer, "pack", &c->source, &wide, error);
    for (int64_t i = 0; i < n && status == SETUN_OK; i++)
        memcpy(out + i * weight->dim[1], (const char *)wide.operand.part[0].data + i * wide.operand.part[0].stride_bytes[0],
               (size_t)weight->dim[1] * sizeof(*out));
    setun_packed_free(&wide);
    return status;
}

static setun_status supply_dense(void *context, uint32_t index, int64_t first, int64_t n, float *out, setun_error *error)
{
    conversion *c = context;
    const setun_graph_weight *weight = &c->from->weights[index];
    const size_t n_values = (size_t)(n * weight->dim[1]), element = strcmp(weight->fmt, "f32") == 0 ? 4 : 2;
    const size_t first_byte = (size_t)(first * weight->dim[1]) * element;
    void *bytes;
    setun_status status;

    if (c->permutation[index].moves)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "tensor '%.120s': expected ternary weights, since the order of its rows changes with the "
                          "kind of file; found %s", weight->name, weight->fmt);
    if (strchr(weight->fmt, '.') != NULL)
        return widen_blocks(c, weight, first, n, out, error);
    if (element == 4)
        return setun_weight_read(c->model->weights, weight->source, first_byte, n_values * element, out, error);
    bytes = setun_alloc(n_values * element);
    if (bytes == NULL)
        return setun_fail_nomem(error, weight->name, n_values * element);
    status = setun_weight_read(c->model->weights, weight->source, first_byte, n_values * element, bytes, error);
    if (status == SETUN_OK)
        widen(weight->fmt, bytes, n_values, out);
    free(bytes);
    return status;
}

static setun_status supply_raw(void *context, const setun_job_tensor *tensor, size_t first_byte, size_t n_bytes, void *out, bool *out_given,
                               setun_error *error)
{
    conversion *c = context;
    const setun_graph_weight *weight = &c->from->weights[tensor->weight];

    *out_given = strcmp(weight->fmt, tensor->fmt) == 0 && weight->source->n_bytes == tensor->n_bytes && !c->permutation[tensor->weight].moves;
    return *out_given ? setun_weight_read(c->model->weights, weight->source, first_byte, n_bytes, out, error) : SETUN_OK;
}

/* ---- formats of the file to be ---- */

static bool fits_bf16(float value)
{
    return setun_f32_of_bf16(setun_bf16_of_f32(value)) == value;
}

/* The format of a folder's scales and vectors: bf16, as published ones have, where that loses nothing. */
static setun_status choose_vector(conversion *c, uint32_t index, setun_error *error)
{
    const setun_graph_weight *weight = &c->from->weights[index];
    float *values;
    bool fits = true;
    setun_status status;

    c->vector[index] = strcmp(weight->fmt, "f16") == 0 ? "f16" : "bf16";
    if (weight->want == NULL || strcmp(weight->fmt, "f16") == 0 || strcmp(weight->fmt, "bf16") == 0) {
        if (weight->want != NULL && strcmp(weight->want, "ternary") == 0)
            c->vector[index] = "f32"; /* masters: their absmean has all the bits */
        return SETUN_OK;
    }
    if (strcmp(weight->want, "ternary") == 0) {
        c->vector[index] = weight->source->has_scale && fits_bf16(weight->source->scale) ? "bf16" : "f32";
        return SETUN_OK;
    }
    values = setun_alloc((size_t)weight->dim[1] * sizeof(*values));
    if (values == NULL)
        return setun_fail_nomem(error, weight->name, (size_t)weight->dim[1] * sizeof(*values));
    status = supply_dense(c, index, 0, 1, values, error);
    for (int64_t i = 0; i < weight->dim[1] && status == SETUN_OK; i++)
        fits = fits && fits_bf16(values[i]);
    free(values);
    c->vector[index] = fits ? "bf16" : "f32";
    return status;
}

static const char *dense_format(void *context, uint32_t index, enum setun_job_role role)
{
    const conversion *c = context;

    if (role == SETUN_JOB_MATRIX)
        return c->head != NULL ? c->head : c->from->weights[index].fmt;
    return c->target->source == SETUN_SOURCE_GGUF ? "f32" : c->vector[index];
}

/* ---- the graph of the file to be ---- */

/* The entries of `tensors` that the model has, each once, in the pool. */
static setun_status list_entries(const setun_graph *graph, setun_pool *pool, setun_graph_form *form, setun_error *error)
{
    const char **entries = setun_pool_alloc(pool, graph->n_weights * sizeof(*entries));
    size_t n = 0;

    if (entries == NULL)
        return setun_fail_nomem(error, "names of weights", graph->n_weights * sizeof(*entries));
    for (size_t i = 0; i < graph->n_weights; i++) {
        size_t j = 0;

        while (j < n && strcmp(entries[j], graph->weights[i].entry) != 0)
            j++;
        if (j == n)
            entries[n++] = graph->weights[i].entry;
    }
    form->weights = entries;
    form->n_weights = n;
    for (size_t i = 0; i < graph->n_weights; i++)
        form->ternary = form->ternary || (graph->weights[i].want != NULL && strcmp(graph->weights[i].want, "ternary") == 0);
    return SETUN_OK;
}

static bool is_same_table(const setun_graph_table *a, const setun_graph_table *b)
{
    return a->n_positions == b->n_positions && a->n_dims == b->n_dims && a->theta == b->theta && a->sine == b->sine && a->scaling == b->scaling &&
           a->factor == b->factor && a->low == b->low && a->high == b->high && a->trained == b->trained;
}

/* Both graphs are of one model: what is true of a weight of the one is of the same of the other. What a kind of file has no key for, such as
 * a scaling of positions, would be lost and shows here. */
static setun_status compare_graphs(const setun_graph *from, const setun_graph *to, setun_error *error)
{
    bool same = from->n_weights == to->n_weights && from->n_nodes == to->n_nodes && from->n_tables == to->n_tables;

    for (size_t i = 0; same && i < from->n_weights; i++) {
        const setun_graph_weight *a = &from->weights[i], *b = &to->weights[i];

        same = strcmp(a->entry, b->entry) == 0 && memcmp(a->dim, b->dim, sizeof(a->dim)) == 0 && (a->want == NULL) == (b->want == NULL) &&
               (a->want == NULL || strcmp(a->want, b->want) == 0);
    }
    for (size_t i = 0; same && i < from->n_nodes; i++)
        same = strcmp(from->nodes[i].op, to->nodes[i].op) == 0;
    for (size_t i = 0; same && i < from->n_tables; i++)
        same = is_same_table(&from->tables[i], &to->tables[i]);
    return same ? SETUN_OK
                : setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: such files cannot say all that this model's do: the graph would be another one",
                             from->path);
}

static setun_status make_job(conversion *c, setun_pool *pool, setun_job *out_job, setun_error *error)
{
    const bool same_kind = c->target->source == setun_weights_source(c->model->weights);
    setun_graph_form form = {.source = c->target->source, .params = c->from->params, .n_params = c->from->n_params};
    setun_graph *graph;
    const char *arch;
    setun_status status = list_entries(c->from, pool, &form, error);

    if (same_kind)
        form.arch = setun_weights_architecture(c->model->weights);
    c->permutation = setun_pool_alloc(pool, c->from->n_weights * sizeof(*c->permutation));
    c->vector = setun_pool_alloc(pool, c->from->n_weights * sizeof(*c->vector));
    if (status == SETUN_OK && (c->permutation == NULL || c->vector == NULL))
        status = setun_fail_nomem(error, "list of weights", c->from->n_weights);
    if (status == SETUN_OK)
        status = setun_graph_open_form(c->from->path, &form, &graph, &arch, error);
    if (status != SETUN_OK)
        return status;
    status = compare_graphs(c->from, graph, error);
    if (status == SETUN_OK)
        status = setun_permutations_find(c->from, graph, c->permutation, error);
    for (size_t i = 0; status == SETUN_OK && c->target->source == SETUN_SOURCE_HUGGINGFACE && i < c->from->n_weights; i++)
        if (c->from->weights[i].want != NULL)
            status = choose_vector(c, (uint32_t)i, error);
    if (status != SETUN_OK) {
        setun_graph_close(graph);
        return status;
    }
    return setun_job_make(c->target, graph, arch, &(setun_job_formats){c, dense_format}, out_job, error);
}

/* A folder cannot hold blocks: the user has to say what they become. */
static setun_status check_matrices(const conversion *c, setun_error *error)
{
    for (size_t i = 0; c->head == NULL && c->target->source == SETUN_SOURCE_HUGGINGFACE && i < c->from->n_weights; i++)
        if (c->from->weights[i].want == NULL && strchr(c->from->weights[i].fmt, '.') != NULL)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "tensor '%.120s': Hugging Face folders do not hold %s; say which type it becomes (--head "
                              "f16 or bf16)", c->from->weights[i].name, c->from->weights[i].fmt);
    return SETUN_OK;
}

/* ---- text ---- */

static setun_status read_vocabulary(const conversion *c, setun_vocabulary *out_vocabulary, setun_error *error)
{
    const setun_model *model = c->model;
    const setun_text_settings *text = setun_weights_text(model->weights);
    const char *path = setun_weights_path(model->weights);
    setun_vocabulary made = {.bos = -1};
    const int32_t *stops;
    size_t n_stops;
    const bool for_gguf = c->target->source == SETUN_SOURCE_GGUF;
    setun_status status = SETUN_OK;

    if (setun_weights_source(model->weights) == SETUN_SOURCE_HUGGINGFACE && !for_gguf && !setun_prepacked_claims(path))
        made.folder = path;
    else
        status = setun_vocabulary_open(path, for_gguf, &made, error);
    if (status == SETUN_OK && for_gguf)
        status = setun_vocabulary_fill(&made, model->graph->vocab, error);
    if (status != SETUN_OK) {
        setun_vocabulary_free(&made);
        return status;
    }
    if (text->bos >= 0)
        made.bos = text->bos;
    else if (text->bos_text != NULL)
        made.bos = setun_tokenizer_find(model->tokenizer, text->bos_text, strlen(text->bos_text));
    made.add_bos = setun_model_bos(model) >= 0;
    n_stops = setun_model_stops(model, &stops);
    for (made.n_stops = 0; made.n_stops < n_stops && made.n_stops < SETUN_COUNT(made.stops); made.n_stops++)
        made.stops[made.n_stops] = stops[made.n_stops];
    *out_vocabulary = made;
    return SETUN_OK;
}

/* The last part of a path, for general.name. */
static const char *last_part(const char *path, setun_pool *pool)
{
    size_t n = strlen(path), begin;

    while (n > 1 && path[n - 1] == '/')
        n--;
    for (begin = n; begin > 0 && path[begin - 1] != '/'; begin--)
        ;
    if (n - begin > 5 && memcmp(path + n - 5, ".gguf", 5) == 0)
        n -= 5;
    return setun_pool_strndup(pool, path + begin, n - begin);
}

/* Everything is known: make the file. */
static setun_status write_output(conversion *c, const setun_job *job, const setun_vocabulary *vocabulary, const char *out_path,
                                 const setun_convert_options *options, setun_error *error)
{
    const setun_supply supply = {.context = c, .ternary = supply_ternary, .dense = supply_dense, .raw = supply_raw};
    const setun_job_progress progress = {options->progress, options->progress_context, "writing weights"};
    setun_output *output;
    setun_status status = setun_output_create(out_path, c->target->source == SETUN_SOURCE_HUGGINGFACE, options->force, &output, error);

    if (status != SETUN_OK)
        return status;
    status = setun_job_write(job, vocabulary, &supply, c->packer, &progress, output, error);
    if (status == SETUN_OK)
        return setun_output_commit(output, error);
    setun_output_discard(output);
    return status;
}

static setun_status convert_prepacked(setun_model *model, const char *out_path, const setun_convert_options *options, setun_error *error)
{
    const setun_session_options session = {.n_threads = options->n_threads};

    if (options->head != SETUN_CONVERT_HEAD_KEEP)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "head: a prepacked file keeps what its model has; convert to GGUF with another head first");
    return setun_prepacked_convert(model, &session, out_path, options, error);
}

setun_status setun_model_convert(setun_model *model, const char *out_path, const setun_convert_options *options, setun_error *error)
{
    static const setun_convert_options defaults = {.kind = SETUN_FILE_I2_S};
    conversion c = {.model = model, .from = model->graph};
    setun_vocabulary vocabulary = {.bos = -1};
    setun_packer *packer = NULL;
    setun_pool pool = {0};
    setun_job job = {.graph = NULL};
    setun_status status;

    options = options != NULL ? options : &defaults;
    if (options->kind == SETUN_FILE_PREPACKED)
        return convert_prepacked(model, out_path, options, error);
    c.target = setun_target_of(options->kind);
    c.head = setun_convert_head_format(options->head);
    status = setun_target_check(options, error);
    if (status == SETUN_OK && options->kind == SETUN_FILE_HF_BF16)
        status = setun_fail(error, SETUN_ERR_UNSUPPORTED, "masters cannot be made from ternary weights: hf-bf16 is for synthesis");
    if (status == SETUN_OK)
        status = check_matrices(&c, error);
    if (status == SETUN_OK)
        status = setun_packer_create(options->plugins != NULL ? options->plugins : model->plugins, options->n_threads, &packer, error);
    c.packer = packer;
    if (status == SETUN_OK)
        status = make_job(&c, &pool, &job, error);
    if (status == SETUN_OK)
        status = read_vocabulary(&c, &vocabulary, error);
    if (status == SETUN_OK) {
        job.name = last_part(setun_weights_path(model->weights), &pool);
        status = write_output(&c, &job, &vocabulary, out_path, options, error);
    }
    setun_packed_free(&c.source);
    setun_packer_destroy(packer);
    setun_vocabulary_free(&vocabulary);
    setun_job_free(&job);
    setun_pool_free(&pool);
    return status;
}

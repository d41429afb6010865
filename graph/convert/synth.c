/* synth.c - a model of given sizes with random weights. Every value is a function of the seed, the weight and its place, so neither threads
 * nor the kind of file change it: codes, scales and dense values have so few bits that every format holds them exactly. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convert/job.h"
#include "numerics/numerics.h"
#include "session/model_internal.h"
#include "weights/small_float.h"

enum {
    /* A random byte below N_MINUS is -1, from 256 - N_PLUS on +1, else 0: 108 of 256, 42.2 %, as trained models have. */
    N_MINUS = 74,
    N_PLUS = 74,
    CODES_PER_DRAW = 16, /* four words of Philox, one byte each code */
    VALUES_PER_DRAW = 4  /* dense values: three bytes of a word each */
};

/* The last word of Philox's counter: what a number is drawn for. */
enum { FOR_CODES = 1, FOR_VALUES = 2, FOR_NORMS = 3 };

typedef struct synthesis {
    const setun_graph  *graph;
    const setun_packer *packer;
    uint32_t            key[2];
    uint8_t             code[256]; /* of a random byte */
} synthesis;

/* 16 random bytes: block `block` of row `row` of weight `weight`. */
static inline void draw(const synthesis *s, uint32_t weight, int64_t row, int64_t block, uint32_t what, uint8_t out[16])
{
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)row, weight, what};
    uint32_t word[4];

    setun_philox(counter, s->key, word);
    for (int i = 0; i < 16; i++)
        out[i] = (uint8_t)(word[i / 4] >> (8 * (i % 4)));
}

/* What the workers of one call do: rows of one weight. */
typedef struct rows_task {
    const synthesis    *s;
    uint32_t            weight;
    int64_t             first, n, columns;
    const setun_tensor *codes;  /* or NULL */
    float              *values; /* or NULL */
    float               step;
} rows_task;

static void fill_codes(const rows_task *task, int64_t row)
{
    uint8_t *out = (uint8_t *)task->codes->data + row * task->codes->stride_bytes[0], bytes[16];

    memset(out, 0x55, (size_t)task->codes->stride_bytes[0]); /* code 1 in all of the padding */
    for (int64_t at = 0; at < task->columns; at += CODES_PER_DRAW) {
        const int n = task->columns - at < CODES_PER_DRAW ? (int)(task->columns - at) : CODES_PER_DRAW;

        draw(task->s, task->weight, row, at / CODES_PER_DRAW, FOR_CODES, bytes);
        for (int i = n; i < CODES_PER_DRAW; i++)
            bytes[i] = 128; /* padding: 0 */
        for (int i = 0; i < (n + 3) / 4; i++)
            out[at / 4 + i] = (uint8_t)(task->s->code[bytes[4 * i]] | task->s->code[bytes[4 * i + 1]] << 2 |
                                        task->s->code[bytes[4 * i + 2]] << 4 | task->s->code[bytes[4 * i + 3]] << 6);
    }
}

/* Whole numbers of -191 .. 191 times a power of two, in the shape of a bell: a sum of three bytes, halved. Their deviation is 64 steps. */
static void fill_values(const rows_task *task, int64_t row)
{
    float *out = task->values + (row - task->first) * task->columns;
    uint8_t bytes[16];

    for (int64_t at = 0; at < task->columns; at++) {
        const int i = (int)(at % VALUES_PER_DRAW);
        int value;

        if (i == 0)
            draw(task->s, task->weight, row, at / VALUES_PER_DRAW, FOR_VALUES, bytes);
        value = (bytes[4 * i] + bytes[4 * i + 1] + bytes[4 * i + 2] - 382) / 2;
        out[at] = (float)value * task->step;
    }
}

static void fill_rows(const setun_worker *worker, void *context)
{
    const rows_task *task = context;
    const int64_t begin = task->first + task->n * worker->index / worker->n_workers;
    const int64_t end = task->first + task->n * (worker->index + 1) / worker->n_workers;

    for (int64_t row = begin; row < end; row++) {
        if (task->codes != NULL)
            fill_codes(task, row);
        else
            fill_values(task, row);
    }
}

/* An activation that a norm made has a mean square of 1; k of them by codes of which the share p is not zero have p k. The scale brings that
 * back to 1, whatever the sizes; rounded to bf16, since files hold scales so. */
static float scale_for(int64_t k)
{
    const float share = (float)(N_MINUS + N_PLUS) / 256.0f;

    return setun_f32_of_bf16(setun_bf16_of_f32(1.0f / sqrtf(share * (float)k)));
}

static setun_status supply_ternary(void *context, uint32_t weight, const setun_packed *out, setun_error *error)
{
    const synthesis *s = context;
    const setun_graph_weight *w = &s->graph->weights[weight];
    rows_task task = {.s = s, .weight = weight, .n = w->dim[0], .columns = w->dim[1], .codes = &out->operand.part[0]};
    float *scale = out->operand.part[1].data;

    (void)error;
    setun_team_run(setun_packer_team(s->packer), fill_rows, &task);
    for (int64_t i = 0; i < w->dim[0]; i++)
        scale[i] = scale_for(w->dim[1]);
    return SETUN_OK;
}

/* Of embedding and head: a deviation of 64 steps near 2.5 / sqrt(n) gives logits that differ by a few units, as those of trained models do. */
static float step_for(int64_t n)
{
    const float wanted = 2.5f / sqrtf((float)n) / 64.0f;
    float step = 1.0f;

    while (step > 1.414f * wanted)
        step *= 0.5f;
    return step;
}

static setun_status supply_dense(void *context, uint32_t weight, int64_t first, int64_t n, float *out, setun_error *error)
{
    const synthesis *s = context;
    const setun_graph_weight *w = &s->graph->weights[weight];
    rows_task task = {.s = s, .weight = weight, .first = first, .n = n, .columns = w->dim[1], .values = out, .step = step_for(w->dim[1])};

    (void)error;
    if (w->want == NULL) {
        setun_team_run(setun_packer_team(s->packer), fill_rows, &task);
        return SETUN_OK;
    }
    for (int64_t i = 0; i < w->dim[1]; i++) { /* norms: 0.75 .. 1.25 in steps of 1/128 */
        uint8_t bytes[16];

        draw(s, weight, 0, i, FOR_NORMS, bytes);
        out[i] = 1.0f + (float)(bytes[0] % 65 - 32) / 128.0f;
    }
    return SETUN_OK;
}

/* ---- formats ---- */

typedef struct synth_formats {
    const setun_target *target;
    setun_convert_head  head;
} synth_formats;

static const char *dense_format(void *context, uint32_t weight, enum setun_job_role role)
{
    const synth_formats *formats = context;
    const bool gguf = formats->target->source == SETUN_SOURCE_GGUF;

    (void)weight;
    if (role == SETUN_JOB_MATRIX && formats->head != SETUN_CONVERT_HEAD_KEEP)
        return setun_convert_head_format(formats->head);
    if (role == SETUN_JOB_MATRIX)
        return gguf ? "f16" : "bf16";
    return gguf ? "f32" : "bf16";
}

/* The graph of the file to be, with the sizes given. */
static setun_status make_job(const char *name, const setun_synth_options *synth, const setun_convert_options *options, const setun_target *target,
                             setun_pool *pool, setun_job *out_job, setun_error *error)
{
    setun_graph_form form = {.source = target->source, .n_params = synth->n_sizes, .ternary = true};
    setun_graph_param *params = setun_pool_alloc(pool, synth->n_sizes * sizeof(*params));
    synth_formats formats = {.target = target, .head = options->head};
    setun_graph *graph;
    const char *path, *arch;
    setun_status status;

    if (params == NULL)
        return setun_fail_nomem(error, "sizes", synth->n_sizes * sizeof(*params));
    for (size_t i = 0; i < synth->n_sizes; i++) {
        params[i].name = synth->sizes[i].name;
        params[i].value = (setun_meta){.type = SETUN_META_INT, .i = synth->sizes[i].value};
    }
    form.params = params;
    status = setun_model_find_sizes(name, pool, &path, error);
    if (status == SETUN_OK)
        status = setun_graph_open_form(path, &form, &graph, &arch, error);
    if (status != SETUN_OK)
        return status;
    return setun_job_make(target, graph, arch, &(setun_job_formats){&formats, dense_format}, out_job, error);
}

/* "models/bitnet-large.yaml" to "bitnet-large". */
static const char *model_name(const char *name, setun_pool *pool)
{
    const char *slash = strrchr(name, '/'), *base = slash == NULL ? name : slash + 1;
    const size_t n = strlen(base), n_end = strlen(".yaml");

    return setun_pool_strndup(pool, base, n > n_end && strcmp(base + n - n_end, ".yaml") == 0 ? n - n_end : n);
}

static setun_status make_vocabulary(const setun_synth_options *synth, int64_t n_tokens, bool for_gguf, setun_vocabulary *out_vocabulary,
                                    setun_error *error)
{
    setun_status status;

    if (synth->vocab == NULL)
        return setun_vocabulary_make(n_tokens, out_vocabulary, error);
    status = setun_vocabulary_open(synth->vocab, for_gguf, out_vocabulary, error);
    if (status == SETUN_OK) {
        setun_vocabulary_guess_ends(out_vocabulary);
        status = setun_vocabulary_fill(out_vocabulary, n_tokens, error);
        if (status != SETUN_OK)
            setun_vocabulary_free(out_vocabulary);
    }
    return status;
}

setun_status setun_model_synth(const char *name, const char *out_path, const setun_synth_options *synth, const setun_convert_options *options,
                               setun_error *error)
{
    static const setun_synth_options no_synth = {0};
    static const setun_convert_options no_options = {.kind = SETUN_FILE_I2_S};
    setun_vocabulary vocabulary = {.bos = -1};
    setun_packer *packer = NULL;
    setun_output *output = NULL;
    setun_pool pool = {0};
    setun_job job = {.graph = NULL};
    const setun_target *target;
    synthesis s = {.graph = NULL};
    setun_status status;

    synth = synth != NULL ? synth : &no_synth;
    options = options != NULL ? options : &no_options;
    target = setun_target_of(options->kind);
    status = setun_target_check(options, error);
    if (status == SETUN_OK)
        status = make_job(name, synth, options, target, &pool, &job, error);
    if (status == SETUN_OK)
        status = make_vocabulary(synth, job.graph->vocab, target->source == SETUN_SOURCE_GGUF, &vocabulary, error);
    if (status == SETUN_OK)
        status = setun_packer_create(options->plugins, options->n_threads, &packer, error);
    if (status == SETUN_OK)
        status = setun_output_create(out_path, target->source == SETUN_SOURCE_HUGGINGFACE, options->force, &output, error);
    if (status == SETUN_OK) {
        const setun_supply supply = {.context = &s, .ternary = supply_ternary, .dense = supply_dense};
        const setun_job_progress progress = {options->progress, options->progress_context, "writing weights"};

        s = (synthesis){.graph = job.graph, .packer = packer, .key = {(uint32_t)synth->seed, (uint32_t)(synth->seed >> 32)}};
        for (int i = 0; i < 256; i++)
            s.code[i] = i < N_MINUS ? 0 : i < 256 - N_PLUS ? 1 : 2;
        job.name = model_name(name, &pool);
        status = setun_job_write(&job, &vocabulary, &supply, packer, &progress, output, error);
        if (status == SETUN_OK)
            status = setun_output_commit(output, error);
        else
            setun_output_discard(output);
    }
    setun_packer_destroy(packer);
    setun_vocabulary_free(&vocabulary);
    setun_job_free(&job);
    setun_pool_free(&pool);
    return status;
}

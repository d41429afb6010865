/* job_config.c - parameters and what else a file says of its model: config.json, or keys of a GGUF header. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/gguf_writer.h"
#include "convert/job.h"

/* A parameter's number: the family's file says by its default that it is a fraction, a weight file may say 10000 all the same. */
static bool is_real(const setun_graph_param *param)
{
    return param->value.type == SETUN_META_FLOAT || (param->value.type == SETUN_META_INT && param->real);
}

static double real_of(const setun_graph_param *param)
{
    return param->value.type == SETUN_META_FLOAT ? param->value.f : (double)param->value.i;
}

void setun_job_keys(const setun_job *job, setun_gguf_writer *writer)
{
    setun_gguf_writer_string(writer, "general.architecture", job->arch, strlen(job->arch));
    if (job->name != NULL)
        setun_gguf_writer_string(writer, "general.name", job->name, strlen(job->name));
    for (size_t i = 0; i < job->graph->n_params; i++) {
        const setun_graph_param *param = &job->graph->params[i];

        if (param->key == NULL)
            continue;
        if (is_real(param))
            setun_gguf_writer_f32(writer, param->key, (float)real_of(param));
        else if (param->value.type == SETUN_META_STRING)
            setun_gguf_writer_string(writer, param->key, param->value.s, strlen(param->value.s));
        else if (param->value.type == SETUN_META_BOOL)
            setun_gguf_writer_bool(writer, param->key, param->value.i != 0);
        else if (param->value.i >= 0 && param->value.i <= UINT32_MAX)
            setun_gguf_writer_u32(writer, param->key, (uint32_t)param->value.i);
        else
            setun_gguf_writer_i64(writer, param->key, param->value.i);
    }
    setun_gguf_writer_u32(writer, "general.file_type", job->target->file_type);
}

/* GGUF files hold 1e-5 as the nearest f32, which as a double is 9.99999974e-06: the shortest decimal that gives the same f32 is meant. */
static double plain(double value)
{
    char text[32];

    if ((double)(float)value != value || !isfinite(value))
        return value;
    for (int digits = 1; digits <= 9; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtof(text, NULL) == (float)value)
            return strtod(text, NULL);
    }
    return value;
}

static json_t *param_value(const setun_graph_param *param)
{
    if (is_real(param))
        return json_real(plain(real_of(param)));
    if (param->value.type == SETUN_META_STRING)
        return json_string(param->value.s);
    return param->value.type == SETUN_META_BOOL ? json_boolean(param->value.i != 0) : json_integer(param->value.i);
}

/* Sets "a.b" to the value b of the object a. Takes value. */
static bool set_path(json_t *root, const char *path, json_t *value)
{
    const char *dot;

    while ((dot = strchr(path, '.')) != NULL) {
        json_t *inner;
        char name[256];

        (void)snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
        inner = json_object_get(root, name);
        if (inner == NULL && json_object_set_new(root, name, json_object()) != 0)
            break;
        root = json_object_get(root, name);
        path = dot + 1;
    }
    if (dot == NULL)
        return json_object_set_new(root, path, value) == 0;
    json_decref(value);
    return false;
}

/* One id as a number, several as a list. */
static json_t *stops(const setun_vocabulary *vocabulary)
{
    json_t *list;

    if (vocabulary->n_stops == 1)
        return json_integer(vocabulary->stops[0]);
    list = json_array();
    for (size_t i = 0; i < vocabulary->n_stops; i++)
        (void)json_array_append_new(list, json_integer(vocabulary->stops[i]));
    return list;
}

setun_status setun_job_config(const setun_job *job, const setun_vocabulary *vocabulary, char **out_text, setun_error *error)
{
    const bool masters = strcmp(job->target->ternary, "bf16") == 0;
    /* The family's name is transformers' model_type. Scales multiply (autobitlinear); masters are ternarised as they are used (online). */
    json_t *root = json_pack("{s:[s], s:s, s:s}", "architectures", job->arch, "model_type", job->graph->name, "torch_dtype", "bfloat16");
    bool ok = root != NULL;

    for (size_t i = 0; ok && i < job->graph->n_params; i++) {
        const setun_graph_param *param = &job->graph->params[i];

        /* Keys inside objects (rope_scaling) speak of what most models do not have. */
        if (param->key != NULL && !(param->implied && strchr(param->key, '.') != NULL))
            ok = set_path(root, param->key, param_value(param));
    }
    ok = ok && json_object_set_new(root, "tie_word_embeddings", json_boolean(job->tied)) == 0 &&
         json_object_set_new(root, "attention_bias", json_false()) == 0;
    if (ok && job->ternary)
        ok = json_object_set_new(root, "quantization_config",
                                 json_pack("{s:s, s:s, s:s}", "quant_method", "bitnet", "linear_class", "autobitlinear", "quantization_mode",
                                           masters ? "online" : "offline")) == 0;
    if (ok && vocabulary->bos >= 0)
        ok = json_object_set_new(root, "bos_token_id", json_integer(vocabulary->bos)) == 0;
    if (ok && vocabulary->n_stops > 0)
        ok = json_object_set_new(root, "eos_token_id", stops(vocabulary)) == 0;
    *out_text = ok ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(root);
    return *out_text == NULL ? setun_fail_nomem(error, "config.json", 0) : SETUN_OK;
}

/* prepacked_writer.c - what goes into a prepacked file, and in which order. */
#include "convert/prepacked_writer.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "convert/output.h"
#include "convert/prepacked_tokenizer.h"
#include "plan/store_internal.h"
#include "session/session_internal.h"
#include "weights/prepacked.h"

/* One tensor to write: the weight that it is of, and how the store has it. */
typedef struct packed_tensor {
    const setun_graph_weight *weight;
    const setun_operand      *operand;
    size_t   n_bytes;   /* as the format lays it out */
    int64_t  row_bytes; /* without padding; 0: rows have no address of their own, and all bytes go as they are */
    int64_t  stride;    /* of a row in the file */
    uint64_t hash;
    const setun_operand *screen; /* NULL: none */
    uint64_t screen_hash[SETUN_WEIGHT_SCREEN_PARTS];
} packed_tensor;

enum { TELL_BYTES = 8 << 20 }; /* how often progress is told while the file is written: some milliseconds */

typedef struct writing {
    const setun_session *session;
    const setun_convert_options *options;
    atomic_bool    stopped;   /* progress() said so */
    packed_tensor *tensors;
    size_t         n;
    char          *tokenizer; /* [tokenizer_bytes] */
    size_t         tokenizer_bytes;
    enum setun_prepacked_tokenizer tokenizer_kind;
    json_t        *root;
    uint64_t       offset, end; /* of the next section, and where the last one ends */
    setun_stream  *stream;
    size_t         n_untold;  /* bytes written since progress was told */
    uint64_t       n_written, n_to_write; /* of tensors */
} writing;

/* SETUN_ERR_INTERRUPTED: whoever is told how far the work is wants it to end. */
static setun_status check_stopped(const writing *w, setun_error *error)
{
    return w->stopped ? setun_fail(error, SETUN_ERR_INTERRUPTED, "interrupted") : SETUN_OK;
}

/* A setun_progress, of the session that packs the weights, too: it looks at `stopped`. */
static void tell(void *context, const char *stage, uint64_t done, uint64_t total)
{
    writing *w = context;

    if (!w->stopped && w->options->progress != NULL && !w->options->progress(w->options->progress_context, stage, done, total > 0 ? total : 1))
        w->stopped = true;
}

/* Gives the tensor's bytes of the file, piece by piece, to put(). */
static setun_status emit(const packed_tensor *tensor, setun_status (*put)(void *context, const void *data, size_t n_bytes, setun_error *error),
                         void *context, setun_error *error)
{
    static const unsigned char zeros[4096] = {0};
    const setun_tensor *part = &tensor->operand->part[0];
    setun_status status = SETUN_OK;

    if (tensor->row_bytes == 0)
        return put(context, part->data, tensor->n_bytes, error);
    for (int64_t i = 0; i < part->dim[0] && status == SETUN_OK; i++) {
        status = put(context, (const char *)part->data + i * part->stride_bytes[0], (size_t)tensor->row_bytes, error);
        /* Rows are padded by less than the 64 bytes that they are aligned to. */
        if (status == SETUN_OK && tensor->stride > tensor->row_bytes)
            status = put(context, zeros, (size_t)(tensor->stride - tensor->row_bytes), error);
    }
    return status;
}

static setun_status put_hash(void *context, const void *data, size_t n_bytes, setun_error *error)
{
    (void)error;
    (void)XXH3_64bits_update(context, data, n_bytes); /* fails for a NULL only */
    return SETUN_OK;
}

static setun_status put_stream(void *context, const void *data, size_t n_bytes, setun_error *error)
{
    writing *w = context;
    const char *from = data;
    setun_status status = SETUN_OK;

    for (size_t n; n_bytes > 0 && status == SETUN_OK; n_bytes -= n) {
        n = n_bytes < TELL_BYTES ? n_bytes : TELL_BYTES;
        status = setun_stream_write(w->stream, from, n, error);
        from += n;
        w->n_written += n;
        w->n_untold += n;
        if (status == SETUN_OK && w->n_untold >= TELL_BYTES) {
            w->n_untold = 0;
            tell(w, "writing weights", w->n_written, w->n_to_write);
            status = check_stopped(w, error);
        }
    }
    return status;
}

/* The file has one scale for a tensor: the vector that goes with its codes must hold nothing else. */
static setun_status check_scales(const packed_tensor *tensor, setun_error *error)
{
    const float *scale = tensor->operand->n == 2 ? tensor->operand->part[1].data : NULL;

    if (tensor->operand->n > 2 || (scale != NULL && strcmp(tensor->operand->part[1].fmt, "f32") != 0))
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "weight %s: expected a packing with at most one vector of scales, which a prepacked file can hold, "
                          "found %u parts", tensor->weight->name, tensor->operand->n);
    for (int64_t i = 1; scale != NULL && i < tensor->operand->part[0].dim[0]; i++)
        if (memcmp(&scale[i], &scale[0], sizeof(*scale)) != 0)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "weight %s: expected one scale for all rows, which a prepacked file can hold, found %g in row 0 "
                              "and %g in row %" PRId64, tensor->weight->name, (double)scale[0], (double)scale[i], i);
    return SETUN_OK;
}

static setun_status shape_tensor(const writing *w, packed_tensor *tensor, setun_error *error)
{
    const setun_tensor *part = &tensor->operand->part[0];
    setun_operand laid_out;
    XXH3_state_t *hash;
    setun_status status = check_scales(tensor, error);

    if (status == SETUN_OK)
        status = setun_operand_shape(w->session->model->plugins, part->fmt, part->dim, &laid_out, error);
    if (status != SETUN_OK)
        return status;
    tensor->n_bytes = laid_out.n_bytes[0];
    tensor->stride = laid_out.part[0].stride_bytes[0];
    if (part->stride_bytes[0] > 0 && part->stride_bytes[1] > 0 && tensor->stride > 0)
        tensor->row_bytes = part->dim[1] * part->stride_bytes[1];
    else if (tensor->n_bytes != tensor->operand->n_bytes[0])
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "weight %s: expected %zu bytes of %s, found %zu", tensor->weight->name, tensor->n_bytes,
                          part->fmt, tensor->operand->n_bytes[0]);
    hash = XXH3_createState();
    if (hash == NULL || XXH3_64bits_reset(hash) != XXH_OK) {
        (void)XXH3_freeState(hash);
        return setun_fail_nomem(error, "hash", 0);
    }
    (void)emit(tensor, put_hash, hash, NULL);
    tensor->hash = XXH3_64bits_digest(hash);
    (void)XXH3_freeState(hash);
    return SETUN_OK;
}

/* The screen that the store has of the same tensor, or NULL. */
static const setun_operand *find_screen(const setun_store *store, const setun_weight *source)
{
    for (size_t i = 0; i < store->n_entries; i++) {
        const setun_store_entry *entry = &store->entries[i];

        if (entry->kind == SETUN_OPERAND_WEIGHT && entry->wanted && strcmp(entry->fmts, SETUN_WEIGHT_SCREEN_FMTS) == 0 &&
            store->graph->weights[entry->index].source == source)
            return &entry->operand;
    }
    return NULL;
}

/* The hash of the hashes of pieces, as they are compared when a screen is read. */
static setun_status hash_screen(packed_tensor *tensor, setun_error *error)
{
    const size_t piece = SETUN_WEIGHT_CHUNK_BYTES;

    for (uint32_t i = 0; i < SETUN_WEIGHT_SCREEN_PARTS; i++) {
        const unsigned char *data = tensor->screen->part[i].data;
        const size_t n_bytes = tensor->screen->n_bytes[i], n_pieces = (n_bytes + piece - 1) / piece;
        uint64_t *hash = setun_calloc(n_pieces, sizeof(*hash));

        if (hash == NULL)
            return setun_fail_nomem(error, "hashes", n_pieces * sizeof(*hash));
        for (size_t j = 0; j < n_pieces; j++)
            hash[j] = setun_weight_piece_hash(data + j * piece, j + 1 < n_pieces ? piece : n_bytes - j * piece);
        tensor->screen_hash[i] = XXH3_64bits(hash, n_pieces * sizeof(*hash));
        free(hash);
    }
    return SETUN_OK;
}

/* Every tensor of the source that the graph reads, once. */
static setun_status collect_tensors(writing *w, setun_error *error)
{
    const setun_store *store = w->session->store;
    const setun_graph *graph = store->graph;

    w->tensors = setun_calloc(graph->n_weights, sizeof(*w->tensors));
    if (w->tensors == NULL)
        return setun_fail_nomem(error, "tensors", graph->n_weights * sizeof(*w->tensors));
    for (size_t i = 0; i < store->n_entries; i++) { /* those of the plan for one row stand first */
        const setun_store_entry *entry = &store->entries[i];
        const setun_graph_weight *weight = entry->kind == SETUN_OPERAND_WEIGHT && entry->wanted ? &graph->weights[entry->index] : NULL;
        setun_status status;
        size_t k = 0;

        while (weight != NULL && k < w->n && w->tensors[k].weight->source != weight->source)
            k++;
        if (weight == NULL || k < w->n || strcmp(entry->fmts, SETUN_WEIGHT_SCREEN_FMTS) == 0)
            continue;
        w->tensors[w->n] = (packed_tensor){.weight = weight, .operand = &entry->operand, .screen = find_screen(store, weight->source)};
        status = shape_tensor(w, &w->tensors[w->n], error);
        if (status == SETUN_OK && w->tensors[w->n].screen != NULL)
            status = hash_screen(&w->tensors[w->n], error);
        if (status != SETUN_OK)
            return status;
        w->n++;
    }
    return SETUN_OK;
}

/* Adds where the next section lies to an object. False: out of memory. */
static bool add_section(writing *w, json_t *object, size_t n_bytes, uint64_t hash)
{
    char digits[17];
    const uint64_t offset = w->offset;

    w->end = offset + n_bytes;
    (void)snprintf(digits, sizeof(digits), "%016" PRIx64, hash);
    w->offset = setun_prepacked_align(offset + n_bytes);
    return json_object_set_new(object, "offset", json_integer((json_int_t)offset)) == 0 &&
           json_object_set_new(object, "bytes", json_integer((json_int_t)n_bytes)) == 0 &&
           json_object_set_new(object, "xxh3", json_string(digits)) == 0;
}

static bool add_screen(writing *w, const packed_tensor *tensor, json_t *object)
{
    json_t *array = json_array();
    bool ok = array != NULL;

    for (size_t i = 0; i < SETUN_WEIGHT_SCREEN_PARTS && ok; i++) {
        json_t *part = json_object();

        ok = part != NULL && add_section(w, part, tensor->screen->n_bytes[i], tensor->screen_hash[i]) && json_array_append(array, part) == 0;
        json_decref(part);
    }
    ok = ok && json_object_set(object, "screen", array) == 0;
    json_decref(array);
    return ok;
}

static bool add_tensor(writing *w, const packed_tensor *tensor, json_t *array)
{
    const setun_weight *source = tensor->weight->source;
    json_t *object = json_object(), *dims = json_array();
    bool ok = object != NULL && dims != NULL;

    for (uint32_t i = 0; i < source->n_dims && ok; i++)
        ok = json_array_append_new(dims, json_integer(source->dim[i])) == 0;
    ok = ok && json_object_set_new(object, "name", json_string(tensor->weight->name)) == 0 &&
         json_object_set_new(object, "format", json_string(tensor->operand->part[0].fmt)) == 0 && json_object_set(object, "dims", dims) == 0;
    if (ok && tensor->operand->n == 2)
        ok = json_object_set_new(object, "scale", json_real((double)*(const float *)tensor->operand->part[1].data)) == 0;
    ok = ok && add_section(w, object, tensor->n_bytes, tensor->hash) && (tensor->screen == NULL || add_screen(w, tensor, object)) &&
         json_array_append(array, object) == 0;
    json_decref(dims);
    json_decref(object);
    return ok;
}

static json_t *json_of_meta(const setun_meta_entry *entry)
{
    if (entry->composite != NULL)
        return strcmp(entry->composite, "an array") == 0 ? json_array() : json_object();
    switch (entry->meta.type) {
    case SETUN_META_INT:
        return json_integer(entry->meta.i);
    case SETUN_META_FLOAT:
        return json_real(entry->meta.f);
    case SETUN_META_BOOL:
        return json_boolean(entry->meta.i != 0);
    case SETUN_META_STRING:
        return json_string(entry->meta.s);
    }
    return NULL;
}

static json_t *json_of_text(const setun_text_settings *text)
{
    json_t *stops = json_array(), *object = json_pack("{s:i, s:b}", "bos", (int)text->bos, "add_bos", (int)text->add_bos);
    bool ok = stops != NULL && object != NULL;

    for (size_t i = 0; i < text->n_stops && ok; i++)
        ok = json_array_append_new(stops, json_integer(text->stops[i])) == 0;
    ok = ok && json_object_set(object, "stops", stops) == 0;
    if (ok && text->bos_text != NULL)
        ok = json_object_set_new(object, "bos_text", json_string(text->bos_text)) == 0;
    if (ok && text->eos_text != NULL)
        ok = json_object_set_new(object, "eos_text", json_string(text->eos_text)) == 0;
    json_decref(stops);
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

/* Everything that the file's JSON says. */
static setun_status make_json(writing *w, setun_error *error)
{
    const setun_weights *weights = w->session->model->weights;
    json_t *metadata = json_object(), *tokenizer = json_pack("{s:s}", "kind", setun_prepacked_tokenizer_name(w->tokenizer_kind));
    json_t *tensors = json_array(), *text = json_of_text(setun_weights_text(weights));
    bool ok = metadata != NULL && tokenizer != NULL && tensors != NULL && text != NULL;
    setun_status status = SETUN_OK;

    for (size_t i = 0; i < weights->n_metas && ok && status == SETUN_OK; i++)
        if (json_object_set_new(metadata, weights->metas[i].key, json_of_meta(&weights->metas[i])) != 0)
            status = setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: %s: expected a key and a value that JSON can hold (UTF-8, finite numbers)",
                                weights->config_path, weights->metas[i].key);
    ok = ok && add_section(w, tokenizer, w->tokenizer_bytes, XXH3_64bits(w->tokenizer, w->tokenizer_bytes));
    for (size_t i = 0; i < w->n && ok; i++)
        ok = add_tensor(w, &w->tensors[i], tensors);
    if (ok && status == SETUN_OK)
        w->root = json_pack("{s:s, s:s, s:O, s:O, s:O, s:O}", "source", setun_source_name(setun_weights_source(weights)), "architecture",
                            setun_weights_architecture(weights), "metadata", metadata, "text", text, "tokenizer", tokenizer, "tensors", tensors);
    json_decref(metadata);
    json_decref(tokenizer);
    json_decref(tensors);
    json_decref(text);
    if (status == SETUN_OK && w->root == NULL)
        return setun_fail_nomem(error, "header of a prepacked file", 0);
    return status;
}

static void put_little(unsigned char *to, uint64_t value, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

/* Zeros up to where the next section begins. */
static setun_status pad(setun_stream *stream, setun_error *error)
{
    const uint64_t at = setun_stream_at(stream);

    return setun_stream_zeros(stream, (size_t)(setun_prepacked_align(at) - at), error);
}

static setun_status write_header(const writing *w, setun_stream *stream, setun_error *error)
{
    char *json = json_dumps(w->root, JSON_COMPACT);
    unsigned char fixed[SETUN_PREPACKED_FIXED_BYTES] = {0};
    bool has_screen = false;
    setun_status status;
    size_t n_json;

    if (json == NULL)
        return setun_fail_nomem(error, "header of a prepacked file", 0);
    n_json = strlen(json);
    if (n_json > SETUN_PREPACKED_MAX_JSON_BYTES) {
        free(json);
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "expected a header of at most %d bytes, found %zu", (int)SETUN_PREPACKED_MAX_JSON_BYTES, n_json);
    }
    memcpy(fixed, SETUN_PREPACKED_MAGIC, sizeof(SETUN_PREPACKED_MAGIC) - 1);
    for (size_t i = 0; i < w->n; i++)
        has_screen = has_screen || w->tensors[i].screen != NULL;
    put_little(fixed + SETUN_PREPACKED_AT_VERSION, has_screen ? SETUN_PREPACKED_VERSION : SETUN_PREPACKED_VERSION_PLAIN, 4);
    put_little(fixed + SETUN_PREPACKED_AT_JSON_BYTES, n_json, 8);
    put_little(fixed + SETUN_PREPACKED_AT_FILE_BYTES, setun_prepacked_align(sizeof(fixed) + n_json) + w->end, 8);
    put_little(fixed + SETUN_PREPACKED_AT_JSON_HASH, XXH3_64bits(json, n_json), 8);
    status = setun_stream_write(stream, fixed, sizeof(fixed), error);
    if (status == SETUN_OK)
        status = setun_stream_write(stream, json, n_json, error);
    free(json);
    return status;
}

static uint64_t screen_bytes(const setun_operand *screen)
{
    uint64_t n_bytes = 0;

    for (uint32_t i = 0; i < screen->n; i++)
        n_bytes += screen->n_bytes[i];
    return n_bytes;
}

static setun_status write_stream(writing *w, setun_error *error)
{
    setun_status status = write_header(w, w->stream, error);

    for (size_t i = 0; i < w->n; i++)
        w->n_to_write += w->tensors[i].n_bytes + (w->tensors[i].screen != NULL ? screen_bytes(w->tensors[i].screen) : 0);
    tell(w, "writing weights", 0, w->n_to_write);
    if (status == SETUN_OK)
        status = check_stopped(w, error);
    if (status == SETUN_OK)
        status = pad(w->stream, error);
    if (status == SETUN_OK)
        status = setun_stream_write(w->stream, w->tokenizer, w->tokenizer_bytes, error);
    for (size_t i = 0; i < w->n && status == SETUN_OK; i++) {
        status = pad(w->stream, error);
        if (status == SETUN_OK)
            status = emit(&w->tensors[i], put_stream, w, error);
        for (size_t j = 0; w->tensors[i].screen != NULL && j < SETUN_WEIGHT_SCREEN_PARTS && status == SETUN_OK; j++) {
            status = pad(w->stream, error);
            if (status == SETUN_OK)
                status = put_stream(w, w->tensors[i].screen->part[j].data, w->tensors[i].screen->n_bytes[j], error);
        }
    }
    return status;
}

static setun_status write_file(writing *w, const char *path, setun_error *error)
{
    setun_output *output;
    setun_status status = setun_output_create(path, false, w->options->force, &output, error);

    if (status != SETUN_OK)
        return status;
    status = setun_stream_open(output, NULL, &w->stream, error);
    if (status == SETUN_OK) {
        status = write_stream(w, error);
        if (status == SETUN_OK)
            status = setun_stream_finish(w->stream, error);
        else
            setun_stream_drop(w->stream);
    }
    if (status == SETUN_OK)
        return setun_output_commit(output, error);
    setun_output_discard(output);
    return status;
}

setun_status setun_prepacked_convert(setun_model *model, const setun_session_options *session_options, const char *path,
                                     const setun_convert_options *options, setun_error *error)
{
    setun_session_options told = *session_options;
    setun_session *session;
    writing w = {.options = options, .stopped = false};
    setun_status status;

    told.progress = tell;
    told.progress_context = &w;
    told.head = SETUN_HEAD_RESIDENT; /* the file holds the head as it is and, where it can be screened, with what that takes */
    status = setun_session_create_until(model, &told, &w.stopped, &session, error);
    if (status == SETUN_ERR_UNSUPPORTED) {
        told.head = SETUN_HEAD_FULL;
        status = setun_session_create_until(model, &told, &w.stopped, &session, error);
    }
    if (status != SETUN_OK)
        return status;
    w.session = session;
    status = check_stopped(&w, error);
    if (status == SETUN_OK)
        status = collect_tensors(&w, error);
    if (status == SETUN_OK)
        status = setun_prepacked_tokenizer_bytes(setun_model_path(model), &w.tokenizer_kind, &w.tokenizer, &w.tokenizer_bytes, error);
    if (status == SETUN_OK)
        status = make_json(&w, error);
    if (status == SETUN_OK)
        status = write_file(&w, path, error);
    json_decref(w.root);
    free(w.tokenizer);
    free(w.tensors);
    setun_session_destroy(session);
    return status;
}

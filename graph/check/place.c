/* place.c - lays out the memory of one run, and says where in it something happened. */
#include "check/place.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A new buffer with a copy of `from` (NULL: rubbish); locked ones become read-only. */
static setun_status add(setun_check_place *place, const char *name, const void *from, size_t n_bytes, size_t align, bool locked,
                        setun_check_way *way, void **out_data, setun_error *error)
{
    setun_check_item *item = &place->item[place->n_items];
    setun_status status = setun_check_buffer_make(n_bytes, align, way->side, &item->buffer, error);

    if (status != SETUN_OK)
        return status;
    place->n_items++;
    (void)snprintf(item->name, sizeof(item->name), "%s", name);
    if (from != NULL)
        memcpy(item->buffer.data, from, n_bytes);
    else
        setun_check_garbage(&way->random, item->buffer.data, n_bytes);
    item->locked = locked;
    if (locked)
        setun_check_buffer_lock(&item->buffer);
    *out_data = item->buffer.data;
    return SETUN_OK;
}

static bool may_lack_padding(const setun_tensor *t)
{
    return strcmp(t->fmt, "f32") == 0 || strcmp(t->fmt, "f16") == 0 || strcmp(t->fmt, "bf16") == 0;
}

/* Without padding or alignment of its own. */
static bool is_bytes(const setun_tensor *t)
{
    static const char *const fmts[] = {"tern2.hf", "tern2.i2s", "tern.tq1", "tern2.tq2", "q8_0.b32", "q6_k.b256"};

    for (size_t i = 0; i < SETUN_COUNT(fmts); i++)
        if (strcmp(t->fmt, fmts[i]) == 0)
            return true;
    return false;
}

/* Rows one after the other without padding, aligned to their element only: as in a weight file. */
static setun_status add_as_in_file(setun_check_place *place, const char *name, setun_tensor *t, setun_check_way *way, setun_error *error)
{
    const size_t element = (size_t)t->stride_bytes[1], row_bytes = (size_t)t->dim[1] * element;
    const char *from = t->data;
    setun_status status = add(place, name, NULL, (size_t)t->dim[0] * row_bytes, element, false, way, &t->data, error);

    if (status != SETUN_OK)
        return status;
    for (int64_t i = 0; i < t->dim[0]; i++)
        memcpy((char *)t->data + (size_t)i * row_bytes, from + i * t->stride_bytes[0], row_bytes);
    t->stride_bytes[0] = (int64_t)row_bytes;
    place->item[place->n_items - 1].locked = true;
    setun_check_buffer_lock(&place->item[place->n_items - 1].buffer);
    return SETUN_OK;
}

static setun_status add_operands(setun_check_place *place, const setun_check_call *call, setun_check_way *way, bool outputs, setun_error *error)
{
    const uint32_t n = outputs ? call->n_out : call->n_in;
    setun_status status = SETUN_OK;
    char name[40];

    for (uint32_t i = 0; i < n; i++) {
        const setun_check_operand *operand = outputs ? &call->out[i] : &call->in[i];

        for (uint32_t p = 0; p < operand->n_parts && status == SETUN_OK; p++) {
            const bool as_in_file = way->as_in_file && !outputs && (call->in_file >> i & 1) != 0 && p == 0;
            const uint32_t index = outputs ? place->n_out++ : place->n_in++;
            setun_tensor *t = outputs ? &place->out[index] : &place->in[index];

            *t = operand->part[p];
            (void)snprintf(name, sizeof(name), "%s[%u] (%.24s)", outputs ? "out" : "in", index, t->fmt);
            if (as_in_file && may_lack_padding(t))
                status = add_as_in_file(place, name, t, way, error);
            else
                status = add(place, name, outputs && !call->keeps_out ? NULL : t->data, operand->n_bytes[p],
                             as_in_file && is_bytes(t) ? 1 : operand->format[p]->align, !outputs, way, &t->data, error);
        }
    }
    return status;
}

static setun_status add_ints(setun_check_place *place, const char *name, const int32_t **array, int64_t n, setun_check_way *way,
                             setun_error *error)
{
    void *data;
    setun_status status;

    if (*array == NULL)
        return SETUN_OK;
    status = add(place, name, *array, (size_t)n * sizeof(**array), sizeof(**array), true, way, &data, error);
    if (status == SETUN_OK)
        *array = data;
    return status;
}

static setun_status add_batch(setun_check_place *place, const setun_batch *batch, setun_check_way *way, setun_error *error)
{
    const int32_t *blocks[SETUN_CHECK_MAX_SEQS] = {NULL};
    setun_batch *b = &place->batch;
    void *data;
    setun_status status;

    *b = *batch;
    if ((status = add_ints(place, "batch.token", &b->token, b->n_rows, way, error)) != SETUN_OK ||
        (status = add_ints(place, "batch.seq", &b->seq, b->n_rows, way, error)) != SETUN_OK ||
        (status = add_ints(place, "batch.pos", &b->pos, b->n_rows, way, error)) != SETUN_OK ||
        (status = add_ints(place, "batch.out_row", &b->out_row, b->n_out_rows, way, error)) != SETUN_OK ||
        (status = add_ints(place, "batch.len", &b->len, b->n_seqs, way, error)) != SETUN_OK || b->block == NULL)
        return status;
    for (uint32_t s = 0; s < b->n_seqs && status == SETUN_OK; s++) {
        blocks[s] = batch->block[s];
        status = add_ints(place, "batch.block[seq]", &blocks[s], (batch->len[s] + 255) / 256, way, error);
    }
    if (status == SETUN_OK)
        status = add(place, "batch.block", blocks, b->n_seqs * sizeof(blocks[0]), sizeof(blocks[0]), true, way, &data, error);
    if (status == SETUN_OK)
        b->block = data;
    return status;
}

setun_status setun_check_place_call(setun_check_place *place, const setun_check_call *call, setun_check_way *way, setun_error *error)
{
    setun_status status = add_operands(place, call, way, false, error);

    place->first_out = place->n_items;
    if (status == SETUN_OK)
        status = add_operands(place, call, way, true, error);
    if (status == SETUN_OK && call->batch != NULL)
        status = add_batch(place, call->batch, way, error);
    return status;
}

setun_status setun_check_place_scratch(setun_check_place *place, const setun_kernel_plan *plan, setun_check_way *way, setun_error *error)
{
    setun_status status = SETUN_OK;
    char name[40];

    for (uint32_t w = 0; w < way->n_workers && status == SETUN_OK; w++) {
        (void)snprintf(name, sizeof(name), "scratch of worker %u", w);
        status = add(place, name, NULL, plan->worker_bytes, 64, false, way, &place->scratch[w], error);
        if (status == SETUN_OK && way->clean_scratch)
            memset(place->scratch[w], 0, plan->worker_bytes);
    }
    place->shared_item = place->n_items;
    if (status == SETUN_OK)
        status = add(place, "shared scratch", NULL, plan->shared_bytes, 64, false, way, &place->shared, error);
    if (status == SETUN_OK && way->clean_scratch)
        memset(place->shared, 0, plan->shared_bytes);
    return status;
}

void setun_check_place_fetch(const setun_check_place *place, const setun_check_call *call)
{
    const setun_check_item *item = &place->item[place->first_out];

    for (uint32_t i = 0; i < call->n_out; i++)
        for (uint32_t p = 0; p < call->out[i].n_parts; p++, item++)
            memcpy(call->out[i].part[p].data, item->buffer.data, item->buffer.n_bytes);
}

void setun_check_place_free(setun_check_place *place)
{
    for (uint32_t i = 0; i < place->n_items; i++)
        setun_check_buffer_free(&place->item[i].buffer);
    memset(place, 0, sizeof(*place));
}

/* "3 bytes past the end of x", `at` counted from the first byte. */
static void say_where(const setun_check_item *item, ptrdiff_t at, char text[120])
{
    const ptrdiff_t past = at - (ptrdiff_t)item->buffer.n_bytes;

    if (at < 0)
        (void)snprintf(text, 120, "%td byte%s before the start of %s", -at, at == -1 ? "" : "s", item->name);
    else if (past >= 0)
        (void)snprintf(text, 120, "%td byte%s past the end of %s", past + 1, past == 0 ? "" : "s", item->name);
    else
        (void)snprintf(text, 120, "byte %td of %s%s", at, item->name, item->locked ? ", which may not be written" : "");
}

bool setun_check_place_guards(const setun_check_place *place, setun_check_failure *failure, const char *what)
{
    char where[120];
    ptrdiff_t at;

    for (uint32_t i = 0; i < place->n_items; i++)
        if (!place->item[i].locked && !setun_check_buffer_intact(&place->item[i].buffer, &at)) {
            say_where(&place->item[i], at, where);
            setun_check_fail(failure, "guard", "%s wrote %s", what, where);
            return true;
        }
    return false;
}

void setun_check_place_crash(const setun_check_place *place, const setun_check_crash *crash, setun_check_failure *failure, const char *what)
{
    const char *name = setun_check_signal_name(crash->signal);
    char where[120];

    if (crash->signal == SIGVTALRM) {
        setun_check_fail(failure, "hang", crash->waits ? "%s does not return: it sleeps" : "%s did not return within the time limit", what);
        return;
    }
    for (uint32_t i = 0; i < place->n_items; i++)
        if (crash->address != NULL && setun_check_buffer_holds(&place->item[i].buffer, crash->address)) {
            say_where(&place->item[i], (const unsigned char *)crash->address - place->item[i].buffer.data, where);
            setun_check_fail(failure, "crash", "%s: %s at %s", what, name, where);
            return;
        }
    if (crash->address != NULL)
        setun_check_fail(failure, "crash", "%s: %s at address %p, which is in no operand", what, name, crash->address);
    else
        setun_check_fail(failure, "crash", "%s: %s", what, name);
}

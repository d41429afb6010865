/* watch.c - see watch.h. */
#include "check/watch.h"

#include <stdlib.h>
#include <string.h>

enum {
    SPOIL = 0x5A, /* xor-ed: no byte stays, no float keeps its value */
    STRIDE = 256  /* bytes that are compared at once before they are looked at one by one: a tile leaves most alone */
};

static setun_status add(setun_check_watch *watch, const setun_check_place *place, uint32_t item, const setun_check_operand *operand,
                        uint32_t part, setun_error *error)
{
    struct setun_check_watched *r = &watch->region[watch->n_regions++];

    r->data = place->item[item].buffer.data;
    r->n_bytes = place->item[item].buffer.n_bytes;
    r->item = item;
    r->operand = operand;
    r->part = part;
    r->before = setun_alloc(r->n_bytes);
    r->result = setun_alloc(r->n_bytes);
    r->owner = setun_calloc(r->n_bytes, 1);
    return r->before != NULL && r->result != NULL && r->owner != NULL ? SETUN_OK : setun_fail_nomem(error, "watched memory", 3 * r->n_bytes);
}

setun_status setun_check_watch_make(setun_check_watch *watch, const setun_check_place *place, const setun_check_call *call, setun_error *error)
{
    uint32_t item = place->first_out;
    setun_status status = SETUN_OK;

    for (uint32_t i = 0; i < call->n_out; i++)
        for (uint32_t p = 0; p < call->out[i].n_parts && status == SETUN_OK; p++)
            status = add(watch, place, item++, &call->out[i], p, error);
    if (status == SETUN_OK)
        status = add(watch, place, place->shared_item, NULL, 0, error);
    return status;
}

void setun_check_watch_free(setun_check_watch *watch)
{
    for (uint32_t i = 0; i < watch->n_regions; i++) {
        free(watch->region[i].before);
        free(watch->region[i].result);
        free(watch->region[i].owner);
    }
    memset(watch, 0, sizeof(*watch));
}

void setun_check_watch_phase_begin(setun_check_watch *watch)
{
    for (uint32_t i = 0; i < watch->n_regions; i++)
        memset(watch->region[i].owner, 0, watch->region[i].n_bytes);
}

void setun_check_watch_tile_begin(setun_check_watch *watch)
{
    for (uint32_t i = 0; i < watch->n_regions; i++)
        memcpy(watch->region[i].before, watch->region[i].data, watch->region[i].n_bytes);
}

/* Bytes [begin, end) of a region, all of them values. */
static bool claim(struct setun_check_watched *r, size_t begin, size_t end, const setun_check_place *place, const setun_tile *tile,
                  setun_check_failure *failure)
{
    for (size_t at = begin; at < end; at++) {
        const size_t n = end - at < STRIDE ? end - at : STRIDE;

        if ((at == begin || at % STRIDE == 0) && memcmp(r->before + at, r->data + at, n) == 0) {
            at += n - 1;
            continue;
        }
        if (r->data[at] == r->before[at])
            continue;
        if (r->owner[at] != 0) {
            setun_check_fail(failure, "cut", "run() of units [%lld, %lld) in phase %u wrote byte %zu of %s, which worker %d's units had written",
                             (long long)tile->begin, (long long)tile->end, tile->phase, at, place->item[r->item].name, r->owner[at] - 1);
            return false;
        }
        r->owner[at] = (uint8_t)(tile->worker + 1);
        r->result[at] = r->data[at];
        r->data[at] ^= SPOIL;
    }
    return true;
}

/* Padding that nothing defines may be written by anybody. */
bool setun_check_watch_tile_end(setun_check_watch *watch, const setun_check_place *place, const setun_tile *tile, setun_check_failure *failure)
{
    for (uint32_t i = 0; i < watch->n_regions; i++) {
        struct setun_check_watched *r = &watch->region[i];
        bool cares = true;

        for (size_t begin = 0, end; begin < r->n_bytes; begin = end) {
            end = r->operand == NULL ? r->n_bytes : setun_check_operand_stretch(r->operand, r->part, begin, &cares);
            if (cares && !claim(r, begin, end, place, tile, failure))
                return false;
        }
    }
    return true;
}

void setun_check_watch_phase_end(setun_check_watch *watch)
{
    for (uint32_t i = 0; i < watch->n_regions; i++)
        for (size_t at = 0; at < watch->region[i].n_bytes; at++)
            if (watch->region[i].owner[at] != 0)
                watch->region[i].data[at] = watch->region[i].result[at];
}

/* watch.c - see watch.h. */
#include "check/watch.h"

#include <stdlib.h>
#include <string.h>

enum { SPOIL = 0x5A }; /* xor-ed: no byte stays, no float keeps its value */

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

/* Padding that nothing defines may be written by anybody. */
static bool cares(const struct setun_check_watched *r, size_t at)
{
    return r->operand == NULL || setun_check_operand_cares(r->operand, r->part, at);
}

bool setun_check_watch_tile_end(setun_check_watch *watch, const setun_check_place *place, const setun_tile *tile, setun_check_failure *failure)
{
    for (uint32_t i = 0; i < watch->n_regions; i++) {
        struct setun_check_watched *r = &watch->region[i];

        if (memcmp(r->before, r->data, r->n_bytes) == 0)
            continue;
        for (size_t at = 0; at < r->n_bytes; at++) {
            if (r->data[at] == r->before[at] || !cares(r, at))
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

/* watch.h - which bytes does each tile write? Those of one phase may not overlap, even if the same values come out: two workers would
 * write them at once. After a tile, what it wrote is spoilt, so that another tile that writes or reads it shows. Internal. */
#ifndef SETUN_CHECK_WATCH_H
#define SETUN_CHECK_WATCH_H
#include "check/place.h"

/* Zero-initialise. */
typedef struct setun_check_watch {
    struct setun_check_watched {
        unsigned char *data;            /* live memory: an output's or the shared scratch */
        size_t         n_bytes;
        unsigned char *before, *result; /* as it was before the tile; as its owner wrote it */
        uint8_t       *owner;           /* worker + 1 of the byte in this phase; 0: none */
        const setun_check_operand *operand; /* NULL: shared scratch */
        uint32_t       part, item;
    } region[SETUN_CHECK_OUTS * SETUN_CHECK_PARTS + 1];
    uint32_t n_regions;
} setun_check_watch;

setun_status setun_check_watch_make(setun_check_watch *watch, const setun_check_place *place, const setun_check_call *call, setun_error *error);
void         setun_check_watch_free(setun_check_watch *watch);
void setun_check_watch_phase_begin(setun_check_watch *watch);
void setun_check_watch_tile_begin(setun_check_watch *watch);
/* False: the tile wrote what another one owns; failure says which byte. */
bool setun_check_watch_tile_end(setun_check_watch *watch, const setun_check_place *place, const setun_tile *tile, setun_check_failure *failure);
void setun_check_watch_phase_end(setun_check_watch *watch);
#endif

/* place.h - the memory of one run: every tensor, array and scratch in a trap of its own. Internal to run.c and watch.c. */
#ifndef SETUN_CHECK_PLACE_H
#define SETUN_CHECK_PLACE_H
#include "check/run.h"

enum {
    SETUN_CHECK_TENSORS = (SETUN_CHECK_INS + SETUN_CHECK_OUTS) * SETUN_CHECK_PARTS,
    SETUN_CHECK_BUFFERS = SETUN_CHECK_TENSORS + 6 + SETUN_CHECK_MAX_SEQS + SETUN_CHECK_WORKERS + 2
};

typedef struct setun_check_item {
    setun_check_buffer buffer;
    char               name[40]; /* "in[2] (tern2.row)" */
    bool               locked;
} setun_check_item;

/* Zero-initialise. */
typedef struct setun_check_place {
    setun_check_item item[SETUN_CHECK_BUFFERS];
    uint32_t         n_items;
    setun_tensor     in[SETUN_CHECK_INS * SETUN_CHECK_PARTS], out[SETUN_CHECK_OUTS * SETUN_CHECK_PARTS];
    uint32_t         n_in, n_out;     /* tensors */
    uint32_t         first_out;       /* item of out[0]; the others follow it */
    setun_batch      batch;
    void            *scratch[SETUN_CHECK_WORKERS], *shared;
    uint32_t         shared_item;
} setun_check_place;

/* Operands and batch. On failure the place is to be freed all the same. */
setun_status setun_check_place_call(setun_check_place *place, const setun_check_call *call, setun_check_way *way, setun_error *error);
/* Scratch, once plan() has said how much. */
setun_status setun_check_place_scratch(setun_check_place *place, const setun_kernel_plan *plan, setun_check_way *way, setun_error *error);
/* Copies the outputs back. */
void setun_check_place_fetch(const setun_check_place *place, const setun_check_call *call);
void setun_check_place_free(setun_check_place *place);

/* Names the first written guard byte; false if there is none. */
bool setun_check_place_guards(const setun_check_place *place, setun_check_failure *failure, const char *what);
/* "SIGSEGV at the byte after the end of in[2] (tern2.row)". */
void setun_check_place_crash(const setun_check_place *place, const setun_check_crash *crash, setun_check_failure *failure, const char *what);
#endif

/* packer.h - weights from one format to another by the plugins' kernels, on all threads. Internal. */
#ifndef SETUN_CONVERT_PACKER_H
#define SETUN_CONVERT_PACKER_H
#include "exec/team.h"
#include "plan/operand.h"

typedef struct setun_packer setun_packer;

/* plugins NULL: those of the standard search path. n_threads 0: one for each core. */
setun_status setun_packer_create(const setun_plugins *plugins, uint32_t n_threads, setun_packer **out_packer, setun_error *error);
void         setun_packer_destroy(setun_packer *packer); /* accepts NULL */
setun_team  *setun_packer_team(const setun_packer *packer);

/* A tensor [rows, columns] in a representation ("tern2.row+f32"), with memory of its own; contents are unspecified. Zero-initialise. */
typedef struct setun_packed {
    const char   *fmts;
    setun_operand operand;
    size_t        capacity[SETUN_OPERAND_MAX_PARTS]; /* bytes of the memory, reused from call to call */
} setun_packed;
/* fmts is borrowed. */
setun_status setun_packer_shape(const setun_packer *packer, const char *fmts, int64_t rows, int64_t columns, setun_packed *packed,
                                setun_error *error);
void         setun_packed_free(setun_packed *packed);

/* Runs the exact kernel of `op` ("pack", "ternarise", "quantise") from one representation to another. SETUN_ERR_UNSUPPORTED: there is none. */
setun_status setun_packer_run(const setun_packer *packer, const char *op, const setun_packed *in, const setun_packed *out, setun_error *error);
/* Whether there is one, whatever the shape. */
bool         setun_packer_knows(const setun_packer *packer, const char *op, const char *from, const char *to);
#endif

/* operand.h - one operand of a kernel under test: its tensors in plain memory, made, filled with test values, compared. Internal. */
#ifndef SETUN_CHECK_OPERAND_H
#define SETUN_CHECK_OPERAND_H
#include "base/base.h"
#include "check/random.h"
#include "plugin/fmts.h"
#include "plugin/registry.h"

enum {
    SETUN_CHECK_PARTS = 5,    /* tensors of one operand */
    SETUN_CHECK_INS = 4,      /* operands of one call */
    SETUN_CHECK_OUTS = 3,
    SETUN_CHECK_FMT_BYTES = SETUN_CHECK_PARTS * SETUN_FMT_NAME_BYTES
};

/* The operands of a kernel as text: "i8.row+f32". */
typedef struct setun_check_fmts {
    uint32_t n_in, n_out;
    char     in[SETUN_CHECK_INS][SETUN_CHECK_FMT_BYTES], out[SETUN_CHECK_OUTS][SETUN_CHECK_FMT_BYTES];
} setun_check_fmts;

/* SETUN_ERR_UNSUPPORTED: more operands or tensors than the check has room for. */
setun_status setun_check_fmts_parse(const char *fmts, setun_check_fmts *out_fmts, setun_error *error);

/* Zero-initialise. */
typedef struct setun_check_operand {
    uint32_t            n_parts;
    setun_tensor        part[SETUN_CHECK_PARTS];    /* data is owned, 64-byte aligned */
    const setun_format *format[SETUN_CHECK_PARTS];
    size_t              n_bytes[SETUN_CHECK_PARTS]; /* 0 for an operand without rows */
    unsigned char      *care[SETUN_CHECK_PARTS];    /* [n_bytes] 0 where a byte is padding that nothing defines; NULL: by the format's name */
} setun_check_operand;

/* Tensors of the formats in `fmt` ("i8.row+f32"); dim is the first one's, the further ones have a value for each row.
 * dim[row_dim] may be 0. Contents are zero. SETUN_ERR_UNSUPPORTED: a format is unknown or cannot hold the dims. */
setun_status setun_check_operand_make(const setun_plugins *plugins, const char *fmt, const int64_t dim[4], setun_check_operand *out_operand,
                                      setun_error *error);
/* The same without data, for plan() alone: any size costs nothing. */
setun_status setun_check_operand_shape(const setun_plugins *plugins, const char *fmt, const int64_t dim[4], setun_check_operand *out_operand,
                                       setun_error *error);
void         setun_check_operand_free(setun_check_operand *operand); /* accepts a zeroed one */

/* What values an operand gets; each format takes from it what it can. */
enum setun_check_fill {
    SETUN_FILL_RANDOM,      /* f32 in -1 .. 1, i8 anything, 42 % zeros among ternary weights */
    SETUN_FILL_PLUS,        /* all +1, or +127 */
    SETUN_FILL_MINUS,       /* all -1, or -127 */
    SETUN_FILL_LOWEST,      /* all -1, or -128 */
    SETUN_FILL_ZERO,
    SETUN_FILL_ALTERNATING, /* largest and lowest in turn */
    SETUN_FILL_ANY,         /* f32: every exponent alike */
    SETUN_FILL_TINY,        /* f32: subnormals, zeros of both signs, the smallest normal numbers */
    SETUN_FILL_HUGE,        /* f32: up to the largest */
    SETUN_FILL_TIES,        /* f32: whole numbers and a half; the largest in a row is 127, so that quantising meets ties */
    SETUN_FILL_CODES,       /* ternary: every combination of four and five neighbours, zeros one in three */
    SETUN_N_FILLS
};
const char *setun_check_fill_name(enum setun_check_fill fill);

/* Fills every tensor of an operand in a format that is the scalar backend's own; padding that nothing defines becomes rubbish.
 * False: this format has no fill. */
bool setun_check_operand_fill(setun_check_operand *operand, enum setun_check_fill fill, setun_check_random *random);
/* The part of it for ternary weights: fill_ternary.c. */
bool setun_check_fill_ternary(setun_tensor *tensor, enum setun_check_fill fill, setun_check_random *random);
/* The part of it for i8.b32, q8_0.b32 and q6_k.b256: fill_blocks.c. */
bool setun_check_fill_blocks(setun_tensor *tensor, enum setun_check_fill fill, setun_check_random *random);
/* The part of it for i16.hl, i8.r16k4 and i7.r256k32: fill_screen.c. */
bool setun_check_fill_screen(setun_tensor *tensor, size_t n_bytes, enum setun_check_fill fill, setun_check_random *random);
/* Rubbish into the padding of f32, f16, bf16 and i32; other formats are left. */
void setun_check_operand_soil(setun_check_operand *operand, setun_check_random *random);
/* Rubbish everywhere. */
void setun_check_operand_rubbish(setun_check_operand *operand, setun_check_random *random);

/* Where two operands of the same format differ. */
typedef struct setun_check_difference {
    uint32_t part;
    char     where[160]; /* "row 3, column 17: expected 0x1p+0, found 0x1.8p+0" */
} setun_check_difference;

/* Same bits, but for padding and for rows where a NaN is expected. */
bool setun_check_operand_same(const setun_check_operand *expected, const setun_check_operand *found, setun_check_difference *out_difference);

/* Sums over f32 tensors, for kernels that are not exact. Zero-initialise. */
typedef struct setun_check_error {
    double squares, reference, largest;
    bool   not_finite; /* where a finite value was expected */
} setun_check_error;
void setun_check_operand_measure(const setun_check_operand *expected, const setun_check_operand *found, setun_check_error *error);

/* The end of the stretch from byte `begin` of a part on, whose bytes all hold or help to hold values (*out_cares), or are all padding. */
size_t setun_check_operand_stretch(const setun_check_operand *operand, uint32_t part, size_t begin, bool *out_cares);
#endif

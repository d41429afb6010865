/* small.h - a small random model, written as a Hugging Face folder in one of many forms. */
#ifndef SMALL_H
#define SMALL_H
#include <stdbool.h>
#include <stdint.h>

enum { SMALL_VOCAB = 260, SMALL_LAYERS = 2, SMALL_TENSORS = 3 + 11 * SMALL_LAYERS };

enum small_type { SMALL_BF16, SMALL_F16, SMALL_F32 };

/* A matrix or vector, before it is put into any form. Ternary ones have what absmean makes of them (numerics.md), computed here anew. */
struct small_tensor {
    char   name[96];      /* without ".weight" */
    int    rows, columns; /* rows 0: a vector */
    bool   linear;        /* ternary by design */
    float *w;             /* [rows][columns], exact in bf16 */
    float  mean;          /* absolute mean, f32 */
    signed char *t;       /* [rows][columns] -1, 0, 1 */
};

struct small_model {
    struct small_tensor tensor[SMALL_TENSORS];
    int                 n;
};

/* Random contents. `balanced`: half of a matrix's values are 1.5 * 2^-k, half 0.5 * 2^-k, signs random, so that the mean is exactly 2^-k:
 * it has an exact inverse, and every type holds both. */
void small_create(struct small_model *model, uint64_t seed, bool balanced);
void small_destroy(struct small_model *model);

/* How it is written. */
struct form {
    const char     *name;
    bool            packed;       /* ternary codes and a scale, else masters */
    enum small_type type;         /* of masters, or of scales */
    bool            divides;      /* packed: the scale is stored inverted, and the configuration says so */
    bool            inverted_twice; /* packed: the scale is 1 / (1 / mean), what `divides` comes back as, but stored as it is */
    bool            untied;       /* the head is a tensor of its own, equal to the embeddings */
    bool            other_head;   /* untied, and different */
    int             n_shards;     /* 0: one file without an index */
};

/* Fills an empty folder. */
void small_write(const struct small_model *model, const struct form *form, const char *folder);

/* Round to nearest even, as f32. */
float small_round(float value, enum small_type type);
#endif

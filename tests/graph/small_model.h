/* small_model.h - a small valid model file with a weight file that fits it, for tests that break one thing. */
#ifndef SMALL_MODEL_H
#define SMALL_MODEL_H
#include "weights/weights.h"

/* The model file. Two layers; hidden 8, 2 heads of 4, 1 kv head, vocabulary 16, context 32; layer 1 has a norm more. */
extern const char small_model[];
enum { SMALL_MODEL_NODES = 1 + 7 + 8 + 2 };

/* One bf16 tensor (or U8 where packed: shape as stored) of a Hugging Face folder. */
struct small_tensor {
    const char *name;
    int64_t     dim[3]; /* 0: no such dimension */
    int         packed;
    int         scale;  /* a weight_scale [1] beside it */
};

/* The folder that fits small_model, opened; its files are gone once this returns. Exits the test on failure. */
setun_weights *small_weights(void);
/* Any folder, with this config.json; the tensors are zeros, scales are 1. */
setun_weights *make_weights(const char *config, const struct small_tensor *tensors, size_t n_tensors);

/* A copy of text (malloc) with the first `from` replaced by `to`; fails the test if `from` does not stand in it. */
char *edit(const char *text, const char *from, const char *to);
#endif

/* gguf_fable.h - models/fable as a GGUF file, written here and nowhere else: what it says of its weights must be what the folder says. */
#ifndef GGUF_FABLE_H
#define GGUF_FABLE_H
#include <stdbool.h>

enum gguf_fable_type { GGUF_FABLE_I2S, GGUF_FABLE_I2S_64, GGUF_FABLE_I2S_ROWS, GGUF_FABLE_TQ1, GGUF_FABLE_TQ2 };

/* Embedding BF16, norms F32, the rest of that type. separate_scale: the tensors' own scale is 1, and X.scale has it. Fails the test if it cannot. */
void gguf_fable_write(const char *path, enum gguf_fable_type type, bool separate_scale);
#endif

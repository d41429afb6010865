/* synthetic_2b4t.h - a folder with the shapes of BitNet b1.58 2B4T, packed, but without its contents. */
#ifndef SYNTHETIC_2B4T_H
#define SYNTHETIC_2B4T_H
#include <stdbool.h>
#include <stddef.h>

enum {
    SYNTHETIC_2B4T_TENSORS = 542, /* in the file; 332 weights, because 210 of them are scales */
    SYNTHETIC_2B4T_WEIGHTS = 332
};
#define SYNTHETIC_2B4T_BYTES 1178623988LL /* model.safetensors, as published */
#define SYNTHETIC_2B4T_SCALE 0.08203125f  /* every weight_scale */

/* Makes a new folder in the build tree, its path in folder[n_bytes], with config.json as published and a model.safetensors that has the real
 * header and size but is sparse: all zeros (every ternary code is -1) except for the scales. False: the system refused. */
bool synthetic_2b4t_create(char *folder, size_t n_bytes);
void synthetic_2b4t_remove(const char *folder);
#endif

/* folder.h - a folder in the build tree that a test fills with files, good or bad, and removes. Failures fail the test. */
#ifndef FOLDER_H
#define FOLDER_H
#include <stddef.h>

#include "weights/weights.h"

struct folder {
    char path[3000];
};

#define CONFIG_MULTIPLIES \
    "{\"architectures\":[\"X\"],\"vocab_size\":100,\"quantization_config\":{\"linear_class\":\"autobitlinear\"}}"

void  folder_create(struct folder *folder);
void  folder_remove(struct folder *folder); /* with the files in it */
void  folder_write(const struct folder *folder, const char *name, const void *data, size_t n_bytes);
void  folder_write_text(const struct folder *folder, const char *name, const char *text);
/* A safetensors file: length, header padded with blanks to a multiple of 8, data (NULL: zeros). */
void  folder_write_safetensors(const struct folder *folder, const char *name, const char *header, const void *data, size_t n_data);
/* "<folder>/<name>" in a buffer that the next call overwrites. */
const char *folder_file(const struct folder *folder, const char *name);

/* A file of models/fable, or any other, in memory; malloc-ed. */
unsigned char *read_whole(const char *path, size_t *out_bytes);

/* Opens the folder and expects the status and, in the error, the fragment. `what` names the case. */
void expect_refused(const struct folder *folder, const char *what, setun_status status, const char *fragment);
/* Opens the folder and expects success. */
setun_weights *expect_opened(const struct folder *folder, const char *what);
/* Fails the test unless everything in the weights lies where it may be read. Reads each tensor's first and last byte. */
void expect_well_formed(const setun_weights *weights, const char *what);
#endif

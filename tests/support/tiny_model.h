/* tiny_model.h - the smallest folder that is a whole model: one layer of 8, the 256 bytes as vocabulary. For tests that open it very often. */
#ifndef SETUN_TEST_TINY_MODEL_H
#define SETUN_TEST_TINY_MODEL_H
#include <stdbool.h>

/* Writes config.json, tokenizer.json and model.safetensors into an existing folder. False: some file cannot be written. */
bool tiny_model_write(const char *folder);
/* tokenizer.json alone. */
bool tiny_model_write_tokenizer(const char *folder);
#endif

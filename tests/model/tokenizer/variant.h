/* variant.h - tokenizers for tests: fable's with some fields changed, or a tiny one with a token for each byte. Failures fail the
 * test. */
#ifndef SETUN_TEST_VARIANT_H
#define SETUN_TEST_VARIANT_H
#include <jansson.h>

#include "setun/tokenizer.h"

#define TOKENIZER_GOLDEN SETUN_SOURCE_DIR "/tests/golden/tokenizer"

/* fable's tokenizer.json as JSON. */
json_t *fable_json(void);
/* 256 tokens, id = byte; no merges, ByteLevel without cuts. */
json_t *tiny_json(void);
/* Copies every field of `changes` into `root`, objects field by field. */
void merge_json(json_t *root, const json_t *changes);
/* Writes text to a temporary file, opens it as a tokenizer and removes it again. */
setun_status open_text(const char *text, size_t n_bytes, setun_tokenizer **out, setun_error *error);
setun_status open_json(const json_t *root, setun_tokenizer **out, setun_error *error);
/* As above; must succeed. */
setun_tokenizer *opened(json_t *root);

/* Encodes; must succeed. The ids are the caller's to free. */
int32_t *encoded(const setun_tokenizer *tokenizer, const char *text, size_t n_bytes, unsigned flags, size_t *out_n);
/* The text of ids through the streaming decoder, special tokens kept; each piece must be UTF-8 on its own. Malloc-ed. */
char *decoded(const setun_tokenizer *tokenizer, const int32_t *ids, size_t n, size_t *out_bytes);
/* Compares ids with a JSON array of them and names the text if they differ. */
void check_ids(const char *name, const char *text, const json_t *expected, const int32_t *ids, size_t n);

/* A fixed sequence of random numbers: SplitMix64. */
uint64_t next_random(uint64_t *state);
#endif

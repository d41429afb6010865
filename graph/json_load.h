/* json_load.h - jansson, made to notice that memory ran out. Internal to graph. */
#ifndef SETUN_JSON_LOAD_H
#define SETUN_JSON_LOAD_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* json_loadb, but for *out_no_memory: then it returns NULL and `fault` is of no use. jansson itself would report most such failures as bad
 * JSON, and where the buffer of a token could not grow it would go on without the byte. */
json_t *setun_json_loadb(const char *text, size_t n_bytes, size_t flags, json_error_t *fault, bool *out_no_memory);
#endif

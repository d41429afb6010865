/* base.h - what every file of libsetun may use: errors, checked sizes, memory, growing text. Internal. */
#ifndef SETUN_BASE_H
#define SETUN_BASE_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

#define SETUN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Writes the error's text (error may be NULL) and returns status: `return setun_fail(error, SETUN_ERR_IO, "%s: %s", ...)`. */
__attribute__((format(printf, 3, 4)))
setun_status setun_fail(setun_error *error, setun_status status, const char *format, ...);

/* SETUN_ERR_NOMEM with "out of memory: <what>, N bytes". */
setun_status setun_fail_nomem(setun_error *error, const char *what, size_t n_bytes);

/* Puts "<prefix>: " before the error's text and returns status unchanged. */
__attribute__((format(printf, 3, 4)))
setun_status setun_fail_prefix(setun_error *error, setun_status status, const char *format, ...);

#ifdef __clang_analyzer__
/* The analyser does not look into other files: it is told here that these return the status they are given, so that it does not follow
 * paths on which a failure counts as success. */
#define setun_fail(error, status, ...)         ((void)(setun_fail)(error, status, __VA_ARGS__), (status))
#define setun_fail_nomem(error, what, n_bytes) ((void)(setun_fail_nomem)(error, what, n_bytes), SETUN_ERR_NOMEM)
#define setun_fail_prefix(error, status, ...)  ((void)(setun_fail_prefix)(error, status, __VA_ARGS__), (status))
#endif

/* Overflow-checked arithmetic: false on overflow, and then *out is unset. */
bool setun_mul_size(size_t a, size_t b, size_t *out);
bool setun_add_size(size_t a, size_t b, size_t *out);
/* Product of n non-negative dims; false if one is negative or the product exceeds INT64_MAX. */
bool setun_mul_dims(const int64_t *dim, size_t n, int64_t *out);
/* a rounded up to a multiple of b (a power of two); false on overflow. */
bool setun_round_up(size_t a, size_t b, size_t *out);

/* malloc family that returns NULL on failure and never for zero bytes (they round up to one). */
void *setun_alloc(size_t n_bytes);
void *setun_calloc(size_t n, size_t size_bytes);
void *setun_realloc(void *old, size_t n_bytes);
char *setun_strdup(const char *text);
char *setun_strndup(const char *text, size_t n_bytes);

/* Makes room for at least n_needed elements in a growing array. `*items` and `*capacity` are changed on success only. */
bool setun_grow(void *items, size_t *capacity, size_t n_needed, size_t item_bytes);

/* Anonymous zeroed memory, page aligned, made of huge pages where the system grants them; NULL on failure. */
void *setun_pages_alloc(size_t n_bytes);
/* The same of ordinary pages, for memory of which little may ever be touched, here and there: a huge page would be taken for each touch. */
void *setun_pages_alloc_sparse(size_t n_bytes);
void  setun_pages_free(void *pages, size_t n_bytes);

/* A bump allocator for many small objects with one lifetime. */
typedef struct setun_pool {
    struct setun_pool_block *head;
} setun_pool;
void *setun_pool_alloc(setun_pool *pool, size_t n_bytes); /* zeroed, 16-byte aligned; NULL on failure */
char *setun_pool_strndup(setun_pool *pool, const char *text, size_t n_bytes);
__attribute__((format(printf, 2, 3)))
char *setun_pool_printf(setun_pool *pool, const char *format, ...);
void  setun_pool_free(setun_pool *pool);

/* The folder that holds libsetun (or the program that it was linked into), links resolved; NULL if nobody knows. SETUN_ERR_NOMEM. */
setun_status setun_library_folder(setun_pool *pool, const char **out_folder);

/* The user's file or folder `name` in the folder of an environment variable of the XDG specification, if that is an absolute path, else in
 * `below_home` of HOME: out_path[n_bytes] with a NUL at its end. Returns the length that the whole path has; 0: neither names a folder. */
size_t setun_user_path(const char *variable, const char *below_home, const char *name, char *out_path, size_t n_bytes);

/* A whole file in memory (malloc; one NUL byte after it, not counted). Refuses more than max_bytes. */
setun_status setun_read_file(const char *path, size_t max_bytes, char **out_text, size_t *out_bytes, setun_error *error);
#endif

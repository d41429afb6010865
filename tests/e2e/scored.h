/* scored.h - what `setun score --logits` gives, as bytes to compare. */
#ifndef SETUN_TEST_SCORED_H
#define SETUN_TEST_SCORED_H
#include <stdbool.h>
#include <stddef.h>

typedef struct scored {
    char  *npy, *out; /* the logits file, and stdout */
    size_t n_npy;
} scored;

/* Runs `setun score --logits FILE` with up to 20 further arguments (NULL after the last), in an environment of additions ("NAME=value", NULL
 * after the last; NULL: none). It must succeed. */
scored scored_in(const char *const *environment, const char *const *further);
scored scored_by(const char *const *further);
void   scored_free(scored *got);

/* Fails the test, naming `what` and the type of the cache, unless both are the same bytes. */
void scored_assert_same(const scored *a, const scored *b, const char *what, const char *kv);

/* Whether this machine and build have the backend. */
bool scored_has_backend(const char *backend);
#endif

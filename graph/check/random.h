/* random.h - the check's random numbers: splitmix64, one stream for each case, so that a seed repeats a case alone. Internal. */
#ifndef SETUN_CHECK_RANDOM_H
#define SETUN_CHECK_RANDOM_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct setun_check_random {
    uint64_t state;
} setun_check_random;

static inline uint64_t setun_check_next(setun_check_random *random)
{
    uint64_t x = random->state += UINT64_C(0x9E3779B97F4A7C15);

    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* 0 .. n-1, n >= 1. */
static inline int64_t setun_check_below(setun_check_random *random, int64_t n)
{
    return (int64_t)(setun_check_next(random) % (uint64_t)n);
}

/* -1 .. 1 */
static inline float setun_check_uniform(setun_check_random *random)
{
    return (float)(int32_t)setun_check_next(random) * 0x1p-31f;
}

static inline void setun_check_random_bytes(setun_check_random *random, void *data, size_t n_bytes)
{
    unsigned char *bytes = data;

    for (size_t i = 0; i < n_bytes; i += sizeof(uint64_t)) {
        const uint64_t word = setun_check_next(random);

        memcpy(bytes + i, &word, n_bytes - i < sizeof(word) ? n_bytes - i : sizeof(word));
    }
}

/* Rubbish that nobody may read: after 4104 bytes (no power of two, so that no two pages are alike) it comes again. */
static inline void setun_check_garbage(setun_check_random *random, void *data, size_t n_bytes)
{
    enum { PERIOD = 4104 };
    unsigned char *bytes = data;

    setun_check_random_bytes(random, bytes, n_bytes < PERIOD ? n_bytes : PERIOD);
    for (size_t i = PERIOD; i < n_bytes; i += PERIOD)
        memcpy(bytes + i, bytes, n_bytes - i < PERIOD ? n_bytes - i : PERIOD);
}

/* Random bytes one by one, eight of a number. Initialise with its `random` and zeros. */
typedef struct setun_check_bytes {
    setun_check_random *random;
    uint64_t            word;
    unsigned            n_left;
} setun_check_bytes;

static inline unsigned setun_check_byte(setun_check_bytes *bytes)
{
    unsigned byte;

    if (bytes->n_left == 0) {
        bytes->word = setun_check_next(bytes->random);
        bytes->n_left = sizeof(bytes->word);
    }
    byte = (unsigned)(bytes->word & 0xFF);
    bytes->word >>= 8;
    bytes->n_left--;
    return byte;
}

/* A stream of its own for the text and the number. */
static inline setun_check_random setun_check_stream(uint64_t seed, const char *text, uint64_t number)
{
    setun_check_random random = {.state = seed};
    uint64_t hash = setun_check_next(&random);

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3); /* FNV-1a */
    random.state = hash + number * UINT64_C(0xD1342543DE82EF95);
    return random;
}
#endif

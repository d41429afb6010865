/* screen.h - what the kernels of ops screen and rescreen with VNNI share: four bytes of x to every lane, and what unsigned codes add too much. */
#ifndef SETUN_AVX512_SCREEN_H
#define SETUN_AVX512_SCREEN_H
#include <string.h>

#include "lanes.h"

static inline __m512i four(const int8_t *x)
{
    int32_t bytes;

    memcpy(&bytes, x, sizeof(bytes));
    return _mm512_set1_epi32(bytes);
}

/* `times` (0 .. 255) the sum of a half row of x, whose padding up to a multiple of 64 is zero. */
static inline int32_t excess(const int8_t *x, int64_t k, int times)
{
    __m512i sum = _mm512_setzero_si512();

    for (int64_t c = 0; c < k; c += 64)
        sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8((char)times), _mm512_loadu_si512(x + c));
    return _mm512_reduce_add_epi32(sum);
}

/* What is read next, and how many bytes further on with each block of columns; from `end` on `gap` bytes behind that. */
typedef struct fetch {
    const char *from;
    int64_t     step;
    const char *end;
    int64_t     gap;
} fetch;
#endif

/* philox.c - the counter-based random numbers of sampling: any candidate's noise without any other's. */
#include "numerics/numerics.h"

void setun_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < SETUN_PHILOX_ROUNDS; round++) {
        const uint64_t a = (uint64_t)SETUN_PHILOX_M0 * c0, b = (uint64_t)SETUN_PHILOX_M1 * c2;

        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += SETUN_PHILOX_W0;
        k1 += SETUN_PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint32_t setun_gumbel_word(uint64_t seed, uint64_t position, uint32_t id)
{
    const uint32_t counter[4] = {id, (uint32_t)position, (uint32_t)(position >> 32), 0};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t word[4];

    setun_philox(counter, key, word);
    return word[0];
}

double setun_gumbel_of(uint32_t word)
{
    const double u = ((double)word + 0.5) * 0x1p-32;

    return -setun_log64(-setun_log64(u));
}

/* -log(u) >= 1 - u, and 1 - u > 2^-(n + 1) where the word begins with n ones. */
double setun_gumbel_most(uint32_t word)
{
    const double ln2 = 0.6931472; /* rounded up, by more than the roundings of log64 are worth */
    const int n_ones = word == UINT32_MAX ? 32 : __builtin_clz(~word);

    return ln2 * (n_ones + 1);
}

double setun_gumbel(uint64_t seed, uint64_t position, uint32_t id)
{
    return setun_gumbel_of(setun_gumbel_word(seed, position, id));
}

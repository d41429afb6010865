/* arch_other.c - an architecture without feature bits of its own: only plugins that need none are loaded. */
#include "arch.h"

uint64_t setun_arch_features(void)
{
    return 0;
}

uint64_t setun_arch_hardware(void)
{
    return setun_arch_features();
}

uint64_t setun_arch_permit(uint64_t features)
{
    return features;
}

int setun_arch_model(char *text, size_t n_bytes)
{
    (void)text, (void)n_bytes;
    return 0;
}

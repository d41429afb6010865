/* affinity_none.c - systems that bind no thread to a processor, such as macOS: workers run where the scheduler puts them. */
#include "cpu/affinity.h"

bool setun_affinity_read(setun_affinity *out_affinity)
{
    (void)out_affinity;
    return false;
}

bool setun_affinity_set(const setun_affinity *affinity)
{
    (void)affinity;
    return false;
}

bool setun_affinity_set_processor(unsigned processor)
{
    (void)processor;
    return false;
}

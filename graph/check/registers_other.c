/* registers_other.c - where no calling convention is known: the call, and the rounding mode that C itself can see. */
#include "check/registers.h"

#include <fenv.h>
#include <stdio.h>

typedef uint64_t two_arguments(const void *a, uint64_t b);

uint64_t setun_check_registers_call(void (*function)(void), const void *a, uint64_t b, setun_check_damage *out_damage)
{
    const int rounding = fegetround();
    const uint64_t result = ((two_arguments *)function)(a, b);

    out_damage->kind = NULL;
    if (fegetround() != rounding) {
        out_damage->kind = "fp mode";
        (void)snprintf(out_damage->what, sizeof(out_damage->what), "the rounding mode was %d and is %d", rounding, fegetround());
        (void)fesetround(rounding);
    }
    return result;
}

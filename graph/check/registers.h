/* registers.h - calls a function and looks whether it left the processor as the calling convention wants it. Internal to the check. */
#ifndef SETUN_CHECK_REGISTERS_H
#define SETUN_CHECK_REGISTERS_H
#include <stddef.h>
#include <stdint.h>

/* What a call disturbed. kind is NULL if nothing, else "register" or "fp mode"; what says which, and how. */
typedef struct setun_check_damage {
    const char *kind;
    char        what[96];
} setun_check_damage;

/* function(a, b) with a pattern in every register that a callee must keep. The upper half of a 32-bit b is rubbish, as a caller may leave
 * it. Returns its result register; a 32-bit result is its lower half. */
uint64_t setun_check_registers_call(void (*function)(void), const void *a, uint64_t b, setun_check_damage *out_damage);
#endif

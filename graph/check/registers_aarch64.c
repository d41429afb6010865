/* registers_aarch64.c - AAPCS64: x19 to x28, the lower halves of v8 to v15 and the control bits of FPCR survive a call. */
#include "check/registers.h"

#include <stdio.h>

enum { N_INTEGER = 10, N_VECTOR = 8, N_SAVED = N_INTEGER + N_VECTOR };

/* x0: function, x1: a, x2: b, x3: pattern[18], x4: found[18]. x18 belongs to the platform and is left alone. */
uint64_t setun_check_call_aarch64(void (*function)(void), const void *a, uint64_t b, const uint64_t *patterns, uint64_t *out_found);
#if defined(__APPLE__) /* Mach-O */
#define BEGIN ".private_extern _setun_check_call_aarch64\n" \
              ".globl _setun_check_call_aarch64\n" \
              "_setun_check_call_aarch64:\n"
#define END   ""
#else
#define BEGIN ".hidden setun_check_call_aarch64\n" \
              ".globl setun_check_call_aarch64\n" \
              ".type setun_check_call_aarch64, %function\n" \
              "setun_check_call_aarch64:\n"
#define END   ".size setun_check_call_aarch64, .-setun_check_call_aarch64\n"
#endif
__asm__(".text\n"
        ".p2align 4\n"
        BEGIN
        "    stp x29, x30, [sp, #-176]!\n"
        "    mov x29, sp\n"
        "    stp x19, x20, [sp, #16]\n"
        "    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n"
        "    stp x25, x26, [sp, #64]\n"
        "    stp x27, x28, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    str x4, [sp, #160]\n"
        "    ldp x19, x20, [x3]\n"
        "    ldp x21, x22, [x3, #16]\n"
        "    ldp x23, x24, [x3, #32]\n"
        "    ldp x25, x26, [x3, #48]\n"
        "    ldp x27, x28, [x3, #64]\n"
        "    ldp d8, d9, [x3, #80]\n"
        "    ldp d10, d11, [x3, #96]\n"
        "    ldp d12, d13, [x3, #112]\n"
        "    ldp d14, d15, [x3, #128]\n"
        "    mov x9, x0\n"
        "    mov x0, x1\n"
        "    mov x1, x2\n"
        "    blr x9\n"
        "    ldr x4, [sp, #160]\n"
        "    stp x19, x20, [x4]\n"
        "    stp x21, x22, [x4, #16]\n"
        "    stp x23, x24, [x4, #32]\n"
        "    stp x25, x26, [x4, #48]\n"
        "    stp x27, x28, [x4, #64]\n"
        "    stp d8, d9, [x4, #80]\n"
        "    stp d10, d11, [x4, #96]\n"
        "    stp d12, d13, [x4, #112]\n"
        "    stp d14, d15, [x4, #128]\n"
        "    ldp x19, x20, [sp, #16]\n"
        "    ldp x21, x22, [sp, #32]\n"
        "    ldp x23, x24, [sp, #48]\n"
        "    ldp x25, x26, [sp, #64]\n"
        "    ldp x27, x28, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    ldp x29, x30, [sp], #176\n"
        "    ret\n"
        END);

static uint64_t fpcr(void)
{
    uint64_t value;

    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return value;
}

uint64_t setun_check_registers_call(void (*function)(void), const void *a, uint64_t b, setun_check_damage *out_damage)
{
    const uint64_t fpcr_before = fpcr();
    setun_check_damage damage = {.kind = NULL};
    uint64_t pattern[N_SAVED], after[N_SAVED], result, fpcr_after;

    for (int i = 0; i < N_SAVED; i++)
        pattern[i] = UINT64_C(0x5E71B8C0DEB00B00) + (uint64_t)i;
    result = setun_check_call_aarch64(function, a, b, pattern, after);
    fpcr_after = fpcr();
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr_before));
    if (fpcr_after != fpcr_before) {
        damage.kind = "fp mode";
        (void)snprintf(damage.what, sizeof(damage.what), "FPCR was 0x%llx and is 0x%llx", (unsigned long long)fpcr_before,
                       (unsigned long long)fpcr_after);
    }
    for (int i = 0; i < N_SAVED && damage.kind == NULL; i++)
        if (after[i] != pattern[i]) {
            damage.kind = "register";
            (void)snprintf(damage.what, sizeof(damage.what), "%c%d is not as the caller left it", i < N_INTEGER ? 'x' : 'd',
                           i < N_INTEGER ? 19 + i : 8 + i - N_INTEGER);
        }
    *out_damage = damage;
    return result;
}

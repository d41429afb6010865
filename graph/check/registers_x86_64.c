/* registers_x86_64.c - System V calling convention: rbx, rbp, r12 to r15, the direction flag, the control bits of MXCSR and the x87
 * control word survive a call; the x87 stack, whose registers are MMX's too, is empty after it. */
#include "check/registers.h"

#include <stdio.h>
#include <string.h>

enum { N_SAVED = 6 };

/* What was found after a call. The assembly below knows the offsets. */
typedef struct found {
    uint64_t saved[N_SAVED]; /*  0: rbx, rbp, r12, r13, r14, r15 */
    uint64_t flags;          /* 48 */
    uint32_t mxcsr;          /* 56 */
    uint16_t x87;            /* 60 */
    uint16_t unused;
    uint32_t environment[7]; /* 64: as fnstenv stores it; [2] is the tag word, two bits a register, 3: empty */
} found;

static const uint64_t pattern[N_SAVED] = {0x5E71B8C0DEB00B01, 0x5E71B8C0DEB00B02, 0x5E71B8C0DEB00B03,
                                          0x5E71B8C0DEB00B04, 0x5E71B8C0DEB00B05, 0x5E71B8C0DEB00B06};
static const char *const names[N_SAVED] = {"rbx", "rbp", "r12", "r13", "r14", "r15"};

/* rdi: function, rsi: a, rdx: b, rcx: pattern[6], r8: found. The registers that a callee may change get rubbish. */
uint64_t setun_check_call_x86_64(void (*function)(void), const void *a, uint64_t b, const uint64_t *patterns, found *out);
__asm__(".text\n"
        ".p2align 4\n"
        ".hidden setun_check_call_x86_64\n"
        ".globl setun_check_call_x86_64\n"
        ".type setun_check_call_x86_64, @function\n"
        "setun_check_call_x86_64:\n"
        "    pushq %rbx\n"
        "    pushq %rbp\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    pushq %r8\n" /* seven pushes and the return address: the stack is aligned to 16 bytes */
        "    movq %rdi, %rax\n"
        "    movq %rsi, %rdi\n"
        "    movq %rdx, %rsi\n"
        "    movq 0(%rcx), %rbx\n"
        "    movq 8(%rcx), %rbp\n"
        "    movq 16(%rcx), %r12\n"
        "    movq 24(%rcx), %r13\n"
        "    movq 32(%rcx), %r14\n"
        "    movq 40(%rcx), %r15\n"
        "    movabsq $0xDEADDEADDEADDEAD, %rdx\n"
        "    movq %rdx, %rcx\n"
        "    movq %rdx, %r8\n"
        "    movq %rdx, %r9\n"
        "    movq %rdx, %r10\n"
        "    movq %rdx, %r11\n"
        "    call *%rax\n"
        "    movq (%rsp), %rcx\n"
        "    movq %rbx, 0(%rcx)\n"
        "    movq %rbp, 8(%rcx)\n"
        "    movq %r12, 16(%rcx)\n"
        "    movq %r13, 24(%rcx)\n"
        "    movq %r14, 32(%rcx)\n"
        "    movq %r15, 40(%rcx)\n"
        "    pushfq\n"
        "    popq 48(%rcx)\n"
        "    stmxcsr 56(%rcx)\n"
        "    fnstcw 60(%rcx)\n"
        "    fnstenv 64(%rcx)\n"
        "    cld\n"
        "    addq $8, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbp\n"
        "    popq %rbx\n"
        "    ret\n"
        ".size setun_check_call_x86_64, .-setun_check_call_x86_64\n");

enum { DIRECTION_FLAG = 1 << 10, MXCSR_CONTROL = 0xFFC0 /* all but the six sticky flags */, X87_EMPTY = 0xFFFF };

static uint32_t mxcsr(void)
{
    uint32_t value;

    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

static uint16_t x87_control(void)
{
    uint16_t value;

    __asm__ volatile("fnstcw %0" : "=m"(value));
    return value;
}

static void restore(uint32_t mxcsr_value, uint16_t x87)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr_value));
    __asm__ volatile("fninit\n\tfldcw %0" : : "m"(x87)); /* what a callee may leave on the stack is none of ours */
}

uint64_t setun_check_registers_call(void (*function)(void), const void *a, uint64_t b, setun_check_damage *out_damage)
{
    const uint32_t mxcsr_before = mxcsr();
    const uint16_t x87_before = x87_control();
    setun_check_damage damage = {.kind = NULL};
    uint64_t result;
    found after;

    result = setun_check_call_x86_64(function, a, b, pattern, &after);
    restore(mxcsr_before, x87_before);
    if ((after.mxcsr & MXCSR_CONTROL) != (mxcsr_before & MXCSR_CONTROL)) {
        damage.kind = "fp mode";
        (void)snprintf(damage.what, sizeof(damage.what), "MXCSR was 0x%04x and is 0x%04x", mxcsr_before & MXCSR_CONTROL,
                       after.mxcsr & MXCSR_CONTROL);
    } else if (after.x87 != x87_before) {
        damage.kind = "fp mode";
        (void)snprintf(damage.what, sizeof(damage.what), "the x87 control word was 0x%04x and is 0x%04x", x87_before, after.x87);
    } else if ((uint16_t)after.environment[2] != X87_EMPTY) {
        damage.kind = "register";
        (void)snprintf(damage.what, sizeof(damage.what), "the x87 stack is not empty (tags 0x%04x): a value is left, or emms missing",
                       (unsigned)(uint16_t)after.environment[2]);
    } else if ((after.flags & DIRECTION_FLAG) != 0) {
        damage.kind = "register";
        (void)snprintf(damage.what, sizeof(damage.what), "the direction flag is left set");
    }
    for (int i = 0; i < N_SAVED && damage.kind == NULL; i++)
        if (after.saved[i] != pattern[i]) {
            damage.kind = "register";
            (void)snprintf(damage.what, sizeof(damage.what), "%s is not as the caller left it", names[i]);
        }
    *out_damage = damage;
    return result;
}

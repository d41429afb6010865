/* linear.c - ternary linear, right but for one fault. */
#include <fenv.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "faulty.h"

#define K_RIGHT ((INT64_C(1) << 24) - 1)
enum { K_CLAIMED = 256 }; /* 256 * 128 = 2^15 is one too much for 16 bits */

static int64_t k_claimed(void)
{
    return fault == K_MAX || fault == K_MAX_ACCEPT ? K_CLAIMED : K_RIGHT;
}

static setun_status plan(const setun_query *query, setun_kernel_plan *out_plan)
{
    if (fault == MUTE)
        return SETUN_ERR_UNSUPPORTED;
    if (fault == REFUSE)
        return setun_refuse(query, "not today");
    if (query->in[2].dim[1] > (fault == K_MAX_ACCEPT ? K_RIGHT : k_claimed()))
        return setun_refuse(query, "k is too large");
    out_plan->n_phases = 1;
    out_plan->worker_bytes = (2 * (size_t)query->rows_max + 1) * sizeof(int32_t);
    out_plan->cost_ns = (double)query->rows_max * (double)query->in[2].dim[0] * (double)query->in[2].dim[1];
    out_plan->choice[0] = (uint64_t)query->rows_max;
    return SETUN_OK;
}

static int64_t units(const setun_call *call, uint32_t phase)
{
    (void)phase;
    return call->in[2].dim[0];
}

static int weight(const uint8_t *w, int64_t e)
{
    const int code = w[e / 4] >> (2 * (e % 4)) & 3;

    if (fault == SIGN && w[e / 4] == 0x86 && e % 4 == 3) /* codes 2, 1, 0, 2 */
        return -1;
    return code - 1;
}

static int32_t dot(const int8_t *q, const uint8_t *w, int64_t k, int64_t m, int32_t start)
{
    int32_t sum = start;

    for (int64_t e = 0; e < (fault == TAIL ? k / 64 * 64 : k); e++) {
        const int32_t x = fault == LOWEST && q[e] == -128 ? -127 : q[e];

        sum += x * weight(w, e);
        if (fault == I16 || fault == K_MAX || (fault == I16_TILED && m > 7))
            sum = (int16_t)sum;
        if (fault == I28_TILED && m > 1)
            sum = (int32_t)((uint32_t)sum << 4) >> 4;
    }
    return sum;
}

static void end_process(void)
{
    if (fault == EXIT)
        exit(0);
    if (fault == EXIT_NOW)
        _exit(0);
    if (fault == KILL)
        (void)raise(SIGKILL);
}

/* BLEND: the column after the tile, in and out. */
static void save_beside(const setun_call *call, const setun_tile *tile, float *saved)
{
    for (int64_t i = 0; fault == BLEND && i < call->in[0].dim[0] && tile->end < call->in[2].dim[0]; i++)
        saved[i] = ((float *)out_row(call, 0, i))[tile->end];
}

/* What writes it meanwhile is waited for: on few cores it might not happen to run. */
static void restore_beside(const setun_call *call, const setun_tile *tile, const float *saved)
{
    if (fault == BLEND)
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    for (int64_t i = 0; fault == BLEND && i < call->in[0].dim[0] && tile->end < call->in[2].dim[0]; i++)
        ((float *)out_row(call, 0, i))[tile->end] = saved[i];
}

void good_run(const setun_call *call, const setun_tile *tile); /* called from assembly too */
void good_run(const setun_call *call, const setun_tile *tile)
{
    const setun_tensor *w = &call->in[2];
    const int64_t k = call->in[0].dim[1], n = w->dim[0], m = fault == ROWS_MAX ? (int64_t)call->choice[0] : call->in[0].dim[0];
    const float *s = call->in[1].data, *w_scale = call->in[3].data;
    int32_t *sums = tile->scratch;
    float *saved = (float *)tile->scratch + call->choice[0];
    int32_t *ran = sums + 2 * call->choice[0];
    static volatile int n_calls;

    if (fault == STATE)
        n_calls++;
    if (fault == AGAIN && *ran == 1958)
        return;
    *ran = 1958;
    if (m == 7)
        end_process();
    save_beside(call, tile, saved);
    for (int64_t j = fault == IGNORE_BEGIN ? 0 : tile->begin; j < tile->end; j++) {
        const uint8_t *codes = in_row(call, 2, j);

        for (int64_t i = 0; i < m; i++) {
            const int8_t *q = fault == STRIDE ? (const int8_t *)call->in[0].data + i * k : (const int8_t *)in_row(call, 0, i);

            if (fault != SCRATCH)
                sums[i] = 0;
            sums[i] = dot(q, codes, k, m, sums[i] & 0xFFFF);
            if (fault == WORKERS && tile->n_workers > 2)
                sums[i]++;
            if ((fault == MANY_ROWS && i >= 32) || (fault == MANY_COLUMNS && j >= 1000))
                sums[i]++;
            ((float *)out_row(call, 0, i))[j] = (float)sums[i] * (w_scale[j] / s[i]);
        }
    }
    restore_beside(call, tile, saved);
    if (fault == READ_PAST && tile->end == n)
        sums[0] = ((const volatile uint8_t *)w->data)[n * w->stride_bytes[0]];
    if (fault == WRITE_PAST && tile->end > tile->begin && m > 0)
        ((float *)out_row(call, 0, 0))[tile->end] = 1.0f;
    if (fault == WRITE_BEFORE && tile->end > tile->begin)
        ((float *)call->out[0].data)[-1] = 1.0f;
    if (fault == WRITE_INPUT && tile->end > tile->begin)
        *((uint8_t *)w->data + w->stride_bytes[0] - 1) = 0x55;
    if (fault == FP_MODE)
        (void)fesetround(FE_TOWARDZERO);
    if (fault == TRAP)
        __builtin_trap();
    for (volatile int again = 1; fault == HANG && again;)
        ;
    if (fault == SLEEP)
        (void)pause();
#if defined(__x86_64__)
    if (fault == MMX)
        __asm__ volatile("movd %0, %%mm0" : : "r"(1) : "mm0");
#endif
}

#if defined(__x86_64__)
__asm__(".text\n"
        ".hidden clobbering_run\n"
        ".globl clobbering_run\n"
        "clobbering_run:\n"
        "    subq $8, %rsp\n"
        "    call good_run\n"
        "    addq $8, %rsp\n"
        "    xorl %ebx, %ebx\n"
        "    ret\n"
        ".hidden careless_units\n" /* the dims come at 16 in setun_tensor, which is 96 bytes long; call->in at 16 */
        ".globl careless_units\n"
        "careless_units:\n"
        "    movq 16(%rdi), %rax\n"
        "    movq 208(%rax), %rax\n"
        "    shrq $32, %rsi\n"
        "    andl $1, %esi\n"
        "    addq %rsi, %rax\n"
        "    ret\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".hidden clobbering_run\n"
        ".globl clobbering_run\n"
        "clobbering_run:\n"
        "    stp x29, x30, [sp, #-16]!\n"
        "    bl good_run\n"
        "    ldp x29, x30, [sp], #16\n"
        "    mov x19, #0\n"
        "    ret\n"
        ".hidden careless_units\n"
        ".globl careless_units\n"
        "careless_units:\n"
        "    ldr x0, [x0, #16]\n"
        "    ldr x0, [x0, #208]\n"
        "    lsr x1, x1, #32\n"
        "    and x1, x1, #1\n"
        "    add x0, x0, x1\n"
        "    ret\n");
#endif
void clobbering_run(const setun_call *call, const setun_tile *tile);
int64_t careless_units(const setun_call *call, uint32_t phase);

static const setun_kernel kernel = {
    .size = sizeof(setun_kernel),
    .flags = SETUN_KERNEL_EXACT,
    .name = "linear_i8row_tern2row_f32__faulty",
    .pattern = FAULT == FUSED ? "h=linear(x,w); y=relu2(h)" : FAULT == FUSED_UNKNOWN ? "h=linear(x,w); y=gelu(h)" : "linear",
    .fmts = "i8.row+f32,tern2.row+f32>f32",
    .cpu = FAULT == NEEDS_CPU ? SETUN_CPU_SSE41 | SETUN_CPU_NEON : 0,
    .k_max = FAULT == NO_BITS ? 0 : FAULT == K_MAX || FAULT == K_MAX_ACCEPT ? K_CLAIMED : K_RIGHT,
    .acc_bits = FAULT == NO_BITS ? 0 : FAULT == ACC_BITS ? 3 : FAULT == I16 || FAULT == K_MAX ? 16 : 32,
    .plan = plan,
    .units = FAULT == UNITS ? careless_units : units,
    .run = FAULT == CLOBBER ? clobbering_run : good_run,
};
static const setun_kernel *const kernels[] = {&kernel, NULL};
FAULTY_PLUGIN(kernels);

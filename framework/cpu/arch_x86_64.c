/* arch_x86_64.c - x86-64 features from cpuid and XCR0, and the permission that Linux wants for AMX.
 * Compiled without instruction-set flags, because it runs before anyone knows what the CPU can do. */
#include <cpuid.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#if SETUN_LINUX
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "arch.h"
#include "setun_plugin.h"

/* XCR0: the register states that the operating system saves on a context switch. */
#define XCR0_AVX    0x6u     /* XMM, upper halves of YMM */
#define XCR0_AVX512 0xE6u    /* with mask registers, upper halves of ZMM0-15, ZMM16-31 */
#define XCR0_AMX    0x60000u /* TILECFG and TILEDATA */

#define AMX_ALL (SETUN_CPU_AMX_TILE | SETUN_CPU_AMX_INT8 | SETUN_CPU_AMX_BF16)

typedef struct regs {
    unsigned eax, ebx, ecx, edx;
} regs;

/* Zero where the leaf or subleaf does not exist. */
static regs leaf(unsigned number, unsigned subleaf)
{
    regs r = {0, 0, 0, 0};

    if (!__get_cpuid_count(number, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx))
        memset(&r, 0, sizeof(r));
    return r;
}

/* Only after cpuid says OSXSAVE. The mnemonic would need -mxsave with some assemblers, so the bytes stand here. */
static uint64_t xcr0(void)
{
    uint32_t low, high;

    __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has(unsigned reg, unsigned bit)
{
    return (reg >> bit & 1) != 0;
}

/* Features under a value of XCR0; all ones: if the operating system saved everything. */
static uint64_t features_of_state(uint64_t state)
{
    const regs l1 = leaf(1, 0), l7 = leaf(7, 0);
    const regs none = {0, 0, 0, 0};
    const regs l71 = l7.eax >= 1 ? leaf(7, 1) : none; /* l7.eax: the highest subleaf */
    const bool avx = (state & XCR0_AVX) == XCR0_AVX && has(l1.ecx, 28);
    const bool avx512 = avx && (state & XCR0_AVX512) == XCR0_AVX512 && has(l7.ebx, 16) /* F */ && has(l7.ebx, 17) /* DQ */ &&
                        has(l7.ebx, 28) /* CD */ && has(l7.ebx, 30) /* BW */ && has(l7.ebx, 31) /* VL */;
    const bool amx = (state & XCR0_AMX) == XCR0_AMX && has(l7.edx, 24);
    const struct {
        bool present;
        uint64_t feature;
    } table[] = {
        {has(l1.ecx, 19) && has(l1.ecx, 9), SETUN_CPU_SSE41},
        {has(l1.ecx, 23), SETUN_CPU_POPCNT},
        {avx && has(l7.ebx, 5), SETUN_CPU_AVX2},
        {avx && has(l1.ecx, 12), SETUN_CPU_FMA},
        {avx && has(l1.ecx, 29), SETUN_CPU_F16C},
        {avx && has(l7.ebx, 8), SETUN_CPU_BMI2}, /* VEX encoded, but on general registers: AVX state asked for uniformity */
        {avx && has(l71.eax, 4), SETUN_CPU_AVX_VNNI},
        {avx && has(l71.edx, 4), SETUN_CPU_AVX_VNNI_INT8},
        {avx512, SETUN_CPU_AVX512},
        {avx512 && has(l7.ecx, 11), SETUN_CPU_AVX512_VNNI},
        {avx512 && has(l7.ecx, 1) && has(l7.ecx, 6), SETUN_CPU_AVX512_VBMI},
        {avx512 && has(l71.eax, 5), SETUN_CPU_AVX512_BF16},
        {avx512 && has(l7.edx, 23), SETUN_CPU_AVX512_FP16},
        {avx && has(l7.ecx, 8), SETUN_CPU_GFNI}, /* with AVX: the VEX encoding */
        {amx, SETUN_CPU_AMX_TILE},
        {amx && has(l7.edx, 25), SETUN_CPU_AMX_INT8},
        {amx && has(l7.edx, 22), SETUN_CPU_AMX_BF16},
    };
    uint64_t features = 0;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].present)
            features |= table[i].feature;
    return features;
}

uint64_t setun_arch_features(void)
{
    return features_of_state(has(leaf(1, 0).ecx, 27) ? xcr0() : 0);
}

uint64_t setun_arch_hardware(void)
{
    return features_of_state(UINT64_MAX);
}

static bool amx_granted;

static void ask_for_amx(void)
{
#if SETUN_LINUX && defined(SYS_arch_prctl)
    const long req_xcomp_perm = 0x1023; /* ARCH_REQ_XCOMP_PERM */
    const long tile_data = 18;          /* XSAVE state component of TILEDATA */

    amx_granted = syscall(SYS_arch_prctl, req_xcomp_perm, tile_data) == 0;
#endif
}

uint64_t setun_arch_permit(uint64_t features)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if ((features & AMX_ALL) == 0)
        return features;
    pthread_once(&once, ask_for_amx);
    return amx_granted ? features : features & ~AMX_ALL;
}

int setun_arch_model(char *text, size_t n_bytes)
{
    const unsigned first = 0x80000002u, n_leaves = 3; /* 16 characters a leaf, padded with blanks or NULs */
    char brand[3 * 16 + 1];
    const char *begin = brand;
    size_t n;

    if (n_bytes == 0 || (unsigned)__get_cpuid_max(0x80000000u, NULL) < first + n_leaves - 1)
        return 0;
    for (unsigned i = 0; i < n_leaves; i++) {
        const regs r = leaf(first + i, 0);

        memcpy(brand + i * sizeof(r), &r, sizeof(r));
    }
    brand[sizeof(brand) - 1] = '\0';
    while (*begin == ' ')
        begin++;
    n = strlen(begin);
    while (n > 0 && begin[n - 1] == ' ')
        n--;
    if (n == 0)
        return 0;
    if (n >= n_bytes)
        n = n_bytes - 1;
    memcpy(text, begin, n);
    text[n] = '\0';
    return 1;
}

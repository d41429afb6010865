/* arch_aarch64.c - AArch64 features: the kernel's auxiliary vector on Linux, sysctl on macOS. */
#include <stdio.h>
#include <string.h>

#include "arch.h"
#include "setun_plugin.h"

typedef struct named_feature {
    const char *sysctl;       /* macOS */
    unsigned long hwcap, hwcap2; /* Linux: bits of AT_HWCAP and AT_HWCAP2 */
    uint64_t feature;
} named_feature;

/* The bits are the kernel's ABI; headers older than the CPU may not name them. */
static const named_feature table[] = {
    {"hw.optional.neon", 1UL << 1, 0, SETUN_CPU_NEON}, /* HWCAP_ASIMD */
    {"hw.optional.arm.FEAT_DotProd", 1UL << 20, 0, SETUN_CPU_DOTPROD},
    {"hw.optional.arm.FEAT_I8MM", 0, 1UL << 13, SETUN_CPU_I8MM},
    {"hw.optional.arm.FEAT_FP16", 1UL << 10, 0, SETUN_CPU_FP16}, /* HWCAP_ASIMDHP */
    {"hw.optional.arm.FEAT_SVE", 1UL << 22, 0, SETUN_CPU_SVE},
};

#if defined(__APPLE__)
#include <sys/sysctl.h>

static int present(const named_feature *f)
{
    int value = 0;
    size_t n_bytes = sizeof(value);

    return sysctlbyname(f->sysctl, &value, &n_bytes, NULL, 0) == 0 && value != 0;
}

int setun_arch_model(char *text, size_t n_bytes)
{
    return n_bytes > 0 && sysctlbyname("machdep.cpu.brand_string", text, &n_bytes, NULL, 0) == 0;
}
#else
#include <sys/auxv.h>

static int present(const named_feature *f)
{
    return (getauxval(AT_HWCAP) & f->hwcap) == f->hwcap && (getauxval(AT_HWCAP2) & f->hwcap2) == f->hwcap2;
}

/* "key : value" of /proc/cpuinfo, its first occurrence; 1 if found. */
static int cpuinfo_value(const char *key, char *value, size_t n_bytes)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[512];
    int found = 0;

    if (file == NULL)
        return 0;
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        char *colon = strchr(line, ':');

        if (colon == NULL || strncmp(line, key, strlen(key)) != 0)
            continue;
        colon += strspn(colon, ": \t");
        colon[strcspn(colon, "\r\n")] = '\0';
        found = *colon != '\0' && snprintf(value, n_bytes, "%s", colon) > 0;
    }
    fclose(file);
    return found;
}

/* Most AArch64 kernels give no name, only the numbers that stand for it. */
int setun_arch_model(char *text, size_t n_bytes)
{
    char implementer[32], part[32];

    if (n_bytes == 0)
        return 0;
    if (cpuinfo_value("model name", text, n_bytes))
        return 1;
    if (!cpuinfo_value("CPU implementer", implementer, sizeof(implementer)) || !cpuinfo_value("CPU part", part, sizeof(part)))
        return 0;
    return snprintf(text, n_bytes, "AArch64 implementer %s part %s", implementer, part) > 0;
}
#endif

uint64_t setun_arch_features(void)
{
    uint64_t features = 0;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (present(&table[i]))
            features |= table[i].feature;
    return features;
}

uint64_t setun_arch_hardware(void)
{
    return setun_arch_features();
}

uint64_t setun_arch_permit(uint64_t features)
{
    return features;
}

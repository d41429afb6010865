/* illegal.c - one instruction beyond the architecture's baseline, named by the argument: a CPU that lacks it must end this program by SIGILL,
 * else the tests of this folder could not fail. */
#include <stdio.h>
#include <string.h>

static const struct instruction {
    const char *feature;
    void (*run)(void);
} *find(const char *feature);

#if defined(__x86_64__)
static void run_popcnt(void)
{
    __asm__ volatile("popcnt %%rax, %%rcx" : : : "rcx", "cc");
}

static void run_avx2(void)
{
    __asm__ volatile("vpaddb %%ymm0, %%ymm0, %%ymm1\n\tvzeroupper" : : : "xmm1");
}

static void run_avx512(void)
{
    __asm__ volatile("vpaddd %%zmm0, %%zmm0, %%zmm1\n\tvzeroupper" : : : "xmm1");
}

static const struct instruction instructions[] = {{"popcnt", run_popcnt}, {"avx2", run_avx2}, {"avx512", run_avx512}};
#elif defined(__aarch64__)
/* As numbers: compilers name them only for CPUs that have them. sdot v1.4s, v0.16b, v0.16b. */
static void run_dotprod(void)
{
    __asm__ volatile(".inst 0x4e809401" : : : "v1");
}

/* smmla v1.4s, v0.16b, v0.16b */
static void run_i8mm(void)
{
    __asm__ volatile(".inst 0x4e80a401" : : : "v1");
}

static const struct instruction instructions[] = {{"dotprod", run_dotprod}, {"i8mm", run_i8mm}};
#endif

static const struct instruction *find(const char *feature)
{
    for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++)
        if (strcmp(instructions[i].feature, feature) == 0)
            return &instructions[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct instruction *instruction = argc == 2 ? find(argv[1]) : NULL;

    if (instruction == NULL) {
        fprintf(stderr, "illegal: expected a feature with an instruction here\n");
        return 2;
    }
    instruction->run();
    return 0;
}

/* hwcap.c - features of an AArch64 CPU by the names of the system's own headers, as `setun topo` writes them. */
#include <stdio.h>
#include <sys/auxv.h>

int main(void)
{
    const unsigned long hwcap = getauxval(AT_HWCAP), hwcap2 = getauxval(AT_HWCAP2);
    const struct {
        const char *name;
        unsigned long present;
    } features[] = {{"neon", hwcap & HWCAP_ASIMD},
                    {"dotprod", hwcap & HWCAP_ASIMDDP},
                    {"i8mm", hwcap2 & HWCAP2_I8MM},
                    {"fp16", hwcap & HWCAP_ASIMDHP},
                    {"sve", hwcap & HWCAP_SVE}};
    const char *blank = "";

    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        if (features[i].present != 0) {
            printf("%s%s", blank, features[i].name);
            blank = " ";
        }
    printf("\n");
    return 0;
}

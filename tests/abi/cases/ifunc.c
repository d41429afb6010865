/* ifunc.c - an ifunc: its resolver runs while the dynamic linker relocates the library. */
#include <stdlib.h>

int answer(int x);
int resolved(int x);

static int plain(int x)
{
    return x;
}

__attribute__((used)) static int (*resolve(void))(int) /* used: clang does not count the ifunc */
{
    return plain;
}

int resolved(int x) __attribute__((ifunc("resolve")));

int answer(int x)
{
    return resolved(x);
}

/* constructor.c - code that runs as soon as its library is mapped, and leaves a mark that it did. */
#include <stdlib.h>

__attribute__((constructor)) static void leave_mark(void)
{
    setenv("SETUN_ABI_CONSTRUCTOR_RAN", "1", 1);
}

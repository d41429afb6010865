/* data.c - see data.h. Read-only pages rather than a comparison before and after: that misses a value that is put back, and blames a call
 * that did no more than run at the same time. */
#include "check/data.h"

#include <sys/mman.h>

void setun_check_data_lock(const setun_check_data *data)
{
    for (uint32_t i = 0; i < data->n; i++)
        (void)mprotect(data->segment[i].begin, data->segment[i].n_bytes, PROT_READ);
}

void setun_check_data_unlock(const setun_check_data *data)
{
    for (uint32_t i = 0; i < data->n; i++)
        (void)mprotect(data->segment[i].begin, data->segment[i].n_bytes, PROT_READ | PROT_WRITE);
}

bool setun_check_data_holds(const setun_check_data *data, const void *address)
{
    for (uint32_t i = 0; i < data->n; i++)
        if ((uintptr_t)address - (uintptr_t)data->segment[i].begin < data->segment[i].n_bytes)
            return true;
    return false;
}

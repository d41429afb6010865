/* data_elf.c - where the dynamic linker of ELF systems has put a plugin's writable data. */
#include "check/data.h"

#include <link.h>
#include <unistd.h>

typedef struct search {
    uintptr_t in_plugin; /* any address of it */
    setun_check_data *data;
} search;

static bool holds(const struct dl_phdr_info *info, uintptr_t address)
{
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && address - (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr) < info->dlpi_phdr[i].p_memsz)
            return true;
    return false;
}

/* Whole pages; those that the dynamic linker has made read-only after it had relocated them stay as they are. */
static int visit(struct dl_phdr_info *info, size_t n_bytes, void *context)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t relro_begin = 0, relro_end = 0;
    search *s = context;

    (void)n_bytes;
    if (!holds(info, s->in_plugin))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO) {
            relro_begin = (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr) / page * page;
            relro_end = (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz) / page * page;
        }
    for (int i = 0; i < info->dlpi_phnum && s->data->n < SETUN_CHECK_SEGMENTS; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t begin, end;

        if (p->p_type != PT_LOAD || (p->p_flags & PF_W) == 0)
            continue;
        begin = (info->dlpi_addr + p->p_vaddr) / page * page;
        end = (info->dlpi_addr + p->p_vaddr + p->p_memsz + page - 1) / page * page;
        if (begin >= relro_begin && begin < relro_end)
            begin = relro_end;
        if (begin >= end)
            continue;
        s->data->segment[s->data->n].begin = (unsigned char *)begin; /* NOLINT(performance-no-int-to-ptr): an address of the dynamic linker */
        s->data->segment[s->data->n++].n_bytes = end - begin;
    }
    return 1;
}

void setun_check_data_find(const setun_plugin *plugin, setun_check_data *out_data)
{
    search s = {.in_plugin = (uintptr_t)plugin, .data = out_data};

    out_data->n = 0;
    if (plugin->build == SETUN_BUILD_PLAIN)
        (void)dl_iterate_phdr(visit, &s);
}

/* elf_none.c - for systems whose shared objects are not ELF (macOS): the file is not read, the handshake comes after dlopen. */
#include "base/base.h"
#include "plugin/elf.h"

bool setun_elf_is_native(void)
{
    return false;
}

setun_status setun_elf_read(const void *bytes, size_t n_bytes, setun_elf *out_elf, setun_error *error)
{
    (void)bytes, (void)n_bytes, (void)out_elf;
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "not an ELF system");
}

setun_status setun_elf_check(const setun_elf *elf, uint32_t build, setun_error *error)
{
    (void)elf, (void)build, (void)error;
    return SETUN_OK;
}

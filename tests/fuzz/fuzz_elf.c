/* fuzz_elf.c - a plugin's file as the loader sees it before anything is mapped: its ELF structure, its header, the contract's rules. */
#include <string.h>

#include "fuzz.h"
#include "plugin/elf.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    const setun_host host = {.abi_major = SETUN_ABI_MAJOR, .abi_minor = SETUN_ABI_MINOR, .build = SETUN_BUILD_PLAIN,
                             .machine = UINT64_MAX, .available = 0, .cap = "sse"};
    setun_error error = {""};
    setun_elf elf;
    setun_status status = setun_elf_read(data, n_bytes, &elf, &error);

    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
        return 0;
    }
    FUZZ_EXPECT(strnlen(elf.other_export, sizeof(elf.other_export)) < sizeof(elf.other_export));
    status = setun_handshake_check(&elf.header, &host, &error);
    if (status != SETUN_OK)
        fuzz_expect_refusal(status, &error);
    error.text[0] = '\0';
    status = setun_elf_check(&elf, elf.header.build, &error);
    if (status != SETUN_OK)
        fuzz_expect_refusal(status, &error);
    return 0;
}

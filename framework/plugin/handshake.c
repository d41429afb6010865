/* handshake.c - accepts or refuses a plugin by its header: magic, versions, size, sanitizer, CPU features, in this order. */
#include <inttypes.h>
#include <stdio.h>

#include "base/base.h"
#include "plugin/handshake.h"
#include "setun/cpu.h"

_Static_assert(sizeof(setun_plugin_header) == 24 && offsetof(setun_plugin, name) == 24, "the header is the first 24 bytes");
_Static_assert(offsetof(setun_plugin, cpu) == offsetof(setun_plugin_header, cpu), "same layout");

uint32_t setun_plugin_bytes_v1_0(void)
{
    return (uint32_t)(offsetof(setun_plugin, leave) + sizeof(void (*)(void)));
}

uint32_t setun_kernel_bytes_v1_0(void)
{
    return (uint32_t)(offsetof(setun_kernel, run) + sizeof(void (*)(void)));
}

uint32_t setun_format_bytes_v1_0(void)
{
    return (uint32_t)(offsetof(setun_format, offset) + sizeof(void (*)(void)));
}

static const char *build_name(uint32_t build)
{
    switch (build) {
    case SETUN_BUILD_PLAIN:
        return "no sanitizer";
    case SETUN_BUILD_ASAN:
        return "AddressSanitizer";
    case SETUN_BUILD_TSAN:
        return "ThreadSanitizer";
    default:
        return "a sanitizer unknown to this host";
    }
}

static setun_status check_cpu(uint64_t needed, const setun_host *host, setun_error *error)
{
    const uint64_t not_here = needed & ~host->machine, masked = needed & host->machine & ~host->available;
    char here_text[640] = "", masked_text[400] = "";

    if ((not_here | masked) == 0)
        return SETUN_OK;
    setun_cpu_names(not_here, here_text, sizeof(here_text));
    setun_cpu_names(masked, masked_text, sizeof(masked_text));
    if (masked == 0)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "needs CPU features that this machine lacks: %s", here_text);
    /* Present and not masked by a cap, yet not in force: the operating system denied it (AMX). */
    if (host->cap == NULL || host->cap[0] == '\0')
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "needs CPU features that the operating system denies: %s%s%s", masked_text,
                          not_here == 0 ? "" : "; and that this machine lacks: ", here_text);
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "needs CPU features that SETUN_CPU=%.80s takes away: %s%s%s", host->cap, masked_text,
                      not_here == 0 ? "" : "; and that this machine lacks: ", here_text);
}

setun_status setun_handshake_check(const setun_plugin_header *header, const setun_host *host, setun_error *error)
{
    /* A later minor adds its size here: what a plugin of minor i has at least. */
    const uint32_t least_bytes[] = {setun_plugin_bytes_v1_0()};
    uint32_t least;

    if (header->magic != SETUN_MAGIC)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s has magic 0x%08" PRIX32 ", expected 0x%08" PRIX32, SETUN_SYMBOL, header->magic,
                          SETUN_MAGIC);
    if (header->abi_major != host->abi_major)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "built for plugin contract %u.%u, this host has %u.%u", header->abi_major,
                          header->abi_minor, host->abi_major, host->abi_minor);
    if (header->abi_minor > host->abi_minor)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "built for plugin contract %u.%u, newer than this host's %u.%u",
                          header->abi_major, header->abi_minor, host->abi_major, host->abi_minor);
    least = least_bytes[header->abi_minor < SETUN_COUNT(least_bytes) ? header->abi_minor : SETUN_COUNT(least_bytes) - 1];
    if (header->size < least)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s says it has %" PRIu32 " bytes, contract %u.%u has %" PRIu32, SETUN_SYMBOL,
                          header->size, header->abi_major, header->abi_minor, least);
    if (header->build != host->build)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "built with %s, this host with %s", build_name(header->build),
                          build_name(host->build));
    return check_cpu(header->cpu, host, error);
}

/* handshake.h - what the host decides from the 24 constant bytes at the start of setun_plugin. Internal to libsetun. */
#ifndef SETUN_PLUGIN_HANDSHAKE_H
#define SETUN_PLUGIN_HANDSHAKE_H
#include "setun/error.h"
#include "setun_plugin.h"

/* The first fields of setun_plugin, which hold no pointer and so stand in the file as they will in memory. Frozen. */
typedef struct setun_plugin_header {
    uint32_t magic;
    uint16_t abi_major, abi_minor;
    uint32_t size;
    uint32_t build;
    uint64_t cpu;
} setun_plugin_header;

/* What the plugin is compared with; a parameter so that tests can be older and newer hosts. */
typedef struct setun_host {
    uint16_t    abi_major, abi_minor;
    uint32_t    build;     /* SETUN_BUILD_* */
    uint64_t    machine;   /* features of the machine, no cap applied */
    uint64_t    available; /* features in force */
    const char *cap;       /* text of the cap, for the reason; may be NULL */
} setun_host;

/* Bytes of setun_plugin and setun_kernel in the first minor: what every plugin of this major has at least. */
uint32_t setun_plugin_bytes_v1_0(void);
uint32_t setun_kernel_bytes_v1_0(void);
uint32_t setun_format_bytes_v1_0(void);

/* SETUN_OK: the host takes a plugin with this header. SETUN_ERR_UNSUPPORTED or _FORMAT: the error says why not. */
setun_status setun_handshake_check(const setun_plugin_header *header, const setun_host *host, setun_error *error);
#endif

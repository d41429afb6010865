/* elf.h - reads a plugin's shared object as bytes, before anything maps it or runs its code. Internal to libsetun.
 * The file is hostile input: whatever it says about itself is checked against its length.
 *
 * This protects from mistakes (wrong version, wrong CPU, damaged file), not from malice: a plugin that passes is run. */
#ifndef SETUN_PLUGIN_ELF_H
#define SETUN_PLUGIN_ELF_H
#include <stdbool.h>
#include <stddef.h>

#include "plugin/handshake.h"
#include "setun/error.h"

/* What the file says. */
typedef struct setun_elf {
    setun_plugin_header header;       /* the first bytes of setun_plugin_v1 */
    uint64_t            symbol_value; /* address of setun_plugin_v1 from the load base */
    uint64_t            symbol_bytes; /* its size by the symbol table, >= 24 */
    uint64_t            n_init;       /* functions in DT_INIT_ARRAY */
    bool                has_start_files; /* DT_INIT is there: the C runtime's start files were linked */
    bool                has_ifunc;    /* resolvers that the dynamic linker would call */
    bool                has_tls;      /* thread-local variables */
    bool                has_exec_stack; /* asks for an executable stack */
    char                other_export[64]; /* a second exported symbol; "" if there is none */
} setun_elf;

/* False where plugins are not ELF; then setun_elf_read fails and the header is looked at after dlopen. */
bool setun_elf_is_native(void);

/* SETUN_ERR_FORMAT: not a whole ELF file of a plugin for this machine; the error says what is wrong. */
setun_status setun_elf_read(const void *bytes, size_t n_bytes, setun_elf *out_elf, setun_error *error);

/* The contract's rules that the file shows: no constructors, no second export, no thread-local variables, no executable stack.
 * Constructors: the compiler's crtbegin puts one function (frame_dummy) into DT_INIT_ARRAY and crti an empty DT_INIT; so one entry is
 * tolerated if DT_INIT is there, else none. A single constructor of a plugin linked with -nostartfiles and its own -init is not seen.
 * Sanitizers add constructors and symbols of their own, so with a `build` other than SETUN_BUILD_PLAIN those two rules are off. */
setun_status setun_elf_check(const setun_elf *elf, uint32_t build, setun_error *error);
#endif

/** \file
 * cpu.h - the instruction-set features that this process may use: cpuid (or the kernel's auxiliary vector), the operating system's
 * register state, and the cap in SETUN_CPU. Feature bits are SETUN_CPU_* of setun_plugin.h. */
#ifndef SETUN_CPU_H
#define SETUN_CPU_H
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Features of this machine under a cap.
 *
 * The cap is the text of SETUN_CPU: [LEVEL][,-feature...], upper or lower case, no blanks; no LEVEL means native. A level above the
 * machine changes nothing, nor does a word of the other architecture.
 * \verbatim
 * LEVEL     keeps
 * sse       sse41 popcnt
 * avx2      those, avx2 fma f16c bmi2 avx_vnni avx_vnni_int8 gfni
 * avx512    those, avx512 avx512_vnni avx512_vbmi avx512_bf16 avx512_fp16
 * amx       those, amx_tile amx_int8 amx_bf16
 * neon      neon
 * dotprod   those, dotprod
 * i8mm      those, i8mm fp16
 * native    everything; sve has no level of its own
 * \endverbatim
 * -feature takes away one of the names above, or a group: -vnni the three kinds of VNNI, -vbmi avx512_vbmi, -bf16 and -fp16 those of
 * every unit, -avx512 all avx512*, -amx and -amx_tile all amx*, -avx2 all that x86 has beyond sse, -neon all of AArch64's.
 *
 * The operating system is asked for AMX, once a process, only if the cap leaves it in.
 * \param cap                as above; NULL and "" mean native
 * \param[out] out_features  SETUN_CPU_* bits
 * \param[out] error         the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: a word is unknown or empty, or a level is not the first word; the error names it and the words
 *         that are known */
SETUN_API setun_status setun_cpu_detect(const char *cap, uint64_t *out_features, setun_error *error);

/** Features that the CPU has by its own word, those too whose registers the operating system does not save (x86: cpuid without XCR0). What
 * is here and not in setun_cpu_detect(NULL, ...) is withheld by the system, or by the hypervisor.
 * \return SETUN_CPU_* bits */
SETUN_API uint64_t setun_cpu_hardware(void);

/** setun_cpu_detect with the machine's features given, for tests.
 * \param machine            SETUN_CPU_* bits
 * \param cap                what to apply to them
 * \param[out] out_features  SETUN_CPU_* bits
 * \param[out] error         the reason on failure; may be NULL
 * \return as setun_cpu_detect */
SETUN_API setun_status setun_cpu_mask(uint64_t machine, const char *cap, uint64_t *out_features, setun_error *error);

/** Names of features, joined by spaces; a bit without a name is bitN.
 * \param features   SETUN_CPU_* bits
 * \param[out] text  [n_bytes] always terminated, cut off if it does not fit
 * \param n_bytes    room in text
 * \return the length that the whole text has */
SETUN_API size_t setun_cpu_names(uint64_t features, char *text, size_t n_bytes);

/** Model name of the CPU, e.g.\ from /proc/cpuinfo; "unknown" if there is none.
 * \param[out] text  [n_bytes] always terminated, cut off if it does not fit
 * \param n_bytes    room in text */
SETUN_API void setun_cpu_model(char *text, size_t n_bytes);

#ifdef __cplusplus
}
#endif
#endif

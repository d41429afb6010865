/* cpu.h - the instruction-set features that this process may use: cpuid (or the kernel's auxiliary vector), the operating system's
 * register state, and the cap in SETUN_CPU. Feature bits are SETUN_CPU_* of setun_plugin.h. */
#ifndef SETUN_CPU_H
#define SETUN_CPU_H
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Features of this machine under `cap`, the text of SETUN_CPU: LEVEL[,-feature...]; LEVEL is sse, avx2, avx512, amx, neon, dotprod, i8mm
 * or native; NULL or "" means native. A level above the machine changes nothing.
 * SETUN_ERR_INVALID: a word is unknown; the error names it and the words that are known. */
SETUN_API setun_status setun_cpu_detect(const char *cap, uint64_t *out_features, setun_error *error);

/* The same with the machine's features given, for tests: applies `cap` to `machine`. */
SETUN_API setun_status setun_cpu_mask(uint64_t machine, const char *cap, uint64_t *out_features, setun_error *error);

/* Writes the names of `features`, joined by spaces, into text[n_bytes] (always terminated). Returns the length it would have had. */
SETUN_API size_t setun_cpu_names(uint64_t features, char *text, size_t n_bytes);

/* Model name of the CPU, e.g. from /proc/cpuinfo; "unknown" if there is none. Always terminated. */
SETUN_API void setun_cpu_model(char *text, size_t n_bytes);

#ifdef __cplusplus
}
#endif
#endif

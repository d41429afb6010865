/* vnni_model.h - AVX-VNNI by AVX-512's encoding of the same instructions, so that kernels written for the one are tested where a CPU has only
 * the other. Compiled before a kernel's source (-include). */
#ifndef SETUN_TEST_VNNI_MODEL_H
#define SETUN_TEST_VNNI_MODEL_H
#include <immintrin.h>

#include "setun_plugin.h"

#undef SETUN_CPU_AVX_VNNI
#define SETUN_CPU_AVX_VNNI (SETUN_CPU_AVX512 | SETUN_CPU_AVX512_VNNI)
#define _mm256_dpbusd_avx_epi32(sums, codes, words) _mm256_dpbusd_epi32(sums, codes, words)
#define _mm256_dpwssd_avx_epi32(sums, a, b) _mm256_dpwssd_epi32(sums, a, b)
#endif

/* tile_model.h - the tile instructions of AMX in C and SSE2, so that kernels written for them are tested where no CPU has them.
 *
 * The functions do what Intel's manual says of LDTILECFG, TILERELEASE, TILEZERO, TILELOADD, TILESTORED and TDPB[SU][SU]D. What the
 * processor faults, they fault: SIGILL where it raises #UD, SIGSEGV where it raises #GP; memory beyond what a tile's rows cover is never
 * touched. Each thread has tiles of its own. They live in a library of their own because a plugin may keep no state.
 *
 * Compiled before a kernel's source with SETUN_TILE_MODEL (-include), it puts them in the place of the compiler's intrinsics, and the
 * kernel asks for no CPU with tiles. */
#ifndef SETUN_TEST_TILE_MODEL_H
#define SETUN_TEST_TILE_MODEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TILE_MODEL_EXPORT __attribute__((visibility("default")))

TILE_MODEL_EXPORT void tile_model_load_config(const void *config);
TILE_MODEL_EXPORT void tile_model_release(void);
TILE_MODEL_EXPORT void tile_model_zero(unsigned tile);
TILE_MODEL_EXPORT void tile_model_load(unsigned tile, const void *base, ptrdiff_t stride);
TILE_MODEL_EXPORT void tile_model_store(unsigned tile, void *base, ptrdiff_t stride);
TILE_MODEL_EXPORT void tile_model_dot(unsigned c, unsigned a, unsigned b, bool a_signed, bool b_signed);

#ifdef SETUN_TILE_MODEL
#include <immintrin.h>

#include "setun_plugin.h"

#undef SETUN_CPU_AMX_TILE
#undef SETUN_CPU_AMX_INT8
#define SETUN_CPU_AMX_TILE UINT64_C(0)
#define SETUN_CPU_AMX_INT8 UINT64_C(0)

#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbssd
#undef _tile_dpbsud
#undef _tile_dpbusd
#undef _tile_dpbuud
#define _tile_loadconfig(config) tile_model_load_config(config)
#define _tile_release() tile_model_release()
#define _tile_zero(tile) tile_model_zero(tile)
#define _tile_loadd(tile, base, stride) tile_model_load(tile, base, stride)
#define _tile_stored(tile, base, stride) tile_model_store(tile, base, stride)
#define _tile_dpbssd(c, a, b) tile_model_dot(c, a, b, true, true)
#define _tile_dpbsud(c, a, b) tile_model_dot(c, a, b, true, false)
#define _tile_dpbusd(c, a, b) tile_model_dot(c, a, b, false, true)
#define _tile_dpbuud(c, a, b) tile_model_dot(c, a, b, false, false)
#endif
#endif

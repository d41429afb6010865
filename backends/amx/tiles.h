/* tiles.h - the tile registers of this backend: eight of one shape, set by enter() for as long as a parallel region lasts.
 *
 * A tile is 16 rows of 64 bytes. TILE_DOT(c, a, b) adds to c, 16 x 16 sums of 32 bits, the products of a, 16 rows by 64 signed columns, and
 * b, where row r holds columns 4r .. 4r + 3 of 16 rows of weights: dword j of it is those of row j. */
#ifndef SETUN_AMX_TILES_H
#define SETUN_AMX_TILES_H
#include <immintrin.h>
#include <stdint.h>

#define TILE_ROWS 16
#define TILE_ROW_BYTES 64
#define TILE_BYTES (TILE_ROWS * TILE_ROW_BYTES)

/* The operand of LDTILECFG, as Intel's manual gives it: zero where nothing is said. */
typedef struct tile_config {
    uint8_t palette; /* 1: eight tiles of at most 16 rows of 64 bytes */
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

/* The same shape for all: rows of activations that a pass does not have are zero in a copy, see ternary.h. A shape for every number of
 * rows would want another LDTILECFG in every call. */
static const tile_config all_whole = {
    .palette = 1,
    .row_bytes = {TILE_ROW_BYTES, TILE_ROW_BYTES, TILE_ROW_BYTES, TILE_ROW_BYTES, TILE_ROW_BYTES, TILE_ROW_BYTES, TILE_ROW_BYTES, TILE_ROW_BYTES},
    .rows = {TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS},
};

static inline void tiles_enter(void)
{
    _tile_loadconfig(&all_whole);
}

/* A thread that sleeps with tiles in use keeps its core from the deeper sleeps, and its context switches dear. */
static inline void tiles_leave(void)
{
    _tile_release();
}

/* gcc 12 does not know that a tile is loaded from memory: without the barrier a store before it might come after it. */
#define TILE_LOAD(tile, address, stride_bytes) \
    do { \
        __asm__ volatile("" : : : "memory"); \
        _tile_loadd(tile, address, stride_bytes); \
    } while (0)
#define TILE_STORE(tile, address, stride_bytes) \
    do { \
        _tile_stored(tile, address, stride_bytes); \
        __asm__ volatile("" : : : "memory"); \
    } while (0)
#define TILE_ZERO(tile) _tile_zero(tile)
#define TILE_DOT(c, a, b) _tile_dpbssd(c, a, b)
#endif

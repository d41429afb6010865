/* tile_model.c - see tile_model.h. The rules are those of the pages of the instructions in Intel's manual, volume 2. */
#include "tile_model.h"

#include <signal.h>
#include <string.h>

enum { N_TILES = 8, MAX_ROWS = 16, MAX_ROW_BYTES = 64, MAX_DWORDS = MAX_ROW_BYTES / 4, CONFIG_BYTES = 64 };

typedef struct tile {
    uint32_t rows, row_bytes;              /* both 0: not configured */
    uint8_t byte[MAX_ROWS][MAX_ROW_BYTES]; /* zero beyond rows and row_bytes */
} tile;

static _Thread_local struct {
    bool configured;
    tile tile[N_TILES];
} state;

/* The processor's exceptions as a program sees them on Linux. */
static void fault_if(bool wrong, int signal)
{
    if (wrong)
        (void)raise(signal);
}

void tile_model_release(void)
{
    memset(&state, 0, sizeof(state));
}

/* Bytes of the operand: 0 palette, 1 start_row, 2..15 zero, 16..47 row bytes of 16 tiles as u16, 48..63 rows. */
void tile_model_load_config(const void *config)
{
    uint8_t c[CONFIG_BYTES];

    memcpy(c, config, sizeof(c));
    if (c[0] == 0) { /* the initial state, whatever else stands there */
        tile_model_release();
        return;
    }
    fault_if(c[0] != 1 || c[1] != 0, SIGSEGV);
    for (int i = 2; i < 16; i++)
        fault_if(c[i] != 0, SIGSEGV);
    for (int i = 0; i < 16; i++) {
        const uint32_t row_bytes = c[16 + 2 * i] | (uint32_t)c[17 + 2 * i] << 8, rows = c[48 + i];

        fault_if(i >= N_TILES && (row_bytes != 0 || rows != 0), SIGSEGV);
        fault_if(row_bytes > MAX_ROW_BYTES || rows > MAX_ROWS, SIGSEGV);
        fault_if((row_bytes == 0) != (rows == 0), SIGSEGV);
    }
    tile_model_release();
    state.configured = true;
    for (int i = 0; i < N_TILES; i++) {
        state.tile[i].row_bytes = c[16 + 2 * i];
        state.tile[i].rows = c[48 + i];
    }
}

/* A tile that an instruction names. */
static tile *named(unsigned i)
{
    fault_if(!state.configured || i >= N_TILES || state.tile[i % N_TILES].rows == 0, SIGILL);
    return &state.tile[i % N_TILES];
}

void tile_model_zero(unsigned i)
{
    memset(named(i)->byte, 0, sizeof(state.tile[0].byte));
}

void tile_model_load(unsigned i, const void *base, ptrdiff_t stride)
{
    tile *t = named(i);

    memset(t->byte, 0, sizeof(t->byte));
    for (uint32_t r = 0; r < t->rows; r++)
        memcpy(t->byte[r], (const uint8_t *)base + (ptrdiff_t)r * stride, t->row_bytes);
}

void tile_model_store(unsigned i, void *base, ptrdiff_t stride)
{
    const tile *t = named(i);

    for (uint32_t r = 0; r < t->rows; r++)
        memcpy((uint8_t *)base + (ptrdiff_t)r * stride, t->byte[r], t->row_bytes);
}

/* 32 bits that wrap around, as the instructions do; named twice, a tile is #UD. */
void tile_model_dot(unsigned c, unsigned a, unsigned b, bool a_signed, bool b_signed)
{
    tile *to = named(c);
    const tile *x = named(a), *y = named(b);
    const uint32_t columns = to->row_bytes / 4;

    fault_if(to == x || to == y || x == y, SIGILL);
    fault_if(to->row_bytes % 4 != 0 || x->row_bytes % 4 != 0 || y->row_bytes % 4 != 0, SIGILL);
    fault_if(to->rows != x->rows || to->row_bytes != y->row_bytes || x->row_bytes / 4 != y->rows, SIGILL);
    for (uint32_t i = 0; i < to->rows; i++) {
        uint32_t sum[MAX_DWORDS];

        memcpy(sum, to->byte[i], to->row_bytes);
        for (uint32_t r = 0; r < y->rows; r++) {
            int32_t p[4];

            for (int e = 0; e < 4; e++)
                p[e] = a_signed ? (int8_t)x->byte[i][4 * r + e] : x->byte[i][4 * r + e];
            for (uint32_t j = 0; j < columns; j++)
                for (int e = 0; e < 4; e++)
                    sum[j] += (uint32_t)(p[e] * (b_signed ? (int8_t)y->byte[r][4 * j + e] : y->byte[r][4 * j + e]));
        }
        memcpy(to->byte[i], sum, to->row_bytes);
    }
}

/* tile_model.c - see tile_model.h. The rules are those of the pages of the instructions in Intel's manual, volume 2. */
#include "tile_model.h"

#include <emmintrin.h>
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

/* Rows of dwords as numbers of 16 bits, in two halves: elements 0 and 1 of each dword, 2 and 3 of each. */
typedef struct numbers {
    _Alignas(16) int16_t half[MAX_ROWS][2][2 * MAX_DWORDS];
} numbers;

static void make_numbers(const tile *t, bool is_signed, numbers *out)
{
    const __m128i zero = _mm_setzero_si128();

    for (uint32_t r = 0; r < t->rows; r++)
        for (int i = 0; i < MAX_ROW_BYTES; i += 16) { /* four dwords */
            const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(t->byte[r] + i));
            const __m128i above = is_signed ? _mm_cmpgt_epi8(zero, bytes) : zero;
            const __m128 low = _mm_castsi128_ps(_mm_unpacklo_epi8(bytes, above)), high = _mm_castsi128_ps(_mm_unpackhi_epi8(bytes, above));

            _mm_store_si128((__m128i *)(void *)(out->half[r][0] + i / 2), _mm_castps_si128(_mm_shuffle_ps(low, high, 0x88)));
            _mm_store_si128((__m128i *)(void *)(out->half[r][1] + i / 2), _mm_castps_si128(_mm_shuffle_ps(low, high, 0xDD)));
        }
}

/* sum[j] += a . (element 2j, element 2j + 1), for all dwords; SSE2 is all that it takes, and a check takes 5e10 such products. */
static void add_products(const int16_t a[2], const int16_t *half, __m128i sum[MAX_DWORDS / 4])
{
    const __m128i pair = _mm_set_epi16(a[1], a[0], a[1], a[0], a[1], a[0], a[1], a[0]);

    for (int v = 0; v < MAX_DWORDS / 4; v++)
        sum[v] = _mm_add_epi32(sum[v], _mm_madd_epi16(_mm_load_si128((const __m128i *)(const void *)(half + 8 * v)), pair));
}

/* 32 bits that wrap around, as the instructions do; named twice, a tile is #UD. */
void tile_model_dot(unsigned c, unsigned a, unsigned b, bool a_signed, bool b_signed)
{
    tile *to = named(c);
    const tile *x = named(a), *y = named(b);
    numbers of_x, of_y;

    fault_if(to == x || to == y || x == y, SIGILL);
    fault_if(to->row_bytes % 4 != 0 || x->row_bytes % 4 != 0 || y->row_bytes % 4 != 0, SIGILL);
    fault_if(to->rows != x->rows || to->row_bytes != y->row_bytes || x->row_bytes / 4 != y->rows, SIGILL);
    make_numbers(x, a_signed, &of_x);
    make_numbers(y, b_signed, &of_y);
    for (uint32_t i = 0; i < to->rows; i++) {
        __m128i sum[MAX_DWORDS / 4];

        memcpy(sum, to->byte[i], sizeof(sum));
        for (uint32_t r = 0; r < y->rows; r++)
            for (int h = 0; h < 2; h++)
                add_products(&of_x.half[i][h][2 * r], of_y.half[r][h], sum);
        memcpy(to->byte[i], sum, to->row_bytes);
    }
}

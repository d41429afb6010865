/* definition_blocks.c - see definition_blocks.h. Constants are written out here, not taken from setun_numerics.h. */
#include "definition_blocks.h"

#include <math.h>
#include <string.h>

#include "definition.h"

static float f16_at(const uint8_t *at)
{
    return define_f16_to_f32((uint16_t)(at[0] | at[1] << 8));
}

/* ---- q8_0.b32 ---- */

static float q8_0_d(const uint8_t *block)
{
    return f16_at(block);
}

static int as_signed(uint8_t byte)
{
    return byte < 128 ? byte : byte - 256;
}

static int q8_0_code(const uint8_t *block, int64_t column)
{
    return as_signed(block[2 + column]);
}

static int q8_0_part(const uint8_t *block, int64_t column)
{
    (void)block, (void)column;
    return 1;
}

static void put_f16(uint8_t *at, uint16_t bits)
{
    at[0] = (uint8_t)(bits & 255);
    at[1] = (uint8_t)(bits >> 8);
}

static float clamp(float x, float lo, float hi)
{
    return fminf(fmaxf(x, lo), hi);
}

static void q8_0_quantise(const float *w, uint8_t *out_block)
{
    float amax = 0.0f, d;

    for (int j = 0; j < 32; j++)
        amax = fmaxf(amax, fabsf(w[j]));
    put_f16(out_block, define_f32_to_f16(clamp(amax / 127.0f, 0.0f, 65504.0f)));
    d = f16_at(out_block);
    for (int j = 0; j < 32; j++)
        out_block[2 + j] = d == 0.0f ? 0 : (uint8_t)((int)clamp(nearbyintf(w[j] / d), -127.0f, 127.0f) & 255);
}

/* ---- q6_k.b256 ---- */

static float q6_k_d(const uint8_t *block)
{
    return f16_at(block + 208);
}

/* Walks the columns in the order of the format's table until it meets the one asked for. */
static int q6_k_code(const uint8_t *block, int64_t column)
{
    int64_t c = 0;

    for (int h = 0; h < 2; h++)
        for (int p = 0; p < 4; p++)
            for (int l = 0; l < 32; l++, c++) {
                const uint8_t low = block[64 * h + (p % 2 == 1 ? 32 : 0) + l], high = block[128 + 32 * h + l];
                const int lo = p < 2 ? low % 16 : low / 16, hi = high / (p == 0 ? 1 : p == 1 ? 4 : p == 2 ? 16 : 64) % 4;

                if (c == column)
                    return 16 * hi + lo - 32;
            }
    return 0;
}

static int q6_k_part(const uint8_t *block, int64_t column)
{
    return as_signed(block[192 + column / 16]);
}

static float total16(const float *product)
{
    float lane[16];

    memcpy(lane, product, sizeof(lane));
    for (int h = 8; h >= 1; h /= 2)
        for (int j = 0; j < h; j++)
            lane[j] = lane[j] + lane[j + h];
    return lane[0];
}

static float q6_k_ideal(const float *x)
{
    float m = 0.0f, best = -1.0f, ideal = 0.0f;

    for (int j = 0; j < 16; j++)
        if (fabsf(x[j]) > fabsf(m))
            m = x[j];
    if (fabsf(m) < 0x1p-40f)
        return 0.0f;
    for (int t = 0; t < 24; t++) {
        const float v = t < 16 ? -26.5f - (float)t / 2.0f : 28.0f + (float)(t - 16) / 2.0f, factor = v / m;
        float xc[16], cc[16], p, r, g;

        for (int j = 0; j < 16; j++) {
            const float c = clamp(nearbyintf(x[j] * factor), -32.0f, 31.0f);

            xc[j] = x[j] * c;
            cc[j] = c * c;
        }
        p = total16(xc);
        r = total16(cc);
        g = p * p;
        g = g / r;
        if (g > best) {
            best = g;
            ideal = p / r;
        }
    }
    return ideal;
}

static void q6_k_quantise(const float *w, uint8_t *out_block)
{
    float x[256], ideal[16], largest = 0.0f, d;
    int code[256] = {0};
    uint16_t bits;

    for (int j = 0; j < 256; j++)
        x[j] = clamp(w[j], -268435456.0f, 268435456.0f);
    for (int p = 0; p < 16; p++) {
        ideal[p] = q6_k_ideal(x + 16 * p);
        if (fabsf(ideal[p]) > fabsf(largest))
            largest = ideal[p];
    }
    bits = define_f32_to_f16(clamp(largest / -128.0f, -65504.0f, 65504.0f));
    d = define_f16_to_f32(bits);
    memset(out_block, 0, 210);
    for (int p = 0; p < 16 && d != 0.0f; p++) {
        const float n = clamp(nearbyintf(ideal[p] / d), -128.0f, 127.0f);
        const float order[3] = {n, n - 1.0f, n + 1.0f};
        float least = INFINITY;

        for (int s = 0; s < 3; s++) {
            const float e = d * order[s];
            float square[16], c[16], g;

            if (order[s] < -128.0f || order[s] > 127.0f)
                continue;
            for (int j = 0; j < 16; j++) {
                const float exact = e == 0.0f ? 0.0f : nearbyintf(x[16 * p + j] / e);
                float off;

                c[j] = clamp(exact, -32.0f, 31.0f);
                off = x[16 * p + j] - e * c[j];
                square[j] = off * off;
            }
            g = total16(square);
            if (g < least) {
                least = g;
                out_block[192 + p] = (uint8_t)((int)order[s] & 255);
                for (int j = 0; j < 16; j++)
                    code[16 * p + j] = (int)c[j];
            }
        }
    }
    if (d != 0.0f)
        put_f16(out_block + 208, bits);
    for (int h = 0; h < 2; h++)
        for (int p = 0; p < 4; p++)
            for (int l = 0; l < 32; l++) {
                const int stored = code[128 * h + 32 * p + l] + 32;

                out_block[64 * h + 32 * (p & 1) + l] |= (uint8_t)(p < 2 ? stored % 16 : stored % 16 * 16);
                out_block[128 + 32 * h + l] |= (uint8_t)(stored / 16 * (p == 0 ? 1 : p == 1 ? 4 : p == 2 ? 16 : 64));
            }
}

/* ---- both ---- */

const define_block_format define_q8_0 = {"q8_0.b32", 32, 34, q8_0_d, q8_0_code, q8_0_part, q8_0_quantise};
const define_block_format define_q6_k = {"q6_k.b256", 256, 210, q6_k_d, q6_k_code, q6_k_part, q6_k_quantise};

float define_quantise_block(const float *x, int8_t *out_q)
{
    float a = 1e-5f;

    for (int j = 0; j < 32; j++)
        a = fmaxf(a, fabsf(x[j]));
    for (int j = 0; j < 32; j++) {
        const float inverse = 127.0f / a;

        out_q[j] = (int8_t)nearbyintf(x[j] * inverse);
    }
    return a / 127.0f;
}

float define_block_linear(const define_block_format *format, const int8_t *q, const float *scale, const uint8_t *w, int64_t k)
{
    float acc = 0.0f;

    for (int64_t b = 0; b < k / 32; b++) {
        const uint8_t *block = w + 32 * b / format->columns * format->n_bytes;
        const float factor = scale[b] * format->d(block);
        int64_t e = 0;

        for (int64_t c = 32 * b; c < 32 * b + 32; c++)
            e += (int64_t)q[c] * format->code(block, c % format->columns) * format->part(block, c % format->columns);
        acc = fmaf((float)e, factor, acc);
    }
    return acc;
}

float define_block_value(const define_block_format *format, const uint8_t *row, int64_t column)
{
    const uint8_t *block = row + column / format->columns * format->n_bytes;
    const int64_t c = column % format->columns;

    return format->d(block) * (float)format->part(block, c) * (float)format->code(block, c);
}

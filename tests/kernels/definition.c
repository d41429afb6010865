/* definition.c - see definition.h. Constants are written out here, not taken from setun_numerics.h. */
#include "definition.h"

#include <math.h>
#include <string.h>

/* Sign, exponent and mantissa as in the definition of the format. */
float define_f16_to_f32(uint16_t h)
{
    const int exponent = (h >> 10) & 31, mantissa = h & 1023;
    double x;

    if (exponent == 31)
        x = mantissa != 0 ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        x = ldexp(mantissa, -24);
    else
        x = ldexp(1024 + mantissa, exponent - 25);
    return (float)((h & 0x8000) ? -x : x);
}

/* Searches the grid of all finite f16, which ascends with the bits; 65536 stands after its end. */
uint16_t define_f32_to_f16(float x)
{
    const uint16_t sign = signbit(x) ? 0x8000 : 0;
    const double magnitude = fabs((double)x);
    int low = 0, high = 0x7C00; /* value(low) <= magnitude < value(high) unless beyond the end */
    double below, above;

    if (magnitude >= 65536.0)
        return (uint16_t)(sign | 0x7C00);
    while (high - low > 1) {
        const int middle = (low + high) / 2;

        if ((double)define_f16_to_f32((uint16_t)middle) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    below = (double)define_f16_to_f32((uint16_t)low);
    above = high == 0x7C00 ? 65536.0 : (double)define_f16_to_f32((uint16_t)high);
    if (magnitude - below < above - magnitude || (magnitude - below == above - magnitude && low % 2 == 0))
        return (uint16_t)(sign | low);
    return (uint16_t)(sign | high);
}

float define_bf16_to_f32(uint16_t h)
{
    const int exponent = (h >> 7) & 255, mantissa = h & 127;
    double x;

    if (exponent == 255)
        x = mantissa != 0 ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        x = ldexp(mantissa, -133);
    else
        x = ldexp(128 + mantissa, exponent - 134);
    return (float)((h & 0x8000) ? -x : x);
}

static float tree(const float *lane)
{
    float eight[8], four[4], two[2];

    for (int j = 0; j < 8; j++)
        eight[j] = lane[j] + lane[j + 8];
    for (int j = 0; j < 4; j++)
        four[j] = eight[j] + eight[j + 4];
    for (int j = 0; j < 2; j++)
        two[j] = four[j] + four[j + 2];
    return two[0] + two[1];
}

float define_dot(const float *x, const float *w, int64_t n)
{
    float lane[16] = {0};

    for (int64_t i = 0; i < n; i++)
        lane[i % 16] = fmaf(x[i], w[i], lane[i % 16]);
    return tree(lane);
}

float define_exp(float x)
{
    static const float c[] = {0x1.6a4b34p-10f, 0x1.12398ep-7f, 0x1.5558b2p-5f, 0x1.555492p-3f, 0x1.fffffcp-2f, 1.0f, 1.0f};
    float n, r, p;

    if (x < -0x1.5d589ep+6f)
        return 0.0f;
    if (x > 0x1.62e42ep+6f)
        return INFINITY;
    n = nearbyintf(x * 0x1.715476p+0f);
    r = fmaf(n, -0x1.62e4p-1f, x);
    r = fmaf(n, -0x1.7f7d1cp-20f, r);
    p = c[0];
    for (int i = 1; i < 7; i++)
        p = fmaf(p, r, c[i]);
    return (float)ldexp((double)p, (int)n); /* exact: the product is a normal f32 */
}

float define_quantise(const float *x, int64_t n, int8_t *q)
{
    float amax = 0.0f, s;

    for (int64_t i = 0; i < n; i++)
        amax = fmaxf(amax, fabsf(x[i]));
    s = 127.0f / fmaxf(amax, 1e-5f);
    for (int64_t i = 0; i < n; i++)
        q[i] = (int8_t)fmaxf(-128.0f, fminf(127.0f, nearbyintf(x[i] * s)));
    return s;
}

void define_rms_norm(const float *x, const float *w, int64_t n, int64_t groups, float eps, float offset, float *y)
{
    const int64_t size = n / groups;

    for (int64_t g = 0; g < groups; g++) {
        const float square = define_dot(x + g * size, x + g * size, size);
        const float mean = square / (float)size;
        const float biased = mean + eps;
        const float root = (float)sqrt((double)biased); /* sqrt through f64 rounds like f32's own: 53 >= 2 * 24 + 2 */
        const float r = 1.0f / root;

        for (int64_t j = g * size; j < (g + 1) * size; j++) {
            const float scaled = x[j] * r, weight = offset == 0.0f ? w[j] : w[j] + offset;

            y[j] = scaled * weight;
        }
    }
}

float define_absmean(const float *w, int64_t n, int64_t k, int8_t *t)
{
    double total = 0.0;
    float m;

    for (int64_t i = 0; i < n; i++) {
        double row = 0.0;

        for (int64_t j = 0; j < k; j++)
            row += fabs((double)w[i * k + j]);
        total += row;
    }
    m = fmaxf((float)(total / ((double)n * (double)k)), 1e-5f);
    for (int64_t i = 0; i < n * k; i++) {
        const float inverse = 1.0f / m, r = nearbyintf(w[i] * inverse);

        t[i] = (int8_t)(r > 1.0f ? 1.0f : r < -1.0f ? -1.0f : r);
    }
    return m;
}

void define_attention(const float *q, const float *k, const float *v, int64_t lo, int64_t hi, int64_t head_dim, float scale, float *y)
{
    const int64_t n_chunks = hi / 256 + 1;
    float big_m = -INFINITY, big_l = 0.0f;

    /* Two passes over the chunks, the first for M alone: no merging trick, nothing kept. */
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1)
            for (int64_t d = 0; d < head_dim; d++)
                y[d] = 0.0f;
        for (int64_t c = 0; c < n_chunks; c++) {
            const int64_t first = 256 * c > lo ? 256 * c : lo, last = 256 * c + 255 < hi ? 256 * c + 255 : hi;
            float s[256], lane[16] = {0}, m = -INFINITY, w;

            if (first > last)
                continue;
            for (int64_t j = first; j <= last; j++) {
                float a = 0.0f;

                for (int64_t d = 0; d < head_dim; d++)
                    a = fmaf(q[d], k[j * head_dim + d], a);
                s[j - 256 * c] = scale * a;
                m = fmaxf(m, s[j - 256 * c]);
            }
            if (pass == 0) {
                big_m = fmaxf(big_m, m);
                continue;
            }
            w = define_exp(m - big_m);
            for (int64_t j = first; j <= last; j++)
                lane[j % 16] += define_exp(s[j - 256 * c] - m);
            big_l = fmaf(w, tree(lane), big_l);
            for (int64_t d = 0; d < head_dim; d++) {
                float o = 0.0f;

                for (int64_t j = first; j <= last; j++)
                    o = fmaf(define_exp(s[j - 256 * c] - m), v[j * head_dim + d], o);
                y[d] = fmaf(w, o, y[d]);
            }
        }
    }
    for (int64_t d = 0; d < head_dim; d++)
        y[d] = y[d] * (1.0f / big_l);
}

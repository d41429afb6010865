/* rope_table.c - the cos and sin tables of rope, made once by the host so that kernels hold no trigonometry. */
#include "numerics/numerics.h"

#include "base/base.h"

#define POSITIONS_MAX (INT64_C(1) << 20) /* angles stay within SETUN_F64_ANGLE_MAX, where sin64 and cos64 are proven */

/* Llama 3.1's scaling: slow frequencies are divided, fast ones stay, those between are mixed. */
static double scale_llama3(const setun_graph_table *table, double frequency)
{
    const double turns = (table->trained * frequency) * (SETUN_F64_TWO_OVER_PI * 0.25);
    double t;

    if (turns < table->low)
        return frequency / table->factor;
    if (turns > table->high)
        return frequency;
    t = (turns - table->low) / (table->high - table->low);
    return ((1.0 - t) * frequency) / table->factor + t * frequency;
}

float setun_rope_frequency(const setun_graph_table *table, int64_t j)
{
    const double frequency = setun_exp64(-(((double)(2 * j) / (double)table->n_dims) * setun_log64(table->theta)));

    return (float)(table->scaling == SETUN_ROPE_SCALING_LLAMA3 ? scale_llama3(table, frequency) : frequency);
}

setun_status setun_rope_table_check(const setun_graph_table *table, setun_error *error)
{
    if (table->n_dims < 2 || table->n_dims % 2 != 0)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "rope: expected an even number of dimensions, found %lld",
                          (long long)table->n_dims);
    if (!(table->theta >= 1.0 && table->theta <= 1e300))
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "rope: expected theta from 1 to 1e300, found %g", table->theta);
    if (table->n_positions > POSITIONS_MAX)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "rope: expected at most %lld positions, found %lld",
                          (long long)POSITIONS_MAX, (long long)table->n_positions);
    return SETUN_OK;
}

void setun_rope_table_fill(const setun_graph_table *table, const setun_tensor *out)
{
    for (int64_t j = 0; j < table->n_dims / 2; j++) {
        const float frequency = setun_rope_frequency(table, j);

        for (int64_t pos = 0; pos < table->n_positions; pos++) {
            const float angle = (float)pos * frequency;
            float *row = (float *)(void *)((char *)out->data + pos * out->stride_bytes[0]);

            row[j] = (float)(table->sine ? setun_sin64((double)angle) : setun_cos64((double)angle));
        }
    }
}

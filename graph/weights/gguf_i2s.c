/* gguf_i2s.c - which of three layouts the I2_S tensors of a file have. Nothing in a file says it: two builds of bitnet.cpp write other ones
 * than its converters do, under the same number.
 *
 * What contents can tell, and what they cannot. A wrong layout only puts codes at other places, so no count of all codes changes, and none is
 * out of range. But trained rows differ from one another, in how many zeros they have for one:
 * - "rows" puts four rows into each byte. Read as "128" each row is then a quarter of the true one and its three neighbours'. So the codes of
 *   four neighbouring rows are compared, read both ways; the true way makes them differ more than chance does.
 * - "64" permutes the columns of every row alike, which no tensor shows by itself. But column j of ffn_down meets what row j of ffn_gate and
 *   ffn_up made, and where training has starved a row, it has starved the column. So the zeros of those rows are compared with the zeros of
 *   the columns, read both ways; the true way makes them agree more.
 * A file without such differences, say of random codes, tells nothing, and is read as "128". */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weights/reader.h"

enum {
    I2_S = 36,
    MAX_TENSORS = 8, MAX_GROUPS = 256, /* tensors that are looked at, and groups of four rows of each: 11 MiB of a 2B4T */
    MAX_ROWS = 512                     /* of ffn_down */
};
/* In standard deviations of chance. Evidence for another layout must be beyond doubt by itself, and far above that for the usual one. */
#define CLEAR 12.0
#define FAR_ABOVE 3.0

static const char *const names[] = {[SETUN_I2S_128] = "128", [SETUN_I2S_64] = "64", [SETUN_I2S_ROWS] = "rows"};

#define LOW_BITS UINT64_C(0x5555555555555555)

struct counts {
    uint64_t zero, plus; /* of codes 1 and 2 */
};

/* Counts codes of n_bytes, a multiple of 8; of each byte only those in `mask`, which has both bits of a code. */
static struct counts count(const unsigned char *bytes, size_t n_bytes, uint64_t mask)
{
    struct counts counts = {0, 0};

    for (size_t i = 0; i < n_bytes; i += 8) {
        uint64_t word, low, high;

        memcpy(&word, bytes + i, sizeof(word));
        low = word & mask & LOW_BITS;
        high = (word & mask) >> 1 & LOW_BITS;
        counts.zero += (uint64_t)__builtin_popcountll(low);
        counts.plus += (uint64_t)__builtin_popcountll(high);
    }
    return counts;
}

/* How far sums of squares are beyond chance: chi-square and its degrees of freedom. */
struct evidence {
    double sum, freedom;
};

/* Adds four rows of k codes: do they have the same shares of codes? */
static void add_rows(struct evidence *evidence, const struct counts rows[4], double k)
{
    double total[3] = {0, 0, 0}, n_kinds = 0;

    for (int r = 0; r < 4; r++) {
        total[0] += (double)rows[r].zero;
        total[1] += (double)rows[r].plus;
        total[2] += k - (double)rows[r].zero - (double)rows[r].plus;
    }
    for (int r = 0; r < 4; r++) {
        const double own[3] = {(double)rows[r].zero, (double)rows[r].plus, k - (double)rows[r].zero - (double)rows[r].plus};

        for (int kind = 0; kind < 3; kind++)
            if (total[kind] > 0)
                evidence->sum += (own[kind] - total[kind] / 4) * (own[kind] - total[kind] / 4) / (total[kind] / 4);
    }
    for (int kind = 0; kind < 3; kind++)
        n_kinds += total[kind] > 0;
    if (n_kinds > 1)
        evidence->freedom += 3 * (n_kinds - 1);
}

static double deviations(const struct evidence *evidence)
{
    return evidence->freedom > 0 ? (evidence->sum - evidence->freedom) / sqrt(2 * evidence->freedom) : 0;
}

static bool is_usable(const setun_gguf_tensor *tensor)
{
    return tensor != NULL && tensor->type_id == I2_S && tensor->n_dims == 2 && tensor->dim[0] % 128 == 0;
}

/* Groups of four rows, k bytes each, of one tensor. */
static setun_status compare_rows(const setun_weights *weights, const setun_gguf_tensor *tensor, struct evidence *usual, struct evidence *shared,
                                 setun_error *error)
{
    const size_t k = (size_t)tensor->dim[0], n_all = (size_t)tensor->dim[1] / 4, n = n_all < MAX_GROUPS ? n_all : MAX_GROUPS;
    unsigned char *group = setun_alloc(k);
    setun_status status = SETUN_OK;

    if (group == NULL)
        return setun_fail_nomem(error, "rows of a tensor", k);
    for (size_t g = 0; g < n && status == SETUN_OK; g++) {
        struct counts rows[4];

        status = setun_weight_file_read(weights->files, tensor->file_byte + (uint64_t)g * k, k, group, error);
        if (status != SETUN_OK)
            break;
        for (size_t r = 0; r < 4; r++)
            rows[r] = count(group + r * (k / 4), k / 4, UINT64_MAX);
        add_rows(usual, rows, (double)k);
        for (size_t r = 0; r < 4; r++)
            rows[r] = count(group, k, UINT64_C(0x0303030303030303) << (6 - 2 * r));
        add_rows(shared, rows, (double)k);
    }
    free(group);
    return status;
}

/* Adds the zeros of each row of a tensor, which a layout of whole rows does not change. */
static setun_status add_zeros_of_rows(const setun_weights *weights, const setun_gguf_tensor *tensor, double *zeros, setun_error *error)
{
    const size_t row_bytes = (size_t)tensor->dim[0] / 4, n = (size_t)tensor->dim[1];
    unsigned char *row = setun_alloc(row_bytes);
    setun_status status = SETUN_OK;

    if (row == NULL)
        return setun_fail_nomem(error, "row of a tensor", row_bytes);
    for (size_t r = 0; r < n && status == SETUN_OK; r++) {
        status = setun_weight_file_read(weights->files, tensor->file_byte + (uint64_t)r * row_bytes, row_bytes, row, error);
        if (status == SETUN_OK)
            zeros[r] += (double)count(row, row_bytes, UINT64_MAX).zero;
    }
    free(row);
    return status;
}

/* Zeros at each place of a row: place 4p + q is bits 6 - 2q and the next of its byte p. */
static setun_status count_zeros_of_places(const setun_weights *weights, const setun_gguf_tensor *tensor, double *zeros, setun_error *error)
{
    const size_t row_bytes = (size_t)tensor->dim[0] / 4, n = (size_t)(tensor->dim[1] < MAX_ROWS ? tensor->dim[1] : MAX_ROWS);
    unsigned char *row = setun_alloc(row_bytes);
    setun_status status = SETUN_OK;

    if (row == NULL)
        return setun_fail_nomem(error, "row of a tensor", row_bytes);
    for (size_t r = 0; r < n && status == SETUN_OK; r++) {
        status = setun_weight_file_read(weights->files, tensor->file_byte + (uint64_t)r * row_bytes, row_bytes, row, error);
        for (size_t i = 0; i < 4 * row_bytes && status == SETUN_OK; i++)
            zeros[i] += (row[i / 4] >> (6 - 2 * (i % 4)) & 3) == 1;
    }
    free(row);
    return status;
}

/* The column at a place of a row: a block of 4 * width columns in `width` bytes. */
static size_t column_at(size_t place, size_t width)
{
    const size_t byte = place / 4;

    return byte / width * 4 * width + place % 4 * width + byte % width;
}

/* Correlation of the rows' zeros with those of the columns, in standard deviations of chance. */
static double agreement(const double *rows, const double *places, size_t n, size_t width)
{
    double mean_r = 0, mean_p = 0, rr = 0, pp = 0, rp = 0;

    for (size_t i = 0; i < n; i++) {
        mean_r += rows[i] / (double)n;
        mean_p += places[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        const double r = rows[column_at(i, width)] - mean_r, p = places[i] - mean_p;

        rr += r * r;
        pp += p * p;
        rp += r * p;
    }
    return rr > 0 && pp > 0 ? rp / sqrt(rr * pp) * sqrt((double)n) : 0;
}

/* Both readings of the first layer's feed-forward part; zeros if it has none. */
static setun_status compare_columns(const setun_weights *weights, double *out_usual, double *out_other, setun_error *error)
{
    const setun_gguf_tensor *gate = setun_gguf_find_tensor(weights->gguf, "blk.0.ffn_gate.weight"),
                            *up = setun_gguf_find_tensor(weights->gguf, "blk.0.ffn_up.weight"),
                            *down = setun_gguf_find_tensor(weights->gguf, "blk.0.ffn_down.weight");
    double *rows, *places;
    size_t n;
    setun_status status;

    *out_usual = *out_other = 0;
    if (!is_usable(gate) || !is_usable(up) || !is_usable(down) || gate->dim[1] != down->dim[0] || up->dim[1] != down->dim[0])
        return SETUN_OK;
    n = (size_t)down->dim[0];
    rows = setun_calloc(2 * n, sizeof(*rows));
    if (rows == NULL)
        return setun_fail_nomem(error, "statistics of tensors", 2 * n * sizeof(*rows));
    places = rows + n;
    status = add_zeros_of_rows(weights, gate, rows, error);
    if (status == SETUN_OK)
        status = add_zeros_of_rows(weights, up, rows, error);
    if (status == SETUN_OK)
        status = count_zeros_of_places(weights, down, places, error);
    if (status == SETUN_OK) {
        *out_usual = agreement(rows, places, n, 32);
        *out_other = agreement(rows, places, n, 16);
    }
    free(rows);
    return status;
}

static setun_status refuse(const setun_weights *weights, enum setun_i2s_layout layout, const char *who, double usual, double other,
                           setun_error *error)
{
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: the tensors of type I2_S look like layout %s (%s): their rows and columns fit it by %.0f "
                      "standard deviations of chance, and the usual layout by %.0f. Say --i2s-layout %s to read it so, or --i2s-layout 128 to "
                      "read it as usual", weights->path, names[layout], who, other, usual, names[layout]);
}

static bool is_clear(double usual, double other)
{
    return other > CLEAR && other > FAR_ABOVE * fabs(usual);
}

/* Without an option: is there evidence against the usual layout? */
static setun_status look_at_contents(const setun_weights *weights, setun_error *error)
{
    struct evidence usual_rows = {0, 0}, shared_rows = {0, 0};
    double usual, other;
    size_t n_tensors = 0;
    setun_status status = SETUN_OK;

    for (size_t i = 0; i < setun_gguf_n_tensors(weights->gguf) && n_tensors < MAX_TENSORS && status == SETUN_OK; i++) {
        const setun_gguf_tensor *tensor = setun_gguf_tensor_at(weights->gguf, i);

        if (!is_usable(tensor))
            continue;
        status = compare_rows(weights, tensor, &usual_rows, &shared_rows, error);
        n_tensors++;
    }
    if (status != SETUN_OK || n_tensors == 0)
        return status;
    usual = deviations(&usual_rows);
    other = deviations(&shared_rows);
    if (is_clear(usual, other))
        return refuse(weights, SETUN_I2S_ROWS, "four rows in a byte, from a bitnet.cpp for x86 that was built without ACT_PARALLEL", usual, other, error);
    status = compare_columns(weights, &usual, &other, error);
    if (status == SETUN_OK && is_clear(usual, other))
        status = refuse(weights, SETUN_I2S_64, "64 columns in 16 bytes, from a llama-quantize of bitnet.cpp for ARM", usual, other, error);
    return status;
}

setun_status setun_gguf_choose_i2s(const setun_weights *weights, enum setun_i2s_layout *out_layout, setun_error *error)
{
    const char *wanted = weights->options.i2s_layout;

    *out_layout = SETUN_I2S_128;
    if (wanted == NULL)
        return look_at_contents(weights, error);
    for (size_t i = 0; i < SETUN_COUNT(names); i++)
        if (strcmp(wanted, names[i]) == 0) {
            *out_layout = (enum setun_i2s_layout)i;
            return SETUN_OK;
        }
    return setun_fail(error, SETUN_ERR_INVALID, "I2_S layout: expected 128, 64 or rows, found '%s'", wanted);
}

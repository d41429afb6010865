/* operand.c - operands in plain memory: made, freed, compared. fill.c gives them values. */
#include "check/operand.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

setun_status setun_check_fmts_parse(const char *fmts, setun_check_fmts *out_fmts, setun_error *error)
{
    setun_fmts parsed;
    setun_status status = setun_fmts_parse(fmts, &parsed, error);

    if (status != SETUN_OK)
        return status;
    if (parsed.n_in_operands > SETUN_CHECK_INS || parsed.n_out_operands > SETUN_CHECK_OUTS)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: more than %d inputs or %d outputs", fmts, SETUN_CHECK_INS, SETUN_CHECK_OUTS);
    memset(out_fmts, 0, sizeof(*out_fmts));
    out_fmts->n_in = parsed.n_in_operands;
    out_fmts->n_out = parsed.n_out_operands;
    for (unsigned i = 0; i < parsed.n_in + parsed.n_out; i++) {
        const setun_fmts_tensor *tensor = &parsed.tensor[i];
        char *text = i < parsed.n_in ? out_fmts->in[tensor->operand] : out_fmts->out[tensor->operand];
        const size_t n = strlen(text);

        if (tensor->part >= SETUN_CHECK_PARTS)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: an operand of more than %d tensors", fmts, SETUN_CHECK_PARTS);
        (void)snprintf(text + n, SETUN_CHECK_FMT_BYTES - n, "%s%s", tensor->part > 0 ? "+" : "", tensor->fmt);
    }
    return SETUN_OK;
}

static setun_status make_part(const setun_plugins *plugins, const char *name, const int64_t dim[4], bool hollow,
                              setun_check_operand *operand, setun_error *error)
{
    const uint32_t p = operand->n_parts;
    const setun_format *format = setun_plugins_format(plugins, name);
    int64_t least[4]; /* a pass may have no rows, a format must have some */
    bool empty = false;
    size_t n_bytes;

    if (format == NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "no plugin has the format %s", name);
    for (int i = 0; i < 4; i++) {
        operand->part[p].dim[i] = dim[i];
        least[i] = dim[i] == 0 ? 1 : dim[i];
        empty = empty || dim[i] == 0;
    }
    n_bytes = format->layout(least, operand->part[p].stride_bytes);
    if (n_bytes == 0)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s cannot hold [%lld, %lld, %lld, %lld]", name, (long long)least[0],
                          (long long)least[1], (long long)least[2], (long long)least[3]);
    operand->n_bytes[p] = empty || hollow ? 0 : n_bytes;
    operand->part[p].fmt = format->name;
    operand->format[p] = format;
    if (posix_memalign(&operand->part[p].data, 64, operand->n_bytes[p] == 0 ? 1 : operand->n_bytes[p]) != 0) {
        operand->part[p].data = NULL;
        return setun_fail_nomem(error, "operand", operand->n_bytes[p]);
    }
    memset(operand->part[p].data, 0, operand->n_bytes[p]);
    operand->n_parts++;
    return SETUN_OK;
}

static setun_status make(const setun_plugins *plugins, const char *fmt, const int64_t dim[4], bool hollow,
                         setun_check_operand *out_operand, setun_error *error)
{
    setun_check_operand operand = {.n_parts = 0};
    const int64_t vector[4] = {1, dim[0], 1, 1};
    char text[SETUN_CHECK_FMT_BYTES], *rest = NULL;
    setun_status status = SETUN_OK;

    (void)snprintf(text, sizeof(text), "%s", fmt);
    for (char *name = strtok_r(text, "+", &rest); name != NULL && status == SETUN_OK; name = strtok_r(NULL, "+", &rest))
        status = make_part(plugins, name, operand.n_parts == 0 ? dim : vector, hollow, &operand, error);
    if (status != SETUN_OK) {
        setun_check_operand_free(&operand);
        return status;
    }
    *out_operand = operand;
    return SETUN_OK;
}

setun_status setun_check_operand_make(const setun_plugins *plugins, const char *fmt, const int64_t dim[4], setun_check_operand *out_operand,
                                      setun_error *error)
{
    return make(plugins, fmt, dim, false, out_operand, error);
}

setun_status setun_check_operand_shape(const setun_plugins *plugins, const char *fmt, const int64_t dim[4], setun_check_operand *out_operand,
                                       setun_error *error)
{
    return make(plugins, fmt, dim, true, out_operand, error);
}

void setun_check_operand_free(setun_check_operand *operand)
{
    for (uint32_t p = 0; p < operand->n_parts; p++) {
        free(operand->part[p].data);
        free(operand->care[p]);
    }
    memset(operand, 0, sizeof(*operand));
}

/* Bytes of an element of the formats whose rows end in undefined padding; 0 for the others. */
static size_t element_bytes(const char *fmt)
{
    static const struct {
        const char *fmt;
        size_t n_bytes;
    } padded[] = {{"f32", 4}, {"i32", 4}, {"f16", 2}, {"bf16", 2}, {"f16.kv256", 2}, {"f32.kv256", 4}};

    for (size_t i = 0; i < SETUN_COUNT(padded); i++)
        if (strcmp(padded[i].fmt, fmt) == 0)
            return padded[i].n_bytes;
    return 0;
}

/* Rows of bytes one after the other: of a matrix its rows, of a cache its positions. meaning: bytes that hold values, the rest is
 * padding that nothing defines. A format of others is one row of all its bytes, or of as many as care says. */
typedef struct rows {
    size_t n, stride_bytes, meaning;
} rows;

static rows rows_of(const setun_check_operand *operand, uint32_t p)
{
    const setun_tensor *t = &operand->part[p];
    const size_t element = element_bytes(t->fmt);
    rows r = {.n = operand->n_bytes[p] > 0, .stride_bytes = operand->n_bytes[p], .meaning = operand->n_bytes[p]};

    if (element > 0 && operand->n_bytes[p] > 0) {
        const bool cache = t->stride_bytes[2] != 0;

        r.stride_bytes = (size_t)t->stride_bytes[cache ? 2 : 0];
        r.n = operand->n_bytes[p] / r.stride_bytes;
        r.meaning = (size_t)t->dim[cache ? 3 : 1] * element;
    } else if (operand->n_bytes[p] > 0 && t->stride_bytes[0] > 0) {
        r.stride_bytes = r.meaning = (size_t)t->stride_bytes[0];
        r.n = operand->n_bytes[p] / r.stride_bytes;
    }
    return r;
}

size_t setun_check_operand_stretch(const setun_check_operand *operand, uint32_t part, size_t begin, bool *out_cares)
{
    const unsigned char *care = operand->care[part];
    const size_t n_bytes = operand->n_bytes[part];
    size_t end = begin;
    rows r;

    if (care != NULL) {
        *out_cares = care[begin] != 0;
        while (end < n_bytes && (care[end] != 0) == *out_cares)
            end++;
        return end;
    }
    r = rows_of(operand, part);
    *out_cares = begin % r.stride_bytes < r.meaning;
    if (r.meaning == r.stride_bytes)
        return n_bytes;
    end = begin - begin % r.stride_bytes + (*out_cares ? r.meaning : r.stride_bytes);
    return end < n_bytes ? end : n_bytes;
}

void setun_check_operand_soil(setun_check_operand *operand, setun_check_random *random)
{
    for (uint32_t p = 0; p < operand->n_parts; p++) {
        const rows r = rows_of(operand, p);

        for (size_t i = 0; i < r.n && r.meaning < r.stride_bytes; i++)
            setun_check_garbage(random, (char *)operand->part[p].data + i * r.stride_bytes + r.meaning, r.stride_bytes - r.meaning);
    }
}

void setun_check_operand_rubbish(setun_check_operand *operand, setun_check_random *random)
{
    for (uint32_t p = 0; p < operand->n_parts; p++)
        setun_check_garbage(random, operand->part[p].data, operand->n_bytes[p]);
}

static float f32_at(const void *data, size_t at)
{
    float x;

    memcpy(&x, (const char *)data + at, sizeof(x));
    return x;
}

/* NaN is promised nowhere, and once a row has one nothing else of the row is. */
static bool has_nan(const setun_tensor *t, size_t start, size_t n_bytes)
{
    if (strcmp(t->fmt, "f32") != 0)
        return false;
    for (size_t at = start; at < start + n_bytes; at += sizeof(float))
        if (isnan(f32_at(t->data, at)))
            return true;
    return false;
}

static void describe(const setun_tensor *expected, const setun_tensor *found, const rows *r, size_t at, char where[160])
{
    const size_t row = at / r->stride_bytes, in_row = at % r->stride_bytes;
    const unsigned e = ((const unsigned char *)expected->data)[at], f = ((const unsigned char *)found->data)[at];

    if (strcmp(expected->fmt, "f32") == 0)
        (void)snprintf(where, 160, "row %zu, column %zu: expected %a, found %a", row, in_row / 4,
                       (double)f32_at(expected->data, at / 4 * 4), (double)f32_at(found->data, at / 4 * 4));
    else if (strcmp(expected->fmt, "i8.row") == 0)
        (void)snprintf(where, 160, "row %zu, column %zu%s: expected %d, found %d", row, in_row,
                       in_row >= (size_t)expected->dim[1] ? " (padding)" : "", (int8_t)e, (int8_t)f);
    else
        (void)snprintf(where, 160, "row %zu, byte %zu: expected 0x%02x, found 0x%02x", row, in_row, e, f);
}

bool setun_check_operand_same(const setun_check_operand *expected, const setun_check_operand *found, setun_check_difference *out_difference)
{
    for (uint32_t p = 0; p < expected->n_parts; p++) {
        const unsigned char *e = expected->part[p].data, *f = found->part[p].data;
        const rows r = rows_of(expected, p);

        for (size_t i = 0; i < r.n; i++) {
            const size_t start = i * r.stride_bytes;

            if (memcmp(e + start, f + start, r.meaning) == 0 || has_nan(&expected->part[p], start, r.meaning))
                continue;
            for (size_t at = start; at < start + r.meaning; at++)
                if (e[at] != f[at] && (expected->care[p] == NULL || expected->care[p][at] != 0)) {
                    out_difference->part = p;
                    describe(&expected->part[p], &found->part[p], &r, at, out_difference->where);
                    return false;
                }
        }
    }
    return true;
}

void setun_check_operand_measure(const setun_check_operand *expected, const setun_check_operand *found, setun_check_error *error)
{
    for (uint32_t p = 0; p < expected->n_parts; p++) {
        const rows r = rows_of(expected, p);

        for (size_t i = 0; i < r.n && strcmp(expected->part[p].fmt, "f32") == 0; i++)
            for (size_t at = i * r.stride_bytes; at < i * r.stride_bytes + r.meaning; at += sizeof(float)) {
                const double e = (double)f32_at(expected->part[p].data, at), f = (double)f32_at(found->part[p].data, at);

                if (!isfinite(e))
                    continue;
                error->not_finite = error->not_finite || !isfinite(f);
                error->squares += (e - f) * (e - f);
                error->reference += e * e;
                error->largest = fmax(error->largest, fabs(e - f));
            }
    }
}

/* target.c - finds the oracle of a kernel: the scalar kernel of the same op whose operands lead to its own. */
#include "check/target.h"

#include <stdio.h>
#include <string.h>

#include "check/chain.h"

/* Formats that fill.c and the ops can fill. */
static const char *const fillable[] = {"f32",  "tern2.row+f32", "i8.row+f32", "tern2.hf+f32", "f16",       "bf16",
                                       "i8.b32", "q8_0.b32",      "q6_k.b256",  "i32",          "f16.kv256", "f32.kv256",
                                       "tern2.i2s+f32", "tern.tq1+f32", "tern2.tq2+f32", "i16.hl+f32+f32+f32", "i8.r16k4+f32+f32+f32",
                                       "i7.r256k32+f32+f32+f32+f32"};

bool setun_check_is_fillable(const char *fmt)
{
    for (size_t i = 0; i < SETUN_COUNT(fillable); i++)
        if (strcmp(fillable[i], fmt) == 0)
            return true;
    return false;
}

bool setun_check_same_type(const char *a, const char *b)
{
    const size_t n = strcspn(a, ".");

    return a[n] == '.' && strncmp(a, b, n + 1) == 0 && strstr(a, ".kv") != NULL && strstr(b, ".kv") != NULL;
}

/* Whether every tensor of an operand has a layout for that many columns. */
static bool takes_columns(const setun_plugins *plugins, const char *fmt, int64_t columns)
{
    enum { ROWS = 64 }; /* four rows, or sixteen, may have to be there */
    const size_t n = strcspn(fmt, "+");
    char name[SETUN_FMT_NAME_BYTES];
    const setun_format *format;
    int64_t stride_bytes[4];

    if (n >= sizeof(name))
        return true;
    memcpy(name, fmt, n);
    name[n] = '\0';
    format = setun_plugins_format(plugins, name);
    return format == NULL || format->layout((int64_t[4]){ROWS, columns, 1, 1}, stride_bytes) > 0;
}

int64_t setun_check_columns(const setun_check_target *target, const char *const fmt[], size_t n, int64_t columns)
{
    for (int64_t multiple = 1; multiple <= 256; multiple *= 2) {
        const int64_t rounded = (columns + multiple - 1) / multiple * multiple;
        bool all = true;

        for (size_t i = 0; i < n; i++)
            all = all && takes_columns(target->plugins, fmt[i], rounded);
        if (all)
            return rounded;
    }
    return columns; /* left out, with the format's name */
}

/* Whether the scalar kernel can judge; then the routes are set and *out_length is their sum. */
static bool judges(setun_check_target *t, setun_kernel_ref scalar, uint32_t *out_length)
{
    setun_check_fmts *f = &t->oracle_fmts;

    *out_length = 0;
    if (strcmp(scalar.kernel->pattern, t->ref.kernel->pattern) != 0 || setun_check_fmts_parse(scalar.kernel->fmts, f, NULL) != SETUN_OK ||
        f->n_in != t->fmts.n_in || f->n_out != t->fmts.n_out)
        return false;
    for (uint32_t i = 0; i < f->n_in; i++) {
        if (!setun_check_is_fillable(f->in[i]))
            return false;
        if (setun_check_route_find(t->plugins, f->in[i], t->fmts.in[i], t->ref.kernel, &t->in_route[i]))
            *out_length += t->in_route[i].n;
        else if (!setun_check_same_type(f->in[i], t->fmts.in[i])) /* caches are made by kv_write: ops_attention.c */
            return false;
    }
    for (uint32_t i = 0; i < f->n_out; i++) {
        if (!setun_check_route_find(t->plugins, f->out[i], t->fmts.out[i], t->ref.kernel, &t->out_route[i]))
            return false;
        *out_length += t->out_route[i].n;
    }
    return true;
}

/* Without an oracle: inputs from anything that can be filled. */
static setun_status fill_without(setun_check_target *t, setun_error *error)
{
    t->oracle_fmts = t->fmts;
    memset(t->out_route, 0, sizeof(t->out_route));
    for (uint32_t i = 0; i < t->fmts.n_in; i++) {
        bool found = false;

        memset(&t->in_route[i], 0, sizeof(t->in_route[i]));
        for (size_t j = 0; j < SETUN_COUNT(fillable) && !setun_check_is_fillable(t->fmts.in[i]) && !found; j++) {
            found = setun_check_route_find(t->plugins, fillable[j], t->fmts.in[i], t->ref.kernel, &t->in_route[i]);
            if (found)
                (void)snprintf(t->oracle_fmts.in[i], SETUN_CHECK_FMT_BYTES, "%s", fillable[j]);
        }
        if (!found && !setun_check_is_fillable(t->fmts.in[i]))
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "no loaded plugin packs anything into %s", t->fmts.in[i]);
    }
    return SETUN_OK;
}

setun_status setun_check_target_make(const setun_plugins *plugins, setun_kernel_ref ref, setun_check_target *out_target, setun_error *error)
{
    setun_check_target t = {.plugins = plugins, .ref = ref, .exact = (ref.kernel->flags & SETUN_KERNEL_EXACT) != 0}, tried;
    uint32_t best = UINT32_MAX, length;
    setun_status status;

    status = setun_check_fmts_parse(ref.kernel->fmts, &t.fmts, error);
    if (status != SETUN_OK)
        return status;
    if (strchr(ref.kernel->pattern, '=') != NULL) {
        status = setun_check_chain_make(&t, error);
        if (status == SETUN_OK)
            *out_target = t;
        return status;
    }
    t.op = setun_check_op_find(ref.kernel->pattern);
    if (t.op == NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "the check has no cases for the pattern '%s'", ref.kernel->pattern);
    memcpy(t.in_rows, t.op->in_rows, sizeof(t.in_rows));
    memcpy(t.out_rows, t.op->out_rows, sizeof(t.out_rows));
    t.in_file = t.op->in_file;
    if (t.fmts.n_in != t.op->n_in || t.fmts.n_out != t.op->n_out)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s has %u inputs and %u outputs, expected %u and %u", ref.kernel->fmts, t.fmts.n_in,
                          t.fmts.n_out, t.op->n_in, t.op->n_out);
    if (strcmp(ref.plugin->name, "scalar") == 0) { /* the oracle itself: tests/kernels looks at its values */
        *out_target = t;
        return fill_without(out_target, error);
    }
    for (size_t i = 0; i < setun_plugins_n_kernels(plugins); i++) {
        const setun_kernel_ref scalar = setun_plugins_kernel(plugins, i);

        tried = t;
        if (strcmp(scalar.plugin->name, "scalar") != 0 || !judges(&tried, scalar, &length) || length >= best)
            continue;
        best = length;
        *out_target = tried;
        out_target->has_oracle = true;
        out_target->oracle = scalar;
    }
    if (best != UINT32_MAX)
        return SETUN_OK;
    *out_target = t;
    return fill_without(out_target, error);
}

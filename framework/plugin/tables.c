/* tables.c - the kernel and format records of a plugin: sizes, names, grammar, functions that must be there. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "plugin/fmts.h"
#include "plugin/handshake.h"
#include "plugin/tables.h"

enum {
    MAX_RECORDS = 4096, /* a table without its NULL must not be walked for ever */
    MAX_NAME_BYTES = 128,
    MAX_ALIGN = 1 << 21, /* bytes; a huge page */
};

#define FAIL(...) setun_fail(error, SETUN_ERR_FORMAT, __VA_ARGS__)

/* Printable, not empty, not too long: it will be printed in tables and compared with what people type. */
static bool is_text(const char *text, size_t max_bytes)
{
    size_t n = 0;

    if (text == NULL)
        return false;
    for (; n < max_bytes && text[n] != '\0'; n++)
        if (text[n] < ' ' || text[n] > '~')
            return false;
    return n > 0 && n < max_bytes;
}

static setun_status check_kernel(const setun_kernel *k, unsigned i, setun_error *error)
{
    setun_fmts fmts;
    setun_pattern pattern;
    setun_status status;

    if (k->size < setun_kernel_bytes_v1_0())
        return FAIL("kernel %u: its record has %u bytes, expected at least %u", i, k->size, setun_kernel_bytes_v1_0());
    if (!is_text(k->name, MAX_NAME_BYTES))
        return FAIL("kernel %u: no name of 1 to %d printable characters", i, MAX_NAME_BYTES - 1);
    if (k->plan == NULL || k->units == NULL || k->run == NULL)
        return FAIL("kernel %s: %s is NULL", k->name, k->plan == NULL ? "plan" : k->units == NULL ? "units" : "run");
    if (k->pattern == NULL || k->fmts == NULL)
        return FAIL("kernel %s: %s is NULL", k->name, k->pattern == NULL ? "pattern" : "fmts");
    if (k->k_max < 0)
        return FAIL("kernel %s: k_max is %lld, expected at least 0", k->name, (long long)k->k_max);
    if (k->acc_bits > 64)
        return FAIL("kernel %s: acc_bits is %u, expected 0 to 64", k->name, k->acc_bits);
    if (k->acc_bits == 0 && k->k_max != 0)
        return FAIL("kernel %s: k_max is %lld without an integer accumulator: acc_bits is 0", k->name, (long long)k->k_max);
    status = setun_pattern_parse(k->pattern, &pattern, error);
    if (status == SETUN_OK)
        status = setun_fmts_parse(k->fmts, &fmts, error);
    return status == SETUN_OK ? SETUN_OK : setun_fail_prefix(error, status, "kernel %s", k->name);
}

static setun_status check_format(const setun_format *f, unsigned i, setun_error *error)
{
    if (f->size < setun_format_bytes_v1_0())
        return FAIL("format %u: its record has %u bytes, expected at least %u", i, f->size, setun_format_bytes_v1_0());
    if (f->name == NULL || !setun_fmt_name_valid(f->name))
        return FAIL("format %u: its name is not a word of letters, digits, '_' and '.' of at most %d characters", i,
                    SETUN_FMT_NAME_BYTES - 1);
    if (f->align < 64 || f->align > MAX_ALIGN || (f->align & (f->align - 1)) != 0)
        return FAIL("format %s: align is %u, expected a power of two from 64 to %d", f->name, f->align, MAX_ALIGN);
    if (f->row_group < 1)
        return FAIL("format %s: row_group is 0, expected at least 1", f->name);
    if (f->layout == NULL || f->offset == NULL)
        return FAIL("format %s: %s is NULL", f->name, f->layout == NULL ? "layout" : "offset");
    return SETUN_OK;
}

setun_status setun_tables_check(const setun_plugin *plugin, unsigned *out_n_kernels, unsigned *out_n_formats, setun_error *error)
{
    unsigned n_kernels = 0, n_formats = 0;

    if (!is_text(plugin->name, MAX_NAME_BYTES))
        return FAIL("the plugin has no name of 1 to %d printable characters", MAX_NAME_BYTES - 1);
    if (!is_text(plugin->version, MAX_NAME_BYTES))
        return FAIL("the plugin has no version of 1 to %d printable characters", MAX_NAME_BYTES - 1);
    if (plugin->kernels == NULL)
        return FAIL("the plugin has no kernel table");
    for (; plugin->kernels[n_kernels] != NULL; n_kernels++) {
        setun_status status = check_kernel(plugin->kernels[n_kernels], n_kernels, error);

        if (status != SETUN_OK)
            return status;
        for (unsigned i = 0; i < n_kernels; i++)
            if (strcmp(plugin->kernels[i]->name, plugin->kernels[n_kernels]->name) == 0)
                return FAIL("kernel %s is there twice", plugin->kernels[i]->name);
        if (n_kernels == MAX_RECORDS)
            return FAIL("more than %d kernels", MAX_RECORDS);
    }
    for (; plugin->formats != NULL && plugin->formats[n_formats] != NULL; n_formats++) {
        setun_status status = check_format(plugin->formats[n_formats], n_formats, error);

        if (status != SETUN_OK)
            return status;
        for (unsigned i = 0; i < n_formats; i++)
            if (strcmp(plugin->formats[i]->name, plugin->formats[n_formats]->name) == 0)
                return FAIL("format %s is there twice", plugin->formats[i]->name);
        if (n_formats == MAX_RECORDS)
            return FAIL("more than %d formats", MAX_RECORDS);
    }
    *out_n_kernels = n_kernels;
    *out_n_formats = n_formats;
    return SETUN_OK;
}

void setun_tables_clash(const setun_plugin *a, const setun_plugin *b, char *what, size_t n_bytes)
{
    what[0] = '\0';
    if (strcmp(a->name, b->name) == 0) {
        snprintf(what, n_bytes, "plugin name %s", a->name);
        return;
    }
    for (unsigned i = 0; a->kernels[i] != NULL; i++)
        for (unsigned j = 0; b->kernels[j] != NULL; j++)
            if (strcmp(a->kernels[i]->name, b->kernels[j]->name) == 0) {
                snprintf(what, n_bytes, "kernel name %s", a->kernels[i]->name);
                return;
            }
    if (a->formats == NULL || b->formats == NULL)
        return;
    for (unsigned i = 0; a->formats[i] != NULL; i++)
        for (unsigned j = 0; b->formats[j] != NULL; j++)
            if (strcmp(a->formats[i]->name, b->formats[j]->name) == 0) {
                snprintf(what, n_bytes, "format name %s", a->formats[i]->name);
                return;
            }
}

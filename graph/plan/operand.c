/* operand.c - shapes of a representation's parts. */
#include <string.h>

#include "plan/operand.h"

setun_status setun_operand_shape(const setun_plugins *plugins, const char *fmts, const int64_t dim[4], setun_operand *out_operand,
                                 setun_error *error)
{
    setun_operand operand = {0};

    for (const char *at = fmts; at != NULL;) {
        size_t length = strcspn(at, "+");
        const setun_format *format;
        setun_tensor *part;
        char name[64];

        if (length >= sizeof(name) || operand.n == SETUN_OPERAND_MAX_PARTS)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "representation '%s': expected at most %d formats of at most %zu characters",
                              fmts, SETUN_OPERAND_MAX_PARTS, sizeof(name) - 1);
        memcpy(name, at, length);
        name[length] = '\0';
        format = setun_plugins_format(plugins, name);
        if (format == NULL)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "no loaded plugin has the format '%s'", name);
        part = &operand.part[operand.n];
        part->fmt = format->name;
        if (operand.n == 0)
            memcpy(part->dim, dim, sizeof(part->dim));
        else
            memcpy(part->dim, (int64_t[4]){1, dim[0], 1, 1}, sizeof(part->dim));
        operand.n_bytes[operand.n] = format->layout(part->dim, part->stride_bytes);
        if (operand.n_bytes[operand.n] == 0)
            return setun_fail(error, SETUN_ERR_UNSUPPORTED, "format %s cannot hold a tensor of %lld x %lld", name,
                              (long long)part->dim[0], (long long)part->dim[1]);
        operand.n++;
        at = at[length] == '+' ? at + length + 1 : NULL;
    }
    *out_operand = operand;
    return SETUN_OK;
}

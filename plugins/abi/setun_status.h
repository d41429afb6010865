/** \file
 * setun_status.h - result codes, shared by the plugin contract and the library.
 * Zero is success, negative values are errors. Codes are never renumbered. */
#ifndef SETUN_STATUS_H
#define SETUN_STATUS_H
#include <stdint.h>

typedef int32_t setun_status; /**< fixed width because it crosses the plugin boundary */

enum {
    SETUN_OK              = 0,
    SETUN_ERR_INVALID     = -1, /**< an argument or an input value is wrong */
    SETUN_ERR_UNSUPPORTED = -2, /**< well formed, but not something this build or kernel can do */
    SETUN_ERR_NOMEM       = -3, /**< memory or address space ran out */
    SETUN_ERR_IO          = -4, /**< the operating system refused to read or write */
    SETUN_ERR_FORMAT      = -5, /**< a file's contents contradict its format */
    SETUN_ERR_NOT_FOUND   = -6, /**< a file, model, plugin, tensor or parameter does not exist */
    SETUN_ERR_NUMERIC     = -7, /**< a result is not finite */
    SETUN_ERR_FULL        = -8, /**< a sequence has reached the end of its context */
    SETUN_ERR_INTERRUPTED = -9  /**< the caller asked to stop */
};
#endif

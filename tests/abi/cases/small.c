/* small.c - the plugin symbol is too small to hold a header. */
#include <stdint.h>

#include "setun_plugin.h"

SETUN_EXPORT extern const uint32_t setun_plugin_v1;
const uint32_t setun_plugin_v1 = SETUN_MAGIC;

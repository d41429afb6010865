/* zeroed.c - the plugin symbol lies in .bss, which no byte of the file holds. */
#include "setun_plugin.h"

SETUN_EXPORT extern setun_plugin setun_plugin_v1;
setun_plugin setun_plugin_v1;

/* borrower.c - a library that refers to the plugin symbol of another library. */
#include "setun_plugin.h"

extern const setun_plugin setun_plugin_v1;
__attribute__((visibility("default"))) extern const setun_plugin *const borrowed;
const setun_plugin *const borrowed = &setun_plugin_v1;

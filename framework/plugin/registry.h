/* registry.h - what the planner may see of the loaded plugins: their kernels and formats. Internal to libsetun. */
#ifndef SETUN_PLUGIN_REGISTRY_H
#define SETUN_PLUGIN_REGISTRY_H
#include "setun/plugins.h"
#include "setun_plugin.h"

/* A loaded kernel with the plugin that owns it. */
typedef struct setun_kernel_ref {
    const setun_kernel *kernel;
    const setun_plugin *plugin;
} setun_kernel_ref;

/* Every usable kernel (its cpu features present) of every loaded plugin, in load order. */
size_t           setun_plugins_n_kernels(const setun_plugins *plugins);
setun_kernel_ref setun_plugins_kernel(const setun_plugins *plugins, size_t i);

/* The number of the first of them, from number `from` on, with that pattern and, unless NULL, these fmts; setun_plugins_n_kernels: there is
 * none. A planner asks some ten thousand times a plan. */
size_t           setun_plugins_find_kernel(const setun_plugins *plugins, size_t from, const char *pattern, const char *fmts);

/* Kernel i of setun_plugins_kernel_count: the usable ones and those that miss a CPU feature. */
setun_kernel_ref setun_plugins_any_kernel(const setun_plugins *plugins, size_t i);

/* The format of that name, or NULL. Names are unique among the loaded plugins. */
const setun_format *setun_plugins_format(const setun_plugins *plugins, const char *name);
#endif

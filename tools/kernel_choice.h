/* kernel_choice.h - which of the loaded plugins' kernels a command of `setun kernels` is about. */
#ifndef SETUN_TOOLS_KERNEL_CHOICE_H
#define SETUN_TOOLS_KERNEL_CHOICE_H
#include <stdbool.h>

#include "options.h"
#include "setun/plugins.h"

/* What the command line says; NULL: any. Zero-initialise. */
typedef struct kernel_choice {
    const char *plugin, *op, *kernel, *backend;
} kernel_choice;

#define KERNEL_CHOICE_OPTIONS(choice)                                                                                                           \
    {.name = "plugin", .kind = OPTION_TEXT, .argument = "FILE.so", .value = &(choice).plugin,                                            \
     .help = "only the kernels of this plugin file; the search path is loaded too"},                                                     \
    {.name = "op", .kind = OPTION_TEXT, .argument = "OP", .value = &(choice).op, .help = "only kernels of this op, such as linear"},     \
    {.name = "kernel", .kind = OPTION_TEXT, .argument = "NAME", .value = &(choice).kernel, .help = "only the kernel of this name"},      \
    {.name = "backend", .kind = OPTION_TEXT, .argument = "NAME", .value = &(choice).backend, .help = "only kernels of this backend"}

/* The plugins; with --plugin its file too, and then its name is the backend that is chosen. SETUN_ERR_NOT_FOUND: a word that no kernel has. */
setun_status kernel_choice_open(const common_options *common, kernel_choice *choice, setun_plugins **out_plugins, setun_error *error);

bool kernel_choice_has(const kernel_choice *choice, const setun_kernel_info *info);

/* If no kernel is chosen, the plugin that was refused for what the CPU lacks and that the choice names; else NULL. */
const setun_plugin_info *kernel_choice_refused(const kernel_choice *choice, const setun_plugins *plugins);

/* The commands that are big enough for files of their own. */
int kernels_bench(int argc, char **argv);
int kernels_tune(int argc, char **argv);
#endif

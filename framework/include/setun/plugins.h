/* plugins.h - the set of backend plugins of a process: where they were looked for, which were loaded, and why the others were refused. */
#ifndef SETUN_PLUGINS_H
#define SETUN_PLUGINS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct setun_plugins setun_plugins;

/* Zero-initialise for the defaults. Strings are borrowed during the call only. */
typedef struct setun_plugins_options {
    const char *path; /* folders to search, ':' between them, before the library's own; NULL: the environment's SETUN_PLUGIN_PATH */
    const char *cpu;  /* cap as in cpu.h; NULL: the environment's SETUN_CPU */
    const char *file; /* one plugin file more, looked at before the search path's; NULL: none */
} setun_plugins_options;

/* One candidate file. Strings live as long as the setun_plugins. */
typedef struct setun_plugin_info {
    const char *file;      /* path as searched */
    const char *name;      /* from the plugin; "" if it was refused before its name could be read */
    const char *version;   /* likewise */
    bool        loaded;
    const char *reason;    /* why it was refused, one line; "" if loaded */
    unsigned    abi_major, abi_minor;
    unsigned    n_kernels, n_formats;
    uint64_t    cpu;       /* features that it requires */
} setun_plugin_info;

/* Scans the search path (options.path, then <folder of libsetun>/setun, then the install directory), each folder's *.so in the order of
 * their names, and loads what passes. A file that does not pass is listed with its reason and is no error. A folder given in `path`
 * that cannot be read is SETUN_ERR_IO. SETUN_ERR_INVALID: the cpu cap is wrong. */
SETUN_API setun_status setun_plugins_open(const setun_plugins_options *options, setun_plugins **out_plugins, setun_error *error);

/* Looks at one file as setun_plugins_open would, without a search path. Refusal is no error: see the info of index 0. */
SETUN_API setun_status setun_plugins_open_file(const char *file, const setun_plugins_options *options,
                                               setun_plugins **out_plugins, setun_error *error);

/* Unloads them all. Nothing that came from a plugin may be in use. Accepts NULL. */
SETUN_API void setun_plugins_close(setun_plugins *plugins);

/* Candidate files in the order in which they were found, refused ones too. */
SETUN_API size_t                   setun_plugins_count(const setun_plugins *plugins);
SETUN_API const setun_plugin_info *setun_plugins_info(const setun_plugins *plugins, size_t i);

/* One kernel of a loaded plugin. Strings live as long as the setun_plugins. */
typedef struct setun_kernel_info {
    const char *name;
    const char *backend;     /* the plugin's name */
    const char *pattern;     /* an op, or a fused chain of ops */
    const char *fmts;        /* formats of inputs and outputs, as in setun_plugin.h */
    uint64_t    cpu;         /* features that it needs, its plugin's included */
    uint64_t    cpu_missing; /* those of them that are not in force; a kernel with any is never used */
    bool        exact;       /* flagged bit-identical to the scalar backend */
    unsigned    acc_bits;    /* width of its narrowest integer accumulator; 0: no integer dot product */
    int64_t     k_max;       /* largest k for which no accumulator can overflow; 0: no limit */
} setun_kernel_info;

/* Kernels of the loaded plugins in load order, those that miss a CPU feature too. i is below the count. */
SETUN_API size_t setun_plugins_kernel_count(const setun_plugins *plugins);
SETUN_API void   setun_plugins_kernel_info(const setun_plugins *plugins, size_t i, setun_kernel_info *out_info);

/* Features that were in force when the plugins were loaded. */
SETUN_API uint64_t setun_plugins_cpu(const setun_plugins *plugins);

/* The folders that were looked for, in order, each once; the library's own and the install directory are listed even if they do not
 * exist. NULL past the last. */
SETUN_API const char *setun_plugins_folder(const setun_plugins *plugins, size_t i);

#ifdef __cplusplus
}
#endif
#endif

/** \file
 * plugins.h - the set of backend plugins of a process: where they were looked for, which were loaded, and why the others were refused. */
#ifndef SETUN_PLUGINS_H
#define SETUN_PLUGINS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Plugins that were found, loaded or refused; opaque, constant once it is open. */
typedef struct setun_plugins setun_plugins;

/** Zero-initialise for the defaults. Strings are borrowed during the call only. */
typedef struct setun_plugins_options {
    const char *path; /**< folders to search, ':' between them, before the library's own; NULL: the environment's SETUN_PLUGIN_PATH */
    const char *cpu;  /**< cap as in cpu.h; NULL: the environment's SETUN_CPU */
    const char *file; /**< one plugin file more, looked at before the search path's; NULL: none */
} setun_plugins_options;

/** One candidate file. Strings live as long as the setun_plugins. */
typedef struct setun_plugin_info {
    const char *file;      /**< path as searched */
    const char *name;      /**< from the plugin; "" if it was refused before its name could be read */
    const char *version;   /**< likewise */
    bool        loaded;    /**< its kernels and formats are there */
    const char *reason;    /**< why it was refused, one line; "" if loaded */
    unsigned    abi_major; /**< version of the contract that it was built for; 0 if it was refused before that could be read */
    unsigned    abi_minor; /**< likewise */
    unsigned    n_kernels; /**< 0 if refused */
    unsigned    n_formats; /**< 0 if refused */
    uint64_t    cpu;       /**< features that it requires */
} setun_plugin_info;

/** Scans the search path (options.path, then `setun` in the folder of libsetun, then the install directory), each folder's *.so in the
 * order of their names, and loads what passes. A file that does not pass is listed with its reason and is no error.
 * \param options           may be NULL
 * \param[out] out_plugins  the caller's, for setun_plugins_close
 * \param[out] error        the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_IO: a folder given in options.path cannot be read; SETUN_ERR_INVALID: the cpu cap is wrong;
 *         SETUN_ERR_NOMEM */
SETUN_API setun_status setun_plugins_open(const setun_plugins_options *options, setun_plugins **out_plugins, setun_error *error);

/** Looks at one file as setun_plugins_open would, without a search path. Refusal is no error: see the info of index 0.
 * \param file              a path
 * \param options           may be NULL
 * \param[out] out_plugins  the caller's, for setun_plugins_close
 * \param[out] error        the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: the cpu cap is wrong; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_plugins_open_file(const char *file, const setun_plugins_options *options,
                                               setun_plugins **out_plugins, setun_error *error);

/** Unloads them all. Nothing that came from a plugin may be in use.
 * \param plugins  may be NULL */
SETUN_API void setun_plugins_close(setun_plugins *plugins);

/** How many candidate files were found, refused ones too.
 * \param plugins  any set
 * \return their number */
SETUN_API size_t setun_plugins_count(const setun_plugins *plugins);

/** One candidate file, in the order in which they were found.
 * \param plugins  any set
 * \param i        its index
 * \return the set's own; NULL past the last */
SETUN_API const setun_plugin_info *setun_plugins_info(const setun_plugins *plugins, size_t i);

/** What a plugin's file is called: "avx512" of ".../avx512.so", all that is known of one that was refused before its name could be read.
 * \param info       a candidate
 * \param[out] text  [n_bytes] always terminated, cut off if it does not fit
 * \param n_bytes    room in text */
SETUN_API void setun_plugin_stem(const setun_plugin_info *info, char *text, size_t n_bytes);

/** One kernel of a loaded plugin. Strings live as long as the setun_plugins. */
typedef struct setun_kernel_info {
    const char *name;        /**< equals the name of its source file */
    const char *backend;     /**< the plugin's name */
    const char *pattern;     /**< an op, or a fused chain of ops */
    const char *fmts;        /**< formats of inputs and outputs, as in setun_plugin.h */
    uint64_t    cpu;         /**< features that it needs, its plugin's included */
    uint64_t    cpu_missing; /**< those of them that are not in force; a kernel with any is never used */
    bool        exact;       /**< flagged bit-identical to the scalar backend */
    unsigned    acc_bits;    /**< width of its narrowest integer accumulator; 0: no integer dot product */
    int64_t     k_max;       /**< largest k for which no accumulator can overflow; 0: no limit */
} setun_kernel_info;

/** How many kernels the loaded plugins have, those that miss a CPU feature too.
 * \param plugins  any set
 * \return their number */
SETUN_API size_t setun_plugins_kernel_count(const setun_plugins *plugins);

/** One kernel, in load order.
 * \param plugins        any set
 * \param i              below setun_plugins_kernel_count
 * \param[out] out_info  filled in */
SETUN_API void setun_plugins_kernel_info(const setun_plugins *plugins, size_t i, setun_kernel_info *out_info);

/** The CPU features that kernels may use.
 * \param plugins  any set
 * \return SETUN_CPU_* bits that were in force when the plugins were loaded */
SETUN_API uint64_t setun_plugins_cpu(const setun_plugins *plugins);

/** The folders that were looked for, in order, each once; the library's own and the install directory are there even if they do not
 * exist.
 * \param plugins  any set
 * \param i        index
 * \return the set's own; NULL past the last */
SETUN_API const char *setun_plugins_folder(const setun_plugins *plugins, size_t i);

#ifdef __cplusplus
}
#endif
#endif

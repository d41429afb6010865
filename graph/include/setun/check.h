/** \file
 * check.h - does a kernel keep the plugin contract? Runs the kernels of the loaded plugins against the scalar backend: values bit by bit,
 * and everything a wrong kernel may do to its surroundings. */
#ifndef SETUN_CHECK_H
#define SETUN_CHECK_H
#include "setun/plugins.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What became of a kernel. */
enum {
    SETUN_CHECK_PASS = 0, /**< every case that was run is right */
    SETUN_CHECK_FAIL = 1, /**< a case is wrong */
    SETUN_CHECK_SKIP = 2  /**< it could not be run here */
};

/** Told now and then how far the check of one kernel has come.
 * \param context  as given with it
 * \param done     cases that are done
 * \param total    of so many, at least 1 */
typedef void setun_check_progress(void *context, uint32_t done, uint32_t total);

/** Zero-initialise for the defaults, but for the plugins. Strings are borrowed during the call only. */
typedef struct setun_check_options {
    const setun_plugins *plugins;    /**< must hold the scalar backend, which is the oracle */
    const char          *op;         /**< only kernels of this op; NULL: of every op */
    const char          *kernel;     /**< only the kernel of this name; NULL: all */
    const char          *backend;    /**< only kernels of the plugin of this name; NULL: of all */
    uint64_t             seed;       /**< the same seed makes the same cases for a kernel, whatever else is checked */
    uint32_t             rounds;     /**< random cuts of every case beyond the fixed ones; 0: 1 */
    uint32_t             time_limit; /**< CPU seconds that one call of a kernel may take before it counts as hanging; one that sleeps
                                      * does after a quarter of it by the clock; 0: 120 */
    bool                 verbose;    /**< the text of a passed kernel tells what plan() declined */
    setun_check_progress *progress;  /**< called up to ten times a second; NULL: not */
    void                *progress_context; /**< for it */
} setun_check_options;

/** What became of one kernel. Strings live during the sink's call. */
typedef struct setun_check_result {
    const char *kernel;     /**< name; the file of a plugin that was refused as a whole */
    const char *backend;    /**< name of its plugin; "" if that was refused */
    const char *pattern;    /**< "" likewise */
    int         status;     /**< SETUN_CHECK_*; what was not run is skipped, never passed */
    const char *kind;       /**< of a failure: value, cut, race, scratch, state, guard, crash, exit, hang, register, fp mode, k_max or plan;
                             * else "" */
    const char *text;       /**< failure: the first failing case with all its parameters; skip: why; pass: notes, or "" */
    uint64_t    n_cases;    /**< operands, shapes and fills that were run */
    uint64_t    n_declined; /**< cases that plan() declined */
    uint64_t    n_runs;     /**< times that a case was run */
} setun_check_result;

/** Called once for each kernel, in load order.
 * \param context      as given with the sink
 * \param result       valid during the call only
 * \param[out] error   for the reason on failure
 * \return SETUN_OK; anything else ends the check with it */
typedef setun_status setun_check_sink(void *context, const setun_check_result *result, setun_error *error);

/** Checks every kernel that the options leave. A kernel that fails is a result, not an error. Kernels run in a child process, forked from
 * the calling thread (a debugger is told to follow it), so that one that ends its process or tramples on its memory fails like any other and
 * the check goes on; the sink and the progress are called in the calling process. A plugin that was refused for what the CPU lacks is one
 * skipped result, by its file, if `backend` and `kernel` leave it; nobody can tell whether it has kernels of `op`.
 * \param options      what to check; never NULL
 * \param sink         never NULL
 * \param context      for the sink
 * \param[out] error   the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOT_FOUND: no loaded plugin has a kernel of the op, or no kernel is left by the options, or the scalar
 *         backend is not loaded; SETUN_ERR_IO: no process could be started; the sink's own */
SETUN_API setun_status setun_kernels_check(const setun_check_options *options, setun_check_sink *sink, void *context, setun_error *error);

#ifdef __cplusplus
}
#endif
#endif

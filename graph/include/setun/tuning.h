/** \file
 * tuning.h - measured times of kernels: made on a machine for the shapes of a model, kept in a file that people can read (YAML), and taken
 * by sessions to choose kernels. Times decide speed only: every choice gives the same bits. */
#ifndef SETUN_TUNING_H
#define SETUN_TUNING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Times of kernels on one kind of CPU with one set of its features in effect, by op, shape, rows, threads and NUMA node; opaque, constant. */
typedef struct setun_tuning setun_tuning;

/** Reads a file of times. Every key is checked; one that is not known is an error. Kernels that are not loaded may be in it.
 * \param path             the file
 * \param[out] out_tuning  the caller's, for setun_tuning_close
 * \param[out] error       the reason on failure, `path:line:column: ...`; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOT_FOUND, SETUN_ERR_IO; SETUN_ERR_FORMAT: what stands there is wrong; SETUN_ERR_INVALID: SETUN_CPU is wrong;
 *         SETUN_ERR_NOMEM */
SETUN_API setun_status setun_tuning_open(const char *path, setun_tuning **out_tuning, setun_error *error);

/** Frees it; no session is being created with it.
 * \param tuning  may be NULL */
SETUN_API void setun_tuning_close(setun_tuning *tuning);

/** What a tuning is. Strings are the tuning's own. */
typedef struct setun_tuning_info {
    const char *cpu;       /**< model of the CPU that it was measured on (setun_cpu_model) */
    const char *features;  /**< those in effect then (setun_cpu_names), of the CPU's what SETUN_CPU and the system left */
    const char *date;      /**< day of the last measurement, "2026-11-23" */
    const char *version;   /**< of Setun that measured */
    int64_t     numerics;  /**< version of the numerics of the kernels that were measured */
    size_t      n_cases;   /**< ops at a shape, with rows and threads */
    size_t      n_times;   /**< times of kernels, of all cases */
    bool        is_for_this; /**< this CPU, its features that are in effect, and these numerics: else no session uses it */
    const char *differences; /**< what of these differs, in words: "of numerics 2, expected 1; without avx2 fma, in effect here"; "": nothing */
} setun_tuning_info;

/** Tells it.
 * \param tuning         any
 * \param[out] out_info  filled in */
SETUN_API void setun_tuning_describe(const setun_tuning *tuning, setun_tuning_info *out_info);

/** Writes the file that setun_tuning_open reads; one that is there is replaced once the new one is complete.
 * \param tuning      any
 * \param path        where to
 * \param[out] error  the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_IO; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_tuning_save(const setun_tuning *tuning, const char *path, setun_error *error);

/** The file of this CPU: setun/tuned/NAME.yaml in XDG_CACHE_HOME, which is by default ~/.cache; NAME is the CPU's model in small letters, and
 * behind it the bits of the features that are left where SETUN_CPU takes some away. It need not exist. Nothing reads it by itself: `setun` does.
 * \param[out] out_path  [path_bytes] with a NUL at its end
 * \param path_bytes     room in it
 * \param[out] error     the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOT_FOUND: neither XDG_CACHE_HOME nor HOME names a folder; SETUN_ERR_INVALID: the path is too long, or SETUN_CPU
 *         is wrong */
SETUN_API setun_status setun_tuning_home(char *out_path, size_t path_bytes, setun_error *error);

/** One case that was measured. Strings are valid during the call only. */
typedef struct setun_tune_result {
    const char *op;         /**< op */
    const char *shape;      /**< its size, as in the file */
    int64_t     rows;       /**< of the pass */
    uint32_t    threads;    /**< of the team */
    uint32_t    n_kernels;  /**< that were timed */
    const char *fastest;    /**< the fastest of them; NULL: none was timed */
    double      fastest_s;  /**< seconds of one call of it */
    const char *estimated;  /**< the one that the kernels' estimates would have chosen */
    double      estimated_s; /**< and its time; 0: it was not timed */
    uint32_t    n_disturbed; /**< kernels of which one round took more than twice as long as another: the machine does something else, too */
} setun_tune_result;

/** Called after each case.
 * \param context      of the options
 * \param result       valid during the call only
 * \param[out] error   for the reason on failure
 * \return SETUN_OK; anything else ends the measurement with it */
typedef setun_status setun_tune_sink(void *context, const setun_tune_result *result, setun_error *error);

/** Zero-initialise for the defaults. Everything is borrowed during the call only. */
typedef struct setun_tune_options {
    const int64_t  *rows;      /**< [n_rows] of passes, each 1 to 65536 */
    size_t          n_rows;    /**< 0: 1, 2, 4, 8, 16 and 256 */
    const uint32_t *threads;   /**< [n_threads] sizes of the team; 0: one for each physical core */
    size_t          n_threads; /**< 0: one for each physical core */
    const char     *op;        /**< only nodes of this op; NULL: all */
    int             kv;        /**< SETUN_KV_*: type of the cache */
    int64_t         depth;     /**< positions that sequences hold before the rows; 0: 512 */
    uint32_t        rounds;    /**< times that each kernel is timed; 0: 5 */
    double          seconds;   /**< that one timing takes at least; 0: 0.003 */
    setun_progress *progress;  /**< called between cases, stage "tuning"; NULL: not */
    void           *progress_context; /**< its first argument */
    setun_tune_sink *sink;     /**< NULL: none */
    void           *sink_context; /**< its first argument */
} setun_tune_options;

/** Measures every kernel that could run a node of the model, or several at once ("linear+add"), at the shapes of its nodes. Weights are made up, none is read. Nodes whose result
 * is wanted for some rows only, such as the head, are not measured with more than 16.
 * \param model            an open one
 * \param options          may be NULL
 * \param known            what was measured before: cases that are not measured now are kept, if it is for this CPU and the same features; may be NULL
 * \param[out] out_tuning  the caller's, for setun_tuning_close
 * \param[out] error       the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: an option is out of range; SETUN_ERR_NOT_FOUND: nothing is left to measure by the options, or the
 *         scalar backend, which makes the operands, is not loaded; SETUN_ERR_NOMEM; the sink's own */
SETUN_API setun_status setun_kernels_tune(setun_model *model, const setun_tune_options *options, const setun_tuning *known,
                                          setun_tuning **out_tuning, setun_error *error);

#ifdef __cplusplus
}
#endif
#endif

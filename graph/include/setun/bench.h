/** \file
 * bench.h - how fast are kernels, and how fast could this machine be? Kernels that do the same are timed in turns, on the same operands and in
 * the same run, so that what else the machine does meets them alike. */
#ifndef SETUN_BENCH_H
#define SETUN_BENCH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/plugins.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The clock that everything is timed with.
 * \return seconds since some moment, of a clock that only runs forward */
SETUN_API double setun_clock_s(void);

/** What repeated measurements come to. */
typedef struct setun_spread {
    size_t n;      /**< how many there were */
    double median; /**< the middle one; of an even number the mean of the middle two; 0 if there was none */
    double min;    /**< the least; 0 likewise */
    double max;    /**< the greatest; 0 likewise */
} setun_spread;

/** Sorts measurements and sums them up.
 * \param values           [n] ascending afterwards
 * \param n                may be 0
 * \param[out] out_spread  filled in */
SETUN_API void setun_spread_make(double *values, size_t n, setun_spread *out_spread);

/** Where operands come from. */
enum {
    SETUN_BENCH_CACHE = 1u << 0, /**< the same operands again and again: from the caches, if they fit */
    SETUN_BENCH_MEMORY = 1u << 1 /**< weights, caches of K and V, or an op's inputs, from memory: so many copies in turns that no cache of the
                                  * machine holds them (8 times the last one) */
};

enum { SETUN_BENCH_SMALL_ROWS = 16 /**< so many rows are a token of as many sequences; more are a prompt of one */ };

/** A weight's or an activation's size; of attention, rope and kv_write heads and their elements. */
typedef struct setun_bench_shape {
    int64_t n; /**< rows of the weight or of the embedding, or heads; other ops do not use it. Attention reads n / 4 heads of K and V, or n
                * if 4 does not divide it */
    int64_t k; /**< columns of the input, or elements of a head */
} setun_bench_shape;

/** Zero-initialise for the defaults, but for the plugins. Everything is borrowed during the call only. */
typedef struct setun_bench_options {
    const setun_plugins     *plugins;   /**< must hold the scalar backend, which makes the operands */
    const char              *op;        /**< only kernels of this op; NULL: "linear" */
    const char              *kernel;    /**< only the kernel of this name; NULL: all */
    const char              *first;     /**< the kernel that the others are measured against; NULL: the first one loaded */
    const char              *against;   /**< only this kernel and `first`; NULL: all */
    const char              *backend;   /**< only kernels of the plugin of this name; NULL: of all */
    const char              *fmts;      /**< only kernels whose operands contain this text, such as "tern2"; NULL: all */
    const setun_bench_shape *shapes;    /**< [n_shapes] */
    size_t                   n_shapes;  /**< 0: those of BitNet b1.58 2B4T */
    const int64_t           *rows;      /**< [n_rows] of the activation, each at least 1 */
    size_t                   n_rows;    /**< 0: 1, 8 and 256 */
    const uint32_t          *threads;   /**< [n_threads] sizes of the team; 0: one for each physical core */
    size_t                   n_threads; /**< 0: one thread, and one for each physical core */
    unsigned                 from;      /**< SETUN_BENCH_*, one or both; 0: both */
    int64_t                  depth;     /**< positions that sequences hold before the rows: attention, kv_write and rope; below 2^20 */
    uint32_t                 rounds;    /**< times that each kernel is timed; 0: 7 */
    double                   seconds;   /**< that one timing takes at least; 0: 0.02 */
} setun_bench_options;

enum {
    SETUN_MACHINE_INT8_MAX = 16, /**< room in setun_machine_limits */
    SETUN_NAME_BYTES = 96        /**< of a kernel, the NUL at its end included */
};

/** int8 arithmetic of one instruction set. */
typedef struct setun_machine_int8 {
    char   kernel[SETUN_NAME_BYTES]; /**< the `probe_int8` kernel that was timed */
    double ops_s;                    /**< additions and multiplications a second, in registers */
} setun_machine_int8;

/** What a machine can do at best. */
typedef struct setun_machine_limits {
    uint32_t threads;           /**< of the team that was measured */
    double   read_bytes_s;      /**< bytes a second read from memory: the best of several ways to read */
    double   int8_ops_s;        /**< int8 additions and multiplications a second in registers; 0: no loaded backend measures it */
    char     int8_kernel[SETUN_NAME_BYTES]; /**< the kernel that reached it; "" likewise */
    char     read_how[40];      /**< the way that was best: "2 MB pages, prefetch"; "" if reading was not measured */
    uint64_t read_buffer_bytes; /**< memory that was read: more than 8 times the last cache, unless less than four times that is free */
    uint64_t cache_bytes;       /**< all caches of the last level together; 0: not known */
    size_t   n_int8;            /**< of int8[] */
    setun_machine_int8 int8[SETUN_MACHINE_INT8_MAX]; /**< [n_int8] each kernel that was timed, one for each instruction set */
    int64_t  measured;          /**< when, in seconds since 1970 (UTC) */
} setun_machine_limits;

/** What one kernel did in one case. */
typedef struct setun_bench_result {
    const char *kernel;    /**< name; lives as long as the plugins */
    const char *backend;   /**< name of its plugin */
    const char *op;        /**< its pattern */
    const char *fmts;      /**< of its operands, as in setun_plugin.h */
    const char *weight;    /**< format of the weight, "tern2.row+f32"; "" for an op without one */
    setun_bench_shape shape;   /**< of the case */
    int64_t     rows;      /**< of the activation */
    uint32_t    threads;   /**< of the team */
    unsigned    from;      /**< SETUN_BENCH_* */
    const char *declined;  /**< why the kernel does not take this case; NULL: it was timed, and what follows is set */
    uint32_t    rounds;    /**< timings */
    double      median_s;  /**< seconds of one call: median of the rounds */
    double      min_s;     /**< the shortest */
    double      max_s;     /**< the longest */
    double      bytes;     /**< of one call: the weight in its packing; of attention the positions of the cache that rows can see; of other ops
                            * all that is read and written */
    double      ops;       /**< arithmetic of linear and attention, 2 for each multiplication with its addition; 0 for other ops */
    double      weight_bits; /**< for each weight, padding and scales included; 0 likewise */
    double      limit;     /**< share of what the machine can do, 0..1: of its read bandwidth where inputs come from memory, or of its
                            * int8 arithmetic for an int8 kernel, whichever is nearer; 0: no limit is known. Above 1 the measurement failed */
    double      ratio;     /**< time of the first kernel of the case over this one's, in the same round: the median of the rounds; above 1, this
                            * one is faster */
    double      ratio_min; /**< the least of the rounds */
    double      ratio_max; /**< the greatest */
    const setun_machine_limits *limits; /**< of this team; never NULL. 0 where no case of the run needs one */
    uint64_t    hash;      /**< XXH3 of the output: equal bits, equal hash */
} setun_bench_result;

/** Called once for each kernel and case, the kernels of a case one after the other, once all are timed.
 * \param context      as given with the sink
 * \param result       valid during the call only
 * \param[out] error   for the reason on failure
 * \return SETUN_OK; anything else ends the measurement with it */
typedef setun_status setun_bench_sink(void *context, const setun_bench_result *result, setun_error *error);

/** Times kernels of the loaded plugins.
 * \param options      what to time; never NULL
 * \param sink         never NULL
 * \param context      for the sink
 * \param[out] error   the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOT_FOUND: no kernel is left by the options, or the scalar backend is not loaded; SETUN_ERR_INVALID: an
 *         option is out of range; SETUN_ERR_UNSUPPORTED: the op cannot be timed yet; SETUN_ERR_NOMEM; the sink's own */
SETUN_API setun_status setun_kernels_bench(const setun_bench_options *options, setun_bench_sink *sink, void *context, setun_error *error);

/** Measures them, in about two seconds.
 * \param plugins          whose `probe_int8` kernels are tried
 * \param n_threads        of the team; 0: one for each physical core
 * \param[out] out_limits  filled in
 * \param[out] error       the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: more threads than a team may have; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_machine_measure(const setun_plugins *plugins, uint32_t n_threads, setun_machine_limits *out_limits,
                                             setun_error *error);

/** Looks at the limits again and again, beside other work: on a machine that others share, memory may give half as much a minute later. */
typedef struct setun_machine_probe setun_machine_probe;

/** Takes the memory that is read, and chooses the instruction set that is the fastest.
 * \param plugins         whose `probe_int8` kernels are tried; must outlive the probe
 * \param n_threads       of its team; 0: one for each physical core
 * \param[out] out_probe  to be closed by setun_machine_probe_close
 * \param[out] error      the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: more threads than a team may have; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_machine_probe_open(const setun_plugins *plugins, uint32_t n_threads, setun_machine_probe **out_probe,
                                                setun_error *error);

/** Measures now, in about as long as ten readings of the memory take: 0.1 s where two threads read 30 GB/s. Allocates nothing.
 * \param probe            an open one; not while its threads' cores do other work
 * \param[out] out_limits  filled in; of int8 at most one entry, the instruction set that was chosen */
SETUN_API void setun_machine_probe_look(setun_machine_probe *probe, setun_machine_limits *out_limits);

/** \param probe  an open one
 * \return bytes that it reads, all of them resident: what it adds to this process */
SETUN_API uint64_t setun_machine_probe_bytes(const setun_machine_probe *probe);

/** \param probe  NULL: nothing happens */
SETUN_API void setun_machine_probe_close(setun_machine_probe *probe);

/** How setun_machine_limits_get came to its answer. */
typedef struct setun_machine_source {
    bool cached;     /**< the limits are those of an earlier measurement, from the cache */
    char path[4096]; /**< of the cache; "": there is none */
    char note[1200]; /**< what is wrong with the cache, one line: it was not understood, or it could not be written; "": nothing */
} setun_machine_source;

/** The limits as measured before on this machine by this user, else measured now and kept. The cache is setun/machine.json in
 * XDG_CACHE_HOME, by default ~/.cache; one for each CPU (model, features as capped by SETUN_CPU, cores, caches, memory) and number of threads.
 * A cache that is damaged is no error: the limits are measured, the file is replaced, and the note says so.
 * \param plugins          whose `probe_int8` kernels are tried; an instruction set that the cache does not have is measured
 * \param n_threads        of the team; 0: one for each physical core
 * \param anew             measure in any case
 * \param[out] out_limits  filled in
 * \param[out] out_source  filled in; may be NULL
 * \param[out] error       the reason on failure; may be NULL
 * \return as setun_machine_measure */
SETUN_API setun_status setun_machine_limits_get(const setun_plugins *plugins, uint32_t n_threads, bool anew, setun_machine_limits *out_limits,
                                                setun_machine_source *out_source, setun_error *error);

#ifdef __cplusplus
}
#endif
#endif

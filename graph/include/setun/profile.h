/** \file
 * profile.h - where the time of a session's passes goes: in each kind of op, in waiting for the slowest thread, in barriers. */
#ifndef SETUN_PROFILE_H
#define SETUN_PROFILE_H
#include "setun/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The steps of a pass that run the same op with the same kernel, taken together. Times are means for one pass and one thread, in ns. What a pass
 * does beside its plan is a step, too: "gather", "screen" (of which the packing before it is a part), "select", "rescreen", "candidates",
 * "draw"; these are timed on the calling thread as a whole, waiting included, and `kernel` says what they are. */
typedef struct setun_profile_line {
    const char *op;           /**< "linear", "pack"; of a fused kernel its ops with '+' between: "relu2+mul" */
    const char *kernel;       /**< name */
    uint32_t    n_steps;      /**< such steps in a pass */
    double      run_ns;       /**< in the kernel */
    double      imbalance_ns; /**< at the barriers before these steps and inside them: waiting for the last thread to come */
    double      barrier_ns;   /**< at the same barriers, after it came: what the barrier itself costs */
    double      n_barriers;   /**< such barriers in a pass */
} setun_profile_line;

/** Passes of one kind, over all their steps. */
typedef struct setun_profile_total {
    uint64_t n_passes;        /**< that were timed */
    uint32_t n_threads;       /**< that took part in the latest */
    uint32_t n_steps;         /**< of a pass */
    double   pass_ns;         /**< mean of a pass: from the first thread's first step to the last one's end, and what is done beside */
    double   run_ns;          /**< as in the lines, whose sums these four are */
    double   imbalance_ns;    /**< likewise */
    double   barrier_ns;      /**< likewise */
    double   n_barriers;      /**< likewise */
} setun_profile_total;

/** Called once for each line, the longest first.
 * \param context      as given with the sink
 * \param line         valid during the call only
 * \param[out] error   for the reason on failure
 * \return SETUN_OK; anything else ends the report with it */
typedef setun_status setun_profile_sink(void *context, const setun_profile_line *line, setun_error *error);

/** From now on passes are timed, which costs some 50 ns for each step and thread; what was counted before is forgotten.
 * \param session      any
 * \param[out] error   the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_session_start_profile(setun_session *session, setun_error *error);

/** No pass is timed any more, and what was counted is forgotten.
 * \param session  any */
SETUN_API void setun_session_stop_profile(setun_session *session);

/** Tells what was counted in the passes that are planned like those of `n_rows` rows: of one, of 2 to 16, of more.
 * \param session        any
 * \param n_rows         at least 1
 * \param sink           for the lines; NULL: only the total is wanted
 * \param context        for the sink
 * \param[out] out_total filled in; zero if no such pass was timed
 * \param[out] error     the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: the profile was not started; SETUN_ERR_NOMEM; the sink's own */
SETUN_API setun_status setun_session_report_profile(const setun_session *session, uint32_t n_rows, setun_profile_sink *sink, void *context,
                                                    setun_profile_total *out_total, setun_error *error);

#ifdef __cplusplus
}
#endif
#endif

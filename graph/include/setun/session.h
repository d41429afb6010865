/** \file
 * session.h - a running model: threads, sequences with their KV cache, forward passes, sampling.
 * A session and everything in it belong to one calling thread at a time; the threads it starts are its own. */
#ifndef SETUN_SESSION_H
#define SETUN_SESSION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A running model; opaque. */
typedef struct setun_session setun_session;

/** Type that K and V are rounded to in the cache. */
enum {
    SETUN_KV_F16 = 0, /**< the default */
    SETUN_KV_F32 = 1  /**< twice the memory */
};

/** Where logits come from (setun_session_options.head). A head whose weights are f16 or bf16 is 34 to 56 % of the bytes that a token of a ternary
 * model reads. Screened, five bits of each weight are read instead, two more of the tokens that these leave, and of the few that could then be drawn
 * the logits are computed from the 16-bit weights, so that the same tokens come out, bit for bit. */
enum {
    SETUN_HEAD_AUTO = 0,     /**< screened where it can be, else full */
    SETUN_HEAD_FULL = 1,     /**< the weights as the file has them, in memory; every token reads them all */
    SETUN_HEAD_SCREENED = 2, /**< 7 bits in memory; rows of the 16-bit weights, those of the embedding too, are read from the weight file
                              *   as they are needed. Where all logits are wanted that is the whole head, in each pass */
    SETUN_HEAD_RESIDENT = 3, /**< the same, with the 16-bit weights in memory */
    SETUN_HEAD_INT8 = 4      /**< 8 bits only, for every purpose: the only one that changes results */
};

/** Tells how far something that takes long has come. Called on the calling thread, often; it must be quick and must not use the session.
 * \param context  of the options
 * \param stage    what is being done, a constant text: "loading weights", "writing weights", "reading the prompt", "computing"
 * \param done     how much of it is done, from 0
 * \param total    of so much, in a unit of the stage's own; at least 1 */
typedef void setun_progress(void *context, const char *stage, uint64_t done, uint64_t total);

/** Which passes a kernel rule is for. */
enum {
    SETUN_PHASE_ANY = 0,    /**< all */
    SETUN_PHASE_DECODE = 1, /**< one row */
    SETUN_PHASE_BATCH = 2,  /**< 2 to 16 rows */
    SETUN_PHASE_PREFILL = 3 /**< more */
};

/** Says which kernels may run some nodes of the graph, whatever is estimated of others. The first rule that fits a node counts. A kernel
 * that cannot run such a node is an error, and so is a rule that fits no node. Patterns are those of the shell: * ? [abc]. */
typedef struct setun_kernel_rule {
    const char *op;      /**< only nodes of this op, "linear"; NULL: of any */
    const char *weight;  /**< pattern: only nodes whose weight has a name like that, in the model file ("attn_q") or in the weight file;
                          * NULL: any */
    const char *format;  /**< pattern: only nodes whose weight has such a format in the weight file, "tern2.*"; NULL: any */
    int         phase;   /**< SETUN_PHASE_* */
    const char *kernel;  /**< the kernel that runs them, and the one way to use one that is not exact; NULL: `backend` says which */
    const char *backend; /**< the backend whose kernels run them; NULL: `kernel` says which */
    const char *where;   /**< where the rule stands, for errors: "runtime.yaml:12:5"; NULL: "kernel rule 1" */
} setun_kernel_rule;

struct setun_tuning;

/** Zero-initialise for the defaults. Strings, rules and times are borrowed during the call only. */
typedef struct setun_session_options {
    uint32_t    n_threads; /**< 0: one for each physical core that this process may use, but no more than its cgroup's CPU quota */
    uint32_t    chunk;     /**< rows of one forward pass at most; 0: as many as the caches hold the activations of, 64 to 256, and as
                            * many as there are sequences, to 256 */
    uint32_t    max_seqs;  /**< sequences open at once; 0: 1 */
    int64_t     context;   /**< positions of a sequence at most; 0: the model's own. A token is drawn at the last one, too: prompt and
                                generated tokens together may be one more */
    int         kv;        /**< SETUN_KV_* */
    const char *backends;  /**< names in order of preference, ',' between; NULL: any. scalar always remains as the fallback */
    setun_progress *progress; /**< called while weights are loaded, and while more than a few rows are computed; NULL: not */
    void       *progress_context; /**< its first argument */
    const setun_kernel_rule *rules; /**< [n_rules] in order; NULL: none */
    size_t      n_rules;   /**< how many */
    int         head;      /**< SETUN_HEAD_*; what convert.h makes of a head is SETUN_CONVERT_HEAD_* */
    bool        no_scalar; /**< a kernel of the backend scalar is an error in a pass, unless `backends` or a rule names that backend. Packing
                            * the weights, which is done once, may use it all the same */
    const char *avoid;     /**< patterns of kernels' names, ',' between: such kernels run only where a rule names them; NULL: none */
    bool        no_fuse;   /**< each op of the graph is a step of its own: kernels that do several at once are not used */
    bool        no_replicate; /**< no step is done by every thread for itself where that is cheaper than to wait for one another */
    uint64_t    weight_bytes; /**< that the weights may take in memory: within them a weight is packed a second time for longer passes where that
                               * makes its op 5 % faster; 0: where it makes it twice as fast, up to half of the memory that is free */
    const struct setun_tuning *tuning; /**< measured times (tuning.h), which go before the kernels' estimates; NULL: none */
} setun_session_options;

/** Plans the graph, reads and packs the weights, starts the threads and reserves all memory: nothing is allocated later.
 * \param model             borrowed, must outlive the session
 * \param options           may be NULL
 * \param[out] out_session  the caller's, for setun_session_destroy
 * \param[out] error        the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: an option is out of range, a rule fits nothing, or the weights take more than weight_bytes;
 *         SETUN_ERR_NOT_FOUND: no such backend or kernel; SETUN_ERR_UNSUPPORTED: no kernel for an op, or none that is allowed;
 *         SETUN_ERR_FORMAT: a tensor's contents are wrong; SETUN_ERR_IO: a weight file became shorter, or cannot be read;
 *         SETUN_ERR_NOMEM: memory or threads ran out */
SETUN_API setun_status setun_session_create(setun_model *model, const setun_session_options *options, setun_session **out_session,
                                            setun_error *error);

/** Ends its threads and frees everything in it.
 * \param session  may be NULL */
SETUN_API void setun_session_destroy(setun_session *session);

/** What was decided. */
typedef struct setun_session_info {
    uint32_t n_threads;        /**< threads of the team, the caller's own included */
    uint32_t chunk;            /**< rows of one forward pass at most */
    uint32_t max_seqs;         /**< sequences open at once at most */
    int64_t  context;          /**< positions of a sequence at most */
    size_t   n_weights;        /**< weights as kernels read them; one in two forms counts twice */
    size_t   n_packed;         /**< those of them that had to be packed: the file has them in another form */
    size_t   weight_bytes;     /**< weights in memory, as kernels read them */
    size_t   activation_bytes; /**< arena of one pass */
    size_t   cache_bytes;      /**< address space of the KV cache */
    uint64_t token_bytes;      /**< weights that a pass of one token reads, with what a screened head has read again for each so far, besides one row of an
                                    embedding, and candidates of that head */
    uint64_t logits_bytes;     /**< those of them that a pass reads only if somebody wants logits */
    uint64_t pread_bytes;      /**< tensors of the weight file whose rows are read from it while tokens are made: page cache that the session
                                    wants beside its own memory */
    uint64_t row_ops;          /**< additions and multiplications of the linear layers for each row, without those for logits */
    uint64_t row_int8_ops;     /**< those of them that are integer arithmetic of 8 bits (numerics.md) */
    uint64_t logits_ops;       /**< likewise, besides, for each row whose logits are wanted */
    uint64_t logits_int8_ops;  /**< those of them that are integer arithmetic */
    int      head;             /**< SETUN_HEAD_*, never AUTO */
    uint64_t chunk_row_bytes;  /**< where nobody said `chunk`: activations that the widest op reads and writes for each row; else 0 */
    uint64_t chunk_cache_bytes; /**< and the caches of the last level that the team reaches; 0 likewise, or if they are not known */
} setun_session_info;

/** Tells what was decided.
 * \param session        any
 * \param[out] out_info  filled in */
SETUN_API void setun_session_describe(const setun_session *session, setun_session_info *out_info);

/** What setun_session_create would decide, but no weight is read and nothing is kept. Address space is reserved meanwhile.
 * \param model          an open one
 * \param options        may be NULL
 * \param[out] out_info  filled in
 * \param[out] error     the reason on failure; may be NULL
 * \return as setun_session_create */
SETUN_API setun_status setun_session_preview(setun_model *model, const setun_session_options *options,
                                             setun_session_info *out_info, setun_error *error);

/** What decided about a kernel. */
enum {
    SETUN_WHY_RULE = 0,     /**< a kernel rule names it, or its backend */
    SETUN_WHY_ONLY = 1,     /**< no other one can run the node */
    SETUN_WHY_MEASURED = 2, /**< its measured time is the least */
    SETUN_WHY_ESTIMATE = 3  /**< its own estimate is the least: it was not measured, nor was another one */
};

/** What comes of a second packing of a step's weight. */
enum {
    SETUN_SECOND_NONE,      /**< there is no other packing yet, or no kernel that reads another one is faster */
    SETUN_SECOND_TAKEN,     /**< the step reads it */
    SETUN_SECOND_NOT_WORTH, /**< it would save too little for the memory that it takes */
    SETUN_SECOND_TOO_LARGE  /**< the weights would take more memory than they may */
};

/** One step of a plan. Strings are valid during the call only. */
typedef struct setun_planned_step {
    int         phase;     /**< SETUN_PHASE_DECODE, BATCH or PREFILL */
    int64_t     rows_max;  /**< of the passes of that phase */
    const char *op;        /**< of the node; "pack": brings the next node's activations into the form that its kernel reads */
    int64_t     layer;     /**< of the node; -1: none */
    const char *weight;    /**< name of its weight in the model file; "" if it has none */
    const char *kernel;    /**< that runs it */
    const char *backend;   /**< of the kernel */
    const char *packing;   /**< form of its matrix of weights; "" if it has none */
    double      seconds;   /**< that it is expected to take for rows_max rows, by all threads; an estimate of attention is with a full context */
    int         why;       /**< SETUN_WHY_* */
    const char *rule;      /**< SETUN_WHY_RULE: where the rule stands; else "" */
    uint32_t    n_kernels; /**< that could run the node, itself included; of "pack" and of rules not counted: 0 */
    int         second;    /**< SETUN_SECOND_*: a packing of the weight beside the one that shorter passes read; what follows is set unless NONE */
    const char *second_packing; /**< the form; of TAKEN that is `packing`; "" otherwise */
    uint64_t    second_bytes;   /**< that it takes */
    double      second_seconds; /**< expected with it */
    double      first_seconds;  /**< expected with the packing of shorter passes; 0: no kernel could run the step then */
} setun_planned_step;

/** Called for each step of each phase, in order.
 * \param context      as given with the sink
 * \param step         valid during the call only
 * \param[out] error   for the reason on failure
 * \return SETUN_OK; anything else ends it */
typedef setun_status setun_plan_sink(void *context, const setun_planned_step *step, setun_error *error);

/** Lists what setun_session_create would decide. No weight is read and nothing is kept.
 * \param model       an open one
 * \param options     may be NULL
 * \param sink        never NULL
 * \param context     for the sink
 * \param[out] error  the reason on failure; may be NULL
 * \return as setun_session_create; the sink's own */
SETUN_API setun_status setun_session_list_plan(setun_model *model, const setun_session_options *options, setun_plan_sink *sink, void *context,
                                          setun_error *error);

/** Opens an empty sequence.
 * \param session       its session
 * \param[out] out_seq  its number, 0..max_seqs-1, the least that is free
 * \param[out] error    the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_FULL: max_seqs are open */
SETUN_API setun_status setun_sequence_open(setun_session *session, int32_t *out_seq, setun_error *error);

/** Closes a sequence; its part of the cache is free for others.
 * \param session  its session
 * \param seq      nothing happens if it is not open */
SETUN_API void setun_sequence_close(setun_session *session, int32_t seq);

/** Length of a sequence.
 * \param session  its session
 * \param seq      a sequence
 * \return positions that it holds; 0 if it is not open */
SETUN_API int64_t setun_sequence_length(const setun_session *session, int32_t seq);

/** Forgets the end of a sequence.
 * \param session      its session
 * \param seq          nothing happens if it is not open
 * \param n_positions  0..length: these are kept; nothing happens otherwise */
SETUN_API void setun_sequence_truncate(setun_session *session, int32_t seq, int64_t n_positions);

/** One row to compute: the next token of a sequence. */
typedef struct setun_row {
    int32_t token;       /**< id, below the model's vocabulary */
    int32_t seq;         /**< an open sequence */
    bool    want_logits; /**< the sink gets this row's logits */
} setun_row;

/** Receives the logits of one row. Rows come in ascending order, on the calling thread.
 * \param context      as given with the sink
 * \param i            index into the rows given
 * \param logits       [vocab] valid during the call only
 * \param[out] error   for the reason on failure
 * \return SETUN_OK; anything else ends setun_session_eval with it */
typedef setun_status setun_logits_sink(void *context, size_t i, const float *logits, setun_error *error);

/** Appends rows to their sequences, in order, in passes of at most `chunk` rows. Results depend on neither the passes nor the other
 * sequences. After an error in a later pass the sequences keep what the earlier passes appended.
 * \param session      the session
 * \param rows         [n_rows] rows of one sequence are successive positions
 * \param n_rows       may be 0
 * \param sink         may be NULL if no row wants logits
 * \param context      for the sink
 * \param[out] error   the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: no such token or sequence; SETUN_ERR_FULL: a sequence would exceed the context (nothing was
 *         computed); SETUN_ERR_NUMERIC: a wanted logit is not finite; SETUN_ERR_INTERRUPTED: setun_session_interrupt was called;
 *         SETUN_ERR_IO: a weight file became shorter, or cannot be read; the sink's own */
SETUN_API setun_status setun_session_eval(setun_session *session, const setun_row *rows, size_t n_rows, setun_logits_sink *sink,
                                          void *context, setun_error *error);

/** How next tokens were chosen with a screened head. */
typedef struct setun_session_candidates {
    uint64_t n_tokens; /**< tokens drawn among candidates */
    uint64_t n_full;   /**< tokens for which all logits were computed: there were more than 4096 candidates, or top-p came without top-k */
    uint32_t median;   /**< candidates of a token, of those drawn among candidates; 0 if there is none */
    uint32_t largest;  /**< likewise */
} setun_session_candidates;

/** Tells how many candidates there were since the session was made.
 * \param session             any
 * \param[out] out_candidates filled in; zero without a screened head */
SETUN_API void setun_session_count_candidates(const setun_session *session, setun_session_candidates *out_candidates);

/** Makes a running setun_session_eval, setun_session_draw or setun_generate end before its next pass; it counts once. Where nothing runs it
 * stays, and ends the next call before its first pass: one that comes just before the work starts is not lost. What comes after the last pass
 * stays for the next setun_session_eval or setun_session_draw, which often go on with the same work; setun_generate and setun_chat_say, which are
 * the whole of it, drop it as they end. Safe in a signal handler and from other threads.
 * \param session  the session */
SETUN_API void setun_session_interrupt(setun_session *session);

/** Takes back an interrupt that has ended nothing yet, so that work which has nothing to do with it begins undisturbed. Safe from other
 * threads.
 * \param session  the session
 * \return whether there was one */
SETUN_API bool setun_session_take_interrupt(setun_session *session);

/** How the next token is chosen, in this order: repetition penalty, temperature, top-k, top-p, min-p, draw (numerics.md: sampling).
 * Zero-initialised it is greedy: set temperature for sampling. */
typedef struct setun_sampling {
    float    temperature;    /**< 0: greedy; else at least 0.001 */
    int32_t  top_k;          /**< 0: all */
    float    top_p;          /**< 0 or 1: all */
    float    min_p;          /**< 0: all */
    float    repeat_penalty; /**< 0 or 1: none; else 0.01 to 100: divides positive logits of tokens in the sequence, multiplies negative ones */
    uint64_t seed;           /**< start of the random numbers: the same seed gives the same text */
} setun_sampling;

/** Appends rows to their sequences, as setun_session_eval does, and draws the next token after each row that wants logits, without computing
 * logits that do not matter (SETUN_HEAD_SCREENED). The tokens drawn are not appended.
 * \param session       the session
 * \param rows          [n_rows] as for setun_session_eval
 * \param n_rows        may be 0
 * \param sampling      [max_seqs] of the session: how, for each sequence by its number; NULL: greedy
 * \param[out] out_ids  [n_rows] the token after each row that wants logits; others are left as they are
 * \param[out] error    the reason on failure; may be NULL
 * \return as setun_session_eval; SETUN_ERR_INVALID: sampling; SETUN_ERR_IO: a weight file became shorter, or cannot be read */
SETUN_API setun_status setun_session_draw(setun_session *session, const setun_row *rows, size_t n_rows, const setun_sampling *sampling,
                                          int32_t *out_ids, setun_error *error);

/** Receives one token as soon as it is known. The stop token is not given. A last call with id -1 gives the text of what was still held
 * back when the generation ended, if there is any.
 * \param context      as given with the sink
 * \param id           the token; -1: the end
 * \param text         [n_bytes] UTF-8 that is certain now, never part of a character; valid during the call only
 * \param n_bytes      often 0
 * \param[out] error   for the reason on failure
 * \return SETUN_OK; anything else ends the generation with it */
typedef setun_status setun_token_sink(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error);

/** Why a generation ended. */
enum {
    SETUN_END_LENGTH = 0,   /**< n_tokens were generated */
    SETUN_END_STOP = 1,     /**< the model said so, by one of its stop tokens */
    SETUN_END_CONTEXT = 2,  /**< the context is full */
    SETUN_END_INTERRUPT = 3 /**< setun_session_interrupt was called */
};

/** What setun_generate did. */
typedef struct setun_generation {
    int32_t end;            /**< SETUN_END_* */
    int64_t n_prompt;       /**< ids of the prompt */
    int64_t n_tokens;       /**< tokens generated */
    double  prompt_seconds; /**< until the first token was known */
    double  token_seconds;  /**< for the others */
} setun_generation;

/** Appends a prompt to a sequence and generates tokens after it, each given to the sink as soon as it is known. An interrupt is no error;
 * a sink that returns SETUN_ERR_INTERRUPTED is one.
 * \param session              the session
 * \param seq                  an open sequence, empty or not
 * \param prompt               [n_prompt] ids; BOS is among them if the model wants it
 * \param n_prompt             at least 1
 * \param n_tokens             tokens to generate at most; -1: until the context is full
 * \param sampling             NULL: greedy
 * \param sink                 never NULL
 * \param context              for the sink
 * \param[out] out_generation  what was done; never NULL
 * \param[out] error           the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: sampling, prompt, n_tokens or sequence; SETUN_ERR_FULL: the prompt alone does not fit into the context;
 *         SETUN_ERR_NUMERIC: a logit is not finite; SETUN_ERR_IO: a weight file became shorter, or cannot be read; the sink's own */
SETUN_API setun_status setun_generate(setun_session *session, int32_t seq, const int32_t *prompt, size_t n_prompt, int64_t n_tokens,
                                      const setun_sampling *sampling, setun_token_sink *sink, void *context,
                                      setun_generation *out_generation, setun_error *error);

#ifdef __cplusplus
}
#endif
#endif

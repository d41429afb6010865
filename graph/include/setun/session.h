/* session.h - a running model: threads, sequences with their KV cache, forward passes, sampling.
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

typedef struct setun_session setun_session;

enum { SETUN_KV_F16 = 0, SETUN_KV_F32 = 1 };

/* Zero-initialise for the defaults. */
typedef struct setun_session_options {
    uint32_t    n_threads; /* 0: one for each physical core that this process may use */
    uint32_t    chunk;     /* rows of one forward pass at most; 0: 256 */
    uint32_t    max_seqs;  /* sequences open at once; 0: 1 */
    int64_t     context;   /* positions of a sequence at most; 0: the model's own */
    int         kv;        /* SETUN_KV_* */
    const char *backends;  /* names in order of preference, ',' between; NULL: any. scalar always remains as the fallback */
} setun_session_options;

/* Plans the graph, packs the weights and reserves all memory: nothing is allocated later. */
SETUN_API setun_status setun_session_create(setun_model *model, const setun_session_options *options, setun_session **out_session,
                                            setun_error *error);
SETUN_API void         setun_session_destroy(setun_session *session); /* accepts NULL */

/* What was decided. */
typedef struct setun_session_info {
    uint32_t n_threads, chunk, max_seqs;
    int64_t  context;
    size_t   weight_bytes;     /* packed weights, besides those used in place from the file */
    size_t   activation_bytes; /* arena of one pass */
    size_t   cache_bytes;      /* address space of the KV cache */
} setun_session_info;
SETUN_API void setun_session_describe(const setun_session *session, setun_session_info *out_info);

/* What setun_session_create would decide, with the same errors, but no weight is packed and nothing is kept. Address space is reserved
 * meanwhile; tensors are read once to check their contents. */
SETUN_API setun_status setun_session_preview(setun_model *model, const setun_session_options *options,
                                             setun_session_info *out_info, setun_error *error);

/* Opens an empty sequence, 0..max_seqs-1. SETUN_ERR_FULL: max_seqs are open. */
SETUN_API setun_status setun_sequence_open(setun_session *session, int32_t *out_seq, setun_error *error);
SETUN_API void         setun_sequence_close(setun_session *session, int32_t seq);
/* Positions that the sequence holds. */
SETUN_API int64_t      setun_sequence_length(const setun_session *session, int32_t seq);
/* Forgets the positions from n_positions on (n_positions <= length). */
SETUN_API void         setun_sequence_truncate(setun_session *session, int32_t seq, int64_t n_positions);

/* One row to compute: the next token of a sequence. */
typedef struct setun_row {
    int32_t token;
    int32_t seq;
    bool    want_logits;
} setun_row;

/* Receives the logits of row i (index into the rows given), in ascending order, on the calling thread. logits[vocab] is valid during
 * the call only. A status other than SETUN_OK ends setun_session_eval with it. */
typedef setun_status setun_logits_sink(void *context, size_t i, const float *logits, setun_error *error);

/* Appends rows to their sequences, in order, in passes of at most `chunk` rows. Results depend on neither the passes nor on the other
 * sequences. sink may be NULL if no row wants logits.
 * SETUN_ERR_INVALID: no such token or sequence. SETUN_ERR_FULL: a sequence would exceed the context; nothing was computed.
 * SETUN_ERR_NUMERIC: a wanted logit is not finite. SETUN_ERR_INTERRUPTED: setun_session_interrupt was called.
 * After an error in a later pass the sequences keep what the earlier passes appended. */
SETUN_API setun_status setun_session_eval(setun_session *session, const setun_row *rows, size_t n_rows, setun_logits_sink *sink,
                                          void *context, setun_error *error);

/* Makes a running setun_session_eval or setun_generate end after its present pass. Safe in a signal handler and from other threads. */
SETUN_API void setun_session_interrupt(setun_session *session);

/* How the next token is chosen, in this order: repetition penalty, temperature, top-k, top-p, min-p, draw (numerics.md: sampling).
 * Zero-initialised it is greedy: set temperature for sampling. */
typedef struct setun_sampling {
    float    temperature;    /* 0: greedy; else at least 0.001 */
    int32_t  top_k;          /* 0: all */
    float    top_p;          /* 0 or 1: all */
    float    min_p;          /* 0: all */
    float    repeat_penalty; /* 0 or 1: none; divides positive logits of tokens in the sequence, multiplies negative ones */
    uint64_t seed;
} setun_sampling;

/* One token is there. text[n_bytes]: UTF-8 that is certain now; often empty, never part of a character. The stop token is not given.
 * A last call with id -1 gives the text of what was still held back when the generation ended, if there is any.
 * A status other than SETUN_OK ends the generation with it. */
typedef setun_status setun_token_sink(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error);

enum { SETUN_END_LENGTH = 0, SETUN_END_STOP = 1, SETUN_END_CONTEXT = 2, SETUN_END_INTERRUPT = 3 };

typedef struct setun_generation {
    int32_t end;              /* SETUN_END_* : n_tokens reached, a stop token, context full, interrupted */
    int64_t n_prompt, n_tokens;
    double  prompt_seconds, token_seconds; /* until the first token was known; for the others */
} setun_generation;

/* Appends prompt[n_prompt] (at least one id) to sequence seq and generates up to n_tokens tokens after it (-1: until the context is
 * full), each given to the sink as soon as it is known. An interrupt is no error: see out_generation->end.
 * SETUN_ERR_FULL: the prompt alone is longer than the context. */
SETUN_API setun_status setun_generate(setun_session *session, int32_t seq, const int32_t *prompt, size_t n_prompt, int64_t n_tokens,
                                      const setun_sampling *sampling, setun_token_sink *sink, void *context,
                                      setun_generation *out_generation, setun_error *error);

#ifdef __cplusplus
}
#endif
#endif

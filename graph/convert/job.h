/* job.h - what a file to be made holds: its kind, its metadata, its tensors in order; and writing it from whoever has the weights. Internal. */
#ifndef SETUN_CONVERT_JOB_H
#define SETUN_CONVERT_JOB_H
#include "convert/output.h"
#include "convert/packer.h"
#include "convert/vocabulary.h"
#include "graph.h"
#include "setun/convert.h"

/* A kind of file that can be made. */
typedef struct setun_target {
    const char       *name;      /* "i2_s" */
    const char       *ternary;   /* format of ternary weights; "bf16": masters */
    enum setun_source source;
    uint32_t          file_type; /* GGUF: general.file_type */
} setun_target;
const setun_target *setun_target_of(setun_file_kind kind);

enum setun_job_role {
    SETUN_JOB_TERNARY, /* codes */
    SETUN_JOB_SCALE,   /* of the ternary tensor of the same weight, which comes later: one element */
    SETUN_JOB_VECTOR,
    SETUN_JOB_MATRIX   /* embedding, output head */
};

typedef struct setun_job_tensor {
    const char         *name;    /* in the file, with ".weight" */
    const char         *fmt;     /* of formats.md */
    enum setun_job_role role;
    uint32_t            weight;  /* of the graph */
    uint32_t            n_dims;
    int64_t             dim[2];  /* as the file says them, rows first: [n / 4, k] of packed codes in a Hugging Face folder */
    int64_t             rows, columns; /* of the weight; a vector is one row */
    size_t              n_bytes; /* in the file */
} setun_job_tensor;

typedef struct setun_job {
    setun_pool          pool;
    const setun_target *target;
    setun_graph        *graph;    /* of the file to be: a form */
    const char         *arch;
    setun_job_tensor   *tensors;
    size_t              n_tensors;
    bool                tied;     /* the embedding is the output head */
    bool                ternary;  /* some tensor is */
    const char         *name;     /* of the model, for general.name */
} setun_job;

/* Whether a target and a head go together. SETUN_ERR_INVALID. */
setun_status setun_target_check(const setun_convert_options *options, setun_error *error);
/* The format that options->head names; NULL: keep. */
const char  *setun_convert_head_format(setun_convert_head head);

/* The formats of dense tensors, which the source decides. */
typedef struct setun_job_formats {
    void *context;
    const char *(*dense)(void *context, uint32_t weight, enum setun_job_role role); /* role: SCALE, VECTOR or MATRIX */
} setun_job_formats;

/* The graph (owned by the job from now on, even on failure) gives names and shapes. */
setun_status setun_job_make(const setun_target *target, setun_graph *graph, const char *arch, const setun_job_formats *formats, setun_job *out_job,
                            setun_error *error);
void         setun_job_free(setun_job *job);

/* Where the weights come from. */
typedef struct setun_supply {
    void *context;
    /* Weight `weight` as tern2.row+f32, whose memory is there. */
    setun_status (*ternary)(void *context, uint32_t weight, const setun_packed *out, setun_error *error);
    /* Rows first .. first + n of a dense weight, f32[n, columns] without padding. Not called for tensors that raw() gives. */
    setun_status (*dense)(void *context, uint32_t weight, int64_t first, int64_t n, float *out, setun_error *error);
    /* NULL, or: the tensor's bytes as they lie in the source, if the format is the source's own. *out_given false: it is not. */
    setun_status (*raw)(void *context, const setun_job_tensor *tensor, size_t first_byte, size_t n_bytes, void *out, bool *out_given,
                        setun_error *error);
} setun_supply;

typedef struct setun_job_progress {
    setun_convert_progress *tell; /* NULL: nobody */
    void                   *context;
    const char             *stage;
} setun_job_progress;

/* Writes the whole file or folder, but for its last renaming. */
setun_status setun_job_write(const setun_job *job, const setun_vocabulary *vocabulary, const setun_supply *supply, const setun_packer *packer,
                             const setun_job_progress *progress, setun_output *output, setun_error *error);

/* job_config.c: the parameters and what else config.json says, as text (setun_free); or as keys of a GGUF header. */
struct setun_gguf_writer;
setun_status setun_job_config(const setun_job *job, const setun_vocabulary *vocabulary, char **out_text, setun_error *error);
void         setun_job_keys(const setun_job *job, struct setun_gguf_writer *writer);
#endif

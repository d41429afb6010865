/* reader.h - the one table that readers of every kind of weight file fill, and the list of readers. Internal to graph/weights.
 * The functions of weights.h work on the table alone, so a new kind of file is a new reader and nothing else. */
#ifndef SETUN_READER_H
#define SETUN_READER_H
#include <sys/stat.h>

#include "base/base.h"
#include "weights/gguf_internal.h"
#include "weights/weight_file.h"
#include "weights/weights.h"

/* A scalar of the metadata, or the note that the key holds something else. */
typedef struct setun_meta_entry {
    const char *key;
    setun_meta  meta;
    const char *composite; /* NULL, or "an object", "an array": there, but no setun_meta */
} setun_meta_entry;

typedef struct setun_reader {
    enum setun_source source;
    /* Whether the path, which exists, looks like this reader's kind of file. Reads a few bytes at most. */
    bool         (*claims)(const char *path, const struct stat *info);
    /* Fills the table; on error what it filled is left to setun_weights_close. */
    setun_status (*read)(setun_weights *weights, setun_error *error);
} setun_reader;

extern const setun_reader setun_reader_huggingface, setun_reader_prepacked, setun_reader_gguf;

/* Contents that are not the file's bytes: they are made of groups of these. */
typedef struct setun_weight_coding {
    size_t stored_bytes, n_bytes; /* of a group: in the file, and as contents */
    void (*decode)(const struct setun_weight_coding *coding, const unsigned char *stored, unsigned char *out); /* one group; sets every byte */
} setun_weight_coding;

struct setun_weights {
    const setun_reader  *reader;
    enum setun_source    source;       /* the reader's, unless the file says */
    setun_pool           pool;         /* every string and list below */
    const char          *path;
    const char          *config_path;  /* the file that the metadata came from, for errors */
    const char          *architecture;
    setun_weight_file   *files;        /* list, newest first */
    setun_weight        *items;        /* sorted by name once the reader is done */
    size_t               n_items, items_capacity;
    setun_meta_entry    *metas;        /* likewise by key */
    size_t               n_metas, metas_capacity;
    setun_text_settings  text;
    setun_gguf          *gguf;         /* of a GGUF file, or NULL */
    setun_weights_options options;     /* while the reader reads */
};

/* Opens a file; it stays open as long as the weights. `path` is copied. */
setun_status setun_weights_open_file(setun_weights *weights, const char *path, const setun_weight_file **out_file, setun_error *error);

/* Appends to the table. Names and keys must live as long as the weights (in their pool). Duplicates are found at the end. */
setun_status setun_weights_add(setun_weights *weights, const setun_weight *weight, setun_error *error);
setun_status setun_weights_add_meta(setun_weights *weights, const setun_meta_entry *entry, setun_error *error);

/* ---- GGUF (gguf_ternary.c, gguf_i2s.c) ---- */

/* Where I2_S tensors of a file have their codes. */
enum setun_i2s_layout { SETUN_I2S_128, SETUN_I2S_64, SETUN_I2S_ROWS };

/* I2_S: checks the shape, reads the scale. The rest of *weight is filled already. */
setun_status setun_gguf_read_i2s(setun_weights *weights, const setun_gguf_tensor *tensor, enum setun_i2s_layout layout, setun_weight *weight,
                                 setun_error *error);
/* TQ1_0 and TQ2_0: reads every block's scale. One that all share makes the tensor ternary, others make it f16. */
setun_status setun_gguf_read_tq(setun_weights *weights, const setun_gguf_tensor *tensor, setun_weight *weight, setun_error *error);
/* The layout that the options name; without one SETUN_I2S_128, and an error if the contents of the file's I2_S tensors speak for another.
 * SETUN_ERR_INVALID: no such layout. */
setun_status setun_gguf_choose_i2s(const setun_weights *weights, enum setun_i2s_layout *out_layout, setun_error *error);

/* What hf_config.c learns from the folder's JSON files. */
typedef struct setun_hf_config {
    bool says_scale;    /* there is a quantization_config: without one nobody knows what a stored scale means */
    bool scale_divides; /* stored scales are inverses (linear_class bitlinear) */
} setun_hf_config;

/* config.json (required), generation_config.json and tokenizer_config.json of the folder: fills architecture, metadata and text. */
setun_status setun_hf_read_config(setun_weights *weights, setun_hf_config *out_config, setun_error *error);
#endif

/* weights.h - a model's files behind one face: tensors by name, metadata by key, whatever kind of file holds them. Internal.
 *
 * A tensor's name has no ".weight" suffix: "model.layers.0.self_attn.q_proj" is the file's "....q_proj.weight" together with its scale. */
#ifndef SETUN_WEIGHTS_H
#define SETUN_WEIGHTS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "setun/error.h"

enum setun_source { SETUN_SOURCE_HUGGINGFACE, SETUN_SOURCE_GGUF, SETUN_N_SOURCES };

/* "huggingface", "gguf": the keys that model graphs use. */
const char *setun_source_name(enum setun_source source);

struct setun_weight_file;
struct setun_weight_coding;

/* One tensor as stored: where its contents are, not the contents. Memory belongs to the setun_weights. */
typedef struct setun_weight {
    const char *name;      /* without ".weight" */
    const char *fmt;       /* a format of formats.md: "f32", "f16", "bf16", "tern2.hf" ... */
    uint32_t    n_dims;
    int64_t     dim[4];    /* logical, outermost first, unused ones 1: ternary [n, k] even where the file's own shape is [n / 4, k] */
    size_t      n_bytes;   /* of the contents, for setun_weight_read */
    bool        has_scale;
    float       scale;     /* always multiplies: y = scale * (codes . x); files that store its inverse are turned round. Finite, > 0; 1 without scale */
    bool        laid_out;  /* rows lie as the format's own layout() says, padded with zeros; else dense, as other files have them */
    bool        has_hash;
    uint64_t    hash;      /* of the contents: XXH3, 64 bits, seed 0 */
    const struct setun_weight_file *file; /* it and the byte where the contents begin are for graph/weights alone */
    uint64_t    file_byte;
    const struct setun_weight_coding *coding; /* NULL: the file's bytes are the contents; likewise */
    const char *decoded;   /* NULL, or what these dense values are in the file: never to be ternarised again */
    const struct setun_weight *screen; /* [SETUN_WEIGHT_SCREEN_PARTS] the parts of what op quantise makes of it, stored beside it; NULL: none */
    bool        is_screen; /* such a part: its hash is that of its pieces' hashes, and is always compared */
} setun_weight;

/* The representation that parts of a screen have, in this order: codes, steps, rests, sizes, fine rests (formats.md); and that of a head of
 * 8 bits. */
#define SETUN_WEIGHT_SCREEN_FMTS "i7.r256k32+f32+f32+f32+f32"
#define SETUN_WEIGHT_INT8_FMTS   "i8.r16k4+f32+f32+f32"
enum { SETUN_WEIGHT_SCREEN_PARTS = 5 };

/* Bytes that op screen reads of n rows of k columns: the upper bits, steps, rests and sizes; and that op rescreen reads of a row. */
static inline uint64_t setun_weight_screen_bytes(int64_t n, int64_t k)
{
    return (uint64_t)(n + 15) / 16 * ((uint64_t)(k + 31) / 32 * 320) + 3 * (uint64_t)n * sizeof(float);
}

static inline uint64_t setun_weight_rescreen_bytes(int64_t k)
{
    return (uint64_t)(k + 255) / 256 * 64 + 4 * sizeof(float);
}

typedef struct setun_weights setun_weights;

/* Opens a prepacked file (plugins/abi/prepacked.md), whose source is that of the file that it was made of; or a Hugging Face folder:
 * config.json and model.safetensors, or the shards that model.safetensors.index.json names; or a GGUF file.
 * Everything in the headers is checked here, scales too; other contents are not read, but for the scale of every block of the types TQ1_0 and
 * TQ2_0, and a part of the I2_S tensors. F32, F16, BF16 and ternary tensors are read, of a GGUF file Q8_0 and Q6_K too; a file with any other
 * is refused, as is one with empty tensors.
 * SETUN_ERR_NOT_FOUND, _IO, _FORMAT ("<file>: byte N: ..."), _UNSUPPORTED, _NOMEM. */
setun_status setun_weights_open(const char *path, setun_weights **out_weights, setun_error *error);

/* How to read what files do not say. Zero-initialise for the defaults. */
typedef struct setun_weights_options {
    const char *i2s_layout; /* GGUF, type I2_S: "128", "64" or "rows" (formats.md: tern2.i2s); NULL: "128", unless the contents speak against it */
} setun_weights_options;

/* The same with options (NULL: the defaults). SETUN_ERR_INVALID: an option's value is not known. */
setun_status setun_weights_open_options(const char *path, const setun_weights_options *options, setun_weights **out_weights,
                                        setun_error *error);
void         setun_weights_close(setun_weights *weights); /* accepts NULL */

enum setun_source   setun_weights_source(const setun_weights *weights);
const char         *setun_weights_path(const setun_weights *weights);         /* as given to open */
const char         *setun_weights_meta_path(const setun_weights *weights);    /* the file that the metadata came from, for errors */
const char         *setun_weights_architecture(const setun_weights *weights); /* config.json architectures[0]; general.architecture */
size_t              setun_weights_count(const setun_weights *weights);
const setun_weight *setun_weights_at(const setun_weights *weights, size_t i); /* in the order of their names (strcmp) */
const setun_weight *setun_weights_find(const setun_weights *weights, const char *name); /* NULL: none */

/* Reads n_bytes of a tensor's contents, from its byte first_byte on, into dst. Any number of threads may read at once.
 * SETUN_ERR_IO: the file has become shorter since it was opened, or cannot be read. SETUN_ERR_INVALID: the tensor has fewer bytes. */
setun_status setun_weight_read(const setun_weights *weights, const setun_weight *weight, size_t first_byte, size_t n_bytes, void *dst,
                               setun_error *error);

/* Whoever goes through whole tensors reads so much at once, at most SETUN_WEIGHT_CHUNK_BYTES: it stays in a core's second-level cache. A multiple
 * of 8, of every element's size and of the format's blocks. */
enum { SETUN_WEIGHT_CHUNK_BYTES = 256 << 10 };
size_t setun_weight_piece_bytes(const setun_weight *weight);

/* Reads a tensor's contents for what no kernel may meet: code 3 in a ternary format, NaN or infinity in f32, f16, bf16 and in the scales of
 * blocks. It reads every byte, so dense tensors of 64 MiB and more (embeddings of large models) are passed over, vectors excepted.
 * SETUN_ERR_FORMAT: the error names the first place in the order of the file. */
setun_status setun_weight_check(const setun_weights *weights, const setun_weight *weight, setun_error *error);
bool         setun_weight_is_passed_over(const setun_weight *weight); /* one of those */
/* The same without an exception for large ones. A tensor with a hash is compared with it, and the screen stored beside it is looked at, too:
 * SETUN_ERR_FORMAT. */
setun_status setun_weight_check_whole(const setun_weights *weights, const setun_weight *weight, setun_error *error);
/* Looks at a piece of the contents that the caller has read: data[n_bytes] from the tensor's byte first_byte on, a multiple of
 * setun_weight_piece_bytes or of the bytes of a row, or of rows that a format keeps together. */
setun_status setun_weight_check_piece(const setun_weight *weight, size_t first_byte, const void *data, size_t n_bytes, setun_error *error);

/* The hash of a part of a screen: XXH3 of its pieces' hashes, each 8 bytes, the lowest first. Pieces may be hashed by any number of threads. */
uint64_t     setun_weight_piece_hash(const void *data, size_t n_bytes);
setun_status setun_weight_check_hashes(const setun_weight *weight, const uint64_t *piece_hashes, size_t n_pieces, setun_error *error);

/* Files that hold the tensors, and their sizes together. */
size_t setun_weights_files(const setun_weights *weights, uint64_t *out_bytes);

enum setun_meta_type { SETUN_META_INT, SETUN_META_FLOAT, SETUN_META_STRING, SETUN_META_BOOL };
typedef struct setun_meta {
    enum setun_meta_type type;
    int64_t              i;      /* INT, BOOL */
    double               f;      /* FLOAT */
    const char          *s;      /* STRING; lives as long as the weights */
} setun_meta;

/* Metadata by key. Hugging Face: a dotted path into config.json ("rope_parameters.rope_theta"). GGUF: the file's own key. *out_found is false
 * if the key is absent or null. SETUN_ERR_FORMAT: the value is an object or an array, or what should hold it ("rope_parameters") is no object. */
setun_status setun_weights_meta(const setun_weights *weights, const char *key, bool *out_found, setun_meta *out_meta, setun_error *error);

/* Text settings: BOS id or -1; whether a prompt starts with it; ids that end a text (union of all the files that name them).
 * The literal texts are for the tokenizer to map, since a folder may name a token by its text only, or another one than the ids do: 2B4T's
 * config.json ends a text with 128001 alone, its tokenizer_config.json with "<|eot_id|>", which is 128009. */
typedef struct setun_text_settings {
    int32_t     bos;
    bool        add_bos;  /* as the file says; a file that does not say means: if there is a BOS id */
    size_t      n_stops;
    int32_t     stops[16];
    const char *bos_text; /* literal tokens, NULL: none; live as long as the weights */
    const char *eos_text;
} setun_text_settings;
const setun_text_settings *setun_weights_text(const setun_weights *weights);
/* Those of a Hugging Face folder that may hold nothing but a tokenizer; what they point to is in the pool. */
setun_status setun_hf_read_text(const char *folder, setun_pool *pool, setun_text_settings *out_text, setun_error *error);

/* The header of a GGUF file, for what else is in it (a vocabulary); NULL: another kind of file. */
const struct setun_gguf *setun_weights_gguf(const setun_weights *weights);
#endif

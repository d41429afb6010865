/* vocabulary.h - a byte-level BPE tokenizer on its way from one kind of file to another. Internal. */
#ifndef SETUN_CONVERT_VOCABULARY_H
#define SETUN_CONVERT_VOCABULARY_H
#include "base/base.h"

/* tokenizer.ggml.token_type of GGUF files. */
enum { SETUN_TOKEN_TYPE_NORMAL = 1, SETUN_TOKEN_TYPE_CONTROL = 3, SETUN_TOKEN_TYPE_USER = 4, SETUN_TOKEN_TYPE_UNUSED = 5 };

enum { SETUN_VOCABULARY_MAX_STOPS = 32 };

typedef struct setun_vocabulary_token {
    const char *text;    /* as files spell it: bytes of normal tokens in the byte-level alphabet. NUL-terminated, valid UTF-8, no NUL inside */
    int32_t     type;    /* SETUN_TOKEN_TYPE_* */
} setun_vocabulary_token;

typedef struct setun_vocabulary {
    setun_pool              pool;
    setun_vocabulary_token *tokens;   /* by id */
    size_t                  n_tokens;
    const char            **merges;   /* "left right", by rank */
    size_t                  n_merges;
    const char             *pre;      /* name of the cuts (tokenizer.ggml.pre); NULL: of a tokenizer.json, for no GGUF file */
    int32_t                 bos;      /* -1: none */
    bool                    add_bos;
    int32_t                 stops[SETUN_VOCABULARY_MAX_STOPS];
    size_t                  n_stops;
    const char             *chat_template; /* NULL: none */
    const char             *tokenizer_json; /* [tokenizer_json_bytes] of the tokenizer.json that it comes from; NULL: another kind */
    size_t                  tokenizer_json_bytes;
    const char             *folder;   /* the Hugging Face folder that it comes from, NULL: another place. Then nothing above may be known */
} setun_vocabulary;

void setun_vocabulary_free(setun_vocabulary *vocabulary);

/* A made-up one of n_tokens: 256 bytes, lower-case words in the order of their length and the alphabet, and three control tokens at the end.
 * Every UTF-8 text has its ids in it. SETUN_ERR_INVALID: n_tokens is too small or too large for that. */
setun_status setun_vocabulary_make(int64_t n_tokens, setun_vocabulary *out_vocabulary, setun_error *error);

/* From a tokenizer.json, a folder that holds one, a GGUF file, or a prepacked file: tokens, merges, cuts, chat template, and of GGUF the
 * BOS id. Else where a text begins and ends is for the caller to say.
 * SETUN_ERR_UNSUPPORTED: it has rules that GGUF files have no words for, and for_gguf is true. */
setun_status setun_vocabulary_open(const char *path, bool for_gguf, setun_vocabulary *out_vocabulary, setun_error *error);

/* Where a text begins and ends, by the names that most vocabularies use: for a model of random weights that is enough. */
void setun_vocabulary_guess_ends(setun_vocabulary *vocabulary);

/* Gives ids up to n_tokens, unused ones, so that there is one for every row of the embedding. SETUN_ERR_INVALID: it has more already. */
setun_status setun_vocabulary_fill(setun_vocabulary *vocabulary, int64_t n_tokens, setun_error *error);

/* As keys of a GGUF header: tokenizer.*. */
struct setun_gguf_writer;
void         setun_vocabulary_keys(const setun_vocabulary *vocabulary, struct setun_gguf_writer *writer);

/* As the files of a Hugging Face folder: text for the caller to free. */
setun_status setun_vocabulary_json(const setun_vocabulary *vocabulary, char **out_text, setun_error *error);           /* tokenizer.json */
setun_status setun_vocabulary_config_json(const setun_vocabulary *vocabulary, char **out_text, setun_error *error);    /* tokenizer_config.json */
setun_status setun_vocabulary_generation_json(const setun_vocabulary *vocabulary, char **out_text, setun_error *error);
#endif

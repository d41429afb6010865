/* tokenizer.h - text to token ids and back: byte-level BPE as Hugging Face's tokenizers library does it. */
#ifndef SETUN_TOKENIZER_H
#define SETUN_TOKENIZER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct setun_tokenizer setun_tokenizer;
typedef struct setun_text_decoder setun_text_decoder;

/* Opens a tokenizer.json, or the one in a folder. SETUN_ERR_NOT_FOUND, _IO, _FORMAT (what is wrong and where), _UNSUPPORTED (a kind of
 * tokenizer, normaliser or pre-tokeniser that Setun does not have). */
SETUN_API setun_status setun_tokenizer_open(const char *path, setun_tokenizer **out_tokenizer, setun_error *error);
SETUN_API void         setun_tokenizer_close(setun_tokenizer *tokenizer); /* accepts NULL */

enum {
    SETUN_TEXT_USER = 0,         /* untrusted text: special tokens in it are plain text */
    SETUN_TEXT_TRUSTED = 1u << 0 /* special tokens in the text are matched */
};

/* Token ids of text[n_bytes] (UTF-8), without BOS. *out_ids is malloc-ed (free it with setun_free), NULL when there are none.
 * SETUN_ERR_INVALID: the text is not UTF-8; the error says at which byte. */
SETUN_API setun_status setun_tokenizer_encode(const setun_tokenizer *tokenizer, const char *text, size_t n_bytes, unsigned flags,
                                              int32_t **out_ids, size_t *out_n_ids, setun_error *error);

/* Ids run from 0 to size - 1; ids in between may be unused. */
SETUN_API int32_t setun_tokenizer_size(const setun_tokenizer *tokenizer);

/* The bytes that a token stands for (not always whole UTF-8 characters). NULL with *out_bytes = 0: no such id. Lives as long as the
 * tokenizer. *out_special (may be NULL): it is a special token, which text output leaves out. */
SETUN_API const char *setun_tokenizer_token(const setun_tokenizer *tokenizer, int32_t id, size_t *out_bytes, bool *out_special);

/* Id of the token whose bytes are exactly text (a special token by its literal text); -1 if none. */
SETUN_API int32_t setun_tokenizer_find(const setun_tokenizer *tokenizer, const char *text, size_t n_bytes);

/* Streaming ids to UTF-8 text: each push gives the text that is certain now. A character is never split: its bytes are held back until
 * the last has come. Bytes that cannot become a character come out as U+FFFD, one for each maximal broken part. */
SETUN_API setun_status setun_text_decoder_create(const setun_tokenizer *tokenizer, bool keep_special,
                                                 setun_text_decoder **out_decoder, setun_error *error);
SETUN_API void         setun_text_decoder_destroy(setun_text_decoder *decoder); /* accepts NULL */

/* Feeds one id. *out_text points to *out_bytes bytes inside the decoder, valid until its next call; no allocation.
 * SETUN_ERR_INVALID: no such id. */
SETUN_API setun_status setun_text_decoder_push(setun_text_decoder *decoder, int32_t id, const char **out_text, size_t *out_bytes,
                                               setun_error *error);
/* The end: gives what was held back (as U+FFFD, since it is incomplete) and resets the decoder. */
SETUN_API void setun_text_decoder_finish(setun_text_decoder *decoder, const char **out_text, size_t *out_bytes);

/* Frees what a setun function says is malloc-ed. Accepts NULL. */
SETUN_API void setun_free(void *memory);

#ifdef __cplusplus
}
#endif
#endif

/** \file
 * tokenizer.h - text to token ids and back: byte-level BPE as Hugging Face's tokenizers library does it.
 * Text is UTF-8. Bytes that are not are never replaced or dropped: the text is refused, and the error names the first of them.
 * A tokenizer is constant once it is open: threads may share it. A decoder belongs to one text. */
#ifndef SETUN_TOKENIZER_H
#define SETUN_TOKENIZER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A vocabulary with its rules; opaque. */
typedef struct setun_tokenizer setun_tokenizer;
/** Ids of one text on their way to UTF-8; opaque. */
typedef struct setun_text_decoder setun_text_decoder;

/** Zero-initialise for the defaults. Strings are borrowed during the call only. */
typedef struct setun_tokenizer_options {
    /** How text is cut before merging, whatever the file says: "llama-bpe" (also "llama3", "llama-v3", "falcon3", "falcon_e"), "gpt-2", or
     * "default", which is what llama.cpp and bitnet.cpp fall back to. NULL: as the file says. */
    const char *pre;
} setun_tokenizer_options;

/** Opens a tokenizer.
 * \param path                a Hugging Face folder, with or without weights, a tokenizer.json alone, a prepacked file, or a GGUF file
 *                            with a vocabulary
 * \param options             may be NULL
 * \param[out] out_tokenizer  the caller's, for setun_tokenizer_close
 * \param[out] error          the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_NOT_FOUND, SETUN_ERR_IO; SETUN_ERR_FORMAT: what is wrong and where; SETUN_ERR_UNSUPPORTED: a kind of
 *         tokenizer, normaliser or pre-tokeniser that Setun does not have; SETUN_ERR_NOMEM */
SETUN_API setun_status setun_tokenizer_open(const char *path, const setun_tokenizer_options *options, setun_tokenizer **out_tokenizer,
                                            setun_error *error);

/** Closes it, its decoders being destroyed.
 * \param tokenizer  may be NULL */
SETUN_API void setun_tokenizer_close(setun_tokenizer *tokenizer);

/** Who decided how text is cut. */
enum {
    SETUN_PRE_FILE = 0,      /**< the file */
    SETUN_PRE_GIVEN = 1,     /**< the options */
    SETUN_PRE_RECOGNISED = 2 /**< the file names nothing, but its vocabulary is a known one: Llama 3's */
};

/** How text is cut before merging.
 * \param tokenizer        an open one
 * \param[out] out_origin  SETUN_PRE_*; may be NULL
 * \return the name, as in setun_tokenizer_options; NULL: by rules of the file's own that have no name (tokenizer.json) */
SETUN_API const char *setun_tokenizer_pre(const setun_tokenizer *tokenizer, int *out_origin);

/** The token that texts begin with; setun_tokenizer_encode does not put it there. A tokenizer.json alone does not name it.
 * \param tokenizer  an open one
 * \return id; -1: none, or texts are to begin without it */
SETUN_API int32_t setun_tokenizer_bos(const setun_tokenizer *tokenizer);

/** The tokens that end texts, those that end a turn of a chat included.
 * \param tokenizer     an open one
 * \param[out] out_ids  [returned] the tokenizer's own
 * \return how many, perhaps 0 */
SETUN_API size_t setun_tokenizer_stops(const setun_tokenizer *tokenizer, const int32_t **out_ids);

/** Flags of setun_tokenizer_encode. */
enum {
    SETUN_TEXT_USER = 0,         /**< untrusted text: special tokens in it are plain text */
    SETUN_TEXT_TRUSTED = 1u << 0 /**< special tokens in the text are matched */
};

/** Token ids of a text, without BOS.
 * \param tokenizer       an open one
 * \param text            [n_bytes] UTF-8, without NUL at its end
 * \param n_bytes         its length
 * \param flags           SETUN_TEXT_*
 * \param[out] out_ids    [*out_n_ids] the caller's, for setun_free; NULL when there are none
 * \param[out] out_n_ids  how many
 * \param[out] error      the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: the text is not UTF-8 (the error says at which byte) or too long, or a flag is unknown;
 *         SETUN_ERR_NOMEM */
SETUN_API setun_status setun_tokenizer_encode(const setun_tokenizer *tokenizer, const char *text, size_t n_bytes, unsigned flags,
                                              int32_t **out_ids, size_t *out_n_ids, setun_error *error);

/** Size of the vocabulary.
 * \param tokenizer  an open one
 * \return ids run from 0 to this less 1; ids in between may be unused */
SETUN_API int32_t setun_tokenizer_size(const setun_tokenizer *tokenizer);

/** The bytes that a token stands for, not always whole UTF-8 characters.
 * \param tokenizer         an open one
 * \param id                any value
 * \param[out] out_bytes    their number
 * \param[out] out_special  it is a special token, which text output leaves out; may be NULL
 * \return [*out_bytes] the tokenizer's own; NULL with *out_bytes = 0: no such id */
SETUN_API const char *setun_tokenizer_token(const setun_tokenizer *tokenizer, int32_t id, size_t *out_bytes, bool *out_special);

/** The token whose bytes are exactly a text.
 * \param tokenizer  an open one
 * \param text       [n_bytes] a special token by its literal text
 * \param n_bytes    its length
 * \return its id; -1: none */
SETUN_API int32_t setun_tokenizer_find(const setun_tokenizer *tokenizer, const char *text, size_t n_bytes);

/** Begins a text: ids go in one by one, text comes out as it becomes certain. A character is never split, its bytes are held back
 * until the last has come. Bytes that cannot become a character come out as U+FFFD, one for each maximal broken part.
 * \param tokenizer         borrowed, must outlive the decoder
 * \param keep_special      special tokens come out as their literal text; else they are left out
 * \param[out] out_decoder  the caller's, for setun_text_decoder_destroy
 * \param[out] error        the reason on failure; may be NULL
 * \return SETUN_OK, SETUN_ERR_NOMEM */
SETUN_API setun_status setun_text_decoder_create(const setun_tokenizer *tokenizer, bool keep_special,
                                                 setun_text_decoder **out_decoder, setun_error *error);

/** Destroys it.
 * \param decoder  may be NULL */
SETUN_API void setun_text_decoder_destroy(setun_text_decoder *decoder);

/** Feeds one id. Allocates nothing.
 * \param decoder         of this text
 * \param id              the next id
 * \param[out] out_text   [*out_bytes] the text that is certain now, the decoder's own, valid until its next call
 * \param[out] out_bytes  its length, often 0
 * \param[out] error      the reason on failure; may be NULL
 * \return SETUN_OK; SETUN_ERR_INVALID: no such id */
SETUN_API setun_status setun_text_decoder_push(setun_text_decoder *decoder, int32_t id, const char **out_text, size_t *out_bytes,
                                               setun_error *error);

/** Ends the text: gives what was held back (as U+FFFD, since it is incomplete) and makes the decoder ready for another.
 * \param decoder         of this text
 * \param[out] out_text   [*out_bytes] the decoder's own, valid until its next call
 * \param[out] out_bytes  its length, often 0 */
SETUN_API void setun_text_decoder_finish(setun_text_decoder *decoder, const char **out_text, size_t *out_bytes);

/** Frees what a function of libsetun gives to its caller with the words "for setun_free".
 * \param memory  may be NULL */
SETUN_API void setun_free(void *memory);

#ifdef __cplusplus
}
#endif
#endif

/* decoder.c - ids to text as a stream: whole characters only, U+FFFD for what cannot become one. */
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

enum { MAX_HELD = 3 /* bytes of a character without its last */, REPLACEMENT_BYTES = 3 };

struct setun_text_decoder {
    const setun_tokenizer *tokenizer;
    bool keep_special;
    size_t n_held; /* at the start of raw */
    char *raw;     /* held bytes and one token's */
    char *text;    /* each broken byte may become a U+FFFD */
};

setun_status setun_text_decoder_create(const setun_tokenizer *tokenizer, bool keep_special, setun_text_decoder **out_decoder,
                                       setun_error *error)
{
    size_t n_raw = tokenizer->vocab.longest_bytes + MAX_HELD; /* below 2^32: no product here overflows */
    setun_text_decoder *decoder = setun_calloc(1, sizeof(*decoder));

    if (decoder == NULL)
        return setun_fail_nomem(error, "text decoder", sizeof(*decoder));
    decoder->tokenizer = tokenizer;
    decoder->keep_special = keep_special;
    decoder->raw = setun_alloc(n_raw);
    decoder->text = setun_alloc(n_raw * REPLACEMENT_BYTES);
    if (decoder->raw == NULL || decoder->text == NULL) {
        setun_text_decoder_destroy(decoder);
        return setun_fail_nomem(error, "text decoder", n_raw * (1 + REPLACEMENT_BYTES));
    }
    *out_decoder = decoder;
    return SETUN_OK;
}

void setun_text_decoder_destroy(setun_text_decoder *decoder)
{
    if (decoder == NULL)
        return;
    free(decoder->raw);
    free(decoder->text);
    free(decoder);
}

static size_t put_replacement(char *out)
{
    memcpy(out, "\xef\xbf\xbd", REPLACEMENT_BYTES);
    return REPLACEMENT_BYTES;
}

/* Turns raw[0..n_raw) into text and keeps what may still become a character. Returns the bytes of text. */
static size_t drain(setun_text_decoder *decoder, size_t n_raw)
{
    size_t at = 0, n_text = 0;

    while (at < n_raw) {
        bool valid;
        size_t n = setun_utf8_next(decoder->raw + at, n_raw - at, &valid);

        if (n == 0)
            break;
        if (valid) {
            memcpy(decoder->text + n_text, decoder->raw + at, n);
            n_text += n;
        } else {
            n_text += put_replacement(decoder->text + n_text);
        }
        at += n;
    }
    decoder->n_held = n_raw - at;
    memmove(decoder->raw, decoder->raw + at, decoder->n_held);
    return n_text;
}

setun_status setun_text_decoder_push(setun_text_decoder *decoder, int32_t id, const char **out_text, size_t *out_bytes,
                                     setun_error *error)
{
    size_t n_bytes;
    bool special;
    const char *bytes = setun_tokenizer_token(decoder->tokenizer, id, &n_bytes, &special);

    if (bytes == NULL)
        return setun_fail(error, SETUN_ERR_INVALID, "token id: expected one of the tokenizer's, below %d, found %d",
                          (int)setun_tokenizer_size(decoder->tokenizer), (int)id);
    *out_text = decoder->text;
    *out_bytes = 0;
    if (special && !decoder->keep_special)
        return SETUN_OK; /* as if it were not there: a character may go on behind it */
    if (n_bytes > 0)
        memcpy(decoder->raw + decoder->n_held, bytes, n_bytes);
    *out_bytes = drain(decoder, decoder->n_held + n_bytes);
    return SETUN_OK;
}

void setun_text_decoder_finish(setun_text_decoder *decoder, const char **out_text, size_t *out_bytes)
{
    *out_text = decoder->text;
    *out_bytes = decoder->n_held > 0 ? put_replacement(decoder->text) : 0; /* what is held is one maximal part */
    decoder->n_held = 0;
}

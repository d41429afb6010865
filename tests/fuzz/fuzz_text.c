/* fuzz_text.c - any bytes as text through fable's tokenizer and back, which must give the same text; and any bytes as ids. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "text/text.h"

static setun_tokenizer *tokenizer;

static void close_tokenizer(void)
{
    setun_tokenizer_close(tokenizer);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    setun_error error = {""};

    (void)argc;
    (void)argv;
    FUZZ_EXPECT(setun_tokenizer_open(SETUN_SOURCE_DIR "/models/fable", NULL, &tokenizer, &error) == SETUN_OK);
    FUZZ_EXPECT(atexit(close_tokenizer) == 0);
    return 0;
}

/* Decodes to out, which has room for capacity bytes; each piece must be whole characters. */
static size_t decode(const int32_t *ids, size_t n_ids, char *out, size_t capacity)
{
    setun_error error = {""};
    setun_text_decoder *decoder;
    const char *piece;
    size_t n = 0, n_piece;

    FUZZ_EXPECT(setun_text_decoder_create(tokenizer, true, &decoder, &error) == SETUN_OK);
    for (size_t i = 0; i <= n_ids; i++) {
        if (i == n_ids) {
            setun_text_decoder_finish(decoder, &piece, &n_piece);
        } else if (setun_text_decoder_push(decoder, ids[i], &piece, &n_piece, &error) != SETUN_OK) {
            FUZZ_EXPECT(setun_tokenizer_token(tokenizer, ids[i], &n_piece, NULL) == NULL);
            fuzz_expect_refusal(SETUN_ERR_INVALID, &error);
            continue;
        }
        FUZZ_EXPECT(setun_utf8_valid(piece, n_piece) == n_piece);
        FUZZ_EXPECT(n_piece <= capacity - n);
        memcpy(out + n, piece, n_piece);
        n += n_piece;
    }
    setun_text_decoder_destroy(decoder);
    return n;
}

static void there_and_back(const char *text, size_t n_bytes, unsigned flags)
{
    setun_error error = {""};
    int32_t *ids = NULL;
    size_t n_ids = 0;
    char *back;
    const setun_status status = setun_tokenizer_encode(tokenizer, text, n_bytes, flags, &ids, &n_ids, &error);

    FUZZ_EXPECT((status == SETUN_OK) == (setun_utf8_valid(text, n_bytes) == n_bytes));
    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
        return;
    }
    back = malloc(n_bytes + 1);
    FUZZ_EXPECT(back != NULL && decode(ids, n_ids, back, n_bytes) == n_bytes && memcmp(back, text, n_bytes) == 0);
    free(back);
    setun_free(ids);
}

static void any_ids(const uint8_t *data, size_t n_bytes)
{
    enum { MAX_IDS = 200, MAX_TOKEN_BYTES = 1024 };
    int32_t ids[MAX_IDS];
    size_t n_ids = 0;
    char *text = malloc(MAX_IDS * MAX_TOKEN_BYTES);

    FUZZ_EXPECT(text != NULL);
    for (size_t i = 0; i + 1 < n_bytes && n_ids < MAX_IDS; i += 2)
        ids[n_ids++] = (int16_t)(data[i] | data[i + 1] << 8);
    (void)decode(ids, n_ids, text, MAX_IDS * MAX_TOKEN_BYTES);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    there_and_back((const char *)data, n_bytes, SETUN_TEXT_USER);
    there_and_back((const char *)data, n_bytes, SETUN_TEXT_TRUSTED);
    any_ids(data, n_bytes);
    return 0;
}

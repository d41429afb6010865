/* fuzz_vocabulary.c - the tokenizer of a GGUF file's metadata, and if it is one, some text through it, with the cuts it names and with others. */
#include <string.h>

#include "fuzz.h"
#include "setun/tokenizer.h"
#include "text/text.h"
#include "weights/gguf.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void encode(const setun_tokenizer *tokenizer, const char *text, unsigned flags)
{
    setun_error error = {""};
    int32_t *ids = NULL;
    size_t n_ids = 0;
    const setun_status status = setun_tokenizer_encode(tokenizer, text, strlen(text), flags, &ids, &n_ids, &error);

    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
        return;
    }
    for (size_t i = 0; i < n_ids; i++) {
        size_t n_bytes;

        FUZZ_EXPECT(ids[i] >= 0 && ids[i] < setun_tokenizer_size(tokenizer));
        FUZZ_EXPECT(setun_tokenizer_token(tokenizer, ids[i], &n_bytes, NULL) != NULL);
    }
    setun_free(ids);
}

static void read_tokenizer(const setun_gguf *gguf, const char *pre)
{
    static const char *const texts[] = {"", " the  <begin>\n\n1234 th\xC3\xA9 \xF0\x9F\x98\x80 don't<end>", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    setun_error error = {""};
    setun_tokenizer *tokenizer = NULL;
    const setun_status status = setun_tokenizer_read_gguf(gguf, pre, &tokenizer, &error);
    const int32_t *stops;

    if (status != SETUN_OK) {
        FUZZ_EXPECT(tokenizer == NULL);
        fuzz_expect_refusal(status, &error);
        return;
    }
    FUZZ_EXPECT(setun_tokenizer_bos(tokenizer) < setun_tokenizer_size(tokenizer));
    for (size_t i = setun_tokenizer_stops(tokenizer, &stops); i > 0; i--)
        FUZZ_EXPECT(stops[i - 1] >= 0 && stops[i - 1] < setun_tokenizer_size(tokenizer));
    for (size_t i = 0; i < SETUN_COUNT(texts); i++) {
        encode(tokenizer, texts[i], SETUN_TEXT_USER);
        encode(tokenizer, texts[i], SETUN_TEXT_TRUSTED);
    }
    setun_tokenizer_close(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    const setun_weight_file file = {.path = "fuzz.gguf", .fd = fuzz_memory_file(data, n_bytes), .n_bytes = n_bytes};
    setun_error error = {""};
    setun_gguf *gguf = NULL;
    const setun_status status = setun_gguf_read(&file, &gguf, &error);

    if (status != SETUN_OK) {
        fuzz_expect_refusal(status, &error);
        return 0;
    }
    read_tokenizer(gguf, NULL);
    read_tokenizer(gguf, "default");
    setun_gguf_close(gguf);
    return 0;
}

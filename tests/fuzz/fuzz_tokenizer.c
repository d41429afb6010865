/* fuzz_tokenizer.c - a tokenizer.json, and if it is one, some text through it. */
#include <string.h>

#include "fuzz.h"
#include "text/text.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const char *const texts[] = {"", " the  <begin>\n\n1234 th\xC3\xA9 \xF0\x9F\x98\x80 don't<end>", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    setun_error error = {""};
    setun_tokenizer *tokenizer = NULL;
    const setun_status status = setun_tokenizer_parse("fuzz.json", (const char *)data, n_bytes, NULL, &tokenizer, &error);

    if (status != SETUN_OK) {
        FUZZ_EXPECT(tokenizer == NULL);
        fuzz_expect_refusal(status, &error);
        return 0;
    }
    for (size_t i = 0; i < SETUN_COUNT(texts); i++) {
        encode(tokenizer, texts[i], SETUN_TEXT_USER);
        encode(tokenizer, texts[i], SETUN_TEXT_TRUSTED);
    }
    setun_tokenizer_close(tokenizer);
    return 0;
}

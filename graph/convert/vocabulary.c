/* vocabulary.c - a made-up vocabulary, and what all have in common. */
#include "convert/vocabulary.h"

#include <string.h>

#include "text/text.h"

enum {
    N_BYTES = 256,
    N_CONTROL = 3,
    WORD_MAX = 6 /* letters: 26 + ... + 26^6 words are more than any vocabulary has */
};

static const char *const control[N_CONTROL] = {"<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"};

void setun_vocabulary_free(setun_vocabulary *vocabulary)
{
    setun_pool_free(&vocabulary->pool);
    *vocabulary = (setun_vocabulary){.bos = -1};
}

/* The next word of the same length, in the order of the alphabet; false: that was the last. */
static bool next_word(char *word, size_t n)
{
    while (n-- > 0) {
        if (word[n] < 'z') {
            word[n]++;
            return true;
        }
        word[n] = 'a';
    }
    return false;
}

/* Words of 2 letters and more, each made of the word without its last letter, which came before, and that letter. */
static bool make_words(setun_vocabulary *vocabulary, size_t n_words)
{
    size_t i = 0;

    for (size_t n = 2; n <= WORD_MAX && i < n_words; n++) {
        char word[WORD_MAX + 1] = "";

        memset(word, 'a', n);
        do {
            setun_vocabulary_token *token = &vocabulary->tokens[N_BYTES + i];

            token->text = setun_pool_strndup(&vocabulary->pool, word, n);
            token->type = SETUN_TOKEN_TYPE_NORMAL;
            vocabulary->merges[i] = setun_pool_printf(&vocabulary->pool, "%.*s %c", (int)(n - 1), word, word[n - 1]);
            if (token->text == NULL || vocabulary->merges[i] == NULL)
                return false;
            i++;
        } while (i < n_words && next_word(word, n));
    }
    return true;
}

static bool make_bytes(setun_vocabulary *vocabulary)
{
    for (size_t i = 0; i < N_BYTES; i++) {
        char text[4];
        const size_t n = setun_utf8_put(setun_alphabet_char((uint8_t)i), text);

        vocabulary->tokens[i] = (setun_vocabulary_token){setun_pool_strndup(&vocabulary->pool, text, n), SETUN_TOKEN_TYPE_NORMAL};
        if (vocabulary->tokens[i].text == NULL)
            return false;
    }
    return true;
}

setun_status setun_vocabulary_make(int64_t n_tokens, setun_vocabulary *out_vocabulary, setun_error *error)
{
    setun_vocabulary made = {.bos = -1};
    const int64_t most = 1 << 24;
    size_t n_words;

    if (n_tokens < N_BYTES + N_CONTROL || n_tokens > most)
        return setun_fail(error, SETUN_ERR_INVALID, "vocabulary: expected a size from %d to %lld, found %lld", N_BYTES + N_CONTROL,
                          (long long)most, (long long)n_tokens);
    n_words = (size_t)n_tokens - N_BYTES - N_CONTROL;
    made.n_tokens = (size_t)n_tokens;
    made.n_merges = n_words;
    made.tokens = setun_pool_alloc(&made.pool, made.n_tokens * sizeof(*made.tokens));
    made.merges = setun_pool_alloc(&made.pool, n_words * sizeof(*made.merges));
    if (made.tokens == NULL || made.merges == NULL || !make_bytes(&made) || !make_words(&made, n_words)) {
        setun_vocabulary_free(&made);
        return setun_fail_nomem(error, "vocabulary", (size_t)n_tokens);
    }
    for (size_t i = 0; i < N_CONTROL; i++)
        made.tokens[made.n_tokens - N_CONTROL + i] = (setun_vocabulary_token){control[i], SETUN_TOKEN_TYPE_CONTROL};
    made.pre = "llama-bpe";
    made.bos = (int32_t)(n_tokens - N_CONTROL);
    made.add_bos = true;
    made.stops[0] = made.bos + 1;
    made.stops[1] = made.bos + 2;
    made.n_stops = 2;
    *out_vocabulary = made;
    return SETUN_OK;
}

setun_status setun_vocabulary_fill(setun_vocabulary *vocabulary, int64_t n_tokens, setun_error *error)
{
    setun_vocabulary_token *tokens;

    if (n_tokens < 0 || vocabulary->n_tokens > (uint64_t)n_tokens)
        return setun_fail(error, SETUN_ERR_INVALID, "vocabulary: it has %zu tokens, the model's embedding only %lld rows", vocabulary->n_tokens,
                          (long long)n_tokens);
    if (vocabulary->n_tokens == (uint64_t)n_tokens)
        return SETUN_OK;
    tokens = setun_pool_alloc(&vocabulary->pool, (size_t)n_tokens * sizeof(*tokens));
    for (size_t i = 0; tokens != NULL && i < (size_t)n_tokens; i++) {
        tokens[i] = i < vocabulary->n_tokens
                        ? vocabulary->tokens[i]
                        : (setun_vocabulary_token){setun_pool_printf(&vocabulary->pool, "[PAD%zu]", i), SETUN_TOKEN_TYPE_UNUSED};
        if (tokens[i].text == NULL)
            tokens = NULL;
    }
    if (tokens == NULL)
        return setun_fail_nomem(error, "vocabulary", (size_t)n_tokens);
    vocabulary->tokens = tokens;
    vocabulary->n_tokens = (size_t)n_tokens;
    return SETUN_OK;
}

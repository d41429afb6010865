/* vocabulary_gguf.c - a vocabulary as the keys of a GGUF header. */
#include <string.h>

#include "convert/gguf_writer.h"
#include "convert/vocabulary.h"

static void put_text(setun_gguf_writer *writer, const char *key, const char *text)
{
    setun_gguf_writer_string(writer, key, text, strlen(text));
}

void setun_vocabulary_keys(const setun_vocabulary *vocabulary, setun_gguf_writer *writer)
{
    static const char *const stop_keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};

    put_text(writer, "tokenizer.ggml.model", "gpt2");
    put_text(writer, "tokenizer.ggml.pre", vocabulary->pre);
    setun_gguf_writer_array(writer, "tokenizer.ggml.tokens", SETUN_GGUF_STRING, vocabulary->n_tokens);
    for (size_t i = 0; i < vocabulary->n_tokens; i++)
        setun_gguf_writer_element_string(writer, vocabulary->tokens[i].text, strlen(vocabulary->tokens[i].text));
    /* Nobody needs scores of a BPE, but the published files have them and some readers ask: 0, and -1000 for what is no text. */
    setun_gguf_writer_array(writer, "tokenizer.ggml.scores", SETUN_GGUF_F32, vocabulary->n_tokens);
    for (size_t i = 0; i < vocabulary->n_tokens; i++)
        setun_gguf_writer_element_f32(writer, vocabulary->tokens[i].type == SETUN_TOKEN_TYPE_CONTROL ? -1000.0f : 0.0f);
    setun_gguf_writer_array(writer, "tokenizer.ggml.token_type", SETUN_GGUF_I32, vocabulary->n_tokens);
    for (size_t i = 0; i < vocabulary->n_tokens; i++)
        setun_gguf_writer_element_i32(writer, vocabulary->tokens[i].type);
    setun_gguf_writer_array(writer, "tokenizer.ggml.merges", SETUN_GGUF_STRING, vocabulary->n_merges);
    for (size_t i = 0; i < vocabulary->n_merges; i++)
        setun_gguf_writer_element_string(writer, vocabulary->merges[i], strlen(vocabulary->merges[i]));
    if (vocabulary->bos >= 0)
        setun_gguf_writer_u32(writer, "tokenizer.ggml.bos_token_id", (uint32_t)vocabulary->bos);
    for (size_t i = 0; i < vocabulary->n_stops && i < SETUN_COUNT(stop_keys); i++)
        setun_gguf_writer_u32(writer, stop_keys[i], (uint32_t)vocabulary->stops[i]);
    if (vocabulary->n_stops > 0)
        setun_gguf_writer_u32(writer, "tokenizer.ggml.padding_token_id", (uint32_t)vocabulary->stops[0]);
    setun_gguf_writer_bool(writer, "tokenizer.ggml.add_bos_token", vocabulary->add_bos);
    if (vocabulary->chat_template != NULL)
        put_text(writer, "tokenizer.chat_template", vocabulary->chat_template);
}

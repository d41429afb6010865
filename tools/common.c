/* common.c - opens the model and the session that the common options ask for. */
#include "options.h"

#include <stdio.h>

#include "progress.h"

/* How text is cut decides what the model understands; a guess, even a sure one, is said. */
static void say_pre(const common_options *common, const setun_tokenizer *tokenizer)
{
    static const char *const reasons[] = {[SETUN_PRE_FILE] = "as the file says", [SETUN_PRE_GIVEN] = "as --pre says",
                                          [SETUN_PRE_RECOGNISED] = "the file does not say, its vocabulary is Llama 3's"};
    int origin;
    const char *pre = setun_tokenizer_pre(tokenizer, &origin);

    if (pre != NULL && (common->verbose || origin == SETUN_PRE_RECOGNISED))
        (void)fprintf(stderr, "text cut by %s: %s\n", pre, reasons[origin]);
}

setun_status common_open_model(const common_options *common, setun_model **out_model, setun_error *error)
{
    const setun_model_options options = {.graph = common->graph, .pre = common->pre};
    const setun_status status = setun_model_open(common->model, &options, out_model, error);

    if (status == SETUN_OK)
        say_pre(common, setun_model_tokenizer(*out_model));
    if (status == SETUN_OK && common->verbose)
        (void)fprintf(stderr, "model %s, family %s, vocabulary %lld, context %lld\n", setun_model_path(*out_model),
                      setun_model_family(*out_model), (long long)setun_model_vocab(*out_model),
                      (long long)setun_model_context(*out_model));
    return status;
}

setun_status common_create_session(const common_options *common, setun_model *model, uint32_t max_seqs, setun_session **out_session,
                                   setun_error *error)
{
    const setun_session_options options = {
        .n_threads = (uint32_t)common->n_threads,
        .chunk = (uint32_t)common->chunk,
        .max_seqs = max_seqs,
        .context = common->context,
        .kv = common->kv == 1 ? SETUN_KV_F32 : SETUN_KV_F16,
        .backends = common->backends,
        .progress = progress_session,
    };
    const setun_status status = setun_session_create(model, &options, out_session, error);

    progress_clear();
    if (status == SETUN_OK && common->verbose) {
        const double mib = 1024.0 * 1024.0;
        setun_session_info info;

        setun_session_describe(*out_session, &info);
        (void)fprintf(stderr,
                      "session: %u threads, passes of %u tokens, %u sequences of %lld, %s cache\n"
                      "memory: weights %.1f MiB, activations %.1f MiB, cache %.1f MiB\n",
                      info.n_threads, info.chunk, info.max_seqs, (long long)info.context, common->kv == 1 ? "f32" : "f16",
                      (double)info.weight_bytes / mib, (double)info.activation_bytes / mib, (double)info.cache_bytes / mib);
    }
    return status;
}

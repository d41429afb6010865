/* common.c - what the common options and the file of --config ask for together, and the model and the session that come of it. */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bench_memory.h"
#include "progress.h"
#include "setun/tuning.h"

static setun_config *config; /* of --config: the options borrow from it as long as the program runs */
static setun_tuning *tuning; /* likewise; of another CPU or NULL: none is used */
static bool tuning_looked_for;

static void close_config(void)
{
    setun_config_close(config);
}

static void close_tuning(void)
{
    setun_tuning_close(tuning);
}

/* Says once why times that were found are not used. */
static void say_tuning(const char *path, bool asked_for, bool verbose)
{
    setun_tuning_info info;

    setun_tuning_describe(tuning, &info);
    if (!info.is_for_this && (asked_for || verbose))
        (void)fprintf(stderr, "measured times of %s are not used: they are %s\n", path, info.differences);
    else if (info.is_for_this && verbose)
        (void)fprintf(stderr, "measured times: %zu of %s, setun %s, %s\n", info.n_times, info.date, info.version, path);
}

/* The measured times that sessions choose by. What was asked for must be there; the user's own file may be missing, and one that is broken
 * is said and left out, for no model shall stop running because a cache is damaged. */
static setun_status open_tuning(const common_options *common, setun_error *error)
{
    const char *path = common->tuning != NULL ? common->tuning : config != NULL ? setun_config_tuning(config) : NULL;
    const bool asked_for = path != NULL;
    char home[4096];
    setun_status status;

    if (asked_for && strcmp(path, "none") == 0)
        return SETUN_OK;
    if (!asked_for && setun_tuning_home(home, sizeof(home), error) != SETUN_OK)
        return SETUN_OK;
    path = asked_for ? path : home;
    status = setun_tuning_open(path, &tuning, error);
    if (status != SETUN_OK) {
        tuning = NULL;
        if (asked_for)
            return status;
        if (status != SETUN_ERR_NOT_FOUND)
            (void)fail("%s; measured times are not used", error->text);
        return SETUN_OK;
    }
    if (atexit(close_tuning) != 0) {
        close_tuning();
        tuning = NULL;
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: exit handler");
    }
    say_tuning(path, asked_for, common->verbose);
    return SETUN_OK;
}

setun_status common_settle(common_options *common, setun_error *error)
{
    setun_session_options *session = &common->session;

    if (common->config != NULL) {
        const setun_status status = setun_config_open(common->config, &config, error);

        if (status != SETUN_OK)
            return status;
        if (atexit(close_config) != 0) {
            close_config();
            return set_error(error, SETUN_ERR_NOMEM, "out of memory: exit handler");
        }
        setun_config_apply(config, session);
        common->plugin_path = setun_config_plugin_path(config);
        if (common->model == NULL)
            common->model = setun_config_model(config);
    }
    if (common->n_threads > 0)
        session->n_threads = (uint32_t)common->n_threads;
    if (common->weight_mib > 0)
        session->weight_bytes = (uint64_t)common->weight_mib << 20;
    if (common->chunk > 0)
        session->chunk = (uint32_t)common->chunk;
    if (common->context > 0)
        session->context = common->context;
    if (common->kv >= 0)
        session->kv = common->kv == 1 ? SETUN_KV_F32 : SETUN_KV_F16;
    if (common->head >= 0)
        session->head = common->head;
    if (common->backends != NULL) { /* a rule would take nodes away from the backends that were asked for */
        session->backends = common->backends;
        session->n_rules  = 0;
    }
    session->no_fuse  = session->no_fuse || common->no_fuse;
    session->progress = progress_session;
    return SETUN_OK;
}

setun_status common_session_options(const common_options *common, setun_session_options *out_options, setun_error *error)
{
    *out_options = common->session;
    if (!tuning_looked_for) { /* what there is to say is said once */
        const setun_status status = open_tuning(common, error);

        if (status != SETUN_OK)
            return status;
        tuning_looked_for = true;
    }
    out_options->tuning = tuning;
    return SETUN_OK;
}

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

const char *common_i2s_layout(const common_options *common)
{
    static const char *const layouts[] = {NULL, "128", "64", "rows"};

    return layouts[common->i2s_layout];
}

setun_status common_open_model(const common_options *common, setun_model **out_model, setun_error *error)
{
    const setun_model_options options = {.graph = common->graph, .pre = common->pre, .i2s_layout = common_i2s_layout(common),
                                         .plugin_path = common->plugin_path};
    const setun_status status = setun_model_open(common->model, &options, out_model, error);

    if (status == SETUN_OK)
        say_pre(common, setun_model_tokenizer(*out_model));
    if (status == SETUN_OK && common->verbose)
        (void)fprintf(stderr, "model %s, family %s, vocabulary %lld, context %lld\n", setun_model_path(*out_model),
                      setun_model_family(*out_model), (long long)setun_model_vocab(*out_model),
                      (long long)setun_model_context(*out_model));
    return status;
}

setun_status common_open_tokenizer(const common_options *common, setun_tokenizer **out_tokenizer, setun_error *error)
{
    const setun_tokenizer_options options = {.pre = common->pre};
    char path[4096];
    setun_status status = setun_model_locate(common->model, path, sizeof(path), error);

    if (status == SETUN_OK)
        status = setun_tokenizer_open(path, &options, out_tokenizer, error);
    if (status != SETUN_OK)
        return status;
    say_pre(common, *out_tokenizer);
    if (common->verbose)
        (void)fprintf(stderr, "tokenizer of %s, %d tokens\n", path, setun_tokenizer_size(*out_tokenizer));
    return SETUN_OK;
}

const char *chunk_reason(const setun_session_info *info, char text[CHUNK_REASON_BYTES])
{
    text[0] = '\0';
    if (info->chunk_row_bytes > 0 && info->chunk_cache_bytes > 0)
        (void)snprintf(text, CHUNK_REASON_BYTES, " (64 to 256 of %.1f KiB in %.1f MiB of cache)", (double)info->chunk_row_bytes / 1024,
                       (double)info->chunk_cache_bytes / 1048576);
    return text;
}

setun_status common_create_session(const common_options *common, setun_model *model, uint32_t max_seqs, setun_session **out_session,
                                   setun_error *error)
{
    setun_session_options options;
    setun_status status = common_session_options(common, &options, error);

    if (status != SETUN_OK)
        return status;
    options.max_seqs = max_seqs;
    status = setun_session_create(model, &options, out_session, error);
    progress_clear();
    if (status == SETUN_OK && common->verbose) {
        const double mib = 1024.0 * 1024.0;
        static const char *const heads[] = {[SETUN_HEAD_FULL] = "full", [SETUN_HEAD_SCREENED] = "screened", [SETUN_HEAD_RESIDENT] = "resident",
                                            [SETUN_HEAD_INT8] = "int8"};
        char reason[CHUNK_REASON_BYTES];
        setun_session_info info;
        memory_use use;

        setun_session_describe(*out_session, &info);
        (void)fprintf(stderr,
                      "session: %u threads, passes of %u tokens%s, %u sequences of %lld, %s cache, %s head\n"
                      "weights: %zu, of which %zu had to be packed for their kernels\n"
                      "memory: weights %.1f MiB, activations %.1f MiB, cache %.1f MiB\n",
                      info.n_threads, info.chunk, chunk_reason(&info, reason), info.max_seqs, (long long)info.context, options.kv == SETUN_KV_F32 ? "f32" : "f16",
                      heads[info.head], info.n_weights, info.n_packed,
                      (double)info.weight_bytes / mib, (double)info.activation_bytes / mib, (double)info.cache_bytes / mib);
        memory_read(&use);
        if (!isnan(use.huge_bytes))
            (void)fprintf(stderr, "huge pages: %.1f MiB of %.1f MiB touched so far\n", use.huge_bytes / mib, use.anon_bytes / mib);
    }
    return status;
}

setun_status sampling_settle(sampling_options *sampling, setun_error *error)
{
    uint32_t seed; /* 32 bits are enough to differ, and short enough to type in again */

    if (sampling->seed >= 0)
        return SETUN_OK;
    if (getentropy(&seed, sizeof(seed)) != 0)
        return set_error(error, SETUN_ERR_IO, "no random seed: %s", strerror(errno));
    sampling->seed = seed;
    return SETUN_OK;
}

setun_sampling sampling_of(const sampling_options *sampling, uint64_t n)
{
    return (setun_sampling){
        .temperature = (float)sampling->temperature,
        .top_k = (int32_t)sampling->top_k,
        .top_p = (float)sampling->top_p,
        .min_p = (float)sampling->min_p,
        .repeat_penalty = (float)sampling->repeat_penalty,
        .seed = (uint64_t)sampling->seed + n,
    };
}

/* cmd_score.c - `setun score`: how likely a model finds a text (perplexity), and the logits of every position. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "io.h"
#include "npy.h"
#include "options.h"
#include "progress.h"
#include "setun/bench.h"
#include "setun_numerics.h"

typedef struct score_options {
    common_options common;
    const char    *file, *logits;
    bool           ids, no_bos;
    int64_t        batch;
} score_options;

/* One row of a batch: where its logits belong. */
typedef struct place {
    size_t window, row; /* row: position in the window's sequence */
} place;

/* The text is cut into windows; each is one sequence, BOS first if there is one, and every token that has another before it counts. */
typedef struct score_job {
    const int32_t *ids;      /* [n_ids] */
    size_t         n_ids;
    int32_t        bos;      /* -1: sequences start with their window's own first token, which then does not count */
    size_t         n_window; /* ids of a window; the last may have fewer */
    size_t         n_windows;
    size_t         n_vocab;
    double        *nll;      /* [n_ids] of each id; 0 where it does not count */
    size_t         n_scored;
    npy_writer    *npy;      /* NULL: logits are not kept */
    /* the batch being computed */
    setun_row     *rows;
    place         *places;
} score_job;

static size_t bos_rows(const score_job *job)
{
    return job->bos >= 0 ? 1 : 0;
}

/* Rows of window w's sequence: its ids, and BOS. */
static size_t window_rows(const score_job *job, size_t w)
{
    const size_t left = job->n_ids - w * job->n_window;

    return (left < job->n_window ? left : job->n_window) + bos_rows(job);
}

/* -ln of the probability that logits[n] give to `id`, in f64. */
static double negative_log_likelihood(const float *logits, size_t n, int32_t id)
{
    double max = (double)logits[0], sum = 0;

    for (size_t i = 1; i < n; i++)
        if ((double)logits[i] > max)
            max = (double)logits[i];
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - max);
    return log(sum) + max - (double)logits[id];
}

static setun_status on_logits(void *context, size_t i, const float *logits, setun_error *error)
{
    score_job *job = context;
    const place at = job->places[i];
    const size_t n_bos = bos_rows(job);

    if (at.row + 1 < window_rows(job, at.window)) {
        const size_t next = at.window * job->n_window + at.row + 1 - n_bos; /* the id that this row foretells */

        job->nll[next] = negative_log_likelihood(logits, job->n_vocab, job->ids[next]);
        job->n_scored++;
    }
    if (job->npy == NULL)
        return SETUN_OK;
    return npy_write(job->npy, (int64_t)(at.window * (job->n_window + n_bos) + at.row), logits, error);
}

/* Computes windows first..first+n-1, each in the sequence seqs[i]. Their rows take turns, so that every pass mixes the sequences. */
static setun_status score_batch(score_job *job, setun_session *session, const int32_t *seqs, size_t first, size_t n, setun_error *error)
{
    const size_t n_bos = bos_rows(job), n_longest = window_rows(job, first);
    size_t n_rows = 0;

    for (size_t i = 0; i < n; i++)
        setun_sequence_truncate(session, seqs[i], 0);
    for (size_t row = 0; row < n_longest; row++) {
        for (size_t i = 0; i < n; i++) {
            const size_t w = first + i, n_own = window_rows(job, w);

            if (row >= n_own)
                continue;
            job->places[n_rows] = (place){w, row};
            job->rows[n_rows++] = (setun_row){
                .token = row < n_bos ? job->bos : job->ids[w * job->n_window + row - n_bos],
                .seq = seqs[i],
                .want_logits = job->npy != NULL || row + 1 < n_own,
            };
        }
    }
    return setun_session_eval(session, job->rows, n_rows, on_logits, job, error);
}

static setun_status score_all(score_job *job, setun_session *session, size_t n_batch, setun_error *error)
{
    const size_t n_rows = job->n_ids + job->n_windows * bos_rows(job);
    int32_t *seqs = calloc(n_batch, sizeof(*seqs));
    setun_status status = SETUN_OK;

    if (seqs == NULL)
        return set_error(error, SETUN_ERR_NOMEM, "out of memory: %zu sequences", n_batch);
    for (size_t i = 0; i < n_batch && status == SETUN_OK; i++)
        status = setun_sequence_open(session, &seqs[i], error);
    for (size_t w = 0; w < job->n_windows && status == SETUN_OK; w += n_batch) {
        const size_t left = job->n_windows - w, n = left < n_batch ? left : n_batch;
        const size_t first = w * (job->n_window + bos_rows(job)), last = first + n * (job->n_window + bos_rows(job));

        progress_frame("scoring", first, (last < n_rows ? last : n_rows) - first, n_rows);
        status = score_batch(job, session, seqs, w, n, error);
    }
    progress_frame(NULL, 0, 0, 0);
    progress_clear();
    free(seqs);
    return status;
}

static int print_result(const score_options *options, const setun_model *model, const score_job *job, double seconds)
{
    double sum = 0, mean;

    for (size_t i = 0; i < job->n_ids; i++)
        sum += job->nll[i]; /* in the text's order, whatever the order of computing */
    mean = job->n_scored > 0 ? sum / (double)job->n_scored : 0;
    if (options->common.output == OUTPUT_JSON)
        return print_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:f, s:i}", "model", setun_model_path(model), "file",
                                    options->file, "kv", options->common.session.kv == SETUN_KV_F32 ? "f32" : "f16", "tokens",
                                    (json_int_t)job->n_scored, "windows", (json_int_t)job->n_windows, "window",
                                    (json_int_t)job->n_window, "mean_nll", job->n_scored > 0 ? json_real(mean) : json_null(),
                                    "perplexity", job->n_scored > 0 ? json_real(exp(mean)) : json_null(), "seconds", seconds,
                                    "numerics_version", SETUN_NUMERICS_VERSION));
    printf("tokens      %zu\nwindows     %zu\n", job->n_scored, job->n_windows);
    if (job->n_scored > 0)
        printf("mean nll    %.10g\nperplexity  %.10g\n", mean, exp(mean));
    (void)fprintf(stderr, "%.1f s, %.1f tokens/s\n", seconds, seconds > 0 ? (double)job->n_ids / seconds : 0);
    return EXIT_DONE;
}

/* Cuts the ids into windows that fit the context, reserves what scoring needs, scores and prints. Returns an exit code. */
static int score_ids(const score_options *options, setun_model *model, const int32_t *ids, size_t n_ids)
{
    score_job job = {.ids = ids, .n_ids = n_ids, .n_vocab = (size_t)setun_model_vocab(model)};
    const size_t context = (size_t)(options->common.session.context > 0 ? options->common.session.context : setun_model_context(model));
    setun_session *session = NULL;
    setun_error error;
    setun_status status = SETUN_OK;
    size_t n_batch, n_rows;
    double start;
    int code = EXIT_FAILED;

    job.bos = options->ids || options->no_bos ? -1 : setun_model_bos(model);
    job.n_window = options->ids ? n_ids : context - bos_rows(&job);
    if (n_ids == 0)
        return fail("%s: no tokens in it", input_name(options->file));
    if (options->ids && n_ids > context)
        return fail("%s: %zu ids, but the context holds %zu", input_name(options->file), n_ids, context);
    if (job.n_window == 0)
        return fail("a context of %zu holds no token besides BOS", context);
    if (options->logits == NULL && job.bos < 0 && (n_ids < 2 || job.n_window < 2))
        return fail("%s: nothing to score: no token has another before it", input_name(options->file));
    job.n_windows = (n_ids + job.n_window - 1) / job.n_window;
    n_batch = (size_t)options->batch < job.n_windows ? (size_t)options->batch : job.n_windows;
    n_rows = n_batch * (job.n_window + bos_rows(&job));
    job.nll = calloc(n_ids, sizeof(*job.nll));
    job.rows = calloc(n_rows, sizeof(*job.rows));
    job.places = calloc(n_rows, sizeof(*job.places));
    if (job.nll == NULL || job.rows == NULL || job.places == NULL)
        status = set_error(&error, SETUN_ERR_NOMEM, "out of memory: %zu rows", n_rows);
    if (status == SETUN_OK)
        status = common_create_session(&options->common, model, (uint32_t)n_batch, &session, &error);
    if (status == SETUN_OK && options->logits != NULL)
        status = npy_create(options->logits, (int64_t)(n_ids + job.n_windows * bos_rows(&job)), (int64_t)job.n_vocab,
                            &job.npy, &error);
    if (status == SETUN_OK) {
        start = setun_clock_s();
        interrupt_session(session);
        status = score_all(&job, session, n_batch, &error);
        interrupt_session(NULL);
        if (status == SETUN_OK && job.npy != NULL) {
            status = npy_commit(job.npy, &error);
            job.npy = NULL;
        }
        if (status == SETUN_OK)
            code = print_result(options, model, &job, setun_clock_s() - start);
    }
    npy_discard(job.npy);
    if (status == SETUN_ERR_INTERRUPTED)
        code = EXIT_SIGNAL + interrupt_signal();
    if (status != SETUN_OK)
        (void)fail("%s", status == SETUN_ERR_INTERRUPTED ? "interrupted" : error.text);
    setun_session_destroy(session);
    free(job.nll);
    free(job.rows);
    free(job.places);
    return code;
}

static int score_file(const score_options *options)
{
    setun_model *model = NULL;
    char *text = NULL;
    int32_t *ids = NULL;
    size_t n_bytes, n_ids;
    setun_error error;
    setun_status status = read_input(options->file, &text, &n_bytes, &error);
    int code;

    if (status == SETUN_OK)
        status = common_open_model(&options->common, &model, &error);
    if (status == SETUN_OK && options->ids)
        status = read_ids(input_name(options->file), text, n_bytes, &ids, &n_ids, &error);
    else if (status == SETUN_OK)
        status = encode_text(setun_model_tokenizer(model), options->file, text, n_bytes, SETUN_TEXT_USER, false, &ids, &n_ids, &error);
    code = status == SETUN_OK ? score_ids(options, model, ids, n_ids) : fail("%s", error.text);
    setun_model_close(model);
    free(ids);
    free(text);
    return code;
}

static int run(int argc, char **argv)
{
    score_options options = {.batch = 1};
    const option_spec specs[] = {
        {.name = "file", .letter = 'f', .kind = OPTION_TEXT, .argument = "FILE", .value = &options.file,
         .help = "text to score, every byte of it; '-' for the standard input"},
        {.name = "ids", .kind = OPTION_FLAG, .value = &options.ids,
         .help = "FILE holds token ids between white space; they are scored as they are, as one sequence"},
        {.name = "logits", .kind = OPTION_TEXT, .argument = "OUT.npy", .value = &options.logits,
         .help = "keep the logits of every position: NumPy file, f32 [positions, vocabulary]"},
        {.name = "batch", .kind = OPTION_INT, .argument = "N", .value = &options.batch, .min = 1, .max = 1024,
         .help = "windows computed together; does not change the result (default 1)"},
        {.name = "no-bos", .kind = OPTION_FLAG, .value = &options.no_bos, .help = "windows do not begin with the model's BOS token"},
    };
    const command_line line = {
        .name = "score",
        .usage = "setun score [-m MODEL] -f FILE [--ids] [--logits OUT.npy] [OPTION...]",
        .text = "Prints how many tokens were scored, their mean negative log-likelihood and the perplexity, exp of it. The text is\n"
                "tokenised once (special tokens in it are plain text) and cut into windows of one token less than the context; each\n"
                "window is scored after BOS, and every token counts. Without BOS a window fills the context and its first token\n"
                "does not count.",
        .examples = "setun score -f tale.txt\n"
                    "setun score -f tale.txt --kv f32 --batch 8 -o json\n"
                    "setun score --ids -f tale.ids --logits tale.npy",
        .options = specs,
        .n_options = sizeof(specs) / sizeof(specs[0]),
        .common = COMMON_MODEL | COMMON_TEXT | COMMON_SESSION | COMMON_OUTPUT,
    };
    int first, code = options_parse(&line, argc, argv, &options.common, &first);

    if (code >= 0)
        return code;
    if (options.file == NULL)
        return fail_usage("needs a text: -f FILE");
    if (options.common.session.head == SETUN_HEAD_AUTO) /* every logit counts: the weights had better be in memory */
        options.common.session.head = SETUN_HEAD_FULL;
    return score_file(&options);
}

const command command_score = {.name = "score", .summary = "perplexity of a text, logits of every position", .run = run};

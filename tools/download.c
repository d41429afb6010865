/* download.c - HTTP with libcurl: ranges, validators, redirects, retries. The only file of Setun that touches the network. */
#include "download.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buffer.h"
#include "command.h"
#include "io.h"
#include "partial_file.h"
#include "progress.h"
#include "words.h"

enum {
    MAX_REDIRECTS = 10,
    MAX_RESTARTS = 3,             /* of the whole file, because the server's changed under us */
    PROGRESS_BYTES = 1 << 20,     /* an attempt that brought this much counts as a good one: a long file over a bad line arrives */
    MAX_WAIT_SECONDS = 60,
    STRONG_SECONDS = 60           /* a Last-Modified this much older than the answer tells versions apart (RFC 9110, 8.8.2.2) */
};

enum outcome {
    OUTCOME_DONE,
    OUTCOME_BROKEN,  /* off; another attempt may go on */
    OUTCOME_RESTART, /* what is there belongs to another version of the file */
    OUTCOME_FAILED   /* for good */
};

typedef struct transfer {
    const download_request *request;
    partial_file *partial;
    CURL    *curl;
    char     stage[96];              /* of the progress bar */
    char     reason[CURL_ERROR_SIZE + 64]; /* why an attempt broke off; "" if nothing did */
    int64_t  asked;                  /* first byte that was asked for */
    int64_t  total;                  /* of the whole file; -1: not known */
    bool     begun;                  /* the head of the answer has been judged */
    enum outcome outcome;            /* what the judgement was: OUTCOME_DONE if all is well */
    setun_status status;             /* and its error, if OUTCOME_FAILED */
    setun_error *error;
} transfer;

__attribute__((format(printf, 3, 4))) static bool refuse(transfer *t, setun_status status, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    t->outcome = OUTCOME_FAILED;
    t->status = set_error(t->error, status, "%.500s: %s", t->request->url, text);
    return false;
}

/* A field of the answer's head, the last answer's if there were redirects; NULL: it has none. */
static const char *field(const transfer *t, const char *name)
{
    struct curl_header *header;

    return curl_easy_header(t->curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

/* What tells this version of the file from others, fit for If-Range; "" if there is nothing: weak tags do not vouch for bytes. */
static const char *validator(const transfer *t)
{
    const char *tag = field(t, "ETag"), *modified = field(t, "Last-Modified"), *date = field(t, "Date");

    if (tag != NULL && tag[0] == '"' && strlen(tag) < PARTIAL_TAG_BYTES)
        return tag;
    if (tag == NULL && modified != NULL && date != NULL && strlen(modified) < PARTIAL_TAG_BYTES && curl_getdate(modified, NULL) >= 0 &&
        curl_getdate(date, NULL) - curl_getdate(modified, NULL) >= STRONG_SECONDS)
        return modified;
    return "";
}

/* Digits at *at, and behind them `after`; *at moves behind both. */
static bool read_number(const char **at, char after, int64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoll(*at, &end, 10);
    if (**at < '0' || **at > '9' || errno != 0 || *end != after)
        return false;
    *at = end + 1;
    return true;
}

/* "bytes 200-1023/146515": the length of the whole may be "*", out_total = -1. RFC 9110, section 14.4. */
static bool read_range(const char *range, int64_t *out_first, int64_t *out_last, int64_t *out_total)
{
    *out_total = -1;
    if (strncmp(range, "bytes ", 6) != 0)
        return false;
    range += 6;
    return read_number(&range, '-', out_first) && read_number(&range, '/', out_last) && *out_last >= *out_first &&
           (strcmp(range, "*") == 0 || (read_number(&range, '\0', out_total) && *out_last < *out_total));
}

/* A part was sent: is it the one that was asked for, of the same file? */
static bool judge_part(transfer *t)
{
    const char *range = field(t, "Content-Range"), *tag = field(t, "ETag");
    int64_t first, last, total;

    if (t->asked == 0)
        return refuse(t, SETUN_ERR_FORMAT, "the server sends a part (HTTP status 206), but the whole file was asked for");
    if (range == NULL || !read_range(range, &first, &last, &total))
        return refuse(t, SETUN_ERR_FORMAT, "the server sends a part without saying properly which (Content-Range '%.80s')",
                      range != NULL ? range : "");
    if (first != t->asked)
        return refuse(t, SETUN_ERR_FORMAT, "asked for the bytes from %" PRId64 " on, the server sends those from %" PRId64 " on", t->asked, first);
    if (tag != NULL && tag[0] == '"' && partial_file_tag(t->partial)[0] == '"' && strcmp(tag, partial_file_tag(t->partial)) != 0) {
        t->outcome = OUTCOME_RESTART; /* the server ignores If-Range */
        return false;
    }
    if (total < 0 && t->request->n_bytes < 0)
        return refuse(t, SETUN_ERR_FORMAT, "the server sends a part without saying how long the file is");
    t->total = total;
    return true;
}

/* The whole file was sent, asked for or not. */
static bool judge_whole(transfer *t)
{
    curl_off_t length = -1;
    long version = 0;

    (void)curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    (void)curl_easy_getinfo(t->curl, CURLINFO_HTTP_VERSION, &version);
    t->total = length;
    if (length < 0 && t->request->n_bytes < 0 && t->request->sha256 == NULL && (version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1) &&
        field(t, "Transfer-Encoding") == NULL)
        return refuse(t, SETUN_ERR_FORMAT, "the server does not say where the file ends, and nothing else does; --sha256 would");
    if (t->asked > 0) {
        progress_hide();
        (void)fprintf(stderr, "the file has changed, or the server cannot resume: from the beginning\n");
    }
    t->status = partial_file_restart(t->partial, validator(t), t->error);
    if (t->status != SETUN_OK)
        t->outcome = OUTCOME_FAILED;
    return t->status == SETUN_OK;
}

/* Looks at the head of the answer before its first byte is kept. */
static bool judge(transfer *t)
{
    const char *encoding = field(t, "Content-Encoding");
    long code = 0;

    t->begun = true;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200 && code != 206)
        return refuse(t, SETUN_ERR_IO, "HTTP status %ld", code);
    if (encoding != NULL && strcmp(encoding, "identity") != 0)
        return refuse(t, SETUN_ERR_FORMAT, "the server sends it in the encoding '%.40s', which was not asked for", encoding);
    if (!(code == 206 ? judge_part(t) : judge_whole(t)))
        return false;
    if (t->total >= 0 && t->request->n_bytes >= 0 && t->total != t->request->n_bytes)
        return refuse(t, SETUN_ERR_FORMAT, "expected a file of %" PRId64 " bytes, the server has one of %" PRId64, t->request->n_bytes, t->total);
    if (t->total < 0)
        t->total = t->request->n_bytes;
    if (t->total >= 0) {
        t->status = partial_file_check_room(t->partial, t->total - partial_file_size(t->partial), t->error);
        if (t->status != SETUN_OK)
            t->outcome = OUTCOME_FAILED;
    }
    return t->status == SETUN_OK;
}

static size_t on_data(char *data, size_t size, size_t n, void *context)
{
    transfer *t = context;
    const size_t n_bytes = size * n; /* libcurl: at most CURL_MAX_WRITE_SIZE */

    if (!t->begun && !judge(t))
        return 0;
    if (t->total >= 0 && (uint64_t)n_bytes > (uint64_t)(t->total - partial_file_size(t->partial))) {
        (void)refuse(t, SETUN_ERR_FORMAT, "the server sends more than the %" PRId64 " bytes of the file", t->total);
        partial_file_discard(t->partial); /* none of it can be trusted */
        t->partial = NULL;
        return 0;
    }
    t->status = partial_file_append(t->partial, data, n_bytes, t->error);
    if (t->status != SETUN_OK) {
        t->outcome = OUTCOME_FAILED;
        return 0;
    }
    return n_bytes;
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    const transfer *t = context;

    (void)down_total, (void)down, (void)up_total, (void)up;
    if (t->begun && t->total > 0 && t->partial != NULL)
        progress_show(t->stage, (uint64_t)partial_file_size(t->partial), (uint64_t)t->total);
    return interrupt_signal() != 0;
}

static const char *status_words(long code)
{
    static const struct {
        long        code;
        const char *words;
    } known[] = {{400, "bad request"}, {401, "needs a login"}, {403, "forbidden"}, {404, "not found"}, {410, "gone"}, {429, "too many requests"},
                 {500, "server error"}, {502, "bad gateway"}, {503, "unavailable"}, {504, "gateway timed out"}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].code == code)
            return known[i].words;
    return "an error";
}

static enum outcome judge_status(transfer *t)
{
    long code = 0;

    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code == 416 && t->asked > 0)
        return OUTCOME_RESTART; /* the file there is shorter than what we have */
    if (code == 408 || code == 429 || (code >= 500 && code != 501 && code != 505)) {
        (void)snprintf(t->reason, sizeof(t->reason), "HTTP status %ld, %s", code, status_words(code));
        return OUTCOME_BROKEN;
    }
    (void)refuse(t, code == 404 || code == 410 ? SETUN_ERR_NOT_FOUND : SETUN_ERR_IO, "HTTP status %ld, %s", code, status_words(code));
    return OUTCOME_FAILED;
}

static enum outcome judge_code(transfer *t, CURLcode code, const char *text)
{
    const char *there = t->request->url;

    (void)curl_easy_getinfo(t->curl, CURLINFO_EFFECTIVE_URL, &there);
    switch (code) {
    case CURLE_HTTP_RETURNED_ERROR:
        return judge_status(t);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
        (void)snprintf(t->reason, sizeof(t->reason), "%s", text);
        return OUTCOME_BROKEN;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        if (partial_file_size(t->partial) > 0) { /* the name is right: the line is down */
            (void)snprintf(t->reason, sizeof(t->reason), "%s", text);
            return OUTCOME_BROKEN;
        }
        (void)refuse(t, SETUN_ERR_IO, "%s", text);
        return OUTCOME_FAILED;
    case CURLE_TOO_MANY_REDIRECTS:
        (void)refuse(t, SETUN_ERR_IO, "redirected more than %d times, now to %.200s", MAX_REDIRECTS, there);
        return OUTCOME_FAILED;
    case CURLE_UNSUPPORTED_PROTOCOL:
        if (strcmp(there, t->request->url) != 0)
            (void)refuse(t, SETUN_ERR_UNSUPPORTED, "redirected to %.200s, expected http or https, and https to stay https", there);
        else
            (void)refuse(t, SETUN_ERR_UNSUPPORTED, "expected a URL of http or https");
        return OUTCOME_FAILED;
    default:
        (void)refuse(t, SETUN_ERR_IO, "%s", text);
        return OUTCOME_FAILED;
    }
}

/* One request. */
static enum outcome attempt(transfer *t)
{
    char range[64], if_range[PARTIAL_TAG_BYTES + 16], text[CURL_ERROR_SIZE] = "";
    struct curl_slist *fields = NULL;
    CURLcode code;

    t->begun = false;
    t->outcome = OUTCOME_DONE;
    t->asked = partial_file_size(t->partial);
    t->total = t->request->n_bytes;
    (void)curl_easy_setopt(t->curl, CURLOPT_RANGE, NULL);
    if (t->asked > 0) {
        (void)snprintf(range, sizeof(range), "%" PRId64 "-", t->asked);
        (void)snprintf(if_range, sizeof(if_range), "If-Range: %s", partial_file_tag(t->partial));
        fields = curl_slist_append(NULL, if_range);
        if (fields == NULL || curl_easy_setopt(t->curl, CURLOPT_RANGE, range) != CURLE_OK) {
            curl_slist_free_all(fields);
            t->status = set_error(t->error, SETUN_ERR_NOMEM, "out of memory: %s", t->request->url);
            return OUTCOME_FAILED;
        }
    }
    (void)curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, fields);
    (void)curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, text);
    code = curl_easy_perform(t->curl);
    (void)curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, NULL);
    (void)curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(fields);

    if (interrupt_signal() != 0) {
        t->status = set_error(t->error, SETUN_ERR_INTERRUPTED, "interrupted");
        return OUTCOME_FAILED;
    }
    if (t->outcome != OUTCOME_DONE)
        return t->outcome;
    if (code != CURLE_OK)
        return judge_code(t, code, text[0] != '\0' ? text : curl_easy_strerror(code));
    if (!t->begun && !judge(t)) /* an answer without contents */
        return t->outcome;
    if (t->total >= 0 && partial_file_size(t->partial) < t->total) {
        (void)snprintf(t->reason, sizeof(t->reason), "the server's answer ended too early");
        return OUTCOME_BROKEN;
    }
    return OUTCOME_DONE;
}

/* Sleeps; false if a signal came. */
static bool wait_seconds(double seconds)
{
    const struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)(1e9 * (seconds - (double)(time_t)seconds))};

    if (interrupt_signal() == 0)
        (void)nanosleep(&time, NULL);
    return interrupt_signal() == 0;
}

static double seconds_to_wait(const transfer *t, int64_t n_broken)
{
    double seconds = t->request->wait_seconds;
    curl_off_t wanted = 0; /* by the server */

    for (int64_t i = 1; i < n_broken && seconds < MAX_WAIT_SECONDS; i++)
        seconds *= 2;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &wanted);
    if ((double)wanted > seconds)
        seconds = (double)wanted;
    return seconds < MAX_WAIT_SECONDS ? seconds : MAX_WAIT_SECONDS;
}

/* Attempts until it is complete, hopeless, or broken off too often. */
static setun_status attempt_all(transfer *t)
{
    char there[SIZE_TEXT_BYTES], reason[300];
    int64_t n_broken = 0, n_restarts = 0;

    for (;;) {
        const int64_t before = partial_file_size(t->partial);
        enum outcome outcome = attempt(t);

        if (outcome == OUTCOME_DONE)
            return SETUN_OK;
        if (outcome == OUTCOME_FAILED)
            return t->status;
        if (outcome == OUTCOME_RESTART) {
            if (n_restarts++ == MAX_RESTARTS)
                return set_error(t->error, SETUN_ERR_FORMAT, "%s: the file there changes again and again", t->request->url);
            progress_hide();
            (void)fprintf(stderr, "the file has changed: from the beginning\n");
            t->status = partial_file_restart(t->partial, "", t->error);
            if (t->status != SETUN_OK)
                return t->status;
            continue;
        }
        (void)printable(t->reason, reason, sizeof(reason));
        if (partial_file_size(t->partial) - before >= PROGRESS_BYTES)
            n_broken = 0;
        if (n_broken++ == t->request->n_retries)
            return set_error(t->error, SETUN_ERR_IO, "%s: %s", t->request->url, reason);
        if (partial_file_tag(t->partial)[0] == '\0') /* nothing tells whether the rest would be of the same file */
            t->status = partial_file_restart(t->partial, "", t->error);
        if (t->status != SETUN_OK)
            return t->status;
        progress_hide();
        (void)fprintf(stderr, "broken off at %s (%s); attempt %" PRId64 " of %" PRId64 " in %.3g s\n",
                      size_text((uint64_t)partial_file_size(t->partial), there), reason, n_broken + 1, t->request->n_retries + 1,
                      seconds_to_wait(t, n_broken));
        if (!wait_seconds(seconds_to_wait(t, n_broken)))
            return set_error(t->error, SETUN_ERR_INTERRUPTED, "interrupted");
    }
}

/* The file is complete: is it the right one? */
static setun_status verify(transfer *t)
{
    const download_request *request = t->request;
    char found[65];
    setun_status status;

    if (request->sha256 == NULL)
        return SETUN_OK;
    status = partial_file_hash(t->partial, found, t->error);
    if (status != SETUN_OK || strcmp(found, request->sha256) == 0)
        return status;
    partial_file_discard(t->partial);
    t->partial = NULL;
    return set_error(t->error, SETUN_ERR_FORMAT, "%s: the SHA-256 of what came is %s, expected %s; it was removed", request->url, found,
                     request->sha256);
}

static bool set_options(transfer *t)
{
    const long stall_seconds = t->request->stall_seconds < 1 ? 1 : (long)t->request->stall_seconds;
    const char *after = strncmp(t->request->url, "https:", 6) == 0 ? "https" : "http,https";
    CURL *curl = t->curl;

    return curl_easy_setopt(curl, CURLOPT_URL, t->request->url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, after) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "setun/" SETUN_VERSION) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && /* no SIGALRM of its own */
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, stall_seconds) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, stall_seconds) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK && curl_easy_setopt(curl, CURLOPT_WRITEDATA, t) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t) == CURLE_OK;
}

/* The error's text gets what has become of the part. */
static void tell_rest(const transfer *t, setun_error *error)
{
    char text[sizeof(error->text)], size[SIZE_TEXT_BYTES];

    if (t->partial == NULL || partial_file_size(t->partial) == 0)
        return;
    (void)snprintf(text, sizeof(text), "%s", error->text);
    if (partial_file_tag(t->partial)[0] != '\0')
        (void)set_error(error, SETUN_ERR_IO, "%.300s; %s are kept in %s, and the same command goes on from there", text,
                        size_text((uint64_t)partial_file_size(t->partial), size), partial_file_path(t->partial));
    else
        (void)set_error(error, SETUN_ERR_IO, "%.300s; nothing is kept, because the server gives no means to resume", text);
}

setun_status download_file(const download_request *request, int64_t *out_bytes, setun_error *error)
{
    const char *slash = strrchr(request->path, '/');
    transfer t = {.request = request, .error = error};
    char name[64];
    setun_status status;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return set_error(error, SETUN_ERR_NOMEM, "libcurl cannot be started");
    (void)snprintf(t.stage, sizeof(t.stage), "%s", printable(slash != NULL ? slash + 1 : request->path, name, 40));
    status = partial_file_open(request->path, request->url, &t.partial, error);
    if (status == SETUN_OK) {
        t.curl = curl_easy_init();
        if (t.curl == NULL || !set_options(&t))
            status = set_error(error, SETUN_ERR_NOMEM, "out of memory: %s", request->url);
    }
    /* A part that is too long is of another file. */
    if (status == SETUN_OK && request->n_bytes >= 0 && partial_file_size(t.partial) > request->n_bytes)
        status = partial_file_restart(t.partial, "", error);
    /* It may be complete already: interrupted while it was checked. */
    if (status == SETUN_OK && (request->n_bytes <= 0 || partial_file_size(t.partial) < request->n_bytes))
        status = attempt_all(&t);
    progress_clear();
    if (status == SETUN_OK)
        status = verify(&t);
    if (status == SETUN_OK) {
        *out_bytes = partial_file_size(t.partial);
        status = partial_file_commit(t.partial, error);
    } else {
        tell_rest(&t, error);
        partial_file_close(t.partial);
    }
    curl_easy_cleanup(t.curl);
    curl_global_cleanup();
    return status;
}

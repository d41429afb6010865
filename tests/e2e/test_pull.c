/* test_pull.c - `setun model pull` against a server that breaks off, lies, changes its file and sends us elsewhere. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "http_server.h"
#include "process.h"

enum { N_CONTENT = 5000 };

static char content[N_CONTENT], other[N_CONTENT];
static char folder[64], out[128];
static http_site site;
static http_server *server;

static void setup(void)
{
    for (size_t i = 0; i < N_CONTENT; i++) {
        content[i] = (char)((i * 7 + i / 256) % 256);
        other[i] = (char)((i * 11 + 3 + i / 128) % 256);
    }
    folder_make(folder);
    (void)snprintf(out, sizeof(out), "%s/story.gguf", folder);
    site = (http_site){.content = content, .n_content = N_CONTENT, .etag = "\"one\""};
    server = http_server_start(&site);
}

static void teardown(void)
{
    http_server_stop(server);
    folder_remove(folder);
}

TestSuite(pull, .init = setup, .fini = teardown);

/* No proxy of this machine comes between us and the server. */
static const char *const environment[] = {"no_proxy=*", "SETUN_MODEL_PATH=/nonexistent", NULL};

/* Starts `setun model pull URL OUT --wait 0` with further arguments, NULL at their end. */
static process *start(const process_options *options, const char *path, va_list args)
{
    const char *argv[24] = {SETUN_COMMAND, "model", "pull"};
    char url[256];
    size_t n = 5;

    (void)snprintf(url, sizeof(url), "%s%s", http_server_url(server), path);
    argv[3] = url;
    argv[4] = out;
    argv[n++] = "--wait";
    argv[n++] = "0";
    while ((argv[n] = va_arg(args, const char *)) != NULL)
        n++;
    return process_start(argv, options);
}

static process *pull_start(const process_options *options, ...) __attribute__((sentinel));
static process *pull_start(const process_options *options, ...)
{
    process *running;
    va_list args;

    va_start(args, options);
    running = start(options, "/a/story.gguf", args);
    va_end(args);
    return running;
}

static void pull(process_result *result, ...) __attribute__((sentinel));
static void pull(process_result *result, ...)
{
    const process_options options = {.environment = environment};
    va_list args;

    va_start(args, result);
    process_finish(start(&options, "/a/story.gguf", args), result);
    va_end(args);
    cr_assert(!result->timed_out && result->signal == 0, "signal %d: %s", result->signal, result->err);
}

/* The file is the expected bytes, its path is on stdout, and nothing lies beside it. */
static void assert_arrived(process_result *result, const char *expected, size_t n_expected)
{
    char line[160];
    size_t n;
    char *got;

    cr_assert_eq(result->exit_code, 0, "exit %d: %s", result->exit_code, result->err);
    (void)snprintf(line, sizeof(line), "%s\n", out);
    cr_assert_str_eq(result->out, line);
    cr_assert(strchr(result->err, '\r') == NULL && strchr(result->err, '\033') == NULL, "a bar without a terminal: %s", result->err);
    got = file_read(out, &n);
    cr_assert(n == n_expected && memcmp(got, expected, n) == 0, "%zu bytes, expected %zu others", n, n_expected);
    free(got);
    cr_assert_eq(folder_count(folder), 1);
    process_result_free(result);
}

/* It failed with one last line that says `expected`; `n_files` lie in the folder, none under the final name. */
static void assert_failed(process_result *result, const char *expected, size_t n_files)
{
    cr_assert_eq(result->exit_code, 1, "exit %d: %s", result->exit_code, result->err);
    cr_assert(strstr(result->err, expected) != NULL, "expected '%s' in: %s", expected, result->err);
    cr_assert(strstr(result->err, "setun model pull: ") != NULL);
    cr_assert_eq(result->n_out, 0);
    cr_assert_neq(access(out, F_OK), 0, "the file is there");
    cr_assert_eq(folder_count(folder), n_files, "%zu files are left: %s", folder_count(folder), result->err);
    process_result_free(result);
}

static bool asked_for(size_t i, const char *line)
{
    return strstr(http_server_request(server, i), line) != NULL;
}

/* SHA-256 of the content according to coreutils; false where there is none. */
static bool sha256_of(const char *path, char hex[65])
{
    char command[256];
    FILE *stream;
    bool ok;

    (void)snprintf(command, sizeof(command), "sha256sum '%s'", path);
    stream = popen(command, "r");
    ok = stream != NULL && fscanf(stream, "%64s", hex) == 1 && strlen(hex) == 64;
    return stream != NULL && pclose(stream) == 0 && ok;
}

Test(pull, whole)
{
    process_result result;

    pull(&result, NULL);
    assert_arrived(&result, content, N_CONTENT);
    cr_assert_eq(http_server_requests(server), 1);
    cr_assert(asked_for(0, "GET /a/story.gguf HTTP/1.1\r\n") && !asked_for(0, "Range"));
    pull(&result, NULL); /* again: what is there stays */
    cr_assert_eq(result.exit_code, 1);
    cr_assert(strstr(result.err, "is there already") != NULL, "%s", result.err);
    cr_assert_eq(http_server_requests(server), 1);
    process_result_free(&result);
}

Test(pull, hash)
{
    process_result result;
    char hex[65];

    file_write(out, content, N_CONTENT);
    if (!sha256_of(out, hex))
        cr_skip_test("no sha256sum");
    pull(&result, "--sha256", hex, NULL); /* the file is what it must be */
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_assert(strstr(result.err, "was there already, SHA-256 as expected") != NULL, "%s", result.err);
    cr_assert_eq(http_server_requests(server), 0);
    process_result_free(&result);

    cr_assert_eq(unlink(out), 0);
    pull(&result, "--sha256", hex, NULL);
    cr_assert(strstr(result.err, "SHA-256 as expected") != NULL, "%s", result.err);
    assert_arrived(&result, content, N_CONTENT);

    file_write(out, other, N_CONTENT);
    pull(&result, "--sha256", hex, NULL);
    cr_assert_eq(result.exit_code, 1);
    cr_assert(strstr(result.err, "is there already, but its SHA-256 is ") != NULL, "%s", result.err);
    process_result_free(&result);

    cr_assert_eq(unlink(out), 0);
    site.content = other;
    pull(&result, "--sha256", hex, NULL);
    assert_failed(&result, "the SHA-256 of what came is ", 0);
}

Test(pull, breaks_off_and_goes_on)
{
    process_result result;

    site.break_after = 1200; /* five answers */
    pull(&result, NULL);
    assert_arrived(&result, content, N_CONTENT);
    cr_assert_eq(http_server_requests(server), 5);
    cr_assert(asked_for(1, "Range: bytes=1200-\r\n") && asked_for(1, "If-Range: \"one\"\r\n"));
    cr_assert(asked_for(4, "Range: bytes=4800-\r\n"));
}

Test(pull, breaks_off_too_often_and_the_next_run_goes_on)
{
    process_result result;

    site.break_after = 1000;
    pull(&result, "--retries", "2", NULL);
    assert_failed(&result, "story.gguf.partial, and the same command goes on from there", 2);
    cr_assert_eq(http_server_requests(server), 3);
    http_server_forget(server);
    site.break_after = 0;
    pull(&result, NULL);
    assert_arrived(&result, content, N_CONTENT);
    cr_assert_eq(http_server_requests(server), 1);
    cr_assert(asked_for(0, "Range: bytes=3000-\r\n"));
}

/* Attempts that bring a MiB are not counted. */
Test(pull, long_file_over_a_bad_line)
{
    const size_t n = 5 << 20;
    char *large = malloc(n);
    process_result result;

    cr_assert(large != NULL);
    for (size_t i = 0; i < n; i++)
        large[i] = (char)(i * i >> 7);
    site.content = large;
    site.n_content = n;
    site.break_after = 1200 << 10;
    pull(&result, "--retries", "1", NULL);
    assert_arrived(&result, large, n);
    cr_assert_eq(http_server_requests(server), 5);
    free(large);
}

Test(pull, server_without_ranges)
{
    process_result result;

    site.ignores_range = true;
    site.break_after = 2000;
    site.n_breaks = 1;
    pull(&result, NULL);
    cr_assert(strstr(result.err, "from the beginning") != NULL, "%s", result.err);
    assert_arrived(&result, content, N_CONTENT);
}

/* Without a tag nothing tells whether the rest would be of the same file: it is not asked for. */
Test(pull, server_without_tags)
{
    process_result result;

    site.etag = NULL;
    site.break_after = 2000;
    site.n_breaks = 2;
    pull(&result, NULL);
    assert_arrived(&result, content, N_CONTENT);
    cr_assert(!asked_for(1, "Range"));
    cr_assert_eq(unlink(out), 0);
    http_server_forget(server);
    site.n_breaks = 0;
    pull(&result, "--retries", "1", NULL);
    assert_failed(&result, "setun model pull: http://127.0.0.1", 0);
    http_server_forget(server);
    site.etag = "W/\"weak\"";
    site.n_breaks = 1;
    pull(&result, NULL);
    assert_arrived(&result, content, N_CONTENT);
    cr_assert(!asked_for(1, "Range"));
}

Test(pull, last_modified_tells_too)
{
    process_result result;

    site.etag = NULL;
    site.fields = "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\nLast-Modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n";
    site.break_after = 2000;
    site.n_breaks = 1;
    site.ignores_if_range = true; /* it has no tag to compare */
    pull(&result, NULL);
    assert_arrived(&result, content, N_CONTENT);
    cr_assert(asked_for(1, "Range: bytes=2000-\r\n") && asked_for(1, "If-Range: Sat, 21 Nov 2026 10:00:00 GMT\r\n"));
}

static void check_changed(bool ignores_if_range)
{
    process_result result;

    site.break_after = 2000;
    pull(&result, "--retries", "0", NULL);
    assert_failed(&result, "2.0 KiB are kept in ", 2);
    site.break_after = 0;
    site.content = other;
    site.etag = "\"two\"";
    site.ignores_if_range = ignores_if_range;
    pull(&result, NULL);
    cr_assert(strstr(result.err, "the file has changed") != NULL, "%s", result.err);
    assert_arrived(&result, other, N_CONTENT);
}

Test(pull, changed_between_runs)
{
    check_changed(false);
}

Test(pull, changed_and_the_server_ignores_if_range)
{
    check_changed(true);
}

/* The file there has become shorter than what we have: 416. */
Test(pull, shorter_between_runs)
{
    process_result result;

    site.break_after = 4000;
    pull(&result, "--retries", "0", NULL);
    process_result_free(&result);
    site.break_after = 0;
    site.n_content = 1000;
    pull(&result, NULL);
    assert_arrived(&result, content, 1000);
}

Test(pull, another_url_is_another_file)
{
    const process_options options = {.environment = environment};
    const char *argv[] = {SETUN_COMMAND, "model", "pull", NULL, out, NULL};
    process_result result;
    char url[128];

    site.break_after = 2000;
    pull(&result, "--retries", "0", NULL);
    process_result_free(&result);
    site.break_after = 0;
    http_server_forget(server);
    (void)snprintf(url, sizeof(url), "%s/b/story.gguf", http_server_url(server));
    argv[3] = url;
    process_run(argv, &options, &result);
    assert_arrived(&result, content, N_CONTENT);
    cr_assert(!asked_for(0, "Range"));
}

Test(pull, parts_that_lie)
{
    process_result result;

    site.break_after = 2000;
    site.n_breaks = 1;
    site.part_lie = 7;
    pull(&result, NULL);
    assert_failed(&result, "asked for the bytes from 2000 on, the server sends those from 2007 on", 2);
}

Test(pull, length_too_long)
{
    process_result result;

    site.length_lie = 100;
    pull(&result, "--retries", "1", NULL); /* the second time there is nothing after the 5000 bytes: 416, then from the beginning */
    cr_assert_eq(result.exit_code, 1, "%s", result.err);
    cr_assert_neq(access(out, F_OK), 0);
    process_result_free(&result);
}

/* What follows after the length that was told does not belong to the file; the hash or the table's size tells that it is not the right one. */
Test(pull, length_too_short)
{
    process_result result;

    site.length_lie = -100;
    pull(&result, "--sha256", "0000000000000000000000000000000000000000000000000000000000000000", NULL);
    assert_failed(&result, "the SHA-256 of what came is ", 0);
    pull(&result, NULL);
    assert_arrived(&result, content, N_CONTENT - 100);
}

Test(pull, no_length)
{
    process_result result;
    char hex[65];

    site.no_length = true;
    pull(&result, NULL);
    assert_failed(&result, "does not say where the file ends", 0);
    file_write(out, content, N_CONTENT);
    if (sha256_of(out, hex)) {
        cr_assert_eq(unlink(out), 0);
        pull(&result, "--sha256", hex, NULL);
        assert_arrived(&result, content, N_CONTENT);
    }
}

Test(pull, chunks)
{
    process_result result;

    site.chunked = true;
    pull(&result, NULL);
    assert_arrived(&result, content, N_CONTENT);
    cr_assert_eq(unlink(out), 0);
    http_server_forget(server);
    site.no_last_chunk = true;
    site.ignores_range = true;
    pull(&result, "--retries", "1", NULL);
    assert_failed(&result, "are kept in", 2);
    cr_assert_eq(http_server_requests(server), 2);
}

Test(pull, slow_is_not_broken)
{
    process_result result;

    site.n_content = 300;
    site.pause_us = 50000;
    pull(&result, "--stall", "1", NULL);
    assert_arrived(&result, content, 300);
    cr_assert_eq(http_server_requests(server), 1);
}

Test(pull, stall_is_a_break)
{
    process_result result;

    site.stalls = true;
    site.break_after = 3000;
    site.n_breaks = 1;
    pull(&result, "--stall", "1", NULL);
    assert_arrived(&result, content, N_CONTENT);
    cr_assert(asked_for(1, "Range: bytes=3000-\r\n"));
}

Test(pull, interrupted)
{
    const process_options options = {.environment = environment};
    process_result result;
    process *running;
    char partial[160];
    struct stat info = {0};

    site.stalls = true;
    site.break_after = 3000;
    running = pull_start(&options, NULL);
    (void)snprintf(partial, sizeof(partial), "%s.partial", out);
    for (int i = 0; i < 3000 && (stat(partial, &info) != 0 || info.st_size < 3000); i++)
        (void)usleep(10 * 1000);
    process_signal(running, SIGINT);
    process_finish(running, &result);
    cr_assert_eq(result.exit_code, 130, "exit %d, signal %d: %s", result.exit_code, result.signal, result.err);
    cr_assert(strstr(result.err, "interrupted; 2.9 KiB are kept in ") != NULL, "%s", result.err);
    process_result_free(&result);
    site.stalls = false;
    site.break_after = 0;
    http_server_forget(server);
    pull(&result, NULL);
    assert_arrived(&result, content, N_CONTENT);
    cr_assert(asked_for(0, "Range: bytes=3000-\r\n"));
}

Test(pull, bar_on_a_terminal)
{
    static const char *const with_terminal[] = {"no_proxy=*", "TERM=xterm", NULL};
    const process_options options = {.environment = with_terminal, .terminal = true};
    process_result result;

    site.n_content = 200;
    site.pause_us = 100000; /* two seconds */
    process_finish(pull_start(&options, NULL), &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_assert(strstr(result.err, "story.gguf  [#") != NULL, "no bar: %s", result.err);
    process_result_free(&result);
}

Test(pull, one_at_a_time)
{
    const process_options options = {.environment = environment};
    process_result result;
    process *running;

    site.stalls = true;
    site.break_after = 3000;
    running = pull_start(&options, NULL);
    while (http_server_requests(server) == 0)
        (void)usleep(10 * 1000);
    pull(&result, NULL);
    cr_assert_eq(result.exit_code, 1);
    cr_assert(strstr(result.err, "another setun is downloading it") != NULL, "%s", result.err);
    process_result_free(&result);
    process_signal(running, SIGTERM);
    process_finish(running, &result);
    cr_assert_eq(result.exit_code, 128 + SIGTERM, "%s", result.err);
    process_result_free(&result);
}

Test(pull, disk_full)
{
    const process_options options = {.environment = environment};
    char command[512];
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    const size_t n = 256 << 10;
    char *large = calloc(1, n);
    process_result result;

    cr_assert(large != NULL);
    site.content = large;
    site.n_content = n;
    (void)snprintf(command, sizeof(command), "trap '' XFSZ; ulimit -f 128; exec '%s' model pull %s/story.gguf '%s'", SETUN_COMMAND,
                   http_server_url(server), out);
    process_run(argv, &options, &result);
    assert_failed(&result, "story.gguf.partial: File too large; 64.0 KiB are kept in ", 2);
    free(large);
}

/* Answers as they are, each to every request, and what is said of them. */
static const struct {
    const char *raw, *expected;
} refused[] = {
    {"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", "HTTP status 404, not found"},
    {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "HTTP status 403, forbidden"},
    {"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "HTTP status 500, server error"},
    {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP status 204"},
    {"HTTP/1.1 300 Multiple Choices\r\nContent-Length: 2\r\n\r\nab", "HTTP status 300"},
    {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/2\r\nContent-Length: 2\r\n\r\nab", "but the whole file was asked for"},
    {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab", "in the encoding 'gzip'"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n\r\nab", "but the disk has only"},
    {"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", "redirected to file:///etc/passwd, expected http or https"},
    {"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/x\r\nContent-Length: 0\r\n\r\n", "redirected to ftp://127.0.0.1/x, expected http or https"},
    {"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n", "redirected more than 10 times"},
    {"SSH-2.0-OpenSSH_9.2\r\n", "setun model pull: http://127.0.0.1"},
    {"", "Empty reply from server"},
};

Test(pull, answers_refused)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        process_result result;

        for (size_t k = 0; k < HTTP_MAX_REQUESTS; k++)
            site.raw[k] = refused[i].raw;
        http_server_forget(server);
        pull(&result, "--retries", "1", NULL);
        assert_failed(&result, refused[i].expected, 0);
    }
}

Test(pull, busy_then_redirected)
{
    process_result result;

    site.raw[0] = "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
    site.raw[1] = "HTTP/1.1 302 Found\r\nLocation: ../b/c\r\nETag: \"of the redirect\"\r\nContent-Length: 5\r\n\r\nhello";
    site.break_after = 4000;
    site.n_breaks = 3;
    pull(&result, NULL);
    assert_arrived(&result, content, N_CONTENT);
    cr_assert(asked_for(2, "GET /b/c HTTP/1.1\r\n"));
    cr_assert(asked_for(3, "If-Range: \"one\"\r\n"));
}

Test(pull, no_server)
{
    const process_options options = {.environment = environment};
    const char *const argv[] = {SETUN_COMMAND, "model", "pull", "http://127.0.0.1:1/x.gguf", out, NULL};
    process_result result;

    process_run(argv, &options, &result);
    assert_failed(&result, "http://127.0.0.1:1/x.gguf: ", 0);
}

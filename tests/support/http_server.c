/* http_server.c - one thread, one connection at a time, one request a connection. */
#include "http_server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_server {
    const http_site *site;
    int              listener, stop[2]; /* a byte in the pipe `stop` ends the thread */
    char             url[64];
    pthread_t        thread;
    pthread_mutex_t  lock; /* of what follows */
    size_t           n_requests;
    char             request[HTTP_MAX_REQUESTS][HTTP_REQUEST_BYTES];
};

/* False: the client has gone. */
static bool send_bytes(int fd, const char *data, size_t n_bytes)
{
    while (n_bytes > 0) {
        const ssize_t n = send(fd, data, n_bytes, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        data += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

__attribute__((format(printf, 2, 3))) static bool send_text(int fd, const char *format, ...)
{
    char text[4096];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return n >= 0 && (size_t)n < sizeof(text) && send_bytes(fd, text, (size_t)n);
}

/* Value of a field of the request's head into out[256]; false: it has none. */
static bool request_field(const char *request, const char *name, char out[256])
{
    for (const char *line = strstr(request, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, strlen(name)) == 0 && line[2 + strlen(name)] == ':') {
            line += 2 + strlen(name) + 1;
            line += strspn(line, " ");
            (void)snprintf(out, 256, "%.*s", (int)strcspn(line, "\r"), line);
            return true;
        }
    return false;
}

/* Waits until the client closes, or the server is stopped. */
static void wait_for_client(const http_server *server, int fd)
{
    struct pollfd ends[2] = {{.fd = fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
    char byte;

    for (;;) {
        if (poll(ends, 2, -1) < 0 && errno != EINTR)
            return;
        if (ends[1].revents != 0 || (ends[0].revents != 0 && recv(fd, &byte, 1, 0) <= 0))
            return;
    }
}

/* The content from `first` on, as the site says. */
static void send_content(const http_server *server, int fd, const char *content, size_t n_content, size_t first, size_t n_request)
{
    const http_site *site = server->site;
    const bool breaks = site->break_after > 0 && (site->n_breaks == 0 || n_request < site->n_breaks);
    const size_t step = site->pause_us > 0 ? 10 : site->chunked ? 1000 : n_content + 1;
    size_t end = n_content;

    if (breaks && first + site->break_after < end)
        end = first + site->break_after;
    for (size_t at = first; at < end; at += step) {
        const size_t n = end - at < step ? end - at : step;

        if ((site->chunked && !send_text(fd, "%zx\r\n", n)) || !send_bytes(fd, content + at, n) || (site->chunked && !send_text(fd, "\r\n")))
            return;
        if (site->pause_us > 0)
            (void)usleep(site->pause_us);
    }
    if (site->chunked && !site->no_last_chunk && end == n_content)
        (void)send_text(fd, "0\r\n\r\n");
    if (site->stalls && end < n_content)
        wait_for_client(server, fd);
}

static void answer(const http_server *server, int fd, const char *request, size_t n_request)
{
    const http_site *site = server->site;
    char range[256], tag[256], head[1024] = "", path[512], *file = NULL;
    const char *content = site->content;
    size_t n_content = site->n_content, first = 0, n;
    bool part;

    if (site->folder != NULL) {
        const char *end = strchr(request + 4, ' '), *name = end;
        FILE *stream;

        while (name != NULL && name > request && name[-1] != '/')
            name--;
        (void)snprintf(path, sizeof(path), "%s/%.*s", site->folder, (int)(end - name), name);
        stream = fopen(path, "rb");
        if (stream == NULL) {
            (void)send_text(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        file = malloc(64 << 20);
        n_content = file != NULL ? fread(file, 1, 64 << 20, stream) : 0;
        content = file;
        (void)fclose(stream);
    }
    part = !site->ignores_range && request_field(request, "Range", range) && sscanf(range, "bytes=%zu-", &first) == 1 &&
           (site->ignores_if_range || !request_field(request, "If-Range", tag) || (site->etag != NULL && strcmp(tag, site->etag) == 0));
    if (part && first >= n_content) {
        (void)send_text(fd, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */%zu\r\nContent-Length: 0\r\n\r\n", n_content);
        free(file);
        return;
    }
    if (!part)
        first = 0;
    n = (size_t)snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nConnection: close\r\n", part ? "206 Partial Content" : "200 OK");
    if (site->etag != NULL)
        n += (size_t)snprintf(head + n, sizeof(head) - n, "ETag: %s\r\n", site->etag);
    if (part)
        n += (size_t)snprintf(head + n, sizeof(head) - n, "Content-Range: bytes %ld-%zu/%zu\r\n", (long)first + site->part_lie, n_content - 1,
                              n_content);
    if (site->chunked)
        n += (size_t)snprintf(head + n, sizeof(head) - n, "Transfer-Encoding: chunked\r\n");
    else if (!site->no_length)
        n += (size_t)snprintf(head + n, sizeof(head) - n, "Content-Length: %ld\r\n", (long)(n_content - first) + site->length_lie);
    (void)snprintf(head + n, sizeof(head) - n, "%s\r\n", site->fields != NULL ? site->fields : "");
    if (send_text(fd, "%s", head))
        send_content(server, fd, content, n_content, first, n_request);
    free(file);
}

/* Reads the head of a request; its number, or HTTP_MAX_REQUESTS if there is none. */
static size_t take_request(http_server *server, int fd, char request[HTTP_REQUEST_BYTES])
{
    size_t n = 0, number;

    request[0] = '\0';
    while (strstr(request, "\r\n\r\n") == NULL) {
        const ssize_t got = n < HTTP_REQUEST_BYTES - 1 ? recv(fd, request + n, HTTP_REQUEST_BYTES - 1 - n, 0) : 0;

        if (got <= 0)
            return HTTP_MAX_REQUESTS;
        n += (size_t)got;
        request[n] = '\0';
    }
    (void)pthread_mutex_lock(&server->lock);
    number = server->n_requests;
    if (number < HTTP_MAX_REQUESTS)
        memcpy(server->request[server->n_requests++], request, n + 1);
    (void)pthread_mutex_unlock(&server->lock);
    return number;
}

static void *serve(void *context)
{
    http_server *server = context;
    char request[HTTP_REQUEST_BYTES];

    for (;;) {
        struct pollfd ends[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
        size_t number;
        int fd;

        if (poll(ends, 2, -1) < 0)
            continue;
        if (ends[1].revents != 0)
            return NULL;
        fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            continue;
        number = take_request(server, fd, request);
        if (number < HTTP_MAX_REQUESTS && server->site->raw[number] != NULL)
            (void)send_bytes(fd, server->site->raw[number], strlen(server->site->raw[number]));
        else if (number < HTTP_MAX_REQUESTS)
            answer(server, fd, request, number);
        (void)shutdown(fd, SHUT_WR);
        (void)close(fd);
    }
}

http_server *http_server_start(const http_site *site)
{
    http_server *server = calloc(1, sizeof(*server));
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t n = sizeof(address);

    cr_assert(server != NULL && pipe(server->stop) == 0);
    server->site = site;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* and port 0: any that is free */
    cr_assert(server->listener >= 0 && bind(server->listener, (struct sockaddr *)&address, n) == 0 && listen(server->listener, 16) == 0 &&
                  getsockname(server->listener, (struct sockaddr *)&address, &n) == 0,
              "no server: %s", strerror(errno));
    (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
    cr_assert(pthread_mutex_init(&server->lock, NULL) == 0 && pthread_create(&server->thread, NULL, serve, server) == 0);
    return server;
}

const char *http_server_url(const http_server *server)
{
    return server->url;
}

size_t http_server_requests(http_server *server)
{
    size_t n;

    (void)pthread_mutex_lock(&server->lock);
    n = server->n_requests;
    (void)pthread_mutex_unlock(&server->lock);
    return n;
}

const char *http_server_request(http_server *server, size_t i)
{
    cr_assert_lt(i, http_server_requests(server));
    return server->request[i];
}

void http_server_forget(http_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    server->n_requests = 0;
    (void)pthread_mutex_unlock(&server->lock);
}

void http_server_stop(http_server *server)
{
    cr_assert_eq(write(server->stop[1], "", 1), 1);
    cr_assert_eq(pthread_join(server->thread, NULL), 0);
    (void)close(server->listener);
    (void)close(server->stop[0]);
    (void)close(server->stop[1]);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}

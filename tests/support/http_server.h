/* http_server.h - an HTTP/1.1 server on 127.0.0.1 for tests: serves one content, and lies about it in every way that it is told to. */
#ifndef SETUN_TEST_HTTP_SERVER_H
#define SETUN_TEST_HTTP_SERVER_H
#include <stdbool.h>
#include <stddef.h>

enum { HTTP_MAX_REQUESTS = 64, HTTP_REQUEST_BYTES = 2048 };

/* What is served. Zero-initialise for a server that sends all of the content truthfully, has no ETag, and takes Range. It may be changed
 * between two programs that use it. */
typedef struct http_site {
    const char *content;
    size_t      n_content;
    const char *folder;           /* instead: the file of this folder that the last part of the URL names */
    const char *etag;             /* as it stands in the head, quotes included; NULL: none */
    const char *fields;           /* further lines of the head, each with \r\n */
    const char *raw[HTTP_MAX_REQUESTS]; /* the answer to the i-th request, as it is; NULL: what the rest here says */
    bool        ignores_range;    /* always sends the whole */
    bool        ignores_if_range; /* sends the part, whatever the tag */
    bool        no_length;        /* leaves Content-Length out and closes at the end */
    bool        chunked;          /* in chunks of 1000 bytes */
    bool        no_last_chunk;    /* ... but for the one that ends them */
    long        length_lie;       /* is added to Content-Length */
    long        part_lie;         /* is added to the first byte in Content-Range */
    size_t      break_after;      /* bytes of content after which an answer breaks off; 0: none does */
    size_t      n_breaks;         /* answers that do, from the first on; 0: all */
    bool        stalls;           /* instead of breaking off, it sends nothing more and waits for the client to go */
    unsigned    pause_us;         /* after each ten bytes */
} http_site;

typedef struct http_server http_server;

/* The site is borrowed and outlives the server. Every failure fails the test. */
http_server *http_server_start(const http_site *site);

/* "http://127.0.0.1:PORT" */
const char *http_server_url(const http_server *server);

/* How many requests came, and the head of the i-th. */
size_t      http_server_requests(http_server *server);
const char *http_server_request(http_server *server, size_t i);

/* From now on request 0 is the next one. */
void http_server_forget(http_server *server);

void http_server_stop(http_server *server);
#endif

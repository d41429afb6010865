/* json_load.c - feeds jansson in pieces and looks at errno between them. */
#include "json_load.h"

#include <errno.h>
#include <string.h>

/* Bytes for which the buffer of a token has room at first: 16, with some to spare. */
enum { SHORT_BYTES = 12 };

typedef struct feed {
    const char *text;
    size_t n_bytes, at;
    size_t n_digits; /* length of the run of digits, signs, points and exponents that ends at `at` */
    bool no_memory;
} feed;

/* A piece ends at a quotation mark, and at each byte of a number that is not short. jansson sets errno to 0 when a number is complete, that
 * is, after it has asked for the byte behind it; so whatever fails while a string or a number is collected is in errno at the next call. */
static size_t next_piece(void *buffer, size_t buffer_bytes, void *context)
{
    feed *f = context;
    size_t left = f->n_bytes - f->at, n = 0;

    f->no_memory = f->no_memory || errno == ENOMEM;
    if (f->no_memory)
        return (size_t)-1;
    if (left > buffer_bytes)
        left = buffer_bytes;
    while (n < left) {
        const char c = f->text[f->at + n++];

        f->n_digits = (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E' ? f->n_digits + 1 : 0;
        if (c == '"' || f->n_digits > SHORT_BYTES)
            break;
    }
    memcpy(buffer, f->text + f->at, n);
    f->at += n;
    return n;
}

json_t *setun_json_loadb(const char *text, size_t n_bytes, size_t flags, json_error_t *fault, bool *out_no_memory)
{
    feed f = {text, n_bytes, 0, 0, false};
    json_t *root;

    errno = 0;
    root = json_load_callback(next_piece, &f, flags, fault);
    *out_no_memory = f.no_memory || errno == ENOMEM || (root == NULL && json_error_code(fault) == json_error_out_of_memory);
    if (*out_no_memory) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

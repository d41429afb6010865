/* pretokenizer.c - running the steps that cut a text into pre-tokens. */
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

void setun_pretokenizer_free(setun_pretokenizer *pretokenizer)
{
    for (size_t i = 0; i < pretokenizer->n_steps; i++)
        pcre2_code_free(pretokenizer->steps[i].code);
}

void setun_pretoken_work_free(setun_pretoken_work *work)
{
    pcre2_match_context_free(work->context);
    pcre2_match_data_free(work->match);
    pcre2_jit_stack_free(work->stack);
    for (size_t i = 0; i < 2; i++) {
        free(work->buffers[i]);
        free(work->spans[i].items);
    }
}

/* How one pre-token is written into another text; out has room for twice its bytes and one more. Returns the bytes written. */
typedef size_t rewrite(const char *text, size_t n_bytes, char *out);

static size_t prefix_space(const char *text, size_t n_bytes, char *out)
{
    size_t n_space = text[0] != ' ';

    out[0] = ' ';
    memcpy(out + n_space, text, n_bytes);
    return n_space + n_bytes;
}

static size_t to_alphabet(const char *text, size_t n_bytes, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < n_bytes; i++)
        n += setun_utf8_put(setun_alphabet_char((uint8_t)text[i]), out + n); /* at most 2 bytes each */
    return n;
}

static size_t from_alphabet(const char *text, size_t n_bytes, char *out)
{
    size_t n = 0;

    (void)setun_alphabet_decode(text, n_bytes, out, &n); /* cannot fail: to_alphabet wrote it, and cuts fall between characters */
    return n;
}

/* Writes every pre-token of *text anew, one after the other, into the buffer that *text is not in. */
static bool rewrite_all(setun_pretoken_work *work, rewrite *one, const char **text, const setun_spans *in, setun_spans *out)
{
    size_t which = *text == work->buffers[0], n_bytes = 0, n = 0;
    char *buffer;

    for (size_t i = 0; i < in->n; i++)
        if (!setun_add_size(n_bytes, 2 * (in->items[i].end - in->items[i].begin) + 1, &n_bytes))
            return false;
    if (!setun_grow(&work->buffers[which], &work->capacities[which], n_bytes + 1, 1))
        return false;
    buffer = work->buffers[which];
    for (size_t i = 0; i < in->n; i++) {
        size_t begin = n;

        n += one(*text + in->items[i].begin, in->items[i].end - in->items[i].begin, buffer + n);
        if (!setun_spans_add(out, begin, n))
            return false;
    }
    *text = buffer;
    return true;
}

setun_status setun_pretokenizer_run(const setun_pretokenizer *pretokenizer, const char *text, size_t n_bytes,
                                    setun_pretoken_work *work, setun_error *error)
{
    setun_spans *in = &work->spans[0], *out = &work->spans[1], *swap;
    bool in_alphabet = false, done = true;

    in->n = 0;
    if (!setun_spans_add(in, 0, n_bytes))
        return setun_fail_nomem(error, "pre-tokens", sizeof(*in->items));
    for (size_t i = 0; i < pretokenizer->n_steps; i++) {
        const setun_step *step = &pretokenizer->steps[i];

        out->n = 0;
        if (step->kind == SETUN_STEP_PREFIX_SPACE) {
            done = rewrite_all(work, prefix_space, &text, in, out);
        } else if (step->kind == SETUN_STEP_BYTE_LEVEL) {
            done = rewrite_all(work, to_alphabet, &text, in, out);
            in_alphabet = true;
        } else {
            for (size_t j = 0; j < in->n; j++) {
                setun_status status = setun_split_run(step, text, in->items[j], work, out, error);

                if (status != SETUN_OK)
                    return status;
            }
        }
        if (!done)
            return setun_fail_nomem(error, "pre-tokens", n_bytes);
        swap = in;
        in = out;
        out = swap;
    }
    if (in_alphabet) {
        out->n = 0;
        if (!rewrite_all(work, from_alphabet, &text, in, out))
            return setun_fail_nomem(error, "pre-tokens", n_bytes);
        in = out;
    }
    work->text = text;
    work->result = in;
    return SETUN_OK;
}

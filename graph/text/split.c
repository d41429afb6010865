/* split.c - cutting a pre-token at a pattern's matches, with what to do with the matches (Hugging Face's SplitDelimiterBehavior).
 */
#include "text/text.h"

/* Matches and the stretches between them arrive in order; one is held back until it is known what joins it. */
typedef struct splitter {
    setun_spans *out;
    setun_split_behavior behavior;
    bool invert;
    bool holding;
    bool last_matched; /* the event before */
    setun_span held;
    bool no_memory;
} splitter;

bool setun_spans_add(setun_spans *spans, size_t begin, size_t end)
{
    if (begin == end) /* empty pre-tokens vanish */
        return true;
    if (!setun_grow(&spans->items, &spans->capacity, spans->n + 1, sizeof(*spans->items)))
        return false;
    spans->items[spans->n++] = (setun_span){begin, end};
    return true;
}

static void flush(splitter *s)
{
    if (s->holding && !setun_spans_add(s->out, s->held.begin, s->held.end))
        s->no_memory = true;
    s->holding = false;
}

/* The next stretch of the text, a match or what lies between two. */
static void event(splitter *s, size_t begin, size_t end, bool matched)
{
    bool joins = false;

    matched = matched != s->invert;
    switch (s->behavior) {
    case SETUN_SPLIT_ISOLATED:
        break;
    case SETUN_SPLIT_REMOVED:
        flush(s);
        if (matched)
            return;
        break;
    case SETUN_SPLIT_CONTIGUOUS:
        joins = matched == s->last_matched;
        break;
    case SETUN_SPLIT_MERGED_WITH_PREVIOUS:
        joins = matched && !s->last_matched;
        break;
    case SETUN_SPLIT_MERGED_WITH_NEXT:
        joins = s->last_matched && !matched;
        break;
    }
    if (joins && s->holding) {
        s->held.end = end;
    } else {
        flush(s);
        s->held = (setun_span){begin, end};
        s->holding = true;
    }
    s->last_matched = matched;
}

static setun_status prepare(setun_pretoken_work *work, size_t n_bytes, setun_error *error)
{
    /* A pattern may need a step or two for each character of a long match, and some retries; one that needs far more than that is
     * stuck. The JIT's stack grows on demand up to its limit, behind which the interpreter takes over. */
    enum {
        STEPS_AT_LEAST = 10000000,
        STEPS_PER_BYTE = 64,
        STACK_BYTES = 32 * 1024,
        STACK_MAX_BYTES = 8 * 1024 * 1024,
        HEAP_KIB = 1 << 18
    };
    size_t limit = n_bytes > UINT32_MAX / STEPS_PER_BYTE ? UINT32_MAX : n_bytes * STEPS_PER_BYTE;

    if (work->context == NULL)
        work->context = pcre2_match_context_create(NULL);
    if (work->match == NULL)
        work->match = pcre2_match_data_create(1, NULL);
    if (work->context == NULL || work->match == NULL)
        return setun_fail_nomem(error, "pattern matching", 0);
    if (work->stack == NULL) {
        work->stack = pcre2_jit_stack_create(STACK_BYTES, STACK_MAX_BYTES, NULL); /* NULL where there is no JIT */
        pcre2_jit_stack_assign(work->context, NULL, work->stack);
    }
    (void)pcre2_set_match_limit(work->context, limit < STEPS_AT_LEAST ? STEPS_AT_LEAST : (uint32_t)limit);
    (void)pcre2_set_heap_limit(work->context, HEAP_KIB);
    return SETUN_OK;
}

/* The first match in text[from..n_bytes). */
static setun_status find(const pcre2_code *code, const char *text, size_t n_bytes, size_t from, setun_pretoken_work *work,
                         bool *out_found, setun_span *out, setun_error *error)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(work->match);
    int found = pcre2_match(code, (PCRE2_SPTR)text, n_bytes, from, PCRE2_NO_UTF_CHECK, work->match, work->context);

    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(code, (PCRE2_SPTR)text, n_bytes, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, work->match, work->context);
    *out_found = found >= 0;
    if (found >= 0) {
        *out = (setun_span){ends[0], ends[1]};
        return SETUN_OK;
    }
    if (found == PCRE2_ERROR_NOMATCH)
        return SETUN_OK;
    if (found == PCRE2_ERROR_NOMEMORY)
        return setun_fail_nomem(error, "pattern matching", n_bytes);
    {
        PCRE2_UCHAR message[128] = "";

        (void)pcre2_get_error_message(found, message, sizeof(message));
        return setun_fail(error, SETUN_ERR_INVALID,
                          "text: the tokenizer's pattern takes too much work on a stretch of %zu bytes: %s", n_bytes,
                          (const char *)message);
    }
}

/* As Hugging Face walks through matches: an empty one right behind the match before is passed over, and the search goes on one
 * character later. */
setun_status setun_split_run(const setun_step *step, const char *text, setun_span span, setun_pretoken_work *work, setun_spans *out,
                             setun_error *error)
{
    splitter s = {.out = out, .behavior = step->behavior, .invert = step->invert};
    const char *subject = text + span.begin; /* a pattern must not see what stands around the pre-token */
    size_t n_bytes = span.end - span.begin, from = 0, done = 0;
    bool found = true, any = false;
    setun_status status = prepare(work, n_bytes, error);

    while (status == SETUN_OK && from <= n_bytes) {
        setun_span match = {0, 0};

        status = find(step->code, subject, n_bytes, from, work, &found, &match, error);
        if (status != SETUN_OK || !found)
            break;
        if (match.begin == match.end && any && match.end == done) {
            size_t n_char = 1;

            if (from < n_bytes)
                (void)setun_utf8_char(subject + from, &n_char);
            from += n_char;
            continue;
        }
        if (done != match.begin)
            event(&s, span.begin + done, span.begin + match.begin, false);
        event(&s, span.begin + match.begin, span.begin + match.end, true);
        from = done = match.end;
        any = true;
    }
    if (status != SETUN_OK)
        return status;
    if (done != n_bytes)
        event(&s, span.begin + done, span.end, false);
    flush(&s);
    return s.no_memory ? setun_fail_nomem(error, "pre-tokens", out->n * sizeof(*out->items)) : SETUN_OK;
}

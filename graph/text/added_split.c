/* added_split.c - cutting a text at its added tokens. */
#include <stdlib.h>

#include "text/text.h"

/* First item in [low, high) whose byte at `depth` is >= byte; all of them have more than depth bytes and share those before. */
static size_t lower_bound(const setun_added_set *set, size_t low, size_t high, size_t depth, unsigned byte)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if ((uint8_t)set->items[middle].text[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest token that begins at text[0]; NULL if none. */
static const setun_added_token *longest_at(const setun_added_set *set, const char *text, size_t n_bytes)
{
    const setun_added_token *longest = NULL;
    size_t low = 0, high = set->n;

    /* Sorted by bytes: those that share the first `depth` bytes stand together, the one that ends there first. */
    for (size_t depth = 0; depth < n_bytes && low < high; depth++) {
        unsigned byte = (uint8_t)text[depth];

        low = lower_bound(set, low, high, depth, byte);
        high = lower_bound(set, low, high, depth, byte + 1);
        if (low < high && set->items[low].n_bytes == depth + 1)
            longest = &set->items[low++];
    }
    return longest;
}

typedef struct word_matcher {
    pcre2_match_data *match;
    bool failed; /* a match ended in an error; for one character that can only be a lack of memory */
} word_matcher;

static bool is_word(const setun_added *added, const char *text, size_t n_bytes, word_matcher *matcher)
{
    const int found = pcre2_match(added->word, (PCRE2_SPTR)text, n_bytes, 0, PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK, matcher->match, NULL);

    matcher->failed = matcher->failed || (found < 0 && found != PCRE2_ERROR_NOMATCH);
    return found >= 0;
}

/* No word character touches text[begin..end). */
static bool stands_alone(const setun_added *added, const char *text, size_t n_bytes, size_t begin, size_t end,
                         word_matcher *matcher)
{
    if (begin > 0) {
        size_t before = setun_utf8_before(text, begin);

        if (is_word(added, text + before, begin - before, matcher))
            return false;
    }
    return end == n_bytes || !is_word(added, text + end, n_bytes - end, matcher);
}

static size_t space_before(const char *text, size_t end)
{
    while (end > 0) {
        size_t before = setun_utf8_before(text, end), n_char;

        if (!setun_is_white_space(setun_utf8_char(text + before, &n_char)))
            break;
        end = before;
    }
    return end;
}

static size_t space_after(const char *text, size_t n_bytes, size_t at)
{
    while (at < n_bytes) {
        size_t n_char;

        if (!setun_is_white_space(setun_utf8_char(text + at, &n_char)))
            break;
        at += n_char;
    }
    return at;
}

static bool add(setun_stretches *out, size_t begin, size_t end, int32_t id)
{
    if (!setun_grow(&out->items, &out->capacity, out->n + 1, sizeof(*out->items)))
        return false;
    out->items[out->n++] = (setun_stretch){.begin = begin, .end = end, .id = id};
    return true;
}

/* Cuts one plain stretch, text[0..n_bytes), by one set. Offsets in the result count from `base`. */
static bool split_stretch(const setun_added *added, const setun_added_set *set, const char *text, size_t n_bytes, size_t base,
                          bool trusted, word_matcher *matcher, setun_stretches *out)
{
    size_t done = 0; /* what is behind has been given out */

    for (size_t at = 0; at < n_bytes;) {
        const setun_added_token *token = set->begins[(uint8_t)text[at]] ? longest_at(set, text + at, n_bytes - at) : NULL;
        size_t begin = at, end;

        if (token == NULL) {
            at++;
            continue;
        }
        end = at + token->n_bytes;
        at = end;
        if (token->special && !trusted)
            continue;
        if (token->single_word && !stands_alone(added, text, n_bytes, begin, end, matcher))
            continue;
        if (token->lstrip) /* may reach into what the token before took; that is not given out again */
            begin = space_before(text, begin);
        if (token->rstrip)
            end = space_after(text, n_bytes, end);
        if (done < begin && !add(out, base + done, base + begin, -1))
            return false;
        if (!add(out, base + begin, base + end, token->id))
            return false;
        done = end;
    }
    return done == n_bytes || add(out, base + done, base + n_bytes, -1);
}

setun_status setun_added_split(const setun_added *added, const char *text, size_t n_bytes, bool trusted, setun_stretches *out,
                               setun_error *error)
{
    word_matcher matcher = {NULL, false};
    setun_stretches first = {0};
    bool done;

    if (added->word != NULL && (matcher.match = pcre2_match_data_create(1, NULL)) == NULL)
        return setun_fail_nomem(error, "match data", 0);
    done = split_stretch(added, &added->sets[0], text, n_bytes, 0, trusted, &matcher, &first);
    for (size_t i = 0; i < first.n && done; i++) {
        const setun_stretch *stretch = &first.items[i];

        if (stretch->id >= 0)
            done = add(out, stretch->begin, stretch->end, stretch->id);
        else
            done = split_stretch(added, &added->sets[1], text + stretch->begin, stretch->end - stretch->begin, stretch->begin,
                                 trusted, &matcher, out);
    }
    free(first.items);
    pcre2_match_data_free(matcher.match);
    return done && !matcher.failed ? SETUN_OK : setun_fail_nomem(error, "added tokens in the text", out->n * sizeof(*out->items));
}

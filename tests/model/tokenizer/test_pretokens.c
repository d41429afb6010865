/* test_pretokens.c - the cuts of the Llama-3 pattern against a scanner written by hand from its seven alternatives. */
#include <criterion/criterion.h>
#include <string.h>

#include "text/text.h"
#include "variant.h"

/* Characters with their class by the Unicode charts: letter, number, white space, line end, other. */
static const struct sample {
    const char *text;
    char class;
} samples[] = {
    {"a", 'L'},
    {"s", 'L'},
    {"S", 'L'},
    {"t", 'L'},
    {"r", 'L'},
    {"e", 'L'},
    {"V", 'L'},
    {"m", 'L'},
    {"l", 'L'},
    {"L", 'L'},
    {"D", 'L'},
    {"\u00e9", 'L'},
    {"\u017f", 'L'} /* long s folds to s */,
    {"\u00df", 'L'},
    {"\u0416", 'L'},
    {"\u05d0", 'L'},
    {"\u0645", 'L'},
    {"\u0928", 'L'},
    {"\u4e2d", 'L'},
    {"\u3042", 'L'},
    {"\ud55c", 'L'},
    {"\u01c5", 'L'},
    {"\u02bc", 'L'},
    {"\u212a", 'L'},
    {"\U0001d518", 'L'},
    {"\U000323af", 'L'} /* the end of CJK extension H, Unicode 15 */,
    {"\u1c89", 'L'} /* Unicode 16 */,
    {"0", 'N'},
    {"7", 'N'},
    {"\u0663", 'N'},
    {"\u00b2", 'N'},
    {"\u00bd", 'N'},
    {"\u2167", 'N'},
    {"\u2460", 'N'},
    {"\U0001d7d9", 'N'},
    {" ", 'S'},
    {" ", 'S'},
    {" ", 'S'},
    {"\t", 'S'},
    {"\v", 'S'},
    {"\f", 'S'},
    {"\xc2\x85", 'S'},
    {"\u00a0", 'S'},
    {"\u1680", 'S'},
    {"\u2003", 'S'},
    {"\u2028", 'S'},
    {"\u202f", 'S'},
    {"\u3000", 'S'},
    {"\n", 'R'},
    {"\n", 'R'},
    {"\r", 'R'},
    {"'", 'O'},
    {"'", 'O'},
    {"'", 'O'},
    {"!", 'O'},
    {"_", 'O'},
    {"\u20ac", 'O'},
    {"\u0301", 'O'},
    {"\u094d", 'O'},
    {"\u180e", 'O'} /* no white space since Unicode 6.3 */,
    {"\u200b", 'O'},
    {"\u200d", 'O'},
    {"\ufeff", 'O'},
    {"\x01", 'O'},
    {"\x1f", 'O'},
    {"\U0001f642", 'O'},
    {"\U0010ffff", 'O'},
};

typedef struct scanned {
    const struct sample *chars[64];
    size_t n;
} scanned;

static char class_at(const scanned *s, size_t i)
{
    return i < s->n ? s->chars[i]->class : '.';
}

static bool is_space(const scanned *s, size_t i)
{
    return class_at(s, i) == 'S' || class_at(s, i) == 'R';
}

/* A lower-case ASCII letter for those that fold to one. */
static char folded(const scanned *s, size_t i)
{
    const char *text = i < s->n ? s->chars[i]->text : "";

    if (strcmp(text, "\u017f") == 0)
        return 's';
    if (strlen(text) != 1)
        return '\0';
    return text[0] >= 'A' && text[0] <= 'Z' ? (char)(text[0] + 32) : text[0];
}

static size_t run_of(const scanned *s, size_t i, char class)
{
    while (class_at(s, i) == class)
        i++;
    return i;
}

/* End of the pre-token that begins at i < n. */
static size_t scan(const scanned *s, size_t i)
{
    char a = folded(s, i + 1), b = folded(s, i + 2);
    size_t end, last_line = 0;

    if (folded(s, i) == '\'') {
        if (a == 's' || a == 't')
            return i + 2;
        if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e'))
            return i + 3;
        if (a == 'm')
            return i + 2;
        if (a == 'l' && b == 'l')
            return i + 3;
        if (a == 'd')
            return i + 2;
    }
    if (class_at(s, i) == 'L')
        return run_of(s, i, 'L');
    if (class_at(s, i) != 'R' && class_at(s, i) != 'N' && class_at(s, i + 1) == 'L')
        return run_of(s, i + 1, 'L');
    if (class_at(s, i) == 'N') {
        end = run_of(s, i, 'N');
        return end > i + 3 ? i + 3 : end;
    }
    end = folded(s, i) == ' ' ? i + 1 : i;
    if (class_at(s, end) == 'O')
        return run_of(s, run_of(s, end, 'O'), 'R');
    for (end = i; is_space(s, end); end++)
        if (class_at(s, end) == 'R')
            last_line = end + 1;
    if (last_line > 0)
        return last_line;
    return end == s->n || end == i + 1 ? end : end - 1;
}

Test(tokenizer_pretokens, llama3_by_hand)
{
    setun_tokenizer *tokenizer = opened(fable_json());
    setun_pretoken_work work = {0};
    setun_error error = {{0}};
    uint64_t random = 2026;

    for (unsigned round = 0; round < 20000; round++) {
        scanned s = {.n = 1 + next_random(&random) % SETUN_COUNT(s.chars)};
        char text[SETUN_COUNT(s.chars) * 4];
        size_t begins[SETUN_COUNT(s.chars) + 1], n_bytes = 0, n_pretokens = 0;

        for (size_t i = 0; i < s.n; i++) {
            s.chars[i] = &samples[next_random(&random) % SETUN_COUNT(samples)];
            begins[i] = n_bytes;
            memcpy(text + n_bytes, s.chars[i]->text, strlen(s.chars[i]->text));
            n_bytes += strlen(s.chars[i]->text);
        }
        begins[s.n] = n_bytes;
        cr_assert_eq(setun_pretokenizer_run(&tokenizer->pretokenizer, text, n_bytes, &work, &error), SETUN_OK, "%s", error.text);
        for (size_t i = 0, end; i < s.n; i = end, n_pretokens++) {
            end = scan(&s, i);
            cr_assert_lt(n_pretokens, work.result->n);
            cr_assert_eq(work.result->items[n_pretokens].begin, begins[i], "round %u: \"%.*s\"", round, (int)n_bytes, text);
            cr_assert_eq(work.result->items[n_pretokens].end, begins[end], "round %u: \"%.*s\" from byte %zu", round, (int)n_bytes,
                         text, begins[i]);
        }
        cr_assert_eq(n_pretokens, work.result->n);
    }
    setun_pretoken_work_free(&work);
    setun_tokenizer_close(tokenizer);
}

/* test_bpe.c - BPE against the textbook's way: look through all pairs for the lowest rank, join the leftmost, begin again. Strings
 * and JSON objects only, nothing of the tokenizer's tables. And pre-tokens so long that the textbook's way would not end. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "variant.h"

enum { MAX_LETTERS = 400 };

/* Ids of a text of lower-case letters, which are their own spelling. ranks: "a b" to rank. */
static size_t slow_bpe(const json_t *ranks, const json_t *vocab, const char *text, int32_t *out)
{
    size_t begins[MAX_LETTERS + 1], n = strlen(text); /* parts are text[begins[i]..begins[i + 1]) */

    for (size_t i = 0; i <= n; i++)
        begins[i] = i;
    for (;;) {
        json_int_t best = -1;
        size_t best_at = 0;

        for (size_t i = 0; i + 1 < n; i++) {
            char pair[MAX_LETTERS + 4];
            const json_t *rank;

            (void)snprintf(pair, sizeof(pair), "%.*s %.*s", (int)(begins[i + 1] - begins[i]), text + begins[i],
                           (int)(begins[i + 2] - begins[i + 1]), text + begins[i + 1]);
            rank = json_object_get(ranks, pair);
            if (rank != NULL && (best < 0 || json_integer_value(rank) < best)) {
                best = json_integer_value(rank);
                best_at = i;
            }
        }
        if (best < 0)
            break;
        memmove(begins + best_at + 1, begins + best_at + 2, (n - best_at - 1) * sizeof(*begins));
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        char part[MAX_LETTERS + 1];
        const json_t *id;

        (void)snprintf(part, sizeof(part), "%.*s", (int)(begins[i + 1] - begins[i]), text + begins[i]);
        id = json_object_get(vocab, part);
        cr_assert(json_is_integer(id));
        out[i] = (int32_t)json_integer_value(id);
    }
    return n;
}

/* fable without cuts: a text is one pre-token. */
static json_t *uncut_json(bool ignore_merges)
{
    json_t *root = fable_json(),
           *changes = json_pack("{s:{s:s, s:b, s:b, s:b}, s:{s:b}}", "pre_tokenizer", "type", "ByteLevel", "add_prefix_space", 0,
                                "trim_offsets", 0, "use_regex", 0, "model", "ignore_merges", ignore_merges);

    cr_assert_not_null(changes);
    merge_json(root, changes);
    json_decref(changes);
    return root;
}

Test(tokenizer_bpe, against_the_slow_way)
{
    json_t *root = uncut_json(false), *model = json_object_get(root, "model"), *ranks = json_object(), *pair;
    setun_tokenizer *tokenizer = opened(json_incref(root));
    static const char *const alphabets[] = {"abcdefghijklmnopqrstuvwxyz", "etaoinsh", "the", "an", "s", "e"};
    uint64_t random = 7;
    size_t index;

    json_array_foreach(json_object_get(model, "merges"), index, pair)
    {
        char key[256];

        (void)snprintf(key, sizeof(key), "%s %s", json_string_value(json_array_get(pair, 0)),
                       json_string_value(json_array_get(pair, 1)));
        cr_assert_eq(json_object_set_new(ranks, key, json_integer((json_int_t)index)), 0);
    }
    for (unsigned round = 0; round < 1500; round++) {
        const char *alphabet = alphabets[round % SETUN_COUNT(alphabets)];
        char text[MAX_LETTERS];
        int32_t expected[MAX_LETTERS], *ids;
        size_t n_text = 1 + next_random(&random) % (round % 100 == 0 ? MAX_LETTERS - 1 : 40), n_expected, n;

        for (size_t i = 0; i < n_text; i++)
            text[i] = alphabet[next_random(&random) % strlen(alphabet)];
        text[n_text] = '\0';
        n_expected = slow_bpe(ranks, json_object_get(model, "vocab"), text, expected);
        ids = encoded(tokenizer, text, n_text, SETUN_TEXT_USER, &n);
        cr_assert(n == n_expected && memcmp(ids, expected, n * sizeof(*ids)) == 0, "\"%s\": %zu ids, expected %zu", text, n,
                  n_expected);
        setun_free(ids);
    }
    json_decref(ranks);
    json_decref(root);
    setun_tokenizer_close(tokenizer);
}

/* With ignore_merges a pre-token of the vocabulary is one id, although the merges alone would not get there. */
Test(tokenizer_bpe, ignore_merges)
{
    for (unsigned ignore = 0; ignore < 2; ignore++) {
        json_t *root = tiny_json(), *model = json_object_get(root, "model");
        setun_tokenizer *tokenizer;
        int32_t *ids;
        size_t n;

        cr_assert_eq(json_object_set_new(model, "ignore_merges", json_boolean(ignore)), 0);
        cr_assert_eq(json_object_set_new(json_object_get(model, "vocab"), "ab", json_integer(256)), 0);
        cr_assert_eq(json_object_set_new(json_object_get(model, "vocab"), "abc", json_integer(257)), 0);
        cr_assert_eq(json_array_append_new(json_object_get(model, "merges"), json_pack("[ss]", "a", "b")), 0);
        tokenizer = opened(root);
        ids = encoded(tokenizer, "abc", 3, SETUN_TEXT_USER, &n);
        if (ignore)
            cr_expect(n == 1 && ids[0] == 257);
        else
            cr_expect(n == 2 && ids[0] == 256 && ids[1] == 'c');
        setun_free(ids);
        setun_tokenizer_close(tokenizer);
    }
}

/* Of a pair that is listed twice the last rank counts, as in the library. */
Test(tokenizer_bpe, repeated_pair)
{
    json_t *root = tiny_json(), *model = json_object_get(root, "model"), *vocab = json_object_get(model, "vocab");
    setun_tokenizer *tokenizer;
    int32_t *ids;
    size_t n;

    cr_assert_eq(json_object_set_new(vocab, "ab", json_integer(256)), 0);
    cr_assert_eq(json_object_set_new(vocab, "bc", json_integer(257)), 0);
    cr_assert_eq(json_object_set_new(model, "merges", json_pack("[[ss][ss][ss]]", "a", "b", "b", "c", "a", "b")), 0);
    tokenizer = opened(root);
    ids = encoded(tokenizer, "abc", 3, SETUN_TEXT_USER, &n);
    cr_expect(n == 2 && ids[0] == 'a' && ids[1] == 257);
    setun_free(ids);
    setun_tokenizer_close(tokenizer);
}

/* A quadratic merge loop would need 10^12 steps here, and the test would not end. */
Test(tokenizer_bpe, megabyte_pretokens)
{
    enum { N = 1 << 20 };
    static const char *const fills[] = {"a", "e", "th", " ", "\n", "0", "\u4e2d", "!"};
    setun_tokenizer *tokenizers[] = {opened(fable_json()), opened(uncut_json(true))};
    char *text = malloc(N), *back;

    cr_assert_not_null(text);
    for (size_t t = 0; t < 2; t++)
        for (size_t f = 0; f < SETUN_COUNT(fills); f++) {
            size_t n_fill = strlen(fills[f]), n_bytes = N - N % n_fill, n, n_back;
            int32_t *ids;

            for (size_t i = 0; i < n_bytes; i++)
                text[i] = fills[f][i % n_fill];
            ids = encoded(tokenizers[t], text, n_bytes, SETUN_TEXT_TRUSTED, &n);
            back = decoded(tokenizers[t], ids, n, &n_back);
            cr_assert(n_back == n_bytes && memcmp(back, text, n_bytes) == 0);
            free(back);
            setun_free(ids);
        }
    free(text);
    setun_tokenizer_close(tokenizers[0]);
    setun_tokenizer_close(tokenizers[1]);
}

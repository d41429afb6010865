/* test_chat.c - conversations with fable: the same answers as from all ids at once, only new tokens computed, and what ends a turn. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "setun/chat.h"

enum { MAX_IDS = 600 };

/* An answer, and what its sink does besides listening. */
typedef struct answer {
    int32_t id[MAX_IDS];
    size_t n, n_bytes;
    char text[8192];
    setun_session *interrupt; /* after the second token */
    bool fail;                /* with the second token */
} answer;

static setun_status take(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error)
{
    answer *a = context;

    if (id >= 0)
        a->id[a->n++] = id;
    memcpy(a->text + a->n_bytes, text, n_bytes);
    a->n_bytes += n_bytes;
    if (a->interrupt != NULL && a->n == 2)
        setun_session_interrupt(a->interrupt);
    if (a->fail && a->n == 2) {
        strcpy(error->text, "the reader went away");
        return SETUN_ERR_IO;
    }
    return SETUN_OK;
}

typedef struct scene {
    setun_model *model;
    setun_session *session;
    setun_chat *chat;
    int32_t ids[MAX_IDS]; /* of the whole conversation, put together here */
    size_t n;
} scene;

static scene begin(int64_t context, const char *system)
{
    const setun_session_options options = {.n_threads = 1, .context = context, .max_seqs = 2};
    scene s = {.n = 0};
    setun_error error = {""};

    cr_assert_eq(setun_model_open(NULL, NULL, &s.model, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_session_create(s.model, &options, &s.session, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_chat_create(s.session, NULL, system, &s.chat, &error), SETUN_OK, "%s", error.text);
    return s;
}

static void end(scene *s)
{
    setun_chat_destroy(s->chat);
    setun_session_destroy(s->session);
    setun_model_close(s->model);
}

static void add_ids(scene *s, const setun_chat_message *messages, size_t n_messages, unsigned flags)
{
    int32_t *ids;
    size_t n;

    cr_assert_eq(setun_chat_encode(setun_chat_template_of(s->model), setun_model_tokenizer(s->model), messages, n_messages, flags, &ids, &n, NULL),
                 SETUN_OK);
    cr_assert_lt(s->n + n, (size_t)MAX_IDS);
    if (n > 0)
        memcpy(s->ids + s->n, ids, n * sizeof(*ids));
    s->n += n;
    setun_free(ids);
}

static setun_generation say(scene *s, const char *text, int64_t n_tokens, answer *out)
{
    setun_generation g;
    setun_error error = {""};

    cr_assert_eq(setun_chat_say(s->chat, text, strlen(text), n_tokens, NULL, take, out, &g, &error), SETUN_OK, "%s", error.text);
    return g;
}

/* The answer to the ids so far, computed anew in another sequence; then it belongs to them. */
static void check_answer(scene *s, const answer *got, int64_t n_tokens)
{
    answer expected = {.n = 0};
    setun_generation g;
    setun_error error = {""};
    int32_t seq;

    cr_assert_eq(setun_sequence_open(s->session, &seq, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_generate(s->session, seq, s->ids, s->n, n_tokens, NULL, take, &expected, &g, &error), SETUN_OK, "%s", error.text);
    setun_sequence_close(s->session, seq);
    cr_expect_eq(got->n, expected.n);
    cr_expect(memcmp(got->id, expected.id, expected.n * sizeof(int32_t)) == 0, "\"%.*s\", expected \"%.*s\"", (int)got->n_bytes, got->text,
              (int)expected.n_bytes, expected.text);
    memcpy(s->ids + s->n, got->id, got->n * sizeof(int32_t));
    s->n += got->n;
}

static setun_chat_message user(const char *text)
{
    return (setun_chat_message){.role = SETUN_ROLE_USER, .text = text, .n_bytes = strlen(text)};
}

Test(chat, goes_on)
{
    static const char *const texts[] = {"Once upon a time", "The next day she", "In the end"};
    const setun_chat_message system = {.role = SETUN_ROLE_SYSTEM, .text = "A fairy tale.", .n_bytes = 13};
    scene s = begin(0, system.text);
    int64_t cached = 0; /* the answer's last token is not computed before the next message */

    cr_assert_str_eq(setun_chat_template_name(setun_chat_template_of(s.model)), "plain");
    add_ids(&s, &system, 1, SETUN_CHAT_BEGIN);
    for (size_t i = 0; i < 3; i++) {
        const setun_chat_message message = user(texts[i]);
        answer a = {.n = 0};
        setun_generation g = say(&s, texts[i], 12, &a);

        add_ids(&s, &message, 1, SETUN_CHAT_ANSWER | (i > 0 ? SETUN_CHAT_AFTER_ANSWER : 0));
        cr_expect_eq(g.n_prompt, (int64_t)s.n - cached, "turn %zu computes %lld tokens, %lld are new", i, (long long)g.n_prompt,
                     (long long)((int64_t)s.n - cached));
        check_answer(&s, &a, 12);
        cr_expect_eq(setun_chat_length(s.chat), (int64_t)s.n);
        cached = (int64_t)s.n - (g.end == SETUN_END_LENGTH);
    }
    {
        size_t n;
        const setun_chat_message *messages = setun_chat_messages(s.chat, &n);

        cr_assert_eq(n, 7);
        cr_expect(messages[0].role == SETUN_ROLE_SYSTEM && strcmp(messages[0].text, system.text) == 0);
        cr_expect(messages[3].role == SETUN_ROLE_USER && strcmp(messages[3].text, texts[1]) == 0);
        cr_expect(messages[6].role == SETUN_ROLE_ASSISTANT && messages[6].n_bytes > 10);
    }
    end(&s);
}

/* A stopped answer belongs to the conversation as far as it came; one that is stopped before it begins never was. */
Test(chat, interrupted)
{
    scene s = begin(0, NULL);
    answer a = {.interrupt = s.session}, b = {.n = 0}, c = {.n = 0};
    const setun_chat_message first = user("A long time ago"), second = user("But then");
    setun_generation g = say(&s, first.text, 40, &a);
    size_t n;

    cr_assert_eq(g.end, SETUN_END_INTERRUPT);
    cr_assert(a.n == 2 || a.n == 3, "%zu tokens", a.n);
    add_ids(&s, NULL, 0, SETUN_CHAT_BEGIN);
    add_ids(&s, &first, 1, SETUN_CHAT_ANSWER);
    check_answer(&s, &a, (int64_t)a.n);

    setun_session_interrupt(s.session);
    g = say(&s, "never heard", 40, &b);
    cr_assert(g.end == SETUN_END_INTERRUPT && b.n == 0);
    cr_assert_eq(setun_chat_length(s.chat), (int64_t)s.n);
    (void)setun_chat_messages(s.chat, &n);
    cr_assert_eq(n, 2);

    (void)say(&s, second.text, 8, &c);
    add_ids(&s, &second, 1, SETUN_CHAT_ANSWER | SETUN_CHAT_AFTER_ANSWER);
    check_answer(&s, &c, 8);
    end(&s);
}

/* The answer that fills the context ends there; what does not fit is refused and changes nothing; a new conversation has room again. */
Test(chat, full_context)
{
    scene s = begin(40, NULL);
    answer a = {.n = 0}, b = {.n = 0}, again = {.n = 0};
    setun_generation g = say(&s, "Once upon a time there was a king who", -1, &a);
    setun_error error = {""};
    int64_t length = setun_chat_length(s.chat);
    size_t n;

    cr_assert_eq(g.end, SETUN_END_CONTEXT);
    cr_assert_eq(length, 41, "the last token stands behind the context");
    cr_assert_eq(setun_chat_say(s.chat, "More", 4, 5, NULL, take, &b, &g, &error), SETUN_ERR_FULL);
    cr_expect_not_null(strstr(error.text, "do not fit: the context of 40 positions has 0 left"), "%s", error.text);
    cr_expect(b.n == 0 && setun_chat_length(s.chat) == length);
    (void)setun_chat_messages(s.chat, &n);
    cr_expect_eq(n, 2);
    cr_assert_eq(setun_chat_reset(s.chat, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_chat_length(s.chat), 1, "BOS");
    (void)say(&s, "Once upon a time there was a king who", -1, &again);
    cr_expect(again.n == a.n && memcmp(again.id, a.id, a.n * sizeof(int32_t)) == 0);
    end(&s);
}

/* An error on the way leaves the conversation as it was. */
Test(chat, errors_change_nothing)
{
    scene s = begin(0, NULL);
    answer a = {.n = 0}, bad = {.fail = true}, b = {.n = 0};
    const setun_chat_message first = user("The wolf"), second = user("The fox");
    setun_generation g = say(&s, first.text, 6, &a);
    const int64_t length = setun_chat_length(s.chat);
    setun_error error = {""};

    cr_assert_eq(setun_chat_say(s.chat, "x", 1, 9, NULL, take, &bad, &g, &error), SETUN_ERR_IO);
    cr_expect_str_eq(error.text, "the reader went away");
    cr_expect_eq(setun_chat_length(s.chat), length);
    cr_assert_eq(setun_chat_say(s.chat, "\xc3(", 2, 9, NULL, take, &bad, &g, &error), SETUN_ERR_INVALID);
    cr_assert_eq(setun_chat_say(s.chat, "x", 1, 9, &(setun_sampling){.temperature = -1}, take, &bad, &g, &error), SETUN_ERR_INVALID);
    cr_expect_eq(setun_chat_length(s.chat), length);
    (void)say(&s, second.text, 6, &b);
    add_ids(&s, NULL, 0, SETUN_CHAT_BEGIN);
    add_ids(&s, &first, 1, SETUN_CHAT_ANSWER);
    check_answer(&s, &a, 6);
    add_ids(&s, &second, 1, SETUN_CHAT_ANSWER | SETUN_CHAT_AFTER_ANSWER);
    check_answer(&s, &b, 6);
    end(&s);
}

/* A conversation from elsewhere; what it shares with the one before is not computed again. */
Test(chat, replaced)
{
    const setun_chat_message saved[] = {{.role = SETUN_ROLE_USER, .text = "Once upon a time", .n_bytes = 16},
                                        {.role = SETUN_ROLE_ASSISTANT, .text = " there was a queen.", .n_bytes = 19}};
    const setun_chat_message next = user("She had"), odd = {.role = 9, .text = "", .n_bytes = 0};
    scene s = begin(64, NULL);
    answer a = {.n = 0}, b = {.n = 0};
    setun_error error = {""};
    char *huge = malloc(4000);
    size_t n;

    memset(huge, 'x', 4000);
    (void)say(&s, "Once upon a time", 4, &a);
    cr_assert_eq(setun_chat_replace(s.chat, &odd, 1, &error), SETUN_ERR_INVALID);
    cr_assert_eq(setun_chat_replace(s.chat, &(setun_chat_message){.role = SETUN_ROLE_USER, .text = huge, .n_bytes = 4000}, 1, &error),
                 SETUN_ERR_FULL);
    (void)setun_chat_messages(s.chat, &n);
    cr_assert_eq(n, 2, "what was refused changed something");
    cr_assert_eq(setun_chat_replace(s.chat, saved, 2, &error), SETUN_OK, "%s", error.text);
    {
        setun_generation g = say(&s, next.text, 8, &b);

        add_ids(&s, saved, 2, SETUN_CHAT_BEGIN);
        add_ids(&s, &next, 1, SETUN_CHAT_ANSWER);
        cr_expect_leq(g.n_prompt, (int64_t)s.n - 5, "BOS and \"Once upon a time\" were in the cache");
    }
    check_answer(&s, &b, 8);
    free(huge);
    end(&s);
}

/* fable's vocabulary has <|eot_id|>, but it is no chat model; a template can still be asked for. */
Test(chat, given_template)
{
    scene s = begin(0, NULL);
    const setun_chat_template *bitnet = NULL;
    setun_chat *chat = NULL, *third = NULL;
    setun_error error = {""};
    setun_generation g;
    answer a = {.n = 0};

    cr_assert_eq(setun_chat_template_find("bitnet", &bitnet, &error), SETUN_OK);
    cr_assert_eq(setun_chat_create(s.session, bitnet, NULL, &chat, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_chat_create(s.session, bitnet, NULL, &third, &error), SETUN_ERR_FULL);
    cr_assert_eq(setun_chat_say(chat, "Hello <|eot_id|>", 16, 20, NULL, take, &a, &g, &error), SETUN_OK, "%s", error.text);
    for (size_t i = 0; i < a.n; i++)
        cr_expect_lt(a.id[i], 4093, "a token that stops is no part of the answer");
    setun_chat_destroy(chat);
    cr_assert_eq(setun_chat_create(s.session, bitnet, "\xff", &third, &error), SETUN_ERR_INVALID);
    cr_assert_eq(setun_chat_create(s.session, bitnet, NULL, &third, &error), SETUN_OK, "the failed one gave its sequence back");
    setun_chat_destroy(third);
    setun_chat_destroy(NULL);
    end(&s);
}

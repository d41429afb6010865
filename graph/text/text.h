/* text.h - the parts of the tokenizer: byte-level alphabet, vocabulary and merges, added tokens, pre-tokeniser, BPE. Internal. */
#ifndef SETUN_TEXT_H
#define SETUN_TEXT_H
#include <jansson.h>

#include "base/base.h"
#include "setun/tokenizer.h"
#include "text/pattern.h"
#include "weights/gguf.h"
#include "weights/weights.h"

/* ---- UTF-8 and the byte-level alphabet (utf8.c, alphabet.c) ---- */

/* Length in bytes of the valid UTF-8 at the start of text: n_bytes when all of it is (as Rust and the Unicode standard define it:
 * no surrogates, nothing above U+10FFFF, shortest forms only). */
size_t setun_utf8_valid(const char *text, size_t n_bytes);
/* The bytes at text (n_bytes >= 1) up to the end of one character or of one maximal broken part. *out_valid: it is a character.
 * 0: text ends within what may yet become a character. */
size_t setun_utf8_next(const char *text, size_t n_bytes, bool *out_valid);
/* First character of valid, non-empty UTF-8, and its length. */
uint32_t setun_utf8_char(const char *text, size_t *out_bytes);
/* Begin of the character that ends at text[end], end > 0. */
size_t setun_utf8_before(const char *text, size_t end);
/* Writes at most 4 bytes; returns how many. */
size_t setun_utf8_put(uint32_t c, char *out);
/* Unicode's White_Space property, which is what \s means in Hugging Face's two regex engines. */
bool setun_is_white_space(uint32_t c);

/* The character that stands for a byte in a byte-level vocabulary; each byte has its own. */
uint32_t setun_alphabet_char(uint8_t byte);
/* Bytes that valid UTF-8 spelled in that alphabet stands for. out has room for n_bytes. False: a character is not of the alphabet.
 */
bool setun_alphabet_decode(const char *text, size_t n_bytes, char *out, size_t *out_bytes);

/* ---- JSON (json.c): every function names the place in the file when it refuses ---- */

typedef struct setun_json_file {
    const char *path;
    size_t n_bytes; /* the file's size: nothing it says may make us allocate more than in proportion to it */
} setun_json_file;

/* "an object", "a string", ...; "nothing" for NULL. */
const char *setun_json_kind(const json_t *value);
/* "<path>: <where>: expected <expected>, found <kind of value>". */
setun_status setun_json_expected(const setun_json_file *file, const char *where, const char *expected, const json_t *value,
                                 setun_error *error);
/* Field `key` of an object. Absent or null gives the fallback; another type than the named one is an error. */
setun_status setun_json_bool(const setun_json_file *file, const char *where, const json_t *object, const char *key, bool fallback,
                             bool *out, setun_error *error);
/* As above without fallback. The string stays owned by the object. */
setun_status setun_json_need_bool(const setun_json_file *file, const char *where, const json_t *object, const char *key, bool *out,
                                  setun_error *error);
setun_status setun_json_need_string(const setun_json_file *file, const char *where, const json_t *object, const char *key,
                                    const char **out, size_t *out_bytes, setun_error *error);
/* The "type" of an object such as a pre-tokeniser. */
setun_status setun_json_type(const setun_json_file *file, const char *where, const json_t *object, const char **out_type,
                             setun_error *error);

/* ---- vocabulary and merges (vocab.c, vocab_json.c, merges.c) ---- */

enum {
    SETUN_TOKEN_USED = 1u << 0,    /* the id has a token */
    SETUN_TOKEN_LITERAL = 1u << 1, /* its name is not spelled in the byte-level alphabet: it stands for the name's own bytes */
    SETUN_TOKEN_ADDED = 1u << 2,   /* named in added_tokens */
    SETUN_TOKEN_SPECIAL = 1u << 3
};

typedef struct setun_token {
    uint32_t begin, n_bytes; /* in vocab.bytes */
    uint32_t flags;
} setun_token;

typedef struct setun_merge {
    int32_t left, right; /* ids; left is -1 in an empty slot */
    uint32_t rank;
    int32_t joined;
} setun_merge;

typedef struct setun_vocab {
    setun_token *tokens; /* by id */
    size_t n_ids, tokens_capacity;
    char *bytes; /* all tokens' bytes, one after the other */
    size_t n_bytes, bytes_capacity;
    size_t longest_bytes;
    int32_t *slots; /* hash table: id or -1, n_slots is a power of two. Of the model's vocabulary, without added tokens */
    size_t n_slots;
    setun_merge *merges; /* hash table by (left, right) */
    size_t n_merge_slots;
    int32_t byte_id[256]; /* token of each byte; -1 for bytes that no UTF-8 text holds, if the vocabulary lacks them */
    uint64_t seed;        /* of the hashes: a file cannot be made to collide */
    bool ignore_merges;   /* a pre-token that is in the vocabulary is that token, whatever the merges say */
} setun_vocab;

/* Makes room for n_names names; zero-initialise `vocab` before. */
setun_status setun_vocab_begin(setun_vocab *vocab, size_t n_names, setun_error *error);
/* Gives `id`, which has no token yet, the token of this name: valid UTF-8, spelled in the byte-level alphabet or literal. scratch has room
 * for n_name. *out_same: -1, or the id that has the name already (nothing is added then). False: out of memory. */
bool setun_vocab_add(setun_vocab *vocab, int32_t id, const char *name, size_t n_name, char *scratch, int32_t *out_same);
/* Looks up the tokens of the bytes, when all names are there. Returns the first byte without one among those that UTF-8 text can hold, or
 * -1. With none missing no text is ever lost, and unk_token and byte_fallback, which say what to do with a character that has no token,
 * never act. */
int setun_vocab_find_bytes(setun_vocab *vocab);

/* Memory that grows to the longest need. Zero-initialise; free(bytes). */
typedef struct setun_scratch {
    char *bytes;
    size_t capacity;
} setun_scratch;
/* What errors call the file, its list of merges and its list of names. */
typedef struct setun_merge_place {
    const char *path, *merges, *names;
} setun_merge_place;
/* The names of "a b"; false: it is not of that form. */
bool setun_merge_names(const char *text, size_t n_bytes, const char *out_name[2], size_t out_bytes[2]);
/* Makes room for n_merges merges, when all names are there. */
setun_status setun_merges_begin(setun_vocab *vocab, size_t n_merges, setun_error *error);
/* The names are valid UTF-8; `index` is the merge's place in the file's list. */
setun_status setun_merges_add(const setun_merge_place *place, size_t index, uint32_t rank, const char *const name[2],
                              const size_t n_bytes[2], setun_vocab *vocab, setun_scratch *scratch, setun_error *error);

/* Those of tokenizer.json. */
setun_status setun_vocab_load(const setun_json_file *file, const json_t *model, setun_vocab *out, setun_error *error);
setun_status setun_merges_load(const setun_json_file *file, const json_t *merges, setun_vocab *vocab, setun_error *error);
void setun_vocab_free(setun_vocab *vocab);
/* Id of the vocabulary's token with these bytes, -1 if none. literal: among names outside the byte-level alphabet. */
int32_t setun_vocab_find(const setun_vocab *vocab, const char *bytes, size_t n_bytes, bool literal);
/* Id of the vocabulary's entry with this name (its spelling in the file). scratch has room for n_bytes. */
int32_t setun_vocab_find_name(const setun_vocab *vocab, const char *name, size_t n_bytes, char *scratch);
/* NULL if the pair does not merge. */
const setun_merge *setun_vocab_merge(const setun_vocab *vocab, int32_t left, int32_t right);
/* Gives `id` a token; makes room up to it. False: out of memory. */
bool setun_vocab_put(setun_vocab *vocab, int32_t id, const char *bytes, size_t n_bytes, uint32_t flags);
/* One more than the highest id that a file of this size can speak of. */
int64_t setun_vocab_id_bound(const setun_json_file *file);

/* ---- added tokens (added.c) ---- */

typedef struct setun_added_token {
    const char *text; /* its own copy */
    size_t n_bytes;
    int32_t id;
    bool special, lstrip, rstrip, single_word, normalized;
} setun_added_token;

/* Tokens sorted by bytes. */
typedef struct setun_added_set {
    setun_added_token *items;
    size_t n, capacity;
    bool begins[256]; /* some token begins with this byte */
} setun_added_set;

typedef struct setun_added {
    setun_added_set sets[2]; /* [0] matched first, over the whole text; [1], the `normalized` ones, over what is left */
    pcre2_code *word;        /* one word character, for single_word; NULL if no token asks for it */
} setun_added;

setun_status setun_added_load(const setun_json_file *file, const json_t *added_tokens, setun_vocab *vocab, setun_added *out,
                              setun_error *error);
/* The parts of loading. Takes `token`, with a text of its own and an id whose token is in the vocabulary; on failure the text is freed. */
setun_status setun_added_put(setun_added *added, const setun_added_token *token, setun_error *error);
/* Sorts them; `where` names their place in the file. SETUN_ERR_FORMAT: two have the same text. */
setun_status setun_added_finish(setun_added *added, const char *path, const char *where, setun_error *error);
void setun_added_free(setun_added *added);
/* Id of the added token with this text, -1 if none. */
int32_t setun_added_find(const setun_added *added, const char *text, size_t n_bytes);

/* A stretch of text: plain (id = -1) or an added token. */
typedef struct setun_stretch {
    size_t begin, end;
    int32_t id;
} setun_stretch;
typedef struct setun_stretches {
    setun_stretch *items;
    size_t n, capacity;
} setun_stretches;
/* Splits text into stretches (appended). trusted: special tokens count too. */
setun_status setun_added_split(const setun_added *added, const char *text, size_t n_bytes, bool trusted, setun_stretches *out,
                               setun_error *error);

/* ---- pre-tokeniser (pretokenizer.c, pretokenizer_load.c, pretokenizer_named.c, split.c) ---- */

typedef struct setun_span {
    size_t begin, end;
} setun_span;
typedef struct setun_spans {
    setun_span *items;
    size_t n, capacity;
} setun_spans;

typedef enum setun_split_behavior {
    SETUN_SPLIT_ISOLATED,
    SETUN_SPLIT_REMOVED,
    SETUN_SPLIT_CONTIGUOUS,
    SETUN_SPLIT_MERGED_WITH_PREVIOUS,
    SETUN_SPLIT_MERGED_WITH_NEXT
} setun_split_behavior;

typedef enum setun_step_kind {
    SETUN_STEP_SPLIT,        /* cut every pre-token by a pattern */
    SETUN_STEP_PREFIX_SPACE, /* a space before every pre-token that has none */
    SETUN_STEP_BYTE_LEVEL    /* respell every pre-token in the byte-level alphabet; only present if a split comes after it */
} setun_step_kind;

typedef struct setun_step {
    setun_step_kind kind;
    pcre2_code *code; /* of a split */
    setun_split_behavior behavior;
    bool invert;
} setun_step;

enum { SETUN_MAX_STEPS = 32 }; /* known tokenizers have at most 6 */

typedef struct setun_pretokenizer {
    setun_step steps[SETUN_MAX_STEPS];
    size_t n_steps;
} setun_pretokenizer;

setun_status setun_pretokenizer_load(const setun_json_file *file, const json_t *value, setun_pretokenizer *out, setun_error *error);
void setun_pretokenizer_free(setun_pretokenizer *pretokenizer);

/* Cuts that go by a name. */
typedef struct setun_pre {
    const char *name;
    const char *patterns[4]; /* NULL behind the last */
    bool ignore_merges, add_bos; /* what files that name it mean unless they say otherwise */
} setun_pre;
/* SETUN_ERR_UNSUPPORTED: no such name; the error lists them. */
setun_status setun_pre_find(const char *name, const setun_pre **out_pre, setun_error *error);
/* The first whose cuts are these patterns, each matched piece isolated, and whose merges are ignored or not; NULL: none. */
const setun_pre *setun_pre_match(const char *const *patterns, size_t n_patterns, bool ignore_merges);
/* Appends its steps; those made are in `out` even if it fails. */
setun_status setun_pre_load(const setun_pre *pre, setun_pretokenizer *out, setun_error *error);

/* What one encode needs for matching: regex state, two texts and two lists of spans that take turns. Zero-initialise. */
typedef struct setun_pretoken_work {
    pcre2_match_context *context;
    pcre2_match_data *match;
    pcre2_jit_stack *stack;
    char *buffers[2];
    size_t capacities[2];
    setun_spans spans[2];
    const char *text; /* result: the pre-tokens' bytes ... */
    setun_spans *result;
} setun_pretoken_work;

void setun_pretoken_work_free(setun_pretoken_work *work);
/* Cuts text (valid UTF-8) into pre-tokens: work->result, spans of work->text, raw bytes. */
setun_status setun_pretokenizer_run(const setun_pretokenizer *pretokenizer, const char *text, size_t n_bytes,
                                    setun_pretoken_work *work, setun_error *error);
/* One split step over text[span]: appends spans. */
setun_status setun_split_run(const setun_step *step, const char *text, setun_span span, setun_pretoken_work *work, setun_spans *out,
                             setun_error *error);
bool setun_spans_add(setun_spans *spans, size_t begin, size_t end);

/* ---- BPE (bpe.c) ---- */

typedef struct setun_ids {
    int32_t *items;
    size_t n, capacity;
} setun_ids;
bool setun_ids_add(setun_ids *ids, int32_t id);

typedef struct setun_bpe_symbol {
    int32_t id;         /* -1: merged into the one before */
    int32_t prev, next; /* positions, -1 at the ends */
} setun_bpe_symbol;
typedef struct setun_bpe_entry {
    uint64_t order; /* rank, then position: rank << 32 | position */
    int32_t joined;
} setun_bpe_entry;

/* Zero-initialise; grows to the longest pre-token. */
typedef struct setun_bpe_work {
    setun_bpe_symbol *symbols;
    setun_bpe_entry *heap;
    size_t symbols_capacity, heap_capacity, n_heap;
} setun_bpe_work;

void setun_bpe_work_free(setun_bpe_work *work);
/* Appends the ids of one pre-token, n_bytes <= INT32_MAX. False: out of memory. */
bool setun_bpe_encode(const setun_vocab *vocab, const char *bytes, size_t n_bytes, setun_bpe_work *work, setun_ids *out);

/* ---- the tokenizer (tokenizer.c, vocab_gguf.c, tokenizer_gguf.c) ---- */

enum { SETUN_MAX_STOPS = 32 }; /* files know 5 at most */

struct setun_tokenizer {
    setun_vocab vocab; /* with the added tokens' ids */
    setun_added added;
    setun_pretokenizer pretokenizer;
    const setun_pre *pre; /* cuts that go by a name; NULL: those that tokenizer.json describes */
    int pre_origin;       /* SETUN_PRE_* */
    int32_t bos;          /* what texts begin with; -1: nothing */
    int32_t stops[SETUN_MAX_STOPS]; /* what ends them */
    size_t n_stops;
};

/* An empty one; NULL: out of memory, and the error says so. */
setun_tokenizer *setun_tokenizer_new(setun_error *error);
/* One more of the tokens that end texts; nothing happens if it is one already, is -1, or there are too many. */
void setun_tokenizer_add_stop(setun_tokenizer *tokenizer, int32_t id);
/* Takes over what a model's files say of the begin and the end of texts. SETUN_ERR_FORMAT: the tokenizer has no such BOS. */
setun_status setun_tokenizer_settle(setun_tokenizer *tokenizer, const char *path, const setun_text_settings *text, setun_error *error);
/* setun_tokenizer_open from the memory of a tokenizer.json; `path` is for errors, `pre` is the name of other cuts or NULL. */
setun_status setun_tokenizer_parse(const char *path, const char *text, size_t n_bytes, const char *pre, setun_tokenizer **out_tokenizer,
                                   setun_error *error);

typedef struct setun_name {
    const char *text; /* not always with a NUL at its end */
    size_t n_bytes;
} setun_name;
/* What a GGUF file says of its tokenizer (tokenizer.ggml.*). Borrowed while the tokenizer is made. */
typedef struct setun_gguf_vocab {
    const char *path; /* for errors */
    const setun_name *tokens;
    size_t n_tokens;
    const int32_t *types; /* [n_tokens]; NULL: all normal */
    const setun_name *merges;
    size_t n_merges;
    const char *pre; /* NULL: it names none */
} setun_gguf_vocab;
/* Nothing in it is trusted. `pre` as above. */
setun_status setun_tokenizer_build(const setun_gguf_vocab *gguf, const char *pre, setun_tokenizer **out_tokenizer, setun_error *error);
/* From the whole file's metadata. */
setun_status setun_tokenizer_read_gguf(const setun_gguf *gguf, const char *pre, setun_tokenizer **out_tokenizer, setun_error *error);
#endif

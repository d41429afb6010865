/* bad_words.c - prompts, ids and arguments that cannot be served, and the error line that each must give. */
#include "bad_input.h"

#define INPUT(text) .input = text, .n_input = sizeof(text) - 1

/* 40 words; the context of the cases that use it is 16. */
#define LONG "a b c d e f g h i j k l m n o p q r s t a b c d e f g h i j k l m n o p q r s t"

const bad_request bad_requests[] = {
    {"empty prompt", {"run", "-p", ""}, .exit_code = 1, .expected = "the prompt is empty"},
    {"empty prompt file", {"run", "-f", "-"}, .exit_code = 1, .expected = "the prompt is empty"},
    {"prompt of one newline", {"run", "-f", "-"}, INPUT("\n"), .exit_code = 1, .expected = "the prompt is empty"},
    {"broken UTF-8", {"run", "-f", "-"}, INPUT("abc\xff"), .exit_code = 1, .expected = "standard input: text: expected UTF-8, found byte 0xFF at offset 3 that fits no character"},
    {"half a character", {"run", "-f", "-"}, INPUT("\xe3\x81"), .exit_code = 1, .expected = "at offset 0 that fits no character"},
    {"overlong UTF-8", {"run", "-f", "-"}, INPUT("a\xc0\x80"), .exit_code = 1, .expected = "at offset 1 that fits no character"},
    {"surrogate", {"run", "-f", "-"}, INPUT("ab\xed\xa0\x80"), .exit_code = 1, .expected = "at offset 2 that fits no character"},
    {"beyond Unicode", {"run", "-f", "-"}, INPUT("\xf4\x90\x80\x80"), .exit_code = 1, .expected = "at offset 0 that fits no character"},
    {"lone continuation", {"tokenize", "-f", "-"}, INPUT("\x80"), .exit_code = 1, .expected = "at offset 0 that fits no character"},
    {"broken UTF-8 to score", {"score", "-f", "-"}, INPUT("once \xfe"), .exit_code = 1, .expected = "standard input: text: expected UTF-8, found byte 0xFE at offset 5 that fits no character"},
    {"prompt longer than the context", {"run", "-p", LONG, "--context", "16"}, .exit_code = 1, .expected = " tokens does not fit into the context of 16 positions\n"},
    {"context longer than the model's", {"run", "-p", "x", "--context", "100000"}, .exit_code = 1, .expected = "context"},
    {"no such prompt file", {"run", "-f", "@/missing"}, .exit_code = 1, .expected = "missing: No such file or directory"},
    {"prompt file is a folder", {"run", "-f", "@"}, .exit_code = 1, .expected = "Is a directory"},
    {"no such model", {"run", "-m", "nowhere", "-p", "x"}, .exit_code = 1, .expected = "model 'nowhere'"},
    {"no such model folder", {"run", "-m", "./nowhere/at/all", "-p", "x"}, .exit_code = 1, .expected = "./nowhere/at/all: No such file"},
    {"model without a name", {"run", "-m", "", "-p", "x"}, .exit_code = 1, .expected = "name is empty"},
    {"model is a file", {"run", "-m", "/dev/null", "-p", "x"}, .exit_code = 1, .expected = "/dev/null"},
    {"empty model folder", {"run", "-m", "@", "-p", "x"}, .exit_code = 1, .expected = "config.json"},
    {"no such graph", {"run", "--graph", "@/missing.yaml", "-p", "x"}, .exit_code = 1, .expected = "missing.yaml"},
    {"graph is a folder", {"run", "--graph", "@", "-p", "x"}, .exit_code = 1, .expected = "setun run: "},
    {"graph is a device", {"run", "--graph", "/dev/zero", "-p", "x"}, .exit_code = 1, .expected = "/dev/zero"},
    {"no such backend", {"run", "--backend", "gpu", "-p", "x"}, .exit_code = 1, .expected = "gpu"},
    {"temperature next to 0", {"run", "--temp", "0.0001", "-p", "x"}, .exit_code = 1, .expected = "temperature"},
    {"newline in a file name", {"run", "-f", "a\nb"}, .exit_code = 1, .expected = "a?b: No such file"},
    {"C1 control in a file name", {"run", "-f", "a\xc2\x9b" "31m"}, .exit_code = 1, .expected = "a?31m: No such file"},
    {"C1 control as a byte", {"run", "-f", "a\x9b" "31m"}, .exit_code = 1, .expected = "a?31m: No such file"},
    {"C1 control in a model's name", {"run", "-p", "x", "-m", "./a\xc2\x9b\x85\xc3\xa9"}, .exit_code = 1, .expected = "./a??\xc3\xa9: No such file"},
    {"escape in a file name", {"run", "-f", "a\x1b[31m"}, .exit_code = 1, .expected = "a?[31m: No such file"},

    {"no tokens", {"score", "-f", "-"}, .exit_code = 1, .expected = "standard input: no tokens in it"},
    {"no ids", {"score", "--ids", "-f", "-"}, INPUT(" \n\t"), .exit_code = 1, .expected = "standard input: no tokens in it"},
    {"one id", {"score", "--ids", "-f", "-"}, INPUT("64"), .exit_code = 1, .expected = "nothing to score"},
    {"ids that are words", {"score", "--ids", "-f", "-"}, INPUT("1 2 three"), .exit_code = 1, .expected = "byte 4: 'three' is not a token id"},
    {"negative id", {"score", "--ids", "-f", "-"}, INPUT("1 -2"), .exit_code = 1, .expected = "'-2' is not a token id"},
    {"id of 2^40", {"score", "--ids", "-f", "-"}, INPUT("1 1099511627776"), .exit_code = 1, .expected = "'1099511627776' is not a token id"},
    {"id outside the vocabulary", {"score", "--ids", "-f", "-"}, INPUT("1 4096"), .exit_code = 1, .expected = "found 4096"},
    {"NUL among ids", {"score", "--ids", "-f", "-"}, INPUT("1 \0 2"), .exit_code = 1, .expected = "is not a token id"},
    {"more ids than the context", {"score", "--ids", "-f", "-", "--context", "4"}, INPUT("1 2 3 4 5"), .exit_code = 1, .expected = "5 ids, but the context holds 4"},
    {"context with room for BOS only", {"score", "-f", "-", "--context", "1"}, INPUT("x"), .exit_code = 1, .expected = "a context of 1"},
    {"logits into nowhere", {"score", "-f", "-", "--logits", "@/missing/out.npy"}, INPUT("x"), .exit_code = 1, .expected = "No such file or directory"},

    {"decode words", {"tokenize", "--decode", "once"}, .exit_code = 1, .expected = "'once' is not a token id"},
    {"decode an unknown id", {"tokenize", "--decode", "4096"}, .exit_code = 1, .expected = "no token has the id 4096"},
    {"decode with a sign", {"tokenize", "--decode", "+1"}, .exit_code = 1, .expected = "'+1' is not a token id"},

    {"no such plugin", {"plugins", "check", "@/missing.so"}, .exit_code = 1, .expected = "missing.so"},
    {"plugin is a folder", {"plugins", "check", "@"}, .exit_code = 1, .expected = "setun plugins check: "},
    {"plugin is a device", {"plugins", "check", "/dev/zero"}, .exit_code = 1, .expected = "/dev/zero"},
};
const size_t n_bad_requests = sizeof(bad_requests) / sizeof(bad_requests[0]);

/* test_mistakes.c - every mistake in a model file is one error that says where it is, what was expected and what was found. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "small_model.h"

/* An edit of small_model, and the error it must give: it points to the first `at` of the line. */
struct mistake {
    const char  *from, *to;
    unsigned     line;
    const char  *at;
    const char  *text;
    setun_status status; /* 0: SETUN_ERR_FORMAT */
};

static const struct mistake mistakes[] = {
    /* The file as a whole. */
    {"setun: 1\n", "", 1, "name", "expected the key 'setun', the version of the model file (1), found none", 0},
    {"setun: 1", "setun: 2", 1, "2", "expected version 1 of the model file, found '2'", 0},
    {"setun: 1", "setun: \"1\"", 1, "\"1\"", "expected version 1 of the model file", 0},
    {"setun: 1", "setun: [1]", 1, "[1]", "expected version 1 of the model file, found a list", 0},
    {"name: small\n", "", 1, "setun", "expected the key 'name', found none", 0},
    {"name: small", "name: [a]", 2, "[a]", "expected the family's name (letters, digits and _), found a list", 0},
    {"name: small", "name:", 2, "", "expected the family's name (letters, digits and _), found nothing", 0},
    {"context: 32\n", "", 1, "setun", "expected the key 'context', found none", 0},
    {"context: 32", "context: 0", 10, "0", "context: expected an integer from 1 to 2147483647, found the integer 0", 0},
    {"context: 32", "context: many", 10, "many", "context: expected an integer from 1 to 2147483647, found the string 'many'", 0},
    {"context: 32", "context: ${hidden / 3}", 10, "${", "found the float 2.66666666666666", 0},
    {"context: 32", "contxt: 32", 10, "contxt", "model file: unknown key 'contxt', did you mean 'context'?", 0},
    {"context: 32", "context: 32\nzzz: 1", 11, "zzz",
     "model file: unknown key 'zzz', expected one of: setun, name, match, bind, require, context, tensors, ignore, graph", 0},
    {"context: 32", "context: 32\ncontext: 33", 11, "context", "key 'context' stands twice, first in line 10", 0},
    {"context: 32", "context: [32", 11, ":", "not valid YAML", 0},
    {"context: 32", "context: 32\n  - x", 10, "32", "context: expected an integer from 1 to 2147483647, found the string '32 - x'", 0},
    {"match: {huggingface", "match: {hugginface", 3, "hugginface", "match: unknown key 'hugginface', did you mean 'huggingface'?", 0},
    {"[SmallForCausalLM]", "SmallForCausalLM", 3, "SmallFor", "match: expected a list of architectures, found 'SmallForCausalLM'", 0},
    {"[SmallForCausalLM]", "[[x]]", 3, "[x]", "match: expected the name of an architecture, found a list", 0},
    /* bind */
    {"huggingface: hidden_size}", "huggingface: hiden_size}", 5, "hidden", "parameter 'hidden': no default, and none of the keys 'hiden_size' in ",
     SETUN_ERR_NOT_FOUND},
    {"  hidden: {huggingface: hidden_size}", "  hidden: {gguf: x}", 5, "hidden", "parameter 'hidden': no default, and no key for a huggingface file",
     SETUN_ERR_NOT_FOUND},
    {"huggingface: hidden_size}", "huggingface: [a, b]}", 5, "hidden", "none of the keys 'a', 'b' in ", SETUN_ERR_NOT_FOUND},
    {"huggingface: hidden_size}", "huggingface: []}", 5, "[]", "expected a key or a list of 1 to 8 keys, found a list", 0},
    {"huggingface: hidden_size}", "huggingface: {a: b}}", 5, "{a", "expected a key or a list of 1 to 8 keys, found a mapping", 0},
    {"huggingface: hidden_size}", "huggingface: 7}", 5, "7", "expected a key, found '7'", 0},
    {"huggingface: hidden_size}", "huggingface: list}", 5, "list}", "", 0},
    {"huggingface: hidden_size}", "hf: hidden_size}", 5, "hf", "hidden: unknown key 'hf', expected one of: gguf, huggingface, default, expect, why", 0},
    {"default: 2}", "default: \"${hiden / 4}\"}", 6, "hiden", "unknown name 'hiden', did you mean 'hidden'?", 0},
    {"default: 2}", "default: \"${heads}\"}", 6, "heads", "unknown name 'heads': it is bound further down in the section 'bind'", 0},
    {"num_attention_heads}", "num_attention_heads, default: \"${hiden}\"}", 7, "hiden", "unknown name 'hiden', did you mean 'hidden'?", 0},
    {"default: 2}", "default: [2]}", 6, "[2]", "expected a value, found a list", 0},
    {"eps: 1.0e-5", "source: 1", 8, "source", "expected another name: 'source' has a meaning of its own in ${...}", 0},
    {"eps: 1.0e-5", "e-s: 1", 8, "e-s", "expected the name of a parameter (letters, digits and _), found 'e-s'", 0},
    {"eps: 1.0e-5", "2eps: 1", 8, "2eps", "expected the name of a parameter (letters, digits and _), found '2eps'", 0},
    {"eps: 1.0e-5", "eps: 99999999999999999999", 8, "9999", "expected an integer of at most 9223372036854775807", 0},
    {"eps: 1.0e-5", "eps: 1e999", 8, "1e999", "expected a float below 1.8e308, found 1e999", 0},
    /* What a value may be. */
    {"default: 2}", "default: 2, expect: 3}", 6, "2, exp", "parameter 'layers': expected 3, found the integer 2", 0},
    {"default: 2}", "default: 2, expect: [1, x, true, 2.5]}", 6, "2, exp", "expected 1, 'x', true or 2.5, found the integer 2", 0},
    {"default: 2}", "default: 2, expect: \"${hidden}\"}", 6, "2, exp", "parameter 'layers': expected 8, found the integer 2", 0},
    {"default: 2}", "default: 2, expect: {integer: [3, 9]}}", 6, "2, exp", "expected an integer from 3 to 9, found the integer 2", 0},
    {"default: 2}", "default: 2.0, expect: {integer: [1, 9]}}", 6, "2.0, exp", "expected an integer from 1 to 9, found the float 2.0", 0},
    {"default: 2}", "default: two, expect: {number: [0.5, 9]}}", 6, "two, exp", "expected a number from 0.5 to 9, found the string 'two'", 0},
    {"default: 2}", "default: 2, expect: {number: [0.5, 1.5]}, why: so it is}", 6, "2, exp", "found the integer 2: so it is", 0},
    {"default: 2}", "default: \"${hidden / 4}\", expect: 3}", 6, "\"${hid", "found the integer 2 (in ", 0},
    {"default: 2}", "default: 2, expect: {whole: [1, 2]}}", 6, "whole", "expect: unknown key 'whole'", 0},
    {"default: 2}", "default: 2, expect: {integer: [1]}}", 6, "[1]", "expect: expected {integer: [least, greatest]}", 0},
    {"default: 2}", "default: 2, expect: {integer: [1, 2], number: [1, 2]}}", 6, "{integer", "expect: expected {integer: [least, greatest]}", 0},
    {"default: 2}", "default: 2, expect: {integer: [1, 2.5]}}", 6, "2.5", "expect: expected an integer, found the float 2.5", 0},
    {"default: 2}", "default: 2, expect: []}", 6, "[]", "expect: expected a value, a list of 1 to 16 values, or a range, found a list", 0},
    {"default: 2}", "default: 2, expect: [[1]]}", 6, "[1]", "expected a value, found a list", 0},
    {"default: 2}", "default: 2, why: so it is}", 6, "so it", "why: expected a text beside 'expect', found no 'expect'", 0},
    {"default: 2}", "default: 2, expect: 2, why: [a]}", 6, "[a]", "why: expected a text beside 'expect', found a list", 0},
    {"context: 32\n", "context: 32\nrequire: yes\n", 11, "yes", "require: expected a list, found 'yes'", 0},
    {"context: 32\n", "context: 32\nrequire: [flag]\n", 11, "flag", "require: expected a mapping, found 'flag'", 0},
    {"context: 32\n", "context: 32\nrequire: [{huggingface: flag}]\n", 11, "{hug", "require: expected the key 'expect', found none", 0},
    {"context: 32\n", "context: 32\nrequire: [{huggingface: flag, default: 1, expect: 1}]\n", 11, "default", "require: unknown key 'default'", 0},
    {"context: 32\n", "context: 32\nrequire: [{huggingface: [], expect: 1}]\n", 11, "[], ", "expected a key or a list of 1 to 8 keys, found a list", 0},
    {"context: 32\n", "context: 32\nrequire: [{huggingface: list, expect: 1}]\n", 11, "list, ", "list: expected a number, a string or a boolean", 0},
    {"ignore: [\"*\"]", "ignore: all", 34, "all", "ignore: expected a list of tensors' names, found 'all'", 0},
    {"ignore: [\"*\"]", "ignore: [[a]]", 34, "[a]", "ignore: expected a tensor's name, in which * is any text, found a list", 0},
    /* Where a bad value came from. */
    {"repeat: ${layers}", "repeat: ${-heads}", 21, "${", "found the integer -2 (in ", 0},
    {"repeat: ${layers}", "repeat: ${heads * 1.0}", 21, "${", "config.json: heads is num_attention_heads)", 0},
    {"heads: \"${heads}\", out: q", "heads: \"${heads + 1}\", out: q", 27, "\"${heads + 1", "config.json: heads is num_attention_heads)", 0},
    /* Expressions: the position is inside the scalar. */
    {"repeat: ${layers}", "repeat: ${layers +}", 21, "}", "expected a value, found the end of the expression", 0},
    {"repeat: ${layers}", "repeat: ${layers layers}", 21, "layers}", "expected an operator or '}', found 'layers}'", 0},
    {"repeat: ${layers}", "repeat: ${layers", 21, "", "expected an operator or '}', found the end of the expression", 0},
    {"repeat: ${layers}", "repeat: ${layers / 0}", 21, "/ 0", "division by zero: 2 / 0", 0},
    {"repeat: ${layers}", "repeat: ${layers * 9223372036854775807}", 21, "*", "2 * 9223372036854775807 does not fit 64 bits", 0},
    {"repeat: ${layers}", "repeat: \"${layers + 'x'}\"", 21, "+ 'x'", "+: expected a number, found the string 'x'", 0},
    {"repeat: ${layers}", "repeat: 'ä${nope}'", 21, "nope", "unknown name 'nope'", 0},
    {"${has(extra)}", "${has(extr)}", 31, "extr)", "unknown weight 'extr', did you mean 'extra'?", 0},
    {"${has(extra)}", "${extra}", 31, "extra}", "unknown name 'extra': it is a weight, whose name stands in quotes", 0},
    {"${has(extra)}", "${has(1)}", 31, "1)", "expected the name of a weight, found '1)}'", 0},
    /* tensors */
    {"embd: {huggingface: embd}", "embd: embd", 12, "embd\n", "embd: expected a mapping, found 'embd'", 0},
    {"embd: {huggingface: embd}", "embd: {huggingfac: embd}", 12, "huggingfac", "embd: unknown key 'huggingfac', did you mean 'huggingface'?", 0},
    {"embd: {huggingface: embd}", "embd: {huggingface: [embd]}", 12, "[embd]", "embd: expected the tensor's name in huggingface files, found a list", 0},
    {"embd: {huggingface: embd}", "embd: {gguf: embd}", 20, "embd, out", "weight 'embd' has no name for huggingface files", 0},
    {"embd: {huggingface: embd}", "embd: {huggingface: emb}", 20, "embd, out", "weight 'embd': there is no tensor 'emb' in ", SETUN_ERR_NOT_FOUND},
    {"embd: {huggingface: embd}", "embd: {huggingface: \"${layers}\"}", 12, "\"$", "expected the name of a tensor, found the integer 2", 0},
    {"embd: {huggingface: embd}", "embd: {huggingface: \"a${l}\"}", 12, "l}", "unknown name 'l'", 0},
    {"embd: {huggingface: embd}", "embd: {huggingface: embd, shape: 16}", 12, "16", "embd: expected a shape, a list of one or two sizes, found '16'", 0},
    {"embd: {huggingface: embd}", "embd: {huggingface: embd, shape: [16, -8]}", 12, "-8", "expected a size, an integer from 1 to 2147483647", 0},
    {"embd: {huggingface: embd}", "embd: {huggingface: embd, shape: [15, 8]}", 20, "embd, out", "has the shape [16, 8], expected [15, 8] by the section", 0},
    {"embd: {huggingface: embd}", "embd: {huggingface: cube}", 20, "embd, out", "has the shape [2, 2, 2], expected a matrix", 0},
    {"embd: {huggingface: embd}", "embd: {huggingface: l.0.norm}", 20, "embd, out", "has the shape [8], expected a matrix", 0},
    {"embd: {huggingface: embd}", "embd: {huggingface: scaled}", 20, "embd, out", "is tern2.hf+f32[8, 8], expected f32, f16, bf16, q8_0.b32 or q6_k.b256", 0},
    {"{huggingface: \"l.${l}.norm\", shape: [\"${hidden}\"]}", "{huggingface: scaled}", 24, "norm, eps", "has the shape [8, 8], expected a vector", 0},
    {"\"l.${l}.norm\"", "\"l.${l + 1}.norm\"", 24, "norm, eps", "there is no tensor 'l.2.norm' in ", SETUN_ERR_NOT_FOUND},
    {"extra: {huggingface: \"l.${l}.extra\"}", "extra: {huggingface: \"l.${l}.extra\", throughout: false}", 18, "false}", "extra: throughout: expected true, found 'false'", 0},
    {"extra: {huggingface: \"l.${l}.extra\"}", "extra: {huggingface: \"l.${l}.extra\", throughout: true}", 31, "extra)}",
     "has(extra): expected it throughout or nowhere, found a first 'l.1.extra' in ", 0},
    {"extra: {huggingface: \"l.${l}.extra\"}", "extra: {huggingface: \"l.${1 - l}.extra\", throughout: true}", 31, "extra)}",
     "has(extra): expected it throughout or nowhere, found no 'l.0.extra' in ", 0},
    {"tensors:\n", "tensors: 5\nbogus:\n", 12, "bogus", "model file: unknown key 'bogus'", 0},
    /* Nodes. */
    {"{op: embedding", "{op: embeding", 20, "embeding", "unknown op 'embeding', did you mean 'embedding'?", 0},
    {"{op: embedding", "{op: conv2d", 20, "conv2d", "unknown op 'conv2d', expected one of", 0},
    {"{op: embedding", "{op: \"${layers}\"", 20, "\"$", "expected the name of an op, found the integer 2", 0},
    {"{op: embedding", "{opp: embedding", 20, "opp", "expected 'op' or 'repeat' in a node, found 'opp', did you mean 'op'?", 0},
    {"{op: embedding, in", "{in", 20, "{in", "expected 'op' or 'repeat' in a node, found neither", 0},
    {"  - {op: output_rows, in: x, out: x}", "  - output_rows", 32, "output_rows", "expected a node {op: ...} or {repeat: ...}, found 'output_rows'", 0},
    {"eps: \"${eps}\", out: h", "epz: \"${eps}\", out: h", 24, "epz", "rms_norm: unknown key 'epz', did you mean 'eps'?", 0},
    {"eps: \"${eps}\", ", "", 24, "{op", "rms_norm: expected the attribute 'eps' (a number), found none", 0},
    {"eps: \"${eps}\"", "eps: tiny", 24, "tiny", "rms_norm: expected eps to be a number, found the string 'tiny'", 0},
    {"eps: \"${eps}\"", "eps: \"0.1\"", 24, "\"0.1\"", "rms_norm: expected eps to be a number, found the string '0.1'", 0},
    {"eps: \"${eps}\"", "eps: 0", 24, "0", "rms_norm: expected eps from 1e-30 to 1.0, found the float 0.0", 0},
    {"eps: \"${eps}\"", "eps: ${eps}", 24, "{eps}", "inside { } and [ ] an expression needs quotes", 0},
    {"ternary: true", "ternary: 1", 26, "1", "linear: expected ternary to be true or false, found the integer 1", 0},
    {"heads: \"${heads}\", out: q", "heads: 2.0, out: q", 27, "2.0", "rope: expected heads to be an integer, found the float 2.0", 0},
    {"heads: \"${heads}\", out: q", "heads: 0, out: q", 27, "0, out", "rope: expected heads from 1 to 2147483647, found the integer 0", 0},
    {"heads: \"${heads}\", out: q", "heads: 2, pairing: both, out: q", 27, "both", "rope: expected pairing to be half or interleaved, found the string 'both'", 0},
    {"weight: wq, out: q", "out: q", 25, "{op", "linear: expected 'weight', found none", 0},
    {"weight: wq, out: q", "weight: wqq, out: q", 25, "wqq", "unknown weight 'wqq', did you mean 'wq'?", 0},
    {"weight: wq, out: q", "weight: 3, out: q", 25, "3", "linear: expected the name of a weight, found the integer 3", 0},
    {"weight: wq, out: q", "weight: wq", 25, "{op", "linear: expected 'out', found none", 0},
    {"weight: wq, out: q", "weight: wq, out: tokens", 25, "tokens", "linear: expected another name: 'tokens' is the graph's input", 0},
    {"weight: wq, out: q", "weight: wq, out: [q]", 25, "[q]", "expected the name of a value (letters, digits and _), found a list", 0},
    {"{op: output_rows, in: x", "{op: output_rows, weight: embd, in: x", 32, "weight", "output_rows: unknown key 'weight', expected one of: op, when, in, out", 0},
    {"{op: kv_write, in: [k, k]", "{op: kv_write, out: c, in: [k, k]", 28, "out", "kv_write: unknown key 'out'", 0},
    {"in: [x, a]", "in: x", 30, "x", "add: expected 2 values in 'in' (a, b), found 1", 0},
    {"in: [x, a]", "in: [x, a, a]", 30, "[x", "add: expected 2 values in 'in' (a, b), found 3", 0},
    {"{op: output_rows, in: x, ", "{op: output_rows, ", 32, "{op", "output_rows: expected 1 value in 'in' (x), found 0", 0},
    {"in: [x, a]", "in: [x, aa]", 30, "aa", "add: unknown value 'aa', did you mean 'a'?", 0},
    {"in: [x, a]", "in: [x, unheard]", 30, "unheard", "add: unknown value 'unheard', expected one that an earlier node writes", 0},
    {"in: [x, a]", "in: [x, [a]]", 30, "[a]", "expected the name of a value (letters, digits and _), found a list", 0},
    {"in: [x, a]", "in: [x, logits]", 30, "logits", "add: value 'logits' is written only later, in line 33: a cycle", 0},
    {"{op: linear, in: h, weight: wq", "{op: linear, in: k, weight: wq", 25, "k, w", "linear: value 'k' is written only later, in line 26: a cycle", 0},
    {"in: [x, a]", "in: [x, tokens]", 30, "tokens", "add: expected an activation, found 'tokens', which is the token ids", 0},
    {"in: [x, a], out: x", "in: [x, a], out: z", 30, "z", "value 'z' is never used", 0},
    {"in: [x, a]", "in: [x, x]", 29, "a}", "value 'a' is never used", 0},
    {"out: logits", "out: logit", 33, "logit", "value 'logit' is never used", 0},
    {"  - {op: linear, in: x, weight: embd, out: logits}\n", "", 32, "x}", "value 'x' is never used", 0},
    {"{op: output_rows, in: x, out: x}", "{op: relu2, in: x, out: x}", 33, "logits", "expected 'logits' of the output rows only", 0},
    {"eps: 1, out: x, when: \"${has(extra)}\"", "epss: 1, out: x, when: false", 31, "epss", "rms_norm: unknown key 'epss', did you mean 'eps'?", 0},
    {"rms_norm, in: x, weight: extra", "norm, in: x, weight: extra", 31, "norm", "unknown op 'norm', expected one of those", 0},
    {"when: \"${has(extra)}\"", "when: yes", 31, "yes", "when: expected true or false, found the string 'yes'", 0},
    {"when: \"${has(extra)}\"", "when: \"${layers}\"", 31, "\"$", "when: expected true or false, found the integer 2", 0},
    /* repeat */
    {"repeat: ${layers}", "repeat: -1", 21, "-1", "repeat: expected an integer from 0 to 65536, found the integer -1", 0},
    {"repeat: ${layers}", "repeat: 1000000000000", 21, "1000", "repeat: expected an integer from 0 to 65536, found the integer 1000000000000", 0},
    {"repeat: ${layers}", "repeat: 2.5", 21, "2.5", "repeat: expected an integer from 0 to 65536, found the float 2.5", 0},
    {"repeat: ${layers}", "repeat: true", 21, "true", "repeat: expected an integer from 0 to 65536, found the truth value true", 0},
    {"index: l\n", "indx: l\n", 22, "indx", "repeat: unknown key 'indx', did you mean 'index'?", 0},
    {"index: l\n", "index: heads\n", 22, "heads", "expected a new name for the index, found 'heads', which is in use already", 0},
    {"index: l\n", "index: [l]\n", 22, "[l]", "expected the name of an index (letters, digits and _), found a list", 0},
    {"index: l\n", "index: layer\n", 13, "l}", "unknown name 'l'", 0},
    {"    nodes:\n", "    nodez:\n", 23, "nodez", "repeat: unknown key 'nodez', did you mean 'nodes'?", 0},
    {"repeat: ${layers}", "repeat: 30000", 24, "norm, eps", "there is no tensor 'l.2.norm'", SETUN_ERR_NOT_FOUND},
    {"repeat: ${layers}", "repeat: ${minus}", 21, "minus", "unknown name 'minus'", 0},
};

/* "<line>:<column>" of the first `at` in the line; the end of the line if `at` is "". */
static void find_position(const char *text, unsigned line, const char *at, char *out, size_t n)
{
    const char *start = text, *found;
    size_t column = 1;

    for (unsigned i = 1; i < line; i++)
        start = strchr(start, '\n') + 1;
    found = at[0] == '\0' ? strchr(start, '\n') : strstr(start, at);
    cr_assert_not_null(found);
    for (const char *c = start; c < found; c++)
        column += ((unsigned char)*c & 0xc0) != 0x80;
    (void)snprintf(out, n, "small.yaml:%u:%zu: ", line, column);
}

Test(mistakes, each_has_its_place_and_text)
{
    setun_weights *weights = small_weights();

    cr_assert_geq(sizeof(mistakes) / sizeof(mistakes[0]), 60u);
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        const struct mistake *m = &mistakes[i];
        char *text = edit(small_model, m->from, m->to), position[64];
        setun_error error = {{0}};
        setun_graph *graph = NULL;
        setun_status status = setun_graph_parse("small.yaml", text, strlen(text), weights, &graph, &error);

        find_position(text, m->line, m->at, position, sizeof(position));
        cr_expect_eq(status, m->status != 0 ? m->status : SETUN_ERR_FORMAT, "case %zu (%s): status %d: %s", i, m->to, (int)status, error.text);
        cr_expect(strncmp(error.text, position, strlen(position)) == 0, "case %zu (%s): expected %s, got %s", i, m->to, position, error.text);
        cr_expect_not_null(strstr(error.text, m->text), "case %zu (%s): expected '%s' in: %s", i, m->to, m->text, error.text);
        cr_expect_null(graph);
        setun_graph_close(graph);
        free(text);
    }
    setun_weights_close(weights);
}

Test(mistakes, the_unbroken_file_has_none)
{
    setun_weights *weights = small_weights();
    setun_error error = {{0}};
    setun_graph *graph = NULL;

    cr_assert_eq(setun_graph_parse("small.yaml", small_model, strlen(small_model), weights, &graph, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(graph->n_nodes, (size_t)SMALL_MODEL_NODES);
    setun_graph_close(graph);
    setun_weights_close(weights);
}

/* Metadata that is there but of the wrong kind: the error stands where the value is used. */
Test(mistakes, metadata_of_the_wrong_kind)
{
    static const struct { const char *key, *text; } cases[] = {
        {"half", "repeat: expected an integer from 0 to 65536, found the float 1.5"},
        {"flag", "repeat: expected an integer from 0 to 65536, found the truth value true"},
        {"hidden_act", "repeat: expected an integer from 0 to 65536, found the string 'relu2'"},
        {"huge", "repeat: expected an integer from 0 to 65536, found the integer 9223372036854775807"},
        {"minus", "repeat: expected an integer from 0 to 65536, found the integer -1"},
    };
    setun_weights *weights = small_weights();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = edit(small_model, "num_hidden_layers", cases[i].key);
        setun_error error = {{0}};
        setun_graph *graph = NULL;

        cr_expect_eq(setun_graph_parse("m", text, strlen(text), weights, &graph, &error), SETUN_ERR_FORMAT);
        cr_expect(strncmp(error.text, "m:21:13: ", 9) == 0, "%s", error.text);
        cr_expect_not_null(strstr(error.text, cases[i].text), "%s", error.text);
        free(text);
    }
    setun_weights_close(weights);
}

/* A bomb of repeats ends at the limit, whether or not its nodes are taken. */
Test(mistakes, repeats_are_bounded)
{
    static const char text[] = "setun: 1\nname: bomb\ncontext: 1\ngraph:\n"
                               "  - repeat: 65536\n    nodes:\n      - repeat: 65536\n        nodes:\n"
                               "          - {repeat: 65536, when: false, nodes: []}\n";
    setun_error error = {{0}};
    setun_graph *graph = NULL;

    cr_expect_eq(setun_graph_parse("m", text, strlen(text), NULL, &graph, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "expected at most 65536 nodes and turns of repeats in all"), "%s", error.text);
}

Test(mistakes, more_repeats_inside_one_another_than_allowed)
{
    char text[4096] = "setun: 1\nname: deep\ncontext: 1\ngraph:\n  - ";
    setun_error error = {{0}};
    setun_graph *graph = NULL;

    for (int i = 0; i < 9; i++)
        strcat(text, "{repeat: 1, nodes: [");
    strcat(text, "{op: relu2, in: x, out: x}");
    for (int i = 0; i < 9; i++)
        strcat(text, "]}");
    cr_expect_eq(setun_graph_parse("m", text, strlen(text), NULL, &graph, &error), SETUN_ERR_FORMAT);
    cr_expect_not_null(strstr(error.text, "expected at most 8 repeats inside one another"), "%s", error.text);
}

/* Every byte of the model file left out, and replaced by others: a graph or one error with a position, and nothing leaks (ASan). */
/* A value of the weight file is that file's fault: the error starts with its name and the key. `to` replaces "context: 32". */
Test(mistakes, values_of_the_weight_file)
{
    static const struct { const char *to, *text; } cases[] = {
        {"require: [{huggingface: flag, expect: false, why: no flags}]", "config.json: flag: expected false, found the truth value true: no flags (small.yaml:11:25)"},
        {"require: [{huggingface: [none, half, flag], expect: [1, true]}]", "config.json: half: expected 1 or true, found the float 1.5 (small.yaml:11:32)"},
        {"require: [{huggingface: minus, expect: {number: [0, 1]}}]", "config.json: minus: expected a number from 0 to 1, found the integer -1"},
        {"require: [{huggingface: hidden_act, expect: \"${eps}\"}]", "config.json: hidden_act: expected 1e-05, found the string 'relu2'"},
        {"require: [{huggingface: hidden_size, expect: [\"${heads}\", 8.5]}]", "config.json: hidden_size: expected 2 or 8.5, found the integer 8"},
        {"require: [{huggingface: huge, expect: 9223372036854775806}]", "config.json: huge: expected 9223372036854775806, found the integer 9223372036854775807"},
    };
    setun_weights *weights = small_weights();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char with[300], *text;
        setun_error error = {{0}};
        setun_graph *graph = NULL;

        (void)snprintf(with, sizeof(with), "context: 32\n%s", cases[i].to);
        text = edit(small_model, "context: 32", with);
        cr_expect_eq(setun_graph_parse("small.yaml", text, strlen(text), weights, &graph, &error), SETUN_ERR_UNSUPPORTED);
        cr_expect(error.text[0] == '/' && strstr(error.text, cases[i].text) != NULL, "case %zu: %s", i, error.text);
        free(text);
    }
    setun_weights_close(weights);
}

/* What is there and as expected, what is absent or null, and what other kinds of file would have: no errors. */
Test(mistakes, values_that_may_be)
{
    static const char require[] =
        "context: 32\nrequire:\n"
        "  - {huggingface: flag, expect: true}\n"
        "  - {huggingface: [half, nothing, nowhere, no.where], expect: [1.5]}\n"
        "  - {huggingface: hidden_act, expect: [silu, relu2], why: it says so}\n"
        "  - {huggingface: hidden_size, expect: {integer: [8, 8]}}\n"
        "  - {huggingface: hidden_size, expect: 8.0}\n"
        "  - {gguf: hidden_size, expect: 7}\n";
    setun_weights *weights = small_weights();
    char *text = edit(small_model, "context: 32\n", require);
    setun_error error = {{0}};
    setun_graph *graph = NULL;

    cr_expect_eq(setun_graph_parse("small.yaml", text, strlen(text), weights, &graph, &error), SETUN_OK, "%s", error.text);
    setun_graph_close(graph);
    free(text);
    setun_weights_close(weights);
}

/* The weight file has cube, scaled and wide, which no node uses. */
Test(mistakes, tensors_that_nothing_uses)
{
    static const struct { const char *ignore, *text; } cases[] = {
        {"", "found 'cube' and others"},
        {"ignore: []", "found 'cube' and others"},
        {"ignore: [cube]", "found 'scaled' and others"},
        {"ignore: [cube, wide]", "found 'scaled': it would be left out"},
        {"ignore: [\"*u*e\", \"s*c*a*l*d\", \"w*\"]", NULL},
        {"ignore: [\"*e*\"]", NULL},
        {"ignore: [\"**\"]", NULL},
        {"ignore: [\"*eb\", \"cub\", \"ube\", \"cubee\", \"*x*\", \"scaled\", \"wide\"]", "found 'cube': it would be left out"},
        {"ignore: [\"c*b*e*\", scaled, \"*w*i*d*e*\"]", NULL},
    };
    setun_weights *weights = small_weights();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = edit(small_model, "ignore: [\"*\"]", cases[i].ignore);
        setun_error error = {{0}};
        setun_graph *graph = NULL;
        const setun_status status = setun_graph_parse("small.yaml", text, strlen(text), weights, &graph, &error);

        cr_expect_eq(status, cases[i].text == NULL ? SETUN_OK : SETUN_ERR_UNSUPPORTED, "case %zu: %s", i, error.text);
        cr_expect(cases[i].text == NULL || strstr(error.text, cases[i].text) != NULL, "case %zu: %s", i, error.text);
        setun_graph_close(graph);
        free(text);
    }
    setun_weights_close(weights);
}

Test(mistakes, cut_and_changed_files)
{
    static const char bytes[] = "x0 {'$\n";
    setun_weights *weights = small_weights();
    size_t n = strlen(small_model);
    char *text = malloc(n + 1);

    cr_assert_not_null(text);
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < sizeof(bytes); b++) {
            setun_error error = {{0}};
            setun_graph *graph = NULL;
            setun_status status;
            unsigned line, column;

            memcpy(text, small_model, n + 1);
            if (bytes[b] == '\0')
                memmove(text + i, text + i + 1, n - i);
            else
                text[i] = bytes[b];
            status = setun_graph_parse("f", text, strlen(text), weights, &graph, &error);
            if (status == SETUN_OK)
                cr_expect_not_null(graph);
            else
                cr_expect(graph == NULL && (strstr(error.text, "expected tensors that the graph") != NULL || /* the last line */
                                            (sscanf(error.text, "f:%u:%u: ", &line, &column) == 2 && line >= 1 && line <= 36 && column >= 1)),
                          "byte %zu: %s", i, error.text);
            setun_graph_close(graph);
        }
    free(text);
    setun_weights_close(weights);
}

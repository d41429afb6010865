/* model_synth.c - `setun model synth`: a model of any size with random weights, to measure with or to test on. */
#include "model_tools.h"
#include "options.h"
#include "setun/convert.h"
#include "setun/topology.h"

int model_synth(int argc, char **argv)
{
    static const setun_file_kind kinds[] = {SETUN_FILE_I2_S, SETUN_FILE_HF_PACKED, SETUN_FILE_HF_BF16, SETUN_FILE_TQ2_0, SETUN_FILE_TQ1_0};
    enum { UNSET = 0, N_SIZES = 8, MOST = 1 << 24 };
    /* Names of the parameters that all families have. */
    setun_synth_size sizes[N_SIZES] = {{"layers", UNSET}, {"hidden", UNSET}, {"ffn", UNSET}, {"heads", UNSET},
                                       {"kv_heads", UNSET}, {"head_dim", UNSET}, {"vocab", UNSET}, {"context", UNSET}};
    int64_t seed = 0, n_threads = 0;
    int kind = 0, head = 0;
    bool force = false;
    const char *vocab = NULL;
    const option_spec options[] = {
        {.name = "to", .kind = OPTION_CHOICE, .argument = "i2_s|hf-packed|hf-bf16|tq2_0|tq1_0", .value = &kind,
         .help = "kind of file: GGUF with ternary weights as I2_S (default), TQ2_0 or TQ1_0;\n"
                 "a Hugging Face folder, packed or as bf16 masters"},
        {.name = "head", .kind = OPTION_CHOICE, .argument = "keep|f16|bf16|q8_0|q6_k", .value = &head,
         .help = "type of embedding and output head (default keep: f16 in GGUF, bf16 in\nfolders); q8_0 and q6_k in GGUF only"},
        {.name = "seed", .kind = OPTION_INT, .argument = "N", .value = &seed, .min = 0, .max = INT64_MAX,
         .help = "of the weights (default 0); the same seed gives the same file"},
        {.name = "vocab", .kind = OPTION_TEXT, .argument = "FILE", .value = &vocab,
         .help = "takes the tokenizer of a tokenizer.json, a Hugging Face folder, a GGUF or a\nprepacked file (default: a made-up one)"},
        {.name = "layers", .kind = OPTION_INT, .argument = "N", .value = &sizes[0].value, .min = 1, .max = 1024, .help = "layers, not those of NAME"},
        {.name = "hidden", .kind = OPTION_INT, .argument = "N", .value = &sizes[1].value, .min = 1, .max = MOST, .help = "width of the model"},
        {.name = "ffn", .kind = OPTION_INT, .argument = "N", .value = &sizes[2].value, .min = 1, .max = MOST, .help = "width of the feed-forward part"},
        {.name = "heads", .kind = OPTION_INT, .argument = "N", .value = &sizes[3].value, .min = 1, .max = MOST, .help = "heads of attention"},
        {.name = "kv-heads", .kind = OPTION_INT, .argument = "N", .value = &sizes[4].value, .min = 1, .max = MOST, .help = "heads of keys and values"},
        {.name = "head-dim", .kind = OPTION_INT, .argument = "N", .value = &sizes[5].value, .min = 1, .max = MOST, .help = "width of a head"},
        {.name = "vocab-size", .kind = OPTION_INT, .argument = "N", .value = &sizes[6].value, .min = 1, .max = MOST, .help = "tokens"},
        {.name = "context", .kind = OPTION_INT, .argument = "N", .value = &sizes[7].value, .min = 1, .max = INT32_MAX, .help = "positions"},
        {.name = "force", .letter = 'f', .kind = OPTION_FLAG, .value = &force, .help = "replaces OUT if it exists"},
        {.name = "threads", .letter = 't', .kind = OPTION_INT, .argument = "N", .value = &n_threads, .min = 1, .max = SETUN_MAX_THREADS,
         .help = "threads (default: one for each core)"},
    };
    common_options common = {0};
    const command_line line = {
        .name = "model synth",
        .usage = "setun model synth NAME OUT [--to KIND] [--seed N] [--layers N ...] [--vocab FILE]",
        .text = "Writes a model with random weights, 42 % of the ternary ones zero, to measure speed and memory without a download. NAME is a\n"
                "file of sizes in the models folders, without .yaml, or a path to one; options change single sizes. OUT is a file, for Hugging\n"
                "Face a folder; it appears when it is complete. Any text can be tokenised by the made-up vocabulary; what the model says\n"
                "means nothing.",
        .examples = "setun model synth bitnet-b1.58-2b-4t 2b4t.gguf\n"
                    "setun model synth bitnet-b1.58-2b-4t small --to hf-packed --layers 2 --vocab-size 4096 --seed 7",
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .max_operands = 2,
    };
    setun_convert_options convert = {.progress = model_write_progress};
    setun_synth_options synth = {.sizes = sizes};
    setun_error error = {{0}};
    setun_status status;
    int first, code = options_parse(&line, argc, argv, &common, &first);

    if (code >= 0)
        return code;
    if (argc - first != 2)
        return fail_usage("expected NAME and OUT");
    for (size_t i = 0; i < N_SIZES; i++)
        if (sizes[i].value != UNSET)
            sizes[synth.n_sizes++] = sizes[i];
    synth.seed = (uint64_t)seed;
    synth.vocab = vocab;
    convert.kind = kinds[kind];
    convert.head = (setun_convert_head)head;
    convert.force = force;
    convert.n_threads = (uint32_t)n_threads;
    interrupt_note(true);
    status = setun_model_synth(argv[first], argv[first + 1], &synth, &convert, &error);
    return model_write_end(status, &error);
}

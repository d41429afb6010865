/* model_convert.c - `setun model convert`: a model as another kind of file. */
#include "model_tools.h"
#include "options.h"
#include "setun/convert.h"
#include "setun/topology.h"

int model_convert(int argc, char **argv)
{
    static const setun_file_kind kinds[] = {SETUN_FILE_I2_S, SETUN_FILE_HF_PACKED, SETUN_FILE_TQ2_0, SETUN_FILE_TQ1_0,
                                            SETUN_FILE_PREPACKED};
    const char *graph = NULL;
    int64_t n_threads = 0;
    int kind = 0, head = 0;
    bool force = false;
    const option_spec options[] = {
        {.name = "to", .kind = OPTION_CHOICE, .argument = "i2_s|hf-packed|tq2_0|tq1_0|prepacked", .value = &kind,
         .help = "kind of file: GGUF with ternary weights as I2_S (default), TQ2_0 or TQ1_0;\na Hugging Face folder with packed weights; Setun's own file, packed for this\nmachine's kernels"},
        {.name = "head", .kind = OPTION_CHOICE, .argument = "keep|f16|bf16|q8_0|q6_k", .value = &head,
         .help = "type of embedding and output head (default keep: as they are); q8_0 and\nq6_k in GGUF only"},
        {.name = "graph", .kind = OPTION_TEXT, .argument = "FILE", .value = &graph,
         .help = "model graph of MODEL (default: the one in the models folder that matches)"},
        {.name = "force", .letter = 'f', .kind = OPTION_FLAG, .value = &force, .help = "replaces OUT if it exists"},
        {.name = "threads", .letter = 't', .kind = OPTION_INT, .argument = "N", .value = &n_threads, .min = 1, .max = SETUN_MAX_THREADS,
         .help = "threads (default: one for each core)"},
    };
    common_options common = {0};
    const command_line line = {
        .name = "model convert",
        .usage = "setun model convert MODEL OUT [--to KIND] [--head TYPE] [--force]",
        .text = "Writes a model as another kind of file, with its parameters, vocabulary and chat template. bf16 and f32 masters become ternary\n"
                "(absmean). Nothing else is lost unless --head says so, but TQ1_0 and TQ2_0 round scales to f16. OUT is a file, for Hugging\n"
                "Face a folder; it appears when it is complete, and an interrupted conversion leaves nothing.",
        .examples = "setun model convert fable fable.gguf\n"
                    "setun model convert ./my-model my-model.gguf --head q6_k\n"
                    "setun model convert my-model.gguf my-model.setun --to prepacked\n"
                    "setun model convert 2b4t.gguf 2b4t --to hf-packed --head bf16",
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .max_operands = 2,
    };
    setun_convert_options convert = {.progress = model_write_progress};
    setun_model *model = NULL;
    setun_error error = {{0}};
    setun_status status;
    int first, code = options_parse(&line, argc, argv, &common, &first);

    if (code >= 0)
        return code;
    if (argc - first != 2)
        return fail_usage("expected MODEL and OUT");
    convert.kind = kinds[kind];
    convert.head = (setun_convert_head)head;
    convert.force = force;
    convert.n_threads = (uint32_t)n_threads;
    interrupt_note(true);
    status = setun_model_open(argv[first], &(setun_model_options){.graph = graph}, &model, &error);
    if (status == SETUN_OK)
        status = setun_model_convert(model, argv[first + 1], &convert, &error);
    setun_model_close(model);
    return model_write_end(status, &error);
}

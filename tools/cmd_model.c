/* cmd_model.c - `setun model`: looking into a model; and what its commands share. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model_tools.h"
#include "options.h"
#include "buffer.h"
#include "progress.h"

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

const char *shape_text(uint32_t n_dims, const int64_t *dim, char out[96])
{
    size_t used = 0;

    (void)snprintf(out, 96, "scalar");
    for (uint32_t i = 0; i < n_dims && used < 96; i++)
        used += (size_t)snprintf(out + used, 96 - used, "%s%" PRId64, i == 0 ? "" : " x ", dim[i]);
    return out;
}

const char *token_text(const setun_tokenizer *tokenizer, int32_t id, char out[80])
{
    size_t n_bytes;
    const char *token = setun_tokenizer_token(tokenizer, id, &n_bytes, NULL);
    char copy[72], shown[72];
    json_t *valid;

    if (token == NULL) {
        (void)snprintf(out, 80, "(none)");
        return out;
    }
    (void)snprintf(copy, sizeof(copy), "%.*s", (int)(n_bytes < sizeof(copy) ? n_bytes : sizeof(copy) - 1), token);
    valid = json_string(copy); /* jansson checks UTF-8 */
    for (char *c = copy; valid == NULL && *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    json_decref(valid);
    (void)snprintf(out, 80, "'%s'", printable(copy, shown, sizeof(shown)));
    return out;
}

json_t *json_token(const setun_tokenizer *tokenizer, int32_t id)
{
    size_t n_bytes;
    const char *token = setun_tokenizer_token(tokenizer, id, &n_bytes, NULL);
    json_t *text = token != NULL ? json_stringn(token, n_bytes) : NULL;

    return json_pack("{s:i, s:o}", "id", (int)id, "text", text != NULL ? text : json_null());
}

bool model_write_progress(void *context, const char *stage, uint64_t done, uint64_t total)
{
    (void)context;
    progress_show(stage, done, total);
    return interrupt_signal() == 0;
}

int model_write_end(setun_status status, const setun_error *error)
{
    const int number = interrupt_signal();

    progress_clear();
    interrupt_note(false);
    if (status == SETUN_ERR_INTERRUPTED && number != 0) {
        (void)fail("interrupted, nothing written");
        return EXIT_SIGNAL + number;
    }
    return status == SETUN_OK ? EXIT_DONE : fail("%s", error->text);
}

static int run(int argc, char **argv)
{
    static const command members[] = {
        {.name = "show", .summary = "what a model holds: parameters, tensors, shares of zeros, memory", .run = model_show},
        {.name = "check", .summary = "whether graph, weights and tokenizer fit together and can run", .run = model_check},
        {.name = "plot", .summary = "the graph as a picture", .run = model_plot},
        {.name = "pull", .summary = "download a model", .run = model_pull},
        {.name = "convert", .summary = "writes a model as another kind of file", .run = model_convert},
        {.name = "synth", .summary = "writes a model of any size with random weights", .run = model_synth},
    };
    static const command_group group = {
        .name = "model",
        .members = members,
        .n_members = sizeof(members) / sizeof(members[0]),
        .examples = "setun model show fable\nsetun model check ./my-model\nsetun model plot fable --svg fable.svg\n"
                    "setun model pull bitnet-b1.58-2b-4t-gguf\n"
                    "setun model convert fable fable.gguf\n"
                    "setun model synth bitnet-b1.58-2b-4t 2b4t.gguf",
    };

    return group_run(&group, argc, argv);
}

const command command_model = {.name = "model", .summary = "show, check, plot, download, convert and make models", .run = run};

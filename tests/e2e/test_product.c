/* test_product.c - the exactness contract as a product: instruction sets x threads x chunks x sequences in a batch x fused or not x packing,
 * on fable and on two layers of 2B4T with random weights. Every combination gives the bytes that scalar kernels give on one thread. Likewise
 * the tokens of a screened head and of the full one. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_json.h"
#include "fixture.h"
#include "process.h"
#include "scored.h"

/* Settings files: fused kernels and steps that every worker does for itself; packings, by taking the kernels of others away. */
static const struct {
    const char *name, *yaml;
} settings[] = {
    {"as planned", NULL},
    {"nothing fused, nothing replicated", "fuse: false\nreplicate: false\n"},
    {"2.0 bits by vectors", "avoid: [\"linear_*tern5*\", \"linear_*tern243*\", \"linear_i16t27_*\", \"linear_i8t14_*\"]\n"},
    {"without 2.0 bits by vectors", "avoid: [\"linear_*i8row_tern2r16k16_*\"]\n"},
    {"lookup tables that decode weights", "avoid: [\"linear_*i8row_tern2r16k16_*\", \"linear_*i8row_tern5*\", \"linear_i16t27_*\", \"linear_i8t14_*\"]\n"},
    {"lookup tables of activations", "avoid: [\"linear_*i8row_tern2r16k16_*\", \"linear_*i8row_tern5*\", \"linear_i8row_tern243*_1x16\", \"linear_i8row_tern243*_8x16\"]\n"},
    {"panels only", "avoid: [\"linear_*_1x16\", \"linear_*_4x16\", \"linear_*_6x16\", \"linear_*_6x64\", \"linear_*_8x16\", \"linear_*_1x64\", \"linear_*_1x32\", \"linear_*mix\"]\n"},
};
/* From FIRST_PACKING on they choose among packings for vectors: on a CPU without such kernels, the first mask, they change nothing. */
enum { N_SETTINGS = sizeof(settings) / sizeof(settings[0]), UNFUSED = 1, FIRST_PACKING = 2 };

static const char *const masks[] = {"SETUN_CPU=sse",          "SETUN_CPU=avx2,-vnni", "SETUN_CPU=avx2",  "SETUN_CPU=avx512,-vnni",
                                    "SETUN_CPU=avx512,-vbmi", "SETUN_CPU=avx512",     "SETUN_CPU=native"};
enum { N_MASKS = sizeof(masks) / sizeof(masks[0]) };

static const char *const threads[] = {"1", "2", "4"}, *const chunks[] = {"1", "9", "200"}, *const batches[] = {"1", "8"};
enum { N_CUTS = 3 * 3 * 2 };

typedef struct place {
    char folder[64], text[128], settings[N_SETTINGS][128];
} place;

static void prepare(place *p, size_t text_bytes)
{
    size_t n_bytes;
    char *text = file_read(GOLDEN "/heldout.txt", &n_bytes);

    folder_make(p->folder);
    (void)snprintf(p->text, sizeof(p->text), "%s/text", p->folder);
    cr_assert_geq(n_bytes, text_bytes);
    file_write(p->text, text, text_bytes);
    free(text);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        (void)snprintf(p->settings[s], sizeof(p->settings[s]), "%s/%zu.yaml", p->folder, s);
        if (settings[s].yaml != NULL)
            file_write(p->settings[s], settings[s].yaml, strlen(settings[s].yaml));
    }
}

/* Windows of 40 tokens, so that batches have several sequences and decode, small batches and prefill all take place. */
static scored score(const place *p, const char *model, const char *mask, size_t setting, size_t cut)
{
    const char *arguments[20] = {"-m", model, "-f", p->text, "--context", "40", "-t", threads[cut % 3], "--chunk", chunks[cut / 3 % 3],
                                 "--batch", batches[cut / 9]};
    const char *const environment[] = {mask, NULL};

    if (settings[setting].yaml != NULL) {
        arguments[12] = "--config";
        arguments[13] = p->settings[setting];
    }
    return scored_in(environment, arguments);
}

/* Whether linears with what follows them are in the plans that are walked: wherever a linear has a kernel that comes in such forms, too. */
static bool is_planned_fused(const place *p, const char *model, const char *mask, size_t setting)
{
    /* Or the ends of the names of several linears. */
    static const char *const forms[] = {"linear_i8row_tern2r16k16_f32__avx2_1x16", "linear_i8row_tern5r16k96_f32__avx2_1x16",
                                        "linear_i8row_tern2r16k16_f32__avxvnni_1x16", "linear_i8row_tern2r16k16_f32__avx512vnni_1x16",
                                        "linear_i8row_tern5r16k96_f32__avx512vbmi_1x16"};
    const char *const environment[] = {mask, NULL};
    const process_options options = {.environment = environment};
    const char *const arguments[] = {SETUN_COMMAND, "plan", "-m", model, "-t", "2", "--phase", "decode", "-o", "json",
                                     settings[setting].yaml != NULL ? "--config" : NULL, p->settings[setting], NULL};
    process_result plan;
    bool has_form = false;

    process_run(arguments, &options, &plan);
    cr_assert_eq(plan.exit_code, 0, "%s: %s", mask, plan.err);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        has_form = has_form || strstr(plan.out, forms[i]) != NULL;
    if (has_form) {
        cr_expect_not_null(strstr(plan.out, "linear_add_i8row_"), "%s, %s: %s", mask, settings[setting].name, plan.out);
        cr_expect(strstr(plan.out, "linear_linear_relu2_mul_i8row_") != NULL || setting > FIRST_PACKING, "%s, %s: %s", mask, settings[setting].name, plan.out);
        cr_expect(strstr(plan.out, "linear_linear_linear_i8row_") != NULL || setting > FIRST_PACKING, "%s, %s: %s", mask, settings[setting].name, plan.out);
    }
    process_result_free(&plan);
    return has_form;
}

/* step: every step-th cut of each mask and setting, another one for each, so that all occur. */
static void walk(const place *p, const char *model, size_t step)
{
    const char *const environment[] = {"SETUN_CPU=sse", NULL};
    const char *const plain[] = {"-m", model, "-f", p->text, "--context", "40", "-t", "1", "--backend", "scalar", NULL};
    scored expected = scored_in(environment, plain);
    size_t n = 0, n_fused = 0;

    for (size_t m = 0; m < N_MASKS; m++)
        for (size_t s = 0; s < N_SETTINGS; s++)
            n_fused += s != UNFUSED && is_planned_fused(p, model, masks[m], s);
    cr_assert(n_fused > 0 || !scored_has_backend("avx2"));
    for (size_t m = 0; m < N_MASKS; m++)
        for (size_t s = 0; s < (m == 0 ? FIRST_PACKING : N_SETTINGS); s++)
            for (size_t cut = (m * N_SETTINGS + s) % step; cut < N_CUTS; cut += step, n++) {
                scored got = score(p, model, masks[m], s, cut);
                char what[160];

                (void)snprintf(what, sizeof(what), "%s, %s, %s threads, chunks of %s, %s sequences", masks[m], settings[s].name, threads[cut % 3],
                               chunks[cut / 3 % 3], batches[cut / 9]);
                scored_assert_same(&expected, &got, what, "f16");
                scored_free(&got);
            }
    cr_assert_geq(n, FIRST_PACKING + (N_MASKS - 1) * N_SETTINGS);
    scored_free(&expected);
}

Test(product, fable)
{
    place p;

    prepare(&p, 700);
    walk(&p, "fable", 7);
    folder_remove(p.folder);
}

/* 2B4T's widths, two of its layers, a small vocabulary. */
static void make_two_layers(const char *folder, const char *vocab_size, char path[128])
{
    process_result made;

    (void)snprintf(path, 128, "%s/model.gguf", folder);
    setun_command(&made, "model", "synth", "bitnet-b1.58-2b-4t", path, "--layers", "2", "--vocab-size", vocab_size, "--seed", "3", NULL);
    cr_assert_eq(made.exit_code, 0, "%s", made.err);
    process_result_free(&made);
}

Test(product, two_layers_of_2b4t)
{
    place p;
    char model[128];

    prepare(&p, 150);
    make_two_layers(p.folder, "1000", model);
    walk(&p, model, 17);
    folder_remove(p.folder);
}

/* ---- heads ---- */

/* The tokens that are generated, as text; or the hashes of batches of 1 and 8 sequences. */
typedef char *generated(const char *model, const char *const *environment, const char *const *further);

static json_t *run_json(const char *const *first, const char *const *environment, const char *const *further)
{
    const char *argv[32] = {SETUN_COMMAND};
    size_t n = 1;

    while (*first != NULL)
        argv[n++] = *first++;
    while (*further != NULL)
        argv[n++] = *further++;
    return bench_json(argv, environment);
}

static char *tokens(const char *model, const char *const *environment, const char *const *further)
{
    const char *const first[] = {"run", "-m", model, "-p", "Once upon a time", "-n", "12", "--temp", "0", "-o", "json", NULL};
    json_t *root = run_json(first, environment, further);
    char *ids = json_dumps(json_object_get(root, "ids"), JSON_COMPACT);

    cr_assert(ids != NULL && json_array_size(json_object_get(root, "ids")) > 0);
    json_decref(root);
    return ids;
}

static char *hashes(const char *model, const char *const *environment, const char *const *further)
{
    const char *const first[] = {"bench", "-m", model, "-p", "0", "-n", "12", "-b", "1,8", "-r", "1", "-o", "json", NULL};
    json_t *root = run_json(first, environment, further), *result;
    char text[200] = "";
    size_t i;

    cr_assert_eq(json_array_size(json_object_get(root, "results")), 2);
    json_array_foreach(json_object_get(root, "results"), i, result)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %s ", json_string_value(json_object_get(result, "hash")),
                       json_string_value(json_object_get(result, "hash_all")));
    json_decref(root);
    return strdup(text);
}

/* That it was screened is sure: a head that cannot be is an error where it is asked for. `cache`: where limits of the machine are kept. */
static void walk_heads(generated *by, const char *model, const char *cache, const char *const *teams, size_t n_teams)
{
    static const char *const heads[] = {"full", "screened"};
    const char *const scalar[] = {"SETUN_CPU=sse", cache, NULL};
    char *expected = by(model, scalar, (const char *const[]){"-t", "1", "--head", "full", "--backend", "scalar", NULL});

    for (size_t m = 0; m < N_MASKS; m++)
        for (size_t h = 0; h < 2; h++)
            for (size_t t = 0; t < n_teams; t++) {
                const char *const environment[] = {masks[m], cache, NULL};
                char *got = by(model, environment, (const char *const[]){"-t", teams[t], "--head", heads[h], NULL});

                cr_expect_str_eq(got, expected, "%s, %s, head %s, %s threads", model, masks[m], heads[h], teams[t]);
                free(got);
            }
    free(expected);
}

/* A vocabulary with more tokens than there are candidates at most, its size no multiple of 16. */
Test(product, heads)
{
    char folder[64], model[128], cache[128];

    folder_make(folder);
    (void)snprintf(cache, sizeof(cache), "XDG_CACHE_HOME=%s/cache", folder);
    make_two_layers(folder, "5003", model);
    walk_heads(tokens, "fable", cache, threads, 3);
    walk_heads(tokens, model, cache, threads, 3);
    walk_heads(hashes, "fable", cache, &threads[1], 1);
    walk_heads(hashes, model, cache, &threads[1], 1);
    folder_remove(folder);
}

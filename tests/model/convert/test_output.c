/* test_output.c - a file or folder appears whole or not at all: what exists, what fails in the middle, who interrupts. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "fixture.h"
#include "setun/convert.h"

static setun_model *open_fable(void)
{
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open(FABLE, NULL, &model, &error), SETUN_OK, "%s", error.text);
    return model;
}

/* Converts fable to a folder; the status, and the error's text in error. */
static setun_status convert(const char *path, bool force, setun_convert_progress *progress, setun_error *error)
{
    const setun_convert_options options = {.kind = SETUN_FILE_HF_PACKED, .force = force, .progress = progress, .n_threads = 1};
    setun_model *model = open_fable();
    const setun_status status = setun_model_convert(model, path, &options, error);

    setun_model_close(model);
    return status;
}

Test(output, what_exists_stays)
{
    char folder[64], path[128], file[192];
    setun_error error = {""};
    size_t n;
    char *text;

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/out", folder);
    file_write(path, "mine", 4);
    cr_expect_eq(convert(path, false, NULL, &error), SETUN_ERR_INVALID);
    cr_expect(strstr(error.text, "out: it exists already") != NULL, "%s", error.text);
    cr_expect_eq(convert(path, true, NULL, &error), SETUN_ERR_INVALID);
    cr_expect(strstr(error.text, "out: expected a folder to be replaced, found something else") != NULL, "%s", error.text);
    text = file_read(path, &n);
    cr_expect(n == 4 && memcmp(text, "mine", 4) == 0);
    free(text);
    cr_assert_eq(remove(path), 0);

    /* A folder of somebody's own, with one model file among others. */
    cr_assert_eq(mkdir(path, 0777), 0);
    (void)snprintf(file, sizeof(file), "%s/thesis.tex", path);
    file_write(file, "mine", 4);
    cr_expect_eq(convert(path, true, NULL, &error), SETUN_ERR_INVALID);
    cr_expect(strstr(error.text, "it holds 'thesis.tex', which no conversion writes") != NULL, "%s", error.text);
    cr_assert_eq(remove(file), 0);
    cr_expect_eq(convert(path, true, NULL, &error), SETUN_ERR_INVALID);
    cr_expect(strstr(error.text, "without a config.json is no model") != NULL, "%s", error.text);
    cr_assert_eq(remove(path), 0);
    cr_expect_eq(folder_count(folder), 0u, "something was left");

    /* A model is replaced by a model, also if the name ends with a slash. */
    cr_assert_eq(convert(path, false, NULL, &error), SETUN_OK, "%s", error.text);
    (void)snprintf(file, sizeof(file), "%s/README.md", path);
    file_write(file, "old", 3);
    (void)snprintf(file, sizeof(file), "%s/", path);
    cr_assert_eq(convert(file, true, NULL, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(folder_count(path), 5u);
    cr_expect_eq(folder_count(folder), 1u, "something was left");
    folder_remove(path);
    folder_remove(folder);
}

static uint64_t n_calls, stop_at;

static bool stop(void *context, const char *stage, uint64_t done, uint64_t total)
{
    (void)context;
    cr_assert_not_null(stage);
    cr_assert(done <= total && total > 0);
    return ++n_calls < stop_at;
}

/* Stopped at every single call, in every kind of file: nothing is left, and what was to be replaced is as it was. */
Test(output, interrupted, .timeout = 120)
{
    static const setun_synth_size sizes[] = {{"layers", 1}, {"hidden", 256}, {"ffn", 256}, {"heads", 2}, {"kv_heads", 1}, {"head_dim", 128},
                                             {"vocab", 300}, {"context", 64}};
    static const setun_file_kind kinds[] = {SETUN_FILE_I2_S, SETUN_FILE_HF_PACKED, SETUN_FILE_TQ2_0, SETUN_FILE_TQ1_0, SETUN_FILE_PREPACKED};
    const setun_synth_options synth = {.sizes = sizes, .n_sizes = sizeof(sizes) / sizeof(sizes[0])};
    char from[64], folder[64], source[128], path[128];
    setun_model *model;
    setun_error error = {""};

    folder_make(from);
    folder_make(folder);
    (void)snprintf(source, sizeof(source), "%s/source.gguf", from);
    (void)snprintf(path, sizeof(path), "%s/out", folder);
    cr_assert_eq(setun_model_synth("bitnet-b1.58-2b-4t", source, &synth, NULL, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(setun_model_open(source, NULL, &model, &error), SETUN_OK, "%s", error.text);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        setun_convert_options options = {.kind = kinds[i], .progress = stop, .n_threads = 1};
        const bool is_folder = kinds[i] == SETUN_FILE_HF_PACKED;
        setun_status status = SETUN_ERR_INTERRUPTED;

        for (stop_at = 1; status == SETUN_ERR_INTERRUPTED; stop_at++) {
            n_calls = 0;
            status = setun_model_convert(model, path, &options, &error);
            if (status != SETUN_ERR_INTERRUPTED)
                break;
            cr_expect_eq(n_calls, stop_at, "kind %d went on after call %d", (int)kinds[i], (int)stop_at);
            cr_expect_eq(folder_count(folder), 0u, "kind %d, call %d: something was left", (int)kinds[i], (int)stop_at);
        }
        cr_assert_eq(status, SETUN_OK, "%s", error.text);
        cr_expect_gt(stop_at, 10u, "kind %d: progress is not told", (int)kinds[i]);
        cr_expect_eq(folder_count(folder), 1u);
        if (is_folder) {
            folder_remove(path);
            continue;
        }
        file_write(path, "mine", 4);
        options.force = true;
        n_calls = 0;
        stop_at--;
        cr_expect_eq(setun_model_convert(model, path, &options, &error), SETUN_ERR_INTERRUPTED);
        cr_expect_eq(folder_count(folder), 1u);
        {
            size_t n;
            char *text = file_read(path, &n);

            cr_expect(n == 4 && memcmp(text, "mine", 4) == 0);
            free(text);
        }
        cr_assert_eq(remove(path), 0);
    }
    setun_model_close(model);
    folder_remove(folder);
    folder_remove(from);
}

/* A limit on the size of files stands for a full disk: the write in the middle fails. */
Test(output, full_disk)
{
    const struct rlimit limit = {1 << 20, 1 << 20};
    char folder[64], path[128];
    setun_error error = {""};

    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/out", folder);
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(convert(path, false, NULL, &error), SETUN_ERR_IO);
    cr_expect(strstr(error.text, "out/model.safetensors: File too large") != NULL, "%s", error.text);
    cr_expect_eq(folder_count(folder), 0u);
    folder_remove(folder);
}

Test(output, nowhere)
{
    setun_error error = {""};

    cr_expect_eq(convert("/nonexistent/out", false, NULL, &error), SETUN_ERR_IO);
    cr_expect(strstr(error.text, "/nonexistent/out: No such file or directory") != NULL, "%s", error.text);
    cr_expect_eq(convert("", false, NULL, &error), SETUN_ERR_INVALID);
    cr_expect_eq(convert("/proc/out", false, NULL, &error), SETUN_ERR_IO); /* nobody may write there */
    cr_expect(strstr(error.text, "/proc/out: ") != NULL, "%s", error.text);
}

Test(output, options_that_contradict)
{
    setun_convert_options options = {.kind = SETUN_FILE_HF_PACKED, .head = SETUN_CONVERT_HEAD_Q6_K};
    setun_model *model = open_fable();
    setun_error error = {""};

    cr_expect_eq(setun_model_convert(model, "never", &options, &error), SETUN_ERR_INVALID);
    cr_expect(strstr(error.text, "found a type of GGUF files") != NULL, "%s", error.text);
    options = (setun_convert_options){.kind = (setun_file_kind)99};
    cr_expect_eq(setun_model_convert(model, "never", &options, &error), SETUN_ERR_INVALID);
    options = (setun_convert_options){.head = (setun_convert_head)99};
    cr_expect_eq(setun_model_convert(model, "never", &options, &error), SETUN_ERR_INVALID);
    options = (setun_convert_options){.kind = SETUN_FILE_HF_BF16};
    cr_expect_eq(setun_model_convert(model, "never", &options, &error), SETUN_ERR_UNSUPPORTED);
    setun_model_close(model);
}

/* test_shorter.c - the weight file is cut off while a session loads it: one error, no signal, nothing left behind. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "setun/session.h"

static const char *const files[] = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
                                    "tokenizer_config.json"};

struct cut {
    char     path[128];
    uint64_t when;     /* bytes of weights read */
    off_t    n_bytes;  /* that the file has from then on */
    int      n_before; /* calls until then */
    bool     done;
};

static void cut_off(void *context, const char *stage, uint64_t done, uint64_t total)
{
    struct cut *cut = context;

    (void)total;
    cr_expect_str_eq(stage, "loading weights");
    if (!cut->done && done >= cut->when) {
        cr_expect_eq(truncate(cut->path, cut->n_bytes), 0);
        cut->done = true;
    }
    cut->n_before += !cut->done;
}

static void copy_fable(const char *folder)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char from[512], to[512];
        size_t n_bytes;
        char *bytes;

        (void)snprintf(from, sizeof(from), "%s/%s", FABLE, files[i]);
        (void)snprintf(to, sizeof(to), "%s/%s", folder, files[i]);
        bytes = file_read(from, &n_bytes);
        file_write(to, bytes, n_bytes);
        free(bytes);
    }
}

static void load(uint64_t when, off_t n_bytes)
{
    char folder[64];
    struct cut cut = {.when = when, .n_bytes = n_bytes};
    setun_model *model;
    setun_session *session = NULL;
    setun_error error = {""};
    const setun_session_options options = {.n_threads = 2, .progress = cut_off, .progress_context = &cut};

    folder_make(folder);
    copy_fable(folder);
    (void)snprintf(cut.path, sizeof(cut.path), "%s/model.safetensors", folder);
    cr_assert_eq(setun_model_open(folder, NULL, &model, &error), SETUN_OK, "%s", error.text);
    cr_expect_eq(setun_session_create(model, &options, &session, &error), SETUN_ERR_IO);
    cr_expect(cut.done);
    cr_expect_null(session);
    cr_expect_not_null(strstr(error.text, "model.safetensors: byte "), "%s", error.text);
    cr_expect_not_null(strstr(error.text, "became shorter"), "%s", error.text);
    setun_model_close(model);
    folder_remove(folder);
}

Test(shorter, at_the_first_weight)
{
    load(0, 0);
}

Test(shorter, in_the_middle)
{
    load(1000000, 1500000);
}

Test(shorter, by_one_byte)
{
    load(1, 3064989);
}

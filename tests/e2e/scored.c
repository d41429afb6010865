/* scored.c - runs `setun score` and keeps what it wrote. */
#include "scored.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

scored scored_in(const char *const *environment, const char *const *further)
{
    const char *argv[24] = {SETUN_COMMAND, "score", "--logits"};
    const process_options options = {.environment = environment};
    char folder[64], npy[128];
    process_result result;
    scored got;
    size_t n = 3;

    folder_make(folder);
    (void)snprintf(npy, sizeof(npy), "%s/out.npy", folder);
    argv[n++] = npy;
    while (*further != NULL)
        argv[n++] = *further++;
    process_run(argv, &options, &result);
    cr_assert_eq(result.exit_code, 0, "exit %d: %s", result.exit_code, result.err);
    got.npy = file_read(npy, &got.n_npy);
    got.out = strdup(result.out);
    process_result_free(&result);
    folder_remove(folder);
    return got;
}

scored scored_by(const char *const *further)
{
    return scored_in(NULL, further);
}

void scored_free(scored *got)
{
    free(got->npy);
    free(got->out);
}

void scored_assert_same(const scored *a, const scored *b, const char *what, const char *kv)
{
    cr_assert(a->n_npy == b->n_npy && memcmp(a->npy, b->npy, a->n_npy) == 0, "%s, %s cache: the logits differ", what, kv);
    cr_assert_str_eq(a->out, b->out, "%s, %s cache: the scores differ", what, kv);
}

bool scored_has_backend(const char *backend)
{
    process_result plugins;
    bool loaded = false;

    setun_command(&plugins, "plugins", "list", NULL);
    cr_assert_eq(plugins.exit_code, 0, "%s", plugins.err);
    for (char *line = strtok(plugins.out, "\n"); line != NULL; line = strtok(NULL, "\n"))
        loaded = loaded || (strncmp(line, backend, strlen(backend)) == 0 && line[strlen(backend)] == ' ');
    process_result_free(&plugins);
    return loaded;
}

/* stream.c - continues a text and prints it as it comes. Public headers of libsetun only.
 *
 *   stream MODEL TEXT [N]      MODEL: a folder, or the name of an installed model such as fable; N: tokens at most (64) */
#include <setun/session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called for each token; text is whole UTF-8 characters, or nothing yet. */
static setun_status print(void *context, int32_t id, const char *text, size_t n_bytes, setun_error *error)
{
    (void)context, (void)id, (void)error;
    (void)fwrite(text, 1, n_bytes, stdout);
    (void)fflush(stdout);
    return SETUN_OK; /* anything else ends the generation */
}

int main(int argc, char **argv)
{
    const setun_session_options options = {.n_threads = 0}; /* one thread for each core */
    const setun_sampling greedy = {.temperature = 0};
    const size_t text_bytes = argc < 3 ? 0 : strlen(argv[2]);
    setun_generation generation;
    setun_model *model = NULL;
    setun_session *session = NULL;
    int32_t *ids = NULL, *prompt = NULL, seq;
    size_t n_ids, n_prompt = 0;
    setun_error error = {""};
    setun_status status;

    if (argc < 3)
        return fprintf(stderr, "usage: stream MODEL TEXT [N]\n"), 2;
    status = setun_model_open(argv[1], NULL, &model, &error);
    if (status == SETUN_OK)
        status = setun_tokenizer_encode(setun_model_tokenizer(model), argv[2], text_bytes, SETUN_TEXT_USER, &ids, &n_ids, &error);
    if (status == SETUN_OK && (prompt = malloc((n_ids + 1) * sizeof(*prompt))) == NULL)
        status = SETUN_ERR_NOMEM;
    if (status == SETUN_OK) {
        if (setun_model_bos(model) >= 0) /* models that want a first token say which */
            prompt[n_prompt++] = setun_model_bos(model);
        for (size_t i = 0; i < n_ids; i++)
            prompt[n_prompt++] = ids[i];
        status = setun_session_create(model, &options, &session, &error);
    }
    if (status == SETUN_OK)
        status = setun_sequence_open(session, &seq, &error);
    if (status == SETUN_OK)
        status = setun_generate(session, seq, prompt, n_prompt, argc > 3 ? atoi(argv[3]) : 64, &greedy, print, NULL, &generation, &error);
    (void)puts("");
    if (status != SETUN_OK)
        (void)fprintf(stderr, "stream: %s\n", error.text[0] != '\0' ? error.text : setun_status_text(status));
    setun_session_destroy(session);
    setun_model_close(model);
    setun_free(ids);
    free(prompt);
    return status == SETUN_OK ? 0 : 1;
}

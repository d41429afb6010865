/* prepacked_tokenizer.c - where the tokenizer of each kind of model is, and its bytes. */
#include "convert/prepacked_tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static setun_status read_folder(const char *path, char **out_bytes, size_t *out_n_bytes, setun_error *error)
{
    setun_pool pool = {0};
    const char *file = setun_pool_printf(&pool, "%s/tokenizer.json", path);
    const setun_status status = file == NULL ? setun_fail_nomem(error, path, strlen(path)) : setun_read_file(file, SETUN_PREPACKED_MAX_TOKENIZER_BYTES, out_bytes, out_n_bytes, error);

    setun_pool_free(&pool);
    return status;
}

static setun_status read_prepacked(const char *path, enum setun_prepacked_tokenizer *out_kind, char **out_bytes, size_t *out_n_bytes, setun_error *error)
{
    setun_weight_file file;
    setun_prepacked prepacked;
    setun_pool pool = {0};
    setun_status status = setun_weight_file_open(path, &file, error);

    if (status != SETUN_OK)
        return status;
    status = setun_prepacked_read(&file, &pool, &prepacked, error);
    if (status == SETUN_OK)
        status = setun_prepacked_read_tokenizer(&file, &prepacked, out_bytes, out_n_bytes, error);
    if (status == SETUN_OK)
        *out_kind = prepacked.tokenizer;
    setun_pool_free(&pool);
    setun_weight_file_close(&file);
    return status;
}

setun_status setun_prepacked_tokenizer_bytes(const char *path, enum setun_prepacked_tokenizer *out_kind, char **out_bytes, size_t *out_n_bytes,
                                             setun_error *error)
{
    struct stat info;

    *out_kind = SETUN_PREPACKED_TOKENIZER_JSON;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return read_folder(path, out_bytes, out_n_bytes, error);
    if (setun_prepacked_claims(path))
        return read_prepacked(path, out_kind, out_bytes, out_n_bytes, error);
    return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: expected a Hugging Face folder or a prepacked file, whose tokenizer can be taken over", path);
}

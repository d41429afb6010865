/* fuzz_safetensors.c - a safetensors file: header and data. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "weights/safetensors.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    setun_pool pool = {0};
    setun_error error = {""};
    setun_st_list list = {NULL, 0};
    void *pages = NULL; /* page aligned, as a mapping is */
    setun_status status;

    FUZZ_EXPECT(posix_memalign(&pages, 4096, n_bytes > 0 ? n_bytes : 1) == 0);
    memcpy(pages, data, n_bytes);
    {
        const setun_mapped_file file = {.path = "fuzz.safetensors", .data = n_bytes > 0 ? pages : NULL, .n_bytes = n_bytes};

        status = setun_safetensors_read(&file, &pool, &list, &error);
        if (status != SETUN_OK)
            fuzz_expect_refusal(status, &error);
        for (size_t i = 0; status == SETUN_OK && i < list.n; i++) {
            const setun_st_tensor *t = &list.tensors[i];
            size_t n_elements = 1;

            FUZZ_EXPECT(t->n_dims <= SETUN_ST_MAX_DIMS && strlen(t->name) <= SETUN_ST_MAX_NAME);
            for (uint32_t d = 0; d < SETUN_ST_MAX_DIMS; d++)
                n_elements *= (size_t)t->dim[d];
            FUZZ_EXPECT(n_elements * t->dtype->n_bytes == t->n_bytes);
            FUZZ_EXPECT(t->data >= file.data && t->n_bytes <= n_bytes && (size_t)(t->data - file.data) <= n_bytes - t->n_bytes);
        }
    }
    setun_pool_free(&pool);
    free(pages);
    return 0;
}

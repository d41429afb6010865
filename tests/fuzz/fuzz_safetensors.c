/* fuzz_safetensors.c - a safetensors file: header and data. */
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
    const setun_weight_file file = {.path = "fuzz.safetensors", .fd = fuzz_memory_file(data, n_bytes), .n_bytes = n_bytes};
    const setun_status status = setun_safetensors_read(&file, &pool, &list, &error);

    if (status != SETUN_OK)
        fuzz_expect_refusal(status, &error);
    for (size_t i = 0; status == SETUN_OK && i < list.n; i++) {
        const setun_st_tensor *t = &list.tensors[i];
        size_t n_elements = 1;

        FUZZ_EXPECT(t->n_dims <= SETUN_ST_MAX_DIMS && strlen(t->name) <= SETUN_ST_MAX_NAME);
        for (uint32_t d = 0; d < SETUN_ST_MAX_DIMS; d++)
            n_elements *= (size_t)t->dim[d];
        FUZZ_EXPECT(n_elements * t->dtype->n_bytes == t->n_bytes);
        FUZZ_EXPECT(t->n_bytes <= n_bytes && t->file_byte <= n_bytes - t->n_bytes);
    }
    setun_pool_free(&pool);
    return 0;
}

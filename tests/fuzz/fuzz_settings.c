/* fuzz_settings.c - a file of runtime settings (configs/). */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "fuzz.h"
#include "setun/topology.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return unsetenv("SETUN_PLUGIN_PATH"); /* else the file's folders do not show */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    setun_error error = {""};
    setun_config *config = NULL;
    setun_session_options options = {0};
    const setun_status status = setun_config_parse("fuzz.yaml", (const char *)data, n_bytes, &config, &error);

    if (status != SETUN_OK) {
        FUZZ_EXPECT(config == NULL);
        fuzz_expect_refusal(status, &error);
        return 0;
    }
    setun_config_apply(config, &options);
    FUZZ_EXPECT(options.n_threads <= SETUN_MAX_THREADS && options.chunk <= 65536 && options.context >= 0 && options.context <= INT32_MAX);
    FUZZ_EXPECT(options.weight_bytes <= UINT64_C(1) << 50 && options.weight_bytes % (1 << 20) == 0);
    FUZZ_EXPECT(options.kv == SETUN_KV_F16 || options.kv == SETUN_KV_F32);
    FUZZ_EXPECT(options.backends == NULL || strlen(options.backends) > 0);
    FUZZ_EXPECT(setun_config_model(config) == NULL || strlen(setun_config_model(config)) > 0);
    FUZZ_EXPECT(setun_config_plugin_path(config) == NULL || strlen(setun_config_plugin_path(config)) > 0);
    for (size_t i = 0; i < options.n_rules; i++) {
        const setun_kernel_rule *rule = &options.rules[i];

        FUZZ_EXPECT((rule->kernel == NULL) != (rule->backend == NULL) && rule->where != NULL);
        FUZZ_EXPECT(rule->phase >= SETUN_PHASE_ANY && rule->phase <= SETUN_PHASE_PREFILL);
    }
    setun_config_close(config);
    return 0;
}

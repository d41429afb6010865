/* test_plugins.c - `setun plugins` shows what is loaded and why the rest is not. */
#include <criterion/criterion.h>
#include <string.h>

#include "fixture.h"
#include "process.h"

static json_t *list(const char *const *environment)
{
    const char *const argv[] = {SETUN_COMMAND, "plugins", "list", "-o", "json", NULL};
    const process_options options = {.environment = environment};
    process_result result;
    json_error_t error;
    json_t *got;

    process_run(argv, &options, &result);
    cr_assert_eq(result.exit_code, 0, "exit %d: %s", result.exit_code, result.err);
    got = json_loadb(result.out, result.n_out, 0, &error);
    cr_assert(got != NULL, "%s", error.text);
    process_result_free(&result);
    return got;
}

/* The entry of `plugins` whose key has the value; NULL: none. */
static const json_t *find(const json_t *got, const char *key, const char *value)
{
    const json_t *plugins = json_object_get(got, "plugins");

    for (size_t i = 0; i < json_array_size(plugins); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(plugins, i), key)), value) == 0)
            return json_array_get(plugins, i);
    return NULL;
}

Test(plugins, list_has_scalar)
{
    json_t *got = list(NULL);
    const json_t *scalar = find(got, "name", "scalar");

    cr_assert(scalar != NULL);
    cr_assert(json_is_true(json_object_get(scalar, "loaded")));
    cr_assert(json_integer_value(json_object_get(scalar, "kernels")) > 5);
    cr_assert_str_eq(json_string_value(json_object_get(scalar, "reason")), "");
    cr_assert(json_array_size(json_object_get(got, "folders")) > 0);
    json_decref(got);
}

Test(plugins, refused_file_is_listed_with_its_reason)
{
    char folder[64], file[128], path[256];
    const char *const environment[] = {path, NULL};
    json_t *got;
    const json_t *refused;

    folder_make(folder);
    (void)snprintf(file, sizeof(file), "%s/broken.so", folder);
    (void)snprintf(path, sizeof(path), "SETUN_PLUGIN_PATH=%s", folder);
    file_write(file, "not a shared object", 19);
    got = list(environment);
    refused = find(got, "file", file);
    cr_assert(refused != NULL, "%s is not listed", file);
    cr_assert(json_is_false(json_object_get(refused, "loaded")));
    cr_assert(json_string_length(json_object_get(refused, "reason")) > 5);
    cr_assert(find(got, "name", "scalar") != NULL, "the library's own folder is still searched");
    json_decref(got);
    folder_remove(folder);
}

Test(plugins, table)
{
    process_result result;

    setun_command(&result, "plugins", "list", "-v", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_assert(strncmp(result.out, "NAME ", 5) == 0 && strstr(result.out, "scalar") != NULL && strstr(result.out, "loaded") != NULL, "%s",
              result.out);
    cr_assert(strstr(result.err, "searched " SETUN_PLUGIN_OUTPUT_DIR) != NULL && strstr(result.err, "cpu features: ") != NULL, "%s",
              result.err);
    process_result_free(&result);
}

Test(plugins, check)
{
    process_result result;

    setun_command(&result, "plugins", "check", SETUN_PLUGIN_OUTPUT_DIR "/scalar.so", NULL);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_assert(strstr(result.out, "scalar.so: scalar ") != NULL && strstr(result.out, "contract 1.") != NULL, "%s", result.out);
    process_result_free(&result);

    setun_command(&result, "plugins", "check", FABLE "/config.json", NULL);
    cr_assert_eq(result.exit_code, 1);
    cr_assert_eq(result.n_out, 0);
    cr_assert(strstr(result.err, "setun plugins check: ") == result.err && strstr(result.err, "config.json: ") != NULL, "%s", result.err);
    process_result_free(&result);
}

/* A word that SETUN_CPU does not know is an error of every command that loads plugins, and names the words it knows. */
Test(plugins, wrong_cap)
{
    const char *const environment[] = {"SETUN_CPU=avx3", NULL}, *const argv[] = {SETUN_COMMAND, "plugins", "list", NULL};
    const process_options options = {.environment = environment};
    process_result result;

    process_run(argv, &options, &result);
    cr_assert_eq(result.exit_code, 1, "exit %d: %s", result.exit_code, result.err);
    cr_assert(strstr(result.err, "avx3") != NULL && strstr(result.err, "avx512") != NULL, "%s", result.err);
    process_result_free(&result);
}

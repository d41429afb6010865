/* test_pull_table.c - `setun model pull NAME`: the table of known models, where they go, and that -m finds them there. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "http_server.h"
#include "process.h"

/* A mirror that serves the files of the model fable under the names of two models, and whose table knows no hashes. */
static const char table[] = "setun: 1\n"
                            "models:\n"
                            "  story:\n"
                            "    about: fable by another name\n"
                            "    repository: someone/story\n"
                            "    files:\n"
                            "      - name: config.json\n"
                            "      - name: generation_config.json\n"
                            "      - name: tokenizer.json\n"
                            "      - name: tokenizer_config.json\n"
                            "      - name: model.safetensors\n"
                            "  one-file:\n"
                            "    repository: someone/one\n"
                            "    revision: v2\n"
                            "    files:\n"
                            "      - {name: sub/config.json, bytes: %zu}\n";

static char folder[64], table_path[128], hub[128], data_home[128], models_path[160];
static http_site site = {.folder = FABLE};
static http_server *server;

static void setup(void)
{
    char text[sizeof(table) + 32], *config;
    size_t n;

    folder_make(folder);
    (void)snprintf(table_path, sizeof(table_path), "%s/table.yaml", folder);
    config = file_read(FABLE "/config.json", &n);
    free(config);
    (void)snprintf(text, sizeof(text), table, n);
    file_write(table_path, text, strlen(text));
    server = http_server_start(&site);
    (void)snprintf(hub, sizeof(hub), "SETUN_HUB=%s/mirror//", http_server_url(server));
    (void)snprintf(data_home, sizeof(data_home), "XDG_DATA_HOME=%s/data", folder);
    (void)snprintf(models_path, sizeof(models_path), "SETUN_MODEL_PATH=%s/models:" SETUN_SOURCE_DIR "/models", folder);
}

static void teardown(void)
{
    const char *const argv[] = {"/bin/rm", "-r", folder, NULL};
    const process_options options = {0};
    process_result result;

    http_server_stop(server);
    process_run(argv, &options, &result);
    process_result_free(&result);
}

TestSuite(pull_table, .init = setup, .fini = teardown);

/* Runs setun with the words given; with_path: SETUN_MODEL_PATH begins with FOLDER/models, else it is empty. */
static void run(process_result *result, bool with_path, const char *const *words)
{
    const char *const environment[] = {"no_proxy=*", hub, data_home, with_path ? models_path : "SETUN_MODEL_PATH=", NULL};
    const process_options options = {.environment = environment};
    const char *argv[16] = {SETUN_COMMAND};

    for (size_t i = 0; words[i] != NULL; i++)
        argv[i + 1] = words[i];
    process_run(argv, &options, result);
    cr_assert(!result->timed_out);
}

#define RUN(result, with_path, ...) run(result, with_path, (const char *const[]){__VA_ARGS__, NULL})

static void check_pulled(bool with_path, const char *parent)
{
    process_result result, original;
    char line[256];

    RUN(&result, with_path, "model", "pull", "story", "--table", table_path);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    (void)snprintf(line, sizeof(line), "%s/%s/story\n", folder, parent);
    cr_assert_str_eq(result.out, line);
    cr_assert_eq(http_server_requests(server), 5);
    cr_assert(strncmp(http_server_request(server, 4), "GET /mirror/someone/story/resolve/main/model.safetensors ", 57) == 0, "%s",
              http_server_request(server, 4));
    process_result_free(&result);

    RUN(&result, with_path, "model", "pull", "story", "--table", table_path); /* it is there */
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    cr_assert(strstr(result.err, "model.safetensors: ") != NULL && strstr(result.err, ", was there already\n") != NULL, "%s", result.err);
    cr_assert_eq(http_server_requests(server), 5);
    process_result_free(&result);

    RUN(&result, with_path, "run", "-m", "story", "-p", "Once upon a time", "--temp", "0", "-n", "8");
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    setun_command(&original, "run", "-p", "Once upon a time", "--temp", "0", "-n", "8", NULL);
    cr_assert_str_eq(result.out, original.out);
    process_result_free(&result);
    process_result_free(&original);
}

Test(pull_table, into_the_model_path)
{
    check_pulled(true, "models");
}

Test(pull_table, into_the_data_home)
{
    check_pulled(false, "data/setun/models");
}

Test(pull_table, one_file)
{
    process_result result;
    char line[256];

    RUN(&result, true, "model", "pull", "one-file", "--table", table_path);
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    (void)snprintf(line, sizeof(line), "%s/models/one-file.json\n", folder);
    cr_assert_str_eq(result.out, line);
    cr_assert(strncmp(http_server_request(server, 0), "GET /mirror/someone/one/resolve/v2/sub/config.json ", 51) == 0);
    process_result_free(&result);
    line[strlen(line) - 1] = '\0';
    file_write(line, "{}", 2);
    (void)snprintf(line, sizeof(line), "setun: 1\nmodels: {one-file: {repository: a/b, files: [{name: config.json, bytes: 1}]}}\n");
    file_write(table_path, line, strlen(line));
    RUN(&result, true, "model", "pull", "one-file", "--table", table_path);
    cr_assert_eq(result.exit_code, 1);
    cr_assert(strstr(result.err, "is there already, but has 2 bytes, expected 1") != NULL, "%s", result.err);
    process_result_free(&result);
    (void)snprintf(line, sizeof(line), "%s/new.json", folder);
    RUN(&result, true, "model", "pull", "one-file", line, "--table", table_path);
    cr_assert_eq(result.exit_code, 1);
    cr_assert(strstr(result.err, "expected a file of 1 bytes, the server has one of ") != NULL, "%s", result.err);
    cr_assert_neq(access(line, F_OK), 0);
    process_result_free(&result);
}

Test(pull_table, to_a_folder_and_as_json)
{
    process_result result;
    char place[128];
    json_error_t error;
    json_t *got;

    (void)snprintf(place, sizeof(place), "%s/deep/down", folder);
    RUN(&result, true, "model", "pull", "story", place, "--table", table_path, "-o", "json");
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    got = json_loadb(result.out, result.n_out, 0, &error);
    cr_assert(got != NULL, "%s: %s", error.text, result.out);
    cr_assert_str_eq(json_string_value(json_object_get(got, "model")), place);
    cr_assert_eq(json_array_size(json_object_get(got, "files")), 5);
    json_decref(got);
    cr_assert_eq(folder_count(place), 5);
    process_result_free(&result);
}

/* A file of the model that the mirror lacks: what came before it stays. */
Test(pull_table, missing_file)
{
    static const char missing[] = "setun: 1\nmodels: {story: {repository: a/b, files: [{name: config.json}, {name: absent.json}]}}\n";
    process_result result;
    char place[160];

    file_write(table_path, missing, strlen(missing));
    RUN(&result, true, "model", "pull", "story", "--table", table_path);
    cr_assert_eq(result.exit_code, 1);
    cr_assert(strstr(result.err, "/mirror/a/b/resolve/main/absent.json: HTTP status 404, not found\n") != NULL, "%s", result.err);
    cr_assert_eq(result.n_out, 0);
    (void)snprintf(place, sizeof(place), "%s/models/story", folder);
    cr_assert_eq(folder_count(place), 1);
    process_result_free(&result);
}

/* Folders that were searched are named without detours, such as bin/../lib. */
Test(pull_table, where_a_name_was_looked_for)
{
    process_result result;

    RUN(&result, false, "run", "-m", "nowhere", "-p", "x");
    cr_assert_eq(result.exit_code, 1);
    cr_assert(strstr(result.err, "/data/setun/models") != NULL && strstr(result.err, "/share/setun/models") != NULL, "%s", result.err);
    cr_assert(strstr(result.err, "/../") == NULL, "%s", result.err);
    process_result_free(&result);
}

/* The compiled table: model-facts about the official files. */
Test(pull_table, list)
{
    process_result result;
    json_error_t error;
    json_t *got, *first;

    RUN(&result, true, "model", "pull", "--list", "-o", "json");
    cr_assert_eq(result.exit_code, 0, "%s", result.err);
    got = json_loadb(result.out, result.n_out, 0, &error);
    cr_assert(got != NULL, "%s", error.text);
    first = json_array_get(json_object_get(got, "models"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(first, "name")), "bitnet-b1.58-2b-4t-gguf");
    cr_assert_eq(json_integer_value(json_object_get(first, "bytes")), 1187801280);
    json_decref(got);
    process_result_free(&result);
    RUN(&result, true, "model", "pull", "--list");
    cr_assert(strstr(result.out, "bitnet-b1.58-2b-4t-bf16") != NULL && strstr(result.out, "4.5 GiB") != NULL, "%s", result.out);
    cr_assert_eq(http_server_requests(server), 0);
    process_result_free(&result);
}

static const struct {
    const char *table, *expected;
} bad_tables[] = {
    {"", "expected 'setun: 1' and 'models:'"},
    {"[1]", "expected 'setun: 1' and 'models:'"},
    {"models: {}", ":1:1: expected 'setun: 1'"},
    {"setun: 2\nmodels: {}", ":1:8: setun: expected 1"},
    {"setun: 1\nmodels: 3", ":2:9: models: expected the models by their names"},
    {"setun: 1\nmodels: {}\nmodels: {}", ":3:9: models: expected the models by their names, once"},
    {"setun: 1\nmodel: {}", ":2:1: expected setun or models, found 'model'"},
    {"setun: 1\nmodels: {a: 1}", ":2:13: a: expected about"},
    {"setun: 1\nmodels: {../a: {}}", "a model's name: expected letters"},
    {"setun: 1\nmodels: {a: {repository: b/c}}", "a: expected a repository and files"},
    {"setun: 1\nmodels: {a: {repository: b/c, files: []}}", "files: expected one list of one file at least"},
    {"setun: 1\nmodels: {a: {repository: b/c, files: [{bytes: 1}]}}", "a file without a name"},
    {"setun: 1\nmodels: {a: {repository: b/c, files: [{name: ../x}]}}", "name: expected letters"},
    {"setun: 1\nmodels: {a: {repository: b/c, files: [{name: /x}]}}", "name: expected letters"},
    {"setun: 1\nmodels: {a: {repository: 'b/c?d', files: [{name: x}]}}", "repository: expected letters"},
    {"setun: 1\nmodels: {a: {repository: b/c, files: [{name: x, bytes: -1}]}}", "bytes: expected a whole number"},
    {"setun: 1\nmodels: {a: {repository: b/c, files: [{name: x, sha256: ABC}]}}", "sha256: expected 64"},
    {"setun: 1\nmodels: {a: {repository: b/c, files: [{name: x, md5: 1}]}}", "expected name, bytes or sha256, found 'md5'"},
    {"setun: 1\nmodels: {a: {licence: b}}", "expected about, repository, revision or files, found 'licence'"},
    {"setun: 1\nmodels: {a: {files: [", "did not find"},
    {"setun: 1\nmodels: {a: \"\\0\"}", "a: expected about"},
};

Test(pull_table, bad_tables)
{
    for (size_t i = 0; i < sizeof(bad_tables) / sizeof(bad_tables[0]); i++) {
        process_result result;

        file_write(table_path, bad_tables[i].table, strlen(bad_tables[i].table));
        RUN(&result, true, "model", "pull", "a", "--table", table_path);
        cr_assert_eq(result.exit_code, 1, "%s: exit %d", bad_tables[i].table, result.exit_code);
        cr_assert(strstr(result.err, "/table.yaml") != NULL && strstr(result.err, bad_tables[i].expected) != NULL, "%s: expected '%s' in: %s",
                  bad_tables[i].table, bad_tables[i].expected, result.err);
        process_result_free(&result);
    }
    cr_assert_eq(http_server_requests(server), 0);
}

static const struct {
    const char *words[6];
    int         exit_code;
    const char *expected;
} mistakes[] = {
    {{"model", "pull"}, 2, "needs a NAME or a URL"},
    {{"model", "pull", "--list", "x"}, 2, "--list takes neither"},
    {{"model", "pull", "bitnet-b1.58-2b-4t-gguv"}, 1, "did you mean 'bitnet-b1.58-2b-4t-gguf'?"},
    {{"model", "pull", "frobnicate"}, 1, "no model 'frobnicate' is known; 'setun model pull --list'"},
    {{"model", "pull", "file:///etc/passwd"}, 1, "file:///etc/passwd: expected a URL of http or https"},
    {{"model", "pull", "ftp://127.0.0.1/x"}, 1, "expected a URL of http or https"},
    {{"model", "pull", "http://127.0.0.1:1/"}, 1, "names no file; give OUT"},
    {{"model", "pull", "http://127.0.0.1:1"}, 1, "names no file; give OUT"},
    {{"model", "pull", "http://127.0.0.1:1/a/..?b/c"}, 1, "names no file; give OUT"},
    {{"model", "pull", "http://127.0.0.1:1/x", ""}, 1, "OUT is empty"},
    {{"model", "pull", "http://127.0.0.1:1/x", "--sha256", "12"}, 2, "--sha256 takes 64 hexadecimal digits"},
    {{"model", "pull", "x", "--table", "/nonexistent"}, 1, "/nonexistent: No such file"},
    {{"model", "pull", "http://127.0.0.1:1/x", "/dev/null/x"}, 1, "/dev/null/x: Not a directory"},
};

Test(pull_table, mistakes)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        process_result result;

        run(&result, false, mistakes[i].words);
        cr_assert_eq(result.exit_code, mistakes[i].exit_code, "%s %s: exit %d", mistakes[i].words[1], mistakes[i].words[2], result.exit_code);
        cr_assert(strstr(result.err, mistakes[i].expected) != NULL, "expected '%s' in: %s", mistakes[i].expected, result.err);
        cr_assert_eq(result.n_out, 0);
        process_result_free(&result);
    }
}

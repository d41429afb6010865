/* model_pull.c - `setun model pull`: downloads a model by a name of configs/hub.yaml, or one file by its URL. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "download.h"
#include "hub_table.h"
#include "model_tools.h"
#include "options.h"
#include "partial_file.h"
#include "words.h"

enum { PATH_BYTES = 4096 };

static const char default_hub[] = "https://huggingface.co";

typedef struct pull_options {
    common_options common;
    const char    *table, *sha256;
    int64_t        retries;
    double         wait, stall;
    bool           list;
} pull_options;

/* One file to fetch. */
typedef struct pull {
    const char *url, *path;
    int64_t     n_bytes;
    const char *sha256;
} pull;

static bool is_url(const char *text)
{
    return strstr(text, "://") != NULL;
}

/* Makes the folders that lead to `path`. */
static setun_status make_folders(const char *path, setun_error *error)
{
    char folder[PATH_BYTES];

    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path); /* every path here is shorter than PATH_BYTES */
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return set_error(error, SETUN_ERR_IO, "%s: %s", folder, strerror(errno));
    }
    return SETUN_OK;
}

/* What lies at the path already: *out_there if it is the file that is wanted, as far as that is known; an error if it is another one.
 * Of a URL nothing is known beforehand, so nothing may be there. */
static setun_status look_at(const pull *wanted, bool *out_there, setun_error *error)
{
    const int fd = open(wanted->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    setun_status status = SETUN_OK;
    struct stat info;
    char hash[65];

    *out_there = false;
    if (fd < 0)
        return errno == ENOENT ? SETUN_OK : set_error(error, SETUN_ERR_IO, "%s: %s", wanted->path, strerror(errno));
    if (fstat(fd, &info) != 0)
        status = set_error(error, SETUN_ERR_IO, "%s: %s", wanted->path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = set_error(error, SETUN_ERR_IO, "%s: not a regular file", wanted->path);
    else if (wanted->n_bytes >= 0 && info.st_size != wanted->n_bytes)
        status = set_error(error, SETUN_ERR_FORMAT, "%s: is there already, but has %lld bytes, expected %" PRId64 "; remove it to download it again",
                           wanted->path, (long long)info.st_size, wanted->n_bytes);
    else if (wanted->sha256 != NULL)
        status = file_hash(fd, wanted->path, info.st_size, hash, error);
    (void)close(fd);
    if (status == SETUN_OK && wanted->sha256 != NULL && strcmp(hash, wanted->sha256) != 0)
        status = set_error(error, SETUN_ERR_FORMAT, "%s: is there already, but its SHA-256 is %s, expected %s; remove it to download it again",
                           wanted->path, hash, wanted->sha256);
    *out_there = status == SETUN_OK;
    return status;
}

static setun_status fetch(const pull_options *options, const pull *wanted, json_t *files, setun_error *error)
{
    const download_request request = {
        .url = wanted->url,
        .path = wanted->path,
        .n_bytes = wanted->n_bytes,
        .sha256 = wanted->sha256,
        .n_retries = options->retries,
        .wait_seconds = options->wait,
        .stall_seconds = options->stall,
    };
    char size[SIZE_TEXT_BYTES];
    struct stat info = {0};
    int64_t n_bytes;
    bool there;
    setun_status status = look_at(wanted, &there, error);

    if (status == SETUN_OK && !there)
        status = make_folders(wanted->path, error);
    if (status == SETUN_OK && !there)
        status = download_file(&request, &n_bytes, error);
    if (status != SETUN_OK)
        return status;
    if (there) {
        (void)stat(wanted->path, &info);
        n_bytes = info.st_size;
    }
    (void)fprintf(stderr, "%s: %s%s%s\n", base_name(wanted->path), size_text((uint64_t)n_bytes, size), there ? ", was there already" : "",
                  wanted->sha256 != NULL ? ", SHA-256 as expected" : "");
    (void)json_array_append_new(files, json_pack("{s:s, s:s, s:I, s:b, s:b}", "url", wanted->url, "file", wanted->path, "bytes",
                                                 (json_int_t)n_bytes, "was_there", (int)there, "sha256_checked", (int)(wanted->sha256 != NULL)));
    return SETUN_OK;
}

/* Formats into out[PATH_BYTES]. */
__attribute__((format(printf, 3, 4))) static setun_status join(char *out, setun_error *error, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(out, PATH_BYTES, format, args);
    va_end(args);
    return n >= 0 && n < PATH_BYTES ? SETUN_OK : set_error(error, SETUN_ERR_INVALID, "longer than %d bytes: %.200s...", PATH_BYTES, out);
}

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Where one file of the name `name` goes: OUT, or into OUT if that is a folder, or into the folder of models. */
static setun_status place(const char *out, const char *name, char path[PATH_BYTES], setun_error *error)
{
    char home[PATH_BYTES];
    setun_status status;

    if (out == NULL) {
        status = setun_model_home(home, sizeof(home), error);
        return status == SETUN_OK ? join(path, error, "%s/%s", home, name) : status;
    }
    if (out[0] == '\0')
        return set_error(error, SETUN_ERR_INVALID, "OUT is empty");
    if (is_folder(out) || out[strlen(out) - 1] == '/')
        return join(path, error, "%s%s%s", out, out[strlen(out) - 1] == '/' ? "" : "/", name);
    return join(path, error, "%s", out);
}

/* Pulls a model of the table; its path goes to out_path. */
static setun_status pull_known(const pull_options *options, const hub_model *model, const char *out, char out_path[PATH_BYTES], json_t *files,
                               setun_error *error)
{
    const char *hub = getenv("SETUN_HUB"), *ending = strrchr(model->files[0].name, '.');
    char url[PATH_BYTES], path[PATH_BYTES], name[PATH_BYTES];
    size_t n_hub;
    setun_status status;

    if (hub == NULL || hub[0] == '\0')
        hub = default_hub;
    for (n_hub = strlen(hub); n_hub > 0 && hub[n_hub - 1] == '/'; n_hub--)
        ;
    /* A model of several files is the folder OUT, one of one file goes to where any file would. */
    status = join(name, error, "%s%s", model->name, model->n_files == 1 && ending != NULL ? ending : "");
    if (status == SETUN_OK)
        status = out != NULL && model->n_files > 1 ? join(out_path, error, "%s", out) : place(out, name, out_path, error);
    for (size_t i = 0; status == SETUN_OK && i < model->n_files; i++) {
        const hub_file *file = &model->files[i];

        status = join(url, error, "%.*s/%s/resolve/%s/%s", (int)n_hub, hub, model->repository, model->revision, file->name);
        if (status == SETUN_OK)
            status = model->n_files == 1 ? join(path, error, "%s", out_path) : join(path, error, "%s/%s", out_path, file->name);
        if (status == SETUN_OK)
            status = fetch(options, &(pull){.url = url, .path = path, .n_bytes = file->n_bytes, .sha256 = file->sha256}, files, error);
    }
    return status;
}

/* Pulls one file by its URL. */
static setun_status pull_url(const pull_options *options, const char *url, const char *out, char out_path[PATH_BYTES], json_t *files,
                             setun_error *error)
{
    const size_t n = strcspn(url, "?#"); /* the path ends there */
    const char *host = strstr(url, "://") + 3, *name = url + n;
    pull wanted = {.url = url, .path = out_path, .n_bytes = -1, .sha256 = options->sha256};
    char plain[PATH_BYTES];
    struct stat info;
    setun_status status;

    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return set_error(error, SETUN_ERR_UNSUPPORTED, "%s: expected a URL of http or https", url);
    while (name > host && name[-1] != '/')
        name--;
    status = join(plain, error, "%.*s", (int)(url + n - name), name);
    if (status == SETUN_OK && (name == host || plain[0] == '\0' || plain[0] == '.') &&
        (out == NULL || is_folder(out) || out[0] == '\0' || out[strlen(out) - 1] == '/'))
        status = set_error(error, SETUN_ERR_INVALID, "%s: names no file; give OUT", url);
    if (status == SETUN_OK)
        status = place(out, plain, out_path, error);
    if (status == SETUN_OK && wanted.sha256 == NULL && stat(out_path, &info) == 0)
        return set_error(error, SETUN_ERR_IO, "%s: is there already; remove it to download it again", out_path);
    return status == SETUN_OK ? fetch(options, &wanted, files, error) : status;
}

static int fail_unknown(const hub_table *table, const char *name)
{
    const char **names = calloc(table->n_models + 1, sizeof(*names)), *near;

    if (names == NULL)
        return fail("out of memory: names of models");
    for (size_t i = 0; i < table->n_models; i++)
        names[i] = table->models[i].name;
    near = setun_nearest_word(name, names, table->n_models);
    free(names);
    if (near != NULL)
        return fail("no model '%s' is known; did you mean '%s'?", name, near);
    return fail("no model '%s' is known; 'setun model pull --list' lists those that are, and a URL needs no list", name);
}

/* Sum of the sizes that are known. */
static uint64_t known_bytes(const hub_model *model)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < model->n_files; i++)
        if (model->files[i].n_bytes > 0 && __builtin_add_overflow(sum, (uint64_t)model->files[i].n_bytes, &sum))
            return UINT64_MAX;
    return sum;
}

static int list_models(const pull_options *options, const hub_table *table)
{
    char size[SIZE_TEXT_BYTES], about[200];
    int width = 4;

    if (options->common.output == OUTPUT_JSON) {
        json_t *list = json_array();

        for (size_t i = 0; i < table->n_models; i++) {
            const hub_model *model = &table->models[i];
            json_t *files = json_array();

            for (size_t k = 0; k < model->n_files; k++)
                (void)json_array_append_new(files, json_string(model->files[k].name));
            (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:o}", "name", model->name, "about", model->about,
                                                        "repository", model->repository, "revision", model->revision, "bytes",
                                                        (json_int_t)known_bytes(model), "files", files));
        }
        return print_json(json_pack("{s:o}", "models", list));
    }
    for (size_t i = 0; i < table->n_models; i++)
        if ((int)strlen(table->models[i].name) > width)
            width = (int)strlen(table->models[i].name);
    printf("%-*s  %10s  %s\n", width, "NAME", "SIZE", "WHAT");
    for (size_t i = 0; i < table->n_models; i++)
        printf("%-*s  %10s  %s\n", width, table->models[i].name, size_text(known_bytes(&table->models[i]), size),
               printable(table->models[i].about, about, sizeof(about)));
    return EXIT_DONE;
}

static int pull_model(const pull_options *options, const hub_table *table, const char *name, const char *out)
{
    const hub_model *model = is_url(name) ? NULL : hub_table_find(table, name);
    char path[PATH_BYTES] = "";
    json_t *files;
    setun_error error;
    setun_status status;

    if (!is_url(name) && model == NULL)
        return fail_unknown(table, name);
    if (model != NULL && options->sha256 != NULL)
        return fail_usage("--sha256 goes with a URL; the table has those of models with names");
    files = json_array();
    interrupt_watch(true);
    status = model != NULL ? pull_known(options, model, out, path, files, &error) : pull_url(options, name, out, path, files, &error);
    interrupt_watch(false);
    if (status == SETUN_OK && options->common.output == OUTPUT_JSON)
        return print_json(json_pack("{s:s, s:o}", "model", path, "files", files));
    json_decref(files);
    if (status != SETUN_OK) {
        (void)fail("%s", error.text);
        return status == SETUN_ERR_INTERRUPTED ? EXIT_SIGNAL + interrupt_signal() : EXIT_FAILED;
    }
    printf("%s\n", path);
    return EXIT_DONE;
}

int model_pull(int argc, char **argv)
{
    pull_options options = {.retries = 5, .wait = 1, .stall = 60};
    const option_spec specs[] = {
        {.name = "list", .kind = OPTION_FLAG, .value = &options.list, .help = "list the names that are known, and download nothing"},
        {.name = "table", .kind = OPTION_TEXT, .argument = "FILE", .value = &options.table,
         .help = "YAML file that says what a NAME is (default: a table that is compiled in)"},
        {.name = "sha256", .kind = OPTION_TEXT, .argument = "HEX", .value = &options.sha256, .help = "what the SHA-256 of URL's file must be"},
        {.name = "retries", .kind = OPTION_INT, .argument = "N", .value = &options.retries, .min = 0, .max = 1000,
         .help = "go on after N breaks in a row at most (default 5); one after which 1 MiB\narrived is not counted"},
        {.name = "wait", .kind = OPTION_REAL, .argument = "SECONDS", .value = &options.wait, .low = 0, .high = 60,
         .help = "wait so long after the first break, twice as long after each further one,\n60 s at most (default 1)"},
        {.name = "stall", .kind = OPTION_REAL, .argument = "SECONDS", .value = &options.stall, .low = 1, .high = 3600,
         .help = "nothing for so long is a break, too (default 60)"},
    };
    const command_line line = {
        .name = "model pull",
        .usage = "setun model pull NAME|URL [OUT]\n"
                 "setun model pull --list",
        .text = "Downloads a model: one that is known by a NAME, from the Hugging Face hub or the mirror SETUN_HUB, or one file from a URL of\n"
                "http or https. It goes to OUT, or into the folder of models, where -m NAME finds it: the first of SETUN_MODEL_PATH,\n"
                "else ~/.local/share/setun/models (XDG_DATA_HOME). Prints its path.\n\n"
                "What is known of a file, its size and its SHA-256, is checked. A file has its name only when it is complete; until then it\n"
                "is FILE.partial. After Ctrl-C or a failure the same command goes on where it broke off.\n\n"
                "This is the only command of Setun that uses the network.",
        .examples = "setun model pull --list\n"
                    "setun model pull bitnet-b1.58-2b-4t-gguf && setun run -m bitnet-b1.58-2b-4t-gguf -p \"Hello\"\n"
                    "setun model pull https://example.org/story.gguf ./story.gguf\n"
                    "SETUN_HUB=https://mirror.example.org setun model pull bitnet-b1.58-2b-4t",
        .options = specs,
        .n_options = sizeof(specs) / sizeof(specs[0]),
        .common = COMMON_OUTPUT,
        .max_operands = 2,
    };
    hub_table table;
    setun_error error;
    int first, code = options_parse(&line, argc, argv, &options.common, &first);

    if (code >= 0)
        return code;
    if (options.list == (first < argc))
        return fail_usage(options.list ? "--list takes neither NAME nor URL" : "needs a NAME or a URL; see 'setun model pull --list'");
    if (options.sha256 != NULL && !is_sha256(options.sha256))
        return fail_usage("--sha256 takes 64 hexadecimal digits in lower case, not '%s'", options.sha256);
    if (hub_table_open(options.table, &table, &error) != SETUN_OK)
        return fail("%s", error.text);
    code = options.list ? list_models(&options, &table) : pull_model(&options, &table, argv[first], first + 1 < argc ? argv[first + 1] : NULL);
    hub_table_close(&table);
    return code;
}

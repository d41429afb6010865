/* model_find.c - where models lie, and which of them a name means. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "session/model_internal.h"

/* False: out of memory. */
static bool add_folder(setun_model_folders *folders, const char *text, size_t n_bytes)
{
    char *copy;

    if (n_bytes == 0 || folders->n == SETUN_MODEL_MAX_FOLDERS)
        return true;
    copy = setun_pool_strndup(&folders->pool, text, n_bytes);
    if (copy == NULL)
        return false;
    for (size_t i = 0; i < folders->n; i++)
        if (strcmp(folders->folder[i], copy) == 0)
            return true;
    folders->folder[folders->n++] = copy;
    return true;
}

/* Path of `relative`, which may begin with "../", as seen from `folder`, which has no links in it: without the detour. NULL: out of memory. */
static char *join(setun_pool *pool, const char *folder, const char *relative)
{
    size_t length = strlen(folder);

    while (strncmp(relative, "../", 3) == 0) {
        while (length > 0 && folder[length - 1] != '/')
            length--;
        while (length > 0 && folder[length - 1] == '/')
            length--;
        relative += 3;
    }
    return setun_pool_printf(pool, "%.*s/%s", (int)length, folder, relative);
}

/* Folder of downloaded models when SETUN_MODEL_PATH names none. Its path's length; 0: nothing tells. */
static size_t user_folder(char *out_path, size_t path_bytes)
{
    return setun_user_path("XDG_DATA_HOME", ".local/share", "setun/models", out_path, path_bytes);
}

setun_status setun_model_home(char *out_path, size_t path_bytes, setun_error *error)
{
    const char *path = getenv("SETUN_MODEL_PATH");
    size_t length;

    path = path != NULL ? path + strspn(path, ":") : "";
    if (path[0] != '\0')
        length = (size_t)snprintf(out_path, path_bytes, "%.*s", (int)strcspn(path, ":"), path);
    else
        length = user_folder(out_path, path_bytes);
    if (length == 0)
        return setun_fail(error, SETUN_ERR_NOT_FOUND, "no folder for models: SETUN_MODEL_PATH, XDG_DATA_HOME and HOME name none");
    if (length >= path_bytes)
        return setun_fail(error, SETUN_ERR_INVALID, "the folder for models: its path is longer than %zu bytes", path_bytes);
    return SETUN_OK;
}

setun_status setun_model_folders_list(setun_model_folders *folders, setun_error *error)
{
    const char *path = getenv("SETUN_MODEL_PATH"), *library;
    char user[4096];
    size_t n_user;
    bool ok = setun_library_folder(&folders->pool, &library) == SETUN_OK;

    for (const char *at = path; ok && at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ":");

        ok = add_folder(folders, at, length);
        at += length + (at[length] == ':');
    }
    n_user = user_folder(user, sizeof(user));
    if (ok && n_user < sizeof(user)) /* none, or longer than any path */
        ok = add_folder(folders, user, n_user);
    if (ok && library != NULL) {
        char *folder = join(&folders->pool, library, SETUN_MODELS_FROM_LIBRARY);

        ok = folder != NULL && add_folder(folders, folder, strlen(folder));
    }
    ok = ok && add_folder(folders, SETUN_MODEL_DIR, strlen(SETUN_MODEL_DIR));
    return ok ? SETUN_OK : setun_fail_nomem(error, "model folders", 0);
}

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_file(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* What `name` was probably meant to be, into near[near_bytes]; "" if nothing is close: a folder in the folders, or, with an ending, a file that
 * ends so, without it. */
static void find_near(const setun_model_folders *folders, const char *name, const char *ending, char *near, size_t near_bytes)
{
    const size_t n_ending = strlen(ending);

    near[0] = '\0';
    for (size_t i = 0; i < folders->n; i++) {
        DIR *dir = opendir(folders->folder[i]);

        for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
            const size_t length = strlen(entry->d_name);
            char word[128], path[4096];
            const char *const words[] = {word, near};

            if (entry->d_name[0] == '.' || length <= n_ending || length - n_ending >= sizeof(word) || length - n_ending >= near_bytes ||
                strcmp(entry->d_name + length - n_ending, ending) != 0)
                continue;
            memcpy(word, entry->d_name, length - n_ending);
            word[length - n_ending] = '\0';
            if (setun_nearest_word(name, words, near[0] != '\0' ? 2 : 1) == word &&
                snprintf(path, sizeof(path), "%s/%s", folders->folder[i], entry->d_name) < (int)sizeof(path) &&
                (n_ending > 0 ? is_file(path) : is_folder(path)))
                memcpy(near, word, length - n_ending + 1);
        }
        if (dir != NULL)
            (void)closedir(dir);
    }
}

/* Whether the folder holds the model: a folder of that name, a file of it, or the file without its ending. */
static bool find_in_folder(const char *folder, const char *name, char *out_path, size_t path_bytes)
{
    static const char *const endings[] = {"", ".gguf", ".setun"};

    for (size_t i = 0; i < SETUN_COUNT(endings); i++)
        if (snprintf(out_path, path_bytes, "%s/%s%s", folder, name, endings[i]) < (int)path_bytes &&
            (is_file(out_path) || (i == 0 && is_folder(out_path))))
            return true;
    return false;
}

/* A path that was found, into the caller's room. */
static setun_status give_path(const char *path, char *out_path, size_t path_bytes, setun_error *error)
{
    const size_t length = strlen(path);

    if (length >= path_bytes)
        return setun_fail(error, SETUN_ERR_INVALID, "model: its path of %zu bytes does not fit into %zu", length, path_bytes);
    memcpy(out_path, path, length + 1);
    return SETUN_OK;
}

setun_status setun_model_find(const setun_model_folders *folders, const char *name, char *out_path, size_t path_bytes, setun_error *error)
{
    struct stat info;
    char looked[512] = "", near[128], found[4096]; /* no system call takes a longer path */
    size_t used = 0;

    if (name[0] == '\0')
        return setun_fail(error, SETUN_ERR_INVALID, "the model's name is empty");
    if (strchr(name, '/') != NULL || is_folder(name) || (strchr(name, '.') != NULL && is_file(name))) {
        if (stat(name, &info) != 0)
            return setun_fail(error, errno == ENOENT ? SETUN_ERR_NOT_FOUND : SETUN_ERR_IO, "model %s: %s", name, strerror(errno));
        return give_path(name, out_path, path_bytes, error);
    }
    for (size_t i = 0; i < folders->n; i++) {
        if (find_in_folder(folders->folder[i], name, found, sizeof(found)))
            return give_path(found, out_path, path_bytes, error);
        used += (size_t)snprintf(looked + used, sizeof(looked) - used, "%s%s", used > 0 ? ", " : "", folders->folder[i]);
        if (used >= sizeof(looked))
            used = sizeof(looked) - 1;
    }
    find_near(folders, name, "", near, sizeof(near));
    return setun_fail(error, SETUN_ERR_NOT_FOUND, "model '%s': neither a folder nor a name found in %s%s%s%s", name, looked,
                      near[0] != '\0' ? "; did you mean '" : "", near, near[0] != '\0' ? "'?" : "");
}

/* "Falcon3-1B" is "falcon3-1b.yaml": published names have capitals, files here do not. */
static char *sizes_file(setun_pool *pool, const char *folder, const char *name)
{
    char *path = setun_pool_printf(pool, "%s/%s.yaml", folder, name);

    for (char *c = path == NULL ? NULL : path + strlen(folder); c != NULL && *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return path;
}

setun_status setun_model_find_sizes(const char *name, setun_pool *pool, const char **out_path, setun_error *error)
{
    const size_t n = strlen(name);
    setun_model_folders folders = {0};
    char looked[512] = "", near[128] = "";
    size_t used = 0;
    char *path = NULL;
    setun_status status;

    if (strchr(name, '/') != NULL || (n > 5 && strcmp(name + n - 5, ".yaml") == 0)) {
        *out_path = setun_pool_strndup(pool, name, n);
        return *out_path == NULL ? setun_fail_nomem(error, "path", n) : SETUN_OK;
    }
    status = setun_model_folders_list(&folders, error);
    for (size_t i = 0; status == SETUN_OK && i < folders.n; i++) {
        struct stat info;

        path = sizes_file(pool, folders.folder[i], name);
        if (path == NULL)
            status = setun_fail_nomem(error, "path", n);
        else if (stat(path, &info) == 0)
            break;
        path = NULL;
        used += (size_t)snprintf(looked + used, sizeof(looked) - used, "%s%s", used > 0 ? ", " : "", folders.folder[i]);
        if (used >= sizeof(looked))
            used = sizeof(looked) - 1;
    }
    if (status == SETUN_OK && path == NULL) {
        find_near(&folders, name, ".yaml", near, sizeof(near));
        status = setun_fail(error, SETUN_ERR_NOT_FOUND, "sizes '%s': no such .yaml file found in %s%s%s%s", name, looked,
                            near[0] != '\0' ? "; did you mean '" : "", near, near[0] != '\0' ? "'?" : "");
    }
    setun_pool_free(&folders.pool);
    *out_path = path;
    return status;
}

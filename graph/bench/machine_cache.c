/* machine_cache.c - the file that keeps what was measured of machines: JSON, an entry for each machine and number of threads.
 *
 * Nothing in it is believed that could not be a measurement. A file that breaks a rule anywhere is not used at all: its reader measures
 * again, says why, and replaces it. An error would stop people at a file that they never wrote. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_internal.h"
#include "convert/output.h"
#include "weights/json_file.h"

enum { VERSION = 1, MAX_ENTRIES = 256 /* the oldest goes: a home directory that many machines share */ };
#define MOST_A_SECOND 1e18 /* bytes or operations: no machine of this century */

static bool read_rate(const json_t *object, const char *key, double *out_rate)
{
    const json_t *value = json_object_get(object, key);

    *out_rate = json_number_value(value);
    return json_is_number(value) && isfinite(*out_rate) && *out_rate > 0 && *out_rate < MOST_A_SECOND;
}

static bool read_whole(const json_t *object, const char *key, int64_t min, int64_t *out_number)
{
    const json_t *value = json_object_get(object, key);

    *out_number = json_integer_value(value);
    return json_is_integer(value) && *out_number >= min;
}

static bool read_name(const json_t *object, const char *key, char *out_text, size_t n_bytes)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (text == NULL || strlen(text) >= n_bytes)
        return false;
    (void)snprintf(out_text, n_bytes, "%s", text);
    return true;
}

/* One entry without its machine; false: it breaks a rule. */
static bool read_entry(const json_t *entry, setun_machine_limits *out_limits)
{
    const json_t *list = json_object_get(entry, "int8"), *item;
    int64_t threads, buffer_bytes, cache_bytes;
    size_t i;

    memset(out_limits, 0, sizeof(*out_limits));
    if (!read_whole(entry, "threads", 1, &threads) || threads > SETUN_MAX_THREADS || !read_rate(entry, "read_bytes_s", &out_limits->read_bytes_s) ||
        !read_name(entry, "read_how", out_limits->read_how, sizeof(out_limits->read_how)) ||
        !read_whole(entry, "read_buffer_bytes", 1, &buffer_bytes) || !read_whole(entry, "cache_bytes", 0, &cache_bytes) ||
        !read_whole(entry, "measured", 0, &out_limits->measured) || !json_is_array(list) || json_array_size(list) > SETUN_MACHINE_INT8_MAX)
        return false;
    out_limits->threads = (uint32_t)threads;
    out_limits->read_buffer_bytes = (uint64_t)buffer_bytes;
    out_limits->cache_bytes = (uint64_t)cache_bytes;
    json_array_foreach(list, i, item)
    {
        char kernel[SETUN_NAME_BYTES];
        double ops_s;

        if (!read_name(item, "kernel", kernel, sizeof(kernel)) || !read_rate(item, "ops_s", &ops_s))
            return false;
        setun_bench_limits_add(out_limits, kernel, ops_s);
    }
    return true;
}

/* The list of a file in which everything is as it must be; NULL: it is not, or there is no file. Borrowed from *out_root. */
static json_t *open_entries(const char *path, json_t **out_root, char *note, size_t note_bytes)
{
    setun_machine_limits limits;
    setun_error error;
    json_t *list;
    const json_t *entry;
    size_t i;

    note[0] = '\0';
    *out_root = NULL;
    switch (setun_json_load(path, 0, out_root, &error)) {
    case SETUN_OK:
        break;
    case SETUN_ERR_NOT_FOUND:
        return NULL;
    default:
        (void)snprintf(note, note_bytes, "%.1000s: the machine is measured anew", error.text);
        return NULL;
    }
    list = json_object_get(*out_root, "entries");
    if (json_integer_value(json_object_get(*out_root, "setun_machine")) != VERSION || !json_is_array(list) || json_array_size(list) > MAX_ENTRIES) {
        (void)snprintf(note, note_bytes, "%.1000s: not a list of at most %d measurements, version %d: the machine is measured anew", path,
                       MAX_ENTRIES, VERSION);
        return NULL;
    }
    json_array_foreach(list, i, entry)
    {
        if (!json_is_string(json_object_get(entry, "machine")) || !read_entry(entry, &limits)) {
            (void)snprintf(note, note_bytes, "%.1000s: entry %zu cannot be a measurement: the machine is measured anew", path, i);
            return NULL;
        }
    }
    return list;
}

static bool is_for(const json_t *entry, const char *machine, uint32_t n_threads)
{
    return strcmp(json_string_value(json_object_get(entry, "machine")), machine) == 0 &&
           json_integer_value(json_object_get(entry, "threads")) == (json_int_t)n_threads;
}

bool setun_machine_cache_load(const char *path, const char *machine, uint32_t n_threads, setun_machine_limits *out_limits, char *note,
                              size_t note_bytes)
{
    json_t *root, *list = open_entries(path, &root, note, note_bytes);
    const json_t *entry;
    bool found = false;
    size_t i;

    json_array_foreach(list, i, entry)
        if (!found && is_for(entry, machine, n_threads))
            found = read_entry(entry, out_limits);
    json_decref(root);
    return found;
}

/* ---- writing ---- */

static json_t *make_entry(const char *machine, const setun_machine_limits *limits)
{
    json_t *list = json_array(), *entry;

    for (size_t i = 0; i < limits->n_int8 && list != NULL; i++) {
        if (json_array_append_new(list, json_pack("{s:s, s:f}", "kernel", limits->int8[i].kernel, "ops_s", limits->int8[i].ops_s)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    if (list == NULL)
        return NULL;
    entry = json_pack("{s:s, s:I, s:f, s:s, s:I, s:I, s:I, s:o}", "machine", machine, "threads", (json_int_t)limits->threads, "read_bytes_s",
                      limits->read_bytes_s, "read_how", limits->read_how, "read_buffer_bytes", (json_int_t)limits->read_buffer_bytes, "cache_bytes",
                      (json_int_t)limits->cache_bytes, "measured", (json_int_t)limits->measured, "int8", list);
    return entry;
}

/* The file's text with the entry in it. NULL: memory ran out, or the machine's name is no text. malloc-ed. */
static char *make_text(const char *path, const char *machine, const setun_machine_limits *limits)
{
    char note[16], *text = NULL;
    json_t *root, *old = open_entries(path, &root, note, sizeof(note)), *entry, *list = json_array(), *whole = NULL;
    bool ok = list != NULL;
    size_t i;

    json_array_foreach(old, i, entry)
        if (ok && !is_for(entry, machine, limits->threads))
            ok = json_array_append(list, entry) == 0;
    while (ok && json_array_size(list) >= MAX_ENTRIES)
        ok = json_array_remove(list, 0) == 0;
    ok = ok && json_array_append_new(list, make_entry(machine, limits)) == 0;
    if (ok)
        whole = json_pack("{s:i, s:O}", "setun_machine", VERSION, "entries", list);
    if (whole != NULL)
        text = json_dumps(whole, JSON_INDENT(1));
    json_decref(whole);
    json_decref(list);
    json_decref(root);
    return text;
}

setun_status setun_machine_cache_store(const char *path, const char *machine, const setun_machine_limits *limits, setun_error *error)
{
    char *text = make_text(path, machine, limits);
    setun_status status;

    if (text == NULL)
        return setun_fail_nomem(error, "limits of the machine", strlen(path));
    status = setun_output_cache(path, text, strlen(text), error);
    free(text);
    return status;
}

/* prepacked.c - the reader of Setun's own files: their fixed part, their JSON and the sections behind it. */
#include "weights/prepacked.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "weights/json_file.h"

static uint64_t little(const unsigned char *bytes, size_t n)
{
    uint64_t value = 0;

    for (size_t i = n; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

bool setun_prepacked_claims(const char *path)
{
    setun_weight_file file;
    unsigned char magic[sizeof(SETUN_PREPACKED_MAGIC) - 1];
    bool is_ours;

    if (setun_weight_file_open(path, &file, NULL) != SETUN_OK)
        return false;
    is_ours = file.n_bytes >= sizeof(magic) && setun_weight_file_read(&file, 0, sizeof(magic), magic, NULL) == SETUN_OK &&
              memcmp(magic, SETUN_PREPACKED_MAGIC, sizeof(magic)) == 0;
    setun_weight_file_close(&file);
    return is_ours;
}

/* The fixed part: the version, how long the JSON is, and what its hash should be. */
static setun_status read_fixed(const setun_weight_file *file, uint32_t *out_version, uint64_t *out_json_bytes, uint64_t *out_hash, setun_error *error)
{
    unsigned char fixed[SETUN_PREPACKED_FIXED_BYTES];
    uint64_t version, n_file;
    setun_status status;

    if (file->n_bytes < sizeof(fixed))
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: expected %zu bytes at least, found %" PRIu64, file->path, sizeof(fixed), file->n_bytes);
    status = setun_weight_file_read(file, 0, sizeof(fixed), fixed, error);
    if (status != SETUN_OK)
        return status;
    if (memcmp(fixed, SETUN_PREPACKED_MAGIC, sizeof(SETUN_PREPACKED_MAGIC) - 1) != 0)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte 0: expected the first bytes of a prepacked file, found others", file->path);
    version = little(fixed + SETUN_PREPACKED_AT_VERSION, 4);
    if (version != SETUN_PREPACKED_VERSION && version != SETUN_PREPACKED_VERSION_PLAIN)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s: byte %d: expected version %d or %d of the prepacked format, found %" PRIu64
                          ": make the file again with this Setun ('setun model convert')",
                          file->path, SETUN_PREPACKED_AT_VERSION, SETUN_PREPACKED_VERSION_PLAIN, SETUN_PREPACKED_VERSION, version);
    *out_version = (uint32_t)version;
    for (size_t i = SETUN_PREPACKED_AT_ZERO; i < sizeof(fixed); i++)
        if ((i < SETUN_PREPACKED_AT_JSON_BYTES || i >= SETUN_PREPACKED_AT_ZEROS) && fixed[i] != 0)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %zu: expected 0, found %u", file->path, i, fixed[i]);
    n_file = little(fixed + SETUN_PREPACKED_AT_FILE_BYTES, 8);
    if (n_file != file->n_bytes)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %d: expected a file of %" PRIu64 " bytes, found %" PRIu64 ": it is %s", file->path,
                          SETUN_PREPACKED_AT_FILE_BYTES, n_file, file->n_bytes, file->n_bytes < n_file ? "not whole" : "too long");
    *out_json_bytes = little(fixed + SETUN_PREPACKED_AT_JSON_BYTES, 8);
    *out_hash = little(fixed + SETUN_PREPACKED_AT_JSON_HASH, 8);
    if (*out_json_bytes == 0 || *out_json_bytes > SETUN_PREPACKED_MAX_JSON_BYTES || *out_json_bytes > file->n_bytes - sizeof(fixed))
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %d: expected 1 to %" PRIu64 " bytes of JSON, found %" PRIu64, file->path,
                          SETUN_PREPACKED_AT_JSON_BYTES,
                          file->n_bytes - sizeof(fixed) < SETUN_PREPACKED_MAX_JSON_BYTES ? file->n_bytes - sizeof(fixed)
                                                                                         : (uint64_t)SETUN_PREPACKED_MAX_JSON_BYTES,
                          *out_json_bytes);
    return SETUN_OK;
}

/* One section with its place in the list, to be sorted by where it begins. */
typedef struct placed_section {
    setun_prepacked_section section;
    const char             *name;
} placed_section;

static int compare_places(const void *left, const void *right)
{
    const uint64_t a = ((const placed_section *)left)->section.file_byte, b = ((const placed_section *)right)->section.file_byte;

    return a < b ? -1 : a > b;
}

/* Turns the sections' offsets into bytes of the file, where they follow one another, each at the next multiple of 4096, up to the file's end: none overlaps, and no byte has no owner. */
static setun_status check_sections(const setun_weight_file *file, setun_prepacked *p, uint64_t json_end, setun_error *error)
{
    const uint64_t data = setun_prepacked_align(json_end);
    const size_t n_at_most = p->n_tensors * (1 + SETUN_WEIGHT_SCREEN_PARTS) + 1; /* each has objects in the JSON */
    placed_section *places = setun_calloc(n_at_most, sizeof(*places));
    uint64_t end = json_end;
    size_t n = 0;
    setun_status status = SETUN_OK;

    if (places == NULL)
        return setun_fail_nomem(error, "sections", n_at_most * sizeof(*places));
    p->tokenizer_section.file_byte += data;
    places[n++] = (placed_section){p->tokenizer_section, "(tokenizer)"};
    for (size_t i = 0; i < p->n_tensors; i++) {
        setun_prepacked_tensor *tensor = &p->tensors[i];

        tensor->section.file_byte += data;
        places[n++] = (placed_section){tensor->section, tensor->weight.name};
        for (size_t j = 0; tensor->screen != NULL && j < SETUN_WEIGHT_SCREEN_PARTS; j++) {
            tensor->screen[j].file_byte += data;
            places[n++] = (placed_section){tensor->screen[j], tensor->weight.name};
        }
    }
    qsort(places, n, sizeof(*places), compare_places);
    for (size_t i = 0; i < n && status == SETUN_OK; i++) {
        const setun_prepacked_section *section = &places[i].section;

        if (section->file_byte != setun_prepacked_align(end))
            status = setun_fail(error, SETUN_ERR_FORMAT, "%s: '%s': expected its contents at byte %" PRIu64 ", after what comes before, found %" PRIu64,
                                file->path, places[i].name, setun_prepacked_align(end), section->file_byte);
        else if (section->file_byte > file->n_bytes || section->n_bytes > file->n_bytes - section->file_byte)
            status = setun_fail(error, SETUN_ERR_FORMAT, "%s: '%s': expected its %" PRIu64 " bytes from byte %" PRIu64
                                " on, found the file's end at byte %" PRIu64, file->path, places[i].name, section->n_bytes, section->file_byte,
                                file->n_bytes);
        end = section->file_byte + section->n_bytes;
    }
    free(places);
    if (status == SETUN_OK && end != file->n_bytes)
        return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %" PRIu64 ": expected the file's end after the last contents, found %" PRIu64 " bytes more",
                          file->path, end, file->n_bytes - end);
    return status;
}

setun_status setun_prepacked_read(const setun_weight_file *file, setun_pool *pool, setun_prepacked *out_prepacked, setun_error *error)
{
    setun_prepacked prepacked = {.text = {.bos = -1}};
    uint64_t n_json = 0, hash = 0;
    json_t *root = NULL;
    char *text;
    setun_status status = read_fixed(file, &prepacked.version, &n_json, &hash, error);

    if (status != SETUN_OK)
        return status;
    text = setun_alloc((size_t)n_json); /* at most the file's size */
    if (text == NULL)
        return setun_fail_nomem(error, file->path, (size_t)n_json);
    status = setun_weight_file_read(file, SETUN_PREPACKED_FIXED_BYTES, (size_t)n_json, text, error);
    if (status == SETUN_OK && XXH3_64bits(text, (size_t)n_json) != hash)
        status = setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %d: expected JSON with the hash %016" PRIx64 ", found %016" PRIx64 ": it is damaged",
                            file->path, SETUN_PREPACKED_FIXED_BYTES, hash, (uint64_t)XXH3_64bits(text, (size_t)n_json));
    if (status == SETUN_OK)
        status = setun_json_parse(file->path, SETUN_PREPACKED_FIXED_BYTES, text, (size_t)n_json, 0, &root, error);
    free(text);
    if (status == SETUN_OK)
        status = setun_prepacked_parse(file->path, root, pool, &prepacked, error);
    json_decref(root);
    if (status == SETUN_OK)
        status = check_sections(file, &prepacked, SETUN_PREPACKED_FIXED_BYTES + n_json, error);
    if (status == SETUN_OK)
        *out_prepacked = prepacked;
    return status;
}

setun_status setun_prepacked_read_tokenizer(const setun_weight_file *file, const setun_prepacked *prepacked, char **out_text, size_t *out_bytes,
                                            setun_error *error)
{
    const setun_prepacked_section *section = &prepacked->tokenizer_section;
    const size_t n_bytes = (size_t)section->n_bytes; /* within the file */
    char *text = setun_alloc(n_bytes);
    setun_status status;

    if (text == NULL)
        return setun_fail_nomem(error, "tokenizer", n_bytes);
    status = setun_weight_file_read(file, section->file_byte, n_bytes, text, error);
    if (status == SETUN_OK && XXH3_64bits(text, n_bytes) != section->hash)
        status = setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %" PRIu64 ": expected a tokenizer with the hash %016" PRIx64 ", found %016" PRIx64
                            ": it is damaged", file->path, section->file_byte, section->hash, (uint64_t)XXH3_64bits(text, n_bytes));
    if (status != SETUN_OK) {
        free(text);
        return status;
    }
    *out_text = text;
    *out_bytes = n_bytes;
    return SETUN_OK;
}

/* The parts of the screen beside a tensor [n, k]: codes of its shape and four vectors with one number for each row. */
static setun_status add_screen(setun_weights *weights, const setun_prepacked_section *sections, setun_weight *weight, setun_error *error)
{
    setun_weight *parts = setun_pool_alloc(&weights->pool, SETUN_WEIGHT_SCREEN_PARTS * sizeof(*parts));

    if (parts == NULL)
        return setun_fail_nomem(error, weights->path, SETUN_WEIGHT_SCREEN_PARTS * sizeof(*parts));
    for (size_t i = 0; i < SETUN_WEIGHT_SCREEN_PARTS; i++) {
        parts[i] = (setun_weight){.name = weight->name, .fmt = i == 0 ? "i7.r256k32" : "f32", .n_dims = i == 0 ? 2 : 1,
                                  .dim = {weight->dim[0], 1, 1, 1}, .n_bytes = (size_t)sections[i].n_bytes, .scale = 1.0f, .laid_out = true,
                                  .has_hash = true, .hash = sections[i].hash, .file = weight->file, .file_byte = sections[i].file_byte,
                                  .is_screen = true};
        if (i == 0)
            parts[i].dim[1] = weight->dim[1];
    }
    weight->screen = parts;
    return SETUN_OK;
}

static bool claims(const char *path, const struct stat *info)
{
    return S_ISREG(info->st_mode) && setun_prepacked_claims(path);
}

static setun_status read_file(setun_weights *weights, setun_error *error)
{
    const setun_weight_file *file;
    setun_prepacked prepacked;
    setun_status status = setun_weights_open_file(weights, weights->path, &file, error);

    if (status == SETUN_OK)
        status = setun_prepacked_read(file, &weights->pool, &prepacked, error);
    if (status != SETUN_OK)
        return status;
    weights->source       = prepacked.source;
    weights->config_path  = weights->path;
    weights->architecture = prepacked.architecture;
    weights->text         = prepacked.text;
    for (size_t i = 0; i < prepacked.n_metas && status == SETUN_OK; i++)
        status = setun_weights_add_meta(weights, &prepacked.metas[i], error);
    for (size_t i = 0; i < prepacked.n_tensors && status == SETUN_OK; i++) {
        setun_weight weight = prepacked.tensors[i].weight;

        weight.file      = file;
        weight.file_byte = prepacked.tensors[i].section.file_byte;
        if (prepacked.tensors[i].screen != NULL)
            status = add_screen(weights, prepacked.tensors[i].screen, &weight, error);
        if (status == SETUN_OK)
            status = setun_weights_add(weights, &weight, error);
    }
    return status;
}

/* The source is the file's own; see read_file. */
const setun_reader setun_reader_prepacked = {.source = SETUN_SOURCE_HUGGINGFACE, .claims = claims, .read = read_file};

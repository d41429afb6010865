/* weight_check.c - reads a tensor's contents for what no kernel may meet. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "setun_numerics.h"
#include "weights/coded_block.h"

enum { BLOCK_BYTES = 4096 }; /* looked at in one go, then searched only if something was found */
#define DENSE_MAX_BYTES (UINT64_C(64) << 20) /* weights.h: larger matrices are passed over */

/* How an exponent of all ones, NaN or infinity, shows in an element. */
struct element {
    const char *fmt;
    size_t      n_bytes;
    uint32_t    exponent;
};
static const struct element elements[] = {
    {"f32", 4, 0x7f800000u},
    {"f16", 2, 0x7c00u},
    {"bf16", 2, 0x7f80u},
};

/* Any code 3 (both bits set) among 8 bytes. */
static bool word_has_code_3(const unsigned char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return (word & word >> 1 & UINT64_C(0x5555555555555555)) != 0;
}

static bool byte_has_code_3(unsigned byte)
{
    return (byte & byte >> 1 & 0x55) != 0;
}

/* Where a byte of the contents is in the file; of decoded ones, where the tensor is. */
static uint64_t byte_in_file(const setun_weight *weight, size_t byte)
{
    return weight->file_byte + (weight->coding == NULL ? byte : 0);
}

/* The first byte with a code 3 among data[n], or n. */
static size_t find_code_3(const unsigned char *data, size_t n)
{
    size_t i = 0;

    while (n - i >= sizeof(uint64_t) && !word_has_code_3(data + i))
        i += sizeof(uint64_t);
    while (i < n && !byte_has_code_3(data[i]))
        i++;
    return i;
}

/* Packings of four codes a byte whose padding is made of codes, too: a place in the file says enough. */
static setun_status check_codes(const setun_weight *weight, size_t first_byte, const unsigned char *data, size_t n, setun_error *error)
{
    const size_t i = find_code_3(data, n);

    if (i == n)
        return SETUN_OK;
    return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %" PRIu64 ": tensor '%s' (%s): expected ternary codes of 0, 1 or 2, found a 3",
                      weight->file->path, weight->file_byte + first_byte + i, weight->name, weight->fmt);
}

static setun_status fail_code_3(const setun_weight *weight, size_t byte, size_t row, size_t column, setun_error *error)
{
    return setun_fail(error, SETUN_ERR_FORMAT,
                      "%s: byte %" PRIu64 ": tensor '%s', row %zu, column %zu: expected a ternary code of 0, 1 or 2, found 3",
                      weight->file->path, byte_in_file(weight, byte), weight->name, row, column);
}

/* tern2.hf: byte [p, c] of [n / 4, k] holds the codes of rows p, p + n/4, ... of column c, low bits first. */
static setun_status check_hf(const setun_weight *weight, size_t first_byte, const unsigned char *data, size_t n, setun_error *error)
{
    const size_t n_quarter = (size_t)weight->dim[0] / 4, n_columns = (size_t)weight->dim[1];
    const size_t i = find_code_3(data, n), byte = first_byte + i;
    size_t quarter = 0;

    if (i == n)
        return SETUN_OK;
    while (quarter < 3 && (data[i] >> (2 * quarter) & 3) != 3)
        quarter++;
    return fail_code_3(weight, byte, quarter * n_quarter + byte / n_columns, byte % n_columns, error);
}

/* tern2.i2s: byte l of a block of 32 holds columns l, 32 + l, 64 + l and 96 + l, high bits first. */
static setun_status check_i2s(const setun_weight *weight, size_t first_byte, const unsigned char *data, size_t n, setun_error *error)
{
    const size_t row_bytes = (size_t)weight->dim[1] / 4, i = find_code_3(data, n), byte = first_byte + i;
    size_t quarter = 0;

    if (i == n)
        return SETUN_OK;
    while (quarter < 3 && (data[i] >> (6 - 2 * quarter) & 3) != 3)
        quarter++;
    return fail_code_3(weight, byte, byte / row_bytes, byte % row_bytes / 32 * 128 + quarter * 32 + byte % 32, error);
}

/* Ternary formats of blocks with an f16 scale at d_at; code_bytes of two-bit codes from their start. Pieces hold whole blocks. */
static const struct block {
    const char *fmt;
    size_t      n_bytes, n_values, d_at, code_bytes;
} blocks[] = {
    {"tern.tq1", 54, 256, 52, 0},
    {"tern2.tq2", 66, 256, 64, 64},
};

static const struct block *find_block(const char *fmt)
{
    for (size_t i = 0; i < SETUN_COUNT(blocks); i++)
        if (strcmp(fmt, blocks[i].fmt) == 0)
            return &blocks[i];
    return NULL;
}

static setun_status check_blocks(const setun_weight *weight, const struct block *block, size_t first_byte, const unsigned char *data, size_t n,
                                 setun_error *error)
{
    const size_t n_columns = (size_t)weight->dim[weight->n_dims - 1];

    for (size_t at = 0; at < n; at += block->n_bytes) {
        const size_t value = (first_byte + at) / block->n_bytes * block->n_values, bad = find_code_3(data + at, block->code_bytes);
        const unsigned d = (unsigned)(data[at + block->d_at] | data[at + block->d_at + 1] << 8);
        size_t quarter = 0;

        if ((d & 0x7C00) == 0x7C00)
            return setun_fail(error, SETUN_ERR_FORMAT,
                              "%s: byte %" PRIu64 ": tensor '%s', row %zu, column %zu: expected a finite scale of the block, found NaN or infinity",
                              weight->file->path, byte_in_file(weight, first_byte + at + block->d_at), weight->name, value / n_columns,
                              value % n_columns);
        if (bad == block->code_bytes)
            continue;
        while (quarter < 3 && (data[at + bad] >> (2 * quarter) & 3) != 3)
            quarter++;
        return fail_code_3(weight, first_byte + at + bad, value / n_columns, value % n_columns + bad / 32 * 128 + quarter * 32 + bad % 32, error);
    }
    return SETUN_OK;
}

size_t setun_weight_piece_bytes(const setun_weight *weight)
{
    const struct block *block = find_block(weight->fmt);
    const setun_coded_block *coded = setun_coded_block_find(weight->fmt);
    const size_t unit = coded != NULL ? setun_coded_block_bytes(coded) : block == NULL ? 8 : 8 * block->n_bytes;

    return SETUN_WEIGHT_CHUNK_BYTES / unit * unit;
}

static bool any_f32(const unsigned char *bytes, size_t n_bytes, uint32_t exponent)
{
    uint32_t found = 0;

    for (size_t i = 0; i < n_bytes; i += sizeof(uint32_t)) {
        uint32_t bits;

        memcpy(&bits, bytes + i, sizeof(bits));
        found |= (bits & exponent) == exponent;
    }
    return found != 0;
}

static bool any_16(const unsigned char *bytes, size_t n_bytes, uint32_t exponent)
{
    uint32_t found = 0;

    for (size_t i = 0; i < n_bytes; i += sizeof(uint16_t)) {
        uint16_t bits;

        memcpy(&bits, bytes + i, sizeof(bits));
        found |= (bits & exponent) == exponent;
    }
    return found != 0;
}

static bool any_not_finite(const struct element *element, const unsigned char *bytes, size_t n_bytes)
{
    return element->n_bytes == 4 ? any_f32(bytes, n_bytes, element->exponent) : any_16(bytes, n_bytes, element->exponent);
}

static setun_status check_dense(const setun_weight *weight, const struct element *element, size_t first_byte, const unsigned char *data,
                                size_t n, setun_error *error)
{
    /* Of a row that is laid out with padding, those of the padding count as columns; they are zeros and are never named. */
    const size_t n_columns = weight->n_dims == 0 ? 1 : weight->laid_out && weight->n_dims == 2 ? weight->n_bytes / element->n_bytes / (size_t)weight->dim[0]
                                                                                             : (size_t)weight->dim[weight->n_dims - 1];
    size_t at = 0, n_block = 0, index;

    for (; at < n; at += n_block) {
        n_block = n - at < BLOCK_BYTES ? n - at : BLOCK_BYTES;
        if (any_not_finite(element, data + at, n_block))
            break;
    }
    if (at == n)
        return SETUN_OK;
    while (!any_not_finite(element, data + at, element->n_bytes))
        at += element->n_bytes;
    at += first_byte;
    index = at / element->n_bytes;
    if (weight->n_dims <= 1)
        return setun_fail(error, SETUN_ERR_FORMAT,
                          "%s: byte %" PRIu64 ": tensor '%s', element %zu: expected a finite value, found NaN or infinity",
                          weight->file->path, byte_in_file(weight, at), weight->name, index);
    return setun_fail(error, SETUN_ERR_FORMAT,
                      "%s: byte %" PRIu64 ": tensor '%s', row %zu, column %zu: expected a finite value, found NaN or infinity",
                      weight->file->path, byte_in_file(weight, at), weight->name, index / n_columns, index % n_columns);
}

/* What bounds are computed with: a negative or unordered one would make a screen keep no candidate at all. */
static setun_status check_bounds(const setun_weight *weight, size_t first_byte, const unsigned char *data, size_t n, setun_error *error)
{
    uint32_t bits, found = 0;

    for (size_t i = 0; i + sizeof(bits) <= n; i += sizeof(bits)) {
        memcpy(&bits, data + i, sizeof(bits));
        found |= bits >= 0x7f800000u;
    }
    for (size_t i = 0; found != 0 && i + sizeof(bits) <= n; i += sizeof(bits)) {
        memcpy(&bits, data + i, sizeof(bits));
        if (bits >= 0x7f800000u)
            return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %" PRIu64 ": screen of '%s', row %zu: expected a finite number from 0 on, found another",
                              weight->file->path, weight->file_byte + first_byte + i, weight->name, (first_byte + i) / sizeof(bits));
    }
    return SETUN_OK;
}

/* Formats of blocks with one f16 scale each, and where it is. */
struct scaled_block {
    const char *fmt;
    size_t      n_bytes, scale_at, n_columns;
};
static const struct scaled_block scaled_blocks[] = {
    {"q8_0.b32", SETUN_Q8_0_BYTES, 0, SETUN_BLOCK},
    {"q6_k.b256", SETUN_Q6_K_BYTES, SETUN_Q6_K_BYTES - 2, SETUN_Q6_K_BLOCK},
};

/* A piece may begin and end within a block, but not within a scale: those and pieces begin at even bytes. */
static setun_status check_scales(const setun_weight *weight, const struct scaled_block *block, size_t first_byte, const unsigned char *data,
                                 size_t n, setun_error *error)
{
    const size_t n_columns = weight->n_dims == 0 ? 1 : (size_t)weight->dim[weight->n_dims - 1], row_blocks = n_columns / block->n_columns;
    size_t index = first_byte / block->n_bytes; /* of the first block whose scale is in the piece */

    if (index * block->n_bytes + block->scale_at < first_byte)
        index++;
    for (size_t at = index * block->n_bytes + block->scale_at - first_byte; at + 2 <= n; at += block->n_bytes, index++) {
        uint16_t bits;

        memcpy(&bits, data + at, sizeof(bits));
        if ((bits & 0x7c00) == 0x7c00)
            return setun_fail(error, SETUN_ERR_FORMAT,
                              "%s: byte %" PRIu64 ": tensor '%s', row %zu, columns %zu to %zu: expected a finite scale, found NaN or infinity",
                              weight->file->path, weight->file_byte + first_byte + at, weight->name, index / row_blocks,
                              index % row_blocks * block->n_columns, (index % row_blocks + 1) * block->n_columns - 1);
    }
    return SETUN_OK;
}

setun_status setun_weight_check_piece(const setun_weight *weight, size_t first_byte, const void *data, size_t n_bytes, setun_error *error)
{
    const setun_coded_block *coded = setun_coded_block_find(weight->fmt);

    if (weight->is_screen) /* any bits are codes of i7.r256k32 */
        return strcmp(weight->fmt, "f32") == 0 ? check_bounds(weight, first_byte, data, n_bytes, error) : SETUN_OK;
    if (strcmp(weight->fmt, "tern2.hf") == 0)
        return check_hf(weight, first_byte, data, n_bytes, error);
    if (strcmp(weight->fmt, "tern2.row") == 0 || strcmp(weight->fmt, "tern2.r16k16") == 0)
        return check_codes(weight, first_byte, data, n_bytes, error);
    if (coded != NULL)
        return setun_coded_block_check(coded, weight, first_byte, data, n_bytes, error);
    if (strcmp(weight->fmt, "tern2.i2s") == 0)
        return check_i2s(weight, first_byte, data, n_bytes, error);
    if (find_block(weight->fmt) != NULL)
        return check_blocks(weight, find_block(weight->fmt), first_byte, data, n_bytes, error);
    for (size_t i = 0; i < SETUN_COUNT(elements); i++)
        if (strcmp(weight->fmt, elements[i].fmt) == 0)
            return check_dense(weight, &elements[i], first_byte, data, n_bytes, error);
    for (size_t i = 0; i < SETUN_COUNT(scaled_blocks); i++)
        if (strcmp(weight->fmt, scaled_blocks[i].fmt) == 0)
            return check_scales(weight, &scaled_blocks[i], first_byte, data, n_bytes, error);
    return SETUN_OK;
}

uint64_t setun_weight_piece_hash(const void *data, size_t n_bytes)
{
    const uint64_t hash = XXH3_64bits(data, n_bytes);
    unsigned char bytes[sizeof(hash)];
    uint64_t little;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(hash >> (8 * i));
    memcpy(&little, bytes, sizeof(little)); /* in memory as in the definition, whatever this machine's order */
    return little;
}

static setun_status compare_hash(const setun_weight *weight, uint64_t found, setun_error *error)
{
    if (found == weight->hash)
        return SETUN_OK;
    return setun_fail(error, SETUN_ERR_FORMAT, "%s: byte %" PRIu64 ": %s '%s': expected contents with the hash %016" PRIx64
                      ", found %016" PRIx64 ": they are damaged", weight->file->path, weight->file_byte,
                      weight->is_screen ? "screen of" : "tensor", weight->name, weight->hash, found);
}

setun_status setun_weight_check_hashes(const setun_weight *weight, const uint64_t *piece_hashes, size_t n_pieces, setun_error *error)
{
    return compare_hash(weight, XXH3_64bits(piece_hashes, n_pieces * sizeof(*piece_hashes)), error);
}

/* The tensor alone. */
static setun_status check_one(const setun_weights *weights, const setun_weight *weight, setun_error *error)
{
    const size_t piece = setun_weight_piece_bytes(weight);
    unsigned char *data = setun_alloc(piece);
    XXH3_state_t *hash = weight->has_hash ? XXH3_createState() : NULL;
    setun_status status = SETUN_OK;
    size_t n;

    if (data == NULL || (weight->has_hash && (hash == NULL || XXH3_64bits_reset(hash) != XXH_OK))) {
        free(data);
        (void)XXH3_freeState(hash);
        return setun_fail_nomem(error, "piece of a tensor", piece);
    }
    for (size_t at = 0; at < weight->n_bytes && status == SETUN_OK; at += n) {
        n = weight->n_bytes - at < piece ? weight->n_bytes - at : piece;
        status = setun_weight_read(weights, weight, at, n, data, error);
        if (status == SETUN_OK)
            status = setun_weight_check_piece(weight, at, data, n, error);
        if (status == SETUN_OK && hash != NULL) {
            const uint64_t of_piece = setun_weight_piece_hash(data, n);

            (void)XXH3_64bits_update(hash, weight->is_screen ? (const void *)&of_piece : data, weight->is_screen ? sizeof(of_piece) : n);
        }
    }
    if (status == SETUN_OK && hash != NULL)
        status = compare_hash(weight, XXH3_64bits_digest(hash), error);
    (void)XXH3_freeState(hash);
    free(data);
    return status;
}

setun_status setun_weight_check_whole(const setun_weights *weights, const setun_weight *weight, setun_error *error)
{
    setun_status status = check_one(weights, weight, error);

    for (size_t i = 0; weight->screen != NULL && i < SETUN_WEIGHT_SCREEN_PARTS && status == SETUN_OK; i++)
        status = check_one(weights, &weight->screen[i], error);
    return status;
}

bool setun_weight_is_passed_over(const setun_weight *weight)
{
    return strncmp(weight->fmt, "tern", 4) != 0 && weight->n_dims > 1 && weight->n_bytes >= DENSE_MAX_BYTES;
}

setun_status setun_weight_check(const setun_weights *weights, const setun_weight *weight, setun_error *error)
{
    return setun_weight_is_passed_over(weight) ? SETUN_OK : setun_weight_check_whole(weights, weight, error);
}

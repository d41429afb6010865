/* features.c - names of CPU features, and the cap of SETUN_CPU applied to those of the machine. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "cpu/arch.h"
#include "setun/cpu.h"
#include "setun_plugin.h"

#define X86_BITS UINT64_C(0x00000000FFFFFFFF)
#define ARM_BITS UINT64_C(0xFFFFFFFF00000000)

#define VNNI_BITS   (SETUN_CPU_AVX_VNNI | SETUN_CPU_AVX_VNNI_INT8 | SETUN_CPU_AVX512_VNNI)
#define AVX512_BITS (SETUN_CPU_AVX512 | SETUN_CPU_AVX512_VNNI | SETUN_CPU_AVX512_VBMI | SETUN_CPU_AVX512_BF16 | SETUN_CPU_AVX512_FP16)
#define AMX_BITS    (SETUN_CPU_AMX_TILE | SETUN_CPU_AMX_INT8 | SETUN_CPU_AMX_BF16)

/* What each level keeps; levels of one architecture grow, and leave the bits of the other alone. */
#define LEVEL_SSE    (SETUN_CPU_SSE41 | SETUN_CPU_POPCNT)
#define LEVEL_AVX2   (LEVEL_SSE | SETUN_CPU_AVX2 | SETUN_CPU_FMA | SETUN_CPU_F16C | SETUN_CPU_BMI2 | SETUN_CPU_AVX_VNNI | \
                      SETUN_CPU_AVX_VNNI_INT8 | SETUN_CPU_GFNI)
#define LEVEL_AVX512 (LEVEL_AVX2 | AVX512_BITS)
#define LEVEL_AMX    (LEVEL_AVX512 | AMX_BITS)
#define LEVEL_NEON    SETUN_CPU_NEON
#define LEVEL_DOTPROD (LEVEL_NEON | SETUN_CPU_DOTPROD)
#define LEVEL_I8MM    (LEVEL_DOTPROD | SETUN_CPU_I8MM | SETUN_CPU_FP16)

typedef struct word {
    const char *text;
    uint64_t bits;
} word;

static const word levels[] = {
    {"sse", LEVEL_SSE | ARM_BITS},     {"avx2", LEVEL_AVX2 | ARM_BITS},       {"avx512", LEVEL_AVX512 | ARM_BITS},
    {"amx", LEVEL_AMX | ARM_BITS},     {"neon", LEVEL_NEON | X86_BITS},       {"dotprod", LEVEL_DOTPROD | X86_BITS},
    {"i8mm", LEVEL_I8MM | X86_BITS},   {"native", X86_BITS | ARM_BITS},
};

/* One name a bit; setun_cpu_names prints them, and "-name" takes exactly that bit away unless `families` says more. */
static const word names[] = {
    {"sse41", SETUN_CPU_SSE41},
    {"popcnt", SETUN_CPU_POPCNT},
    {"avx2", SETUN_CPU_AVX2},
    {"fma", SETUN_CPU_FMA},
    {"f16c", SETUN_CPU_F16C},
    {"bmi2", SETUN_CPU_BMI2},
    {"avx_vnni", SETUN_CPU_AVX_VNNI},
    {"avx_vnni_int8", SETUN_CPU_AVX_VNNI_INT8},
    {"avx512", SETUN_CPU_AVX512},
    {"avx512_vnni", SETUN_CPU_AVX512_VNNI},
    {"avx512_vbmi", SETUN_CPU_AVX512_VBMI},
    {"avx512_bf16", SETUN_CPU_AVX512_BF16},
    {"avx512_fp16", SETUN_CPU_AVX512_FP16},
    {"gfni", SETUN_CPU_GFNI},
    {"amx_tile", SETUN_CPU_AMX_TILE},
    {"amx_int8", SETUN_CPU_AMX_INT8},
    {"amx_bf16", SETUN_CPU_AMX_BF16},
    {"neon", SETUN_CPU_NEON},
    {"dotprod", SETUN_CPU_DOTPROD},
    {"i8mm", SETUN_CPU_I8MM},
    {"fp16", SETUN_CPU_FP16},
    {"sve", SETUN_CPU_SVE},
};

/* Words for several bits: a family, or a feature with all that builds on it. They come before `names`. */
static const word families[] = {
    {"vnni", VNNI_BITS},
    {"vbmi", SETUN_CPU_AVX512_VBMI},
    {"bf16", SETUN_CPU_AVX512_BF16 | SETUN_CPU_AMX_BF16},
    {"fp16", SETUN_CPU_AVX512_FP16 | SETUN_CPU_FP16},
    {"avx2", (LEVEL_AMX & ~LEVEL_SSE)},
    {"avx512", AVX512_BITS},
    {"amx", AMX_BITS},
    {"amx_tile", AMX_BITS},
    {"neon", ARM_BITS},
};

static const word *find(const word *words, size_t n_words, const char *text)
{
    for (size_t i = 0; i < n_words; i++)
        if (strcmp(words[i].text, text) == 0)
            return &words[i];
    return NULL;
}

/* Appends what fits; `used` counts what would have been written, as snprintf does. */
static void append(char *text, size_t n_bytes, size_t *used, const char *more)
{
    for (; *more != '\0'; more++, (*used)++)
        if (*used + 1 < n_bytes)
            text[*used] = *more;
    if (n_bytes > 0)
        text[*used < n_bytes ? *used : n_bytes - 1] = '\0';
}

static setun_status fail_unknown(const char *text, bool removal, setun_error *error)
{
    const char *known[SETUN_COUNT(levels) + SETUN_COUNT(families) + SETUN_COUNT(names)], *nearest;
    char list[512] = "";
    size_t n = 0, used = 0;

    if (removal) {
        for (size_t i = 0; i < SETUN_COUNT(families); i++)
            known[n++] = families[i].text;
        for (size_t i = 0; i < SETUN_COUNT(names); i++)
            if (find(families, SETUN_COUNT(families), names[i].text) == NULL)
                known[n++] = names[i].text;
    } else {
        for (size_t i = 0; i < SETUN_COUNT(levels); i++)
            known[n++] = levels[i].text;
    }
    for (size_t i = 0; i < n; i++) {
        append(list, sizeof(list), &used, i == 0 ? "" : ", ");
        append(list, sizeof(list), &used, removal ? "-" : "");
        append(list, sizeof(list), &used, known[i]);
    }
    nearest = setun_nearest_word(text, known, n);
    return setun_fail(error, SETUN_ERR_INVALID, "SETUN_CPU: unknown %s '%s%s'%s%s%s%s; known: %s", removal ? "feature" : "level",
                      removal ? "-" : "", text, nearest == NULL ? "" : ", did you mean '", nearest != NULL && removal ? "-" : "",
                      nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?", list);
}

/* Applies one word, its '-' included; `first`: a level may stand here. */
static setun_status apply(const char *text, bool first, uint64_t *features, setun_error *error)
{
    const word *found;

    if (text[0] == '-') {
        found = find(families, SETUN_COUNT(families), text + 1);
        if (found == NULL)
            found = find(names, SETUN_COUNT(names), text + 1);
        if (found == NULL)
            return fail_unknown(text + 1, true, error);
        *features &= ~found->bits;
        return SETUN_OK;
    }
    found = find(levels, SETUN_COUNT(levels), text);
    if (found == NULL)
        return fail_unknown(text, false, error);
    if (!first)
        return setun_fail(error, SETUN_ERR_INVALID, "SETUN_CPU: level '%s' must be the first word; a later word is -feature", text);
    *features &= found->bits;
    return SETUN_OK;
}

setun_status setun_cpu_mask(uint64_t machine, const char *cap, uint64_t *out_features, setun_error *error)
{
    const char *at = cap == NULL ? "" : cap;
    uint64_t features = machine;
    setun_status status;

    for (bool first = true; *at != '\0' || !first; first = false) {
        const size_t n = strcspn(at, ",");
        char text[32]; /* longer than every known word */

        snprintf(text, sizeof(text), "%.*s", (int)(n < sizeof(text) ? n : sizeof(text)), at);
        for (char *c = text; *c != '\0'; c++) {
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c - 'A' + 'a');
            else if ((unsigned char)*c < ' ')
                *c = '?'; /* an error is one line */
        }
        status = apply(text, first, &features, error);
        if (status != SETUN_OK)
            return status;
        at += n;
        if (*at == '\0')
            break;
        at++;
    }
    *out_features = features;
    return SETUN_OK;
}

setun_status setun_cpu_detect(const char *cap, uint64_t *out_features, setun_error *error)
{
    uint64_t features;
    setun_status status = setun_cpu_mask(setun_arch_features(), cap, &features, error);

    if (status != SETUN_OK)
        return status;
    *out_features = setun_arch_permit(features);
    return SETUN_OK;
}

uint64_t setun_cpu_hardware(void)
{
    return setun_arch_hardware();
}

size_t setun_cpu_names(uint64_t features, char *text, size_t n_bytes)
{
    size_t used = 0;

    append(text, n_bytes, &used, "");
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t one = UINT64_C(1) << bit;
        const char *name = NULL;
        char number[16];

        if ((features & one) == 0)
            continue;
        for (size_t i = 0; i < SETUN_COUNT(names); i++)
            if (names[i].bits == one)
                name = names[i].text;
        if (name == NULL) { /* a plugin of a later minor, or a broken one */
            snprintf(number, sizeof(number), "bit%u", bit);
            name = number;
        }
        append(text, n_bytes, &used, used == 0 ? "" : " ");
        append(text, n_bytes, &used, name);
    }
    return used;
}

void setun_cpu_model(char *text, size_t n_bytes)
{
    size_t used = 0;

    if (!setun_arch_model(text, n_bytes))
        append(text, n_bytes, &used, "unknown");
}

/* test_elf.c - the reader of a plugin's bytes: agrees with the dynamic linker on good files, refuses every damaged one without a crash.
 * Damaged bytes are never mapped here; each copy lies in a block of its exact length, so that a sanitizer sees one byte too far. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "plugin/elf.h"
#include "setun_plugin.h"

static char *read_case(const char *name, size_t *out_n)
{
    char path[1024], *bytes = NULL;
    setun_error error = {{0}};

    snprintf(path, sizeof(path), "%s/%s/abi_%s.so", SETUN_ABI_CASES, name, name);
    cr_assert_eq(setun_read_file(path, 1 << 28, &bytes, out_n, &error), SETUN_OK, "%s", error.text);
    return bytes;
}

/* Reads a copy in a block of exactly n bytes. */
static setun_status read_exact(const char *bytes, size_t n, setun_elf *out_elf, setun_error *error)
{
    char *copy = malloc(n > 0 ? n : 1);
    setun_status status;

    cr_assert(copy != NULL);
    memcpy(copy, bytes, n);
    memset(error, 0, sizeof(*error));
    status = setun_elf_read(copy, n, out_elf, error);
    free(copy);
    if (status != SETUN_OK)
        cr_assert(error->text[0] != '\0' && strchr(error->text, '\n') == NULL, "a refusal without its line");
    return status;
}

static void require_elf(void)
{
    if (!setun_elf_is_native())
        cr_skip_test("plugins are not ELF here");
}

/* The dynamic linker is the outside truth: same address, same bytes; for both hash tables and without section headers. */
Test(abi_elf, agrees_with_the_dynamic_linker)
{
    static const char *const cases[] = {"good", "hash_sysv", "hash_gnu", "stripped", "cpu_both", "kernel_cpu"};

    require_elf();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n;
        char path[1024], *bytes = read_case(cases[i], &n);
        setun_elf elf;
        setun_error error;
        void *handle, *symbol;
        Dl_info info;

        cr_assert_eq(read_exact(bytes, n, &elf, &error), SETUN_OK, "%s: %s", cases[i], error.text);
        snprintf(path, sizeof(path), "%s/%s/abi_%s.so", SETUN_ABI_CASES, cases[i], cases[i]);
        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        cr_assert(handle != NULL, "%s", dlerror());
        symbol = dlsym(handle, SETUN_SYMBOL);
        cr_assert(symbol != NULL && dladdr(symbol, &info) != 0);
        cr_assert_eq((uintptr_t)symbol - (uintptr_t)info.dli_fbase, elf.symbol_value, "%s", cases[i]);
        cr_assert_eq(memcmp(symbol, &elf.header, sizeof(elf.header)), 0, "%s", cases[i]);
        cr_assert_eq(elf.symbol_bytes, sizeof(setun_plugin));
        cr_assert_eq(setun_elf_check(&elf, elf.header.build, &error), SETUN_OK, "%s: %s", cases[i], error.text);
        dlclose(handle);
        free(bytes);
    }
}

/* Section headers are never needed. */
Test(abi_elf, reads_without_section_headers)
{
    size_t n;
    char *bytes = read_case("good", &n);
    setun_elf with, without;
    setun_error error;
    Elf64_Ehdr h;

    require_elf();
    cr_assert_eq(read_exact(bytes, n, &with, &error), SETUN_OK, "%s", error.text);
    memcpy(&h, bytes, sizeof(h));
    memset(bytes + h.e_shoff, 0xEE, n - h.e_shoff); /* the section header table is last */
    h.e_shoff = 0;
    h.e_shnum = h.e_shstrndx = 0;
    memcpy(bytes, &h, sizeof(h));
    cr_assert_eq(read_exact(bytes, n, &without, &error), SETUN_OK, "%s", error.text);
    cr_assert_eq(with.symbol_value, without.symbol_value);
    cr_assert_eq(memcmp(&with.header, &without.header, sizeof(with.header)), 0);
    free(bytes);
}

/* End of the last byte that any segment takes from the file. */
static size_t end_of_segments(const char *bytes)
{
    Elf64_Ehdr h;
    size_t end = 0;

    memcpy(&h, bytes, sizeof(h));
    for (unsigned i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;

        memcpy(&p, bytes + h.e_phoff + i * sizeof(p), sizeof(p));
        if (p.p_type == PT_LOAD && p.p_offset + p.p_filesz > end)
            end = p.p_offset + p.p_filesz;
    }
    return end;
}

/* Cut at every length: what lacks a byte of a segment would end the process with SIGBUS when mapped, so it must be refused. */
Test(abi_elf, truncated_at_every_length)
{
    size_t n, end;
    char *bytes;
    setun_elf elf;
    setun_error error;

    require_elf();
    bytes = read_case("good", &n);
    end = end_of_segments(bytes);
    cr_assert(end > 1000 && end <= n);
    for (size_t length = 0; length <= n; length++) {
        const setun_status status = read_exact(bytes, length, &elf, &error);

        if (length < end)
            cr_assert_eq(status, SETUN_ERR_FORMAT, "%zu of %zu bytes were taken", length, n);
        else
            cr_assert_eq(status, SETUN_OK, "%zu of %zu bytes hold all segments: %s", length, n, error.text);
    }
    free(bytes);
}

/* A small generator with a printed seed (xorshift). */
static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Every single bit of the ELF header and the program headers. Some do not matter (flags, entry point); none may crash. */
Test(abi_elf, every_header_bit_flipped)
{
    /* Offsets of what must be right: class, data, version; type, machine, version; program headers' place, entry size. */
    static const struct {
        size_t begin, end;
    } vital[] = {{0, 7}, {16, 24}, {32, 40}, {54, 56}};
    size_t n, n_headers, n_refused = 0;
    char *bytes;
    Elf64_Ehdr h;
    setun_elf elf;
    setun_error error;

    require_elf();
    bytes = read_case("good", &n);
    memcpy(&h, bytes, sizeof(h));
    n_headers = sizeof(h) + h.e_phnum * sizeof(Elf64_Phdr);
    for (size_t bit = 0; bit < 8 * n_headers; bit++) {
        setun_status status;

        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        status = read_exact(bytes, n, &elf, &error);
        n_refused += status != SETUN_OK;
        for (size_t v = 0; v < sizeof(vital) / sizeof(vital[0]); v++)
            if (bit / 8 >= vital[v].begin && bit / 8 < vital[v].end)
                cr_assert_neq(status, SETUN_OK, "bit %zu of byte %zu was flipped and the file taken", bit % 8, bit / 8);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
    }
    cr_assert(n_refused > 8 * 20 && n_refused < 8 * n_headers, "%zu refused", n_refused);
    cr_assert_eq(read_exact(bytes, n, &elf, &error), SETUN_OK, "the flips were not undone");
    free(bytes);
}

/* Random damage everywhere the reader looks: headers, dynamic section, hash, symbols, strings, relocations. */
Test(abi_elf, random_damage)
{
    const uint64_t seed = 20580314;
    uint64_t state = seed;
    static const char *const cases[] = {"good", "hash_sysv", "hash_gnu"};
    unsigned n_refused = 0, n_taken = 0;

    require_elf();
    printf("seed %llu\n", (unsigned long long)seed);
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        size_t n, dynamic_begin = 0, dynamic_bytes = 0;
        char *bytes = read_case(cases[c], &n), *copy = malloc(n);
        Elf64_Ehdr h;

        cr_assert(copy != NULL);
        memcpy(&h, bytes, sizeof(h));
        for (unsigned i = 0; i < h.e_phnum; i++) {
            Elf64_Phdr p;

            memcpy(&p, bytes + h.e_phoff + i * sizeof(p), sizeof(p));
            if (p.p_type == PT_DYNAMIC) {
                dynamic_begin = p.p_offset;
                dynamic_bytes = p.p_filesz;
            }
        }
        cr_assert(dynamic_bytes > 0);
        for (int round = 0; round < 1500; round++) {
            const unsigned n_flips = 1 + (unsigned)(next(&state) % 4);
            setun_elf elf;
            setun_error error;
            setun_status status;

            memcpy(copy, bytes, n);
            for (unsigned f = 0; f < n_flips; f++) {
                /* In turn: the first 2 KiB (headers, hash, symbols, strings), the dynamic section, anywhere. */
                const size_t begin = round % 3 == 1 ? dynamic_begin : 0;
                const size_t span = round % 3 == 0 ? 2048 : round % 3 == 1 ? dynamic_bytes : n;
                const size_t at = begin + next(&state) % span;

                if (round % 2 == 0)
                    copy[at] = (char)(copy[at] ^ (1 << next(&state) % 8));
                else
                    copy[at] = (char)next(&state);
            }
            status = read_exact(copy, n, &elf, &error);
            n_refused += status != SETUN_OK;
            n_taken += status == SETUN_OK;
        }
        free(copy);
        free(bytes);
    }
    cr_assert(n_refused > 300 && n_taken > 300, "%u refused, %u taken", n_refused, n_taken);
}

/* Words at the edge of what 64 bits hold, in every field of the program headers and the dynamic section. */
Test(abi_elf, extreme_values)
{
    static const uint64_t extremes[] = {0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, UINT64_C(1) << 32, UINT64_C(1) << 62, UINT64_C(1) << 63,
                                        UINT64_MAX - 4095, UINT64_MAX - 23, UINT64_MAX - 7, UINT64_MAX};
    size_t n;
    char *bytes;
    Elf64_Ehdr h;
    setun_elf elf;
    setun_error error;

    require_elf();
    bytes = read_case("good", &n);
    memcpy(&h, bytes, sizeof(h));
    for (unsigned i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;

        memcpy(&p, bytes + h.e_phoff + i * sizeof(p), sizeof(p));
        for (size_t begin = h.e_phoff + i * sizeof(p), at = begin; at < begin + sizeof(p); at += 8)
            for (size_t x = 0; x < sizeof(extremes) / sizeof(extremes[0]); x++) {
                uint64_t old;

                memcpy(&old, bytes + at, 8);
                memcpy(bytes + at, &extremes[x], 8);
                read_exact(bytes, n, &elf, &error);
                memcpy(bytes + at, &old, 8);
            }
        for (size_t at = p.p_offset; p.p_type == PT_DYNAMIC && at < p.p_offset + p.p_filesz; at += 8)
            for (size_t x = 0; x < sizeof(extremes) / sizeof(extremes[0]); x++) {
                uint64_t old;

                memcpy(&old, bytes + at, 8);
                memcpy(bytes + at, &extremes[x], 8);
                read_exact(bytes, n, &elf, &error);
                memcpy(bytes + at, &old, 8);
            }
    }
    cr_assert_eq(read_exact(bytes, n, &elf, &error), SETUN_OK, "the changes were not undone");
    free(bytes);
}

/* Single values of the dynamic section that no damage by chance finds, each with its reason. The dynamic linker would end the process
 * over some of them. */
Test(abi_elf, wrong_dynamic_values)
{
    static const struct {
        int64_t tag;
        int64_t change; /* added to the value */
        const char *says;
    } wrong[] = {
        {DT_STRSZ, -1, "string table is damaged"}, /* the last name loses its NUL */
        {DT_STRSZ, 1 << 20, "string table is damaged"},
        {DT_STRTAB, 1 << 20, "string table is damaged"},
        {DT_SYMENT, 1, "symbols of 25 bytes, expected 24"},
        {DT_RELAENT, -8, "relocations of 16 bytes, expected 24"},
        {DT_RELASZ, 1, "relocation table lies outside"},
        {DT_RELASZ, 24 << 20, "relocation table lies outside"},
        {DT_SYMTAB, INT64_MIN, "symbol table lies outside"},
        {DT_GNU_HASH, 1 << 20, "hash table is damaged"},
    };
    size_t n;
    char *bytes;
    Elf64_Ehdr h;
    setun_elf elf;
    setun_error error;

    require_elf();
    bytes = read_case("hash_gnu", &n);
    memcpy(&h, bytes, sizeof(h));
    for (size_t w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++) {
        int done = 0;

        for (unsigned i = 0; i < h.e_phnum; i++) {
            Elf64_Phdr p;

            memcpy(&p, bytes + h.e_phoff + i * sizeof(p), sizeof(p));
            for (size_t at = p.p_offset; p.p_type == PT_DYNAMIC && !done && at < p.p_offset + p.p_filesz; at += sizeof(Elf64_Dyn)) {
                Elf64_Dyn old, d;

                memcpy(&old, bytes + at, sizeof(old));
                if (old.d_tag != wrong[w].tag)
                    continue;
                d = old;
                d.d_un.d_val += (uint64_t)wrong[w].change;
                memcpy(bytes + at, &d, sizeof(d));
                cr_assert_eq(read_exact(bytes, n, &elf, &error), SETUN_ERR_FORMAT, "row %zu was taken", w);
                cr_assert(strstr(error.text, wrong[w].says) != NULL, "row %zu: '%s' lacks '%s'", w, error.text, wrong[w].says);
                memcpy(bytes + at, &old, sizeof(old));
                done = 1;
            }
        }
        cr_assert(done, "row %zu: the file has no such tag", w);
    }
    free(bytes);
}

Test(abi_elf, dynamic_section_without_end)
{
    size_t n, n_ends = 0;
    char *bytes;
    Elf64_Ehdr h;
    setun_elf elf;
    setun_error error;

    require_elf();
    bytes = read_case("good", &n);
    memcpy(&h, bytes, sizeof(h));
    for (unsigned i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;

        memcpy(&p, bytes + h.e_phoff + i * sizeof(p), sizeof(p));
        for (size_t at = p.p_offset; p.p_type == PT_DYNAMIC && at < p.p_offset + p.p_filesz; at += sizeof(Elf64_Dyn)) {
            const Elf64_Dyn other = {0x6FFFF000, {0}};
            Elf64_Dyn d;

            memcpy(&d, bytes + at, sizeof(d));
            if (d.d_tag != DT_NULL)
                continue;
            memcpy(bytes + at, &other, sizeof(other));
            n_ends++;
        }
    }
    cr_assert(n_ends > 0);
    cr_assert_eq(read_exact(bytes, n, &elf, &error), SETUN_ERR_FORMAT);
    cr_assert_str_eq(error.text, "the dynamic section has no end");
    free(bytes);
}

/* Claims of a hash table about its own size: the 4 words at its start, and each of its buckets. */
Test(abi_elf, hash_tables_that_lie)
{
    static const char *const cases[] = {"hash_sysv", "hash_gnu"};
    static const uint32_t extremes[] = {0, 1, 2, 3, 1000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF};

    require_elf();
    for (size_t c = 0; c < 2; c++) {
        size_t n;
        char *bytes = read_case(cases[c], &n);
        setun_elf elf;
        setun_error error;
        Elf64_Ehdr h;
        uint64_t hash = 0, dynamic = 0, dynamic_bytes = 0;

        memcpy(&h, bytes, sizeof(h));
        for (unsigned i = 0; i < h.e_phnum; i++) {
            Elf64_Phdr p;

            memcpy(&p, bytes + h.e_phoff + i * sizeof(p), sizeof(p));
            if (p.p_type == PT_DYNAMIC) {
                dynamic = p.p_offset;
                dynamic_bytes = p.p_filesz;
            }
        }
        for (uint64_t at = dynamic; at + sizeof(Elf64_Dyn) <= dynamic + dynamic_bytes; at += sizeof(Elf64_Dyn)) {
            Elf64_Dyn d;

            memcpy(&d, bytes + at, sizeof(d));
            if (d.d_tag == (c == 0 ? DT_HASH : DT_GNU_HASH))
                hash = d.d_un.d_ptr; /* in the first segment, where address and offset agree */
        }
        cr_assert(hash > 0 && hash + 32 < n);
        for (size_t w = 0; w < 8; w++)
            for (size_t x = 0; x < sizeof(extremes) / sizeof(extremes[0]); x++) {
                uint32_t old;

                memcpy(&old, bytes + hash + 4 * w, 4);
                memcpy(bytes + hash + 4 * w, &extremes[x], 4);
                if (read_exact(bytes, n, &elf, &error) == SETUN_OK && c == 1 && w == 2)
                    cr_assert(extremes[x] == 1 || extremes[x] == 2, "a bloom filter of %u words was taken", extremes[x]);
                memcpy(bytes + hash + 4 * w, &old, 4);
            }
        cr_assert_eq(read_exact(bytes, n, &elf, &error), SETUN_OK, "the changes were not undone");
        free(bytes);
    }
}

Test(abi_elf, what_is_no_shared_object)
{
    size_t n;
    char *bytes;
    Elf64_Ehdr h;
    setun_elf elf;
    setun_error error;

    require_elf();
    cr_assert_eq(read_exact("", 0, &elf, &error), SETUN_ERR_FORMAT);
    cr_assert_str_eq(error.text, "empty file");
    cr_assert_eq(read_exact("hello, world\n", 13, &elf, &error), SETUN_ERR_FORMAT);
    cr_assert_str_eq(error.text, "not an ELF file");
    cr_assert_eq(read_exact(ELFMAG, 4, &elf, &error), SETUN_ERR_FORMAT);
    bytes = read_case("good", &n);
    memcpy(&h, bytes, sizeof(h));
    h.e_type = ET_EXEC;
    memcpy(bytes, &h, sizeof(h));
    cr_assert_eq(read_exact(bytes, n, &elf, &error), SETUN_ERR_FORMAT);
    cr_assert(strstr(error.text, "not a shared object") != NULL, "%s", error.text);
    h.e_type = ET_DYN;
    h.e_machine = EM_S390;
    memcpy(bytes, &h, sizeof(h));
    cr_assert_eq(read_exact(bytes, n, &elf, &error), SETUN_ERR_FORMAT);
    cr_assert(strstr(error.text, "machine 22") != NULL, "%s", error.text);
    free(bytes);
}

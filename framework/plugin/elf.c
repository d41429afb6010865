/* elf.c - finds setun_plugin_v1 in a 64-bit little-endian ELF shared object, by program headers and PT_DYNAMIC as the dynamic linker
 * does (section headers may be stripped), with every offset checked. */
#include <elf.h>
#include <string.h>

#include "base/base.h"
#include "plugin/elf.h"

/* The machine that this host runs on; EM_NONE: any, dlopen decides. */
#if defined(__x86_64__)
#define HOST_MACHINE     EM_X86_64
#define RELOC_IRELATIVE 37 /* R_X86_64_IRELATIVE */
#elif defined(__aarch64__)
#define HOST_MACHINE     EM_AARCH64
#define RELOC_IRELATIVE 1032 /* R_AARCH64_IRELATIVE */
#else
#define HOST_MACHINE     EM_NONE
#define RELOC_IRELATIVE 0xFFFFFFFFu
#endif

enum { MAX_LOADS = 64 }; /* a linker makes 2 to 7 */

typedef struct image {
    const unsigned char *bytes;
    size_t n_bytes;
    Elf64_Ehdr header;
    Elf64_Phdr load[MAX_LOADS];
    unsigned n_loads;
    Elf64_Phdr dynamic;
    bool has_dynamic;
    /* Values of PT_DYNAMIC; 0 where the tag is missing. */
    uint64_t symtab, strtab, strtab_bytes, hash, gnu_hash, init, init_array_bytes, rela, rela_bytes, jmprel, jmprel_bytes;
    const char *strings; /* strtab in the file, NUL-terminated */
    uint64_t n_symbols;
} image;

#define FAIL(...) setun_fail(error, SETUN_ERR_FORMAT, __VA_ARGS__)

/* The n bytes at `offset` of the file, or NULL. */
static const unsigned char *in_file(const image *e, uint64_t offset, uint64_t n)
{
    return offset <= e->n_bytes && n <= e->n_bytes - offset ? e->bytes + offset : NULL;
}

/* The n bytes that the file puts at address `vaddr`, or NULL if one segment does not hold them all. */
static const unsigned char *at_address(const image *e, uint64_t vaddr, uint64_t n)
{
    for (unsigned i = 0; i < e->n_loads; i++) {
        const Elf64_Phdr *load = &e->load[i];

        if (vaddr >= load->p_vaddr && vaddr - load->p_vaddr <= load->p_filesz && n <= load->p_filesz - (vaddr - load->p_vaddr))
            return in_file(e, load->p_offset + (vaddr - load->p_vaddr), n);
    }
    return NULL;
}

static setun_status read_header(image *e, setun_error *error)
{
    if (e->n_bytes == 0)
        return FAIL("empty file");
    if (e->n_bytes < SELFMAG || memcmp(e->bytes, ELFMAG, SELFMAG) != 0)
        return FAIL("not an ELF file");
    if (e->n_bytes < sizeof(e->header))
        return FAIL("ELF header cut off: %zu bytes, expected at least %zu", e->n_bytes, sizeof(e->header));
    memcpy(&e->header, e->bytes, sizeof(e->header));
    if (e->header.e_ident[EI_CLASS] != ELFCLASS64 || e->header.e_ident[EI_DATA] != ELFDATA2LSB)
        return FAIL("not a 64-bit little-endian ELF file");
    if (e->header.e_ident[EI_VERSION] != EV_CURRENT || e->header.e_version != EV_CURRENT)
        return FAIL("unknown ELF version %u", (unsigned)e->header.e_version);
    if (e->header.e_type != ET_DYN)
        return FAIL("not a shared object: ELF type %u, expected %d", e->header.e_type, ET_DYN);
    if (HOST_MACHINE != EM_NONE && e->header.e_machine != HOST_MACHINE)
        return FAIL("built for ELF machine %u, this one is %d", e->header.e_machine, HOST_MACHINE);
    if (e->header.e_phentsize != sizeof(Elf64_Phdr) || e->header.e_phnum == 0 || e->header.e_phnum == PN_XNUM)
        return FAIL("%u program headers of %u bytes, expected at least one of %zu bytes", e->header.e_phnum, e->header.e_phentsize,
                    sizeof(Elf64_Phdr));
    if (in_file(e, e->header.e_phoff, (uint64_t)e->header.e_phnum * sizeof(Elf64_Phdr)) == NULL)
        return FAIL("program headers lie beyond the end of the file (%zu bytes)", e->n_bytes);
    return SETUN_OK;
}

static setun_status add_load(image *e, const Elf64_Phdr *p, setun_error *error)
{
    const Elf64_Phdr *last = e->n_loads == 0 ? NULL : &e->load[e->n_loads - 1];

    if (e->n_loads == MAX_LOADS)
        return FAIL("more than %d segments", MAX_LOADS);
    if (in_file(e, p->p_offset, p->p_filesz) == NULL)
        return FAIL("truncated: a segment ends beyond the end of the file (%zu bytes)", e->n_bytes);
    if (p->p_memsz < p->p_filesz || p->p_memsz > UINT64_MAX - p->p_vaddr)
        return FAIL("a segment's size in memory is impossible");
    if (p->p_align > 1 && ((p->p_align & (p->p_align - 1)) != 0 || (p->p_vaddr - p->p_offset) % p->p_align != 0))
        return FAIL("a segment is misaligned");
    if (last != NULL && p->p_vaddr < last->p_vaddr + last->p_memsz)
        return FAIL("segments overlap or are out of order");
    e->load[e->n_loads++] = *p;
    return SETUN_OK;
}

static setun_status read_segments(image *e, setun_elf *out, setun_error *error)
{
    for (unsigned i = 0; i < e->header.e_phnum; i++) {
        setun_status status = SETUN_OK;
        Elf64_Phdr p;

        memcpy(&p, e->bytes + e->header.e_phoff + (uint64_t)i * sizeof(p), sizeof(p));
        switch (p.p_type) {
        case PT_LOAD:
            status = add_load(e, &p, error);
            break;
        case PT_DYNAMIC:
            if (e->has_dynamic)
                return FAIL("two dynamic sections");
            e->has_dynamic = true;
            e->dynamic = p;
            break;
        case PT_TLS:
            out->has_tls = true;
            break;
        case PT_GNU_STACK:
            out->has_exec_stack = (p.p_flags & PF_X) != 0;
            break;
        default:
            break;
        }
        if (status != SETUN_OK)
            return status;
    }
    if (e->n_loads == 0)
        return FAIL("no segment to load");
    if (!e->has_dynamic)
        return FAIL("no dynamic section");
    return SETUN_OK;
}

/* The dynamic linker asserts some of these and would end the process, so they are checked here. */
static setun_status read_dynamic(image *e, setun_error *error)
{
    const unsigned char *table = at_address(e, e->dynamic.p_vaddr, e->dynamic.p_filesz);
    Elf64_Dyn d;

    if (table == NULL || e->dynamic.p_vaddr % sizeof(uint64_t) != 0)
        return FAIL("the dynamic section lies outside the file's segments");
    for (uint64_t i = 0;; i++) {
        if (i >= e->dynamic.p_filesz / sizeof(d))
            return FAIL("the dynamic section has no end");
        memcpy(&d, table + i * sizeof(d), sizeof(d));
        switch (d.d_tag) {
        case DT_NULL:
            return SETUN_OK;
        case DT_SYMTAB:
            e->symtab = d.d_un.d_ptr;
            break;
        case DT_STRTAB:
            e->strtab = d.d_un.d_ptr;
            break;
        case DT_STRSZ:
            e->strtab_bytes = d.d_un.d_val;
            break;
        case DT_HASH:
            e->hash = d.d_un.d_ptr;
            break;
        case DT_GNU_HASH:
            e->gnu_hash = d.d_un.d_ptr;
            break;
        case DT_INIT:
            e->init = d.d_un.d_ptr;
            break;
        case DT_INIT_ARRAYSZ:
            e->init_array_bytes = d.d_un.d_val;
            break;
        case DT_RELA:
            e->rela = d.d_un.d_ptr;
            break;
        case DT_RELASZ:
            e->rela_bytes = d.d_un.d_val;
            break;
        case DT_JMPREL:
            e->jmprel = d.d_un.d_ptr;
            break;
        case DT_PLTRELSZ:
            e->jmprel_bytes = d.d_un.d_val;
            break;
        case DT_SYMENT:
            if (d.d_un.d_val != sizeof(Elf64_Sym))
                return FAIL("symbols of %llu bytes, expected %zu", (unsigned long long)d.d_un.d_val, sizeof(Elf64_Sym));
            break;
        case DT_RELAENT:
            if (d.d_un.d_val != sizeof(Elf64_Rela))
                return FAIL("relocations of %llu bytes, expected %zu", (unsigned long long)d.d_un.d_val, sizeof(Elf64_Rela));
            break;
        case DT_PLTREL:
            if (d.d_un.d_val != DT_RELA)
                return FAIL("relocations of an unknown kind");
            break;
        default:
            break;
        }
    }
}

static bool word(const image *e, uint64_t vaddr, uint64_t index, uint32_t *out)
{
    const unsigned char *at = index > UINT32_MAX ? NULL : at_address(e, vaddr + 4 * index, sizeof(*out));

    if (at == NULL)
        return false;
    memcpy(out, at, sizeof(*out));
    return true;
}

/* DT_GNU_HASH: 4 words (buckets, first hashed symbol, bloom words, shift), bloom (8 bytes each), buckets, chains. The last symbol is at
 * the end of the chain that starts highest: the word with bit 0 set. */
static bool count_gnu_hash(const image *e, uint64_t *out_n)
{
    uint32_t n_buckets, first, n_bloom, last = 0, link;
    uint64_t buckets, chains;

    if (!word(e, e->gnu_hash, 0, &n_buckets) || !word(e, e->gnu_hash, 1, &first) || !word(e, e->gnu_hash, 2, &n_bloom))
        return false;
    if ((n_bloom & (n_bloom - 1)) != 0 || n_bloom == 0 || n_buckets == 0)
        return false;
    buckets = e->gnu_hash + 16 + 8 * (uint64_t)n_bloom;
    chains = buckets + 4 * (uint64_t)n_buckets;
    for (uint32_t i = 0; i < n_buckets; i++) {
        uint32_t bucket;

        if (!word(e, buckets, i, &bucket))
            return false;
        if (bucket > last)
            last = bucket;
    }
    if (last < first) {
        *out_n = first;
        return last == 0; /* all chains empty */
    }
    do {
        if (!word(e, chains, (uint64_t)last - first, &link))
            return false;
        last++;
    } while ((link & 1) == 0 && last != 0);
    *out_n = last;
    return last != 0;
}

static setun_status read_tables(image *e, setun_error *error)
{
    uint32_t n_chains = 0;

    if (e->symtab == 0 || e->strtab == 0 || (e->hash == 0 && e->gnu_hash == 0))
        return FAIL("no dynamic symbol table");
    e->strings = (const char *)at_address(e, e->strtab, e->strtab_bytes);
    if (e->strings == NULL || e->strtab_bytes == 0 || e->strings[e->strtab_bytes - 1] != '\0')
        return FAIL("the dynamic string table is damaged");
    if (e->gnu_hash != 0 && !count_gnu_hash(e, &e->n_symbols))
        return FAIL("the symbol hash table is damaged");
    if (e->gnu_hash == 0) {
        if (!word(e, e->hash, 1, &n_chains))
            return FAIL("the symbol hash table is damaged");
        e->n_symbols = n_chains;
    }
    if (at_address(e, e->symtab, e->n_symbols * sizeof(Elf64_Sym)) == NULL)
        return FAIL("the dynamic symbol table lies outside the file's segments");
    return SETUN_OK;
}

static bool has_irelative(const image *e, uint64_t vaddr, uint64_t n_bytes, bool *out_damaged)
{
    const unsigned char *table = n_bytes == 0 ? NULL : at_address(e, vaddr, n_bytes);
    Elf64_Rela r;

    *out_damaged = n_bytes % sizeof(r) != 0 || (n_bytes != 0 && table == NULL);
    for (uint64_t i = 0; !*out_damaged && i < n_bytes / sizeof(r); i++) {
        memcpy(&r, table + i * sizeof(r), sizeof(r));
        if (ELF64_R_TYPE(r.r_info) == RELOC_IRELATIVE)
            return true;
    }
    return false;
}

/* One pass over the dynamic symbols: ours, and what the contract forbids. */
static setun_status read_symbols(const image *e, setun_elf *out, setun_error *error)
{
    static const char any_major[] = "setun_plugin_v";
    const unsigned char *symtab = at_address(e, e->symtab, e->n_symbols * sizeof(Elf64_Sym)), *object;
    Elf64_Sym s, found;
    bool defined = false, undefined = false;
    const char *other_major = NULL;

    memset(&found, 0, sizeof(found));
    for (uint64_t i = 1; i < e->n_symbols; i++) {
        const char *name;
        unsigned bind, visibility;

        memcpy(&s, symtab + i * sizeof(s), sizeof(s));
        if (s.st_name >= e->strtab_bytes)
            return FAIL("symbol %llu has its name outside the string table", (unsigned long long)i);
        name = e->strings + s.st_name;
        bind = ELF64_ST_BIND(s.st_info);
        visibility = ELF64_ST_VISIBILITY(s.st_other);
        if (bind == STB_LOCAL || visibility == STV_HIDDEN || visibility == STV_INTERNAL)
            continue;
        if (strcmp(name, SETUN_SYMBOL) == 0) {
            if (s.st_shndx == SHN_UNDEF) {
                undefined = true;
                continue;
            }
            if (defined)
                return FAIL("%s is defined twice", SETUN_SYMBOL);
            defined = true;
            found = s;
        } else if (s.st_shndx != SHN_UNDEF) {
            if (strncmp(name, any_major, sizeof(any_major) - 1) == 0) { /* a plugin may serve hosts of two majors */
                other_major = name;
            } else if (name[0] != '_' && out->other_export[0] == '\0') { /* _init, __odr_asan.*: the toolchain's */
                const size_t n = strlen(name), most = sizeof(out->other_export) - 1;

                memcpy(out->other_export, name, n < most ? n : most);
            }
        }
        out->has_ifunc |= s.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(s.st_info) == STT_GNU_IFUNC;
    }
    if (!defined && undefined)
        return FAIL("%s is not defined in this file, it belongs to another library", SETUN_SYMBOL);
    if (!defined && other_major != NULL)
        return FAIL("exports %.40s, this host knows %s", other_major, SETUN_SYMBOL);
    if (!defined)
        return FAIL("no symbol %s: not a Setun plugin", SETUN_SYMBOL);
    if (ELF64_ST_TYPE(found.st_info) != STT_OBJECT || found.st_shndx == SHN_ABS || found.st_shndx == SHN_COMMON)
        return FAIL("%s is not a data object", SETUN_SYMBOL);
    if (found.st_size < sizeof(out->header))
        return FAIL("%s has %llu bytes, expected at least %zu", SETUN_SYMBOL, (unsigned long long)found.st_size, sizeof(out->header));
    object = at_address(e, found.st_value, found.st_size);
    if (object == NULL || found.st_value % sizeof(uint64_t) != 0)
        return FAIL("%s is not constant data of the file", SETUN_SYMBOL);
    memcpy(&out->header, object, sizeof(out->header));
    out->symbol_value = found.st_value;
    out->symbol_bytes = found.st_size;
    return SETUN_OK;
}

bool setun_elf_is_native(void)
{
    return true;
}

setun_status setun_elf_read(const void *bytes, size_t n_bytes, setun_elf *out_elf, setun_error *error)
{
    image e;
    setun_elf result;
    setun_status status;
    bool rela_damaged, jmprel_damaged, in_rela, in_jmprel;

    memset(&e, 0, sizeof(e));
    memset(&result, 0, sizeof(result));
    e.bytes = bytes;
    e.n_bytes = n_bytes;
    if ((status = read_header(&e, error)) != SETUN_OK || (status = read_segments(&e, &result, error)) != SETUN_OK ||
        (status = read_dynamic(&e, error)) != SETUN_OK || (status = read_tables(&e, error)) != SETUN_OK ||
        (status = read_symbols(&e, &result, error)) != SETUN_OK)
        return status;
    in_rela = has_irelative(&e, e.rela, e.rela_bytes, &rela_damaged);
    in_jmprel = has_irelative(&e, e.jmprel, e.jmprel_bytes, &jmprel_damaged);
    if (rela_damaged || jmprel_damaged)
        return FAIL("the relocation table lies outside the file's segments");
    result.has_ifunc = result.has_ifunc || in_rela || in_jmprel;
    result.has_start_files = e.init != 0;
    result.n_init = e.init_array_bytes / sizeof(uint64_t);
    *out_elf = result;
    return SETUN_OK;
}

setun_status setun_elf_check(const setun_elf *elf, uint32_t build, setun_error *error)
{
    const uint64_t tolerated = elf->has_start_files ? 1 : 0;

    if (elf->symbol_bytes < elf->header.size)
        return FAIL("%s says it has %u bytes, the symbol table says %llu", SETUN_SYMBOL, elf->header.size,
                    (unsigned long long)elf->symbol_bytes);
    if (elf->has_ifunc)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "has ifunc resolvers, which would run before the plugin is accepted");
    if (build == SETUN_BUILD_PLAIN && elf->n_init > tolerated)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "has constructors (%llu, the compiler's own being %llu), which a plugin may not have",
                          (unsigned long long)elf->n_init, (unsigned long long)tolerated);
    if (build == SETUN_BUILD_PLAIN && elf->other_export[0] != '\0')
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "exports %s beside %s; compile with -fvisibility=hidden", elf->other_export,
                          SETUN_SYMBOL);
    if (elf->has_tls)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "has thread-local variables, which a plugin may not have");
    if (elf->has_exec_stack)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "asks for an executable stack");
    return SETUN_OK;
}

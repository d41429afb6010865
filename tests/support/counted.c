/* counted.c - the malloc family and mmap, in front of glibc's own. */
#include "counted.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_size_t n_calls, fail_at, failed;
static atomic_long   n_live;
static void         *frames[COUNTED_MAX_FRAMES];
static int           n_frames;
static const char *const *spared;

void counted_start(size_t fail_at_call)
{
    atomic_store(&failed, 0);
    atomic_store(&n_calls, 0);
    atomic_store(&fail_at, fail_at_call);
}

size_t counted_calls(void)
{
    return atomic_load(&n_calls);
}

long counted_live(void)
{
    return atomic_load(&n_live);
}

size_t counted_failed(void **out_frames, int *out_n_frames)
{
    for (int i = 0; i < n_frames; i++)
        out_frames[i] = frames[i];
    *out_n_frames = n_frames;
    return atomic_load(&failed);
}

void counted_spare(const char *const *libraries)
{
    spared = libraries;
}

/* Whether one of the frames lies in a spared library. dladdr allocates nothing. */
static bool is_spared(void)
{
    for (int i = 0; i < n_frames; i++) {
        Dl_info info;
        const char *file;

        if (dladdr(frames[i], &info) == 0 || info.dli_fname == NULL)
            continue;
        file = strrchr(info.dli_fname, '/') != NULL ? strrchr(info.dli_fname, '/') + 1 : info.dli_fname;
        for (size_t j = 0; spared != NULL && spared[j] != NULL; j++)
            if (strncmp(file, spared[j], strlen(spared[j])) == 0)
                return true;
    }
    return false;
}

/* True if this call is the one to fail. backtrace() has allocated what it needs in the program's warm-up. */
static bool must_fail(void)
{
    const size_t call = atomic_fetch_add(&n_calls, 1) + 1;

    if (call != atomic_load(&fail_at))
        return false;
    n_frames = backtrace(frames, COUNTED_MAX_FRAMES);
    if (is_spared()) {
        atomic_store(&fail_at, call + 1);
        return false;
    }
    atomic_store(&failed, call);
    errno = ENOMEM;
    return true;
}

static void *given(void *memory)
{
    if (memory != NULL)
        atomic_fetch_add(&n_live, 1);
    return memory;
}

#ifdef COUNTED_WRAP
#define OURS(name) __wrap_##name
#define THEIRS(name) __real_##name
#else
#define OURS(name) name
#define THEIRS(name) __libc_##name
#endif

/* These names are the linker's and glibc's to choose. */
void *THEIRS(malloc)(size_t n_bytes);
void *THEIRS(calloc)(size_t n, size_t n_bytes);
void *THEIRS(realloc)(void *old, size_t n_bytes);
void  THEIRS(free)(void *memory);
void *OURS(malloc)(size_t n_bytes);
void *OURS(calloc)(size_t n, size_t n_bytes);
void *OURS(realloc)(void *old, size_t n_bytes);
void  OURS(free)(void *memory);
void *OURS(aligned_alloc)(size_t align, size_t n_bytes);
void *OURS(mmap)(void *at, size_t n_bytes, int protection, int flags, int fd, off_t offset);
int   OURS(munmap)(void *at, size_t n_bytes);

void *OURS(malloc)(size_t n_bytes)
{
    return must_fail() ? NULL : given(THEIRS(malloc)(n_bytes));
}

void *OURS(calloc)(size_t n, size_t n_bytes)
{
    return must_fail() ? NULL : given(THEIRS(calloc)(n, n_bytes));
}

void *OURS(realloc)(void *old, size_t n_bytes)
{
    void *memory;

    if (must_fail())
        return NULL;
    memory = THEIRS(realloc)(old, n_bytes);
    if (old == NULL)
        return given(memory);
    if (memory == NULL && n_bytes == 0) /* glibc: this was free() */
        atomic_fetch_sub(&n_live, 1);
    return memory;
}

void OURS(free)(void *memory)
{
    if (memory != NULL)
        atomic_fetch_sub(&n_live, 1);
    THEIRS(free)(memory);
}

#ifdef COUNTED_WRAP
void *THEIRS(aligned_alloc)(size_t align, size_t n_bytes);
void *THEIRS(mmap)(void *at, size_t n_bytes, int protection, int flags, int fd, off_t offset);
int   THEIRS(munmap)(void *at, size_t n_bytes);

static void *aligned(size_t align, size_t n_bytes)
{
    return THEIRS(aligned_alloc)(align, n_bytes);
}

static void *map(void *at, size_t n_bytes, int protection, int flags, int fd, off_t offset)
{
    return THEIRS(mmap)(at, n_bytes, protection, flags, fd, offset);
}

static int unmap(void *at, size_t n_bytes)
{
    return THEIRS(munmap)(at, n_bytes);
}
#else
void *__libc_memalign(size_t align, size_t n_bytes);

static void *aligned(size_t align, size_t n_bytes)
{
    return __libc_memalign(align, n_bytes);
}

static void *map(void *at, size_t n_bytes, int protection, int flags, int fd, off_t offset)
{
    return (void *)(intptr_t)syscall(SYS_mmap, at, n_bytes, protection, flags, fd, offset);
}

static int unmap(void *at, size_t n_bytes)
{
    return (int)syscall(SYS_munmap, at, n_bytes);
}

/* The rest of the family, so that nobody gets past. */
void *memalign(size_t align, size_t n_bytes)
{
    return must_fail() ? NULL : given(aligned(align, n_bytes));
}

void *valloc(size_t n_bytes)
{
    return memalign((size_t)sysconf(_SC_PAGESIZE), n_bytes);
}

void *pvalloc(size_t n_bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return memalign(page, (n_bytes + page - 1) / page * page);
}

int posix_memalign(void **out_memory, size_t align, size_t n_bytes)
{
    const int before = errno;
    void *memory = memalign(align, n_bytes);

    errno = before;
    if (memory == NULL)
        return ENOMEM;
    *out_memory = memory;
    return 0;
}

void *reallocarray(void *old, size_t n, size_t n_bytes)
{
    size_t total;

    if (__builtin_mul_overflow(n, n_bytes, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, total);
}

void *mmap64(void *at, size_t n_bytes, int protection, int flags, int fd, off64_t offset)
{
    return mmap(at, n_bytes, protection, flags, fd, (off_t)offset);
}

void *mremap(void *old, size_t old_bytes, size_t n_bytes, int flags, ...)
{
    return must_fail() ? MAP_FAILED : (void *)(intptr_t)syscall(SYS_mremap, old, old_bytes, n_bytes, flags & MREMAP_MAYMOVE);
}
#endif

void *OURS(aligned_alloc)(size_t align, size_t n_bytes)
{
    return must_fail() ? NULL : given(aligned(align, n_bytes));
}

void *OURS(mmap)(void *at, size_t n_bytes, int protection, int flags, int fd, off_t offset)
{
    void *memory;

    if (must_fail())
        return MAP_FAILED;
    memory = map(at, n_bytes, protection, flags, fd, offset);
    if (memory != MAP_FAILED)
        atomic_fetch_add(&n_live, 1);
    return memory;
}

int OURS(munmap)(void *at, size_t n_bytes)
{
    atomic_fetch_sub(&n_live, 1);
    return unmap(at, n_bytes);
}

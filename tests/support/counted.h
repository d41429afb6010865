/* counted.h - every allocation of a test program: counted, and any one of them made to fail.
 *
 * Link counted.c into a program. In ordinary builds it defines the malloc family and mmap for the whole process: libc's own calls (stdio,
 * dlopen, thread creation), OpenMP and all other libraries come by; only what libc maps for itself does not. Under the address sanitizer, which
 * must keep these names, the linker's --wrap is used (COUNTED_WRAP) and only calls from libsetun and the program itself are seen. */
#ifndef SETUN_TEST_COUNTED_H
#define SETUN_TEST_COUNTED_H
#include <stdbool.h>
#include <stddef.h>

enum { COUNTED_MAX_FRAMES = 24 };

/* Sets the number of calls to 0; the n-th call from now on fails with ENOMEM, or the first after it that is not spared; 0: none does. */
void counted_start(size_t fail_at);

/* Calls made on behalf of these libraries (beginnings of file names, NULL at the end; static) are counted, but never fail. */
void counted_spare(const char *const *libraries);

/* Calls since counted_start that asked for memory: malloc, calloc, realloc, aligned_alloc and their kin, mmap, mremap. */
size_t counted_calls(void);

/* Blocks and mappings that were given and not taken back, since the program began. */
long counted_live(void);

/* Which call failed, 0 if none has. The return addresses of who made it, innermost first. */
size_t counted_failed(void **out_frames, int *out_n_frames);
#endif

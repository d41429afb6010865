/* gguf_text.h - GGUF files from a line of words, so that a test shows every byte it means. Failures fail the test. */
#ifndef GGUF_TEXT_H
#define GGUF_TEXT_H
#include <stddef.h>

/* Words with blanks between them, each a piece of the file:
 *   GGUF          these four letters
 *   u8:V u16:V u32:V u64:V   an unsigned number, little-endian; V in C's notation, -1 for the largest
 *   f32:V f64:V   a float
 *   s:TEXT        a u64 length and the text; TEXT may be empty
 *   r:TEXT        the text alone
 *   x:HH          bytes in hexadecimal digits
 *   0:N           N zeros
 *   pad:N         zeros up to a multiple of N
 * Returns them; malloc-ed. */
unsigned char *gguf_text(const char *words, size_t *out_bytes);

/* The bytes as a file. */
void gguf_text_write(const char *path, const char *words);
#endif

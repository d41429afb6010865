/* words.h - pieces of output that several commands share: sizes, CPU features. */
#ifndef SETUN_TOOLS_WORDS_H
#define SETUN_TOOLS_WORDS_H
#include <jansson.h>
#include <stdint.h>

enum { SIZE_TEXT_BYTES = 32 };

/* "512 B", "48.0 KiB", "1.2 GiB". */
const char *size_text(uint64_t n_bytes, char text[SIZE_TEXT_BYTES]);

/* "2,084,044,800". */
const char *count_text(uint64_t n, char text[SIZE_TEXT_BYTES]);

/* Names of CPU features, blanks between them; malloc-ed, NULL if memory ran out. */
char *cpu_names(uint64_t features);

/* JSON array of the words in `text`, which is released. */
json_t *json_words(char *text);
#endif

/* fuzz.h - what every fuzz target offers: libFuzzer's two entry points, called by it or by replay.c. A target aborts on what must not be. */
#ifndef SETUN_FUZZ_H
#define SETUN_FUZZ_H
#include <stddef.h>
#include <stdint.h>

#include "setun/error.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* Aborts with the place unless the condition holds. */
void fuzz_expect(int holds, const char *condition, const char *file, int line);
#define FUZZ_EXPECT(condition) fuzz_expect(condition, #condition, __FILE__, __LINE__)

/* Aborts unless this is a refusal as the project words them: a known status and one non-empty line without control characters. */
void fuzz_expect_refusal(setun_status status, const setun_error *error);

/* A file in memory that holds the input, for those who read files by descriptor; closed by the next call. */
int fuzz_memory_file(const uint8_t *data, size_t n_bytes);

/* The input's parts, which U+001E separates, as files of a temporary folder; an empty part is no file. The last name gets all that is left.
 * Returns the folder, which disappears when the program ends. */
const char *fuzz_folder(const char *const *names, size_t n_names, const uint8_t *data, size_t n_bytes);
#endif

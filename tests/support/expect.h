/* expect.h - a check for test programs that Criterion cannot run: what is wrong is said, and the program ends with status 1. */
#ifndef SETUN_TEST_EXPECT_H
#define SETUN_TEST_EXPECT_H
#include <stdio.h>
#include <stdlib.h>

#define EXPECT(condition, ...)                                     \
    do {                                                           \
        if (!(condition)) {                                        \
            (void)fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);  \
            (void)fprintf(stderr, __VA_ARGS__);                    \
            (void)fputc('\n', stderr);                             \
            exit(1);                                               \
        }                                                          \
    } while (0)
#endif

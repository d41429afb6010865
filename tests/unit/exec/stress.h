/* stress.h - what the parts of the stress test share: a check that ends the program, and how many threads they take. */
#ifndef SETUN_TEST_STRESS_H
#define SETUN_TEST_STRESS_H
#include <stdio.h>
#include <stdlib.h>

enum { MIN_THREADS = 2, MAX_THREADS = 8 };

#define EXPECT(condition, ...)                                     \
    do {                                                           \
        if (!(condition)) {                                        \
            (void)fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);  \
            (void)fprintf(stderr, __VA_ARGS__);                    \
            (void)fputc('\n', stderr);                             \
            exit(1);                                               \
        }                                                          \
    } while (0)

/* Sessions one after another, two at a time, and interrupted from another thread. */
void stress_sessions(void);
#endif

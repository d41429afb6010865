/* stress.h - what the parts of the stress test share: how many threads they take. */
#ifndef SETUN_TEST_STRESS_H
#define SETUN_TEST_STRESS_H
#include "expect.h"

enum { MIN_THREADS = 2, MAX_THREADS = 8 };

/* Sessions one after another, two at a time, and interrupted from another thread. */
void stress_sessions(void);
#endif

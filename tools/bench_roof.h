/* bench_roof.h - a limit of a team as it is drawn. */
#ifndef SETUN_TOOLS_BENCH_ROOF_H
#define SETUN_TOOLS_BENCH_ROOF_H
#include "bench_report.h"

enum { BENCH_RANGE_BYTES = 60 };

/* Measured beside every repetition: the median of its results' medians, and the ends of all. Bytes or operations a second. */
typedef struct bench_roof {
    double rate, least, most; /* least and most: NAN if it was measured once */
} bench_roof;

/* memory: of reading, else of int8 arithmetic. */
bench_roof bench_roof_make(const bench_report *report, const bench_team *team, bool memory);

/* " (25.1 .. 33)" in thousand millions, or "". */
const char *bench_roof_range(const bench_roof *roof, char text[BENCH_RANGE_BYTES]);
#endif

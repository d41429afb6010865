/* machine_read.c - how fast a team reads memory: several ways in turns, of which the best counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_internal.h"
#include "cpu/limits.h"

enum { LINE_BYTES = 64, READ_ROUNDS = 6, N_STREAMS = 4 };
#define LEAST_BYTES   (UINT64_C(128) << 20)
#define LARGEST_BYTES (UINT64_C(4) << 30) /* machines with more than 512 MiB of cache: still several times that */
#define PAGE_BYTES    (UINT64_C(2) << 20)

/* Lines may be asked for ahead, for the first cache or the second, or the hardware alone guesses; a worker may read at one place or at several,
 * as kernels do that read several rows. Which is best differs between machines, pages and numbers of threads. Distances: what was best on
 * Zen 4, where 16 lines are in flight to the second cache and twice as far is slower. */
typedef struct way {
    const char *name;
    void      (*read)(const unsigned char *data, size_t n_bytes, uint64_t *out_sum);
} way;

typedef struct read_job {
    unsigned char *data;
    size_t         n_bytes;
    const way     *way;
    uint64_t      *sums; /* [workers * 8] where the compiler cannot leave the loads out */
} read_job;

/* A worker's lines: a multiple of the streams. */
static void share(const read_job *r, const setun_worker *worker, size_t *out_begin, size_t *out_end)
{
    const size_t n = r->n_bytes / LINE_BYTES / N_STREAMS;

    *out_begin = n * worker->index / worker->n_workers * N_STREAMS * LINE_BYTES;
    *out_end = n * (worker->index + 1) / worker->n_workers * N_STREAMS * LINE_BYTES;
}

/* Pages belong to the worker that reads them, and are real: pages that nobody wrote are one and the same. */
static void touch(const setun_worker *worker, void *context)
{
    const read_job *r = context;
    size_t begin, end;

    share(r, worker, &begin, &end);
    memset(r->data + begin, 0x5A, end - begin);
}

/* Words of 64 bits: every compiler makes plain loads of them, which wait for nothing but memory. Eight make a line. */
static inline __attribute__((always_inline)) void read_range(const unsigned char *data, size_t n_bytes, size_t n_streams, size_t to_first,
                                                            size_t to_second, uint64_t *out_sum)
{
    const size_t stream_bytes = n_bytes / n_streams;
    uint64_t a = 0, b = 0, c = 0, d = 0;

    for (size_t at = 0; at < stream_bytes; at += LINE_BYTES) {
        for (size_t s = 0; s < n_streams; s++) {
            const unsigned char *from = data + s * stream_bytes + at;
            const uint64_t *word = (const uint64_t *)(const void *)from;

            if (to_first > 0)
                __builtin_prefetch(from + to_first, 0, 3);
            if (to_second > 0)
                __builtin_prefetch(from + to_second, 0, 2);
            a ^= word[0] ^ word[1];
            b ^= word[2] ^ word[3];
            c ^= word[4] ^ word[5];
            d ^= word[6] ^ word[7];
        }
    }
    *out_sum = a ^ b ^ c ^ d;
}

static void read_plain(const unsigned char *data, size_t n_bytes, uint64_t *out_sum)
{
    read_range(data, n_bytes, 1, 0, 0, out_sum);
}

static void read_prefetched(const unsigned char *data, size_t n_bytes, uint64_t *out_sum)
{
    read_range(data, n_bytes, 1, 512, 0, out_sum);
}

static void read_prefetched_far(const unsigned char *data, size_t n_bytes, uint64_t *out_sum)
{
    read_range(data, n_bytes, 1, 0, 1024, out_sum);
}

static void read_streams(const unsigned char *data, size_t n_bytes, uint64_t *out_sum)
{
    read_range(data, n_bytes, N_STREAMS, 0, 0, out_sum);
}

static void read_streams_prefetched(const unsigned char *data, size_t n_bytes, uint64_t *out_sum)
{
    read_range(data, n_bytes, N_STREAMS, 0, 1024, out_sum);
}

static const way ways[] = {{"no prefetch", read_plain}, {"prefetch", read_prefetched}, {"prefetch to L2", read_prefetched_far},
                           {"4 streams", read_streams}, {"4 streams, prefetch", read_streams_prefetched}};

static void read_lines(const setun_worker *worker, void *context)
{
    const read_job *r = context;
    size_t begin, end;

    share(r, worker, &begin, &end);
    r->way->read(r->data + begin, end - begin, r->sums + (size_t)worker->index * 8);
}

/* All ways in turns, several times. */
static void time_reading(setun_team *team, read_job *r, const char *pages, setun_machine_limits *limits)
{
    setun_team_run(team, touch, r);
    for (int i = 0; i < READ_ROUNDS; i++) {
        for (size_t w = 0; w < SETUN_COUNT(ways); w++) {
            double start, bytes_s;

            r->way = &ways[w];
            start = setun_clock_s();
            setun_team_run(team, read_lines, r);
            bytes_s = (double)r->n_bytes / (setun_clock_s() - start);
            if (isfinite(bytes_s) && bytes_s > limits->read_bytes_s) {
                limits->read_bytes_s = bytes_s;
                (void)snprintf(limits->read_how, sizeof(limits->read_how), "%s, %s", pages, ways[w].name);
            }
        }
    }
}

size_t setun_bench_uncached_bytes(const setun_topology *topology)
{
    const uint64_t n = 8 * setun_topology_cache_bytes(topology) + PAGE_BYTES;

    return (size_t)(n < LEAST_BYTES ? LEAST_BYTES : n > LARGEST_BYTES ? LARGEST_BYTES : n);
}

/* At most half of the memory that is free: a limit that starts to swap measures the disk, and others may need some. */
static size_t buffer_bytes(const setun_topology *topology)
{
    const uint64_t wanted = setun_bench_uncached_bytes(topology), half = setun_free_memory_read("") / 2;
    uint64_t n = half > 0 && half < wanted ? half : wanted;

    n = n / PAGE_BYTES * PAGE_BYTES;
    return (size_t)(n < PAGE_BYTES ? PAGE_BYTES : n);
}

setun_status setun_bench_reading(const setun_topology *topology, setun_team *team, setun_machine_limits *limits, setun_error *error)
{
    /* Huge pages come from setun_pages_alloc where the system grants them. */
    static const struct {
        const char *name;
        void *(*alloc)(size_t n_bytes);
    } pages[] = {{"2 MB pages", setun_pages_alloc}, {"4 KB pages", setun_pages_alloc_sparse}};
    read_job r = {.n_bytes = buffer_bytes(topology)};
    setun_status status = SETUN_OK;

    r.sums = setun_calloc((size_t)setun_team_n_threads(team) * 8, sizeof(*r.sums));
    if (r.sums == NULL)
        return setun_fail_nomem(error, "sums", (size_t)setun_team_n_threads(team) * 64);
    limits->read_bytes_s = 0;
    limits->read_buffer_bytes = r.n_bytes;
    for (size_t i = 0; i < SETUN_COUNT(pages) && status == SETUN_OK; i++) {
        r.data = pages[i].alloc(r.n_bytes);
        if (r.data == NULL) {
            status = setun_fail_nomem(error, "a buffer to read", r.n_bytes);
            break;
        }
        time_reading(team, &r, pages[i].name, limits);
        setun_pages_free(r.data, r.n_bytes);
    }
    free(r.sums);
    return status;
}

/* machine_read.c - how fast a team reads memory: several ways in turns, of which the best counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_internal.h"
#include "cpu/limits.h"

enum { LINE_BYTES = 64, N_STREAMS = 4 };
#define LEAST_BYTES   (UINT64_C(128) << 20)
#define LARGEST_BYTES (UINT64_C(4) << 30) /* machines with more than 512 MiB of cache: still several times that */
#define PAGE_BYTES    (UINT64_C(2) << 20)

/* Lines may be asked for ahead, for the first cache or the second, or the hardware alone guesses; a worker may read at one place or at several,
 * as kernels do that read several rows. Which is best differs between machines, pages and numbers of threads. Distances: what was best on
 * Zen 4, where 16 lines are in flight to the second cache and twice as far is slower, and to the first on Zen 5: 12 KB ahead get 34 GB/s on one thread
 * where the hardware alone gets 32, 512 bytes 16. */
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

static void read_prefetched_farther(const unsigned char *data, size_t n_bytes, uint64_t *out_sum)
{
    read_range(data, n_bytes, 1, 12 << 10, 0, out_sum);
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
                           {"prefetch 12 KB ahead", read_prefetched_farther}, {"4 streams", read_streams}, {"4 streams, prefetch", read_streams_prefetched}};

static void read_lines(const setun_worker *worker, void *context)
{
    const read_job *r = context;
    size_t begin, end;

    share(r, worker, &begin, &end);
    r->way->read(r->data + begin, end - begin, r->sums + (size_t)worker->index * 8);
}

size_t setun_bench_uncached_bytes(const setun_topology *topology)
{
    const uint64_t n = 8 * setun_topology_cache_bytes(topology) + PAGE_BYTES;

    return (size_t)(n < LEAST_BYTES ? LEAST_BYTES : n > LARGEST_BYTES ? LARGEST_BYTES : n);
}

/* Pages of one kind. Huge ones come from setun_pages_alloc where the system grants them. */
static const struct {
    const char *name;
    void *(*alloc)(size_t n_bytes);
} kinds[] = {{"2 MB pages", setun_pages_alloc}, {"4 KB pages", setun_pages_alloc_sparse}};

struct setun_bench_reader {
    setun_team    *team;
    size_t         n_bytes; /* of each buffer */
    uint64_t      *sums;    /* [workers * 8] */
    unsigned char *pages[SETUN_COUNT(kinds)];
};

/* Each of the buffers; together at most half of the memory that is free: a limit that starts to swap measures the disk, and others may need some. */
static size_t buffer_bytes(const setun_topology *topology)
{
    const uint64_t wanted = setun_bench_uncached_bytes(topology), most = setun_free_memory_read("") / 2 / SETUN_COUNT(kinds);
    uint64_t n = most > 0 && most < wanted ? most : wanted;

    n = n / PAGE_BYTES * PAGE_BYTES;
    return (size_t)(n < PAGE_BYTES ? PAGE_BYTES : n);
}

setun_status setun_bench_reader_open(const setun_topology *topology, setun_team *team, setun_bench_reader **out_reader, setun_error *error)
{
    setun_bench_reader *reader = setun_calloc(1, sizeof(*reader));

    if (reader == NULL)
        return setun_fail_nomem(error, "a reader of memory", sizeof(*reader));
    reader->team = team;
    reader->n_bytes = buffer_bytes(topology);
    reader->sums = setun_calloc((size_t)setun_team_n_threads(team) * 8, sizeof(*reader->sums));
    for (size_t i = 0; i < SETUN_COUNT(kinds) && reader->sums != NULL; i++) {
        read_job r = {.n_bytes = reader->n_bytes};

        r.data = reader->pages[i] = kinds[i].alloc(reader->n_bytes);
        if (r.data == NULL)
            break;
        setun_team_run(team, touch, &r);
    }
    if (reader->pages[SETUN_COUNT(kinds) - 1] == NULL) {
        setun_bench_reader_close(reader);
        return setun_fail_nomem(error, "buffers to read", SETUN_COUNT(kinds) * buffer_bytes(topology));
    }
    *out_reader = reader;
    return SETUN_OK;
}

void setun_bench_reader_close(setun_bench_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t i = 0; i < SETUN_COUNT(kinds); i++)
        if (reader->pages[i] != NULL)
            setun_pages_free(reader->pages[i], reader->n_bytes);
    free(reader->sums);
    free(reader);
}

size_t setun_bench_reader_bytes(const setun_bench_reader *reader)
{
    return SETUN_COUNT(kinds) * reader->n_bytes;
}

void setun_bench_read(setun_bench_reader *reader, uint32_t rounds, setun_machine_limits *limits)
{
    read_job r = {.n_bytes = reader->n_bytes, .sums = reader->sums};

    limits->read_bytes_s = 0;
    limits->read_buffer_bytes = r.n_bytes;
    for (uint32_t i = 0; i < rounds; i++) {
        for (size_t w = 0; w < SETUN_COUNT(kinds) * SETUN_COUNT(ways); w++) {
            const size_t kind = w % SETUN_COUNT(kinds);
            double start, bytes_s;

            r.data = reader->pages[kind];
            r.way = &ways[w / SETUN_COUNT(kinds)];
            start = setun_clock_s();
            setun_team_run(reader->team, read_lines, &r);
            bytes_s = (double)r.n_bytes / (setun_clock_s() - start);
            if (isfinite(bytes_s) && bytes_s > limits->read_bytes_s) {
                limits->read_bytes_s = bytes_s;
                (void)snprintf(limits->read_how, sizeof(limits->read_how), "%s, %s", kinds[kind].name, r.way->name);
            }
        }
    }
}

/* share.c - a worker does most of its units at one go and the rest piece by piece, as long as others leave it any.
 *
 * Cores of one machine are seldom equally fast: on a virtual one the other thread of each core is somebody else's. With equal cuts the slower
 * one held up the other for 10 us of the 160 that gate and up take on two. */
#include "exec/share.h"

/* Of 16 parts of its units, if it has so many, a worker keeps 13 for itself: the slower of two is never further behind. Others take half of
 * what is left of the rest, itself takes half too, but at least one part, for each new beginning costs. On two workers of a Zen 4 14 parts, or
 * pieces of half and of twice the size, were as good; 8 and 12 parts, or pieces of a quarter, worse. */
enum { PARTS = 16, PARTS_KEPT = 13, LEAST_TAKEN = 2 };

/* A word has the step, where what is left begins, and where it ends. */
enum { UNIT_BITS = 24, STEP_SHIFT = 2 * UNIT_BITS };
#define UNIT_MASK ((UINT64_C(1) << UNIT_BITS) - 1)

int64_t setun_share_cut(int64_t units, uint32_t worker, uint32_t n_workers)
{
    return units / n_workers * worker + units % n_workers * worker / n_workers;
}

static uint64_t word_of(uint64_t step, int64_t begin, int64_t end)
{
    return step << STEP_SHIFT | (uint64_t)begin << UNIT_BITS | (uint64_t)end;
}

/* Takes half of what a word has left, but at least n_least units: the first for its owner, for others the last. False: nothing is left, or
 * the owner is not at this step. Relaxed, for the units themselves become known at barriers: who is at a step may do any of it. */
static bool take(setun_share *share, uint64_t step, int64_t n_least, bool first, int64_t *out_begin, int64_t *out_end)
{
    uint64_t word = atomic_load_explicit(&share->left, memory_order_relaxed), rest;

    do {
        const int64_t begin = (int64_t)(word >> UNIT_BITS & UNIT_MASK), end = (int64_t)(word & UNIT_MASK);
        int64_t n = (end - begin) / 2 > n_least ? (end - begin) / 2 : n_least;

        if (word >> STEP_SHIFT != step || begin >= end)
            return false;
        n = n < end - begin ? n : end - begin;
        *out_begin = first ? begin : end - n;
        *out_end = *out_begin + n;
        rest = first ? word_of(step, begin + n, end) : word_of(step, begin, end - n);
    } while (!atomic_compare_exchange_weak_explicit(&share->left, &word, rest, memory_order_relaxed, memory_order_relaxed));
    return true;
}

void setun_share_run(const setun_worker *worker, size_t step, int64_t units, setun_share_work *work, void *context)
{
    setun_share *shares = setun_team_shares(worker->team), *own = &shares[worker->index];
    int64_t begin = setun_share_cut(units, worker->index, worker->n_workers), end = setun_share_cut(units, worker->index + 1, worker->n_workers);
    const int64_t n = end - begin, n_kept = n < PARTS ? n : (n * PARTS_KEPT + PARTS - 1) / PARTS;
    const uint64_t tag = step & 0xFFFF;

    if (units > (int64_t)UNIT_MASK) {
        if (n > 0)
            work(context, begin, end);
        return;
    }
    atomic_store_explicit(&own->left, word_of(tag, begin + n_kept, end), memory_order_relaxed);
    if (n_kept > 0)
        work(context, begin, begin + n_kept);
    while (take(own, tag, n / PARTS > 1 ? n / PARTS : 1, true, &begin, &end))
        work(context, begin, end);
    for (uint32_t i = 1; i < worker->n_workers; i++) { /* neighbours first: they are not all looked for by all */
        setun_share *other = &shares[(worker->index + i) % worker->n_workers];

        while (other->node == own->node && take(other, tag, LEAST_TAKEN, false, &begin, &end))
            work(context, begin, end);
    }
}

/* bpe.c - byte-pair encoding of one pre-token: the pair of lowest rank is joined first, the leftmost of equals, until none is left.
 * A heap of candidate pairs keeps it O(n log n): a pre-token may be a megabyte of one letter. */
#include <stdlib.h>

#include "text/text.h"

static bool heap_push(setun_bpe_work *work, uint64_t order, int32_t joined)
{
    size_t at = work->n_heap;
    setun_bpe_entry *heap;

    if (!setun_grow(&work->heap, &work->heap_capacity, at + 1, sizeof(*work->heap)))
        return false;
    heap = work->heap;
    work->n_heap++;
    for (; at > 0 && heap[(at - 1) / 2].order > order; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = (setun_bpe_entry){.order = order, .joined = joined};
    return true;
}

/* n_heap > 0. */
static setun_bpe_entry heap_pop(setun_bpe_work *work)
{
    setun_bpe_entry *heap = work->heap, top = heap[0], last = heap[--work->n_heap];
    size_t at = 0, n = work->n_heap;

    for (size_t child = 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && heap[child + 1].order < heap[child].order)
            child++;
        if (heap[child].order >= last.order)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return top;
}

/* Offers the pair that begins at position `at`, if it merges. */
static bool offer(const setun_vocab *vocab, setun_bpe_work *work, int32_t at)
{
    const setun_bpe_symbol *left = &work->symbols[at];
    const setun_merge *merge;

    if (left->next < 0)
        return true;
    merge = setun_vocab_merge(vocab, left->id, work->symbols[left->next].id);
    return merge == NULL || heap_push(work, (uint64_t)merge->rank << 32 | (uint32_t)at, merge->joined);
}

/* Joins the symbol at `at` with its right neighbour if the heap's entry still speaks of what stands there. */
static bool join(const setun_vocab *vocab, setun_bpe_work *work, const setun_bpe_entry *entry)
{
    int32_t at = (int32_t)(uint32_t)entry->order, right;
    setun_bpe_symbol *symbol = &work->symbols[at];
    const setun_merge *merge;

    if (symbol->id < 0 || symbol->next < 0)
        return true;
    right = symbol->next;
    merge = setun_vocab_merge(vocab, symbol->id, work->symbols[right].id);
    if (merge == NULL || merge->joined != entry->joined)
        return true;
    symbol->id = merge->joined;
    symbol->next = work->symbols[right].next;
    work->symbols[right].id = -1;
    if (symbol->next >= 0)
        work->symbols[symbol->next].prev = at;
    return (symbol->prev < 0 || offer(vocab, work, symbol->prev)) && offer(vocab, work, at);
}

bool setun_ids_add(setun_ids *ids, int32_t id)
{
    if (!setun_grow(&ids->items, &ids->capacity, ids->n + 1, sizeof(*ids->items)))
        return false;
    ids->items[ids->n++] = id;
    return true;
}

bool setun_bpe_encode(const setun_vocab *vocab, const char *bytes, size_t n_bytes, setun_bpe_work *work, setun_ids *out)
{
    int32_t n = (int32_t)n_bytes, whole;

    if (n_bytes == 0)
        return true;
    if (vocab->ignore_merges && n_bytes <= vocab->longest_bytes && (whole = setun_vocab_find(vocab, bytes, n_bytes, false)) >= 0)
        return setun_ids_add(out, whole);
    if (!setun_grow(&work->symbols, &work->symbols_capacity, n_bytes, sizeof(*work->symbols)))
        return false;
    for (int32_t i = 0; i < n; i++)
        work->symbols[i] =
            (setun_bpe_symbol){.id = vocab->byte_id[(uint8_t)bytes[i]], .prev = i - 1, .next = i + 1 < n ? i + 1 : -1};
    work->n_heap = 0;
    for (int32_t i = 0; i < n; i++)
        if (!offer(vocab, work, i))
            return false;
    while (work->n_heap > 0) {
        setun_bpe_entry top = heap_pop(work);

        if (!join(vocab, work, &top))
            return false;
    }
    for (int32_t i = 0; i >= 0; i = work->symbols[i].next) /* the first symbol is never merged into another */
        if (!setun_ids_add(out, work->symbols[i].id))
            return false;
    return true;
}

void setun_bpe_work_free(setun_bpe_work *work)
{
    free(work->symbols);
    free(work->heap);
}

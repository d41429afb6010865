/* sequence.c - opening, cutting and closing sequences; the table of cache blocks behind each. */
#include "session/session_internal.h"
#include "setun_numerics.h"

setun_status setun_sequence_open(setun_session *session, int32_t *out_seq, setun_error *error)
{
    for (uint32_t i = 0; i < session->max_seqs; i++)
        if (!session->seqs[i].open) {
            session->seqs[i].open   = true;
            session->seqs[i].length = 0;
            *out_seq = (int32_t)i;
            return SETUN_OK;
        }
    return setun_fail(error, SETUN_ERR_FULL, "all %u sequences of the session are open", session->max_seqs);
}

static bool is_open(const setun_session *session, int32_t seq)
{
    return seq >= 0 && (uint32_t)seq < session->max_seqs && session->seqs[seq].open;
}

void setun_sequence_close(setun_session *session, int32_t seq)
{
    if (!is_open(session, seq))
        return;
    setun_sequence_truncate(session, seq, 0);
    session->seqs[seq].open = false;
}

int64_t setun_sequence_length(const setun_session *session, int32_t seq)
{
    return is_open(session, seq) ? session->seqs[seq].length : 0;
}

static int64_t n_blocks_for(int64_t n_positions)
{
    return (n_positions + SETUN_CHUNK - 1) / SETUN_CHUNK;
}

void setun_sequence_truncate(setun_session *session, int32_t seq, int64_t n_positions)
{
    setun_sequence *sequence;

    if (!is_open(session, seq) || n_positions < 0 || n_positions > session->seqs[seq].length)
        return;
    sequence = &session->seqs[seq];
    sequence->length = n_positions;
    while (sequence->n_blocks > n_blocks_for(n_positions))
        session->free_block[session->n_free++] = sequence->block[--sequence->n_blocks];
}

void setun_sequence_reserve(setun_session *session, setun_sequence *sequence, int64_t n_positions)
{
    while (sequence->n_blocks < n_blocks_for(n_positions))
        sequence->block[sequence->n_blocks++] = session->free_block[--session->n_free];
}

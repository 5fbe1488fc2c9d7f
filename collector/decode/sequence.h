#ifndef COLLECTOR_DECODE_SEQUENCE_H
#define COLLECTOR_DECODE_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Sequence numbers of one stream of datagrams. What a number counts differs by format (records or
 * datagrams); the caller says by how many units each datagram moves it on.
 */
struct sequence {
    bool known, other_known;
    uint32_t expected;
    uint32_t other;  /* where the stream would have gone on before its last jump */
    uint32_t swings; /* jumps back to the other stream within the window */
    uint64_t swings_since_ms;
};

enum sequence_kind {
    SEQUENCE_NEXT,
    SEQUENCE_GAP,
    SEQUENCE_LATE,
    SEQUENCE_RESET,
    SEQUENCE_SWING /* two streams take turns: two senders use one sequence space */
};

struct sequence_verdict {
    enum sequence_kind kind;
    uint32_t lost;    /* units, of a gap */
    bool two_senders; /* enough swings in a minute */
};

/* tolerance: how many units back a number may be that is only late. */
struct sequence_verdict sequence_judge(struct sequence *sequence, uint32_t got, uint32_t units,
                                       uint32_t tolerance, uint64_t now_ms);
/* Whether that would be a reset; nothing changes. */
bool sequence_is_reset(const struct sequence *sequence, uint32_t got, uint32_t tolerance);
/* The number of units was not known this time: the next datagram starts anew. */
void sequence_forget(struct sequence *sequence);

#endif

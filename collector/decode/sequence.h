#ifndef COLLECTOR_DECODE_SEQUENCE_H
#define COLLECTOR_DECODE_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Sequence numbers of an observation domain. What a number counts differs by format (records or
 * datagrams); the caller says by how many units each datagram moves it on.
 *
 * There should be one stream of them. Where numbers are elsewhere, another is followed beside it:
 * an exporter that began anew never comes back to its old one, but of two senders each goes on with
 * its own. The main stream is the one that was established first; it stays that until it has been
 * silent for long. Who sends beside it is a second sender, whether its own numbers go on or jump.
 */
enum {
    SEQUENCE_STREAMS = 8, /* followed at once; then the one that has gone on least gives way */
    SEQUENCE_GAPS = 32    /* that late datagrams may still fill */
};

struct sequence_stream {
    uint32_t expected;
    uint32_t born_lost; /* what seemed to be lost when it began */
    uint32_t nexts;     /* datagrams that came where they were expected */
    uint32_t datagrams[2];
    uint32_t records[2]; /* in this window and in the one before */
    bool is_known;
    bool is_least; /* expected is the least that it can be */
    uint64_t since_ms, last_ms;
};

struct sequence_gap {
    uint32_t from, len; /* len 0: none */
};

/* What happens often enough within a minute to mean something. */
struct sequence_events {
    uint32_t count;
    uint64_t since_ms;
};

struct sequence {
    struct sequence_stream streams[SEQUENCE_STREAMS];
    uint8_t current, main; /* the last datagram's; SEQUENCE_STREAMS: none yet */
    bool known;
    bool is_contested; /* both bring a real part of it all */
    uint8_t next_gap;
    struct sequence_gap gaps[SEQUENCE_GAPS];
    uint32_t datagrams[2], records[2]; /* of all streams, as theirs */
    uint64_t window_ms;
    uint32_t units[2]; /* in this second and in the one before */
    uint64_t second_ms;
    struct sequence_events swings; /* returns to a stream that went on */
    struct sequence_events resets;
    uint64_t swung_ms; /* when there was the last of many returns; 0: never */
};

struct sequence_step {
    uint32_t number;
    uint32_t units;     /* by which this datagram moves it on */
    uint32_t records;   /* that it gave */
    uint32_t tolerance; /* how many units back a number may be that is only late */
    bool is_least;      /* units are the least it can be: a part was not understood */
};

enum sequence_kind { SEQUENCE_NEXT, SEQUENCE_GAP, SEQUENCE_LATE, SEQUENCE_RESET };

struct sequence_verdict {
    enum sequence_kind kind;
    uint32_t lost;     /* units, of a gap */
    uint32_t regained; /* units that were lost before this, and have come or were none */
    bool two_senders;  /* two take turns, or numbers begin anew again and again */
    bool is_contested; /* two take turns, and the second brings a real part */
};

struct sequence_verdict sequence_judge(struct sequence *sequence, const struct sequence_step *step,
                                       uint64_t now_ms);
/* Whether that would be a reset; nothing changes. */
bool sequence_is_reset(const struct sequence *sequence, uint32_t number, uint32_t tolerance);
/* Whether that is of a second sender who brings little, so that it can be left out. */
bool sequence_is_foreign(const struct sequence *sequence, uint32_t number, uint32_t tolerance,
                         uint64_t now_ms);
/* What should come next in the stream of the last datagram. */
uint32_t sequence_expected(const struct sequence *sequence);
/* The same of the main stream, for the time after a restart. */
uint32_t sequence_main_expected(const struct sequence *sequence);

#endif

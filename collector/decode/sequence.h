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
 * silent for much longer than it usually is, and is that again once it is heard again. Who sends
 * beside it is a second sender, whether its own numbers go on or jump.
 *
 * Who loses more datagrams than others can overtake begins another stream, a little ahead of where
 * its own was. It is taken for the same sender until the one that it goes on from is heard again.
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
    uint32_t serial;     /* no other stream of this sequence ever has it */
    uint32_t after;      /* the serial of the one that it seems to go on from; 0: none */
    uint32_t gap_ms;     /* how long it usually says nothing */
    bool is_known;
    bool is_least;    /* expected is the least that it can be */
    bool began_anew;  /* no loss explains where it began */
    bool was_outside; /* when it was last heard */
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
    uint8_t former;        /* the main one before; SEQUENCE_STREAMS: none */
    uint32_t serials;      /* of streams so far */
    bool known;
    bool is_contested; /* both bring a real part of it all */
    bool is_returned;  /* to the current one, which has not gone on since */
    uint8_t next_gap;
    struct sequence_gap gaps[SEQUENCE_GAPS];
    uint32_t datagrams[2], records[2]; /* of all streams, as theirs */
    uint64_t window_ms;
    uint32_t units[2]; /* in this second and in the one before */
    uint64_t second_ms;
    struct sequence_events swings; /* returns to a stream that went on */
    struct sequence_events resets;
    uint64_t swung_ms;    /* when there was the last of many returns; 0: never */
    uint64_t disputed_ms; /* when the former main stream came back; 0: never */
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
/* Where a datagram comes from, before it is judged. */
struct sequence_origin {
    uint32_t serial; /* of its stream, which may begin with it */
    uint32_t after;  /* of the stream that it goes on from, if datagrams were lost; 0: none */
    bool is_outside; /* there is a main stream, it is not silent, and this is not of it */
    bool is_freed;   /* it is not outside any more, as its stream was */
    bool is_back;    /* of the main stream, or the one before, after a datagram of another */
    bool began_anew; /* its stream did, and it is freed */
};
struct sequence_origin sequence_origin(const struct sequence *sequence, uint32_t number,
                                       uint32_t tolerance, uint64_t now_ms);
/* The stream that one goes on from; 0: none. */
uint32_t sequence_after(const struct sequence *sequence, uint32_t serial);
/* 2: it is followed; 1: only one that goes on from it is; 0: neither. */
unsigned int sequence_follows(const struct sequence *sequence, uint32_t serial);
/* Whether it may come back: the main stream, the one before, or one that went on a few times. */
bool sequence_may_return(const struct sequence *sequence, uint32_t serial);
/* When the main stream was heard last. */
uint64_t sequence_main_heard_ms(const struct sequence *sequence);
/* The main stream, and the one before; 0: there is none. */
uint32_t sequence_main(const struct sequence *sequence);
uint32_t sequence_former(const struct sequence *sequence);
/* What should come next in the stream of the last datagram. */
uint32_t sequence_expected(const struct sequence *sequence);
/* The same of the main stream, for the time after a restart. */
uint32_t sequence_main_expected(const struct sequence *sequence);

#endif

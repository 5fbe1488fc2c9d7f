#ifndef TESTS_SUPPORT_HOSTILE_H
#define TESTS_SUPPORT_HOSTILE_H

#include "collector/decode/decode.h"

/*
 * The dearest datagrams that we could think of, each with those that must come before it. Who finds
 * a dearer one adds it here: tests/unit/collector/bounds counts what each costs in steps, and
 * tests/bench/bench_hostile.c in time.
 */
struct hostile_datagram {
    struct ip_addr from;
    size_t at, len;   /* in the octets below */
    uint64_t wait_ms; /* between the one before and it */
};

enum { HOSTILE_DATAGRAMS_MAX = 100, HOSTILE_OCTETS_MAX = 1 << 20 };
struct hostile {
    uint8_t *bytes;
    size_t octets, count;
    struct hostile_datagram datagrams[HOSTILE_DATAGRAMS_MAX]; /* the last is the dear one */
};

struct hostile_case {
    enum flow_format format;
    char name[64];
    void (*make)(struct hostile *hostile);
    /* What one datagram may have to work off beside its own octets, because others left it: held
     * sets that are decoded now, state that is freed. In octets of theirs. */
    size_t left_behind;
    size_t memory_bytes; /* the decoder's limit; 0: the usual one */
};
const struct hostile_case *hostile_case_at(size_t index); /* NULL: there are no more */

enum { HOSTILE_DATAGRAM_MAX = 65507, HOSTILE_HELD = 1 << 20 };
/* A decoder with the limits of a default configuration; only two exporters, so that the third
 * pushes out one. */
struct decode *hostile_decoder(const struct hostile_case *which);
void hostile_make(struct hostile *ret_hostile, const struct hostile_case *which);
void hostile_done(struct hostile *hostile);

#endif

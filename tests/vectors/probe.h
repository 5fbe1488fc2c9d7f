#ifndef TESTS_VECTORS_PROBE_H
#define TESTS_VECTORS_PROBE_H

#include "collector/decode/decode.h"

#include <stdio.h>

/*
 * A decoder that is fed what may be wrong, and held to its bounds with each datagram: steps and
 * records by its octets, memory by the limit. The sanitizers judge the rest. What breaks a bound is
 * printed and makes the probe failed.
 */
enum { PROBE_KEPT = 4096, PROBE_HELD = 1 << 20, PROBE_MEMORY = 1 << 20 };
struct probe {
    struct decode *decode;
    const char *file; /* for the message */
    uint64_t now_ms, datagrams, octets, records;
    size_t memory_max;
    double steps_max;                          /* an octet, of datagrams that have a few */
    uint64_t steps_left_max[FORMAT_COUNT + 1]; /* where it worked off what others had left */
    bool failed;
    /* Of the last datagram: what it gave itself, and what had waited. */
    size_t kept_count, late_count;
    uint64_t given;
    struct flow_record kept[PROBE_KEPT], late[PROBE_KEPT];
};

struct probe *probe_new(uint32_t exporters); /* never NULL */
void probe_free(struct probe *probe);
enum decode_reason probe_feed(struct probe *probe, const struct ip_addr *from, const uint8_t *bytes,
                              size_t len);
/* Prints a line of what was done; false: a bound was broken. */
bool probe_report(const struct probe *probe, const char *what);

/* The corpus's folder; NULL, and a line that says so: it is not there. */
const char *probe_corpus(void);

/* Calls for each datagram of each capture, and of each hand-made sequence of tests/vectors/fuzz. */
typedef void (*probe_on_valid)(void *owner, const char *file, const struct ip_addr *from,
                               const uint8_t *bytes, size_t len);
bool probe_all_valid(const char *corpus, probe_on_valid on_valid, void *owner);

#endif

#ifndef SPEAKER_BGP_DAMPING_H
#define SPEAKER_BGP_DAMPING_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How long a peer that falls again and again is left alone (RFC 4271, 8.1.1: DampPeerOscillations).
 * Each fall in a row doubles the wait, up to DAMPING_WAIT_MAX_MS; one session that stood for
 * DAMPING_STABLE_MS makes them forgotten.
 */
enum {
    DAMPING_WAIT_MAX_MS = 120000, /* a router that was mended is not kept waiting for longer */
    DAMPING_STABLE_MS = 60000,
    /* Below this many falls in a row, a connection that the peer opens is taken at any time. */
    DAMPING_FREE_FALLS = 3,
};

struct damping {
    uint32_t falls;    /* in a row */
    uint64_t until_ms; /* monotonic: the peer is left alone; 0: it never fell */
};

/* usual_ms: the wait that is doubled; random: any number, for the jitter. The first fall, which is
 * most likely a restart of the peer, costs a quarter of a second. */
void damping_fall(struct damping *damping, uint64_t now_ms, uint64_t usual_ms, uint32_t random);
/* A session ended that had stood for so long. */
void damping_stood(struct damping *damping, uint64_t stood_ms);
/* We do not connect yet. */
bool damping_keeps_us(const struct damping *damping, uint64_t now_ms);
/* Nor is the peer's connection taken. */
bool damping_keeps_peer(const struct damping *damping, uint64_t now_ms);

#endif

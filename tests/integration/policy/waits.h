#ifndef TESTS_INTEGRATION_POLICY_WAITS_H
#define TESTS_INTEGRATION_POLICY_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * How long processes were ready to run and had no processor, by what the kernel counts of each.
 * What a loaded machine does not give is not the fault of who is judged by time.
 *
 *   a zeroed struct → waits_look() with the processes of now, now and then
 */
enum {
    WAITS_PROCESSES = 5,
    WAITS_OF_LEASE = 3 /* the first of them: by whom a lease is renewed */
};

struct waits {
    pid_t pids[WAITS_PROCESSES];
    uint64_t seen_ns[WAITS_PROCESSES]; /* what the kernel had counted of each */
    uint64_t total_ns, lease_ns;
    uint64_t window_began_ms, window_began_ns, before_ns;
    bool starved; /* was once, since the struct was zeroed */
};

/* A policy renews its lease of 1.5 s each half of a second, and lets go a second after it did last.
 * What lacks the processor for so long within two windows need not manage that. */
enum { WAITS_WINDOW_MS = 1000, WAITS_STARVED_MS = 500 };

/* pids: 0 where there is none. Those of one place may be others each time. */
void waits_look(struct waits *waits, const pid_t pids[WAITS_PROCESSES], uint64_t now_ms);
static inline uint64_t waits_ms(const struct waits *waits)
{
    return waits->total_ns / 1000000;
}

#endif

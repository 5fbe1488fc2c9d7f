#ifndef SPEAKER_BGP_OPEN_H
#define SPEAKER_BGP_OPEN_H

#include "speaker/bgp/message.h"

/*
 * The OPEN message and what two of them agree on. Read one with open_decode, judge it with
 * open_judge against what is configured, then open_negotiate.
 */
/* Capability 64 (RFC 4724, with the bit N of RFC 8538). */
struct bgp_graceful {
    bool offered;
    bool restarted;         /* R: it has just done so, and waits for nobody */
    bool over_notification; /* N: only a hard reset ends it (notification.h) */
    uint16_t restart_s;     /* at most GRACEFUL_RESTART_MAX_S */
    unsigned int families;  /* that are listed */
};
enum { GRACEFUL_RESTART_MAX_S = 4095 };

struct bgp_open {
    uint32_t as; /* the real one, from the 4-octet capability where there is one */
    uint32_t router_id;
    uint16_t hold_s;
    unsigned int families; /* bits 1 << enum bgp_family */
    bool as4, refresh;     /* capabilities 65 (RFC 6793) and 2 (RFC 2918) */
    bool enhanced_refresh; /* 70: what is sent again has a begin and an end (RFC 7313) */
    bool extended;         /* 6: messages of up to BGP_EXTENDED_MAX (RFC 8654) */
    bool multiprotocol;    /* read: any capability 1; without one, families is IPv4 unicast */
    struct bgp_graceful graceful;
};

enum status open_encode(const struct bgp_open *open, uint8_t *bytes, size_t room, size_t *ret_len);

/* MALFORMED: *ret_error is what the peer is told (RFC 4271, 6.2). */
enum status open_decode(const struct bgp_message *message, struct bgp_open *ret_open,
                        struct bgp_error *ret_error);

/* Does it come from whom we expect? REFUSED with *ret_error where not. */
enum status open_judge(const struct bgp_open *remote, uint32_t remote_as,
                       const struct bgp_open *local, struct bgp_error *ret_error);

struct bgp_negotiated {
    unsigned int families;
    bool as4, refresh, enhanced_refresh, extended;
    bool graceful;                  /* the peer keeps our routes when a session falls */
    bool over_notification;         /* also when one of us says NOTIFICATION */
    uint32_t hold_ms, keepalive_ms; /* both 0: no timers (RFC 4271, 4.2) */
};
struct bgp_negotiated open_negotiate(const struct bgp_open *local, const struct bgp_open *remote);

/*
 * Two connections to one peer (RFC 4271, 6.8, with RFC 6286 for equal identifiers): true when the
 * one that we opened stays.
 */
bool open_keeps_ours(const struct bgp_open *local, const struct bgp_open *remote);

/* A time between three quarters of it and all of it (RFC 4271, 10), by a random number. */
uint64_t open_jitter_ms(uint64_t ms, uint32_t random);
/* How long to wait before the next attempt to connect, after so many that came to nothing: short at
 * first, because a peer that restarts or refuses us for a moment is back soon, and doubling up to
 * what the configuration says. */
uint64_t open_retry_ms(uint64_t most_ms, uint32_t attempts, uint32_t random);

#endif

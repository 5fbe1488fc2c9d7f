#ifndef COLLECTOR_INTERFACES_H
#define COLLECTOR_INTERFACES_H

#include "collector/decode/decode.h"
#include "collector/interface_check.h"

/*
 * What sFlow agents count of their interfaces: the last reading of each, the rates between two of
 * them, and whether the samples explain what was counted. Pure: bytes have been decoded before, and
 * time comes in. Within an exporter's limit and a limit for all, what was read longest ago goes
 * first, and of too many exporters all of the one heard longest ago; but what a sender of more
 * trust told makes no room for one of less.
 *
 *   interfaces_new() → interfaces_counted() for each reading; for each datagram of samples
 *   interfaces_at() once and interfaces_sampled() for each → interfaces_tell()
 *
 * An exporter that never told counters costs its samples one failed lookup a datagram.
 */
struct interfaces;

struct interfaces_options {
    uint32_t per_exporter; /* 0: 1024 */
    uint32_t max;          /* 0: 32768 */
    uint32_t exporters;    /* 0: 1000 */
    uint64_t seed;
};

struct interfaces *interfaces_new(const struct interfaces_options *options); /* NULL: no memory */
void interfaces_free(struct interfaces *interfaces);

/* Forgets those of exporters that are not kept: another list came. */
void interfaces_forget(struct interfaces *interfaces,
                       bool (*keeps)(void *owner, const struct ip_addr *exporter), void *owner);

/* A reading of an interface's counters. now_ms is any clock that does not go back. */
void interfaces_counted(struct interfaces *interfaces, const struct decode_interface *reading,
                        enum decode_trust trust, uint64_t now_ms);

/* The exporter's interfaces; NULL: it has told of none. Good until the next interfaces_counted().
 */
struct interfaces_exporter;
struct interfaces_exporter *interfaces_at(const struct interfaces *interfaces,
                                          const struct ip_addr *exporter);
void interfaces_sampled(struct interfaces *interfaces, struct interfaces_exporter *exporter,
                        const struct flow_record *sample);

/* A second; absent until there were two readings without a restart between them. */
struct interface_rates {
    double in_bps, out_bps, in_pps, out_pps;
    double in_errors, out_errors, in_discards, out_discards;
};

struct interface_info {
    struct ip_addr agent;
    uint32_t sub_agent, index;
    bool is_up, has_rates;
    uint64_t speed_bps; /* 0: not known */
    uint64_t read_ms;   /* when it was read last */
    uint64_t restarts;  /* of its counters, and jumps that no port can make */
    struct interface_rates rates;
    struct interface_share in, out;
};

/* Of an exporter, all that were read since a while. */
struct interfaces_summary {
    size_t count, wrong;         /* wrong: a side of it speaks against the sampling rate */
    struct interface_info worst; /* of the wrong ones the one that carries most */
};
enum { INTERFACES_TOLD = 64 };
/* False: the exporter has none. Calls, unless it is NULL, for at most INTERFACES_TOLD: the wrong
 * ones first, and then from the one that carries most. */
bool interfaces_tell(const struct interfaces *interfaces, const struct ip_addr *exporter,
                     uint64_t now_ms, struct interfaces_summary *ret_summary,
                     void (*on_interface)(void *owner, const struct interface_info *info),
                     void *owner);

size_t interfaces_count(const struct interfaces *interfaces);
uint64_t interfaces_evicted(const struct interfaces *interfaces);

#endif

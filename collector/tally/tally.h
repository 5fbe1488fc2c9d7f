#ifndef COLLECTOR_TALLY_TALLY_H
#define COLLECTOR_TALLY_TALLY_H

#include "common/model/model.h"
#include "proto/delta.h"
#include "proto/flow.h"

/*
 * What one worker counts: each flow record goes, scaled by its sampling rate, under the key of
 * every count whose direction and filter it passes. Rows leave as delta rows, the largest first,
 * and what leaves is forgotten here. No I/O, no clock, no log; not shared between threads.
 *
 *   tally_new() → tally_exporter() and tally_add() … tally_settle() → tally_flush() … →
 * tally_free()
 *
 * A row is (count, key, exporter, duration class). Its sums saturate at 2^63 - 1. With x octets of
 * a sampled packet and rate N, the Horvitz-Thompson estimate of the whole is the sum of N x, and of
 * its variance the sum of N (N - 1) x^2; a record of k packets with b octets counts as k of b / k:
 *   var_bytes = N (N - 1) b^2 / k      var_packets = N (N - 1) k      var_flows = N (N - 1)
 * All are 0 where everything was seen (N = 1). A record counts as N flows, whatever k is: the
 * estimate for flows of one packet each, seen with the chance 1 / N, as a sample of sFlow and a
 * flood from forged sources are. A flow of m packets is seen with the chance 1 - (1 - 1/N)^m, and
 * no record says m: it counts as up to m flows, with no less than the variance of that.
 */
struct tally;

enum {
    TALLY_TICK_MS = 100, /* rows leave once a tick at least, unless there are too many */
    /* The unit of row ages. A coarser one would lay what an urgent flush carries into the time of
     * those before it, and what is read at the end of a window would always lack a part. */
    TALLY_AGE_MS = 1
};

/* Why a record or a sender does not count. Names become label values, so never rename. */
#define TALLY_REASON_LIST(X)                                                                       \
    X(UNLISTED, "the sender is not in the list of exporters")                                      \
    X(EXPORTERS, "more exporters at once than the limit")                                          \
    X(BIG_PACKETS, "more than 65536 octets a packet")                                              \
    X(SMALL_PACKETS, "fewer than 20 octets a packet")                                              \
    X(LONG_DURATION, "a duration over an hour")                                                    \
    X(MAX_RATE, "a rate over the exporter's max_rate")                                             \
    X(SECOND_SENDER, "of a second sender as the exporter, who brings little")

enum tally_reason {
#define X(name, text) TALLY_##name,
    TALLY_REASON_LIST(X)
#undef X
        TALLY_REASON_COUNT
};
const char *tally_reason_name(enum tally_reason reason);
const char *tally_reason_text(enum tally_reason reason);

struct tally_options {
    const struct model *model; /* lent until tally_reload or tally_free */
    size_t max_keys;           /* rows of this worker */
    uint32_t live_workers;     /* how many share an exporter's traffic: all of all collectors */
    double urgent_share;       /* of the lowest threshold's volume; a row over it is urgent */
    uint32_t max_rows;         /* that one tick's flush gives; urgent ones and those of what
                                  is not admitted apart */
    uint8_t ipv6_host_len;     /* 128 or 64: what a host key of IPv6 is cut to */
    uint32_t exporters_max;    /* up to DELTA_EXPORTERS_MAX */
    bool wants_direction;      /* tally_direction gives it, also where no count asks */
    uint64_t seed;
};

struct tally_exporter {
    struct ip_addr addr;
    const struct config_exporter *config; /* NULL: none of the list */
    bool is_host;                         /* listed by its own address */
    uint32_t index;                       /* in delta rows given by tally_flush */
    uint64_t heard_ms, heard_before_ms;
    uint64_t records;        /* counted since tally_next_interval */
    uint64_t two_senders_ms; /* when two brought a real part each; 0: never */
    uint64_t refused[TALLY_REASON_COUNT];
};

struct tally_counters {
    uint64_t records; /* that passed the plausibility limits */
    uint64_t refused[FORMAT_COUNT + 1][TALLY_REASON_COUNT]; /* FORMAT_COUNT: not decoded */
    uint64_t without_volume;   /* events of firewalls and translators, say */
    uint64_t unknown_rate;     /* records counted at rate 1 because nobody said it */
    uint64_t outside_boundary; /* did not enter on one of the exporter's boundary interfaces */
    uint64_t uncounted;        /* passed, but no count wants them */
    uint64_t other;            /* additions that went into a row of what is not admitted */
    uint64_t replaced;         /* rows that made room for a larger one */
    uint64_t rows_flushed, rows_urgent;
    uint64_t evicted_exporters;
};

struct tally *tally_new(const struct tally_options *options); /* NULL: out of memory */
void tally_free(struct tally *tally);

/*
 * Takes new options, another model among them: rows of counts that stay are kept, those of others
 * are gone, so flush first. On NO_MEMORY nothing has changed.
 */
enum status tally_reload(struct tally *tally, const struct tally_options *options);

/* Who sends from this address; NULL: does not count, and was counted as refused. Good until the
 * next call of this function or of tally_reload. */
struct tally_exporter *tally_exporter(struct tally *tally, const struct ip_addr *addr,
                                      uint64_t now_ms);
/* The last senders that the list does not have, in no order; their datagrams are counted from when
 * they came into it. */
enum { TALLY_STRANGERS = 8 };
struct tally_stranger {
    struct ip_addr addr;
    uint64_t datagrams, last_ms;
};
const struct tally_stranger *tally_strangers(const struct tally *tally, size_t *ret_count);
/* Nothing of what was just heard could be used, as of data before their template: taken back, since
 * an exporter that is not understood must be told from one that has nothing to tell. */
void tally_exporter_unheard(struct tally_exporter *exporter);
/* since_ms: when it came, or where that is not known the earliest that it can have come. */
/* False: the record is not plausible, and was counted as refused. */
bool tally_add(struct tally *tally, struct tally_exporter *exporter, const struct flow_record *flow,
               uint64_t since_ms);
/* A record that is not added, for a reason that others know. */
void tally_refuse(struct tally *tally, struct tally_exporter *exporter,
                  const struct flow_record *flow, enum tally_reason reason);
/* Of the record that was added last, where options want it or a count asks; DIRECTION_ANY: it was
 * refused, has no volume, or did not enter at a boundary. */
enum direction tally_direction(const struct tally *tally);
/* Records wait in small batches so that memory is fetched ahead; this works off what waits. */
void tally_settle(struct tally *tally);

/* Some row is over its urgent limit. */
bool tally_has_urgent(const struct tally *tally);
size_t tally_rows(const struct tally *tally);

/* slot: key_slot of the row. row->count is the count's index in the model, row->exporter the
 * exporter's here. Lent for the call. */
typedef void (*tally_on_row)(void *owner, unsigned int slot, const struct delta_row *row);
enum tally_flush_kind {
    TALLY_FLUSH_URGENT, /* what is over its limit */
    TALLY_FLUSH_TICK,   /* the largest rows first, up to max_rows */
    TALLY_FLUSH_ALL
};
size_t tally_flush(struct tally *tally, enum tally_flush_kind kind, uint64_t now_ms,
                   tally_on_row on_row, void *owner);

/* No row that is still here holds more than this. */
void tally_residual(const struct tally *tally, uint64_t *ret_bytes, uint64_t *ret_packets);

/* Exporters by index, NULL where there is none; and the start of a new interval of their records.
 */
size_t tally_exporter_count(const struct tally *tally);
const struct tally_exporter *tally_exporter_at(const struct tally *tally, size_t index);
const struct tally_exporter *tally_exporter_find(const struct tally *tally,
                                                 const struct ip_addr *addr);
void tally_next_interval(struct tally *tally);

const struct tally_counters *tally_counters(const struct tally *tally);

#endif

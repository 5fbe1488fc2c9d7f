#ifndef COLLECTOR_DECODE_DECODE_H
#define COLLECTOR_DECODE_DECODE_H

#include "collector/decode/discard.h"
#include "collector/decode/fields.h"
#include "collector/decode/reason.h"
#include "common/base/addr.h"
#include "proto/flow.h"

#include <stddef.h>

/*
 * Export datagrams to flow records: NetFlow 5 and 9, IPFIX and sFlow 5, told apart by their first
 * octets. Bytes and state in, records and a reason out; no I/O, no clock, no log. The state keeps
 * templates and sampling rates for each exporter and observation domain, within limits: what was
 * used longest ago goes first. Memory is taken only when a template or an exporter is new.
 *
 *   decode_new() → decode_datagram() … → decode_free()
 */
struct decode;

struct decode_limits {             /* 0: the default in brackets */
    uint32_t exporters;            /* 1000 */
    uint32_t domains_per_exporter; /* 64 */
    uint32_t templates_per_domain; /* 512 */
    uint32_t fields_per_template;  /* 256 */
    uint32_t samplers_per_domain;  /* 256 */
    uint32_t sources_per_domain;   /* 1024: of an sFlow agent */
    uint32_t flow_totals; /* 65536: flows whose octets are told more than once; 96 octets each */
    size_t held_bytes;    /* of data sets that wait for their template; 0: none waits */
    size_t held_bytes_per_exporter; /* an eighth of that */
    size_t memory_bytes; /* 64 MiB: of domains, templates and samplers, whatever the rest allows */
};

/* How well the operator knows a sender. Where there is no room for all, one that is known less well
 * makes room, or gets none. */
enum decode_trust { DECODE_UNLISTED, DECODE_BY_PREFIX, DECODE_BY_ADDRESS, DECODE_TRUSTS };

/* What the operator says about the sender of a datagram. */
struct decode_source {
    struct ip_addr addr;
    enum decode_trust trust;
    uint32_t sampling_override; /* 0: none */
    uint32_t sampling_default;  /* where the stream says nothing; 0: none */
};

/* What an sFlow agent's own counters say of an interface: sums since it started, which wrap. */
struct decode_interface {
    struct ip_addr exporter, agent;
    uint32_t sub_agent, index;
    uint32_t uptime_ms; /* of the agent, which wraps too */
    bool is_up;
    uint64_t speed_bps;
    uint64_t in_octets, out_octets;   /* UINT64_MAX: the agent does not count them */
    uint64_t in_packets, out_packets; /* of three counters of 32 bits, which wrap each by itself */
    uint32_t in_discards, out_discards, in_errors, out_errors;
};

struct decode_sink {
    /* A flow record or flow sample, lent for the call. */
    void (*on_record)(void *owner, const struct flow_record *flow);
    /* A packet that the exporter dropped and tells of by itself (sFlow discarded packets): no
     * sample of the traffic, so it must not be counted as volume. May be NULL. */
    void (*on_discard)(void *owner, const struct flow_record *flow);
    /* An interface's counters, lent for the call. May be NULL. */
    void (*on_interface)(void *owner, const struct decode_interface *interface);
    /* Two senders take turns in the sequence of the datagram's domain, and the second brings a real
     * part: nobody can tell whose records are true. May be NULL. */
    void (*on_two_senders)(void *owner);
    /* The records that this datagram will give are of a second sender who brings little, and should
     * not count. May be NULL. */
    void (*on_foreign)(void *owner);
    /* A record that waited for its template, and when it came. NULL: on_record. */
    void (*on_late)(void *owner, const struct flow_record *flow, uint64_t came_ms);
    /* A record of a template as it stands in the datagram, lent for the call: before on_record
     * gives what is understood of it, and for options records too. May be NULL. */
    void (*on_fields)(void *owner, const struct decode_fields *fields);
    /* Grows with each record given that tells the owner nothing: it does not count for what a
     * sender brings. NULL: all do. */
    const uint64_t *useless;
    void *owner;
};

struct decode *decode_new(const struct decode_limits *limits, uint64_t seed); /* NULL: no memory */
void decode_free(struct decode *decode);

/*
 * Decodes one datagram. now_ms is any clock that does not go back. Gives the first reason why a
 * part was refused, or DECODE_OK; records before and after that part are given all the same.
 */
enum decode_reason decode_datagram(struct decode *decode, const struct decode_source *source,
                                   const uint8_t *bytes, size_t len, uint64_t now_ms,
                                   const struct decode_sink *sink);

/* Whether the last one told anything beside records: templates, options, counters, discards. */
bool decode_has_told(const struct decode *decode);

/* Forgets the exporters that are not kept: another list came. */
void decode_forget(struct decode *decode,
                   bool (*keeps)(void *owner, const struct ip_addr *exporter), void *owner);

/* Index FORMAT_COUNT stands for datagrams of no known format. */
struct decode_counters {
    uint64_t datagrams[FORMAT_COUNT + 1];
    uint64_t records[FORMAT_COUNT + 1];
    uint64_t refused[FORMAT_COUNT + 1][DECODE_REASON_COUNT];
    uint64_t templates, template_changes, withdrawals, options_records;
    uint64_t interface_counters; /* in counter samples */
    uint64_t discards[DISCARD_REASON_COUNT];
    uint64_t counter_samples, discard_samples, reverse_records;
    uint64_t records_without_volume; /* NAT and firewall events among them */
    uint64_t sampling_changes;       /* a sampler's, headers', an sFlow source's became another */
    uint64_t sampling_contradictions;
    uint64_t sequence_lost, sequence_late, sequence_resets;
    uint64_t restarts;     /* domains whose headers show that their exporter started again */
    uint64_t held_sets;    /* data sets before their template that were kept */
    uint64_t held_decoded; /* of these, decoded when the template came */
    uint64_t held_dropped; /* of these, too old, too many or withdrawn; and sets too long to keep */
    uint64_t held_records; /* that the decoded ones gave */
    uint64_t restored;     /* templates and samplers of a snapshot */
    uint64_t
        restored_dropped; /* of these and of those before an exporter's restart: contradicted */
    uint64_t evicted_exporters, evicted_domains, evicted_templates, evicted_samplers;
    uint64_t evicted_totals, evicted_sources;
    uint64_t evicted_aside; /* templates, rates and times of other streams than the main one */
    uint64_t samples_lost;  /* of sFlow, by the numbers of each source */
};
const struct decode_counters *decode_counters(const struct decode *decode);
size_t decode_memory(const struct decode *decode);    /* octets of domains, templates, samplers */
uint64_t decode_changes(const struct decode *decode); /* grows when what a snapshot holds changes */

/* Counts since it was first seen. */
struct decode_counts {
    uint64_t datagrams, records, refused[DECODE_REASON_COUNT];
    uint64_t sequence_lost, sequence_late, sequence_resets, restarts;
    uint64_t samples_lost; /* of sFlow, by the numbers of each source */
};

/* Two that say a rate for the same records, and not the same one. */
struct decode_contradiction {
    double used, said;                /* 1 in so many */
    uint8_t used_source, said_source; /* enum sampling_source */
};

struct decode_sampling_events {
    uint64_t changes, contradictions;
    double changed_from, changed_to; /* the last change */
    struct decode_contradiction last;
};

/* What is known of an observation domain: source id, engine, or agent and sub-agent. */
struct decode_domain_info {
    uint8_t format; /* enum flow_format */
    uint32_t number;
    struct ip_addr agent; /* sFlow */
    int64_t last_ms;
    struct decode_counts counts;
    uint32_t templates, samplers, sources;
    double sampling_rate;    /* of its last record; 0: not known */
    uint8_t sampling_source; /* enum sampling_source */
    double header_rate;      /* that its last header said; 0: none */
    struct decode_sampling_events sampling;
};

/* What is known of an exporter, for people. */
struct decode_exporter;
struct decode_exporter_info {
    const struct decode_exporter *self; /* for decode_domains(), during the callback */
    struct ip_addr addr;
    enum decode_trust trust;
    int64_t last_ms;
    uint32_t formats; /* bit i: enum flow_format i */
    struct decode_counts counts;
    uint32_t domains, templates, samplers;
    double sampling_rate;    /* of its last record; 0: not known */
    uint8_t sampling_source; /* enum sampling_source */
    struct decode_sampling_events sampling;
    bool two_senders;           /* by its sequences, within the last minute */
    uint32_t active_timeout_ms; /* the longest that its options tell; 0: none */
};
/* Calls for each exporter heard since since_ms, those that the operator knows best first; the
 * callback must not call decode_datagram. */
void decode_exporters(const struct decode *decode, uint64_t since_ms, uint64_t now_ms,
                      void (*on_exporter)(void *owner, const struct decode_exporter_info *info),
                      void *owner);

struct decode_template_info {
    uint16_t id, fields;
    bool options;
    int64_t told_ms; /* on the clock of now_ms; below 0: before it began */
};
/* A data source of an sFlow agent. */
struct decode_source_info {
    uint32_t class, index;
    uint32_t rate, lost; /* of its last sample; samples, by its own numbers */
};
/* Those that miss most samples, the worst first; how many. For a domain of decode_domains(). */
enum { DECODE_SOURCES_TOLD = 8 };
size_t decode_sources(const struct decode_domain_info *domain, struct decode_source_info *ret_worst,
                      size_t max);

/* Calls for an exporter's domains, at most domains_max from the one heard last, each with its
 * templates, as many as fit from the one used last. */
enum { DECODE_TEMPLATES_TOLD = 16 };
void decode_domains(const struct decode_exporter *exporter, size_t domains_max,
                    void (*on_domain)(void *owner, const struct decode_domain_info *domain,
                                      const struct decode_template_info *templates, size_t count),
                    void *owner);

#endif

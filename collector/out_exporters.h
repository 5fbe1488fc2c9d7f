#ifndef COLLECTOR_OUT_EXPORTERS_H
#define COLLECTOR_OUT_EXPORTERS_H

#include "collector/decode/decode.h"
#include "collector/interfaces.h"
#include "collector/tally/tally.h"
#include "common/base/clock.h"
#include "common/redis/redis.h"

/*
 * What a worker knows of its exporters into weir:exporter:<address>, once a second for those heard
 * since the last time, and into the metrics that have an exporter as label. Fields, all text:
 *
 *   name              as in the list of exporters; absent where it is not there
 *   collector, worker who hears it
 *   formats           "netflow9 ipfix"
 *   sampling_rate     of its last record: 1 in so many; "1" where nobody said it
 *   sampling_source   override sample header record options exporter default
 *   sampling_changes  how often the rate of a sampler, of headers or of an sFlow source changed
 *   sampling_contradictions   how often two sources said different rates for the same records
 *   sampling_contradiction    the last one: "override 100, options 1000"; the first was used
 *   domain_list       its domains as a JSON array, at least every 5 s: exporter_domains.h
 *   interfaces        how many told their counters lately; this and what follows only for sFlow
 *                     agents that tell counters, at least every 10 s
 *   interfaces_wrong  of these, how many count otherwise than the samples show
 *   interface_warning the one of them that carries most, in words; empty: none
 *   interface_list    as a JSON array: exporter_interfaces.h
 *   domains, templates, samplers, datagrams, records
 *   refused           parts of datagrams and records that were refused, in all
 *   refused_<REASON>  the same by reason; only those that happened
 *   sequence_lost, sequence_late, sequence_resets    by the format's own rules
 *   two_senders       1: two interleaved sequences were seen within the last minute
 *   active_timeout_ms the longest that its options tell; absent where they tell none
 *   last_seen         Unix time in ms
 */
struct out_exporters;

struct out_exporters_options {
    struct redis *redis; /* lent: the first telemetry server */
    const char *prefix, *collector;
    uint32_t worker, workers, exporters_max;
    struct clock clock;
};

void out_exporters_declare(void); /* its metrics */
enum status out_exporters_new(struct out_exporters **ret_out,
                              const struct out_exporters_options *options);
void out_exporters_free(struct out_exporters *out);
void out_exporters_tell(struct out_exporters *out, const struct decode *decode,
                        const struct tally *tally, const struct interfaces *interfaces);

#endif

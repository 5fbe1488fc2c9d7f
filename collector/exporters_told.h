#ifndef COLLECTOR_EXPORTERS_TOLD_H
#define COLLECTOR_EXPORTERS_TOLD_H

#include "collector/decode/chain.h"
#include "collector/decode/decode.h"
#include "common/base/table.h"

/*
 * The exporters that a worker has told of: of each there is a hash at the telemetry server, so they
 * are as many as the limit, and whoever makes room takes his hash along. One that the operator
 * knows less well makes room for one that he knows as well or better; of these, the one told of
 * longest ago.
 *
 * Labels of metrics live on in what reads them, so an address that anybody may send from gets one
 * only while there are few; an exporter that is listed by its own address always does.
 */
enum {
    TOLD_LABELS_MAX = 1000,        /* of those that are not listed by their own address */
    TOLD_LISTED_LABELS_MAX = 10000 /* as many as a list may have */
};

struct exporter_told {
    struct chain used;
    uint8_t trust;
    bool labelled;
    uint64_t datagrams, sequence_lost, sampling_changes, sampling_contradictions;
    bool two_senders;
    uint64_t domains_ms;    /* when its hash was given its domains; 0: never */
    uint64_t interfaces_ms; /* likewise */
    size_t wrong_interfaces;
};

struct exporters_told {
    struct table *table;  /* by address: struct exporter_told */
    struct table *labels; /* addresses that have one, and are not listed by it */
    struct chain used[DECODE_TRUSTS];
    size_t max;
};

enum status exporters_told_init(struct exporters_told *told, size_t max, size_t labels_max,
                                uint64_t seed);
void exporters_told_done(struct exporters_told *told);
/* What was told of it, zeroed when it is new. ret_gone: who made room, family ADDR_NONE where
 * nobody did. NULL: there is no room for one known so little. */
struct exporter_told *exporters_told_enter(struct exporters_told *told,
                                           const struct ip_addr *exporter, enum decode_trust trust,
                                           struct ip_addr *ret_gone);
/* What has been lost in all, and how much of it is to be added to a counter that cannot go back:
 * what was only overtaken is lost no more, and then the next losses were counted before. */
uint64_t exporters_told_lost(struct exporter_told *told, const struct decode_counts *counts);

#endif

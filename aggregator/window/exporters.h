#ifndef AGGREGATOR_WINDOW_EXPORTERS_H
#define AGGREGATOR_WINDOW_EXPORTERS_H

#include "common/base/addr.h"
#include "common/base/status.h"
#include "proto/rollup.h"

/* The exporters that a shard has heard of, by small numbers, and when their last datagram came. */
enum {
    EXPORTER_TWO_SENDERS_MS = 2000, /* a collector that sees them says so once a second */
    EXPORTER_KEEP_MS = 3600 * 1000, /* after that long a silence its number may mean another */
    EXPORTER_NONE = UINT32_MAX,
};

struct exporter {
    struct ip_addr addr; /* family ADDR_NONE: a number that is free */
    uint64_t heard_ms;
    uint64_t two_senders_ms; /* a collector said last that it saw them; 0: never */
};

struct exporters {
    struct exporter *items;
    size_t count, room;
    struct table *numbers;
};

enum status exporters_init(struct exporters *exporters, uint64_t seed);
void exporters_done(struct exporters *exporters);
/* Its number; EXPORTER_NONE when there are ROLLUP_EXPORTERS_MAX that are all heard of. */
uint32_t exporters_hear(struct exporters *exporters, const struct ip_addr *addr, uint64_t heard_ms);
void exporters_note_two_senders(struct exporters *exporters, uint32_t number, uint64_t at_ms);
/* Frees the numbers of those that were silent for too long. */
void exporters_forget(struct exporters *exporters, uint64_t now_ms);

#endif

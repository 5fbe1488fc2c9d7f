#ifndef COLLECTOR_INTERFACES_INTERNAL_H
#define COLLECTOR_INTERFACES_INTERNAL_H

#include "collector/decode/chain.h"
#include "collector/interfaces.h"
#include "common/base/table.h"

/* What interfaces.c keeps and interfaces_tell.c tells. */

enum { INTERFACE_MOST_MS = 15 * 60 * 1000 }; /* readings further apart have nothing in common */

struct interface {
    struct decode_interface reading;
    struct interface_check in, out;
    struct chain used;        /* among all of the same trust, from the one read last */
    struct chain of_exporter; /* among its exporter's */
    struct interfaces_exporter *exporter;
    uint64_t read_ms, restarts;
    bool has_rates, is_over_speed;
    struct interface_rates rates;
};

/* Where samples find their interface without a look into the table, by its index. */
enum { RECENT = 64 };

struct interfaces_exporter {
    struct ip_addr addr;
    struct chain used; /* among all of the same trust, from the one heard last */
    struct chain interfaces;
    uint32_t count;
    struct interface *recent[RECENT]; /* NULL: none */
};

struct interfaces {
    struct interfaces_options options;
    struct table *exporters; /* by address */
    struct table *by_key;
    struct chain used[DECODE_TRUSTS], exporters_used[DECODE_TRUSTS];
    uint64_t evicted;
};

#endif

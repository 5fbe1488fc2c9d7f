#ifndef COLLECTOR_EXPORTER_INTERFACES_H
#define COLLECTOR_EXPORTER_INTERFACES_H

#include "collector/interfaces.h"
#include "common/base/text.h"

/*
 * An sFlow exporter's interfaces as a JSON array, for the field interface_list of its hash: at most
 * INTERFACES_TOLD. wall_less_mono_ms makes Unix times of the worker's. False: it has told of none.
 */
bool exporter_interfaces_add(struct text *text, const struct interfaces *interfaces,
                             const struct ip_addr *exporter, uint64_t now_ms,
                             int64_t wall_less_mono_ms, struct interfaces_summary *ret_summary);

/* "interface 3 in: samples show 0.10 of what it counted: sampling rate is probably wrong (said
 * 1000, counters suggest ~10000)"; nothing where no interface is wrong. */
void exporter_interfaces_warn(struct text *text, const struct interfaces_summary *summary);

#endif

#ifndef COMMON_MODEL_RECORD_FACTS_H
#define COMMON_MODEL_RECORD_FACTS_H

#include "flowspec/facts.h"
#include "proto/flow.h"

/*
 * What a flow record tells of its packets, for flowspec/match.h. Addresses, ports, protocol, ICMP,
 * DSCP and flow label are what exporters tell flows apart by, so all packets of a record share
 * them. TCP flags are known of one packet only; the length of one packet, or between the record's
 * least and most; fragment bits of a sampled header, and else only that packets are later
 * fragments, as exporters give offset and flags without one another, and of the first packet.
 */
void record_facts(struct flow_facts *ret_facts, const struct flow_record *flow);

#endif

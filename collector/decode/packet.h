#ifndef COLLECTOR_DECODE_PACKET_H
#define COLLECTOR_DECODE_PACKET_H

#include "common/base/wire.h"
#include "proto/flow.h"

/*
 * The first octets of a packet, as sFlow and packet sections carry them, into a flow record:
 * addresses, protocol, ports, flags, fragment, lengths. The outermost IP header counts; tunnels
 * are not opened. What the octets do not reach stays absent. False: no IP header was found; what
 * was read before (a VLAN, say) is kept. Behind: how many octets the frame had after these; with
 * them IP and a frame behind an MPLS label are told apart.
 */
enum { PACKET_BEHIND_UNKNOWN = UINT32_MAX };
bool packet_parse_ethernet(struct wire_reader *packet, uint32_t behind, struct flow_record *flow);
bool packet_parse_ip(struct wire_reader *packet, struct flow_record *flow);
bool packet_parse_mpls(struct wire_reader *packet, uint32_t behind, struct flow_record *flow);
bool packet_parse_ppp(struct wire_reader *packet, uint32_t behind, struct flow_record *flow);

/* Takes from the packet what the record does not say itself. */
void packet_complete(struct flow_record *flow, const struct flow_record *packet);

#endif

#ifndef COLLECTOR_DECODE_DISCARD_H
#define COLLECTOR_DECODE_DISCARD_H

#include <stdint.h>

/*
 * Why an sFlow agent dropped a packet that it tells of: the drop reasons of sFlow's discarded
 * packet notifications, number and name. 0 to 15 are the codes of ICMP's "unreachable". Names
 * become label values of weir_collector_discard_samples_total, so never rename. What is not in the
 * list is counted as OTHER.
 */
#define DISCARD_REASON_LIST(X)                                                                     \
    X(0, net_unreachable)                                                                          \
    X(1, host_unreachable)                                                                         \
    X(2, protocol_unreachable)                                                                     \
    X(3, port_unreachable)                                                                         \
    X(4, frag_needed)                                                                              \
    X(5, src_route_failed)                                                                         \
    X(6, dst_net_unknown)                                                                          \
    X(7, dst_host_unknown)                                                                         \
    X(8, src_host_isolated)                                                                        \
    X(9, dst_net_prohibited)                                                                       \
    X(10, dst_host_prohibited)                                                                     \
    X(11, dst_net_tos_unreachable)                                                                 \
    X(12, dst_host_tos_unreachable)                                                                \
    X(13, comm_admin_prohibited)                                                                   \
    X(14, host_precedence_violation)                                                               \
    X(15, precedence_cutoff)                                                                       \
    X(256, unknown)                                                                                \
    X(257, ttl_exceeded)                                                                           \
    X(258, acl)                                                                                    \
    X(259, no_buffer_space)                                                                        \
    X(260, red)                                                                                    \
    X(261, traffic_shaping)                                                                        \
    X(262, pkt_too_big)                                                                            \
    X(263, src_mac_is_multicast)                                                                   \
    X(264, vlan_tag_mismatch)                                                                      \
    X(265, ingress_vlan_filter)                                                                    \
    X(266, ingress_spanning_tree_filter)                                                           \
    X(267, port_list_is_empty)                                                                     \
    X(268, port_loopback_filter)                                                                   \
    X(269, blackhole_route)                                                                        \
    X(270, non_ip)                                                                                 \
    X(271, uc_dip_over_mc_dmac)                                                                    \
    X(272, dip_is_loopback_address)                                                                \
    X(273, sip_is_mc)                                                                              \
    X(274, sip_is_loopback_address)                                                                \
    X(275, ip_header_corrupted)                                                                    \
    X(276, ipv4_sip_is_limited_bc)                                                                 \
    X(277, ipv6_mc_dip_reserved_scope)                                                             \
    X(278, ipv6_mc_dip_interface_local_scope)                                                      \
    X(279, unresolved_neigh)                                                                       \
    X(280, mc_reverse_path_forwarding)                                                             \
    X(281, non_routable_packet)                                                                    \
    X(282, decap_error)                                                                            \
    X(283, overlay_smac_is_mc)                                                                     \
    X(284, unknown_l2)                                                                             \
    X(285, unknown_l3)                                                                             \
    X(286, unknown_l3_exception)                                                                   \
    X(287, unknown_buffer)                                                                         \
    X(288, unknown_tunnel)                                                                         \
    X(289, unknown_l4)

enum discard_reason {
#define X(number, name) DISCARD_##name,
    DISCARD_REASON_LIST(X)
#undef X
        DISCARD_OTHER,
    DISCARD_REASON_COUNT
};

enum discard_reason discard_reason_of(uint32_t number);
const char *discard_reason_name(enum discard_reason reason); /* "acl", "other"; never NULL */

#endif

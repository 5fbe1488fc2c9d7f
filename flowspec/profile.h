#ifndef FLOWSPEC_PROFILE_H
#define FLOWSPEC_PROFILE_H

#include "flowspec/rule.h"

/* What a router can take. Unknown facts stay conservative: the generic profile is what every peer
 * takes. */
enum profile_action {
    PROFILE_DISCARD = 0x0001,
    PROFILE_RATE = 0x0002,
    PROFILE_RATE_PACKETS = 0x0004,
    PROFILE_TRAFFIC_ACTION = 0x0008, /* sample, terminal */
    PROFILE_MARK = 0x0010,
    PROFILE_REDIRECT_AS2 = 0x0020,
    PROFILE_REDIRECT_AS4 = 0x0040,
    PROFILE_REDIRECT_IP4 = 0x0080,
    PROFILE_REDIRECT_IP6 = 0x0100,
    PROFILE_TO_IP4 = 0x0200,
    PROFILE_TO_IP6 = 0x0400
};

struct router_profile {
    const char *name;
    bool ipv4, ipv6, not_equal, true_false, prefix_offset;
    uint16_t components;    /* bit c: takes component c */
    uint16_t values_max;    /* operators of a component */
    uint16_t nlri_max;      /* octets, without those of the length */
    uint8_t proto_size_max; /* octets of a protocol value */
    bool draft6_order;      /* compares as draft-ietf-idr-flow-spec-06 */
    double rate_min_bytes, rate_step_bytes;
    uint16_t actions;        /* enum profile_action */
    uint8_t fragment_bits;   /* those it matches */
    bool port_stands_alone;  /* no `port` beside destination-port or source-port */
    bool ebgp_needs_setting; /* drops what comes by eBGP until it is told not to */
};

const struct router_profile *profile_find(const char *name); /* NULL: none of that name */
const struct router_profile *profile_at(size_t i);           /* NULL past the last */
/* REFUSED when the profile cannot express the rule; why says which part. */
enum status profile_check(const struct router_profile *profile, const struct flow_rule *rule,
                          const struct flow_actions *actions, struct rule_error *ret_error);

#endif

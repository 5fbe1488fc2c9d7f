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

/* RFC 8955, 6: whether the router looks for a unicast route of the same neighbour behind a rule. */
enum profile_validation {
    PROFILE_VALIDATES_UNKNOWN,
    PROFILE_VALIDATES, /* until it is told not to */
    PROFILE_VALIDATES_NOT
};

enum { PROFILE_PAIRS_MAX = 4 };

struct router_profile {
    const char *name;
    const char
        *since; /* the version that this was seen with or is documented for; NULL: not known */
    bool ipv4, ipv6, not_equal, true_false, prefix_offset;
    bool extended_messages; /* takes UPDATEs of more than 4,096 octets, where it says so (RFC 8654)
                             */
    uint16_t components;    /* bit c: takes component c */
    uint16_t values_max;    /* operators of a component */
    uint16_t nlri_max;      /* octets, without those of the length */
    uint8_t proto_size_max; /* octets of a protocol value */
    bool draft6_order;      /* compares as draft-ietf-idr-flow-spec-06 */
    bool to_next_hop;       /* takes redirect-to-ip as 0x0800, with the address as the next hop */
    double rate_min_bytes, rate_step_bytes;
    uint32_t rules_max;          /* 0: not known */
    uint32_t updates_per_second; /* 0: not known */
    uint16_t actions;            /* enum profile_action */
    uint8_t fragment_bits;       /* those it matches */
    uint8_t validation;          /* enum profile_validation */
    bool destination_required;
    /* Sets of components (bit c) that may not stand in one rule; 0: none. */
    uint16_t forbidden_together[PROFILE_PAIRS_MAX];
    /* A rule with one of `of` also has one of `any`; both are sets of components. */
    struct {
        uint16_t of, any;
    } requires[PROFILE_PAIRS_MAX];
    /* What to configure on a router that has what comes by eBGP out of force, or drops it, until it
     * is told not to; NULL: nothing that is known of. */
    const char *ebgp_setting;
};

const struct router_profile *profile_find(const char *name); /* NULL: none of that name */
const struct router_profile *profile_at(size_t i);           /* NULL past the last */
/* REFUSED when the profile cannot express the rule; why says which part. */
enum status profile_check(const struct router_profile *profile, const struct flow_rule *rule,
                          const struct flow_actions *actions, struct rule_error *ret_error);
/* What of it is about the match alone. */
enum status profile_check_match(const struct router_profile *profile, const struct flow_rule *rule,
                                struct rule_error *ret_error);
/* The largest rate not above this one that the router and the wire can hold; may be 0, which must
 * not be sent. */
double profile_rate(const struct router_profile *profile, double rate_bytes);
/* Likewise, for a session in which messages of 4,096 octets are the longest. */
struct router_profile profile_of_short_messages(const struct router_profile *profile);
/* Octets of the rule's NLRI without those of the length; SIZE_MAX where that has no room. */
size_t profile_nlri_len(const struct flow_rule *rule);

#endif

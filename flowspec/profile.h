#ifndef FLOWSPEC_PROFILE_H
#define FLOWSPEC_PROFILE_H

#include "flowspec/rule.h"

/* What a router can take. Unknown facts stay conservative: the generic profile is what every peer
 * takes. */
struct router_profile {
    const char *name;
    bool ipv4, ipv6, not_equal, true_false, prefix_offset;
    uint16_t components;    /* bit c: takes component c */
    uint16_t values_max;    /* a component */
    uint16_t nlri_max;      /* octets */
    uint8_t proto_size_max; /* octets of a protocol value */
    bool draft6_order;      /* compares as draft-ietf-idr-flow-spec-06 */
    double rate_min_bytes, rate_step_bytes;
};

const struct router_profile *profile_find(const char *name); /* NULL: none of that name */
const struct router_profile *profile_at(size_t i);           /* NULL past the last */
/* REFUSED when the profile cannot express the rule; why says which part. */
enum status profile_check(const struct router_profile *profile, const struct flow_rule *rule,
                          const struct flow_actions *actions, struct rule_error *ret_error);

#endif

#include "flowspec/profile.h"

#include "flowspec/component.h"

#include <math.h>
#include <string.h>

/*
 * "Seen" facts were observed on that version with one route after the other; others come from the
 * vendor's documents, and what neither says is as in `generic`, the subset that all of them take.
 * A router that dislikes one route resets the session, and then every route on it is gone.
 */
enum {
    ALL_COMPONENTS = 0x3ffe,
    ALL_FRAGMENT_BITS = 0x0f,
    VALUES_SAFE = 5,
    NLRI_SHORT = 239, /* one length octet */
    NLRI_LONGEST = 4095,
    ACTIONS_SAFE = PROFILE_DISCARD | PROFILE_RATE | PROFILE_TRAFFIC_ACTION | PROFILE_MARK |
                   PROFILE_REDIRECT_AS2
};

/* What each of them takes; the rest of a row is in the order values, octets, protocol, fragments.
 */
#define TAKES(values, octets, protocol, fragments)                                                 \
    .ipv4 = true, .ipv6 = true, .components = ALL_COMPONENTS, .values_max = (values),              \
    .nlri_max = (octets), .proto_size_max = (protocol), .fragment_bits = (fragments)

static const struct router_profile profiles[] = {
    {.name = "generic",
     TAKES(VALUES_SAFE, NLRI_SHORT, 1, ALL_FRAGMENT_BITS),
     .actions = ACTIONS_SAFE},
    /*
     * Junos documentation, "flow (routing options)": validation is on until no-validate; term-order
     * is legacy (the draft's order) until set to standard; port and destination-port may not stand
     * in one term.
     */
    {.name = "junos",
     TAKES(VALUES_SAFE, NLRI_SHORT, 1, ALL_FRAGMENT_BITS),
     .actions = ACTIONS_SAFE,
     .draft6_order = true,
     .port_stands_alone = true,
     .ebgp_needs_setting = true},
    /*
     * Cisco IOS XR, "Implementing BGP Flowspec": validation is on for IPv4; of the fragment bits
     * only is-fragment is documented; redirect to an address in the default VRF.
     */
    {.name = "ios-xr",
     TAKES(VALUES_SAFE, NLRI_SHORT, 1, 0x02),
     .actions = ACTIONS_SAFE | PROFILE_TO_IP4,
     .ebgp_needs_setting = true},
    /*
     * GoBGP 3.10, seen: keeps every operator, size and community; an offset makes the rest of the
     * NLRI unknown; 240 octets and more are ignored without a word.
     */
    {.name = "gobgp",
     TAKES(RULE_OPS_MAX, NLRI_SHORT, 2, ALL_FRAGMENT_BITS),
     .not_equal = true,
     .true_false = true,
     .actions = ACTIONS_SAFE | PROFILE_RATE_PACKETS | PROFILE_REDIRECT_AS4 | PROFILE_REDIRECT_IP4 |
                PROFILE_REDIRECT_IP6 | PROFILE_TO_IP4 | PROFILE_TO_IP6},
    /*
     * FRR 8.4.4, seen: resets the session over `!=`, `true`, an offset, a sixth value of a
     * component and 240 octets; a sixth value may crash unpatched ones (CVE-2026-37457); packets
     * per second and attribute 25 stay unknown communities, a 4-octet AS is shown cut. Drops what
     * comes by eBGP until `no bgp ebgp-requires-policy`.
     */
    {.name = "frr",
     TAKES(VALUES_SAFE, NLRI_SHORT, 2, ALL_FRAGMENT_BITS),
     .actions = ACTIONS_SAFE | PROFILE_REDIRECT_IP4 | PROFILE_TO_IP4,
     .ebgp_needs_setting = true},
    /*
     * BIRD 2.0.12, seen: strict about sizes and reserved bits (resets the session), takes offsets
     * and long NLRI (up to 4027 octets tried), and hands on the communities as they are.
     */
    {.name = "bird",
     TAKES(RULE_OPS_MAX, 4027, 1, ALL_FRAGMENT_BITS),
     .not_equal = true,
     .true_false = true,
     .prefix_offset = true,
     .actions = ACTIONS_SAFE | PROFILE_RATE_PACKETS | PROFILE_REDIRECT_AS4 | PROFILE_REDIRECT_IP4 |
                PROFILE_REDIRECT_IP6 | PROFILE_TO_IP4 | PROFILE_TO_IP6},
    /*
     * ExaBGP 4.2.21 as a receiver, seen: ignores an offset, resets the session over 240 octets, a
     * 2-octet protocol and a redirect to a 4-octet AS, and shows packets per second and a redirect
     * to an IPv4 address's target as nothing.
     */
    {.name = "exabgp",
     TAKES(RULE_OPS_MAX, NLRI_SHORT, 1, ALL_FRAGMENT_BITS),
     .not_equal = true,
     .true_false = true,
     .actions = ACTIONS_SAFE | PROFILE_TO_IP4 | PROFILE_TO_IP6},
    /* OpenBGPD 7.7, seen: has no Flowspec, and answers any of it with a NOTIFICATION. */
    {.name = "openbgpd"},
};

enum { PROFILE_COUNT = sizeof(profiles) / sizeof(profiles[0]) };

const struct router_profile *profile_find(const char *name)
{
    for (size_t i = 0; i < PROFILE_COUNT; i++)
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    return NULL;
}

const struct router_profile *profile_at(size_t i)
{
    return i < PROFILE_COUNT ? &profiles[i] : NULL;
}

static enum status check_ops(const struct router_profile *p, const struct flow_rule *rule,
                             enum component c, struct rule_error *ret_error)
{
    const struct rule_op *ops = rule_ops(rule, c);
    size_t count = rule_ops_count(rule, c);
    if (count > p->values_max)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s takes %u values a component; %s has %zu",
                         p->name, p->values_max, component_name(c), count);
    for (size_t i = 0; i < count; i++) {
        unsigned relation = ops[i].bits & (OP_LT | OP_GT | OP_EQ);
        if (component_is_bits(c)) {
            if (c == COMPONENT_FRAGMENT && (ops[i].value & ~(uint32_t)p->fragment_bits) != 0)
                return rule_fail(ret_error, STATUS_REFUSED, 0, "%s does not match fragment 0x%x",
                                 p->name, ops[i].value & ~(uint32_t)p->fragment_bits);
            continue;
        }
        if (relation == (OP_LT | OP_GT) && !p->not_equal)
            return rule_fail(ret_error, STATUS_REFUSED, 0, "%s does not take != (%s)", p->name,
                             component_name(c));
        if ((relation == 0 || relation == (OP_LT | OP_GT | OP_EQ)) && !p->true_false)
            return rule_fail(ret_error, STATUS_REFUSED, 0, "%s does not take true and false (%s)",
                             p->name, component_name(c));
    }
    return STATUS_OK;
}

static enum status check_match(const struct router_profile *p, const struct flow_rule *rule,
                               struct rule_error *ret_error)
{
    uint8_t bytes[NLRI_LONGEST + 2];
    size_t len = 0;
    if (rule->family == ADDR_IPV4 ? !p->ipv4 : !p->ipv6)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s takes no IPv%u Flowspec", p->name,
                         rule->family);
    if ((rule->destination_offset != 0 || rule->source_offset != 0) && !p->prefix_offset)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s takes no prefix offset", p->name);
    if (p->port_stands_alone && rule_has(rule, COMPONENT_PORT) &&
        (rule_has(rule, COMPONENT_DESTINATION_PORT) || rule_has(rule, COMPONENT_SOURCE_PORT)))
        return rule_fail(ret_error, STATUS_REFUSED, 0,
                         "%s takes no port beside destination-port or source-port", p->name);
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++) {
        if (!rule_has(rule, c))
            continue;
        if ((p->components >> c & 1) == 0)
            return rule_fail(ret_error, STATUS_REFUSED, 0, "%s does not match %s", p->name,
                             component_name(c));
        enum status s = component_is_prefix(c) ? STATUS_OK : check_ops(p, rule, c, ret_error);
        if (s != STATUS_OK)
            return s;
    }
    enum status s = nlri_encode(rule, bytes, sizeof(bytes), &len);
    if (s != STATUS_OK)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "cannot be encoded: %s", status_text(s));
    size_t body = len - (bytes[0] >= 0xf0 ? 2 : 1);
    if (body > p->nlri_max)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s takes %u octets a rule; this has %zu",
                         p->name, p->nlri_max, body);
    return STATUS_OK;
}

static unsigned actions_needed(const struct flow_actions *a)
{
    unsigned needed = 0;
    needed |= a->discard ? PROFILE_DISCARD : 0U;
    needed |= a->has_rate ? PROFILE_RATE : 0U;
    needed |= a->has_rate_packets ? PROFILE_RATE_PACKETS : 0U;
    needed |= a->sample || a->terminal ? PROFILE_TRAFFIC_ACTION : 0U;
    needed |= a->has_mark ? PROFILE_MARK : 0U;
    needed |= a->redirect == REDIRECT_AS2 ? PROFILE_REDIRECT_AS2 : 0U;
    needed |= a->redirect == REDIRECT_AS4 ? PROFILE_REDIRECT_AS4 : 0U;
    needed |= a->redirect == REDIRECT_IP4 ? PROFILE_REDIRECT_IP4 : 0U;
    needed |= a->redirect == REDIRECT_IP6 ? PROFILE_REDIRECT_IP6 : 0U;
    if (a->redirect == REDIRECT_TO_IP)
        needed |= a->redirect_addr.family == ADDR_IPV4 ? PROFILE_TO_IP4 : PROFILE_TO_IP6;
    return needed;
}

static enum status check_actions(const struct router_profile *p, const struct flow_actions *a,
                                 struct rule_error *ret_error)
{
    static const char *const names[] = {"discard",
                                        "rate-limit",
                                        "rate-limit-packets",
                                        "sample and terminal",
                                        "mark",
                                        "redirect to a 2-octet AS",
                                        "redirect to a 4-octet AS",
                                        "redirect to an IPv4 target",
                                        "redirect to an IPv6 target",
                                        "redirect-to-ip",
                                        "redirect-to-ip with IPv6"};
    unsigned missing = actions_needed(a) & ~(unsigned)p->actions;
    if (missing != 0)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s does not take %s", p->name,
                         names[__builtin_ctz(missing)]);
    if (a->redirect == REDIRECT_TO_NEXT_HOP)
        return rule_fail(ret_error, STATUS_REFUSED, 0,
                         "redirect-to-next-hop needs a next hop, and routes are sent without one");
    if (a->has_rate && a->rate_bytes < p->rate_min_bytes)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s limits to %g B/s at least", p->name,
                         p->rate_min_bytes);
    if (a->has_rate && p->rate_step_bytes > 0 && a->rate_bytes < p->rate_step_bytes)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s rounds %g B/s to 0 (steps of %g B/s)",
                         p->name, a->rate_bytes, p->rate_step_bytes);
    return STATUS_OK;
}

enum status profile_check(const struct router_profile *profile, const struct flow_rule *rule,
                          const struct flow_actions *actions, struct rule_error *ret_error)
{
    enum status s = check_match(profile, rule, ret_error);
    return s == STATUS_OK ? check_actions(profile, actions, ret_error) : s;
}

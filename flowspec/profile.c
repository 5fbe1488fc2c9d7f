#include "flowspec/profile.h"

#include "flowspec/component.h"

#include <math.h>
#include <string.h>

/*
 * "Seen" facts were observed on that version with 115 well-formed and 39 malformed routes, one
 * after the other; others come from the vendor's documents, and what neither says is as in
 * `generic`, the subset that all of them take. A router that dislikes one route resets the session,
 * and then every route on it is gone. Validation needs a destination (RFC 8955, 6), so where it is
 * on, or not known to be off, a destination is required.
 */
enum {
    ALL_COMPONENTS = 0x3ffe,
    ALL_FRAGMENT_BITS = 0x0f,
    VALUES_SAFE = 5,
    NLRI_SHORT = 239, /* one length octet */
    NLRI_LONGEST = 4095,
    NLRI_IN_4096 = 4027, /* the rest is for the attributes of one action, NO_EXPORT, and ours */
    PACE_SAFE = 100,     /* of a router nobody measured */
    PACE_SEEN = 1000,    /* daemons that were seen to take 12,000 and more */
    ACTIONS_SAFE = PROFILE_DISCARD | PROFILE_RATE | PROFILE_TRAFFIC_ACTION | PROFILE_MARK |
                   PROFILE_REDIRECT_AS2,
    PORT = 1 << COMPONENT_PORT
};

/* What each of them takes; the rest of a row is in the order values, octets, protocol, fragments.
 */
#define TAKES(values, octets, protocol, fragments)                                                 \
    .ipv4 = true, .ipv6 = true, .components = ALL_COMPONENTS, .values_max = (values),              \
    .nlri_max = (octets), .proto_size_max = (protocol), .fragment_bits = (fragments)

static const struct router_profile profiles[] = {
    {.name = "generic",
     TAKES(VALUES_SAFE, NLRI_SHORT, 1, ALL_FRAGMENT_BITS),
     .actions = ACTIONS_SAFE,
     .updates_per_second = PACE_SAFE,
     .destination_required = true},
    /*
     * Junos documentation, "flow (routing options)": validation is on until no-validate; term-order
     * is legacy (the draft's order) until set to standard; port and destination-port may not stand
     * in one term.
     */
    {.name = "junos",
     TAKES(VALUES_SAFE, NLRI_SHORT, 1, ALL_FRAGMENT_BITS),
     .actions = ACTIONS_SAFE,
     .updates_per_second = PACE_SAFE,
     .draft6_order = true,
     .validation = PROFILE_VALIDATES,
     .destination_required = true,
     .forbidden_together = {PORT | 1 << COMPONENT_DESTINATION_PORT,
                            PORT | 1 << COMPONENT_SOURCE_PORT},
     .ebgp_setting = "family inet flow no-validate POLICY"},
    /*
     * Cisco IOS XR, "Implementing BGP Flowspec" (6.4): validation is on for IPv4; of the fragment
     * bits only is-fragment is documented; redirect to an address in the default VRF. 3,000 rules
     * is the scale of Cisco's own tests (xrdocs.io, NCS 5500). IPv6 packet length needs a hardware
     * profile on some cards, which a peer that has none is to be configured without.
     */
    {.name = "ios-xr",
     .since = "6.4",
     TAKES(VALUES_SAFE, NLRI_SHORT, 1, 0x02),
     .actions = ACTIONS_SAFE | PROFILE_TO_IP4,
     .updates_per_second = PACE_SAFE,
     .rules_max = 3000,
     .validation = PROFILE_VALIDATES,
     .destination_required = true,
     .ebgp_setting = "address-family ipv4 flowspec validation disable"},
    /*
     * GoBGP 3.10, seen: keeps every operator, size and community; an offset makes the rest of the
     * NLRI unknown; 240 octets and more are ignored without a word; no extended messages; does not
     * validate. Took 12,000 routes/s.
     */
    {.name = "gobgp",
     .since = "3.10",
     TAKES(RULE_OPS_MAX, NLRI_SHORT, 2, ALL_FRAGMENT_BITS),
     .not_equal = true,
     .true_false = true,
     .updates_per_second = PACE_SEEN,
     .validation = PROFILE_VALIDATES_NOT,
     .actions = ACTIONS_SAFE | PROFILE_RATE_PACKETS | PROFILE_REDIRECT_AS4 | PROFILE_REDIRECT_IP4 |
                PROFILE_REDIRECT_IP6 | PROFILE_TO_IP4 | PROFILE_TO_IP6},
    /*
     * FRR 8.4.4, seen: resets the session over `!=`, `true`, an offset, a sixth value of a
     * component and 240 octets; a sixth value may crash unpatched ones (CVE-2026-37457); packets
     * per second and attribute 25 stay unknown communities, a 4-octet AS is shown cut. Drops what
     * comes by eBGP until `no bgp ebgp-requires-policy`. Does not validate. It says that it takes
     * extended messages, and resets the session over 4,095 octets of rules in one.
     */
    {.name = "frr",
     .since = "8.4.4",
     TAKES(VALUES_SAFE, NLRI_SHORT, 2, ALL_FRAGMENT_BITS),
     .updates_per_second = PACE_SAFE,
     .validation = PROFILE_VALIDATES_NOT,
     .actions = ACTIONS_SAFE | PROFILE_REDIRECT_IP4 | PROFILE_TO_IP4,
     .ebgp_setting = "no bgp ebgp-requires-policy"},
    /*
     * BIRD 2.0.12, seen: strict about sizes and reserved bits (resets the session), takes offsets
     * and NLRI of any length (4,095 octets with `enable extended messages`), and hands on the
     * communities as they are. Validates only with `validate on` in its channel. Took 35,000
     * routes/s.
     */
    {.name = "bird",
     .since = "2.0.12",
     TAKES(RULE_OPS_MAX, NLRI_LONGEST, 1, ALL_FRAGMENT_BITS),
     .not_equal = true,
     .true_false = true,
     .prefix_offset = true,
     .extended_messages = true,
     .updates_per_second = PACE_SEEN,
     .validation = PROFILE_VALIDATES_NOT,
     .actions = ACTIONS_SAFE | PROFILE_RATE_PACKETS | PROFILE_REDIRECT_AS4 | PROFILE_REDIRECT_IP4 |
                PROFILE_REDIRECT_IP6 | PROFILE_TO_IP4 | PROFILE_TO_IP6},
    /*
     * ExaBGP 4.2.21 as a receiver, seen: ignores an offset, resets the session over 240 octets, a
     * 2-octet protocol and a redirect to a 4-octet AS, and shows packets per second and a redirect
     * to an IPv4 address's target as nothing. Does not validate.
     */
    {.name = "exabgp",
     .since = "4.2.21",
     TAKES(RULE_OPS_MAX, NLRI_SHORT, 1, ALL_FRAGMENT_BITS),
     .not_equal = true,
     .true_false = true,
     .extended_messages = true,
     .updates_per_second = PACE_SAFE,
     .validation = PROFILE_VALIDATES_NOT,
     .actions = ACTIONS_SAFE | PROFILE_TO_IP4 | PROFILE_TO_IP6},
    /* OpenBGPD 7.7, seen: has no Flowspec, and answers any of it with a NOTIFICATION. */
    {.name = "openbgpd", .since = "7.7", .destination_required = true},
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

struct router_profile profile_of_short_messages(const struct router_profile *profile)
{
    struct router_profile p = *profile;
    p.extended_messages = false;
    if (p.nlri_max > NLRI_IN_4096)
        p.nlri_max = NLRI_IN_4096;
    return p;
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

/* Which components may, must or must not stand together. */
static enum status check_company(const struct router_profile *p, const struct flow_rule *rule,
                                 struct rule_error *ret_error)
{
    unsigned has = rule->present;
    if (p->destination_required && !rule_has(rule, COMPONENT_DESTINATION))
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s takes no rule without a destination",
                         p->name);
    for (size_t i = 0; i < PROFILE_PAIRS_MAX; i++) {
        unsigned mask = p->forbidden_together[i];
        if (mask == 0 || (has & mask) != mask)
            continue;
        enum component first = (enum component)__builtin_ctz(mask);
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s takes no %s beside %s", p->name,
                         component_name(first),
                         component_name((enum component)__builtin_ctz(mask & (mask - 1))));
    }
    for (size_t i = 0; i < PROFILE_PAIRS_MAX; i++) {
        unsigned of = p->requires[i].of, any = p->requires[i].any;
        if (of != 0 && (has & of) != 0 && (has & any) == 0)
            return rule_fail(ret_error, STATUS_REFUSED, 0, "%s takes %s only beside %s", p->name,
                             component_name((enum component)__builtin_ctz(has & of)),
                             any != 0 ? component_name((enum component)__builtin_ctz(any))
                                      : "nothing");
    }
    return STATUS_OK;
}

size_t profile_nlri_len(const struct flow_rule *rule)
{
    uint8_t bytes[NLRI_LONGEST + 2];
    size_t len = 0;
    enum status s = nlri_encode(rule, bytes, sizeof(bytes), &len);
    if (s == STATUS_LIMIT)
        return SIZE_MAX;
    return s == STATUS_OK ? len - (bytes[0] >= 0xf0 ? 2 : 1) : 0;
}

static enum status check_len(const struct router_profile *p, const struct flow_rule *rule,
                             struct rule_error *ret_error)
{
    size_t len = profile_nlri_len(rule);
    if (len == 0)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "cannot be encoded");
    if (len > NLRI_LONGEST)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "cannot be encoded: longer than %d octets",
                         NLRI_LONGEST);
    if (len > p->nlri_max)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s takes %u octets a rule; this has %zu",
                         p->name, p->nlri_max, len);
    return STATUS_OK;
}

enum status profile_check_match(const struct router_profile *p, const struct flow_rule *rule,
                                struct rule_error *ret_error)
{
    if (rule->family == ADDR_IPV4 ? !p->ipv4 : !p->ipv6)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s takes no IPv%u Flowspec", p->name,
                         rule->family);
    if ((rule->destination_offset != 0 || rule->source_offset != 0) && !p->prefix_offset)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s takes no prefix offset", p->name);
    enum status s = check_company(p, rule, ret_error);
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST && s == STATUS_OK; c++) {
        if (!rule_has(rule, c))
            continue;
        if ((p->components >> c & 1) == 0)
            return rule_fail(ret_error, STATUS_REFUSED, 0, "%s does not match %s", p->name,
                             component_name(c));
        if (!component_is_prefix(c))
            s = check_ops(p, rule, c, ret_error);
    }
    return s == STATUS_OK ? check_len(p, rule, ret_error) : s;
}

static unsigned actions_needed(const struct router_profile *p, const struct flow_actions *a)
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
    if (a->redirect == REDIRECT_TO_IP && !p->to_next_hop)
        needed |= a->redirect_addr.family == ADDR_IPV4 ? PROFILE_TO_IP4 : PROFILE_TO_IP6;
    return needed;
}

/*
 * An address of the other family is neither a next hop that its packets can be forwarded to nor,
 * as attribute 25, told of for IPv4 rules (RFC 8956, 6.1): the wire can say it, and of no router it
 * is known what it does then.
 */
static enum status check_redirect_family(const struct router_profile *p, uint8_t family,
                                         const struct flow_actions *a, struct rule_error *ret_error)
{
    bool to_ip = a->redirect == REDIRECT_TO_IP && a->redirect_addr.family != family;
    if (!to_ip && !(a->redirect == REDIRECT_IP6 && family == ADDR_IPV4))
        return STATUS_OK;
    return rule_fail(ret_error, STATUS_REFUSED, 0, "%s takes no redirect of IPv%u to an IPv%u %s",
                     p->name, family, a->redirect_addr.family, to_ip ? "address" : "target");
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
    unsigned missing = actions_needed(p, a) & ~(unsigned)p->actions;
    if (missing != 0)
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s does not take %s", p->name,
                         names[__builtin_ctz(missing)]);
    if (a->redirect == REDIRECT_TO_NEXT_HOP)
        return rule_fail(ret_error, STATUS_REFUSED, 0,
                         "redirect-to-next-hop needs a next hop, and routes are sent without one");
    if (a->has_rate && !(a->rate_bytes >= p->rate_min_bytes))
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s limits to %g B/s at least", p->name,
                         p->rate_min_bytes);
    if (a->has_rate && p->rate_step_bytes > 0 && !(profile_rate(p, a->rate_bytes) > 0))
        return rule_fail(ret_error, STATUS_REFUSED, 0, "%s rounds %g B/s to 0 (steps of %g B/s)",
                         p->name, a->rate_bytes, p->rate_step_bytes);
    return STATUS_OK;
}

double profile_rate(const struct router_profile *profile, double rate_bytes)
{
    if (!isfinite(rate_bytes) || !(rate_bytes > 0))
        return 0;
    if (profile->rate_step_bytes > 0)
        rate_bytes = floor(rate_bytes / profile->rate_step_bytes) * profile->rate_step_bytes;
    return rate_bytes > 0 ? actions_rate_on_wire(rate_bytes) : 0;
}

enum status profile_check(const struct router_profile *profile, const struct flow_rule *rule,
                          const struct flow_actions *actions, struct rule_error *ret_error)
{
    enum status s = profile_check_match(profile, rule, ret_error);
    if (s == STATUS_OK)
        s = check_redirect_family(profile, rule->family, actions, ret_error);
    return s == STATUS_OK ? check_actions(profile, actions, ret_error) : s;
}

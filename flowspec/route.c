#include "flowspec/route.h"

#include "flowspec/guard_internal.h"

#include <string.h>

size_t route_nlri_encode(const struct ip_prefix *prefix, uint8_t ret_bytes[ROUTE_NLRI_MAX])
{
    size_t octets = (prefix->len + 7U) / 8;
    struct ip_addr masked = addr_masked(&prefix->addr, prefix->len);
    ret_bytes[0] = prefix->len;
    memcpy(ret_bytes + 1, masked.octets, octets);
    return 1 + octets;
}

enum status route_nlri_decode(struct ip_prefix *ret_prefix, enum addr_family family,
                              const uint8_t *bytes, size_t len)
{
    uint8_t octets[16] = {0};
    unsigned bits = family == ADDR_IPV4 ? 32 : 128;
    if (len == 0 || bytes[0] > bits || len != 1U + (bytes[0] + 7U) / 8)
        return STATUS_MALFORMED;
    memcpy(octets, bytes + 1, len - 1);
    struct ip_addr addr = addr_from_octets(family, octets);
    struct ip_prefix prefix = {.addr = addr_masked(&addr, bytes[0]), .len = bytes[0]};
    if (!addr_equal(&addr, &prefix.addr))
        return STATUS_MALFORMED;
    *ret_prefix = prefix;
    return STATUS_OK;
}

void route_as_rule(enum route_kind kind, const struct ip_prefix *prefix,
                   const struct ip_addr *next_hop, struct flow_rule *ret_rule,
                   struct flow_actions *ret_actions)
{
    rule_init(ret_rule, (enum addr_family)prefix->addr.family);
    rule_set_destination(ret_rule, prefix);
    *ret_actions = (struct flow_actions){.discard = kind == ROUTE_BLACKHOLE};
    if (kind == ROUTE_BLACKHOLE)
        return;
    ret_actions->redirect = REDIRECT_TO_IP;
    ret_actions->redirect_addr = *next_hop;
}

static bool next_hop_of(const struct communities *c, struct ip_addr *ret_addr)
{
    if (c->next_hop_len != 4 && c->next_hop_len != NEXT_HOP_LEN_MAX)
        return false;
    *ret_addr = addr_from_octets(c->next_hop_len == 4 ? ADDR_IPV4 : ADDR_IPV6, c->next_hop);
    return true;
}

static void put_all(struct text *out, const uint8_t *octets, size_t count, size_t len)
{
    char text[COMMUNITY_TEXT_MAX];
    for (size_t i = 0; i < count; i++)
        text_addf(out, " community %s", community_format(octets + i * len, len, text));
}

void route_format_text(enum route_kind kind, const struct ip_prefix *prefix,
                       const struct communities *c, struct text *out)
{
    char text[PREFIX_TEXT_MAX];
    struct ip_addr next_hop;
    text_addf(out, "route %s then %s", prefix_format(prefix, text), route_kind_name(kind));
    if (next_hop_of(c, &next_hop))
        text_addf(out, " next-hop %s", addr_format(&next_hop, text));
    if (c->standard_count > 0)
        put_all(out, c->standard[0], c->standard_count, COMMUNITY_STANDARD_LEN);
    if (c->count > 0)
        put_all(out, c->at[0], c->count, COMMUNITY_LEN);
    if (c->large_count > 0)
        put_all(out, c->large[0], c->large_count, COMMUNITY_LARGE_LEN);
}

/* Nothing is forwarded to these; 192.0.2.1 and 100::1, which routers discard, are fine. */
static bool can_be_next_hop(const struct ip_addr *addr)
{
    static const char *const never[] = {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127",
                                        "ff00::/8"};
    struct ip_prefix prefix;
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (prefix_parse(&prefix, never[i]) == STATUS_OK && prefix_contains(&prefix, addr))
            return false;
    return true;
}

/* A route whose next hop lies behind itself never resolves, or leads round and round. */
static void judge_next_hop(const struct ip_prefix *prefix, const struct communities *communities,
                           struct guard_verdict *v)
{
    char word[PREFIX_TEXT_MAX], hop[ADDR_TEXT_MAX];
    struct ip_addr next_hop;
    if (!next_hop_of(communities, &next_hop) || next_hop.family != prefix->addr.family)
        guard_refuse(v, GUARD_NEXT_HOP, "no next hop of IPv%u", prefix->addr.family);
    else if (!can_be_next_hop(&next_hop))
        guard_refuse(v, GUARD_NEXT_HOP, "next hop %s; an address of one router or host is allowed",
                     addr_format(&next_hop, hop));
    else if (prefix_contains(prefix, &next_hop))
        guard_refuse(v, GUARD_NEXT_HOP, "next hop %s is in %s itself", addr_format(&next_hop, hop),
                     prefix_format(prefix, word));
}

void guard_judge_route(const struct guard_context *context, enum route_kind kind,
                       enum addr_family family, const uint8_t *nlri, size_t nlri_len,
                       const struct communities *communities, struct guard_verdict *ret_verdict)
{
    struct guard_context own = *context;
    struct ip_prefix prefix;
    struct flow_rule rule;
    struct flow_actions actions;
    struct ip_addr next_hop = addr_from_octets(family, (const uint8_t[NEXT_HOP_LEN_MAX]){0});
    ret_verdict->count = 0;
    if ((kind != ROUTE_BLACKHOLE && kind != ROUTE_DIVERT) ||
        route_nlri_decode(&prefix, family, nlri, nlri_len) != STATUS_OK) {
        guard_refuse(ret_verdict, GUARD_ENCODING, "not one prefix of IPv%u", (unsigned)family);
        return;
    }
    own.accepting_count = own.standing_count = 0;
    own.accepts_sessions = false;
    own.test_rule4 = own.test_rule6 = (struct ip_prefix){0};
    (void)next_hop_of(communities, &next_hop);
    route_as_rule(kind, &prefix, &next_hop, &rule, &actions);
    guard_judge(&own, &rule, &actions, ret_verdict);
    judge_next_hop(&prefix, communities, ret_verdict);
}

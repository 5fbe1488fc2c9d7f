#include "speaker/exabgp/command.h"

#include "flowspec/communities.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static enum status refuse(struct rule_error *ret_error, enum status status, const char *why)
{
    (void)snprintf(ret_error->why, sizeof(ret_error->why), "%s", why);
    return status;
}

/* --- what a rule matches ------------------------------------------------------------------------
 */

static const char *word_of(enum component c, uint8_t family)
{
    if (family == ADDR_IPV6 && c == COMPONENT_PROTOCOL)
        return "next-header";
    if (family == ADDR_IPV6 && c == COMPONENT_DSCP)
        return "traffic-class";
    return component_name(c);
}

static bool is_bits(enum component c)
{
    return c == COMPONENT_TCP_FLAGS || c == COMPONENT_FRAGMENT;
}

/* NULL: always true, or never. */
static const char *operator_of(enum component c, uint8_t bits)
{
    static const char *const of_bits[] = {"", "=", "!", "!="};
    static const char *const of_numbers[] = {NULL, "=", ">", ">=", "<", "<=", "!=", NULL};
    return is_bits(c) ? of_bits[bits & (OP_NOT | OP_MATCH)]
                      : of_numbers[bits & (OP_LT | OP_GT | OP_EQ)];
}

static enum status add_component(const struct flow_rule *rule, enum component c, struct text *out,
                                 struct rule_error *ret_error)
{
    const struct rule_op *ops = rule->ops + rule->range[c].start;
    text_addf(out, "%s [", word_of(c, rule->family));
    for (size_t i = 0; i < rule->range[c].count; i++) {
        const char *op = operator_of(c, ops[i].bits);
        if (op == NULL)
            return refuse(ret_error, STATUS_UNSUPPORTED,
                          "ExaBGP's commands have no word for always or never");
        bool joined = i > 0 && (ops[i].bits & OP_AND) != 0;
        text_addf(out, "%s%s%u", joined ? "&" : " ", op, ops[i].value);
    }
    text_add(out, " ]; ");
    return STATUS_OK;
}

static void add_prefix(const char *word, const struct ip_prefix *prefix, uint8_t offset,
                       struct text *out)
{
    char text[PREFIX_TEXT_MAX];
    text_addf(out, "%s %s", word, prefix_format(prefix, text));
    if (offset != 0)
        text_addf(out, "/%u", offset);
    text_add(out, "; ");
}

static enum status add_match(const struct command_route *route, struct flow_rule *rule,
                             struct text *out, struct rule_error *ret_error)
{
    size_t taken;
    enum status status =
        nlri_decode(rule, route->family, route->nlri, route->nlri_len, &taken, ret_error);
    if (status != STATUS_OK)
        return status;
    bool placed = rule_has(rule, COMPONENT_DESTINATION) || rule_has(rule, COMPONENT_SOURCE);
    /* Seen: it announces such a rule, but as one of IPv4. */
    if (rule->family == ADDR_IPV6 && !placed)
        return refuse(ret_error, STATUS_UNSUPPORTED,
                      "ExaBGP takes a rule without destination and source for one of IPv4");
    text_add(out, "match { ");
    if (rule_has(rule, COMPONENT_DESTINATION))
        add_prefix("destination", &rule->destination, rule->destination_offset, out);
    if (rule_has(rule, COMPONENT_SOURCE))
        add_prefix("source", &rule->source, rule->source_offset, out);
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST && status == STATUS_OK; c++)
        if (rule_has(rule, c))
            status = add_component(rule, c, out, ret_error);
    text_add(out, "} ");
    return status;
}

/* --- attributes ---------------------------------------------------------------------------------
 */

static void add_standard(const struct communities *c, bool no_export, const char *end,
                         struct text *out)
{
    static const uint8_t no_export_octets[COMMUNITY_STANDARD_LEN] = {0xff, 0xff, 0xff, 0x01};
    bool add = c->exported == EXPORT_AS_PEER ? no_export : c->exported == EXPORT_NOT;
    for (size_t i = 0; i < c->standard_count; i++)
        add = add && memcmp(c->standard[i], no_export_octets, sizeof(no_export_octets)) != 0;
    if (c->standard_count == 0 && !add)
        return;
    text_add(out, "community [ ");
    for (size_t i = 0; i < c->standard_count; i++) {
        const uint8_t *at = c->standard[i];
        text_addf(out, "%u:%u ", (unsigned int)at[0] << 8 | at[1],
                  (unsigned int)at[2] << 8 | at[3]);
    }
    text_addf(out, "%s]%s ", add ? "65535:65281 " : "", end);
}

static uint32_t number_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void add_large(const struct communities *c, const char *end, struct text *out)
{
    if (c->large_count == 0)
        return;
    text_add(out, "large-community [ ");
    for (size_t i = 0; i < c->large_count; i++)
        text_addf(out, "%u:%u:%u ", number_at(c->large[i]), number_at(c->large[i] + 4),
                  number_at(c->large[i] + 8));
    text_addf(out, "]%s ", end);
}

static void add_extended(const struct communities *c, const char *end, struct text *out)
{
    if (c->count == 0)
        return;
    text_add(out, "extended-community [ ");
    for (size_t i = 0; i < c->count; i++) {
        text_add(out, "0x");
        text_add_hex(out, c->at[i], COMMUNITY_LEN);
        text_add(out, " ");
    }
    text_addf(out, "]%s ", end);
}

/* Of those of attribute 25 there are words for one alone: the redirect to an address, no copy. */
static enum status add_extended6(const struct communities *c, struct text *out,
                                 struct rule_error *ret_error)
{
    if (c->ipv6_count == 0)
        return STATUS_OK;
    const uint8_t *at = c->ipv6[0];
    struct ip_addr addr = {.family = ADDR_IPV6};
    char text[ADDR_TEXT_MAX];
    bool said = c->ipv6_count == 1 && ((uint32_t)at[0] << 8 | at[1]) == COMMUNITY6_TO_IP &&
                at[COMMUNITY6_LEN - 2] == 0 && at[COMMUNITY6_LEN - 1] == 0;
    if (!said)
        return refuse(ret_error, STATUS_UNSUPPORTED,
                      "ExaBGP's commands have no words for this redirect of IPv6");
    memcpy(addr.octets, at + 2, sizeof(addr.octets));
    text_addf(out, "redirect-to-nexthop-ietf %s; ", addr_format(&addr, text));
    return STATUS_OK;
}

static const char *next_hop_text(const struct communities *c, char ret_text[ADDR_TEXT_MAX])
{
    struct ip_addr addr = {.family = c->next_hop_len == 4 ? ADDR_IPV4 : ADDR_IPV6};
    if (c->next_hop_len == 4)
        addr = addr_from_ipv4(number_at(c->next_hop));
    else
        memcpy(addr.octets, c->next_hop, sizeof(addr.octets));
    return addr_format(&addr, ret_text);
}

static enum status add_then(const struct communities *c, const struct command_path *path,
                            struct text *out, struct rule_error *ret_error)
{
    text_add(out, "then { ");
    if (c->count == 0 && c->ipv6_count == 0)
        text_add(out, "accept; ");
    add_extended(c, ";", out);
    enum status status = add_extended6(c, out, ret_error);
    add_standard(c, path->no_export, ";", out);
    add_large(c, ";", out);
    text_add(out, "} ");
    return status;
}

/* --- routes of unicast --------------------------------------------------------------------------
 */

static enum status add_destination(const struct command_route *route, struct text *out,
                                   struct rule_error *ret_error)
{
    struct ip_prefix prefix = {.addr.family = (uint8_t)route->family,
                               .len = route->nlri_len > 0 ? route->nlri[0] : 255};
    size_t most = route->family == ADDR_IPV4 ? 4 : 16, octets = (prefix.len + 7U) / 8;
    char text[PREFIX_TEXT_MAX];
    if (octets > most || route->nlri_len != 1 + octets)
        return refuse(ret_error, STATUS_MALFORMED, "this is no prefix");
    memcpy(prefix.addr.octets, route->nlri + 1, octets);
    text_addf(out, "route %s", prefix_format(&prefix, text));
    return STATUS_OK;
}

static enum status announce_unicast(const struct command_route *route, const struct communities *c,
                                    const struct command_path *path, struct text *out,
                                    struct rule_error *ret_error)
{
    char text[ADDR_TEXT_MAX];
    enum status status = add_destination(route, out, ret_error);
    if (status != STATUS_OK)
        return status;
    if (c->next_hop_len == 0 || c->ipv6_count != 0)
        return refuse(ret_error, STATUS_UNSUPPORTED,
                      "ExaBGP's commands take no route without a next hop, and none with an IPv6 "
                      "community");
    text_addf(out, " next-hop %s ", next_hop_text(c, text));
    if (path->ibgp)
        text_addf(out, "local-preference %u ", path->local_preference);
    add_standard(c, path->no_export, "", out);
    add_large(c, "", out);
    add_extended(c, "", out);
    return STATUS_OK;
}

/* --- commands -----------------------------------------------------------------------------------
 */

static enum status end(enum status status, struct text *out, struct rule_error *ret_error)
{
    if (status != STATUS_OK)
        return status;
    if (out->failed)
        return refuse(ret_error, STATUS_NO_MEMORY, "out of memory");
    if (out->len + 1 > COMMAND_MAX)
        return refuse(ret_error, STATUS_LIMIT, "a command of more than 4095 octets");
    return STATUS_OK;
}

enum status command_announce(const struct command_route *route, const struct communities *c,
                             const struct command_path *path, struct flow_rule *rule,
                             struct text *out, struct rule_error *ret_error)
{
    char text[ADDR_TEXT_MAX];
    text_clear(out);
    text_add(out, "announce ");
    if (!route->is_flow)
        return end(announce_unicast(route, c, path, out, ret_error), out, ret_error);
    text_add(out, "flow route { ");
    if (c->next_hop_len != 0)
        text_addf(out, "next-hop %s; ", next_hop_text(c, text));
    enum status status = add_match(route, rule, out, ret_error);
    if (status == STATUS_OK)
        status = add_then(c, path, out, ret_error);
    text_add(out, "}");
    return end(status, out, ret_error);
}

enum status command_withdraw(const struct command_route *route, struct flow_rule *rule,
                             struct text *out, struct rule_error *ret_error)
{
    text_clear(out);
    text_add(out, "withdraw ");
    if (!route->is_flow)
        return end(add_destination(route, out, ret_error), out, ret_error);
    text_add(out, "flow route { ");
    enum status status = add_match(route, rule, out, ret_error);
    text_add(out, "}");
    return end(status, out, ret_error);
}

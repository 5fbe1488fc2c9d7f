#include "flowspec/rule.h"

#include "flowspec/component.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * Sizes: protocol, ports, ICMP, length and flow label SHOULD have the size named in RFC 8955 4.2.2
 * and may come in any; flags, DSCP and fragment MUST have it.
 */
static const struct component_info components[COMPONENT_LAST + 1] = {
    [COMPONENT_DESTINATION] = {"destination", KIND_PREFIX, 32, 128, 0, 0},
    [COMPONENT_SOURCE] = {"source", KIND_PREFIX, 32, 128, 0, 0},
    [COMPONENT_PROTOCOL] = {"protocol", KIND_NUMBER, 255, 255, 1, 8},
    [COMPONENT_PORT] = {"port", KIND_NUMBER, 65535, 65535, 1, 8},
    [COMPONENT_DESTINATION_PORT] = {"destination-port", KIND_NUMBER, 65535, 65535, 1, 8},
    [COMPONENT_SOURCE_PORT] = {"source-port", KIND_NUMBER, 65535, 65535, 1, 8},
    [COMPONENT_ICMP_TYPE] = {"icmp-type", KIND_NUMBER, 255, 255, 1, 8},
    [COMPONENT_ICMP_CODE] = {"icmp-code", KIND_NUMBER, 255, 255, 1, 8},
    /* The four bits of the data offset are not flags (RFC 8955, 4.2.2.9). */
    [COMPONENT_TCP_FLAGS] = {"tcp-flags", KIND_BITS, 0x0fff, 0x0fff, 1, 2},
    [COMPONENT_PACKET_LENGTH] = {"packet-length", KIND_NUMBER, 65535, 65535, 1, 8},
    [COMPONENT_DSCP] = {"dscp", KIND_NUMBER, 63, 63, 1, 1},
    /* There is no DF bit in IPv6 (RFC 8956, 3.6). */
    [COMPONENT_FRAGMENT] = {"fragment", KIND_BITS, 0x0f, 0x0e, 1, 1},
    [COMPONENT_FLOW_LABEL] = {"flow-label", KIND_NUMBER, 0, 0xfffff, 4, 8},
};

const struct component_info *component_info(enum component c)
{
    assert(c >= COMPONENT_DESTINATION && c <= COMPONENT_LAST);
    return &components[c];
}

const char *component_name(enum component c)
{
    return c >= COMPONENT_DESTINATION && c <= COMPONENT_LAST ? components[c].name : "unknown";
}

bool component_is_of_protocol(enum component c, uint8_t family, uint8_t protocol)
{
    if (c == COMPONENT_TCP_FLAGS)
        return protocol == IPPROTO_TCP;
    if (c == COMPONENT_ICMP_TYPE || c == COMPONENT_ICMP_CODE)
        return (protocol == IPPROTO_ICMP && family != ADDR_IPV6) ||
               (protocol == IPPROTO_ICMPV6 && family != ADDR_IPV4);
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

enum status rule_fail(struct rule_error *ret_error, enum status status, size_t at,
                      const char *format, ...)
{
    if (ret_error != NULL) {
        va_list arguments;
        ret_error->at = at;
        va_start(arguments, format);
        vsnprintf(ret_error->why, sizeof(ret_error->why), format, arguments);
        va_end(arguments);
    }
    return status;
}

void rule_init(struct flow_rule *ret_rule, enum addr_family family)
{
    assert(family == ADDR_IPV4 || family == ADDR_IPV6);
    memset(ret_rule, 0, offsetof(struct flow_rule, ops));
    ret_rule->family = (uint8_t)family;
}

void rule_set_destination(struct flow_rule *rule, const struct ip_prefix *prefix)
{
    assert(prefix->addr.family == rule->family);
    rule->destination = *prefix;
    rule->destination_offset = 0;
    rule->present |= 1U << COMPONENT_DESTINATION;
}

void rule_set_source(struct flow_rule *rule, const struct ip_prefix *prefix)
{
    assert(prefix->addr.family == rule->family);
    rule->source = *prefix;
    rule->source_offset = 0;
    rule->present |= 1U << COMPONENT_SOURCE;
}

void rule_set_prefix(struct flow_rule *rule, enum component c, const struct ip_prefix *prefix,
                     uint8_t offset)
{
    assert(c == COMPONENT_DESTINATION || c == COMPONENT_SOURCE);
    if (c == COMPONENT_DESTINATION) {
        rule_set_destination(rule, prefix);
        rule->destination_offset = offset;
    } else {
        rule_set_source(rule, prefix);
        rule->source_offset = offset;
    }
}

enum status rule_push_op(struct flow_rule *rule, enum component c, uint8_t bits, uint32_t value)
{
    if (component_is_prefix(c) || component_max(c, rule->family) == 0)
        return STATUS_MALFORMED;
    if (rule->op_count >= RULE_OPS_MAX)
        return STATUS_LIMIT;
    if (!rule_has(rule, c)) {
        rule->present = (uint16_t)(rule->present | 1U << c);
        rule->range[c].start = rule->op_count;
        rule->range[c].count = 0;
    } else if (rule->range[c].start + rule->range[c].count != rule->op_count) {
        return STATUS_MALFORMED;
    }
    if (rule->range[c].count == 0)
        bits &= (uint8_t)~OP_AND;
    if (component_is_bits(c)) {
        bits &= OP_AND | OP_NOT | OP_MATCH;
    } else {
        bits &= OP_AND | OP_LT | OP_GT | OP_EQ;
        uint8_t relation = bits & (OP_LT | OP_GT | OP_EQ);
        if (relation == 0 || relation == (OP_LT | OP_GT | OP_EQ))
            value = 0;
    }
    rule->ops[rule->op_count++] = (struct rule_op){.bits = bits, .value = value};
    rule->range[c].count++;
    return STATUS_OK;
}

enum status rule_add_op(struct flow_rule *rule, enum component c, uint8_t bits, uint32_t value)
{
    if (c < COMPONENT_PROTOCOL || c > COMPONENT_LAST)
        return STATUS_MALFORMED;
    uint32_t max = component_max(c, rule->family);
    if (max == 0)
        return STATUS_MALFORMED;
    if (component_is_bits(c) ? value == 0 || (value & ~max) != 0 : value > max)
        return STATUS_RANGE;
    return rule_push_op(rule, c, bits, value);
}

bool rule_equal(const struct flow_rule *a, const struct flow_rule *b)
{
    if (a->family != b->family || a->present != b->present)
        return false;
    if (rule_has(a, COMPONENT_DESTINATION) && (a->destination_offset != b->destination_offset ||
                                               !prefix_equal(&a->destination, &b->destination)))
        return false;
    if (rule_has(a, COMPONENT_SOURCE) &&
        (a->source_offset != b->source_offset || !prefix_equal(&a->source, &b->source)))
        return false;
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        size_t count = rule_ops_count(a, c);
        if (count != rule_ops_count(b, c))
            return false;
        const struct rule_op *x = rule_ops(a, c), *y = rule_ops(b, c);
        for (size_t i = 0; i < count; i++)
            if (x[i].bits != y[i].bits || x[i].value != y[i].value)
                return false;
    }
    return true;
}

void rule_copy(struct flow_rule *ret_rule, const struct flow_rule *from)
{
    memcpy(ret_rule, from, offsetof(struct flow_rule, ops) + from->op_count * sizeof(from->ops[0]));
}

#ifndef FLOWSPEC_COMPONENT_H
#define FLOWSPEC_COMPONENT_H

#include "flowspec/rule.h"

/*
 * What the files of this folder share about components: the kind of each, the range of its values,
 * the sizes it may have on the wire, and its operators inside a rule.
 */
enum component_kind { KIND_PREFIX, KIND_NUMBER, KIND_BITS };

struct component_info {
    const char *name;
    enum component_kind kind;
    uint32_t max4, max6; /* largest value; bits: every bit that exists; 0: not in the family */
    uint8_t size_min;    /* octets of the canonical form at least */
    uint8_t size_max_received; /* octets that the RFC lets a peer send at most */
};

const struct component_info *component_info(enum component c);

static inline uint32_t component_max(enum component c, uint8_t family)
{
    const struct component_info *info = component_info(c);
    return family == ADDR_IPV4 ? info->max4 : info->max6;
}

static inline bool component_is_prefix(enum component c)
{
    return c <= COMPONENT_SOURCE;
}

static inline bool component_is_bits(enum component c)
{
    return c == COMPONENT_TCP_FLAGS || c == COMPONENT_FRAGMENT;
}

static inline const struct rule_op *rule_ops(const struct flow_rule *rule, enum component c)
{
    return rule->ops + rule->range[c].start;
}

static inline size_t rule_ops_count(const struct flow_rule *rule, enum component c)
{
    return rule_has(rule, c) ? rule->range[c].count : 0;
}

/* One past the last operator of the conjunction that starts at i. */
static inline size_t rule_group_end(const struct rule_op *ops, size_t count, size_t i)
{
    do {
        i++;
    } while (i < count && (ops[i].bits & OP_AND) != 0);
    return i;
}

/*
 * The header of this protocol has the field of a port, ICMP or flags component. Ports are those of
 * TCP and UDP alone (RFC 8955, 4.2.2.4), although SCTP, DCCP and UDP-Lite have some too.
 */
bool component_is_of_protocol(enum component c, uint8_t family, uint8_t protocol);

/* rule_add_op without the check of the value's range: what a peer sent is kept as it is. */
enum status rule_push_op(struct flow_rule *rule, enum component c, uint8_t bits, uint32_t value);

/*
 * What only a peer writes, as what can be sent: an operator about a number that no packet has
 * becomes true or false, and one about no bits at all goes, or takes its conjunction with it. The
 * meaning stays. IPv6 packet lengths have no largest. LIMIT: too many operators.
 */
enum status rule_make_sendable(struct flow_rule *rule);

/* Fills the error and gives the status back, so that a parser can return it. */
enum status rule_fail(struct rule_error *ret_error, enum status status, size_t at,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The value's name, or NULL; the value of a name, or false. */
const char *rule_name_of(enum component c, uint8_t family, uint32_t value);
bool rule_name_value(enum component c, uint8_t family, const char *name, size_t len,
                     uint32_t *ret_value);

#endif

#ifndef FLOWSPEC_RULE_H
#define FLOWSPEC_RULE_H

#include "common/base/addr.h"
#include "common/base/text.h"

/*
 * A Flowspec rule: what it matches (RFC 8955, RFC 8956) and what is done with it. Pure values, no
 * I/O. Text, JSON and wire forms are read into and written from this one.
 */
enum component {
    COMPONENT_DESTINATION = 1,
    COMPONENT_SOURCE = 2,
    COMPONENT_PROTOCOL = 3, /* IPv6: upper-layer protocol */
    COMPONENT_PORT = 4,
    COMPONENT_DESTINATION_PORT = 5,
    COMPONENT_SOURCE_PORT = 6,
    COMPONENT_ICMP_TYPE = 7,
    COMPONENT_ICMP_CODE = 8,
    COMPONENT_TCP_FLAGS = 9,
    COMPONENT_PACKET_LENGTH = 10,
    COMPONENT_DSCP = 11,
    COMPONENT_FRAGMENT = 12,
    COMPONENT_FLOW_LABEL = 13,
    COMPONENT_LAST = COMPONENT_FLOW_LABEL
};
const char *component_name(enum component c); /* "source-port" */

/* Bits of an operator; numeric and bitmask operators share AND. As on the wire (RFC 8955, 4.2.1).
 */
enum op_bits {
    OP_AND = 0x40,
    OP_LT = 0x04,
    OP_GT = 0x02,
    OP_EQ = 0x01,
    OP_NOT = 0x02,
    OP_MATCH = 0x01
};

struct rule_op {
    uint8_t bits; /* OP_* */
    uint32_t value;
};

/* Enough for the longest NLRI that the wire can say: 4095 octets of two-octet operators. */
enum { RULE_OPS_MAX = 2048 };

struct flow_rule {
    uint8_t family;   /* ADDR_IPV4, ADDR_IPV6 */
    uint16_t present; /* bit c: component c is there */
    struct ip_prefix destination, source;
    uint8_t destination_offset, source_offset; /* IPv6, RFC 8956 3.1 */
    struct {
        uint16_t start, count; /* in ops */
    } range[COMPONENT_LAST + 1];
    uint16_t op_count;
    struct rule_op ops[RULE_OPS_MAX];
};

static inline bool rule_has(const struct flow_rule *rule, enum component c)
{
    return (rule->present >> c & 1) != 0;
}

/* Where and why a form could not be read: a character of text, an octet of bytes. */
struct rule_error {
    size_t at; /* 0-based */
    char why[200];
};

void rule_init(struct flow_rule *ret_rule, enum addr_family family);
void rule_set_destination(struct flow_rule *rule, const struct ip_prefix *prefix);
void rule_set_source(struct flow_rule *rule, const struct ip_prefix *prefix);
/* Adds operators to a component, which must be above those already there. */
enum status rule_add_op(struct flow_rule *rule, enum component c, uint8_t bits, uint32_t value);
bool rule_equal(const struct flow_rule *a, const struct flow_rule *b);
/* Canonical: shortest equivalent form, same meaning. MALFORMED when it can match nothing; why says
 * which two parts contradict. */
enum status rule_simplify(struct flow_rule *rule, struct rule_error *ret_error);

enum redirect_kind {
    REDIRECT_NONE,
    REDIRECT_AS2,
    REDIRECT_AS4,
    REDIRECT_IP4,
    REDIRECT_IP6,
    REDIRECT_TO_IP
};

struct flow_actions {
    bool discard, has_rate, has_rate_packets, sample, terminal, has_mark, redirect_copy;
    double rate_bytes; /* bytes/s */
    double rate_packets;
    uint8_t mark;     /* DSCP */
    uint8_t redirect; /* enum redirect_kind */
    uint32_t redirect_as, redirect_number;
    struct ip_addr redirect_addr;
};

/* "match … then …"; the then-part may be left out where an announcement does not need it. */
enum status rule_parse_text(struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                            const char *text, struct rule_error *ret_error);
enum status rule_format_text(const struct flow_rule *rule, const struct flow_actions *actions,
                             struct text *out);

/* The JSON shape of ExaBGP-style adapters. */
enum status rule_parse_json(struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                            const char *json, struct rule_error *ret_error);
enum status rule_format_json(const struct flow_rule *rule, const struct flow_actions *actions,
                             struct text *out);

/* NLRI with its length octets (RFC 8955, 4.1). Encode is canonical and strict; decode is as the RFC
 * says and gives the number of octets it took. LIMIT: longer than room or than 4095 octets. */
enum status nlri_encode(const struct flow_rule *rule, uint8_t *ret_bytes, size_t room,
                        size_t *ret_len);
enum status nlri_decode(struct flow_rule *ret_rule, enum addr_family family, const uint8_t *bytes,
                        size_t len, size_t *ret_taken, struct rule_error *ret_error);
/* RFC 8955 5.1, RFC 8956 4 over the bytes with their length octets: < 0 when a goes first. */
int nlri_compare(enum addr_family family, const uint8_t *a, size_t a_len, const uint8_t *b,
                 size_t b_len);

/* Extended communities of the actions, 8 octets each, in the order of their types. */
enum { COMMUNITIES_MAX = 16 };
enum status actions_encode(const struct flow_actions *actions,
                           uint8_t ret_communities[COMMUNITIES_MAX][8], size_t *ret_count,
                           struct rule_error *ret_error);
enum status actions_decode(struct flow_actions *ret_actions, const uint8_t (*communities)[8],
                           size_t count, struct rule_error *ret_error);

#endif

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
/* Either of them, with its offset (IPv6, RFC 8956 3.1). */
void rule_set_prefix(struct flow_rule *rule, enum component c, const struct ip_prefix *prefix,
                     uint8_t offset);
/*
 * Adds one operator to a component; those of one component follow each other, components may come
 * in any order. RANGE: the component cannot hold the value (or the mask is 0); MALFORMED: no such
 * component in this family, or it was left before; LIMIT: full. The AND bit of a component's first
 * operator and the value of an operator that is always true or false mean nothing and become 0.
 */
enum status rule_add_op(struct flow_rule *rule, enum component c, uint8_t bits, uint32_t value);
/* The same components with the same operators in the same order. */
bool rule_equal(const struct flow_rule *a, const struct flow_rule *b);
/* Copies only what is in use; the struct itself is large. */
void rule_copy(struct flow_rule *ret_rule, const struct flow_rule *from);
/* Canonical: shortest equivalent form, same meaning. MALFORMED when it, or one conjunction in it,
 * can match nothing; why says which two parts contradict. RANGE: a peer's IPv6 packet length that
 * cannot be sent. On any error the rule stays as it was. */
enum status rule_simplify(struct flow_rule *rule, struct rule_error *ret_error);

enum redirect_kind {
    REDIRECT_NONE,
    REDIRECT_AS2,
    REDIRECT_AS4,
    REDIRECT_IP4,
    REDIRECT_IP6,
    REDIRECT_TO_IP,
    REDIRECT_TO_NEXT_HOP /* 0x0800: to the route's own next hop, which is not part of the actions */
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
/* The family of a rule that does not show its own: without address, flow label and family word. */
enum status rule_parse_text_in(struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                               const char *text, enum addr_family family,
                               struct rule_error *ret_error);
enum status rule_format_text(const struct flow_rule *rule, const struct flow_actions *actions,
                             struct text *out);

/*
 * The JSON shape of ExaBGP-style adapters: {"announce": {"flow": {"match": …, "then": …}}}, and
 * "withdraw" without "then". A bare rate-limit is bits/s, or bytes/s where the options say so.
 */
struct rule_json_options {
    bool rate_in_bytes;
    uint8_t family; /* of a rule that does not show its own; 0: IPv4 */
    /* Members beside the rule that the caller reads himself, at any of its three levels; ends with
     * NULL. NULL: none. */
    const char *const *beside;
};
enum status rule_parse_json(struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                            const char *json, struct rule_error *ret_error);
enum status rule_parse_json_message(struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                                    bool *ret_withdraw, const char *json,
                                    const struct rule_json_options *options,
                                    struct rule_error *ret_error);
/* Without actions (NULL): a withdrawal. */
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
/* The order of draft-ietf-idr-flow-spec-06, which routers may still be set to (Junos: term-order
 * legacy): the octets behind the length as one string. */
int nlri_compare_draft6(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/* A string of octets that sorts bytewise as nlri_compare sorts; LIMIT when room is too small. */
enum { ORDER_KEY_MAX = 4200 };
enum status nlri_order_key(enum addr_family family, const uint8_t *nlri, size_t len,
                           uint8_t *ret_key, size_t room, size_t *ret_len);
enum status nlri_order_key_draft6(const uint8_t *nlri, size_t len, uint8_t *ret_key, size_t room,
                                  size_t *ret_len);

/* MALFORMED when the actions contradict each other or a value is outside its range. */
enum status actions_check(const struct flow_actions *actions, struct rule_error *ret_error);
bool actions_equal(const struct flow_actions *a, const struct flow_actions *b);
/* The largest rate that the wire's float holds and that is not above this one. */
double actions_rate_on_wire(double rate);
/* Both units for people: "1250000 B/s (10 Mbps)". */
enum { RATE_TEXT_MAX = 96 };
const char *rate_format_both(double rate_bytes, char ret_text[RATE_TEXT_MAX]);

/*
 * Extended communities of the actions, 8 octets each, in the order of their types. UNSUPPORTED for
 * a redirect to IPv6, which only attribute 25 can carry: actions_encode_all gives both.
 */
enum { COMMUNITIES_MAX = 16 };
enum status actions_encode(const struct flow_actions *actions,
                           uint8_t ret_communities[COMMUNITIES_MAX][8], size_t *ret_count,
                           struct rule_error *ret_error);
enum status actions_decode(struct flow_actions *ret_actions, const uint8_t (*communities)[8],
                           size_t count, struct rule_error *ret_error);

/* With those of attribute 25 (RFC 5701), 20 octets each. */
enum { COMMUNITIES6_MAX = 4 };
struct action_communities {
    uint8_t at[COMMUNITIES_MAX][8];
    uint8_t ipv6[COMMUNITIES6_MAX][20];
    size_t count, ipv6_count;
};
enum status actions_encode_all(const struct flow_actions *actions,
                               struct action_communities *ret_communities,
                               struct rule_error *ret_error);
enum status actions_decode_all(struct flow_actions *ret_actions, const uint8_t (*communities)[8],
                               size_t count, const uint8_t (*communities6)[20], size_t count6,
                               struct rule_error *ret_error);

/* The names that text and JSON take for values; NULL past the last. */
struct rule_name {
    uint8_t component; /* enum component */
    uint8_t family;    /* ADDR_NONE: both */
    uint32_t value;
    const char *name;
};
const struct rule_name *rule_name_at(size_t i);

#endif

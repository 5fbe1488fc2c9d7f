#include "common/base/wire.h"
#include "flowspec/component.h"

#include <string.h>

/*
 *   length (1 octet under 240, else 0xfnnn) | type | prefix or operators | type | …
 *
 *   prefix, IPv4   len (1) | the bits, in whole octets                       RFC 8955, 4.2.2.1
 *   prefix, IPv6   len (1) | offset (1) | bits offset … len, left-aligned     RFC 8956, 3.1
 *   operators      op (1) | value (1 << op bits 4 and 5), until op bit 7      RFC 8955, 4.2.1
 */
enum { WIRE_END = 0x80, WIRE_SIZE_SHIFT = 4, LEN_LONG = 240, LEN_MAX = 4095 };

static unsigned bit_at(const uint8_t *octets, unsigned i)
{
    return (unsigned)octets[i / 8] >> (7 - i % 8) & 1U;
}

/* Octet i of the bits from offset to len, moved left so that bit `offset` comes first. */
static uint8_t pattern_octet(const struct ip_prefix *prefix, unsigned offset, unsigned i)
{
    unsigned octet = 0;
    for (unsigned b = 0; b < 8; b++) {
        unsigned at = offset + i * 8 + b;
        octet = octet << 1 | (at < prefix->len ? bit_at(prefix->addr.octets, at) : 0);
    }
    return (uint8_t)octet;
}

static enum status encode_prefix(struct wire_writer *w, uint8_t family,
                                 const struct ip_prefix *prefix, uint8_t offset)
{
    uint8_t bits = addr_bits(&prefix->addr);
    if (prefix->addr.family != family || prefix->len > bits)
        return STATUS_MALFORMED;
    if (offset != 0 && (family == ADDR_IPV4 || offset >= prefix->len))
        return STATUS_MALFORMED;
    wire_put_u8(w, prefix->len);
    if (family == ADDR_IPV6)
        wire_put_u8(w, offset);
    if (offset == 0) {
        uint8_t octets[16];
        struct ip_addr masked = addr_masked(&prefix->addr, prefix->len);
        memcpy(octets, masked.octets, sizeof(octets));
        wire_put_bytes(w, octets, (prefix->len + 7U) / 8);
        return STATUS_OK;
    }
    for (unsigned i = 0; i < (prefix->len - offset + 7U) / 8; i++)
        wire_put_u8(w, pattern_octet(prefix, offset, i));
    return STATUS_OK;
}

/* log2 of the canonical size in octets. */
static unsigned size_code(const struct component_info *info, uint32_t value)
{
    if (info->size_min == 4 || value > 0xffff)
        return 2;
    return value > 0xff ? 1 : 0;
}

static enum status encode_ops(struct wire_writer *w, const struct flow_rule *rule, enum component c)
{
    const struct component_info *info = component_info(c);
    const struct rule_op *ops = rule_ops(rule, c);
    size_t count = rule_ops_count(rule, c);
    uint32_t max = component_max(c, rule->family);
    if (count == 0 || max == 0 || (ops[0].bits & OP_AND) != 0)
        return STATUS_MALFORMED;
    for (size_t i = 0; i < count; i++) {
        uint32_t value = ops[i].value;
        if (info->kind == KIND_BITS ? value == 0 || (value & ~max) != 0 : value > max)
            return STATUS_RANGE;
        unsigned code = size_code(info, value);
        unsigned op = ops[i].bits | code << WIRE_SIZE_SHIFT | (i + 1 == count ? WIRE_END : 0U);
        uint8_t *at = wire_reserve(w, 1 + ((size_t)1 << code));
        if (at == NULL)
            return STATUS_LIMIT;
        at[0] = (uint8_t)op;
        wire_put_uint_at(at + 1, (size_t)1 << code, value);
    }
    return STATUS_OK;
}

enum status nlri_encode(const struct flow_rule *rule, uint8_t *ret_bytes, size_t room,
                        size_t *ret_len)
{
    if (rule->present == 0)
        return STATUS_MALFORMED;
    if (room < 1)
        return STATUS_LIMIT;
    struct wire_writer w = wire_writer_of(ret_bytes, room);
    wire_put_u8(&w, 0);
    for (unsigned left = rule->present; left != 0; left &= left - 1) {
        enum component c = (enum component)__builtin_ctz(left);
        enum status s = STATUS_MALFORMED;
        if (c > COMPONENT_LAST || c < COMPONENT_DESTINATION)
            return STATUS_MALFORMED;
        wire_put_u8(&w, (uint8_t)c);
        if (c == COMPONENT_DESTINATION)
            s = encode_prefix(&w, rule->family, &rule->destination, rule->destination_offset);
        else if (c == COMPONENT_SOURCE)
            s = encode_prefix(&w, rule->family, &rule->source, rule->source_offset);
        else
            s = encode_ops(&w, rule, c);
        if (s != STATUS_OK)
            return s;
    }
    size_t body = w.len - 1;
    if (body >= LEN_LONG)
        (void)wire_reserve(&w, 1);
    if (w.failed || body > LEN_MAX)
        return STATUS_LIMIT;
    if (body >= LEN_LONG) {
        memmove(ret_bytes + 2, ret_bytes + 1, body);
        wire_put_uint_at(ret_bytes, 2, 0xf000U | body);
    } else {
        ret_bytes[0] = (uint8_t)body;
    }
    *ret_len = w.len;
    return STATUS_OK;
}

/* Where reading stands: offsets in errors count from the first length octet. */
struct decoder {
    struct wire_reader r;
    const uint8_t *start;
    uint8_t family;
    struct rule_error *error;
};

static size_t offset_of(const struct decoder *d)
{
    return (size_t)(d->r.pos - d->start);
}

/* Where a component is told of: RFC 8955, 4.2.2.type, and for IPv6's own RFC 8956, 3. */
static const char *section_of(const struct decoder *d, enum component c)
{
    static const char *const ipv4[COMPONENT_LAST + 1] = {
        "",        "4.2.2.1", "4.2.2.2", "4.2.2.3",  "4.2.2.4",  "4.2.2.5",  "4.2.2.6",
        "4.2.2.7", "4.2.2.8", "4.2.2.9", "4.2.2.10", "4.2.2.11", "4.2.2.12", ""};
    static const char *const ipv6[COMPONENT_LAST + 1] = {
        [COMPONENT_DESTINATION] = "3.1", [COMPONENT_SOURCE] = "3.2",
        [COMPONENT_PROTOCOL] = "3.3",    [COMPONENT_ICMP_TYPE] = "3.4",
        [COMPONENT_ICMP_CODE] = "3.5",   [COMPONENT_FRAGMENT] = "3.6",
        [COMPONENT_FLOW_LABEL] = "3.7"};
    return d->family == ADDR_IPV6 && ipv6[c] != NULL ? ipv6[c] : ipv4[c];
}

static unsigned rfc_of(const struct decoder *d, enum component c)
{
    bool own = component_is_prefix(c) || c == COMPONENT_PROTOCOL || c == COMPONENT_ICMP_TYPE ||
               c == COMPONENT_ICMP_CODE || c >= COMPONENT_FRAGMENT;
    return d->family == ADDR_IPV6 && own ? 8956 : 8955;
}

static enum status cut(const struct decoder *d, enum component c)
{
    return rule_fail(d->error, STATUS_TRUNCATED, offset_of(d), "%s is cut short (RFC %u, %s)",
                     component_name(c), rfc_of(d, c), section_of(d, c));
}

static enum status decode_prefix(struct decoder *d, struct flow_rule *rule, enum component c)
{
    uint8_t bits = rule->family == ADDR_IPV4 ? 32 : 128;
    size_t at = offset_of(d);
    uint8_t len = wire_u8(&d->r);
    uint8_t offset = rule->family == ADDR_IPV6 ? wire_u8(&d->r) : 0;
    if (d->r.failed)
        return cut(d, c);
    if (len > bits)
        return rule_fail(d->error, STATUS_MALFORMED, at,
                         "%s: prefix length %u is above %u (RFC %u, %s)", component_name(c), len,
                         bits, rfc_of(d, c), section_of(d, c));
    if (offset != 0 && offset >= len)
        return rule_fail(d->error, STATUS_MALFORMED, at + 1,
                         "%s: offset %u must be below the length %u (RFC 8956, %s)",
                         component_name(c), offset, len, section_of(d, c));
    unsigned pattern_bits = (unsigned)len - offset;
    const uint8_t *pattern = wire_take(&d->r, (pattern_bits + 7) / 8);
    if (pattern == NULL)
        return cut(d, c);
    uint8_t octets[16] = {0};
    if (offset == 0)
        memcpy(octets, pattern, (pattern_bits + 7) / 8);
    else
        for (unsigned i = 0; i < pattern_bits; i++)
            octets[(offset + i) / 8] |= (uint8_t)(bit_at(pattern, i) << (7 - (offset + i) % 8));
    /* Bits after the length do not matter; a peer may have set them. */
    struct ip_addr addr = addr_from_octets(rule->family, octets);
    struct ip_prefix prefix = {.addr = addr_masked(&addr, len), .len = len};
    rule_set_prefix(rule, c, &prefix, offset);
    return STATUS_OK;
}

static enum status decode_ops(struct decoder *d, struct flow_rule *rule, enum component c)
{
    const struct component_info *info = component_info(c);
    /* Bits that stand for nothing are ignored (RFC 8955, 4.2.2.9, 4.2.2.11, 4.2.2.12). */
    uint32_t mask = info->kind == KIND_BITS || c == COMPONENT_DSCP ? component_max(c, rule->family)
                                                                   : UINT32_MAX;
    uint8_t op;
    do {
        size_t at = offset_of(d);
        if (d->r.left == 0)
            return rule_fail(d->error, STATUS_TRUNCATED, at,
                             "%s: no operator has the end-of-list bit (RFC 8955, 4.2.1.1)",
                             component_name(c));
        op = wire_u8(&d->r);
        size_t size = (size_t)1 << (op >> WIRE_SIZE_SHIFT & 3);
        uint64_t value = wire_uint(&d->r, size);
        if (d->r.failed)
            return cut(d, c);
        if (size > info->size_max_received)
            return rule_fail(d->error, STATUS_MALFORMED, at,
                             "%s: value of %zu octets, at most %u (RFC %u, %s)", component_name(c),
                             size, info->size_max_received, rfc_of(d, c), section_of(d, c));
        /* No field of a packet reaches 2^32 - 1, so a larger value means the same. */
        uint32_t kept = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
        if (rule_push_op(rule, c, op & (OP_AND | OP_LT | OP_GT | OP_EQ), kept & mask) != STATUS_OK)
            return rule_fail(d->error, STATUS_LIMIT, at, "more than %d operators", RULE_OPS_MAX);
    } while ((op & WIRE_END) == 0);
    return STATUS_OK;
}

static enum status decode_components(struct decoder *d, struct flow_rule *rule)
{
    unsigned last = 0;
    while (d->r.left > 0) {
        size_t at = offset_of(d);
        unsigned type = wire_u8(&d->r);
        if (type == 0 || type > COMPONENT_LAST ||
            (!component_is_prefix((enum component)type) &&
             component_max((enum component)type, rule->family) == 0))
            return rule_fail(d->error, STATUS_MALFORMED, at,
                             "unknown component type %u%s (RFC 8955, 4.2 and 10)", type,
                             type == COMPONENT_FLOW_LABEL ? ": IPv4 has no flow label"
                             : type == 0 && last == 0
                                 ? ": a route distinguisher? SAFI 134 (VPN) is not read here"
                                 : "");
        enum component c = (enum component)type;
        if (type == last)
            return rule_fail(d->error, STATUS_MALFORMED, at, "%s is there twice (RFC 8955, 4.2)",
                             component_name(c));
        if (type < last)
            return rule_fail(d->error, STATUS_MALFORMED, at,
                             "%s after %s: types must ascend (RFC 8955, 4.2)", component_name(c),
                             component_name((enum component)last));
        last = type;
        enum status s = component_is_prefix(c) ? decode_prefix(d, rule, c) : decode_ops(d, rule, c);
        if (s != STATUS_OK)
            return s;
    }
    return STATUS_OK;
}

enum status nlri_decode(struct flow_rule *ret_rule, enum addr_family family, const uint8_t *bytes,
                        size_t len, size_t *ret_taken, struct rule_error *ret_error)
{
    struct wire_reader r = wire_reader_of(bytes, len);
    size_t body = wire_u8(&r);
    if (body >= LEN_LONG)
        body = (body & 0x0f) << 8 | wire_u8(&r);
    if (r.failed)
        return rule_fail(ret_error, STATUS_TRUNCATED, 0,
                         "the NLRI's length is cut short (RFC 8955, 4.1)");
    if (body == 0)
        return rule_fail(ret_error, STATUS_MALFORMED, 0,
                         "an NLRI without any component (RFC 8955, 4.2)");
    size_t left = r.left;
    struct decoder d = {
        .r = wire_sub(&r, body), .start = bytes, .family = (uint8_t)family, .error = ret_error};
    if (r.failed)
        return rule_fail(ret_error, STATUS_TRUNCATED, 0,
                         "NLRI of %zu octets, but %zu are there (RFC 8955, 4.1)", body, left);
    rule_init(ret_rule, family);
    enum status s = decode_components(&d, ret_rule);
    if (s == STATUS_OK)
        *ret_taken = len - r.left;
    return s;
}

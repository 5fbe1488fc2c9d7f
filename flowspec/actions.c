#include "common/base/wire.h"
#include "flowspec/communities.h"
#include "flowspec/component.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A double that is not above the rate and that 32 bits hold. */
double actions_rate_on_wire(double rate)
{
    if (!(rate < (double)FLT_MAX))
        return (double)FLT_MAX;
    float f = (float)rate;
    if ((double)f > rate)
        f = nextafterf(f, 0.0F);
    return (double)f;
}

static enum status check_rate(double rate, const char *what, struct rule_error *ret_error)
{
    if (!isfinite(rate) || rate < 0)
        return rule_fail(ret_error, STATUS_RANGE, 0, "%s must be a finite number above 0", what);
    if (rate > (double)FLT_MAX)
        return rule_fail(ret_error, STATUS_RANGE, 0, "%s is above %g, the most that can be sent",
                         what, (double)FLT_MAX);
    if (!(actions_rate_on_wire(rate) > 0))
        return rule_fail(ret_error, STATUS_RANGE, 0, "%s rounds to 0, which is discard", what);
    return STATUS_OK;
}

static enum status check_redirect(const struct flow_actions *a, struct rule_error *ret_error)
{
    switch ((enum redirect_kind)a->redirect) {
    case REDIRECT_NONE:
    case REDIRECT_TO_NEXT_HOP:
        return STATUS_OK;
    case REDIRECT_AS2:
        if (a->redirect_as > 0xffff)
            return rule_fail(ret_error, STATUS_RANGE, 0, "redirect: AS %u needs 4 octets",
                             a->redirect_as);
        return STATUS_OK;
    case REDIRECT_AS4:
    case REDIRECT_IP4:
    case REDIRECT_IP6:
        if (a->redirect_number > 0xffff)
            return rule_fail(ret_error, STATUS_RANGE, 0,
                             "redirect: number %u is above 65535 beside a 4-octet AS or an address",
                             a->redirect_number);
        if (a->redirect == REDIRECT_AS4)
            return STATUS_OK;
        if (a->redirect_addr.family != (a->redirect == REDIRECT_IP4 ? ADDR_IPV4 : ADDR_IPV6))
            return rule_fail(ret_error, STATUS_MALFORMED, 0, "redirect: wrong kind of address");
        return STATUS_OK;
    case REDIRECT_TO_IP:
        if (a->redirect_addr.family == ADDR_NONE)
            return rule_fail(ret_error, STATUS_MALFORMED, 0, "redirect-to-ip without an address");
        return STATUS_OK;
    }
    return rule_fail(ret_error, STATUS_MALFORMED, 0, "unknown kind of redirect");
}

enum status actions_check(const struct flow_actions *a, struct rule_error *ret_error)
{
    enum status s = STATUS_OK;
    bool copies =
        a->redirect_copy && (a->redirect == REDIRECT_TO_IP || a->redirect == REDIRECT_TO_NEXT_HOP);
    if (a->discard && (a->has_rate || a->has_rate_packets))
        return rule_fail(ret_error, STATUS_MALFORMED, 0, "discard and a rate limit together");
    if (a->discard && a->has_mark)
        return rule_fail(ret_error, STATUS_MALFORMED, 0, "discard and mark together");
    if (a->discard && a->redirect != REDIRECT_NONE && !copies)
        return rule_fail(ret_error, STATUS_MALFORMED, 0, "discard and redirect together");
    if (a->has_mark && a->mark > 63)
        return rule_fail(ret_error, STATUS_RANGE, 0, "mark %u: DSCP goes up to 63", a->mark);
    if (a->has_rate)
        s = check_rate(a->rate_bytes, "rate-limit", ret_error);
    if (s == STATUS_OK && a->has_rate_packets)
        s = check_rate(a->rate_packets, "rate-limit-packets", ret_error);
    return s == STATUS_OK ? check_redirect(a, ret_error) : s;
}

bool actions_equal(const struct flow_actions *a, const struct flow_actions *b)
{
    if (a->discard != b->discard || a->has_rate != b->has_rate ||
        a->has_rate_packets != b->has_rate_packets || a->sample != b->sample ||
        a->terminal != b->terminal || a->has_mark != b->has_mark || a->redirect != b->redirect)
        return false;
    if ((a->has_rate && a->rate_bytes != b->rate_bytes) ||
        (a->has_rate_packets && a->rate_packets != b->rate_packets) ||
        (a->has_mark && a->mark != b->mark))
        return false;
    switch ((enum redirect_kind)a->redirect) {
    case REDIRECT_NONE:
        return true;
    case REDIRECT_AS2:
    case REDIRECT_AS4:
        return a->redirect_as == b->redirect_as && a->redirect_number == b->redirect_number;
    case REDIRECT_IP4:
    case REDIRECT_IP6:
        return addr_equal(&a->redirect_addr, &b->redirect_addr) &&
               a->redirect_number == b->redirect_number;
    case REDIRECT_TO_IP:
        return addr_equal(&a->redirect_addr, &b->redirect_addr) &&
               a->redirect_copy == b->redirect_copy;
    case REDIRECT_TO_NEXT_HOP:
        return a->redirect_copy == b->redirect_copy;
    }
    return false;
}

static void put_float(uint8_t *at, double rate)
{
    float f = (float)actions_rate_on_wire(rate);
    uint32_t bits;
    _Static_assert(sizeof(bits) == sizeof(f), "IEEE single");
    memcpy(&bits, &f, sizeof(bits));
    wire_put_uint_at(at, 4, bits);
}

/* The next community, its type filled in and the rest zero. */
static uint8_t *next8(struct action_communities *out, unsigned type)
{
    uint8_t *at = out->at[out->count++];
    memset(at, 0, 8);
    wire_put_uint_at(at, 2, type);
    return at;
}

static void put_ipv6(struct action_communities *out, unsigned type, const struct ip_addr *addr,
                     uint32_t number)
{
    uint8_t *at = out->ipv6[out->ipv6_count++];
    wire_put_uint_at(at, 2, type);
    memcpy(at + 2, addr->octets, 16);
    wire_put_uint_at(at + 18, 2, number);
}

/* Those with a type below that of the rate come before it, the others behind it. */
static void put_redirect_low(struct action_communities *out, const struct flow_actions *a)
{
    uint8_t copy = a->redirect_copy ? COMMUNITY_COPY : 0;
    if (a->redirect == REDIRECT_TO_NEXT_HOP) {
        next8(out, COMMUNITY_TO_NEXT_HOP)[7] = copy;
    } else if (a->redirect == REDIRECT_TO_IP && a->redirect_addr.family == ADDR_IPV4) {
        uint8_t *at = next8(out, COMMUNITY_TO_IP);
        memcpy(at + 2, a->redirect_addr.octets, 4);
        at[7] = copy;
    } else if (a->redirect == REDIRECT_TO_IP) {
        put_ipv6(out, COMMUNITY6_TO_IP, &a->redirect_addr, copy);
    } else if (a->redirect == REDIRECT_IP6) {
        put_ipv6(out, COMMUNITY6_REDIRECT, &a->redirect_addr, a->redirect_number);
    }
}

static void put_redirect_high(struct action_communities *out, const struct flow_actions *a)
{
    uint8_t *at;
    if (a->redirect == REDIRECT_IP4) {
        at = next8(out, COMMUNITY_REDIRECT_IP4);
        memcpy(at + 2, a->redirect_addr.octets, 4);
        wire_put_uint_at(at + 6, 2, a->redirect_number);
    } else if (a->redirect == REDIRECT_AS4) {
        at = next8(out, COMMUNITY_REDIRECT_AS4);
        wire_put_uint_at(at + 2, 4, a->redirect_as);
        wire_put_uint_at(at + 6, 2, a->redirect_number);
    }
}

enum status actions_encode_all(const struct flow_actions *a,
                               struct action_communities *ret_communities,
                               struct rule_error *ret_error)
{
    struct action_communities *out = ret_communities;
    enum status s = actions_check(a, ret_error);
    if (s != STATUS_OK)
        return s;
    out->count = out->ipv6_count = 0;
    put_redirect_low(out, a);
    if (a->discard || a->has_rate)
        put_float(next8(out, COMMUNITY_RATE) + 4, a->discard ? 0 : a->rate_bytes);
    if (a->sample || a->terminal)
        next8(out, COMMUNITY_ACTION)[7] =
            (uint8_t)((a->sample ? ACTION_SAMPLE : 0) | (a->terminal ? ACTION_TERMINAL : 0));
    if (a->redirect == REDIRECT_AS2) {
        uint8_t *at = next8(out, COMMUNITY_REDIRECT_AS2);
        wire_put_uint_at(at + 2, 2, a->redirect_as);
        wire_put_uint_at(at + 4, 4, a->redirect_number);
    }
    if (a->has_mark)
        next8(out, COMMUNITY_MARK)[7] = a->mark;
    if (a->has_rate_packets)
        put_float(next8(out, COMMUNITY_RATE_PACKETS) + 4, a->rate_packets);
    put_redirect_high(out, a);
    return STATUS_OK;
}

enum status actions_encode(const struct flow_actions *actions,
                           uint8_t ret_communities[COMMUNITIES_MAX][8], size_t *ret_count,
                           struct rule_error *ret_error)
{
    struct action_communities all;
    enum status s = actions_encode_all(actions, &all, ret_error);
    if (s != STATUS_OK)
        return s;
    if (all.ipv6_count > 0)
        return rule_fail(ret_error, STATUS_UNSUPPORTED, 0,
                         "a redirect to an IPv6 address needs attribute 25");
    memcpy(ret_communities, all.at, all.count * 8);
    *ret_count = all.count;
    return STATUS_OK;
}

/* Of several limits the lowest holds; 0 and below is discard (RFC 8955, 7.1). */
static enum status decode_rate(struct flow_actions *a, const uint8_t *community, bool packets,
                               size_t i, struct rule_error *ret_error)
{
    struct wire_reader r = wire_reader_of(community + 4, 4);
    uint32_t bits = wire_u32(&r);
    float f;
    memcpy(&f, &bits, sizeof(f));
    if (!isfinite(f) && !(f < 0))
        return rule_fail(ret_error, STATUS_MALFORMED, i,
                         "community %zu: the rate is not a finite number (RFC 8955, 7.%d)", i,
                         packets ? 2 : 1);
    bool *has = packets ? &a->has_rate_packets : &a->has_rate;
    double *rate = packets ? &a->rate_packets : &a->rate_bytes;
    if (!(f > 0))
        a->discard = true;
    else if (!*has || (double)f < *rate)
        *rate = (double)f;
    *has = *has || f > 0;
    return STATUS_OK;
}

static enum status decode_redirect(struct flow_actions *a, unsigned type, struct wire_reader *r,
                                   size_t i, struct rule_error *ret_error)
{
    struct flow_actions got = {.redirect = REDIRECT_AS2};
    switch (type) {
    case COMMUNITY_REDIRECT_AS2:
        got.redirect_as = wire_u16(r);
        got.redirect_number = wire_u32(r);
        break;
    case COMMUNITY_REDIRECT_AS4:
        got.redirect = REDIRECT_AS4;
        got.redirect_as = wire_u32(r);
        got.redirect_number = wire_u16(r);
        break;
    case COMMUNITY_REDIRECT_IP4:
        got.redirect = REDIRECT_IP4;
        got.redirect_addr = addr_from_ipv4(wire_u32(r));
        got.redirect_number = wire_u16(r);
        break;
    case COMMUNITY_TO_IP:
        got.redirect = REDIRECT_TO_IP;
        got.redirect_addr = addr_from_ipv4(wire_u32(r));
        got.redirect_copy = (wire_u16(r) & COMMUNITY_COPY) != 0;
        break;
    default:
        got.redirect = REDIRECT_TO_NEXT_HOP;
        wire_skip(r, 5);
        got.redirect_copy = (wire_u8(r) & COMMUNITY_COPY) != 0;
        break;
    }
    if (a->redirect != REDIRECT_NONE)
        return rule_fail(ret_error, STATUS_MALFORMED, i, "community %zu: a second redirect", i);
    a->redirect = got.redirect;
    a->redirect_as = got.redirect_as;
    a->redirect_number = got.redirect_number;
    a->redirect_addr = got.redirect_addr;
    a->redirect_copy = got.redirect_copy;
    return STATUS_OK;
}

static enum status decode_one(struct flow_actions *a, const uint8_t *community, size_t i,
                              struct rule_error *ret_error)
{
    struct wire_reader r = wire_reader_of(community, 8);
    unsigned type = wire_u16(&r);
    switch (type) {
    case COMMUNITY_RATE:
    case COMMUNITY_RATE_PACKETS:
        return decode_rate(a, community, type == COMMUNITY_RATE_PACKETS, i, ret_error);
    case COMMUNITY_ACTION:
        a->sample = a->sample || (community[7] & ACTION_SAMPLE) != 0;
        a->terminal = a->terminal || (community[7] & ACTION_TERMINAL) != 0;
        return STATUS_OK;
    case COMMUNITY_MARK:
        a->has_mark = true;
        a->mark = community[7] & 63;
        return STATUS_OK;
    case COMMUNITY_REDIRECT_AS2:
    case COMMUNITY_REDIRECT_AS4:
    case COMMUNITY_REDIRECT_IP4:
    case COMMUNITY_TO_IP:
    case COMMUNITY_TO_NEXT_HOP:
        return decode_redirect(a, type, &r, i, ret_error);
    default: /* route targets and others say nothing about the packets */
        return STATUS_OK;
    }
}

static enum status decode_one6(struct flow_actions *a, const uint8_t *community, size_t i,
                               struct rule_error *ret_error)
{
    struct wire_reader r = wire_reader_of(community, 20);
    unsigned type = wire_u16(&r);
    if (type != COMMUNITY6_TO_IP && type != COMMUNITY6_REDIRECT)
        return STATUS_OK;
    if (a->redirect != REDIRECT_NONE)
        return rule_fail(ret_error, STATUS_MALFORMED, i, "community %zu: a second redirect", i);
    a->redirect_addr = addr_from_octets(ADDR_IPV6, wire_take(&r, 16));
    unsigned number = wire_u16(&r);
    a->redirect = type == COMMUNITY6_TO_IP ? REDIRECT_TO_IP : REDIRECT_IP6;
    a->redirect_copy = type == COMMUNITY6_TO_IP && (number & COMMUNITY_COPY) != 0;
    a->redirect_number = type == COMMUNITY6_TO_IP ? 0 : number;
    return STATUS_OK;
}

enum status actions_decode_all(struct flow_actions *ret_actions, const uint8_t (*communities)[8],
                               size_t count, const uint8_t (*communities6)[20], size_t count6,
                               struct rule_error *ret_error)
{
    struct flow_actions a = {0};
    enum status s = STATUS_OK;
    for (size_t i = 0; s == STATUS_OK && i < count; i++)
        s = decode_one(&a, communities[i], i, ret_error);
    for (size_t i = 0; s == STATUS_OK && i < count6; i++)
        s = decode_one6(&a, communities6[i], count + i, ret_error);
    if (s != STATUS_OK)
        return s;
    /* Nothing passes that could be limited, marked or redirected; a copy is another packet. */
    if (a.discard) {
        a.has_rate = a.has_rate_packets = a.has_mark = false;
        if (!a.redirect_copy)
            a.redirect = REDIRECT_NONE;
    }
    if (!a.has_rate)
        a.rate_bytes = 0;
    if (!a.has_rate_packets)
        a.rate_packets = 0;
    *ret_actions = a;
    return STATUS_OK;
}

enum status actions_decode(struct flow_actions *ret_actions, const uint8_t (*communities)[8],
                           size_t count, struct rule_error *ret_error)
{
    return actions_decode_all(ret_actions, communities, count, NULL, 0, ret_error);
}

const char *rate_format_both(double rate_bytes, char ret_text[RATE_TEXT_MAX])
{
    char bits[TEXT_QUANTITY_MAX];
    snprintf(ret_text, RATE_TEXT_MAX, "%.15g B/s (%s)", rate_bytes,
             text_format_bit_rate(rate_bytes * 8, bits));
    return ret_text;
}

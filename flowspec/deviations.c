#include "flowspec/deviations.h"

#include "common/base/wire.h"
#include "flowspec/communities.h"
#include "flowspec/component.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WIRE_END = 0x80, WIRE_SIZE_SHIFT = 4, LEN_LONG = 240 };

struct listing {
    struct deviation *at;
    size_t room, count;
};

static void say(struct listing *list, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct listing *list, size_t at, const char *format, ...)
{
    if (list->count < list->room) {
        va_list arguments;
        list->at[list->count].at = at;
        va_start(arguments, format);
        vsnprintf(list->at[list->count].what, sizeof(list->at[0].what), format, arguments);
        va_end(arguments);
    }
    list->count++;
}

/* --- NLRI --------------------------------------------------------------------------------------
 */

static void look_at_prefix(struct listing *list, struct wire_reader *r, const uint8_t *start,
                           enum addr_family family, enum component c)
{
    unsigned len = wire_u8(r), offset = family == ADDR_IPV6 ? wire_u8(r) : 0;
    unsigned bits = len > offset ? len - offset : 0;
    const uint8_t *pattern = wire_take(r, (bits + 7) / 8);
    if (pattern == NULL || bits % 8 == 0 || (pattern[bits / 8] & 0xff >> bits % 8) == 0)
        return;
    say(list, (size_t)(pattern + bits / 8 - start), "%s: bits behind the prefix are set (%s)",
        component_name(c), family == ADDR_IPV4 ? "RFC 8955, 4.2.2.1" : "RFC 8956, 3.1");
}

static const char *section_of_bits(enum component c, enum addr_family family)
{
    if (c == COMPONENT_TCP_FLAGS)
        return "RFC 8955, 4.2.2.9";
    if (c == COMPONENT_DSCP)
        return "RFC 8955, 4.2.2.11";
    return family == ADDR_IPV4 ? "RFC 8955, 4.2.2.12" : "RFC 8956, 3.6";
}

static size_t canonical_size(const struct component_info *info, uint64_t value)
{
    if (info->size_min == 4 || value > 0xffff)
        return 4;
    return value > 0xff ? 2 : 1;
}

static void look_at_value(struct listing *list, size_t at, enum addr_family family,
                          enum component c, unsigned op, uint64_t value)
{
    const struct component_info *info = component_info(c);
    const char *name = component_name(c);
    uint32_t max = component_max(c, (uint8_t)family);
    bool is_bits = info->kind == KIND_BITS;
    size_t size = (size_t)1 << (op >> WIRE_SIZE_SHIFT & 3), needed;
    unsigned relation = op & (OP_LT | OP_GT | OP_EQ);
    if (!is_bits && (relation == 0 || relation == (OP_LT | OP_GT | OP_EQ))) {
        if (value != 0)
            say(list, at + 1, "%s: the value of an operator that is always %s is sent as 0", name,
                relation == 0 ? "false" : "true");
        value = 0;
    }
    if ((is_bits || c == COMPONENT_DSCP) && (value & ~(uint64_t)max) != 0) {
        say(list, at + 1, "%s: bits 0x%llx stand for nothing and are ignored (%s)", name,
            (unsigned long long)(value & ~(uint64_t)max), section_of_bits(c, family));
        value &= max;
    }
    if (is_bits && value == 0)
        say(list, at + 1, "%s: a mask of 0 %s", name,
            ((op & OP_MATCH) != 0) == ((op & OP_NOT) != 0) ? "never matches" : "always matches");
    if (!is_bits && value > max)
        say(list, at + 1, "%s: %llu is above %u, which no packet has", name,
            (unsigned long long)value, max);
    needed = canonical_size(info, value);
    if (size != needed)
        say(list, at, "%s: a value of %zu octet%s where %zu %s", name, size, size > 1 ? "s" : "",
            needed, info->size_min == 4 ? "are usual (RFC 8956, 3.7)" : "would do");
}

static void look_at_ops(struct listing *list, struct wire_reader *r, const uint8_t *start,
                        enum addr_family family, enum component c)
{
    const bool is_bits = component_is_bits(c);
    const unsigned reserved = is_bits ? 0x0c : 0x08;
    unsigned op;
    bool is_first = true;
    do {
        size_t at = (size_t)(r->pos - start);
        op = wire_u8(r);
        uint64_t value = wire_uint(r, (size_t)1 << (op >> WIRE_SIZE_SHIFT & 3));
        if (r->failed)
            return;
        if (is_first && (op & OP_AND) != 0)
            say(list, at, "%s: the AND bit of the first operator is ignored (RFC 8955, 4.2.1.1)",
                component_name(c));
        if ((op & reserved) != 0)
            say(list, at, "%s: reserved bits 0x%02x of the operator are ignored (RFC 8955, %s)",
                component_name(c), op & reserved, is_bits ? "4.2.1.2" : "4.2.1.1");
        look_at_value(list, at, family, c, op, value);
        is_first = false;
    } while ((op & WIRE_END) == 0);
}

size_t nlri_deviations(enum addr_family family, const uint8_t *bytes, size_t len,
                       struct deviation *ret_deviations, size_t room)
{
    struct listing list = {.at = ret_deviations, .room = room};
    struct flow_rule rule;
    size_t taken;
    if (nlri_decode(&rule, family, bytes, len, &taken, NULL) != STATUS_OK)
        return 0;
    struct wire_reader r = wire_reader_of(bytes, taken);
    size_t body = wire_u8(&r);
    if (body >= LEN_LONG) {
        body = (body & 0x0f) << 8 | wire_u8(&r);
        if (body < LEN_LONG)
            say(&list, 0, "a length under 240 in two octets (RFC 8955, 4.1)");
    }
    while (r.left > 0) {
        enum component c = (enum component)wire_u8(&r);
        if (component_is_prefix(c))
            look_at_prefix(&list, &r, bytes, family, c);
        else
            look_at_ops(&list, &r, bytes, family, c);
    }
    return list.count;
}

/* --- actions -----------------------------------------------------------------------------------
 */

struct seen {
    bool discard, rate, rate_packets, action, mark;
};

static void look_twice(struct listing *list, size_t i, bool *seen, const char *what)
{
    if (*seen)
        say(list, i, "community %zu: %s", i, what);
    *seen = true;
}

static void look_at_rate(struct listing *list, const uint8_t *at, size_t i, bool packets)
{
    if ((at[2] | at[3]) != 0 && !packets)
        say(list, i, "community %zu: AS %u beside a rate is for people; sent as 0 (RFC 8955, 7.1)",
            i, (unsigned)at[2] << 8 | at[3]);
    if ((at[2] | at[3]) != 0 && packets)
        say(list, i, "community %zu: AS %u beside a rate is for people; sent as 0 (RFC 8955, 7.2)",
            i, (unsigned)at[2] << 8 | at[3]);
    bool is_zero = ((at[4] & 0x7f) | at[5] | at[6] | at[7]) == 0;
    if ((at[4] & 0x80) != 0)
        say(list, i, "community %zu: a negative rate is 0, which is discard (RFC 8955, 7.%d)", i,
            packets ? 2 : 1);
    else if (is_zero && packets)
        say(list, i, "community %zu: 0 packets/s is discard, sent as 0 bytes/s (RFC 8955, 7.2)", i);
}

static unsigned type_of(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static bool is_rate(const uint8_t *at)
{
    return type_of(at) == COMMUNITY_RATE || type_of(at) == COMMUNITY_RATE_PACKETS;
}

/* 0 or negative. */
static bool is_discard(const uint8_t *at)
{
    return is_rate(at) && ((at[4] & 0x80) != 0 || (at[4] | at[5] | at[6] | at[7]) == 0);
}

/* What limits, marks or redirects has nothing left to do beside discard; a copy has. */
static bool is_idle_beside_discard(const uint8_t *at)
{
    switch (type_of(at)) {
    case COMMUNITY_REDIRECT_AS2:
    case COMMUNITY_REDIRECT_AS4:
    case COMMUNITY_REDIRECT_IP4:
    case COMMUNITY_MARK:
        return true;
    case COMMUNITY_TO_IP:
    case COMMUNITY_TO_NEXT_HOP:
        return (at[7] & COMMUNITY_COPY) == 0;
    default:
        return is_rate(at) && !is_discard(at);
    }
}

static void look_at_community(struct listing *list, const uint8_t *at, size_t i, struct seen *seen)
{
    unsigned type = type_of(at);
    bool others = (at[2] | at[3] | at[4] | at[5] | at[6]) != 0;
    if (seen->discard && is_idle_beside_discard(at))
        say(list, i, "community %zu: 0x%04x has nothing to do beside discard", i, type);
    switch (type) {
    case COMMUNITY_RATE:
        look_twice(list, i, &seen->rate, "a second rate; the lowest holds");
        look_at_rate(list, at, i, false);
        break;
    case COMMUNITY_RATE_PACKETS:
        look_twice(list, i, &seen->rate_packets, "a second rate of packets; the lowest holds");
        look_at_rate(list, at, i, true);
        break;
    case COMMUNITY_ACTION:
        look_twice(list, i, &seen->action, "a second traffic-action; both hold");
        if (others || (at[7] & ~(ACTION_SAMPLE | ACTION_TERMINAL)) != 0)
            say(list, i, "community %zu: reserved bits are ignored (RFC 8955, 7.3)", i);
        if ((at[7] & (ACTION_SAMPLE | ACTION_TERMINAL)) == 0)
            say(list, i, "community %zu: neither sample nor terminal says nothing", i);
        break;
    case COMMUNITY_MARK:
        look_twice(list, i, &seen->mark, "a second mark; the later holds");
        if (others || at[7] > 63)
            say(list, i, "community %zu: bits beside the DSCP are ignored (RFC 8955, 7.5)", i);
        break;
    case COMMUNITY_TO_IP:
        if ((at[6] | (at[7] & ~COMMUNITY_COPY)) != 0)
            say(list, i, "community %zu: bits beside that of copy are ignored", i);
        break;
    case COMMUNITY_TO_NEXT_HOP:
        if (others || (at[7] & ~COMMUNITY_COPY) != 0)
            say(list, i, "community %zu: bits beside that of copy are ignored", i);
        break;
    default:
        if (at[0] == 0x80 && type != COMMUNITY_REDIRECT_AS2)
            say(list, i, "community %zu: 0x%04x is no action that is known here; left out", i,
                type);
        break;
    }
}

size_t actions_deviations(const uint8_t (*communities)[8], size_t count,
                          const uint8_t (*communities6)[20], size_t count6,
                          struct deviation *ret_deviations, size_t room)
{
    struct listing list = {.at = ret_deviations, .room = room};
    struct seen seen = {0};
    for (size_t i = 0; i < count; i++)
        seen.discard = seen.discard || is_discard(communities[i]);
    for (size_t i = 0; i < count; i++)
        look_at_community(&list, communities[i], i, &seen);
    for (size_t i = 0; i < count6; i++) {
        const uint8_t *at = communities6[i];
        unsigned type = type_of(at);
        bool copies = type == COMMUNITY6_TO_IP && (at[19] & COMMUNITY_COPY) != 0;
        if (seen.discard && !copies && (type == COMMUNITY6_TO_IP || type == COMMUNITY6_REDIRECT))
            say(&list, count + i, "community %zu: 0x%04x has nothing to do beside discard",
                count + i, type);
        if (type == COMMUNITY6_TO_IP && (at[18] | (at[19] & ~COMMUNITY_COPY)) != 0)
            say(&list, count + i, "community %zu: bits beside that of copy are ignored", count + i);
        else if (type != COMMUNITY6_TO_IP && type != COMMUNITY6_REDIRECT)
            say(&list, count + i,
                "community %zu: 0x%04x of attribute 25 is no action that is known here; left out",
                count + i, type);
    }
    return list.count;
}

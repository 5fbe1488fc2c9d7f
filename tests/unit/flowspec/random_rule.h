#ifndef TESTS_UNIT_FLOWSPEC_RANDOM_RULE_H
#define TESTS_UNIT_FLOWSPEC_RANDOM_RULE_H

#include "flowspec/rule.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Random rules, the same in every run. Values lean to the edges and to what others use too. */
struct random {
    uint64_t state;
};

/* How often a property is tried: scripts/test --long has the time for more. */
static inline int random_rounds(int rounds)
{
    enum { LONG = 8 };
    return getenv("WEIR_TEST_LONG") != NULL ? LONG * rounds : rounds;
}

static inline uint32_t random_below(struct random *r, uint32_t n)
{
    r->state = r->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(r->state >> 33) % n;
}

static inline uint32_t random_max(enum component c, enum addr_family family)
{
    switch (c) {
    case COMPONENT_PORT:
    case COMPONENT_DESTINATION_PORT:
    case COMPONENT_SOURCE_PORT:
    case COMPONENT_PACKET_LENGTH:
        return 65535;
    case COMPONENT_TCP_FLAGS:
        return 0x0fff;
    case COMPONENT_DSCP:
        return 63;
    case COMPONENT_FRAGMENT:
        return family == ADDR_IPV4 ? 15 : 14;
    case COMPONENT_FLOW_LABEL:
        return 0xfffff;
    case COMPONENT_DESTINATION:
    case COMPONENT_SOURCE:
    case COMPONENT_PROTOCOL:
    case COMPONENT_ICMP_TYPE:
    case COMPONENT_ICMP_CODE:
        break;
    }
    return 255;
}

static inline uint32_t random_value(struct random *r, enum component c, enum addr_family family)
{
    uint32_t max = random_max(c, family);
    if (c == COMPONENT_FRAGMENT || c == COMPONENT_TCP_FLAGS) {
        uint32_t bits = random_below(r, 2) == 0 ? 1U << random_below(r, 12) : random_below(r, 4096);
        return (bits & max) != 0 ? bits & max : 2;
    }
    switch (random_below(r, 6)) {
    case 0:
        return max;
    case 1:
        return 0;
    case 2:
        return random_below(r, 12); /* so that values meet */
    case 3:
        return max > 256 ? 254 + random_below(r, 4) : max - 1;
    default:
        return random_below(r, max + 1);
    }
}

static inline struct ip_prefix random_prefix(struct random *r, enum addr_family family,
                                             uint8_t *ret_offset)
{
    struct ip_prefix p = {.addr = {.family = (uint8_t)family}};
    uint8_t bits = family == ADDR_IPV4 ? 32 : 128;
    p.len = (uint8_t)random_below(r, bits + 1U);
    for (int i = 0; i < bits / 8; i++) /* few values, so that prefixes hold each other */
        p.addr.octets[i] = (uint8_t)(random_below(r, 3) == 0 ? random_below(r, 256) : 0xa5);
    *ret_offset = 0;
    if (family == ADDR_IPV6 && p.len > 0 && random_below(r, 3) == 0) {
        *ret_offset = (uint8_t)random_below(r, p.len);
        for (unsigned i = 0; i < *ret_offset; i++)
            p.addr.octets[i / 8] &= (uint8_t) ~(0x80U >> i % 8);
    }
    p.addr = addr_masked(&p.addr, p.len);
    return p;
}

static inline void random_rule(struct random *r, struct flow_rule *ret_rule)
{
    enum addr_family family = random_below(r, 2) == 0 ? ADDR_IPV4 : ADDR_IPV6;
    uint32_t density = 2 + random_below(r, 5);
    struct ip_prefix prefix;
    uint8_t offset;
    rule_init(ret_rule, family);
    if (random_below(r, 3) != 0) {
        prefix = random_prefix(r, family, &offset);
        rule_set_destination(ret_rule, &prefix);
        ret_rule->destination_offset = offset;
    }
    if (random_below(r, 4) == 0) {
        prefix = random_prefix(r, family, &offset);
        rule_set_source(ret_rule, &prefix);
        ret_rule->source_offset = offset;
    }
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        if (random_below(r, density) != 0 || (c == COMPONENT_FLOW_LABEL && family == ADDR_IPV4))
            continue;
        bool is_bits = c == COMPONENT_TCP_FLAGS || c == COMPONENT_FRAGMENT;
        for (uint32_t n = 1 + random_below(r, 5); n > 0; n--) {
            uint8_t op = (uint8_t)(random_below(r, is_bits ? 4 : 8) |
                                   (random_below(r, 3) == 0 ? OP_AND : 0));
            cr_assert_eq(rule_add_op(ret_rule, c, op, random_value(r, c, family)), STATUS_OK);
        }
    }
    if (ret_rule->present == 0)
        cr_assert_eq(rule_add_op(ret_rule, COMPONENT_PROTOCOL, OP_EQ, random_below(r, 256)),
                     STATUS_OK);
}

static inline void random_actions(struct random *r, struct flow_actions *ret_actions)
{
    struct flow_actions a = {.sample = random_below(r, 4) == 0,
                             .terminal = random_below(r, 4) == 0};
    a.discard = random_below(r, 3) == 0;
    if (!a.discard && random_below(r, 2) == 0) {
        a.has_rate = true;
        a.rate_bytes = (1 + random_below(r, 1U << 24)) * (double)(1U << random_below(r, 31)) / 64;
    }
    if (!a.discard && random_below(r, 4) == 0) {
        a.has_rate_packets = true;
        a.rate_packets = 1 + random_below(r, 1U << 24);
    }
    if (!a.discard && random_below(r, 4) == 0) {
        a.has_mark = true;
        a.mark = (uint8_t)random_below(r, 64);
    }
    if (!a.discard && random_below(r, 2) == 0) {
        a.redirect = (uint8_t)random_below(r, REDIRECT_TO_NEXT_HOP + 1);
        a.redirect_as = random_below(r, a.redirect == REDIRECT_AS2 ? 65536 : UINT32_MAX);
        a.redirect_number = random_below(r, a.redirect == REDIRECT_AS2 ? UINT32_MAX : 65536);
        bool six =
            a.redirect == REDIRECT_IP6 || (a.redirect == REDIRECT_TO_IP && random_below(r, 2) == 0);
        uint8_t octets[16];
        for (int i = 0; i < 16; i++)
            octets[i] = (uint8_t)random_below(r, 256);
        a.redirect_addr = addr_from_octets(six ? ADDR_IPV6 : ADDR_IPV4, octets);
        a.redirect_copy = a.redirect >= REDIRECT_TO_IP && random_below(r, 2) == 0;
    }
    *ret_actions = a;
}

#endif

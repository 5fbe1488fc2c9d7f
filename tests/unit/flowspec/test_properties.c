#include "flowspec/deviations.h"
#include "flowspec/guard.h"
#include "flowspec/sets.h"
#include "tests/support/naive_op.h"
#include "tests/unit/flowspec/random_rule.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 1500, NLRI_ROOM = 4200 };

static struct flow_rule rule, again;

Test(properties, bytes_text_and_json_give_the_same_rule_back)
{
    struct random r = {.state = 1};
    struct text out;
    text_init(&out, 0);
    for (int round = 0; round < random_rounds(ROUNDS); round++) {
        uint8_t bytes[NLRI_ROOM];
        size_t len = 0, taken = 0;
        struct flow_actions actions, back;
        struct action_communities communities;
        struct rule_error error = {0};
        random_rule(&r, &rule);
        random_actions(&r, &actions);
        cr_assert_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_OK);
        cr_assert_eq(nlri_decode(&again, (enum addr_family)rule.family, bytes, len, &taken, &error),
                     STATUS_OK, "%s", error.why);
        cr_assert(rule_equal(&rule, &again) && taken == len);
        cr_assert_eq(actions_encode_all(&actions, &communities, &error), STATUS_OK, "%s",
                     error.why);
        cr_assert_eq(actions_decode_all(&back, (const uint8_t(*)[8])communities.at,
                                        communities.count, (const uint8_t(*)[20])communities.ipv6,
                                        communities.ipv6_count, &error),
                     STATUS_OK);
        cr_assert(actions_equal(&actions, &back));
        for (size_t i = 1; i < communities.count; i++)
            cr_assert_lt(memcmp(communities.at[i - 1], communities.at[i], 2), 0);
        text_clear(&out);
        cr_assert_eq(rule_format_text(&rule, &actions, &out), STATUS_OK);
        cr_assert_eq(rule_parse_text(&again, &back, text_str(&out), &error), STATUS_OK,
                     "%s: %zu: %s", text_str(&out), error.at, error.why);
        cr_assert(rule_equal(&rule, &again) && actions_equal(&actions, &back), "%s",
                  text_str(&out));
        text_clear(&out);
        cr_assert_eq(rule_format_json(&rule, &actions, &out), STATUS_OK);
        cr_assert_eq(rule_parse_json(&again, &back, text_str(&out), &error), STATUS_OK, "%s: %s",
                     text_str(&out), error.why);
        cr_assert(rule_equal(&rule, &again) && actions_equal(&actions, &back), "%s",
                  text_str(&out));
    }
    text_done(&out);
}

/* The pseudocode of RFC 8955 5.1 and RFC 8956 4 over the rule's parts, written without a look at
 * bytes that follow each other. */
static int compare_views(const struct ip_prefix *a, uint8_t a_offset, const struct ip_prefix *b,
                         uint8_t b_offset)
{
    if (a_offset != b_offset)
        return a_offset < b_offset ? -1 : 1;
    unsigned common = a->len < b->len ? a->len : b->len;
    for (unsigned i = a_offset; i < common; i++) {
        int x = a->addr.octets[i / 8] >> (7 - i % 8) & 1,
            y = b->addr.octets[i / 8] >> (7 - i % 8) & 1;
        if (x != y)
            return x - y;
    }
    return a->len == b->len ? 0 : a->len > b->len ? -1 : 1;
}

static int compare_data(const struct flow_rule *a, const struct flow_rule *b, enum component c)
{
    static struct flow_rule one, two;
    uint8_t x[NLRI_ROOM], y[NLRI_ROOM];
    size_t x_len = 0, y_len = 0;
    rule_copy(&one, a);
    rule_copy(&two, b);
    one.present = two.present = (uint16_t)(1U << c);
    cr_assert_eq(nlri_encode(&one, x, sizeof(x), &x_len), STATUS_OK);
    cr_assert_eq(nlri_encode(&two, y, sizeof(y), &y_len), STATUS_OK);
    size_t common = x_len < y_len ? x_len : y_len;
    int order = memcmp(x + 1, y + 1, common - 1);
    return order != 0 || x_len == y_len ? order : x_len > y_len ? -1 : 1;
}

static int compare_slowly(const struct flow_rule *a, const struct flow_rule *b)
{
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++) {
        int order = 0;
        if (rule_has(a, c) != rule_has(b, c)) /* lower type first, and nothing goes last */
            return rule_has(a, c) ? -1 : 1;
        if (!rule_has(a, c))
            continue;
        if (c == COMPONENT_DESTINATION)
            order = compare_views(&a->destination, a->destination_offset, &b->destination,
                                  b->destination_offset);
        else if (c == COMPONENT_SOURCE)
            order = compare_views(&a->source, a->source_offset, &b->source, b->source_offset);
        else
            order = compare_data(a, b, c);
        if (order != 0)
            return order;
    }
    return 0;
}

static int sign(int order)
{
    return order < 0 ? -1 : order > 0;
}

struct encoded {
    enum addr_family family;
    uint8_t bytes[300];
    size_t len;
    uint8_t key[400];
    size_t key_len;
};

static void encode_random(struct random *r, enum addr_family family, struct encoded *ret,
                          struct flow_rule *ret_rule)
{
    do
        random_rule(r, ret_rule);
    while (ret_rule->family != family);
    ret->family = family;
    cr_assert_eq(nlri_encode(ret_rule, ret->bytes, sizeof(ret->bytes), &ret->len), STATUS_OK);
    cr_assert_eq(
        nlri_order_key(family, ret->bytes, ret->len, ret->key, sizeof(ret->key), &ret->key_len),
        STATUS_OK);
}

static int order_of(const struct encoded *a, const struct encoded *b)
{
    return sign(nlri_compare(a->family, a->bytes, a->len, b->bytes, b->len));
}

Test(properties, order_is_total_and_that_of_the_pseudocode)
{
    struct random r = {.state = 2};
    for (int round = 0; round < random_rounds(ROUNDS); round++) {
        enum addr_family family = round % 2 == 0 ? ADDR_IPV4 : ADDR_IPV6;
        static struct encoded a, b, c;
        encode_random(&r, family, &a, &rule);
        encode_random(&r, family, &b, &again);
        int order = order_of(&a, &b);
        cr_assert_eq(order, sign(compare_slowly(&rule, &again)));
        cr_assert_eq(order_of(&b, &a), -order);
        cr_assert_eq(order_of(&a, &a), 0);
        cr_assert_eq(order == 0, rule_equal(&rule, &again));
        size_t common = a.key_len < b.key_len ? a.key_len : b.key_len;
        int by_key = sign(memcmp(a.key, b.key, common));
        cr_assert_eq(by_key != 0 ? by_key : sign((int)a.key_len - (int)b.key_len), order);
        encode_random(&r, family, &c, &again);
        if (order <= 0 && order_of(&b, &c) <= 0)
            cr_assert_leq(order_of(&a, &c), 0);
    }
}

/* As the draft has it, octet by octet; and what that means for prefixes. */
static int compare_draft6_slowly(const struct encoded *a, const struct encoded *b)
{
    for (size_t i = 1; i < a->len && i < b->len; i++)
        if (a->bytes[i] != b->bytes[i])
            return a->bytes[i] < b->bytes[i] ? -1 : 1;
    return a->len == b->len ? 0 : a->len < b->len ? -1 : 1;
}

Test(properties, the_order_of_draft_6_is_total_and_has_the_less_specific_first)
{
    struct random r = {.state = 7};
    size_t nested = 0;
    for (int round = 0; round < random_rounds(ROUNDS); round++) {
        enum addr_family family = round % 2 == 0 ? ADDR_IPV4 : ADDR_IPV6;
        static struct encoded a, b;
        uint8_t a_key[300], b_key[300];
        size_t a_key_len = 0, b_key_len = 0;
        encode_random(&r, family, &a, &rule);
        encode_random(&r, family, &b, &again);
        if (a.bytes[0] >= 240 || b.bytes[0] >= 240)
            continue;
        int order = sign(nlri_compare_draft6(a.bytes, a.len, b.bytes, b.len));
        cr_assert_eq(order, compare_draft6_slowly(&a, &b));
        cr_assert_eq(sign(nlri_compare_draft6(b.bytes, b.len, a.bytes, a.len)), -order);
        cr_assert_eq(order == 0, rule_equal(&rule, &again));
        cr_assert_eq(nlri_order_key_draft6(a.bytes, a.len, a_key, sizeof(a_key), &a_key_len),
                     STATUS_OK);
        cr_assert_eq(nlri_order_key_draft6(b.bytes, b.len, b_key, sizeof(b_key), &b_key_len),
                     STATUS_OK);
        int by_key = sign(memcmp(a_key, b_key, a_key_len < b_key_len ? a_key_len : b_key_len));
        cr_assert_eq(by_key != 0 ? by_key : sign((int)a_key_len - (int)b_key_len), order);
        if (rule_has(&rule, COMPONENT_DESTINATION) && rule_has(&again, COMPONENT_DESTINATION) &&
            rule.destination.len < again.destination.len) {
            nested++;
            cr_assert_lt(order, 0);
        }
    }
    cr_expect_gt(nested, ROUNDS / 20);
    cr_expect_eq(nlri_order_key_draft6((const uint8_t *)"\3\3\x81\6", 4, NULL, 2, NULL),
                 STATUS_LIMIT);
}

/* Does a packet whose field has this value match? Operator by operator, as the RFC tells it. */
static bool matches(const struct flow_rule *f, enum component c, uint32_t value)
{
    bool is_bits = c == COMPONENT_TCP_FLAGS || c == COMPONENT_FRAGMENT, any = false, all = true;
    if (!rule_has(f, c))
        return true;
    for (size_t i = 0; i < f->range[c].count; i++) {
        const struct rule_op *op = &f->ops[f->range[c].start + i];
        if ((op->bits & OP_AND) == 0) {
            any = any || (i > 0 && all);
            all = true;
        }
        all = all && naive_op_holds(is_bits, op, value);
    }
    return any || all;
}

static bool can_be(enum component c, uint32_t value)
{
    if (c != COMPONENT_FRAGMENT)
        return true;
    bool is_fragment = (value & 2) != 0, first = (value & 4) != 0, last = (value & 8) != 0;
    return !(first && (is_fragment || last)) && !(last && !is_fragment);
}

static void check_same_matches(const struct flow_rule *before, const struct flow_rule *after,
                               struct random *r)
{
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        uint32_t max = random_max(c, (enum addr_family)before->family);
        bool may_go = c == COMPONENT_PACKET_LENGTH || c == COMPONENT_DSCP ||
                      c == COMPONENT_FLOW_LABEL ||
                      (c == COMPONENT_PROTOCOL && before->family == ADDR_IPV4);
        cr_assert(rule_has(before, c) == rule_has(after, c) || (may_go && rule_has(before, c)));
        for (uint32_t i = 0; rule_has(before, c) && i < 600; i++) {
            uint32_t value = i <= max && i < 300 ? i : random_below(r, max + 1);
            if (i == 599)
                value = max;
            if (can_be(c, value) && (value & ~max) == 0) /* IPv6 has no DF */
                cr_assert_eq(matches(before, c, value), matches(after, c, value), "%s %u",
                             component_name(c), value);
        }
    }
}

/* Is there a value of the component that the rule matches? */
static bool can_match(const struct flow_rule *f, enum component c)
{
    uint32_t max = random_max(c, (enum addr_family)f->family);
    for (uint32_t value = 0; value <= max; value++)
        if (can_be(c, value) && (value & ~max) == 0 && matches(f, c, value))
            return true;
    return false;
}

Test(properties, simplification_keeps_what_is_matched)
{
    struct random r = {.state = 3};
    size_t refused = 0, simplified = 0;
    for (int round = 0; round < random_rounds(ROUNDS); round++) {
        struct rule_error error = {0};
        uint8_t before[NLRI_ROOM], after[NLRI_ROOM];
        size_t before_len = 0, after_len = 0;
        random_rule(&r, &rule);
        rule_copy(&again, &rule);
        if (rule_simplify(&again, &error) != STATUS_OK) {
            refused++;
            cr_assert(strstr(error.why, "matches nothing") != NULL, "%s", error.why);
            continue;
        }
        simplified++;
        check_same_matches(&rule, &again, &r);
        for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++)
            cr_assert(can_match(&again, c) ||
                          (c == COMPONENT_PACKET_LENGTH && rule.family == ADDR_IPV6),
                      "%s matches nothing and passed", component_name(c));
        cr_assert_eq(nlri_encode(&rule, before, sizeof(before), &before_len), STATUS_OK);
        cr_assert_eq(nlri_encode(&again, after, sizeof(after), &after_len), STATUS_OK);
        rule_copy(&rule, &again);
        cr_assert_eq(rule_simplify(&again, &error), STATUS_OK);
        cr_assert(rule_equal(&rule, &again), "twice is as once");
    }
    cr_expect_gt(refused, ROUNDS / 20);
    cr_expect_gt(simplified, ROUNDS / 20);
}

Test(properties, random_bytes_are_refused_or_keep_their_meaning)
{
    struct random r = {.state = 4};
    size_t taken_count = 0;
    for (int round = 0; round < random_rounds(ROUNDS * 5); round++) {
        uint8_t bytes[NLRI_ROOM];
        size_t len = 0, taken = 0, back_len = 0;
        struct rule_error error = {0};
        random_rule(&r, &rule);
        cr_assert_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_OK);
        for (uint32_t n = random_below(&r, 4); n > 0; n--)
            bytes[random_below(&r, (uint32_t)len)] = (uint8_t)random_below(&r, 256);
        len -= random_below(&r, 8) == 0 ? random_below(&r, (uint32_t)len) : 0;
        uint8_t *exact = malloc(len);
        memcpy(exact, bytes, len);
        enum addr_family family = random_below(&r, 2) == 0 ? ADDR_IPV4 : ADDR_IPV6;
        enum status s = nlri_decode(&again, family, exact, len, &taken, &error);
        (void)nlri_compare(family, exact, len, bytes, len);
        size_t deviations = nlri_deviations(family, exact, len, NULL, 0);
        free(exact);
        if (s != STATUS_OK) {
            cr_assert(error.why[0] != '\0' && error.at <= len && deviations == 0);
            continue;
        }
        cr_assert_leq(taken, len);
        uint8_t ours[NLRI_ROOM];
        bool same = nlri_encode(&again, ours, sizeof(ours), &back_len) == STATUS_OK &&
                    back_len == taken && memcmp(ours, bytes, taken) == 0;
        cr_assert_eq(deviations == 0, same);
        rule_copy(&rule, &again);
        s = rule_simplify(&again, &error);
        cr_assert(s != STATUS_RANGE ||
                  (family == ADDR_IPV6 && rule_has(&rule, COMPONENT_PACKET_LENGTH)));
        if (s != STATUS_OK)
            continue;
        taken_count++;
        check_same_matches(&rule, &again, &r);
        cr_assert_eq(nlri_encode(&again, bytes, sizeof(bytes), &back_len), STATUS_OK);
        cr_assert_eq(nlri_decode(&rule, family, bytes, back_len, &taken, &error), STATUS_OK);
        cr_assert(rule_equal(&rule, &again));
    }
    cr_expect_gt(taken_count, ROUNDS / 20);
}

static uint32_t refusals_of(const struct guard_verdict *v)
{
    uint32_t set = 0;
    for (size_t i = 0; i < v->count; i++)
        set |= 1U << v->refusals[i].invariant;
    return set;
}

Test(properties, the_guard_judges_a_rule_and_its_bytes_alike)
{
    struct random r = {.state = 5};
    struct ip_prefix ours[2] = {{.addr = {.family = ADDR_IPV4}}, {.addr = {.family = ADDR_IPV6}}};
    struct ip_prefix protected_prefix = {.addr = {.family = ADDR_IPV4, .octets = {0xa5}}, .len = 8};
    struct lpm *networks = lpm_new(2);
    cr_assert_eq(lpm_add(networks, &ours[0], 0), STATUS_OK);
    cr_assert_eq(lpm_add(networks, &ours[1], 0), STATUS_OK);
    cr_assert_eq(lpm_seal(networks), STATUS_OK);
    const struct guard_context context = {.networks = networks,
                                          .is_protected = &protected_prefix,
                                          .protected_count = 1,
                                          .widest4 = 8,
                                          .widest6 = 16,
                                          .mtu_bytes = 9000};
    uint32_t ever = 0, allowed = 0;
    for (int round = 0; round < random_rounds(ROUNDS); round++) {
        static struct guard_verdict by_rule, by_bytes;
        uint8_t bytes[NLRI_ROOM];
        size_t len = 0;
        struct flow_actions actions;
        struct action_communities all;
        struct rule_error error = {0};
        random_rule(&r, &rule);
        do
            random_actions(&r, &actions);
        while (actions_encode_all(&actions, &all, &error) != STATUS_OK);
        struct communities communities = {.at = (const uint8_t(*)[8])all.at,
                                          .count = all.count,
                                          .ipv6 = (const uint8_t(*)[20])all.ipv6,
                                          .ipv6_count = all.ipv6_count};
        cr_assert_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_OK);
        guard_judge(&context, &rule, &actions, &by_rule);
        guard_judge_bytes(&context, (enum addr_family)rule.family, bytes, len, &communities,
                          &by_bytes);
        cr_assert_eq(refusals_of(&by_rule), refusals_of(&by_bytes));
        ever |= refusals_of(&by_rule);
        allowed += by_rule.count == 0;
    }
    cr_expect_gt(allowed, 0);
    cr_expect_neq(ever & 1U << GUARD_NOTHING, 0);
    cr_expect_neq(ever & 1U << GUARD_PROTECTED, 0);
    cr_expect_neq(ever & 1U << GUARD_ICMPV6, 0);
    lpm_free(networks);
}

/* A narrower rule made of the first one is covered by it; and what is said to be covered matches
 * no value that the other does not. */
Test(properties, a_rule_covers_only_what_it_matches)
{
    struct random r = {.state = 6};
    size_t covered = 0;
    for (int round = 0; round < random_rounds(ROUNDS); round++) {
        struct rule_error error;
        random_rule(&r, &rule);
        if (rule_simplify(&rule, &error) != STATUS_OK)
            continue;
        cr_assert(rule_covers(&rule, &rule));
        rule_copy(&again, &rule);
        if (!rule_has(&again, COMPONENT_DSCP)) {
            cr_assert_eq(rule_add_op(&again, COMPONENT_DSCP, OP_EQ, 5), STATUS_OK);
            cr_assert(rule_covers(&rule, &again));
            cr_assert_not(rule_covers(&again, &rule));
        }
        do
            random_rule(&r, &again);
        while (again.family != rule.family);
        again.present &= (uint16_t)(rule.present | 1U << COMPONENT_PROTOCOL);
        if (again.present == 0 || !rule_covers(&rule, &again))
            continue;
        covered++;
        for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
            uint32_t max = random_max(c, (enum addr_family)rule.family);
            if (c == COMPONENT_PORT && !rule_has(&again, c))
                continue; /* one of both sides is inside it */
            for (uint32_t value = 0; value <= max; value += 1 + value / 512)
                if (can_be(c, value) && (value & ~max) == 0 && matches(&again, c, value))
                    cr_assert(matches(&rule, c, value), "%s %u", component_name(c), value);
        }
    }
    cr_expect_gt(covered, 0);
}

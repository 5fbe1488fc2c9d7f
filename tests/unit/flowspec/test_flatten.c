#include "flowspec/flatten.h"
#include "tests/support/naive_op.h"
#include "tests/unit/flowspec/random_rule.h"

#include <string.h>

static bool matches(const struct op_list *list, bool is_bits, uint32_t value)
{
    bool any = false, all = true;
    for (size_t i = 0; i < list->count; i++) {
        if ((list->at[i].bits & OP_AND) == 0) {
            any = any || (i > 0 && all);
            all = true;
        }
        all = all && naive_op_holds(is_bits, &list->at[i], value);
    }
    return any || all;
}

static void random_list(struct random *r, enum component c, struct op_list *ret)
{
    bool is_bits = c != COMPONENT_DSCP;
    ret->count = 1 + random_below(r, 4);
    for (size_t i = 0; i < ret->count; i++) {
        uint8_t bits = (uint8_t)random_below(r, is_bits ? 4 : 8);
        if (i > 0 && random_below(r, 2) == 0)
            bits |= OP_AND;
        ret->at[i] = (struct rule_op){.bits = bits, .value = random_value(r, c, ADDR_IPV4)};
    }
}

/* Fragments that cannot be do not count. */
static bool can_be(enum component c, uint32_t value)
{
    bool is_fragment = (value & 2) != 0, first = (value & 4) != 0, last = (value & 8) != 0;
    return c != COMPONENT_FRAGMENT || (!(first && (is_fragment || last)) && (is_fragment || !last));
}

/* Of products that can match nothing only one may be left, for the refusal to name. */
static void check_products(const struct op_list *both, enum component c)
{
    for (size_t i = 0, end; i < both->count; i = end) {
        struct op_list product = {.count = 0};
        bool any = false;
        end = rule_group_end(both->at, both->count, i);
        product.count = end - i;
        memcpy(product.at, both->at + i, product.count * sizeof(product.at[0]));
        for (uint32_t value = 0; value <= random_max(c, ADDR_IPV4) && !any; value++)
            any = can_be(c, value) && matches(&product, c != COMPONENT_DSCP, value);
        cr_assert(any || product.count == both->count);
    }
}

Test(flatten, both_and_either_match_what_they_say)
{
    static const enum component kinds[] = {COMPONENT_DSCP, COMPONENT_TCP_FLAGS, COMPONENT_FRAGMENT};
    static struct op_list a, b, c, both, either;
    struct random r = {.state = 8};
    for (int round = 0; round < random_rounds(300); round++) {
        enum component kind = kinds[round % 3];
        bool is_bits = kind != COMPONENT_DSCP;
        random_list(&r, kind, &a);
        random_list(&r, kind, &b);
        random_list(&r, kind, &c);
        both = either = a;
        cr_assert_eq(flatten_both(ADDR_IPV4, kind, &both, &b), STATUS_OK);
        cr_assert_eq(flatten_both(ADDR_IPV4, kind, &both, &c), STATUS_OK);
        cr_assert_eq(flatten_either(&either, &b), STATUS_OK);
        cr_assert_gt(both.count, 0);
        check_products(&both, kind);
        for (uint32_t value = 0; value <= random_max(kind, ADDR_IPV4); value++) {
            bool x = matches(&a, is_bits, value), y = matches(&b, is_bits, value);
            if (!can_be(kind, value))
                continue;
            cr_assert_eq(matches(&both, is_bits, value), x && y && matches(&c, is_bits, value));
            cr_assert_eq(matches(&either, is_bits, value), x || y);
        }
    }
}

Test(flatten, what_is_too_long_leaves_the_list_as_it_was)
{
    static struct op_list a, b, before;
    a.count = 1500;
    b.count = 2;
    for (size_t i = 0; i < a.count; i++)
        a.at[i] = (struct rule_op){.bits = OP_EQ, .value = (uint32_t)i};
    b.at[0] = b.at[1] = (struct rule_op){.bits = OP_GT, .value = 3};
    before = a;
    cr_expect_eq(flatten_both(ADDR_IPV4, COMPONENT_PORT, &a, &b), STATUS_LIMIT);
    cr_expect_eq(flatten_either(&a, &before), STATUS_LIMIT);
    cr_expect_eq(memcmp(&a, &before, sizeof(a)), 0);
}

Test(flatten, what_meets_in_a_rule_keeps_the_other_components)
{
    static struct flow_rule rule;
    static struct op_list list;
    struct text out;
    text_init(&out, 0);
    rule_init(&rule, ADDR_IPV4);
    cr_assert_eq(rule_add_op(&rule, COMPONENT_PORT, OP_EQ, 80), STATUS_OK);
    cr_assert_eq(rule_add_op(&rule, COMPONENT_PORT, OP_GT, 1023), STATUS_OK);
    cr_assert_eq(rule_add_op(&rule, COMPONENT_DSCP, OP_EQ, 1), STATUS_OK);
    cr_assert_eq(rule_add_op(&rule, COMPONENT_PROTOCOL, OP_EQ, 6), STATUS_OK);
    list.count = 1;
    list.at[0] = (struct rule_op){.bits = OP_LT, .value = 2048};
    cr_assert_eq(flatten_into_rule(&rule, COMPONENT_PORT, &list), STATUS_OK);
    rule_format_text(&rule, NULL, &out);
    cr_expect_str_eq(text_str(&out), "match protocol =tcp port =80&<2048,>1023&<2048 dscp =1");
    text_done(&out);
}

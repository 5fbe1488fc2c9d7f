#include "tests/fuzz/rules.h"

#include "flowspec/component.h"
#include "flowspec/deviations.h"
#include "flowspec/guard.h"
#include "flowspec/profile.h"
#include "flowspec/sets.h"
#include "tests/support/naive_op.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NLRI_ROOM = 4200 };

static struct flow_rule again, simple;

static void check_texts(const struct flow_rule *rule, const struct flow_actions *actions,
                        bool in_range)
{
    struct flow_actions back;
    struct rule_error error;
    struct text out;
    text_init(&out, 0);
    assert(rule_format_text(rule, actions, &out) == STATUS_OK);
    bool read = rule_parse_text(&again, &back, text_str(&out), &error) == STATUS_OK;
    assert(read || !in_range);
    assert(!read || (rule_equal(rule, &again) && actions_equal(actions, &back)));
    text_clear(&out);
    assert(rule_format_json(rule, actions, &out) == STATUS_OK);
    read = rule_parse_json(&again, &back, text_str(&out), &error) == STATUS_OK;
    assert(read || !in_range);
    assert(!read || (rule_equal(rule, &again) && actions_equal(actions, &back)));
    text_done(&out);
}

/* Operator by operator, as the RFC tells it; a component that is not there matches. */
static bool matches(const struct flow_rule *rule, enum component c, uint64_t value)
{
    bool any = false, all = true;
    size_t count = rule_ops_count(rule, c);
    for (size_t i = 0; i < count; i++) {
        const struct rule_op *op = rule_ops(rule, c) + i;
        if ((op->bits & OP_AND) == 0) {
            any = any || (i > 0 && all);
            all = true;
        }
        all = all && naive_op_holds(component_is_bits(c), op, value);
    }
    return any || all;
}

/* A first fragment has offset 0 and more to come; a last one has an offset. */
static bool can_be(enum component c, uint32_t flags)
{
    bool is_fragment = (flags & 2) != 0, first = (flags & 4) != 0, last = (flags & 8) != 0;
    return c != COMPONENT_FRAGMENT || (!(first && (is_fragment || last)) && (is_fragment || !last));
}

/* Both match the same values: around each that one of them names, and all flags. */
static void check_meaning(const struct flow_rule *before, const struct flow_rule *after)
{
    enum { OPS_LOOKED_AT = 24 };
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        uint32_t max = value_max(c, before->family);
        size_t count = rule_ops_count(before, c);
        assert(rule_has(before, c) || !rule_has(after, c));
        if (component_is_bits(c) && count <= OPS_LOOKED_AT)
            for (uint32_t flags = 0; count > 0 && flags <= max; flags++)
                assert((flags & ~max) != 0 || !can_be(c, flags) ||
                       matches(before, c, flags) == matches(after, c, flags));
        for (size_t i = 0; !component_is_bits(c) && i < count && i < OPS_LOOKED_AT; i++)
            for (int64_t off = -1; off <= 1; off++) {
                int64_t value = (int64_t)rule_ops(before, c)[i].value + off;
                if (value >= 0 && value <= (int64_t)max)
                    assert(matches(before, c, (uint64_t)value) ==
                           matches(after, c, (uint64_t)value));
            }
    }
}

static void check_bytes(const struct flow_rule *rule, bool in_range)
{
    uint8_t bytes[NLRI_ROOM], key[ORDER_KEY_MAX];
    size_t len, taken, key_len;
    struct rule_error error;
    enum addr_family family = (enum addr_family)rule->family;
    enum status s = nlri_encode(rule, bytes, sizeof(bytes), &len);
    assert(s == STATUS_OK || s == STATUS_LIMIT || (s == STATUS_RANGE && !in_range));
    if (s != STATUS_OK)
        return;
    assert(nlri_decode(&again, family, bytes, len, &taken, &error) == STATUS_OK);
    assert(taken == len && rule_equal(rule, &again));
    assert(nlri_compare(family, bytes, len, bytes, len) == 0);
    assert(nlri_compare_draft6(bytes, len, bytes, len) == 0);
    assert(nlri_order_key(family, bytes, len, key, sizeof(key), &key_len) == STATUS_OK);
    assert(nlri_order_key_draft6(bytes, len, key, sizeof(key), &key_len) == STATUS_OK);
    assert(nlri_deviations(family, bytes, len, NULL, 0) == 0);
}

void rules_check(const struct flow_rule *rule, const struct flow_actions *actions, bool in_range)
{
    static struct guard_verdict verdict;
    const struct guard_context context = {.widest4 = 32, .widest6 = 128};
    struct rule_error error;
    check_texts(rule, actions, in_range);
    check_bytes(rule, in_range);
    guard_judge(&context, rule, actions, &verdict);
    assert(verdict.count > 0 && verdict.count <= GUARD_REFUSALS_MAX);
    for (size_t i = 0; profile_at(i) != NULL; i++)
        (void)profile_check(profile_at(i), rule, actions, &error);
    rule_copy(&simple, rule);
    enum status s = rule_simplify(&simple, &error);
    assert(s == STATUS_OK || !in_range || s == STATUS_MALFORMED || s == STATUS_LIMIT);
    if (s != STATUS_OK)
        return;
    check_meaning(rule, &simple);
    check_bytes(&simple, true);
    check_texts(&simple, actions, true);
}

void rules_check_actions(const struct flow_actions *actions)
{
    struct action_communities all;
    struct flow_actions back;
    struct rule_error error;
    if (actions_check(actions, &error) != STATUS_OK)
        return;
    assert(actions_encode_all(actions, &all, &error) == STATUS_OK);
    assert(actions_decode_all(&back, (const uint8_t(*)[8])all.at, all.count,
                              (const uint8_t(*)[20])all.ipv6, all.ipv6_count, &error) == STATUS_OK);
    struct flow_actions held = *actions;
    if (held.has_rate)
        held.rate_bytes = actions_rate_on_wire(held.rate_bytes);
    if (held.has_rate_packets)
        held.rate_packets = actions_rate_on_wire(held.rate_packets);
    assert(actions_equal(&held, &back));
    assert(actions_deviations((const uint8_t(*)[8])all.at, all.count,
                              (const uint8_t(*)[20])all.ipv6, all.ipv6_count, NULL, 0) == 0);
}

int rules_check_parser(rules_parser parse, const uint8_t *data, size_t size)
{
    static struct flow_rule rule;
    struct flow_actions actions;
    struct rule_error error;
    char *s = malloc(size + 1);
    if (s == NULL)
        return 0;
    if (size > 0)
        memcpy(s, data, size);
    s[size] = '\0';
    if (parse(&rule, &actions, s, &error) == STATUS_OK) {
        rules_check(&rule, &actions, true);
        rules_check_actions(&actions);
    } else {
        assert(error.at <= size && error.why[0] != '\0');
    }
    free(s);
    return 0;
}

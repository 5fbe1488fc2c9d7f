#include "tests/fuzz/rules.h"

#include "flowspec/guard.h"
#include "flowspec/profile.h"

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
    assert(nlri_order_key(family, bytes, len, key, sizeof(key), &key_len) == STATUS_OK);
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
    check_bytes(&simple, true);
    check_texts(&simple, actions, true);
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
    if (parse(&rule, &actions, s, &error) == STATUS_OK)
        rules_check(&rule, &actions, true);
    else
        assert(error.at <= size && error.why[0] != '\0');
    free(s);
    return 0;
}

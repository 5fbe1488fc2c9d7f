#include "ctl/rule_forms.h"

#include "ctl/show.h"
#include "flowspec/component.h"
#include "flowspec/expression.h"
#include "flowspec/sets.h"

#include <string.h>

enum { PROTOCOL_TCP = 6, TCP_ACK = 0x10, TCP_SYN_ACK = 0x12 };

static json_t *text_value(struct text *text)
{
    json_t *value = show_json_text(text_str(text));
    text_done(text);
    return value;
}

/* "protocol =udp", "destination 192.0.2.1/32" */
static void component_text(const struct flow_rule *rule, enum component c, struct text *out)
{
    text_addf(out, "%s ", component_name(c));
    if (c == COMPONENT_DESTINATION)
        expression_format_prefix(&rule->destination, rule->destination_offset, out);
    else if (c == COMPONENT_SOURCE)
        expression_format_prefix(&rule->source, rule->source_offset, out);
    else
        expression_format(rule, c, out);
}

/* --- what changed -------------------------------------------------------------------------------
 */

static json_t *changes(const struct rule_input *input, const struct flow_rule *simple)
{
    json_t *list = json_array();
    uint8_t again[NLRI_MAX];
    size_t len = 0;
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++) {
        struct text before, after;
        if (!rule_has(&input->rule, c))
            continue;
        text_init(&before, 0);
        text_init(&after, 0);
        component_text(&input->rule, c, &before);
        if (rule_has(simple, c))
            component_text(simple, c, &after);
        if (after.len == 0)
            text_add(&before, " dropped: it fits every packet");
        else if (strcmp(text_str(&before), text_str(&after)) != 0)
            text_addf(&before, " is %s", text_str(&after));
        else
            text_clear(&before);
        if (before.len > 0)
            (void)json_array_append_new(list, show_json_text(text_str(&before)));
        text_done(&before);
        text_done(&after);
    }
    /* The same operators in other octets: longer values than needed, bits that mean nothing. */
    if (input->form == RULE_FORM_HEX &&
        (nlri_encode(&input->rule, again, sizeof again, &len) != STATUS_OK ||
         len != input->nlri_len || memcmp(again, input->nlri, len) != 0))
        (void)json_array_append_new(list, json_string("the octets given are not the canonical "
                                                      "ones of what they say"));
    return list;
}

/* --- verdicts -----------------------------------------------------------------------------------
 */

static json_t *guard_of(const struct model *model, const struct rule_forms *forms,
                        const struct rule_input *input)
{
    struct guard_context guard;
    struct guard_verdict verdict;
    if (model == NULL)
        return json_null();
    model_guard_context(model, NULL, &guard);
    guard_judge(&guard, &forms->rule, &input->actions, &verdict);
    json_t *object = json_object(), *refusals = json_array();
    for (size_t i = 0; i < verdict.count; i++) {
        const struct guard_refusal *refusal = &verdict.refusals[i];
        json_t *item = json_object();
        struct text text;
        text_init(&text, 0);
        text_addf(&text, "%s", guard_text(refusal->invariant));
        if (refusal->text[0] != '\0')
            text_addf(&text, ": %s", refusal->text);
        (void)json_object_set_new(item, "invariant", json_string(guard_label(refusal->invariant)));
        (void)json_object_set_new(item, "text", text_value(&text));
        (void)json_array_append_new(refusals, item);
    }
    (void)json_object_set_new(object, "ok", json_boolean(verdict.count == 0));
    (void)json_object_set_new(object, "refusals", refusals);
    return object;
}

static json_t *profiles_of(const struct rule_forms *forms, const struct rule_input *input)
{
    json_t *object = json_object();
    for (size_t i = 0; profile_at(i) != NULL; i++) {
        struct rule_error error = {0};
        bool takes =
            profile_check(profile_at(i), &forms->rule, &input->actions, &error) == STATUS_OK;
        (void)json_object_set_new(object, profile_at(i)->name,
                                  show_json_text(takes ? "ok" : error.why));
    }
    return object;
}

/* Replies to connections that our own side opened, and all packets after the first two. */
static bool hits_established(const struct flow_rule *rule)
{
    struct flag_set flags;
    struct value_set protocols;
    value_set_of(rule, COMPONENT_PROTOCOL, &protocols);
    if (!value_set_meets(&protocols, PROTOCOL_TCP, PROTOCOL_TCP) ||
        (!rule_has(rule, COMPONENT_PROTOCOL) && !rule_has(rule, COMPONENT_TCP_FLAGS)))
        return false;
    flag_set_of(rule, COMPONENT_TCP_FLAGS, &flags);
    return ((flags.words[0] >> TCP_ACK | flags.words[0] >> TCP_SYN_ACK) & 1) != 0;
}

static json_t *warnings_of(const struct rule_forms *forms, const struct rule_input *input,
                           const char *matches_nothing)
{
    json_t *list = json_array();
    const struct flow_actions *a = &input->actions;
    if (matches_nothing[0] != '\0')
        (void)json_array_append_new(list, show_json_text(matches_nothing));
    if ((a->discard || (a->has_rate && a->rate_bytes == 0)) && matches_nothing[0] == '\0' &&
        hits_established(&forms->rule))
        (void)json_array_append_new(
            list, json_string("discards TCP packets that belong to connections (SYN-ACK or ACK)"));
    if (a->terminal)
        (void)json_array_append_new(
            list, json_string("the T bit is set: the router goes on to later rules"));
    return list;
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static bool put_forms(const struct command_context *context, const struct rule_input *input,
                      struct rule_forms *forms)
{
    struct text text, json;
    struct action_communities all = {0};
    struct rule_error error = {0};
    uint8_t key[ORDER_KEY_MAX];
    size_t key_len = 0;
    enum addr_family family = (enum addr_family)forms->rule.family;
    const struct flow_actions *actions = input->has_actions ? &input->actions : NULL;
    if (actions_encode_all(&input->actions, &all, &error) != STATUS_OK)
        return command_failed(context, "the actions have no wire form: %s", error.why) == EXIT_DONE;
    enum status s = nlri_order_key(family, forms->nlri, forms->nlri_len, key, sizeof key, &key_len);
    text_init(&text, 0);
    text_init(&json, 0);
    if (s == STATUS_OK)
        s = rule_format_text(&forms->rule, actions, &text);
    if (s == STATUS_OK)
        s = rule_format_json(&forms->rule, actions, &json);
    json_t *communities = json_array();
    for (size_t i = 0; i < all.count; i++)
        (void)json_array_append_new(communities, show_json_hex(all.at[i], sizeof all.at[i]));
    for (size_t i = 0; i < all.ipv6_count; i++)
        (void)json_array_append_new(communities, show_json_hex(all.ipv6[i], sizeof all.ipv6[i]));
    (void)json_object_set_new(forms->object, "family",
                              json_string(family == ADDR_IPV6 ? "ipv6" : "ipv4"));
    (void)json_object_set_new(forms->object, "text", text_value(&text));
    (void)json_object_set_new(forms->object, "json", json_loads(text_str(&json), 0, NULL));
    (void)json_object_set_new(forms->object, "nlri_hex",
                              show_json_hex(forms->nlri, forms->nlri_len));
    (void)json_object_set_new(forms->object, "communities", communities);
    (void)json_object_set_new(forms->object, "order_key", show_json_hex(key, key_len));
    text_done(&json);
    if (s != STATUS_OK)
        return command_failed(context, "the rule cannot be shown: %s", status_text(s)) == EXIT_DONE;
    return true;
}

bool rule_forms_make(const struct command_context *context, const struct rule_input *input,
                     const struct model *model, struct rule_forms *ret_forms)
{
    struct rule_error error = {0};
    ret_forms->object = json_object();
    rule_copy(&ret_forms->rule, &input->rule);
    /* A rule that matches nothing stays as it was given: the guard and a warning say why. */
    bool is_simple = rule_simplify(&ret_forms->rule, &error) == STATUS_OK;
    enum status s = nlri_encode(&ret_forms->rule, ret_forms->nlri, sizeof ret_forms->nlri,
                                &ret_forms->nlri_len);
    if (s != STATUS_OK) {
        rule_forms_done(ret_forms);
        return command_failed(context, "the rule has no wire form: %s%s",
                              s == STATUS_LIMIT ? "longer than 4095 octets (RFC 8955, 4.1)"
                                                : "a value is outside its component's range",
                              is_simple ? "" : ", and it matches nothing") == EXIT_DONE;
    }
    if (!put_forms(context, input, ret_forms)) {
        rule_forms_done(ret_forms);
        return false;
    }
    (void)json_object_set_new(ret_forms->object, "simplified", changes(input, &ret_forms->rule));
    (void)json_object_set_new(ret_forms->object, "warnings",
                              warnings_of(ret_forms, input, is_simple ? "" : error.why));
    (void)json_object_set_new(ret_forms->object, "guard", guard_of(model, ret_forms, input));
    (void)json_object_set_new(ret_forms->object, "profiles", profiles_of(ret_forms, input));
    return true;
}

void rule_forms_done(struct rule_forms *forms)
{
    json_decref(forms->object);
    forms->object = NULL;
}

/* --- order --------------------------------------------------------------------------------------
 */

static const struct ip_prefix *prefix_of(const struct flow_rule *rule, enum component c)
{
    return c == COMPONENT_DESTINATION ? &rule->destination : &rule->source;
}

/* Why the winner's component goes before the loser's. */
static const char *component_reason(const struct flow_rule *winner, const struct flow_rule *loser,
                                    enum component c)
{
    uint8_t a = c == COMPONENT_DESTINATION ? winner->destination_offset : winner->source_offset;
    uint8_t b = c == COMPONENT_DESTINATION ? loser->destination_offset : loser->source_offset;
    if (!component_is_prefix(c))
        return "their octets decide: the lower go first, and of two that begin alike the longer";
    if (a != b)
        return "the smaller offset goes first";
    return prefix_covers(prefix_of(loser, c), prefix_of(winner, c))
               ? "the more specific prefix goes first"
               : "of two prefixes that do not overlap the lower goes first";
}

int rule_forms_first(const struct rule_forms forms[2], struct text *ret_why)
{
    enum addr_family family = (enum addr_family)forms[0].rule.family;
    if (family != forms[1].rule.family) {
        text_add(ret_why, "they are of two families, and so in two tables");
        return -1;
    }
    int order =
        nlri_compare(family, forms[0].nlri, forms[0].nlri_len, forms[1].nlri, forms[1].nlri_len);
    if (order == 0) {
        text_add(ret_why, "their NLRI is the same: the later replaces the earlier");
        return -1;
    }
    int first = order < 0 ? 0 : 1;
    const struct flow_rule *winner = &forms[first].rule, *loser = &forms[1 - first].rule;
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++) {
        struct text a, b;
        if (rule_has(winner, c) != rule_has(loser, c)) {
            text_addf(ret_why,
                      "only %s has %s, and the lowest component type that only one has goes first",
                      rule_has(winner, c) ? "it" : "the other", component_name(c));
            break;
        }
        if (!rule_has(winner, c))
            continue;
        text_init(&a, 0);
        text_init(&b, 0);
        component_text(winner, c, &a);
        component_text(loser, c, &b);
        bool same = strcmp(text_str(&a), text_str(&b)) == 0;
        if (!same)
            text_addf(ret_why, "%s and %s: %s", text_str(&a), text_str(&b),
                      component_reason(winner, loser, c));
        text_done(&a);
        text_done(&b);
        if (!same)
            break;
    }
    return first;
}

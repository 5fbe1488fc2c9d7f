#include "ctl/rule_forms.h"

#include "ctl/rule_warnings.h"
#include "ctl/show.h"
#include "flowspec/component.h"
#include "flowspec/deviations.h"
#include "flowspec/expression.h"
#include "flowspec/split.h"

#include <string.h>

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

static json_t *guard_of(const struct model *model, const struct rule_forms *forms)
{
    struct guard_context guard;
    struct guard_verdict verdict;
    if (model == NULL)
        return json_null();
    model_guard_context(model, NULL, &guard);
    guard_judge(&guard, &forms->rule, &forms->actions, &verdict);
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

/* What becomes of the rule at a router: "ok", where it goes as it is. */
static void verdict_of(const struct router_profile *profile, const struct rule_forms *forms,
                       struct rule_split *split, struct text *out)
{
    enum { SHOWN_MAX = 4 };
    struct rule_error error = {0}, of_split = {0};
    if (profile_check(profile, &forms->rule, &forms->actions, &error) == STATUS_OK) {
        text_add(out, "ok");
        return;
    }
    if (profile_split(profile, &forms->rule, &forms->actions, split, &of_split) != STATUS_OK) {
        text_add(out, error.why);
        return;
    }
    text_addf(out, "as %zu rule%s: ", split->count, split->count == 1 ? "" : "s");
    for (size_t i = 0; i < split->count && i < SHOWN_MAX; i++) {
        text_add(out, i > 0 ? "; " : "");
        (void)rule_format_text(&split->rules[i], &split->actions, out);
    }
    if (split->count > SHOWN_MAX)
        text_addf(out, "; and %zu more", split->count - SHOWN_MAX);
    text_addf(out, " (%s)", error.why);
}

/* The configuration's own, and behind those the built-in ones. */
static const struct router_profile *profile_of_all(const struct model *model, size_t i)
{
    size_t own = model != NULL ? model->profile_count : 0;
    return i < own ? &model->profiles[i].profile : profile_at(i - own);
}

static void warn_of_steps(json_t *list, const struct model *model, const struct flow_actions *a)
{
    char rate[RATE_TEXT_MAX];
    const struct router_profile *profile;
    for (size_t i = 0; a->has_rate && (profile = profile_of_all(model, i)) != NULL; i++) {
        double sent = profile_rate(profile, a->rate_bytes);
        struct text text;
        if (sent == a->rate_bytes || !(sent > 0))
            continue;
        text_init(&text, 0);
        text_addf(&text, "profile %s: rate-limit is rounded down to %s, a multiple of its step",
                  profile->name, rate_format_both(sent, rate));
        (void)json_array_append_new(list, text_value(&text));
    }
}

static json_t *profiles_of(const struct model *model, const struct rule_forms *forms)
{
    static struct flow_rule parts[SPLIT_MAX];
    struct rule_split split = {.rules = parts, .room = SPLIT_MAX};
    json_t *object = json_object();
    const struct router_profile *profile;
    for (size_t i = 0; (profile = profile_of_all(model, i)) != NULL; i++) {
        struct text text;
        text_init(&text, 0);
        verdict_of(profile, forms, &split, &text);
        (void)json_object_set_new(object, profile->name, text_value(&text));
    }
    return object;
}

static json_t *warnings_of(const struct rule_forms *forms, const struct model *model,
                           const char *matches_nothing, const struct text *rounded)
{
    size_t peers = model != NULL ? model->config->peer_count : 0;
    json_t *list;
    if (matches_nothing[0] != '\0')
        list = json_pack("[s]", matches_nothing);
    else
        list = rule_warnings(&forms->rule, &forms->actions, peers);
    if (rounded->len > 0)
        (void)json_array_append_new(list, show_json_text(text_str(rounded)));
    warn_of_steps(list, model, &forms->actions);
    return list;
}

/* What a receiver has to put right in the octets that were given. */
static json_t *deviations_of(const struct rule_input *input)
{
    enum { SHOWN_MAX = 64 };
    struct deviation found[SHOWN_MAX];
    json_t *list = json_array();
    struct text text;
    size_t n = 0, in_nlri = 0;
    if (input->form != RULE_FORM_HEX)
        return list;
    in_nlri = nlri_deviations((enum addr_family)input->rule.family, input->nlri, input->nlri_len,
                              found, SHOWN_MAX);
    n = in_nlri < SHOWN_MAX ? in_nlri : SHOWN_MAX;
    n += actions_deviations((const uint8_t(*)[8])input->communities.at, input->communities.count,
                            (const uint8_t(*)[20])input->communities.ipv6,
                            input->communities.ipv6_count, found + n, SHOWN_MAX - n);
    for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
        text_init(&text, 0);
        if (i < in_nlri)
            text_addf(&text, "octet at offset %zu: ", found[i].at);
        text_add(&text, found[i].what);
        (void)json_array_append_new(list, text_value(&text));
    }
    if (in_nlri > SHOWN_MAX || n > SHOWN_MAX) {
        text_init(&text, 0);
        text_addf(&text, "and %zu more", (in_nlri > SHOWN_MAX ? in_nlri : n) - SHOWN_MAX);
        (void)json_array_append_new(list, text_value(&text));
    }
    return list;
}

static void round_rate(double *rate, const char *what, const char *unit, struct text *out)
{
    double held = actions_rate_on_wire(*rate);
    if (held == *rate)
        return;
    text_add_itemf(out,
                   "%s %.17g%s is rounded down to %.17g%s, the most below it that a float on "
                   "the wire holds",
                   what, *rate, unit, held, unit);
    *rate = held;
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
    const struct flow_actions *actions = input->has_actions ? &forms->actions : NULL;
    if (actions_encode_all(&forms->actions, &all, &error) != STATUS_OK)
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
    struct rule_forms *forms = ret_forms;
    struct text rounded;
    rule_copy(&forms->rule, &input->rule);
    bool is_simple = rule_simplify(&forms->rule, &error) == STATUS_OK;
    /* What a peer sends may match nothing, and stays as it is; nobody is to write such a rule. */
    if (!is_simple && input->form != RULE_FORM_HEX)
        return command_failed(context, "%s", error.why) == EXIT_DONE;
    if (!is_simple) { /* what cannot be sent even then is told of below */
        (void)rule_make_sendable(&forms->rule);
        (void)rule_simplify(&forms->rule, NULL);
    }
    enum status s = nlri_encode(&forms->rule, forms->nlri, sizeof forms->nlri, &forms->nlri_len);
    if (s != STATUS_OK)
        return command_failed(context, "the rule has no wire form: %s%s%s",
                              s == STATUS_LIMIT ? "longer than 4095 octets (RFC 8955, 4.1)"
                                                : "a value is outside its component's range",
                              is_simple ? "" : "; ", error.why) == EXIT_DONE;
    forms->object = json_object();
    forms->actions = input->actions;
    text_init(&rounded, 0);
    if (forms->actions.has_rate)
        round_rate(&forms->actions.rate_bytes, "rate-limit", "B/s", &rounded);
    if (forms->actions.has_rate_packets)
        round_rate(&forms->actions.rate_packets, "rate-limit-packets", "", &rounded);
    bool good = put_forms(context, input, forms);
    if (good) {
        json_t *simplified = changes(input, &forms->rule);
        if (rounded.len > 0)
            (void)json_array_append_new(simplified, show_json_text(text_str(&rounded)));
        (void)json_object_set_new(forms->object, "simplified", simplified);
        (void)json_object_set_new(forms->object, "deviations", deviations_of(input));
        (void)json_object_set_new(forms->object, "warnings",
                                  warnings_of(forms, model, is_simple ? "" : error.why, &rounded));
        (void)json_object_set_new(forms->object, "guard", guard_of(model, forms));
        (void)json_object_set_new(forms->object, "profiles", profiles_of(model, forms));
    } else {
        rule_forms_done(forms);
    }
    text_done(&rounded);
    return good;
}

void rule_forms_done(struct rule_forms *forms)
{
    json_decref(forms->object);
    forms->object = NULL;
}

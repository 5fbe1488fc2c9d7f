#include "common/model/model_internal.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Methods made into rules with holes, and the holes filled from a key. */

enum { LITERAL_TEXT_MAX = 120 };

static const struct {
    const char *name; /* in the configuration */
    enum component component;
} fields[] = {
    {"destination", COMPONENT_DESTINATION},
    {"source", COMPONENT_SOURCE},
    {"protocol", COMPONENT_PROTOCOL},
    {"port", COMPONENT_PORT},
    {"destination_port", COMPONENT_DESTINATION_PORT},
    {"source_port", COMPONENT_SOURCE_PORT},
    {"icmp_type", COMPONENT_ICMP_TYPE},
    {"icmp_code", COMPONENT_ICMP_CODE},
    {"tcp_flags", COMPONENT_TCP_FLAGS},
    {"packet_length", COMPONENT_PACKET_LENGTH},
    {"dscp", COMPONENT_DSCP},
    {"fragment", COMPONENT_FRAGMENT},
    {"flow_label", COMPONENT_FLOW_LABEL},
};

/* --- literals ----------------------------------------------------------------------------------
 */

/* The value as flowspec's text has it: a bare number or name means equality, "!udp" inequality. */
static bool literal_text(enum component c, const char *text, char ret_text[LITERAL_TEXT_MAX])
{
    bool bits = c == COMPONENT_TCP_FLAGS || c == COMPONENT_FRAGMENT;
    const char *sign = "", *rest = text;
    if (!bits && isalnum((unsigned char)text[0]))
        sign = "=";
    if (!bits && text[0] == '!' && text[1] != '=') {
        sign = "!=";
        rest = text + 1;
    }
    const char *word = strncmp(text, "only ", 5) == 0 ? text + 5 : text;
    if (text[0] == '\0' || strpbrk(word, " \t\r\n,") != NULL)
        return false;
    int n = snprintf(ret_text, LITERAL_TEXT_MAX, "%s%s", sign, rest);
    return n > 0 && n < LITERAL_TEXT_MAX;
}

enum status literal_parse(struct literal *ret_literal, enum component c, enum addr_family family,
                          const char *text, struct rule_error *ret_error)
{
    char value[LITERAL_TEXT_MAX], line[LITERAL_TEXT_MAX + 80];
    struct flow_rule rule;
    struct flow_actions actions;
    *ret_error = (struct rule_error){.why = "expected one value, and lists for several"};
    if (!literal_text(c, text, value))
        return STATUS_REFUSED;
    (void)snprintf(line, sizeof(line), "match %s %s %s", family == ADDR_IPV4 ? "ipv4" : "ipv6",
                   component_name(c), value);
    if (rule_parse_text(&rule, &actions, line, ret_error) != STATUS_OK)
        return STATUS_REFUSED;
    if (rule.present != 1U << c || rule.range[c].count == 0)
        return STATUS_REFUSED; /* cannot be: a value has no space in it */
    if (rule.range[c].count > LITERAL_OPS_MAX) {
        *ret_error = (struct rule_error){.why = "too many conditions in one value"};
        return STATUS_REFUSED;
    }
    struct literal literal = {.count = rule.range[c].count};
    for (size_t i = 0; i < literal.count; i++) {
        literal.ops[i] = rule.ops[rule.range[c].start + i];
        if (i > 0 && (literal.ops[i].bits & OP_AND) == 0) {
            *ret_error = (struct rule_error){.why = "stands for alternatives, which must be "
                                                    "written as a list"};
            return STATUS_REFUSED;
        }
    }
    *ret_literal = literal;
    return STATUS_OK;
}

/* --- templates ---------------------------------------------------------------------------------
 */

/* One method while its templates are made. */
struct template_build {
    struct model_judge *judge;
    const struct config_method *config;
    struct model_method *method;
    const struct config_match *by_component[COMPONENT_LAST + 1];
};

static struct flow_rule *rule_of(struct model_method *method, enum addr_family family)
{
    return family == ADDR_IPV4 ? &method->rule4 : &method->rule6;
}

static bool is_infer(const struct config_match *match)
{
    return match->alternative_count == 1 && match->alternatives[0].count == 1 &&
           match->alternatives[0].items[0].value != NULL &&
           strcmp(match->alternatives[0].items[0].value, "infer") == 0;
}

static void take_infer(struct template_build *b, enum component c, const struct config_match *match)
{
    bool *hole = NULL;
    if (c == COMPONENT_DESTINATION)
        hole = &b->method->infer_destination;
    else if (c == COMPONENT_SOURCE)
        hole = &b->method->infer_source;
    else if (c == COMPONENT_PROTOCOL)
        hole = &b->method->infer_protocol;
    else if (c == COMPONENT_SOURCE_PORT)
        hole = &b->method->infer_source_port;
    else if (c == COMPONENT_DESTINATION_PORT)
        hole = &b->method->infer_destination_port;
    if (hole != NULL)
        *hole = true;
    else
        config_error(b->judge->errors, match->alternatives[0].items[0].pos,
                     "%s cannot be inferred, only destination, source, protocol, source_port and "
                     "destination_port can, expected values",
                     match->field.value);
}

static void take_prefix(struct template_build *b, enum component c,
                        const struct config_match *match)
{
    struct ip_prefix prefix;
    const struct config_text *text = match->alternatives[0].items;
    if (text == NULL || text->value == NULL)
        return; /* which the reader has said */
    if (match->alternative_count != 1 || match->alternatives[0].count != 1) {
        config_error(b->judge->errors, text->pos, "%s is a list, expected infer or one prefix",
                     match->field.value);
        return;
    }
    if (prefix_parse(&prefix, text->value) != STATUS_OK) {
        config_error(b->judge->errors, text->pos,
                     "%s: \"%.60s\", expected infer or a prefix without bits behind its length",
                     match->field.value, text->value);
        return;
    }
    if (prefix.len == 0) {
        config_error(b->judge->errors, text->pos, "%s: a /0 is refused, expected a longer prefix",
                     match->field.value);
        return;
    }
    bool is4 = prefix.addr.family == ADDR_IPV4;
    b->method->takes4 = b->method->takes4 && is4;
    b->method->takes6 = b->method->takes6 && !is4;
    if (c == COMPONENT_DESTINATION)
        rule_set_destination(rule_of(b->method, prefix.addr.family), &prefix);
    else
        rule_set_source(rule_of(b->method, prefix.addr.family), &prefix);
}

/* One value as operators of one family, ANDed to those before it unless it is an alternative's
 * first. LIMIT: the rule is full. */
static enum status add_value(struct flow_rule *rule, enum component c, const char *text, bool first,
                             struct rule_error *ret_error)
{
    struct literal literal;
    enum status status = literal_parse(&literal, c, rule->family, text, ret_error);
    if (status != STATUS_OK)
        return STATUS_REFUSED;
    for (size_t i = 0; i < literal.count; i++) {
        uint8_t bits = (uint8_t)(literal.ops[i].bits & ~OP_AND);
        if (!first || i > 0)
            bits |= OP_AND;
        if (rule_add_op(rule, c, bits, literal.ops[i].value) != STATUS_OK) {
            *ret_error = (struct rule_error){.why = "too many values"};
            return STATUS_LIMIT;
        }
    }
    return STATUS_OK;
}

/* False when nothing more fits in. */
static bool take_value(struct template_build *b, enum component c, const struct config_match *match,
                       const struct config_text *text, bool first)
{
    struct rule_error error4 = {0}, error6 = {0};
    enum status status4 = add_value(&b->method->rule4, c, text->value, first, &error4);
    enum status status6 = add_value(&b->method->rule6, c, text->value, first, &error6);
    /* Only IPv6 has the flow label, so IPv4's complaint would be about that. */
    if (status4 != STATUS_OK && status6 != STATUS_OK)
        config_error(b->judge->errors, text->pos, "%s: \"%.60s\": %s", match->field.value,
                     text->value, c == COMPONENT_FLOW_LABEL ? error6.why : error4.why);
    b->method->takes4 = b->method->takes4 && status4 == STATUS_OK;
    b->method->takes6 = b->method->takes6 && status6 == STATUS_OK;
    return status4 != STATUS_LIMIT && status6 != STATUS_LIMIT;
}

static void take_values(struct template_build *b, enum component c,
                        const struct config_match *match)
{
    for (size_t i = 0; i < match->alternative_count; i++) {
        const struct config_texts *all = &match->alternatives[i];
        for (size_t j = 0; j < all->count; j++)
            if (all->items[j].value != NULL && !take_value(b, c, match, &all->items[j], j == 0))
                return;
    }
}

/* False when some of the match could not be read, which was said. */
static bool sort_fields(struct template_build *b)
{
    bool ok = b->config->match_count > 0;
    for (size_t i = 0; i < b->config->match_count; i++) {
        const struct config_match *match = &b->config->match[i];
        size_t n = sizeof(fields) / sizeof(fields[0]), at = 0;
        ok = ok && !match->flawed;
        if (match->field.value == NULL)
            continue;
        while (at < n && strcmp(fields[at].name, match->field.value) != 0)
            at++;
        assert(at < n); /* the reader knows the same fields */
        if (match->enabled && match->alternative_count > 0)
            b->by_component[fields[at].component] = match;
    }
    return ok;
}

/* A host for a hole, so that a template can be simplified and judged as a whole. */
static struct ip_prefix sample_host(enum addr_family family)
{
    uint8_t octets[16] = {192, 0, 2, 1};
    if (family == ADDR_IPV6)
        memcpy(octets, (uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, [15] = 1}, sizeof(octets));
    struct ip_addr addr = addr_from_octets(family, octets);
    return prefix_of_host(&addr);
}

/* Simplifies what is fixed. False: no packet of this family can match. */
static bool finish_template(struct model_method *method, enum addr_family family,
                            struct rule_error *ret_error)
{
    struct flow_rule *rule = rule_of(method, family);
    bool hole = !rule_has(rule, COMPONENT_DESTINATION);
    struct flow_rule whole = *rule;
    if (hole) {
        struct ip_prefix host = sample_host(family);
        rule_set_destination(&whole, &host);
    }
    if (rule_simplify(&whole, ret_error) != STATUS_OK)
        return false;
    if (hole) {
        whole.present &= (uint16_t) ~(1U << COMPONENT_DESTINATION);
        whole.destination = (struct ip_prefix){0};
    }
    *rule = whole;
    return true;
}

static void finish_templates(struct template_build *b)
{
    struct rule_error error = {0};
    struct model_method *method = b->method;
    bool wanted = method->takes4 || method->takes6;
    if (!wanted) {
        config_error(b->judge->errors, b->config->pos,
                     "method \"%s\" mixes what only IPv4 has with what only IPv6 has, expected "
                     "one family",
                     name_or_none(b->config->name));
        return;
    }
    method->takes4 = method->takes4 && finish_template(method, ADDR_IPV4, &error);
    method->takes6 = method->takes6 && finish_template(method, ADDR_IPV6, &error);
    if (!method->takes4 && !method->takes6)
        config_error(b->judge->errors, b->config->pos, "method \"%s\" can match nothing: %s",
                     name_or_none(b->config->name), error.why);
}

static void check_addresses(struct template_build *b)
{
    const struct config_match *destination = b->by_component[COMPONENT_DESTINATION];
    const struct config_match *source = b->by_component[COMPONENT_SOURCE];
    if (destination == NULL)
        config_error(b->judge->errors, b->config->pos,
                     "method \"%s\" has no destination, expected `destination: infer` (from the "
                     "alarm's key) or a prefix in its match",
                     name_or_none(b->config->name));
    else if (source != NULL && is_infer(source) && is_infer(destination))
        config_error(b->judge->errors, source->alternatives[0].items[0].pos,
                     "method \"%s\" infers both addresses, expected at most one `infer`",
                     name_or_none(b->config->name));
}

/* A blackhole or a diversion: the destination is inferred, and there is nothing else. */
static void build_route(struct template_build *b)
{
    const struct config_route *route = &b->config->route;
    b->method->infer_destination = true;
    b->method->takes4 = route->next_hop4.family != ADDR_NONE;
    b->method->takes6 = route->next_hop6.family != ADDR_NONE;
}

/* True when the templates can be used. */
static bool build_method(struct template_build *b)
{
    size_t before = b->judge->errors->count;
    b->method->config = b->config;
    if (b->config->route.kind != ROUTE_FLOWSPEC) {
        rule_init(&b->method->rule4, ADDR_IPV4);
        rule_init(&b->method->rule6, ADDR_IPV6);
        build_route(b);
        return !b->config->flawed;
    }
    b->method->takes4 = b->method->takes6 = true;
    rule_init(&b->method->rule4, ADDR_IPV4);
    rule_init(&b->method->rule6, ADDR_IPV6);
    bool whole = sort_fields(b);
    if (whole)
        check_addresses(b);
    for (unsigned int c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++) {
        const struct config_match *match = b->by_component[c];
        if (match == NULL || (is_infer(match) && match->flawed))
            continue;
        if (is_infer(match))
            take_infer(b, (enum component)c, match);
        else if (c == COMPONENT_DESTINATION || c == COMPONENT_SOURCE)
            take_prefix(b, (enum component)c, match);
        else
            take_values(b, (enum component)c, match);
    }
    if (whole && b->judge->errors->count == before)
        finish_templates(b);
    return whole && b->judge->errors->count == before;
}

void methods_build(struct model_judge *judge)
{
    const struct config *config = judge->config;
    struct model *model = judge->model;
    model->methods = calloc(config->method_count + 1, sizeof(*model->methods));
    judge->method_sound = calloc(config->method_count + 1, sizeof(*judge->method_sound));
    if (model->methods == NULL || judge->method_sound == NULL) {
        model_out_of_memory(judge);
        return;
    }
    model->method_count = config->method_count;
    for (size_t i = 0; i < config->method_count; i++) {
        struct template_build b = {
            .judge = judge, .config = &config->methods[i], .method = &model->methods[i]};
        judge->method_sound[i] = build_method(&b);
    }
}

#include "ctl/rule_warnings.h"

#include "ctl/show.h"
#include "flowspec/component.h"
#include "flowspec/expression.h"
#include "flowspec/sets.h"

enum { PROTOCOL_TCP = 6, TCP_ACK = 0x10, TCP_SYN_ACK = 0x12 };

static void add(json_t *list, struct text *text)
{
    (void)json_array_append_new(list, show_json_text(text_str(text)));
    text_done(text);
}

static void warn(json_t *list, const char *words)
{
    (void)json_array_append_new(list, json_string(words));
}

/*
 * Replies to connections that our own side opened (SYN-ACK), and all packets after the first two
 * (ACK). A rule that names no protocol and no flags hits them too, unless something else in it is
 * of another protocol.
 */
static void warn_of_connections(json_t *list, const struct flow_rule *rule)
{
    struct flag_set flags;
    struct value_set protocols;
    value_set_of(rule, COMPONENT_PROTOCOL, &protocols);
    if (!value_set_meets(&protocols, PROTOCOL_TCP, PROTOCOL_TCP) ||
        rule_has(rule, COMPONENT_ICMP_TYPE) || rule_has(rule, COMPONENT_ICMP_CODE))
        return;
    flag_set_of(rule, COMPONENT_TCP_FLAGS, &flags);
    bool syn_ack = (flags.words[0] >> TCP_SYN_ACK & 1) != 0;
    bool established = (flags.words[0] >> TCP_ACK & 1) != 0;
    if (syn_ack && established)
        warn(list, "discards TCP packets that belong to connections: the answers to those that "
                   "the destination opens (SYN-ACK), and established ones (ACK)");
    else if (syn_ack)
        warn(list, "discards TCP SYN-ACK: the answers to connections that the destination opens");
    else if (established)
        warn(list, "discards TCP packets of established connections (ACK without SYN)");
}

static void warn_of_width(json_t *list, const struct flow_rule *rule)
{
    const unsigned addresses = 1U << COMPONENT_DESTINATION | 1U << COMPONENT_SOURCE;
    bool to = rule_has(rule, COMPONENT_DESTINATION), from = rule_has(rule, COMPONENT_SOURCE);
    bool all = true;
    struct text text;
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        struct value_set set;
        if (!rule_has(rule, c))
            continue;
        /* Flags, ports and ICMP restrict a rule by being there at all. */
        all = all && (c == COMPONENT_PROTOCOL || c >= COMPONENT_PACKET_LENGTH) &&
              !component_is_bits(c);
        if (all) {
            value_set_of(rule, c, &set);
            all = value_set_is_all(&set, c, rule->family);
        }
    }
    if (all) {
        text_init(&text, 0);
        text_add(&text, "matches everything");
        if (to) {
            bool host = rule->destination.len == (rule->family == ADDR_IPV4 ? 32 : 128);
            text_add(&text, host && rule->destination_offset == 0 ? " to the host " : " to ");
            expression_format_prefix(&rule->destination, rule->destination_offset, &text);
        }
        if (from) {
            text_add(&text, " from ");
            expression_format_prefix(&rule->source, rule->source_offset, &text);
        }
        if ((rule->present & addresses) == 0)
            text_add(&text, ", whatever its addresses");
        add(list, &text);
    } else if (!to) {
        warn(list, "has no destination: it applies to traffic to every address");
    }
}

static void warn_of_rates(json_t *list, const struct flow_actions *a, size_t peers)
{
    char rate[RATE_TEXT_MAX];
    struct text text;
    if (a->has_rate) {
        text_init(&text, 0);
        text_addf(&text, "each router limits on its own: %s a router",
                  rate_format_both(a->rate_bytes, rate));
        if (peers > 1)
            text_addf(&text, ", %s through all %zu",
                      rate_format_both(a->rate_bytes * (double)peers, rate), peers);
        add(list, &text);
    }
    if ((a->has_rate && a->rate_bytes < 1) || (a->has_rate_packets && a->rate_packets < 1))
        warn(list, "a limit below 1 a second: a router may take it as 0, which is discard");
    if (a->has_rate_packets) {
        text_init(&text, 0);
        text_addf(&text, "each router limits on its own: %.15g packets/s a router",
                  a->rate_packets);
        if (peers > 1)
            text_addf(&text, ", %.15g packets/s through all %zu", a->rate_packets * (double)peers,
                      peers);
        add(list, &text);
    }
}

json_t *rule_warnings(const struct flow_rule *rule, const struct flow_actions *actions,
                      size_t peers)
{
    json_t *list = json_array();
    if (actions->discard)
        warn_of_connections(list, rule);
    warn_of_width(list, rule);
    if (actions->terminal)
        warn(list, "the T bit is set: the router goes on to later rules");
    warn_of_rates(list, actions, peers);
    return list;
}

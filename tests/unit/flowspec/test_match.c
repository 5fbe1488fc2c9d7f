#include "flowspec/match.h"
#include "tests/unit/flowspec/table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct flow_rule rule;
static struct match_program program;

static void compile(const char *text)
{
    struct flow_actions actions;
    struct rule_error error = {0};
    cr_assert_eq(rule_parse_text(&rule, &actions, text, &error), STATUS_OK, "%s: %s", text,
                 error.why);
    match_compile(&program, &rule);
}

/* What a record says, "protocol=17 source-port=53 fragment=last": nothing of what is not named. */
static const struct {
    char name[12];
    unsigned bits;
} fragments[] = {{"whole", 0},
                 {"first", FACTS_FIRST_FRAGMENT},
                 {"middle", FACTS_IS_FRAGMENT},
                 {"last", FACTS_IS_FRAGMENT | FACTS_LAST_FRAGMENT}};

static void say_number(struct flow_facts *f, const char *name, unsigned long value)
{
    enum component c = COMPONENT_DESTINATION;
    while (c < COMPONENT_LAST && strcmp(component_name(c), name) != 0)
        c++;
    f->known |= facts_bit(c);
    f->protocol = c == COMPONENT_PROTOCOL ? (uint8_t)value : f->protocol;
    f->source_port = c == COMPONENT_SOURCE_PORT ? (uint16_t)value : f->source_port;
    f->destination_port = c == COMPONENT_DESTINATION_PORT ? (uint16_t)value : f->destination_port;
    f->tcp_flags = c == COMPONENT_TCP_FLAGS ? (uint16_t)value : f->tcp_flags;
    f->icmp_type = c == COMPONENT_ICMP_TYPE ? (uint8_t)value : f->icmp_type;
    f->icmp_code = c == COMPONENT_ICMP_CODE ? (uint8_t)value : f->icmp_code;
}

static void say(struct flow_facts *f, const char *name, const char *value)
{
    char *rest = NULL;
    if (strcmp(name, "fragment") == 0) {
        for (size_t i = 0; i < sizeof(fragments) / sizeof(fragments[0]); i++)
            if (strcmp(fragments[i].name, value) == 0)
                f->fragments = facts_fragment(fragments[i].bits);
    } else if (strcmp(name, "length") == 0) {
        f->length_min = (uint32_t)strtoul(value, &rest, 10);
        f->length_max = *rest == '-' ? (uint32_t)strtoul(rest + 1, NULL, 10) : f->length_min;
    } else if (strcmp(value, "none") == 0) {
        f->absent |= facts_bit(COMPONENT_PROTOCOL);
    } else {
        say_number(f, name, strtoul(value, NULL, 10));
    }
}

static struct flow_facts facts_of(enum addr_family family, const char *says)
{
    char text[100], *rest = NULL;
    struct flow_facts f;
    facts_init(&f, family);
    memcpy(f.destination, (const uint8_t[]){203, 0, 113, 45}, 4);
    f.known |= facts_bit(COMPONENT_DESTINATION);
    snprintf(text, sizeof(text), "%s", says);
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(word, '=');
        cr_assert_not_null(equals, "%s", word);
        *equals = '\0';
        say(&f, word, equals + 1);
    }
    facts_settle(&f);
    return f;
}

struct match_case {
    char what[60];
    char text[70];
    enum addr_family family; /* of the record */
    char says[60];
    enum match want;
};

static void check_case(const struct match_case *c)
{
    char text[100];
    snprintf(text, sizeof(text), "match %s", c->text);
    compile(text);
    const struct flow_facts facts = facts_of(c->family, c->says);
    cr_expect_eq(match_facts(&program, &facts), c->want, "%s: %s", c->what, c->text);
    struct flow_facts settled = facts;
    facts_settle(&settled);
    cr_expect_eq(memcmp(&settled, &facts, sizeof(facts)), 0, "settling twice is as once");
}

static const struct match_case judged[] = {
    {"a port", "source-port =53", ADDR_IPV4, "protocol=17 source-port=53 fragment=whole",
     MATCH_YES},
    {"another port", "source-port =53", ADDR_IPV4, "protocol=17 source-port=54 fragment=whole",
     MATCH_NO},
    {"either port", "port =53", ADDR_IPV4, "protocol=17 source-port=9 destination-port=53",
     MATCH_YES},
    {"one port is another, the other is not said", "port =53", ADDR_IPV4,
     "protocol=17 source-port=9", MATCH_UNKNOWN},
    {"a first fragment has ports", "source-port =53", ADDR_IPV4,
     "protocol=17 source-port=53 fragment=first", MATCH_YES},
    {"a later fragment has none", "source-port =53", ADDR_IPV4,
     "protocol=17 source-port=53 fragment=last", MATCH_NO},
    {"nor port 0", "source-port =0", ADDR_IPV4, "protocol=17 source-port=0 fragment=last",
     MATCH_NO},
    {"nor any", "source-port >=0", ADDR_IPV4, "protocol=17 fragment=last", MATCH_NO},
    {"nor another than this", "source-port !=53", ADDR_IPV4, "protocol=17 fragment=last", MATCH_NO},
    {"it is matched as a fragment", "protocol =udp fragment is-fragment", ADDR_IPV4,
     "protocol=17 fragment=last", MATCH_YES},
    {"port 0, perhaps of a later fragment", "source-port =0", ADDR_IPV4,
     "protocol=17 source-port=0 destination-port=0", MATCH_UNKNOWN},
    {"which is not another port", "source-port =53", ADDR_IPV4,
     "protocol=17 source-port=0 destination-port=0", MATCH_NO},
    {"a port shows that it is no later fragment", "fragment is-fragment", ADDR_IPV4,
     "protocol=17 source-port=53", MATCH_NO},
    {"fragment bits not exported", "fragment is-fragment", ADDR_IPV4, "protocol=17", MATCH_UNKNOWN},
    {"GRE has no ports", "source-port =0", ADDR_IPV4, "protocol=47 source-port=0", MATCH_NO},
    {"nor has ESP", "port >=0", ADDR_IPV4, "protocol=50", MATCH_NO},
    {"those of SCTP do not count", "source-port =53", ADDR_IPV4,
     "protocol=132 source-port=53 fragment=whole", MATCH_NO},
    {"any port of a whole packet", "source-port >=0", ADDR_IPV4, "protocol=17 fragment=whole",
     MATCH_YES},
    {"any port of who knows what", "source-port >=0", ADDR_IPV4, "fragment=whole", MATCH_UNKNOWN},
    {"flags", "tcp-flags syn&!ack", ADDR_IPV4, "protocol=6 tcp-flags=2", MATCH_YES},
    {"other flags", "tcp-flags syn&!ack", ADDR_IPV4, "protocol=6 tcp-flags=18", MATCH_NO},
    {"no flag at all", "tcp-flags null", ADDR_IPV4, "protocol=6 tcp-flags=0 fragment=whole",
     MATCH_YES},
    {"no flag at all, or a later fragment", "tcp-flags null", ADDR_IPV4, "protocol=6 tcp-flags=0",
     MATCH_UNKNOWN},
    {"flags of several packets", "tcp-flags syn&!ack", ADDR_IPV4, "protocol=6", MATCH_UNKNOWN},
    {"flags of UDP", "tcp-flags !syn", ADDR_IPV4, "protocol=17", MATCH_NO},
    {"ICMP", "icmp-type =8 icmp-code =0", ADDR_IPV4, "protocol=1 icmp-type=8 icmp-code=0",
     MATCH_YES},
    {"ICMP not said", "icmp-type =8", ADDR_IPV4, "protocol=1", MATCH_UNKNOWN},
    {"ICMP of a later fragment", "icmp-type =8", ADDR_IPV4, "protocol=1 fragment=last", MATCH_NO},
    {"ICMP of TCP", "icmp-type >=0", ADDR_IPV4, "protocol=6", MATCH_NO},
    {"ICMP of IPv4 in IPv6", "source ::/0 icmp-type =8", ADDR_IPV6,
     "protocol=1 icmp-type=8 fragment=whole", MATCH_NO},
    {"length of one packet", "packet-length >=500&<=1500", ADDR_IPV4, "length=500", MATCH_YES},
    {"lengths that all are inside", "packet-length >=500&<=1500", ADDR_IPV4, "length=500-1500",
     MATCH_YES},
    {"lengths of which some are inside", "packet-length >=500&<=1500", ADDR_IPV4, "length=40-1500",
     MATCH_UNKNOWN},
    {"lengths in two ranges with a gap", "packet-length <100,>200", ADDR_IPV4, "length=90-210",
     MATCH_UNKNOWN},
    {"lengths in the gap", "packet-length <100,>200", ADDR_IPV4, "length=100-200", MATCH_NO},
    {"length not said", "packet-length >=500&<=1500", ADDR_IPV4, "protocol=17", MATCH_UNKNOWN},
    {"length not said, any will do", "packet-length >=20", ADDR_IPV4, "protocol=17", MATCH_YES},
    {"DSCP not said", "dscp =46", ADDR_IPV4, "protocol=17", MATCH_UNKNOWN},
    {"protocol not said", "protocol =udp", ADDR_IPV4, "source-port=53", MATCH_UNKNOWN},
    {"protocol not said, any will do", "protocol >=0", ADDR_IPV4, "source-port=53", MATCH_YES},
    {"one no decides", "protocol =tcp dscp =46", ADDR_IPV4, "protocol=17", MATCH_NO},
    {"destination", "destination 203.0.113.45/32", ADDR_IPV4, "protocol=17", MATCH_YES},
    {"its network", "destination 203.0.112.0/20", ADDR_IPV4, "protocol=17", MATCH_YES},
    {"another", "destination 203.0.113.44/32", ADDR_IPV4, "protocol=17", MATCH_NO},
    {"source not said", "source 198.51.100.0/24", ADDR_IPV4, "protocol=17", MATCH_UNKNOWN},
    {"source not said, any will do", "source 0.0.0.0/0", ADDR_IPV4, "protocol=17", MATCH_YES},
    {"another family", "protocol =udp", ADDR_IPV6, "protocol=17", MATCH_NO},
    {"family not known", "protocol =udp", ADDR_NONE, "protocol=17", MATCH_UNKNOWN},
    {"no upper layer", "source ::/0 protocol >=0", ADDR_IPV6, "protocol=none", MATCH_NO},
    {"upper layer not said", "source ::/0 protocol >=0", ADDR_IPV6, "", MATCH_UNKNOWN},
    {"flow label not said", "source ::/0 flow-label =7", ADDR_IPV6, "", MATCH_UNKNOWN},
};

Test(match, judges){TABLE_RUN(judged, check_case)}

Test(match, what_no_packet_can_have_is_unknown)
{
    struct flow_facts f;
    facts_init(&f, ADDR_IPV4);
    const struct flow_facts nothing_known = f;
    f.fragments = facts_fragment(FACTS_FIRST_FRAGMENT | FACTS_IS_FRAGMENT);
    f.length_min = 1500;
    f.length_max = 40;
    facts_settle(&f);
    cr_expect_eq(f.fragments, nothing_known.fragments);
    cr_expect_eq(f.length_min, 20);
    cr_expect_eq(f.length_max, 65535);
    facts_init(&f, ADDR_IPV6);
    f.fragments = facts_fragment(FACTS_DONT_FRAGMENT);
    f.length_min = f.length_max = 10;
    facts_settle(&f);
    cr_expect_eq(f.fragments & facts_fragment(FACTS_DONT_FRAGMENT), 0);
    cr_expect_eq(f.length_min, 40);
    cr_expect_eq(f.length_max, UINT32_MAX);
}

/* The longest rule that can be said has 2048 operators; nothing of it is lost, and a copy of what
 * is in use is enough. */
Test(match, the_longest_rule_is_judged)
{
    static struct match_program copy;
    rule_init(&rule, ADDR_IPV4);
    for (uint32_t i = 0; i < RULE_OPS_MAX / 2; i++)
        cr_assert_eq(rule_add_op(&rule, COMPONENT_DESTINATION_PORT, OP_EQ, 2 * i + 1), STATUS_OK);
    for (uint32_t i = 0; i < RULE_OPS_MAX / 2; i++)
        cr_assert_eq(
            rule_add_op(&rule, COMPONENT_SOURCE_PORT, OP_LT | OP_GT | (i > 0 ? OP_AND : 0), 3 * i),
            STATUS_OK);
    match_compile(&program, &rule);
    cr_assert_lt(match_program_size(&program), sizeof(program));
    memset(&copy, 0xa5, sizeof(copy));
    memcpy(&copy, &program, match_program_size(&program));
    for (uint16_t port = 0; port < 4 * RULE_OPS_MAX; port++) {
        char says[80];
        snprintf(says, sizeof(says), "protocol=6 fragment=whole source-port=%u destination-port=%u",
                 port, port);
        const struct flow_facts facts = facts_of(ADDR_IPV4, says);
        bool want =
            port % 2 == 1 && port < RULE_OPS_MAX && (port % 3 != 0 || port >= 3 * RULE_OPS_MAX / 2);
        cr_assert_eq(match_facts(&copy, &facts), want ? MATCH_YES : MATCH_NO, "%u", port);
    }
}

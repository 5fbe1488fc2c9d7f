#include "flowspec/rule.h"
#include "tests/unit/flowspec/table.h"

#include <criterion/criterion.h>
#include <string.h>

static struct flow_rule rule;

struct simplify_case {
    char text[120];
    char want[120]; /* what stays, or what the refusal says */
};

static void parse(const char *text)
{
    struct flow_actions actions;
    struct rule_error error = {0};
    cr_assert_eq(rule_parse_text(&rule, &actions, text, &error), STATUS_OK, "%s: %s", text,
                 error.why);
}

static void check_gives_the_canonical_form(const struct simplify_case *c)
{
    struct rule_error error = {0};
    struct text text, out;
    text_init(&text, 0);
    text_init(&out, 0);
    text_addf(&text, "match %s", c->text);
    parse(text_str(&text));
    cr_assert_eq(rule_simplify(&rule, &error), STATUS_OK, "%s: %s", c->text, error.why);
    rule_format_text(&rule, NULL, &out);
    cr_expect_str_eq(text_str(&out) + strlen("match "), c->want);
    text_clear(&text);
    text_add(&text, text_str(&out));
    cr_assert_eq(rule_simplify(&rule, &error), STATUS_OK);
    text_clear(&out);
    rule_format_text(&rule, NULL, &out);
    cr_expect_str_eq(text_str(&out), text_str(&text), "twice is as once");
    text_done(&out);
    text_done(&text);
}

Test(simplify, gives_the_canonical_form)
{
    static struct simplify_case cases[] = {
        {"port =443,=80", "port =80,=443"},
        {"port =80,=80,=80", "port =80"},
        {"port =80,=81", "port =80,=81"},
        {"port =80,=81,=82", "port >=80&<=82"},
        {"port >=80&<=90,>=85&<=99", "port >=80&<=99"},
        {"port !=53", "port <53,>53"},
        {"port !=80&!=443", "port <80,>=81&<=442,>443"},
        {"port >=80&<=80", "port =80"},
        {"port >1023", "port >1023"},
        {"port <200,<=100", "port <200"},
        {"port <=1500,=7", "port <=1500"},
        {"port <1", "port =0"},
        {"port >=0", "port >=0"},
        {"port true", "port >=0"},
        {"port <80,>=80", "port >=0"},
        {"port >5&<8", "port =6,=7"},
        {"protocol =tcp packet-length >=0", "protocol =tcp"},
        {"protocol =tcp packet-length <=65535", "protocol =tcp"},
        {"protocol =tcp dscp <=63", "protocol =tcp"},
        {"protocol >=0 port =80", "port =80"},
        {"destination 2001:db8::1/128 protocol >=0", "destination 2001:db8::1/128 protocol >=0"},
        {"destination 2001:db8::1/128 flow-label <=1048575", "destination 2001:db8::1/128"},
        {"destination 2001:db8::1/128 packet-length <=65535",
         "destination 2001:db8::1/128 packet-length <=65535"},
        {"dscp <=63", "dscp >=0"},
        {"tcp-flags syn,syn", "tcp-flags syn"},
        {"tcp-flags ack,syn", "tcp-flags syn,ack"},
        {"tcp-flags =syn+ack,=syn", "tcp-flags =syn"},
        {"tcp-flags syn&syn&!ack", "tcp-flags syn&!ack"},
        {"tcp-flags =syn,syn", "tcp-flags syn"},
        {"fragment first-fragment,is-fragment,last-fragment",
         "fragment is-fragment,first-fragment"},
    };
    TABLE_RUN(cases, check_gives_the_canonical_form)
}

static void check_names_what_contradicts(const struct simplify_case *c)
{
    struct rule_error error = {0};
    struct text text, before, after;
    text_init(&text, 0);
    text_init(&before, 0);
    text_init(&after, 0);
    text_addf(&text, "match %s", c->text);
    parse(text_str(&text));
    rule_format_text(&rule, NULL, &before);
    cr_expect_eq(rule_simplify(&rule, &error), STATUS_MALFORMED, "%s", c->text);
    cr_expect(strstr(error.why, c->want) != NULL, "%s: %s", c->text, error.why);
    rule_format_text(&rule, NULL, &after);
    cr_expect_str_eq(text_str(&after), text_str(&before), "a refused rule stays as it is");
    text_done(&after);
    text_done(&before);
    text_done(&text);
}

Test(simplify, names_what_contradicts)
{
    static struct simplify_case cases[] = {
        {"port <5&>7", "port <5 and >7 contradict"},
        {"port =80,<5&>7", "port <5 and >7 contradict"},
        {"port =80&=81", "port =80 and =81 contradict"},
        {"port >=5&<=5&!=5", "no port is >=5&<=5&!=5"},
        {"port false", "no port is false"},
        {"tcp-flags syn&!syn", "tcp-flags syn and !syn contradict"},
        {"tcp-flags =syn+ack&!ack", "tcp-flags =syn+ack and !ack contradict"},
        {"fragment =is-fragment+first-fragment", "no fragment is"},
        {"protocol =udp tcp-flags syn", "protocol =udp and tcp-flags syn contradict: that"},
        {"protocol =icmp port =80", "protocol =icmp and port =80 contradict"},
        {"protocol =sctp port =80", "protocol =sctp and port =80 contradict: ports are those of"},
        {"protocol =dccp,=udplite source-port =80", "RFC 8955, 4.2.2.4"},
        {"protocol =tcp icmp-type =8", "protocol =tcp and icmp-type =echo-request contradict"},
        {"icmp-type =8 port =80", "port =80 and icmp-type =echo-request contradict: no"},
        {"icmp-type =8 tcp-flags syn", "tcp-flags syn and icmp-type =echo-request contradict"},
        {"destination 2001:db8::1/128 protocol =icmp icmp-type =128",
         "protocol =icmp and icmp-type =echo-request contradict"},
        {"tcp-flags syn fragment last-fragment",
         "tcp-flags syn and fragment last-fragment contradict"},
        {"icmp-code =1 fragment is-fragment&!last-fragment", "icmp-code =1 and fragment"},
        {"protocol =udp,=icmp tcp-flags ack", "protocol =udp,=icmp and tcp-flags ack contradict"},
        {"port =80 fragment is-fragment", "port =80 and fragment is-fragment contradict: a later"},
        {"port =80 destination-port =443 source-port =53",
         "port =80 and destination-port =443 contradict: neither"},
    };
    TABLE_RUN(cases, check_names_what_contradicts)
}

Test(simplify, what_a_peer_sent_becomes_what_can_be_sent)
{
    static const struct {
        char hex[40], want[60];
    } cases[] = {
        {"0605a400011170", "match destination-port >=0"}, /* <70000 */
        {"03098100", "match tcp-flags fin,!fin"},         /* all of no bits */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[20];
        size_t len, taken;
        struct rule_error error = {0};
        struct text out;
        text_init(&out, 0);
        cr_assert_eq(text_parse_hex(bytes, sizeof(bytes), &len, cases[i].hex), STATUS_OK);
        cr_assert_eq(nlri_decode(&rule, ADDR_IPV4, bytes, len, &taken, &error), STATUS_OK, "%s",
                     error.why);
        cr_expect_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_RANGE);
        cr_assert_eq(rule_simplify(&rule, &error), STATUS_OK, "%s", error.why);
        rule_format_text(&rule, NULL, &out);
        cr_expect_str_eq(text_str(&out), cases[i].want);
        cr_expect_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_OK);
        text_done(&out);
    }
}

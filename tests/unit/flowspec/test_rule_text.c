#include "flowspec/rule.h"
#include "tests/unit/flowspec/table.h"

#include <criterion/criterion.h>
#include <string.h>

static struct flow_rule rule, again;

struct text_case {
    char text[160];
    char printed[200]; /* empty: as it was written */
};

static void check_prints_what_it_reads(const struct text_case *c)
{
    struct flow_actions actions, actions_again;
    struct rule_error error = {0};
    struct text out;
    text_init(&out, 0);
    cr_assert_eq(rule_parse_text(&rule, &actions, c->text, &error), STATUS_OK, "%s: %zu: %s",
                 c->text, error.at, error.why);
    cr_assert_eq(rule_format_text(&rule, &actions, &out), STATUS_OK);
    cr_expect_str_eq(text_str(&out), c->printed[0] != '\0' ? c->printed : c->text);
    cr_assert_eq(rule_parse_text(&again, &actions_again, text_str(&out), &error), STATUS_OK);
    cr_expect(rule_equal(&rule, &again));
    cr_expect(actions_equal(&actions, &actions_again));
    text_done(&out);
}

Test(rule_text, prints_what_it_reads)
{
    static struct text_case cases[] = {
        {"match destination 203.0.113.45/32 protocol =udp source-port =53 packet-length "
         ">=500&<=1500 then rate-limit 1250000B/s",
         ""},
        {"match destination 203.0.113.45/32 protocol =tcp destination-port =80,=443 tcp-flags "
         "syn&!ack then rate-limit 10Mbps",
         "match destination 203.0.113.45/32 protocol =tcp destination-port =80,=443 tcp-flags "
         "syn&!ack then rate-limit 1250000B/s"},
        {"match destination 2001:db8::1/128 protocol =udp source-port =19 then discard", ""},
        {"match source-port =19 protocol =udp destination 2001:db8::1 then discard",
         "match destination 2001:db8::1/128 protocol =udp source-port =19 then discard"},
        {"match destination ::1234:5678:9a00:0/64-104 then discard", ""},
        {"match destination 2001:db8::/64-104", "match destination ::/64-104"},
        {"match destination 192.0.2.1/32 port 80..90,443 dscp ef,af41",
         "match destination 192.0.2.1/32 port >=80&<=90,=443 dscp =ef,=af41"},
        {"match ipv6 protocol =icmpv6 icmp-type =echo-request", ""},
        {"match protocol ipv6 destination 192.0.2.1/32",
         "match destination 192.0.2.1/32 protocol =ipv6"},
        {"match flow-label =74565", "match ipv6 flow-label =74565"},
        {"match destination 192.0.2.1/32 tcp-flags only syn,null,!=syn+ack,0x200", ""},
        {"match destination 192.0.2.1/32 fragment first-fragment,is-fragment,!dont-fragment", ""},
        {"match destination 192.0.2.1/32 port !=6&true,false", ""},
        {"match destination 192.0.2.1/32 then redirect 65001:100 sample terminal", ""},
        {"match destination 192.0.2.1/32 then redirect 4200000001:100", ""},
        {"match destination 192.0.2.1/32 then redirect 65001L:100", ""},
        {"match destination 192.0.2.1/32 then redirect 192.0.2.9:100 continue",
         "match destination 192.0.2.1/32 then redirect 192.0.2.9:100 terminal"},
        {"match destination 2001:db8::1/128 then redirect [2001:db8::9]:100", ""},
        {"match destination 192.0.2.1/32 then mark af41 redirect-to-ip 192.0.2.9 copy", ""},
        {"match destination 192.0.2.1/32 then redirect-to-next-hop copy", ""},
        {"match destination 192.0.2.1/32 then rate-limit 55.5B/s rate-limit-packets 1000", ""},
        {"match destination 192.0.2.1/32 then rate-limit 1bps",
         "match destination 192.0.2.1/32 then rate-limit 0.125B/s"},
    };
    TABLE_RUN(cases, check_prints_what_it_reads)
}

struct error_case {
    char text[120];
    size_t at;
    char why[60]; /* part of it */
};

static void check_points_at_the_error(const struct error_case *c)
{
    struct flow_actions actions;
    struct rule_error error = {0};
    cr_assert_neq(rule_parse_text(&rule, &actions, c->text, &error), STATUS_OK, "%s", c->text);
    cr_expect_eq(error.at, c->at, "%s: at %zu, not %zu: %s", c->text, error.at, c->at, error.why);
    cr_expect(strstr(error.why, c->why) != NULL, "%s: %s", c->text, error.why);
}

Test(rule_text, points_at_the_error)
{
    static struct error_case cases[] = {
        {"destination 192.0.2.1/32", 0, "begins with 'match'"},
        {"match", 5, "at least one component"},
        {"match destination 192.0.2.1/24", 18, "must be 0, as in 192.0.2.0/24"},
        {"match destination 192.0.2.1/33", 18, "its length is 0 to 32"},
        {"match source 10.0.0.0/8,11.0.0.0/8", 13, "several prefixes are several rules"},
        {"match destination 192.0.2.256/32", 18, "'192.0.2.256' is no address"},
        {"match destination 192.0.2.1/32 then sample rate-limit 8bps rate-limit 9bps", 59,
         "a second rate-limit"},
        {"match destination 192.0.2.1/32 then mark 5 sample mark 5", 50, "a second mark"},
        {"match destination 192.0.2.1/32 then sample sample", 43, "a second sample"},
        {"match destination 192.0.2.1/32 then terminal continue", 45, "a second continue"},
        {"match destination 192.0.2.1/32 port =65536", 37, "goes up to 65535"},
        {"match destination 192.0.2.1/32 port =x", 37, "neither a number nor a name"},
        {"match destination 192.0.2.1/32 port =010", 37, "neither a number nor a name"},
        {"match destination 192.0.2.1/32 port", 35, "a value belongs here"},
        {"match destination 192.0.2.1/32 port =80,", 40, "a value belongs here"},
        {"match destination 192.0.2.1/32 port 9..5", 40, "is empty"},
        {"match destination 192.0.2.1/32 port >5..9", 37, "takes no '<'"},
        {"match destination 192.0.2.1/32 tcp-flags 0", 41, "mask of 0"},
        {"match destination 192.0.2.1/32 tcp-flags syn+foo", 45, "no bit"},
        {"match destination 192.0.2.1/32 tcp-flags 0x1000", 41, "0xfff only"},
        {"match destination 2001:db8::1/128 fragment dont-fragment", 43, "no bit of IPv6"},
        {"match destination 192.0.2.1/32 flow-label =5", 31, "IPv4 has no"},
        {"match destination 192.0.2.1/32 source 2001:db8::/32", 38, "other family"},
        {"match destination 192.0.2.1/32 port =5 port =6", 39, "there twice"},
        {"match destination 192.0.2.1/32 nonsense =5", 31, "no component"},
        {"match destination ::/64-64", 18, "offset must be below"},
        {"match destination ::/0-64 then", 30, "an action belongs"},
        {"match destination 192.0.2.1/32 then drop", 36, "no action"},
        {"match destination 192.0.2.1/32 then rate-limit 1000", 51, "needs its unit"},
        {"match destination 192.0.2.1/32 then rate-limit 0bps", 36, "discard"},
        {"match destination 192.0.2.1/32 then rate-limit -1bps", 47, "number belongs"},
        {"match destination 192.0.2.1/32 then discard rate-limit 1Mbps", 44, "together"},
        {"match destination 192.0.2.1/32 then mark 64", 41, "DSCP"},
        {"match destination 192.0.2.1/32 then redirect 5", 45, "ASN:N"},
        {"match destination 192.0.2.1/32 then redirect 4200000001:65536", 45, "up to 65535"},
        {"match destination 192.0.2.1/32 then redirect 1:1 redirect 2:2", 58, "second redirect"},
        {"match destination 192.0.2.1/32 then redirect-to-ip x", 51, "needs an address"},
    };
    TABLE_RUN(cases, check_points_at_the_error)
}

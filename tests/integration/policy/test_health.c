#include "tests/integration/policy/house.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* /metrics and /healthz, and the registry. */

static struct house *h;
static struct sockaddr_in address;

static void end(void)
{
    house_close(h);
}

TestSuite(health, .fini = end, .timeout = 300);

/* A policy that listens on a port that was free a moment ago. */
static void start(void)
{
    char command[256];
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)close(fd);
    h = house_open(false);
    (void)snprintf(command, sizeof(command),
                   "sed -i 's/p1, metrics_port: 0/p1, metrics_port: %d/' %s/p1.yaml",
                   ntohs(address.sin_port), h->folder);
    cr_assert_eq(system(command), 0);
    house_start_policy(h, 0);
}

static const char *get(const char *path)
{
    static char answer[65536];
    char request[128];
    size_t len = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    answer[0] = '\0';
    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        write(fd, request, strlen(request)) == (ssize_t)strlen(request)) {
        ssize_t got = 0;
        while (len < sizeof(answer) - 1 &&
               (got = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
            len += (size_t)got;
        answer[len] = '\0';
    }
    (void)close(fd);
    return answer;
}

static bool shows(const char *path, const char *line)
{
    return strstr(get(path), line) != NULL;
}

Test(health, says_who_leads_what_stands_and_what_was_refused)
{
    start();
    HOUSE_UNTIL(h, shows("/healthz", " 200 "));
    HOUSE_UNTIL(h, shows("/metrics", "\nweir_policy_leader 1\n"));
    HOUSE_UNTIL(h, shows("/metrics", "weir_policy_shard_blind{shard=\"s0\"} 0\n"));
    HOUSE_UNTIL(h, shows("/metrics", "weir_policy_ticks_total{outcome=\"used\"}"));
    HOUSE_UNTIL(h, shows("/metrics", "\nweir_policy_dry_run 0\n"));
    HOUSE_UNTIL(h, shows("/metrics", "weir_policy_guard_refusals_total{reason=\"protected\"} 0\n"));
    house_attack(h, "198.51.100.7", 500e6);
    house_attack(h, "198.51.100.10", 500e6);
    HOUSE_UNTIL(
        h, shows("/metrics", "weir_policy_alarms{severity=\"critical\",state=\"active\"} 2\n"));
    HOUSE_UNTIL(h, shows("/metrics", "weir_policy_mitigations{state=\"announcing\"} 1\n"));
    HOUSE_UNTIL(h, shows("/metrics", "weir_policy_guard_refusals_total{reason=\"protected\"} 1\n"));
    HOUSE_UNTIL(h, shows("/metrics", "weir_policy_stage_seconds_count{stage=\"write\"} 1\n"));
    HOUSE_UNTIL(h, shows("/metrics", "weir_policy_writes_total{outcome=\"OK\"}"));
    h->is_silent = true;
    HOUSE_UNTIL(h, shows("/metrics", "weir_policy_shard_blind{shard=\"s0\"} 1\n"));
}

/* Each invariant that the text of a free rule can break. */
static const struct {
    const char *reason, *rule;
    const char *value; /* NULL: another invariant comes first, and all are counted */
} refused[] = {
    {"no-destination", "protocol =udp source-port =53", "one inside networks is needed"},
    {"not-ours", "destination 203.0.113.1/32 protocol =udp", "203.0.113.1/32 is not inside"},
    {"not-our-source", "source 192.0.2.77/32 protocol =udp", "inside networks is allowed"},
    {"too-wide", "destination 198.51.0.0/16 protocol =udp source-port =53", NULL},
    {"bare-wide", "destination 198.51.100.0/28 protocol =udp", "add a protocol and a port"},
    {"protected", "destination 198.51.100.10/32 protocol =udp", "the protected 198.51.100.10/32"},
    {"infrastructure", "destination 198.51.100.241/32", "the infrastructure 198.51.100.240/28"},
    {"infrastructure", "destination 192.0.2.1/32", NULL},
    {"address-scope", "destination 224.0.0.5/32 protocol =udp", NULL},
    {"icmpv6", "destination 2001:db8::7/128 protocol =58", "types other than 1-4 and 133-137"},
    {"icmpv6", "destination 2001:db8::7/128 icmp-type =135", "neighbour discovery"},
    {"bgp-session", "destination 198.51.100.9/32 protocol =tcp",
     "match destination 198.51.100.9/32 source 192.0.2.1/32 protocol =tcp port =179"},
    {"packet-length", "destination 198.51.100.7/32 packet-length >=9500", "up to 9192 is allowed"},
    {"shadow", "destination 198.51.100.20/32 protocol =udp source-port =53", "covers it already"},
    {"budget", "destination 198.51.100.33/32", "3 of 256 hosts of networks"},
};

static bool counts(const char *reason, int at_least)
{
    char start_of[128];
    (void)snprintf(start_of, sizeof(start_of), "weir_policy_guard_refusals_total{reason=\"%s\"} ",
                   reason);
    const char *line = strstr(get("/metrics"), start_of);
    return line != NULL && atoi(line + strlen(start_of)) >= at_least;
}

Test(health, each_refusal_of_a_free_rule_is_answered_kept_audited_and_counted)
{
    start();
    HOUSE_UNTIL(h, shows("/metrics", "\nweir_policy_leader 1\n"));
    static const char *const standing[] = {
        "match destination 198.51.100.20/32 protocol =udp source-port >=1&<=99 then discard",
        "match destination 198.51.100.31/32 then discard",
        "match destination 198.51.100.32/32 then discard"};
    for (size_t i = 0; i < sizeof(standing) / sizeof(standing[0]); i++) {
        struct reply reply = house_request(
            h, "announce", (const char *const[]){"rule", standing[i], "for_ms", "60000", NULL});
        cr_assert(reply.ok, "%s", reply.text);
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char rule[256], id[ID_TEXT_MAX] = "";
        (void)snprintf(rule, sizeof(rule), "match %s%s", refused[i].rule,
                       strstr(refused[i].rule, " then ") != NULL ? "" : " then discard");
        struct reply reply = house_request(
            h, "announce", (const char *const[]){"rule", rule, "for_ms", "60000", NULL});
        cr_assert_not(reply.ok, "%s: %s", rule, reply.text);
        cr_assert_eq(sscanf(reply.text, "%39[^ ] refused:", id), 1, "%s", reply.text);
        struct mitigation m = house_mitigation(h, id);
        cr_expect_eq(m.state, MITIGATION_REFUSED);
        cr_expect_not_null(strstr(reply.text, m.why_ended), "%s: %s", reply.text, m.why_ended);
        cr_expect(house_audit_has(h, m.why_ended), "%s", m.why_ended);
        HOUSE_UNTIL(h, counts(refused[i].reason, 1));
        if (refused[i].value != NULL) {
            cr_expect_eq(strncmp(m.why_ended, refused[i].reason, strlen(refused[i].reason)), 0,
                         "%s: %s", rule, m.why_ended);
            cr_expect_not_null(strstr(m.why_ended, refused[i].value), "%s: %s", rule, m.why_ended);
        }
        mitigation_done(&m);
    }
}

Test(health, is_not_well_without_state)
{
    start();
    HOUSE_UNTIL(h, shows("/healthz", " 200 "));
    house_stop_state(h);
    HOUSE_UNTIL(h, shows("/healthz", " 503 ") && shows("/healthz", "state Redis is away"));
    HOUSE_UNTIL(h, shows("/metrics", "\nweir_policy_leader 0\n"));
    house_start_state(h);
    HOUSE_UNTIL(h, shows("/healthz", " 200 "));
}

Test(health, a_standby_is_well_while_another_leads)
{
    start();
    HOUSE_UNTIL(h, shows("/healthz", " 200 "));
    house_end_policy(h, 0, SIGTERM);
    house_start_policy(h, 1);
    HOUSE_UNTIL(h, strstr(house_logs(h), "--- p2") != NULL &&
                       strstr(strstr(house_logs(h), "--- p2"), "\"acting\"") != NULL);
    house_start_policy(h, 0);
    HOUSE_UNTIL(h, shows("/healthz", " 200 "));
    cr_expect(shows("/metrics", "\nweir_policy_leader 0\n"));
}

Test(health, is_in_the_registry_until_it_ends)
{
    start();
    HOUSE_UNTIL(h,
                strcmp(redis_server_cli(&h->telemetry, "EXISTS weir:process:policy:p1"), "1") == 0);
    HOUSE_UNTIL(h, strcmp(redis_server_cli(&h->telemetry, "HGET weir:process:policy:p1 leads"),
                          "yes") == 0);
    house_end_policy(h, 0, SIGTERM);
    cr_expect_str_eq(redis_server_cli(&h->telemetry, "EXISTS weir:process:policy:p1"), "0");
}

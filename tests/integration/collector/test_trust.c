#include "tests/integration/collector/site.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Who counts, on sockets of both families at once, and what the others leave behind: nothing. */

static struct site site;

#define POLICY                                                                                     \
    "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, thresholds: "          \
    "[{severity: critical, any: {bps: 1G}, clear: {below: 80%, after: 120s}}]}]\n"

static void start_with(unsigned int workers, const char *more, const char *exporters)
{
    char policies[1024];
    site_start(&site, NULL);
    cr_assert_eq(site_stop_collector(&site, SIGTERM), 0);
    site.workers = workers;
    site.more = more;
    snprintf(policies, sizeof(policies), "%s%s", POLICY, exporters);
    site_write_config(&site, policies);
    site_start_collector(&site);
    site_wait_registered(&site);
}

static void done(void)
{
    site_done(&site);
}

/* The next datagrams come from there. */
static void send_from(const char *address)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    cr_assert_eq(inet_pton(AF_INET, address, &at.sin_addr), 1);
    close(site.exporter);
    site.exporter = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(bind(site.exporter, (struct sockaddr *)&at, sizeof(at)), 0);
    site.sequence = 0;
    site_send(&site, 1);
}

static void send_from_ipv6(void)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(site.port)};
    static const uint8_t header_alone[24] = {0, 5, 0, 0};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    to.sin6_addr = in6addr_loopback;
    cr_assert_eq(
        sendto(fd, header_alone, sizeof(header_alone), 0, (struct sockaddr *)&to, sizeof(to)),
        (ssize_t)sizeof(header_alone));
    close(fd);
}

static const char *ask(const char *command)
{
    return redis_server_cli(&site.redis, command);
}

static bool is_told(const char *address)
{
    char command[96];
    snprintf(command, sizeof(command), "EXISTS weir:exporter:%s", address);
    return strcmp(ask(command), "1") == 0;
}

static bool strangers_are_told(void)
{
    return strcmp(ask("HGET weir:process:collector:c1 unlisted_senders"), "127.0.0.9") == 0;
}

Test(trust, a_list_of_both_families_holds_on_a_socket_of_both, .fini = done)
{
    start_with(2, NULL,
               "exporters: [{address: 127.0.0.2}, {address: 127.0.1.0/24}, "
               "{address: \"::1\"}]\n");
    send_from("127.0.0.2");
    send_from("127.0.1.77");
    send_from_ipv6();
    uint64_t wanted = site.sent_bytes;
    send_from("127.0.0.9");
    SITE_UNTIL(is_told("127.0.0.2") && is_told("127.0.1.77") && is_told("::1"));
    SITE_UNTIL(site_read(&site).bytes == wanted);
    SITE_UNTIL(strangers_are_told());
    cr_assert_str_eq(ask("HGET weir:process:collector:c1 unlisted"),
                     "1 datagrams, the last from 127.0.0.9");
    cr_assert_not(is_told("127.0.0.9"));
    cr_assert_eq(site_read(&site).bytes, wanted);
}

static size_t hashes(void)
{
    size_t count = 0;
    const char *at = ask("KEYS weir:exporter:*");
    while ((at = strstr(at, "weir:exporter:")) != NULL) {
        at++;
        count++;
    }
    return count;
}

/* Each second another flood, so that all of it is told of. */
Test(trust, a_flood_within_a_listed_prefix_leaves_a_listed_host_its_hash, .fini = done)
{
    enum { MAX = 4 };
    start_with(1, ", limits: {exporters: 4}",
               "exporters: [{address: 127.0.0.2}, {address: 127.0.0.0/8}]\n");
    send_from("127.0.0.2");
    SITE_UNTIL(is_told("127.0.0.2"));
    for (int round = 1; round <= 3; round++) {
        char last[32];
        for (int i = 1; i <= 30; i++) {
            snprintf(last, sizeof(last), "127.0.%d.%d", round, i);
            send_from(last);
        }
        for (int i = 0; i < 75; i++)
            site_pause();
        size_t count = hashes();
        cr_assert(count > 1 && count <= MAX, "%zu hashes", count);
    }
    cr_assert(is_told("127.0.0.2"), "heard longest ago of all");
}

static bool is_the_stranger(const char *address)
{
    return strcmp(ask("HGET weir:process:collector:c1 unlisted_senders"), address) == 0;
}

Test(trust, who_is_taken_from_the_list_counts_no_more, .fini = done)
{
    start_with(1, NULL, "exporters: [{address: 127.0.0.2}, {address: 127.0.0.3}]\n");
    send_from("127.0.0.2");
    SITE_UNTIL(site_read(&site).bytes == site.sent_bytes);
    site_write_config(&site, POLICY "exporters: [{address: 127.0.0.3}]\n");
    cr_assert_eq(kill(site.pid, SIGHUP), 0);
    SITE_UNTIL((send_from("127.0.0.2"), is_the_stranger("127.0.0.2")));
    uint64_t before = site_read(&site).bytes;
    for (int i = 0; i < 25; i++) {
        send_from("127.0.0.2");
        site_pause();
    }
    cr_assert_eq(site_read(&site).bytes, before);
    uint64_t without = site.sent_bytes;
    send_from("127.0.0.3");
    SITE_UNTIL(site_read(&site).bytes == before + (site.sent_bytes - without));
}

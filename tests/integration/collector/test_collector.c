#include "tests/integration/collector/site.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct site site;

static void start(void)
{
    site_start(&site, NULL);
}

static void done(void)
{
    site_done(&site);
}

static bool all_is_there(void)
{
    struct site_read read = site_read(&site);
    cr_assert_not(read.broken);
    cr_assert_leq(read.bytes, site.sent_bytes, "more than was sent");
    return read.bytes == site.sent_bytes;
}

Test(collector, datagrams_become_deltas_with_the_right_sums, .init = start, .fini = done)
{
    site_send(&site, 100);
    SITE_UNTIL(all_is_there());
    struct site_read read = site_read(&site);
    cr_assert_eq(read.packets, 100 * SITE_RECORDS * SITE_RATE * 2);
    cr_assert_eq(read.again, 0);
    SITE_UNTIL(strcmp(redis_server_cli(&site.redis, "HGET weir:exporter:127.0.0.1 sampling_source"),
                      "header") == 0);
    cr_assert_str_eq(redis_server_cli(&site.redis, "HGET weir:exporter:127.0.0.1 formats"),
                     "netflow5");
    cr_assert_str_eq(redis_server_cli(&site.redis, "HGET weir:exporter:127.0.0.1 sequence_lost"),
                     "0");
}

Test(collector, silence_is_told_every_second, .init = start, .fini = done)
{
    SITE_UNTIL(site_read(&site).batches >= 8); /* two workers, two shards, two seconds */
    cr_assert_eq(site_read(&site).rows, 0);
}

/* A sign of life names the exporter; where one comes just then, it says that the worker is quiet.
 */
Test(collector, a_worker_that_falls_quiet_says_so_before_its_sign_of_life, .init = start,
     .fini = done)
{
    for (int i = 0; i < 20 && site_read(&site).quiet == 0; i++) {
        site_send(&site, 1);
        SITE_UNTIL(all_is_there());
        for (int pauses = 0; pauses < 25; pauses++)
            site_pause();
    }
    cr_assert_gt(site_read(&site).quiet, 0);
}

Test(collector, sigterm_sends_what_was_received, .init = start, .fini = done)
{
    site_send(&site, 500);
    cr_assert_eq(site_stop_collector(&site, SIGTERM), 0);
    cr_assert(all_is_there());
    cr_assert_str_eq(redis_server_cli(&site.redis, "EXISTS weir:process:collector:c1"), "0");
}

Test(collector, a_frozen_server_delays_and_loses_nothing, .init = start, .fini = done)
{
    site_send(&site, 50);
    SITE_UNTIL(all_is_there());
    redis_server_freeze(&site.redis);
    for (int i = 0; i < 50; i++) {
        site_send(&site, 10);
        site_pause();
    }
    redis_server_thaw(&site.redis);
    SITE_UNTIL(all_is_there());
}

/* All of it at once would look like an attack. */
Test(collector, what_waited_while_it_stood_still_is_spread_over_that_time, .init = start,
     .fini = done)
{
    enum { PAUSES = 50 };
    site_send(&site, 50);
    SITE_UNTIL(all_is_there());
    cr_assert_eq(kill(site.pid, SIGSTOP), 0);
    for (int i = 0; i < PAUSES; i++) {
        site_send(&site, 2);
        site_pause();
    }
    cr_assert_eq(kill(site.pid, SIGCONT), 0);
    SITE_UNTIL(all_is_there());
    cr_assert_geq(site_read(&site).oldest_ms, 900);
}

static void start_durable(void)
{
    static const char *const args[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
    site_start(&site, args);
}

Test(collector, a_server_that_dies_and_comes_back_gets_all_once, .init = start_durable,
     .fini = done)
{
    site_send(&site, 50);
    SITE_UNTIL(all_is_there());
    for (int round = 0; round < 3; round++) {
        site_send(&site, 20);
        redis_server_kill(&site.redis); /* some batch may be written and not confirmed */
        for (int i = 0; i < 25; i++) {
            site_send(&site, 5);
            site_pause();
        }
        redis_server_start_again(&site.redis);
        SITE_UNTIL(all_is_there());
    }
}

Test(collector, connections_that_are_cut_lose_nothing, .init = start, .fini = done)
{
    for (int i = 0; i < 40; i++) {
        site_send(&site, 10);
        redis_server_cli(&site.redis, "CLIENT KILL TYPE normal");
        site_pause();
    }
    SITE_UNTIL(all_is_there());
}

Test(collector, a_second_one_on_the_same_port_is_refused, .init = start, .fini = done)
{
    int status = 0;
    pid_t first = site.pid;
    site_start_collector(&site);
    cr_assert_eq(waitpid(site.pid, &status, 0), site.pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    site.pid = first;
    site_send(&site, 10);
    SITE_UNTIL(all_is_there());
}

Test(collector, a_start_without_its_password_ends_with_an_error, .init = start, .fini = done)
{
    static const char policies[] =
        "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, thresholds: "
        "[{severity: critical, any: {bps: 1G}, clear: {below: 80%, after: 120s}}]}]\n";
    char path[128];
    int status = 0;
    cr_assert_eq(site_stop_collector(&site, SIGTERM), 0);
    (void)snprintf(path, sizeof(path), "%s/secrets", site.redis.folder);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof(path), "%s/secrets/collector.pw", site.redis.folder);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fclose(file), 0);
    for (int recall = 0; recall < 2; recall++) {
        site.recall = recall;
        site_write_config(&site, policies);
        site_start_collector(&site);
        cr_assert_eq(waitpid(site.pid, &status, 0), site.pid);
        cr_assert(WIFEXITED(status), "recall %d: signal %d", recall, WTERMSIG(status));
        cr_assert_eq(WEXITSTATUS(status), 1);
    }
    site.pid = 0;
}

Test(collector, sighup_swaps_the_counts, .init = start, .fini = done)
{
    site_send(&site, 50);
    SITE_UNTIL(all_is_there());
    site_write_config(&site, "policies: [{name: p, direction: sideways}]\n");
    cr_assert_eq(kill(site.pid, SIGHUP), 0);
    site_send(&site, 50);
    SITE_UNTIL(all_is_there());
    cr_assert_eq(site_read(&site).count_count, 1, "an invalid file changes nothing");

    site_write_config(&site, "policies: [{name: p, direction: incoming, key: [protocol], window: "
                             "1s, thresholds: [{severity: critical, any: {bps: 1G}, clear: {below: "
                             "80%, after: 120s}}]}]\n");
    cr_assert_eq(kill(site.pid, SIGHUP), 0);
    for (int i = 0; i < 200 && site_read(&site).count_count == 1; i++) {
        site_send(&site, 1);
        site_pause();
    }
    cr_assert_eq(site_read(&site).count_count, 2);
    SITE_UNTIL(all_is_there());
}

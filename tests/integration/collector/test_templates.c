#include "tests/integration/collector/site.h"

#include "common/base/wire.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What exporters said once outlives the collector, however it ended. */

enum { RATE = 512, OCTETS = 1500, SECONDS = 1700000000, UPTIME_MS = 100000 };
static const char policies[] =
    "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, thresholds: "
    "[{severity: critical, any: {bps: 1G}, clear: {below: 80%, after: 120s}}]}]\n";

static struct site site;
static uint32_t sequence;

static void start(void)
{
    site_start(&site, NULL);
}

static void remove_files(void)
{
    char path[200];
    for (unsigned int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/templates-c1-%u.bin", site.redis.folder, i);
        (void)unlink(path);
    }
}

static void done(void)
{
    if (site.pid > 0) {
        kill(site.pid, SIGKILL);
        waitpid(site.pid, NULL, 0);
        site.pid = 0;
    }
    remove_files();
    site_done(&site);
}

TestSuite(collector_templates, .init = start, .fini = done, .timeout = 120);

#define cli(command) redis_server_cli(&site.redis, command)

static struct wire_writer begin(uint8_t *bytes, size_t room)
{
    struct wire_writer w = wire_writer_of(bytes, room);
    wire_put_u16(&w, 9);
    wire_put_u16(&w, 1);
    wire_put_u32(&w, UPTIME_MS);
    wire_put_u32(&w, SECONDS);
    wire_put_u32(&w, sequence++);
    wire_put_u32(&w, 7);
    return w;
}

static void put(struct wire_writer *w, const uint16_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wire_put_u16(w, words[i]);
}

/* A template, and the rate of sampler 1 by options of scope System. */
static void tell(void)
{
    static const uint16_t words[] = {
        0, 28, 256, 5, 8, 4, 12, 4,  1, 4,  2, 4,   48, 1, /* addresses, octets, packets, sampler */
        1, 22, 300, 4, 8, 1, 4,  48, 1, 50, 4, 300, 13, 0, 0};
    uint8_t bytes[200];
    struct wire_writer w = begin(bytes, sizeof(bytes));
    put(&w, words, sizeof(words) / sizeof(words[0]));
    wire_put_u8(&w, 1);
    wire_put_u32(&w, RATE);
    site_send_bytes(&site, bytes, w.len);
}

static void send_data(void)
{
    static const uint16_t words[] = {256, 21};
    uint8_t bytes[200];
    struct wire_writer w = begin(bytes, sizeof(bytes));
    put(&w, words, 2);
    wire_put_u32(&w, 0x08080808);
    wire_put_u32(&w, 0xc6336401);
    wire_put_u32(&w, OCTETS);
    wire_put_u32(&w, 1);
    wire_put_u8(&w, 1);
    site_send_bytes(&site, bytes, w.len);
    site.sent_bytes += (uint64_t)OCTETS * RATE;
}

static bool all_is_there(void)
{
    return site_read(&site).bytes == site.sent_bytes;
}

/* Of whichever worker the exporter is steered to; 0: none has written. */
static long file_octets(const char *how)
{
    char path[200];
    long sum = 0;
    for (unsigned int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/templates-c1-%u.bin", site.redis.folder, i);
        FILE *file = fopen(path, how);
        if (file == NULL)
            continue;
        fseek(file, 0, SEEK_END);
        sum += ftell(file);
        fclose(file);
    }
    return sum;
}

static void kill_now(void)
{
    cr_assert_eq(kill(site.pid, SIGKILL), 0);
    cr_assert_eq(waitpid(site.pid, NULL, 0), site.pid);
    site.pid = 0;
    (void)cli("DEL weir:process:collector:c1 weir:exporter:127.0.0.1");
}

static void start_again(void)
{
    site_start_collector(&site);
    site_wait_registered(&site);
}

Test(collector_templates, after_kill_9_the_first_data_counts_with_its_rate)
{
    tell();
    SITE_UNTIL(file_octets("rb") > 100);
    kill_now();
    start_again();
    send_data();
    SITE_UNTIL(all_is_there());
    SITE_UNTIL(strcmp(cli("HGET weir:exporter:127.0.0.1 sampling_rate"), "512") == 0);
    cr_assert_str_eq(cli("HGET weir:exporter:127.0.0.1 sampling_source"), "options");
    cr_assert_str_eq(cli("HGET weir:exporter:127.0.0.1 refused"), "0");
    SITE_UNTIL(strstr(cli("HGET weir:exporter:127.0.0.1 domain_list"), "\"domain\":7") != NULL);
    const char *domains = cli("HGET weir:exporter:127.0.0.1 domain_list");
    cr_assert_not_null(strstr(domains, "\"sampling_rate\":512"), "%s", domains);
    cr_assert_not_null(strstr(domains, "\"sequence_unit\":\"datagrams\""));
    cr_assert_not_null(strstr(domains, "{\"id\":256,\"options\":false,\"fields\":5,\"told\":"));
}

Test(collector_templates, a_clean_end_saves_what_came_last)
{
    tell();
    send_data();
    SITE_UNTIL(all_is_there());
    cr_assert_eq(site_stop_collector(&site, SIGTERM), 0);
    cr_assert_gt(file_octets("rb"), 100);
    (void)cli("DEL weir:process:collector:c1");
    start_again();
    send_data();
    SITE_UNTIL(all_is_there());
}

Test(collector_templates, an_exporter_that_moves_to_another_worker_takes_its_templates_along)
{
    tell();
    SITE_UNTIL(file_octets("rb") > 100);
    for (unsigned int workers = 3; workers >= 1; workers--) {
        kill_now();
        site.workers = workers;
        site_write_config(&site, policies);
        start_again();
        send_data();
        SITE_UNTIL(all_is_there());
    }
}

Test(collector_templates, a_damaged_file_loses_templates_and_nothing_else)
{
    tell();
    SITE_UNTIL(file_octets("rb") > 100);
    kill_now();
    char path[200];
    for (unsigned int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/templates-c1-%u.bin", site.redis.folder, i);
        if (access(path, F_OK) == 0)
            cr_assert_eq(truncate(path, 100), 0);
    }
    start_again();
    send_data();
    SITE_UNTIL(strcmp(cli("HGET weir:exporter:127.0.0.1 refused_NO_TEMPLATE"), "1") == 0);
    tell();
    site.sent_bytes = 0;
    send_data();
    SITE_UNTIL(site_read(&site).bytes >= site.sent_bytes); /* and what was held back, perhaps */
}

Test(collector_templates, a_rate_that_contradicts_the_operator_s_is_told)
{
    char config[600];
    kill_now();
    snprintf(config, sizeof(config), "%sexporters: [{address: 127.0.0.1, sampling: 100}]\n",
             policies);
    site_write_config(&site, config);
    start_again();
    site_send(&site, 1);
    SITE_UNTIL(strcmp(cli("HGET weir:exporter:127.0.0.1 sampling_contradiction"),
                      "override 100, header 10") == 0);
    cr_assert_str_eq(cli("HGET weir:exporter:127.0.0.1 sampling_contradictions"), "1");
    cr_assert_str_eq(cli("HGET weir:exporter:127.0.0.1 sampling_source"), "override");
}

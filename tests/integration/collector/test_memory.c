#include "tests/integration/collector/site.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* The telemetry server's memory: a cap on each stream, and a server that is full. */

enum { CAP_BYTES = 8 << 20 }; /* 64 MiB of the configuration, a quarter for two shards */

static struct site site;

static void start(void)
{
    site_start(&site, NULL);
}

static void done(void)
{
    site_done(&site);
}

TestSuite(collector_memory, .init = start, .fini = done, .timeout = 120);

#define cli(command) redis_server_cli(&site.redis, command)

static long stream_bytes(void)
{
    return strtol(cli("MEMORY USAGE weir:delta:s0 SAMPLES 0"), NULL, 10);
}

/* Ours, among what somebody else wrote. */
static bool all_is_readable(void)
{
    return site_read(&site).bytes == site.sent_bytes;
}

Test(collector_memory, a_stream_keeps_to_its_bytes_and_to_its_latest_entries)
{
    redis_server_fill(&site.redis, "weir:delta:s0", 200, 100000);
    SITE_UNTIL(stream_bytes() <= CAP_BYTES);
    site_send(&site, 100);
    SITE_UNTIL(all_is_readable());
    redis_server_fill(&site.redis, "weir:delta:s0", 200, 100000);
    SITE_UNTIL(stream_bytes() <= CAP_BYTES);
    site.sent_bytes = 0;
    site_send(&site, 100);
    SITE_UNTIL(site_read(&site).bytes >= site.sent_bytes);
}

Test(collector_memory, a_server_that_somebody_filled_takes_deltas_again)
{
    redis_server_fill(&site.redis, "weir:delta:s0", 75, 100000); /* within the cap */
    (void)cli("CONFIG SET maxmemory 8mb");
    site_send(&site, 100);
    SITE_UNTIL(all_is_readable());
    SITE_UNTIL(strcmp(cli("EXISTS weir:process:collector:c1"), "1") == 0);
}

Test(collector_memory, a_server_full_of_other_things_is_waited_for)
{
    site_send(&site, 100);
    SITE_UNTIL(all_is_readable());
    redis_server_fill(&site.redis, "other", 100, 100000);
    (void)cli("CONFIG SET maxmemory 8mb");
    for (int i = 0; i < 150; i++) {
        site_send(&site, 1);
        site_pause();
    }
    cr_assert_lt(site_read(&site).bytes, site.sent_bytes, "nothing can be written");
    (void)cli("CONFIG SET maxmemory 1gb");
    site.sent_bytes = 0;
    (void)cli("DEL weir:delta:s0 weir:delta:s1"); /* what came before must not count below */
    site_send(&site, 50);
    SITE_UNTIL(site_read(&site).bytes >= site.sent_bytes);
    cr_assert_eq(site_stop_collector(&site, SIGTERM), 0);
}

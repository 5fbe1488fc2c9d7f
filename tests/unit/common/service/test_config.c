#include "common/service/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the reader makes of files that are right, and of the documented file. */

static struct config *parse(const char *yaml)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors, "t.yaml");
    enum status status = config_parse(&config, yaml, strlen(yaml), "t.yaml", &errors);
    cr_assert_eq(status, STATUS_OK, "%s: %s", status_name(status), text_str(&errors.lines));
    cr_assert_eq(errors.count, 0);
    config_errors_done(&errors);
    return config;
}

Test(config, an_empty_file_is_all_defaults)
{
    static const char *const empty[] = {"", "\n", "# nothing\n", "---\n", "\xef\xbb\xbf", "{}\n"};
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        struct config *c = parse(empty[i]);
        char text[ENDPOINT_TEXT_MAX];
        cr_assert_str_eq(c->state_dir, "/var/lib/weir");
        cr_assert_str_eq(c->run_dir, "/run/weir");
        cr_assert_eq(c->log_level, LOG_INFO);
        cr_assert(c->dry_run);
        cr_assert_str_eq(addr_format(&c->listen, text), "127.0.0.1");
        cr_assert_str_eq(c->redis.prefix, "weir:");
        cr_assert_str_eq(c->redis.password_dir, "/etc/weir/secrets");
        cr_assert_eq(c->redis.telemetry_count, 1);
        cr_assert_str_eq(c->redis.telemetry[0].name, "t1");
        cr_assert_str_eq(c->redis.telemetry[0].address, "unix:/run/weir/telemetry.sock");
        cr_assert_eq(c->redis.telemetry[0].max_memory_bytes, 512U << 20);
        cr_assert_str_eq(c->redis.state.name, "state");
        cr_assert_str_eq(c->redis.state.address, "unix:/run/weir/state.sock");
        cr_assert_eq(c->redis.state.max_memory_bytes, 256U << 20);
        cr_assert_eq(c->shard_count, 1);
        cr_assert_str_eq(c->shards[0].name, "s0");
        cr_assert_eq(c->shards[0].slots, UINT64_MAX);
        cr_assert_eq(c->shards[0].telemetry, 0);
        cr_assert_str_eq(c->shards[0].aggregator, "a1");
        cr_assert_eq(c->collector.udp_count, 3);
        cr_assert_str_eq(endpoint_format(&c->collector.udp[1], text), "[::]:2055");
        cr_assert_eq(c->collector.workers, 0);
        cr_assert_eq(c->collector.receive_buffer_bytes, 32U << 20);
        cr_assert_float_eq(c->collector.flush.urgent_share, 0.1, 1e-9);
        cr_assert_eq(c->collector.flush.every_ms, 100);
        cr_assert_eq(c->collector.tally.ipv6_host_len, 128);
        cr_assert_eq(c->collector.limits.hold_back_bytes, 1U << 20);
        cr_assert_neq(c->collector.name[0], '\0');
        cr_assert_str_eq(c->aggregator.name, "a1");
        cr_assert_eq(c->aggregator.metrics_port, 9402);
        cr_assert_str_eq(c->policy.name, "p1");
        cr_assert_eq(c->policy.lease_ms, 1500);
        cr_assert_eq(c->policy.budgets.reserve_at_least, 5);
        cr_assert_eq(c->policy.audit_keep_ms, 90ULL * 86400 * 1000);
        cr_assert_str_eq(c->speaker.name, "sp1");
        cr_assert_eq(c->speaker.router_id.family, ADDR_NONE);
        cr_assert_str_eq(c->speaker.socket, "/run/weir/speaker.sock");
        cr_assert_str_eq(c->speaker.journal, "/var/lib/weir/speaker.journal");
        cr_assert_eq(c->speaker.orphan_max_ms, 4ULL * 3600 * 1000);
        cr_assert_eq(c->speaker.shutdown, SHUTDOWN_KEEP);
        cr_assert_eq(c->peer_count + c->platform_count + c->policy_count + c->method_count, 0);
        config_free(c);
    }
}

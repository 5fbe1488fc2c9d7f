#include "common/service/config_fixed.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* What a reload cannot change: each key alone, so that none is forgotten. */

static char kept[400];

static void on_kept(void *owner, const char *key)
{
    (void)owner;
    size_t len = strlen(kept);
    (void)snprintf(kept + len, sizeof(kept) - len, "%s%s", len > 0 ? " " : "", key);
}

static struct config *parse(const char *yaml)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors, "t.yaml");
    enum status status = config_parse(&config, yaml, strlen(yaml), "t.yaml", &errors);
    cr_assert_eq(status, STATUS_OK, "%s: %s", yaml, text_str(&errors.lines));
    config_errors_done(&errors);
    return config;
}

/* What stays of the first file when the second is read, for a process of that kind. */
static const char *reload(const char *kind, const char *before, const char *after)
{
    struct config *old = parse(before), *new = parse(after);
    kept[0] = '\0';
    cr_assert_eq(config_keep_fixed(new, old, kind, on_kept, NULL), STATUS_OK);
    config_free(old);
    config_free(new);
    return kept;
}

Test(config_fixed, each_key_alone_stays)
{
    static const struct {
        const char *kind, *after, *key;
    } cases[] = {
        /* The passwords are in it where nothing else is said. */
        {"policy", "state_dir: /x\n", "state_dir redis.password_dir"},
        {"policy", "run_dir: /x\n", "run_dir redis.state.address redis.telemetry"},
        {"policy", "listen: 127.0.0.2\n", "listen"},
        {"policy", "redis: {prefix: \"x:\"}\n", "redis.prefix"},
        {"policy", "redis: {password_dir: /x}\n", "redis.password_dir"},
        {"policy", "redis: {state: {address: \"unix:/x\"}}\n", "redis.state.address"},
        {"policy", "redis: {telemetry: [{name: t1, address: \"unix:/x\"}]}\n", "redis.telemetry"},
        {"policy", "shards: [{name: s1, slots: [0-63]}]\n", "shards"},
        {"policy", "shards: [{name: s0, slots: [0-63], aggregator: a2}]\n", "shards"},
        {"policy", "policy: {name: x}\n", "policy.name"},
        {"policy", "policy: {metrics_port: 1}\n", "policy.metrics_port"},
        {"collector", "collector: {name: x}\n", "collector.name"},
        {"collector", "collector: {udp: [\"[::]:1\"]}\n", "collector.udp"},
        {"collector", "collector: {workers: 3}\n", "collector.workers"},
        {"collector", "collector: {receive_buffer: 1MiB}\n", "collector.receive_buffer"},
        {"collector", "collector: {metrics_port: 1}\n", "collector.metrics_port"},
        {"collector", "collector: {tally: {max_keys: 5000}}\n", "collector.tally.max_keys"},
        {"collector", "collector: {tally: {ipv6_host_keys: /64}}\n",
         "collector.tally.ipv6_host_keys"},
        {"collector", "collector: {limits: {exporters: 9}}\n", "collector.limits.exporters"},
        {"aggregator", "aggregator: {name: x}\n", "aggregator.name shards"},
        {"aggregator", "aggregator: {metrics_port: 1}\n", "aggregator.metrics_port"},
        {"aggregator", "aggregator: {max_keys: 5000}\n", "aggregator.max_keys"},
        {"speaker", "speaker: {name: x}\n", "speaker.name"},
        {"speaker", "speaker: {metrics_port: 1}\n", "speaker.metrics_port"},
        {"speaker", "speaker: {socket: x.sock}\n", "speaker.socket"},
        {"speaker", "speaker: {journal: x.journal}\n", "speaker.journal"},
        {"speaker", "speaker: {adapter_socket: {enabled: true}}\n",
         "speaker.adapter_socket.enabled"},
        {"speaker", "speaker: {adapter_socket: {path: x.sock}}\n", "speaker.adapter_socket.path"},
        /* What is another process's to keep, and what may change. */
        {"policy", "speaker: {name: x}\ncollector: {workers: 3}\n", ""},
        {"speaker", "dry_run: false\nexporters: [{address: 192.0.2.1}]\nlog: {level: debug}\n", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_str_eq(reload(cases[i].kind, "", cases[i].after), cases[i].key, "%s of %s: %s",
                         cases[i].after, cases[i].kind, kept);
}

/* No session has used them before: a first peer can be added without a restart. */
Test(config_fixed, the_first_identifier_and_as_are_taken)
{
    static const char both[] = "speaker: {router_id: 192.0.2.9, local_as: 64500}\n";
    cr_expect_str_eq(reload("speaker", "", both), "");
    cr_expect_str_eq(reload("speaker", both, "speaker: {router_id: 192.0.2.8, local_as: 64500}\n"),
                     "speaker.router_id");
    cr_expect_str_eq(reload("speaker", both, "speaker: {router_id: 192.0.2.9, local_as: 64501}\n"),
                     "speaker.local_as");
    cr_expect_str_eq(reload("speaker", both, ""), "speaker.router_id speaker.local_as");
}

Test(config_fixed, servers_and_shards_stay_together)
{
    static const char before[] =
        "redis: {telemetry: [{name: t1, address: \"unix:/1\"}, {name: t2, address: \"unix:/2\"}]}\n"
        "shards: [{name: s0, slots: [0-31], telemetry: t1}, {name: s1, slots: [32-63], telemetry: "
        "t2}]\n";
    struct config *old = parse(before);
    struct config *new = parse("redis: {telemetry: [{name: t2, address: \"unix:/2\"}]}\n"
                               "shards: [{name: s0, slots: [0-63], telemetry: t2}]\n");
    kept[0] = '\0';
    cr_assert_eq(config_keep_fixed(new, old, "policy", on_kept, NULL), STATUS_OK);
    cr_expect_str_eq(kept, "redis.telemetry shards");
    config_free(old);
    cr_assert_eq(new->redis.telemetry_count, 2);
    cr_assert_eq(new->shard_count, 2);
    cr_expect_str_eq(new->redis.telemetry[new->shards[1].telemetry].address, "unix:/2");
    config_free(new);
}

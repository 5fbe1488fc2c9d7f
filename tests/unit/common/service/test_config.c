#include "common/service/config.h"
#include "tests/unit/skip.h"

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
        cr_assert_str_eq(c->redis.password_dir, "/var/lib/weir/secrets");
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

/* The documented file without what is not built yet; it stands beside the fuzzer's seeds. */
static const char *const whole_file = WEIR_SOURCE_DIR "/tests/vectors/fuzz/config/weir.yaml";

static struct config *load(const char *path)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors, path);
    enum status status = config_load(&config, path, &errors);
    cr_assert_eq(status, STATUS_OK, "%s: %s", status_name(status), text_str(&errors.lines));
    config_errors_done(&errors);
    return config;
}

static const char *prefix_text(const struct ip_prefix *prefix)
{
    static char text[PREFIX_TEXT_MAX];
    return prefix_format(prefix, text);
}

Test(config, the_whole_file_is_read)
{
    struct config *c = load(whole_file);
    cr_assert_str_eq(c->file, whole_file);
    cr_assert_eq(strlen(c->hash), 16);
    cr_assert_eq(c->network_count, 3);
    cr_assert_str_eq(c->networks[0].name, "customers");
    cr_assert_eq(c->networks[0].prefixes.count, 2);
    cr_assert_str_eq(prefix_text(&c->networks[0].prefixes.items[1]), "2001:db8:100::/48");
    cr_assert(c->networks[1].ours);
    cr_assert_str_eq(c->networks[2].name, "tenants");
    cr_assert_not(c->networks[2].ours);
    cr_assert_eq(c->is_protected.count, 1);
    cr_assert_str_eq(prefix_text(&c->is_protected.items[0]), "198.51.100.10/32");
    cr_assert_eq(c->infrastructure.count, 1);
    cr_assert_eq(c->exporter_count, 2);
    cr_assert_str_eq(prefix_text(&c->exporters[0].address), "192.0.2.1/32");
    cr_assert_str_eq(c->exporters[0].name, "mx1");
    cr_assert_eq(c->exporters[0].sampling, 1000);
    cr_assert_eq(c->exporters[0].boundary_count, 2);
    cr_assert_eq(c->exporters[0].boundary[1], 502);
    cr_assert_eq(c->exporters[0].active_timeout_ms, 60000);
    cr_assert_eq(c->exporters[0].max_rate_bps, 400000000000ULL);
    cr_assert_eq(c->exporters[1].sampling, 0);
    cr_assert_str_eq(c->collector.name, "c1");
    cr_assert_eq(c->speaker.local_as, 64500);
    cr_assert_eq(c->peer_count, 2);
    cr_assert_eq(c->peers[0].port, 179);
    cr_assert_eq(c->peers[0].families, FAMILY_FLOW4 | FAMILY_FLOW6);
    cr_assert_eq(c->peers[0].connect, CONNECT_ACTIVE);
    cr_assert_eq(c->peers[0].hold_ms, 90000);
    cr_assert_str_eq(c->peers[0].profile.value, "junos");
    cr_assert_eq(c->peers[0].profile.pos.line > 0, true);
    cr_assert_eq(c->peers[1].connect_retry_ms, 5000);
    cr_assert(c->peers[1].no_export);
    cr_assert_eq(c->platform_count, 1);
    cr_assert_eq(c->platforms[0].peer_count, 2);
    cr_assert_eq(c->platforms[0].peers[0], 0);
    cr_assert_eq(c->platforms[0].peers[1], 1);
    cr_assert_eq(c->platforms[0].widest4, 24);
    cr_assert_eq(c->platforms[0].widest6, 48);
    cr_assert(c->platforms[0].dry_run);
    config_free(c);
}

Test(config, policies_and_methods_are_read)
{
    struct config *c = load(whole_file);
    cr_assert_eq(c->policy_count, 2);
    const struct config_policy *p = &c->policies[0];
    cr_assert_str_eq(p->direction.value, "incoming");
    cr_assert_eq(p->where_count, 2);
    cr_assert_str_eq(p->where[0].field.value, "dst_network");
    cr_assert_str_eq(p->where[1].values.items[0].value, "udp");
    cr_assert_str_eq(p->key.items[0].value, "dst_addr");
    cr_assert_str_eq(c->policies[1].where[1].values.items[0].value, "!tcp");
    cr_assert_eq(p->window_ms, 1000);
    cr_assert_eq(p->threshold_count, 1);
    const struct config_threshold *t = &p->thresholds[0];
    cr_assert_eq(t->severity, SEVERITY_CRITICAL);
    cr_assert_str_eq(config_severity_name(t->severity), "critical");
    cr_assert_not(t->all);
    cr_assert_eq(t->rate_count, 2);
    cr_assert_eq(t->rates[0].kind, RATE_BPS);
    cr_assert_eq(t->rates[0].limit, 1000000000);
    cr_assert_eq(t->rates[1].kind, RATE_PPS);
    cr_assert_eq(t->rates[1].limit, 500000);
    cr_assert_float_eq(t->confidence, 0.95, 1e-9);
    cr_assert_float_eq(t->clear_below, 0.8, 1e-9);
    cr_assert_eq(t->clear_after_ms, 61000);
    cr_assert_eq(t->mitigate_count, 2);
    cr_assert_str_eq(c->methods[t->mitigate[0].method].name, "amplification");
    cr_assert_str_eq(c->methods[t->mitigate[1].method].name, "rate-limit-host");
    cr_assert(c->policies[1].thresholds[0].all);

    cr_assert_eq(c->method_count, 2);
    const struct config_method *m = &c->methods[0];
    cr_assert_eq(m->match_count, 4);
    cr_assert_str_eq(m->match[0].field.value, "destination");
    cr_assert_eq(m->match[0].alternative_count, 1);
    cr_assert_str_eq(m->match[0].alternatives[0].items[0].value, "infer");
    cr_assert(m->match[0].enabled);
    cr_assert_eq(m->match[2].alternative_count, 2);
    cr_assert_str_eq(m->match[2].alternatives[1].items[0].value, "123");
    cr_assert_eq(m->match[3].alternative_count, 1);
    cr_assert_eq(m->match[3].alternatives[0].count, 2);
    cr_assert_str_eq(m->match[3].alternatives[0].items[1].value, "<=1500");
    cr_assert_eq(m->action.kind, ACTION_RATE_LIMIT);
    cr_assert_eq(m->action.rate_bps, 10000000);
    cr_assert_not(m->action.total);
    cr_assert(m->sample);
    cr_assert_eq(m->platform_count, 1);
    cr_assert_eq(m->withdraw_after_ms, 120000);
    cr_assert_eq(m->lease_ms, 900000);
    cr_assert_eq(m->max_duration_ms, 0);
    cr_assert(c->methods[1].action.total);
    cr_assert_eq(c->methods[1].action.rate_bps, 100000000);
    cr_assert_eq(c->methods[1].platform_count, 0);
    config_free(c);
}

Test(config, a_match_group_can_be_switched_off)
{
    struct config *c = parse("methods: [{name: m, action: {discard: true}, match: {destination: "
                             "infer, source_port: {enabled: false, values: [53]}}}]\n");
    cr_assert(c->methods[0].match[0].enabled);
    cr_assert_not(c->methods[0].match[1].enabled);
    cr_assert_str_eq(c->methods[0].match[1].alternatives[0].items[0].value, "53");
    config_free(c);
}

/* The document's own file: nothing in it is unknown, and nothing that is missing is ignored. */
Test(config, the_documented_file_lacks_only_what_is_not_built_yet)
{
    char path[1024];
    const char *shared = getenv("WEIR_SHARED");
    snprintf(path, sizeof(path), "%s/design/weir.yaml",
             shared != NULL ? shared : WEIR_SOURCE_DIR "/../shared");
    if (access(path, R_OK) != 0) {
        skip_case("%s is not there (set WEIR_SHARED)", path);
    }
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors, path);
    enum status status = config_load(&config, path, &errors);
    for (char *line = strtok(errors.lines.at, "\n"); line != NULL; line = strtok(NULL, "\n"))
        cr_expect_not_null(strstr(line, "not available yet"), "%s", line);
    cr_expect_eq(status, errors.count == 0 ? STATUS_OK : STATUS_MALFORMED);
    config_free(config);
    config_errors_done(&errors);
}

Test(config, what_is_left_out_follows_what_is_there)
{
    struct config *c = parse("run_dir: /tmp/r\nstate_dir: /tmp/s\naggregator: {name: a7}\n"
                             "exporters: [{address: 192.0.2.1, active_timeout: 2m}]\n"
                             "dry_run: false\nredis: {password_dir: none}\n"
                             "policies: [{name: p, key: [dst_addr], window: 10s, thresholds: "
                             "[{severity: minor, any: {fps: 1k}}]}]\n");
    cr_assert_str_eq(c->redis.telemetry[0].address, "unix:/tmp/r/telemetry.sock");
    cr_assert_str_eq(c->speaker.socket, "/tmp/r/speaker.sock");
    cr_assert_str_eq(c->speaker.journal, "/tmp/s/speaker.journal");
    cr_assert_str_eq(c->shards[0].aggregator, "a7");
    cr_assert_null(c->redis.password_dir);
    struct config *other = parse("state_dir: /tmp/s\nredis: {password_dir: pw}\n");
    cr_assert_str_eq(other->redis.password_dir, "/tmp/s/pw");
    config_free(other);
    cr_assert_not(c->dry_run);
    cr_assert_eq(c->policies[0].thresholds[0].clear_after_ms, 130000, "raised to what is needed");
    config_free(c);
}

Test(config, shards_name_servers_and_slots)
{
    struct config *c =
        parse("redis: {telemetry: [{name: t1, address: \"a.example:6379\"}, {name: t2, address: "
              "\"[2001:db8::1]:6379\", max_memory: 1GiB}]}\n"
              "shards: [{name: s0, slots: [0-30, 63]}, {name: s1, slots: [31, 32-62], telemetry: "
              "t2, aggregator: a2}]\n");
    cr_assert_eq(c->shards[0].slots, 0x800000007fffffffULL);
    cr_assert_eq(c->shards[1].slots, 0x7fffffff80000000ULL);
    cr_assert_eq(c->shards[1].telemetry, 1);
    cr_assert_str_eq(c->shards[1].aggregator, "a2");
    cr_assert_str_eq(c->shards[0].aggregator, "a1");
    cr_assert_eq(c->redis.telemetry[1].max_memory_bytes, 1ULL << 30);
    config_free(c);
}

Test(config, positions_point_into_the_file)
{
    struct config *c = parse("# a comment: \xc3\xa4\npeers:\n  - {name: a, address: 192.0.2.1, "
                             "remote_as: 1, profile: junos}\n"
                             "speaker: {router_id: 192.0.2.9, local_as: 1}\n");
    cr_assert_eq(c->peers[0].pos.line, 3);
    cr_assert_eq(c->peers[0].pos.column, 5);
    cr_assert_eq(c->peers[0].profile.pos.line, 3);
    cr_assert_eq(c->peers[0].profile.pos.column, 58);
    cr_assert_eq(c->speaker.pos.line, 4);
    cr_assert_eq(c->shards[0].pos.line, 0, "not written");
    config_free(c);
}

/* --- files of prefixes --------------------------------------------------------------------------
 */

static char folder[64], yaml_path[96], prefix_path[96];

static void write_file(const char *path, const char *bytes)
{
    FILE *out = fopen(path, "w");
    cr_assert_not_null(out);
    fputs(bytes, out);
    cr_assert_eq(fclose(out), 0);
}

static void make_folder(void)
{
    strcpy(folder, "/tmp/weir-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(yaml_path, sizeof(yaml_path), "%s/weir.yaml", folder);
    snprintf(prefix_path, sizeof(prefix_path), "%s/prefixes.txt", folder);
    write_file(yaml_path, "networks:\n  a: {file: prefixes.txt, ours: false}\n");
}

static void remove_folder(void)
{
    (void)unlink(yaml_path);
    (void)unlink(prefix_path);
    (void)rmdir(folder);
}

Test(config_file, prefixes_stand_one_a_line, .init = make_folder, .fini = remove_folder)
{
    write_file(prefix_path, "# ours\n\n192.0.2.0/24 # lab\n  2001:db8::/32\t\r\n198.51.100.7");
    struct config *c = load(yaml_path);
    cr_assert_not(c->networks[0].ours);
    cr_assert_eq(c->networks[0].prefixes.count, 3);
    cr_assert_str_eq(prefix_text(&c->networks[0].prefixes.items[0]), "192.0.2.0/24");
    cr_assert_str_eq(prefix_text(&c->networks[0].prefixes.items[1]), "2001:db8::/32");
    cr_assert_str_eq(prefix_text(&c->networks[0].prefixes.items[2]), "198.51.100.7/32");
    config_free(c);
    write_file(prefix_path, "");
    c = load(yaml_path);
    cr_assert_eq(c->networks[0].prefixes.count, 0);
    config_free(c);
}

Test(config_file, mistakes_name_the_file_and_its_line, .init = make_folder, .fini = remove_folder)
{
    char want[512];
    struct config_errors errors;
    struct config *c = NULL;
    write_file(prefix_path, "192.0.2.1/24\n\n  fo\x01o\xff 1.2.3.4\n198.51.100.0/24\n");
    config_errors_init(&errors, yaml_path);
    cr_assert_eq(config_load(&c, yaml_path, &errors), STATUS_MALFORMED);
    snprintf(want, sizeof(want),
             "%s:1:1: \"192.0.2.1/24\", expected one prefix a line, no bits set behind its "
             "length\n%s:3:3: \"fo?o? 1.2.3.4\", expected one prefix a line, no bits set behind "
             "its length\n",
             prefix_path, prefix_path);
    cr_assert_str_eq(text_str(&errors.lines), want);
    config_errors_done(&errors);
}

Test(config_file, a_folder_is_no_file_of_prefixes, .init = make_folder, .fini = remove_folder)
{
    struct config_errors errors;
    struct config *c = NULL;
    write_file(yaml_path, "networks: {a: {file: /dev/zero}, b: {file: /}}\n");
    config_errors_init(&errors, yaml_path);
    cr_assert_eq(config_load(&c, yaml_path, &errors), STATUS_MALFORMED);
    cr_assert_eq(errors.count, 2, "%s", text_str(&errors.lines));
    config_errors_done(&errors);
}

Test(config_file, the_option_goes_before_the_environment, .init = make_folder,
     .fini = remove_folder)
{
    cr_assert_eq(chdir(folder), 0);
    (void)unsetenv("WEIR_CONFIG");
    cr_assert_str_eq(config_find("x"), "x");
    cr_assert_str_eq(config_find(NULL), "./weir.yaml");
    (void)setenv("WEIR_CONFIG", "/else/where", 1);
    cr_assert_str_eq(config_find(NULL), "/else/where");
    cr_assert_str_eq(config_find("x"), "x");
}

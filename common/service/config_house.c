#include "common/service/config_read.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* The sections that all processes share: folders, log, Redis servers, shards; and the whole. */

enum { SLOTS = 64, PREFIX_LEN_MAX = 32, SERVERS_MAX = 64, SESSIONS_MAX = 1000 };

_Static_assert(sizeof(enum log_level) == sizeof(unsigned int), "read_choice writes an int");

static const char *const level_names[] = {"error", "warn", "info", "debug", NULL};
static const struct config_choices levels = {level_names, "error, warn, info or debug"};

static const struct config_key log_keys[] = {
    {"level", read_choice, offsetof(struct config, log_level), &levels, "info",
     "the least urgent lines that are written", 0},
};
static const struct config_section log_section = {"log", CONFIG_KEYS(log_keys),
                                                  sizeof(struct config), CONFIG_NO_POS, NULL};

static bool is_host_port(const char *text)
{
    struct ip_endpoint endpoint;
    uint64_t port = 0;
    if (text[0] == '[')
        return endpoint_parse(&endpoint, text) == STATUS_OK && endpoint.port > 0;
    size_t host_len = strcspn(text, ":");
    return host_len >= 1 && host_len <= 253 && text[host_len] == ':' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
               host_len &&
           text_parse_u64(&port, text + host_len + 1, UINT16_MAX) == STATUS_OK && port > 0;
}

static bool read_server_address(struct config_read *r, const struct config_key *key,
                                const struct config_node *node, void *ret_value)
{
    const char *text = node->text;
    if (node->kind == NODE_SCALAR && strncmp(text, "unix:/", 6) == 0) {
        if (strlen(text + 5) >= sizeof(((struct sockaddr_un *)0)->sun_path))
            return config_wrong(r, key, node, "a socket path of at most 107 octets");
    } else if (node->kind != NODE_SCALAR || !is_host_port(text)) {
        return config_wrong_address(r, key, node, "\"unix:/path\" or \"host:port\"");
    }
    memcpy(ret_value, &text, sizeof(text));
    return true;
}

static bool read_key_prefix(struct config_read *r, const struct config_key *key,
                            const struct config_node *node, void *ret_value)
{
    size_t len = node->kind == NODE_SCALAR ? strlen(node->text) : 0;
    bool ok = node->kind == NODE_SCALAR && len <= PREFIX_LEN_MAX;
    for (size_t i = 0; ok && i < len; i++)
        ok = isalnum((unsigned char)node->text[i]) || strchr(":._-", node->text[i]) != NULL;
    if (!ok)
        return config_wrong(r, key, node, "at most 32 of letters, digits and : . _ -");
    memcpy(ret_value, &node->text, sizeof(node->text));
    return true;
}

static bool read_folder_or_none(struct config_read *r, const struct config_key *key,
                                const struct config_node *node, void *ret_value)
{
    if (node->kind == NODE_SCALAR && strcmp(node->text, "none") == 0) {
        memset(ret_value, 0, sizeof(const char *));
        return true;
    }
    return read_path_part(r, key, node, ret_value);
}

static const struct config_range memory_range = {1 << 20, 1ULL << 44,
                                                 "a size from 1MiB to 16TiB with its unit"};

static const struct config_key telemetry_keys[] = {
    {"name", read_name, offsetof(struct config_redis_server, name), NULL, NULL,
     "what shards call it", CONFIG_REQUIRED},
    {"address", read_server_address, offsetof(struct config_redis_server, address), NULL, NULL,
     "\"unix:/path\" or \"host:port\"", CONFIG_REQUIRED},
    {"max_memory", read_size, offsetof(struct config_redis_server, max_memory_bytes), &memory_range,
     "512MiB", "its limit where `weir up` starts it", 0},
};
static const struct config_section telemetry_section = {
    "a telemetry server", CONFIG_KEYS(telemetry_keys), sizeof(struct config_redis_server),
    offsetof(struct config_redis_server, pos), NULL};
static const struct config_list telemetry_list = {
    {.read = read_section, .detail = &telemetry_section},
    sizeof(struct config_redis_server),
    1,
    SERVERS_MAX,
    "a list of servers",
    false};

static const struct config_key state_keys[] = {
    {"address", read_server_address, offsetof(struct config_redis_server, address), NULL, NULL,
     "\"unix:/path\" or \"host:port\"", 0},
    {"max_memory", read_size, offsetof(struct config_redis_server, max_memory_bytes), &memory_range,
     "256MiB", "its limit where `weir up` starts it", 0},
    {"sentinels", read_texts, 0, NULL, NULL, "addresses of Redis Sentinels", CONFIG_LATER},
    {"master", read_plain, 0, NULL, NULL, "the name that the sentinels know", CONFIG_LATER},
};
static const struct config_section state_section = {
    "the state server", CONFIG_KEYS(state_keys), sizeof(struct config_redis_server),
    offsetof(struct config_redis_server, pos), NULL};

static const struct config_key redis_keys[] = {
    {"prefix", read_key_prefix, offsetof(struct config, redis.prefix), NULL,
     "weir:", "in front of the name of every key", 0},
    {"password_dir", read_folder_or_none, offsetof(struct config, redis.password_dir), NULL,
     "secrets", "under state_dir: holds <user>.pw for each kind of process; none: no passwords", 0},
    {"telemetry", read_list, CONFIG_ARRAY_AT(struct config, redis.telemetry, redis.telemetry_count),
     &telemetry_list, NULL,
     "servers without persistence; left out: one at telemetry.sock in run_dir", 0},
    {"state", read_section, offsetof(struct config, redis.state), &state_section, "{}",
     "the server with what must not be lost; left out: at state.sock in run_dir", 0},
};
static const struct config_section redis_section = {"redis", CONFIG_KEYS(redis_keys),
                                                    sizeof(struct config), CONFIG_NO_POS, NULL};

static bool parse_slots(const char *text, uint64_t *ret_slots)
{
    char first_text[8];
    uint64_t first = 0, last = 0, slots = 0;
    size_t len = strcspn(text, "-");
    if (len >= sizeof(first_text))
        return false;
    memcpy(first_text, text, len);
    first_text[len] = '\0';
    if (text_parse_u64(&first, first_text, SLOTS - 1) != STATUS_OK)
        return false;
    last = first;
    if (text[len] == '-' && text_parse_u64(&last, text + len + 1, SLOTS - 1) != STATUS_OK)
        return false;
    for (uint64_t slot = first; slot <= last; slot++)
        slots |= 1ULL << slot;
    *ret_slots = slots;
    return slots != 0;
}

static bool read_slots(struct config_read *r, const struct config_key *key,
                       const struct config_node *node, void *ret_value)
{
    uint64_t all = 0;
    if (node->kind != NODE_LIST || node->count == 0)
        return config_wrong(r, key, node, "a list of slots such as [0-31, 40]");
    for (const struct config_node *n = node->first; n != NULL; n = n->next) {
        uint64_t slots = 0;
        if (n->kind != NODE_SCALAR || !parse_slots(n->text, &slots))
            return config_wrong(r, key, n, "a slot or a range of slots from 0 to 63, such as 0-31");
        if ((all & slots) != 0)
            return config_wrong(r, key, n, "each slot once");
        all |= slots;
    }
    memcpy(ret_value, &all, sizeof(all));
    return true;
}

static bool read_telemetry_name(struct config_read *r, const struct config_key *key,
                                const struct config_node *node, void *ret_value)
{
    const char *name = NULL;
    if (!read_name(r, key, node, &name))
        return false;
    config_refer(r, KIND_TELEMETRY, key, node, ret_value);
    return true;
}

static const struct config_key shard_keys[] = {
    {"name", read_name, offsetof(struct config_shard, name), NULL, NULL,
     "part of the names of its streams", CONFIG_REQUIRED},
    {"slots", read_slots, offsetof(struct config_shard, slots), NULL, NULL,
     "which of the slots 0 to 63 it holds", CONFIG_REQUIRED},
    {"telemetry", read_telemetry_name, offsetof(struct config_shard, telemetry), NULL, NULL,
     "the server of its streams; left out: the first", 0},
    {"aggregator", read_name, offsetof(struct config_shard, aggregator), NULL, NULL,
     "the aggregator that owns it; left out: aggregator.name", 0},
};
static const struct config_section shard_section = {"a shard", CONFIG_KEYS(shard_keys),
                                                    sizeof(struct config_shard),
                                                    offsetof(struct config_shard, pos), NULL};
static const struct config_list shard_list = {{.read = read_section, .detail = &shard_section},
                                              sizeof(struct config_shard),
                                              1,
                                              SLOTS,
                                              "a list of shards",
                                              false};

static const struct config_list session_ends = {
    {.read = read_addr}, sizeof(struct ip_addr), 2, 2, "a pair of addresses", false};
static bool read_session(struct config_read *r, const struct config_key *key,
                         const struct config_node *node, void *ret_value)
{
    struct config_array ends;
    struct config_session *session = ret_value;
    if (!read_list(r, key, node, &ends))
        return false;
    memcpy(session->ends, ends.items, sizeof(session->ends));
    if (session->ends[0].family != session->ends[1].family ||
        addr_equal(&session->ends[0], &session->ends[1]))
        config_error(r->errors, node->pos,
                     "%s: a session of %s, expected two different addresses of one family",
                     key->name,
                     session->ends[0].family != session->ends[1].family ? "two families"
                                                                        : "an address with itself");
    return true;
}

static const struct config_list sessions = {{.read = read_session, .detail = &session_ends},
                                            sizeof(struct config_session),
                                            0,
                                            SESSIONS_MAX,
                                            "a list of pairs of addresses",
                                            false};

static const struct config_key test_rule_keys[] = {
    {"ipv4", read_prefix, 0, NULL, NULL, "the one IPv4 destination of the test rule", 0},
    {"ipv6", read_prefix, 0, NULL, NULL, "the one IPv6 destination of the test rule", 0},
};
static const struct config_section test_rule_section = {
    "test_rule", CONFIG_KEYS(test_rule_keys), sizeof(struct ip_prefix), CONFIG_NO_POS, NULL};

#define AT(member) offsetof(struct config, member)
#define ARRAY(items, count) CONFIG_ARRAY_AT(struct config, items, count)

static const struct config_key house_keys[] = {
    {"state_dir", read_path, AT(state_dir), NULL, "/var/lib/weir",
     "journals, snapshots and the files of the Redis servers that `weir up` starts", 0},
    {"run_dir", read_path, AT(run_dir), NULL, "/run/weir", "Unix sockets", 0},
    {"log", read_section, 0, &log_section, "{}", "what is written to stderr", 0},
    {"dry_run", read_bool, AT(dry_run), NULL, "true", "everything is done, nothing is announced",
     0},
    {"listen", read_addr, AT(listen), NULL, "127.0.0.1", "address of /metrics and /healthz", 0},
    {"redis", read_section, 0, &redis_section, "{}", "the Redis servers", 0},
    {"shards", read_list, ARRAY(shards, shard_count), &shard_list, NULL,
     "which aggregator and server holds which slots; left out: one shard s0 with all", 0},
    {"networks", read_networks, ARRAY(networks, network_count), NULL, NULL,
     "named sets of prefixes: what is ours", 0},
    {"protected", read_prefixes, ARRAY(is_protected.items, is_protected.count), NULL, NULL,
     "never a destination of a rule", 0},
    {"protected_sources", read_prefixes, 0, NULL, "[]", "traffic from these counts as collateral",
     CONFIG_LATER},
    {"infrastructure", read_prefixes, ARRAY(infrastructure.items, infrastructure.count), NULL, NULL,
     "router loopbacks, links, management: never a destination of a rule", 0},
    {"bgp_sessions", read_list, ARRAY(sessions, session_count), &sessions, NULL,
     "pairs of addresses with a BGP session: no rule may cut it", 0},
    {"test_rule", read_section, 0, &test_rule_section, "{}",
     "the one rule that may be announced to try a peer", CONFIG_LATER},
    {"exporters", read_exporters, ARRAY(exporters, exporter_count), NULL, NULL,
     "who may send flow records; left out: everyone, and then dry run cannot be left", 0},
    {"collector", read_section, AT(collector), &collector_section, "{}", "receives and counts", 0},
    {"aggregator", read_section, AT(aggregator), &aggregator_section, "{}", "makes rates of counts",
     0},
    {"policy", read_section, AT(policy), &policy_process_section, "{}",
     "makes mitigations of rates", 0},
    {"speaker", read_section, AT(speaker), &speaker_section, "{}",
     "makes BGP routes of mitigations", 0},
    {"console", read_switched_off, 0, &console_section, NULL, "the web page", 0},
    {"profiles", read_list, ARRAY(profiles, profile_count), &profile_list, NULL,
     "router profiles of your own", 0},
    {"peers", read_list, ARRAY(peers, peer_count), &peer_list, NULL, "BGP neighbours", 0},
    {"platforms", read_platforms, ARRAY(platforms, platform_count), NULL, NULL, "groups of peers",
     0},
    {"policies", read_list, ARRAY(policies, policy_count), &policy_list, NULL, "what is an attack",
     0},
    {"methods", read_list, ARRAY(methods, method_count), &method_list, NULL,
     "what is done against one", 0},
    {"vectors", read_vectors, 0, NULL, "{}", "actions against attacks by their name", CONFIG_LATER},
    {"notifications", read_list, 0, &notification_list, "[]", "who is told", CONFIG_LATER},
};

/* What is left out and depends on other keys. */
static void finish_house(struct config_read *r, const struct config_node *node, void *value)
{
    struct config *c = value;
    (void)node;
    if (c->run_dir == NULL || c->state_dir == NULL)
        return; /* memory ran out */
    if (c->redis.password_dir != NULL && c->redis.password_dir[0] != '/')
        c->redis.password_dir =
            arena_format(r->arena, "%s/%s", c->state_dir, c->redis.password_dir);
    struct config_redis_server *state = &c->redis.state;
    state->name = "state";
    if (state->address == NULL)
        state->address = arena_format(r->arena, "unix:%s/state.sock", c->run_dir);
    if (c->redis.telemetry_count == 0) {
        c->redis.telemetry = arena_take(r->arena, sizeof(*c->redis.telemetry));
        if (c->redis.telemetry == NULL)
            return;
        *c->redis.telemetry = (struct config_redis_server){
            .name = "t1",
            .address = arena_format(r->arena, "unix:%s/telemetry.sock", c->run_dir),
            .max_memory_bytes = 512ULL << 20};
        c->redis.telemetry_count = 1;
    }
    if (c->shard_count == 0) {
        c->shards = arena_take(r->arena, sizeof(*c->shards));
        if (c->shards == NULL)
            return;
        *c->shards = (struct config_shard){.name = "s0", .slots = UINT64_MAX};
        c->shard_count = 1;
    }
    for (size_t i = 0; i < c->shard_count; i++)
        if (c->shards[i].aggregator == NULL)
            c->shards[i].aggregator = c->aggregator.name;
}

const struct config_section house_section = {"the configuration", CONFIG_KEYS(house_keys),
                                             sizeof(struct config), CONFIG_NO_POS, finish_house};

#ifndef COMMON_SERVICE_CONFIG_H
#define COMMON_SERVICE_CONFIG_H

#include "common/base/addr.h"
#include "common/base/communities.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * weir.yaml as values. The reader knows every key: its type, unit, range and default; what it
 * cannot judge alone (rule text, counts, what `infer` may stand for) common/model judges, with the
 * positions kept here. A loaded config is never changed; a reload makes a new one.
 *
 *   config_load_judged() with model_check → struct config, or a list of every error → use
 *   → config_free()
 *
 * A judge also gets a config that was read only in part, so that one run says all that is wrong.
 * What was wrong is then absent: no text, no address, CONFIG_UNKNOWN for an index. Its section is
 * `flawed`; nothing follows from what a flawed section lacks, as why it lacks that was said.
 */

/* Where a value stands in the file: 1-based; line 0 means it was not written and is the default. */
struct config_pos {
    uint32_t line, column;
};

/* An index into another list of the config that does not lead anywhere; never in a whole one. */
#define CONFIG_UNKNOWN SIZE_MAX

/* A scalar kept as text for a later judge. */
struct config_text {
    const char *value; /* NULL: not given, or wrong */
    struct config_pos pos;
};

struct config_texts {
    struct config_text *items;
    size_t count;
};

struct config_errors {
    struct text lines; /* "weir.yaml:12:7: …, expected …\n" each */
    const char *file;
    size_t count;
    struct config_mark *marks; /* of config_errors.c: keeps the lines in the order of the file */
};
void config_errors_init(struct config_errors *errors, const char *file);
void config_errors_done(struct config_errors *errors);
void config_error(struct config_errors *errors, struct config_pos pos, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct config_redis_server {
    const char *name;    /* telemetry only; "state" for state */
    const char *address; /* "unix:/path" or "host:port" */
    uint64_t max_memory_bytes;
    struct config_pos pos;
};

struct config_shard {
    const char *name;
    uint64_t slots;         /* bit i: slot i of 64 is in this shard */
    size_t telemetry;       /* index into redis.telemetry */
    const char *aggregator; /* name of the one that owns it */
    struct config_pos pos;
};

struct config_prefixes {
    struct ip_prefix *items;
    size_t count;
};

struct config_network {
    const char *name;
    struct config_prefixes prefixes;
    bool ours;
    struct config_pos pos;
};

struct config_exporter {
    struct ip_prefix address;  /* a host or a prefix */
    const char *name;          /* NULL: none */
    uint32_t sampling;         /* operator's override; 0: from the stream */
    uint32_t default_sampling; /* if the stream never says; 0: none */
    uint32_t *boundary;        /* input interfaces that count; none: all */
    size_t boundary_count;
    uint64_t active_timeout_ms;
    uint64_t max_rate_bps; /* 0: no limit */
    struct config_pos pos;
};

struct config_collector {
    const char *name;
    struct ip_endpoint *udp;
    size_t udp_count;
    uint32_t workers; /* 0: one a core */
    uint64_t receive_buffer_bytes, template_timeout_ms;
    uint16_t metrics_port;
    struct {
        double urgent_share; /* 0.1 for 10 % */
        uint64_t every_ms;
        uint32_t max_rows;
    } flush;
    struct {
        uint64_t max_keys;
        uint8_t ipv6_host_len; /* 128 or 64 */
    } tally;
    struct {
        uint32_t exporters, domains_per_exporter, templates_per_domain, fields_per_template,
            samplers_per_domain, sources_per_domain, flow_totals, interfaces_per_exporter;
        uint64_t hold_back_bytes, memory_bytes;
    } limits;
    struct {
        bool enabled;
        const char *dir; /* full path */
        uint64_t max_size_bytes, max_age_ms;
        uint64_t file_ms; /* that one file covers */
    } archive;
    struct {
        bool enabled;
        uint64_t memory_bytes, keep_ms;
        uint32_t cap_per_destination;
    } recall;
};

struct config_aggregator {
    const char *name;
    uint16_t metrics_port;
    uint64_t max_keys;
};

struct config_policy_process {
    const char *name;
    uint16_t metrics_port;
    uint64_t lease_ms, freeze_max_ms;
    struct {
        uint32_t rules_per_target, rules_per_minute, blackholed_hosts, reserve_at_least;
        double blackholed_share, reserve_share;
    } budgets;
    uint64_t audit_keep_ms;
};

enum config_shutdown { SHUTDOWN_KEEP, SHUTDOWN_WITHDRAW };
enum config_units { UNITS_BITS, UNITS_BYTES }; /* a second */

/* The second way out. */
struct config_exabgp {
    bool enabled;
    size_t peer;       /* which goes out through it */
    const char *pipes; /* its named pipes, without .in and .out; NULL: it runs us */
};

struct config_speaker {
    const char *name;
    struct ip_addr router_id; /* IPv4; family 0: not given */
    uint32_t local_as;        /* 0: not given */
    struct config_pos pos;    /* of the section */
    struct ip_endpoint *listen;
    size_t listen_count;
    uint16_t metrics_port;
    const char *socket;  /* full path */
    const char *journal; /* full path */
    uint64_t orphan_max_ms;
    enum config_shutdown shutdown;
    struct {
        bool enabled;
        const char *path;        /* full path */
        enum config_units units; /* of a bare rate-limit */
        uint64_t default_ttl_ms;
    } adapter;
    struct config_exabgp exabgp;
};

enum config_family {
    FAMILY_FLOW4 = 1,
    FAMILY_FLOW6 = 2,
    FAMILY_UNICAST4 = 4,
    FAMILY_UNICAST6 = 8
}; /* bits */
enum config_connect { CONNECT_ACTIVE, CONNECT_PASSIVE, CONNECT_BOTH };

enum config_order { ORDER_OF_BASE, ORDER_RFC, ORDER_DRAFT6 };
enum config_need { NEED_OF_BASE, NEED_YES, NEED_NO };
enum config_redirect { REDIRECT_OF_BASE, REDIRECT_BY_NEXT_HOP };

/* A router profile of one's own: what differs from another. */
struct config_profile {
    const char *name;
    struct config_text based_on;
    uint32_t max_routes;                  /* 0: as that one */
    uint64_t min_rate_bps, rate_step_bps; /* 0: as that one */
    enum config_order order;
    enum config_need destination_required;
    enum config_redirect redirect_to_ip;
    struct config_pos pos;
};

struct config_peer {
    const char *name;
    struct ip_prefix address; /* of a host, or whoever connects from there is a neighbour */
    uint16_t port;
    uint32_t remote_as;
    struct ip_addr local_address; /* family 0: the kernel's choice */
    struct config_text profile;   /* name of a router profile */
    unsigned int families;        /* FAMILY_* */
    enum config_connect connect;
    uint64_t hold_ms, connect_retry_ms, graceful_restart_ms;
    uint32_t updates_per_second, max_routes;
    bool no_export;
    uint32_t local_preference;
    uint16_t multihop, gtsm_hops; /* 0: none */
    const char *device;           /* NULL: none */
    uint32_t max_sessions;        /* of an address that is no host's */
    const char *password_file;    /* NULL: none */
    struct config_pos pos;
};

/* What one speaker has: bits of a word say which peers a route is for. */
enum { CONFIG_PEERS_MAX = 64, CONFIG_PEER_PREFIXES_MAX = 64 };

/* Its neighbours are those that connect from a prefix, each its own peer NAME@ADDRESS. */
bool config_peer_is_dynamic(const struct config_peer *peer);

struct config_platform {
    const char *name;
    size_t *peers; /* indices into peers */
    size_t peer_count;
    uint32_t max_rules;
    uint8_t widest4, widest6;
    uint32_t mtu_bytes;
    unsigned int families; /* FAMILY_* */
    bool dry_run;
    struct config_pos pos;
};

enum config_severity {
    SEVERITY_NOTICE,
    SEVERITY_MINOR,
    SEVERITY_MAJOR,
    SEVERITY_CRITICAL,
    SEVERITY_EMERGENCY,
    SEVERITY_COUNT
};
const char *config_severity_name(enum config_severity s);

struct config_step {
    size_t method; /* index into methods */
    struct config_pos pos;
};

enum { THRESHOLD_RATES_MAX = 3 };
enum config_rate_kind { RATE_BPS, RATE_PPS, RATE_FPS };

struct config_threshold {
    enum config_severity severity;
    bool all; /* false: any of the rates */
    struct {
        enum config_rate_kind kind;
        uint64_t limit; /* bits/s, packets/s, flows/s */
    } rates[THRESHOLD_RATES_MAX];
    size_t rate_count;
    double confidence;  /* 0.95; 0: the estimate itself */
    uint64_t for_ms;    /* must stay over for this long */
    double clear_below; /* share of the limit */
    uint64_t clear_after_ms;
    struct config_step *mitigate;
    size_t mitigate_count;
    struct config_pos pos;
};

struct config_where {
    struct config_text field;   /* "protocol" */
    struct config_texts values; /* "udp", "!tcp", "customers" */
};

struct config_policy {
    const char *name;
    struct config_text direction;
    struct config_where *where;
    size_t where_count;
    struct config_texts key;
    uint64_t window_ms;
    struct config_threshold *thresholds;
    size_t threshold_count;
    bool dry_run;
    bool flawed;
    struct config_pos pos;
};

/* A match part of a method: groups are ANDed, a list is ORed, a nested list in it ANDed. */
struct config_match {
    struct config_text field;          /* "source_port" */
    struct config_texts *alternatives; /* each an AND of texts: "udp", ">=500", "infer" */
    size_t alternative_count;
    bool enabled;
    bool flawed;
};

enum config_action { ACTION_DISCARD, ACTION_RATE_LIMIT };

/* A blackhole or a diversion: a route of unicast instead of a rule. */
struct config_communities {
    struct community *items;
    size_t count;
    bool given;
};
struct config_route_peer {
    size_t peer;                         /* index into peers */
    struct ip_addr next_hop4, next_hop6; /* family 0: the method's */
    struct config_communities communities;
    uint8_t exported; /* enum route_export */
};
struct config_route {
    uint8_t kind;                        /* enum route_kind; ROUTE_FLOWSPEC: none */
    struct ip_addr next_hop4, next_hop6; /* family 0: not for this family */
    struct config_communities communities;
    struct config_route_peer *peers; /* what differs for them */
    size_t peer_count;
    unsigned int prefix; /* what is diverted: hosts alone */
};

struct config_method {
    const char *name;
    struct config_match *match;
    size_t match_count;
    struct {
        enum config_action kind;
        uint64_t rate_bps; /* bits/s a router, or in all when total */
        bool total;
        struct config_pos pos;
    } action;
    struct config_route route;
    bool automatic; /* needs no approval as a step */
    bool sample, terminal;
    bool allows_spoofable_source;
    size_t *platforms; /* indices; none given: all */
    size_t platform_count;
    bool withdraw_manual;
    uint64_t withdraw_after_ms, lease_ms, max_duration_ms; /* max_duration 0: none */
    bool dry_run;
    bool flawed;
    struct config_pos pos;
};

/* A BGP session between two routers, either of which may have opened it. */
struct config_session {
    struct ip_addr ends[2];
};

struct config {
    bool has_gaps; /* syntax errors left parts out: nothing follows from what is not there */
    bool networks_flawed, exporters_flawed, platforms_flawed;
    const char *file; /* path it was read from */
    char hash[17];    /* of the file's bytes, hex; shown by weir status */
    const char *state_dir, *run_dir;
    enum log_level log_level;
    bool dry_run;
    struct ip_addr listen;
    struct {
        const char *prefix, *password_dir; /* password_dir NULL: no passwords */
        struct config_redis_server *telemetry;
        size_t telemetry_count;
        struct config_redis_server state;
    } redis;
    struct config_shard *shards;
    size_t shard_count;
    struct config_network *networks;
    size_t network_count;
    struct config_prefixes is_protected, infrastructure;
    struct config_session *sessions;
    size_t session_count;
    struct config_exporter *exporters;
    size_t exporter_count;
    struct config_collector collector;
    struct config_aggregator aggregator;
    struct config_policy_process policy;
    struct config_speaker speaker;
    struct config_profile *profiles;
    size_t profile_count;
    struct config_peer *peers;
    size_t peer_count;
    struct config_platform *platforms;
    size_t platform_count;
    struct config_policy *policies;
    size_t policy_count;
    struct config_method *methods;
    size_t method_count;
    struct config_arena *arena; /* owns every string and array above */
};

/* Judges what the reader cannot, also in a config that was read only in part; adds to errors. */
typedef void config_judge(const struct config *config, struct config_errors *errors);

/*
 * Reads and checks a whole file; the judge (NULL: none) is asked once. On failure errors holds all
 * of them, at least one, and nothing else is written.
 */
enum status config_load_judged(struct config **ret_config, const char *path, config_judge *judge,
                               struct config_errors *errors);
/* The same from memory; `name` is what errors call it. Relative paths are of the current folder. */
enum status config_parse_judged(struct config **ret_config, const char *bytes, size_t len,
                                const char *name, config_judge *judge,
                                struct config_errors *errors);
/* Both without a judge. */
enum status config_load(struct config **ret_config, const char *path, struct config_errors *errors);
enum status config_parse(struct config **ret_config, const char *bytes, size_t len,
                         const char *name, struct config_errors *errors);
void config_free(struct config *config);

/* How many shards are on a telemetry server, of all aggregators. */
size_t config_shards_on(const struct config *config, size_t telemetry);

/* FILE of --config, else $WEIR_CONFIG, ./weir.yaml, /etc/weir/weir.yaml. NULL: none is there. */
const char *config_find(const char *option);

#endif

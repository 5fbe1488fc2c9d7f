#ifndef COMMON_MODEL_MODEL_H
#define COMMON_MODEL_MODEL_H

#include "common/base/lpm.h"
#include "common/service/config.h"
#include "flowspec/guard.h"
#include "flowspec/profile.h"
#include "proto/count.h"
#include "proto/flow.h"

/*
 * The configuration made into what processes compute with: counts, networks, method templates,
 * exporters. Also the judge of everything in the file that the reader cannot judge alone.
 *
 * A filter (`where`) lets a flow pass when each of its fields does; a field passes when no negated
 * value matches and, if it has values that are not negated, one of them matches. Numbers match
 * exactly (tcp_flags: these flags and no others), addresses and networks by their prefixes. A flow
 * that lacks the field does not pass.
 */

/* --- counts: what all policies together want counted ------------------------------------------ */

struct model_window {
    uint32_t window_ms;
    /* The lowest limit any threshold of this count and window has; infinity where none: per second.
     */
    double lowest_bytes, lowest_packets, lowest_flows;
    double clear_below; /* the lowest share of its limit that any of those thresholds clears at */
};

enum { MODEL_WINDOWS_MAX = 16 };

struct model_count {
    uint64_t id;
    struct count_spec spec;
    struct model_window windows[MODEL_WINDOWS_MAX]; /* rising, unique */
    size_t window_count;
    /* Lowest limit × its window over all windows: volumes that an urgent flush compares with. */
    double urgent_bytes, urgent_packets, urgent_flows;
    char label[128]; /* "incoming dst_addr where protocol=udp" */
};

/* --- networks ----------------------------------------------------------------------------------
 */

struct model_networks {
    struct lpm *ours; /* every prefix of `networks` → index of the network that labels it; what
                         direction and guard are relative to */
    const struct lpm *label; /* the same table, for the value of dst_network in a key */
    uint64_t *ids;           /* of each network, by its contents: that value (prefixes_id) */
    size_t count;
    double hosts4, hosts6; /* of our own space: addresses, and networks of /64 */
};

/* --- methods: a rule with holes -----------------------------------------------------------------
 */

enum { MODEL_COMMUNITIES_MAX = 16 };

struct model_method {
    const struct config_method *config;
    bool infer_destination, infer_source, infer_protocol, infer_source_port, infer_destination_port;
    struct flow_rule rule4, rule6; /* the fixed parts, simplified, for each family */
    bool takes4, takes6;           /* the template can be said in this family */
};

/* --- router profiles of one's own --------------------------------------------------------------
 */

struct model_profile {
    char name[65];
    struct router_profile profile; /* its name is the one above */
};

struct model {
    const struct config *config; /* must outlive the model */
    struct model_count *counts;
    size_t count_count;
    size_t *policy_count; /* index of each policy's count, in the order of config->policies */
    struct model_networks networks;
    struct model_method *methods; /* in the order of config->methods */
    size_t method_count;
    struct model_profile *profiles;
    size_t profile_count;
    struct lpm *exporters; /* prefix → index into config->exporters; none listed: NULL */
    struct ip_prefix *infrastructure; /* the file's, and peers, and exporters that are hosts */
    size_t infrastructure_count;
    struct guard_session *sessions; /* the file's bgp_sessions */
};

/* Everything that the reader could not judge: adds to errors, gives NULL when there are any. The
 * config is a whole one. */
struct model *model_new(const struct config *config, struct config_errors *errors);
void model_free(struct model *model);
/* A config_judge: judges only, and as much as can be of a config that was read only in part. */
void model_check(const struct config *config, struct config_errors *errors);

/* The entry of the list of exporters that an address falls under, the narrowest; NULL: none. */
const struct config_exporter *model_exporter(const struct model *model, const struct ip_addr *addr);
/* It is listed by its own address, so nobody else falls under its entry. */
bool model_is_host(const struct config_exporter *exporter);
const struct model_count *model_count_by_id(const struct model *model, uint64_t id);
/* The name of the network with this id, as keys hold it; NULL: none here has these contents. */
const char *model_network_name(const struct model *model, uint64_t id);
/* incoming, outgoing, internal, transit, by both addresses against the networks that are ours. */
enum direction model_direction(const struct model *model, const struct flow_record *flow);

/*
 * The rule of a method for a key: holes filled from the key. REFUSED, with why, where the key lacks
 * what is inferred or the template cannot be said in the key's family. `given` overrides (a
 * person's --destination) what is inferred and may narrow what is fixed; NULL: none. spec and key
 * may be NULL where everything is given. routers: how many share a total rate limit.
 */
struct model_given {
    bool has_destination, has_source;
    struct ip_prefix destination, source;
};
enum status model_method_rule(const struct model_method *method, const struct count_spec *spec,
                              const struct flow_key *key, const struct model_given *given,
                              uint32_t routers, struct flow_rule *ret_rule,
                              struct flow_actions *ret_actions, struct rule_error *ret_error);

/* What a blackhole or diversion has of its own beside the prefix. */
struct model_route {
    uint8_t kind;                   /* enum route_kind */
    struct communities communities; /* lent, of what follows */
    uint8_t standard[MODEL_COMMUNITIES_MAX][COMMUNITY_STANDARD_LEN];
    uint8_t extended[MODEL_COMMUNITIES_MAX][COMMUNITY_LEN];
    uint8_t large[MODEL_COMMUNITIES_MAX][COMMUNITY_LARGE_LEN];
    uint8_t next_hop[NEXT_HOP_LEN_MAX];
};
/* As the method says for a family; next_hop not NULL: that one instead. The route does not move. */
void model_route_make(const struct config_route *config, enum addr_family family,
                      const struct ip_addr *next_hop, struct model_route *ret_route);
/* What differs for this peer in a method of that name, or NULL. */
const struct config_route_peer *model_route_peer(const struct config *config, const char *method,
                                                 const char *peer);
/* The route as that peer gets it. */
void model_route_differ(const struct communities *whole, const struct config_route_peer *differs,
                        enum addr_family family, struct model_route *ret_route);

/* The router profile of that name (NULL: generic), which lives as long as the model; NULL: none. */
const struct router_profile *model_profile(const struct model *model, const char *name);

/* The guard's context for a platform (NULL: the narrowest of all); standing rules are the caller's.
 */
void model_guard_context(const struct model *model, const struct config_platform *platform,
                         struct guard_context *ret_context);

#endif

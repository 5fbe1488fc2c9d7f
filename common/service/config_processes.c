#include "common/service/config_read.h"

#include <stddef.h>

/* The sections that one kind of process reads for itself: aggregator, policy, speaker, console. */

_Static_assert(sizeof(enum config_shutdown) == sizeof(unsigned int), "read_choice writes an int");

static const struct config_range port_or_none = {0, UINT16_MAX,
                                                 "a port from 1 to 65535, or 0 for none"};
static const struct config_range keys_range = {1000, 100 * 1000 * 1000ULL,
                                               "a count from 1000 to 100M"};
/* Policy remembers as many starts. */
static const struct config_range a_minute = {1, 1000, "a number from 1 to 1000"};
static const struct config_range some = {1, 1000 * 1000, "a number from 1 to 1000000"};
static const struct config_range some_or_none = {0, 1000 * 1000, "a number from 0 to 1000000"};
static const struct config_range seconds_to_days = {1000, 30 * 86400 * 1000ULL,
                                                    "a duration from 1s to 30d"};
static const struct config_share_range any_share = {0, 1, "a share from 0% to 100%"};

#define AT(member) offsetof(struct config_aggregator, member)
static const struct config_key aggregator_keys[] = {
    {"name", read_name, AT(name), NULL, "a1", "what shards call it", 0},
    {"metrics_port", read_u16, AT(metrics_port), &port_or_none, "9402",
     "port of /metrics and /healthz; 0: none", 0},
    {"max_keys", read_count, AT(max_keys), &keys_range, "1000000", "keys that it keeps rates of",
     0},
    {"baselines", read_count, 0, &keys_range, "0", "keys that it learns a baseline of",
     CONFIG_LATER},
};
#undef AT
const struct config_section aggregator_section = {"aggregator", CONFIG_KEYS(aggregator_keys),
                                                  sizeof(struct config_aggregator), CONFIG_NO_POS,
                                                  NULL};

#define AT(member) offsetof(struct config_policy_process, member)
static const struct config_key reserve_keys[] = {
    {"share", read_share, AT(budgets.reserve_share), &any_share, "10%",
     "share of a platform's rules that is kept for people", 0},
    {"at_least", read_u32, AT(budgets.reserve_at_least), &some_or_none, "5", "rules kept at least",
     0},
};
static const struct config_section reserve_section = {"reserve", CONFIG_KEYS(reserve_keys),
                                                      sizeof(struct config_policy_process),
                                                      CONFIG_NO_POS, NULL};
static const struct config_key budget_keys[] = {
    {"rules_per_target", read_u32, AT(budgets.rules_per_target), &some, "4",
     "rules against one target", 0},
    {"rules_per_minute", read_u32, AT(budgets.rules_per_minute), &a_minute, "60",
     "new rules a minute", 0},
    {"blackholed_hosts", read_u32, AT(budgets.blackholed_hosts), &some, "16",
     "hosts that may get nothing at all: a discard of all that goes to them", 0},
    {"blackholed_share", read_share, AT(budgets.blackholed_share), &any_share, "1%",
     "share of own space, a family, that may get nothing at all; one host always may; 0%: no limit",
     0},
    {"reserve", read_section, 0, &reserve_section, "{}", "rules that automatic ones leave free", 0},
};
static const struct config_section budget_section = {
    "budgets", CONFIG_KEYS(budget_keys), sizeof(struct config_policy_process), CONFIG_NO_POS, NULL};
static const struct config_range keep_range = {86400 * 1000ULL, 3650 * 86400 * 1000ULL,
                                               "a duration from 1d to 3650d"};
static const struct config_key audit_keys[] = {
    {"keep", read_duration, AT(audit_keep_ms), &keep_range, "90d", "how long entries stay", 0},
};
static const struct config_section audit_section = {
    "audit", CONFIG_KEYS(audit_keys), sizeof(struct config_policy_process), CONFIG_NO_POS, NULL};
static const struct config_range lease_range = {300, 60 * 1000, "a duration from 300ms to 60s"};
static const struct config_range decide_range = {10, 5000, "a duration from 10ms to 5s"};

static const struct config_key policy_process_keys[] = {
    {"name", read_name, AT(name), NULL, "p1", "unique among policy processes", 0},
    {"metrics_port", read_u16, AT(metrics_port), &port_or_none, "9403",
     "port of /metrics and /healthz; 0: none", 0},
    {"lease", read_duration, AT(lease_ms), &lease_range, "1500ms",
     "how long it leads without renewal; it stops acting at two thirds", 0},
    {"decide_within", read_duration, 0, &decide_range, "80ms", "how long a decision may take",
     CONFIG_LATER},
    {"freeze_max", read_duration, AT(freeze_max_ms), &seconds_to_days, "10m",
     "how long an alarm stays frozen before it is stale", 0},
    {"approval_timeout", read_duration, 0, &seconds_to_days, "15m",
     "how long a proposed mitigation waits for a person", CONFIG_LATER},
    {"budgets", read_section, 0, &budget_section, "{}", "how many rules there may be", 0},
    {"audit", read_section, 0, &audit_section, "{}", "the record of who did what", 0},
};
#undef AT
const struct config_section policy_process_section = {"policy", CONFIG_KEYS(policy_process_keys),
                                                      sizeof(struct config_policy_process),
                                                      CONFIG_NO_POS, NULL};

static const struct config_list listen_list = {{.read = read_endpoint},
                                               sizeof(struct ip_endpoint),
                                               0,
                                               64,
                                               "a list of addresses with ports",
                                               false};
static const char *const shutdown_names[] = {"keep", "withdraw", NULL};
static const struct config_choices shutdowns = {shutdown_names, "keep or withdraw"};
static const char *const unit_names[] = {"bits", "bytes", NULL};
static const struct config_choices units = {unit_names, "bits or bytes"};
static const struct config_range as_range = {1, UINT32_MAX - 1,
                                             "an AS number from 1 to 4294967294"};

/* Sections that are read only to be found switched off; their values are kept nowhere. */
static const struct config_key console_keys[] = {
    {"enabled", read_bool, 0, NULL, NULL, "whether it is there", 0},
    {"http", read_endpoint, 0, NULL, NULL, "where it listens", 0},
    {"tokens_file", read_path, 0, NULL, NULL, "who may come in", 0},
};
const struct config_section console_section = {
    "console", CONFIG_KEYS(console_keys), sizeof(struct ip_endpoint) + 16, CONFIG_NO_POS, NULL};

#define AT(member) offsetof(struct config_speaker, member)
static const struct config_key adapter_keys[] = {
    {"enabled", read_bool, AT(adapter.enabled), NULL, "false", "whether it is there", 0},
    {"path", read_path_part, AT(adapter.path), NULL, "adapter.sock", "under run_dir", 0},
    {"units", read_choice, AT(adapter.units), &units, "bits",
     "what a bare rate-limit counts, a second", 0},
    {"default_ttl", read_duration, AT(adapter.default_ttl_ms), &seconds_to_days, "10m",
     "how long a rule stays that names no time; for policy, without which a rule has to name one",
     0},
};
static const struct config_section adapter_section = {"adapter_socket", CONFIG_KEYS(adapter_keys),
                                                      sizeof(struct config_speaker), CONFIG_NO_POS,
                                                      NULL};
static const struct config_key exabgp_keys[] = {
    {"enabled", read_bool, AT(exabgp.enabled), NULL, "false",
     "whether a peer's routes go to ExaBGP", 0},
    {"peer", read_peer_index, AT(exabgp.peer), NULL, NULL,
     "the peer whose routes they are; they reach all neighbours of ExaBGP's process", 0},
    {"pipes", read_path, AT(exabgp.pipes), NULL, NULL,
     "ExaBGP's named pipes, without .in and .out; left out: ExaBGP runs the speaker", 0},
};

static void finish_exabgp(struct config_read *r, const struct config_node *node, void *value)
{
    struct config_speaker *speaker = value;
    const struct config_node *peer = node_child(node, "peer");
    if (peer == NULL && speaker->exabgp.enabled)
        config_error(r->errors, node->pos, "exabgp: without \"peer\", expected the name of one");
}

static const struct config_section exabgp_section = {"exabgp", CONFIG_KEYS(exabgp_keys),
                                                     sizeof(struct config_speaker), CONFIG_NO_POS,
                                                     finish_exabgp};
static const struct config_key speaker_keys[] = {
    {"name", read_name, AT(name), NULL, "sp1", "unique among speakers", 0},
    {"router_id", read_addr4, AT(router_id), NULL, NULL,
     "its BGP identifier, an IPv4 address; needed where there are peers", 0},
    {"local_as", read_u32, AT(local_as), &as_range, NULL,
     "its AS number; needed where there are peers", 0},
    {"listen", read_list, CONFIG_ARRAY_AT(struct config_speaker, listen, listen_count),
     &listen_list, "[]", "where it takes sessions", 0},
    {"metrics_port", read_u16, AT(metrics_port), &port_or_none, "9404",
     "port of /metrics and /healthz; 0: none", 0},
    {"socket", read_path_part, AT(socket), NULL, "speaker.sock",
     "under run_dir: the way out when all else is down", 0},
    {"adapter_socket", read_section, 0, &adapter_section, "{}", "takes rules as JSON", 0},
    {"journal", read_path_part, AT(journal), NULL, "speaker.journal",
     "under state_dir: what stands, over a restart", 0},
    {"orphan_max", read_duration, AT(orphan_max_ms), &seconds_to_days, "4h",
     "how long routes stand without policy or state server", 0},
    {"shutdown", read_choice, AT(shutdown), &shutdowns, "keep",
     "what becomes of the routes when it ends", 0},
    {"exabgp", read_section, 0, &exabgp_section, "{}", "the second way out", 0},
};
#undef AT
const struct config_section speaker_section = {"speaker", CONFIG_KEYS(speaker_keys),
                                               sizeof(struct config_speaker),
                                               offsetof(struct config_speaker, pos), NULL};

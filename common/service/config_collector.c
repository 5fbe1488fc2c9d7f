#include "common/service/config_read.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

/* The sections `collector` and `exporters`. */

enum { EXPORTERS_MAX = 10000, BOUNDARIES_MAX = 10000 };

static const struct config_range port_or_none = {0, UINT16_MAX,
                                                 "a port from 1 to 65535, or 0 for none"};
static const struct config_range buffer_range = {64 << 10, 1 << 30,
                                                 "a size from 64KiB to 1GiB with its unit"};
static const struct config_range tick_range = {10, 1000, "a duration from 10ms to 1s"};
static const struct config_range rows_range = {1, 4000, "a number from 1 to 4000"};
static const struct config_range keys_range = {1000, 100 * 1000 * 1000ULL,
                                               "a count from 1000 to 100M"};
static const struct config_range limit_range = {1, 100 * 1000, "a number from 1 to 100000"};
static const struct config_range totals_range = {1, 10 * 1000 * 1000,
                                                 "a number from 1 to 10000000"};
static const struct config_range few_range = {1, 4096, "a number from 1 to 4096"};
static const struct config_range sources_range = {16, 65536, "a number from 16 to 65536"};
static const struct config_range hold_range = {0, 64 << 20,
                                               "a size from 0B to 64MiB with its unit"};
static const struct config_range told_range = {1 << 20, 16ULL << 30,
                                               "a size from 1MiB to 16GiB with its unit"};
static const struct config_range memory_range = {1 << 20, 1ULL << 44,
                                                 "a size from 1MiB to 16TiB with its unit"};
static const struct config_range age_range = {1000, 3650 * 86400 * 1000ULL,
                                              "a duration from 1s to 3650d"};
static const struct config_range file_range = {1000, 86400 * 1000ULL, "a duration from 1s to 1d"};
static const struct config_range timeout_range_templates = {60 * 1000, 30 * 86400 * 1000ULL,
                                                            "a duration from 1m to 30d"};
static const struct config_share_range urgent_range = {0.001, 1, "a share from 0.1% to 100%"};

static bool read_workers(struct config_read *r, const struct config_key *key,
                         const struct config_node *node, void *ret_value)
{
    static const struct config_range range = {1, 256, "auto or a number from 1 to 256"};
    struct config_key ranged = *key;
    ranged.detail = &range;
    if (node->kind == NODE_SCALAR && strcmp(node->text, "auto") == 0) {
        memset(ret_value, 0, sizeof(uint32_t));
        return true;
    }
    return read_u32(r, &ranged, node, ret_value);
}

static bool read_host_len(struct config_read *r, const struct config_key *key,
                          const struct config_node *node, void *ret_value)
{
    uint8_t *value = ret_value;
    bool is_128 = node->kind == NODE_SCALAR && strcmp(node->text, "/128") == 0;
    if (!is_128 && (node->kind != NODE_SCALAR || strcmp(node->text, "/64") != 0))
        return config_wrong(r, key, node, "/128 or /64");
    *value = is_128 ? 128 : 64;
    return true;
}

#define AT(member) offsetof(struct config_collector, member)
static const struct config_key flush_keys[] = {
    {"urgent_share", read_share, AT(flush.urgent_share), &urgent_range, "10%",
     "share of the lowest threshold's volume that leaves at once", 0},
    {"every", read_duration, AT(flush.every_ms), &tick_range, "100ms", "the usual flush", 0},
    {"max_rows", read_u32, AT(flush.max_rows), &rows_range, "4000", "rows a batch", 0},
};
static const struct config_section flush_section = {
    "flush", CONFIG_KEYS(flush_keys), sizeof(struct config_collector), CONFIG_NO_POS, NULL};

static const struct config_key tally_keys[] = {
    {"max_keys", read_count, AT(tally.max_keys), &keys_range, "1000000",
     "keys that are counted, over all workers", 0},
    {"ipv6_host_keys", read_host_len, AT(tally.ipv6_host_len), NULL, "/128",
     "/64 counts an IPv6 host with its neighbours", 0},
};
static const struct config_section tally_section = {
    "tally", CONFIG_KEYS(tally_keys), sizeof(struct config_collector), CONFIG_NO_POS, NULL};

static const struct config_key limit_keys[] = {
    {"exporters", read_u32, AT(limits.exporters), &limit_range, "1000", "exporters", 0},
    {"domains_per_exporter", read_u32, AT(limits.domains_per_exporter), &few_range, "64",
     "observation domains of one exporter", 0},
    {"templates_per_domain", read_u32, AT(limits.templates_per_domain), &few_range, "512",
     "templates of one domain", 0},
    {"fields_per_template", read_u32, AT(limits.fields_per_template), &few_range, "256",
     "fields of one template", 0},
    {"samplers_per_domain", read_u32, AT(limits.samplers_per_domain), &few_range, "256",
     "samplers and selectors of one domain", 0},
    {"sources_per_domain", read_u32, AT(limits.sources_per_domain), &sources_range, "1024",
     "data sources of one sFlow agent whose rate and sample numbers are known", 0},
    {"flow_totals", read_u32, AT(limits.flow_totals), &totals_range, "65536",
     "flows of a worker whose octets are told again and again as totals, or by a firewall's "
     "events: 96 octets each, where there are any",
     0},
    {"interfaces_per_exporter", read_u32, AT(limits.interfaces_per_exporter), &few_range, "1024",
     "interfaces of one sFlow exporter whose counters are kept", 0},
    {"hold_back", read_size, AT(limits.hold_back_bytes), &hold_range, "1MiB",
     "of a worker's memory for data that came before its template: it waits up to 10 seconds; one "
     "exporter may hold an eighth; 0B: none waits",
     0},
    {"memory", read_size, AT(limits.memory_bytes), &told_range, "64MiB",
     "of a worker's memory for domains, templates and samplers, whatever the other limits allow",
     0},
};
static const struct config_section limit_section = {
    "limits", CONFIG_KEYS(limit_keys), sizeof(struct config_collector), CONFIG_NO_POS, NULL};

static const struct config_range recall_memory_range = {32 << 20, 64ULL << 30,
                                                        "a size from 32MiB to 64GiB with its unit"};
static const struct config_range recall_keep_range = {10 * 1000, 3600 * 1000,
                                                      "a duration from 10s to 1h"};
static const struct config_range recall_cap_range = {1, 1024, "a number from 1 to 1024"};
static const struct config_key recall_keys[] = {
    {"enabled", read_bool, AT(recall.enabled), NULL, "true",
     "whether the last minutes' flows are remembered; changed by a restart, like the others here",
     0},
    {"memory", read_size, AT(recall.memory_bytes), &recall_memory_range, "256MiB",
     "of the process, all workers together, whatever the rate", 0},
    {"keep", read_duration, AT(recall.keep_ms), &recall_keep_range, "10m",
     "how far back; the last minute is kept densest", 0},
    {"cap_per_destination", read_u32, AT(recall.cap_per_destination), &recall_cap_range, "256",
     "records of one destination in each second, and in each ten seconds of what is older", 0},
};
static const struct config_section recall_section = {
    "recall", CONFIG_KEYS(recall_keys), sizeof(struct config_collector), CONFIG_NO_POS, NULL};

static const struct config_key archive_keys[] = {
    {"enabled", read_bool, AT(archive.enabled), NULL, "false",
     "whether flow records are kept as IPFIX files", 0},
    {"dir", read_path_part, AT(archive.dir), NULL, "archive",
     "where; under `state_dir`, or a full path", 0},
    {"max_size", read_size, AT(archive.max_size_bytes), &memory_range, "10GiB",
     "of all files together; the oldest goes first", 0},
    {"max_age", read_duration, AT(archive.max_age_ms), &age_range, "7d",
     "a file that begins longer ago goes", 0},
    {"file", read_duration, AT(archive.file_ms), &file_range, "5m", "time that one file covers", 0},
};
static const struct config_section archive_section = {
    "archive", CONFIG_KEYS(archive_keys), sizeof(struct config_collector), CONFIG_NO_POS, NULL};

static const struct config_list udp_list = {{.read = read_endpoint},
                                            sizeof(struct ip_endpoint),
                                            1,
                                            64,
                                            "a list of addresses with ports",
                                            false};

static const struct config_key collector_keys[] = {
    {"name", read_name, AT(name), NULL, NULL, "unique among collectors; left out: the host's name",
     0},
    {"udp", read_list, CONFIG_ARRAY_AT(struct config_collector, udp, udp_count), &udp_list,
     "[\"[::]:6343\", \"[::]:2055\", \"[::]:4739\"]", "where records are received, of any format",
     0},
    {"workers", read_workers, AT(workers), NULL, "auto", "threads; auto: one a core", 0},
    {"receive_buffer", read_size, AT(receive_buffer_bytes), &buffer_range, "32MiB",
     "of each socket; needs net.core.rmem_max or CAP_NET_ADMIN", 0},
    {"template_timeout", read_duration, AT(template_timeout_ms), &timeout_range_templates, "2h",
     "templates and sampling rates told longer ago are not taken up after a restart", 0},
    {"metrics_port", read_u16, AT(metrics_port), &port_or_none, "9401",
     "port of /metrics and /healthz; 0: none", 0},
    {"flush", read_section, 0, &flush_section, "{}", "when counts leave", 0},
    {"tally", read_section, 0, &tally_section, "{}", "what is counted", 0},
    {"limits", read_section, 0, &limit_section, "{}", "bounds on what exporters can make grow", 0},
    {"recall", read_section, 0, &recall_section, "{}", "the last minutes' flows, to try rules on",
     0},
    {"archive", read_section, 0, &archive_section, "{}", "keeps flow records as IPFIX files", 0},
};
#undef AT

/* A host's name made into one of ours. */
static void finish_collector(struct config_read *r, const struct config_node *node, void *value)
{
    struct config_collector *collector = value;
    char host[65] = "";
    if (node_child(node, "name") != NULL)
        return;
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        strcpy(host, "c1");
    for (char *c = host; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
        if (!isalnum((unsigned char)*c) && strchr("._-", *c) == NULL)
            *c = '-';
    }
    collector->name = arena_copy(r->arena, host, strlen(host));
}

const struct config_section collector_section = {"collector", CONFIG_KEYS(collector_keys),
                                                 sizeof(struct config_collector), CONFIG_NO_POS,
                                                 finish_collector};

/* Without it nothing can be said of how long silence may last, so a wrong one is none. */
static bool read_active_timeout(struct config_read *r, const struct config_key *key,
                                const struct config_node *node, void *ret_value)
{
    if (read_duration(r, key, node, ret_value))
        return true;
    memset(ret_value, 0, sizeof(uint64_t));
    return false;
}

static bool read_peer_name(struct config_read *r, const struct config_key *key,
                           const struct config_node *node, void *ret_value)
{
    if (!read_name(r, key, node, ret_value))
        return false;
    config_refer(r, KIND_PEER, key, node, NULL);
    return true;
}

static const struct config_range sampling_range = {1, 1 << 24, "a number from 1 to 16777216"};
static const struct config_range timeout_range = {1, 3600 * 1000, "a duration from 1ms to 1h"};
static const struct config_range rate_range = {1000, 1000 * 1000 * 1000000000ULL,
                                               "a rate from 1kbps to 1000Tbps with its unit"};
static const struct config_range interface_range = {0, UINT32_MAX,
                                                    "an interface number from 0 to 4294967295"};
static const struct config_list boundary_list = {{.read = read_u32, .detail = &interface_range},
                                                 sizeof(uint32_t),
                                                 0,
                                                 BOUNDARIES_MAX,
                                                 "a list of interface numbers",
                                                 false};
static const char *const sees_names[] = {"auto", "before", "after", NULL};
static const struct config_choices sees = {sees_names, "auto, before or after"};

#define AT(member) offsetof(struct config_exporter, member)
static const struct config_key exporter_keys[] = {
    {"address", read_prefix, AT(address), NULL, NULL, "the host or prefix that it sends from",
     CONFIG_REQUIRED},
    {"name", read_name, AT(name), NULL, NULL, "what people call it", 0},
    {"sampling", read_u32, AT(sampling), &sampling_range, NULL,
     "its sampling rate, against what its records say", 0},
    {"default_sampling", read_u32, AT(default_sampling), &sampling_range, NULL,
     "its sampling rate where its records never say one", 0},
    {"active_timeout", read_active_timeout, AT(active_timeout_ms), &timeout_range, "60s",
     "the longest that it keeps a running flow to itself", 0},
    {"peer", read_peer_name, 0, NULL, NULL, "the BGP neighbour that it is", CONFIG_LATER},
    {"boundary", read_list, CONFIG_ARRAY_AT(struct config_exporter, boundary, boundary_count),
     &boundary_list, NULL, "input interfaces whose flows count; left out: all", 0},
    {"sees", read_choice, 0, &sees, "auto", "records are taken before or after its filter",
     CONFIG_LATER},
    {"max_rate", read_bit_rate, AT(max_rate_bps), &rate_range, NULL,
     "a record that says more, over its duration, is refused", 0},
};
#undef AT
static const struct config_section exporter_section = {"an exporter", CONFIG_KEYS(exporter_keys),
                                                       sizeof(struct config_exporter),
                                                       offsetof(struct config_exporter, pos), NULL};
static const struct config_list exporter_list = {
    {.read = read_section, .detail = &exporter_section},
    sizeof(struct config_exporter),
    0,
    EXPORTERS_MAX,
    "a list of exporters",
    false};

bool read_exporters(struct config_read *r, const struct config_key *key,
                    const struct config_node *node, void *ret_value)
{
    struct config_key list_key = *key;
    size_t before = config_faults(r);
    list_key.detail = &exporter_list;
    bool ok = read_list(r, &list_key, node, ret_value);
    r->config->exporters_flawed = config_faults(r) != before;
    return ok;
}

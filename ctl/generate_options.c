#include "ctl/generate.h"

#include "common/service/config.h"
#include "ctl/generate_values.h"
#include "ctl/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of a capture in a time of its own, so that the same options give the same file. */
static const char *const CAPTURE_START = "2026-01-01T00:00:00Z";

struct arguments {
    const char *to, *write, *start, *proto, *rate, *volume, *duration, *network, *hosts, *sources,
        *zipf, *tail, *direction, *day, *day_swing, *day_at, *attack, *target, *attack_rate,
        *attack_volume, *attack_after, *attack_for, *attack_shape, *attack_period, *attack_sources,
        *exporters, *from, *domains, *domain, *sampling, *announce, *template_interval,
        *counter_interval, *hold, *active_timeout, *flow, *seed;
};

static const struct arguments defaults = {.rate = "1k",
                                          .volume = "0",
                                          .duration = "10s",
                                          .hosts = "200",
                                          .sources = "5k",
                                          .zipf = "1",
                                          .tail = "1.2",
                                          .direction = "both",
                                          .day = "0s",
                                          .day_swing = "60%",
                                          .day_at = "0s",
                                          .attack_rate = "1k",
                                          .attack_volume = "0",
                                          .attack_after = "0s",
                                          .attack_for = "0s",
                                          .attack_shape = "constant",
                                          .attack_period = "10s",
                                          .attack_sources = "0",
                                          .domains = "1",
                                          .domain = "1",
                                          .sampling = "1",
                                          .announce = "sampler",
                                          .template_interval = "10s",
                                          .counter_interval = "20s",
                                          .active_timeout = "0s",
                                          .flow = "0s",
                                          .seed = "1"};

static bool parse_proto(const struct command_context *c, const char *name,
                        enum flow_format *ret_format)
{
    const char *full = strcmp(name, "sflow") == 0 ? "sflow5" : name;
    for (int f = 0; f < FORMAT_COUNT; f++) {
        if (strcmp(full, flow_format_name((enum flow_format)f)) == 0) {
            *ret_format = (enum flow_format)f;
            return true;
        }
    }
    return value_bad(c, "--proto", name, "sflow, netflow5, netflow9 or ipfix");
}

/* --- the network --------------------------------------------------------------------------------
 */

static bool add_prefix(const struct command_context *c, struct generate_plan *p,
                       const struct ip_prefix *prefix)
{
    if (p->network.prefix_count == NETWORK_PREFIXES_MAX) {
        (void)command_usage_error(c, "--network: at most %d prefixes", NETWORK_PREFIXES_MAX);
        return false;
    }
    p->network.prefixes[p->network.prefix_count++] = *prefix;
    return true;
}

/* All prefixes of a network of the configuration, or of all that are ours (name NULL); those that
 * the format cannot say are left out. */
static bool add_configured(const struct command_context *c, struct generate_plan *p,
                           const char *name)
{
    struct config *config = session_config(c, false);
    bool good = config != NULL, found = false;
    for (size_t n = 0; good && n < config->network_count; n++) {
        const struct config_network *network = &config->networks[n];
        if (name != NULL ? strcmp(name, network->name) != 0 : !network->ours)
            continue;
        found = true;
        for (size_t i = 0; good && i < network->prefixes.count; i++) {
            const struct ip_prefix *prefix = &network->prefixes.items[i];
            if (p->export.format != FORMAT_NETFLOW5 || prefix->addr.family == ADDR_IPV4)
                good = add_prefix(c, p, prefix);
        }
    }
    if (config != NULL && !found)
        good = value_bad(c, "--network", name != NULL ? name : "",
                         "a prefix, or the name of a network of the configuration");
    config_free(config);
    return good;
}

static bool parse_network(const struct command_context *c, const struct arguments *a,
                          struct generate_plan *p)
{
    char part[VALUE_PART_MAX];
    const char *list = a->network != NULL ? a->network : "198.51.100.0/24";
    struct ip_prefix prefix;
    if (a->network == NULL && c->config != NULL) {
        list = NULL;
        if (!add_configured(c, p, NULL))
            return false;
    }
    while (value_next(&list, part) != NULL) {
        bool is_name = strpbrk(part, ".:/") == NULL;
        if (is_name && !add_configured(c, p, part))
            return false;
        if (is_name)
            continue;
        if (prefix_parse(&prefix, part) != STATUS_OK)
            return value_bad(c, "--network", part, "a prefix");
        if (p->export.format == FORMAT_NETFLOW5 && prefix.addr.family != ADDR_IPV4)
            return value_bad(c, "--network", part, "an IPv4 prefix: NetFlow 5 has no other");
        if (!add_prefix(c, p, &prefix))
            return false;
    }
    if (p->network.prefix_count > 0)
        return true;
    (void)command_usage_error(
        c, "--network: there is no prefix%s",
        p->export.format == FORMAT_NETFLOW5 ? " of IPv4, and NetFlow 5 has no other" : "");
    return false;
}

static bool parse_day(const struct command_context *c, const struct arguments *a,
                      struct generate_plan *p)
{
    uint64_t day_ms = 0, at_ms = 0;
    if (!value_time(c, "--day", a->day, UINT64_MAX, &day_ms) ||
        !value_time(c, "--day-at", a->day_at, UINT64_MAX, &at_ms))
        return false;
    if (text_parse_percent(&p->network.swing, a->day_swing) != STATUS_OK || p->network.swing > 0.95)
        return value_bad(c, "--day-swing", a->day_swing, "a share up to 95%, such as 60%");
    p->network.day_us = day_ms * 1000;
    p->network.day_at_us = at_ms * 1000;
    return true;
}

/* --- the attack ---------------------------------------------------------------------------------
 */

static bool parse_targets(const struct command_context *c, const char *list,
                          struct generate_plan *p)
{
    struct attack_options *o = &p->attack_options;
    char part[VALUE_PART_MAX];
    while (value_next(&list, part) != NULL) {
        if (o->target_count == ATTACK_TARGETS_MAX) {
            (void)command_usage_error(c, "--target: at most %d", ATTACK_TARGETS_MAX);
            return false;
        }
        struct ip_prefix *prefix = &o->targets[o->target_count++];
        if (prefix_parse(prefix, part) != STATUS_OK)
            return value_bad(c, "--target", part, "an address or a prefix");
        if (p->export.format == FORMAT_NETFLOW5 && prefix->addr.family != ADDR_IPV4)
            return value_bad(c, "--target", part, "an IPv4 address: NetFlow 5 has no other");
    }
    return true;
}

static bool parse_attack(const struct command_context *c, const struct arguments *a,
                         struct generate_plan *p)
{
    static const char *const shapes[] = {"constant", "ramp", "pulse", NULL};
    struct attack_options *o = &p->attack_options;
    int shape = 0;
    if (!value_word(c, "--attack-shape", a->attack_shape, shapes, "constant, ramp or pulse",
                    &shape) ||
        !value_u32(c, "--attack-sources", a->attack_sources, 0, 1u << 24, &o->sources))
        return false;
    p->shape = (enum attack_shape)shape;
    if (a->attack == NULL)
        return a->target == NULL || value_bad(c, "--target", a->target, "--attack NAME with it");
    p->attack = a->attack;
    o->seed = p->traffic.seed ^ 0x5851f42d4c957f2d;
    if (p->attack_volume_bps != 0)
        o->bytes_a_record = (double)p->attack_volume_bps / 8 / p->attack_rate;
    /* A sample is a packet, however large the flow that it is of: small ones mix better. */
    enum { SFLOW_FLOW_BYTES = 6000 };
    if (p->export.format == FORMAT_SFLOW5 && o->bytes_a_record > SFLOW_FLOW_BYTES)
        o->bytes_a_record = SFLOW_FLOW_BYTES;
    o->flow_ms = p->traffic.flow_ms != 0 ? p->traffic.flow_ms : p->traffic.active_timeout_ms;
    static struct attack probe;
    if (attack_init(&probe, a->attack, o) != STATUS_OK) {
        char names[1400] = "protocol-N-flood, or one of";
        for (unsigned int i = 0; attack_vector_at(i) != NULL; i++) {
            size_t len = strlen(names);
            (void)snprintf(names + len, sizeof(names) - len, " %s", attack_vector_at(i)->name);
        }
        return value_bad(c, "--attack", a->attack, names);
    }
    if (a->target != NULL)
        return parse_targets(c, a->target, p);
    struct ip_prefix first = p->network.prefixes[0];
    if (strcmp(a->attack, "carpet-bombing") != 0) {
        struct ip_addr host = network_address(&first, addr_bits(&first.addr) - first.len > 1);
        first = prefix_of_host(&host);
    }
    o->targets[o->target_count++] = first;
    return true;
}

/* --- exporters ----------------------------------------------------------------------------------
 */

/* Where --from does not say it: addresses of the loopback where it goes there, else of
 * documentation, which nothing is sent from. */
static struct ip_addr own_address(const struct generate_plan *p, uint32_t i)
{
    if (!p->sends)
        return addr_from_ipv4((p->export.exporters <= 254 ? 0xc0000201u : 0xc6120001u) + i);
    return addr_from_ipv4(p->export.exporters == 1 ? 0x7f000001u : 0x7f000101u + i);
}

static bool parse_from(const struct command_context *c, const char *from, struct generate_plan *p)
{
    char part[VALUE_PART_MAX];
    struct ip_prefix prefix;
    uint32_t count = 0;
    for (const char *list = from; value_next(&list, part) != NULL;) {
        if (prefix_parse(&prefix, part) != STATUS_OK)
            return value_bad(c, "--from", part, "addresses, or a prefix to take them from");
        uint32_t host_bits = addr_bits(&prefix.addr) - prefix.len;
        uint32_t room = network_room(&prefix), first = host_bits > 1 ? 1 : 0;
        for (uint32_t i = 0; i < room && count < p->export.exporters; i++)
            p->agents[count++] = network_address(&prefix, first + i);
    }
    if (count == p->export.exporters)
        return true;
    (void)command_usage_error(c, "--from %s: that is %u addresses, and there are %u exporters",
                              from, count, p->export.exporters);
    return false;
}

static uint32_t count_parts(const char *list)
{
    uint32_t count = 1;
    for (; list != NULL && *list != '\0'; list++)
        count += *list == ',';
    return count;
}

static bool parse_exporters(const struct command_context *c, const struct arguments *a,
                            struct generate_plan *p)
{
    static const char *const announces[] = {"sampler", "exporter", "record", "none", NULL};
    struct export_options *o = &p->export;
    int announce = 0;
    o->exporters = count_parts(a->from);
    if ((a->exporters != NULL &&
         !value_u32(c, "--exporters", a->exporters, 1, EXPORT_EXPORTERS_MAX, &o->exporters)) ||
        !value_u32(c, "--domains", a->domains, 1, EXPORT_DOMAINS_MAX, &o->domains) ||
        !value_u32(c, "--domain", a->domain, 1, 10000, &o->first_domain) ||
        !value_u32(c, "--sampling", a->sampling, 1, o->format == FORMAT_NETFLOW5 ? 16383 : 1u << 24,
                   &o->sampling) ||
        !value_time(c, "--template-interval", a->template_interval, UINT64_MAX, &o->template_ms) ||
        !value_time(c, "--counter-interval", a->counter_interval, UINT64_MAX, &o->counters_ms) ||
        !value_word(c, "--announce", a->announce, announces, "sampler, exporter, record or none",
                    &announce))
        return false;
    o->announce = (enum export_announce)announce;
    o->first_domain--; /* people count from 1 */
    o->seed = p->traffic.seed;
    o->hold_ms = p->sends ? 0 : 100;
    if (a->hold != NULL && !value_time(c, "--hold", a->hold, 3600000, &o->hold_ms))
        return false;
    p->agents = calloc(o->exporters, sizeof(*p->agents));
    if (p->agents == NULL)
        return command_failed(c, "out of memory") == EXIT_DONE;
    bool to_loopback = p->to.addr.family == ADDR_IPV4 && p->to.addr.octets[0] == 127;
    p->binds = p->sends && (a->from != NULL || (o->exporters > 1 && to_loopback));
    p->one_address = p->sends && o->exporters > 1 && !p->binds;
    if (a->from != NULL)
        return parse_from(c, a->from, p);
    for (uint32_t i = 0; i < o->exporters; i++)
        p->agents[i] = own_address(p, i);
    return true;
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static bool parse_start(const struct command_context *c, const char *text, uint64_t *ret_ms)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    time_t seconds = end != NULL && *end == '\0' ? timegm(&tm) : -1;
    /* Exporters had been up for hours, and their clocks have 32 bits. */
    if (seconds < 86400 * 365 || seconds > UINT32_MAX)
        return value_bad(c, "--start", text, "a time such as 2026-01-01T00:00:00Z");
    *ret_ms = (uint64_t)seconds * 1000;
    return true;
}

static bool parse_output(const struct command_context *c, const struct arguments *a,
                         struct generate_plan *p)
{
    static const uint16_t ports[FORMAT_COUNT] = {2055, 2055, 4739, 6343};
    if ((a->to == NULL && a->write == NULL) || a->proto == NULL) {
        (void)command_usage_error(c, "needs --proto, and --to HOST:PORT or --write FILE");
        return false;
    }
    if (!parse_proto(c, a->proto, &p->export.format))
        return false;
    p->sends = a->to != NULL;
    p->to = (struct ip_endpoint){addr_from_ipv4(0xcb0071fa), ports[p->export.format]};
    if (a->to != NULL && (endpoint_parse(&p->to, a->to) != STATUS_OK || p->to.port == 0))
        return value_bad(c, "--to", a->to, "ADDRESS:PORT, such as 127.0.0.1:2055");
    p->write = a->write;
    if (a->start != NULL && p->sends) {
        (void)command_usage_error(c, "--start goes with --write alone: what is sent has the "
                                     "machine's time");
        return false;
    }
    if (!parse_start(c, a->start != NULL ? a->start : CAPTURE_START, &p->export.start_ms) ||
        !value_time(c, "--duration", a->duration, UINT64_MAX / 2000, &p->duration_ms))
        return false;
    if (!p->sends && p->duration_ms == 0)
        return value_bad(c, "--duration", a->duration, "an end, as nothing is sent");
    p->rate_max = strcmp(a->rate, "max") == 0;
    if (p->rate_max && (!p->sends || strcmp(a->volume, "0") != 0))
        return value_bad(c, "--rate", a->rate, "a number where --volume is given, or no --to");
    return true;
}

static bool parse_traffic(const struct command_context *c, const struct arguments *a,
                          struct generate_plan *p)
{
    static const char *const directions[] = {"both", "in", "out", NULL};
    struct traffic_options *t = &p->traffic;
    uint64_t flow_ms = 0, timeout_ms = 0;
    int direction = 0;
    bool good =
        (p->rate_max || value_rate(c, "--rate", a->rate, 0, &p->rate)) &&
        value_rate(c, "--attack-rate", a->attack_rate, 1, &p->attack_rate) &&
        value_volume(c, "--volume", a->volume, &p->volume_bps) &&
        value_volume(c, "--attack-volume", a->attack_volume, &p->attack_volume_bps) &&
        value_u32(c, "--hosts", a->hosts, 1, 1u << 24, &p->network.hosts) &&
        value_u32(c, "--sources", a->sources, 1, 1u << 24, &p->network.sources) &&
        value_exponent(c, "--zipf", a->zipf, 0, 4, &p->network.exponent) &&
        value_exponent(c, "--tail", a->tail, 1, 10, &t->tail) &&
        value_word(c, "--direction", a->direction, directions, "both, in or out", &direction) &&
        value_number(c, "--seed", a->seed, 0, UINT64_MAX, &t->seed) &&
        value_time(c, "--attack-after", a->attack_after, UINT64_MAX / 2000, &p->attack_after_ms) &&
        value_time(c, "--attack-for", a->attack_for, UINT64_MAX / 4000, &p->attack_for_ms) &&
        value_time(c, "--attack-period", a->attack_period, UINT64_MAX / 2000, &p->period_ms) &&
        value_time(c, "--active-timeout", a->active_timeout, 3600000, &timeout_ms) &&
        value_time(c, "--flow-duration", a->flow, 3600000, &flow_ms);
    t->direction = (enum traffic_direction)direction;
    t->flow_ms = (uint32_t)flow_ms;
    t->active_timeout_ms = (uint32_t)timeout_ms;
    if (p->volume_bps != 0 && p->rate > 0)
        t->bytes_a_record = (double)p->volume_bps / 8 / p->rate;
    t->small_flows = p->export.format == FORMAT_SFLOW5;
    return good;
}

static bool take_options(const struct command_context *c, int argc, char **argv,
                         struct arguments *a)
{
    const struct command_option options[] = {
        COMMAND_VALUE("--to", a->to),
        COMMAND_VALUE("--write", a->write),
        COMMAND_VALUE("--start", a->start),
        COMMAND_VALUE("--proto", a->proto),
        COMMAND_VALUE("--rate", a->rate),
        COMMAND_VALUE("--volume", a->volume),
        COMMAND_VALUE("--duration", a->duration),
        COMMAND_VALUE("--network", a->network),
        COMMAND_VALUE("--hosts", a->hosts),
        COMMAND_VALUE("--sources", a->sources),
        COMMAND_VALUE("--zipf", a->zipf),
        COMMAND_VALUE("--tail", a->tail),
        COMMAND_VALUE("--direction", a->direction),
        COMMAND_VALUE("--day", a->day),
        COMMAND_VALUE("--day-swing", a->day_swing),
        COMMAND_VALUE("--day-at", a->day_at),
        COMMAND_VALUE("--attack", a->attack),
        COMMAND_VALUE("--target", a->target),
        COMMAND_VALUE("--attack-rate", a->attack_rate),
        COMMAND_VALUE("--attack-volume", a->attack_volume),
        COMMAND_VALUE("--attack-after", a->attack_after),
        COMMAND_VALUE("--attack-for", a->attack_for),
        COMMAND_VALUE("--attack-shape", a->attack_shape),
        COMMAND_VALUE("--attack-period", a->attack_period),
        COMMAND_VALUE("--attack-sources", a->attack_sources),
        COMMAND_VALUE("--exporters", a->exporters),
        COMMAND_VALUE("--from", a->from),
        COMMAND_VALUE("--domains", a->domains),
        COMMAND_VALUE("--domain", a->domain),
        COMMAND_VALUE("--sampling", a->sampling),
        COMMAND_VALUE("--announce", a->announce),
        COMMAND_VALUE("--template-interval", a->template_interval),
        COMMAND_VALUE("--counter-interval", a->counter_interval),
        COMMAND_VALUE("--hold", a->hold),
        COMMAND_VALUE("--active-timeout", a->active_timeout),
        COMMAND_VALUE("--flow-duration", a->flow),
        COMMAND_VALUE("--seed", a->seed)};
    if (!command_options(c, &argc, argv, options, sizeof(options) / sizeof(options[0])))
        return false;
    if (argc <= 1)
        return true;
    (void)command_usage_error(c, "takes no argument: %s", argv[1]);
    return false;
}

/* NetFlow 5 has 32 bits for the octets of a record, and some are far above the mean. */
static bool fits_netflow5(const struct command_context *c, const struct arguments *a,
                          const struct generate_plan *p)
{
    enum { NORMAL_MEAN_MAX = 10000000, ATTACK_MEAN_MAX = 1000000000 };
    if (p->export.format != FORMAT_NETFLOW5)
        return true;
    if (p->traffic.bytes_a_record > NORMAL_MEAN_MAX)
        return value_bad(c, "--volume", a->volume,
                         "a higher --rate with it, as records of NetFlow 5 "
                         "hold 4 GB");
    if (p->attack_options.bytes_a_record > ATTACK_MEAN_MAX)
        return value_bad(c, "--attack-volume", a->attack_volume,
                         "a higher --attack-rate with it, as records of NetFlow 5 hold 4 GB");
    return true;
}

bool generate_parse(const struct command_context *c, int argc, char **argv,
                    struct generate_plan *ret_plan)
{
    struct generate_plan *p = ret_plan;
    struct arguments a = defaults;
    if (!take_options(c, argc, argv, &a) || !parse_output(c, &a, p) || !parse_traffic(c, &a, p) ||
        !parse_network(c, &a, p) || !parse_day(c, &a, p) || !parse_attack(c, &a, p) ||
        !parse_exporters(c, &a, p) || !fits_netflow5(c, &a, p))
        return false;
    p->to_text = a.to;
    p->proto_text = a.proto;
    p->duration_text = a.duration;
    p->attack_after_text = a.attack_after;
    return true;
}

void generate_plan_done(struct generate_plan *plan)
{
    free(plan->agents);
    plan->agents = NULL;
}

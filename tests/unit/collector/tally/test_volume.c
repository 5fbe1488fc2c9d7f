#include "collector/tally/volume.h"

#include "tests/unit/collector/tally/counting.h"

#include <criterion/parameterized.h>

/* What a record may say, at each edge, in each format. */

static const uint64_t max_rate_bps = 1000000;

struct edge_case {
    char name[48];
    uint64_t bytes, packets;
    int64_t duration_ms; /* -1: not said */
    double rate;
    uint8_t lacks; /* 1: octets, 2: packets */
    enum tally_reason want, want_sflow;
};

#define OK TALLY_REASON_COUNT

ParameterizedTestParameters(volume, is_judged_at_each_edge_in_each_format)
{
    static struct edge_case cases[] = {
        {"64 KiB a packet", 65536, 1, -1, 1, 0, OK, OK},
        {"one octet more", 65537, 1, -1, 1, 0, TALLY_BIG_PACKETS, TALLY_BIG_PACKETS},
        {"one octet fewer", 65535, 1, -1, 1, 0, OK, OK},
        {"three packets of 64 KiB", 196608, 3, 60000, 1, 0, OK, OK},
        {"one octet more over three", 196609, 3, 60000, 1, 0, TALLY_BIG_PACKETS, TALLY_BIG_PACKETS},
        {"all that a counter holds, one packet", UINT64_MAX, 1, 60000, 1, 0, TALLY_BIG_PACKETS,
         TALLY_BIG_PACKETS},
        {"20 octets a packet", 200, 10, -1, 1, 0, OK, OK},
        {"one octet fewer over ten", 199, 10, -1, 1, 0, TALLY_SMALL_PACKETS, TALLY_SMALL_PACKETS},
        {"packets that no octets can be for", 1000, UINT64_MAX, -1, 1, 0, TALLY_SMALL_PACKETS,
         TALLY_SMALL_PACKETS},
        {"20 times as many wrap around to few", 20, UINT64_MAX / 20 + 2, -1, 1, 0,
         TALLY_SMALL_PACKETS, TALLY_SMALL_PACKETS},
        {"an hour", 1500, 1, 3600000, 1, 0, OK, OK},
        {"a millisecond more", 1500, 1, 3600001, 1, 0, TALLY_LONG_DURATION, TALLY_LONG_DURATION},
        {"max_rate for a second", 125000, 100, 1000, 1, 0, OK, OK},
        {"an octet more", 125001, 100, 1000, 1, 0, TALLY_MAX_RATE, TALLY_MAX_RATE},
        {"max_rate for a second, in a moment", 125000, 100, 0, 1, 0, OK, OK},
        {"max_rate for a minute", 7500000, 6000, 60000, 1, 0, OK, OK},
        {"an octet more than that", 7500001, 6000, 60000, 1, 0, TALLY_MAX_RATE, TALLY_MAX_RATE},
        {"a minute's, and it does not say how long", 7500000, 6000, -1, 1, 0, OK, TALLY_MAX_RATE},
        {"more than the active timeout can hold", 7500001, 6000, -1, 1, 0, TALLY_MAX_RATE,
         TALLY_MAX_RATE},
        {"by its sampling", 1250, 1, 1000, 100, 0, OK, OK},
        {"by its sampling, one more", 1250, 1, 1000, 101, 0, TALLY_MAX_RATE, TALLY_MAX_RATE},
        {"packets alone", 0, 6250, 1000, 1, 1, OK, OK},
        {"packets alone, one more", 0, 6251, 1000, 1, 1, TALLY_MAX_RATE, TALLY_MAX_RATE},
        {"all the packets that a counter holds", 0, UINT64_MAX, 3600000, 1, 1, TALLY_MAX_RATE,
         TALLY_MAX_RATE},
        {"octets alone", 125000, 0, 1000, 1, 2, OK, OK},
        {"octets alone, one more", 125001, 0, 1000, 1, 2, TALLY_MAX_RATE, TALLY_MAX_RATE},
    };
    return cr_make_param_array(struct edge_case, cases, sizeof(cases) / sizeof(cases[0]));
}

static struct flow_record record_of(const struct edge_case *p, uint8_t format)
{
    struct flow_record flow = flow_to(CUSTOMER, p->bytes, p->packets);
    flow.format = format;
    flow.sampling_rate = p->rate;
    if (p->lacks == 1)
        flow.has &= ~(uint32_t)FLOW_BYTES;
    if (p->lacks == 2)
        flow.has &= ~(uint32_t)FLOW_PACKETS;
    if (p->duration_ms >= 0) {
        flow.has |= FLOW_DURATION;
        flow.duration_ms = (uint32_t)p->duration_ms;
    }
    return flow;
}

ParameterizedTest(struct edge_case *p, volume, is_judged_at_each_edge_in_each_format)
{
    struct counting c;
    counting_init(
        &c, NETWORKS
        "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, " THRESHOLDS "}]\n"
        "exporters: [{address: 192.0.2.1, name: r, max_rate: 1Mbps, active_timeout: 60s}]\n");
    cr_assert_eq(c.config->exporters[0].max_rate_bps, max_rate_bps);
    for (uint8_t format = 0; format < FORMAT_COUNT; format++) {
        struct flow_record flow = record_of(p, format);
        enum tally_reason want = format == FORMAT_SFLOW5 ? p->want_sflow : p->want;
        uint64_t before = want == OK ? 0 : counting_from(&c, EXPORTER)->refused[want];
        counting_add(&c, &flow);
        cr_assert_eq(counting_flush(&c, TALLY_FLUSH_ALL), (size_t)(want == OK), "%s in %s", p->name,
                     flow_format_name((enum flow_format)format));
        if (want == OK)
            continue;
        cr_assert_eq(tally_counters(c.tally)->refused[format][want], 1, "%s in %s", p->name,
                     flow_format_name((enum flow_format)format));
        cr_assert_eq(counting_from(&c, EXPORTER)->refused[want], before + 1);
    }
    counting_done(&c);
}

/* An exporter whose cache is flushed tells of many long flows at once; each says how long it was.
 */
Test(volume, long_flows_that_are_told_at_once_are_not_over_max_rate)
{
    struct counting c;
    counting_init(
        &c, NETWORKS
        "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, " THRESHOLDS "}]\n"
        "exporters: [{address: 192.0.2.1, name: r, max_rate: 1Mbps}]\n");
    struct flow_record flow = flow_to(CUSTOMER, 3000000, 3000); /* 400 kbit/s */
    flow.has |= FLOW_DURATION;
    flow.duration_ms = 60000;
    for (int i = 0; i < 1000; i++)
        counting_add(&c, &flow);
    cr_assert_eq(tally_counters(c.tally)->refused[flow.format][TALLY_MAX_RATE], 0);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_ALL), 1);
    cr_assert_eq(c.rows[0].bytes, 3000000000);
    counting_done(&c);
}

/* --- what no counter can hold --- */

struct saturated_case {
    char name[40];
    uint64_t bytes, packets;
    double rate;
    uint64_t want_bytes, want_packets;
};

ParameterizedTestParameters(volume, saturates)
{
    static struct saturated_case cases[] = {
        {"all there is", UINT64_MAX, UINT64_MAX, 1, VOLUME_MAX, VOLUME_MAX},
        {"all there is, sampled", UINT64_MAX, UINT64_MAX, 1e9, VOLUME_MAX, VOLUME_MAX},
        {"one more than the most", VOLUME_MAX + 1, VOLUME_MAX + 1, 1, VOLUME_MAX, VOLUME_MAX},
        {"half of it, 1 in 2", VOLUME_MAX / 2 + 1, 1, 2, VOLUME_MAX, 2},
        {"a rate that is no whole number", 1000, 10, 1.5, 1500, 15},
        {"a rate below 1", 1000, 10, 0.5, 1000, 10},
    };
    return cr_make_param_array(struct saturated_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct saturated_case *p, volume, saturates)
{
    struct flow_record flow = flow_to(CUSTOMER, p->bytes, p->packets);
    struct volume volume;
    flow.sampling_rate = p->rate;
    volume_of(&flow, &volume);
    cr_assert_eq(volume.bytes, p->want_bytes, "%s", p->name);
    cr_assert_eq(volume.packets, p->want_packets, "%s", p->name);
    cr_assert_eq(volume.var_flows > 0, p->rate > 1, "%s", p->name);
    if (volume.var_flows > 0)
        cr_assert(volume.var_bytes >= 0 && volume.var_bytes < 1e60, "%s: finite", p->name);
}

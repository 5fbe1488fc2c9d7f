#include "ctl/export.h"

#include <criterion/criterion.h>
#include <math.h>

struct sink {
    uint64_t datagrams, octets, largest;
};

static void on_send(void *owner, uint32_t exporter, const uint8_t *bytes, size_t len)
{
    struct sink *sink = owner;
    (void)exporter;
    cr_assert_not_null(bytes);
    sink->datagrams++;
    sink->octets += len;
    sink->largest = len > sink->largest ? len : sink->largest;
}

static const struct traffic_flow some_flow = {
    .src = {4, {11, 1, 2, 3}},
    .dst = {4, {198, 51, 100, 7}},
    .src_port = 443,
    .dst_port = 50000,
    .protocol = 6,
    .tcp_flags = 0x1b,
    .connects = true,
    .ttl = 60,
    .path = 12345,
    .packets = {{30, 1400, TRAFFIC_DF}, {10, 52, TRAFFIC_DF}},
};

static void start(struct export *e, struct sink *sink, enum flow_format format, uint32_t sampling)
{
    static const struct ip_addr agents[8] = {{4, {192, 0, 2, 1}}, {4, {192, 0, 2, 2}}};
    const struct export_options options = {.format = format,
                                           .sampling = sampling,
                                           .exporters = 8,
                                           .domains = 2,
                                           .agents = agents,
                                           .template_ms = 10000,
                                           .counters_ms = 20000,
                                           .hold_ms = 100,
                                           .start_ms = 1767225600000,
                                           .seed = 3,
                                           .send = on_send,
                                           .owner = sink};
    cr_assert_eq(export_init(e, &options), STATUS_OK);
}

/* What is scaled back is the truth in expectation: a count of packets within six deviations. */
Test(export, samples_stand_for_the_truth)
{
    static const uint32_t rates[] = {1, 10, 100, 5000};
    enum { FLOWS = 100000 };
    for (int format = 0; format < FORMAT_COUNT; format++) {
        for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
            struct export e;
            struct sink sink = {0};
            uint64_t records = 0;
            start(&e, &sink, (enum flow_format)format, rates[r]);
            for (int i = 0; i < FLOWS; i++) {
                struct traffic_flow flow = some_flow;
                flow.path = (uint32_t)i;
                records += export_add(&e, &flow);
            }
            export_flush(&e);
            struct export_volume truth = {0}, seen = {0};
            for (int x = 0; x < 8; x++) {
                truth = export_sum(&truth, &e.exporters[x].truth);
                seen = export_sum(&seen, &e.exporters[x].seen);
            }
            cr_assert_eq(truth.flows, FLOWS);
            cr_assert_eq(truth.packets, FLOWS * 40ull);
            cr_assert_eq(truth.bytes, FLOWS * (30ull * 1400 + 10 * 52));
            cr_assert_eq(seen.flows, records);
            if (format == FORMAT_SFLOW5)
                cr_assert_eq(seen.packets, records);
            double n = rates[r], expected = (double)truth.packets / n;
            double deviation = sqrt((double)truth.packets / n * (1 - 1 / n));
            cr_expect(fabs((double)seen.packets - expected) <= 6 * deviation, "1 in %g: %g, not %g",
                      n, (double)seen.packets, expected);
            double mean_bytes = (double)truth.bytes / (double)truth.packets;
            double bytes = (double)seen.bytes * n / (double)truth.bytes;
            cr_expect(fabs(bytes - 1) <= 6 * deviation / expected * 1400 / mean_bytes,
                      "1 in %g: %g of the octets", n, bytes);
            cr_expect(sink.largest <= EXPORT_DATAGRAM_MAX && sink.largest > 1200);
            export_done(&e);
        }
    }
}

Test(export, a_flow_of_which_no_packet_is_sampled_leaves_no_record)
{
    struct export e;
    struct sink sink = {0};
    uint64_t none = 0, some = 0;
    start(&e, &sink, FORMAT_NETFLOW9, 40);
    for (int i = 0; i < 10000; i++) {
        uint64_t records = export_add(&e, &some_flow);
        cr_assert_leq(records, 1);
        none += records == 0;
        some += records == 1;
    }
    /* 40 packets at 1 in 40: (1 - 1/40)^40 is 0.363. */
    cr_assert(none > 3300 && none < 3950 && some == 10000 - none, "%lu", (unsigned long)none);
    export_done(&e);
}

Test(export, what_waits_goes_when_its_time_is_up)
{
    struct export e;
    struct sink sink = {0};
    start(&e, &sink, FORMAT_IPFIX, 1);
    uint64_t now = e.options.start_ms;
    export_set_time(&e, now);
    (void)export_add(&e, &some_flow);
    export_set_time(&e, now + 99);
    cr_assert_eq(sink.datagrams, 0);
    export_set_time(&e, now + 100);
    cr_assert_eq(sink.datagrams, 1);
    uint64_t with_templates = sink.octets;
    (void)export_add(&e, &some_flow);
    export_flush(&e);
    cr_assert(sink.octets - with_templates < with_templates, "templates are not told twice");
    sink.octets = 0;
    export_set_time(&e, now + 10000);
    (void)export_add(&e, &some_flow);
    export_flush(&e);
    cr_assert_eq(sink.octets, with_templates, "and told again after their interval");
    export_done(&e);
}

Test(export, counters_of_interfaces_are_the_truth)
{
    struct export e;
    struct sink sink = {0};
    start(&e, &sink, FORMAT_SFLOW5, 10);
    for (int i = 0; i < 1000; i++)
        (void)export_add(&e, &some_flow);
    export_flush(&e);
    uint64_t before = sink.datagrams, in = 0, out = 0;
    export_set_time(&e, e.options.start_ms + 19999);
    cr_assert_eq(sink.datagrams, before);
    export_set_time(&e, e.options.start_ms + 20000);
    export_flush(&e);
    cr_assert_eq(sink.datagrams - before, 16, "one of each sub-agent");
    for (int x = 0; x < 8; x++)
        for (int i = 0; i < EXPORT_INTERFACES; i++) {
            in += e.exporters[x].interfaces[i].in.packets;
            out += e.exporters[x].interfaces[i].out.packets;
        }
    cr_assert(in == 40000 && out == 40000);
    export_done(&e);
}

#include "tests/unit/collector/interfaces_site.h"

#include <criterion/parameterized.h>

Test(interfaces, two_readings_make_rates)
{
    struct interfaces *t = table_of(0, 0);
    struct decode_interface r = reading_of(3);
    r.in_octets = UINT64_C(1) << 40;
    interfaces_counted(t, &r, DECODE_BY_PREFIX, 5000);
    cr_assert_not(only(t, 5000)->has_rates);
    r.uptime_ms += 20000;
    r.in_octets += 2500000000;
    r.out_octets += 250000;
    r.in_packets += 2000000;
    r.out_packets += 200;
    r.in_errors += 10;
    r.out_errors += 20;
    r.in_discards += 30;
    r.out_discards += 40;
    interfaces_counted(t, &r, DECODE_BY_PREFIX,
                       25300); /* delayed on the way; the agent's clock counts */
    const struct interface_info *info = only(t, 25300);
    cr_assert(info->has_rates);
    cr_assert_eq(info->index, 3);
    cr_assert_float_eq(info->rates.in_bps, 1e9, 1);
    cr_assert_float_eq(info->rates.out_bps, 1e5, 1);
    cr_assert_float_eq(info->rates.in_pps, 1e5, 1e-6);
    cr_assert_float_eq(info->rates.out_pps, 10, 1e-6);
    cr_assert_float_eq(info->rates.in_errors, 0.5, 1e-9);
    cr_assert_float_eq(info->rates.out_errors, 1, 1e-9);
    cr_assert_float_eq(info->rates.in_discards, 1.5, 1e-9);
    cr_assert_float_eq(info->rates.out_discards, 2, 1e-9);
    cr_assert(info->is_up);
    cr_assert_eq(info->speed_bps, UINT64_C(10000000000));
    cr_assert_eq(info->read_ms, 25300);
    interfaces_free(t);
}

/* What a port of 10 Gbit/s says 30 s apart; 0 wanted: the counters began anew, and no rate is
 * told. */
struct jump {
    char name[48];
    uint64_t octets[2], packets[2];
    uint32_t uptime_ms[2];
    double wanted_bps, wanted_pps;
};

ParameterizedTestParameters(interfaces, counters_that_jump)
{
    static struct jump jumps[] = {
        {"64 bits",
         {UINT64_C(1) << 40, (UINT64_C(1) << 40) + 37500},
         {5, 15},
         {1, 30001},
         1e4,
         .333},
        {"32 bits go round", {4294967000, 37204}, {100, 400}, {1, 30001}, 1e4, 10},
        {"packets go round", {0, 3750000}, {4294967290, 30}, {1, 30001}, 1e6, 1.2},
        {"set to 0", {UINT64_C(1) << 40, 1000}, {1000000, 5}, {1, 30001}, 0, 0},
        {"set to 0 below 32 bits", {4000000000, 1000}, {1000000, 5}, {1, 30001}, 0, 0},
        {"the agent started anew", {1000, 37000000}, {5, 30000}, {90000000, 20000}, 0, 0},
        {"its uptime goes round", {0, 37500}, {0, 300}, {4294960000, 22704}, 1e4, 10},
        {"its uptime stands still", {0, 37500}, {0, 300}, {7, 7}, 1e4, 10},
        {"more than any port carries", {0, UINT64_C(1) << 62}, {0, 300}, {1, 30001}, 0, 0},
        {"more than its speed", {0, UINT64_C(1) << 40}, {0, 300}, {1, 30001}, 0, 0},
        {"packets that do not fit", {0, 37500}, {4000000000, 5}, {1, 30001}, 1e4, 0},
        {"not counted", {UINT64_MAX, UINT64_MAX}, {5, 15}, {1, 30001}, -1, .333},
        {"not counted any more", {10, UINT64_MAX}, {5, 15}, {1, 30001}, -1, .333},
    };
    return cr_make_param_array(struct jump, jumps, sizeof(jumps) / sizeof(jumps[0]));
}

ParameterizedTest(struct jump *c, interfaces, counters_that_jump)
{
    struct interfaces *t = table_of(0, 0);
    struct decode_interface r = reading_of(1);
    for (int i = 0; i < 2; i++) {
        r.in_octets = c->octets[i];
        r.in_packets = c->packets[i];
        r.uptime_ms = c->uptime_ms[i];
        interfaces_counted(t, &r, DECODE_BY_PREFIX, (uint64_t)i * 30000);
    }
    const struct interface_info *info = only(t, 30000);
    cr_assert_eq(info->has_rates, c->wanted_bps != 0, "%s: %g", c->name, info->rates.in_bps);
    cr_assert_eq(info->restarts, c->wanted_bps == 0, "%s", c->name);
    double wanted_bps = c->wanted_bps > 0 ? c->wanted_bps : 0;
    cr_assert_float_eq(info->rates.in_bps, wanted_bps, 1, "%s: %g", c->name, info->rates.in_bps);
    cr_assert_float_eq(info->rates.in_pps, c->wanted_pps, 0.01, "%s: %g", c->name,
                       info->rates.in_pps);
    interfaces_free(t);
}

Test(interfaces, a_speed_that_is_not_true_hides_the_rate_only_once)
{
    struct interfaces *t = table_of(0, 0);
    struct decode_interface r = reading_of(1);
    r.speed_bps = 10000000; /* what tunnels say */
    for (uint64_t i = 0; i < 4; i++) {
        interfaces_counted(t, &r, DECODE_BY_PREFIX, i * 30000);
        cr_assert_eq(only(t, i * 30000)->has_rates, i >= 2, "reading %zu", (size_t)i);
        r.in_octets += 3750000000;
        r.in_packets += 5000000;
        r.uptime_ms += 30000;
    }
    cr_assert_float_eq(only(t, 90000)->rates.in_bps, 1e9, 1);
    interfaces_free(t);
}

Test(interfaces, what_was_overtaken_or_comes_twice_changes_nothing)
{
    struct interfaces *t = table_of(0, 0);
    struct decode_interface r = reading_of(1), late = r;
    interfaces_counted(t, &r, DECODE_BY_PREFIX, 0);
    r.uptime_ms += 10000;
    r.in_octets += 1250000;
    interfaces_counted(t, &r, DECODE_BY_PREFIX, 10000);
    interfaces_counted(t, &r, DECODE_BY_PREFIX, 10001);
    late.uptime_ms += 6000;
    interfaces_counted(t, &late, DECODE_BY_PREFIX, 10600);
    cr_assert_float_eq(only(t, 10600)->rates.in_bps, 1e6, 1);
    cr_assert_eq(only(t, 10600)->read_ms, 10000);
    cr_assert_eq(only(t, 10600)->restarts, 0);
    interfaces_free(t);
}

Test(interfaces, after_a_long_silence_there_is_no_rate_and_nothing_is_told)
{
    struct interfaces *t = table_of(0, 0);
    struct decode_interface r = reading_of(1);
    interfaces_counted(t, &r, DECODE_BY_PREFIX, 0);
    cr_assert_eq(tell(t, 901000)->count, 0);
    r.uptime_ms += 901000;
    r.in_octets += 1000;
    interfaces_counted(t, &r, DECODE_BY_PREFIX, 901000);
    cr_assert_not(only(t, 901000)->has_rates);
    interfaces_free(t);
}

/* --- limits --- */

static bool is_known(const struct interfaces *t, const char *exporter, uint32_t index)
{
    struct interfaces_summary summary;
    struct told told = {.count = 0};
    struct ip_addr addr = addr_of(exporter);
    bool found = false;
    if (!interfaces_tell(t, &addr, 10000, &summary, on_interface, &told))
        return false;
    for (size_t i = 0; i < told.count; i++)
        found = found || told.at[i].index == index;
    return found;
}

Test(interfaces, the_one_read_longest_ago_goes_first)
{
    struct interfaces *t = table_of(3, 0);
    for (uint32_t i = 1; i <= 3; i++) {
        struct decode_interface r = reading_of(i);
        interfaces_counted(t, &r, DECODE_BY_PREFIX, 0);
    }
    struct decode_interface again = reading_of(1), more = reading_of(4), other = reading_of(2);
    interfaces_counted(t, &again, DECODE_BY_PREFIX, 0);
    cr_assert_eq(interfaces_evicted(t), 0);
    interfaces_counted(t, &more, DECODE_BY_PREFIX, 0);
    cr_assert_eq(interfaces_evicted(t), 1);
    cr_assert_eq(interfaces_count(t), 3);
    for (uint32_t i = 1; i <= 4; i++)
        cr_assert_eq(is_known(t, "192.0.2.1", i), i != 2, "%u", i);
    other.exporter = addr_of("192.0.2.2");
    interfaces_counted(t, &other, DECODE_BY_PREFIX, 0);
    cr_assert_eq(interfaces_count(t), 4, "another exporter has room of its own");
    cr_assert_eq(interfaces_evicted(t), 1);
    interfaces_free(t);
}

/* Agents and sub-agents of one exporter count each for themselves, and share its room. */
Test(interfaces, agents_are_told_apart_and_share_the_limit)
{
    struct interfaces *t = table_of(3, 0);
    for (uint32_t i = 0; i < 5; i++) {
        struct decode_interface r = reading_of(1);
        r.sub_agent = i;
        if (i == 4)
            r.agent = addr_of("2001:db8::1");
        interfaces_counted(t, &r, DECODE_BY_PREFIX, 0);
        cr_assert_eq(interfaces_count(t), i < 3 ? i + 1 : 3);
    }
    cr_assert_eq(interfaces_evicted(t), 2);
    interfaces_free(t);
}

Test(interfaces, all_exporters_together_have_a_limit_and_leave_nothing_behind)
{
    struct interfaces *t = table_of(0, 100);
    for (uint32_t i = 0; i < 10000; i++) {
        struct decode_interface r = reading_of(i % 7);
        memcpy(r.exporter.octets, &i, sizeof(i));
        interfaces_counted(t, &r, DECODE_BY_PREFIX, i);
        cr_assert_leq(interfaces_count(t), 100);
    }
    cr_assert_eq(interfaces_evicted(t), 9900);
    struct decode_interface r = reading_of(9);
    interfaces_counted(t, &r, DECODE_BY_PREFIX, 10000);
    cr_assert(is_known(t, "192.0.2.1", 9));
    for (uint32_t i = 0; i < 100; i++) {
        memcpy(r.exporter.octets, &i, sizeof(i));
        interfaces_counted(t, &r, DECODE_BY_PREFIX, 10000);
    }
    cr_assert_not(is_known(t, "192.0.2.1", 9));
    struct ip_addr gone = addr_of("192.0.2.1");
    cr_assert_null(interfaces_at(t, &gone));
    interfaces_free(t);
}

static void count_of(struct interfaces *t, uint32_t exporter, enum decode_trust trust)
{
    struct decode_interface r = reading_of(1);
    r.exporter = addr_from_ipv4(exporter);
    for (r.index = 1; r.index <= 2; r.index++)
        interfaces_counted(t, &r, trust, 0);
}

static bool has_exporter(const struct interfaces *t, uint32_t exporter)
{
    struct ip_addr addr = addr_from_ipv4(exporter);
    return interfaces_at(t, &addr) != NULL;
}

/* Each exporter has memory of its own beside its interfaces'. */
Test(interfaces, of_too_many_exporters_the_one_heard_longest_ago_goes)
{
    enum { EXPORTERS = 4 };
    struct interfaces *t =
        interfaces_new(&(struct interfaces_options){.exporters = EXPORTERS, .seed = 1});
    for (uint32_t e = 1; e <= EXPORTERS; e++)
        count_of(t, e, e == 2 ? DECODE_BY_ADDRESS : DECODE_BY_PREFIX);
    count_of(t, 1, DECODE_BY_PREFIX);
    cr_assert_eq(interfaces_evicted(t), 0);
    count_of(t, 5, DECODE_BY_PREFIX);
    cr_assert_eq(interfaces_evicted(t), 2, "all of its interfaces");
    cr_assert_eq(interfaces_count(t), 2 * EXPORTERS);
    for (uint32_t e = 1; e <= 5; e++)
        cr_assert_eq(has_exporter(t, e), e != 3, "%u", e);
    for (uint32_t e = 100; e < 200; e++)
        count_of(t, e, DECODE_BY_PREFIX);
    cr_assert(has_exporter(t, 2), "it is known better");
    for (uint32_t e = 10; e < 14; e++)
        count_of(t, e, DECODE_BY_ADDRESS);
    cr_assert_not(has_exporter(t, 2));
    uint64_t evicted = interfaces_evicted(t);
    count_of(t, 300, DECODE_BY_PREFIX);
    cr_assert_not(has_exporter(t, 300), "all are known better");
    cr_assert_eq(interfaces_evicted(t), evicted + 2);
    interfaces_free(t);
}

static bool is_even(void *owner, const struct ip_addr *exporter)
{
    (void)owner;
    return exporter->octets[3] % 2 == 0;
}

Test(interfaces, an_exporter_that_is_not_listed_any_more_is_forgotten)
{
    struct interfaces *t = table_of(0, 0);
    for (uint32_t e = 1; e <= 6; e++)
        count_of(t, e, (enum decode_trust)(e % DECODE_TRUSTS));
    interfaces_forget(t, is_even, NULL);
    cr_assert_eq(interfaces_count(t), 6);
    cr_assert_eq(interfaces_evicted(t), 0, "nobody took its place");
    for (uint32_t e = 1; e <= 6; e++)
        cr_assert_eq(has_exporter(t, e), e % 2 == 0, "%u", e);
    for (uint32_t e = 1; e <= 6; e++)
        count_of(t, e, DECODE_BY_PREFIX);
    cr_assert_eq(interfaces_count(t), 12);
    interfaces_free(t);
}

/* Who is listed by address keeps its interfaces whatever others send; the others make room. */
Test(interfaces, a_flood_does_not_push_out_who_is_trusted_more)
{
    struct interfaces *t = table_of(0, 10);
    for (uint32_t i = 1; i <= 10; i++) {
        struct decode_interface r = reading_of(i);
        interfaces_counted(t, &r, i <= 8 ? DECODE_BY_ADDRESS : DECODE_BY_PREFIX, 0);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        struct decode_interface r = reading_of(1);
        memcpy(r.exporter.octets, &i, sizeof(i));
        interfaces_counted(t, &r, DECODE_BY_PREFIX, 0);
    }
    for (uint32_t i = 1; i <= 10; i++)
        cr_assert_eq(is_known(t, "192.0.2.1", i), i <= 8, "%u", i);
    cr_assert_eq(interfaces_evicted(t), 1000);
    struct decode_interface stranger = reading_of(1), more = reading_of(11);
    stranger.exporter = addr_of("192.0.2.9");
    interfaces_counted(t, &stranger, DECODE_UNLISTED, 0);
    cr_assert_not(is_known(t, "192.0.2.9", 1), "it finds no place");
    cr_assert_eq(interfaces_evicted(t), 1001);
    interfaces_counted(t, &more, DECODE_BY_ADDRESS, 0);
    cr_assert(is_known(t, "192.0.2.1", 11) && is_known(t, "192.0.2.1", 1));
    cr_assert_eq(interfaces_count(t), 10);
    interfaces_free(t);
}

/* --- samples --- */

Test(interfaces, sampled_at_ingress_only_the_other_side_is_not_judged)
{
    struct site s = site_new(2);
    read_ports(&s, 2, 0);
    for (int i = 0; i < 5; i++) {
        sample(&s, 100, 1, 1, 2);
        sample(&s, 100, 2, 2, 1);
        read_ports(&s, 2, OCTETS);
    }
    for (uint32_t i = 1; i <= 2; i++) {
        cr_assert_eq(port(&s, i)->in.verdict, INTERFACE_FITS);
        cr_assert_float_eq(port(&s, i)->in.share, 1, 1e-9);
        cr_assert_eq(port(&s, i)->out.share, 0);
        cr_assert_eq(port(&s, i)->out.verdict, INTERFACE_UNKNOWN);
    }
    interfaces_free(s.t);
}

Test(interfaces, sampled_at_egress_only_the_other_side_is_not_judged)
{
    struct site s = site_new(2);
    read_ports(&s, 2, 0);
    for (int i = 0; i < 5; i++) {
        sample(&s, 100, 2, 1, 2);
        sample(&s, 100, 1, 2, 1);
        read_ports(&s, 2, OCTETS);
    }
    cr_assert_eq(port(&s, 1)->in.verdict, INTERFACE_UNKNOWN);
    cr_assert_eq(port(&s, 1)->out.verdict, INTERFACE_FITS);
    interfaces_free(s.t);
}

Test(interfaces, sampled_at_both_ends_a_packet_counts_once_at_each)
{
    struct site s = site_new(2);
    read_ports(&s, 2, 0);
    for (int i = 0; i < 5; i++) {
        sample(&s, 100, 1, 1, 2);
        sample(&s, 100, 2, 1, 2);
        sample(&s, 100, 2, 2, 1);
        sample(&s, 100, 1, 2, 1);
        read_ports(&s, 2, OCTETS);
    }
    cr_assert_float_eq(port(&s, 1)->in.share, 1, 1e-9);
    cr_assert_float_eq(port(&s, 1)->out.share, 1, 1e-9);
    cr_assert_eq(tell(s.t, s.now_ms)->summary.wrong, 0);
    interfaces_free(s.t);
}

/* A bridge's sampler, or a part of the device: a packet is judged where it came in. */
Test(interfaces, a_sampler_that_is_no_interface_is_judged_at_the_input)
{
    struct site s = site_new(2);
    read_ports(&s, 2, 0);
    for (int i = 0; i < 5; i++) {
        sample(&s, 50, 0, 1, 2);
        sample(&s, 50, 1001, 1, 2);
        sample(&s, 100, 0, 0, 2);
        read_ports(&s, 2, OCTETS);
    }
    cr_assert_float_eq(port(&s, 1)->in.share, 1, 1e-9);
    cr_assert_eq(port(&s, 2)->in.share, 0);
    cr_assert_eq(port(&s, 2)->out.share, 0);
    interfaces_free(s.t);
}

/* A member of a bundle that is told as the bundle: which side it was is not known. */
Test(interfaces, a_sampler_that_is_neither_side_is_not_judged)
{
    struct site s = site_new(2);
    read_ports(&s, 2, 0);
    for (int i = 0; i < 5; i++) {
        sample(&s, 100, 1, 77, 2);
        read_ports(&s, 2, OCTETS);
    }
    cr_assert_eq(port(&s, 1)->in.share, 0);
    cr_assert_eq(port(&s, 1)->out.share, 0);
    interfaces_free(s.t);
}

/* What samples found before is not what they find now. */
Test(interfaces, samples_of_one_that_has_gone_count_nowhere)
{
    struct site s = {.t = table_of(1, 0)};
    s.port[1] = reading_of(1);
    s.port[1].in_octets = UINT64_C(1) << 40;
    read_ports(&s, 1, 0);
    sample(&s, 100, 1, 1, 2);
    for (uint32_t other = 65; other < 1000; other += 64) {
        struct decode_interface r = reading_of(other);
        interfaces_counted(s.t, &r, DECODE_BY_PREFIX, s.now_ms);
        sample(&s, 100, 1, 1, 2);
    }
    cr_assert_eq(interfaces_count(s.t), 1);
    read_ports(&s, 1, 0);
    for (int i = 0; i < 3; i++) {
        sample(&s, 100, 1, 1, 2);
        read_ports(&s, 1, OCTETS);
    }
    cr_assert_float_eq(port(&s, 1)->in.share, 1, 1e-9);
    interfaces_free(s.t);
}

/* Another exporter that tells of the same agent gets the place that became free. */
Test(interfaces, samples_do_not_follow_a_place_to_another_exporter)
{
    struct site s = {.t = table_of(0, 2)};
    struct interfaces_summary summary;
    struct told told = {.count = 0};
    for (uint32_t i = 1; i <= 2; i++) {
        s.port[i] = reading_of(i);
        interfaces_counted(s.t, &s.port[i], DECODE_BY_PREFIX, 0);
    }
    sample(&s, 100, 1, 1, 2);
    struct decode_interface other = reading_of(1);
    other.exporter = addr_of("192.0.2.2");
    other.in_octets = UINT64_C(1) << 40;
    for (uint64_t now_ms = 0; now_ms <= 180000; now_ms += 60000) {
        interfaces_counted(s.t, &other, DECODE_BY_PREFIX, now_ms);
        other.in_octets += OCTETS;
        other.in_packets += OCTETS / 1000;
        other.uptime_ms += 60000;
        sample(&s, 100, 1, 1, 2);
    }
    cr_assert(interfaces_tell(s.t, &other.exporter, 180000, &summary, on_interface, &told));
    cr_assert(told.at[0].has_rates);
    cr_assert_eq(told.at[0].in.share, 0, "these were the first one's");
    interfaces_free(s.t);
}

Test(interfaces, a_counter_of_32_bits_on_a_fast_port_is_not_judged)
{
    struct site s = site_new(1);
    s.port[1].in_octets = s.port[1].out_octets = 0;
    read_ports(&s, 1, 0);
    for (int i = 0; i < 5; i++) {
        sample(&s, 100, 1, 1, 0);
        s.port[1].in_octets = (s.port[1].in_octets + 1000) & UINT32_MAX;
        read_ports(&s, 1, 0);
    }
    cr_assert_eq(port(&s, 1)->in.share, 0, "it may have gone round any number of times");
    interfaces_free(s.t);
}

Test(interfaces, who_tells_no_counters_is_not_there)
{
    struct interfaces *t = table_of(0, 0);
    struct interfaces_summary summary;
    struct ip_addr exporter = addr_of("192.0.2.1");
    cr_assert_null(interfaces_at(t, &exporter));
    cr_assert_not(interfaces_tell(t, &exporter, 0, &summary, NULL, NULL));
    interfaces_free(t);
    interfaces_free(NULL);
}

#include "collector/tally/exporters.h"

#include "tests/unit/collector/tally/counting.h"

/* Who counts, and who keeps his place. */

#define POLICY                                                                                     \
    NETWORKS "policies: [{name: p, direction: any, key: [dst_addr], window: 1s, " THRESHOLDS "}]"  \
             "\n"

enum { MAX = 10, HOST = 0xc0000201, IN_PREFIX = 0x0a000000 };

static void init(struct counting *c, const char *yaml)
{
    counting_init(c, yaml);
    tally_free(c->tally);
    c->options.exporters_max = MAX;
    c->tally = tally_new(&c->options);
    cr_assert_not_null(c->tally);
}

static uint64_t refused(const struct counting *c, enum tally_reason reason)
{
    return tally_counters(c->tally)->refused[FORMAT_COUNT][reason];
}

static bool counts(struct counting *c, const char *text)
{
    struct ip_addr addr;
    cr_assert_eq(addr_parse(&addr, text), STATUS_OK);
    return tally_exporter(c->tally, &addr, c->now_ms) != NULL;
}

Test(exporters, hosts_and_prefixes_of_both_families_are_listed)
{
    struct counting c;
    init(&c, POLICY "exporters: [{address: 192.0.2.1}, {address: 10.0.0.0/8}, "
                    "{address: \"2001:db8::1\"}, {address: \"2001:db8:7::/48\"}]\n");
    cr_assert(counts(&c, "192.0.2.1"));
    cr_assert(counts(&c, "10.255.255.255"));
    cr_assert(counts(&c, "2001:db8::1"));
    cr_assert(counts(&c, "2001:db8:7:ffff::1"));
    cr_assert_not(counts(&c, "192.0.2.2"));
    cr_assert_not(counts(&c, "11.0.0.0"));
    cr_assert_not(counts(&c, "2001:db8::2"));
    cr_assert_not(counts(&c, "2001:db8:8::"));
    cr_assert_eq(refused(&c, TALLY_UNLISTED), 4);
    counting_done(&c);
}

Test(exporters, those_that_are_not_listed_take_no_memory)
{
    struct counting c;
    init(&c, POLICY "exporters: [{address: 192.0.2.1}]\n");
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_null(counting_from(&c, 0x0b000000 + i));
    cr_assert_eq(refused(&c, TALLY_UNLISTED), 1000);
    cr_assert_eq(tally_exporter_count(c.tally), 0);
    cr_assert_eq(tally_rows(c.tally), 0);
    counting_done(&c);
}

Test(exporters, without_a_list_every_sender_counts)
{
    struct counting c;
    init(&c, POLICY);
    cr_assert_not_null(counting_from(&c, 0x0b000001));
    cr_assert_eq(refused(&c, TALLY_UNLISTED), 0);
    counting_done(&c);
}

Test(exporters, the_limit_is_as_many_as_it_says)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 1000, 1);
    init(&c, POLICY);
    for (uint32_t i = 1; i <= MAX + 1; i++) {
        struct tally_exporter *exporter = counting_from(&c, i);
        cr_assert_eq(exporter != NULL, i <= MAX, "%u", i);
        if (exporter != NULL)
            tally_add(c.tally, exporter, &flow, c.now_ms);
    }
    cr_assert_eq(refused(&c, TALLY_EXPORTERS), 1, "each has a row that waits");
    counting_flush(&c, TALLY_FLUSH_ALL);
    cr_assert_not_null(counting_from(&c, MAX + 1));
    cr_assert_eq(tally_counters(c.tally)->evicted_exporters, 1);
    counting_done(&c);
}

/* The one heard longest ago goes first. */
Test(exporters, without_rows_the_oldest_goes)
{
    struct counting c;
    struct ip_addr oldest = addr_from_ipv4(3);
    init(&c, POLICY);
    for (uint32_t i = 1; i <= MAX; i++)
        (void)counting_from(&c, i);
    c.now_ms++;
    for (uint32_t i = 1; i <= MAX; i++)
        if (i != 3)
            (void)counting_from(&c, i);
    cr_assert_not_null(counting_from(&c, MAX + 1));
    cr_assert_null(tally_exporter_find(c.tally, &oldest));
    counting_done(&c);
}

/* Each of the forged ones has rows, so none of their numbers comes free. */
Test(exporters, a_flood_within_a_listed_prefix_leaves_a_listed_host_its_place)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 1000, 1);
    init(&c, POLICY "exporters: [{address: 192.0.2.1}, {address: \"2001:db8::1\"}, "
                    "{address: 10.0.0.0/8}]\n");
    uint32_t got = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        struct tally_exporter *exporter = counting_from(&c, IN_PREFIX + i);
        if (exporter == NULL)
            continue;
        got++;
        tally_add(c.tally, exporter, &flow, c.now_ms);
    }
    cr_assert_eq(got, MAX - 2);
    cr_assert_eq(refused(&c, TALLY_EXPORTERS), 1000 - got);
    struct tally_exporter *host = counting_from(&c, HOST);
    cr_assert_not_null(host);
    tally_add(c.tally, host, &flow, c.now_ms);
    cr_assert(counts(&c, "2001:db8::1"));
    counting_flush(&c, TALLY_FLUSH_ALL);
    for (uint32_t i = 0; i < 1000; i++) {
        c.now_ms++;
        (void)counting_from(&c, IN_PREFIX + 5000 + i);
    }
    struct ip_addr addr = addr_from_ipv4(HOST);
    cr_assert_not_null(tally_exporter_find(c.tally, &addr), "heard longest ago, and it stays");
    counting_done(&c);
}

Test(exporters, places_are_set_aside_by_the_list_of_now)
{
    struct counting c;
    struct config *config;
    struct flow_record flow = flow_to(CUSTOMER, 1000, 1);
    init(&c, POLICY "exporters: [{address: 10.0.0.0/8}]\n");
    for (uint32_t i = 0; i < MAX; i++)
        tally_add(c.tally, counting_from(&c, IN_PREFIX + i), &flow, c.now_ms);
    struct model *model = counting_model(
        POLICY "exporters: [{address: 10.0.0.0/8}, {address: 10.0.0.3}, {address: 192.0.2.1}]\n",
        &config);
    c.options.model = model;
    cr_assert_eq(tally_reload(c.tally, &c.options), STATUS_OK);
    model_free(c.model);
    config_free(c.config);
    c.model = model;
    c.config = config;
    cr_assert_null(counting_from(&c, HOST), "all numbers stand for rows");
    counting_flush(&c, TALLY_FLUSH_ALL);
    cr_assert_not_null(counting_from(&c, HOST), "a row's end frees one");
    for (uint32_t i = 0; i < 100; i++)
        (void)counting_from(&c, IN_PREFIX + 1000 + i);
    struct ip_addr now_listed = addr_from_ipv4(IN_PREFIX + 3);
    cr_assert_not_null(tally_exporter_find(c.tally, &now_listed));
    counting_done(&c);
}

/* --- who is not listed --- */

static const struct tally_stranger *stranger(const struct counting *c, uint32_t number)
{
    size_t count;
    struct ip_addr addr = addr_from_ipv4(number);
    const struct tally_stranger *all = tally_strangers(c->tally, &count);
    cr_assert_leq(count, (size_t)TALLY_STRANGERS);
    for (size_t i = 0; i < count; i++)
        if (addr_equal(&all[i].addr, &addr))
            return &all[i];
    return NULL;
}

Test(exporters, the_last_few_that_are_not_listed_are_known)
{
    struct counting c;
    init(&c, POLICY "exporters: [{address: 192.0.2.1}]\n");
    for (uint32_t i = 1; i <= TALLY_STRANGERS + 1; i++) {
        c.now_ms++;
        (void)counting_from(&c, i);
        (void)counting_from(&c, 1);
    }
    cr_assert_eq(stranger(&c, 1)->datagrams, TALLY_STRANGERS + 2);
    cr_assert_eq(stranger(&c, 1)->last_ms, c.now_ms);
    cr_assert_null(stranger(&c, 2), "the one that came longest ago");
    for (uint32_t i = 3; i <= TALLY_STRANGERS + 1; i++)
        cr_assert_eq(stranger(&c, i)->datagrams, 1);
    counting_done(&c);
}

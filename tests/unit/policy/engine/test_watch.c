#include "policy/engine/watch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct watch watch;

static void setup(void)
{
    cr_assert_eq(watch_init(&watch, 7), STATUS_OK);
    watch_add_shard(&watch, "s1");
}

static void teardown(void)
{
    watch_done(&watch);
}

static bool blind(const char *shard, uint64_t now_ms)
{
    return watch_shard(&watch, shard, now_ms) == WATCH_BLIND;
}

TestSuite(watch, .init = setup, .fini = teardown);

static struct ip_addr exporter_at(uint32_t n)
{
    return (struct ip_addr){
        .family = ADDR_IPV4,
        .octets = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n},
    };
}

static void tick(const char *shard, bool blind, uint64_t now_ms)
{
    struct rollup_tick t = {.blind = blind};
    (void)snprintf(t.shard, sizeof(t.shard), "%s", shard);
    watch_tick(&watch, &t, now_ms);
}

/* A tick that says the exporter was heard age_ms ago. */
static void heard(uint32_t exporter, uint32_t age_ms, uint64_t now_ms)
{
    struct rollup_exporter e = {.addr = exporter_at(exporter), .heard_age_ms = age_ms};
    struct rollup_tick t = {.shard = "s1", .exporters = &e, .exporter_count = 1};
    watch_tick(&watch, &t, now_ms);
}

static uint64_t no_timeout(const void *owner, const struct ip_addr *exporter)
{
    (void)owner;
    (void)exporter;
    return 0;
}

static uint64_t a_minute(const void *owner, const struct ip_addr *exporter)
{
    (void)owner;
    (void)exporter;
    return 60000;
}

static bool silent(const struct alarm *alarm, uint64_t now_ms)
{
    return watch_contributors_silent(&watch, alarm, now_ms, no_timeout, NULL);
}

Test(watch, a_shard_is_judged_from_its_first_tick_or_after_two_seconds)
{
    watch_begin(&watch, 10000);
    watch_begin(&watch, 11000); /* the first counts */
    cr_expect_eq(watch_shard(&watch, "s1", 12000), WATCH_NOT_YET);
    cr_expect_eq(watch_shard(&watch, "s1", 12001), WATCH_BLIND);
    tick("s1", false, 13000);
    cr_expect_eq(watch_shard(&watch, "s1", 13000), WATCH_SEEN);
}

Test(watch, a_shard_without_a_tick_for_two_seconds_is_blind)
{
    tick("s1", false, 10000);
    cr_expect_not(blind("s1", 12000));
    cr_expect(blind("s1", 12001));
    tick("s1", false, 12002);
    cr_expect_not(blind("s1", 12002));
}

Test(watch, a_shard_is_blind_while_its_ticks_say_so)
{
    tick("s1", true, 10000);
    cr_expect(blind("s1", 10000));
    tick("s1", false, 10100);
    cr_expect_not(blind("s1", 10100));
}

Test(watch, an_unknown_shard_is_blind)
{
    tick("other", false, 10000);
    cr_expect(blind("other", 10000));
    cr_expect(blind("", 10000));
}

Test(watch, shards_are_added_once_and_up_to_the_maximum)
{
    char name[16];
    watch_add_shard(&watch, "s1");
    cr_expect_eq(watch.shard_count, 1);
    for (int i = 0; i < 2 * WATCH_SHARDS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "x%d", i);
        watch_add_shard(&watch, name);
    }
    cr_expect_eq(watch.shard_count, WATCH_SHARDS_MAX);
}

Test(watch, an_exporter_is_silent_since_its_last_datagram)
{
    uint64_t silent_ms = 0, gap_ms = 0;
    struct ip_addr addr = exporter_at(1);
    cr_expect_not(watch_exporter(&watch, &addr, 10000, &silent_ms, &gap_ms));
    heard(1, 400, 10000);
    cr_assert(watch_exporter(&watch, &addr, 10100, &silent_ms, &gap_ms));
    cr_expect_eq(silent_ms, 500);
    cr_expect_eq(gap_ms, 0);
}

Test(watch, the_usual_gap_is_that_between_datagrams_not_between_ticks)
{
    uint64_t silent_ms = 0, gap_ms = 0;
    struct ip_addr addr = exporter_at(1);
    /* A datagram every 10 s, a tick every 100 ms whose ages are off by a millisecond or two. */
    for (uint64_t ms = 0; ms < 100000; ms += 100)
        heard(1, (uint32_t)(ms % 10000 + ms / 100 % 3), 50000 + ms);
    cr_assert(watch_exporter(&watch, &addr, 150000, &silent_ms, &gap_ms));
    cr_expect(gap_ms >= 9900 && gap_ms <= 10100, "%llu ms", (unsigned long long)gap_ms);
}

Test(watch, a_fifth_of_the_rate_must_be_silent)
{
    struct alarm alarm = {.contributor_count = 2};
    alarm.contributors[0] =
        (struct alarm_contributor){.exporter = exporter_at(1), .share_permille = 801};
    alarm.contributors[1] =
        (struct alarm_contributor){.exporter = exporter_at(2), .share_permille = 199};
    heard(1, 0, 10000);
    heard(2, 0, 10000);
    heard(1, 0, 16000);
    cr_expect_not(silent(&alarm, 16000), "a share under a fifth");
    alarm.contributors[1].share_permille = 200;
    cr_expect(silent(&alarm, 16000));
    heard(2, 0, 16001);
    cr_expect_not(silent(&alarm, 16001), "it is heard again");
}

Test(watch, silence_is_longer_than_five_seconds_and_three_gaps_and_the_active_timeout)
{
    struct alarm alarm = {.contributor_count = 1};
    alarm.contributors[0] =
        (struct alarm_contributor){.exporter = exporter_at(1), .share_permille = 1000};
    heard(1, 0, 10000);
    cr_expect_not(silent(&alarm, 15000));
    cr_expect(silent(&alarm, 15001));
    cr_expect_not(watch_contributors_silent(&watch, &alarm, 70000, a_minute, NULL));
    cr_expect(watch_contributors_silent(&watch, &alarm, 70001, a_minute, NULL));

    heard(1, 0, 14000); /* now the gap is 4 s */
    cr_expect_not(silent(&alarm, 26000));
    cr_expect(silent(&alarm, 26001));
    alarm.contributors[0].usual_gap_ms = 6000; /* as it was when the alarm was written */
    cr_expect_not(silent(&alarm, 32000));
    cr_expect(silent(&alarm, 32001));
}

Test(watch, a_contributor_that_was_never_heard_is_silent)
{
    struct alarm alarm = {.contributor_count = 1};
    alarm.contributors[0] =
        (struct alarm_contributor){.exporter = exporter_at(9), .share_permille = 500};
    watch_begin(&watch, 10000);
    cr_expect_not(silent(&alarm, 15000), "we have not looked for long enough");
    cr_expect(silent(&alarm, 15001));
}

/* Thirty routers of equal parts: none of them has a share that is named. */
Test(watch, an_alarm_of_many_small_contributors_is_silent_when_a_fifth_of_them_is)
{
    struct alarm alarm = {.contributor_count = 0};
    for (uint32_t i = 0; i < 30; i++)
        heard(i, 0, 10000);
    cr_expect_not(silent(&alarm, 15000));
    for (uint32_t i = 0; i < 24; i++)
        heard(i, 0, 14000);
    heard(24, 1000, 15500);
    cr_expect_not(silent(&alarm, 15500), "five of thirty");
    for (uint32_t i = 0; i < 24; i++)
        heard(i, 0, 16000);
    cr_expect(silent(&alarm, 28001), "six of thirty");
    cr_expect(silent(&alarm, 30000), "all of them");
    for (uint32_t i = 0; i < 30; i++)
        heard(i, 0, 31000);
    cr_expect_not(silent(&alarm, 31000));
}

Test(watch, what_its_named_contributors_leave_is_that_of_the_others)
{
    struct alarm alarm = {.contributor_count = 1};
    alarm.contributors[0] =
        (struct alarm_contributor){.exporter = exporter_at(0), .share_permille = 190};
    for (uint32_t i = 0; i < 21; i++)
        heard(i, 0, 10000);
    for (uint32_t i = 1; i < 21; i++)
        heard(i, 0, 16000);
    cr_expect(silent(&alarm, 16000), "its own share and a little of the others'");
    heard(0, 0, 16001);
    cr_expect_not(silent(&alarm, 16001));
}

Test(watch, who_is_gone_for_long_is_not_waited_for)
{
    struct alarm alarm = {.contributor_count = 0};
    for (uint32_t i = 0; i < 30; i++)
        heard(i, 0, i < 10 ? 10000 : 500000);
    for (uint32_t i = 10; i < 30; i++)
        heard(i, 0, 610000);
    cr_expect(silent(&alarm, 610000));
    cr_expect_not(silent(&alarm, 610001));
}

Test(watch, where_nobody_is_heard_at_all_an_alarm_without_contributors_is_silent)
{
    struct alarm alarm = {.contributor_count = 0};
    watch_begin(&watch, 10000);
    cr_expect_not(silent(&alarm, 70000), "we have not looked for long enough");
    cr_expect(silent(&alarm, 70001));
}

Test(watch, at_the_maximum_those_silent_for_longest_give_their_places)
{
    uint64_t silent_ms = 0, gap_ms = 0;
    for (uint32_t i = 0; i < WATCH_EXPORTERS_MAX; i++)
        heard(i, 0, i < 100 ? 10000 : 70000);
    heard(WATCH_EXPORTERS_MAX, 0, 70000);
    struct ip_addr quiet = exporter_at(0), loud = exporter_at(100);
    struct ip_addr added = exporter_at(WATCH_EXPORTERS_MAX);
    cr_expect_not(watch_exporter(&watch, &quiet, 70000, &silent_ms, &gap_ms));
    cr_expect(watch_exporter(&watch, &loud, 70000, &silent_ms, &gap_ms));
    cr_expect(watch_exporter(&watch, &added, 70000, &silent_ms, &gap_ms));
    cr_expect_eq(table_count(watch.exporters), WATCH_EXPORTERS_MAX - 99);
}

#include "tests/integration/policy/house.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The life of an attack through a real policy and real Redis servers. */

static struct house *h;

static void end(void)
{
    house_close(h);
}

TestSuite(life, .fini = end, .timeout = 300);

static const char target[] = "198.51.100.7";

Test(life, a_tick_over_the_threshold_gives_alarm_mitigation_and_job)
{
    h = house_with_policy(false);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    struct mitigation m = h->mitigations[0];
    cr_expect_not(m.dry_run);
    cr_expect_not_null(strstr(m.rule, target), "%s", m.rule);
    cr_expect_eq(m.peer_count, 1);
    cr_expect_str_eq(m.peers[0], "r1");

    const struct redis_reply *jobs = house_ask(h, "XRANGE weir:jobs - +");
    cr_assert_eq(jobs->count, 1);
    const struct redis_reply *pb = redis_field(&jobs->items[0].items[1], "pb");
    struct job job;
    cr_assert_eq(job_decode(&job, (const uint8_t *)pb->bytes, pb->len), STATUS_OK);
    cr_expect_eq(job.verb, JOB_ANNOUNCE);
    cr_expect_str_eq(job.mitigation, m.id);
    cr_expect_eq(job.revision, m.revision);
    cr_expect(house_is(h, "announcing", "HGET weir:mitigation:%s state", m.id));

    HOUSE_UNTIL(h, house_alarm_is(h, ALARM_ACTIVE) && h->alarms[0].mitigation_count == 1);
    cr_expect_str_eq(h->alarms[0].mitigations[0], m.id);
    cr_expect_eq(house_len(h, "weir:alarms:log"), 1);
    cr_expect(house_audit_has(h, "announce"));
    cr_expect_eq(house_ask(h, "PTTL weir:mitigation:%s", m.id)->integer, -1);

    house_result(h, &m, RESULT_SENT);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ACTIVE));
    cr_expect(house_is(h, "sent", "HGET weir:mitigation:%s peer:sp1/r1", m.id));
}

Test(life, an_attack_that_is_over_clears_and_the_rule_goes_in_time)
{
    h = house_with_policy(false);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    struct mitigation m = h->mitigations[0];
    house_result(h, &m, RESULT_SENT);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ACTIVE));
    HOUSE_UNTIL(h, house_alarm_is(h, ALARM_ACTIVE));
    char alarm_id[ID_TEXT_MAX];
    (void)snprintf(alarm_id, sizeof(alarm_id), "%s", h->alarms[0].id);

    house_attack(h, target, 0);
    uint64_t over_ms = house_now_ms();
    HOUSE_UNTIL(h, house_alarm_is(h, ALARM_CLEARING));
    HOUSE_WITHIN(h, 3500, house_alarms(h) == 0);
    cr_expect_geq(house_now_ms() - over_ms, 2000u);
    cr_expect(house_is(h, "ended", "HGET weir:alarm:%s state", alarm_id));
    cr_expect_gt(house_ask(h, "PTTL weir:alarm:%s", alarm_id)->integer, 0);
    uint64_t ended_ms = house_now_ms();
    HOUSE_WITHIN(h, 3500, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    cr_expect_geq(house_now_ms() - ended_ms, 1800u);
    cr_expect_eq(house_len(h, "weir:jobs"), 2);

    house_result(h, &h->mitigations[0], RESULT_WITHDRAWN);
    HOUSE_UNTIL(h, house_mitigations(h) == 0);
    cr_expect_eq(house_mitigation(h, m.id).state, MITIGATION_WITHDRAWN);
    cr_expect_gt(house_ask(h, "PTTL weir:mitigation:%s", m.id)->integer, 0);
    cr_expect_eq(house_len(h, "weir:jobs"), 2);
}

Test(life, half_of_the_threshold_raises_nothing)
{
    h = house_with_policy(false);
    house_attack(h, target, 50e6);
    HOUSE_WHILE(h, 2000, house_alarms(h) == 0);
    cr_expect_eq(house_len(h, "weir:jobs"), 0);
}

Test(life, dry_run_does_all_but_send)
{
    h = house_with_policy(true);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_mitigations(h) == 1);
    cr_expect(h->mitigations[0].dry_run);
    house_result(h, &h->mitigations[0], RESULT_DRY_RUN);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ACTIVE));
    cr_expect(h->mitigations[0].dry_run);
    cr_expect(house_is(h, "yes", "HGET weir:mitigation:%s dry_run", h->mitigations[0].id));
}

Test(life, a_protected_target_is_alarmed_and_not_mitigated)
{
    h = house_with_policy(false);
    house_attack(h, "198.51.100.10", 500e6);
    HOUSE_UNTIL(h, house_alarm_is(h, ALARM_ACTIVE) && h->alarms[0].not_mitigated[0] != '\0');
    cr_expect_not_null(strstr(h->alarms[0].not_mitigated, "protected"), "%s",
                       h->alarms[0].not_mitigated);
    cr_expect_eq(house_mitigations(h), 0);
    cr_expect_eq(house_len(h, "weir:jobs"), 0);
    cr_expect(house_audit_has(h, "protected"));
}

Test(life, an_alarm_freezes_without_ticks_and_goes_on_with_them)
{
    h = house_with_policy(false);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_alarm_is(h, ALARM_ACTIVE));
    h->is_silent = true;
    uint64_t silent_ms = house_now_ms();
    HOUSE_WITHIN(h, 4000, house_alarm_is(h, ALARM_FROZEN));
    cr_expect_geq(house_now_ms() - silent_ms, 1800u);
    /* Nothing clears in the dark, however long clear.after is over. */
    HOUSE_WHILE(h, 3000, house_alarm_is(h, ALARM_FROZEN) && house_mitigations(h) == 1);
    h->is_silent = false;
    HOUSE_WITHIN(h, 2000, house_alarm_is(h, ALARM_ACTIVE));
    house_attack(h, target, 0);
    HOUSE_UNTIL(h, house_alarms(h) == 0);
}

Test(life, a_silent_exporter_freezes_what_it_reported)
{
    h = house_with_policy(false);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_alarm_is(h, ALARM_ACTIVE));
    h->traffic.heard_age_ms = 60000; /* nothing new since the last tick */
    HOUSE_WITHIN(h, 8000, house_alarm_is(h, ALARM_FROZEN));
    house_attack(h, target, 0);
    HOUSE_WHILE(h, 3000, house_alarm_is(h, ALARM_FROZEN));
    h->traffic.heard_age_ms = 0;
    HOUSE_WITHIN(h, 5000, house_alarms(h) == 0);
}

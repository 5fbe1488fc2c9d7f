#include "tests/integration/policy/house.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Restarts, standbys, and state Redis that goes away. */

static struct house *h;

static void end(void)
{
    house_close(h);
}

TestSuite(lead, .fini = end, .timeout = 300);

static const char target[] = "198.51.100.7";

static struct mitigation mitigated(void)
{
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    return h->mitigations[0];
}

static struct mitigation sent(void)
{
    struct mitigation m = mitigated();
    house_result(h, &m, RESULT_SENT);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ACTIVE));
    return h->mitigations[0];
}

static void restart(void)
{
    house_end_policy(h, 0, SIGKILL);
    house_start_policy(h, 0);
}

static bool has_epoch(const char *old)
{
    const struct redis_reply *epoch = house_ask(h, "GET weir:epoch:policy");
    return epoch->type == REDIS_STRING && strcmp(epoch->bytes, old) != 0;
}

static bool logged(const char *what)
{
    return strstr(house_logs(h), what) != NULL;
}

Test(lead, killed_while_announcing_it_takes_up_the_same_mitigation)
{
    h = house_with_policy(false);
    struct mitigation m = mitigated();
    house_end_policy(h, 0, SIGKILL);
    house_result(h, &m, RESULT_SENT); /* while nobody leads */
    house_start_policy(h, 0);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ACTIVE));
    cr_expect_str_eq(h->mitigations[0].id, m.id);
    HOUSE_WHILE(h, 1500, house_mitigations(h) == 1 && strcmp(h->mitigations[0].id, m.id) == 0);
    cr_expect_eq(house_len(h, "weir:jobs"), 1);
}

Test(lead, killed_while_active_it_goes_on_and_ends_it)
{
    h = house_with_policy(false);
    struct mitigation m = sent();
    restart();
    HOUSE_UNTIL(h, logged("alarms=1 mitigations=1"));
    HOUSE_UNTIL(h, house_audit_has(h, "takes up 1 alarms, 1 mitigations, 0 holds"));
    HOUSE_WHILE(h, 2500, house_alarm_is(h, ALARM_ACTIVE) && house_len(h, "weir:jobs") == 1);
    house_attack(h, target, 0);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    cr_expect_str_eq(h->mitigations[0].id, m.id);
    house_result(h, &h->mitigations[0], RESULT_WITHDRAWN);
    HOUSE_UNTIL(h, house_mitigations(h) == 0);
}

Test(lead, killed_while_clearing_the_delay_does_not_begin_anew)
{
    h = house_with_policy(false);
    (void)sent();
    house_attack(h, target, 0);
    HOUSE_UNTIL(h, house_alarm_is(h, ALARM_CLEARING));
    uint64_t over_ms = house_now_ms(), waited_ms = house_waited_ms(h);
    restart();
    HOUSE_WITHIN(h, 4000, house_alarms(h) == 0);
    uint64_t took_ms = house_now_ms() - over_ms;
    /* clear.after, and what the lease of the killed one keeps the new one waiting at most */
    waited_ms = house_waited_ms(h) - waited_ms;
    cr_expect(took_ms >= 1900 && took_ms < 3500 + waited_ms,
              "%d ms, %d of them without a processor", (int)took_ms, (int)waited_ms);
    HOUSE_WITHIN(h, 4000, house_mitigation_is(h, MITIGATION_WITHDRAWING));
}

Test(lead, killed_while_the_withdrawal_is_planned_it_comes_in_time)
{
    h = house_with_policy(false);
    (void)sent();
    house_attack(h, target, 0);
    HOUSE_UNTIL(h, house_alarms(h) == 0);
    uint64_t ended_ms = house_now_ms(), waited_ms = house_waited_ms(h);
    restart();
    HOUSE_WITHIN(h, 4000, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    uint64_t took_ms = house_now_ms() - ended_ms;
    waited_ms = house_waited_ms(h) - waited_ms;
    cr_expect(took_ms >= 1900 && took_ms < 3500 + waited_ms,
              "%d ms, %d of them without a processor", (int)took_ms, (int)waited_ms);
    cr_expect_eq(house_len(h, "weir:jobs"), 2);
}

Test(lead, killed_while_withdrawing_it_waits_for_the_answer_and_ends)
{
    h = house_with_policy(false);
    (void)sent();
    house_attack(h, target, 0);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    struct mitigation m = h->mitigations[0];
    house_end_policy(h, 0, SIGKILL);
    house_result(h, &m, RESULT_WITHDRAWN);
    house_start_policy(h, 0);
    HOUSE_UNTIL(h, house_mitigations(h) == 0);
    cr_expect_eq(house_mitigation(h, m.id).state, MITIGATION_WITHDRAWN);
    cr_expect_eq(house_len(h, "weir:jobs"), 2);
}

Test(lead, a_standby_acts_within_two_seconds_of_the_leaders_death)
{
    h = house_with_policy(false);
    house_start_policy(h, 1);
    HOUSE_UNTIL(h, logged("standing by"));
    struct mitigation m = sent();
    char epoch[32];
    (void)snprintf(epoch, sizeof(epoch), "%s", house_ask(h, "GET weir:epoch:policy")->bytes);
    house_end_policy(h, 0, SIGKILL);
    house_attack(h, "198.51.100.8", 500e6);
    HOUSE_WITHIN(h, 2000, house_mitigations(h) == 2);
    cr_expect(has_epoch(epoch));
    cr_expect_str_eq(h->mitigations[0].id, m.id);
    HOUSE_WHILE(h, 1000, house_mitigations(h) == 2);
    cr_expect_eq(house_len(h, "weir:jobs"), 2);
}

Test(lead, who_is_told_to_end_gives_the_lease_away_at_once)
{
    h = house_with_policy(false);
    house_start_policy(h, 1);
    HOUSE_UNTIL(h, logged("standing by"));
    (void)sent();
    house_end_policy(h, 0, SIGTERM);
    HOUSE_WITHIN(h, 700, logged("alarms=1 mitigations=1"));
}

Test(lead, a_standby_decides_nothing)
{
    h = house_with_policy(false);
    house_start_policy(h, 1);
    HOUSE_UNTIL(h, logged("standing by"));
    (void)sent();
    HOUSE_WHILE(h, 1500, house_mitigations(h) == 1 && house_alarms(h) == 1);
    cr_expect_eq(house_len(h, "weir:jobs"), 1);
}

Test(lead, a_fenced_leader_writes_nothing_and_stands_by)
{
    h = house_with_policy(false);
    struct mitigation m = sent();
    uint64_t revision = house_mitigation(h, m.id).revision;
    /* Another takes over, as if we had been stopped for a while. */
    house_ask(h, "SET weir:lease:policy other:1 PX 60000");
    house_ask(h, "SET weir:epoch:policy 9000000000000");
    HOUSE_UNTIL(h, logged("fenced") || logged("another policy has the lease"));
    house_attack(h, "198.51.100.8", 500e6);
    HOUSE_WHILE(h, 2000, house_alarms(h) == 1 && house_mitigations(h) == 1);
    cr_expect_eq(house_mitigation(h, m.id).revision, revision);
    cr_expect_eq(house_len(h, "weir:jobs"), 1);
    house_ask(h, "DEL weir:lease:policy");
    HOUSE_WITHIN(h, 4000, house_mitigations(h) == 2);
    cr_expect_gt(house_mitigation(h, m.id).revision, 0u);
}

Test(lead, without_state_nothing_is_decided_and_all_is_judged_anew_on_return)
{
    h = house_with_policy(false);
    struct mitigation m = sent();
    house_stop_state(h);
    HOUSE_UNTIL(h, logged("not acting any more"));
    house_attack(h, "198.51.100.8", 500e6); /* comes and goes while nobody can decide */
    uint64_t until_ms = house_now_ms() + 2000;
    while (house_turn(h, until_ms))
        ;
    house_attack(h, "198.51.100.8", 0);
    house_attack(h, "198.51.100.9", 500e6);
    until_ms = house_now_ms() + 500;
    while (house_turn(h, until_ms))
        ;
    house_start_state(h);
    HOUSE_UNTIL(h, house_mitigations(h) == 2);
    HOUSE_WHILE(h, 1000, house_mitigations(h) == 2 && house_alarms(h) == 2);
    cr_expect_eq(strcmp(h->alarms[0].key_text, "dst_addr=198.51.100.8") == 0 ||
                     strcmp(h->alarms[1].key_text, "dst_addr=198.51.100.8") == 0,
                 0);
    cr_expect_eq(house_len(h, "weir:jobs"), 2);
    cr_expect_eq(house_mitigation(h, m.id).state, MITIGATION_ACTIVE);
}

Test(lead, a_frozen_state_server_ends_acting_before_the_lease)
{
    h = house_with_policy(false);
    (void)sent();
    redis_server_freeze(&h->state);
    uint64_t frozen_ms = house_now_ms();
    HOUSE_WITHIN(h, 1800, logged("not renewed in time"));
    cr_expect(house_now_ms() - frozen_ms >= 400 || house_starved(h));
    redis_server_thaw(&h->state);
    HOUSE_UNTIL(h, logged("alarms=1 mitigations=1"));
    HOUSE_WHILE(h, 1000, house_alarm_is(h, ALARM_ACTIVE) && house_len(h, "weir:jobs") == 1);
}

static void emptied(int policies)
{
    h = house_with_policy(false);
    for (int i = 1; i < policies; i++) {
        house_start_policy(h, i);
        HOUSE_UNTIL(h, logged("standing by"));
    }
    struct mitigation m = sent();
    char epoch[32];
    (void)snprintf(epoch, sizeof(epoch), "%s", house_ask(h, "GET weir:epoch:policy")->bytes);
    house_ask(h, "HSET weir:hold peer:other tester:test");
    HOUSE_UNTIL(h, logged("peer:other"));
    house_ask(h, "FLUSHALL");
    /* Has it read the holds at once, before it can know that they are not lifted but lost. */
    house_ask(h, "XADD weir:stops * verb resume scope peer:nobody who tester why test");
    HOUSE_WITHIN(h, 2000, house_mitigations(h) == 1);
    cr_expect(has_epoch(epoch));
    cr_expect_not(logged("a hold was lifted"));
    cr_expect_str_eq(h->mitigations[0].id, m.id);
    cr_expect_eq(h->mitigations[0].state, MITIGATION_ACTIVE);
    cr_expect_gt(h->mitigations[0].revision, m.revision);
    HOUSE_UNTIL(h, house_alarm_is(h, ALARM_ACTIVE));
    cr_expect_str_eq(h->alarms[0].mitigations[0], m.id);
    const char *hold = house_ask(h, "HGET weir:hold peer:other")->bytes;
    cr_assert_not_null(hold);
    cr_expect_not_null(strstr(hold, "\"at_ms\":1"), "%s", hold);
    cr_expect(house_is(h, "sent", "HGET weir:mitigation:%s peer:sp1/r1", m.id));
    cr_expect(logged("state Redis has lost what it had"));
    cr_expect(house_audit_has(h, "written back"));
    HOUSE_WHILE(h, 1500, house_mitigation_is(h, MITIGATION_ACTIVE) && house_alarms(h) == 1);
    cr_expect_eq(house_len(h, "weir:jobs"), 1);
    house_attack(h, target, 0);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    house_result(h, &h->mitigations[0], RESULT_WITHDRAWN);
    HOUSE_UNTIL(h, house_mitigations(h) == 0);
}

Test(lead, what_an_emptied_state_server_has_lost_is_written_back)
{
    emptied(1);
}

Test(lead, a_standby_lets_who_led_write_back_first)
{
    emptied(2);
}

Test(lead, an_emptied_state_server_without_its_leader_is_led_again)
{
    h = house_with_policy(false);
    house_start_policy(h, 1);
    HOUSE_UNTIL(h, logged("standing by"));
    (void)sent();
    house_end_policy(h, 0, SIGKILL);
    house_ask(h, "FLUSHALL");
    HOUSE_WITHIN(h, 6000, house_mitigations(h) == 1); /* the attack goes on */
}

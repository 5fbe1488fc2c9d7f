#include "tests/integration/policy/house.h"

#include <stdio.h>
#include <string.h>

/* What people ask for, and the ways out. */

static struct house *h;

static void end(void)
{
    house_close(h);
}

TestSuite(requests, .fini = end, .timeout = 300);

static const char target[] = "198.51.100.7";

Test(requests, a_person_starts_and_stops_a_mitigation)
{
    h = house_with_policy(false);
    struct reply reply = house_request(
        h, "mitigate",
        (const char *const[]){"method", "limit", "destination", target, "reason", "test", NULL});
    cr_assert(reply.ok, "%s", reply.text);
    cr_assert_eq(reply.id_count, 1);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    struct mitigation m = h->mitigations[0];
    cr_expect_str_eq(m.id, reply.ids[0]);
    cr_expect_str_eq(m.who, "tester");
    reply = house_request(h, "stop", (const char *const[]){"id", m.id, NULL});
    cr_expect(reply.ok, "%s", reply.text);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    cr_expect(house_audit_has(h, "tester"));
}

Test(requests, what_is_refused_is_answered_and_audited)
{
    h = house_with_policy(false);
    struct reply reply = house_request(
        h, "mitigate",
        (const char *const[]){"method", "limit", "destination", "198.51.100.10", NULL});
    cr_expect_not(reply.ok);
    cr_expect_not_null(strstr(reply.text, "protected"), "%s", reply.text);
    reply = house_request(h, "late", (const char *const[]){NULL});
    cr_expect_not(reply.ok);
    cr_expect_not_null(strstr(reply.text, "expired"), "%s", reply.text);
    HOUSE_UNTIL(h, house_audit_has(h, "late refused"));
    reply = house_request(h, "dance", (const char *const[]){NULL});
    cr_expect_not(reply.ok);
    cr_expect_eq(house_mitigations(h), 0);
}

Test(requests, what_cannot_be_read_is_answered_where_it_has_an_id)
{
    h = house_with_policy(false);
    house_ask(h, "XADD weir:requests * id x-1 pb rubbish");
    HOUSE_UNTIL(h, house_ask(h, "LLEN weir:reply:x-1")->integer == 1);
    house_ask(h, "XADD weir:requests * nothing at");
    house_ask(h, "XADD weir:results * pb rubbish");
    house_ask(h, "XADD weir:stops * verb sing scope all");
    /* It lives on. */
    struct reply reply = house_request(
        h, "mitigate", (const char *const[]){"method", "limit", "destination", target, NULL});
    cr_expect(reply.ok, "%s", reply.text);
}

Test(requests, withdraw_all_takes_away_and_keeps_down_until_resume)
{
    h = house_with_policy(false);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    house_stop(h, "withdraw-all", "all");
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    house_result(h, &h->mitigations[0], RESULT_WITHDRAWN);
    HOUSE_UNTIL(h, house_mitigations(h) == 0);
    HOUSE_WHILE(h, 1500, house_mitigations(h) == 0 && house_alarm_is(h, ALARM_ACTIVE));
    struct reply reply = house_request(
        h, "mitigate",
        (const char *const[]){"method", "limit", "destination", "198.51.100.8", NULL});
    cr_expect_not(reply.ok);
    cr_expect_not_null(strstr(reply.text, "hold"), "%s", reply.text);
    cr_expect_eq(house_mitigations(h), 0);
    house_stop(h, "resume", "all");
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
}

Test(requests, the_hold_alone_is_enough)
{
    h = house_with_policy(false);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    house_ask(h, "HSET weir:hold method:other tester:test");
    HOUSE_WHILE(h, 1500, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    house_ask(h, "HSET weir:hold method:limit "
                 "{\"who\":\"tester\",\"why\":\"trial\",\"at_ms\":1700000000000}");
    HOUSE_WITHIN(h, 2000, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    HOUSE_UNTIL(h, house_audit_has(h, "tester: trial"));
    cr_expect_not_null(strstr(house_logs(h), "why=\"tester: trial\""), "%s", house_logs(h));
    cr_expect_not(house_audit_has(h, "at_ms"));
}

Test(requests, a_hold_that_stands_at_the_start_is_obeyed)
{
    h = house_open(false);
    house_ask(h, "HSET weir:hold family:ipv4 tester:test");
    house_start_policy(h, 0);
    house_attack(h, target, 500e6);
    house_attack(h, "2001:db8::7", 500e6);
    HOUSE_UNTIL(h, house_alarms(h) == 2);
    HOUSE_UNTIL(h, house_mitigations(h) == 1);
    HOUSE_WHILE(h, 1000, house_mitigations(h) == 1);
    cr_expect_eq(h->mitigations[0].family, 6);
    house_ask(h, "HDEL weir:hold family:ipv4");
    HOUSE_UNTIL(h, house_mitigations(h) == 2);
}

Test(requests, a_hold_of_all_its_peers_refuses_what_a_person_wants)
{
    static const char *const scopes[] = {"platform:edge", "peer:r1", "method:limit", "family:ipv4"};
    h = house_with_policy(false);
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        house_ask(h, "HSET weir:hold %s tester:test", scopes[i]);
        struct reply reply = house_request(
            h, "mitigate", (const char *const[]){"method", "limit", "destination", target, NULL});
        cr_expect_not(reply.ok);
        cr_expect_not_null(strstr(reply.text, scopes[i]), "%s", reply.text);
        HOUSE_UNTIL(h, house_mitigations(h) == 0);
        house_ask(h, "HDEL weir:hold %s", scopes[i]);
    }
    /* One of another peer is none of its business. */
    house_ask(h, "HSET weir:hold peer:other tester:test");
    struct reply reply = house_request(
        h, "mitigate", (const char *const[]){"method", "limit", "destination", target, NULL});
    cr_expect(reply.ok, "%s", reply.text);
}

/* As speakers do, so that what weir status says of it is true of all. */
Test(requests, a_hold_that_cannot_be_read_holds_everything)
{
    h = house_with_policy(false);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    house_ask(h, "HSET weir:hold plattform:edge tester:test");
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    cr_expect_not_null(strstr(house_logs(h), "a hold cannot be read"));
    struct reply reply = house_request(
        h, "mitigate",
        (const char *const[]){"method", "limit", "destination", "198.51.100.8", NULL});
    cr_expect_not(reply.ok);
    cr_expect_not_null(strstr(reply.text, "plattform:edge"), "%s", reply.text);
    house_result(h, &h->mitigations[0], RESULT_WITHDRAWN);
    HOUSE_UNTIL(h, house_mitigations(h) == 0);
    HOUSE_WHILE(h, 1000, house_mitigations(h) == 0);
    house_ask(h, "HDEL weir:hold plattform:edge");
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
}

#include "tests/integration/policy/house.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* What people ask for while nobody leads. */

static struct house *h;

static void end(void)
{
    house_close(h);
}

TestSuite(failover, .fini = end, .timeout = 300);

static const char target[] = "198.51.100.7";
static const char *const mitigate[] = {"method", "limit", "destination", target, NULL};

static bool logged(const char *what)
{
    return strstr(house_logs(h), what) != NULL;
}

static void with_standby(void)
{
    h = house_with_policy(false);
    house_start_policy(h, 1);
    HOUSE_UNTIL(h, logged("standing by"));
}

Test(failover, who_leads_next_answers_what_came_meanwhile)
{
    with_standby();
    house_end_policy(h, 0, SIGKILL);
    struct reply reply = house_request(h, "mitigate", mitigate);
    cr_assert(reply.ok, "%s", reply.text);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    cr_expect_str_eq(h->mitigations[0].id, reply.ids[0]);
    HOUSE_WHILE(h, 1000, house_mitigations(h) == 1);
    cr_expect_eq(house_len(h, "weir:jobs"), 1);
}

Test(failover, what_the_last_leader_has_done_is_not_done_twice)
{
    with_standby();
    struct reply reply = house_request(h, "mitigate", mitigate);
    cr_assert(reply.ok, "%s", reply.text);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    cr_assert(house_request(h, "stop", (const char *const[]){"id", reply.ids[0], NULL}).ok);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    house_result(h, &h->mitigations[0], RESULT_WITHDRAWN);
    HOUSE_UNTIL(h, house_mitigations(h) == 0);
    house_end_policy(h, 0, SIGKILL);
    HOUSE_UNTIL(h, strstr(strstr(house_logs(h), "--- p2"), "\"acting\"") != NULL);
    HOUSE_WHILE(h, 1500, house_mitigations(h) == 0);
    cr_expect_eq(house_len(h, "weir:jobs"), 2);
}

Test(failover, an_answer_that_the_last_leader_owes_is_given_from_the_audit)
{
    with_standby();
    struct reply reply = house_request(h, "mitigate", mitigate);
    cr_assert(reply.ok, "%s", reply.text);
    HOUSE_UNTIL(h, house_audit_has(h, reply.id));
    house_end_policy(h, 0, SIGKILL);
    /* The asker has its answer; were it still waiting, it would get this one. */
    HOUSE_UNTIL(h, house_ask(h, "LLEN weir:reply:%s", reply.id)->integer == 1);
    const struct redis_reply *bytes = house_ask(h, "LPOP weir:reply:%s", reply.id);
    struct reply again;
    cr_assert_eq(reply_decode(&again, (const uint8_t *)bytes->bytes, bytes->len), STATUS_OK);
    cr_expect(again.ok);
    cr_expect_str_eq(again.ids[0], reply.ids[0]);
    cr_expect_eq(house_mitigations(h), 1);
}

Test(failover, what_has_expired_meanwhile_is_refused_and_leaves_a_line)
{
    with_standby();
    house_end_policy(h, 0, SIGKILL);
    struct reply reply = house_request(h, "late", mitigate);
    cr_expect_not(reply.ok);
    cr_expect_not_null(strstr(reply.text, "expired"), "%s", reply.text);
    HOUSE_UNTIL(h, house_audit_has(h, "late refused"));
}

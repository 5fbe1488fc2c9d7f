#include "tests/integration/policy/house.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SIGHUP while a rule stands. */

static struct house *h;

static void end(void)
{
    house_close(h);
}

TestSuite(reload, .fini = end, .timeout = 300);

static const char target[] = "198.51.100.7";

static void mitigated(void)
{
    h = house_with_policy(false);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    house_result(h, &h->mitigations[0], RESULT_SENT);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ACTIVE));
}

static void reload(const char *from, const char *to)
{
    char command[512];
    (void)snprintf(command, sizeof(command), "sed -i 's#%s#%s#' %s/p1.yaml", from, to, h->folder);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(kill(h->policies[0], SIGHUP), 0);
}

Test(reload, a_rule_that_the_guard_refuses_now_is_withdrawn)
{
    mitigated();
    reload("198.51.100.10/32", "198.51.100.7/32");
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    cr_expect_not_null(strstr(h->mitigations[0].why_ended, "protected"), "%s",
                       h->mitigations[0].why_ended);
    house_result(h, &h->mitigations[0], RESULT_WITHDRAWN);
    HOUSE_UNTIL(h, house_mitigations(h) == 0);
    HOUSE_UNTIL(h, house_alarm_is(h, ALARM_ACTIVE) &&
                       strstr(h->alarms[0].not_mitigated, "protected") != NULL);
}

Test(reload, another_action_is_the_same_mitigation)
{
    mitigated();
    char id[ID_TEXT_MAX];
    (void)snprintf(id, sizeof(id), "%s", h->mitigations[0].id);
    reload("rate_limit: 10Mbps", "discard: true");
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    cr_expect_str_eq(h->mitigations[0].id, id);
    cr_expect_not_null(strstr(h->mitigations[0].rule, "discard"), "%s", h->mitigations[0].rule);
    cr_expect_eq(house_len(h, "weir:jobs"), 2);
    cr_expect(house_audit_has(h, "replace"));
}

/* put_rollup counts by the file as it was, as an aggregator that has not been reloaded. */
Test(reload, other_networks_leave_alarm_and_rule_as_they_are)
{
    mitigated();
    struct mitigation m = h->mitigations[0];
    reload("customers: .198", "customers: [203.0.113.0/24, 198");
    HOUSE_UNTIL(h, house_audit_has(h, "alarm carried over"));
    HOUSE_UNTIL(h, house_alarm_is(h, ALARM_FROZEN));
    HOUSE_WHILE(h, 3000,
                house_alarm_is(h, ALARM_FROZEN) && house_mitigation_is(h, MITIGATION_ACTIVE) &&
                    house_len(h, "weir:jobs") == 1);
    cr_expect_str_eq(h->mitigations[0].id, m.id);
}

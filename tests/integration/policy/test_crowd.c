#include "tests/integration/policy/house.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Very many at once, and state that is not as we left it. */

static struct house *h;

static void end(void)
{
    house_close(h);
}

TestSuite(crowd, .fini = end, .timeout = 900);

static const char target[] = "198.51.100.7";

static long cardinality(const char *set)
{
    return (long)house_ask(h, "ZCARD %s", set)->integer;
}

static bool logged(const char *what)
{
    return strstr(house_logs(h), what) != NULL;
}

/* How many of those that are active are in each state. */
static const char *active_states(void)
{
    static char said[512];
    size_t by_state[64] = {0}, len = 0;
    char id[64][ID_TEXT_MAX];
    const struct redis_reply *ids = house_ask(h, "ZRANGE weir:mitigations:active 0 63");
    size_t count = ids->count;
    for (size_t i = 0; i < count; i++)
        (void)snprintf(id[i], sizeof(id[i]), "%s", ids->items[i].bytes);
    for (size_t i = 0; i < count; i++) {
        struct mitigation m = house_mitigation(h, id[i]);
        by_state[m.state % 64]++;
        mitigation_done(&m);
    }
    for (size_t state = 0; state < 64; state++)
        if (by_state[state] > 0)
            len += (size_t)snprintf(said + len, sizeof(said) - len, "%zu %s ", by_state[state],
                                    mitigation_state_name((enum mitigation_state)state));
    return said;
}

Test(crowd, thousands_of_victims_cost_neither_the_lease_nor_redis_its_memory)
{
    enum { VICTIMS = 1000 };
    h = house_with_policy(false);
    for (int i = 0; i < VICTIMS; i++) {
        char victim[32];
        (void)snprintf(victim, sizeof(victim), "2001:db8::%x", i + 1);
        house_attack(h, victim, 500e6);
    }
    HOUSE_WITHIN(h, 60000, cardinality("weir:alarms:active") == VICTIMS);
    long keys = (long)house_ask(h, "DBSIZE")->integer;
    /* Each has its hash and the one record of why it is not mitigated; tries go on every 5 s. */
    cr_expect_leq(keys, 2 * VICTIMS + 100);
    long from = house_log_len(h, 0);
    HOUSE_WHILE(h, 12000, !house_log_has(h, 0, from, "not acting any more") || house_starved(h));
    cr_expect_leq((long)house_ask(h, "DBSIZE")->integer, keys + 100);
    /* max_rules less the reserve */
    cr_expect_leq(cardinality("weir:mitigations:active"), 15, "%s", active_states());

    house_end_policy(h, 0, SIGKILL);
    from = house_log_len(h, 0);
    house_start_policy(h, 0);
    HOUSE_WITHIN(h, 15000, house_log_has(h, 0, from, "alarms=1000"));
}

Test(crowd, what_cannot_be_read_is_left_and_the_rest_goes_on)
{
    h = house_open(false);
    house_ask(h, "ZADD weir:alarms:active 1 a-1-gone 2 a-2-rubbish");
    house_ask(h, "HSET weir:alarm:a-2-rubbish pb rubbish state active");
    house_ask(h, "ZADD weir:mitigations:active 1 m-1-gone 2 m-2-rubbish 3 m-3-empty");
    house_ask(h, "HSET weir:mitigation:m-2-rubbish pb rubbish revision many");
    house_ask(h, "HSET weir:mitigation:m-3-empty state active");
    house_ask(h, "HSET weir:hold nonsense tester");
    house_start_policy(h, 0);
    HOUSE_UNTIL(h, cardinality("weir:alarms:active") == 1);
    HOUSE_UNTIL(h, cardinality("weir:mitigations:active") == 2);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, cardinality("weir:alarms:active") == 2);
    /* A hold that nobody can read holds everything; once it is gone the rule comes. */
    HOUSE_UNTIL(h, logged("on hold"));
    HOUSE_WHILE(h, 500, cardinality("weir:mitigations:active") == 2);
    house_ask(h, "DEL weir:hold");
    HOUSE_UNTIL(h, cardinality("weir:mitigations:active") == 3);
    cr_expect(house_is(h, "rubbish", "HGET weir:mitigation:m-2-rubbish pb"));
}

Test(crowd, ticks_that_cannot_be_read_are_counted_and_change_nothing)
{
    h = house_with_policy(false);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_alarm_is(h, ALARM_ACTIVE));
    redis_server_cli(&h->telemetry, "XADD weir:rollup:s0 * pb rubbish");
    redis_server_cli(&h->telemetry, "XADD weir:rollup:s1 * other field");
    HOUSE_UNTIL(h, logged("a tick cannot be read"));
    HOUSE_WHILE(h, 1000, house_alarm_is(h, ALARM_ACTIVE));
}

Test(crowd, a_policy_that_left_the_file_ends_its_alarms)
{
    char command[256];
    h = house_with_policy(false);
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
    (void)snprintf(command, sizeof(command), "sed -i 's/name: host/name: hosts/' %s/p1.yaml",
                   h->folder);
    cr_assert_eq(system(command), 0);
    h->is_silent = true;
    cr_assert_eq(kill(h->policies[0], SIGHUP), 0);
    HOUSE_UNTIL(h, logged("its policy is not configured any more, or has other keys"));
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_WITHDRAWING));
    /* The new one raises its own, of the same count. */
    h->is_silent = false;
    HOUSE_UNTIL(h, house_alarms(h) == 1 && strcmp(h->alarms[0].policy, "hosts") == 0);
}

Test(crowd, a_new_file_with_errors_changes_nothing)
{
    char command[256];
    h = house_with_policy(false);
    (void)snprintf(command, sizeof(command), "echo 'nonsense: 1' >> %s/p1.yaml", h->folder);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(kill(h->policies[0], SIGHUP), 0);
    HOUSE_UNTIL(h, logged("configuration refused"));
    house_attack(h, target, 500e6);
    HOUSE_UNTIL(h, house_mitigation_is(h, MITIGATION_ANNOUNCING));
}

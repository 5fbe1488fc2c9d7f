#include "tests/unit/policy/engine/support.h"

/* State Redis and policy have lost what stood; a speaker offers it. */

#define PEOPLE HEAD POLICY("")

static struct mitigation offered;

/* A rule of an alarm stands; the engine that is there then knows nothing of it. */
static struct bench *setup_lost(void)
{
    struct bench *b = setup(PEOPLE);
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    cr_assert_eq(b->mitigation.state, MITIGATION_ACTIVE);
    offered = b->mitigation;
    engine_free(b->engine);
    make_engine(b);
    run(b, VICTIM, 0, 1000); /* it has judged what it had read: nothing */
    b->count = 0;
    return b;
}

static enum engine_adoption offer(struct bench *b)
{
    return engine_adopt(b->engine, &offered, "sp1", b->now);
}

Test(adopt, what_an_alarm_started_is_taken_up_and_the_alarm_finds_it)
{
    struct bench *b = setup_lost();
    cr_assert_eq(offer(b), ENGINE_ADOPTED);
    const struct seen *adopted = find(b, "adopted");
    cr_assert_not_null(adopted);
    cr_expect(adopted->has_job && !adopted->announces && adopted->verb == JOB_ANNOUNCE);
    cr_expect_eq(adopted->state, MITIGATION_ANNOUNCING, "its peers are to answer again");
    cr_expect_gt(adopted->revision, offered.revision);
    cr_expect_str_eq(adopted->id, offered.id);
    cr_expect_eq(b->mitigation.created_ms, offered.created_ms);
    cr_expect_eq(b->mitigation.renewed_ms, b->now.state_ms);
    cr_expect_eq(b->mitigation.epoch, 42);
    cr_expect_eq(adopted->until_ms, b->now.state_ms + 120000, "the alarm may be seen again");
    cr_expect_eq(offer(b), ENGINE_KNOWN, "the other speaker's offer");
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    cr_expect_eq(b->mitigation.state, MITIGATION_ACTIVE);
    run(b, VICTIM, 200e6, 3000);
    cr_expect_eq(b->mitigation.until_ms, 0, "an alarm wants it");
    cr_expect_str_eq(b->mitigation.id, offered.id);
    run(b, VICTIM, 0, 10500);
    cr_expect_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    cr_expect_str_eq(b->mitigation.id, offered.id);
    teardown(b);
}

Test(adopt, what_no_alarm_asks_for_again_ends_after_two_minutes)
{
    struct bench *b = setup_lost();
    cr_assert_eq(offer(b), ENGINE_ADOPTED);
    run(b, VICTIM, 0, 119000);
    cr_expect(mitigation_stands(b));
    run(b, VICTIM, 0, 1200);
    cr_expect_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    teardown(b);
}

Test(adopt, what_a_person_started_keeps_its_time)
{
    struct bench *b = setup_lost();
    offered.origin = ORIGIN_PERSON;
    offered.alarm[0] = '\0';
    offered.until_ms = b->now.state_ms + 5000;
    cr_assert_eq(offer(b), ENGINE_ADOPTED);
    cr_expect_eq(b->mitigation.until_ms, offered.until_ms);
    run(b, VICTIM, 0, 5200);
    cr_expect_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    teardown(b);
}

static void expect_withdrawn(struct bench *b, const char *why)
{
    cr_expect_eq(offer(b), ENGINE_NOT_ADOPTED);
    const struct seen *withdrawn = find(b, "withdraw");
    cr_assert_not_null(withdrawn);
    cr_expect(withdrawn->has_job && withdrawn->verb == JOB_WITHDRAW);
    cr_expect_not_null(strstr(withdrawn->why, why), "%s", withdrawn->why);
    cr_expect_str_eq(withdrawn->id, offered.id);
    cr_expect_gt(withdrawn->revision, offered.revision);
    cr_expect_null(find(b, "adopted"));
}

Test(adopt, what_is_over_is_withdrawn)
{
    struct bench *b = setup_lost();
    offered.until_ms = b->now.state_ms;
    expect_withdrawn(b, "its time is over");
    teardown(b);
}

Test(adopt, what_had_ended_here_is_withdrawn_again)
{
    struct bench *b = setup(PEOPLE);
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    offered = b->mitigation;
    run(b, VICTIM, 0, 10500);
    answer(b, "p1", RESULT_WITHDRAWN, JOB_WITHDRAW);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWN);
    b->count = 0;
    expect_withdrawn(b, "it had ended");
    teardown(b);
}

Test(adopt, what_is_held_is_withdrawn)
{
    struct bench *b = setup_lost();
    struct scope all = {.kind = SCOPE_ALL};
    engine_holds(b->engine, &all, 1, b->now);
    expect_withdrawn(b, "on hold (all)");
    teardown(b);
}

Test(adopt, what_another_one_does_by_now_is_withdrawn)
{
    struct bench *b = setup_lost();
    run(b, VICTIM, 200e6, 300);
    cr_assert(mitigation_stands(b));
    cr_assert_str_neq(b->mitigation.id, offered.id);
    expect_withdrawn(b, "has its match");
    teardown(b);
}

Test(adopt, what_the_guard_refuses_ends_when_no_more_is_offered)
{
    struct bench *b = setup_lost();
    /* 198.51.100.45/32 becomes the protected 198.51.100.10/32. */
    uint8_t *at = memchr(offered.nlri, 45, offered.nlri_len);
    cr_assert_not_null(at);
    *at = 10;
    cr_assert_eq(offer(b), ENGINE_ADOPTED);
    run(b, VICTIM, 0, 1900);
    cr_expect(mitigation_stands(b));
    run(b, VICTIM, 0, 200);
    cr_expect_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    cr_expect_not_null(strstr(b->mitigation.why_ended, "guard refuses"), "%s",
                       b->mitigation.why_ended);
    teardown(b);
}

Test(adopt, offers_without_end_do_not_put_off_the_guard)
{
    struct bench *b = setup_lost();
    uint8_t *at = memchr(offered.nlri, 45, offered.nlri_len);
    *at = 10;
    offered.origin = ORIGIN_PERSON;
    for (int i = 0; i < 10; i++) {
        (void)snprintf(offered.id, sizeof(offered.id), "m-%d", i);
        offered.nlri[offered.nlri_len - 1] = (uint8_t)i; /* a match of its own */
        cr_assert_eq(offer(b), ENGINE_ADOPTED);
        cr_expect_eq(count_of(b, "withdraw"), 0);
        run(b, VICTIM, 0, 1000);
    }
    cr_expect_geq(count_of(b, "withdraw"), 10);
    teardown(b);
}

Test(adopt, what_does_not_stand_and_what_has_no_room_is_left_alone)
{
    struct bench *b = setup_lost();
    offered.state = MITIGATION_WITHDRAWING;
    cr_expect_eq(offer(b), ENGINE_KNOWN);
    offered.state = MITIGATION_ACTIVE;
    for (int i = 0; i < ENGINE_MITIGATIONS_MAX; i++) {
        (void)snprintf(offered.id, sizeof(offered.id), "m-%d", i);
        cr_assert_eq(engine_restore_mitigation(b->engine, &offered, b->now), STATUS_OK);
    }
    (void)snprintf(offered.id, sizeof(offered.id), "m-more");
    cr_expect_eq(offer(b), ENGINE_NO_ROOM);
    cr_expect_eq(b->count, 0);
    teardown(b);
}

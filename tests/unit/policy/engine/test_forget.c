#include "tests/unit/policy/engine/support.h"

/* A speaker that is dead, or gone for good, holds nothing up. */

static void answer_of(struct bench *b, const char *speaker, enum result_kind kind,
                      enum job_verb verb)
{
    struct job_result r = {.peer = "p1", .kind = (uint8_t)kind, .verb = (uint8_t)verb};
    (void)snprintf(r.speaker, sizeof(r.speaker), "%s", speaker);
    (void)snprintf(r.mitigation, sizeof(r.mitigation), "%s", b->mitigation.id);
    r.revision = b->mitigation.revision;
    r.at_ms = b->now.state_ms;
    engine_result(b->engine, &r, b->now);
}

/* Two speakers have it, it is to go, and the second says nothing. */
static struct bench *half_withdrawn(void)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer_of(b, "sp1", RESULT_SENT, JOB_ANNOUNCE);
    answer_of(b, "sp2", RESULT_SENT, JOB_ANNOUNCE);
    const char *const args[] = {"id", b->mitigation.id, NULL};
    cr_assert(ask(b, "stop", args)->ok);
    answer_of(b, "sp1", RESULT_WITHDRAWN, JOB_WITHDRAW);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING, "sp2 may have it");
    return b;
}

Test(forget, what_waits_for_a_dead_speaker_ends_all_the_same)
{
    struct bench *b = half_withdrawn();
    run(b, VICTIM, 0, 29000);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    run(b, VICTIM, 0, 2000);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWN);
    cr_assert_not_null(strstr(b->mitigation.why_ended, "did not answer"), "%s",
                       b->mitigation.why_ended);
    teardown(b);
}

Test(forget, a_speaker_that_is_forgotten_is_not_waited_for)
{
    static const char *const args[] = {"speaker", "sp2", NULL};
    struct bench *b = half_withdrawn();
    const struct reply *reply = ask(b, "forget-speaker", args);
    cr_assert(reply->ok, "%s", reply->text);
    cr_assert_not_null(strstr(reply->text, "1 mitigation"), "%s", reply->text);
    cr_assert_eq(count_of(b, "speaker forgotten"), 1);
    run(b, VICTIM, 0, 100);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWN);
    reply = ask(b, "forget-speaker", args);
    cr_assert_not_null(strstr(reply->text, "0 mitigations"), "%s", reply->text);
    teardown(b);
}

Test(forget, where_nobody_else_had_it_nobody_is_waited_for)
{
    static const char *const args[] = {"speaker", "sp1", NULL};
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer_of(b, "sp1", RESULT_SENT, JOB_ANNOUNCE);
    cr_assert(ask(b, "forget-speaker", args)->ok);
    cr_assert(mitigation_stands(b), "it is wanted, whoever announces it");
    const char *const stop[] = {"id", b->mitigation.id, NULL};
    cr_assert(ask(b, "stop", stop)->ok);
    run(b, VICTIM, 0, 100);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWN);
    teardown(b);
}

Test(forget, a_request_without_a_name_is_refused)
{
    static const char *const args[] = {NULL};
    struct bench *b = setup(HEAD POLICY(""));
    cr_assert_not(ask(b, "forget-speaker", args)->ok);
    teardown(b);
}

/* A new leader reads again what speakers said in the last minutes. */
Test(forget, what_a_speaker_said_before_it_was_forgotten_counts_for_no_later_leader)
{
    static struct mitigation mitigation;
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    mitigation = b->mitigation;
    struct engine_now before = b->now;
    engine_free(b->engine);
    make_engine(b);
    pass(b, 60000);
    mitigation.withdraw_manual = true;
    cr_assert_eq(engine_restore_mitigation(b->engine, &mitigation, b->now), STATUS_OK);
    engine_restore_peer(b->engine, mitigation.id, "peer:sp1/p1", "sent");
    engine_restore_peer(b->engine, mitigation.id, "peer:sp2/p1", "forgotten");
    struct engine_now now = b->now;
    b->now.state_ms = before.state_ms;
    b->mitigation = mitigation;
    answer_of(b, "sp2", RESULT_SENT, JOB_ANNOUNCE);
    b->now = now;
    const char *const args[] = {"id", mitigation.id, NULL};
    cr_assert(ask(b, "stop", args)->ok);
    answer_of(b, "sp1", RESULT_WITHDRAWN, JOB_WITHDRAW);
    cr_expect_eq(b->mitigation.state, MITIGATION_WITHDRAWN, "sp2 is not waited for");
    teardown(b);
}

Test(forget, a_speaker_that_is_back_counts_again)
{
    static const char *const args[] = {"speaker", "sp2", NULL};
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer_of(b, "sp1", RESULT_SENT, JOB_ANNOUNCE);
    cr_assert(ask(b, "forget-speaker", args)->ok);
    answer_of(b, "sp2", RESULT_SENT, JOB_ANNOUNCE); /* as old as the forgetting */
    pass(b, 1);
    const char *const stop[] = {"id", b->mitigation.id, NULL};
    answer_of(b, "sp2", RESULT_SENT, JOB_ANNOUNCE);
    cr_assert(ask(b, "stop", stop)->ok);
    answer_of(b, "sp1", RESULT_WITHDRAWN, JOB_WITHDRAW);
    cr_expect_eq(b->mitigation.state, MITIGATION_WITHDRAWING, "sp2 has it");
    answer_of(b, "sp2", RESULT_WITHDRAWN, JOB_WITHDRAW);
    cr_expect_eq(b->mitigation.state, MITIGATION_WITHDRAWN);
    teardown(b);
}

#include "common/redis/scripts.h"
#include "tests/integration/redis/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct redis_server server;
static struct peer peer;

static void start(void)
{
    redis_server_start(&server, NULL);
    peer_up(&peer, (struct redis_options){.address = server.address, .backoff_min_ms = 1});
}

static void end(void)
{
    peer_close(&peer);
    redis_server_done(&server);
}

TestSuite(scripts, .init = start, .fini = end, .timeout = 60);

#define cli(command) redis_server_cli(&server, command)
#define assert_cli(command, want) cr_assert_str_eq(cli(command), want)

/* --- leadership --- */

struct lead_result {
    unsigned int count;
    enum status status;
    struct lead_answer answer;
    char leader[32];
};

static void on_lead(void *owner, enum status status, const struct redis_reply *reply)
{
    struct lead_result *result = owner;
    result->count++;
    result->status = status;
    if (status != STATUS_OK)
        return;
    cr_assert(script_lead_answer(reply, &result->answer));
    snprintf(result->leader, sizeof result->leader, "%s", result->answer.leader);
}

static struct lead_result lead(const char *name, const char *run, uint64_t lease_ms, uint64_t epoch)
{
    struct lead_result result = {0};
    cr_assert_eq(script_lead(peer.redis, "weir:", name, run, lease_ms, epoch, 0, on_lead, &result),
                 STATUS_OK);
    LOOP_UNTIL(&peer.loop, result.count == 1);
    return result;
}

Test(scripts, the_first_leader_gets_the_servers_time_as_epoch)
{
    struct lead_result a = lead("a", "1", 60000, 0);
    cr_assert(a.answer.leads);
    cr_assert_str_eq(a.leader, "a");
    cr_assert_eq(a.answer.epoch, a.answer.now_ms);
    cr_assert_gt(a.answer.epoch, 1600000000000u);
    assert_cli("GET weir:lease:policy", "a:1");
    cr_assert_gt(atoi(cli("PTTL weir:lease:policy")), 50000);
}

Test(scripts, who_renews_keeps_the_epoch_and_another_waits)
{
    struct lead_result a = lead("a", "1", 60000, 0), b = lead("b", "1", 60000, 0);
    cr_assert_not(b.answer.leads);
    cr_assert_str_eq(b.leader, "a");
    cr_assert_eq(b.answer.epoch, a.answer.epoch);
    struct lead_result again = lead("a", "1", 60000, a.answer.epoch);
    cr_assert(again.answer.leads);
    cr_assert_eq(again.answer.epoch, a.answer.epoch);
}

Test(scripts, a_restarted_process_of_the_same_name_waits_for_its_own_lease)
{
    cr_assert(lead("a", "1", 60000, 0).answer.leads);
    cr_assert_not(lead("a", "2", 60000, 0).answer.leads);
}

Test(scripts, a_lapsed_lease_goes_to_the_next_with_a_higher_epoch)
{
    struct lead_result a = lead("a", "1", 1, 0), b;
    do /* until the millisecond is over */
        b = lead("b", "1", 60000, 0);
    while (!b.answer.leads);
    cr_assert_gt(b.answer.epoch, a.answer.epoch);
    struct lead_result late = lead("a", "1", 60000, a.answer.epoch);
    cr_assert_not(late.answer.leads);
    cr_assert_str_eq(late.leader, "b");
}

Test(scripts, an_epoch_in_the_future_is_followed_by_the_next)
{
    cli("SET weir:epoch:policy 9000000000000");
    cr_assert_eq(lead("a", "1", 60000, 0).answer.epoch, 9000000000001u);
}

Test(scripts, an_epoch_that_cannot_be_followed_is_an_error)
{
    cli("SET weir:epoch:policy 99999999999999999999");
    cr_assert_eq(lead("a", "1", 60000, 0).status, STATUS_REFUSED);
    cli("SET weir:epoch:policy nonsense");
    cr_assert_eq(lead("a", "1", 60000, 0).status, STATUS_REFUSED);
    assert_cli("EXISTS weir:lease:policy", "0");
}

Test(scripts, an_own_lease_with_a_wrong_epoch_does_not_lead)
{
    struct lead_result a = lead("a", "1", 60000, 0);
    cr_assert_not(lead("a", "1", 60000, a.answer.epoch - 1).answer.leads);
    struct lead_result again = lead("a", "1", 60000, 0);
    cr_assert(again.answer.leads, "who asks with 0 leads again");
    cr_assert_gt(again.answer.epoch, a.answer.epoch);
}

Test(scripts, who_resigns_frees_its_own_lease_only)
{
    struct answers answers = {0};
    lead("a", "1", 60000, 0);
    cr_assert_eq(script_resign(peer.redis, "weir:", "b", "1", on_answer, &answers), STATUS_OK);
    LOOP_UNTIL(&peer.loop, answers.count == 1);
    cr_assert_eq(answers.integer, 0);
    cr_assert_eq(script_resign(peer.redis, "weir:", "a", "1", on_answer, &answers), STATUS_OK);
    LOOP_UNTIL(&peer.loop, answers.count == 2);
    cr_assert_eq(answers.integer, 1);
    cr_assert(lead("b", "1", 60000, 0).answer.leads);
}

/* --- writes --- */

static const char *const scopes[] = {"all", "peer:edge1", "method:discard"};
static const struct write_field mitigation_fields[] = {
    {"rule", {"match destination 192.0.2.1/32 then discard", 43}},
    {"pb", {"\x08\x00\xff", 3}},
};
static const struct write_field job_fields[] = {{"id", {"m1", 2}}};
static const struct write_field log_fields[] = {{"id", {"a1", 2}}};
static const struct write_field audit_fields[] = {{"who", {"policy", 6}}};

static struct write_set mitigation(uint64_t epoch, uint64_t revision)
{
    return (struct write_set){
        .epoch = epoch,
        .kind = WRITE_MITIGATION,
        .id = "m1",
        .revision = revision,
        .standing = WRITE_STANDS,
        .score_ms = 1700000000000,
        .announces = true,
        .scopes = scopes,
        .scope_count = 3,
        .hash = {mitigation_fields, 2},
        .job = {job_fields, 1},
        .audit = {audit_fields, 1},
    };
}

static struct answers write_it(struct write_set set)
{
    struct answers answers = {0};
    cr_assert_eq(script_write(peer.redis, "weir:", &set, on_answer, &answers), STATUS_OK);
    LOOP_UNTIL(&peer.loop, answers.count == 1);
    return answers;
}

/* Nothing but what leadership and holds need. */
static void assert_nothing_written(void)
{
    assert_cli(
        "EXISTS weir:mitigation:m1 weir:mitigations:active weir:jobs weir:audit weir:alarm:a1 "
        "weir:alarms:active weir:alarms:log",
        "0");
}

struct write_result {
    unsigned int count;
    char job_id[STREAM_ID_MAX];
    uint64_t now_ms;
};

static void on_written(void *owner, enum status status, const struct redis_reply *reply)
{
    struct write_result *result = owner;
    struct write_answer answer;
    cr_assert_eq(status, STATUS_OK);
    cr_assert(script_write_answer(reply, &answer));
    snprintf(result->job_id, sizeof result->job_id, "%s", answer.job_id);
    result->now_ms = answer.now_ms;
    result->count++;
}

Test(scripts, mitigation_job_and_audit_are_written_together)
{
    uint64_t epoch = lead("a", "1", 60000, 0).answer.epoch;
    struct write_set set = mitigation(epoch, 1);
    struct write_result result = {0};
    cr_assert_eq(script_write(peer.redis, "weir:", &set, on_written, &result), STATUS_OK);
    LOOP_UNTIL(&peer.loop, result.count == 1);
    cr_assert_geq(result.now_ms, epoch);
    assert_cli("HGET weir:mitigation:m1 rule", "match destination 192.0.2.1/32 then discard");
    assert_cli("HSTRLEN weir:mitigation:m1 pb", "3");
    assert_cli("HGET weir:mitigation:m1 revision", "1");
    assert_cli("ZRANGE weir:mitigations:active 0 -1 WITHSCORES", "m1 1700000000000");
    assert_cli("XLEN weir:audit", "1");
    char want[128];
    snprintf(want, sizeof want, "[%s [id m1]]", result.job_id);
    assert_cli("XRANGE weir:jobs - +", want);
}

Test(scripts, a_stale_epoch_is_refused)
{
    uint64_t epoch = lead("a", "1", 60000, 0).answer.epoch;
    cr_assert_eq(write_it(mitigation(epoch - 1, 1)).last, STATUS_FENCED);
    cr_assert_eq(write_it(mitigation(epoch + 1, 1)).last, STATUS_FENCED);
    cli("DEL weir:epoch:policy");
    cr_assert_eq(write_it(mitigation(epoch, 1)).last, STATUS_FENCED);
    cr_assert_eq(write_it(mitigation(0, 1)).last, STATUS_FENCED);
    assert_nothing_written();
}

Test(scripts, a_hold_refuses_announcements_and_no_withdrawal)
{
    uint64_t epoch = lead("a", "1", 60000, 0).answer.epoch;
    struct answers written = write_it(mitigation(epoch, 1));
    cr_assert_eq(written.last, STATUS_OK);
    cli("HSET weir:hold peer:edge1 someone:maintenance");
    written = write_it(mitigation(epoch, 2));
    cr_assert_eq(written.last, STATUS_HELD);
    cr_assert_str_eq(written.text, "HELD peer:edge1: someone:maintenance");
    cli("HSET weir:hold peer:edge1 {\"who\":\"anna\",\"why\":\"works\",\"at_ms\":1}");
    cr_assert_str_eq(write_it(mitigation(epoch, 2)).text, "HELD peer:edge1: by anna, works");
    assert_cli("HGET weir:mitigation:m1 revision", "1");
    struct write_set withdrawal = mitigation(epoch, 2);
    withdrawal.announces = false;
    withdrawal.standing = WRITE_ENDED;
    cr_assert_eq(write_it(withdrawal).last, STATUS_OK);
    assert_cli("ZCARD weir:mitigations:active", "0");
    cr_assert_gt(atoll(cli("PTTL weir:mitigation:m1")), 600000000);
    assert_cli("XLEN weir:jobs", "2");
}

Test(scripts, a_hold_on_another_scope_refuses_nothing)
{
    uint64_t epoch = lead("a", "1", 60000, 0).answer.epoch;
    cli("HSET weir:hold peer:edge2 someone:maintenance");
    cr_assert_eq(write_it(mitigation(epoch, 1)).last, STATUS_OK);
}

Test(scripts, a_revision_that_is_not_new_is_refused)
{
    uint64_t epoch = lead("a", "1", 60000, 0).answer.epoch;
    cr_assert_eq(write_it(mitigation(epoch, 5)).last, STATUS_OK);
    cr_assert_eq(write_it(mitigation(epoch, 5)).last, STATUS_EXISTS);
    cr_assert_eq(write_it(mitigation(epoch, 4)).last, STATUS_EXISTS);
    cr_assert_eq(write_it(mitigation(epoch, 6)).last, STATUS_OK);
    assert_cli("XLEN weir:jobs", "2");
    assert_cli("XLEN weir:audit", "2");
}

Test(scripts, a_key_of_another_type_stops_all_of_it)
{
    static const char *const broken[] = {"weir:mitigation:m1", "weir:mitigations:active",
                                         "weir:jobs", "weir:audit", "weir:hold"};
    uint64_t epoch = lead("a", "1", 60000, 0).answer.epoch;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char command[64];
        snprintf(command, sizeof command, "SET %s x", broken[i]);
        cli(command);
        cr_assert_eq(write_it(mitigation(epoch, 1)).last, STATUS_REFUSED, "%s", broken[i]);
        snprintf(command, sizeof command, "DEL %s", broken[i]);
        cli(command);
        assert_nothing_written();
    }
}

Test(scripts, an_alarm_is_written_with_its_log_and_without_a_job)
{
    uint64_t epoch = lead("a", "1", 60000, 0).answer.epoch;
    struct write_set set = mitigation(epoch, 0);
    set.kind = WRITE_ALARM;
    set.id = "a1";
    set.announces = false;
    set.job.count = set.audit.count = 0;
    set.log = (struct write_fields){log_fields, 1};
    cr_assert_eq(write_it(set).last, STATUS_OK);
    cr_assert_eq(write_it(set).last, STATUS_OK, "an alarm has no revision to be stale by");
    assert_cli("ZRANGE weir:alarms:active 0 -1", "a1");
    assert_cli("XLEN weir:alarms:log", "2");
    assert_cli("EXISTS weir:jobs weir:audit weir:mitigations:active", "0");
    assert_cli("HEXISTS weir:alarm:a1 revision", "0");
}

Test(scripts, jobs_of_yesterday_are_trimmed)
{
    uint64_t epoch = lead("a", "1", 60000, 0).answer.epoch;
    cli("CONFIG SET stream-node-max-entries 1");
    cli("XADD weir:jobs 1000-0 id old");
    cli("XADD weir:audit 1000-0 id old");
    cr_assert_eq(write_it(mitigation(epoch, 1)).last, STATUS_OK);
    assert_cli("XLEN weir:jobs", "1");
    assert_cli("XLEN weir:audit", "1");
}

Test(scripts, an_id_that_could_break_a_key_is_refused_at_once)
{
    static const char *const ids[] = {"", "a b", "a:b", "a\n", "*", "{x}"};
    struct write_set set = mitigation(1, 1);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        set.id = ids[i];
        cr_assert_eq(script_write(peer.redis, "weir:", &set, NULL, NULL), STATUS_MALFORMED);
    }
    set = mitigation(1, 1);
    set.hash.count = WRITE_FIELDS_MAX;
    cr_assert_eq(script_write(peer.redis, "weir:", &set, NULL, NULL), STATUS_RANGE);
}

/* --- scripts that the server forgets --- */

Test(scripts, a_forgotten_script_is_sent_anew)
{
    uint64_t epoch = lead("a", "1", 60000, 0).answer.epoch;
    cr_assert_eq(write_it(mitigation(epoch, 1)).last, STATUS_OK);
    cli("SCRIPT FLUSH");
    cr_assert_eq(write_it(mitigation(epoch, 2)).last, STATUS_OK);
    cli("SCRIPT FLUSH");
    cr_assert(lead("a", "1", 60000, epoch).answer.leads);
    assert_cli("XLEN weir:jobs", "2");
}

Test(scripts, a_restarted_server_is_told_its_scripts_again)
{
    lead("a", "1", 60000, 0);
    redis_server_kill(&server);
    LOOP_UNTIL(&peer.loop, peer.downs == 1);
    redis_server_start_again(&server);
    LOOP_UNTIL(&peer.loop, peer.ups == 2);
    cr_assert(lead("b", "1", 60000, 0).answer.leads, "its data is lost, and so is the lease");
}

Test(scripts, a_script_is_answered_once_when_the_connection_is_lost)
{
    struct answers answers = {0};
    lead("a", "1", 60000, 0);
    redis_server_freeze(&server);
    struct write_set set = mitigation(1, 1);
    cr_assert_eq(script_write(peer.redis, "weir:", &set, on_answer, &answers), STATUS_OK);
    cr_assert_eq(script_lead(peer.redis, "weir:", "a", "1", 1500, 0, 0, on_answer, &answers),
                 STATUS_OK);
    redis_server_kill(&server);
    LOOP_UNTIL(&peer.loop, peer.downs == 1);
    cr_assert_eq(answers.count, 2);
    cr_assert_eq(answers.of[STATUS_IO], 2);
}

/* --- top --- */

struct top_result {
    unsigned int count;
    enum status status;
};

static void on_top(void *owner, enum status status, const struct redis_reply *reply)
{
    struct top_result *result = owner;
    (void)reply;
    result->count++;
    result->status = status;
}

static void top(const struct top_entry *now, size_t now_count, const struct top_entry *before,
                size_t before_count)
{
    struct top_result result = {0};
    cr_assert_eq(script_top(peer.redis, "weir:", "0000000000000001", now, now_count, before,
                            before_count, on_top, &result),
                 STATUS_OK);
    LOOP_UNTIL(&peer.loop, result.count == 1);
    cr_assert_eq(result.status, STATUS_OK);
}

Test(scripts, a_top_replaces_what_its_writer_wrote_and_leaves_the_others)
{
    static const struct top_entry first[] = {{"dst_addr=10.0.0.1", 300}, {"dst_addr=10.0.0.2", 20}};
    static const struct top_entry second[] = {{"dst_addr=10.0.0.2", 40.5}};
    (void)cli("ZADD weir:top:0000000000000001 1 stale");
    top(first, 2, NULL, 0);
    assert_cli("ZREVRANGE weir:top:0000000000000001 0 -1 WITHSCORES",
               "dst_addr=10.0.0.1 300 dst_addr=10.0.0.2 20");
    (void)cli("ZADD weir:top:0000000000000001 7 of-another-shard");
    top(second, 1, first, 2);
    assert_cli("ZREVRANGE weir:top:0000000000000001 0 -1 WITHSCORES",
               "dst_addr=10.0.0.2 40.5 of-another-shard 7");
    top(NULL, 0, second, 1);
    assert_cli("ZREVRANGE weir:top:0000000000000001 0 -1", "of-another-shard");
    cr_assert(strcmp(cli("PTTL weir:top:0000000000000001"), "-1") != 0);
}

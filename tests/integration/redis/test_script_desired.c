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

TestSuite(script_desired, .init = start, .fini = end, .timeout = 60);

#define cli(command) redis_server_cli(&server, command)

struct desired_result {
    unsigned int count;
    char jobs_last_id[STREAM_ID_MAX], stops_last_id[STREAM_ID_MAX];
    uint64_t epoch, now_ms;
    size_t mitigations, found; /* found: with a pb */
    bool more;
    struct desired_place next;
    char last_id[32], why[32];
};

static void on_desired(void *owner, enum status status, const struct redis_reply *reply)
{
    struct desired_result *result = owner;
    struct desired_answer answer;
    cr_assert_eq(status, STATUS_OK);
    cr_assert(script_desired_answer(reply, &answer));
    *result = (struct desired_result){.count = result->count + 1,
                                      .epoch = answer.epoch,
                                      .now_ms = answer.now_ms,
                                      .mitigations = answer.mitigation_count};
    snprintf(result->jobs_last_id, STREAM_ID_MAX, "%s", answer.jobs_last_id);
    snprintf(result->stops_last_id, STREAM_ID_MAX, "%s", answer.stops_last_id);
    const struct redis_reply *why = redis_field(answer.hold, "all");
    if (why != NULL)
        snprintf(result->why, sizeof result->why, "%s", why->bytes);
    for (size_t i = 0; i < answer.mitigation_count; i++) {
        const char *id;
        const struct redis_reply *pb = desired_mitigation(&answer, i, &id);
        result->found += pb != NULL ? 1 : 0;
        snprintf(result->last_id, sizeof result->last_id, "%s", id);
    }
    result->more = answer.more;
    result->next = answer.next;
}

static struct desired_result desired_after(const struct desired_place *after, size_t most)
{
    struct desired_result result = {0};
    cr_assert_eq(script_desired(peer.redis, "weir:", after, most, on_desired, &result), STATUS_OK);
    LOOP_UNTIL(&peer.loop, result.count == 1);
    return result;
}

static struct desired_result desired(void)
{
    static const struct desired_place first;
    return desired_after(&first, DESIRED_PAGE_MAX);
}

Test(script_desired, an_empty_state_desires_nothing)
{
    struct desired_result result = desired();
    cr_assert_str_eq(result.jobs_last_id, "0-0");
    cr_assert_str_eq(result.stops_last_id, "0-0");
    cr_assert_eq(result.epoch, 0);
    cr_assert_eq(result.mitigations, 0);
    cr_assert_gt(result.now_ms, 1600000000000u);
}

Test(script_desired, a_page_shows_all_that_must_stand)
{
    cli("SET weir:epoch:policy 42");
    cli("HSET weir:mitigation:m1 pb x revision 7");
    cli("ZADD weir:mitigations:active 5 m1");
    cli("XADD weir:jobs 9-2 id m1");
    cli("XADD weir:stops 5-1 what withdraw-all");
    cli("HSET weir:hold all someone:drill");
    struct desired_result result = desired();
    cr_assert_eq(result.epoch, 42);
    cr_assert_eq(result.mitigations, 1);
    cr_assert_eq(result.found, 1);
    cr_assert_not(result.more);
    cr_assert_str_eq(result.last_id, "m1");
    cr_assert_str_eq(result.jobs_last_id, "9-2");
    cr_assert_str_eq(result.stops_last_id, "5-1");
    cr_assert_str_eq(result.why, "someone:drill");
    cli("XTRIM weir:jobs MAXLEN 0");
    cr_assert_str_eq(desired().jobs_last_id, "9-2", "a trimmed stream keeps its id");
}

Test(script_desired, what_is_gone_and_what_nobody_can_read_is_told_apart_and_stops_nothing)
{
    cli("ZADD weir:mitigations:active 1 text 2 bare 3 gone 4 good");
    cli("SET weir:mitigation:text x");
    cli("HSET weir:mitigation:bare revision 1");
    cli("HSET weir:mitigation:good pb x");
    struct desired_result result = desired();
    cr_assert_eq(result.mitigations, 4);
    cr_assert_eq(result.found, 3, "all but the one that is gone");
    cr_assert_str_eq(result.last_id, "good");
}

/* How many a walk over all pages finds; each is given once. */
static size_t walk(size_t most, size_t *ret_pages)
{
    struct desired_place after = {0};
    size_t found = 0;
    struct desired_result result = {.more = true};
    for (*ret_pages = 0; result.more; (*ret_pages)++) {
        result = desired_after(&after, most);
        found += result.found;
        after = result.next;
    }
    return found;
}

Test(script_desired, thousands_of_mitigations_are_read_in_pages)
{
    enum { COUNT = 5000 };
    size_t pages;
    redis_server_eval(&server, "for i = 0, 4999 do " /* many of one score */
                               "redis.call('ZADD', 'weir:mitigations:active', i / 1300, 'm' .. i) "
                               "redis.call('HSET', 'weir:mitigation:m' .. i, 'pb', 'x') end");
    cli("DEL weir:mitigation:m17");
    cr_assert_eq(walk(DESIRED_PAGE_MAX, &pages), COUNT - 1);
    cr_assert_eq(pages, COUNT / DESIRED_PAGE_MAX);
    cr_assert_eq(walk(7, &pages), COUNT - 1);
    static const struct desired_place first;
    cr_assert_eq(script_desired(peer.redis, "weir:", &first, 0, on_desired, NULL), STATUS_RANGE);
    cr_assert_eq(
        script_desired(peer.redis, "weir:", &first, DESIRED_PAGE_MAX + 1, on_desired, NULL),
        STATUS_RANGE);
}

Test(script_desired, a_page_goes_on_where_the_last_one_ended_whatever_left_meanwhile)
{
    cli("ZADD weir:mitigations:active 5 a 5 b 5 c 5 d 7 e");
    struct desired_place after = {0};
    struct desired_result result = desired_after(&after, 2);
    cr_assert_str_eq(result.last_id, "b");
    cli("ZREM weir:mitigations:active a b");
    result = desired_after(&result.next, 2);
    cr_assert_eq(result.mitigations, 2);
    cr_assert_str_eq(result.last_id, "d");
    cli("ZADD weir:mitigations:active 6 a");
    result = desired_after(&result.next, 1);
    cr_assert_str_eq(result.last_id, "a");
    result = desired_after(&result.next, 1);
    cr_assert_str_eq(result.last_id, "e");
    cr_assert_not(result.more);
    cr_assert_eq(desired_after(&(struct desired_place){"7", "e"}, 1).mitigations, 0);
}

Test(script_desired, an_id_that_is_none_does_not_stop_the_reading)
{
    size_t pages;
    redis_server_eval(
        &server,
        "local active = 'weir:mitigations:active' "
        "for i = 1, 3 do "
        "redis.call('ZADD', active, 5, string.rep('x', 200) .. i, 5, 'a' .. string.char(0) .. i) "
        "end "
        "redis.call('ZADD', active, 5, 'z') redis.call('HSET', 'weir:mitigation:z', 'pb', 'p')");
    cr_assert_eq(walk(1, &pages), 1);
    cr_assert_leq(pages, 7);
}

/* Else a server would be blocked by one reply: 2.9 s for 100,000. */
Test(script_desired, a_page_ends_with_what_passes_its_octets)
{
    size_t pages;
    redis_server_eval(
        &server, "for i = 1, 64 do redis.call('ZADD', 'weir:mitigations:active', i, 'm' .. i) "
                 "redis.call('HSET', 'weir:mitigation:m' .. i, 'pb', string.rep('x', 65536)) end");
    cr_assert_eq(walk(DESIRED_PAGE_MAX, &pages), 64);
    cr_assert_eq(pages, 4);
}

#include "common/redis/greeting.h"
#include "tests/integration/redis/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct redis_server server;

static void start_server(void)
{
    redis_server_start(&server, NULL);
}

static void end_server(void)
{
    redis_server_done(&server);
}

TestSuite(connection, .init = start_server, .fini = end_server, .timeout = 60);

Test(connection, commands_are_answered_in_their_order)
{
    struct peer peer;
    struct answers set = {0}, get = {0}, error = {0};
    peer_up(&peer, (struct redis_options){.address = server.address});
    cr_assert_eq(
        redis_commandf(peer.redis, on_answer, &set, "SET %s %b", "key", "a b\0c", (size_t)5),
        STATUS_OK);
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &get, "STRLEN key"), STATUS_OK);
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &error, "LPUSH key %d", 7), STATUS_OK);
    LOOP_UNTIL(&peer.loop, error.count == 1);
    cr_assert_eq(set.of[STATUS_OK], 1);
    cr_assert_eq(get.integer, 5);
    cr_assert_eq(error.last, STATUS_REFUSED);
    cr_assert_eq(strncmp(error.text, "WRONGTYPE", 9), 0, "%s", error.text);
    cr_assert_eq(redis_output_bytes(peer.redis), 0);
    peer_close(&peer);
}

Test(connection, time_is_the_servers)
{
    struct peer peer;
    struct clock_fake fake = {.mono_us = 5000000, .wall_ms = 1000};
    peer_up(&peer,
            (struct redis_options){.address = server.address, .clock = clock_of_fake(&fake)});
    unsigned long long seconds = strtoull(redis_server_cli(&server, "TIME"), NULL, 10);
    uint64_t now_ms = redis_now_ms(peer.redis);
    cr_assert(now_ms / 1000 + 5 > seconds && now_ms / 1000 <= seconds);
    clock_fake_advance_ms(&fake, 1234);
    cr_assert_eq(redis_now_ms(peer.redis), now_ms + 1234);
    peer_close(&peer);
}

Test(connection, a_slow_answer_moves_the_time_only_where_it_must)
{
    struct peer peer;
    struct clock_fake fake = {.mono_us = 5000000, .wall_ms = 1000};
    struct answers answers = {0};
    peer_up(&peer,
            (struct redis_options){.address = server.address, .clock = clock_of_fake(&fake)});
    int64_t offset_us = peer.redis->offset_us;
    greeting_measure(peer.redis);
    clock_fake_advance_ms(&fake, 30000); /* the answer takes so long, by our clock */
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &answers, "PING"), STATUS_OK);
    LOOP_UNTIL(&peer.loop, answers.count == 1);
    cr_assert_eq(peer.redis->offset_us, offset_us);
    clock_fake_advance_ms(&fake, 30000); /* our clock ran away */
    greeting_measure(peer.redis);
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &answers, "PING"), STATUS_OK);
    LOOP_UNTIL(&peer.loop, answers.count == 2);
    cr_assert_leq(peer.redis->offset_us, offset_us - 50000000);
    peer_close(&peer);
}

Test(connection, a_refused_connection_calls_back_and_is_tried_again)
{
    struct peer peer;
    struct answers answers = {0};
    redis_server_stop(&server);
    peer_open(&peer, (struct redis_options){.address = server.address, .backoff_min_ms = 1});
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &answers, "PING"), STATUS_AWAY);
    redis_server_start_again(&server);
    LOOP_UNTIL(&peer.loop, peer.ups == 1);
    cr_assert_eq(answers.count, 0);
    cr_assert_eq(peer.downs, 0);
    peer_close(&peer);
}

Test(connection, a_server_that_stops_and_starts_is_met_again)
{
    struct peer peer;
    struct answers lost = {0}, later = {0};
    peer_up(&peer, (struct redis_options){.address = server.address, .backoff_min_ms = 1});
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &lost, "BLPOP nothing 0"), STATUS_OK);
    redis_server_stop(&server);
    LOOP_UNTIL(&peer.loop, peer.downs == 1);
    cr_assert_eq(lost.count, 1);
    cr_assert_eq(lost.last, peer.down_why);
    cr_assert_not(redis_is_up(peer.redis));
    redis_server_start_again(&server);
    LOOP_UNTIL(&peer.loop, peer.ups == 2);
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &later, "PING"), STATUS_OK);
    LOOP_UNTIL(&peer.loop, later.of[STATUS_OK] == 1);
    peer_close(&peer);
}

Test(connection, a_killed_client_comes_back)
{
    struct peer peer;
    struct answers lost = {0};
    peer_up(&peer, (struct redis_options){.address = server.address, .backoff_min_ms = 1});
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &lost, "BLPOP nothing 0"), STATUS_OK);
    LOOP_UNTIL(&peer.loop, redis_output_bytes(peer.redis) == 0);
    redis_server_cli(&server, "CLIENT KILL TYPE normal SKIPME yes");
    LOOP_UNTIL(&peer.loop, peer.ups == 2);
    cr_assert_eq(lost.count, 1);
    cr_assert_eq(lost.last, STATUS_IO);
    peer_close(&peer);
}

Test(connection, a_server_that_stands_still_is_given_up)
{
    struct peer peer;
    struct answers answers = {0};
    peer_up(&peer, (struct redis_options){
                       .address = server.address, .backoff_min_ms = 1, .timeout_ms = 100});
    redis_server_freeze(&server);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(redis_commandf(peer.redis, on_answer, &answers, "PING"), STATUS_OK);
    LOOP_UNTIL(&peer.loop, peer.downs == 1);
    cr_assert_eq(answers.of[STATUS_TIMEOUT], 3);
    cr_assert_eq(peer.down_why, STATUS_TIMEOUT);
    redis_server_thaw(&server);
    LOOP_UNTIL(&peer.loop, peer.ups == 2);
    peer_close(&peer);
}

Test(connection, queued_output_and_commands_are_bounded)
{
    struct peer peer;
    struct answers answers = {0};
    size_t len = 1 << 20, queued = 0;
    char *value = calloc(1, len);
    peer_up(&peer, (struct redis_options){
                       .address = server.address, .output_max_bytes = 8 << 20, .commands_max = 20});
    redis_server_freeze(&server);
    while (redis_commandf(peer.redis, on_answer, &answers, "SET key %b", value, len) == STATUS_OK)
        queued++;
    cr_assert_eq(queued, 7);
    cr_assert_leq(redis_output_bytes(peer.redis), 8 << 20);
    while (redis_commandf(peer.redis, on_answer, &answers, "PING") == STATUS_OK)
        queued++;
    cr_assert_eq(queued, 20);
    cr_assert_eq(answers.count, 0);
    redis_server_thaw(&server);
    LOOP_UNTIL(&peer.loop, answers.count == 20);
    cr_assert_eq(answers.of[STATUS_OK], 20);
    cr_assert_eq(redis_output_bytes(peer.redis), 0);
    peer_close(&peer);
    free(value);
}

Test(connection, a_reply_over_the_limit_costs_the_connection_and_no_more)
{
    struct peer peer;
    struct answers answers = {0}, later = {0};
    redis_server_cli(&server, "SETRANGE key 1000000 x");
    peer_up(&peer, (struct redis_options){
                       .address = server.address, .backoff_min_ms = 1, .reply_max_bytes = 100000});
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &answers, "GET key"), STATUS_OK);
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &answers, "PING"), STATUS_OK);
    LOOP_UNTIL(&peer.loop, peer.ups == 2);
    cr_assert_eq(answers.of[STATUS_LIMIT], 2);
    cr_assert_eq(peer.down_why, STATUS_LIMIT);
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &later, "GETRANGE key 0 90000"), STATUS_OK);
    LOOP_UNTIL(&peer.loop, later.of[STATUS_OK] == 1);
    peer_close(&peer);
}

Test(connection, closing_answers_what_waits)
{
    struct peer peer;
    struct answers answers = {0};
    peer_up(&peer, (struct redis_options){.address = server.address});
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &answers, "PING"), STATUS_OK);
    peer_close(&peer);
    cr_assert_eq(answers.count, 1);
    cr_assert_eq(answers.last, STATUS_AWAY);
    cr_assert_eq(peer.downs, 0);
}

static void close_on_answer(void *owner, enum status status, const struct redis_reply *reply)
{
    struct peer *peer = owner;
    (void)reply;
    cr_assert_eq(status, STATUS_OK);
    redis_close(peer->redis, NULL, NULL);
}

Test(connection, may_be_closed_inside_an_answer)
{
    struct peer peer;
    struct answers rest = {0};
    peer_up(&peer, (struct redis_options){.address = server.address});
    cr_assert_eq(redis_commandf(peer.redis, close_on_answer, &peer, "PING"), STATUS_OK);
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &rest, "PING"), STATUS_OK);
    cr_assert_eq(uv_run(&peer.loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(rest.of[STATUS_AWAY], 1);
    cr_assert_eq(uv_loop_close(&peer.loop), 0);
}

static void command_on_answer(void *owner, enum status status, const struct redis_reply *reply)
{
    struct peer *peer = owner;
    (void)reply;
    peer->down_why = status;
    if (status != STATUS_OK)
        cr_assert_eq(redis_commandf(peer->redis, NULL, NULL, "PING"), STATUS_AWAY);
}

Test(connection, a_command_made_inside_a_lost_answer_is_refused)
{
    struct peer peer;
    peer_up(&peer, (struct redis_options){.address = server.address});
    for (int i = 0; i < 100; i++)
        cr_assert_eq(redis_commandf(peer.redis, command_on_answer, &peer, "BLPOP nothing 0"),
                     STATUS_OK);
    redis_server_kill(&server);
    LOOP_UNTIL(&peer.loop, peer.downs == 1);
    peer_close(&peer);
}

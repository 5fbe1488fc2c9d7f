#include "tests/integration/redis/peer.h"

#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Servers that are refused, reset, or say what no server should. */
TestSuite(liar, .timeout = 60);

static uv_loop_t loop;

struct meeting {
    struct liar liar;
    struct peer peer;
    struct answers answers;
};

static void on_up(void *owner)
{
    struct peer *peer = owner;
    peer->ups++;
}

static void on_down(void *owner, enum status why)
{
    struct peer *peer = owner;
    peer->downs++;
    peer->down_why = why;
}

static void on_closed(void *owner)
{
    struct peer *peer = owner;
    peer->closed = true;
}

/* A connection to a server that says this to a greeting, and is asked one thing once it is up. */
static void meet(struct meeting *m, const char *says, size_t len, struct redis_options options)
{
    *m = (struct meeting){.liar = {.says = says, .says_len = len}};
    cr_assert_eq(uv_loop_init(&loop), 0);
    liar_open(&m->liar, &loop);
    options.name = "liar";
    options.address = m->liar.address;
    options.backoff_min_ms = options.backoff_max_ms = 1;
    options.on_up = on_up;
    options.on_down = on_down;
    options.owner = &m->peer;
    cr_assert_eq(redis_new(&m->peer.redis, &loop, &options), STATUS_OK);
    redis_start(m->peer.redis);
}

static void part(struct meeting *m)
{
    redis_close(m->peer.redis, on_closed, &m->peer);
    liar_close(&m->liar);
    LOOP_UNTIL(&loop, m->peer.closed);
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(uv_loop_close(&loop), 0);
}

Test(liar, a_refused_connection_is_tried_again_until_it_is_not)
{
    struct meeting m = {.liar = {.says = GREETING_ANSWERS, .says_len = strlen(GREETING_ANSWERS)}};
    struct sockaddr_in any, bound;
    int len = sizeof bound;
    uv_tcp_t held; /* bound and not listening: connections there are refused */
    char address[32];
    cr_assert_eq(uv_loop_init(&loop), 0);
    uv_tcp_init(&loop, &held);
    uv_ip4_addr("127.0.0.1", 0, &any);
    uv_tcp_bind(&held, (const struct sockaddr *)&any, 0);
    uv_tcp_getsockname(&held, (struct sockaddr *)&bound, &len);
    snprintf(address, sizeof address, "localhost:%d", ntohs(bound.sin_port));
    struct redis_options options = {
        .name = "liar", .address = address, .backoff_min_ms = 1, .on_up = on_up, .owner = &m.peer};
    cr_assert_eq(redis_new(&m.peer.redis, &loop, &options), STATUS_OK);
    redis_start(m.peer.redis);
    LOOP_UNTIL(&loop, m.peer.redis->losses >= 3);
    cr_assert_eq(m.peer.ups, 0);
    redis_close(m.peer.redis, on_closed, &m.peer);
    uv_close((uv_handle_t *)&held, NULL);
    LOOP_UNTIL(&loop, m.peer.closed);
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(uv_loop_close(&loop), 0);
}

Test(liar, a_name_is_tried_address_by_address)
{
    /* The liar listens on 127.0.0.1 only; localhost may be ::1 first. */
    struct meeting m = {.liar = {.says = GREETING_ANSWERS, .says_len = strlen(GREETING_ANSWERS)}};
    char address[32];
    cr_assert_eq(uv_loop_init(&loop), 0);
    liar_open(&m.liar, &loop);
    snprintf(address, sizeof address, "localhost%s", strchr(m.liar.address, ':'));
    struct redis_options options = {
        .address = address, .backoff_min_ms = 1, .on_up = on_up, .owner = &m.peer};
    cr_assert_eq(redis_new(&m.peer.redis, &loop, &options), STATUS_OK);
    redis_start(m.peer.redis);
    LOOP_UNTIL(&loop, m.peer.ups == 1);
    part(&m);
}

Test(liar, may_be_closed_while_a_name_is_looked_up)
{
    struct meeting m = {.peer = {.ups = 0}};
    struct redis_options options = {.address = "weir.invalid:1", .owner = &m.peer};
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(redis_new(&m.peer.redis, &loop, &options), STATUS_OK);
    redis_start(m.peer.redis);
    redis_close(m.peer.redis, on_closed, &m.peer);
    LOOP_UNTIL(&loop, m.peer.closed);
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(uv_loop_close(&loop), 0);
}

#define SAYS(text) text, sizeof text - 1

Test(liar, a_reset_in_the_middle_of_a_reply_calls_back)
{
    struct meeting m;
    meet(&m, SAYS(GREETING_ANSWERS "$100\r\nhalf of"), (struct redis_options){0});
    LOOP_UNTIL(&loop, m.peer.ups == 1);
    cr_assert_eq(redis_commandf(m.peer.redis, on_answer, &m.answers, "GET x"), STATUS_OK);
    liar_reset(&m.liar);
    LOOP_UNTIL(&loop, m.peer.downs == 1);
    cr_assert_eq(m.answers.of[STATUS_IO], 1);
    part(&m);
}

struct bomb {
    char name[40];
    char says[80];
};

ParameterizedTestParameters(liar, bombs_are_refused_when_they_are_announced)
{
    static struct bomb bombs[] = {
        {"items", "*1000000000\r\n"},
        {"items past an int", "*9999999999\r\n"},
        {"nested items", "*3\r\n*1\r\n*500000000\r\n"},
        {"a string", "$2147483647\r\n"},
        {"a string past 64 bits", "$99999999999999999999\r\n"},
        {"a string inside", "*2\r\n:1\r\n$1000000000\r\nabc"},
        {"a negative length", "$-2\r\n"},
        {"a negative count", "*-2\r\n"},
        {"a depth", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"},
        {"another protocol", "HTTP/1.1 400 Bad Request\r\n"},
        {"a number of letters", ":12x\r\n"},
        {"an answer nobody asked for", "+OK\r\n+OK\r\n"},
    };
    return cr_make_param_array(struct bomb, bombs, sizeof bombs / sizeof bombs[0]);
}

ParameterizedTest(struct bomb *bomb, liar, bombs_are_refused_when_they_are_announced, .timeout = 60)
{
    struct meeting m;
    char says[256];
    struct rusage before, after;
    int len = snprintf(says, sizeof says, "%s%s", GREETING_ANSWERS, bomb->says);
    getrusage(RUSAGE_SELF, &before);
    meet(&m, says, (size_t)len, (struct redis_options){.timeout_ms = UINT64_MAX});
    LOOP_UNTIL(&loop, m.peer.downs >= 1);
    cr_assert(m.peer.down_why == STATUS_LIMIT || m.peer.down_why == STATUS_IO);
    LOOP_UNTIL(&loop, m.liar.connections >= 2);
    getrusage(RUSAGE_SELF, &after);
    cr_assert_lt(after.ru_maxrss - before.ru_maxrss, 100 << 10, "memory in KiB");
    part(&m);
}

Test(liar, an_endless_reply_is_ended_at_the_limit)
{
    static char piece[60000];
    struct meeting m;
    memset(piece, 'x', sizeof piece);
    memcpy(piece, "+", 1);
    meet(&m, piece, sizeof piece, (struct redis_options){.reply_max_bytes = 1 << 20});
    m.liar.endless = true;
    LOOP_UNTIL(&loop, m.liar.connections >= 3);
    cr_assert_geq(redis_metrics_refused_count("liar", REDIS_REFUSAL_REPLY_LIMIT), 2);
    cr_assert_eq(m.peer.ups, 0);
    m.liar.endless = false;
    part(&m);
}

Test(liar, a_server_that_says_nothing_is_not_waited_for)
{
    struct meeting m;
    meet(&m, NULL, 0, (struct redis_options){.timeout_ms = 50});
    LOOP_UNTIL(&loop, m.liar.connections >= 2);
    cr_assert_eq(m.peer.ups, 0);
    part(&m);
}

Test(liar, a_server_that_loads_its_data_is_not_up)
{
    struct meeting m;
    meet(&m, SAYS("-LOADING Redis is loading the dataset in memory\r\n"),
         (struct redis_options){0});
    LOOP_UNTIL(&loop, m.liar.connections >= 2);
    cr_assert_eq(m.peer.ups, 0);
    part(&m);
}

Test(liar, a_time_in_another_shape_falls_back_to_this_machines_clock)
{
    struct meeting m;
    struct clock_fake fake = {.mono_us = 7000, .wall_ms = 1700000000123};
    meet(&m, SAYS("+PONG\r\n*2\r\n$1\r\nx\r\n:5\r\n"),
         (struct redis_options){.clock = clock_of_fake(&fake)});
    LOOP_UNTIL(&loop, m.peer.ups == 1);
    cr_assert_eq(redis_now_ms(m.peer.redis), 1700000000123);
    part(&m);
}

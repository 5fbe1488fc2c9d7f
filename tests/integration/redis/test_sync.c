#include "common/redis/redis.h"
#include "tests/support/redis_server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct redis_server server;
static struct redis_options options;
static struct text why;

static void start(void)
{
    static const char *const args[] = {"--requirepass", "secret", NULL};
    redis_server_start(&server, args);
    options = (struct redis_options){
        .name = "sync", .address = server.address, .password = "secret", .timeout_ms = 2000};
    text_init(&why, 0);
}

static void end(void)
{
    text_done(&why);
    redis_server_done(&server);
}

TestSuite(sync, .init = start, .fini = end, .timeout = 60);

Test(sync, commands_are_answered_one_by_one)
{
    struct redis_sync *sync;
    const struct redis_reply *reply;
    cr_assert_eq(redis_sync_open(&sync, &options, &why), STATUS_OK, "%s", text_str(&why));
    cr_assert_eq(redis_sync_commandf(sync, &reply, "RPUSH list %s %s", "a b", "c"), STATUS_OK);
    cr_assert_eq(reply->integer, 2);
    struct redis_arg args[] = {{"LRANGE", 6}, {"list", 4}, {"0", 1}, {"-1", 2}};
    cr_assert_eq(redis_sync_command(sync, args, 4, &reply), STATUS_OK);
    cr_assert_eq(reply->count, 2);
    cr_assert_str_eq(reply->items[0].bytes, "a b");
    cr_assert_eq(redis_sync_commandf(sync, &reply, "GET list"), STATUS_REFUSED);
    cr_assert_eq(strncmp(redis_sync_error(sync), "WRONGTYPE", 9), 0);
    cr_assert_eq(redis_sync_commandf(sync, &reply, "GET none"), STATUS_OK);
    cr_assert_eq(reply->type, REDIS_NIL);
    cr_assert_str_eq(redis_sync_error(sync), "");
    redis_sync_close(sync);
}

Test(sync, a_server_that_is_away_is_said_with_its_address)
{
    struct redis_sync *sync;
    redis_server_stop(&server);
    cr_assert_eq(redis_sync_open(&sync, &options, &why), STATUS_AWAY);
    cr_assert_not_null(strstr(text_str(&why), server.socket), "%s", text_str(&why));
    cr_assert_not_null(strstr(text_str(&why), "no such file"), "%s", text_str(&why));
}

Test(sync, a_wrong_password_is_refused)
{
    struct redis_sync *sync;
    options.password = "wrong";
    cr_assert_eq(redis_sync_open(&sync, &options, &why), STATUS_REFUSED);
    cr_assert_not_null(strstr(text_str(&why), "WRONGPASS"), "%s", text_str(&why));
}

Test(sync, an_address_that_is_none_is_refused)
{
    static const char *const addresses[] = {
        "", "host", "unix:relative", "host:", ":6379", "host:x1", "host:123456", "[]:1"};
    struct redis_sync *sync;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        options.address = addresses[i];
        cr_assert_eq(redis_sync_open(&sync, &options, &why), STATUS_MALFORMED, "%s", addresses[i]);
    }
    char path[256] = "unix:/";
    memset(path + 6, 'x', 120);
    options.address = path;
    cr_assert_eq(redis_sync_open(&sync, &options, &why), STATUS_RANGE);
}

Test(sync, a_server_that_stands_still_is_given_up)
{
    struct redis_sync *sync;
    const struct redis_reply *reply;
    options.timeout_ms = 100;
    cr_assert_eq(redis_sync_open(&sync, &options, &why), STATUS_OK);
    redis_server_freeze(&server);
    cr_assert_eq(redis_sync_commandf(sync, &reply, "PING"), STATUS_TIMEOUT);
    cr_assert_eq(redis_sync_commandf(sync, &reply, "PING"), STATUS_AWAY);
    redis_server_thaw(&server);
    redis_sync_close(sync);
    redis_server_freeze(&server);
    cr_assert_eq(redis_sync_open(&sync, &options, &why), STATUS_AWAY);
    redis_server_thaw(&server);
}

Test(sync, a_lost_connection_is_opened_again_by_the_next_command)
{
    struct redis_sync *sync;
    const struct redis_reply *reply;
    cr_assert_eq(redis_sync_open(&sync, &options, &why), STATUS_OK);
    redis_server_stop(&server);
    cr_assert_eq(redis_sync_commandf(sync, &reply, "PING"), STATUS_IO);
    cr_assert_eq(redis_sync_commandf(sync, &reply, "PING"), STATUS_AWAY);
    redis_server_start_again(&server);
    cr_assert_eq(redis_sync_commandf(sync, &reply, "PING"), STATUS_OK, "%s",
                 redis_sync_error(sync));
    cr_assert_str_eq(reply->bytes, "PONG");
    redis_sync_close(sync);
}

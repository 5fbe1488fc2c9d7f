#include "common/base/log.h"
#include "tests/integration/redis/peer.h"

#include <stdio.h>
#include <string.h>

static struct redis_server server;
static const char *const server_args[] = {"--requirepass", "admin",   "--user", "weir", "on",
                                          ">secret",       "~weir:*", "+@all",  NULL};

static void start(void)
{
    redis_server_start(&server, server_args);
}

static void end(void)
{
    redis_server_done(&server);
}

TestSuite(auth, .init = start, .fini = end, .timeout = 60);

Test(auth, a_user_with_a_password_is_let_in_with_its_own_rights)
{
    struct peer peer;
    struct answers answers = {0};
    peer_up(&peer, (struct redis_options){
                       .address = server.address, .user = "weir", .password = "secret"});
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &answers, "SET weir:x 1"), STATUS_OK);
    cr_assert_eq(redis_commandf(peer.redis, on_answer, &answers, "SET other:x 1"), STATUS_OK);
    LOOP_UNTIL(&peer.loop, answers.count == 2);
    cr_assert_eq(answers.of[STATUS_OK], 1);
    cr_assert_eq(answers.of[STATUS_REFUSED], 1);
    cr_assert_eq(strncmp(answers.text, "NOPERM", 6), 0);
    peer_close(&peer);
}

Test(auth, a_password_alone_is_the_default_users)
{
    struct peer peer;
    peer_up(&peer, (struct redis_options){.address = server.address, .password = "admin"});
    peer_close(&peer);
}

struct caught {
    unsigned int warnings;
    char line[512];
};

static void on_line(void *owner, enum log_level level, const char *line)
{
    struct caught *caught = owner;
    caught->warnings += level == LOG_WARN;
    snprintf(caught->line, sizeof caught->line, "%s", line);
}

static void assert_not_let_in(struct redis_options options, const char *reason)
{
    struct peer peer;
    struct caught caught = {0};
    log_set_sink(on_line, &caught);
    options.address = server.address;
    options.backoff_min_ms = options.backoff_max_ms = 1;
    peer_open(&peer, options);
    LOOP_UNTIL(&peer.loop, peer.redis->losses >= 4);
    cr_assert_eq(peer.ups, 0);
    cr_assert_eq(peer.downs, 0);
    cr_assert_geq(redis_metrics_refused_count("test", REDIS_REFUSAL_AUTH), 4);
    cr_assert_eq(caught.warnings, 1, "once a minute is enough");
    cr_assert_not_null(strstr(caught.line, reason), "%s", caught.line);
    cr_assert_null(strstr(caught.line, "wrong-one"), "no password in a log");
    peer_close(&peer);
    log_set_sink(NULL, NULL);
}

Test(auth, a_wrong_password_is_said_once_and_tried_again)
{
    assert_not_let_in((struct redis_options){.user = "weir", .password = "wrong-one"}, "WRONGPASS");
}

Test(auth, a_missing_password_is_said_once_and_tried_again)
{
    assert_not_let_in((struct redis_options){.user = NULL}, "NOAUTH");
}

Test(auth, a_password_that_becomes_right_is_let_in)
{
    struct peer peer;
    peer_open(&peer, (struct redis_options){.address = server.address,
                                            .user = "weir",
                                            .password = "wrong-one",
                                            .backoff_max_ms = 1});
    LOOP_UNTIL(&peer.loop, peer.redis->losses >= 2);
    redis_server_cli(&server, "ACL SETUSER weir >wrong-one");
    LOOP_UNTIL(&peer.loop, peer.ups == 1);
    peer_close(&peer);
}

Test(auth, a_user_who_may_neither_ping_nor_ask_the_time_is_let_in)
{
    struct peer peer;
    redis_server_cli(&server, "ACL SETUSER few on >few ~* +get");
    peer_up(&peer,
            (struct redis_options){.address = server.address, .user = "few", .password = "few"});
    cr_assert_gt(redis_now_ms(peer.redis), 1600000000000u);
    peer_close(&peer);
}

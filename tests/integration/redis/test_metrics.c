#include "tests/integration/redis/peer.h"

static struct redis_server server;

static void start_server(void)
{
    redis_server_start(&server, NULL);
}

static void end_server(void)
{
    redis_server_done(&server);
}

TestSuite(metrics, .init = start_server, .fini = end_server, .timeout = 60);

Test(metrics, a_server_is_up_while_all_connections_of_its_name_are)
{
    struct peer first, lost;
    peer_up(&first, (struct redis_options){.address = server.address, .name = "t1"});
    cr_expect_eq(shown_metric("weir_redis_up", "t1"), 1);
    peer_open(&lost, (struct redis_options){.address = "unix:/nowhere", .name = "t1"});
    cr_expect_eq(shown_metric("weir_redis_up", "t1"), 0);
    LOOP_UNTIL(&lost.loop, lost.redis->losses > 0);
    /* Whoever came up last does not speak for the others. */
    redis_server_cli(&server, "CLIENT KILL TYPE normal");
    LOOP_UNTIL(&first.loop, first.ups == 2);
    cr_expect_eq(shown_metric("weir_redis_up", "t1"), 0);
    peer_close(&lost);
    cr_expect_eq(shown_metric("weir_redis_up", "t1"), 1);
    peer_close(&first);
    cr_expect_eq(shown_metric("weir_redis_up", "t1"), 0);
}

Test(metrics, queued_bytes_of_all_connections_add_up)
{
    struct peer first, second;
    struct answers answers = {0};
    peer_up(&first, (struct redis_options){.address = server.address, .name = "t1"});
    peer_up(&second, (struct redis_options){.address = server.address, .name = "t1"});
    /* The first command is on its way, the second waits for it to be written. */
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(redis_commandf(first.redis, on_answer, &answers, "PING"), STATUS_OK);
        cr_assert_eq(redis_commandf(second.redis, on_answer, &answers, "PING"), STATUS_OK);
    }
    double queued = (double)(redis_output_bytes(first.redis) + redis_output_bytes(second.redis));
    cr_expect_gt(redis_output_bytes(first.redis), 0);
    cr_expect_eq(shown_metric("weir_redis_output_bytes", "t1"), queued);
    LOOP_UNTIL(&first.loop, answers.count == 2);
    LOOP_UNTIL(&second.loop, answers.count == 4);
    cr_expect_eq(shown_metric("weir_redis_output_bytes", "t1"), 0);
    peer_close(&first);
    peer_close(&second);
}

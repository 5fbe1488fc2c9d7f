#include "tests/integration/aggregator/house.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* weir-aggregator between real servers. */

#define POLICY                                                                                     \
    "  - name: a\n    key: [dst_addr]\n    thresholds: [{severity: major, any: {bps: 8M}}]\n"

static bool is_near(double value, double want)
{
    return fabs(value - want) <= want * 0.05;
}

static const char *telemetry_cli(struct house *house, const char *command)
{
    return redis_server_cli(&house->telemetry, command);
}

TestSuite(aggregator, .timeout = 120);

Test(aggregator, merges_collectors_counts_once_and_survives_a_restart)
{
    static struct house house;
    house_start(&house, POLICY);
    (void)house_count_id(&house);
    HOUSE_UNTIL(&house, 5000, house.ticks >= 3);
    cr_assert_not(house.has_row);
    cr_assert_not(house.is_blind);

    /* 2 MB/s from each, and one of them sends everything twice. */
    house.collectors[0].bytes = house.collectors[1].bytes = 200000;
    house.collectors[1].twice = true;
    HOUSE_UNTIL(&house, 10000, is_near(house.bytes, 4e6));
    uint64_t until_ms = house_now_ms() + 1500;
    while (house_now_ms() < until_ms) {
        house_turn(&house);
        cr_assert(house.bytes < 4e6 * 1.3, "counted twice: %g", house.bytes);
    }
    cr_assert_eq(house.contributor_count, 2);
    cr_assert_eq(house.lost_sequences, 0);
    HOUSE_UNTIL(&house, 5000,
                strstr(telemetry_cli(&house, "KEYS weir:top:*"), "weir:top:") != NULL);
    char command[128];
    snprintf(command, sizeof(command), "ZRANGE %s 0 -1", telemetry_cli(&house, "KEYS weir:top:*"));
    cr_assert(strstr(telemetry_cli(&house, command), "dst_addr=198.51.100.7") != NULL);
    cr_assert(strstr(telemetry_cli(&house, "HGET weir:process:aggregator:a1 shards"), "s0") !=
              NULL);

    /* A restart publishes nothing while it replays: its first tick has the rate already. */
    uint64_t epoch = house.epoch;
    house_signal(&house, SIGKILL);
    cr_assert_eq(house_wait_exit(&house), -SIGKILL);
    house_run_aggregator(&house);
    HOUSE_UNTIL(&house, 10000, house.epoch > epoch);
    cr_assert(house.first_bytes > 4e6 * 0.6 && house.first_bytes < 4e6 * 1.2, "%g",
              house.first_bytes);
    cr_assert_not(house.is_blind, "%s", house.blind);

    /* The end of the traffic. */
    house.collectors[0].bytes = house.collectors[1].bytes = 0;
    HOUSE_UNTIL(&house, 5000, !house.has_row);
    house_signal(&house, SIGTERM);
    cr_assert_eq(house_wait_exit(&house), 0);
    cr_assert(strstr(telemetry_cli(&house, "EXISTS weir:process:aggregator:a1"), "0") != NULL);
    house_end(&house);
}

Test(aggregator, a_silent_collector_is_blind_until_it_speaks_or_leaves)
{
    static struct house house;
    house_start(&house, POLICY);
    (void)house_count_id(&house);
    (void)telemetry_cli(&house, "HSET weir:process:collector:c1 epoch 1000");
    (void)telemetry_cli(&house, "HSET weir:process:collector:c2 epoch 1000");
    HOUSE_UNTIL(&house, 5000, house.ticks >= 3 && !house.is_blind);
    house.collectors[1].is_silent = true;
    HOUSE_UNTIL(&house, 6000, house.is_blind);
    cr_assert_str_eq(house.blind, "c2/0");
    house.collectors[1].is_silent = false;
    HOUSE_UNTIL(&house, 6000, !house.is_blind);
    house.collectors[1].is_silent = true;
    (void)telemetry_cli(&house, "DEL weir:process:collector:c2");
    uint64_t until_ms = house_now_ms() + 4000;
    while (house_now_ms() < until_ms) {
        house_turn(&house);
        cr_assert_not(house.is_blind, "it has left");
    }
    house_end(&house);
}

Test(aggregator, the_key_of_an_alarm_has_a_row_though_nothing_comes)
{
    static struct house house;
    static struct alarm alarm;
    const struct redis_reply *reply;
    struct text bytes;
    house_start(&house, POLICY);
    alarm = (struct alarm){.id = "a-1", .policy = "a", .count_id = house_count_id(&house)};
    struct ip_addr host = addr_from_ipv4(HOUSE_HOST);
    key_add_addr(&alarm.key, DIM_DST_ADDR, &host);
    text_init(&bytes, 0);
    cr_assert_eq(alarm_encode(&alarm, &bytes), STATUS_OK);
    cr_assert_eq(
        redis_sync_commandf(house.alarms, &reply, "HSET weir:alarm:a-1 pb %b", bytes.at, bytes.len),
        STATUS_OK);
    text_done(&bytes);
    cr_assert_eq(redis_sync_commandf(house.alarms, &reply, "HSET weir:alarm:a-2 pb nonsense"),
                 STATUS_OK);
    cr_assert_eq(redis_sync_commandf(house.alarms, &reply,
                                     "ZADD weir:alarms:active 1 a-1 2 a-2 3 a-without-a-hash"),
                 STATUS_OK);
    HOUSE_UNTIL(&house, 5000, house.has_row);
    cr_assert_float_eq(house.bytes, 0, 1e-9);
    cr_assert_eq(house.row_count, 1);
    cr_assert_eq(redis_sync_commandf(house.alarms, &reply, "ZREM weir:alarms:active a-1"),
                 STATUS_OK);
    HOUSE_UNTIL(&house, 5000, !house.has_row);
    house_end(&house);
}

Test(aggregator, what_is_no_batch_harms_nothing_and_a_lost_server_is_found_again)
{
    static struct house house;
    house_start(&house, POLICY);
    (void)house_count_id(&house);
    house.collectors[0].bytes = 400000;
    HOUSE_UNTIL(&house, 10000, is_near(house.bytes, 4e6));
    (void)telemetry_cli(&house, "XADD weir:delta:s0 * pb nonsense");
    (void)telemetry_cli(&house, "XADD weir:delta:s0 * other field");
    (void)telemetry_cli(&house, "CLIENT KILL TYPE normal SKIPME yes");
    redis_sync_close(house.in);
    redis_sync_close(house.out);
    redis_server_kill(&house.telemetry); /* it keeps nothing */
    redis_server_start_again(&house.telemetry);
    struct text why;
    text_init(&why, 0);
    const struct redis_options options = {.address = house.telemetry.address};
    cr_assert_eq(redis_sync_open(&house.in, &options, &why), STATUS_OK);
    cr_assert_eq(redis_sync_open(&house.out, &options, &why), STATUS_OK);
    text_done(&why);
    strcpy(house.last_id, "0");
    uint64_t ticks = house.ticks;
    HOUSE_UNTIL(&house, 15000, house.ticks > ticks + 5 && is_near(house.bytes, 4e6));
    house_end(&house);
}

Test(aggregator, a_reload_takes_new_counts_and_an_invalid_file_changes_nothing)
{
    static struct house house;
    house_start(&house, POLICY);
    (void)house_count_id(&house);
    house.collectors[0].bytes = 400000;
    HOUSE_UNTIL(&house, 10000, is_near(house.bytes, 4e6));
    house_write_config(&house, "  - {name: a, key: [nothing]}\n");
    house_signal(&house, SIGHUP);
    uint64_t ticks = house.ticks, epoch = house.epoch;
    HOUSE_UNTIL(&house, 5000, house.ticks > ticks + 20);
    cr_assert_eq(house.epoch, epoch);
    cr_assert_eq(house.count_count, 1);
    house_write_config(&house, POLICY "  - name: b\n    key: [src_addr]\n    thresholds: "
                                      "[{severity: major, any: {pps: 1k}}]\n");
    house_signal(&house, SIGHUP);
    HOUSE_UNTIL(&house, 10000, house.epoch > epoch);
    cr_assert_eq(house.count_count, 2);
    cr_assert(house.first_bytes > 4e6 * 0.6, "rebuilt from the stream: %g", house.first_bytes);
    house_signal(&house, SIGTERM);
    cr_assert_eq(house_wait_exit(&house), 0);
    house_end(&house);
}

static long ticks_bytes(struct house *house)
{
    return strtol(telemetry_cli(house, "MEMORY USAGE weir:rollup:s0 SAMPLES 0"), NULL, 10);
}

Test(aggregator, a_server_that_somebody_filled_takes_ticks_again)
{
    static struct house house;
    unsigned long s, us;
    house_start(&house, POLICY);
    (void)house_count_id(&house);
    house.collectors[0].bytes = 400000;
    HOUSE_UNTIL(&house, 10000, is_near(house.bytes, 4e6));
    redis_server_fill(&house.telemetry, "weir:rollup:s0", 100, 100000);
    (void)telemetry_cli(&house, "CONFIG SET maxmemory 8mb");
    uint64_t until_ms = house_now_ms() + 10000; /* no turn: nobody else could write either */
    while (ticks_bytes(&house) > 6 << 20)
        cr_assert_lt(house_now_ms(), until_ms);
    cr_assert_eq(sscanf(telemetry_cli(&house, "TIME"), "%lu %lu", &s, &us), 2);
    snprintf(house.last_id, sizeof(house.last_id), "%lu", s * 1000 + us / 1000);
    uint64_t ticks = house.ticks;
    HOUSE_UNTIL(&house, 10000, house.ticks > ticks + 3 && is_near(house.bytes, 4e6));
    house_end(&house);
}

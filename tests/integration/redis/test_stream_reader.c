#include "tests/integration/redis/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct redis_server server;
static const char *const server_args[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};

static void start(void)
{
    redis_server_start(&server, server_args);
}

static void end(void)
{
    redis_server_done(&server);
}

TestSuite(stream_reader, .init = start, .fini = end, .timeout = 60);

enum { SEEN_MAX = 4096 };

struct subject {
    uv_loop_t loop;
    struct stream_reader *reader;
    size_t count; /* of entries seen; their field "n" and stream below */
    unsigned int seen[SEEN_MAX];
    size_t streams[SEEN_MAX];
    uint64_t id_ms;
    unsigned int batches, batches_caught_up, gaps, ups, downs;
    size_t close_at; /* closes itself inside the entry of this count */
    bool closed;
};

static void on_closed(void *owner)
{
    struct subject *s = owner;
    s->closed = true;
}

static void on_entry(void *owner, const struct stream_entry *entry)
{
    struct subject *s = owner;
    const struct redis_reply *n = stream_field(entry, "n");
    cr_assert_not_null(n);
    cr_assert_null(stream_field(entry, "other"));
    cr_assert_lt(s->count, SEEN_MAX);
    s->seen[s->count] = (unsigned int)atoi(n->bytes);
    s->streams[s->count] = entry->stream;
    s->id_ms = entry->id_ms;
    if (++s->count == s->close_at)
        stream_reader_close(s->reader, on_closed, s);
}

static void on_batch_end(void *owner, bool caught_up)
{
    struct subject *s = owner;
    s->batches++;
    s->batches_caught_up += caught_up;
}

static void on_gap(void *owner, size_t stream)
{
    struct subject *s = owner;
    cr_assert_eq(stream, 0);
    s->gaps++;
}

static void on_up(void *owner)
{
    struct subject *s = owner;
    s->ups++;
}

static void on_down(void *owner, enum status why)
{
    struct subject *s = owner;
    cr_assert_neq(why, STATUS_OK);
    s->downs++;
}

static void subject_open(struct subject *s, struct stream_reader_options options)
{
    *s = (struct subject){.count = 0};
    cr_assert_eq(uv_loop_init(&s->loop), 0);
    options.connection.name = "test";
    options.connection.address = server.address;
    options.connection.backoff_min_ms = 1;
    options.connection.backoff_max_ms = 20;
    options.connection.on_up = on_up;
    options.connection.on_down = on_down;
    options.connection.owner = s;
    options.on_entry = on_entry;
    options.on_batch_end = on_batch_end;
    options.on_gap = on_gap;
    options.owner = s;
    cr_assert_eq(stream_reader_new(&s->reader, &s->loop, &options), STATUS_OK);
    stream_reader_start(s->reader);
}

static void subject_close(struct subject *s)
{
    if (!s->closed)
        stream_reader_close(s->reader, on_closed, s);
    LOOP_UNTIL(&s->loop, s->closed);
    cr_assert_eq(uv_loop_close(&s->loop), 0, "a handle was left behind");
}

static struct stream_reader_options one(const char *from)
{
    return (struct stream_reader_options){.keys = {"s"}, .from = {from}, .stream_count = 1};
}

static void add(const char *key, unsigned int n)
{
    char command[64];
    snprintf(command, sizeof command, "XADD %s * n %u", key, n);
    redis_server_cli(&server, command);
}

/* True while the server holds a read of the reader's. */
static bool is_blocked(void)
{
    return strstr(redis_server_cli(&server, "INFO clients"), "blocked_clients:1") != NULL;
}

Test(stream_reader, reads_from_the_beginning_in_order_and_says_when_it_has_caught_up)
{
    struct subject s;
    for (unsigned int i = 0; i < 25; i++)
        add("s", i);
    struct stream_reader_options options = one("0");
    options.count_max = 10;
    subject_open(&s, options);
    LOOP_UNTIL(&s.loop, s.batches_caught_up == 1);
    cr_assert_eq(s.count, 25);
    cr_assert_eq(s.batches, 3);
    for (unsigned int i = 0; i < 25; i++)
        cr_assert_eq(s.seen[i], i);
    cr_assert_gt(s.id_ms, 1600000000000u);
    cr_assert_eq(s.gaps, 0);
    subject_close(&s);
}

Test(stream_reader, an_empty_stream_is_caught_up_with_at_once)
{
    struct subject s;
    subject_open(&s, one("$"));
    LOOP_UNTIL(&s.loop, s.batches_caught_up == 1);
    cr_assert_eq(s.count, 0);
    LOOP_UNTIL(&s.loop, is_blocked());
    add("s", 1);
    LOOP_UNTIL(&s.loop, s.count == 1);
    subject_close(&s);
}

Test(stream_reader, reads_several_streams_and_tells_them_apart)
{
    struct subject s;
    add("a", 1);
    add("b", 2);
    subject_open(&s, (struct stream_reader_options){
                         .keys = {"a", "b", "c"}, .from = {"$", "0", "0"}, .stream_count = 3});
    LOOP_UNTIL(&s.loop, s.count == 1);
    cr_assert_eq(s.streams[0], 1);
    cr_assert_eq(s.seen[0], 2);
    add("c", 3);
    LOOP_UNTIL(&s.loop, s.count == 2);
    cr_assert_eq(s.streams[1], 2);
    add("a", 4);
    LOOP_UNTIL(&s.loop, s.count == 3);
    cr_assert_eq(s.streams[2], 0);
    cr_assert_eq(s.seen[2], 4);
    subject_close(&s);
}

Test(stream_reader, a_kill_while_blocked_loses_nothing_and_repeats_nothing)
{
    struct subject s;
    add("s", 0);
    subject_open(&s, one("$"));
    LOOP_UNTIL(&s.loop, is_blocked());
    redis_server_cli(&server, "CLIENT KILL TYPE normal SKIPME yes");
    add("s", 1); /* before the reader is back */
    LOOP_UNTIL(&s.loop, s.count == 1);
    cr_assert_eq(s.seen[0], 1);
    cr_assert_eq(s.ups, 2);
    cr_assert_eq(s.downs, 1);
    LOOP_UNTIL(&s.loop, is_blocked());
    redis_server_cli(&server, "CLIENT KILL TYPE normal SKIPME yes");
    LOOP_UNTIL(&s.loop, s.ups == 3 && is_blocked());
    cr_assert_eq(s.count, 1);
    subject_close(&s);
}

Test(stream_reader, a_server_that_stops_and_starts_is_read_on)
{
    struct subject s;
    subject_open(&s, one("$"));
    LOOP_UNTIL(&s.loop, is_blocked());
    add("s", 1);
    LOOP_UNTIL(&s.loop, s.count == 1);
    redis_server_stop(&server);
    LOOP_UNTIL(&s.loop, s.downs == 1);
    redis_server_start_again(&server);
    LOOP_UNTIL(&s.loop, s.ups == 2);
    add("s", 2);
    LOOP_UNTIL(&s.loop, s.count == 2);
    cr_assert_eq(s.seen[1], 2);
    cr_assert_eq(s.gaps, 0);
    subject_close(&s);
}

Test(stream_reader, a_stream_whose_ids_go_back_is_read_from_its_beginning)
{
    struct subject s;
    redis_server_cli(&server, "XADD s 1000-0 n 1");
    subject_open(&s, one("0"));
    LOOP_UNTIL(&s.loop, s.count == 1);
    cr_assert_eq(s.id_ms, 1000);
    redis_server_cli(&server, "FLUSHALL");
    redis_server_cli(&server, "XADD s 5-0 n 2");
    redis_server_cli(&server, "CLIENT KILL TYPE normal SKIPME yes");
    LOOP_UNTIL(&s.loop, s.count == 2);
    cr_assert_eq(s.seen[1], 2);
    cr_assert_eq(s.gaps, 1);
    subject_close(&s);
}

Test(stream_reader, a_server_without_its_data_is_read_on)
{
    struct subject s;
    add("s", 1);
    subject_open(&s, one("0"));
    LOOP_UNTIL(&s.loop, s.count == 1);
    redis_server_cli(&server, "FLUSHALL");
    redis_server_stop(&server);
    redis_server_start_again(&server);
    LOOP_UNTIL(&s.loop, s.gaps == 1);
    add("s", 2);
    LOOP_UNTIL(&s.loop, s.count == 2);
    subject_close(&s);
}

Test(stream_reader, entries_trimmed_before_they_were_read_are_a_gap)
{
    struct subject s;
    redis_server_cli(&server, "XADD s 10-0 n 1");
    redis_server_cli(&server, "XADD s 11-0 n 2");
    subject_open(&s, one("5-3"));
    LOOP_UNTIL(&s.loop, s.count == 2);
    cr_assert_eq(s.gaps, 1);
    subject_close(&s);
    subject_open(&s, one("10-0"));
    LOOP_UNTIL(&s.loop, s.count == 1);
    cr_assert_eq(s.gaps, 0);
    cr_assert_eq(s.seen[0], 2);
    subject_close(&s);
}

Test(stream_reader, a_key_of_another_type_is_counted_and_tried_again)
{
    struct subject s;
    redis_server_cli(&server, "SET s x");
    subject_open(&s, one("0"));
    LOOP_UNTIL(&s.loop, s.ups == 1);
    LOOP_UNTIL(&s.loop, redis_metrics_refused_count("test-reader", REDIS_REFUSAL_ERROR) >= 3);
    cr_assert_eq(s.batches, 0);
    redis_server_cli(&server, "DEL s");
    add("s", 1);
    LOOP_UNTIL(&s.loop, s.count == 1);
    redis_server_cli(&server, "DEL s");
    redis_server_cli(&server, "SET s x");
    redis_server_cli(&server, "DEL s");
    add("s", 2);
    LOOP_UNTIL(&s.loop, s.count == 2);
    cr_assert_eq(s.downs, 0);
    subject_close(&s);
}

Test(stream_reader, how_long_it_waited_for_entries_is_not_how_slow_the_server_is)
{
    struct subject s;
    subject_open(&s, one("$"));
    LOOP_UNTIL(&s.loop, is_blocked());
    double answered = shown_metric("weir_redis_command_seconds_count", "test-reader");
    cr_assert_gt(answered, 0);
    for (unsigned int n = 1; n <= 3; n++) {
        add("s", n);
        LOOP_UNTIL(&s.loop, s.count == n);
    }
    cr_assert_eq(shown_metric("weir_redis_command_seconds_count", "test-reader"), answered);
    subject_close(&s);
}

Test(stream_reader, a_blocked_read_that_is_unblocked_by_hand_goes_on)
{
    struct subject s;
    subject_open(&s, one("$"));
    LOOP_UNTIL(&s.loop, is_blocked());
    char id[32], command[64];
    snprintf(id, sizeof id, "%s", strstr(redis_server_cli(&server, "CLIENT LIST"), "id=") + 3);
    snprintf(command, sizeof command, "CLIENT UNBLOCK %d ERROR", atoi(id));
    redis_server_cli(&server, command);
    LOOP_UNTIL(&s.loop, is_blocked());
    add("s", 1);
    LOOP_UNTIL(&s.loop, s.count == 1);
    cr_assert_eq(s.downs, 0);
    subject_close(&s);
}

Test(stream_reader, may_be_closed_inside_an_entry)
{
    struct subject s;
    for (unsigned int i = 0; i < 5; i++)
        add("s", i);
    subject_open(&s, one("0"));
    s.close_at = 3;
    LOOP_UNTIL(&s.loop, s.closed);
    cr_assert_eq(s.count, 3);
    cr_assert_eq(s.batches, 0);
    subject_close(&s);
}

Test(stream_reader, a_server_that_stands_still_is_given_up_and_met_again)
{
    struct subject s;
    struct stream_reader_options options = one("$");
    options.connection.timeout_ms = 100;
    subject_open(&s, options);
    LOOP_UNTIL(&s.loop, is_blocked());
    redis_server_freeze(&server);
    LOOP_UNTIL(&s.loop, s.downs == 1);
    redis_server_thaw(&server);
    LOOP_UNTIL(&s.loop, s.ups >= 2 && is_blocked());
    add("s", 1);
    LOOP_UNTIL(&s.loop, s.count == 1);
    subject_close(&s);
}

Test(stream_reader, a_start_that_is_no_id_is_refused)
{
    static const char *const ids[] = {"",   "-", "1-", "-1", "1-2-3", "x", "1-18446744073709551616",
                                      "+1", " 1"};
    uv_loop_t loop;
    cr_assert_eq(uv_loop_init(&loop), 0);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct stream_reader *reader = NULL;
        struct stream_reader_options options = one(ids[i]);
        options.connection.address = server.address;
        cr_assert_eq(stream_reader_new(&reader, &loop, &options), STATUS_MALFORMED, "%s", ids[i]);
        cr_assert_null(reader);
    }
    cr_assert_eq(uv_loop_close(&loop), 0);
}

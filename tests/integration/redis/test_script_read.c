#include "common/redis/scripts.h"
#include "tests/integration/redis/peer.h"

#include <stdio.h>
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

TestSuite(script_read, .init = start, .fini = end, .timeout = 60);

/* The answer in words: what each has, "-" for one that is gone. */
struct read_result {
    unsigned int count;
    size_t asked, told;
    char words[128];
};

static void on_read(void *owner, enum status status, const struct redis_reply *reply)
{
    struct read_result *result = owner;
    cr_assert_eq(status, STATUS_OK);
    result->count++;
    result->told = script_read_count(reply, result->asked);
    for (size_t i = 0; i < result->told; i++) {
        const struct redis_reply *pb = &reply->items[i];
        size_t len = strlen(result->words);
        (void)snprintf(result->words + len, sizeof(result->words) - len, "%.8s ",
                       pb->type == REDIS_NIL ? "-" : pb->bytes);
    }
}

static struct read_result read_all(const char *const *ids, size_t count)
{
    struct read_result result = {.asked = count};
    cr_assert_eq(script_read(peer.redis, "weir:", ids, count, on_read, &result), STATUS_OK);
    LOOP_UNTIL(&peer.loop, result.count == 1);
    return result;
}

Test(script_read, each_is_told_in_its_place_whatever_became_of_the_others)
{
    static const char *const ids[] = {"m1", "gone", "text", "bare", "m1", "m2", "gone"};
    redis_server_cli(&server, "HSET weir:mitigation:m1 pb one revision 7");
    redis_server_cli(&server, "HSET weir:mitigation:m2 pb two");
    redis_server_cli(&server, "HSET weir:mitigation:bare revision 1");
    redis_server_cli(&server, "SET weir:mitigation:text x");
    struct read_result result = read_all(ids, 7);
    cr_assert_eq(result.told, 7);
    cr_assert_str_eq(result.words, "one -   one two - ");
}

static void on_error(void *owner, enum status status, const struct redis_reply *reply)
{
    unsigned int *count = owner;
    cr_assert_neq(status, STATUS_OK);
    cr_assert_eq(script_read_count(reply, 1), 0);
    (*count)++;
}

Test(script_read, a_server_in_trouble_says_nothing_of_a_key)
{
    static const char *const ids[] = {"m1"};
    unsigned int count = 0;
    redis_server_cli(&server, "HSET weir:mitigation:m1 pb one");
    redis_server_cli(&server, "ACL SETUSER default -hget");
    cr_assert_eq(script_read(peer.redis, "weir:", ids, 1, on_error, &count), STATUS_OK);
    LOOP_UNTIL(&peer.loop, count == 1);
}

/* Else one answer could be 64 times what one hash may be. */
Test(script_read, an_answer_ends_with_what_passes_its_octets)
{
    static const char *ids[READ_HASHES_MAX + 1];
    char names[READ_HASHES_MAX][8];
    redis_server_eval(&server, "for i = 0, 63 do redis.call('HSET', 'weir:mitigation:m' .. i, "
                               "'pb', string.rep('x', 65536)) end");
    for (size_t i = 0; i < READ_HASHES_MAX; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "m%zu", i);
        ids[i] = names[i];
    }
    cr_assert_eq(read_all(ids, READ_HASHES_MAX).told, 16);
    cr_assert_eq(read_all(ids + 16, 3).told, 3);
    cr_assert_eq(script_read(peer.redis, "weir:", ids, 0, on_read, NULL), STATUS_RANGE);
    cr_assert_eq(script_read(peer.redis, "weir:", ids, READ_HASHES_MAX + 1, on_read, NULL),
                 STATUS_RANGE);
}

Test(script_read, an_answer_of_another_shape_is_none)
{
    struct redis_reply items[] = {{.type = REDIS_NIL}, {.type = REDIS_INTEGER}};
    struct redis_reply reply = {.type = REDIS_ARRAY, .items = items, .count = 2};
    cr_assert_eq(script_read_count(&reply, 2), 0);
    reply.count = 1;
    cr_assert_eq(script_read_count(&reply, 2), 1);
    cr_assert_eq(script_read_count(&reply, 0), 0);
    reply.type = REDIS_STRING;
    cr_assert_eq(script_read_count(&reply, 2), 0);
    cr_assert_eq(script_read_count(NULL, 2), 0);
}

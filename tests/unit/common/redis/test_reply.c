#include "common/redis/reply.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

enum { MAX = 10000 };

static struct reply_reader reader;

static void start(void)
{
    cr_assert_eq(reply_reader_init(&reader, MAX), STATUS_OK);
}

static void end(void)
{
    reply_reader_done(&reader);
}

TestSuite(reply, .init = start, .fini = end);

static const struct redis_reply *read_bytes(const char *bytes, size_t len)
{
    const struct redis_reply *reply = NULL;
    cr_assert_eq(reply_reader_feed(&reader, bytes, len), STATUS_OK);
    cr_assert_eq(reply_reader_next(&reader, &reply), STATUS_OK);
    return reply;
}

static const struct redis_reply *read_one(const char *text)
{
    return read_bytes(text, strlen(text));
}

Test(reply, each_type_becomes_its_node)
{
    const struct redis_reply *r =
        read_one("*7\r\n+fine\r\n-ERR bad\r\n:-5\r\n$3\r\na\r\n\r\n$-1\r\n*0\r\n*-1\r\n");
    cr_assert_eq(r->type, REDIS_ARRAY);
    cr_assert_eq(r->count, 7);
    cr_assert_eq(r->items[0].type, REDIS_STATUS);
    cr_assert_str_eq(r->items[0].bytes, "fine");
    cr_assert_eq(r->items[1].type, REDIS_ERROR);
    cr_assert_eq(r->items[2].type, REDIS_INTEGER);
    cr_assert_eq(r->items[2].integer, -5);
    cr_assert_eq(r->items[3].type, REDIS_STRING);
    cr_assert_eq(r->items[3].len, 3);
    cr_assert_str_eq(r->items[3].bytes, "a\r\n");
    cr_assert_eq(r->items[4].type, REDIS_NIL);
    cr_assert_eq(r->items[5].type, REDIS_ARRAY);
    cr_assert_eq(r->items[5].count, 0);
    cr_assert_eq(r->items[6].type, REDIS_NIL);
}

Test(reply, nested_arrays_keep_their_places)
{
    const struct redis_reply *r = read_one("*2\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n*1\r\n:2\r\n");
    cr_assert_eq(r->items[0].items[0].integer, 1);
    cr_assert_str_eq(r->items[0].items[1].items[0].bytes, "x");
    cr_assert_eq(r->items[1].items[0].integer, 2);
}

Test(reply, replies_that_come_together_are_read_one_by_one)
{
    const struct redis_reply *r = read_one("+a\r\n+b\r\n+c");
    cr_assert_str_eq(r->bytes, "a");
    cr_assert_eq(reply_reader_next(&reader, &r), STATUS_OK);
    cr_assert_str_eq(r->bytes, "b");
    cr_assert_eq(reply_reader_next(&reader, &r), STATUS_END);
    cr_assert_str_eq(read_one("\r\n")->bytes, "c");
}

Test(reply, a_reply_may_come_byte_by_byte)
{
    static const char text[] = "*3\r\n$5\r\nhello\r\n:12345\r\n*1\r\n+ok\r\n";
    const struct redis_reply *r = NULL;
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        cr_assert_eq(reply_reader_next(&reader, &r), STATUS_END);
        cr_assert_eq(reply_reader_feed(&reader, text + i, 1), STATUS_OK);
    }
    cr_assert_eq(reply_reader_next(&reader, &r), STATUS_OK);
    cr_assert_eq(r->items[1].integer, 12345);
    cr_assert_eq(reply_reader_next(&reader, &r), STATUS_END);
}

Test(reply, a_reply_at_the_limit_is_read_and_one_past_it_is_refused)
{
    static char text[2 * MAX];
    const struct redis_reply *r = NULL;
    for (int round = 0; round < 3; round++) { /* the count begins anew with each reply */
        memset(text, 'x', sizeof text);
        memcpy(text, "$9991\r\n", 7);
        memcpy(text + MAX - 2, "\r\n", 3);
        cr_assert_eq(read_one(text)->len, 9991);
    }
    memcpy(text, "$9992\r\n", 7);
    memset(text + MAX - 2, 'x', 1);
    memcpy(text + MAX - 1, "\r\n", 3);
    cr_assert_eq(reply_reader_feed(&reader, text, strlen(text)), STATUS_OK);
    cr_assert_eq(reply_reader_next(&reader, &r), STATUS_LIMIT);
}

struct refusal {
    char name[32], text[64];
    enum status want;
};

ParameterizedTestParameters(reply, what_cannot_be_kept_is_refused_at_its_header)
{
    static struct refusal cases[] = {
        {"items", "*10001\r\n", STATUS_LIMIT},
        {"a billion items", "*1000000000\r\n", STATUS_LIMIT},
        {"items within a tree", "*2\r\n:1\r\n*9000\r\n", STATUS_LIMIT},
        {"a string", "$10000\r\n", STATUS_LIMIT},
        {"a string of 2 GiB", "$2147483647\r\n", STATUS_LIMIT},
        {"the largest number", "$9223372036854775807\r\n", STATUS_LIMIT},
        {"a string within a tree", "*2\r\n:1\r\n$10000\r\n", STATUS_LIMIT},
        {"more than 64 bits", "$92233720368547758070\r\n", STATUS_MALFORMED},
        {"a count past an int", "*4294967296\r\n", STATUS_MALFORMED},
        {"a negative string", "$-7\r\n", STATUS_MALFORMED},
        {"a negative count", "*-7\r\n", STATUS_MALFORMED},
        {"no type", "hello\r\n", STATUS_MALFORMED},
        {"a length of letters", "$abc\r\n", STATUS_MALFORMED},
        {"RESP3", "%1\r\n+a\r\n+b\r\n", STATUS_MALFORMED},
    };
    return cr_make_param_array(struct refusal, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(struct refusal *c, reply, what_cannot_be_kept_is_refused_at_its_header)
{
    const struct redis_reply *r = NULL;
    cr_assert_eq(reply_reader_feed(&reader, c->text, strlen(c->text)), STATUS_OK);
    cr_assert_eq(reply_reader_next(&reader, &r), c->want, "%s", c->name);
    cr_assert_null(r);
    cr_assert_leq(reader.arena.used_bytes, reader.arena.max_bytes);
    cr_assert_eq(reply_reader_next(&reader, &r), c->want, "%s: a refusal is final", c->name);
}

Test(reply, a_tree_that_costs_more_than_its_bytes_is_bounded)
{
    static char text[MAX + 8] = "*3000\r\n"; /* a node each, and 12 times the bytes */
    const struct redis_reply *r = NULL;
    for (int i = 0; i < 3000; i++)
        strcpy(text + 7 + 3 * (size_t)i, "+\r\n");
    cr_assert_eq(reply_reader_feed(&reader, text, strlen(text)), STATUS_OK);
    cr_assert_eq(reply_reader_next(&reader, &r), STATUS_LIMIT);
}

Test(reply, an_endless_line_is_refused)
{
    static char line[4 * MAX];
    const struct redis_reply *r = NULL;
    memset(line, '-', sizeof line);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(reply_reader_next(&reader, &r), STATUS_END);
        cr_assert_eq(reply_reader_feed(&reader, line, MAX / 2), STATUS_OK);
    }
    cr_assert_eq(reply_reader_next(&reader, &r), STATUS_END);
    cr_assert_eq(reply_reader_feed(&reader, line, 1), STATUS_OK);
    cr_assert_eq(reply_reader_next(&reader, &r), STATUS_LIMIT);
}

Test(reply, a_taken_reply_outlives_its_reader)
{
    const struct redis_reply *r = read_one("*2\r\n$3\r\nabc\r\n:7\r\n");
    struct reply_arena arena = reply_reader_take(&reader);
    cr_assert_eq(read_one("$3\r\nxyz\r\n")->len, 3);
    reply_reader_done(&reader);
    cr_assert_str_eq(r->items[0].bytes, "abc");
    cr_assert_eq(r->items[1].integer, 7);
    reply_arena_done(&arena);
    reply_arena_done(&arena);
}

Test(reply, error_replies_have_a_meaning)
{
    cr_assert_eq(reply_status(read_one("+FENCED\r\n")), STATUS_OK);
    cr_assert_eq(reply_status(read_one("-FENCED the epoch is 7\r\n")), STATUS_FENCED);
    cr_assert_eq(reply_status(read_one("-HELD all: drill\r\n")), STATUS_HELD);
    cr_assert_eq(reply_status(read_one("-STALE\r\n")), STATUS_EXISTS);
    cr_assert_eq(reply_status(read_one("-FENCEDX y\r\n")), STATUS_REFUSED);
    cr_assert_eq(reply_status(read_one("-\r\n")), STATUS_REFUSED);
}

Test(reply, what_is_not_there_is_no_fault)
{
    cr_assert(reply_is_absence(read_one("-ERR no such key\r\n")));
    cr_assert(reply_is_absence(read_one("-NOSCRIPT No matching script.\r\n")));
    cr_assert_not(reply_is_absence(read_one("-ERR unknown command\r\n")));
    cr_assert_not(reply_is_absence(read_one("-NOPERM no such key for you\r\n")));
    cr_assert_not(reply_is_absence(read_one("+no such key\r\n")));
}

Test(reply, fields_are_found_by_name)
{
    const struct redis_reply *r =
        read_one("*5\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n:2\r\n$1\r\nc\r\n");
    uint64_t value = 0;
    cr_assert(redis_to_u64(redis_field(r, "a"), &value));
    cr_assert_eq(value, 1);
    cr_assert(redis_to_u64(redis_field(r, "b"), &value));
    cr_assert_eq(value, 2);
    cr_assert_null(redis_field(r, "c"), "a name without a value");
    cr_assert_null(redis_field(r, "1"), "a value is no name");
    cr_assert_null(redis_field(&r->items[0], "a"));
    cr_assert_null(redis_field(NULL, "a"));
}

Test(reply, numbers_are_read_strictly)
{
    uint64_t value = 99;
    cr_assert_not(redis_to_u64(read_one(":-1\r\n"), &value));
    cr_assert_not(redis_to_u64(read_bytes("$3\r\n1\0002\r\n", 9), &value));
    cr_assert_not(redis_to_u64(read_one("$0\r\n\r\n"), &value));
    cr_assert_not(redis_to_u64(read_one("$20\r\n18446744073709551616\r\n"), &value));
    cr_assert_not(redis_to_u64(read_one("*0\r\n"), &value));
    cr_assert_not(redis_to_u64(NULL, &value));
    cr_assert_eq(value, 99);
    cr_assert(redis_to_u64(read_one("$20\r\n18446744073709551615\r\n"), &value));
    cr_assert_eq(value, UINT64_MAX);
}

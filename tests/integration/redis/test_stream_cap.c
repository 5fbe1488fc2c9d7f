#include "common/redis/stream_cap.h"

#include "tests/integration/redis/peer.h"

#include <stdlib.h>
#include <string.h>

enum { CAP_BYTES = 1 << 20, ENTRY_BYTES = 100000 };

static struct redis_server server;
static struct peer peer;
static struct stream_cap cap;
static unsigned int rooms;

static void on_room(void *owner)
{
    (void)owner;
    rooms++;
}

static void start(void)
{
    redis_server_start(&server, NULL);
    peer_up(&peer, (struct redis_options){.address = server.address, .backoff_min_ms = 1});
    stream_cap_init(&cap, peer.redis, "weir:delta:s0", CAP_BYTES, on_room, NULL);
}

static void end(void)
{
    peer_close(&peer);
    redis_server_done(&server);
}

TestSuite(stream_cap, .init = start, .fini = end, .timeout = 60);

#define cli(command) redis_server_cli(&server, command)

static long stream_bytes(void)
{
    return strtol(cli("MEMORY USAGE weir:delta:s0 SAMPLES 0"), NULL, 10);
}

static void keep(void)
{
    stream_cap_keep(&cap);
    cr_assert(cap.waiting);
    LOOP_UNTIL(&peer.loop, !cap.waiting);
}

struct refusal {
    bool came, was_full;
};

static void on_refusal(void *owner, enum status status, const struct redis_reply *reply)
{
    struct refusal *refusal = owner;
    cr_assert_eq(status, STATUS_REFUSED);
    refusal->came = true;
    refusal->was_full = stream_cap_refused(&cap, reply);
}

static bool refused(const char *command)
{
    struct refusal refusal = {0};
    cr_assert_eq(redis_commandf(peer.redis, on_refusal, &refusal, command), STATUS_OK);
    LOOP_UNTIL(&peer.loop, refusal.came && !cap.waiting);
    return refusal.was_full;
}

Test(stream_cap, the_oldest_entries_go_until_the_bytes_are_kept_to)
{
    redis_server_fill(&server, "weir:delta:s0", 1000, 100); /* many of these before a large one */
    redis_server_fill(&server, "weir:delta:s0", 100, ENTRY_BYTES);
    (void)cli("XADD weir:delta:s0 * is newest");
    cr_assert_gt(stream_bytes(), 9 * CAP_BYTES);
    keep();
    cr_assert_leq(stream_bytes(), CAP_BYTES);
    cr_assert_gt(stream_bytes(), CAP_BYTES / 2, "no more than must");
    cr_assert(strstr(cli("XREVRANGE weir:delta:s0 + - COUNT 1"), "is newest") != NULL);
}

Test(stream_cap, within_its_bytes_nothing_goes)
{
    keep(); /* not there at all */
    cr_assert_str_eq(cli("EXISTS weir:delta:s0"), "0");
    redis_server_fill(&server, "weir:delta:s0", 8, ENTRY_BYTES);
    keep();
    cr_assert_str_eq(cli("XLEN weir:delta:s0"), "8");
    cr_assert_eq(rooms, 0, "nobody was refused");
}

Test(stream_cap, a_full_server_takes_writes_again)
{
    redis_server_fill(&server, "weir:delta:s0", 100, ENTRY_BYTES);
    (void)cli("CONFIG SET maxmemory 8mb");
    cr_assert(refused("XADD weir:delta:s0 * is newest"));
    cr_assert_eq(rooms, 1);
    cr_assert_leq(stream_bytes(), CAP_BYTES);
    (void)cli("XADD weir:delta:s0 * is newest");
    cr_assert(strstr(cli("XREVRANGE weir:delta:s0 + - COUNT 1"), "is newest") != NULL);
}

Test(stream_cap, within_its_bytes_a_stream_still_gives_half_to_a_full_server)
{
    redis_server_fill(&server, "weir:delta:s0", 8, ENTRY_BYTES);
    (void)cli("CONFIG SET maxmemory 1mb");
    cr_assert(refused("XADD weir:delta:s0 * a b"));
    cr_assert_str_eq(cli("XLEN weir:delta:s0"), "3");
}

Test(stream_cap, a_refusal_that_is_over_costs_nothing)
{
    const char *text = "OOM command not allowed when used memory > 'maxmemory'.";
    const struct redis_reply reply = {.type = REDIS_ERROR, .bytes = text, .len = strlen(text)};
    redis_server_fill(&server, "weir:delta:s0", 8, ENTRY_BYTES);
    (void)cli("CONFIG SET maxmemory 1gb");
    cr_assert(stream_cap_refused(&cap, &reply));
    LOOP_UNTIL(&peer.loop, rooms == 1);
    cr_assert_str_eq(cli("XLEN weir:delta:s0"), "8");
}

Test(stream_cap, another_refusal_and_a_key_of_another_type_harm_nothing)
{
    (void)cli("SET weir:delta:s0 text");
    cr_assert_not(refused("XADD weir:delta:s0 * a b"));
    keep();
    cr_assert_str_eq(cli("GET weir:delta:s0"), "text");
}

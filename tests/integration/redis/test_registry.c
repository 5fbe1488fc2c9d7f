#include "common/redis/registry.h"
#include "tests/integration/redis/peer.h"
#include "tests/support/redis_server.h"

#include <string.h>

/* A process in the registry, and what others see of it, on a real server. */

struct member {
    struct registry *registry;
    unsigned int twins;
    char twin[32];
    bool closed;
};

static void on_twin(void *owner, const char *epoch)
{
    struct member *member = owner;
    member->twins++;
    snprintf(member->twin, sizeof(member->twin), "%s", epoch);
}

static void on_member_closed(void *owner)
{
    struct member *member = owner;
    member->closed = true;
}

static void join(struct member *member, struct peer *peer, uint64_t epoch)
{
    *member = (struct member){.twins = 0};
    struct registry_options options = {.redis = peer->redis,
                                       .prefix = "weir:",
                                       .kind = "collector",
                                       .name = "c1",
                                       .config_hash = "00ff",
                                       .version = "0.1.0",
                                       .epoch = epoch,
                                       .clock = clock_system(),
                                       .on_twin = on_twin,
                                       .owner = member};
    cr_assert_eq(registry_start(&member->registry, &peer->loop, &options), STATUS_OK);
}

static bool field_is(struct redis_server *server, const char *field, const char *want)
{
    char command[128];
    snprintf(command, sizeof(command), "HGET weir:process:collector:c1 %s", field);
    return strstr(redis_server_cli(server, command), want) != NULL;
}

Test(registry, keeps_a_readable_hash_with_a_lifetime_and_removes_it)
{
    struct redis_server server = {0};
    struct peer peer;
    struct member member;
    redis_server_start(&server, NULL);
    peer_open(&peer, (struct redis_options){.address = server.address});
    join(&member, &peer, 1700000000000); /* before the connection is up */
    registry_set(member.registry, "shards", "s0");
    LOOP_UNTIL(&peer.loop, field_is(&server, "shards", "s0"));
    cr_assert(field_is(&server, "epoch", "1700000000000"));
    cr_assert(field_is(&server, "version", "0.1.0"));
    cr_assert(field_is(&server, "config", "00ff"));
    cr_assert(field_is(&server, "started", "2023-11-14T22:13:20.000Z"));
    registry_set_config(member.registry, "1234");
    registry_set(member.registry, "shards", "s0 s1");
    LOOP_UNTIL(&peer.loop, field_is(&server, "config", "1234"));
    cr_assert(field_is(&server, "shards", "s0 s1"));
    const char *ttl = redis_server_cli(&server, "PTTL weir:process:collector:c1");
    cr_assert(strstr(ttl, "-1") == NULL, "the key has no lifetime: %s", ttl);
    cr_assert_eq(member.twins, 0);
    registry_close(member.registry, on_member_closed, &member);
    LOOP_UNTIL(&peer.loop, member.closed);
    cr_assert(strstr(redis_server_cli(&server, "EXISTS weir:process:collector:c1"), "0") != NULL);
    peer_close(&peer);
    redis_server_done(&server);
}

Test(registry, two_live_epochs_of_one_name_are_seen_by_both)
{
    struct redis_server server = {0};
    struct peer peer;
    struct member first, second;
    redis_server_start(&server, NULL);
    peer_up(&peer, (struct redis_options){.address = server.address});
    join(&first, &peer, 1);
    LOOP_UNTIL(&peer.loop, field_is(&server, "epoch", "1"));
    join(&second, &peer, 2);
    LOOP_UNTIL(&peer.loop, first.twins > 0 && second.twins > 0);
    cr_assert_str_eq(first.twin, "2");
    cr_assert_str_eq(second.twin, "1");
    registry_close(first.registry, on_member_closed, &first);
    LOOP_UNTIL(&peer.loop, first.closed);
    cr_assert(strstr(redis_server_cli(&server, "EXISTS weir:process:collector:c1"), "1") != NULL,
              "the key may be the other's");
    registry_close(second.registry, on_member_closed, &second);
    LOOP_UNTIL(&peer.loop, second.closed);
    peer_close(&peer);
    redis_server_done(&server);
}

Test(registry, the_epoch_of_a_process_that_has_ended_is_no_twin)
{
    struct redis_server server = {0};
    struct peer peer;
    struct member member;
    redis_server_start(&server, NULL);
    (void)redis_server_cli(&server, "HSET weir:process:collector:c1 epoch 77");
    peer_up(&peer, (struct redis_options){.address = server.address});
    join(&member, &peer, 78);
    LOOP_UNTIL(&peer.loop, field_is(&server, "epoch", "78"));
    cr_assert_eq(member.twins, 0);
    registry_close(member.registry, on_member_closed, &member);
    LOOP_UNTIL(&peer.loop, member.closed);
    peer_close(&peer);
    redis_server_done(&server);
}

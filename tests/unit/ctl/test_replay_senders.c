#include "ctl/replay_senders.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>

static const struct command command = {.name = "replay"};
static const struct command_context context = {.command = &command};
static struct outlet outlet;
static struct replay_senders senders;

static void set_up(void)
{
    const struct ip_endpoint to = {.port = 0};
    cr_redirect_stderr();
    cr_assert(outlet_init(&outlet, &context, &to, false, NULL, NULL));
    cr_assert(replay_senders_init(&senders, &context, &outlet));
}

static void tear_down(void)
{
    replay_senders_done(&senders);
    cr_assert(outlet_done(&outlet, &context));
}

TestSuite(replay_senders, .init = set_up, .fini = tear_down);

static struct ip_endpoint exporter(uint32_t number, uint16_t port)
{
    return (struct ip_endpoint){addr_from_ipv4(0x0a000000U + number), port};
}

Test(replay_senders, every_exporter_up_to_the_most_is_one_of_its_own)
{
    uint32_t sender;
    struct ip_endpoint from;
    cr_assert_eq(prefix_parse(&senders.as, "127.128.0.0/9"), STATUS_OK);
    for (uint32_t i = 0; i < REPLAY_EXPORTERS_MAX; i++) {
        from = exporter(i, 2055);
        cr_assert(replay_sender(&senders, &from, &sender));
        cr_assert_eq(sender, i);
    }
    for (uint32_t i = 0; i < REPLAY_EXPORTERS_MAX; i++) {
        struct ip_addr wanted = addr_from_ipv4(0x7f800001U + i);
        from = exporter(i, 2055);
        cr_assert(replay_sender(&senders, &from, &sender));
        cr_assert_eq(sender, i);
        cr_assert(addr_equal(&outlet.senders[i].from.addr, &wanted));
    }
    from = exporter(REPLAY_EXPORTERS_MAX, 2055);
    cr_assert_not(replay_sender(&senders, &from, &sender), "one more would share a socket");
    cr_assert_eq(outlet.sender_count, REPLAY_EXPORTERS_MAX);
}

Test(replay_senders, ports_of_an_address_are_apart_and_keep_it)
{
    uint32_t first, second, third;
    struct ip_endpoint a = exporter(1, 1), b = exporter(1, 2), c = exporter(2, 1);
    cr_assert_eq(prefix_parse(&senders.as, "127.0.9.0/29"), STATUS_OK);
    cr_assert(replay_sender(&senders, &a, &first) && replay_sender(&senders, &b, &second) &&
              replay_sender(&senders, &c, &third));
    cr_assert(first != second && second != third && first != third);
    cr_assert(addr_equal(&outlet.senders[first].from.addr, &outlet.senders[second].from.addr));
    cr_assert_not(addr_equal(&outlet.senders[first].from.addr, &outlet.senders[third].from.addr));
    cr_assert_eq(replay_senders_addresses(&senders), 2);
}

/* The address of exporter `number`; its last octet, or 0: there is none. */
static unsigned int octet_of(uint32_t number)
{
    uint32_t sender;
    struct ip_endpoint from = exporter(number, 2055);
    if (!replay_sender(&senders, &from, &sender))
        return 0;
    return outlet.senders[sender].from.addr.octets[3];
}

static void map(uint32_t number, uint32_t as)
{
    senders.maps[senders.map_count++] =
        (struct replay_map){exporter(number, 0).addr, addr_from_ipv4(as)};
}

Test(replay_senders, an_address_of_a_map_is_given_to_no_other)
{
    cr_assert_eq(prefix_parse(&senders.as, "127.0.9.0/29"), STATUS_OK);
    map(1, 0x7f000902U);
    cr_assert_eq(octet_of(1), 2);
    cr_assert_eq(octet_of(2), 1);
    cr_assert_eq(octet_of(3), 3);
}

Test(replay_senders, nor_before_its_exporter_comes)
{
    cr_assert_eq(prefix_parse(&senders.as, "127.0.9.0/29"), STATUS_OK);
    map(1, 0x7f000902U);
    cr_assert_eq(octet_of(3), 1);
    cr_assert_eq(octet_of(2), 3);
    cr_assert_eq(octet_of(1), 2);
}

Test(replay_senders, a_map_takes_no_room_of_the_prefix)
{
    cr_assert_eq(prefix_parse(&senders.as, "127.0.9.5/32"), STATUS_OK);
    map(1, 0x7f000909U);
    cr_assert_eq(octet_of(1), 9);
    cr_assert_eq(octet_of(2), 5);
    cr_assert_eq(octet_of(3), 0, "the prefix has one address");
}

Test(replay_senders, nor_after_the_prefix_is_full)
{
    cr_assert_eq(prefix_parse(&senders.as, "127.0.9.5/32"), STATUS_OK);
    map(1, 0x7f000909U);
    cr_assert_eq(octet_of(2), 5);
    cr_assert_eq(octet_of(1), 9);
}

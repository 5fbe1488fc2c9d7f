#include "speaker/bgp/mrt.h"

#include <criterion/criterion.h>

static const uint8_t message[] = {0xff, 0, 19, 4};
static const uint8_t ours[] = {192, 0, 2, 9}, theirs[] = {192, 0, 2, 1};

Test(mrt, a_message_over_ipv4)
{
    static const uint8_t want[] = {
        0x65, 0x53, 0xf1, 0,    0,    16,   0,    7, 0,   0, 0, 24, /* head */
        0,    0,    0xfd, 0xea, 0xfa, 0x56, 0xea, 1,                /* AS numbers */
        0,    0,    0,    1,    192,  0,    2,    1, 192, 0, 2, 9,  0xff, 0, 19, 4};
    struct mrt_session session = {.local_as = 4200000001,
                                  .remote_as = 65002,
                                  .local = addr_from_octets(ADDR_IPV4, ours),
                                  .remote = addr_from_octets(ADDR_IPV4, theirs)};
    uint8_t bytes[100];
    struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
    mrt_put_message(&w, 1700000000, &session, message, sizeof(message));
    cr_assert_not(w.failed);
    cr_assert_eq(w.len, sizeof(want));
    for (size_t i = 0; i < sizeof(want); i++)
        cr_expect_eq(bytes[i], want[i], "octet %zu is %02x, not %02x", i, bytes[i], want[i]);
}

/* Our address may be the kernel's choice, and then is none of IPv6. */
Test(mrt, a_message_over_ipv6_has_addresses_of_sixteen_octets)
{
    static const uint8_t remote[16] = {0x20, 1, 0x0d, 0xb8, [15] = 7};
    struct mrt_session session = {.remote = addr_from_octets(ADDR_IPV6, remote),
                                  .local = addr_from_octets(ADDR_IPV4, ours)};
    uint8_t bytes[100];
    struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
    mrt_put_message(&w, 1, &session, message, sizeof(message));
    cr_assert_eq(w.len, MRT_RECORD_HEAD_MAX + sizeof(message));
    cr_expect_eq(bytes[11], 12 + 32 + sizeof(message));
    cr_expect_eq(bytes[23], 2);
    cr_expect_eq(bytes[24 + 15], 7);
    for (size_t i = 24 + 16; i < MRT_RECORD_HEAD_MAX; i++)
        cr_expect_eq(bytes[i], 0, "octet %zu", i);
}

Test(mrt, what_has_no_room_fails_the_writer)
{
    uint8_t bytes[MRT_RECORD_HEAD_MAX];
    struct mrt_session session = {.remote = addr_from_octets(ADDR_IPV4, theirs)};
    struct wire_writer w = wire_writer_of(bytes, 12 + 12 + 8 + sizeof(message) - 1);
    mrt_put_message(&w, 1, &session, message, sizeof(message));
    cr_assert(w.failed);
}

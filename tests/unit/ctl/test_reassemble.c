#include "ctl/reassemble.h"

#include <criterion/criterion.h>
#include <string.h>

enum { LEN = 3000 };

static uint8_t whole[LEN];
static struct reassemble *reassemble;
static struct wire_reader got;
static uint32_t parts;

static void begin(void)
{
    for (size_t i = 0; i < LEN; i++)
        whole[i] = (uint8_t)(i * 7 + i / 256);
    reassemble = reassemble_new();
    cr_assert_not_null(reassemble);
}

static void end(void)
{
    reassemble_free(reassemble);
}

struct part {
    uint32_t id, from, to;
    uint64_t time_us;
    enum addr_family family;
};

static bool add(const struct part *part)
{
    struct capture_datagram d = {
        .time_us = part->time_us, .bytes = whole + part->from, .len = part->to - part->from};
    static const uint8_t octets[16] = {10, 0, 0, 1};
    enum addr_family family = part->family == ADDR_NONE ? ADDR_IPV4 : part->family;
    struct capture_fragment f = {.id = part->id, .offset = part->from, .more = part->to < LEN};
    d.from.addr = addr_from_octets(family, octets);
    d.to.addr = d.from.addr;
    return reassemble_add(reassemble, &d, &f, &got, &parts);
}
#define ADD(of_id, of_from, of_to, ...)                                                            \
    add(&(struct part){.id = of_id, .from = of_from, .to = of_to, __VA_ARGS__})

static void check_whole(uint32_t want_parts)
{
    cr_assert_eq(got.left, LEN);
    cr_assert_arr_eq(got.pos, whole, LEN);
    cr_assert_eq(parts, want_parts);
}

Test(reassemble, parts_come_in_any_order, .init = begin, .fini = end)
{
    cr_assert_not(ADD(1, 2000, LEN, .time_us = 0));
    cr_assert_not(ADD(2, 0, 1000, .time_us = 0)); /* another datagram between them */
    cr_assert_not(ADD(1, 0, 1000, .time_us = 0));
    cr_assert(ADD(1, 1000, 2000, .time_us = 0));
    check_whole(3);
    cr_assert_not(ADD(2, 2000, LEN, .time_us = 0));
    cr_assert(ADD(2, 1000, 2000, .time_us = 0));
    check_whole(3);
}

Test(reassemble, a_part_that_came_twice_is_one, .init = begin, .fini = end)
{
    cr_assert_not(ADD(1, 0, 1000, .family = ADDR_IPV6));
    cr_assert_not(ADD(1, 0, 1000, .family = ADDR_IPV6));
    cr_assert(ADD(1, 1000, LEN, .family = ADDR_IPV6));
    check_whole(3);
}

Test(reassemble, parts_that_overlap_drop_their_datagram, .init = begin, .fini = end)
{
    cr_assert_not(ADD(1, 0, 1000, .family = ADDR_IPV6));
    cr_assert_not(ADD(1, 800, 2000, .family = ADDR_IPV6));
    cr_assert_not(ADD(1, 1000, LEN, .family = ADDR_IPV6));
    cr_assert_not(ADD(2, 0, 1000, .time_us = 0));
    cr_assert_not(ADD(2, 800, LEN, .time_us = 0));
    cr_assert_not(ADD(2, 1000, LEN, .time_us = 0));
}

Test(reassemble, what_began_too_long_ago_is_another_datagram, .init = begin, .fini = end)
{
    cr_assert_not(ADD(1, 0, 1000, .time_us = 0));
    cr_assert_not(ADD(1, 1000, LEN, .time_us = REASSEMBLE_US + 1));
    cr_assert(ADD(1, 0, 1000, .time_us = REASSEMBLE_US + 2));
    check_whole(2);
}

Test(reassemble, at_the_limit_the_one_begun_first_goes, .init = begin, .fini = end)
{
    for (uint32_t i = 0; i <= REASSEMBLE_MAX; i++)
        cr_assert_not(ADD(i, 0, 1000, .time_us = i));
    cr_assert(ADD(1, 1000, LEN, .time_us = REASSEMBLE_MAX + 1));
    cr_assert_not(ADD(0, 1000, LEN, .time_us = REASSEMBLE_MAX + 1));
}

Test(reassemble, what_no_sender_means_is_left, .init = begin, .fini = end)
{
    static uint8_t octets[65536];
    static const struct {
        uint32_t offset, len;
        bool more, is_cut;
    } bad[] = {{0, 1001, true, false},    /* not a whole number of eight */
               {65528, 16, false, false}, /* past the longest datagram */
               {0, 0, false, false},      /* nothing */
               {0, 1000, false, true}};   /* the capture lacks its end */
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct capture_datagram d = {.bytes = octets, .len = bad[i].len};
        struct capture_fragment f = {.id = (uint32_t)i,
                                     .offset = bad[i].offset,
                                     .more = bad[i].more,
                                     .is_cut = bad[i].is_cut};
        cr_assert_not(reassemble_add(reassemble, &d, &f, &got, &parts), "%zu", i);
    }
    cr_assert_not(ADD(9, 2000, LEN, .time_us = 0));
    struct capture_datagram d = {.bytes = octets, .len = 8};
    struct capture_fragment behind = {.id = 9, .offset = 4000, .more = true};
    d.from.addr = d.to.addr = addr_from_ipv4(0x0a000001);
    cr_assert_not(reassemble_add(reassemble, &d, &behind, &got, &parts), "behind the last");
    cr_assert_not(ADD(9, 0, 2000, .time_us = 0), "that datagram is gone");
}

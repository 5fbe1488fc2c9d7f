#include "collector/recall/chunk.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Hosts of IPv4 and IPv6, many of them beside each other, on both sides; some of them with several
 * items. Every prefix of every host is looked for, and beside them some that nobody is in. */
enum { ITEMS = 2000, NEIGHBOURS = 100 };

static struct recall_item items[ITEMS];
static struct recall_chunk chunk;
static struct chunk_sort room;

static struct ip_addr addr_of(uint32_t number)
{
    uint8_t low = (uint8_t)(number % NEIGHBOURS), high = (uint8_t)(number / NEIGHBOURS % 7);
    switch (number / NEIGHBOURS / 7 % 3) {
    case 0:
        return addr_from_ipv4(0x0a000000U + (uint32_t)high * 65536 + low * 3U);
    case 1: /* of one LAN */
        return (struct ip_addr){
            .family = ADDR_IPV6,
            .octets = {0x20, 0x01, 0x0d, 0xb8, [8] = (uint8_t)(high % 2 * 128), [15] = low}};
    default: /* of some, side by side */
        return (struct ip_addr){.family = ADDR_IPV6,
                                .octets = {0x20, 0x01, 0x0d, 0xb8, [7] = high, [9] = low}};
    }
}

static void make(void)
{
    cr_assert_eq(chunk_init(&chunk, ITEMS), STATUS_OK);
    room.ranks = calloc(ITEMS, sizeof(*room.ranks));
    room.spare = calloc(ITEMS, sizeof(*room.spare));
    for (uint32_t i = 0; i < ITEMS; i++) {
        struct ip_addr addr = addr_of(i * 7919U);
        items[i] = (struct recall_item){.side = (uint8_t)(i / 5 % 2),
                                        .ip_version = addr.family,
                                        .priority = (float)(1 + i * 31U % 977)};
        memcpy(items[i].host, addr.octets, sizeof(items[i].host));
    }
    chunk_make(&chunk, items, ITEMS, &room);
}

static void finish(void)
{
    chunk_done(&chunk);
    free(room.ranks);
    free(room.spare);
}

static bool is_of(const struct recall_item *item, uint8_t side, const struct ip_prefix *prefix)
{
    struct ip_addr addr = {.family = item->ip_version};
    memcpy(addr.octets, item->host, sizeof(addr.octets));
    return item->side == side && prefix_contains(prefix, &addr);
}

static void judge(uint8_t side, const struct ip_prefix *prefix)
{
    uint32_t begin, end, wanted = 0;
    for (uint32_t i = 0; i < ITEMS; i++)
        wanted += is_of(&items[i], side, prefix);
    chunk_range(&chunk, side, prefix, &begin, &end);
    cr_assert_eq(end - begin, wanted, "family %d /%d: %u, not %u", prefix->addr.family, prefix->len,
                 end - begin, wanted);
    for (uint32_t k = begin; k < end; k++) {
        const struct recall_item *item = &chunk.items[chunk.order[k].item];
        cr_assert(is_of(item, side, prefix));
        cr_assert_float_eq(chunk.order[k].priority, item->priority, 1e-9);
    }
}

static void mask(struct ip_prefix *prefix)
{
    for (unsigned int bit = prefix->len; bit < 128; bit++)
        prefix->addr.octets[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
}

Test(chunk, a_prefix_is_found_whole_and_nothing_else)
{
    make();
    for (uint32_t number = 0; number < ITEMS; number += 13) {
        struct ip_addr addr = addr_of(number);
        unsigned int bits = addr.family == ADDR_IPV6 ? 128 : 32;
        for (unsigned int len = 0; len <= bits; len++)
            for (uint8_t side = 0; side < 2; side++) {
                struct ip_prefix prefix = {addr, (uint8_t)len};
                mask(&prefix);
                judge(side, &prefix);
                if (len > 0) /* the one beside it */
                    prefix.addr.octets[(len - 1) / 8] ^= (uint8_t)(0x80U >> (len - 1) % 8);
                judge(side, &prefix);
            }
    }
    finish();
}

Test(chunk, items_of_a_host_are_by_falling_priority)
{
    make();
    for (uint32_t k = 1; k < ITEMS; k++) {
        const struct recall_item *before = &chunk.items[chunk.order[k - 1].item];
        const struct recall_item *item = &chunk.items[chunk.order[k].item];
        cr_assert_leq(chunk.keys[k - 1], chunk.keys[k]);
        if (chunk.keys[k - 1] != chunk.keys[k])
            continue;
        int order = memcmp(before->host, item->host, sizeof(item->host));
        cr_assert_leq(order, 0);
        cr_assert(order < 0 || before->priority >= item->priority);
    }
    finish();
}

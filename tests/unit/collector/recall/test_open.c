#include "collector/recall/open.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

/* Hosts of one network, as a sweep of it tells of them: their addresses count up in so many octets
 * from `octet` on. */
struct sweep {
    char name[24];
    uint8_t ip_version, octet, octets;
};

enum { HOSTS = 65536, LONGEST = 16, SEEDS = 3 };

static void host_of(const struct sweep *sweep, uint32_t number, uint8_t ret_host[16])
{
    static const uint8_t network[2][4] = {{10, 1}, {0x20, 0x01, 0x0d, 0xb8}};
    for (size_t i = 0; i < 16; i++)
        ret_host[i] = i < 4 ? network[sweep->ip_version == 6][i] : 0;
    for (uint8_t i = sweep->octets; i > 0; i--, number >>= 8)
        ret_host[sweep->octet + i - 1] = (uint8_t)number;
}

static uint32_t longest_chain(const struct open_chunk *open)
{
    uint32_t longest = 0;
    for (uint32_t bucket = 0; bucket <= open->bucket_mask; bucket++) {
        uint32_t length = 0;
        for (uint32_t at = open->buckets[bucket]; at != UINT32_MAX;
             at = open->destinations[at].next)
            length++;
        longest = length > longest ? length : longest;
    }
    return longest;
}

ParameterizedTestParameters(open, hosts_of_one_network_spread_over_the_buckets)
{
    static struct sweep sweeps[] = {
        {"IPv4 /16", 4, 2, 2},     {"IPv6 /112", 6, 14, 2},         {"IPv6 /96", 6, 12, 2},
        {"IPv6 middle", 6, 10, 2}, {"IPv6 /64, from top", 6, 8, 2}, {"IPv6 /64s of a /48", 6, 6, 2},
    };
    return cr_make_param_array(struct sweep, sweeps, sizeof(sweeps) / sizeof(sweeps[0]));
}

ParameterizedTest(struct sweep *sweep, open, hosts_of_one_network_spread_over_the_buckets)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct open_chunk open;
        cr_assert_eq(open_init(&open, HOSTS, 4, seed * 0x1234567890abcdefU), STATUS_OK);
        for (uint32_t i = 0; i < HOSTS; i++) {
            uint8_t host[16];
            host_of(sweep, i, host);
            cr_assert_not_null(open_place(&open, host, (uint8_t)(seed & 1), sweep->ip_version, 1));
        }
        cr_assert_eq(open.entered, HOSTS);
        cr_assert_leq(longest_chain(&open), LONGEST, "%s: a chain of %u", sweep->name,
                      longest_chain(&open));
        open_done(&open);
    }
}

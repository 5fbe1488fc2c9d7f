#include "common/base/lpm.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix p;

    cr_assert_eq(prefix_parse(&p, text), STATUS_OK, "%s", text);
    return p;
}

static int32_t look_up(const struct lpm *lpm, const char *text)
{
    struct ip_addr a;

    cr_assert_eq(addr_parse(&a, text), STATUS_OK, "%s", text);
    return lpm_lookup(lpm, &a);
}

static void add(struct lpm *lpm, const char *text, int32_t value)
{
    struct ip_prefix p = prefix(text);

    cr_assert_eq(lpm_add(lpm, &p, value), STATUS_OK, "%s", text);
}

Test(lpm, the_longest_prefix_wins_at_every_edge)
{
    struct lpm *lpm = lpm_new(16);

    add(lpm, "10.0.0.0/8", 1);
    add(lpm, "10.1.0.0/16", 2);
    add(lpm, "10.1.2.0/24", 3);
    add(lpm, "10.1.2.3/32", 4);
    add(lpm, "10.255.255.0/24", 5);
    add(lpm, "255.255.255.255", 6);
    add(lpm, "2001:db8::/32", 7);
    add(lpm, "2001:db8:0:1::/64", 8);
    add(lpm, "2001:db8:0:1::80/121", 9);
    add(lpm, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 10);
    cr_assert_eq(lpm_seal(lpm), STATUS_OK);
    cr_assert_eq(lpm_count(lpm), 10);

    static const struct {
        const char *addr;
        int32_t want;
    } cases[] = {
        {"9.255.255.255", LPM_NONE},
        {"10.0.0.0", 1},
        {"10.0.255.255", 1},
        {"10.1.0.0", 2},
        {"10.1.1.255", 2},
        {"10.1.2.0", 3},
        {"10.1.2.2", 3},
        {"10.1.2.3", 4},
        {"10.1.2.4", 3},
        {"10.1.2.255", 3},
        {"10.1.3.0", 2},
        {"10.1.255.255", 2},
        {"10.2.0.0", 1},
        {"10.255.254.255", 1},
        {"10.255.255.0", 5},
        {"10.255.255.255", 5},
        {"11.0.0.0", LPM_NONE},
        {"0.0.0.0", LPM_NONE},
        {"255.255.255.254", LPM_NONE},
        {"255.255.255.255", 6},
        {"::", LPM_NONE},
        {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", LPM_NONE},
        {"2001:db8::", 7},
        {"2001:db8:0:1::", 8},
        {"2001:db8:0:1::7f", 8},
        {"2001:db8:0:1::80", 9},
        {"2001:db8:0:1::ff", 9},
        {"2001:db8:0:1::100", 8},
        {"2001:db8:0:2::", 7},
        {"2001:db9::", LPM_NONE},
        {"a00::", LPM_NONE},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", LPM_NONE},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 10},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_assert_eq(look_up(lpm, cases[i].addr), cases[i].want, "%s", cases[i].addr);
    lpm_free(lpm);
    lpm_free(NULL);
}

Test(lpm, a_default_holds_everything_of_its_family)
{
    struct lpm *lpm = lpm_new(2);

    add(lpm, "0.0.0.0/0", 4);
    cr_assert_eq(lpm_seal(lpm), STATUS_OK);
    cr_assert_eq(look_up(lpm, "0.0.0.0"), 4);
    cr_assert_eq(look_up(lpm, "255.255.255.255"), 4);
    cr_assert_eq(look_up(lpm, "::"), LPM_NONE);
    lpm_free(lpm);
}

Test(lpm, an_empty_table_holds_nothing)
{
    struct lpm *lpm = lpm_new(0);
    struct ip_addr none = {0};

    cr_assert_eq(lpm_seal(lpm), STATUS_OK);
    cr_assert_eq(look_up(lpm, "0.0.0.0"), LPM_NONE);
    cr_assert_eq(look_up(lpm, "ffff::"), LPM_NONE);
    cr_assert_eq(lpm_lookup(lpm, &none), LPM_NONE);
    lpm_free(lpm);
}

Test(lpm, what_cannot_be_added_is_refused_with_its_reason)
{
    struct lpm *lpm = lpm_new(2);
    struct ip_prefix p = prefix("10.0.0.0/8"), q = prefix("10.0.0.0/9"), r = prefix("11.0.0.0/8");
    struct ip_prefix none = {0};

    cr_assert_eq(lpm_add(lpm, &p, -1), STATUS_RANGE);
    cr_assert_eq(lpm_add(lpm, &none, 1), STATUS_RANGE);
    cr_assert_eq(lpm_add(lpm, &p, 1), STATUS_OK);
    cr_assert_eq(lpm_add(lpm, &p, 2), STATUS_EXISTS);
    cr_assert_eq(lpm_add(lpm, &q, 2), STATUS_OK);
    cr_assert_eq(lpm_add(lpm, &r, 3), STATUS_LIMIT);
    cr_assert_eq(lpm_add(lpm, &p, 2), STATUS_EXISTS);
    cr_assert_eq(lpm_seal(lpm), STATUS_OK);
    cr_assert_eq(lpm_add(lpm, &r, 3), STATUS_REFUSED);
    cr_assert_eq(look_up(lpm, "10.0.0.1"), 2);
    cr_assert_eq(lpm_count(lpm), 2);
    lpm_free(lpm);
}

struct matches {
    int32_t values[8];
    size_t count, stop_at;
};

static bool on_match(void *owner, const struct ip_prefix *p, int32_t value)
{
    struct matches *m = owner;

    cr_assert_eq(p->len, value, "each value is its length here");
    m->values[m->count++] = value;
    return m->count < m->stop_at;
}

Test(lpm, walk_goes_from_the_longest_to_the_shortest_until_told_to_stop)
{
    struct lpm *lpm = lpm_new(8);
    struct ip_addr a = addr_from_ipv4(0x0a010203), outside = addr_from_ipv4(0x0b000000);
    struct matches all = {.stop_at = 8}, two = {.stop_at = 2}, none = {.stop_at = 8};

    add(lpm, "10.0.0.0/8", 8);
    add(lpm, "10.1.2.0/24", 24);
    add(lpm, "10.1.0.0/16", 16);
    add(lpm, "10.1.3.0/24", 24);
    add(lpm, "10.1.2.3", 32);
    cr_assert_eq(lpm_seal(lpm), STATUS_OK);

    lpm_walk(lpm, &a, on_match, &all);
    cr_assert_eq(all.count, 4);
    cr_assert_eq(memcmp(all.values, (int32_t[]){32, 24, 16, 8}, 16), 0);
    lpm_walk(lpm, &a, on_match, &two);
    cr_assert_eq(two.count, 2);
    lpm_walk(lpm, &outside, on_match, &none);
    cr_assert_eq(none.count, 0);
    lpm_free(lpm);
}

/* Few distinct octets, so that prefixes nest and share their edges. */
static struct ip_addr crowded_addr(void)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
    uint8_t octets[16];

    for (size_t i = 0; i < 16; i++)
        octets[i] = values[rand() % 6];
    return addr_from_octets(rand() % 2 ? ADDR_IPV4 : ADDR_IPV6, octets);
}

struct expected {
    const struct ip_prefix *prefixes;
    struct ip_addr addr;
    int last_len;
    size_t count;
};

static bool on_expected(void *owner, const struct ip_prefix *p, int32_t value)
{
    struct expected *e = owner;

    cr_assert(prefix_equal(p, &e->prefixes[value]));
    cr_assert(prefix_contains(p, &e->addr));
    cr_assert(p->len < e->last_len);
    e->last_len = p->len;
    e->count++;
    return true;
}

static void compare_with_naive(const struct lpm *lpm, const struct ip_prefix *prefixes, size_t n,
                               const struct ip_addr *a)
{
    struct expected e = {.prefixes = prefixes, .addr = *a, .last_len = 129};
    int32_t best = LPM_NONE;
    size_t holding = 0;

    for (size_t i = 0; i < n; i++)
        if (prefix_contains(&prefixes[i], a)) {
            holding++;
            if (best == LPM_NONE || prefixes[i].len > prefixes[best].len)
                best = (int32_t)i;
        }
    cr_assert_eq(lpm_lookup(lpm, a), best);
    lpm_walk(lpm, a, on_expected, &e);
    cr_assert_eq(e.count, holding);
}

Test(lpm, agrees_with_trying_every_prefix)
{
    enum { PREFIXES_MAX = 400, TABLES = 40, LOOKUPS = 500 };
    static struct ip_prefix prefixes[PREFIXES_MAX];

    srand(6);
    for (int table = 0; table < TABLES; table++) {
        size_t want = (size_t)(table < 10 ? table : rand() % PREFIXES_MAX), n = 0;
        struct lpm *lpm = lpm_new(PREFIXES_MAX);

        for (size_t i = 0; i < want; i++) {
            struct ip_addr a = crowded_addr();
            uint8_t len = (uint8_t)(rand() % (addr_bits(&a) + 1));
            prefixes[n] = (struct ip_prefix){.addr = addr_masked(&a, len), .len = len};
            if (lpm_add(lpm, &prefixes[n], (int32_t)n) == STATUS_OK)
                n++;
        }
        cr_assert_eq(lpm_seal(lpm), STATUS_OK);
        for (int i = 0; i < LOOKUPS; i++) {
            struct ip_addr a = crowded_addr();
            compare_with_naive(lpm, prefixes, n, &a);
        }
        for (size_t i = 0; i < n; i++)
            compare_with_naive(lpm, prefixes, n, &prefixes[i].addr);
        lpm_free(lpm);
    }
}

Test(lpm, holds_100_000_prefixes_of_both_families, .timeout = 60)
{
    enum { PREFIXES = 100000 };
    struct lpm *lpm = lpm_new(PREFIXES);
    static struct ip_prefix prefixes[PREFIXES];

    srand(7);
    for (int32_t n = 0; n < PREFIXES;) {
        uint8_t octets[16];
        for (size_t i = 0; i < 16; i++)
            octets[i] = (uint8_t)rand();
        bool v4 = n % 2 == 0;
        struct ip_addr a = addr_from_octets(v4 ? ADDR_IPV4 : ADDR_IPV6, octets);
        uint8_t len = (uint8_t)(v4 ? 24 + rand() % 9 : 48 + rand() % 81);
        prefixes[n] = (struct ip_prefix){.addr = addr_masked(&a, len), .len = len};
        n += lpm_add(lpm, &prefixes[n], n) == STATUS_OK;
    }
    cr_assert_eq(lpm_seal(lpm), STATUS_OK);
    cr_assert_eq(lpm_count(lpm), PREFIXES);
    for (int32_t i = 0; i < PREFIXES; i++) {
        int32_t found = lpm_lookup(lpm, &prefixes[i].addr);
        cr_assert(found == i || prefixes[found].len > prefixes[i].len);
        cr_assert(prefix_contains(&prefixes[found], &prefixes[i].addr));
    }
    lpm_free(lpm);
}

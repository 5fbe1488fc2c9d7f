#include "common/base/addr.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

struct addr_case {
    char text[64];
    char want[ADDR_TEXT_MAX]; /* empty: malformed */
};

ParameterizedTestParameters(addr, text_is_read_strictly_and_written_as_rfc_5952)
{
    static struct addr_case cases[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"198.51.100.7", "198.51.100.7"},
        {"", ""},
        {"1", ""},
        {"1.2.3", ""},
        {"1.2.3.4.5", ""},
        {"1.2.3.", ""},
        {".1.2.3", ""},
        {"1..2.3", ""},
        {"1.2.3.256", ""},
        {"01.2.3.4", ""},
        {"1.2.3.04", ""},
        {"1.2.3.00", ""},
        {"0x1.2.3.4", ""},
        {"+1.2.3.4", ""},
        {"-1.2.3.4", ""},
        {" 1.2.3.4", ""},
        {"1.2.3.4 ", ""},
        {"1.2.3.4\n", ""},
        {"1.2.3.99999999999999999999", ""},
        {"host", ""},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8::A", "2001:db8::a"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
        {"1:0:0:2:0:0:3:4", "1::2:0:0:3:4"},
        {"0:0:1::", "0:0:1::"},
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
        {"1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"},
        {"0:2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"::ffff:c000:201", "::ffff:192.0.2.1"},
        {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
        {":", ""},
        {":::", ""},
        {"1:::2", ""},
        {"1::2::3", ""},
        {":1:2:3:4:5:6:7", ""},
        {"1:2:3:4:5:6:7", ""},
        {"1:2:3:4:5:6:7:", ""},
        {"1:2:3:4:5:6:7:8:9", ""},
        {"1:2:3:4:5:6:7:8::", ""},
        {"00001::", ""},
        {"g::", ""},
        {"::1.2.3", ""},
        {"::1.2.3.04", ""},
        {"::1.2.3.4:5", ""},
        {"fe80::1%eth0", ""},
        {"[::1]", ""},
        {" ::1", ""},
        {"::1 ", ""},
        {"::1/128", ""},
    };
    return cr_make_param_array(struct addr_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct addr_case *c, addr, text_is_read_strictly_and_written_as_rfc_5952)
{
    struct ip_addr addr = {.family = 99}, again;
    char text[ADDR_TEXT_MAX];

    if (c->want[0] == '\0') {
        cr_assert_eq(addr_parse(&addr, c->text), STATUS_MALFORMED, "\"%s\"", c->text);
        cr_assert_eq(addr.family, 99, "a result is written only on success");
        return;
    }
    cr_assert_eq(addr_parse(&addr, c->text), STATUS_OK, "\"%s\"", c->text);
    cr_assert_str_eq(addr_format(&addr, text), c->want);
    cr_assert_eq(addr_parse(&again, text), STATUS_OK);
    cr_assert(addr_equal(&addr, &again));
}

/* Zero groups are frequent, so that runs of every length and place occur. */
static struct ip_addr random_addr(enum addr_family family)
{
    uint8_t octets[16];

    for (size_t i = 0; i < 16; i += 2) {
        int zero = rand() % 2;
        octets[i] = (uint8_t)(zero ? 0 : rand());
        octets[i + 1] = (uint8_t)(zero ? 0 : rand());
    }
    return addr_from_octets(family, octets);
}

Test(addr, format_agrees_with_inet_ntop)
{
    char ours[ADDR_TEXT_MAX], theirs[INET6_ADDRSTRLEN];
    int compared = 0;

    srand(1);
    for (int i = 0; i < 20000; i++) {
        struct ip_addr a = random_addr(i % 4 == 0 ? ADDR_IPV4 : ADDR_IPV6);
        struct ip_addr back;
        int family = a.family == ADDR_IPV4 ? AF_INET : AF_INET6;

        addr_format(&a, ours);
        cr_assert_eq(addr_parse(&back, ours), STATUS_OK, "%s", ours);
        cr_assert(addr_equal(&a, &back), "%s", ours);
        inet_ntop(family, a.octets, theirs, sizeof(theirs));
        /* inet_ntop writes any address that starts with 96 zero bits as ::a.b.c.d. */
        if (family == AF_INET6 && strncmp(theirs, "::", 2) == 0 && strchr(theirs, '.') != NULL)
            continue;
        cr_assert_str_eq(ours, theirs);
        compared++;
    }
    cr_assert(compared > 15000);
}

Test(addr, longest_texts_fit)
{
    struct ip_addr a;
    struct ip_prefix p;
    struct ip_endpoint e = {.port = 65535};
    char text[ADDR_TEXT_MAX], prefix[PREFIX_TEXT_MAX], endpoint[ENDPOINT_TEXT_MAX];
    const char *longest = "1111:2222:3333:4444:5555:6666:7777:8888";

    cr_assert_eq(addr_parse(&a, longest), STATUS_OK);
    cr_assert_str_eq(addr_format(&a, text), longest);
    p = prefix_of_host(&a);
    cr_assert_str_eq(prefix_format(&p, prefix), "1111:2222:3333:4444:5555:6666:7777:8888/128");
    e.addr = a;
    cr_assert_str_eq(endpoint_format(&e, endpoint),
                     "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}

Test(addr, no_address_prints_as_a_dash)
{
    struct ip_addr none = {0};
    char text[ADDR_TEXT_MAX];

    cr_assert_str_eq(addr_format(&none, text), "-");
}

Test(addr, equal_addresses_are_equal_bytes)
{
    struct ip_addr a = addr_from_ipv4(0xc6336407), b;

    cr_assert_eq(addr_parse(&b, "198.51.100.7"), STATUS_OK);
    cr_assert(addr_equal(&a, &b));
    cr_assert_eq(memcmp(&a, &b, sizeof(a)), 0);
    cr_assert_eq(addr_bits(&a), 32);
}

Test(addr, order_is_family_then_octets)
{
    static const char *const sorted[] = {"0.0.0.0", "1.2.3.4", "1.2.4.3", "255.0.0.0",
                                         "::",      "::1",     "1::",     "ff::"};
    struct ip_addr a, b;

    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < 8; k++) {
            addr_parse(&a, sorted[i]);
            addr_parse(&b, sorted[k]);
            int order = addr_compare(&a, &b);
            cr_assert_eq((order > 0) - (order < 0), (i > k) - (i < k));
            cr_assert_eq(addr_equal(&a, &b), i == k);
        }
}

Test(addr, masked_keeps_exactly_the_leading_bits)
{
    for (int family = ADDR_IPV4; family <= ADDR_IPV6; family += 2) {
        struct ip_addr ones = {.family = (uint8_t)family};
        memset(ones.octets, 0xff, addr_len(&ones));
        for (uint8_t len = 0; len <= addr_bits(&ones); len++) {
            struct ip_addr m = addr_masked(&ones, len);
            for (size_t bit = 0; bit < 128; bit++)
                cr_assert_eq(m.octets[bit / 8] >> (7 - bit % 8) & 1, bit < len);
        }
    }
}

struct prefix_case {
    char text[64];
    char want[PREFIX_TEXT_MAX];
    enum status status;
};

ParameterizedTestParameters(addr, prefix_text_is_read_strictly)
{
    static struct prefix_case cases[] = {
        {"198.51.100.0/24", "198.51.100.0/24", STATUS_OK},
        {"0.0.0.0/0", "0.0.0.0/0", STATUS_OK},
        {"::/0", "::/0", STATUS_OK},
        {"2001:db8::/32", "2001:db8::/32", STATUS_OK},
        {"198.51.100.7", "198.51.100.7/32", STATUS_OK},
        {"2001:db8::1", "2001:db8::1/128", STATUS_OK},
        {"10.128.0.0/9", "10.128.0.0/9", STATUS_OK},
        {"198.51.100.1/24", "", STATUS_MALFORMED},
        {"10.128.0.0/8", "", STATUS_MALFORMED},
        {"2001:db8::1/127", "", STATUS_MALFORMED},
        {"0.0.0.0/33", "", STATUS_RANGE},
        {"::/129", "", STATUS_RANGE},
        {"0.0.0.0/99999999999999999999999", "", STATUS_RANGE},
        {"0.0.0.0/", "", STATUS_MALFORMED},
        {"0.0.0.0/00", "", STATUS_MALFORMED},
        {"0.0.0.0/-1", "", STATUS_MALFORMED},
        {"0.0.0.0/ 1", "", STATUS_MALFORMED},
        {"0.0.0.0/8/8", "", STATUS_MALFORMED},
        {"10.0.0.0/255.0.0.0", "", STATUS_MALFORMED},
        {"10/8", "", STATUS_MALFORMED},
        {"/8", "", STATUS_MALFORMED},
        {"", "", STATUS_MALFORMED},
        {"11111111111111111111111111111111111111111111111/8", "", STATUS_MALFORMED},
    };
    return cr_make_param_array(struct prefix_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct prefix_case *c, addr, prefix_text_is_read_strictly)
{
    struct ip_prefix p;
    char text[PREFIX_TEXT_MAX];

    cr_assert_eq(prefix_parse(&p, c->text), c->status, "\"%s\"", c->text);
    if (c->status == STATUS_OK)
        cr_assert_str_eq(prefix_format(&p, text), c->want);
}

static bool contains_naively(const struct ip_prefix *p, const struct ip_addr *a)
{
    struct ip_addr masked;

    if (p->addr.family != a->family)
        return false;
    masked = addr_masked(a, p->len);
    return addr_equal(&masked, &p->addr);
}

Test(addr, containment_agrees_with_masking)
{
    int inside = 0;

    srand(2);
    for (int i = 0; i < 20000; i++) {
        struct ip_addr a = random_addr(i % 2 == 0 ? ADDR_IPV4 : ADDR_IPV6), b = a;
        b.octets[rand() % (int)addr_len(&b)] ^= (uint8_t)(1 << rand() % 8);

        struct ip_prefix p = {.len = (uint8_t)(rand() % (addr_bits(&a) + 1))}, q = p;
        p.addr = addr_masked(&a, p.len);
        q.len = (uint8_t)(rand() % (addr_bits(&a) + 1));
        q.addr = addr_masked(&b, q.len);

        inside += prefix_contains(&p, &b);
        cr_assert_eq(prefix_contains(&p, &b), contains_naively(&p, &b));
        bool covers = q.len >= p.len && contains_naively(&p, &q.addr);
        bool covered = p.len >= q.len && contains_naively(&q, &p.addr);
        cr_assert_eq(prefix_covers(&p, &q), covers);
        cr_assert_eq(prefix_overlaps(&p, &q), covers || covered);
        cr_assert(prefix_covers(&p, &p) && prefix_equal(&p, &p));
    }
    cr_assert(inside > 2000 && inside < 18000);
}

Test(addr, families_never_contain_each_other)
{
    struct ip_prefix all4, all6;
    struct ip_addr v4 = addr_from_ipv4(1), v6;

    prefix_parse(&all4, "0.0.0.0/0");
    prefix_parse(&all6, "::/0");
    addr_parse(&v6, "::1");
    cr_assert(prefix_contains(&all4, &v4) && prefix_contains(&all6, &v6));
    cr_assert_not(prefix_contains(&all4, &v6) || prefix_contains(&all6, &v4));
    cr_assert_not(prefix_overlaps(&all4, &all6));
}

struct endpoint_case {
    char text[72];
    enum status status;
};

ParameterizedTestParameters(addr, endpoint_text_is_read_strictly)
{
    static struct endpoint_case cases[] = {
        {"127.0.0.1:2055", STATUS_OK},
        {"[::1]:2055", STATUS_OK},
        {"[2001:db8::1]:0", STATUS_OK},
        {"0.0.0.0:65535", STATUS_OK},
        {"0.0.0.0:65536", STATUS_RANGE},
        {"0.0.0.0:02055", STATUS_MALFORMED},
        {"0.0.0.0:", STATUS_MALFORMED},
        {"0.0.0.0", STATUS_MALFORMED},
        {"::1:2055", STATUS_MALFORMED},
        {"[127.0.0.1]:2055", STATUS_MALFORMED},
        {"[::1]2055", STATUS_MALFORMED},
        {"[::1:2055", STATUS_MALFORMED},
        {"[::1]", STATUS_MALFORMED},
        {"[]:1", STATUS_MALFORMED},
        {"[:1", STATUS_MALFORMED},
        {"[", STATUS_MALFORMED},
        {"]:1", STATUS_MALFORMED},
        {":1", STATUS_MALFORMED},
        {"", STATUS_MALFORMED},
        {"localhost:1", STATUS_MALFORMED},
        {"[11111111111111111111111111111111111111111111111111111111]:1", STATUS_MALFORMED},
    };
    return cr_make_param_array(struct endpoint_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct endpoint_case *c, addr, endpoint_text_is_read_strictly)
{
    struct ip_endpoint e;
    char text[ENDPOINT_TEXT_MAX];

    cr_assert_eq(endpoint_parse(&e, c->text), c->status, "\"%s\"", c->text);
    if (c->status == STATUS_OK)
        cr_assert_str_eq(endpoint_format(&e, text), c->text);
}

Test(addr, endpoints_go_through_socket_addresses_and_back)
{
    static const char *const texts[] = {"198.51.100.7:179", "[2001:db8::7]:2055"};

    for (size_t i = 0; i < 2; i++) {
        struct ip_endpoint e, back;
        struct sockaddr_storage ss;

        cr_assert_eq(endpoint_parse(&e, texts[i]), STATUS_OK);
        socklen_t len = endpoint_to_sockaddr(&e, &ss);
        cr_assert_eq(len, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        cr_assert_eq(endpoint_from_sockaddr(&back, (struct sockaddr *)&ss), STATUS_OK);
        cr_assert_eq(back.port, e.port);
        cr_assert(addr_equal(&back.addr, &e.addr));
    }
}

Test(addr, a_mapped_sender_is_an_ipv4_sender)
{
    struct ip_endpoint e, back;
    struct sockaddr_storage ss;
    char text[ENDPOINT_TEXT_MAX];

    cr_assert_eq(endpoint_parse(&e, "[::ffff:192.0.2.1]:5"), STATUS_OK);
    endpoint_to_sockaddr(&e, &ss);
    cr_assert_eq(endpoint_from_sockaddr(&back, (struct sockaddr *)&ss), STATUS_OK);
    cr_assert_str_eq(endpoint_format(&back, text), "192.0.2.1:5");
}

Test(addr, a_socket_of_another_kind_is_refused)
{
    struct sockaddr sa = {.sa_family = AF_UNIX};
    struct ip_endpoint e;

    cr_assert_eq(endpoint_from_sockaddr(&e, &sa), STATUS_UNSUPPORTED);
}

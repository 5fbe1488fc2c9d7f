#include "proto/count.h"

#include "tests/unit/proto/nouns.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

Test(key, values_are_read_back)
{
    for (uint64_t i = 0; i < 500; i++) {
        uint64_t seed = i, number = 0;
        struct flow_key key = chance_key(&seed), again = {0};
        struct ip_addr addr;
        cr_assert_eq(key_check(key.bytes, key.len), STATUS_OK);
        for (unsigned int d = DIM_DST_ADDR; d <= DIM_LAST; d++) {
            if (key_addr(&key, (enum dimension)d, &addr) == STATUS_OK)
                key_add_addr(&again, (enum dimension)d, &addr);
            else if (key_number(&key, (enum dimension)d, &number) == STATUS_OK)
                key_add_number(&again, (enum dimension)d, number);
        }
        cr_assert(key_equal(&key, &again), "seed %d", (int)i);
    }
}

Test(key, every_dimension_at_its_largest_fits)
{
    struct flow_key key = {0};
    struct ip_addr addr = {0};
    cr_assert_eq(addr_parse(&addr, "2001:db8::1"), STATUS_OK);
    for (unsigned int d = DIM_DST_ADDR; d <= DIM_LAST; d++) {
        size_t width = dimension_width((enum dimension)d);
        if (width == 0)
            key_add_addr(&key, (enum dimension)d, &addr);
        else
            key_add_number(&key, (enum dimension)d, UINT64_MAX >> (64 - 8 * width));
    }
    char text[KEY_TEXT_MAX];
    cr_assert_eq(key_check(key.bytes, key.len), STATUS_OK);
    cr_assert(strlen(key_format(&key, text, sizeof(text))) < KEY_TEXT_MAX - 1);
    cr_assert_not_null(strstr(text, " dst_as=4294967295"));
}

struct check_case {
    char name[48];
    uint8_t bytes[120];
    size_t len;
    enum status want;
};

ParameterizedTestParameters(key, check_judges)
{
    static struct check_case cases[] = {
        {"the empty key", {0}, 0, STATUS_OK},
        {"one number", {3, 1, 17}, 3, STATUS_OK},
        {"an IPv4 address", {1, 4, 203, 0, 113, 7}, 6, STATUS_OK},
        {"two rising", {3, 1, 17, 4, 2, 0, 53}, 7, STATUS_OK},
        {"a dimension of a newer build", {3, 1, 17, 40, 3, 1, 2, 3}, 8, STATUS_OK},
        {"dimension 0", {0, 1, 17}, 3, STATUS_MALFORMED},
        {"falling", {4, 2, 0, 53, 3, 1, 17}, 7, STATUS_MALFORMED},
        {"twice", {3, 1, 17, 3, 1, 17}, 6, STATUS_MALFORMED},
        {"a width of another dimension", {3, 2, 0, 17}, 4, STATUS_MALFORMED},
        {"an address of 5 octets", {1, 5, 1, 2, 3, 4, 5}, 7, STATUS_MALFORMED},
        {"an empty value", {40, 0}, 2, STATUS_MALFORMED},
        {"a dimension and no more", {3}, 1, STATUS_MALFORMED},
        {"cut in its value", {1, 4, 203, 0, 113}, 5, STATUS_MALFORMED},
        {"longer than a key may be", {40, 103, 1}, 105, STATUS_MALFORMED},
    };
    return cr_make_param_array(struct check_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct check_case *c, key, check_judges)
{
    cr_assert_eq(key_check(c->bytes, c->len), c->want, "%s", c->name);
}

Test(key, absent_dimensions_are_not_found)
{
    struct flow_key key = {0};
    struct ip_addr addr;
    uint64_t number = 0;
    key_add_number(&key, DIM_PROTOCOL, 17);
    cr_assert_eq(key_addr(&key, DIM_DST_ADDR, &addr), STATUS_NOT_FOUND);
    cr_assert_eq(key_number(&key, DIM_SRC_PORT, &number), STATUS_NOT_FOUND);
    cr_assert_eq(key_addr(&key, DIM_PROTOCOL, &addr), STATUS_NOT_FOUND);
    cr_assert_eq(key_number(&key, DIM_PROTOCOL, &number), STATUS_OK);
    cr_assert_eq(number, 17);
}

Test(key, text_is_for_people)
{
    struct flow_key key = {0}, other = {0}, broken = {.len = 3, .bytes = {3, 9, 1}};
    struct flow_key newer = {.len = 4, .bytes = {40, 2, 0xab, 0xcd}};
    struct ip_addr addr = {0};
    char text[KEY_TEXT_MAX], small[12];
    cr_assert_eq(addr_parse(&addr, "203.0.113.7"), STATUS_OK);
    key_add_addr(&key, DIM_DST_ADDR, &addr);
    key_add_number(&key, DIM_PROTOCOL, 17);
    key_add_number(&key, DIM_TCP_FLAGS, 2);
    key_add_number(&key, DIM_DST_NETWORK, 0x1234);
    cr_assert_str_eq(
        key_format(&key, text, sizeof(text)),
        "dst_addr=203.0.113.7 protocol=17 tcp_flags=0x02 dst_network=0000000000001234");
    cr_assert_str_eq(key_format(&key, small, sizeof(small)), "dst_addr=20");
    cr_assert_str_eq(key_format(&other, text, sizeof(text)), "other");
    cr_assert_str_eq(key_format(&broken, text, sizeof(text)), "invalid");
    cr_assert_str_eq(key_format(&newer, text, sizeof(text)), "dimension40=abcd");
}

Test(key, slots_spread)
{
    size_t rows[SLOTS] = {0};
    for (uint32_t i = 0; i < 64000; i++) {
        struct flow_key key = {0};
        struct ip_addr addr = addr_from_ipv4(0xcb000000U + i);
        key_add_addr(&key, DIM_DST_ADDR, &addr);
        unsigned int slot = key_slot(0x0123456789abcdefU, &key);
        cr_assert_lt(slot, SLOTS);
        rows[slot]++;
    }
    for (size_t i = 0; i < SLOTS; i++)
        cr_assert(rows[i] > 800 && rows[i] < 1200, "slot %d has %d", (int)i, (int)rows[i]);
}

#include "ctl/post_fields.h"

#include "proto/flow.h"

#include <criterion/criterion.h>
#include <string.h>

static void check(const uint8_t *spec, size_t spec_len, size_t count, const uint8_t *bytes,
                  size_t len, bool options, const char *want)
{
    struct decode_fields fields = {.format = FORMAT_IPFIX,
                                   .options = options,
                                   .count = count,
                                   .spec = spec,
                                   .spec_len = spec_len,
                                   .bytes = bytes,
                                   .len = len};
    struct text out;
    text_init(&out, 0);
    post_fields_show(&fields, &out);
    cr_assert_str_eq(text_str(&out), want);
    text_done(&out);
}

Test(post_fields, what_a_nat_made_of_a_packet)
{
    static const uint8_t spec[] = {0, 8,   0, 4, 0, 225, 0, 4, 0, 227, 0, 2, 0, 230, 0, 1,
                                   0, 225, 0, 4, 0, 57,  0, 6, 0, 23,  0, 3, 1, 25,  0, 16};
    static const uint8_t bytes[] = {10, 0, 0, 1, 203, 0, 113, 1, 4, 0, 4,    192, 0,  2,
                                    1,  2, 0, 0, 0,   0, 9,   1, 0, 0, 0x20, 1,   13, 184,
                                    0,  0, 0, 0, 0,   0, 0,   0, 0, 0, 0,    1};
    check(spec, sizeof(spec), 8, bytes, sizeof(bytes), false,
          "\"post_nat_source_ipv4_address\": \"203.0.113.1\", "
          "\"post_napt_source_transport_port\": 1024, \"nat_event\": 4, "
          "\"post_destination_mac_address\": \"02:00:00:00:00:09\", "
          "\"post_octet_delta_count\": 65536, \"post_nat_source_ipv6_address\": \"2001:db8::1\"");
    check(spec, sizeof(spec), 8, bytes, sizeof(bytes), true, "");
}

Test(post_fields, the_numbers_of_older_firewalls)
{
    static const uint8_t spec[] = {0x9c, 0x41, 0, 4, 0x9c, 0x45, 0, 1};
    static const uint8_t bytes[] = {192, 0, 2, 1, 2};
    struct decode_fields fields = {.format = FORMAT_NETFLOW9,
                                   .count = 2,
                                   .spec = spec,
                                   .spec_len = sizeof(spec),
                                   .bytes = bytes,
                                   .len = sizeof(bytes)};
    struct text out;
    text_init(&out, 0);
    post_fields_show(&fields, &out);
    cr_assert_str_eq(text_str(&out),
                     "\"post_nat_source_ipv4_address\": \"192.0.2.1\", \"firewall_event\": 2");
    text_done(&out);
}

Test(post_fields, nothing_where_there_is_none_or_an_enterprises)
{
    static const uint8_t spec[] = {0, 8, 0, 4, 0x80, 227, 0, 2, 0, 0, 0, 9, 0, 226, 0, 5};
    static const uint8_t bytes[] = {10, 0, 0, 1, 4, 0, 1, 2, 3, 4, 5};
    check(spec, sizeof(spec), 3, bytes, sizeof(bytes), false, "");
}

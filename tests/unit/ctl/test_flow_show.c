#include "ctl/flow_show.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

static struct flow_record full(void)
{
    struct flow_record f = {.has = UINT32_MAX,
                            .format = FORMAT_SFLOW5,
                            .sampling_source = SAMPLING_SAMPLE,
                            .protocol = 6,
                            .fragment = FRAGMENT_LATER | FRAGMENT_LAST,
                            .reverse = true,
                            .tcp_flags = 0x12,
                            .src_port = 53,
                            .domain = 4294967295U,
                            .sampling_rate = 1000.0 / 3,
                            .bytes = INT64_MAX,
                            .time_ms = 1767323045678};
    f.src_addr = f.agent = addr_from_ipv4(0xc0000201);
    f.dst_addr = f.next_hop = addr_from_octets(ADDR_IPV6, (const uint8_t[16]){0x20, 1, 0x0d, 0xb8});
    return f;
}

Test(flow_show, a_full_record_is_valid_json_with_the_documented_names)
{
    static const char *const names[] = {
        "format",    "exporter",    "agent",           "sub_agent",
        "reverse",   "time",        "src_addr",        "dst_addr",
        "src_port",  "dst_port",    "protocol",        "tcp_flags",
        "tos",       "octets",      "packets",         "icmp_type",
        "icmp_code", "fragment",    "ip_length",       "sampling_rate",
        "input_if",  "output_if",   "src_as",          "dst_as",
        "src_mask",  "dst_mask",    "next_hop",        "vlan",
        "direction", "duration_ms", "sampling_source", "forwarding_status"};
    struct flow_record f = full();
    struct ip_addr exporter = addr_from_ipv4(0xc0000209);
    struct text out;
    text_init(&out, 0);
    flow_show_json(&f, &exporter, "", NULL, &out);
    json_t *o = json_loads(text_str(&out), JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(o, "%s", text_str(&out));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_assert_not_null(json_object_get(o, names[i]), "%s", names[i]);
    cr_assert_eq(json_object_size(o), sizeof names / sizeof names[0]);
    cr_assert_eq(json_real_value(json_object_get(o, "sampling_rate")), 1000.0 / 3);
    cr_assert_not_null(strstr(text_str(&out), "\"octets\": 9223372036854775807,"));
    cr_assert_str_eq(json_string_value(json_object_get(o, "time")), "2026-01-02T03:04:05.678Z");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(o, "fragment"), 1)),
                     "last-fragment");
    json_decref(o);
    text_done(&out);
}

Test(flow_show, octets_are_as_exported_and_beside_them_what_counts)
{
    struct flow_record f = {.format = FORMAT_NETFLOW9,
                            .has = FLOW_BYTES | FLOW_PACKETS,
                            .bytes = 500,
                            .told_bytes = 1000,
                            .packets = 3,
                            .told_packets = 10};
    struct ip_addr nobody = {0};
    struct text out;
    text_init(&out, 0);
    flow_show_json(&f, &nobody, "", NULL, &out);
    cr_assert_not_null(strstr(text_str(&out), "\"octets\": 1500, \"packets\": 13, "
                                              "\"counted_octets\": 500, \"counted_packets\": 3"),
                       "%s", text_str(&out));
    text_clear(&out);
    flow_show_text(&f, &nobody, NULL, &out);
    cr_assert_not_null(strstr(text_str(&out), " 1500 octets 13 packets (told again)"));
    text_done(&out);
}

Test(flow_show, members_of_others_stand_behind_its_own)
{
    struct flow_record f = {.format = FORMAT_NETFLOW9, .domain = 7};
    struct ip_addr nobody = {0};
    struct text out;
    text_init(&out, 0);
    flow_show_json(&f, &nobody, "\"nat_event\": 4", "{}", &out);
    cr_assert_str_eq(text_str(&out), "{\"format\": \"netflow9\", \"domain\": 7, \"nat_event\": 4, "
                                     "\"fields\": {}}\n");
    text_done(&out);
}

Test(flow_show, what_the_stream_does_not_say_is_left_out)
{
    struct flow_record f = {.format = FORMAT_NETFLOW9, .domain = 7};
    struct ip_addr nobody = {0};
    struct text out;
    text_init(&out, 0);
    flow_show_json(&f, &nobody, "", NULL, &out);
    cr_assert_str_eq(text_str(&out), "{\"format\": \"netflow9\", \"domain\": 7}\n");
    text_clear(&out);
    flow_show_text(&f, &nobody, NULL, &out);
    cr_assert_str_eq(text_str(&out), "netflow9 7 ? > ?\n");
    text_done(&out);
}

Test(flow_show, addresses_and_ports_of_ipv6_are_told_apart)
{
    struct flow_record f = full();
    struct ip_addr nobody = {0};
    struct text out;
    text_init(&out, 0);
    flow_show_text(&f, &nobody, NULL, &out);
    cr_assert_not_null(strstr(text_str(&out), "192.0.2.1:53 > [2001:db8::]:0 protocol 6"), "%s",
                       text_str(&out));
    text_done(&out);
}

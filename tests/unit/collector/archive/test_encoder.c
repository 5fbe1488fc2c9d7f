#include "collector/archive/encoder.h"
#include "tests/unit/collector/archive/folder.h"

static struct encoder *encoder;
static struct read_back back;
static const uint64_t now_ms = UINT64_C(1700000000123);

static void set_up(void)
{
    back = (struct read_back){0};
    back.decode = decode_new(&(struct decode_limits){.templates_per_domain = 2000}, 1);
    cr_assert_eq(encoder_new(&encoder, "c1", now_ms), STATUS_OK);
}

static void tear_down(void)
{
    encoder_free(encoder);
    decode_free(back.decode);
}

TestSuite(encoder, .init = set_up, .fini = tear_down);

static size_t take(void)
{
    const uint8_t *bytes;
    size_t len;
    cr_assert_eq(encoder_take(encoder, &bytes, &len), STATUS_OK);
    if (len > 0)
        read_back_message(&back, &(struct capture_datagram){.bytes = bytes, .len = len});
    cr_assert_leq(len, (size_t)ARCHIVE_MESSAGE_MAX);
    return len;
}

static enum encoder_added add(const struct archive_item *item)
{
    enum encoder_added added = encoder_add(encoder, item, now_ms);
    for (int turn = 0; added == ENCODER_FULL && turn < 4; turn++) {
        take();
        added = encoder_add(encoder, item, now_ms);
    }
    return added;
}

/* What comes back is the record that went in, but for what the archive does not keep. */
static void check_same(const struct archive_item *item)
{
    struct flow_record want = item->flow, got;
    cr_assert_eq(add(item), ENCODER_ADDED);
    take();
    got = back.last;
    want.has &= ~(uint32_t)FLOW_SAMPLER;
    if (!(want.has & FLOW_TIME))
        want.time_ms = 0;
    cr_assert_eq(got.has, want.has, "has %x, not %x", got.has, want.has);
    got.sampler = want.sampler;
    got.dropped = want.dropped;
#define SAME(member) cr_assert_eq(got.member, want.member, #member)
    SAME(format);
    SAME(sampling_source);
    SAME(protocol);
    SAME(tos);
    SAME(icmp_type);
    SAME(icmp_code);
    SAME(fragment);
    SAME(src_mask);
    SAME(dst_mask);
    SAME(direction);
    SAME(forwarding_status);
    SAME(ttl);
    SAME(reverse);
    SAME(tcp_flags);
    SAME(src_port);
    SAME(dst_port);
    SAME(vlan);
    SAME(ip_length);
    SAME(min_length);
    SAME(max_length);
    SAME(domain);
    SAME(input_if);
    SAME(output_if);
    SAME(src_as);
    SAME(dst_as);
    SAME(flow_label);
    SAME(duration_ms);
    SAME(bytes);
    SAME(packets);
    SAME(time_ms);
    SAME(told_bytes);
    SAME(told_packets);
    cr_assert_eq(got.sampling_rate, want.sampling_rate, "%.17g", got.sampling_rate);
    cr_assert(addr_equal(&got.src_addr, &want.src_addr));
    cr_assert(addr_equal(&got.dst_addr, &want.dst_addr));
    cr_assert(addr_equal(&got.next_hop, &want.next_hop));
    cr_assert(addr_equal(&got.agent, &want.agent));
    cr_assert(addr_equal(&back.exporter, &item->exporter));
}

static struct archive_item rich_item(void)
{
    struct archive_item item = some_item(123456789012, now_ms);
    item.flow.has |= FLOW_SRC_PORT | FLOW_DST_PORT | FLOW_TOS | FLOW_FRAGMENT | FLOW_IP_LENGTH |
                     FLOW_INPUT_IF | FLOW_OUTPUT_IF | FLOW_SRC_AS | FLOW_DST_AS | FLOW_SRC_MASK |
                     FLOW_DST_MASK | FLOW_NEXT_HOP | FLOW_VLAN | FLOW_DIRECTION | FLOW_DURATION |
                     FLOW_FORWARDING | FLOW_TIME | FLOW_MIN_LENGTH | FLOW_MAX_LENGTH | FLOW_TTL |
                     FLOW_SAMPLER;
    item.flow.src_port = 53, item.flow.dst_port = 40000, item.flow.tos = 0xb8;
    item.flow.fragment = FRAGMENT_FIRST | FRAGMENT_DF, item.flow.ip_length = 1500;
    item.flow.input_if = 4000000000, item.flow.output_if = 2, item.flow.src_as = 64500;
    item.flow.dst_as = 4200000000, item.flow.src_mask = 24, item.flow.dst_mask = 32;
    item.flow.next_hop = addr_from_ipv4(0xcb007101), item.flow.vlan = 4094;
    item.flow.direction = 1, item.flow.duration_ms = 60000, item.flow.forwarding_status = 64;
    item.flow.told_bytes = 777, item.flow.told_packets = 3;
    item.flow.time_ms = now_ms - 4321, item.flow.min_length = 40, item.flow.max_length = 1500;
    item.flow.ttl = 63, item.flow.sampler = 3, item.flow.domain = 0x80000001;
    return item;
}

Test(encoder, gives_back_every_field_it_keeps)
{
    struct archive_item item = rich_item();
    check_same(&item);
    cr_assert(back.archive.is_ours);
}

Test(encoder, keeps_ipv6_icmp_and_both_families_of_exporters)
{
    struct archive_item item = rich_item();
    uint8_t octets[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};
    item.exporter = item.flow.src_addr = item.flow.dst_addr = addr_from_octets(ADDR_IPV6, octets);
    octets[15] = 7;
    item.flow.next_hop = addr_from_octets(ADDR_IPV6, octets);
    item.flow.has &= ~(uint32_t)(FLOW_SRC_PORT | FLOW_DST_PORT);
    item.flow.has |= FLOW_ICMP | FLOW_FLOW_LABEL;
    item.flow.src_port = item.flow.dst_port = 0;
    item.flow.protocol = 58, item.flow.icmp_type = 128, item.flow.flow_label = 0xfffff;
    item.flow.format = FORMAT_IPFIX;
    check_same(&item);
}

Test(encoder, absent_is_not_zero)
{
    struct archive_item item = some_item(1, now_ms);
    item.flow.has = FLOW_PACKETS;
    item.flow.bytes = 0;
    item.flow.src_addr = item.flow.dst_addr = (struct ip_addr){0};
    item.flow.protocol = 0;
    check_same(&item);
}

Test(encoder, a_sample_of_sflow_has_its_agent_and_no_time_of_its_own)
{
    struct archive_item item = rich_item();
    item.flow.format = FORMAT_SFLOW5;
    item.flow.agent = addr_from_ipv4(0xc0000263);
    item.flow.has &= ~(uint32_t)(FLOW_TIME | FLOW_DURATION);
    item.flow.duration_ms = 0;
    item.flow.fragment = FRAGMENT_LATER | FRAGMENT_LAST;
    item.flow.has &= ~(uint32_t)(FLOW_SRC_PORT | FLOW_DST_PORT);
    item.flow.src_port = item.flow.dst_port = 0;
    check_same(&item);
}

Test(encoder, the_other_half_of_a_biflow_says_so)
{
    struct archive_item item = rich_item();
    item.flow.reverse = true;
    item.flow.format = FORMAT_IPFIX;
    check_same(&item);
    item.flow.reverse = false;
    check_same(&item);
}

Test(encoder, rates_come_back_exactly_with_who_said_them)
{
    static const double rates[] = {
        0,       1,        2,          1000,          16777216,
        1.5,     10.0 / 3, 8192.0 / 7, 1001.0 / 1000, 1e9,
        100.125, 65537.25, 1e6 / 3.0,  2.0000001,     1.0 / 0.0009765625};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct archive_item item = some_item(100, now_ms);
        item.flow.sampling_rate = rates[i];
        item.flow.sampling_source =
            rates[i] == 0 ? SAMPLING_UNKNOWN : (uint8_t)(SAMPLING_OVERRIDE + i % 7);
        check_same(&item);
    }
}

Test(encoder, more_shapes_than_templates_are_told_and_known_ones_go_on)
{
    struct archive_item item = some_item(1, now_ms);
    uint64_t templates = 0;
    uint32_t bits[] = {FLOW_TOS,    FLOW_IP_LENGTH, FLOW_INPUT_IF, FLOW_OUTPUT_IF,
                       FLOW_SRC_AS, FLOW_DST_AS,    FLOW_SRC_MASK, FLOW_DST_MASK,
                       FLOW_VLAN,   FLOW_DIRECTION, FLOW_DURATION};
    for (uint32_t i = 0; i < 2048; i++) {
        struct archive_item other = item;
        for (size_t bit = 0; bit < sizeof(bits) / sizeof(bits[0]); bit++)
            other.flow.has |= i >> bit & 1 ? bits[bit] : 0;
        enum encoder_added added = add(&other);
        cr_assert(added == ENCODER_ADDED || added == ENCODER_TEMPLATES);
        templates += added == ENCODER_TEMPLATES;
    }
    cr_assert_eq(templates, 2048u - ARCHIVE_SHAPES_MAX);
    cr_assert_eq(add(&item), ENCODER_ADDED);
    take();
    cr_assert_eq(back.records, ARCHIVE_SHAPES_MAX + 1u);
    cr_assert_eq(back.refused, 0u);
}

Test(encoder, many_records_make_messages_of_the_stated_size)
{
    struct archive_item item = rich_item();
    size_t largest = 0;
    for (uint64_t i = 0; i < 5000; i++) {
        enum encoder_added added = encoder_add(encoder, &item, now_ms);
        while (added == ENCODER_FULL) {
            size_t len = take();
            largest = len > largest ? len : largest;
            added = encoder_add(encoder, &item, now_ms);
        }
        cr_assert_eq(added, ENCODER_ADDED);
    }
    take();
    cr_assert_gt(largest, ARCHIVE_MESSAGE_MAX - 256u);
    cr_assert_eq(back.records, 5000u);
    cr_assert_eq(take(), 0u);
}

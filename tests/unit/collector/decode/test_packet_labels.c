#include "collector/decode/packet.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

/* IP and frames behind a label: nothing says which it is but what they hold themselves. */

enum { TOTAL = 1000, MAC_LEN = 12, PACKET_MAX = 1100 };

struct behind_label {
    uint8_t oui[3]; /* of the frame's destination; of a packet without a frame its source's start */
    bool is_frame, is_tagged, is_padded;
    uint8_t version;
    bool without_checksum;
    uint32_t behind_known; /* 1: the frame's length is */
};

static void put_checksum(uint8_t *header)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < 20; i += 2)
        sum += (uint32_t)header[i] << 8 | header[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    header[10] = (uint8_t)(sum >> 8);
    header[11] = (uint8_t)sum;
}

static size_t put_ip(uint8_t *to, uint8_t version, uint16_t total, bool without_checksum)
{
    static const uint8_t ipv4[20] = {0x45, 0, 0,  0, 0, 1, 0x40, 0,  64,  17,
                                     0,    0, 10, 0, 0, 1, 198,  51, 100, 1};
    const size_t head = version == 4 ? 20 : 40;
    memset(to, 0, total);
    if (version == 4) {
        memcpy(to, ipv4, sizeof(ipv4));
        to[2] = (uint8_t)(total >> 8);
        to[3] = (uint8_t)total;
        if (!without_checksum)
            put_checksum(to);
    } else {
        to[0] = 0x60;
        to[4] = (uint8_t)((total - 40) >> 8);
        to[5] = (uint8_t)(total - 40);
        to[6] = 17;
        to[7] = 64;
        memcpy(to + 8, "\x20\x01\x0d\xb8\x08\x00\x45\x00", 8); /* as a frame's type would be */
        memcpy(to + 24, "\x20\x01\x0d\xb8", 4);
        to[39] = 1;
    }
    to[head] = 0;
    to[head + 1] = 53;
    return total;
}

static size_t put_all(uint8_t *to, const struct behind_label *c)
{
    static const uint8_t label[] = {0, 1, 0x11, 64};
    const uint16_t total = c->is_padded ? 46 : TOTAL;
    size_t len = sizeof(label);
    memcpy(to, label, sizeof(label));
    if (c->is_frame) {
        static const uint8_t rest[] = {0x54, 0x71, 0x12, 0x64, 0xd1, 0x54, 0x33, 0x28, 0x91};
        memcpy(to + len, c->oui, sizeof(c->oui));
        memcpy(to + len + 3, rest, sizeof(rest));
        len += MAC_LEN;
        if (c->is_tagged) {
            memcpy(to + len, "\x81\x00\x00\x64", 4);
            len += 4;
        }
        memcpy(to + len, c->version == 4 ? "\x08\x00" : "\x86\xdd", 2);
        len += 2;
    }
    len += put_ip(to + len, c->version, total, c->without_checksum);
    if (c->is_padded)
        len += 4; /* a check sequence */
    return len;
}

static void check(const struct behind_label *c)
{
    uint8_t octets[PACKET_MAX];
    const size_t whole = put_all(octets, c);
    const size_t samples[] = {whole, 128, 100, 82};
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const size_t sample = samples[i] < whole ? samples[i] : whole;
        struct wire_reader r = wire_reader_of(octets, sample);
        struct flow_record flow = {0};
        char text[ADDR_TEXT_MAX];
        cr_assert(packet_parse_mpls(
            &r, c->behind_known ? (uint32_t)(whole - sample) : PACKET_BEHIND_UNKNOWN, &flow));
        addr_format(&flow.dst_addr, text);
        cr_assert_str_eq(text, c->version == 4 ? "198.51.100.1" : "2001:db8::1",
                         "%02x:%02x:.., frame %d, IPv%d, %zu of %zu octets: %s", c->oui[0],
                         c->oui[1], c->is_frame, c->version, sample, whole, text);
        cr_assert_eq(flow.dst_port, 0);
        cr_assert_eq(flow.src_port, 53);
    }
}

Test(packet_labels, a_frame_is_one_whatever_its_addresses_begin_with)
{
    static const uint8_t ouis[][3] = {{0x00, 0xd1, 0x54}, {0x10, 0xd1, 0x54}, {0x44, 0xd1, 0x54},
                                      {0x45, 0x00, 0x00}, {0x4c, 0xd1, 0x54}, {0x60, 0x00, 0x00},
                                      {0x64, 0xd1, 0x54}, {0x6f, 0xd1, 0x54}, {0x70, 0xd1, 0x54},
                                      {0xb4, 0xd1, 0x54}};
    for (size_t i = 0; i < sizeof(ouis) / sizeof(ouis[0]); i++)
        for (uint32_t bits = 0; bits < 32; bits++) {
            struct behind_label c = {.is_frame = true,
                                     .version = bits & 1 ? 4 : 6,
                                     .is_tagged = (bits & 2) != 0,
                                     .behind_known = bits & 4,
                                     .without_checksum = (bits & 8) != 0,
                                     .is_padded = (bits & 16) != 0};
            memcpy(c.oui, ouis[i], sizeof(c.oui));
            check(&c);
        }
}

Test(packet_labels, ip_is_what_its_lengths_show)
{
    for (uint32_t bits = 0; bits < 16; bits++)
        check(&(struct behind_label){.version = bits & 1 ? 4 : 6,
                                     .behind_known = bits & 2,
                                     .without_checksum = (bits & 4) != 0,
                                     .is_padded = (bits & 8) != 0});
}

/* Neither is plausible: it is taken for what it begins like, as the sample may be short. */
Test(packet_labels, a_header_that_is_cut_says_what_it_can)
{
    uint8_t octets[PACKET_MAX];
    const size_t whole = put_all(octets, &(struct behind_label){.version = 4, .behind_known = 1});
    octets[4 + 10] ^= 1; /* its checksum */
    struct wire_reader r = wire_reader_of(octets, 4 + 22);
    struct flow_record flow = {0};
    cr_assert(packet_parse_mpls(&r, (uint32_t)whole - 26, &flow));
    cr_assert_eq(flow.dst_addr.family, ADDR_IPV4);
    cr_assert_eq(flow.has & FLOW_SRC_PORT, 0);
}

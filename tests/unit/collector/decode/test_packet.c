#include "collector/decode/packet.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

struct packet_case {
    char name[40];
    char octets[200]; /* hex, spaces allowed */
    bool found;
    uint32_t has, hasnt;
    uint8_t protocol, fragment;
    uint16_t src_port, dst_port, tcp_flags, vlan, ip_length;
};

#define MACS "000000000001 000000000002 "
#define IP4(len, frag, proto) "4500" len "0001" frag "40" proto "0000 0a000001 cb007107 "
#define TCP "01bb1388 00000001 00000002 5012 ffff 00000000"
#define UDP "00351388 00080000"

ParameterizedTestParameters(packet, ethernet)
{
    static struct packet_case cases[] = {
        {"tcp", MACS "0800" IP4("0028", "4000", "06") TCP, true, FLOW_TCP_FLAGS | FLOW_SRC_PORT,
         FLOW_VLAN, 6, FRAGMENT_DF, 443, 5000, 0x012, 0, 40},
        {"tcp cut before the flags", MACS "0800" IP4("0028", "0000", "06") "01bb1388 0000", true,
         FLOW_SRC_PORT, FLOW_TCP_FLAGS, 6, 0, 443, 5000, 0, 0, 40},
        {"cut before the ports", MACS "0800" IP4("0028", "0000", "06") "01bb", true, FLOW_SRC_ADDR,
         FLOW_SRC_PORT | FLOW_TCP_FLAGS, 6, 0, 0, 0, 0, 0, 40},
        {"one tag", MACS "8100 0064 0800" IP4("001c", "0000", "11") UDP, true, FLOW_VLAN, 0, 17, 0,
         53, 5000, 0, 100, 28},
        {"two tags", MACS "88a8 00c8 8100 0064 0800" IP4("001c", "0000", "11") UDP, true, FLOW_VLAN,
         0, 17, 0, 53, 5000, 0, 200, 28},
        {"two labels", MACS "8847 00010040 00011140" IP4("001c", "0000", "11") UDP, true,
         FLOW_SRC_PORT, 0, 17, 0, 53, 5000, 0, 0, 28},
        {"a pseudowire", MACS "8847 00011140 00000000" MACS "0800" IP4("001c", "0000", "11") UDP,
         true, FLOW_SRC_PORT, 0, 17, 0, 53, 5000, 0, 0, 28},
        {"a pseudowire without a control word",
         MACS "8847 00011140" MACS "0800" IP4("001c", "0000", "11") UDP, true, FLOW_SRC_PORT, 0, 17,
         0, 53, 5000, 0, 0, 28},
        {"the same, its frame tagged",
         MACS "8847 00011140"
              "900000000001 000000000002 8100 0064 0800" IP4("001c", "0000", "11") UDP,
         true, FLOW_SRC_PORT, 0, 17, 0, 53, 5000, 0, 100, 28},
        {"its address begins as IPv4 does",
         MACS "8847 00011140"
              "440000000001 000000000002 0800" IP4("001c", "0000", "11") UDP,
         true, FLOW_SRC_PORT, 0, 17, 0, 53, 5000, 0, 0, 28},
        {"a provider's backbone",
         MACS "88a8 0010 88e7 00012345" MACS "0800" IP4("001c", "0000", "11") UDP, true, FLOW_VLAN,
         0, 17, 0, 53, 5000, 0, 16, 28},
        {"backbones without end",
         MACS "88e7 00012345" MACS "88e7 00012345" MACS "88e7 00012345" MACS "88e7 00012345" MACS
              "0800",
         false, 0, FLOW_SRC_ADDR, 0, 0, 0, 0, 0, 0, 0},
        {"pppoe", MACS "8864 1100 0001 001e 0021" IP4("001c", "0000", "11") UDP, true,
         FLOW_SRC_PORT, 0, 17, 0, 53, 5000, 0, 0, 28},
        {"snap", MACS "0024 aaaa03000000 0800" IP4("001c", "0000", "11") UDP, true, FLOW_SRC_PORT,
         0, 17, 0, 53, 5000, 0, 0, 28},
        {"first fragment", MACS "0800" IP4("05dc", "2000", "11") UDP, true, FLOW_SRC_PORT, 0, 17,
         FRAGMENT_FIRST, 53, 5000, 0, 0, 1500},
        {"later fragment", MACS "0800" IP4("05dc", "20b9", "11") UDP, true, FLOW_FRAGMENT,
         FLOW_SRC_PORT | FLOW_DST_PORT, 17, FRAGMENT_LATER, 0, 0, 0, 0, 1500},
        {"last fragment", MACS "0800" IP4("05dc", "00b9", "11") UDP, true, FLOW_FRAGMENT,
         FLOW_SRC_PORT, 17, FRAGMENT_LATER | FRAGMENT_LAST, 0, 0, 0, 0, 1500},
        {"a tunnel is not opened", MACS "0800" IP4("0030", "0000", "04") IP4("001c", "0000", "11"),
         true, FLOW_SRC_ADDR, FLOW_SRC_PORT, 4, 0, 0, 0, 0, 0, 48},
        {"ipv6 with extensions",
         MACS "86dd 60000000 0018 00 40 20010db8000000000000000000000001"
              "20010db8000000000000000000000002 3c00000000000000 1100000000000000" UDP,
         true, FLOW_SRC_PORT | FLOW_FRAGMENT, 0, 17, 0, 53, 5000, 0, 0, 64},
        {"ipv6 later fragment",
         MACS "86dd 60000000 0010 2c 40 20010db8000000000000000000000001"
              "20010db8000000000000000000000002 11000559 00000001" UDP,
         true, FLOW_FRAGMENT, FLOW_SRC_PORT, 17, FRAGMENT_LATER, 0, 0, 0, 0, 56},
        {"arp", MACS "0806 0001", false, 0, FLOW_SRC_ADDR, 0, 0, 0, 0, 0, 0, 0},
        {"header length below 20", MACS "0800 4200001c000100004011 0000 0a000001 cb007107", false,
         0, FLOW_SRC_ADDR, 0, 0, 0, 0, 0, 0, 0},
        {"cut", MACS "08", false, 0, FLOW_SRC_ADDR, 0, 0, 0, 0, 0, 0, 0},
    };
    return cr_make_param_array(struct packet_case, cases, sizeof(cases) / sizeof(cases[0]));
}

static size_t octets_of(const char *hex, uint8_t *ret)
{
    size_t len = 0;
    for (; *hex != '\0'; hex += 2) {
        while (*hex == ' ')
            hex++;
        if (*hex == '\0')
            break;
        unsigned int value;
        cr_assert_eq(sscanf(hex, "%2x", &value), 1);
        ret[len++] = (uint8_t)value;
    }
    return len;
}

ParameterizedTest(struct packet_case *c, packet, ethernet)
{
    uint8_t octets[100];
    struct flow_record flow = {0};
    struct wire_reader r = wire_reader_of(octets, octets_of(c->octets, octets));

    cr_assert_eq(packet_parse_ethernet(&r, 0, &flow), c->found, "%s", c->name);
    cr_assert_eq(flow.has & c->has, c->has, "%s: has %x", c->name, flow.has);
    cr_assert_eq(flow.has & c->hasnt, 0, "%s: has %x", c->name, flow.has);
    cr_assert_eq(flow.protocol, c->protocol, "%s", c->name);
    cr_assert_eq(flow.fragment, c->fragment, "%s: %d", c->name, flow.fragment);
    cr_assert_eq(flow.src_port, c->src_port, "%s", c->name);
    cr_assert_eq(flow.dst_port, c->dst_port, "%s", c->name);
    cr_assert_eq(flow.tcp_flags, c->tcp_flags, "%s", c->name);
    cr_assert_eq(flow.vlan, c->vlan, "%s", c->name);
    cr_assert_eq(flow.ip_length, c->ip_length, "%s: %d", c->name, flow.ip_length);
}

Test(packet, what_the_record_says_itself_is_kept)
{
    struct flow_record flow = {.has = FLOW_PROTOCOL, .protocol = 6};
    struct flow_record packet = {.has = FLOW_PROTOCOL | FLOW_TTL, .protocol = 17, .ttl = 9};
    packet_complete(&flow, &packet);
    cr_assert_eq(flow.protocol, 6);
    cr_assert_eq(flow.ttl, 9);
    cr_assert_eq(flow.has, FLOW_PROTOCOL | FLOW_TTL);
}

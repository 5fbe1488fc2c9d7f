#include "collector/decode/packet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool parse_ip(struct wire_reader *packet, uint32_t behind, struct flow_record *flow)
{
    (void)behind;
    return packet_parse_ip(packet, flow);
}

/* A sampled packet: the first octet says what it begins with, and how much was left out. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static bool (*const parsers[])(struct wire_reader *, uint32_t, struct flow_record *) = {
        packet_parse_ethernet, parse_ip, packet_parse_mpls, packet_parse_ppp};
    if (len == 0)
        return 0;
    uint8_t *packet = malloc(len);
    if (packet == NULL)
        abort();
    memcpy(packet, bytes + 1, len - 1);
    struct wire_reader r = wire_reader_of(packet, len - 1);
    struct flow_record flow = {0}, whole = {.has = FLOW_VLAN | FLOW_TTL, .vlan = 1, .ttl = 2};
    uint32_t behind = bytes[0] < 128 ? bytes[0] / 4U : PACKET_BEHIND_UNKNOWN;
    bool found = parsers[bytes[0] % 4](&r, behind, &flow);
    assert(found == ((flow.has & (FLOW_SRC_ADDR | FLOW_DST_ADDR)) != 0));
    assert(!found || flow.src_addr.family == flow.dst_addr.family);
    assert(!(flow.fragment & FRAGMENT_LATER) || !(flow.has & (FLOW_SRC_PORT | FLOW_DST_PORT)));
    packet_complete(&whole, &flow);
    assert(whole.has == (flow.has | FLOW_VLAN | FLOW_TTL) && whole.vlan == 1 && whole.ttl == 2);
    free(packet);
    return 0;
}

#include "flowspec/component.h"

#include <string.h>
#include <strings.h>

/* The first name of a value is the one that is printed. */
static const struct rule_name names[] = {
    {COMPONENT_PROTOCOL, ADDR_NONE, 1, "icmp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 2, "igmp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 4, "ipip"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 6, "tcp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 8, "egp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 17, "udp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 33, "dccp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 41, "ipv6"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 46, "rsvp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 47, "gre"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 50, "esp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 51, "ah"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 58, "icmpv6"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 58, "ipv6-icmp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 88, "eigrp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 89, "ospf"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 103, "pim"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 112, "vrrp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 115, "l2tp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 132, "sctp"},
    {COMPONENT_PROTOCOL, ADDR_NONE, 136, "udplite"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV4, 0, "echo-reply"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV4, 3, "unreachable"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV4, 4, "source-quench"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV4, 5, "redirect"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV4, 8, "echo-request"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV4, 9, "router-advertisement"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV4, 10, "router-solicit"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV4, 11, "time-exceeded"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV4, 12, "parameter-problem"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV4, 13, "timestamp"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV4, 14, "timestamp-reply"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV6, 1, "unreachable"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV6, 2, "packet-too-big"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV6, 3, "time-exceeded"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV6, 4, "parameter-problem"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV6, 128, "echo-request"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV6, 129, "echo-reply"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV6, 133, "router-solicit"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV6, 134, "router-advertisement"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV6, 135, "neighbor-solicit"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV6, 136, "neighbor-advertisement"},
    {COMPONENT_ICMP_TYPE, ADDR_IPV6, 137, "redirect"},
    {COMPONENT_ICMP_CODE, ADDR_IPV4, 0, "network-unreachable"},
    {COMPONENT_ICMP_CODE, ADDR_IPV4, 0, "ttl-exceeded-in-transit"},
    {COMPONENT_ICMP_CODE, ADDR_IPV4, 1, "host-unreachable"},
    {COMPONENT_ICMP_CODE, ADDR_IPV4, 1, "reassembly-time-exceeded"},
    {COMPONENT_ICMP_CODE, ADDR_IPV4, 2, "protocol-unreachable"},
    {COMPONENT_ICMP_CODE, ADDR_IPV4, 3, "port-unreachable"},
    {COMPONENT_ICMP_CODE, ADDR_IPV4, 4, "fragmentation-needed"},
    {COMPONENT_ICMP_CODE, ADDR_IPV4, 13, "communication-prohibited"},
    {COMPONENT_ICMP_CODE, ADDR_IPV6, 0, "no-route"},
    {COMPONENT_ICMP_CODE, ADDR_IPV6, 1, "admin-prohibited"},
    {COMPONENT_ICMP_CODE, ADDR_IPV6, 3, "address-unreachable"},
    {COMPONENT_ICMP_CODE, ADDR_IPV6, 4, "port-unreachable"},
    {COMPONENT_TCP_FLAGS, ADDR_NONE, 0x001, "fin"},
    {COMPONENT_TCP_FLAGS, ADDR_NONE, 0x002, "syn"},
    {COMPONENT_TCP_FLAGS, ADDR_NONE, 0x004, "rst"},
    {COMPONENT_TCP_FLAGS, ADDR_NONE, 0x008, "psh"},
    {COMPONENT_TCP_FLAGS, ADDR_NONE, 0x008, "push"},
    {COMPONENT_TCP_FLAGS, ADDR_NONE, 0x010, "ack"},
    {COMPONENT_TCP_FLAGS, ADDR_NONE, 0x020, "urg"},
    {COMPONENT_TCP_FLAGS, ADDR_NONE, 0x020, "urgent"},
    {COMPONENT_TCP_FLAGS, ADDR_NONE, 0x040, "ece"},
    {COMPONENT_TCP_FLAGS, ADDR_NONE, 0x080, "cwr"},
    {COMPONENT_TCP_FLAGS, ADDR_NONE, 0x100, "ns"},
    {COMPONENT_DSCP, ADDR_NONE, 46, "ef"},
    {COMPONENT_DSCP, ADDR_NONE, 44, "va"},
    {COMPONENT_DSCP, ADDR_NONE, 10, "af11"},
    {COMPONENT_DSCP, ADDR_NONE, 12, "af12"},
    {COMPONENT_DSCP, ADDR_NONE, 14, "af13"},
    {COMPONENT_DSCP, ADDR_NONE, 18, "af21"},
    {COMPONENT_DSCP, ADDR_NONE, 20, "af22"},
    {COMPONENT_DSCP, ADDR_NONE, 22, "af23"},
    {COMPONENT_DSCP, ADDR_NONE, 26, "af31"},
    {COMPONENT_DSCP, ADDR_NONE, 28, "af32"},
    {COMPONENT_DSCP, ADDR_NONE, 30, "af33"},
    {COMPONENT_DSCP, ADDR_NONE, 34, "af41"},
    {COMPONENT_DSCP, ADDR_NONE, 36, "af42"},
    {COMPONENT_DSCP, ADDR_NONE, 38, "af43"},
    {COMPONENT_DSCP, ADDR_NONE, 0, "cs0"},
    {COMPONENT_DSCP, ADDR_NONE, 8, "cs1"},
    {COMPONENT_DSCP, ADDR_NONE, 16, "cs2"},
    {COMPONENT_DSCP, ADDR_NONE, 24, "cs3"},
    {COMPONENT_DSCP, ADDR_NONE, 32, "cs4"},
    {COMPONENT_DSCP, ADDR_NONE, 40, "cs5"},
    {COMPONENT_DSCP, ADDR_NONE, 48, "cs6"},
    {COMPONENT_DSCP, ADDR_NONE, 56, "cs7"},
    {COMPONENT_FRAGMENT, ADDR_IPV4, 0x01, "dont-fragment"},
    {COMPONENT_FRAGMENT, ADDR_NONE, 0x02, "is-fragment"},
    {COMPONENT_FRAGMENT, ADDR_NONE, 0x04, "first-fragment"},
    {COMPONENT_FRAGMENT, ADDR_NONE, 0x08, "last-fragment"},
};

enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };

const struct rule_name *rule_name_at(size_t i)
{
    return i < NAME_COUNT ? &names[i] : NULL;
}

const char *rule_name_of(enum component c, uint8_t family, uint32_t value)
{
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (names[i].component == c && names[i].value == value &&
            (names[i].family == ADDR_NONE || names[i].family == family))
            return names[i].name;
    return NULL;
}

bool rule_name_value(enum component c, uint8_t family, const char *name, size_t len,
                     uint32_t *ret_value)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (names[i].component != c || (names[i].family != ADDR_NONE && names[i].family != family))
            continue;
        if (strlen(names[i].name) == len && strncasecmp(names[i].name, name, len) == 0) {
            *ret_value = names[i].value;
            return true;
        }
    }
    return false;
}

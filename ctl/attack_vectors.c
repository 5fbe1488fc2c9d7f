#include "ctl/attack.h"

enum { TCP = 6, UDP = 17, ICMP = 1, GRE = 47, ESP = 50 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

#define PAYLOAD(bytes) .payload = (bytes), .payload_len = sizeof(bytes) - 1

/* A service that answers more than it is asked. */
#define AMPLIFICATION(name, port, min, max, servers, ...)                                          \
    {                                                                                              \
        (name "-amplification"), UDP, 0, (port), 0, (min), (max), 12, ATTACK_REFLECTED, false,     \
            (servers), __VA_ARGS__                                                                 \
    }
#define FLOOD(name, protocol, flags, src, dst, min, max, packets, origin, sources, ...)            \
    {                                                                                              \
        (name), (protocol), (flags), (src), (dst), (min), (max), (packets), (origin), false,       \
            (sources), __VA_ARGS__                                                                 \
    }
#define NO_PAYLOAD .payload = NULL

/* Beginnings of what the services answer, whole up to where a sampled header may be cut. */
static const char dns_answer[] = "\x5a\x31\x81\x80\0\1\0\x10\0\0\0\0\7example\3com\0\0\xff\0\1"
                                 "\xc0\x0c\0\x10\0\1\0\0\x0e\x10\0\xfe\xfd";
static const char dns_question[] = "\x17\x2a\1\0\0\1\0\0\0\0\0\0\x0fx7k2p9qa41zc8wd\7example\3com"
                                   "\0\0\1\0\1";
static const char ntp_monlist[] = "\xd7\0\3\x2a\0\6\0\x48";
static const char ssdp_answer[] =
    "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: upnp:rootdevice\r\nUSN: uuid:7c6";
static const char memcached_answer[] = "\x31\x9c\0\0\2\xec\0\0VALUE a 0 1048576\r\n";
static const char cldap_answer[] =
    "0\x84\0\0\x0b\x6e\2\1\7d\x84\0\0\x0b\x65\4\0000\x84\0\0\x0b\x5d";
static const char snmp_answer[] = "0\x82\5\x78\2\1\1\4\6public\xa2\x82\5\x69";

static const struct attack_vector vectors[] = {
    AMPLIFICATION("qotd", 17, 150, 800, 800, NO_PAYLOAD),
    AMPLIFICATION("chargen", 19, 400, 1052, 900, NO_PAYLOAD),
    AMPLIFICATION("dns", 53, 900, 4100, 4000, PAYLOAD(dns_answer)),
    AMPLIFICATION("portmap", 111, 128, 700, 3000, NO_PAYLOAD),
    AMPLIFICATION("ntp", 123, 468, 468, 3000, PAYLOAD(ntp_monlist)),
    AMPLIFICATION("netbios", 137, 201, 285, 3000, NO_PAYLOAD),
    AMPLIFICATION("snmp", 161, 400, 1484, 4000, PAYLOAD(snmp_answer)),
    AMPLIFICATION("cldap", 389, 1400, 3200, 2000, PAYLOAD(cldap_answer)),
    AMPLIFICATION("slp", 427, 300, 1450, 1500, NO_PAYLOAD),
    AMPLIFICATION("ripv1", 520, 292, 532, 500, NO_PAYLOAD),
    AMPLIFICATION("ipmi", 623, 56, 72, 2000, NO_PAYLOAD),
    AMPLIFICATION("mssql", 1434, 250, 700, 2500, NO_PAYLOAD),
    AMPLIFICATION("l2tp", 1701, 110, 160, 3000, NO_PAYLOAD),
    AMPLIFICATION("ssdp", 1900, 280, 420, 6000, PAYLOAD(ssdp_answer)),
    AMPLIFICATION("stun", 3478, 100, 148, 3000, NO_PAYLOAD),
    AMPLIFICATION("ard", 3283, 1034, 1062, 1500, NO_PAYLOAD),
    AMPLIFICATION("rdp", 3389, 1260, 1288, 1200, NO_PAYLOAD),
    AMPLIFICATION("ws-discovery", 3702, 650, 2900, 2500, NO_PAYLOAD),
    AMPLIFICATION("sip", 5060, 380, 720, 3000, NO_PAYLOAD),
    AMPLIFICATION("mdns", 5353, 150, 1000, 2000, NO_PAYLOAD),
    AMPLIFICATION("coap", 5683, 120, 1350, 3000, NO_PAYLOAD),
    AMPLIFICATION("bittorrent", 6881, 130, 480, 5000, NO_PAYLOAD),
    AMPLIFICATION("ubiquiti", 10001, 170, 240, 3000, NO_PAYLOAD),
    AMPLIFICATION("tp240", 10074, 60, 1200, 300, NO_PAYLOAD),
    AMPLIFICATION("memcached", 11211, 1428, 1900, 200, PAYLOAD(memcached_answer)),
    AMPLIFICATION("source-engine", 27015, 200, 1400, 2500, NO_PAYLOAD),
    AMPLIFICATION("quake", 27960, 500, 1350, 1500, NO_PAYLOAD),
    AMPLIFICATION("plex", 32414, 180, 320, 2500, NO_PAYLOAD),
    AMPLIFICATION("jenkins", 33848, 250, 480, 1000, NO_PAYLOAD),
    AMPLIFICATION("dvr", 37810, 300, 950, 2500, NO_PAYLOAD),
    AMPLIFICATION("bacnet", 47808, 60, 500, 800, NO_PAYLOAD),
    FLOOD("syn-flood", TCP, SYN, 0, 443, 40, 60, 1, ATTACK_SPOOFED, 1 << 22, NO_PAYLOAD),
    FLOOD("syn-ack-reflection", TCP, SYN | ACK, 443, 0, 44, 60, 3, ATTACK_REFLECTED, 20000,
          NO_PAYLOAD),
    FLOOD("tcp-middlebox-reflection", TCP, PSH | ACK, 80, 0, 400, 1500, 10, ATTACK_REFLECTED, 3000,
          PAYLOAD("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/html\r\n")),
    FLOOD("ack-flood", TCP, ACK, 0, 443, 40, 52, 4, ATTACK_BOTS, 60000, NO_PAYLOAD),
    FLOOD("rst-flood", TCP, RST, 0, 443, 40, 40, 4, ATTACK_BOTS, 60000, NO_PAYLOAD),
    FLOOD("tcp-null", TCP, 0, 0, 443, 40, 60, 4, ATTACK_BOTS, 60000, NO_PAYLOAD),
    FLOOD("udp-flood", UDP, 0, 0, 0, 512, 1400, 20, ATTACK_BOTS, 60000, NO_PAYLOAD),
    {"fragment-flood", UDP, 0, 0, 0, 600, 1500, 20, ATTACK_BOTS, true, 30000, NO_PAYLOAD},
    FLOOD("icmp-flood", ICMP, 0, 0, 0, 84, 1000, 20, ATTACK_BOTS, 20000, NO_PAYLOAD),
    FLOOD("gre-flood", GRE, 0, 0, 0, 540, 1400, 20, ATTACK_BOTS, 40000, NO_PAYLOAD),
    FLOOD("esp-flood", ESP, 0, 0, 0, 100, 1400, 20, ATTACK_BOTS, 20000, NO_PAYLOAD),
    FLOOD("dns-query-flood", UDP, 0, 0, 53, 60, 90, 2, ATTACK_SPOOFED, 1 << 20,
          PAYLOAD(dns_question)),
    FLOOD("quic-flood", UDP, 0, 0, 443, 1228, 1280, 3, ATTACK_SPOOFED, 1 << 20,
          PAYLOAD("\xc3\0\0\0\1\x08")),
    {.name = "carpet-bombing",
     .parts = {"dns-amplification", "ntp-amplification", "cldap-amplification"}},
    {.name = "mixed", .parts = {"dns-amplification", "syn-flood", "udp-flood"}},
};

const struct attack_vector *attack_vector_at(unsigned int i)
{
    return i < sizeof(vectors) / sizeof(vectors[0]) ? &vectors[i] : NULL;
}

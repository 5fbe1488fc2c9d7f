#include "collector/steering.h"

#include <linux/filter.h>
#include <sys/socket.h>

/* Constants of a hash that spreads neighbouring addresses well (lowbias32). */
static const uint32_t mix_a = 0x7feb352d, mix_b = 0x846ca68b;

/* Offsets from the start of the IP header; the program's own data starts at the payload. */
enum {
    NET = SKF_NET_OFF,
    IPV4_SOURCE = 12,
    IPV6_SOURCE = 8,
};

#define LOAD_BYTE(at) BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(at))
#define LOAD_WORD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(at))
#define TO_X BPF_STMT(BPF_MISC | BPF_TAX, 0)
#define RIGHT(bits) BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, bits)
#define XOR_X BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0)
#define TIMES(k) BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, k)
/* A ^= A >> bits */
#define FOLD(bits) TO_X, RIGHT(bits), XOR_X
/* X = A; A = word; A ^= X: one word of an IPv6 address into the hash so far */
#define TAKE_WORD(at) TIMES(mix_a), TO_X, LOAD_WORD(at), XOR_X

enum status steering_attach(int fd, uint32_t workers)
{
    struct sock_filter program[] = {
        LOAD_BYTE(NET),
        RIGHT(4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 2, 0),
        LOAD_WORD(NET + IPV4_SOURCE),
        BPF_JUMP(BPF_JMP | BPF_JA, 13, 0, 0),
        LOAD_WORD(NET + IPV6_SOURCE),
        TAKE_WORD(NET + IPV6_SOURCE + 4),
        TAKE_WORD(NET + IPV6_SOURCE + 8),
        TAKE_WORD(NET + IPV6_SOURCE + 12),
        FOLD(16),
        TIMES(mix_a),
        FOLD(15),
        TIMES(mix_b),
        FOLD(16),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, workers),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog attach = {.len = sizeof(program) / sizeof(program[0]), .filter = program};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &attach, sizeof(attach)) == 0
               ? STATUS_OK
               : STATUS_IO;
}

static uint32_t word_at(const uint8_t *octets)
{
    return (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 | (uint32_t)octets[2] << 8 |
           octets[3];
}

uint32_t steering_worker(const struct ip_addr *addr, uint32_t workers)
{
    uint32_t hash = word_at(addr->octets);
    for (size_t i = 4; addr->family == ADDR_IPV6 && i < 16; i += 4)
        hash = hash * mix_a ^ word_at(addr->octets + i);
    hash ^= hash >> 16;
    hash *= mix_a;
    hash ^= hash >> 15;
    hash *= mix_b;
    hash ^= hash >> 16;
    return hash % workers;
}

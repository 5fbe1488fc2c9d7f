#ifndef CTL_ATTACK_H
#define CTL_ATTACK_H

#include "ctl/traffic.h"

/*
 * Attacks by the names of vectors (docs/trying.md): what their packets look like, from how
 * many addresses they come, and how they come in pieces where they are larger than a link takes.
 */
enum attack_origin {
    ATTACK_REFLECTED, /* servers that answer whom they did not hear: few addresses, each its path */
    ATTACK_BOTS,      /* machines of others, each with its own address */
    ATTACK_SPOOFED    /* an address for each flow */
};

struct attack_vector {
    const char *name;
    uint8_t protocol, tcp_flags;
    uint16_t src_port, dst_port;     /* 0: any high one */
    uint16_t octets_min, octets_max; /* of a datagram, IP, before it is cut into fragments */
    uint8_t packets;                 /* of a flow in the mean, where no volume is asked for */
    uint8_t origin;                  /* enum attack_origin */
    bool is_fragments;               /* nothing but later fragments */
    uint32_t sources;
    const char *payload;
    uint8_t payload_len;
    const char *parts[3]; /* of a mixture: other vectors, flow by flow */
};

enum { ATTACK_TARGETS_MAX = 64 };

/* constant; rises from nothing to all within the period, and stays; half of each period. */
enum attack_shape { ATTACK_CONSTANT, ATTACK_RAMP, ATTACK_PULSE };

struct attack_options {
    uint64_t seed;
    struct ip_prefix targets[ATTACK_TARGETS_MAX]; /* every address of each */
    uint32_t target_count;
    uint32_t sources;      /* 0: as the vector has */
    double bytes_a_record; /* in the mean; 0: as such flows are */
    uint32_t flow_ms;      /* how long each flow lasted */
};

struct attack {
    struct attack_options options;
    struct attack_vector own; /* of protocol-N-flood, whose number is in its name */
    char own_name[24];
    const struct attack_vector *parts[3];
    uint32_t part_count;
    uint64_t addresses; /* of all targets together */
    struct random random;
    struct traffic_flow later; /* the fragments behind the flow that was given last */
    bool has_later;
};

/* The vectors, but for protocol-N-flood; NULL past the last. */
const struct attack_vector *attack_vector_at(unsigned int i);
/* STATUS_NOT_FOUND: there is no such name. */
enum status attack_init(struct attack *attack, const char *name,
                        const struct attack_options *options);
void attack_flow(struct attack *attack, struct traffic_flow *ret_flow);

/* How much of it comes, of all, in the mean between two times since its beginning. */
double attack_level(enum attack_shape shape, uint64_t period_us, uint64_t from_us, uint64_t to_us);

#endif

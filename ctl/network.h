#ifndef CTL_NETWORK_H
#define CTL_NETWORK_H

#include "common/base/addr.h"
#include "ctl/random.h"

/*
 * The network that `weir generate` describes: hosts inside its prefixes and hosts outside, some of
 * which have far more traffic than others, and a day in which the hosts are busy at their own
 * times.
 */
enum { NETWORK_PREFIXES_MAX = 64, NETWORK_CLASSES = 64 };

struct network_options {
    struct ip_prefix prefixes[NETWORK_PREFIXES_MAX];
    uint32_t prefix_count;
    uint32_t hosts, sources;
    double exponent; /* of Zipf's law for both; 0: all alike */
    uint64_t day_us; /* 0: always the same */
    double swing;    /* a host's traffic moves between 1 - swing and 1 + swing of its mean */
    uint64_t day_at_us;
};

struct network {
    struct network_options options;
    uint32_t hosts; /* as many as there is room for */
    struct network_host {
        uint32_t number; /* in its prefix */
        uint8_t prefix, class;
    } * list; /* ours, busiest first */
    struct random_alias host_weights, source_weights;
    double class_weight[NETWORK_CLASSES];
    uint32_t class_chance[NETWORK_CLASSES]; /* that a host drawn by its weight is taken, of 2^32 */
    double level;                           /* of all hosts now; the mean of a day is 1 */
};

/* STATUS_NO_MEMORY, or STATUS_RANGE: no prefix. */
enum status network_init(struct network *network, const struct network_options *options);
void network_done(struct network *network);
void network_set_time(struct network *network, uint64_t since_start_us);

uint32_t network_draw_host(const struct network *network, struct random *random);
struct ip_addr network_host(const struct network *network, uint32_t n);
/* The n-th host somewhere outside, of a family: 11.0.0.0/8, 2a00::/16. */
struct ip_addr network_outside(enum addr_family family, uint32_t n);
/* The n-th address of any prefix, for targets; counts from its first. */
struct ip_addr network_address(const struct ip_prefix *prefix, uint32_t n);
/* How many hosts a prefix has room for; a network of more than two leaves out its first and last
 * address. */
uint32_t network_room(const struct ip_prefix *prefix);

#endif

#include "ctl/network.h"

#include <math.h>
#include <stdlib.h>

/* Most are busy in the evening; a host's own day is up to an eighth of a day earlier or later. */
static const double PEAK_OF_DAY = 0.8, SHIFT_OF_DAY = 0.25;

static unsigned int host_bits(const struct ip_prefix *prefix)
{
    return (unsigned int)addr_bits(&prefix->addr) - prefix->len;
}

uint32_t network_room(const struct ip_prefix *prefix)
{
    unsigned int bits = host_bits(prefix);
    return bits >= 32 ? UINT32_MAX : (uint32_t)((1ull << bits) - (bits > 1 ? 2 : 0));
}

struct ip_addr network_address(const struct ip_prefix *prefix, uint32_t n)
{
    struct ip_addr host = prefix->addr;
    size_t last = addr_len(&host) - 1;
    for (size_t i = 0; i < 4; i++, n >>= 8)
        host.octets[last - i] |= (uint8_t)n;
    return host;
}

/* Ranks go to the prefixes in turn, while they have room: none has all of the busy hosts. */
static void place_hosts(struct network *n)
{
    const struct network_options *o = &n->options;
    uint32_t taken[NETWORK_PREFIXES_MAX] = {0}, at = 0;
    for (uint32_t i = 0; i < n->hosts; i++) {
        while (taken[at] >= network_room(&o->prefixes[at]))
            at = (at + 1) % o->prefix_count;
        n->list[i].prefix = (uint8_t)at;
        n->list[i].number = taken[at]++ + (host_bits(&o->prefixes[at]) > 1 ? 1 : 0);
        n->list[i].class = (uint8_t)(random_mix(i) % NETWORK_CLASSES);
        at = (at + 1) % o->prefix_count;
    }
}

static void weigh_classes(struct network *n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n->hosts; i++) {
        double weight = pow((double)i + 1, -n->options.exponent);
        n->class_weight[n->list[i].class] += weight;
        sum += weight;
    }
    for (unsigned int c = 0; c < NETWORK_CLASSES; c++)
        n->class_weight[c] /= sum;
}

enum status network_init(struct network *n, const struct network_options *options)
{
    *n = (struct network){.options = *options, .level = 1};
    uint64_t room = 0;
    for (uint32_t i = 0; i < options->prefix_count; i++)
        room += network_room(&options->prefixes[i]);
    if (room == 0)
        return STATUS_RANGE;
    n->hosts = options->hosts < room ? options->hosts : (uint32_t)room;
    n->list = calloc(n->hosts, sizeof(*n->list));
    if (n->list == NULL ||
        random_alias_init_zipf(&n->host_weights, n->hosts, options->exponent) != STATUS_OK ||
        random_alias_init_zipf(&n->source_weights, options->sources, options->exponent) !=
            STATUS_OK) {
        network_done(n);
        return STATUS_NO_MEMORY;
    }
    place_hosts(n);
    weigh_classes(n);
    network_set_time(n, 0);
    return STATUS_OK;
}

void network_done(struct network *n)
{
    random_alias_done(&n->host_weights);
    random_alias_done(&n->source_weights);
    free(n->list);
    n->list = NULL;
}

void network_set_time(struct network *n, uint64_t since_start_us)
{
    const struct network_options *o = &n->options;
    if (o->day_us == 0)
        return;
    double now = (double)((since_start_us + o->day_at_us) % o->day_us) / (double)o->day_us;
    n->level = 0;
    for (unsigned int c = 0; c < NETWORK_CLASSES; c++) {
        double shift = ((c + 0.5) / NETWORK_CLASSES - 0.5) * SHIFT_OF_DAY;
        double activity = 1 + o->swing * cos(2 * M_PI * (now - PEAK_OF_DAY - shift));
        n->level += activity * n->class_weight[c];
        n->class_chance[c] = (uint32_t)(activity / (1 + o->swing) * (double)UINT32_MAX);
    }
}

uint32_t network_draw_host(const struct network *n, struct random *random)
{
    for (;;) {
        uint32_t host = random_alias_draw(&n->host_weights, random);
        if (n->options.day_us == 0 ||
            (uint32_t)random_next(random) <= n->class_chance[n->list[host].class])
            return host;
    }
}

struct ip_addr network_host(const struct network *n, uint32_t host)
{
    const struct network_host *h = &n->list[host];
    return network_address(&n->options.prefixes[h->prefix], h->number);
}

struct ip_addr network_outside(enum addr_family family, uint32_t n)
{
    uint32_t mixed = n * 2654435761u;
    if (family == ADDR_IPV4)
        return addr_from_ipv4(0x0b000000u | mixed >> 8);
    uint8_t octets[16] = {
        0x2a,          0x00, (uint8_t)(mixed >> 24), (uint8_t)(mixed >> 16), (uint8_t)(mixed >> 8),
        (uint8_t)mixed};
    octets[15] = 1;
    return addr_from_octets(ADDR_IPV6, octets);
}

#include "ctl/replay_senders.h"

#include "ctl/network.h"

static uint32_t hash_of(const struct ip_endpoint *e)
{
    uint32_t hash = e->port;
    for (size_t i = 0; i < 16; i += 4)
        hash = random_mix(hash ^ ((uint32_t)e->addr.octets[i] << 24 |
                                  (uint32_t)e->addr.octets[i + 1] << 16 |
                                  (uint32_t)e->addr.octets[i + 2] << 8 | e->addr.octets[i + 3]));
    return hash;
}

static bool is_same(const struct ip_endpoint *a, const struct ip_endpoint *b)
{
    return a->port == b->port && a->addr.family == b->addr.family && addr_equal(&a->addr, &b->addr);
}

/* The address that this address of the capture has here: as another port of it, or a new one. */
static bool choose_address(struct replay_senders *s, const struct ip_addr *exporter,
                           struct ip_addr *ret_from)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (addr_equal(&s->exporters[i].endpoint.addr, exporter)) {
            *ret_from = s->exporters[i].from;
            return true;
        }
    }
    uint32_t number = s->addresses++;
    for (uint32_t i = 0; i < s->map_count; i++) {
        if (addr_equal(&s->maps[i].exporter, exporter)) {
            *ret_from = s->maps[i].from;
            return true;
        }
    }
    *ret_from = s->from;
    if (s->as.addr.family == ADDR_NONE) {
        s->unmapped++;
        return true;
    }
    char prefix[PREFIX_TEXT_MAX];
    if (number >= network_room(&s->as))
        return command_failed(s->context, "the capture has more exporters than %s has addresses",
                              prefix_format(&s->as, prefix)) == EXIT_DONE;
    *ret_from = network_address(&s->as, number + (addr_bits(&s->as.addr) - s->as.len > 1 ? 1 : 0));
    return true;
}

bool replay_sender(struct replay_senders *s, const struct ip_endpoint *exporter,
                   uint32_t *ret_sender)
{
    enum { CELLS = REPLAY_EXPORTERS_MAX * 2 };
    uint32_t at = hash_of(exporter) % CELLS;
    for (; s->table[at] != 0; at = (at + 1) % CELLS) {
        if (is_same(&s->exporters[s->table[at] - 1].endpoint, exporter)) {
            *ret_sender = s->table[at] - 1u;
            return true;
        }
    }
    if (s->count == REPLAY_EXPORTERS_MAX) {
        *ret_sender = hash_of(exporter) % s->count;
        return true;
    }
    struct replay_exporter new = {.endpoint = *exporter};
    if (!choose_address(s, &exporter->addr, &new.from))
        return false;
    struct ip_endpoint from = {.addr = new.from};
    if (!outlet_add_sender(s->outlet, s->context, &from, new.from.family != ADDR_NONE))
        return false;
    s->exporters[s->count] = new;
    s->table[at] = (uint16_t)(s->count + 1);
    *ret_sender = s->count++;
    return true;
}

#include "ctl/replay_senders.h"

#include "common/base/hash.h"
#include "ctl/network.h"

#include <string.h>

_Static_assert(sizeof(struct ip_addr) == 17, "octets only: it is a key");
enum { ENDPOINT_KEY = sizeof(struct ip_addr) + sizeof(uint16_t) };

bool replay_senders_init(struct replay_senders *s, const struct command_context *context,
                         struct outlet *outlet)
{
    const struct table_options endpoints = {.entry_size = sizeof(uint32_t),
                                            .key_max = ENDPOINT_KEY,
                                            .max = REPLAY_EXPORTERS_MAX,
                                            .seed = hash_random_seed()};
    struct table_options addresses = endpoints;
    addresses.entry_size = sizeof(struct ip_addr);
    s->context = context;
    s->outlet = outlet;
    s->by_endpoint = table_new(&endpoints);
    s->by_address = table_new(&addresses);
    if (s->by_endpoint != NULL && s->by_address != NULL)
        return true;
    replay_senders_done(s);
    return command_failed(context, "out of memory") == EXIT_DONE;
}

void replay_senders_done(struct replay_senders *s)
{
    table_free(s->by_endpoint);
    table_free(s->by_address);
    s->by_endpoint = s->by_address = NULL;
}

size_t replay_senders_addresses(const struct replay_senders *s)
{
    return table_count(s->by_address);
}

static bool is_of_a_map(const struct replay_senders *s, const struct ip_addr *address)
{
    for (uint32_t i = 0; i < s->map_count; i++)
        if (addr_equal(&s->maps[i].from, address))
            return true;
    return false;
}

/* False: all are given. An address that a map gives, to whomever, is that exporter's alone. */
static bool next_address(struct replay_senders *s, struct ip_addr *ret_from)
{
    bool skips_first = addr_bits(&s->as.addr) - s->as.len > 1;
    while (s->numbered < network_room(&s->as)) {
        struct ip_addr address = network_address(&s->as, s->numbered++ + (skips_first ? 1 : 0));
        if (!is_of_a_map(s, &address)) {
            *ret_from = address;
            return true;
        }
    }
    return false;
}

/* The address that this address of the capture has here: as another port of it, or a new one. */
static bool choose_address(struct replay_senders *s, const struct ip_addr *exporter,
                           struct ip_addr *ret_from)
{
    bool is_new;
    struct ip_addr *from = table_insert(s->by_address, exporter, sizeof(*exporter), &is_new);
    if (from == NULL)
        return command_failed(s->context, "out of memory") == EXIT_DONE;
    if (!is_new) {
        *ret_from = *from;
        return true;
    }
    for (uint32_t i = 0; i < s->map_count; i++) {
        if (addr_equal(&s->maps[i].exporter, exporter)) {
            *ret_from = *from = s->maps[i].from;
            return true;
        }
    }
    *ret_from = *from = s->from;
    if (s->as.addr.family == ADDR_NONE) {
        s->unmapped++;
        return true;
    }
    char prefix[PREFIX_TEXT_MAX];
    if (!next_address(s, from))
        return command_failed(s->context, "the capture has more exporters than %s has addresses",
                              prefix_format(&s->as, prefix)) == EXIT_DONE;
    *ret_from = *from;
    return true;
}

bool replay_sender(struct replay_senders *s, const struct ip_endpoint *exporter,
                   uint32_t *ret_sender)
{
    uint8_t key[ENDPOINT_KEY];
    bool is_new;
    struct ip_endpoint from = {.port = 0};
    memcpy(key, &exporter->addr, sizeof(exporter->addr));
    memcpy(key + sizeof(exporter->addr), &exporter->port, sizeof(exporter->port));
    const uint32_t *known = table_find(s->by_endpoint, key, sizeof(key));
    if (known != NULL) {
        *ret_sender = *known;
        return true;
    }
    uint32_t number = (uint32_t)table_count(s->by_endpoint);
    if (number == REPLAY_EXPORTERS_MAX)
        return command_failed(s->context,
                              "the capture has more exporters, by address and port, than %d",
                              REPLAY_EXPORTERS_MAX) == EXIT_DONE;
    if (!choose_address(s, &exporter->addr, &from.addr) ||
        !outlet_add_sender(s->outlet, s->context, &from, from.addr.family != ADDR_NONE))
        return false;
    uint32_t *sender = table_insert(s->by_endpoint, key, sizeof(key), &is_new);
    if (sender == NULL)
        return command_failed(s->context, "out of memory") == EXIT_DONE;
    *ret_sender = *sender = number;
    return true;
}

#include "common/model/model.h"

#include <string.h>

/* Blackholes and diversions as a method, and what differs for a peer, say them. */

static void take_communities(const struct config_communities *from, struct model_route *route)
{
    struct communities *c = &route->communities;
    for (size_t i = 0; i < from->count; i++) {
        const struct community *one = &from->items[i];
        if (one->len == COMMUNITY_STANDARD_LEN && c->standard_count < MODEL_COMMUNITIES_MAX)
            memcpy(route->standard[c->standard_count++], one->octets, one->len);
        else if (one->len == COMMUNITY_LEN && c->count < MODEL_COMMUNITIES_MAX)
            memcpy(route->extended[c->count++], one->octets, one->len);
        else if (one->len == COMMUNITY_LARGE_LEN && c->large_count < MODEL_COMMUNITIES_MAX)
            memcpy(route->large[c->large_count++], one->octets, one->len);
    }
    c->standard = route->standard;
    c->at = route->extended;
    c->large = route->large;
}

static void take_next_hop(const struct ip_addr *addr, struct model_route *route)
{
    size_t len = addr->family == ADDR_IPV4 ? 4 : NEXT_HOP_LEN_MAX;
    memcpy(route->next_hop, addr->octets, len);
    route->communities.next_hop = route->next_hop;
    route->communities.next_hop_len = (uint8_t)len;
}

void model_route_make(const struct config_route *config, enum addr_family family,
                      const struct ip_addr *next_hop, struct model_route *ret_route)
{
    const struct ip_addr *own = family == ADDR_IPV4 ? &config->next_hop4 : &config->next_hop6;
    memset(ret_route, 0, sizeof(*ret_route));
    ret_route->kind = config->kind;
    take_communities(&config->communities, ret_route);
    if (next_hop != NULL)
        take_next_hop(next_hop, ret_route);
    else if (own->family != ADDR_NONE)
        take_next_hop(own, ret_route);
}

const struct config_route_peer *model_route_peer(const struct config *config, const char *method,
                                                 const char *peer)
{
    for (size_t i = 0; i < config->method_count; i++) {
        const struct config_route *route = &config->methods[i].route;
        if (route->peer_count == 0 || strcmp(config->methods[i].name, method) != 0)
            continue;
        for (size_t j = 0; j < route->peer_count; j++)
            if (strcmp(config->peers[route->peers[j].peer].name, peer) == 0)
                return &route->peers[j];
    }
    return NULL;
}

void model_route_differ(const struct communities *whole, const struct config_route_peer *differs,
                        enum addr_family family, struct model_route *ret_route)
{
    const struct ip_addr *next_hop =
        family == ADDR_IPV4 ? &differs->next_hop4 : &differs->next_hop6;
    memset(ret_route, 0, sizeof(*ret_route));
    if (differs->communities.given)
        take_communities(&differs->communities, ret_route);
    else
        ret_route->communities = *whole;
    ret_route->communities.next_hop = whole->next_hop;
    ret_route->communities.next_hop_len = whole->next_hop_len;
    ret_route->communities.exported = differs->exported;
    if (next_hop->family != ADDR_NONE)
        take_next_hop(next_hop, ret_route);
}

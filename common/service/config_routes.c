#include "common/service/config_read.h"

#include <string.h>

/* The ways `blackhole` and `divert` of a method. */

/* More than any provider asks for, and of whatever kind they are, they fit into one UPDATE. */
enum { COMMUNITIES_MAX = 16 };

static bool read_community(struct config_read *r, const struct config_key *key,
                           const struct config_node *node, void *ret_value)
{
    return (node->kind == NODE_SCALAR && community_parse(ret_value, node->text) == STATUS_OK) ||
           config_wrong(r, key, node,
                        "a community such as \"65535:666\", \"64500:1:2\" or \"rt:64500:100\"");
}

static const struct config_list community_list = {
    {.read = read_community}, sizeof(struct community), 0,
    COMMUNITIES_MAX,          "a list of communities",  true};

static bool read_communities(struct config_read *r, const struct config_key *key,
                             const struct config_node *node, void *ret_value)
{
    struct config_communities *communities = ret_value;
    communities->given = read_list(r, key, node, ret_value);
    return communities->given;
}

static const struct config_key hop4_keys[] = {
    {"next_hop", read_addr4, 0, NULL, NULL, "the IPv4 next hop", CONFIG_REQUIRED},
};
static const struct config_section hop4_section = {"ipv4", CONFIG_KEYS(hop4_keys),
                                                   sizeof(struct ip_addr), CONFIG_NO_POS, NULL};
static const struct config_key hop6_keys[] = {
    {"next_hop", read_addr6, 0, NULL, NULL, "the IPv6 next hop", CONFIG_REQUIRED},
};
static const struct config_section hop6_section = {"ipv6", CONFIG_KEYS(hop6_keys),
                                                   sizeof(struct ip_addr), CONFIG_NO_POS, NULL};

/* --- what differs for some peers ----------------------------------------------------------------
 */

static bool read_export(struct config_read *r, const struct config_key *key,
                        const struct config_node *node, void *ret_value)
{
    bool no_export;
    uint8_t *exported = ret_value;
    if (!read_bool(r, key, node, &no_export))
        return false;
    *exported = no_export ? EXPORT_NOT : EXPORT_ANYWHERE;
    return true;
}

#define AT(member) offsetof(struct config_route_peer, member)
static const struct config_key route_peer_keys[] = {
    {"ipv4", read_section, AT(next_hop4), &hop4_section, NULL, "another next hop for IPv4", 0},
    {"ipv6", read_section, AT(next_hop6), &hop6_section, NULL, "another next hop for IPv6", 0},
    {"communities", read_communities, AT(communities), &community_list, NULL,
     "instead of the method's", 0},
    {"no_export", read_export, AT(exported), NULL, NULL,
     "whether its routes carry NO_EXPORT; left out: as the peer's own entry says", 0},
};
#undef AT
static const struct config_section route_peer_section = {
    "a peer of the method", CONFIG_KEYS(route_peer_keys), sizeof(struct config_route_peer),
    CONFIG_NO_POS, NULL};

static bool read_route_peers(struct config_read *r, const struct config_key *key,
                             const struct config_node *node, void *ret_value)
{
    if (node->kind != NODE_MAP)
        return config_wrong(r, key, node, "names of peers with what differs for them");
    config_refuse_repeated(r, node);
    struct config_array array = {
        arena_take_many(r->arena, node->count + 1, sizeof(struct config_route_peer)), 0};
    struct config_route_peer *at = array.items;
    for (const struct config_node *n = node->first; n != NULL && at != NULL && !config_gave_up(r);
         n = n->next, at++, array.count++) {
        struct config_key peer_key = {.name = n->key->text, .detail = &route_peer_section};
        config_refer(r, KIND_PEER, key, n->key, &at->peer);
        (void)read_section(r, &peer_key, n, at);
    }
    memcpy(ret_value, &array, sizeof(array));
    return array.items != NULL;
}

/* --- the ways -----------------------------------------------------------------------------------
 */

#define AT(member) offsetof(struct config_route, member)
#define PEERS_AT CONFIG_ARRAY_AT(struct config_route, peers, peer_count)
static const struct config_key blackhole_keys[] = {
    {"ipv4", read_section, AT(next_hop4), &hop4_section, NULL, "for IPv4", 0},
    {"ipv6", read_section, AT(next_hop6), &hop6_section, NULL, "for IPv6", 0},
    {"communities", read_communities, AT(communities), &community_list, "[\"65535:666\"]",
     "that routes carry, of any kind; 65535:666 is BLACKHOLE (RFC 7999)", 0},
    {"peers", read_route_peers, PEERS_AT, NULL, NULL,
     "names of peers, each with what differs there: ipv4, ipv6, communities, no_export", 0},
};

static void finish_blackhole(struct config_read *r, const struct config_node *node, void *value)
{
    (void)value;
    if (node_child(node, "ipv4") == NULL && node_child(node, "ipv6") == NULL && !r->partial &&
        !node->cut)
        config_error(r->errors, node->pos,
                     "blackhole without a next hop, expected ipv4, ipv6 or both");
}

const struct config_section blackhole_section = {"blackhole", CONFIG_KEYS(blackhole_keys),
                                                 sizeof(struct config_route), CONFIG_NO_POS,
                                                 finish_blackhole};

static bool read_next_hop(struct config_read *r, const struct config_key *key,
                          const struct config_node *node, void *ret_value)
{
    struct config_route *route = ret_value;
    struct ip_addr addr;
    if (!read_addr(r, key, node, &addr))
        return false;
    *(addr.family == ADDR_IPV4 ? &route->next_hop4 : &route->next_hop6) = addr;
    return true;
}

static const char *const divert_prefixes[] = {"host", NULL};
static const struct config_choices divert_choices = {divert_prefixes, "host"};
static const struct config_key divert_keys[] = {
    {"next_hop", read_next_hop, 0, NULL, NULL, "the scrubbing centre; for its own family",
     CONFIG_REQUIRED},
    {"communities", read_communities, AT(communities), &community_list, NULL,
     "that routes carry, of any kind", 0},
    {"prefix", read_choice, AT(prefix), &divert_choices, "host", "what is diverted", 0},
    {"peers", read_route_peers, PEERS_AT, NULL, NULL,
     "names of peers, each with what differs there: ipv4, ipv6, communities, no_export", 0},
};
#undef AT
const struct config_section divert_section = {"divert", CONFIG_KEYS(divert_keys),
                                              sizeof(struct config_route), CONFIG_NO_POS, NULL};

bool read_blackhole(struct config_read *r, const struct config_key *key,
                    const struct config_node *node, void *ret_value)
{
    ((struct config_route *)ret_value)->kind = ROUTE_BLACKHOLE;
    return read_section(r, key, node, ret_value);
}

bool read_divert(struct config_read *r, const struct config_key *key,
                 const struct config_node *node, void *ret_value)
{
    ((struct config_route *)ret_value)->kind = ROUTE_DIVERT;
    return read_section(r, key, node, ret_value);
}

#include "common/service/config_read.h"

#include <string.h>

/* What the sessions of `peers` ask of the speaker, and of each other. */

static const char *device_of(const struct config_peer *peer)
{
    return peer->device != NULL ? peer->device : "";
}

static bool is_any(const struct ip_addr *addr)
{
    const struct ip_addr any = {.family = addr->family};
    return addr_equal(addr, &any);
}

static bool is_same_session(const struct config_peer *a, const struct config_peer *b)
{
    return a->address.addr.family != ADDR_NONE && a->port == b->port &&
           prefix_equal(&a->address, &b->address) &&
           addr_equal(&a->local_address, &b->local_address) &&
           strcmp(device_of(a), device_of(b)) == 0;
}

/* --- connections that come ----------------------------------------------------------------------
 */

/* A connection to this address of speaker.listen can be the peer's. */
static bool comes_to(const struct config_peer *peer, const struct ip_addr *listen)
{
    return peer->connect != CONNECT_ACTIVE && peer->address.addr.family == listen->family &&
           (peer->local_address.family == ADDR_NONE || is_any(listen) ||
            addr_equal(&peer->local_address, listen));
}

/* They meet at the same socket. */
static bool come_together(const struct config_speaker *speaker, const struct config_peer *a,
                          const struct config_peer *b)
{
    bool together = false;
    for (size_t i = 0; i < speaker->listen_count; i++)
        together = together ||
                   (comes_to(a, &speaker->listen[i].addr) && comes_to(b, &speaker->listen[i].addr));
    return together && strcmp(device_of(a), device_of(b)) == 0;
}

static bool has_password_of(const struct config_peer *a, const struct config_peer *b)
{
    const char *x = a->password_file, *y = b->password_file;
    return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

/* Whose a connection is, is known from its two addresses and its device; the kernel looks for its
 * password by the neighbour's address alone. False: that was said of one of them. */
static bool check_callers(struct config_read *r, const struct config_node *node,
                          const struct config_peer *peer, const struct config_peer *earlier)
{
    if (peer->address.addr.family == ADDR_NONE ||
        !prefix_equal(&peer->address, &earlier->address) ||
        !come_together(&r->config->speaker, peer, earlier))
        return true;
    bool told_apart = !addr_equal(&peer->local_address, &earlier->local_address);
    if (told_apart && has_password_of(peer, earlier))
        return true;
    if (told_apart)
        config_error(r->errors, config_pos_of_key(node, "password_file"),
                     "password_file: not that of the peer with the same address in line %u, "
                     "expected the same, or speaker.listen with the local_address of each: a "
                     "listening socket knows one password of an address",
                     earlier->pos.line);
    else
        config_error(r->errors, node->pos,
                     "a peer with address, local_address and device of the one in line %u, "
                     "expected \"connect: active\" in one of them: nothing says whose a "
                     "connection from there is",
                     earlier->pos.line);
    return false;
}

/* The kernel lets nobody out of the password of a prefix. */
static void check_bare(struct config_read *r, const struct config_node *node,
                       const struct config_peer *peer)
{
    const struct config *c = r->config;
    for (size_t i = 0; i < c->peer_count && peer->password_file == NULL; i++) {
        const struct config_peer *around = &c->peers[i];
        if (around->password_file == NULL || around->address.len >= peer->address.len ||
            around->address.addr.family == ADDR_NONE ||
            !prefix_contains(&around->address, &peer->address.addr) ||
            !come_together(&c->speaker, peer, around))
            continue;
        config_error(r->errors, node->pos,
                     "a peer without password_file inside the prefix of line %u, which has one, "
                     "expected one or \"connect: active\": the kernel takes no unsigned "
                     "connection from the prefix",
                     around->pos.line);
        return;
    }
}

/* One that only waits must be able to come. */
static void check_waiting(struct config_read *r, const struct config_node *node,
                          const struct config_peer *peer)
{
    const struct config_speaker *speaker = &r->config->speaker;
    bool comes = peer->connect != CONNECT_PASSIVE || peer->address.addr.family == ADDR_NONE ||
                 speaker->listen_count == 0 ||
                 !config_shows_all(r, node_child(node_child(r->root, "speaker"), "listen"));
    for (size_t i = 0; i < speaker->listen_count; i++)
        comes = comes || comes_to(peer, &speaker->listen[i].addr);
    if (!comes)
        config_error(r->errors, config_pos_of_key(node, "local_address"),
                     "a passive peer that can connect to no address of speaker.listen, expected "
                     "one of the family of \"address\" that is \"local_address\", or any");
}

/* --- each and all -------------------------------------------------------------------------------
 */

static void check_peer(struct config_read *r, const struct config_node *node,
                       const struct config_peer *peer)
{
    const struct config_speaker *own = &r->config->speaker;
    const struct config_node *speaker = node_child(r->root, "speaker");
    if (!config_shows_all(r, speaker))
        return;
    if (peer->connect != CONNECT_ACTIVE && own->listen_count == 0 &&
        node_child(speaker, "listen") == NULL)
        config_error(r->errors, config_pos_of_key(node, "connect"),
                     "connect: a session that the peer opens, expected speaker.listen to say "
                     "where");
    if (peer->multihop != 0 && peer->remote_as == own->local_as)
        config_error(r->errors, config_pos_of_key(node, "multihop"),
                     "multihop: %u hops to an eBGP neighbour, expected none: remote_as is the "
                     "speaker's local_as, and iBGP may be any number of hops away",
                     peer->multihop);
    check_waiting(r, node, peer);
    check_bare(r, node, peer);
}

static void check_against_earlier(struct config_read *r, const struct config_node *node, size_t at)
{
    const struct config_peer *peers = r->config->peers;
    for (size_t i = 0; i < at; i++) {
        if (is_same_session(&peers[at], &peers[i])) {
            config_error(r->errors, node->pos,
                         "a peer with address and port of another, expected each once; it "
                         "stands in line %u already",
                         peers[i].pos.line);
            return;
        }
    }
    for (size_t i = 0; i < at; i++)
        if (!check_callers(r, node, &peers[at], &peers[i]))
            return;
}

/* The first that is one too many. */
static void check_count(struct config_read *r, const struct config_node *first)
{
    const struct config *c = r->config;
    size_t hosts = 0, prefixes = 0;
    for (size_t i = 0; i < c->peer_count && first != NULL; i++, first = first->next) {
        bool dynamic = config_peer_is_dynamic(&c->peers[i]);
        if (dynamic && ++prefixes == CONFIG_PEER_PREFIXES_MAX + 1)
            config_error(r->errors, first->pos,
                         "one prefix of neighbours too many, expected at most %d",
                         CONFIG_PEER_PREFIXES_MAX);
        if (!dynamic && ++hosts == CONFIG_PEERS_MAX + 1)
            config_error(r->errors, first->pos,
                         "one peer with an address of its own too many, expected at most %d",
                         CONFIG_PEERS_MAX);
    }
}

void config_check_sessions(struct config_read *r)
{
    const struct config *c = r->config;
    const struct config_node *speaker = node_child(r->root, "speaker");
    const struct config_node *peers = node_child(r->root, "peers");
    if (peers == NULL || peers->count == 0)
        return;
    bool shown = config_shows_all(r, speaker);
    if (shown && c->speaker.router_id.family == ADDR_NONE &&
        node_child(speaker, "router_id") == NULL)
        config_error(r->errors, speaker != NULL ? speaker->pos : peers->pos,
                     "speaker without \"router_id\", expected it: there are peers");
    if (shown && c->speaker.local_as == 0 && node_child(speaker, "local_as") == NULL)
        config_error(r->errors, speaker != NULL ? speaker->pos : peers->pos,
                     "speaker without \"local_as\", expected it: there are peers");
    const struct ip_addr nobody = addr_from_ipv4(0);
    if (addr_equal(&c->speaker.router_id, &nobody))
        config_error(r->errors, config_pos_of_key(speaker, "router_id"),
                     "router_id: \"0.0.0.0\", expected an address that is not zero");
    check_count(r, peers->first);
    const struct config_exabgp *exabgp = &c->speaker.exabgp;
    if (exabgp->enabled && exabgp->peer < c->peer_count &&
        config_peer_is_dynamic(&c->peers[exabgp->peer]))
        config_error(r->errors, config_pos_of_key(node_child(speaker, "exabgp"), "peer"),
                     "peer: its address is a prefix, expected that of one of ExaBGP's neighbours");
    const struct config_node *n = peers->first;
    for (size_t i = 0; i < c->peer_count && n != NULL; i++, n = n->next) {
        check_peer(r, n, &c->peers[i]);
        check_against_earlier(r, n, i);
    }
}

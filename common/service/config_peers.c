#include "common/service/config_read.h"

#include <string.h>

/* The sections `peers`, `platforms` and `profiles`. */

enum {
    PEERS_MAX = CONFIG_PEERS_MAX + CONFIG_PEER_PREFIXES_MAX,
    PLATFORMS_MAX = 1000,
    PROFILES_MAX = 1000
};

_Static_assert(sizeof(enum config_connect) == sizeof(unsigned int), "read_choice writes an int");

static const struct config_range port_range = {1, UINT16_MAX, "a port from 1 to 65535"};
static const struct config_range as_range = {1, UINT32_MAX - 1,
                                             "an AS number from 1 to 4294967294"};
static const struct config_range pace_range = {1, 100 * 1000, "a number from 1 to 100000"};
static const struct config_range routes_range = {1, 1000 * 1000, "a number from 1 to 1000000"};
static const struct config_range any_u32 = {0, UINT32_MAX, "a number from 0 to 4294967295"};
static const struct config_range retry_range = {100, 3600 * 1000, "a duration from 100ms to 1h"};
/* Longer than this, nobody should trust routes whose speaker is gone. */
static const struct config_range restart_range = {0, 120 * 1000, "a duration from 0s to 120s"};
static const struct config_range sessions_range = {1, 64, "a number from 1 to 64"};
static const struct config_range hop_range = {1, 254, "none or a number from 1 to 254"};
enum { DEVICE_LEN_MAX = 15 }; /* of the kernel: IFNAMSIZ with its end */
static const struct config_range rate_range = {8, 1000 * 1000 * 1000000000ULL,
                                               "a rate with its unit"};

static const char *const connect_names[] = {"active", "passive", "both", NULL};
static const struct config_choices connects = {connect_names, "active, passive or both"};

/* RFC 4271, 4.2: no hold timer, or one of at least three seconds. */
static bool read_hold(struct config_read *r, const struct config_key *key,
                      const struct config_node *node, void *ret_value)
{
    static const struct config_range range = {0, 65535 * 1000ULL,
                                              "0s or a duration from 3s to 65535s, whole seconds"};
    struct config_key ranged = *key;
    ranged.detail = &range;
    uint64_t ms = 0;
    if (!read_duration(r, &ranged, node, &ms))
        return false;
    if (ms % 1000 != 0 || (ms > 0 && ms < 3000))
        return config_wrong(r, key, node, range.what);
    memcpy(ret_value, &ms, sizeof(ms));
    return true;
}

static bool is_none(const struct config_node *node)
{
    return node->kind == NODE_SCALAR && strcmp(node->text, "none") == 0;
}

static bool read_hops(struct config_read *r, const struct config_key *key,
                      const struct config_node *node, void *ret_value)
{
    static const uint16_t none;
    if (!is_none(node))
        return read_u16(r, key, node, ret_value);
    memcpy(ret_value, &none, sizeof(none));
    return true;
}

/* What the kernel lets an interface be called. */
static bool read_device(struct config_read *r, const struct config_key *key,
                        const struct config_node *node, void *ret_value)
{
    static const char *const none;
    if (is_none(node)) {
        memcpy(ret_value, &none, sizeof(none));
        return true;
    }
    size_t len = node->kind == NODE_SCALAR ? strlen(node->text) : 0;
    bool named = len > 0 && len <= DEVICE_LEN_MAX && strcmp(node->text, ".") != 0 &&
                 strcmp(node->text, "..") != 0;
    for (size_t i = 0; i < len; i++)
        named = named && node->text[i] > ' ' && node->text[i] <= '~' &&
                strchr("/:", node->text[i]) == NULL;
    if (!named)
        return config_wrong(r, key, node, "none or the name of an interface or a VRF");
    return read_plain(r, key, node, ret_value);
}

struct family_name {
    const char *name;
    unsigned int bit;
};

static bool read_bits(struct config_read *r, const struct config_key *key,
                      const struct config_node *node, const struct family_name *names,
                      const char *want, unsigned int *ret_bits)
{
    unsigned int bits = 0;
    if (node->kind != NODE_LIST || node->count == 0)
        return config_wrong(r, key, node, want);
    for (const struct config_node *n = node->first; n != NULL; n = n->next) {
        const struct family_name *f = names;
        while (f->name != NULL && (n->kind != NODE_SCALAR || strcmp(n->text, f->name) != 0))
            f++;
        if (f->name == NULL)
            (void)config_wrong(r, key, n, want);
        else if ((bits & f->bit) != 0)
            (void)config_wrong(r, key, n, "each family once");
        bits |= f->name == NULL ? 0 : f->bit;
    }
    *ret_bits = bits;
    return true;
}

static bool read_peer_families(struct config_read *r, const struct config_key *key,
                               const struct config_node *node, void *ret_value)
{
    static const struct family_name names[] = {{"ipv4-flowspec", FAMILY_FLOW4},
                                               {"ipv6-flowspec", FAMILY_FLOW6},
                                               {"ipv4-unicast", FAMILY_UNICAST4},
                                               {"ipv6-unicast", FAMILY_UNICAST6},
                                               {NULL, 0}};
    return read_bits(r, key, node, names,
                     "a list of ipv4-flowspec, ipv6-flowspec, ipv4-unicast, ipv6-unicast",
                     ret_value);
}

static bool read_platform_families(struct config_read *r, const struct config_key *key,
                                   const struct config_node *node, void *ret_value)
{
    static const struct family_name names[] = {
        {"ipv4", FAMILY_FLOW4}, {"ipv6", FAMILY_FLOW6}, {NULL, 0}};
    return read_bits(r, key, node, names, "a list of ipv4, ipv6", ret_value);
}

#define AT(member) offsetof(struct config_peer, member)
static const struct config_key timer_keys[] = {
    {"hold", read_hold, AT(hold_ms), NULL, "90s", "silence that ends the session", 0},
    {"connect_retry", read_duration, AT(connect_retry_ms), &retry_range, "5s",
     "most time between attempts to connect; the first come sooner", 0},
};
static const struct config_section timer_section = {
    "timers", CONFIG_KEYS(timer_keys), sizeof(struct config_peer), CONFIG_NO_POS, NULL};

static const struct config_key peer_keys[] = {
    {"name", read_name, AT(name), NULL, NULL, "what platforms and people call it", CONFIG_REQUIRED},
    {"address", read_prefix, AT(address), NULL, NULL,
     "the neighbour's address; of a prefix each router that connects from there is a neighbour",
     CONFIG_REQUIRED},
    {"port", read_u16, AT(port), &port_range, "179", "the neighbour's port", 0},
    {"remote_as", read_u32, AT(remote_as), &as_range, NULL,
     "its AS number; that of the speaker: iBGP", CONFIG_REQUIRED},
    {"local_address", read_addr, AT(local_address), NULL, NULL,
     "our end of the session; left out: the kernel's choice", 0},
    {"profile", read_text, AT(profile), NULL, "generic", "what the router can take", 0},
    {"families", read_peer_families, AT(families), NULL, "[ipv4-flowspec, ipv6-flowspec]",
     "what the session carries", 0},
    {"connect", read_choice, AT(connect), &connects, "active",
     "who connects; passive needs speaker.listen", 0},
    {"timers", read_section, 0, &timer_section, "{}", "of the session", 0},
    {"graceful_restart", read_duration, AT(graceful_restart_ms), &restart_range, "120s",
     "how long it keeps the routes of a speaker that is gone, at most the shortest lease of a "
     "method; 0s: not at all",
     0},
    {"max_sessions", read_u32, AT(max_sessions), &sessions_range, "16",
     "neighbours at once, where the address is a prefix", 0},
    {"password_file", read_path, AT(password_file), NULL, NULL,
     "holds the TCP MD5 password (RFC 2385): one line of at most 80 octets, not for everybody to "
     "read",
     0},
    {"gtsm_hops", read_hops, AT(gtsm_hops), &hop_range, "none",
     "sends with TTL 255 and accepts nothing from farther away (RFC 5082); both sides must", 0},
    {"multihop", read_hops, AT(multihop), &hop_range, "none",
     "hops to an eBGP neighbour; none: it is directly connected", 0},
    {"device", read_device, AT(device), NULL, "none",
     "the VRF of the session, or the interface of a link-local address", 0},
    {"updates_per_second", read_u32, AT(updates_per_second), &pace_range, "100",
     "updates that it is sent a second", 0},
    {"max_routes", read_u32, AT(max_routes), &routes_range, "200", "routes that it is sent", 0},
    {"no_export", read_bool, AT(no_export), NULL, "true", "whether routes carry NO_EXPORT", 0},
    {"local_preference", read_u32, AT(local_preference), &any_u32, "100", "of routes to iBGP", 0},
};
#undef AT

static bool is_link_local(const struct ip_addr *addr)
{
    return addr->family == ADDR_IPV6 && addr->octets[0] == 0xfe && (addr->octets[1] & 0xc0) == 0x80;
}

bool config_peer_is_dynamic(const struct config_peer *peer)
{
    return peer->address.addr.family != ADDR_NONE &&
           peer->address.len < (peer->address.addr.family == ADDR_IPV6 ? 128 : 32);
}

/* What a name may have, so that NAME@ADDRESS has room. */
enum { DYNAMIC_NAME_MAX = 24 };

static void finish_dynamic(struct config_read *r, const struct config_node *node,
                           const struct config_peer *peer)
{
    const struct config_node *connect = node_child(node, "connect");
    if (peer->connect != CONNECT_PASSIVE)
        config_error(r->errors, connect != NULL ? connect->pos : node->pos,
                     "connect: %s, expected passive: the address is a prefix, and its routers "
                     "connect to us",
                     connect_names[peer->connect]);
    if (peer->name != NULL && strlen(peer->name) > DYNAMIC_NAME_MAX)
        config_error(r->errors, node_child(node, "name")->pos,
                     "name: expected at most %d characters, because each neighbour is called "
                     "NAME@ADDRESS",
                     DYNAMIC_NAME_MAX);
}

static void finish_peer(struct config_read *r, const struct config_node *node, void *value)
{
    const struct config_peer *peer = value;
    if (config_peer_is_dynamic(peer))
        finish_dynamic(r, node, peer);
    if (peer->gtsm_hops != 0 && peer->multihop != 0)
        config_error(r->errors, node_child(node, "multihop")->pos,
                     "multihop: with gtsm_hops, which says the hops itself, expected one of the "
                     "two");
    if (is_link_local(&peer->address.addr) && peer->device == NULL &&
        node_child(node, "device") == NULL)
        config_error(r->errors, node_child(node, "address")->pos,
                     "address: a link-local address, expected \"device\" to say on which "
                     "interface");
    if (peer->local_address.family != ADDR_NONE && peer->address.addr.family != ADDR_NONE &&
        peer->local_address.family != peer->address.addr.family)
        config_error(r->errors, node_child(node, "local_address")->pos,
                     "local_address: not of the family of address, expected both IPv4 or both "
                     "IPv6");
}

static const struct config_section peer_section = {"a peer", CONFIG_KEYS(peer_keys),
                                                   sizeof(struct config_peer),
                                                   offsetof(struct config_peer, pos), finish_peer};
const struct config_list peer_list = {{.read = read_section, .detail = &peer_section},
                                      sizeof(struct config_peer),
                                      0,
                                      PEERS_MAX,
                                      "a list of peers",
                                      false};

/* --- platforms ----------------------------------------------------------------------------------
 */

bool read_peer_index(struct config_read *r, const struct config_key *key,
                     const struct config_node *node, void *ret_value)
{
    const char *name = NULL;
    if (!read_name(r, key, node, &name))
        return false;
    config_refer(r, KIND_PEER, key, node, ret_value);
    return true;
}

static const struct config_list platform_peers = {
    {.read = read_peer_index}, sizeof(size_t), 1, PEERS_MAX, "a list of names of peers", true};

static bool parse_len(const struct config_node *node, uint64_t least, uint64_t most,
                      uint8_t *ret_len)
{
    uint64_t len = 0;
    if (node == NULL || node->kind != NODE_SCALAR || node->text[0] != '/' ||
        text_parse_u64(&len, node->text + 1, most) != STATUS_OK || len < least)
        return false;
    *ret_len = (uint8_t)len;
    return true;
}

static bool read_widest(struct config_read *r, const struct config_key *key,
                        const struct config_node *node, void *ret_value)
{
    uint8_t lens[2] = {0}; /* widest4, widest6 */
    if (node->kind != NODE_LIST || node->count != 2)
        return config_wrong(r, key, node, "two lengths, for IPv4 and IPv6, such as [/24, /48]");
    bool ok = parse_len(node_item(node, 0), 8, 32, &lens[0]) ||
              config_wrong(r, key, node_item(node, 0), "a length from /8 to /32");
    ok = (parse_len(node_item(node, 1), 16, 128, &lens[1]) ||
          config_wrong(r, key, node_item(node, 1), "a length from /16 to /128")) &&
         ok;
    if (ok)
        memcpy(ret_value, lens, sizeof(lens));
    return ok;
}

_Static_assert(offsetof(struct config_platform, widest6) ==
                   offsetof(struct config_platform, widest4) + 1,
               "read_widest writes both");

static const struct config_range rules_range = {1, 1000 * 1000, "a number from 1 to 1000000"};
static const struct config_range mtu_range = {576, 65535, "octets, a number from 576 to 65535"};

#define AT(member) offsetof(struct config_platform, member)
static const struct config_key platform_keys[] = {
    {"name", read_name, AT(name), NULL, NULL, "what methods and people call it", CONFIG_REQUIRED},
    {"peers", read_list, CONFIG_ARRAY_AT(struct config_platform, peers, peer_count),
     &platform_peers, NULL, "the names of its peers", CONFIG_REQUIRED},
    {"max_rules", read_u32, AT(max_rules), &rules_range, "200", "rules that may stand at once", 0},
    {"widest", read_widest, AT(widest4), NULL, "[/24, /48]", "the shortest destination prefixes",
     0},
    {"mtu", read_u32, AT(mtu_bytes), &mtu_range, "9192", "the longest packet", 0},
    {"default_action", read_action_later, 0, NULL, NULL, "where a method names none", CONFIG_LATER},
    {"families", read_platform_families, AT(families), NULL, "[ipv4, ipv6]", "what it takes", 0},
    {"dry_run", read_bool, AT(dry_run), NULL, "false", "adds dry run, never takes it away", 0},
};
#undef AT
static const struct config_section platform_section = {"a platform", CONFIG_KEYS(platform_keys),
                                                       sizeof(struct config_platform),
                                                       offsetof(struct config_platform, pos), NULL};
static const struct config_list platform_list = {
    {.read = read_section, .detail = &platform_section},
    sizeof(struct config_platform),
    0,
    PLATFORMS_MAX,
    "a list of platforms",
    false};

bool read_platforms(struct config_read *r, const struct config_key *key,
                    const struct config_node *node, void *ret_value)
{
    struct config_key list_key = *key;
    size_t before = config_faults(r);
    list_key.detail = &platform_list;
    bool ok = read_list(r, &list_key, node, ret_value);
    r->config->platforms_flawed = config_faults(r) != before;
    return ok;
}

/* --- profiles -----------------------------------------------------------------------------------
 */

_Static_assert(sizeof(enum config_order) == sizeof(unsigned int) &&
                   sizeof(enum config_need) == sizeof(unsigned int) &&
                   sizeof(enum config_redirect) == sizeof(unsigned int),
               "read_choice writes an int");

static const char *const order_names[] = {"based_on", "rfc", "draft-6", NULL};
static const struct config_choices orders = {order_names, "based_on, rfc or draft-6"};
static const char *const need_names[] = {"based_on", "yes", "no", NULL};
static const char *const redirect_names[] = {"based_on", "next-hop", NULL};
static const struct config_choices redirects = {redirect_names, "based_on or next-hop"};
static const struct config_choices needs = {need_names, "based_on, yes or no"};

#define AT(member) offsetof(struct config_profile, member)
static const struct config_key profile_keys[] = {
    {"name", read_name, AT(name), NULL, NULL, "what peers call it", CONFIG_REQUIRED},
    {"based_on", read_text, AT(based_on), NULL, "generic",
     "the profile that it differs from: built in, or one that stands before it", 0},
    {"max_routes", read_u32, AT(max_routes), &routes_range, NULL,
     "routes that it takes; the peer's own max_routes may be lower", 0},
    {"min_rate", read_bit_rate, AT(min_rate_bps), &rate_range, NULL,
     "the lowest limit that it takes", 0},
    {"rate_step", read_bit_rate, AT(rate_step_bps), &rate_range, NULL,
     "its limits are multiples of this", 0},
    {"order", read_choice, AT(order), &orders, "based_on",
     "in which it tries rules: rfc, or draft-6 (Junos: term-order legacy)", 0},
    {"destination_required", read_choice, AT(destination_required), &needs, "based_on",
     "whether it takes no rule without a destination, as routers that validate do", 0},
    {"redirect_to_ip", read_choice, AT(redirect_to_ip), &redirects, "based_on",
     "next-hop: it takes a redirect-to-ip as 0x0800, with the address as the route's next hop", 0},
};
#undef AT
static const struct config_section profile_section = {"a profile", CONFIG_KEYS(profile_keys),
                                                      sizeof(struct config_profile),
                                                      offsetof(struct config_profile, pos), NULL};
const struct config_list profile_list = {{.read = read_section, .detail = &profile_section},
                                         sizeof(struct config_profile),
                                         0,
                                         PROFILES_MAX,
                                         "a list of profiles",
                                         false};

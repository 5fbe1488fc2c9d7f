#include "common/service/config_read.h"

#include <string.h>

/* What is checked as far as it can be, and then refused: the ways out beside Flowspec, some
 * actions, vectors, notifications. Values are kept nowhere. */

enum { NOTIFICATIONS_MAX = 1000, EVENTS_MAX = 16, COMMUNITIES_MAX = 64 };

/* --- values -------------------------------------------------------------------------------------
 */

/* "65535:666": the number before the colon, and what stands behind it. */
static bool parse_pair(const char *text, uint64_t most, uint64_t *ret_first, uint64_t *ret_second)
{
    char first[12];
    size_t len = strcspn(text, ":");
    if (text[len] != ':' || len >= sizeof(first))
        return false;
    memcpy(first, text, len);
    first[len] = '\0';
    return text_parse_u64(ret_first, first, most) == STATUS_OK &&
           text_parse_u64(ret_second, text + len + 1, most) == STATUS_OK;
}

static bool read_community(struct config_read *r, const struct config_key *key,
                           const struct config_node *node, void *ret_value)
{
    uint64_t as, number;
    (void)ret_value;
    return (node->kind == NODE_SCALAR && parse_pair(node->text, UINT16_MAX, &as, &number)) ||
           config_wrong(r, key, node, "a community such as \"65535:666\"");
}

bool read_vrf(struct config_read *r, const struct config_key *key, const struct config_node *node,
              void *ret_value)
{
    uint64_t first = 0, second = 0;
    struct ip_endpoint endpoint;
    (void)ret_value;
    bool ok =
        node->kind == NODE_SCALAR &&
        (parse_pair(node->text, UINT32_MAX, &first, &second) ||
         (endpoint_parse(&endpoint, node->text) == STATUS_OK && endpoint.addr.family == ADDR_IPV4));
    /* RFC 8955, 7.4: six octets hold both numbers. */
    ok = ok && (first <= UINT16_MAX || second <= UINT16_MAX);
    return ok || config_wrong(r, key, node, "a route target such as \"64500:100\"");
}

bool read_dscp(struct config_read *r, const struct config_key *key, const struct config_node *node,
               void *ret_value)
{
    const char *text = node->text;
    uint64_t number = 0;
    (void)ret_value;
    bool ok = node->kind == NODE_SCALAR &&
              (text_parse_u64(&number, text, 63) == STATUS_OK || strcmp(text, "ef") == 0 ||
               strcmp(text, "va") == 0 ||
               (strlen(text) == 3 && strncmp(text, "cs", 2) == 0 && strchr("01234567", text[2])) ||
               (strlen(text) == 4 && strncmp(text, "af", 2) == 0 && strchr("1234", text[2]) &&
                strchr("123", text[3])));
    return ok || config_wrong(r, key, node, "a DSCP: 0 to 63, ef, va, af11 to af43, cs0 to cs7");
}

/* --- ways out -----------------------------------------------------------------------------------
 */

static const struct config_list community_list = {
    {.read = read_community}, sizeof(uint64_t), 0, COMMUNITIES_MAX, "a list of communities", true};
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

static const struct config_key blackhole_peer_keys[] = {
    {"communities", read_list, 0, &community_list, NULL, "instead of the method's", 0},
    {"no_export", read_bool, 0, NULL, NULL, "whether its routes carry NO_EXPORT", 0},
};
static const struct config_section blackhole_peer_section = {
    "a peer of blackhole", CONFIG_KEYS(blackhole_peer_keys), sizeof(struct config_array),
    CONFIG_NO_POS, NULL};

static bool read_blackhole_peers(struct config_read *r, const struct config_key *key,
                                 const struct config_node *node, void *ret_value)
{
    if (node->kind != NODE_MAP)
        return config_wrong(r, key, node, "names of peers with what differs for them");
    config_refuse_repeated(r, node);
    for (const struct config_node *n = node->first; n != NULL && !config_gave_up(r); n = n->next) {
        struct config_key peer_key = {.name = n->key->text, .detail = &blackhole_peer_section};
        config_refer(r, KIND_PEER, key, n->key, NULL);
        (void)read_section(r, &peer_key, n, ret_value);
    }
    return true;
}

static const struct config_key blackhole_keys[] = {
    {"ipv4", read_section, 0, &hop4_section, NULL, "for IPv4", 0},
    {"ipv6", read_section, 0, &hop6_section, NULL, "for IPv6", 0},
    {"communities", read_list, 0, &community_list, NULL, "that routes carry", 0},
    {"peers", read_blackhole_peers, 0, NULL, NULL, "what differs for some peers", 0},
};
const struct config_section blackhole_section = {"blackhole", CONFIG_KEYS(blackhole_keys),
                                                 sizeof(struct ip_addr), CONFIG_NO_POS, NULL};

static const char *const divert_prefixes[] = {"host", NULL};
static const struct config_choices divert_choices = {divert_prefixes, "host"};
static const struct config_key divert_keys[] = {
    {"next_hop", read_addr, 0, NULL, NULL, "the scrubbing centre", CONFIG_REQUIRED},
    {"communities", read_list, 0, &community_list, NULL, "that routes carry", 0},
    {"prefix", read_choice, 0, &divert_choices, NULL, "what is diverted", 0},
};
const struct config_section divert_section = {"divert", CONFIG_KEYS(divert_keys),
                                              sizeof(struct ip_addr), CONFIG_NO_POS, NULL};

static const struct config_key external_keys[] = {
    {"webhook", read_plain, 0, NULL, NULL, "the address that is posted to", CONFIG_REQUIRED},
    {"start", read_plain, 0, NULL, NULL, "what is posted to start", 0},
    {"stop", read_plain, 0, NULL, NULL, "what is posted to stop", 0},
};
const struct config_section external_section = {"external", CONFIG_KEYS(external_keys),
                                                sizeof(const char *), CONFIG_NO_POS, NULL};

/* --- vectors and notifications ------------------------------------------------------------------
 */

static const struct config_key vector_keys[] = {
    {"action", read_action_later, 0, NULL, NULL, "what is done", CONFIG_REQUIRED},
};
static const struct config_section vector_section = {"a vector", CONFIG_KEYS(vector_keys), 16,
                                                     CONFIG_NO_POS, NULL};

bool read_vectors(struct config_read *r, const struct config_key *key,
                  const struct config_node *node, void *ret_value)
{
    if (node->kind != NODE_MAP)
        return config_wrong(r, key, node, "names of vectors with actions");
    config_refuse_repeated(r, node);
    for (const struct config_node *n = node->first; n != NULL && !config_gave_up(r); n = n->next) {
        struct config_key vector_key = {.name = n->key->text, .detail = &vector_section};
        (void)read_section(r, &vector_key, n, ret_value);
    }
    return true;
}

static const char *const event_names[] = {"alarm", "mitigation", "refusal", NULL};
static const struct config_choices events = {event_names, "alarm, mitigation or refusal"};
static const struct config_list event_list = {{.read = read_choice, .detail = &events},
                                              sizeof(unsigned int),
                                              1,
                                              EVENTS_MAX,
                                              "a list of alarm, mitigation, refusal",
                                              false};
static const char *const style_names[] = {"weir", "fastnetmon", NULL};
static const struct config_choices styles = {style_names, "weir or fastnetmon"};
static const struct config_range queue_range = {1, 1000 * 1000, "a number from 1 to 1000000"};

static const struct config_key notification_keys[] = {
    {"name", read_name, 0, NULL, NULL, "what people call it", CONFIG_REQUIRED},
    {"webhook", read_plain, 0, NULL, NULL, "the address that is posted to", 0},
    {"secret_file", read_path, 0, NULL, NULL, "holds the key that signs", 0},
    {"on", read_list, 0, &event_list, NULL, "what is told", 0},
    {"queue", read_u32, 0, &queue_range, NULL, "how much may wait", 0},
    {"exec", read_path, 0, NULL, NULL, "the program that is run", 0},
    {"style", read_choice, 0, &styles, NULL, "its arguments", 0},
};
static const struct config_section notification_section = {
    "a notification", CONFIG_KEYS(notification_keys), 16, CONFIG_NO_POS, NULL};
const struct config_list notification_list = {
    {.read = read_section, .detail = &notification_section},
    16,
    0,
    NOTIFICATIONS_MAX,
    "a list of notifications",
    false};

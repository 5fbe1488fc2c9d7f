#include "proto/alarm.h"
#include "proto/map.h"
#include "proto/message.h"
#include "proto/mitigation.pb-c.h"
#include "proto/state.h"

#include <string.h>

typedef Weir__V1__Mitigation mitigation_message;

enum {
    COMMUNITIES_MAX = sizeof(((struct mitigation *)0)->communities) / COMMUNITY_LEN,
    COMMUNITIES6_MAX = sizeof(((struct mitigation *)0)->communities6) / COMMUNITY6_LEN
};

static const char *const mitigation_state_names[] = {
#define X(name, text) text,
    MITIGATION_STATES(X)
#undef X
};

#define X(name, text)                                                                              \
    _Static_assert((int)MITIGATION_##name == (int)WEIR__V1__MITIGATION_STATE__MITIGATION_##name,   \
                   "as in .proto");
MITIGATION_STATES(X)
#undef X
_Static_assert((int)ORIGIN_PERSON == (int)WEIR__V1__MITIGATION_ORIGIN__ORIGIN_PERSON,
               "as in .proto");
_Static_assert((int)ROUTE_DIVERT == (int)WEIR__V1__ROUTE_KIND__ROUTE_DIVERT, "as in .proto");
_Static_assert((int)ORIGIN_API == (int)WEIR__V1__MITIGATION_ORIGIN__ORIGIN_API, "as in .proto");

#define TEXT(member) MAP_TEXT(struct mitigation, member, mitigation_message, member)
#define U64(member) MAP_U64(struct mitigation, member, mitigation_message, member)
#define BOOL(member) MAP_BOOL(struct mitigation, member, mitigation_message, member)

static const struct map_field mitigation_map[] = {
    TEXT(id),
    TEXT(alarm),
    TEXT(policy),
    TEXT(method),
    MAP_ENUM(struct mitigation, origin, mitigation_message, origin, ORIGIN_API + 1),
    TEXT(who),
    TEXT(reason),
    MAP_ENUM(struct mitigation, state, mitigation_message, state, MITIGATION_STATE_COUNT),
    BOOL(dry_run),
    MAP_SMALL(struct mitigation, family, mitigation_message, family, 6),
    TEXT(rule),
    U64(epoch),
    U64(revision),
    U64(created_ms),
    U64(announced_ms),
    U64(active_ms),
    U64(withdraw_asked_ms),
    U64(ended_ms),
    U64(until_ms),
    U64(renewed_ms),
    U64(lease_ms),
    U64(withdraw_after_ms),
    BOOL(withdraw_manual),
    U64(crossed_ms),
    U64(decided_ms),
    TEXT(why_ended),
    MAP_ENUM(struct mitigation, route, mitigation_message, route, ROUTE_KIND_COUNT),
};
enum { MITIGATION_MAP = sizeof(mitigation_map) / sizeof(mitigation_map[0]) };

static const struct scan_column mitigation_columns[] = {{14, 0}};

static const struct scan_rules mitigation_rules = {
    .type = &weir__v1__mitigation__descriptor,
    .len_max = STATE_LEN_MAX,
    .fields_max = STATE_FIELDS_MAX,
    .columns = mitigation_columns,
    .column_count = 1,
    .group_max = {MITIGATION_PEERS_MAX},
};

const char *mitigation_state_name(enum mitigation_state s)
{
    return (unsigned int)s < MITIGATION_STATE_COUNT ? mitigation_state_names[s] : "unknown";
}

static bool next_hop_valid(size_t len)
{
    return len == 0 || len == 4 || len == NEXT_HOP_LEN_MAX;
}

static bool family_valid(uint32_t family)
{
    return family == ADDR_IPV4 || family == ADDR_IPV6;
}

enum status mitigation_encode(const struct mitigation *m, struct text *ret_bytes)
{
    mitigation_message message;
    char *peers[MITIGATION_PEERS_MAX];
    weir__v1__mitigation__init(&message);
    if (m->nlri_len > NLRI_MAX || m->community_count > COMMUNITIES_MAX ||
        m->community6_count > COMMUNITIES6_MAX || m->peer_count > MITIGATION_PEERS_MAX ||
        m->standard_count > MITIGATION_STANDARD_MAX || m->large_count > MITIGATION_LARGE_MAX)
        return STATUS_LIMIT;
    if (!family_valid(m->family) || !next_hop_valid(m->next_hop_len))
        return STATUS_RANGE;
    enum status status = map_to_message(mitigation_map, MITIGATION_MAP, m, &message);
    if (status == STATUS_OK)
        status = state_lend_strings(peers, m->peers[0], m->peer_count, NAME_MAX_LEN + 1);
    if (status != STATUS_OK)
        return status;
    message.n_peers = m->peer_count;
    message.peers = peers;
    message.nlri = (ProtobufCBinaryData){m->nlri_len, message_lend_bytes(m->nlri)};
    message.communities = (ProtobufCBinaryData){m->community_count * COMMUNITY_LEN,
                                                message_lend_bytes(m->communities[0])};
    message.communities6 = (ProtobufCBinaryData){m->community6_count * COMMUNITY6_LEN,
                                                 message_lend_bytes(m->communities6[0])};
    message.next_hop = (ProtobufCBinaryData){m->next_hop_len, message_lend_bytes(m->next_hop)};
    message.standard_communities = (ProtobufCBinaryData){m->standard_count * COMMUNITY_STANDARD_LEN,
                                                         message_lend_bytes(m->standard[0])};
    message.large_communities = (ProtobufCBinaryData){m->large_count * COMMUNITY_LARGE_LEN,
                                                      message_lend_bytes(m->large[0])};
    return message_append(&mitigation_rules, &message.base, &m->unknown, ret_bytes);
}

/* Whole items of this length, and no more of them than there is room for. */
static bool items_fit(const ProtobufCBinaryData *items, size_t room, size_t len)
{
    return items->len <= room && items->len % len == 0;
}

static size_t copy_items(uint8_t *ret_items, const ProtobufCBinaryData *items, size_t len)
{
    if (items->len > 0)
        memcpy(ret_items, items->data, items->len);
    return items->len / len;
}

static enum status mitigation_from_message(struct mitigation *ret_m,
                                           const mitigation_message *message, struct text *unknown)
{
    if (map_check(mitigation_map, MITIGATION_MAP, message) != STATUS_OK ||
        !family_valid(message->family) || message->nlri.len > NLRI_MAX ||
        !next_hop_valid(message->next_hop.len) ||
        !items_fit(&message->communities, sizeof(ret_m->communities), COMMUNITY_LEN) ||
        !items_fit(&message->communities6, sizeof(ret_m->communities6), COMMUNITY6_LEN) ||
        !items_fit(&message->standard_communities, sizeof(ret_m->standard),
                   COMMUNITY_STANDARD_LEN) ||
        !items_fit(&message->large_communities, sizeof(ret_m->large), COMMUNITY_LARGE_LEN) ||
        !state_strings_fit(message->peers, message->n_peers, NAME_MAX_LEN + 1))
        return STATUS_MALFORMED;
    memset(ret_m, 0, sizeof(*ret_m));
    map_to_noun(mitigation_map, MITIGATION_MAP, message, ret_m);
    ret_m->nlri_len = copy_items(ret_m->nlri, &message->nlri, 1);
    ret_m->community_count =
        copy_items(ret_m->communities[0], &message->communities, COMMUNITY_LEN);
    ret_m->community6_count =
        copy_items(ret_m->communities6[0], &message->communities6, COMMUNITY6_LEN);
    ret_m->next_hop_len = (uint8_t)copy_items(ret_m->next_hop, &message->next_hop, 1);
    ret_m->standard_count =
        copy_items(ret_m->standard[0], &message->standard_communities, COMMUNITY_STANDARD_LEN);
    ret_m->large_count =
        copy_items(ret_m->large[0], &message->large_communities, COMMUNITY_LARGE_LEN);
    state_copy_strings(ret_m->peers[0], message->peers, message->n_peers, NAME_MAX_LEN + 1);
    ret_m->peer_count = message->n_peers;
    ret_m->unknown = *unknown;
    text_init(unknown, 0);
    return STATUS_OK;
}

enum status mitigation_decode(struct mitigation *ret_m, const uint8_t *bytes, size_t len)
{
    ProtobufCMessage *message = NULL;
    struct scan_result lens;
    struct text unknown;
    text_init(&unknown, STATE_UNKNOWN_MAX);
    enum status status = message_unpack(&mitigation_rules, bytes, len, &message, &lens, &unknown);
    if (status == STATUS_OK)
        status = mitigation_from_message(ret_m, (const mitigation_message *)message, &unknown);
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, NULL);
    text_done(&unknown);
    return status;
}

struct communities mitigation_communities(const struct mitigation *m)
{
    return (struct communities){.at = m->communities,
                                .count = m->community_count,
                                .ipv6 = m->communities6,
                                .ipv6_count = m->community6_count,
                                .standard = m->standard,
                                .standard_count = m->standard_count,
                                .large = m->large,
                                .large_count = m->large_count,
                                .next_hop = m->next_hop,
                                .next_hop_len = m->next_hop_len};
}

const char *mitigation_collateral(const struct mitigation *m)
{
    switch ((enum route_kind)m->route) {
    case ROUTE_BLACKHOLE:
        return "all traffic to the prefix is dropped, not the attack alone";
    case ROUTE_DIVERT:
        return "all traffic to the prefix goes to the next hop, not the attack alone";
    case ROUTE_FLOWSPEC:
    case ROUTE_KIND_COUNT:
        break;
    }
    return "";
}

void mitigation_done(struct mitigation *m)
{
    if (m != NULL)
        text_done(&m->unknown);
}

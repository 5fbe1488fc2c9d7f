#include "speaker/bgp/update.h"

#include <assert.h>
#include <string.h>

enum {
    FLAG_OPTIONAL = 0x80,
    FLAG_TRANSITIVE = 0x40,
    FLAG_EXTENDED = 0x10,
    ATTRIBUTE_ORIGIN = 1,
    ATTRIBUTE_AS_PATH = 2,
    ATTRIBUTE_NEXT_HOP = 3,
    ATTRIBUTE_LOCAL_PREF = 5,
    ATTRIBUTE_COMMUNITIES = 8,
    ATTRIBUTE_MP_REACH = 14,
    ATTRIBUTE_MP_UNREACH = 15,
    ATTRIBUTE_EXTENDED_COMMUNITIES = 16,
    ATTRIBUTE_AS4_PATH = 17,
    ATTRIBUTE_IPV6_COMMUNITIES = 25,  /* RFC 5701 */
    ATTRIBUTE_LARGE_COMMUNITIES = 32, /* RFC 8092 */
    ORIGIN_IGP = 0,
    AS_SEQUENCE = 2,
};

/* RFC 4271, 4.3, without the attributes of RFC 4760. */
static bool is_classic(enum bgp_family family)
{
    return family == BGP_UNICAST4;
}

static void put_attribute(struct wire_writer *w, uint8_t flags, uint8_t type, size_t len)
{
    wire_put_u8(w, len > UINT8_MAX ? flags | FLAG_EXTENDED : flags);
    wire_put_u8(w, type);
    wire_put_uint(w, len > UINT8_MAX ? 2 : 1, len);
}

static void put_as_sequence(struct wire_writer *w, size_t as_len, uint32_t as)
{
    wire_put_u8(w, AS_SEQUENCE);
    wire_put_u8(w, 1);
    wire_put_uint(w, as_len, as);
}

/* A peer without 4-octet AS numbers gets AS_TRANS and the real number in AS4_PATH (RFC 6793, 4.2.2)
 */
static void put_paths(struct wire_writer *w, const struct update_path *path)
{
    bool wide = path->as4;
    uint32_t as = !wide && path->local_as > UINT16_MAX ? BGP_AS_TRANS : path->local_as;
    put_attribute(w, FLAG_TRANSITIVE, ATTRIBUTE_AS_PATH, path->ibgp ? 0 : wide ? 6 : 4);
    if (!path->ibgp)
        put_as_sequence(w, wide ? 4 : 2, as);
}

static bool has_no_export(const struct update_path *path, const struct communities *communities)
{
    return communities->exported == EXPORT_AS_PEER ? path->no_export
                                                   : communities->exported == EXPORT_NOT;
}

static void put_standard(struct wire_writer *w, const struct update_path *path,
                         const struct communities *communities)
{
    static const uint8_t no_export[COMMUNITY_STANDARD_LEN] = {0xff, 0xff, 0xff, 0x01};
    size_t count = communities->standard_count;
    bool add = has_no_export(path, communities);
    for (size_t i = 0; i < count; i++)
        add = add && memcmp(communities->standard[i], no_export, sizeof(no_export)) != 0;
    if (count == 0 && !add)
        return;
    put_attribute(w, FLAG_OPTIONAL | FLAG_TRANSITIVE, ATTRIBUTE_COMMUNITIES,
                  (count + (add ? 1 : 0)) * COMMUNITY_STANDARD_LEN);
    wire_put_bytes(w, communities->standard, count * COMMUNITY_STANDARD_LEN);
    if (add)
        wire_put_bytes(w, no_export, sizeof(no_export));
}

/* In the order of their types. */
static void put_tail(struct wire_writer *w, enum bgp_family family, const struct update_path *path,
                     const struct communities *communities)
{
    put_attribute(w, FLAG_TRANSITIVE, ATTRIBUTE_ORIGIN, 1);
    wire_put_u8(w, ORIGIN_IGP);
    put_paths(w, path);
    if (is_classic(family)) {
        put_attribute(w, FLAG_TRANSITIVE, ATTRIBUTE_NEXT_HOP, communities->next_hop_len);
        wire_put_bytes(w, communities->next_hop, communities->next_hop_len);
    }
    if (path->ibgp) {
        put_attribute(w, FLAG_TRANSITIVE, ATTRIBUTE_LOCAL_PREF, 4);
        wire_put_u32(w, path->local_preference);
    }
    put_standard(w, path, communities);
    if (communities->count > 0) {
        size_t len = communities->count * COMMUNITY_LEN;
        put_attribute(w, FLAG_OPTIONAL | FLAG_TRANSITIVE, ATTRIBUTE_EXTENDED_COMMUNITIES, len);
        wire_put_bytes(w, communities->at, len);
    }
    if (!path->ibgp && !path->as4 && path->local_as > UINT16_MAX) {
        put_attribute(w, FLAG_OPTIONAL | FLAG_TRANSITIVE, ATTRIBUTE_AS4_PATH, 6);
        put_as_sequence(w, 4, path->local_as);
    }
    if (communities->ipv6_count > 0) {
        size_t len = communities->ipv6_count * COMMUNITY6_LEN;
        put_attribute(w, FLAG_OPTIONAL | FLAG_TRANSITIVE, ATTRIBUTE_IPV6_COMMUNITIES, len);
        wire_put_bytes(w, communities->ipv6, len);
    }
    if (communities->large_count > 0) {
        size_t len = communities->large_count * COMMUNITY_LARGE_LEN;
        put_attribute(w, FLAG_OPTIONAL | FLAG_TRANSITIVE, ATTRIBUTE_LARGE_COMMUNITIES, len);
        wire_put_bytes(w, communities->large, len);
    }
}

static void begin(struct update_builder *u, uint8_t *bytes, size_t room)
{
    u->w = wire_writer_of(bytes, room);
    u->nlri_count = 0;
    u->attributes_at = u->nlri_at = 0;
    u->message_at = message_begin(&u->w, BGP_UPDATE);
}

static void begin_mp(struct update_builder *u, uint8_t type, enum bgp_family family)
{
    wire_put_u16(&u->w, 0); /* no withdrawn IPv4 unicast routes */
    u->attributes_at = wire_hold(&u->w, 2);
    wire_put_u8(&u->w, FLAG_OPTIONAL | FLAG_EXTENDED);
    wire_put_u8(&u->w, type);
    u->nlri_at = wire_hold(&u->w, 2);
    wire_put_u16(&u->w, message_afi(family));
    wire_put_u8(&u->w, message_safi(family));
}

static void begin_classic_reach(struct update_builder *u)
{
    wire_put_u16(&u->w, 0); /* nothing withdrawn */
    wire_put_u16(&u->w, (uint16_t)u->tail_len);
    wire_put_bytes(&u->w, u->tail, u->tail_len);
    u->tail_len = 0;
}

/* Flowspec needs none (RFC 8955, 4); one that is there is what 0x0800 redirects to. */
static bool next_hop_fits(enum bgp_family family, const struct communities *communities)
{
    size_t len = communities->next_hop_len;
    if (message_safi(family) == BGP_SAFI_FLOW)
        return len == 0 || len == 4 || len == 16;
    return len == (message_afi(family) == BGP_AFI_IPV4 ? 4 : 16);
}

enum status update_begin_reach(struct update_builder *u, uint8_t *bytes, size_t room,
                               enum bgp_family family, const struct update_path *path,
                               const struct communities *communities)
{
    if (communities->count > UPDATE_COMMUNITIES_MAX ||
        communities->ipv6_count > UPDATE_COMMUNITIES6_MAX ||
        communities->standard_count > UPDATE_STANDARD_MAX ||
        communities->large_count > UPDATE_LARGE_MAX)
        return STATUS_LIMIT;
    if (!next_hop_fits(family, communities))
        return STATUS_MALFORMED;
    struct wire_writer tail = wire_writer_of(u->tail, sizeof(u->tail));
    put_tail(&tail, family, path, communities);
    assert(!tail.failed);
    u->tail_len = tail.len;
    begin(u, bytes, room);
    if (is_classic(family)) {
        begin_classic_reach(u);
        return STATUS_OK;
    }
    begin_mp(u, ATTRIBUTE_MP_REACH, family);
    wire_put_u8(&u->w, communities->next_hop_len);
    wire_put_bytes(&u->w, communities->next_hop, communities->next_hop_len);
    wire_put_u8(&u->w, 0); /* reserved */
    return STATUS_OK;
}

void update_begin_unreach(struct update_builder *u, uint8_t *bytes, size_t room,
                          enum bgp_family family)
{
    begin(u, bytes, room);
    u->tail_len = 0;
    if (!is_classic(family)) {
        begin_mp(u, ATTRIBUTE_MP_UNREACH, family);
        return;
    }
    u->nlri_at = wire_hold(&u->w, 2);
    u->tail[u->tail_len++] = 0; /* no attributes follow */
    u->tail[u->tail_len++] = 0;
}

enum status update_add(struct update_builder *u, const uint8_t *nlri, size_t len)
{
    struct wire_writer *w = &u->w;
    if (w->failed || w->room - w->len < u->tail_len || len > w->room - w->len - u->tail_len)
        return STATUS_LIMIT;
    wire_put_bytes(w, nlri, len);
    u->nlri_count++;
    return STATUS_OK;
}

bool update_fits(enum bgp_family family, const struct update_path *path,
                 const struct communities *communities, const uint8_t *nlri, size_t len)
{
    uint8_t bytes[BGP_EXTENDED_MAX];
    struct update_builder u;
    return update_begin_reach(&u, bytes, path->message_max, family, path, communities) ==
               STATUS_OK &&
           update_add(&u, nlri, len) == STATUS_OK;
}

size_t update_end(struct update_builder *u)
{
    if (u->nlri_at != 0)
        wire_fill_len(&u->w, u->nlri_at, 2);
    wire_put_bytes(&u->w, u->tail, u->tail_len);
    if (u->attributes_at != 0)
        wire_fill_len(&u->w, u->attributes_at, 2);
    message_end(&u->w, u->message_at);
    assert(!u->w.failed);
    return u->w.len;
}

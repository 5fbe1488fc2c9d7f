#include "speaker/bgp/update.h"

#include <assert.h>

enum {
    FLAG_OPTIONAL = 0x80,
    FLAG_TRANSITIVE = 0x40,
    FLAG_EXTENDED = 0x10,
    ATTRIBUTE_ORIGIN = 1,
    ATTRIBUTE_AS_PATH = 2,
    ATTRIBUTE_LOCAL_PREF = 5,
    ATTRIBUTE_COMMUNITIES = 8,
    ATTRIBUTE_MP_REACH = 14,
    ATTRIBUTE_MP_UNREACH = 15,
    ATTRIBUTE_EXTENDED_COMMUNITIES = 16,
    ATTRIBUTE_AS4_PATH = 17,
    ATTRIBUTE_IPV6_COMMUNITIES = 25, /* RFC 5701 */
    ORIGIN_IGP = 0,
    AS_SEQUENCE = 2,
};
#define COMMUNITY_NO_EXPORT 0xffffff01U

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

static void put_tail(struct wire_writer *w, const struct update_path *path,
                     const struct communities *communities)
{
    put_attribute(w, FLAG_TRANSITIVE, ATTRIBUTE_ORIGIN, 1);
    wire_put_u8(w, ORIGIN_IGP);
    put_paths(w, path);
    if (path->ibgp) {
        put_attribute(w, FLAG_TRANSITIVE, ATTRIBUTE_LOCAL_PREF, 4);
        wire_put_u32(w, path->local_preference);
    }
    if (path->no_export) {
        put_attribute(w, FLAG_OPTIONAL | FLAG_TRANSITIVE, ATTRIBUTE_COMMUNITIES, 4);
        wire_put_u32(w, COMMUNITY_NO_EXPORT);
    }
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
}

static void begin(struct update_builder *u, uint8_t *bytes, size_t room, uint8_t type,
                  enum bgp_family family)
{
    u->w = wire_writer_of(bytes, room);
    u->nlri_count = 0;
    u->message_at = message_begin(&u->w, BGP_UPDATE);
    wire_put_u16(&u->w, 0); /* no withdrawn IPv4 unicast routes */
    u->attributes_at = wire_hold(&u->w, 2);
    wire_put_u8(&u->w, FLAG_OPTIONAL | FLAG_EXTENDED);
    wire_put_u8(&u->w, type);
    u->mp_at = wire_hold(&u->w, 2);
    wire_put_u16(&u->w, message_afi(family));
    wire_put_u8(&u->w, BGP_SAFI_FLOW);
}

enum status update_begin_reach(struct update_builder *u, uint8_t *bytes, size_t room,
                               enum bgp_family family, const struct update_path *path,
                               const struct communities *communities)
{
    if (communities->count > UPDATE_COMMUNITIES_MAX ||
        communities->ipv6_count > UPDATE_COMMUNITIES6_MAX)
        return STATUS_LIMIT;
    struct wire_writer tail = wire_writer_of(u->tail, sizeof(u->tail));
    put_tail(&tail, path, communities);
    assert(!tail.failed);
    u->tail_len = tail.len;
    begin(u, bytes, room, ATTRIBUTE_MP_REACH, family);
    wire_put_u8(&u->w, 0); /* length of the next hop (RFC 8955, 4) */
    wire_put_u8(&u->w, 0); /* reserved */
    return STATUS_OK;
}

void update_begin_unreach(struct update_builder *u, uint8_t *bytes, size_t room,
                          enum bgp_family family)
{
    u->tail_len = 0;
    begin(u, bytes, room, ATTRIBUTE_MP_UNREACH, family);
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
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct update_builder u;
    return update_begin_reach(&u, bytes, sizeof(bytes), family, path, communities) == STATUS_OK &&
           update_add(&u, nlri, len) == STATUS_OK;
}

size_t update_end(struct update_builder *u)
{
    wire_fill_len(&u->w, u->mp_at, 2);
    wire_put_bytes(&u->w, u->tail, u->tail_len);
    wire_fill_len(&u->w, u->attributes_at, 2);
    message_end(&u->w, u->message_at);
    assert(!u->w.failed);
    return u->w.len;
}

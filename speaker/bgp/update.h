#ifndef SPEAKER_BGP_UPDATE_H
#define SPEAKER_BGP_UPDATE_H

#include "common/base/communities.h"
#include "speaker/bgp/message.h"

/*
 * UPDATEs that go out: NLRI of one family with equal attributes, as many as one message takes.
 *
 *   update_begin_reach() or update_begin_unreach() → update_add() … → update_end()
 *
 * MP_REACH or MP_UNREACH is the first attribute (RFC 7606, 5.1). The NLRI come last in it, so what
 * follows is prepared first and its room kept. IPv4 unicast has fields of its own in the message:
 * NLRI behind all attributes, and withdrawn routes before them.
 */
struct update_path {
    uint32_t local_as;
    bool ibgp; /* empty AS_PATH (RFC 9117) and LOCAL_PREF */
    bool as4;  /* both sides have 4-octet AS numbers */
    bool no_export;
    bool enhanced_refresh; /* what is sent again is between two marks */
    uint32_t local_preference;
    size_t message_max; /* what one UPDATE may be: BGP_MESSAGE_MAX, or up to BGP_EXTENDED_MAX */
};

/* Communities of one message: what a mitigation can hold. */
enum {
    UPDATE_COMMUNITIES_MAX = 64,
    UPDATE_COMMUNITIES6_MAX = 4,
    UPDATE_STANDARD_MAX = 32,
    UPDATE_LARGE_MAX = 16,
    UPDATE_TAIL_MAX = UPDATE_COMMUNITIES_MAX * COMMUNITY_LEN +
                      UPDATE_COMMUNITIES6_MAX * COMMUNITY6_LEN +
                      (UPDATE_STANDARD_MAX + 1) * COMMUNITY_STANDARD_LEN +
                      UPDATE_LARGE_MAX * COMMUNITY_LARGE_LEN + 80
};

struct update_builder {
    struct wire_writer w;
    size_t message_at;
    size_t attributes_at, nlri_at; /* their lengths, which are filled in at the end; 0: none */
    size_t nlri_count;
    uint8_t tail[UPDATE_TAIL_MAX]; /* what comes behind the NLRI */
    size_t tail_len;
};

/* room: of the buffer, at most the peer's largest message. LIMIT: too many communities; MALFORMED:
 * unicast without a next hop of its family. */
enum status update_begin_reach(struct update_builder *u, uint8_t *bytes, size_t room,
                               enum bgp_family family, const struct update_path *path,
                               const struct communities *communities);
void update_begin_unreach(struct update_builder *u, uint8_t *bytes, size_t room,
                          enum bgp_family family);
/* An NLRI with its length. LIMIT: not in this message; nothing was added. */
enum status update_add(struct update_builder *u, const uint8_t *nlri, size_t len);
/* Whether one NLRI with these attributes has room in one of path->message_max. */
bool update_fits(enum bgp_family family, const struct update_path *path,
                 const struct communities *communities, const uint8_t *nlri, size_t len);
/* Octets of the message. A withdrawal without NLRI is the family's End-of-RIB (RFC 4724, 2). */
size_t update_end(struct update_builder *u);

#endif

#ifndef SPEAKER_BGP_MESSAGE_H
#define SPEAKER_BGP_MESSAGE_H

#include "common/base/status.h"
#include "common/base/wire.h"

/*
 * The frame of BGP messages (RFC 4271, 4.1): cutting a byte stream into messages, and the errors
 * that a NOTIFICATION carries.
 *
 *     0               16      18    19
 *     | marker (0xff) | length | type | body …
 */
enum {
    BGP_HEADER_LEN = 19,
    BGP_MESSAGE_MAX = 4096,
    BGP_EXTENDED_MAX = 65535,
    BGP_VERSION = 4,
    BGP_AS_TRANS = 23456
};

enum bgp_type {
    BGP_OPEN = 1,
    BGP_UPDATE = 2,
    BGP_NOTIFICATION = 3,
    BGP_KEEPALIVE = 4,
    BGP_ROUTE_REFRESH = 5
};

/* What weir speaks of: a bit each in masks of families. */
enum bgp_family { BGP_FLOW4, BGP_FLOW6, BGP_UNICAST4, BGP_UNICAST6, BGP_FAMILIES };
enum { BGP_AFI_IPV4 = 1, BGP_AFI_IPV6 = 2, BGP_SAFI_UNICAST = 1, BGP_SAFI_FLOW = 133 };
uint16_t message_afi(enum bgp_family family);
uint8_t message_safi(enum bgp_family family);
/* The family of these numbers; BGP_FAMILIES: none of ours. */
enum bgp_family message_family(uint16_t afi, uint8_t safi);
const char *message_family_name(enum bgp_family family); /* "ipv4-flowspec" */

enum bgp_error_code {
    BGP_ERROR_HEADER = 1,
    BGP_ERROR_OPEN = 2,
    BGP_ERROR_UPDATE = 3,
    BGP_ERROR_HOLD = 4,
    BGP_ERROR_FSM = 5,
    BGP_ERROR_CEASE = 6,
    BGP_ERROR_SEND_HOLD = 8 /* RFC 9687 */
};
enum {
    BGP_HEADER_NOT_SYNCHRONIZED = 1,
    BGP_HEADER_BAD_LENGTH = 2,
    BGP_HEADER_BAD_TYPE = 3,
    BGP_OPEN_UNSPECIFIC = 0,
    BGP_OPEN_VERSION = 1,
    BGP_OPEN_PEER_AS = 2,
    BGP_OPEN_IDENTIFIER = 3,
    BGP_OPEN_PARAMETER = 4,
    BGP_OPEN_HOLD_TIME = 6,
    BGP_UPDATE_ATTRIBUTE_LIST = 1,
    BGP_UPDATE_UNRECOGNIZED = 2,
    BGP_UPDATE_NETWORK_FIELD = 10,
    BGP_CEASE_SHUTDOWN = 2,
    BGP_CEASE_DECONFIGURED = 3,
    BGP_CEASE_RESET = 4,
    BGP_CEASE_REJECTED = 5,
    BGP_CEASE_CONFIGURATION = 6,
    BGP_CEASE_COLLISION = 7,
    BGP_CEASE_RESOURCES = 8,
    BGP_CEASE_HARD_RESET = 9
};

/* What we tell the peer before we leave it, or it tells us; data is cut at this size, which has
 * room for a hard reset with the longest text (notification.h). */
enum { BGP_ERROR_DATA_MAX = 2 + 1 + 255 };
struct bgp_error {
    uint8_t code, subcode;
    uint16_t data_len;
    uint8_t data[BGP_ERROR_DATA_MAX];
};
struct bgp_error message_error(uint8_t code, uint8_t subcode, const void *data, size_t len);
/* "open: unacceptable hold time"; never NULL. */
const char *message_error_text(uint8_t code, uint8_t subcode);

struct bgp_message {
    uint8_t type;        /* enum bgp_type */
    const uint8_t *body; /* after the header; lent */
    size_t body_len;
    size_t len; /* of the whole message: where the next one starts */
};

/*
 * The first message of a stream. TRUNCATED: more bytes are needed (what is there is good so far);
 * MALFORMED: *ret_error says with what to leave (RFC 4271, 6.1).
 */
enum status message_next(const uint8_t *bytes, size_t len, struct bgp_message *ret_message,
                         struct bgp_error *ret_error);

/* Likewise; extended: both sides have said that messages but OPEN and KEEPALIVE may be as long as
 * BGP_EXTENDED_MAX (RFC 8654). */
enum status message_next_of(const uint8_t *bytes, size_t len, bool extended,
                            struct bgp_message *ret_message, struct bgp_error *ret_error);

/* Whole messages into a buffer; LIMIT where there is no room. */
enum status message_write_keepalive(uint8_t *bytes, size_t room, size_t *ret_len);
enum status message_write_notification(const struct bgp_error *error, uint8_t *bytes, size_t room,
                                       size_t *ret_len);

/* Header with a length that message_end fills in; how long it may be is said by the writer's room.
 */
size_t message_begin(struct wire_writer *w, enum bgp_type type);
void message_end(struct wire_writer *w, size_t begun_at);

/* The code and subcode of a NOTIFICATION's body, and its data cut to what fits. */
void message_read_notification(const struct bgp_message *message, struct bgp_error *ret_error);

/* What a ROUTE-REFRESH is, where both have agreed on more than requests (RFC 7313, 3.2). */
enum bgp_refresh { BGP_REFRESH_REQUEST, BGP_REFRESH_BEGINS, BGP_REFRESH_ENDS };
enum status message_write_refresh(enum bgp_family family, enum bgp_refresh what, uint8_t *bytes,
                                  size_t room, size_t *ret_len);
/* The family a ROUTE-REFRESH asks for; UNSUPPORTED when it is none of ours (RFC 2918), or, where
 * that is agreed on (enhanced), no request. */
enum status message_read_refresh(const struct bgp_message *message, bool enhanced,
                                 enum bgp_family *ret_family);

#endif
